// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The S4D block: a complex diagonal state space per channel, then a gated mix of the channels.
#pragma once

#include <algorithm>
#include <attd/concepts/block.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/random.hpp>
#include <attd/core/sequences.hpp>
#include <attd/metrics/flops.hpp>
#include <attd/operations/activations.hpp>
#include <attd/operations/complex_discretization.hpp>
#include <attd/operations/complex_scan.hpp>
#include <attd/operations/linear.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/transform.hpp>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <type_traits>

namespace attd::blocks {

/// Where the frequencies of the modes n = 0 .. N/2 - 1 start, N = `state_size`.
enum class s4d_spectrum {
  linear,   ///< S4D-Lin: Im A = pi n
  inverse,  ///< S4D-Inv: Im A = (N / pi) (N / (2 n + 1) - 1)
};

/// Parameters under the names of the S4 code base. Its `kernel.C` holds (re, im) pairs in a last
/// dimension of 2; here these are two planes, as everything complex is, so that real kernels run
/// over contiguous numbers. Its `output_linear.0` is `output_linear` here.
template <class T, bool Bidirectional>
struct s4d_parameters {
  tensor<T> d;           ///< skip [channel]
  tensor<T> c_re, c_im;  ///< read-out [channel, mode]
  tensor<T> log_dt;      ///< [channel]
  tensor<T> log_a_real;  ///< log(-Re A) [channel, mode]
  tensor<T> a_imag;      ///< Im A [channel, mode]
  tensor<T> weight;      ///< [2 channel, channel]: values, then gates
  tensor<T> bias;        ///< [2 channel]
  static constexpr std::tuple names{"D",
                                    "C_re",
                                    "C_im",
                                    "kernel.log_dt",
                                    "kernel.log_A_real",
                                    "kernel.A_imag",
                                    "output_linear.weight",
                                    "output_linear.bias"};
};
/// Run both ways: the same, and a second read-out.
template <class T>
struct s4d_parameters<T, true> {
  tensor<T> d;
  tensor<T> c_re, c_im;
  tensor<T> log_dt;
  tensor<T> log_a_real;
  tensor<T> a_imag;
  tensor<T> weight;
  tensor<T> bias;
  tensor<T> c_reverse_re, c_reverse_im;  ///< read-out of the modes run from the end
  static constexpr std::tuple names{"D",
                                    "C_re",
                                    "C_im",
                                    "kernel.log_dt",
                                    "kernel.log_A_real",
                                    "kernel.A_imag",
                                    "output_linear.weight",
                                    "output_linear.bias",
                                    "C_reverse_re",
                                    "C_reverse_im"};
};

/// State carried between calls, h [sequence, channel, mode]; nothing is carried both ways.
template <class T, bool Bidirectional>
struct s4d_state {
  tensor<T> re, im;
  static constexpr std::tuple names{"re", "im"};
};
/// Run both ways: nothing to carry.
template <class T>
struct s4d_state<T, true> {
  static constexpr std::tuple<> names{};
};

/// Memory of a backward, worth nothing after it.
template <class S>
struct s4d_work {
  tensor<S> d_scanned, d_activated, d_mixed;
  tensor<S> d_dt, d_a_bar_re, d_a_bar_im, d_b_bar_re, d_b_bar_im;
  operations::complex_scan_scratch<S> scan;
};

/// Activations kept from forward to backward, and temporary memory.
template <class S>
struct s4d_cache {
  tensor<S> dt;                  ///< [channel]
  tensor<S> a_bar_re, a_bar_im;  ///< [1 or sequence, channel, mode]
  tensor<S> b_bar_re, b_bar_im;  ///< likewise
  tensor<S> scanned;             ///< s [token, channel]
  tensor<S> reversed;            ///< bidirectional: the part from the end
  tensor<S> activated;           ///< gelu(s)
  tensor<S> mixed;               ///< [a, b] [token, 2 channel]
  s4d_work<S> work;
};

/// a sigmoid(b): the gated linear unit  [Dauphin2017].
struct gated_sigmoid_function {
  /// Of any number type.
  template <class T>
  ATTD_HD T operator()(T a, T b) const {
    return a * sigmoid(b);
  }
};

/// S4D: every channel has `state_size` / 2 complex modes n (the other half are their conjugates).
///
/// *Formula*: A = -exp(log_A_real) + i A_imag, dt = exp(log_dt), B = 1, zero-order hold:
///   h_t = e^(dt A) h_{t-1} + (e^(dt A) - 1) / A x_t,   s_t = 2 Re(sum_n C h_t) + D x_t,
///   y_t = a sigmoid(b)  with  [a, b] = W gelu(s_t) + bias  (GELU exact, by erf).
/// It is computed as a recurrence, so that a state can be carried and each sequence can have its
/// own dynamics; it equals the convolution with K_l = 2 Re sum_n C (e^(dt A) - 1) / A e^(dt A l).
/// *Bidirectional*: a second C reads the same modes run from each sequence's last token to its
/// first; both outputs are added before D x. Such a block is not causal and carries no state.
/// *Shapes*: x, y [token, channel]; dynamics: A as a complex table [channel, mode], and one time
/// scale a channel.
/// *Units and ranges*: state_size even; dt in the time unit of 1 / A, at first log-uniform in
/// [dt_min, dt_max]; C complex normal of variance 1, Re A = -1/2.
/// *Cost*: see `forward_flops`; allocates nothing after the first call.
/// *Errors*: `attd::error` for an odd state_size and for shapes that disagree.
/// *Source*: [Gu2022, Sec. 4, Eq. (8)-(9)] and models/s4/s4d.py of its code. *Differs from the
/// source:* a recurrence in place of the FFT; no dropout; in both directions the present token is
/// seen (the code's second kernel starts at the next one); C planes (`s4d_parameters`).
template <bool Bidirectional = false>
struct s4d {
  index_t channels = 16;
  index_t state_size = 64;  ///< N, real dimension of a channel's state
  s4d_spectrum spectrum = s4d_spectrum::linear;
  double dt_min = 1e-3;
  double dt_max = 1e-1;

