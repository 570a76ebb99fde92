// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The selective scan with what stands around it in Mamba: step sizes before, gate after.
#pragma once

#include <attd/operations/activations.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/selective_scan.hpp>
#include <attd/operations/transform.hpp>
#include <tuple>
#include <type_traits>
#include <utility>

namespace attd::operations {

/// softplus(x + bias) exp(tau): the step size of a channel whose time runs exp(tau) times as fast.
/// Where there is no bias or no tau it is called without, and where there is one of them the
/// template argument says which.
template <bool Biased>
struct step_function {
  /// Of any number type.
  template <class T>
  ATTD_HD T operator()(T x) const {
    return softplus(x);
  }
  template <class T>
  ATTD_HD T operator()(T x, T second) const {
    if constexpr (Biased) {
      return softplus(x + second);
    } else {
      return softplus(x) * exp(second);
    }
  }
  template <class T>
  ATTD_HD T operator()(T x, T bias, T tau) const {
    return softplus(x + bias) * exp(tau);
  }
};

/// d_y s silu'(z): the gradient of z, given that of y = s silu(z).
struct gate_gradient_function {
  template <class T>
  ATTD_HD T operator()(T d_y, T s, T z) const {
    return d_y * detail::partial_derivative<1>(gated_silu_function{}, s, z);
  }
};

/// Whether `gated_scan` keeps the scan's output for the backward, or the backward computes it
/// again.
enum class scan_output : unsigned char { kept, computed_again };

/// What `gated_scan` keeps for its backward. Backends that compute step sizes on the way leave
/// `step` empty.
template <class S>
struct gated_scan_cache {
  tensor<S> step;  ///< dt [token, channel]
  tensor<S> s;     ///< output of the scan [token, channel]; empty where it is computed again
};

/// Memory that `gated_scan_backward` computes in; keep it between calls.
template <class S>
struct gated_scan_scratch {
  tensor<S> d_step, d_s;
  selective_scan_scratch<S> scan;
};

namespace detail {

/// The row of tau or of its gradient that belongs to a sequence.
template <class Tau>
view<Tau> time_of(const view<Tau>& tau, index_t sequence) {
  if constexpr (is_none_v<view<Tau>>) {
    return {};
  } else {
    return tau.row_range(tau.extent(0) == 1 ? 0 : sequence, 1);
  }
}

// One value, or none where the operand that it goes with is absent.
template <class X, class V>
auto with_operand(view<X>, const V& value) {
  if constexpr (is_none_v<view<X>>) {
    return std::tuple<>{};
  } else {
    return std::tuple{value};
  }
}

// Calls f(function, first token, tokens, operands, gradients) with tuples of the bias and the tau
// that there are and of views of their gradients, for every sequence or, without tau, for all at
// once.
template <class B, class Tau, class DTau, class F>
void for_each_step_part(const sequences& batch, view<B> bias, view<Tau> tau, view<DTau> d_tau,
                        const F& f) {
  const auto part = [&](index_t s, index_t first, index_t count) {
    f(step_function<!is_none_v<view<B>>>{}, first, count,
      std::tuple_cat(with_operand(bias, bias), with_operand(tau, time_of(tau, s))),
      std::tuple_cat(with_operand(bias, view<none>{}), with_operand(tau, time_of(d_tau, s))));
  };
  if constexpr (is_none_v<view<Tau>>) {
    part(0, 0, batch.tokens());
  } else {
    for (index_t s = 0; s < batch.count(); ++s) part(s, batch.offset(s), batch.length(s));
  }
}

template <class Backend, class S, class R, class SB, class Tau>
void compute_steps(Backend& backend, const sequences& batch, tensor<S>& step, view<R> raw,
                   view<SB> bias, view<Tau> tau) {
  resize(backend, step, raw.shape());
  for_each_step_part(batch, bias, tau, view<none>{},
                     [&](const auto& f, index_t first, index_t count, const auto& operands,
                         const auto& /*gradients*/) {
                       std::apply(
                           [&](auto... x) {
                             transform(backend, f, step.view().row_range(first, count),
                                       raw.row_range(first, count), x...);
                           },
                           operands);
                     });
}

// Where the backward puts s if it computes it again: where d_z or y will be.
template <class DZ, class Y>
auto memory_of_output(bool again, view<DZ> d_z, view<Y> y) {
  if constexpr (is_none_v<view<DZ>>) {
    return again ? y : view<Y>{};
  } else {
    return again ? d_z : view<DZ>{};
  }
}
// d_z and y, given s in the memory of the first or else of the second.
template <class Backend, class Z, class DY, class DZ, class Y>
void gate_of_output(Backend& backend, view<Z> z, view<DY> d_y, view<DZ> d_z, view<Y> y) {
  constexpr bool has_d_z = !is_none_v<view<DZ>>, has_y = !is_none_v<view<Y>>;
  if constexpr (has_d_z && has_y) {
    transform(backend, gated_silu_function{}, y, d_z, z);
  } else if constexpr (has_y) {
    transform(backend, gated_silu_function{}, y, y, z);
  }
  if constexpr (has_d_z) transform(backend, gate_gradient_function{}, d_z, d_y, d_z, z);
}

// Whether a backend has a gated scan of its own, at least where all operands are of one type.
template <class Backend, class S>
concept has_gated_scan =
    requires(Backend& backend, const sequences& batch, gated_scan_cache<S>& cache, view<const S> x,
             view<S> y) { backend.gated_scan(batch, cache, x, x, x, x, x, x, x, x, x, x, y, y); };

}  // namespace detail

/// dt = softplus(raw + bias) exp(tau), which `gated_scan` computes first and keeps in `cache.step`:
/// for those who keep the rest only. Does nothing where the backend computes step sizes on the way,
/// that is where `gated_scan` left them empty.
///
/// Shapes: raw [token, channel]; bias [channel]; tau [1 or sequence, channel]; the last two may be
/// `view<none>` (0).
template <class Backend, class S, class R, class SB, class Tau>
void gated_scan_steps(Backend& backend, const sequences& batch, gated_scan_cache<S>& cache,
                      view<R> raw, view<SB> bias, view<Tau> tau) {
  if constexpr (detail::has_gated_scan<Backend, S>) {
    if (cache.step.empty()) return;
  }
  detail::compute_steps(backend, batch, cache.step, raw, bias, tau);
}

/// Selective scan between Mamba's step sizes and its gate:
///   dt = softplus(raw + bias) exp(tau),  s = selective_scan(u, dt, a, b, c, d, initial),  y = s
///   silu(z).
///
/// Shapes: raw, z, y [token, channel]; bias [channel] and tau [1 or sequence, channel], either may
/// be `view<none>` (0); the others as in `selective_scan`. y must not overlap an operand. Cost:
/// that of the scan, two elementwise functions more; allocates nothing once the cache has seen the
/// size. With `scan_output::computed_again` s is in no memory at all, and `cache.s` is left empty.
/// Errors: `attd::error` for shapes that disagree. Source: [Gu2023, Fig. 3 and Algorithm 2].
template <class Backend, class S, class U, class R, class SB, class Tau, class A, class B, class C,
          class D, class I, class Z, class Y, class F>
void gated_scan(Backend& backend, const sequences& batch, gated_scan_cache<S>& cache, view<U> u,
                view<R> raw, view<SB> bias, view<Tau> tau, view<A> a, view<B> b, view<C> c,
                view<D> d, view<I> initial, view<Z> z, view<Y> y, view<F> final,
                scan_output output = scan_output::kept) {
  const char* place = "gated_scan";
  detail::expect_scan(place, batch, u, raw, a, b, c, d, initial, y, final);
  expect_shape(place, "z", z.shape(), y.shape());
  detail::expect_optional(place, "bias", bias, {u.columns()});
  if constexpr (!is_none_v<view<Tau>>) {
    expect_shape(place, "tau", tau.shape(), {tau.extent(0) == 1 ? 1 : batch.count(), u.columns()});
  }
  const bool keeps = output == scan_output::kept;
  resize(backend, cache.s, keeps ? y.shape() : shape{0});
  if constexpr (requires {
                  backend.gated_scan(batch, cache, u, raw, bias, tau, a, b, c, d, initial, z, y,
                                     final);
                }) {
    backend.gated_scan(batch, cache, u, raw, bias, tau, a, b, c, d, initial, z, y, final);
  } else {
    detail::compute_steps(backend, batch, cache.step, raw, bias, tau);
    const view<S> s = keeps ? cache.s.view() : y;
    selective_scan(backend, batch, u, cache.step.view(), a, b, c, d, initial, s, final);
    transform(backend, gated_silu_function{}, y, s, z);
  }
}

/// Gradients of `gated_scan`, each only when its view is not `view<none>`; `cache` is the
/// forward's. Those of the scan with d_s = d_y silu(z), and
///   d_z = d_y s silu'(z),  d_raw = d_dt sigmoid(raw + bias) exp(tau),  d_tau += sum_t d_dt dt.
/// The gradient of the bias is the sum of d_raw over tokens, which `linear_backward` gives.
/// d_z, d_raw and d_u, which are as large as the tokens, are replaced; the others are added to.
///
/// Where the forward left `cache.s` empty (`scan_output::computed_again`), s = sum_n c_t h_t + d
/// u_t comes from the states that the backward passes anyway, and lies in the memory of d_z until
/// d_z takes its place: no further memory. The forward's output y = s silu(z) is then computed
/// again too, if it is asked for; where s was kept, `y` is left alone.
///
/// Shapes: those of the operands, y as z; d_tau sums over sequences where its first extent is 1.
/// Cost: that of the scan's backward; without s, 2 operations per token, channel and state more.
template <class Backend, class S, class U, class R, class SB, class Tau, class A, class B, class C,
          class D, class I, class Z, class DY, class DF, class DU, class DR, class DTau, class DA,
          class DB, class DC, class DD, class DI, class DZ, class Y = none>
void gated_scan_backward(Backend& backend, const sequences& batch, const gated_scan_cache<S>& cache,
                         gated_scan_scratch<S>& scratch, view<U> u, view<R> raw, view<SB> bias,
                         view<Tau> tau, view<A> a, view<B> b, view<C> c, view<D> d, view<I> initial,
                         view<Z> z, view<DY> d_y, view<DF> d_final, view<DU> d_u, view<DR> d_raw,
                         view<DTau> d_tau, view<DA> d_a, view<DB> d_b, view<DC> d_c, view<DD> d_d,
                         view<DI> d_initial, view<DZ> d_z, view<Y> y = {}) {
  static_assert((is_none_v<view<DZ>> || std::is_same_v<DZ, S>) &&
                    (is_none_v<view<Y>> || std::is_same_v<Y, S>),
                "attd: gated_scan_backward needs d_z and y of the cache's number type");
  const char* place = "gated_scan_backward";
  const shape rows = u.shape();
  detail::expect_scan(place, batch, u, raw, a, b, c, d, initial, d_y, d_final);
  detail::expect_optional(place, "d_u", d_u, rows);
  detail::expect_optional(place, "d_raw", d_raw, rows);
  detail::expect_optional(place, "d_z", d_z, rows);
  detail::expect_optional(place, "y", y, rows);
  detail::expect_dynamics(place, "d_a", d_a, batch, u.columns(), b.columns());
  detail::expect_optional(place, "d_b", d_b, b.shape());
  detail::expect_optional(place, "d_c", d_c, c.shape());
  detail::expect_optional(place, "d_d", d_d, {u.columns()});
  detail::expect_optional(place, "d_initial", d_initial, {batch.count(), u.columns(), b.columns()});
  if constexpr (!is_none_v<view<DTau>>) {
    expect_shape(place, "d_tau", d_tau.shape(),
                 {d_tau.extent(0) == 1 ? 1 : batch.count(), u.columns()});
  }
  if constexpr (requires {
                  backend.gated_scan_backward(batch, cache, scratch, u, raw, bias, tau, a, b, c, d,
                                              initial, z, d_y, d_final, d_u, d_raw, d_tau, d_a, d_b,
                                              d_c, d_d, d_initial, d_z, y);
                }) {
    backend.gated_scan_backward(batch, cache, scratch, u, raw, bias, tau, a, b, c, d, initial, z,
                                d_y, d_final, d_u, d_raw, d_tau, d_a, d_b, d_c, d_d, d_initial, d_z,
                                y);
  } else {
    constexpr bool steps = !is_none_v<view<DR>> || !is_none_v<view<DTau>>;
    const bool again = cache.s.empty();
    clear(backend, scratch.d_s, rows);
    clear_view(backend, d_u);
    clear_view(backend, d_raw);
    if (again) {  // d_s does not depend on s, for which z stands
      transform_backward(backend, gated_silu_function{}, d_y,
                         std::tuple{scratch.d_s.view(), view<none>{}}, z, z);
    } else {
      clear_view(backend, d_z);
      transform_backward(backend, gated_silu_function{}, d_y, std::tuple{scratch.d_s.view(), d_z},
                         cache.s.view(), z);
    }
    const auto d_step = [&] {
      if constexpr (steps) {
        clear(backend, scratch.d_step, cache.step.shape());
        return scratch.d_step.view();
      } else {
        return view<none>{};
      }
    }();
    selective_scan_backward(backend, batch, scratch.scan, u, cache.step.view(), a, b, c, d, initial,
                            scratch.d_s.view(), d_final, d_u, d_step, d_a, d_b, d_c, d_d, d_initial,
                            detail::memory_of_output(again, d_z, y));
    if (again) detail::gate_of_output(backend, z, d_y, d_z, y);
    if constexpr (steps) {
      detail::for_each_step_part(
          batch, bias, tau, d_tau,
          [&](const auto& f, index_t first, index_t count, const auto& operands,
              const auto& gradients) {
            std::apply(
                [&](auto... x) {
                  transform_backward(
                      backend, f, scratch.d_step.view().row_range(first, count),
                      std::tuple_cat(std::tuple{d_raw.row_range(first, count)}, gradients),
                      raw.row_range(first, count), x...);
                },
                operands);
          });
    }
  }
}

}  // namespace attd::operations
