// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The adapter A = A_0 + U V^T.
#pragma once

#include <attd/adapters/bounds.hpp>
#include <attd/adapters/low_rank_product.hpp>
#include <attd/concepts/adapter.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/pack_access.hpp>
#include <cmath>
#include <tuple>
#include <type_traits>

namespace attd::adapters {

/// Low-rank change of the dynamics themselves.
///
/// *Formula*: A = A_0 + U V^T; for tables  A = clamp(A_0 + U V^T, -fastest, -slowest).
/// *Shapes*: U [S, rows, rank], V [S, columns, rank].
/// *Ranges*: rank >= 1; `scale` is the standard deviation of V at first (U starts at 0).
/// *Cost*: rows columns rank per set, allocates nothing after warm-up.
/// *Source*: the low-rank form of [Hu2021], applied to the state matrix.
struct low_rank {
  index_t rank = 4;
  double scale = 0.5;
  table_bounds limits{};

  template <class T>
  using fast_weights = low_rank_weights<T>;
  static constexpr bool adapts_timescale = false;

  template <class T>
  void initialize(const dynamics_layout& layout, random_stream random, fast_weights<T>& psi) const {
    detail::initialize_low_rank(layout, rank, scale, random, psi);
  }

  template <class P, class D, class S, class Tau>
  void apply(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
             dynamics<S, Tau>& out) const {
    const index_t sets = psi.u.extent(0);
    const auto a0 = base.matrix.view();
    out.matrix.resize({sets, layout.rows, layout.columns});
    if constexpr (has_lanes<S>) {
      if (is_dense(layout.kind)) {  // no limits: whole rows at a time
        for (index_t s = 0; s < sets; ++s) detail::add_low_rank(a0, psi, s, out.matrix.view());
        return;
      }
    }
    if (layout.complex()) out.imaginary.resize(out.matrix.shape());
    for (index_t s = 0; s < sets; ++s) {
      for (index_t i = 0; i < layout.rows; ++i) {
        for (index_t j = 0; j < layout.columns; ++j) {
          const S sum = P(a0(0, i, j)) + detail::low_rank_entry(psi, s, i, j);
          out.matrix(s, i, j) = bounded_rate(layout.kind, limits, P(a0(0, i, j)), sum).value;
          if (layout.complex()) {
            const P im0 = base.imaginary(0, i, j);
            const S change = detail::low_rank_entry(psi, s, i, layout.columns + j);
            out.imaginary(s, i, j) = bounded_frequency(limits, im0, change).value;
          }
        }
      }
    }
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    const auto a0 = base.matrix.view();
    const auto d = d_out.matrix.view();
    if constexpr (has_lanes<G> && std::is_same_v<G, S>) {
      if (is_dense(layout.kind)) {
        for (index_t s = 0; s < psi.u.extent(0); ++s) {
          detail::add_low_rank_pullback(psi, s, d, d_psi);
          if constexpr (!std::is_same_v<DB, none>) {
            for (index_t i = 0; i < layout.rows; ++i) {
              for (index_t j = 0; j < layout.columns; ++j) d_base.matrix(0, i, j) += S(d(s, i, j));
            }
          }
        }
        return;
      }
    }
    for (index_t s = 0; s < psi.u.extent(0); ++s) {
      for (index_t i = 0; i < layout.rows; ++i) {
        for (index_t j = 0; j < layout.columns; ++j) {
          const G sum = P(a0(0, i, j)) + detail::low_rank_entry(psi, s, i, j);
          if (bounded_rate(layout.kind, limits, P(a0(0, i, j)), sum).free) {
            const G g = S(d(s, i, j));
            detail::low_rank_entry_pullback(psi, s, i, j, g, d_psi);
            if constexpr (!std::is_same_v<DB, none>) d_base.matrix(0, i, j) += g;
          }
          if (!layout.complex()) continue;
          const G g = S(d_out.imaginary(s, i, j));
          const index_t jj = layout.columns + j;
          const G change = detail::low_rank_entry(psi, s, i, jj);
          if (bounded_frequency(limits, P(base.imaginary(0, i, j)), change).free) {
            detail::low_rank_entry_pullback(psi, s, i, jj, g, d_psi);
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
        const P sum = base.matrix(0, i, j) + detail::low_rank_entry(psi, 0, i, j);
        count.add(bounded_rate(layout.kind, limits, base.matrix(0, i, j), sum));
        if (!layout.complex()) continue;
        const P change = detail::low_rank_entry(psi, 0, i, layout.columns + j);
        count.add(bounded_frequency(limits, base.imaginary(0, i, j), change));
      }
    }
  }

  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    const T root = T(sqrt(alpha));
    for_each_leaf(
        [&](auto& leaf) {
          const auto v = leaf.view();
          for (index_t r = 0; r < v.rows(); ++r) {
            for (index_t c = 0; c < v.columns(); ++c) v.at(r, c) = T(v.at(r, c)) * root;
          }
        },
        psi);
  }
};

static_assert(check_adapter<low_rank>());

}  // namespace attd::adapters