  static constexpr dynamics_kind kind = dynamics_kind::complex_table;
  static constexpr bool causal = !Bidirectional;
  template <class T>
  using parameters = s4d_parameters<T, Bidirectional>;
  template <class T>
  using state = s4d_state<T, Bidirectional>;
  template <class S>
  using cache = s4d_cache<S>;

  /// Complex modes of a channel.
  index_t modes() const { return state_size / 2; }
  /// Channels that a token has.
  index_t inputs() const { return channels; }
  /// Channels of a token of the output: as many.
  index_t outputs() const { return channels; }
  /// Kind and shape of the dynamics that adapters change.
  dynamics_layout layout() const { return {kind, channels, modes(), channels}; }

  /// Spectrum, step sizes and read-out as documented above; W and bias uniform in
  /// +-1/sqrt(channels), D normal.
  /// *Errors*: `attd::error` for an odd state_size.
  template <class T>
  void initialize(random_stream random, parameters<T>& p) const {
    if (state_size < 2 || state_size % 2 != 0) {
      fail("s4d: state_size is ", state_size, ", expected an even number of at least 2; ",
           "hint: it counts both halves of the conjugate pairs");
    }
    const auto fill = [](tensor<T>& leaf, const shape& s, auto&& next) {
      leaf.resize(s);
      const auto v = leaf.view();
      for (index_t i = 0; i < s.rows(); ++i) {
        for (index_t j = 0; j < s.columns(); ++j) v.at(i, j) = T(next());
      }
    };
    const shape table{channels, modes()};
    fill(p.d, {channels}, [r = random.split(0)]() mutable { return r.normal(); });
    const auto read_out = [&](std::uint64_t part) {  // variance 1, half of it in each plane
      return [r = random.split(part)]() mutable { return std::sqrt(0.5) * r.normal(); };
    };
    fill(p.c_re, table, read_out(1));
    fill(p.c_im, table, read_out(2));
    fill(p.log_dt, {channels}, [this, r = random.split(3)]() mutable {
      return r.uniform(std::log(dt_min), std::log(dt_max));
    });
    fill(p.log_a_real, table, [] { return std::log(0.5); });
    fill(p.a_imag, table, [this, i = index_t{0}]() mutable { return frequency(i++ % modes()); });
    const double bound = 1.0 / std::sqrt(double(channels));
    const auto uniform = [&](std::uint64_t part) {
      return [bound, r = random.split(part)]() mutable { return r.uniform(-bound, bound); };
    };
    fill(p.weight, {2 * channels, channels}, uniform(4));
    fill(p.bias, {2 * channels}, uniform(5));
    if constexpr (Bidirectional) {
      fill(p.c_reverse_re, table, read_out(6));
      fill(p.c_reverse_im, table, read_out(7));
    }
  }

