// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// RMS and layer normalisation: rows on their own, gradients of weights channel by channel.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/operations/normalization.hpp>

namespace attd::thrust_detail {

/// dy w at one element: the gradient of what the weight multiplies.
template <class DY, class W>
ATTD_HD inline promote_t<W, DY> weighted(const view<DY>& d_y, const view<W>& weight, index_t t,
                                         index_t c) {
  const std::remove_const_t<DY> g = d_y.at(t, c);
  const std::remove_const_t<W> w = weight(c);
  return g * w;
}

/// y of one row.
template <class X, class W, class Y>
struct rms_norm_row {
  view<X> x;
  view<W> weight;
  double eps;
  view<Y> y;

  ATTD_DEVICE void operator()(index_t t) const {
    using T = std::remove_const_t<X>;
    const T r = operations::detail::inverse_rms(x, t, eps);
    for (index_t c = 0; c < x.columns(); ++c) {
      const std::remove_const_t<W> w = weight(c);
      y.at(t, c) = number<T>(x, t, c) * r * w;
    }
  }
};

/// d_x of one row, and its 1 / rms where weights have a gradient.
template <class X, class W, class DY, class DX, class R>
struct rms_norm_row_gradient {
  view<X> x;
  view<W> weight;
  double eps;
  view<DY> d_y;
  view<DX> d_x;
  view<R> inverse;

  ATTD_DEVICE void operator()(index_t t) const {
    using T = std::remove_const_t<X>;
    using S = promote_t<X, W, DY>;
    const T r = operations::detail::inverse_rms(x, t, eps);
    if constexpr (!is_none_v<view<R>>) inverse.at(0, t) = r;
    if constexpr (!is_none_v<view<DX>>) {
      S gx(0);
      for (index_t c = 0; c < x.columns(); ++c)
        gx += weighted(d_y, weight, t, c) * number<T>(x, t, c);
      const S pull = gx * r * r / S(static_cast<double>(x.columns()));
      for (index_t c = 0; c < x.columns(); ++c) {
        d_x.at(t, c) += r * (weighted(d_y, weight, t, c) - pull * number<T>(x, t, c));
      }
    }
  }
};

/// d_weight of one channel.
template <class X, class DY, class R, class DW>
struct rms_norm_weight_gradient {
  view<X> x;
  view<DY> d_y;
  view<R> inverse;
  view<DW> d_weight;

  ATTD_DEVICE void operator()(index_t c) const {
    using T = std::remove_const_t<X>;
    for (index_t t = 0; t < x.rows(); ++t) {
      const std::remove_const_t<DY> g = d_y.at(t, c);
      d_weight(c) += g * number<T>(x, t, c) * number<T>(inverse, 0, t);
    }
  }
};

/// y of one row.
template <class X, class W, class B, class Y>
struct layer_norm_row {
  view<X> x;
  view<W> weight;
  view<B> bias;
  double eps;
  view<Y> y;

  ATTD_DEVICE void operator()(index_t t) const {
    using T = std::remove_const_t<X>;
    const auto s = operations::detail::statistics_of_row(x, t, eps);
    for (index_t c = 0; c < x.columns(); ++c) {
      const std::remove_const_t<W> w = weight(c);
      const promote_t<X, W> scaled = (number<T>(x, t, c) - s.mean) * s.inverse_deviation * w;
      if constexpr (is_none_v<view<B>>) {
        y.at(t, c) = scaled;
      } else {
        const std::remove_const_t<B> b = bias(c);
        y.at(t, c) = scaled + b;
      }
    }
  }
};

/// d_x of one row, and its statistics where weights have a gradient: means in row 0 of
/// `statistics`, 1 / deviations in row 1.
template <class X, class W, class DY, class DX, class R>
struct layer_norm_row_gradient {
  view<X> x;
  view<W> weight;
  double eps;
  view<DY> d_y;
  view<DX> d_x;
  view<R> statistics;

  ATTD_DEVICE void operator()(index_t t) const {
    using T = std::remove_const_t<X>;
    using S = promote_t<X, W, DY>;
    const auto s = operations::detail::statistics_of_row(x, t, eps);
    if constexpr (!is_none_v<view<R>>) {
      statistics.at(0, t) = s.mean;
      statistics.at(1, t) = s.inverse_deviation;
    }
    if constexpr (!is_none_v<view<DX>>) {
      const S count = S(static_cast<double>(x.columns()));
      S sum_g(0), sum_gn(0);
      for (index_t c = 0; c < x.columns(); ++c) {
        const T n = (number<T>(x, t, c) - s.mean) * s.inverse_deviation;
        sum_g += weighted(d_y, weight, t, c);
        sum_gn += weighted(d_y, weight, t, c) * n;
      }
      const S mean_g = sum_g / count, mean_gn = sum_gn / count;
      for (index_t c = 0; c < x.columns(); ++c) {
        const T n = (number<T>(x, t, c) - s.mean) * s.inverse_deviation;
        d_x.at(t, c) += s.inverse_deviation * (weighted(d_y, weight, t, c) - mean_g - mean_gn * n);
      }
    }
  }
};

/// d_weight and d_bias of one channel.
template <class X, class DY, class R, class DW, class DB>
struct layer_norm_weight_gradient {
  view<X> x;
  view<DY> d_y;
  view<R> statistics;
  view<DW> d_weight;
  view<DB> d_bias;

  ATTD_DEVICE void operator()(index_t c) const {
    using T = std::remove_const_t<X>;
    for (index_t t = 0; t < x.rows(); ++t) {
      const std::remove_const_t<DY> g = d_y.at(t, c);
      if constexpr (!is_none_v<view<DW>>) {
        const T n =
            (number<T>(x, t, c) - number<T>(statistics, 0, t)) * number<T>(statistics, 1, t);
        d_weight(c) += g * n;
      }
      if constexpr (!is_none_v<view<DB>>) d_bias(c) += g;
    }
  }
};

}  // namespace attd::thrust_detail
