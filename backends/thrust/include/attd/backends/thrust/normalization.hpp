// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// RMS and layer normalisation: teams of threads share rows, and the tokens that gradients of
// weights are summed over.
#pragma once

#include <attd/backends/thrust/scratch.hpp>
#include <attd/backends/thrust/team_reductions.hpp>
#include <attd/operations/normalization.hpp>

namespace attd::thrust_detail {

inline constexpr int norm_threads = 128;
using norm_layout = row_layout<norm_threads>;

/// What gradients of rows are made from, at one element: x, and the gradient of what the weight
/// multiplies.
template <class X, class W, class DY>
struct norm_operands {
  std::remove_const_t<X> x;
  promote_t<W, DY> g;

  ATTD_DEVICE static norm_operands at(const view<X>& x, const view<W>& weight, const view<DY>& d_y,
                                      index_t t, index_t c) {
    const std::remove_const_t<DY> g = d_y.at(t, c);
    const std::remove_const_t<W> w = weight.at(0, c);
    return {number<std::remove_const_t<X>>(x, t, c), g * w};
  }
};

/// 1 / sqrt(sum / count + eps).
template <class T>
ATTD_DEVICE T inverse_root(const T& sum, index_t count, double eps) {
  return T(1) / sqrt(sum / T(static_cast<double>(count)) + T(eps));
}

/// y.
template <class X, class W, class Y>
struct rms_norm_rows {
  static constexpr int threads = norm_threads;
  using T = std::remove_const_t<X>;
  template <class Team>
  using sums = row_sums<T, 1, threads, Team>;

  norm_layout layout;
  view<X> x;
  view<W> weight;
  double eps;
  view<Y> y;

  std::size_t shared_bytes() const { return sums<host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    sums<Team> squares(team);
    const auto load = [&](index_t t, index_t c) { return number<T>(x, t, c); };
    team.each([&](int thread) {
      T sum(0);
      layout.walk(team.number(), thread, load,
                  [&](index_t, index_t, const T& value) { sum += square(value); });
      squares.of(thread)[0] = sum;
    });
    squares.add(team);
    team.each([&](int thread) {
      const T r = inverse_root(squares.total(layout, thread), layout.columns, eps);
      layout.walk(team.number(), thread, load, [&](index_t t, index_t c, const T& value) {
        const std::remove_const_t<W> w = weight.at(0, c);
        y.at(t, c) = value * r * w;
      });
    });
  }
};

/// d_x, and in row 0 of `statistics` 1 / rms for the gradient of the weight.
template <class S, class X, class W, class DY, class DX, class R>
struct rms_norm_gradient_rows {
  static constexpr int threads = norm_threads;
  static constexpr bool has_x = !is_none_v<view<DX>>;
  using T = std::remove_const_t<X>;
  using operands = norm_operands<X, W, DY>;
  template <class Team>
  using sums = row_sums<S, 1 + has_x, threads, Team>;

  norm_layout layout;
  view<X> x;
  view<W> weight;
  double eps;
  view<DY> d_y;
  view<DX> d_x;
  view<R> statistics;

  std::size_t shared_bytes() const { return sums<host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    sums<Team> both(team);  // of x^2, and of g x
    const auto load = [&](index_t t, index_t c) { return operands::at(x, weight, d_y, t, c); };
    team.each([&](int thread) {
      S squares(0), gx(0);
      layout.walk(team.number(), thread, load, [&](index_t, index_t, const operands& o) {
        squares += square(o.x);
        if constexpr (has_x) gx += o.g * o.x;
      });
      both.of(thread)[0] = squares;
      if constexpr (has_x) both.of(thread)[1] = gx;
    });
    both.add(team);
    team.each([&](int thread) {
      const S r = inverse_root(both.total(layout, thread), layout.columns, eps);
      if constexpr (!is_none_v<view<R>>) {
        if (layout.is_first(team.number(), thread)) {
          statistics.at(0, layout.row(team.number(), thread)) = r;
        }
      }
      if constexpr (has_x) {
        const S gx = both.total(layout, thread, 1);
        const S pull = gx * r * r / S(static_cast<double>(layout.columns));
        add_to_rows(layout, team, thread, d_x, load,
                    [&](const operands& o) { return r * (o.g - pull * o.x); });
      }
    });
  }
};

/// y. The variance is a sum of its own, over what is in the cache by then: that of numbers far from
/// zero must not be lost to cancellation.
template <class X, class W, class B, class Y>
struct layer_norm_rows {
  static constexpr int threads = norm_threads;
  using T = std::remove_const_t<X>;
  template <class Team>
  using sums = row_sums<T, 1, threads, Team>;