  /// A = -exp(log_A_real) + i A_imag.
  template <class P>
  void base_dynamics(const parameters<P>& p, dynamics<P>& base) const {
    base.matrix.resize({1, channels, modes()});
    base.imaginary.resize(base.matrix.shape());
    for (index_t j = 0; j < channels; ++j) {
      for (index_t n = 0; n < modes(); ++n) {
        base.matrix(0, j, n) = -exp(P(p.log_a_real(j, n)));
        base.imaginary(0, j, n) = P(p.a_imag(j, n));
      }
    }
  }

  /// Adds dynamics gradients (of the shared dynamics, S = 1) to the parameters'.
  template <class P, class G, class Tau>
  void base_dynamics_backward(const parameters<P>& p, const dynamics<G, Tau>& d_base,
                              parameters<G>& d_p) const {
    for (index_t j = 0; j < channels; ++j) {
      for (index_t n = 0; n < modes(); ++n) {
        d_p.log_a_real(j, n) += G(d_base.matrix(0, j, n)) * -exp(P(p.log_a_real(j, n)));
        d_p.a_imag(j, n) += G(d_base.imaginary(0, j, n));
      }
    }
  }

  /// The state before the first token of `count` sequences: zeros, or nothing if bidirectional.
  template <class T>
  void reset_state(index_t count, state<T>& s) const {
    if constexpr (!Bidirectional) {
      s.re.assign({count, channels, modes()});
      s.im.assign({count, channels, modes()});
    }
  }

  /// y of all tokens; the states after each sequence's last into `final`, which may be `initial`.
  template <class Backend, class P, class M, class Tau, class X, class I, class S, class Y>
  void forward(Backend& backend, const sequences& batch, const parameters<P>& p,
               const dynamics<M, Tau>& dyn, view<X> x, const state<I>& initial, cache<S>& c,
               view<Y> y, state<S>& final) const {
    namespace op = operations;
    expect_shape("s4d", "x", x.shape(), {batch.tokens(), channels});
    expect_shape("s4d", "y", y.shape(), {batch.tokens(), channels});
    discretize(backend, p, dyn, c);
    operations::resize(backend, c.scanned, x.shape());
    if constexpr (!Bidirectional) {
      operations::resize(backend, final.re, {batch.count(), channels, modes()});
      operations::resize(backend, final.im, {batch.count(), channels, modes()});
    }
    const auto a_bar = read(c.a_bar_re, c.a_bar_im), b_bar = read(c.b_bar_re, c.b_bar_im);
    op::complex_scan(backend, batch, x, a_bar, b_bar, read(p.c_re, p.c_im), p.d.view(),
                     carried(initial), c.scanned.view(), carried(final));
    if constexpr (Bidirectional) {
      operations::resize(backend, c.reversed, x.shape());
      op::complex_scan<op::direction::backward_in_time>(
          backend, batch, x, a_bar, b_bar, read(p.c_reverse_re, p.c_reverse_im), view<none>{},
          absent, c.reversed.view(), absent);
      op::transform(backend, op::sum_function{}, c.scanned.view(), read(c.scanned),
                    read(c.reversed));
    }
    operations::resize(backend, c.activated, x.shape());
    op::transform(backend, op::gelu_function{}, c.activated.view(), read(c.scanned));
    operations::resize(backend, c.mixed, {batch.tokens(), 2 * channels});
    op::linear(backend, batch, read(c.activated), p.weight.view(), p.bias.view(), c.mixed.view());
    op::transform(backend, gated_sigmoid_function{}, y, values(read(c.mixed)),
                  gates(read(c.mixed)));
  }

