// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Thrust backend: every operation as loop bodies that any of Thrust's systems can run.
#pragma once

#include <thrust/sort.h>

#include <attd/backends/thrust/convolution.hpp>
#include <attd/backends/thrust/cross_entropy.hpp>
#include <attd/backends/thrust/elementwise.hpp>
#include <attd/backends/thrust/leaf_members.hpp>
#include <attd/backends/thrust/matmul.hpp>
#include <attd/backends/thrust/normalization.hpp>
#include <attd/backends/thrust/rounding.hpp>
#include <attd/backends/thrust/scan_members.hpp>
#include <attd/backends/thrust/scratch.hpp>
#include <attd/backends/thrust/systems.hpp>
#include <attd/backends/thrust/tokens.hpp>
#include <attd/operations/embedding.hpp>
#include <attd/operations/pooling.hpp>
#include <attd/operations/replay.hpp>
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
/// Every sum has an order of its own, given by shapes alone, so all systems give the same bits
/// in the same build, whatever their number of threads. On a CPU it is there for agreement, not for
/// speed: `eigen` is some twenty times faster. A handle keeps scratch memory; one for each thread
/// of your own. After the largest shapes have been seen once, no operation allocates memory, but
/// for the gradient of an embedding, which sorts.
template <class System = systems::cpp>
class thrust : public thrust_detail::scan_members<thrust<System>>,
               public thrust_detail::leaf_members<thrust<System>> {
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
  /// Does again what f did (`operations::replay`), on systems that can record.
  using recording = operations::recording<System>;
  template <class F>
    requires requires(System& s, recording& r, const F& f) { s.replay(r, f); }
  void replay(recording& r, const F& f) {
    system_.replay(r, f);
  }
  /// Parameters that stay as they are (`operations::hold_constant`), on systems that gain by it.
  template <class A>
    requires requires(System& s, const A& parameters) { s.hold_constant(parameters); }
  void hold_constant(const A& parameters) {
    system_.hold_constant(parameters);
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

  /// By the system's own `matmul`, if it has one for these numbers and says that it took it.
  template <operations::transpose Ta, operations::transpose Tb, operations::update U, class A,
            class B, class C>
  void matmul(view<A> a, view<B> b, view<C> c) {
    if constexpr (requires { bool(system_.template matmul<Ta, Tb, U>(a, b, c)); }) {
      if (system_.template matmul<Ta, Tb, U>(a, b, c)) return;
    }
    for_each_index(c.size(), thrust_detail::product_element<Ta, Tb, U, A, B, C>{a, b, c});
  }
  template <class B, class Y>
  void fill_rows(view<Y> y, view<B> bias) {
    for_each_index(y.size(), thrust_detail::filled_element<Y, B>{y, bias});
  }
  template <class DY, class DB>
    requires(!is_none_v<view<DB>>)
  void sum_of_rows(view<DY> d_y, view<DB> d_bias) {
    using S = std::remove_const_t<DY>;
    const shape of_partial = thrust_detail::shape_of_partial(d_y.rows(), 1, d_y.columns());
    thrust_detail::give_sums_over_tokens(*this, d_y.rows(),
                                         thrust_detail::row_sum<DY, DB>{d_y, d_bias},
                                         scratch_.template take<S>(*this, of_partial));
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

  void round_to_bfloat16(view<const float> from, view<bfloat16> to) {
    convert<thrust_detail::rounding_function>(from, to);
  }
  void widen_bfloat16(view<const bfloat16> from, view<float> to) {
    convert<thrust_detail::widening_function>(from, to);
  }

  template <class X, class W, class Y>
  void rms_norm(view<X> x, view<W> weight, double eps, view<Y> y) {
    const auto layout = thrust_detail::norm_layout::of(x.rows(), x.columns());
    for_each_team(layout.teams(), thrust_detail::rms_norm_rows<X, W, Y>{layout, x, weight, eps, y});
  }
  template <class X, class W, class DY, class DX, class DW>
  void rms_norm_backward(view<X> x, view<W> weight, double eps, view<DY> d_y, view<DX> d_x,
                         view<DW> d_weight) {
    thrust_detail::rms_norm_backward(*this, scratch_, x, weight, eps, d_y, d_x, d_weight);
  }
  template <class X, class W, class B, class Y>
  void layer_norm(view<X> x, view<W> weight, view<B> bias, double eps, view<Y> y) {
    const auto layout = thrust_detail::norm_layout::of(x.rows(), x.columns());
    for_each_team(layout.teams(),
                  thrust_detail::layer_norm_rows<X, W, B, Y>{layout, x, weight, bias, eps, y});
  }
  template <class X, class W, class DY, class DX, class DW, class DB>
  void layer_norm_backward(view<X> x, view<W> weight, double eps, view<DY> d_y, view<DX> d_x,
                           view<DW> d_weight, view<DB> d_bias) {
    thrust_detail::layer_norm_backward(*this, scratch_, x, weight, eps, d_y, d_x, d_weight, d_bias);
  }

  template <class X, class W, class B, class H, class Y, class F>
  void causal_convolution(const sequences& batch, view<X> x, view<W> weight, view<B> bias,
                          view<H> initial, view<Y> y, view<F> final) {
    silu_convolution(batch, x, weight, bias, initial, y, view<none>{}, final);
  }
  template <class X, class W, class H, class DY, class DF, class DX, class DW, class DB, class DH>
  void causal_convolution_backward(const sequences& batch, view<X> x, view<W> weight,
                                   view<H> initial, view<DY> d_y, view<DF> d_final, view<DX> d_x,
                                   view<DW> d_weight, view<DB> d_bias, view<DH> d_initial) {
    const thrust_detail::given_rows<DY> rows{d_y};
    convolution_backward(batch, x, weight, initial, rows, d_final, d_x, d_weight, d_bias,
                         d_initial);
    if constexpr (is_none_v<view<DW>> && !is_none_v<view<DB>>) sum_of_rows(d_y, d_bias);
  }
  template <class X, class W, class B, class H, class V, class Y, class F>
  void silu_convolution(const sequences& batch, view<X> x, view<W> weight, view<B> bias,
                        view<H> initial, view<V> v, view<Y> y, view<F> final) {
    const thrust_detail::batch_view rows = view_of(batch);
    for_each_index(x.size(), thrust_detail::convolution_element<X, W, B, H, V, Y>{
                                 rows, x, weight, bias, initial, v, y});
    if constexpr (!is_none_v<view<F>>) {
      for_each_index(final.size(),
                     thrust_detail::convolution_final<X, H, F>{rows, x, initial, final});
    }
  }
  template <class X, class W, class H, class V, class DY, class DF, class DX, class DW, class DB,
            class DH>
    requires(!is_none_v<view<DW>> || is_none_v<view<DB>>)
  void silu_convolution_backward(const sequences& batch, view<X> x, view<W> weight, view<H> initial,
                                 view<V> v, view<DY> d_y, view<DF> d_final, view<DX> d_x,
                                 view<DW> d_weight, view<DB> d_bias, view<DH> d_initial) {
    const thrust_detail::rows_through_silu<DY, V> rows{d_y, v};
    convolution_backward(batch, x, weight, initial, rows, d_final, d_x, d_weight, d_bias,
                         d_initial);
  }

  template <class L, class Id, class Y>
  void cross_entropy(view<L> logits, std::span<const Id> targets, view<Y> loss) {
    check_targets("cross_entropy", targets, logits.columns());
    const auto layout = thrust_detail::softmax_layout::of(logits.rows(), logits.columns());
    for_each_team(layout.teams(), thrust_detail::cross_entropy_rows<L, Id, Y>{
                                      layout, logits, readable(targets), loss});
  }
  template <class L, class Id, class G, class DL>
  void cross_entropy_backward(view<L> logits, std::span<const Id> targets, view<G> weight,
                              view<DL> d_logits) {
    check_targets("cross_entropy_backward", targets, logits.columns());
    const auto layout = thrust_detail::softmax_layout::of(logits.rows(), logits.columns());
    for_each_team(layout.teams(), thrust_detail::cross_entropy_gradient_rows<L, Id, G, DL>{
                                      layout, logits, readable(targets), weight, d_logits});
  }
  template <class L, class Id, class G, class Y>
  void cross_entropy_in_place(view<L> logits, std::span<const Id> targets, view<G> weight,
                              view<Y> loss) {
    check_targets("cross_entropy_in_place", targets, logits.columns());
    const auto layout = thrust_detail::softmax_layout::of(logits.rows(), logits.columns());
    for_each_team(layout.teams(), thrust_detail::cross_entropy_rows_in_place<L, Id, G, Y>{
                                      layout, logits, readable(targets), weight, loss});
  }
  template <class L, class Y>
  void softmax_entropy(view<L> logits, view<Y> entropy) {
    const auto layout = thrust_detail::softmax_layout::of(logits.rows(), logits.columns());
    for_each_team(layout.teams(),
                  thrust_detail::softmax_entropy_rows<L, Y>{layout, logits, entropy});
  }
  template <class L, class G, class DL>
  void softmax_entropy_backward(view<L> logits, view<G> weight, view<DL> d_logits) {
    const auto layout = thrust_detail::softmax_layout::of(logits.rows(), logits.columns());
    for_each_team(layout.teams(), thrust_detail::softmax_entropy_gradient_rows<L, G, DL>{
                                      layout, logits, weight, d_logits});
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
  template <class X, class Y>
  void row_means(view<X> x, view<Y> y) {
    for_each_index(x.rows(), thrust_detail::row_mean_element<X, Y>{x, y});
  }
  template <class DY, class DX>
  void row_means_backward(view<DY> d_y, view<DX> d_x) {
    for_each_index(d_x.size(), thrust_detail::row_mean_gradient<DY, DX>{d_y, d_x});
  }

 private:
  friend class thrust_detail::scan_members<thrust>;
  friend class thrust_detail::leaf_members<thrust>;

  template <class F, class From, class To>
  void convert(view<const From> from, view<To> to) {
    const thrust_detail::converted_group<F, From, To> groups{F{}, from, to};
    for_each_index(groups.count(), groups);
  }
  template <std::size_t I, class F, class DY, class DX, class O>
  void add_gradient(const F& f, view<DY> d_y, view<DX> d_x, const O& operands) {
    if constexpr (!is_none_v<view<DX>>) {
      for_each_index(d_x.rows() == 1 ? d_y.columns() : d_y.size(),
                     thrust_detail::transform_gradient<I, F, DY, DX, O>{f, d_y, d_x, operands});
    }
  }
  template <class X, class W, class H, class Rows, class DF, class DX, class DW, class DB, class DH>
  void convolution_backward(const sequences& batch, view<X> x, view<W> weight, view<H> initial,
                            const Rows& d_y, view<DF> d_final, view<DX> d_x, view<DW> d_weight,
                            view<DB> d_bias, view<DH> d_initial) {
    const thrust_detail::batch_view rows = view_of(batch);
    if constexpr (!is_none_v<view<DX>>) {
      for_each_index(x.size(), thrust_detail::convolution_d_x<W, Rows, DF, DX>{rows, weight, d_y,
                                                                               d_final, d_x});
    }
    if constexpr (!is_none_v<view<DH>>) {
      for_each_index(d_initial.size(), thrust_detail::convolution_d_initial<W, Rows, DF, DH>{
                                           rows, weight, d_y, d_final, d_initial});
    }
    if constexpr (!is_none_v<view<DW>>) {
      thrust_detail::convolution_weight_gradients(*this, scratch_, rows, x, initial, d_y, d_weight,
                                                  d_bias);
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
