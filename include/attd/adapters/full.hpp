// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The adapter that may change every number of the dynamics.
#pragma once

#include <attd/adapters/bounds.hpp>
#include <attd/concepts/adapter.hpp>
#include <attd/core/leaves.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/transform.hpp>
#include <tuple>
#include <type_traits>

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
    operations::plain_loops here;
    apply(here, layout, base, psi, out);
  }
  template <class Backend, class P, class D, class S, class Tau>
  void apply(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
             const fast_weights<D>& psi, dynamics<S, Tau>& out) const {
    map(backend, layout, value_of{added_rate::of(layout, limits)},
        value_of{added_frequency::of(limits)}, base, psi, out);
  }

  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    operations::plain_loops here;
    pullback(here, layout, base, psi, d_out, d_base, d_psi);
  }
  template <class Backend, class P, class D, class S, class Tau, class DB, class G>
  void pullback(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
                const fast_weights<D>& psi, const dynamics<S, Tau>& d_out, dynamics<DB>& d_base,
                fast_weights<G>& d_psi) const {
    const auto pull = [&](const auto& f, const auto& from, const auto& change, const auto& d,
                          auto& d_from, auto& d_change) {
      for (index_t s = 0; s < change.extent(0); ++s) {
        operations::transform_backward(backend, f, d.view()[s],
                                       std::tuple{d_from.view()[0], d_change.view()[s]},
                                       from.view()[0], change.view()[s]);
      }
    };
    pull(value_of{added_rate::of(layout, limits)}, base.matrix, psi.change, d_out.matrix,
         d_base.matrix, d_psi.change);
    if (layout.complex()) {
      pull(value_of{added_frequency::of(limits)}, base.imaginary, psi.imaginary_change,
           d_out.imaginary, d_base.imaginary, d_psi.imaginary_change);
    }
  }

  /// Counts the entries of a table that are held at a limit, where the derivative is 0.
  template <class P>
  void count_clamped(const dynamics_layout& layout, const dynamics<P>& base,
                     const fast_weights<P>& psi, clamp_count& count) const {
    if (is_dense(layout.kind)) return;
    const auto add = [&](const auto& f, const tensor<P>& from, const tensor<P>& change) {
      for (index_t i = 0; i < layout.rows; ++i) {
        for (index_t j = 0; j < layout.columns; ++j) {
          count.add(f(P(from(0, i, j)), P(change(0, i, j))));
        }
      }
    };
    add(added_rate::of(layout, limits), base.matrix, psi.change);
    if (layout.complex()) add(added_frequency::of(limits), base.imaginary, psi.imaginary_change);
  }
  /// Writes 1 for every number of the dynamics that is held at a limit, 0 for the others.
  template <class Backend, class P, class Tau>
  void mark_clamped(Backend& backend, const dynamics_layout& layout, const dynamics<P>& base,
                    const fast_weights<P>& psi, dynamics<P, Tau>& out) const {
    map(backend, layout, held_by{added_rate::of(layout, limits)},
        held_by{added_frequency::of(limits)}, base, psi, out);
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

 private:
  // out = formula(base, change), set by set.
  template <class Backend, class Rate, class Frequency, class P, class D, class S, class Tau>
  static void map(Backend& backend, const dynamics_layout& layout, const Rate& rate,
                  const Frequency& frequency, const dynamics<P>& base, const fast_weights<D>& psi,
                  dynamics<S, Tau>& out) {
    const auto part = [&](const auto& f, const auto& from, const auto& change, auto& to) {
      operations::resize(backend, to, {change.extent(0), layout.rows, layout.columns});
      for (index_t s = 0; s < change.extent(0); ++s) {
        operations::transform(backend, f, to.view()[s], from.view()[0], change.view()[s]);
      }
    };
    part(rate, base.matrix, psi.change, out.matrix);
    if (layout.complex()) part(frequency, base.imaginary, psi.imaginary_change, out.imaginary);
  }
};

static_assert(check_adapter<full>());

}  // namespace attd::adapters
