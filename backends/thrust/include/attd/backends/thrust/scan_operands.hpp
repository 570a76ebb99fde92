// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What stands around a selective scan, computed on the way: step sizes and gate of Mamba, or none.
#pragma once

#include <attd/backends/thrust/rows.hpp>

namespace attd::thrust_detail {

/// Writes a number, or adds to it.
template <class X, class S>
ATTD_DEVICE void put(const view<X>& x, const S& value, bool replaces, index_t t, index_t j) {
  if constexpr (!is_none_v<view<X>>) {
    if (replaces) {
      x(t, j) = value;
    } else {
      x(t, j) += value;
    }
  }
}

/// Step sizes as they are.
template <class DT>
struct given_steps {
  view<DT> dt;

  template <class S>
  ATTD_DEVICE S at(index_t, index_t t, index_t j) const {
    return element<S>(dt, t, j);
  }
};

/// dt = softplus(raw + bias) exp(tau).
template <class R, class Bias, class Tau>
struct softplus_steps {
  view<R> raw;
  view<Bias> bias;  // [channel], or absent
  view<Tau> tau;    // [1 or sequence, channel], or absent

  template <class S>
  ATTD_DEVICE S at(index_t s, index_t t, index_t j) const {
    return softplus(argument<S>(t, j)) * speed<S>(s, j);
  }
  template <class S>
  ATTD_DEVICE S argument(index_t t, index_t j) const {
    if constexpr (is_none_v<view<Bias>>) {
      return element<S>(raw, t, j);
    } else {
      return element<S>(raw, t, j) + element<S>(bias, j);
    }
  }
  template <class S>
  ATTD_DEVICE S speed(index_t s, index_t j) const {
    if constexpr (is_none_v<view<Tau>>) {
      return S(1);
    } else {
      return exp(element<S>(tau, dynamics_of(tau, s), j));
    }
  }
};

/// Where gradients of the step sizes go: to them.
template <class DDT>
struct given_steps_gradient {
  static constexpr bool wanted = !is_none_v<view<DDT>>;
  static constexpr bool of_time = false;
  view<DDT> d_dt;

  /// Takes the gradient of one step size, or a part of it after the `first`; returns what it says
  /// of tau.
  template <class S>
  ATTD_DEVICE S add(index_t, index_t t, index_t j, const S& sum, bool /*first*/) const {
    add_to_element(d_dt, sum, t, j);
    return S(0);
  }
};

/// Or to what they were made of: d_raw = d_dt sigmoid(raw + bias) exp(tau), d_tau += sum_t d_dt dt.
template <class R, class Bias, class Tau, class DR, class DTau>
struct softplus_steps_gradient {
  static constexpr bool of_time = !is_none_v<view<DTau>>;
  static constexpr bool wanted = !is_none_v<view<DR>> || of_time;
  softplus_steps<R, Bias, Tau> steps;
  view<DR> d_raw;
  view<DTau> d_tau;

  template <class S>
  ATTD_DEVICE S add(index_t s, index_t t, index_t j, const S& sum, bool first) const {
    if constexpr (!is_none_v<view<DR>>) {
      const S slope = sigmoid(steps.template argument<S>(t, j)) * steps.template speed<S>(s, j);
      put(d_raw, sum * slope, first, t, j);
    }
    if constexpr (of_time) {
      return sum * steps.template at<S>(s, t, j);
    } else {
      return S(0);
    }
  }
};

/// The output as it is.
template <class Y>
struct given_output {
  static constexpr bool wanted = !is_none_v<view<Y>>;
  view<Y> y;

  bool exists() const { return thrust_detail::exists(y); }
  /// A row's sum so far, where there are more states than a team takes at once.
  template <class S>
  ATTD_DEVICE S so_far(index_t t, index_t j) const {
    return element<S>(y, t, j);
  }
  template <class S>
  ATTD_DEVICE void write(index_t t, index_t j, const S& sum, bool /*whole*/) const {
    y(t, j) = sum;
  }
};

/// The output s, and y = s silu(z); either may be absent. Sums so far lie in s, or in y where s is
/// absent.
template <class Z, class X, class Y>
struct gated_output {
  static constexpr bool wanted = !is_none_v<view<X>> || !is_none_v<view<Y>>;
  view<Z> z;
  view<X> s;
  view<Y> y;

  bool exists() const { return thrust_detail::exists(s) || thrust_detail::exists(y); }
  template <class S>
  ATTD_DEVICE S so_far(index_t t, index_t j) const {
    return thrust_detail::exists(s) ? element<S>(s, t, j) : element<S>(y, t, j);
  }
  template <class S>
  ATTD_DEVICE void write(index_t t, index_t j, const S& sum, bool whole) const {
    const bool has_s = thrust_detail::exists(s);
    if (has_s) put(s, sum, true, t, j);
    if (!thrust_detail::exists(y)) return;
    if (whole) {
      put(y, S(sum * silu(element<S>(z, t, j))), true, t, j);
    } else if (!has_s) {
      put(y, sum, true, t, j);
    }
  }
};

/// The gradient of the output as it is.
template <class DY>
struct given_output_gradient {
  static constexpr bool replaces = false;  // gradients are added to
  view<DY> d_y;

  /// Gradient of the scan's output; writes what others want the `first` time that it is asked for.
  template <class S>
  ATTD_DEVICE S at(index_t t, index_t j, bool /*first*/) const {
    return element<S>(d_y, t, j);
  }
};

/// The gradient of s, given that of y = s silu(z); d_z = d_y s silu'(z), whose memory may be that
/// of s.
template <class DY, class Z, class Y, class DZ>
struct gated_output_gradient {
  static constexpr bool replaces = true;
  view<DY> d_y;
  view<Z> z;
  view<Y> s;
  view<DZ> d_z;

  template <class S>
  ATTD_DEVICE S at(index_t t, index_t j, [[maybe_unused]] bool first) const {
    const S x = element<S>(z, t, j), open = sigmoid(x), g = element<S>(d_y, t, j);
    if constexpr (!is_none_v<view<DZ>>) {
      if (first) d_z(t, j) = g * element<S>(s, t, j) * silu_slope(x, open);
    }
    return g * (x * open);
  }
};

}  // namespace attd::thrust_detail