  /// Adds the gradients that are asked for by type; `c` is that of the forward before.
  template <class Backend, class P, class M, class Tau, class X, class I, class S, class DF,
            class DX, class DP, class DM, class DTau, class DI>
  void backward(Backend& backend, const sequences& batch, const parameters<P>& p,
                const dynamics<M, Tau>& dyn, view<X> x, const state<I>& initial, cache<S>& c,
                view<const S> d_y, const state<DF>& d_final, view<DX> d_x, parameters<DP>& d_p,
                dynamics<DM, DTau>& d_dyn, state<DI>& d_initial) const {
    namespace op = operations;
    op::clear(backend, c.work.d_mixed, c.mixed.shape());
    op::transform_backward(backend, gated_sigmoid_function{}, d_y,
                           std::tuple{values(c.work.d_mixed.view()), gates(c.work.d_mixed.view())},
                           values(read(c.mixed)), gates(read(c.mixed)));
    op::clear(backend, c.work.d_activated, c.activated.shape());
    op::linear_backward(backend, batch, read(c.activated), p.weight.view(), read(c.work.d_mixed),
                        c.work.d_activated.view(), d_p.weight.view(), d_p.bias.view());
    op::clear(backend, c.work.d_scanned, c.scanned.shape());
    op::transform_backward(backend, op::gelu_function{}, read(c.work.d_activated),
                           std::tuple{c.work.d_scanned.view()}, read(c.scanned));

    constexpr bool base = !std::is_same_v<DP, none>;
    constexpr bool matrix = !std::is_same_v<DM, none>, step = base || !std::is_same_v<DTau, none>;
    constexpr bool discrete = matrix || step;
    if constexpr (discrete) {
      for (tensor<S>* t :
           {&c.work.d_a_bar_re, &c.work.d_a_bar_im, &c.work.d_b_bar_re, &c.work.d_b_bar_im}) {
        op::clear(backend, *t, c.a_bar_re.shape());
      }
    }
    const auto a_bar = read(c.a_bar_re, c.a_bar_im), b_bar = read(c.b_bar_re, c.b_bar_im);
    const auto d_a_bar = op::complex_planes(asked<discrete>(c.work.d_a_bar_re),  //
                                            asked<discrete>(c.work.d_a_bar_im));
    const auto d_b_bar = op::complex_planes(asked<discrete>(c.work.d_b_bar_re),  //
                                            asked<discrete>(c.work.d_b_bar_im));
    op::complex_scan_backward(
        backend, batch, c.work.scan, x, a_bar, b_bar, read(p.c_re, p.c_im), p.d.view(),
        carried(initial), read(c.work.d_scanned), carried(d_final), d_x, d_a_bar, d_b_bar,
        op::complex_planes(d_p.c_re.view(), d_p.c_im.view()), d_p.d.view(), carried(d_initial));
    if constexpr (Bidirectional) {
      op::complex_scan_backward<op::direction::backward_in_time>(
          backend, batch, c.work.scan, x, a_bar, b_bar, read(p.c_reverse_re, p.c_reverse_im),
          view<none>{}, absent, read(c.work.d_scanned), absent, d_x, d_a_bar, d_b_bar,
          op::complex_planes(d_p.c_reverse_re.view(), d_p.c_reverse_im.view()), view<none>{},
          absent);
    }
    if constexpr (discrete) {
      if constexpr (base) op::clear(backend, c.work.d_dt, c.dt.shape());
      op::complex_discretization_backward(
          backend, op::zero_order_hold_rule{}, read(c.dt), dyn.matrix.view(), dyn.imaginary.view(),
          dyn.log_timescale.view(), read(c.work.d_a_bar_re), read(c.work.d_a_bar_im),
          read(c.work.d_b_bar_re), read(c.work.d_b_bar_im), asked<base>(c.work.d_dt),
          d_dyn.matrix.view(), d_dyn.imaginary.view(), d_dyn.log_timescale.view());
      if constexpr (base) {
        op::finish(backend);
        for (index_t j = 0; j < channels; ++j) d_p.log_dt(j) += S(c.dt(j)) * S(c.work.d_dt(j));
      }
    }
  }

