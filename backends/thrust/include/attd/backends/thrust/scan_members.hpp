// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The members of the Thrust backend that run through time.
#pragma once

#include <attd/backends/thrust/complex_scan.hpp>
#include <attd/backends/thrust/dense_recurrence.hpp>
#include <attd/backends/thrust/discretization.hpp>
#include <attd/backends/thrust/selective_scan_backward.hpp>
#include <attd/operations/gated_scan.hpp>

namespace attd::thrust_detail {

/// A base of `Backend`, which runs loop bodies and programs for it.
template <class Backend>
class scan_members {
 public:
  template <class U, class DT, class A, class B, class C, class D, class I, class Y, class F>
  void selective_scan(const sequences& batch, view<U> u, view<DT> dt, view<A> a, view<B> b,
                      view<C> c, view<D> d, view<I> initial, view<Y> y, view<F> final) {
    using S = promote_t<U, DT, A, B, C, D, I>;
    scan<S>(batch, u, given_steps<DT>{dt}, a, b, c, d, initial, given_output<Y>{y}, final);
  }
  template <class T, class U, class DT, class A, class B, class C, class D, class I, class DY,
            class DF, class DU, class DDT, class DA, class DB, class DC, class DD, class DI,
            class Y>
  void selective_scan_backward(const sequences& batch,
                               operations::selective_scan_scratch<T>& scratch, view<U> u,
                               view<DT> dt, view<A> a, view<B> b, view<C> c, view<D> d,
                               view<I> initial, view<DY> d_y, view<DF> d_final, view<DU> d_u,
                               view<DDT> d_dt, view<DA> d_a, view<DB> d_b, view<DC> d_c,
                               view<DD> d_d, view<DI> d_initial, view<Y> y) {
    thrust_detail::selective_scan_backward<T>(
        self(), scratch, recurrence<T>(batch, u, given_steps<DT>{dt}, a, b, initial), c, d,
        given_output<Y>{y}, given_output_gradient<DY>{d_y}, d_final, d_u,
        given_steps_gradient<DDT>{d_dt}, view<none>{}, d_a, d_b, d_c, d_d, d_initial,
        scan_memory<T>(u.columns()));
  }
  template <class S, class U, class R, class SB, class Tau, class A, class B, class C, class D,
            class I, class Z, class Y, class F>
  void gated_scan(const sequences& batch, operations::gated_scan_cache<S>& cache, view<U> u,
                  view<R> raw, view<SB> bias, view<Tau> tau, view<A> a, view<B> b, view<C> c,
                  view<D> d, view<I> initial, view<Z> z, view<Y> y, view<F> final) {
    scan<S>(batch, u, softplus_steps<R, SB, Tau>{raw, bias, tau}, a, b, c, d, initial,
            gated_output<Z, S, Y>{z, kept_output(cache), y}, final);
  }
  template <class S, class U, class R, class SB, class Tau, class A, class B, class C, class D,
            class I, class Z, class DY, class DF, class DU, class DR, class DTau, class DA,
            class DB, class DC, class DD, class DI, class DZ, class Y>
  void gated_scan_backward(const sequences& batch, const operations::gated_scan_cache<S>& cache,
                           operations::gated_scan_scratch<S>& scratch, view<U> u, view<R> raw,
                           view<SB> bias, view<Tau> tau, view<A> a, view<B> b, view<C> c, view<D> d,
                           view<I> initial, view<Z> z, view<DY> d_y, view<DF> d_final, view<DU> d_u,
                           view<DR> d_raw, view<DTau> d_tau, view<DA> d_a, view<DB> d_b,
                           view<DC> d_c, view<DD> d_d, view<DI> d_initial, view<DZ> d_z,
                           view<Y> y) {
    const softplus_steps<R, SB, Tau> steps{raw, bias, tau};
    // Where s was not kept, it lies in the memory of d_z until it is read.
    view<const S> s = kept_output(cache);
    gated_output<Z, DZ, Y> again{z, {}, {}};
    if (cache.s.empty()) {
      again = {z, d_z, y};
      if constexpr (!is_none_v<view<DZ>>) s = d_z;
    }
    thrust_detail::selective_scan_backward<S>(
        self(), scratch.scan, recurrence<S>(batch, u, steps, a, b, initial), c, d, again,
        gated_output_gradient<DY, Z, const S, DZ>{d_y, z, s, d_z}, d_final, d_u,
        softplus_steps_gradient<R, SB, Tau, DR, DTau>{steps, d_raw, d_tau}, d_tau, d_a, d_b, d_c,
        d_d, d_initial, scan_memory<S>(u.columns()));
  }

  template <operations::direction Way, class U, class A, class B, class C, class D, class I,
            class Y, class F>
  void complex_scan(const sequences& batch, view<U> u, operations::complex_view<A> a,
                    operations::complex_view<B> b, operations::complex_view<C> c, view<D> d,
                    operations::complex_view<I> initial, view<Y> y,
                    operations::complex_view<F> final) {
    const batch_view rows = self().view_of(batch);
    self().for_each_index(
        batch.count() * u.columns(),
        complex_scan_channel<Way, U, A, B, C, D, I, Y, F>{rows, u, a, b, c, d, initial, y, final});
  }
  template <operations::direction Way, class T, class U, class A, class B, class C, class D,
            class I, class DY, class DF, class DU, class DA, class DB, class DC, class DD, class DI>
  void complex_scan_backward(const sequences& batch, operations::complex_scan_scratch<T>& scratch,
                             view<U> u, operations::complex_view<A> a,
                             operations::complex_view<B> b, operations::complex_view<C> c,
                             view<D> d, operations::complex_view<I> initial, view<DY> d_y,
                             operations::complex_view<DF> d_final, view<DU> d_u,
                             operations::complex_view<DA> d_a, operations::complex_view<DB> d_b,
                             operations::complex_view<DC> d_c, view<DD> d_d,
                             operations::complex_view<DI> d_initial) {
    const complex_scan_operands<Way, T, U, A, B, C, D, I, DY, DF> operands{
        self().view_of(batch), u, a, b, c, d, initial, d_y, d_final, {}, {}, {}, 0, 0};
    thrust_detail::complex_scan_backward(self(), scratch, operands, d_u, d_a, d_b, d_c, d_d,
                                         d_initial);
  }

