// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The adapter that may change every number of the dynamics.
#pragma once

#include <attd/adapters/bounds.hpp>
#include <attd/concepts/adapter.hpp>
#include <attd/core/leaves.hpp>
#include <tuple>

namespace attd::adapters {

template <class T>
struct full_weights {
  tensor<T> change;            ///< [S, rows, columns]
  tensor<T> imaginary_change;  ///< [S, rows, columns] for complex tables, else empty
  static constexpr std::tuple names{"change", "imaginary_change"};
};

/// Unstructured change of the dynamics: the upper end of what an adapter can do.
///
/// *Formula*: A = A_0 + E, with the bounds of tables as in `low_rank`; E starts at 0.
/// *Cost*: rows columns per set.
struct full {
  table_bounds limits{};

  template <class T>
  using fast_weights = full_weights<T>;
  static constexpr bool adapts_timescale = false;

  template <class T>
  void initialize(const dynamics_layout& layout, random_stream, fast_weights<T>& psi) const {
    psi.change.assign({1, layout.rows, layout.columns});
    if (layout.complex()) psi.imaginary_change.assign({1, layout.rows, layout.columns});
  }

  template <class P, class D, class S, class Tau>
  void apply(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
             dynamics<S, Tau>& out) const {
    const index_t sets = psi.change.extent(0);
    out.matrix.resize({sets, layout.rows, layout.columns});
    if (layout.complex()) out.imaginary.resize(out.matrix.shape());
    for (index_t s = 0; s < sets; ++s) {
      for (index_t i = 0; i < layout.rows; ++i) {
        for (index_t j = 0; j < layout.columns; ++j) {
          const S sum = P(base.matrix(0, i, j)) + D(psi.change(s, i, j));
          out.matrix(s, i, j) =
              bounded_rate(layout.kind, limits, P(base.matrix(0, i, j)), sum).value;
          if (layout.complex()) {
            const S change = D(psi.imaginary_change(s, i, j));
            out.imaginary(s, i, j) =
                bounded_frequency(limits, P(base.imaginary(0, i, j)), change).value;
          }
        }
      }
    }
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    for (index_t s = 0; s < psi.change.extent(0); ++s) {
      for (index_t i = 0; i < layout.rows; ++i) {
        for (index_t j = 0; j < layout.columns; ++j) {
          const G sum = P(base.matrix(0, i, j)) + D(psi.change(s, i, j));
          if (bounded_rate(layout.kind, limits, P(base.matrix(0, i, j)), sum).free) {
            const G g = S(d_out.matrix(s, i, j));
            d_psi.change(s, i, j) += g;
            if constexpr (!std::is_same_v<DB, none>) d_base.matrix(0, i, j) += g;
          }
          if (!layout.complex()) continue;
          const G g = S(d_out.imaginary(s, i, j));
          const G change = D(psi.imaginary_change(s, i, j));
          if (bounded_frequency(limits, P(base.imaginary(0, i, j)), change).free) {
            d_psi.imaginary_change(s, i, j) += g;
          }
          if constexpr (!std::is_same_v<DB, none>) d_base.imaginary(0, i, j) += g;
        }
      }
    }
  }

  /// Counts the entries of a table that are held at a limit, where the derivative is 0.
  template <class P>
  void count_clamped(const dynamics_layout& layout, const dynamics<P>& base,
                     const fast_weights<P>& psi, clamp_count& count) const {
    if (is_dense(layout.kind)) return;
    for (index_t i = 0; i < layout.rows; ++i) {
      for (index_t j = 0; j < layout.columns; ++j) {
        const P sum = base.matrix(0, i, j) + psi.change(0, i, j);
        count.add(bounded_rate(layout.kind, limits, P(base.matrix(0, i, j)), sum));
        if (!layout.complex()) continue;
        const P change = psi.imaginary_change(0, i, j);
        count.add(bounded_frequency(limits, base.imaginary(0, i, j), change));
      }
    }
  }

  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    for_each_leaf(
        [&](auto& leaf) {
          if (leaf.empty()) return;
          const auto v = leaf.view();
          for (index_t r = 0; r < v.rows(); ++r) {
            for (index_t c = 0; c < v.columns(); ++c) v.at(r, c) = T(v.at(r, c)) * T(alpha);
          }
        },
        psi);
  }
};

static_assert(check_adapter<full>());

}  // namespace attd::adapters
