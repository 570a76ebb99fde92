// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Parameters, carried state and activations of the Mamba block.
#pragma once

#include <attd/core/bfloat16.hpp>
#include <attd/core/math.hpp>
#include <attd/core/none.hpp>
#include <attd/core/tensor.hpp>
#include <attd/operations/gated_scan.hpp>
#include <attd/operations/rounding.hpp>
#include <tuple>
#include <utility>

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

/// What a layer keeps from its forward to its backward. With inner = expand width, in numbers for
/// each token:
enum class activation_storage : unsigned char {
  /// All that the backward reads: 7 inner, and x_proj's output; one more inner on backends without
  /// a gated scan of their own (`reference`, `eigen`), for the step sizes.
  all,
  /// 2 inner, and x_proj's output. The backward computes the rest again by the forward's operations
  /// on the forward's numbers, in memory that layers share: a convolution and a small product more,
  /// the same bits. The scan is not repeated: its output comes out of the states that its backward
  /// passes.
  recompute,
  /// As `recompute`, and of those 2 inner numbers each is stored in 2 bytes, as bfloat16; so are
  /// the outputs of layers that the model keeps. Outputs are the same bits: the forward computes in
  /// float and rounds what it is done with. Gradients are off by some 2^-8 for each number they are
  /// computed from; sums and products are in float. For `float` only: with any other type, `double`
  /// and duals of any kind, it is `recompute`, so that gradient checks stay exact; a walk back
  /// through adaptation then has duals of the unrounded gradients.
  recompute_bfloat16
};

/// Activations of a layer. Those that are not kept may lie in memory shared with other layers.
template <class S>
struct mamba_activations {
  tensor<S> vz;                          ///< in_proj x [token, 2 inner]: v, then z
  tensor<S> convolved;                   ///< conv(v)
  tensor<S> u;                           ///< its silu
  tensor<S> selected;                    ///< x_proj u [token, rank + 2 state]: r, then B and C
  tensor<S> raw_step;                    ///< W_dt r + b_dt [token, inner]
  tensor<S> gated;                       ///< s silu(z)
  operations::gated_scan_cache<S> scan;  ///< with s, the output of the scan, where all is kept
};

/// Memory of one forward or backward, worth nothing after it.
template <class S>
struct mamba_work {
  mamba_activations<S> activations;  ///< those that are not kept
  tensor<S> d_v, d_z, d_convolved, d_u, d_selected, d_raw_step, d_gated;
  operations::gated_scan_scratch<S> scan;
};

/// Activations kept from forward to backward, and temporary memory.
template <class S>
struct mamba_cache {
  mamba_activations<S> kept;
  tensor<rounded_number<S>> rounded_vz;  ///< in place of `kept.vz`
  mamba_work<S> work;
};

/// The activations that a forward or a backward computes in, while this lives: the cache's own, or
/// where not all are kept, those of its work memory with the kept ones lent to them.
template <class S>
class mamba_computation {
 public:
  mamba_computation(activation_storage keep, mamba_cache<S>& c) : keep_(keep), cache_(c) {
    exchange();
  }
  mamba_computation(const mamba_computation&) = delete;
  ~mamba_computation() { exchange(); }

  mamba_activations<S>& activations() const {
    return keep_ == activation_storage::all ? cache_.kept : cache_.work.activations;
  }
  /// Stores what is kept rounded, once it has been computed; nothing where nothing is rounded.
  template <class Backend>
  void round([[maybe_unused]] Backend& backend) const {
    if constexpr (can_round) {
      if (!rounds()) return;
      operations::round_to_bfloat16(backend, activations().vz, cache_.rounded_vz);
    }
  }
  /// Reads it again.
  template <class Backend>
  void widen([[maybe_unused]] Backend& backend) const {
    if constexpr (can_round) {
      if (!rounds()) return;
      operations::widen_bfloat16(backend, cache_.rounded_vz, activations().vz);
    }
  }

 private:
  static constexpr bool can_round = !is_none_v<tensor<rounded_number<S>>>;

  bool rounds() const { return can_round && keep_ == activation_storage::recompute_bfloat16; }
  void exchange() {
    if (keep_ == activation_storage::all) return;
    mamba_activations<S>&kept = cache_.kept, &used = cache_.work.activations;
    std::swap(kept.selected, used.selected);
    if (!rounds()) std::swap(kept.vz, used.vz);
  }
  activation_storage keep_;
  mamba_cache<S>& cache_;
};

}  // namespace attd::blocks
