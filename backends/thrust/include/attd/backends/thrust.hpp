// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Thrust backend: every operation as loop bodies that any of Thrust's systems can run.
#pragma once

#include <thrust/sort.h>

#include <attd/backends/thrust/complex_scan.hpp>
#include <attd/backends/thrust/convolution.hpp>
#include <attd/backends/thrust/cross_entropy.hpp>
#include <attd/backends/thrust/dense_recurrence.hpp>
#include <attd/backends/thrust/discretization.hpp>
#include <attd/backends/thrust/elementwise.hpp>
#include <attd/backends/thrust/matmul.hpp>
#include <attd/backends/thrust/normalization.hpp>
#include <attd/backends/thrust/scratch.hpp>
#include <attd/backends/thrust/selective_scan_backward.hpp>
#include <attd/backends/thrust/systems.hpp>
#include <attd/backends/thrust/tokens.hpp>
#include <attd/operations/embedding.hpp>
#include <attd/operations/pooling.hpp>
#include <cstddef>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

namespace attd {

/// A backend that runs every operation as functors over indices on one of Thrust's systems:
/// `systems::cpp` (one thread), `systems::omp` (OpenMP). One source for all of them, in all number
/// types of the library, duals of duals included.
///
/// Every number is computed by one functor call in a fixed order, so all systems give the same bits
/// in the same build, whatever their number of threads. On a CPU it is there for agreement, not for
/// speed: `eigen` is some twenty times faster. A handle keeps scratch memory; one for each thread
/// of your own. After the largest shapes have been seen once, no operation allocates memory, but
/// for the gradient of an embedding, which sorts.
template <class System = systems::cpp>
class thrust {
 public:
  using system_type = System;

  thrust() = default;
  explicit thrust(System system) : system_(std::move(system)) {}
  const System& system() const { return system_; }

  /// Where tensors must live (`operations::bring`), on systems with memory of their own.
  const memory_source* memory() const
    requires thrust_detail::has_own_memory<System>
  {
    return system_.memory();
  }
  /// Waits until all operations are done (`operations::finish`), on systems that start them only.
  void finish()
    requires requires(System& s) { s.finish(); }
  {
    system_.finish();
  }
  /// Runs f(0) .. f(n - 1) on the system, in any order: for operations of your own. f has a call
  /// operator marked `ATTD_DEVICE` and copies nothing but views and numbers.
  template <class F>
  void for_each_index(index_t n, const F& f) {
    thrust_detail::for_each_index(system_, n, f);
  }
  /// Runs a program on teams of threads (`thrust_detail::for_each_team`).
  template <class Program>
  void for_each_team(index_t teams, const Program& program) {
    thrust_detail::for_each_team(system_, teams, program);
  }
  template <class Y>
  void fill_zero(view<Y> y) {
    for_each_index(y.size(), thrust_detail::zero_element<Y>{y});
  }

  template <operations::transpose Ta, operations::transpose Tb, operations::update U, class A,
            class B, class C>
  void matmul(view<A> a, view<B> b, view<C> c) {
    for_each_index(c.size(), thrust_detail::product_element<Ta, Tb, U, A, B, C>{a, b, c});
  }
  template <class B, class Y>
  void fill_rows(view<Y> y, view<B> bias) {
    for_each_index(y.size(), thrust_detail::filled_element<Y, B>{y, bias});
  }
  template <class DY, class DB>
    requires(!is_none_v<view<DB>>)
  void sum_of_rows(view<DY> d_y, view<DB> d_bias) {
    for_each_index(d_y.columns(), thrust_detail::column_sum<DY, DB>{d_y, d_bias});
  }

  template <class F, class Y, class... X>
    requires(sizeof...(X) <= 3)
  void transform(const F& f, view<Y> y, view<X>... x) {
    const auto operands = thrust_detail::operands_of(x...);
    using O = std::remove_const_t<decltype(operands)>;
    for_each_index(y.size(),
                   thrust_detail::transform_element<F, promote_t<X...>, Y, O>{f, y, operands});
  }
  template <class F, class DY, class... DX, class... X>
    requires(sizeof...(X) <= 3)
  void transform_backward(const F& f, view<DY> d_y, std::tuple<view<DX>...> d_x, view<X>... x) {
    const auto operands = thrust_detail::operands_of(x...);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (add_gradient<I>(f, d_y, std::get<I>(d_x), operands), ...);
    }(std::index_sequence_for<X...>{});
  }

