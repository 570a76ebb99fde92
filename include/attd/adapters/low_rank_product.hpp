// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The factors U and V of a low-rank change: dynamics by a formula of U V^T, and the pullback.
#pragma once

#include <attd/adapters/bounds.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/pack_access.hpp>
#include <attd/core/random.hpp>
#include <attd/core/tensor.hpp>
#include <attd/operations/low_rank_map.hpp>
#include <attd/operations/memory.hpp>
#include <tuple>
#include <type_traits>

namespace attd::adapters {

/// Factors of a change of rank r. For complex tables V has 2 `columns` rows: the first half
/// changes the real part, the second the imaginary part.
template <class T>
struct low_rank_weights {
  tensor<T> u;  ///< [S, rows, rank]
  tensor<T> v;  ///< [S, columns (x 2 if complex), rank]
  static constexpr std::tuple names{"U", "V"};
};

namespace detail {

// Set s of out = base + U V^T, a register of columns at a time; the sums as in
// `operations::low_rank_map`.
template <class P, class D, class S>
void add_low_rank(view<P> base, const low_rank_weights<D>& psi, index_t s, view<S> out) {
  constexpr int W = lane_count<S>;
  constexpr index_t most_kept = 8;
  const auto u = psi.u.view(), v = psi.v.view();
  const index_t rows = out.extent(1), columns = out.extent(2);
  const index_t row_u = s * u.extent(1), row_v = s * v.extent(1);
  const auto of_rank = [&](auto rank, index_t j, auto left) {
    lanes_t<D, W> kept[most_kept];  // columns of V, as rows
    for (index_t k = 0; k < rank && k < most_kept; ++k)
      kept[k] = load_rows<W>(v, row_v + j, k, left);
    for (index_t i = 0; i < rows; ++i) {
      lanes_t<D, W> sum(0);
      for (index_t k = 0; k < rank; ++k) {
        sum += load_broadcast<W>(u, row_u + i, k) *
               (k < most_kept ? kept[k] : load_rows<W>(v, row_v + j, k, left));
      }
      store(out, s * rows + i, j, left, lanes_t<S, W>(load<W>(base, i, j, left) + sum));
    }
  };
  for (index_t j = 0; j < columns; j += W) {
    const index_t rank = u.extent(2);
    if (rank == 4 && columns - j >= W) {  // the default: all loops unroll
      of_rank(std::integral_constant<index_t, 4>{}, j, std::integral_constant<index_t, W>{});
    } else {
      of_rank(rank, j, columns - j);
    }
  }
}

// d_left += d right, d [rows, columns] by rows or, if `Turned`, by columns; the rank in lanes.
template <bool Turned, class S, class D, class G>
void add_factor_gradient(view<S> d, index_t first_d, view<D> right, index_t first_right,
                         index_t count, view<G> d_left, index_t first_left, index_t outputs) {
  constexpr int W = lane_count<G> < 4 ? lane_count<G> : 4;
  const index_t rank = d_left.columns();
  const auto part_of = [&](index_t k, auto width, auto sums) {
    for (index_t i = 0; i < outputs; ++i) {
      auto sum = load<W>(d_left, first_left + i, k, width);
      for (index_t j = 0; j < sums; ++j) {
        const auto g =
            Turned ? load_broadcast<W>(d, first_d + j, i) : load_broadcast<W>(d, first_d + i, j);
        sum += g * load<W>(right, first_right + j, k, width);
      }
      store(d_left, first_left + i, k, width, sum);
    }
  };
  const auto part = [&](index_t k, auto width) {
    if (count == 16) {  // the usual number of states: all loops unroll
      part_of(k, width, std::integral_constant<index_t, 16>{});
    } else {
      part_of(k, width, count);
    }
  };
  index_t k = 0;
  for (; k + W <= rank; k += W) part(k, std::integral_constant<index_t, W>{});
  if (k < rank) part(k, rank - k);
}

// Adds dU += d V and dV += d^T U of set s.
template <class D, class S, class G>
void add_low_rank_pullback(const low_rank_weights<D>& psi, index_t s, view<S> d,
                           low_rank_weights<G>& d_psi) {
  const auto u = psi.u.view(), v = psi.v.view();
  const index_t rows = d.extent(1), columns = d.extent(2), row_u = s * rows, row_v = s * columns;
  add_factor_gradient<false>(d, row_u, v, row_v, columns, d_psi.u.view(), row_u, rows);
  add_factor_gradient<true>(d, row_u, u, row_u, rows, d_psi.v.view(), row_v, columns);
}

// Calls f(formula, matrix or imaginary part of base, first row of V) for what is adapted.
template <class Rate, class Frequency, class F>
void for_each_part(const dynamics_layout& layout, const Rate& rate, const Frequency& frequency,
                   F f) {
  f(rate, [](auto& d) -> auto& { return d.matrix; }, index_t{0});
  if (layout.complex()) f(frequency, [](auto& d) -> auto& { return d.imaginary; }, layout.columns);
}

// out = formula(base, U V^T): `rate` for the matrix, `frequency` for an imaginary part.
template <class Backend, class Rate, class Frequency, class P, class D, class S, class Tau>
void apply_low_rank(Backend& backend, const dynamics_layout& layout, const Rate& rate,
                    const Frequency& frequency, const dynamics<P>& base,
                    const low_rank_weights<D>& psi, dynamics<S, Tau>& out) {
  for_each_part(layout, rate, frequency, [&](const auto& f, auto part, index_t first) {
    operations::resize(backend, part(out), {psi.u.extent(0), layout.rows, layout.columns});
    operations::low_rank_map(backend, f, part(base).view()[0], psi.u.view(), psi.v.view(), first,
                             part(out).view());
  });
}

// Its transposed derivative, added to d_psi and d_base.
template <class Backend, class Rate, class Frequency, class P, class D, class S, class Tau,
          class DB, class G>
void pull_low_rank(Backend& backend, const dynamics_layout& layout, const Rate& rate,
                   const Frequency& frequency, const dynamics<P>& base,
                   const low_rank_weights<D>& psi, const dynamics<S, Tau>& d_out,
                   dynamics<DB>& d_base, low_rank_weights<G>& d_psi) {
  for_each_part(layout, rate, frequency, [&](const auto& f, auto part, index_t first) {
    operations::low_rank_map_backward(backend, f, part(base).view()[0], psi.u.view(), psi.v.view(),
                                      first, part(d_out).view(), part(d_base).view()[0],
                                      d_psi.u.view(), d_psi.v.view());
  });
}

// Counts the entries that the formulas hold at a limit.
template <class Rate, class Frequency, class P>
void count_low_rank(const dynamics_layout& layout, const Rate& rate, const Frequency& frequency,
                    const dynamics<P>& base, const low_rank_weights<P>& psi, clamp_count& count) {
  for_each_part(layout, rate, frequency, [&](const auto& f, auto part, index_t first) {
    for (index_t i = 0; i < layout.rows; ++i) {
      for (index_t j = 0; j < layout.columns; ++j) {
        count.add(f(P(part(base)(0, i, j)), operations::detail::low_rank_entry(
                                                psi.u.view(), psi.v.view(), 0, i, first + j)));
      }
    }
  });
}

// U = 0 (no change at first), V normal: then U moves first and V follows.
template <class T>
void initialize_low_rank(const dynamics_layout& layout, index_t rank, double scale,
                         random_stream random, low_rank_weights<T>& psi) {
  psi.u.assign({1, layout.rows, rank});
  psi.v.resize({1, layout.columns * (layout.complex() ? 2 : 1), rank});
  for (index_t j = 0; j < psi.v.extent(1); ++j) {
    for (index_t k = 0; k < rank; ++k) psi.v(0, j, k) = T(scale * random.normal());
  }
}

}  // namespace detail

}  // namespace attd::adapters