  template <class A, class X, class I, class H, class F>
  void dense_recurrence(const sequences& batch, view<A> a, view<X> x, view<I> initial, view<H> h,
                        view<F> final) {
    const batch_view rows = self().view_of(batch);
    self().for_each_index(batch.count(),
                          dense_recurrence_sequence<A, X, I, H, F>{rows, a, x, initial, h, final});
  }
  template <class T, class A, class H, class I, class DH, class DF, class DX, class DA, class DI>
  void dense_recurrence_backward(const sequences& batch,
                                 operations::dense_recurrence_scratch<T>& scratch, view<A> a,
                                 view<H> h, view<I> initial, view<DH> d_h, view<DF> d_final,
                                 view<DX> d_x, view<DA> d_a, view<DI> d_initial) {
    const batch_view rows = self().view_of(batch);
    operations::resize(self(), scratch.gradient, d_h.shape());
    const view<T> g = scratch.gradient.view();
    self().for_each_index(batch.count(), dense_recurrence_adjoints<T, A, DH, DF, DI>{
                                             rows, a, d_h, d_final, g, d_initial});
    if constexpr (!is_none_v<view<DX>>) {
      self().for_each_index(g.size(), dense_recurrence_d_x<T, DX>{g, d_x});
    }
    if constexpr (!is_none_v<view<DA>>) {
      self().for_each_index(d_a.size(),
                            dense_recurrence_d_a<T, H, I, DA>{rows, g, h, initial, d_a});
    }
  }

  template <class Rule, class DT, class ARE, class AIM, class TAU, class OUT>
  void complex_discretization(const Rule& rule, view<DT> dt, view<ARE> a_re, view<AIM> a_im,
                              view<TAU> tau, view<OUT> abar_re, view<OUT> abar_im,
                              view<OUT> bbar_re, view<OUT> bbar_im) {
    self().for_each_index(abar_re.size(),
                          discretized_mode<Rule, DT, ARE, AIM, TAU, OUT>{
                              rule, dt, a_re, a_im, tau, abar_re, abar_im, bbar_re, bbar_im});
  }
  template <class Rule, class DT, class ARE, class AIM, class TAU, class G, class DDT, class DRE,
            class DIM, class DTAU>
  void complex_discretization_backward(const Rule& rule, view<DT> dt, view<ARE> a_re,
                                       view<AIM> a_im, view<TAU> tau, view<G> d_abar_re,
                                       view<G> d_abar_im, view<G> d_bbar_re, view<G> d_bbar_im,
                                       view<DDT> d_dt, view<DRE> d_a_re, view<DIM> d_a_im,
                                       view<DTAU> d_tau) {
    self().for_each_index(a_re.extent(1),
                          discretization_gradient<Rule, DT, ARE, AIM, TAU, G, DDT, DRE, DIM, DTAU>{
                              rule, dt, a_re, a_im, tau, d_abar_re, d_abar_im, d_bbar_re, d_bbar_im,
                              d_dt, d_a_re, d_a_im, d_tau});
  }

 private:
  Backend& self() { return static_cast<Backend&>(*this); }

  // Without a shape where it is not kept.
  template <class Cache>
  static auto kept_output(Cache& cache) {
    using V = decltype(cache.s.view());
    return cache.s.empty() ? V{} : cache.s.view();
  }
  template <class S, class U, class Steps, class A, class B, class I>
  auto recurrence(const sequences& batch, view<U> u, const Steps& steps, view<A> a, view<B> b,
                  view<I> initial) {
    const scan_pieces pieces{self().view_of(batch), pieces_of(self().system_, batch, u.columns()),
                             tile_tokens<S>};
    return selective_scan_recurrence<S, U, Steps, A, B, I>{pieces, u, steps, a, b, initial};
  }
  // Gives rows of scratch memory.
  template <class S>
  auto scan_memory(index_t channels) {
    return [this, channels](index_t rows) {
      return self().scratch_.template take<S>(self(), {rows, channels});
    };
  }
  template <class S, class U, class Steps, class A, class B, class C, class D, class I,
            class Output, class F>
  void scan(const sequences& batch, view<U> u, const Steps& steps, view<A> a, view<B> b, view<C> c,
            view<D> d, view<I> initial, const Output& output, view<F> final) {
    const auto x = recurrence<S>(batch, u, steps, a, b, initial);
    using memory = piece_memory<S>;
    const auto pieces = memory::in(scan_memory<S>(u.columns())(memory::rows(x.pieces, b.columns())),
                                   0, x.pieces, b.columns());
    x.carry(self(), pieces);
    x.run(self(), c, d, pieces.carried, false, output, final, {}, {}, {});
  }
};

}  // namespace attd::thrust_detail