  template <class X, class W, class Y>
  void rms_norm(view<X> x, view<W> weight, double eps, view<Y> y) {
    for_each_index(x.rows(), thrust_detail::rms_norm_row<X, W, Y>{x, weight, eps, y});
  }
  template <class X, class W, class DY, class DX, class DW>
  void rms_norm_backward(view<X> x, view<W> weight, double eps, view<DY> d_y, view<DX> d_x,
                         view<DW> d_weight) {
    using R = std::conditional_t<is_none_v<view<DW>>, none, std::remove_const_t<X>>;
    const view<R> inverse = scratch_.template take<R>(*this, {1, x.rows()});
    for_each_index(x.rows(), thrust_detail::rms_norm_row_gradient<X, W, DY, DX, R>{
                                 x, weight, eps, d_y, d_x, inverse});
    if constexpr (!is_none_v<view<DW>>) {
      for_each_index(x.columns(), thrust_detail::rms_norm_weight_gradient<X, DY, R, DW>{
                                      x, d_y, inverse, d_weight});
    }
  }
  template <class X, class W, class B, class Y>
  void layer_norm(view<X> x, view<W> weight, view<B> bias, double eps, view<Y> y) {
    for_each_index(x.rows(), thrust_detail::layer_norm_row<X, W, B, Y>{x, weight, bias, eps, y});
  }
  template <class X, class W, class DY, class DX, class DW, class DB>
  void layer_norm_backward(view<X> x, view<W> weight, double eps, view<DY> d_y, view<DX> d_x,
                           view<DW> d_weight, view<DB> d_bias) {
    using R = std::conditional_t<is_none_v<view<DW>>, none, std::remove_const_t<X>>;
    const view<R> statistics = scratch_.template take<R>(*this, {2, x.rows()});
    for_each_index(x.rows(), thrust_detail::layer_norm_row_gradient<X, W, DY, DX, R>{
                                 x, weight, eps, d_y, d_x, statistics});
    if constexpr (!is_none_v<view<DW>> || !is_none_v<view<DB>>) {
      for_each_index(x.columns(), thrust_detail::layer_norm_weight_gradient<X, DY, R, DW, DB>{
                                      x, d_y, statistics, d_weight, d_bias});
    }
  }

  template <class X, class W, class B, class H, class Y, class F>
  void causal_convolution(const sequences& batch, view<X> x, view<W> weight, view<B> bias,
                          view<H> initial, view<Y> y, view<F> final) {
    const thrust_detail::batch_view rows = view_of(batch);
    for_each_index(x.size(), thrust_detail::convolution_element<X, W, B, H, Y>{rows, x, weight,
                                                                               bias, initial, y});
    if constexpr (!is_none_v<view<F>>) {
      for_each_index(final.size(),
                     thrust_detail::convolution_final<X, H, F>{rows, x, initial, final});
    }
  }
  template <class X, class W, class H, class DY, class DF, class DX, class DW, class DB, class DH>
  void causal_convolution_backward(const sequences& batch, view<X> x, view<W> weight,
                                   view<H> initial, view<DY> d_y, view<DF> d_final, view<DX> d_x,
                                   view<DW> d_weight, view<DB> d_bias, view<DH> d_initial) {
    const thrust_detail::batch_view rows = view_of(batch);
    if constexpr (!is_none_v<view<DX>>) {
      for_each_index(d_y.size(), thrust_detail::convolution_d_x<W, DY, DF, DX>{rows, weight, d_y,
                                                                               d_final, d_x});
    }
    if constexpr (!is_none_v<view<DH>>) {
      for_each_index(d_initial.size(), thrust_detail::convolution_d_initial<W, DY, DF, DH>{
                                           rows, weight, d_y, d_final, d_initial});
    }
    if constexpr (!is_none_v<view<DW>>) {
      for_each_index(d_weight.size(), thrust_detail::convolution_d_weight<X, H, DY, DW>{
                                          rows, x, initial, d_y, d_weight});
    }
    if constexpr (!is_none_v<view<DB>>) sum_of_rows(d_y, d_bias);
  }

