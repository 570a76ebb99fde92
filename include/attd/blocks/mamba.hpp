// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Mamba block: gate, causal convolution and a selective scan (S6).
#pragma once

#include <attd/blocks/mamba_parts.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/random.hpp>
#include <attd/core/sequences.hpp>
#include <attd/metrics/flops.hpp>
#include <attd/operations/gated_scan.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/silu_convolution.hpp>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

namespace attd::blocks {

/// Mamba (S6): the dynamics' rates are fixed, step size, input and output maps follow the input.
///
/// *Formula*: (v, z) = W_in x;  u = silu(conv(v));  (r, B, C) = W_x u;
/// dt = softplus(W_dt r + b_dt) exp(tau);  h_t = exp(dt_t A) h_{t-1} + dt_t B_t u_t;
/// s_t = C_t h_t + D u_t;  y = W_out (s silu(z));  A = -exp(A_log). tau is 0 unless the dynamics
/// have a `log_timescale`.
/// *Shapes*: x, y [token, width]; v, z, u, dt, s [token, inner] with inner = expand width; r
/// [token, rank]; B, C [token, state]; A [inner, state].
/// *Units and ranges*: step sizes start log-uniform in [step_min, step_max], at least step_floor;
/// rank 0 stands for width / 16, rounded up.
/// *Cost*: `forward_flops`; allocates nothing once the cache has seen the size.
/// *Source*: [Gu2023, Sec. 3.4 and Algorithm 2]; B by Euler's rule, as its code does, which also
/// gives the initialisation and the names of the parameters.
struct mamba {
  index_t width = 16;
  index_t expand = 2;
  index_t state_size = 16;
  index_t kernel = 4;
  index_t rank = 0;
  double step_min = 1e-3;
  double step_max = 0.1;
  double step_floor = 1e-4;
  double step_scale = 1.0;                            ///< of the initial weight of dt_proj
  activation_storage keep = activation_storage::all;  ///< memory against work; not in files

  static constexpr dynamics_kind kind = dynamics_kind::real_table;
  static constexpr bool causal = true;
  static constexpr bool reads_input_for_parameters_only = true;  ///< in its backward

  template <class T>
  using parameters = mamba_parameters<T>;
  template <class T>
  using state = mamba_state<T>;
  template <class S>
  using cache = mamba_cache<S>;

  /// Channels that a token has.
  index_t inputs() const { return width; }
  /// Channels of a token of the output: as many.
  index_t outputs() const { return width; }
  /// Channels inside the block.
  index_t inner() const { return expand * width; }
  /// Rank of the step size's projection; by default width / 16, rounded up.
  index_t step_rank() const { return rank > 0 ? rank : (width + 15) / 16; }
  /// Whether the backward computes activations again, so that its work memory serves a forward too.
  bool recomputes() const { return keep != activation_storage::all; }
  /// Whether what is kept in floats is rounded, and what a model keeps of its layers may be too.
  bool rounds() const { return keep == activation_storage::recompute_bfloat16; }
  /// Kind and shape of the dynamics that adapters change.
  dynamics_layout layout() const { return {kind, inner(), state_size, inner()}; }

