// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// RMS and layer normalisation of every token, forward and backward.
#pragma once

#include <attd/core/math.hpp>
#include <attd/core/tensor.hpp>

namespace attd::operations {

namespace detail {

// 1 / sqrt(mean_c x_c^2 + eps) of one row.
template <class X>
ATTD_DEVICE std::remove_const_t<X> inverse_rms(view<X> x, index_t row, double eps) {
  using T = std::remove_const_t<X>;
  T sum(0);
  for (index_t c = 0; c < x.columns(); ++c) sum += square(T(x.at(row, c)));
  return T(1) / sqrt(sum / T(static_cast<double>(x.columns())) + T(eps));
}

template <class T>
struct row_statistics {
  T mean;
  T inverse_deviation;  // 1 / sqrt(variance + eps)
};

// Two passes: the variance of numbers far from zero must not be lost to cancellation.
template <class X>
ATTD_DEVICE row_statistics<std::remove_const_t<X>> statistics_of_row(view<X> x, index_t row,
                                                                     double eps) {
  using T = std::remove_const_t<X>;
  const T count = T(static_cast<double>(x.columns()));
  T sum(0), squares(0);
  for (index_t c = 0; c < x.columns(); ++c) sum += T(x.at(row, c));
  const T mean = sum / count;
  for (index_t c = 0; c < x.columns(); ++c) squares += square(T(x.at(row, c)) - mean);
  return {mean, T(1) / sqrt(squares / count + T(eps))};
}

template <class X, class W>
void check_normalization(const char* place, view<X> x, view<W> weight, const shape& other) {
  expect_equal(place, "the size of the weight", weight.size(), x.columns());
  expect_equal(place, "the number of rows of y", other.rows(), x.rows());
  expect_equal(place, "the number of columns of y", other.columns(), x.columns());
}

}  // namespace detail

/// Root-mean-square normalisation  y_tc = w_c x_tc / sqrt(mean_c x_tc^2 + eps).
///
/// Shapes: x, y [token, channel], weight [channel]. eps > 0. Each row by itself, so a token's
/// result depends on nothing else. Cost: 4 token channel. Source: [Zhang2019, Eq. (4)].
template <class Backend, class X, class W, class Y>
void rms_norm(Backend& backend, view<X> x, view<W> weight, double eps, view<Y> y) {
  detail::check_normalization("rms_norm", x, weight, y.shape());
  if constexpr (requires { backend.rms_norm(x, weight, eps, y); }) {
    backend.rms_norm(x, weight, eps, y);
  } else {
    using T = std::remove_const_t<X>;
    for (index_t t = 0; t < x.rows(); ++t) {
      const T r = detail::inverse_rms(x, t, eps);
      for (index_t c = 0; c < x.columns(); ++c) {
        const std::remove_const_t<W> w = weight(c);
        y.at(t, c) = T(x.at(t, c)) * r * w;
      }
    }
  }
}

/// Adds the gradients of `rms_norm`, statistics computed again: with r = 1 / sqrt(mean x^2 + eps)
/// and g = dy w,  d_x += r (g - x r^2 mean(g x)),  d_weight += sum_t dy_t x_t r_t; each only when
/// its view is not `view<none>`. Cost: 10 token channel.
template <class Backend, class X, class W, class DY, class DX, class DW>
void rms_norm_backward(Backend& backend, view<X> x, view<W> weight, double eps, view<DY> d_y,
                       view<DX> d_x, view<DW> d_weight) {
  detail::check_normalization("rms_norm_backward", x, weight, d_y.shape());
  if constexpr (requires { backend.rms_norm_backward(x, weight, eps, d_y, d_x, d_weight); }) {
    backend.rms_norm_backward(x, weight, eps, d_y, d_x, d_weight);
  } else {
    using T = std::remove_const_t<X>;
    using S = promote_t<X, W, DY>;
    const auto g_at = [&](index_t t, index_t c) {
      const std::remove_const_t<DY> g = d_y.at(t, c);
      const std::remove_const_t<W> w = weight(c);
      return S(g * w);
    };
    for (index_t t = 0; t < x.rows(); ++t) {
      const T r = detail::inverse_rms(x, t, eps);
      if constexpr (!is_none_v<view<DX>>) {
        S gx(0);
        for (index_t c = 0; c < x.columns(); ++c) gx += g_at(t, c) * T(x.at(t, c));
        const S pull = gx * r * r / S(static_cast<double>(x.columns()));
        for (index_t c = 0; c < x.columns(); ++c) {
          d_x.at(t, c) += r * (g_at(t, c) - pull * T(x.at(t, c)));
        }
      }
      if constexpr (!is_none_v<view<DW>>) {
        for (index_t c = 0; c < x.columns(); ++c) {
          const std::remove_const_t<DY> g = d_y.at(t, c);
          d_weight(c) += g * T(x.at(t, c)) * r;
        }
      }
    }
  }
}

/// Layer normalisation  y_tc = w_c (x_tc - m_t) / sqrt(v_t + eps) + b_c, m_t and v_t the mean and
/// the biased variance of row t.
///
/// Shapes: x, y [token, channel], weight [channel], bias [channel] or `view<none>`. eps > 0. Cost:
/// 7 token channel. Source: [Ba2016, Eq. (4)].
template <class Backend, class X, class W, class B, class Y>
void layer_norm(Backend& backend, view<X> x, view<W> weight, view<B> bias, double eps, view<Y> y) {
  detail::check_normalization("layer_norm", x, weight, y.shape());
  if constexpr (requires { backend.layer_norm(x, weight, bias, eps, y); }) {
    backend.layer_norm(x, weight, bias, eps, y);
  } else {
    using T = std::remove_const_t<X>;
    for (index_t t = 0; t < x.rows(); ++t) {
      const detail::row_statistics<T> s = detail::statistics_of_row(x, t, eps);
      for (index_t c = 0; c < x.columns(); ++c) {
        const std::remove_const_t<W> w = weight(c);
        const promote_t<X, W> scaled = (T(x.at(t, c)) - s.mean) * s.inverse_deviation * w;
        if constexpr (is_none_v<view<B>>) {
          y.at(t, c) = scaled;
        } else {
          const std::remove_const_t<B> b = bias(c);
          y.at(t, c) = scaled + b;
        }
      }
    }
  }
}

/// Adds the gradients of `layer_norm`, statistics computed again: with n = (x - m) r and g = dy w,
/// d_x += r (g - mean(g) - n mean(g n)),  d_weight += sum_t dy_t n_t,  d_bias += sum_t dy_t; each
/// only when its view is not `view<none>`. Cost: 14 token channel.
template <class Backend, class X, class W, class DY, class DX, class DW, class DB>
void layer_norm_backward(Backend& backend, view<X> x, view<W> weight, double eps, view<DY> d_y,
                         view<DX> d_x, view<DW> d_weight, view<DB> d_bias) {
  detail::check_normalization("layer_norm_backward", x, weight, d_y.shape());
  if constexpr (requires {
                  backend.layer_norm_backward(x, weight, eps, d_y, d_x, d_weight, d_bias);
                }) {
    backend.layer_norm_backward(x, weight, eps, d_y, d_x, d_weight, d_bias);
  } else {
    using T = std::remove_const_t<X>;
    using S = promote_t<X, W, DY>;
    const S count = S(static_cast<double>(x.columns()));
    const auto g_at = [&](index_t t, index_t c) {
      const std::remove_const_t<DY> g = d_y.at(t, c);
      const std::remove_const_t<W> w = weight(c);
      return S(g * w);
    };
    for (index_t t = 0; t < x.rows(); ++t) {
      const detail::row_statistics<T> s = detail::statistics_of_row(x, t, eps);
      const auto n_at = [&](index_t c) {
        return T((T(x.at(t, c)) - s.mean) * s.inverse_deviation);
      };
      if constexpr (!is_none_v<view<DX>>) {
        S sum_g(0), sum_gn(0);
        for (index_t c = 0; c < x.columns(); ++c) {
          sum_g += g_at(t, c);
          sum_gn += g_at(t, c) * n_at(c);
        }
        const S mean_g = sum_g / count, mean_gn = sum_gn / count;
        for (index_t c = 0; c < x.columns(); ++c) {
          d_x.at(t, c) += s.inverse_deviation * (g_at(t, c) - mean_g - mean_gn * n_at(c));
        }
      }
      for (index_t c = 0; c < x.columns(); ++c) {
        [[maybe_unused]] const std::remove_const_t<DY> g = d_y.at(t, c);
        if constexpr (!is_none_v<view<DW>>) d_weight(c) += g * n_at(c);
        if constexpr (!is_none_v<view<DB>>) d_bias(c) += g;
      }
    }
  }
}

}  // namespace attd::operations