  template <class L, class Id, class Y>
  void cross_entropy(view<L> logits, std::span<const Id> targets, view<Y> loss) {
    check_targets("cross_entropy", targets, logits.columns());
    for_each_index(logits.rows(),
                   thrust_detail::cross_entropy_row<L, Id, Y>{logits, readable(targets), loss});
  }
  template <class L, class Id, class G, class DL>
  void cross_entropy_backward(view<L> logits, std::span<const Id> targets, view<G> weight,
                              view<DL> d_logits) {
    check_targets("cross_entropy_backward", targets, logits.columns());
    for_each_index(logits.rows(), thrust_detail::cross_entropy_row_gradient<L, Id, G, DL>{
                                      logits, readable(targets), weight, d_logits});
  }
  template <class L, class Y>
  void softmax_entropy(view<L> logits, view<Y> entropy) {
    for_each_index(logits.rows(), thrust_detail::softmax_entropy_row<L, Y>{logits, entropy});
  }
  template <class L, class G, class DL>
  void softmax_entropy_backward(view<L> logits, view<G> weight, view<DL> d_logits) {
    for_each_index(logits.rows(),
                   thrust_detail::softmax_entropy_row_gradient<L, G, DL>{logits, weight, d_logits});
  }

  template <class E, class Id, class Y>
  void embedding(view<E> table, std::span<const Id> ids, view<Y> y) {
    check_ids("embedding", ids, table.rows());
    for_each_index(y.size(), thrust_detail::embedding_element<E, Id, Y>{table, readable(ids), y});
  }
  template <class Id, class DY, class DE>
  void embedding_backward(std::span<const Id> ids, view<DY> d_y, view<DE> d_table) {
    check_ids("embedding_backward", ids, d_table.rows());
    const auto tokens = static_cast<index_t>(ids.size());
    operations::resize(*this, sorted_, {tokens});
    operations::resize(*this, order_, {tokens});
    index_t *sorted = sorted_.data(), *order = order_.data();
    for_each_index(tokens, thrust_detail::id_and_position<Id>{readable(ids), sorted, order});
    system_.run([sorted, order, tokens](const auto& policy) {
      ::thrust::stable_sort_by_key(policy, sorted, sorted + tokens, order);
    });
    for_each_index(d_y.size(),
                   thrust_detail::embedding_gradient<DY, DE>{sorted, order, tokens, d_y, d_table});
  }

  template <class X, class Y>
  void mean_pool(const sequences& batch, view<X> x, view<Y> y) {
    const thrust_detail::batch_view rows = view_of(batch);
    for_each_index(y.size(), thrust_detail::mean_pool_element<X, Y>{rows, x, y});
  }
  template <class DY, class DX>
  void mean_pool_backward(const sequences& batch, view<DY> d_y, view<DX> d_x) {
    const thrust_detail::batch_view rows = view_of(batch);
    for_each_index(d_x.size(), thrust_detail::mean_pool_gradient<DY, DX>{rows, d_y, d_x});
  }
  template <class X, class Y>
  void last_pool(const sequences& batch, view<X> x, view<Y> y) {
    const thrust_detail::batch_view rows = view_of(batch);
    for_each_index(y.size(), thrust_detail::last_pool_element<X, Y>{rows, x, y});
  }
  template <class DY, class DX>
  void last_pool_backward(const sequences& batch, view<DY> d_y, view<DX> d_x) {
    const thrust_detail::batch_view rows = view_of(batch);
    for_each_index(d_y.size(), thrust_detail::last_pool_gradient<DY, DX>{rows, d_y, d_x});
  }

