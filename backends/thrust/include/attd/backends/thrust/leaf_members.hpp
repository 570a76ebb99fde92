// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Thrust backend's members for fast weights: their dynamics, and all numbers of aggregates.
#pragma once

#include <attd/backends/thrust/elementwise.hpp>
#include <attd/backends/thrust/leaf_batch.hpp>
#include <attd/backends/thrust/low_rank_map.hpp>
#include <attd/operations/memory.hpp>
#include <type_traits>
#include <utility>

namespace attd::thrust_detail {

/// Base of a backend of class `Derived`, which has members `for_each_index`, `for_each_team`, and a
/// member `scratch_` that this is a friend for.
template <class Derived>
class leaf_members {
 public:
  static constexpr bool walks_leaves = true;

  template <class F, class X, class U, class Y>
  void low_rank_map(const F& f, view<X> x, view<U> u, view<U> v, index_t first_v, view<Y> y) {
    const changed_matrix<X, U> matrix{x, u, v, first_v};
    self().for_each_index(y.size(), low_rank_map_element<F, Y, changed_matrix<X, U>>{f, y, matrix});
  }
  template <class F, class X, class U, class DY, class DX, class G>
  void low_rank_map_backward(const F& f, view<X> x, view<U> u, view<U> v, index_t first_v,
                             view<DY> d_y, view<DX> d_x, view<G> d_u, view<G> d_v) {
    using M = changed_matrix<X, U>;
    const M matrix{x, u, v, first_v};
    const index_t rows = d_y.extent(1);
    const index_t channels = d_y.extent(0) * d_y.columns() * u.columns();
    const shape of_partial = shape_of_partial(rows, 1, channels);
    memory_row<G> memory{
        self().scratch_.template take<G>(self(), {1, d_y.size() + of_partial.size()})};
    const view<G> g = memory.take(d_y.shape());
    self().for_each_index(g.size(), low_rank_slope_element<F, DY, G, M>{f, d_y, g, matrix});
    self().for_each_index(d_u.size(), low_rank_d_u<G, U>{g, v, first_v, d_u});
    give_sums_over_tokens(self(), rows, low_rank_d_v<G, U>{g, u, first_v, d_v},
                          memory.take(of_partial));
    if constexpr (!is_none_v<view<DX>>) {
      self().for_each_index(d_x.size(), low_rank_d_matrix<F, DY, DX, G, M>{f, d_y, d_x, matrix});
    }
  }

  /// f(x, ...) for every number of all leaves that visit(g) calls g(leaf...) with.
  template <class... X, class F, class Visit>
  void each_number(const F& f, const Visit& visit) {
    using batch = leaf_batch<X...>;
    for_each_batch<batch>(visit, [&](const batch& leaves) {
      self().for_each_index(leaves.size(), each_number_of<F, batch>{f, leaves});
    });
  }
  /// Combines what f returns for every number, starting with `start`.
  template <class... X, class F, class Combine, class Visit>
  double reduce_numbers(const F& f, const Combine& combine, double start, const Visit& visit) {
    using batch = leaf_batch<X...>;
    using program = reduced_numbers<F, Combine, batch>;
    index_t teams = 0;
    for_each_batch<batch>(visit, [&](const batch& b) { teams += program::teams(b.size()); });
    if (teams == 0) {
      operations::finish(self());
      return start;
    }
    if (teams > partial_.size()) operations::resize(self(), partial_, {teams});
    index_t first = 0;
    for_each_batch<batch>(visit, [&](const batch& leaves) {
      const index_t n = leaves.size(), own = program::teams(n);
      const view<double> partial{partial_.data() + first, {own}};
      self().for_each_team(own, program{f, combine, start, leaves, n, partial});
      first += own;
    });
    operations::finish(self());
    double result = start;
    for (index_t i = 0; i < teams; ++i) result = combine(result, partial_.data()[i]);
    return result;
  }

 private:
  Derived& self() { return static_cast<Derived&>(*this); }

  // Calls use(batch) with as many leaves at a time as there is room for.
  template <class Batch, class Visit, class Use>
  static void for_each_batch(const Visit& visit, const Use& use) {
    Batch batch;
    visit([&](const auto&... leaf) {
      if (batch.full()) {
        use(std::as_const(batch));
        batch = Batch();
      }
      batch.add(leaf...);
    });
    if (batch.size() > 0) use(std::as_const(batch));
  }

  tensor<double> partial_;
};

}  // namespace attd::thrust_detail