  /// Floating-point operations of a forward over `tokens` tokens.
  double forward_flops(double tokens) const {
    namespace count = metrics::flops;
    const index_t directions = Bidirectional ? 2 : 1;
    const index_t per_token = directions * count::complex_scan(1, channels, modes()) +
                              count::elementwise(channels, count::gelu) +
                              count::linear(1, channels, 2 * channels, true) +
                              count::elementwise(channels, count::sigmoid + count::multiply);
    return tokens * double(per_token);
  }

 private:
  static constexpr operations::complex_view<none> absent{};

  double frequency(index_t n) const {
    const double pi = 3.14159265358979323846, size = double(state_size);
    return spectrum == s4d_spectrum::linear ? pi * double(n)
                                            : size / pi * (size / double(2 * n + 1) - 1.0);
  }

  template <class Backend, class P, class M, class Tau, class S>
  void discretize(Backend& backend, const parameters<P>& p, const dynamics<M, Tau>& dyn,
                  cache<S>& c) const {
    index_t sets = dyn.matrix.extent(0);
    if constexpr (!std::is_same_v<Tau, none>) sets = std::max(sets, dyn.log_timescale.extent(0));
    operations::resize(backend, c.dt, {channels});
    for (index_t j = 0; j < channels; ++j) c.dt(j) = S(exp(P(p.log_dt(j))));
    for (tensor<S>* t : {&c.a_bar_re, &c.a_bar_im, &c.b_bar_re, &c.b_bar_im}) {
      operations::resize(backend, *t, {sets, channels, modes()});
    }
    operations::complex_discretization(backend, operations::zero_order_hold_rule{}, read(c.dt),
                                       dyn.matrix.view(), dyn.imaginary.view(),
                                       dyn.log_timescale.view(), c.a_bar_re.view(),
                                       c.a_bar_im.view(), c.b_bar_re.view(), c.b_bar_im.view());
  }

  template <class T>
  static view<const T> read(const tensor<T>& t) {
    return t.view();
  }
  template <class T>
  static operations::complex_view<const T> read(const tensor<T>& re, const tensor<T>& im) {
    return {re.view(), im.view()};
  }
  // The view of a gradient, or of nothing where it is not asked for.
  template <bool Asked, class T>
  static auto asked(tensor<T>& t) {
    if constexpr (Asked) {
      return t.view();
    } else {
      return view<none>{};
    }
  }
  template <class State>
  static auto carried(State& s) {
    if constexpr (Bidirectional) {
      return absent;
    } else {
      return operations::complex_planes(s.re.view(), s.im.view());
    }
  }
  template <class V>
  V values(V mixed) const {
    return mixed.column_range(0, channels);
  }
  template <class V>
  V gates(V mixed) const {
    return mixed.column_range(channels, channels);
  }
};

static_assert(check_block<s4d<false>>());
static_assert(check_block<s4d<true>>());

}  // namespace attd::blocks
