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
    if constexpr (has_lanes<S>) {
      if (is_dense(layout.kind)) {  // no limits: whole rows at a time
        out.matrix.resize({psi.u.extent(0), layout.rows, layout.columns});
        for (index_t s = 0; s < psi.u.extent(0); ++s) {
          detail::add_low_rank(base.matrix.view(), psi, s, out.matrix.view());
        }
        return;
      }
    }
    operations::plain_loops here;
    apply(here, layout, base, psi, out);
  }
  template <class Backend, class P, class D, class S, class Tau>
  void apply(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
             const fast_weights<D>& psi, dynamics<S, Tau>& out) const {
    detail::apply_low_rank(backend, layout, value_of{added_rate::of(layout, limits)},
                           value_of{added_frequency::of(limits)}, base, psi, out);
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    if constexpr (has_lanes<G> && std::is_same_v<G, S>) {
      if (is_dense(layout.kind)) {
        const auto d = d_out.matrix.view();
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
    operations::plain_loops here;
    pullback(here, layout, base, psi, d_out, d_base, d_psi);
  }
  template <class Backend, class P, class D, class S, class Tau, class DB, class G>
  void pullback(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
                const fast_weights<D>& psi, const dynamics<S, Tau>& d_out, dynamics<DB>& d_base,
                fast_weights<G>& d_psi) const {
    detail::pull_low_rank(backend, layout, value_of{added_rate::of(layout, limits)},
                          value_of{added_frequency::of(limits)}, base, psi, d_out, d_base, d_psi);
  }

  /// Counts the entries of a table that are held at a limit, where the derivative is 0.
  template <class P>
  void count_clamped(const dynamics_layout& layout, const dynamics<P>& base,
                     const fast_weights<P>& psi, clamp_count& count) const {
    if (is_dense(layout.kind)) return;
    detail::count_low_rank(layout, added_rate::of(layout, limits), added_frequency::of(limits),
                           base, psi, count);
  }
  /// Writes 1 for every number of the dynamics that is held at a limit, 0 for the others.
  template <class Backend, class P, class Tau>
  void mark_clamped(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
                    const fast_weights<P>& psi, dynamics<P, Tau>& out) const {
    detail::apply_low_rank(backend, layout, held_by{added_rate::of(layout, limits)},
                           held_by{added_frequency::of(limits)}, base, psi, out);
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