  norm_layout layout;
  view<X> x;
  view<W> weight;
  view<B> bias;
  double eps;
  view<Y> y;

  std::size_t shared_bytes() const { return sums<host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    sums<Team> sum(team);
    typename Team::template own<T> mean(team);
    const auto load = [&](index_t t, index_t c) { return number<T>(x, t, c); };
    team.each([&](int thread) {
      T own(0);
      layout.walk(team.number(), thread, load,
                  [&](index_t, index_t, const T& value) { own += value; });
      sum.of(thread)[0] = own;
    });
    sum.add(team);
    team.each([&](int thread) {
      const T m = sum.total(layout, thread) / T(static_cast<double>(layout.columns));
      T own(0);
      layout.walk(team.number(), thread, load,
                  [&](index_t, index_t, const T& value) { own += square(value - m); });
      mean[thread] = m;
      sum.of(thread)[0] = own;
    });
    sum.add(team);
    team.each([&](int thread) {
      const T m = mean[thread];
      const T r = inverse_root(sum.total(layout, thread), layout.columns, eps);
      layout.walk(team.number(), thread, load, [&](index_t t, index_t c, const T& value) {
        y.at(t, c) = scaled(T((value - m) * r), c);
      });
    });
  }

 private:
  ATTD_DEVICE promote_t<X, W, B> scaled(const T& normalized, index_t c) const {
    const std::remove_const_t<W> w = weight.at(0, c);
    return normalized * w + element<promote_t<X, W, B>>(bias, c);
  }
};

/// d_x, and for the gradients of the weights the means in row 0 of `statistics`, 1 / deviations in
/// row 1.
template <class S, class X, class W, class DY, class DX, class R>
struct layer_norm_gradient_rows {
  static constexpr int threads = norm_threads;
  static constexpr bool has_x = !is_none_v<view<DX>>;
  using T = std::remove_const_t<X>;
  using operands = norm_operands<X, W, DY>;
  template <class Team>
  using sums = row_sums<S, 1 + has_x, threads, Team>;
  struct means {
    S x, g;
  };

  norm_layout layout;
  view<X> x;
  view<W> weight;
  double eps;
  view<DY> d_y;
  view<DX> d_x;
  view<R> statistics;

  std::size_t shared_bytes() const { return sums<host_team>::shared_bytes; }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    sums<Team> both(team);  // of x and g; then of (x - m)^2 and g (x - m)
    typename Team::template own<means> mean(team);
    const auto load = [&](index_t t, index_t c) { return operands::at(x, weight, d_y, t, c); };
    team.each([&](int thread) {
      S sum(0), sum_g(0);
      layout.walk(team.number(), thread, load, [&](index_t, index_t, const operands& o) {
        sum += o.x;
        if constexpr (has_x) sum_g += o.g;
      });
      both.of(thread)[0] = sum;
      if constexpr (has_x) both.of(thread)[1] = sum_g;
    });
    both.add(team);
    team.each([&](int thread) {
      const S count = S(static_cast<double>(layout.columns));
      mean[thread].x = both.total(layout, thread) / count;
      if constexpr (has_x) mean[thread].g = both.total(layout, thread, 1) / count;
      const S m = mean[thread].x;
      S squares(0), sum_gx(0);
      layout.walk(team.number(), thread, load, [&](index_t, index_t, const operands& o) {
        const S centred = o.x - m;
        squares += square(centred);
        if constexpr (has_x) sum_gx += o.g * centred;
      });
      both.of(thread)[0] = squares;
      if constexpr (has_x) both.of(thread)[1] = sum_gx;
    });
    both.add(team);
    team.each([&](int thread) {
      const S m = mean[thread].x;
      const S r = inverse_root(both.total(layout, thread), layout.columns, eps);
      if constexpr (!is_none_v<view<R>>) {
        if (layout.is_first(team.number(), thread)) {
          const index_t t = layout.row(team.number(), thread);
          statistics.at(0, t) = m;
          statistics.at(1, t) = r;
        }
      }
      if constexpr (has_x) {
        const S mean_g = mean[thread].g;
        const S mean_gn =
            both.total(layout, thread, 1) * r / S(static_cast<double>(layout.columns));
        add_to_rows(layout, team, thread, d_x, load, [&](const operands& o) {
          const S n = (o.x - m) * r;
          return r * (o.g - mean_g - mean_gn * n);
        });
      }
    });
  }
};

/// d_weight of an RMS norm: sums over all tokens.
template <class S, class X, class DY, class R, class DW>
struct rms_norm_weight_sums {
  static constexpr int count = 1;
  using T = std::remove_const_t<X>;
  using G = std::remove_const_t<DY>;

