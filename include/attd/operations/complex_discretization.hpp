// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Discretisation of diagonal complex systems h' = a h + u: zero-order hold and bilinear.
#pragma once

#include <algorithm>
#include <attd/core/tensor.hpp>
#include <attd/operations/phi.hpp>

namespace attd::operations {

/// One mode after discretisation: h_t = a h_{t-1} + b u_t.
template <class T>
struct discrete_mode {
  complex_number<T> a;
  complex_number<T> b;
};

/// Exact for an input that is constant over a step:  a-bar = e^(dt a), b-bar = dt phi1(dt a).
/// Against a smooth input the state is right to first order in dt.
///
/// *Source*: [Gu2022, Sec. 3.1]: b-bar = a^-1 (e^(dt a) - 1) with B = 1.
/// *Differs from the source:* phi1 instead of the quotient, so that a = 0 and derivatives are
/// exact.
struct zero_order_hold_rule {
  template <class T>
  ATTD_HD discrete_mode<T> operator()(T dt, complex_number<T> a) const {
    const complex_number<T> z = a * dt;
    return {exp(z), phi1(z) * dt};
  }
};

/// The trapezoidal rule:  a-bar = (1 + dt a / 2) / (1 - dt a / 2),  b-bar = dt / (1 - dt a / 2).
/// Keeps the left half-plane inside the unit circle.
///
/// *Source*: [Gu2022, Sec. 3.1].
struct bilinear_rule {
  template <class T>
  ATTD_HD discrete_mode<T> operator()(T dt, complex_number<T> a) const {
    using Real = primal_t<T>;
    const complex_number<T> half = a * (dt * Real(0.5));
    const complex_number<T> inverse =
        complex_number<T>{T(Real(1)), T(Real(0))} / complex_number<T>{Real(1) - half.re, -half.im};
    return {complex_number<T>{Real(1) + half.re, half.im} * inverse, inverse * dt};
  }
};

namespace detail {

// First index of an operand whose leading extent 1 means "shared by all samples".
template <class V>
ATTD_DEVICE index_t sample_of(const V& v, index_t s) {
  return v.extent(0) == 1 ? 0 : s;
}

template <class V>
void expect_samples(const char* place, const char* what, const V& v, index_t samples) {
  if (v.extent(0) != 1) expect_equal(place, what, v.extent(0), samples);
}

// dt e^tau of one sample and channel.
template <class DT, class TAU>
ATTD_DEVICE auto effective_step(view<DT> dt, view<TAU> tau, index_t s, index_t h) {
  using S = promote_t<DT, TAU>;
  const std::remove_const_t<DT> step = dt(h);
  if constexpr (is_none_v<view<TAU>>) {
    return S(step);
  } else {
    const std::remove_const_t<TAU> t = tau(sample_of(tau, s), h);
    return S(step * exp(t));
  }
}

template <class DT, class ARE, class AIM, class TAU, class OUT>
void expect_discretization(view<DT> dt, view<ARE> a_re, view<AIM> a_im, view<TAU> tau,
                           view<OUT> out) {
  constexpr auto place = "complex_discretization";
  expect_shape(place, "a_im", a_im.shape(), a_re.shape());
  expect_equal(place, "the number of channels of dt", dt.size(), a_re.extent(1));
  expect_samples(place, "the number of samples of a", a_re, out.extent(0));
  expect_shape(place, "a discrete table", out.shape(),
               {out.extent(0), a_re.extent(1), a_re.extent(2)});
  if constexpr (!is_none_v<view<TAU>>) {
    expect_equal(place, "the number of channels of tau", tau.extent(1), a_re.extent(1));
    expect_samples(place, "the number of samples of tau", tau, out.extent(0));
  }
}

}  // namespace detail

/// Discretises every mode of every channel: (a-bar, b-bar) = rule(dt e^tau, a), B = 1.
///
/// *Formula*: rule is `zero_order_hold_rule` or `bilinear_rule`; B itself is left to the output
/// matrix C of the block, which it would only scale.
/// *Shapes*: dt [channel]; a_re, a_im [sample or 1, channel, mode]; tau [sample or 1, channel] or
/// `view<none>`; the four results [sample, channel, mode], where `sample` is the largest leading
/// extent of the operands (1 if all are shared).
/// *Units and ranges*: dt > 0 in the time unit of 1 / a; tau a logarithm, 0 changes nothing.
/// *Cost*: one complex exponential and phi1 a mode; allocates nothing.
template <class Backend, class Rule, class DT, class ARE, class AIM, class TAU, class OUT>
void complex_discretization(Backend& backend, const Rule& rule, view<DT> dt, view<ARE> a_re,
                            view<AIM> a_im, view<TAU> tau, view<OUT> abar_re, view<OUT> abar_im,
                            view<OUT> bbar_re, view<OUT> bbar_im) {
  detail::expect_discretization(dt, a_re, a_im, tau, abar_re);
  expect_shape("complex_discretization", "abar_im", abar_im.shape(), abar_re.shape());
  expect_shape("complex_discretization", "bbar_re", bbar_re.shape(), abar_re.shape());
  expect_shape("complex_discretization", "bbar_im", bbar_im.shape(), abar_re.shape());
  if constexpr (requires {
                  backend.complex_discretization(rule, dt, a_re, a_im, tau, abar_re, abar_im,
                                                 bbar_re, bbar_im);
                }) {
    backend.complex_discretization(rule, dt, a_re, a_im, tau, abar_re, abar_im, bbar_re, bbar_im);
  } else {
    using S = promote_t<DT, ARE, AIM, TAU>;
    for (index_t s = 0; s < abar_re.extent(0); ++s) {
      const index_t k = detail::sample_of(a_re, s);
      for (index_t h = 0; h < a_re.extent(1); ++h) {
        const S step = S(detail::effective_step(dt, tau, s, h));
        for (index_t n = 0; n < a_re.extent(2); ++n) {
          const discrete_mode<S> d =
              rule(step, complex_number<S>{S(a_re(k, h, n)), S(a_im(k, h, n))});
          abar_re(s, h, n) = d.a.re;
          abar_im(s, h, n) = d.a.im;
          bbar_re(s, h, n) = d.b.re;
          bbar_im(s, h, n) = d.b.im;
        }
      }
    }
  }
}

/// Adds the gradients of `complex_discretization`; each only when its view is not `view<none>`.
///
/// *Formula*: both results are holomorphic in a, so with g the cotangent (d_re + i d_im) of a
/// result f, d_a = conj(df/da) g and d_step = Re(conj(df/dstep) g); step = dt e^tau gives
/// d_dt = e^tau d_step and d_tau = step d_step. df/da and df/dstep come from dual numbers. Sums
/// (over samples where an operand is shared, over modes for dt and tau) run in index order.
/// *Shapes*: gradients have their operand's shape; d_abar_*, d_bbar_* [sample, channel, mode].
/// *Cost*: two evaluations of the rule in duals a mode; allocates nothing.
template <class Backend, class Rule, class DT, class ARE, class AIM, class TAU, class G, class DDT,
          class DRE, class DIM, class DTAU>
void complex_discretization_backward(Backend& backend, const Rule& rule, view<DT> dt,
                                     view<ARE> a_re, view<AIM> a_im, view<TAU> tau,
                                     view<G> d_abar_re, view<G> d_abar_im, view<G> d_bbar_re,
                                     view<G> d_bbar_im, view<DDT> d_dt, view<DRE> d_a_re,
                                     view<DIM> d_a_im, view<DTAU> d_tau) {
  static_assert(!is_none_v<view<TAU>> || is_none_v<view<DTAU>>,
                "attd: complex_discretization_backward has no tau whose gradient it could add");
  detail::expect_discretization(dt, a_re, a_im, tau, d_abar_re);
  if constexpr (requires {
                  backend.complex_discretization_backward(rule, dt, a_re, a_im, tau, d_abar_re,
                                                          d_abar_im, d_bbar_re, d_bbar_im, d_dt,
                                                          d_a_re, d_a_im, d_tau);
                }) {
    backend.complex_discretization_backward(rule, dt, a_re, a_im, tau, d_abar_re, d_abar_im,
                                            d_bbar_re, d_bbar_im, d_dt, d_a_re, d_a_im, d_tau);
  } else {
    using S = promote_t<DT, ARE, AIM, TAU>;
    using R = promote_t<S, G>;
    constexpr bool want_a = !is_none_v<view<DRE>> || !is_none_v<view<DIM>>;
    constexpr bool want_step = !is_none_v<view<DDT>> || !is_none_v<view<DTAU>>;
    for (index_t s = 0; s < d_abar_re.extent(0); ++s) {
      const index_t k = detail::sample_of(a_re, s);
      for (index_t h = 0; h < a_re.extent(1); ++h) {
        const S step = S(detail::effective_step(dt, tau, s, h));
        R d_step = R(0);
        for (index_t n = 0; n < a_re.extent(2); ++n) {
          const S re = S(a_re(k, h, n)), im = S(a_im(k, h, n));
          const complex_number<R> ga{R(d_abar_re(s, h, n)), R(d_abar_im(s, h, n))};
          const complex_number<R> gb{R(d_bbar_re(s, h, n)), R(d_bbar_im(s, h, n))};
          const auto pull = [&](S seed_step, S seed_a) {
            using D = dual<S>;
            const discrete_mode<D> d =
                rule(D(step, seed_step), complex_number<D>{D(re, seed_a), D(im, S(0))});
            const complex_number<S> fa{d.a.re.tangent, -d.a.im.tangent};  // already conjugated
            const complex_number<S> fb{d.b.re.tangent, -d.b.im.tangent};
            return complex_number<R>(fa * ga + fb * gb);
          };
          if constexpr (want_a) {
            const complex_number<R> g = pull(S(0), S(1));
            if constexpr (!is_none_v<view<DRE>>) d_a_re(k, h, n) += g.re;
            if constexpr (!is_none_v<view<DIM>>) d_a_im(k, h, n) += g.im;
          }
          if constexpr (want_step) d_step += pull(S(1), S(0)).re;
        }
        if constexpr (!is_none_v<view<DTAU>>) d_tau(detail::sample_of(tau, s), h) += step * d_step;
        if constexpr (!is_none_v<view<DDT>>) {
          if constexpr (is_none_v<view<TAU>>) {
            d_dt(h) += d_step;
          } else {
            const std::remove_const_t<TAU> t = tau(detail::sample_of(tau, s), h);
            d_dt(h) += exp(t) * d_step;
          }
        }
      }
    }
  }
}

}  // namespace attd::operations
