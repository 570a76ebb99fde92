// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// RMS and layer normalisation on packs of channels.
#pragma once

#include <attd/backends/eigen/execution.hpp>
#include <attd/backends/eigen/rows.hpp>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

template <int Bytes, class X>
ATTD_INLINE std::remove_const_t<X> inverse_rms(view<X> x, index_t row, double eps) {
  using T = std::remove_const_t<X>;
  const view<X> only = x.row_range(row, 1);
  const T squares =
      sum_over_row<Bytes, X>(x.columns(), [only](index_t c, auto count) ATTD_INLINE_LAMBDA {
        return square(load<lane_count<X, Bytes>>(only, 0, c, count));
      });
  return T(1) / sqrt(squares / T(static_cast<double>(x.columns())) + T(eps));
}

template <int Bytes, class X, class W, class Y>
ATTD_INLINE void rms_norm(part rows, view<X> x, view<W> weight, double eps, view<Y> y) {
  constexpr int N = lane_count<X, Bytes>;
  const index_t columns = x.columns();
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const auto r = broadcast<N>(inverse_rms<Bytes>(x, t, eps));
    const view<X> in = x.row_range(t, 1);
    const view<Y> out = y.row_range(t, 1);
    for_each_pack<N>(columns, [=](index_t c, auto left) ATTD_INLINE_LAMBDA {
      store(out, 0, c, left, load<N>(in, 0, c, left) * r * load<N>(weight, 0, c, left));
    });
  }
}

template <int Bytes, class X, class W, class DY, class DX, class DW>
ATTD_INLINE void rms_norm_backward(part rows, view<X> x, view<W> weight, double eps, view<DY> d_y,
                                   view<DX> d_x, view<DW> d_weight) {
  using S = promote_t<X, W, DY>;
  constexpr int N = lane_count<X, Bytes>;
  const index_t columns = x.columns();
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const std::remove_const_t<X> inverse = inverse_rms<Bytes>(x, t, eps);
    const auto r = broadcast<N>(inverse);
    if constexpr (!is_none_v<view<DX>>) {
      const S gx = sum_over_row<Bytes, S>(columns, [&](index_t c, auto count) ATTD_INLINE_LAMBDA {
        return load<N>(d_y, t, c, count) * load<N>(weight, 0, c, count) * load<N>(x, t, c, count);
      });
      const S pull = gx * inverse * inverse / S(static_cast<double>(columns));
      const auto p = broadcast<N>(pull);
      for (index_t c = 0; c < columns; c += N) {
        const index_t left = columns - c;
        const auto g = load<N>(d_y, t, c, left) * load<N>(weight, 0, c, left);
        add(d_x, t, c, left, r * (g - p * load<N>(x, t, c, left)));
      }
    }
    if constexpr (!is_none_v<view<DW>>) {
      for (index_t c = 0; c < columns; c += N) {
        const index_t left = columns - c;
        add(d_weight, 0, c, left, load<N>(d_y, t, c, left) * load<N>(x, t, c, left) * r);
      }
    }
  }
}

template <class T>
struct row_statistics {
  T mean;
  T inverse_deviation;
};

template <int Bytes, class X>
ATTD_INLINE row_statistics<std::remove_const_t<X>> statistics_of_row(view<X> x, index_t row,
                                                                     double eps) {
  using T = std::remove_const_t<X>;
  constexpr int N = lane_count<X, Bytes>;
  const T count = T(static_cast<double>(x.columns()));
  const T mean = sum_over_row<Bytes, X>(
                     x.columns(), [&](index_t c, auto left)
                                      ATTD_INLINE_LAMBDA { return load<N>(x, row, c, left); }) /
                 count;
  const auto m = broadcast<N>(mean);
  const T squares =
      sum_over_row<Bytes, X>(x.columns(), [&](index_t c, auto left) ATTD_INLINE_LAMBDA {
        return square(load<N>(x, row, c, left) - m);
      });
  return {mean, T(1) / sqrt(squares / count + T(eps))};
}

template <int Bytes, class X, class W, class B, class Y>
ATTD_INLINE void layer_norm(part rows, view<X> x, view<W> weight, view<B> bias, double eps,
                            view<Y> y) {
  constexpr int N = lane_count<X, Bytes>;
  const index_t columns = x.columns();
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const auto s = statistics_of_row<Bytes>(x, t, eps);
    const auto m = broadcast<N>(s.mean), r = broadcast<N>(s.inverse_deviation);
    for (index_t c = 0; c < columns; c += N) {
      const index_t left = columns - c;
      const auto scaled = (load<N>(x, t, c, left) - m) * r * load<N>(weight, 0, c, left);
      if constexpr (is_none_v<view<B>>) {
        store(y, t, c, left, scaled);
      } else {
        store(y, t, c, left, scaled + load<N>(bias, 0, c, left));
      }
    }
  }
}

template <int Bytes, class X, class W, class DY, class DX, class DW, class DB>
ATTD_INLINE void layer_norm_backward(part rows, view<X> x, view<W> weight, double eps, view<DY> d_y,
                                     view<DX> d_x, view<DW> d_weight, view<DB> d_bias) {
  using S = promote_t<X, W, DY>;
  constexpr int N = lane_count<X, Bytes>;
  const index_t columns = x.columns();
  const S count = S(static_cast<double>(columns));
  for (index_t t = rows.begin; t < rows.end; ++t) {
    const auto s = statistics_of_row<Bytes>(x, t, eps);
    const auto m = broadcast<N>(s.mean), r = broadcast<N>(s.inverse_deviation);
    const auto g_at = [&](index_t c, index_t left) ATTD_INLINE_LAMBDA {
      return load<N>(d_y, t, c, left) * load<N>(weight, 0, c, left);
    };
    const auto n_at = [&](index_t c, index_t left)
                          ATTD_INLINE_LAMBDA { return (load<N>(x, t, c, left) - m) * r; };
    if constexpr (!is_none_v<view<DX>>) {
      const S sum_g = sum_over_row<Bytes, S>(columns, g_at);
      const S sum_gn = sum_over_row<Bytes, S>(
          columns,
          [&](index_t c, auto left) ATTD_INLINE_LAMBDA { return g_at(c, left) * n_at(c, left); });
      const auto mean_g = broadcast<N>(S(sum_g / count)), mean_gn = broadcast<N>(S(sum_gn / count));
      for (index_t c = 0; c < columns; c += N) {
        const index_t left = columns - c;
        add(d_x, t, c, left, r * (g_at(c, left) - mean_g - mean_gn * n_at(c, left)));
      }
    }
    for (index_t c = 0; c < columns; c += N) {
      const index_t left = columns - c;
      [[maybe_unused]] const auto g = load<N>(d_y, t, c, left);
      if constexpr (!is_none_v<view<DW>>) add(d_weight, 0, c, left, g * n_at(c, left));
      if constexpr (!is_none_v<view<DB>>) add(d_bias, 0, c, left, g);
    }
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