  view<X> x;
  view<DY> d_y;
  view<R> statistics;
  view<DW> d_weight;

  ATTD_DEVICE void add(index_t t, index_t end, int step, index_t c, registers<S, 1>& sums) const {
    for (; t < end; t += step) {
      sums[0] += number<G>(d_y, t, c) * number<T>(x, t, c) * number<R>(statistics, 0, t);
    }
  }
  ATTD_DEVICE void give(int, index_t c, const S& sum) const { d_weight(c) += lowered<DW>(sum); }
};

/// d_weight and d_bias of a layer norm: sums over all tokens.
template <class S, class X, class DY, class R, class DW, class DB>
struct layer_norm_weight_sums {
  static constexpr bool has_bias = !is_none_v<view<DB>>;
  static constexpr int count = 1 + has_bias;
  using T = std::remove_const_t<X>;
  using G = std::remove_const_t<DY>;

  view<X> x;
  view<DY> d_y;
  view<R> statistics;
  view<DW> d_weight;
  view<DB> d_bias;

  ATTD_DEVICE void add(index_t t, index_t end, int step, index_t c,
                       registers<S, count>& sums) const {
    for (; t < end; t += step) {
      const G g = number<G>(d_y, t, c);
      const R centred = number<T>(x, t, c) - number<R>(statistics, 0, t);
      sums[0] += g * (centred * number<R>(statistics, 1, t));
      if constexpr (has_bias) sums[1] += g;
    }
  }
  ATTD_DEVICE void give(int k, index_t c, const S& sum) const {
    if (k == 0) {
      d_weight(c) += lowered<DW>(sum);
    } else if constexpr (has_bias) {
      d_bias(c) += lowered<DB>(sum);
    }
  }
};

/// All of the RMS norm's backward.
template <class Backend, class X, class W, class DY, class DX, class DW>
void rms_norm_backward(Backend& backend, scratch& memory, view<X> x, view<W> weight, double eps,
                       view<DY> d_y, view<DX> d_x, view<DW> d_weight) {
  using S = promote_t<X, W, DY>;
  const norm_layout layout = norm_layout::of(x.rows(), x.columns());
  const auto run = [&]<class R>(view<R> statistics) {
    backend.for_each_team(layout.teams(), rms_norm_gradient_rows<S, X, W, DY, DX, R>{
                                              layout, x, weight, eps, d_y, d_x, statistics});
  };
  if constexpr (!is_none_v<view<DW>>) {
    const shape of_partial = shape_of_partial(x.rows(), 1, x.columns());
    memory_row<S> taken{memory.take<S>(backend, {1, x.rows() + of_partial.size()})};
    const view<S> statistics = taken.take({1, x.rows()});
    run(statistics);
    give_sums_over_tokens(backend, x.rows(),
                          rms_norm_weight_sums<S, X, DY, S, DW>{x, d_y, statistics, d_weight},
                          taken.take(of_partial));
  } else if constexpr (!is_none_v<view<DX>>) {
    run(view<none>());
  }
}

/// All of the layer norm's backward.
template <class Backend, class X, class W, class DY, class DX, class DW, class DB>
void layer_norm_backward(Backend& backend, scratch& memory, view<X> x, view<W> weight, double eps,
                         view<DY> d_y, view<DX> d_x, view<DW> d_weight, view<DB> d_bias) {
  using S = promote_t<X, W, DY>;
  const norm_layout layout = norm_layout::of(x.rows(), x.columns());
  const auto run = [&]<class R>(view<R> statistics) {
    backend.for_each_team(layout.teams(), layer_norm_gradient_rows<S, X, W, DY, DX, R>{
                                              layout, x, weight, eps, d_y, d_x, statistics});
  };
  if constexpr (!is_none_v<view<DW>>) {
    using sums = layer_norm_weight_sums<S, X, DY, S, DW, DB>;
    const shape of_partial = shape_of_partial(x.rows(), sums::count, x.columns());
    memory_row<S> taken{memory.take<S>(backend, {1, 2 * x.rows() + of_partial.size()})};
    const view<S> statistics = taken.take({2, x.rows()});
    run(statistics);
    give_sums_over_tokens(backend, x.rows(), sums{x, d_y, statistics, d_weight, d_bias},
                          taken.take(of_partial));
  } else {
    if constexpr (!is_none_v<view<DX>>) run(view<none>());
    if constexpr (!is_none_v<view<DB>>) backend.sum_of_rows(d_y, d_bias);
  }
}

}  // namespace attd::thrust_detail
