// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Discretisation of diagonal complex systems: modes on their own, gradients channel by channel.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/operations/complex_discretization.hpp>

namespace attd::thrust_detail {

using operations::discrete_mode;
using operations::detail::effective_step;
using operations::detail::sample_of;

/// One mode.
template <class Rule, class DT, class ARE, class AIM, class TAU, class OUT>
struct discretized_mode {
  Rule rule;
  view<DT> dt;
  view<ARE> a_re;
  view<AIM> a_im;
  view<TAU> tau;
  view<OUT> abar_re, abar_im, bbar_re, bbar_im;

  ATTD_DEVICE void operator()(index_t index) const {
    using S = promote_t<DT, ARE, AIM, TAU>;
    const index_t modes = a_re.extent(2), channels = a_re.extent(1);
    const index_t n = index % modes, h = index / modes % channels, s = index / (modes * channels);
    const index_t k = sample_of(a_re, s);
    const S step = S(effective_step(dt, tau, s, h));
    const discrete_mode<S> d =
        rule(step, complex_number<S>{element<S>(a_re, k, h, n), element<S>(a_im, k, h, n)});
    abar_re(s, h, n) = d.a.re;
    abar_im(s, h, n) = d.a.im;
    bbar_re(s, h, n) = d.b.re;
    bbar_im(s, h, n) = d.b.im;
  }
};

/// All gradients of one channel.
template <class Rule, class DT, class ARE, class AIM, class TAU, class G, class DDT, class DRE,
          class DIM, class DTAU>
struct discretization_gradient {
  using S = promote_t<DT, ARE, AIM, TAU>;
  using R = promote_t<S, G>;
  Rule rule;
  view<DT> dt;
  view<ARE> a_re;
  view<AIM> a_im;
  view<TAU> tau;
  view<G> d_abar_re, d_abar_im, d_bbar_re, d_bbar_im;
  view<DDT> d_dt;
  view<DRE> d_a_re;
  view<DIM> d_a_im;
  view<DTAU> d_tau;

  ATTD_DEVICE void operator()(index_t h) const {
    for (index_t s = 0; s < d_abar_re.extent(0); ++s) sample(s, h);
  }
  ATTD_DEVICE void sample(index_t s, index_t h) const {
    const index_t k = sample_of(a_re, s);
    const S step = S(effective_step(dt, tau, s, h));
    R d_step = R(0);
    for (index_t n = 0; n < a_re.extent(2); ++n) {
      if constexpr (!is_none_v<view<DRE>> || !is_none_v<view<DIM>>) {
        const complex_number<R> g = pulled(s, k, h, n, step, S(0), S(1));
        add_to_element(d_a_re, g.re, k, h, n);
        add_to_element(d_a_im, g.im, k, h, n);
      }
      if constexpr (!is_none_v<view<DDT>> || !is_none_v<view<DTAU>>) {
        d_step += pulled(s, k, h, n, step, S(1), S(0)).re;
      }
    }
    if constexpr (!is_none_v<view<DTAU>>) d_tau(sample_of(tau, s), h) += step * d_step;
    if constexpr (!is_none_v<view<DDT>>) {
      if constexpr (is_none_v<view<TAU>>) {
        d_dt(h) += d_step;
      } else {
        d_dt(h) += exp(element<TAU>(tau, sample_of(tau, s), h)) * d_step;
      }
    }
  }
  /// The cotangents of one mode's results, pulled back along the seeded direction.
  ATTD_DEVICE complex_number<R> pulled(index_t s, index_t k, index_t h, index_t n, const S& step,
                                       const S& seed_step, const S& seed_a) const {
    using D = dual<S>;
    const complex_number<D> a{D(element<S>(a_re, k, h, n), seed_a),
                              D(element<S>(a_im, k, h, n), S(0))};
    const discrete_mode<D> d = rule(D(step, seed_step), a);
    const complex_number<S> fa{d.a.re.tangent, -d.a.im.tangent};  // already conjugated
    const complex_number<S> fb{d.b.re.tangent, -d.b.im.tangent};
    const complex_number<R> ga{element<R>(d_abar_re, s, h, n), element<R>(d_abar_im, s, h, n)};
    const complex_number<R> gb{element<R>(d_bbar_re, s, h, n), element<R>(d_bbar_im, s, h, n)};
    return fa * ga + fb * gb;
  }
};

}  // namespace attd::thrust_detail
