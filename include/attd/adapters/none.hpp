// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The adapter that changes nothing.
#pragma once

#include <attd/concepts/adapter.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/random.hpp>

namespace attd::adapters {

template <class T>
struct no_weights {
  static constexpr std::tuple<> names{};
};

/// No fast weights: the effective dynamics are the base dynamics.
struct no_adapter {
  template <class T>
  using fast_weights = no_weights<T>;
  static constexpr bool adapts_timescale = false;

  template <class T>
  void initialize(const dynamics_layout&, random_stream, fast_weights<T>&) const {}

  template <class P, class D, class S, class Tau>
  void apply(const dynamics_layout&, const dynamics<P>& base, const fast_weights<D>&,
             dynamics<S, Tau>& out) const {
    convert(base.matrix, out.matrix);
    if (!base.imaginary.empty()) convert(base.imaginary, out.imaginary);
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout&, const dynamics<P>&, const fast_weights<D>&,
                [[maybe_unused]] const dynamics<S, Tau>& d_out,
                [[maybe_unused]] dynamics<DB>& d_base, fast_weights<G>&) const {
    if constexpr (!std::is_same_v<DB, none>) {
      add(d_out.matrix, d_base.matrix);
      add(d_out.imaginary, d_base.imaginary);
    }
  }

  template <class Alpha, class T>
  void shrink(const Alpha&, fast_weights<T>&) const {}

 private:
  // Every set of dynamics is the one base: their gradients sum up.
  template <class S, class DB>
  static void add(const tensor<S>& d_out, tensor<DB>& d_base) {
    if (d_base.empty()) return;
    for (index_t s = 0; s < d_out.extent(0); ++s) {
      for (index_t i = 0; i < d_out.extent(1); ++i) {
        for (index_t j = 0; j < d_out.extent(2); ++j) d_base(0, i, j) += S(d_out(s, i, j));
      }
    }
  }
};

static_assert(check_adapter<no_adapter>());

}  // namespace attd::adapters