  template <class U, class DT, class A, class B, class C, class D, class I, class Y, class F>
  void selective_scan(const sequences& batch, view<U> u, view<DT> dt, view<A> a, view<B> b,
                      view<C> c, view<D> d, view<I> initial, view<Y> y, view<F> final) {
    using S = promote_t<U, DT, A, B, C, D, I>;
    const thrust_detail::selective_scan_recurrence<S, U, DT, A, B, I> x{
        pieces_of<S>(batch, u.columns()), u, dt, a, b, initial};
    using memory = thrust_detail::piece_memory<S>;
    const auto pieces = memory::in(
        scratch_.template take<S>(*this, {memory::rows(x.pieces, b.columns()), u.columns()}), 0,
        x.pieces, b.columns());
    x.carry(*this, pieces);
    x.run(*this, c, d, pieces.carried, false, y, final, {}, {}, {});
  }
  template <class T, class U, class DT, class A, class B, class C, class D, class I, class DY,
            class DF, class DU, class DDT, class DA, class DB, class DC, class DD, class DI>
  void selective_scan_backward(const sequences& batch,
                               operations::selective_scan_scratch<T>& scratch, view<U> u,
                               view<DT> dt, view<A> a, view<B> b, view<C> c, view<D> d,
                               view<I> initial, view<DY> d_y, view<DF> d_final, view<DU> d_u,
                               view<DDT> d_dt, view<DA> d_a, view<DB> d_b, view<DC> d_c,
                               view<DD> d_d, view<DI> d_initial) {
    const thrust_detail::selective_scan_recurrence<T, U, DT, A, B, I> x{
        pieces_of<T>(batch, u.columns()), u, dt, a, b, initial};
    thrust_detail::selective_scan_backward<T>(
        *this, scratch, x, c, d, d_y, d_final, d_u, d_dt, d_a, d_b, d_c, d_d, d_initial,
        [&](index_t rows) { return scratch_.template take<T>(*this, {rows, u.columns()}); });
  }

  template <operations::direction Way, class U, class A, class B, class C, class D, class I,
            class Y, class F>
  void complex_scan(const sequences& batch, view<U> u, operations::complex_view<A> a,
                    operations::complex_view<B> b, operations::complex_view<C> c, view<D> d,
                    operations::complex_view<I> initial, view<Y> y,
                    operations::complex_view<F> final) {
    const thrust_detail::batch_view rows = view_of(batch);
    for_each_index(batch.count() * u.columns(),
                   thrust_detail::complex_scan_channel<Way, U, A, B, C, D, I, Y, F>{
                       rows, u, a, b, c, d, initial, y, final});
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
    const thrust_detail::complex_scan_operands<Way, T, U, A, B, C, D, I, DY, DF> operands{
        view_of(batch), u, a, b, c, d, initial, d_y, d_final, {}, {}, {}, 0, 0};
    thrust_detail::complex_scan_backward(*this, scratch, operands, d_u, d_a, d_b, d_c, d_d,
                                         d_initial);
  }

  template <class A, class X, class I, class H, class F>
  void dense_recurrence(const sequences& batch, view<A> a, view<X> x, view<I> initial, view<H> h,
                        view<F> final) {
    const thrust_detail::batch_view rows = view_of(batch);
    for_each_index(batch.count(), thrust_detail::dense_recurrence_sequence<A, X, I, H, F>{
                                      rows, a, x, initial, h, final});
  }
  template <class T, class A, class H, class I, class DH, class DF, class DX, class DA, class DI>
  void dense_recurrence_backward(const sequences& batch,
                                 operations::dense_recurrence_scratch<T>& scratch, view<A> a,
                                 view<H> h, view<I> initial, view<DH> d_h, view<DF> d_final,
                                 view<DX> d_x, view<DA> d_a, view<DI> d_initial) {
    const thrust_detail::batch_view rows = view_of(batch);
    operations::resize(*this, scratch.gradient, d_h.shape());
    const view<T> g = scratch.gradient.view();
    for_each_index(batch.count(), thrust_detail::dense_recurrence_adjoints<T, A, DH, DF, DI>{
                                      rows, a, d_h, d_final, g, d_initial});
    if constexpr (!is_none_v<view<DX>>) {
      for_each_index(g.size(), thrust_detail::dense_recurrence_d_x<T, DX>{g, d_x});
    }
    if constexpr (!is_none_v<view<DA>>) {
      for_each_index(d_a.size(),
                     thrust_detail::dense_recurrence_d_a<T, H, I, DA>{rows, g, h, initial, d_a});
    }
  }