  /// As the authors' code: uniform weights, A = -(1 .. state_size), D = 1, and biases such that the
  /// step sizes start log-uniform in [step_min, step_max].
  /// *Errors*: `attd::error` for sizes below 1.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    if (width < 1 || expand < 1 || state_size < 1 || kernel < 1) {
      fail("mamba: width, expand, state_size and kernel are ", width, ", ", expand, ", ",
           state_size, " and ", kernel, ", expected at least 1 each");
    }
    const auto fill = [&](std::uint64_t part, tensor<T>& w, const shape& s, double bound) {
      random_stream own = random.split(part);
      w.resize(s);
      for (index_t i = 0; i < w.view().rows(); ++i) {
        for (index_t j = 0; j < w.view().columns(); ++j) {
          w.view().at(i, j) = T(own.uniform(-bound, bound));
        }
      }
    };
    const auto root = [](index_t n) { return 1.0 / std::sqrt(double(n)); };
    const index_t channels = inner(), low = step_rank();
    fill(0, p.in_proj, {2 * channels, width}, root(width));
    fill(1, p.conv_weight, {channels, 1, kernel}, root(kernel));
    fill(2, p.conv_bias, {channels}, root(kernel));
    fill(3, p.x_proj, {low + 2 * state_size, channels}, root(channels));
    fill(4, p.dt_weight, {channels, low}, step_scale * root(low));
    fill(5, p.out_proj, {width, channels}, root(channels));
    p.dt_bias.resize({channels});
    p.a_log.resize({channels, state_size});
    p.d.assign({channels}, T(1));
    random_stream steps = random.split(6);
    for (index_t i = 0; i < channels; ++i) {
      const double step = std::exp(steps.uniform(std::log(step_min), std::log(step_max)));
      p.dt_bias(i) = T(inverse_softplus(step < step_floor ? step_floor : step));
      for (index_t n = 0; n < state_size; ++n) p.a_log(i, n) = T(std::log(double(n + 1)));
    }
  }

  /// A = -exp(A_log), shared by all sequences.
  template <class P>
  void base_dynamics(const parameters<P>& p, dynamics<P>& base) const {
    base.matrix.resize({1, inner(), state_size});
    for (index_t i = 0; i < inner(); ++i) {
      for (index_t n = 0; n < state_size; ++n) {
        const P a = p.a_log(i, n);
        base.matrix(0, i, n) = -exp(a);
      }
    }
  }

  /// Adds to the gradient of A_log: d A_log += dA A.
  template <class P, class G, class Tau>
  void base_dynamics_backward(const parameters<P>& p, const dynamics<G, Tau>& d_base,
                              parameters<G>& d_p) const {
    for (index_t i = 0; i < inner(); ++i) {
      for (index_t n = 0; n < state_size; ++n) {
        const P a = p.a_log(i, n);
        const G g = d_base.matrix(0, i, n);
        d_p.a_log(i, n) += g * -exp(a);
      }
    }
  }

  /// The state before the first token of `count` sequences: zeros.
  template <class T>
  void reset_state(index_t count, state<T>& s) const {
    s.conv.assign({count, kernel - 1, inner()});
    s.ssm.assign({count, inner(), state_size});
  }

  /// Output y [token, width], activations into the cache, what the next piece of each sequence
  /// starts from into `final` (which must not be `initial`).
  template <class Backend, class P, class M, class Tau, class X, class I, class S>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p,
               const dynamics<M, Tau>& dyn, view<X> x, const state<I>& initial, cache<S>& c,
               view<S> y, state<S>& final) const {
    namespace op = operations;
    static_assert(std::is_same_v<S, promote_t<P, M, Tau, X, I>>,
                  "attd: mamba's cache and output need the number type promote_t of its operands");
    const index_t tokens = batch.tokens(), channels = inner(), low = step_rank();
    const mamba_computation<S> computation(keep, c);
    mamba_activations<S>& a = computation.activations();
    for (tensor<S>* t : {&a.convolved, &a.u, &a.raw_step, &a.gated}) {
      op::resize(backend, *t, {tokens, channels});
    }
    op::resize(backend, a.vz, {tokens, 2 * channels});
    op::resize(backend, a.selected, {tokens, low + 2 * state_size});
    op::resize(backend, final.conv, {batch.count(), kernel - 1, channels});
    op::resize(backend, final.ssm, {batch.count(), channels, state_size});
    const view<none> absent;
    op::linear(backend, batch, x, p.in_proj.view(), absent, a.vz.view());
    const view<const S> v = a.vz.view().column_range(0, channels);
    const view<const S> z = a.vz.view().column_range(channels, channels);
    op::silu_convolution(backend, batch, v, kernel_of(p), p.conv_bias.view(), initial.conv.view(),
                         a.convolved.view(), a.u.view(), final.conv.view());
    const view<const S> u = std::as_const(a.u).view();
    op::linear(backend, batch, u, p.x_proj.view(), absent, a.selected.view());
    const auto [r, in, out] = parts_of(a.selected);
    op::linear(backend, batch, r, p.dt_weight.view(), view<none>{}, a.raw_step.view());
    op::gated_scan(backend, batch, a.scan, u, std::as_const(a.raw_step).view(), p.dt_bias.view(),
                   dyn.log_timescale.view(), dyn.matrix.view(), in, out, p.d.view(),
                   initial.ssm.view(), z, a.gated.view(), final.ssm.view(),
                   recomputes() ? op::scan_output::computed_again : op::scan_output::kept);
    op::linear(backend, batch, a.gated.view(), p.out_proj.view(), absent, y);
    computation.round(backend);
  }

  /// Adds the gradients that are asked for, given d_y and the gradient of the final state (whose
  /// number type may be `none`). With gradients of the dynamics alone nothing before the scan is
  /// visited.
  template <class Backend, class P, class M, class Tau, class X, class I, class S, class DF,
            class DX, class DP, class DM, class DTau, class DI>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p,
                const dynamics<M, Tau>& dyn, view<X> x, const state<I>& initial, cache<S>& c,
                view<const S> d_y, const state<DF>& d_final, view<DX> d_x, parameters<DP>& d_p,
                dynamics<DM, DTau>& d_dyn, state<DI>& d_initial) const {
    namespace op = operations;
    constexpr bool base = !std::is_same_v<DP, none>;
    constexpr bool input = !is_none_v<view<DX>>;
    constexpr bool before = base || input;  // what comes before the scan is asked for
    constexpr bool through = before || !std::is_same_v<DI, none>;
    const view<none> absent;
    const index_t channels = inner();
    const shape rows{batch.tokens(), channels};
    mamba_work<S>& w = c.work;
    const mamba_computation<S> computation(keep, c);
    mamba_activations<S>& a = computation.activations();
    computation.widen(backend);
    if (recomputes()) compute_again(backend, batch, p, dyn, initial, a);
    // Memory of the forward and of what was computed again serves gradients once it has been read;
    // `gated`, which the scan's backward gives again, lies where a gradient comes later.
    tensor<S>& d_z = recomputes() ? a.gated : w.d_z;
    tensor<S>& d_v = recomputes() ? a.raw_step : w.d_v;
    tensor<S>& gated = recomputes() ? w.d_convolved : a.gated;
    if (base && recomputes()) op::resize(backend, gated, rows);
    const auto gated_again = [&] {
      if constexpr (base) {
        return gated.view();
      } else {
        return view<none>{};
      }
    }();
    const view<const S> v = a.vz.view().column_range(0, channels);
    const view<const S> z = a.vz.view().column_range(channels, channels);
    const auto [r, in, out] = parts_of(a.selected);
    if constexpr (through) op::clear(backend, w.d_selected, a.selected.shape());
    const auto [d_r, d_in, d_out] = [&] {
      if constexpr (through) {
        return parts_of(w.d_selected);
      } else {
        return std::tuple<view<none>, view<none>, view<none>>{};
      }
    }();
    op::linear_backward<op::update::assign>(backend, batch, absent, p.out_proj.view(), d_y,
                                            sized<true>(backend, w.d_gated, rows), absent, absent);
    op::gated_scan_backward(
        backend, batch, a.scan, w.scan, a.u.view(), std::as_const(a.raw_step).view(),
        p.dt_bias.view(), dyn.log_timescale.view(), dyn.matrix.view(), in, out, p.d.view(),
        initial.ssm.view(), z, std::as_const(w.d_gated).view(), d_final.ssm.view(),
        sized<through>(backend, w.d_u, rows), sized<through>(backend, w.d_raw_step, rows),
        d_dyn.log_timescale.view(), d_dyn.matrix.view(), d_in, d_out, d_p.d.view(),
        d_initial.ssm.view(), sized<before>(backend, d_z, rows), gated_again);
    if constexpr (base) {
      op::linear_backward(backend, batch, std::as_const(gated).view(), p.out_proj.view(), d_y,
                          absent, d_p.out_proj.view(), absent);
    }
    if constexpr (through) {
      op::linear_backward(backend, batch, r, p.dt_weight.view(), w.d_raw_step.view(), d_r,
                          d_p.dt_weight.view(), d_p.dt_bias.view());
      op::linear_backward(backend, batch, a.u.view(), p.x_proj.view(),
                          std::as_const(w.d_selected).view(), w.d_u.view(), d_p.x_proj.view(),
                          absent);
      op::silu_convolution_backward(backend, batch, w.d_convolved, v, kernel_of(p),
                                    initial.conv.view(), std::as_const(a.convolved).view(),
                                    std::as_const(w.d_u).view(), d_final.conv.view(),
                                    sized<before>(backend, d_v, rows), kernel_of(d_p),
                                    d_p.conv_bias.view(), d_initial.conv.view());
      if constexpr (before) {
        const auto weight = p.in_proj.view();
        const auto d_weight = d_p.in_proj.view();
        op::linear_backward(backend, batch, x, weight.row_range(0, channels), d_v.view(), d_x,
                            d_weight.row_range(0, channels), absent);
        op::linear_backward(backend, batch, x, weight.row_range(channels, channels), d_z.view(),
                            d_x, d_weight.row_range(channels, channels), absent);
      }
    }
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const {
    namespace count = metrics::flops;
    const index_t channels = inner(), low = step_rank();
    const index_t per_token =
        count::linear(1, width, 2 * channels) + count::convolution(1, channels, kernel, true) +
        count::linear(1, channels, low + 2 * state_size) + count::linear(1, low, channels, true) +
        count::elementwise(channels, 2 * count::silu + count::multiply + count::softplus) +
        count::selective_scan(1, channels, state_size) + count::linear(1, channels, width);
    return tokens * double(per_token);
  }

 private:
  /// The step x with softplus(step) = x.
  static double inverse_softplus(double x) { return x + std::log(-std::expm1(-x)); }

  /// Step rank, input and read-out parts of x_proj's output or gradient, as views of columns.
  template <class S>
  auto parts_of(tensor<S>& selected) const {
    const auto all = selected.view();
    const index_t low = step_rank();
    return std::tuple{all.column_range(0, low), all.column_range(low, state_size),
                      all.column_range(low + state_size, state_size)};
  }
  /// [channel, 1, K] in files; the operation takes [channel, K].
  template <class P>
  auto kernel_of(P& p) const {
    return p.conv_weight.view().row_range(0, inner());
  }
  /// The activations before the scan that were not kept, by the operations of the forward.
  template <class Backend, class P, class M, class Tau, class I, class S>
  void compute_again(Backend& backend, const sequences& batch, const parameters<P>& p,
                     const dynamics<M, Tau>& dyn, const state<I>& initial,
                     mamba_activations<S>& a) const {
    namespace op = operations;
    const index_t channels = inner();
    for (tensor<S>* t : {&a.convolved, &a.u, &a.raw_step}) {
      op::resize(backend, *t, {batch.tokens(), channels});
    }
    const view<const S> v = a.vz.view().column_range(0, channels);
    op::silu_convolution(backend, batch, v, kernel_of(p), p.conv_bias.view(), initial.conv.view(),
                         a.convolved.view(), a.u.view(), view<none>{});
    const auto r = std::get<0>(parts_of(a.selected));
    op::linear(backend, batch, r, p.dt_weight.view(), view<none>{}, a.raw_step.view());
    op::gated_scan_steps(backend, batch, a.scan, std::as_const(a.raw_step).view(), p.dt_bias.view(),
                         dyn.log_timescale.view());
  }
  /// The gradient tensor in the shape of its activation, or nothing where not wanted.
  template <bool Wanted, class Backend, class S>
  static auto sized(Backend& backend, tensor<S>& gradient, const shape& s) {
    if constexpr (Wanted) {
      operations::resize(backend, gradient, s);
      return gradient.view();
    } else {
      return view<none>{};
    }
  }
};

}  // namespace attd::blocks
