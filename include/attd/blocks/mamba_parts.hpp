// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Parameters, carried state and activations of the Mamba block.
#pragma once

#include <attd/core/math.hpp>
#include <attd/core/tensor.hpp>
#include <attd/operations/gated_scan.hpp>
#include <tuple>

namespace attd::blocks {

/// Parameters of `mamba`, named as in the files of its authors.
template <class T>
struct mamba_parameters {
  tensor<T> in_proj;      ///< [2 inner, width]: rows of v, then of the gate z
  tensor<T> conv_weight;  ///< [inner, 1, kernel]; the last column meets the newest input
  tensor<T> conv_bias;    ///< [inner]
  tensor<T> x_proj;       ///< [rank + 2 state, inner]: rows of r, B, C
  tensor<T> dt_weight;    ///< [inner, rank]
  tensor<T> dt_bias;      ///< [inner]: inverse softplus of the initial step size
  tensor<T> a_log;        ///< [inner, state]: A = -exp(A_log)
  tensor<T> d;            ///< [inner]
  tensor<T> out_proj;     ///< [width, inner]
  static constexpr std::tuple names{
      "in_proj.weight", "conv1d.weight", "conv1d.bias", "x_proj.weight",  "dt_proj.weight",
      "dt_proj.bias",   "A_log",         "D",           "out_proj.weight"};
};

/// State carried between calls.
template <class T>
struct mamba_state {
  tensor<T> conv;  ///< last inputs of the convolution [sequence, kernel - 1, inner], newest last
  tensor<T> ssm;   ///< h [sequence, inner, state]
  static constexpr std::tuple names{"conv", "ssm"};
};

/// Memory of a backward, worth nothing after it.
template <class S>
struct mamba_work {
  tensor<S> d_v, d_z, d_convolved, d_u, d_selected, d_raw_step, d_gated;
  operations::gated_scan_scratch<S> scan;
};

/// Activations kept from forward to backward, and temporary memory.
template <class S>
struct mamba_cache {
  tensor<S> vz;                          ///< in_proj x [token, 2 inner]: v, then z
  tensor<S> convolved;                   ///< conv(v)
  tensor<S> u;                           ///< its silu
  tensor<S> selected;                    ///< x_proj u [token, rank + 2 state]: r, then B and C
  tensor<S> raw_step;                    ///< W_dt r + b_dt [token, inner]
  tensor<S> gated;                       ///< s silu(z)
  operations::gated_scan_cache<S> scan;  ///< with s, the output of the scan
  mamba_work<S> work;
};

}  // namespace attd::blocks