  template <class Rule, class DT, class ARE, class AIM, class TAU, class OUT>
  void complex_discretization(const Rule& rule, view<DT> dt, view<ARE> a_re, view<AIM> a_im,
                              view<TAU> tau, view<OUT> abar_re, view<OUT> abar_im,
                              view<OUT> bbar_re, view<OUT> bbar_im) {
    for_each_index(abar_re.size(),
                   thrust_detail::discretized_mode<Rule, DT, ARE, AIM, TAU, OUT>{
                       rule, dt, a_re, a_im, tau, abar_re, abar_im, bbar_re, bbar_im});
  }
  template <class Rule, class DT, class ARE, class AIM, class TAU, class G, class DDT, class DRE,
            class DIM, class DTAU>
  void complex_discretization_backward(const Rule& rule, view<DT> dt, view<ARE> a_re,
                                       view<AIM> a_im, view<TAU> tau, view<G> d_abar_re,
                                       view<G> d_abar_im, view<G> d_bbar_re, view<G> d_bbar_im,
                                       view<DDT> d_dt, view<DRE> d_a_re, view<DIM> d_a_im,
                                       view<DTAU> d_tau) {
    for_each_index(
        a_re.extent(1),
        thrust_detail::discretization_gradient<Rule, DT, ARE, AIM, TAU, G, DDT, DRE, DIM, DTAU>{
            rule, dt, a_re, a_im, tau, d_abar_re, d_abar_im, d_bbar_re, d_bbar_im, d_dt, d_a_re,
            d_a_im, d_tau});
  }

 private:
  template <std::size_t I, class F, class DY, class DX, class O>
  void add_gradient(const F& f, view<DY> d_y, view<DX> d_x, const O& operands) {
    if constexpr (!is_none_v<view<DX>>) {
      for_each_index(d_x.rows() == 1 ? d_y.columns() : d_y.size(),
                     thrust_detail::transform_gradient<I, F, DY, DX, O>{f, d_y, d_x, operands});
    }
  }
  // Arrays of the host, as loop bodies can read them during this operation.
  template <class X>
  const X* readable(std::span<const X> x) {
    if constexpr (thrust_detail::has_own_memory<System>) {
      return system_.readable(x.data(), static_cast<index_t>(x.size()));
    } else {
      return x.data();
    }
  }
  thrust_detail::batch_view view_of(const sequences& batch) {
    const auto offsets = static_cast<std::size_t>(batch.count()) + 1;
    return {readable(std::span<const index_t>(batch.offsets(), offsets)), batch.count()};
  }
  template <class S>
  thrust_detail::scan_pieces pieces_of(const sequences& batch, index_t channels) {
    return {view_of(batch), thrust_detail::pieces_of(system_, batch, channels),
            thrust_detail::tile_tokens<S>};
  }
  // A loop body cannot throw, so ids are looked at before.
  template <class Id>
  static void check_ids(const char* place, std::span<const Id> ids, index_t count) {
    for (index_t t = 0; t < static_cast<index_t>(ids.size()); ++t) {
      operations::detail::checked_id(place, ids, t, count);
    }
  }
  template <class Id>
  static void check_targets(const char* place, std::span<const Id> targets, index_t count) {
    for (index_t t = 0; t < static_cast<index_t>(targets.size()); ++t) {
      operations::detail::checked_target(place, targets, t, count);
    }
  }

  System system_{};
  thrust_detail::scratch scratch_;
  tensor<index_t> sorted_, order_;  // ids, and where they stood
};

}  // namespace attd
