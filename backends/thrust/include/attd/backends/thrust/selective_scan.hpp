// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The selective scan: recurrences side by side, sums over states and channels afterwards.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/selective_scan.hpp>
#include <type_traits>

namespace attd::thrust_detail {

/// All tokens of one channel of one sequence, up to `kept_states` states at a time, which then stay
/// in registers.
template <class U, class DT, class A, class B, class C, class D, class I, class Y, class F>
struct selective_scan_channel {
  static constexpr index_t kept_states = 16;
  using S = promote_t<U, DT, A, B, C, D, I>;
  batch_view batch;
  view<U> u;
  view<DT> dt;
  view<A> a;
  view<B> b;
  view<C> c;
  view<D> d;
  view<I> initial;
  view<Y> y;
  view<F> final;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t j = index % u.columns(), s = index / u.columns(), states = b.columns();
    for (index_t t = batch.offset(s); t < batch.offset(s + 1); ++t) {
      y(t, j) = element<S>(d, j) * element<S>(u, t, j);
    }
    for (index_t n = 0; n < states; n += kept_states) {
      if (states - n >= kept_states) {  // a number that the compiler knows: loops unroll
        add_states(s, j, n, std::integral_constant<index_t, kept_states>{});
      } else {
        add_states(s, j, n, states - n);
      }
    }
  }
  /// Adds what `count` states from number `first` say.
  template <class Count>
  ATTD_DEVICE void add_states(index_t s, index_t j, index_t first, Count count) const {
    S rate[kept_states], h[kept_states];
    for (index_t k = 0; k < count; ++k) {
      rate[k] = element<S>(a, dynamics_of(a, s), j, first + k);
      h[k] = element<S>(initial, s, j, first + k);
    }
    for (index_t t = batch.offset(s); t < batch.offset(s + 1); ++t) {
      const S step = element<S>(dt, t, j), input = element<S>(u, t, j);
      S sum = y(t, j);
      for (index_t k = 0; k < count; ++k) {
        h[k] = exp(step * rate[k]) * h[k] + step * element<S>(b, t, first + k) * input;
        sum += element<S>(c, t, first + k) * h[k];
      }
      y(t, j) = sum;
    }
    if constexpr (!is_none_v<view<F>>) {
      for (index_t k = 0; k < count; ++k) final(s, j, first + k) = h[k];
    }
  }
};

/// What the kernels of the backward read, and a group of channels [first, first + count) whose
/// states h and adjoints g [token, count, state] are kept in memory.
template <class T, class U, class DT, class A, class B, class C, class D, class I, class DY,
          class DF>
struct selective_scan_operands {
  using scalar = T;
  batch_view batch;
  view<U> u;
  view<DT> dt;
  view<A> a;
  view<B> b;
  view<C> c;
  view<D> d;
  view<I> initial;
  view<DY> d_y;
  view<DF> d_final;
  view<T> h, g;
  index_t first, count;

  ATTD_HD T decay(index_t s, index_t t, index_t j, index_t n) const {
    return exp(element<T>(dt, t, j) * element<T>(a, dynamics_of(a, s), j, n));
  }
  /// The state before token t of sequence s.
  ATTD_HD T before(index_t s, index_t t, index_t jj, index_t n) const {
    return t == batch.offset(s) ? element<T>(initial, s, first + jj, n)
                                : element<T>(h, t - 1, jj, n);
  }
};

/// h of all tokens, for one sequence, channel and state number.
template <class Operands>
struct selective_scan_states {
  using T = typename Operands::scalar;
  Operands x;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t states = x.b.columns(), n = index % states;
    const index_t jj = index / states % x.count, s = index / (states * x.count);
    const index_t j = x.first + jj;
    T h = element<T>(x.initial, s, j, n);
    for (index_t t = x.batch.offset(s); t < x.batch.offset(s + 1); ++t) {
      h = x.decay(s, t, j, n) * h +
          element<T>(x.dt, t, j) * element<T>(x.b, t, n) * element<T>(x.u, t, j);
      x.h(t, jj, n) = h;
    }
  }
};

/// g of all tokens, d_initial and d_a, for one channel and state number of the sequences that share
/// an entry of d_a: all of them, or one.
template <class Operands, class DA, class DI>
struct selective_scan_adjoints {
  using T = typename Operands::scalar;
  Operands x;
  bool shared;
  view<DA> d_a;
  view<DI> d_initial;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t states = x.b.columns(), n = index % states;
    const index_t jj = index / states % x.count, set = index / (states * x.count);
    const index_t last = shared ? x.batch.count : set + 1;
    for (index_t s = set; s < last; ++s) sequence(s, jj, n);
  }
  ATTD_DEVICE void sequence(index_t s, index_t jj, index_t n) const {
    const index_t j = x.first + jj;
    T carried = element<T>(x.d_final, s, j, n), sum_a(0);
    for (index_t t = x.batch.offset(s + 1) - 1; t >= x.batch.offset(s); --t) {
      const T decay = x.decay(s, t, j, n);
      const T g = carried + element<T>(x.c, t, n) * element<T>(x.d_y, t, j);
      x.g(t, jj, n) = g;
      if constexpr (!is_none_v<view<DA>>) {
        sum_a += g * element<T>(x.dt, t, j) * decay * x.before(s, t, jj, n);
      }
      carried = g * decay;
    }
    if constexpr (!is_none_v<view<DA>>) d_a(dynamics_of(d_a, s), j, n) += sum_a;
    add_to_element(d_initial, carried, s, j, n);
  }
};

/// d_u and d_dt of one token and channel: sums over states.
template <class Operands, class DU, class DDT>
struct selective_scan_channel_sums {
  using T = typename Operands::scalar;
  Operands x;
  view<DU> d_u;
  view<DDT> d_dt;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t jj = index % x.count, t = index / x.count, j = x.first + jj;
    const index_t s = x.batch.sequence_of(t);
    const T step = element<T>(x.dt, t, j), input = element<T>(x.u, t, j);
    T sum_u = element<T>(x.d, j) * element<T>(x.d_y, t, j), sum_dt(0);
    for (index_t n = 0; n < x.b.columns(); ++n) {
      const T g = element<T>(x.g, t, jj, n), in = element<T>(x.b, t, n);
      sum_u += g * step * in;
      if constexpr (!is_none_v<view<DDT>>) {
        const T rate = element<T>(x.a, dynamics_of(x.a, s), j, n);
        sum_dt += g * (rate * x.decay(s, t, j, n) * x.before(s, t, jj, n) + in * input);
      }
    }
    add_to_element(d_u, sum_u, t, j);
    add_to_element(d_dt, sum_dt, t, j);
  }
};

/// d_b and d_c of one token and state number: sums over the group's channels.
template <class Operands, class DB, class DC>
struct selective_scan_state_sums {
  using T = typename Operands::scalar;
  Operands x;
  view<DB> d_b;
  view<DC> d_c;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t n = index % x.b.columns(), t = index / x.b.columns();
    T sum_b(0), sum_c(0);
    for (index_t jj = 0; jj < x.count; ++jj) {
      const index_t j = x.first + jj;
      sum_b += element<T>(x.g, t, jj, n) * element<T>(x.dt, t, j) * element<T>(x.u, t, j);
      sum_c += element<T>(x.d_y, t, j) * element<T>(x.h, t, jj, n);
    }
    add_to_element(d_b, sum_b, t, n);
    add_to_element(d_c, sum_c, t, n);
  }
};

/// d_d of one channel: the sum over tokens.
template <class Operands, class DD>
struct skip_gradient {
  using T = typename Operands::scalar;
  Operands x;
  view<DD> d_d;

  ATTD_DEVICE void operator()(index_t j) const {
    for (index_t t = 0; t < x.u.rows(); ++t) {
      d_d(j) += element<T>(x.d_y, t, j) * element<T>(x.u, t, j);
    }
  }
};

/// How many channels' states and adjoints are kept at a time: about 2^21 of each.
inline index_t channels_at_a_time(index_t tokens, index_t channels, index_t states) {
  if (tokens * states == 0) return channels;
  const index_t fitting = (index_t{1} << 21) / (tokens * states);
  return fitting < 1 ? 1 : fitting < channels ? fitting : channels;
}

/// All of the backward, group after group.
template <class Backend, class Scratch, class Operands, class DU, class DDT, class DA, class DB,
          class DC, class DD, class DI>
void selective_scan_backward(Backend& backend, Scratch& scratch, Operands x, view<DU> d_u,
                             view<DDT> d_dt, view<DA> d_a, view<DB> d_b, view<DC> d_c, view<DD> d_d,
                             view<DI> d_initial) {
  const index_t tokens = x.u.rows(), channels = x.u.columns(), states = x.b.columns();
  constexpr bool of_channels = !is_none_v<view<DU>> || !is_none_v<view<DDT>>;
  constexpr bool of_states = !is_none_v<view<DB>> || !is_none_v<view<DC>>;
  bool shared = false;
  if constexpr (!is_none_v<view<DA>>) shared = d_a.extent(0) == 1;
  const index_t group = channels_at_a_time(tokens, channels, states);
  for (x.first = 0; x.first < channels; x.first += group) {
    x.count = channels - x.first < group ? channels - x.first : group;
    operations::resize(backend, scratch.states, {tokens, x.count, states});
    operations::resize(backend, scratch.adjoints, {tokens, x.count, states});
    x.h = scratch.states.view();
    x.g = scratch.adjoints.view();
    backend.for_each_index(x.batch.count * x.count * states, selective_scan_states<Operands>{x});
    backend.for_each_index((shared ? 1 : x.batch.count) * x.count * states,
                           selective_scan_adjoints<Operands, DA, DI>{x, shared, d_a, d_initial});
    if constexpr (of_channels) {
      backend.for_each_index(tokens * x.count,
                             selective_scan_channel_sums<Operands, DU, DDT>{x, d_u, d_dt});
    }
    if constexpr (of_states) {
      backend.for_each_index(tokens * states,
                             selective_scan_state_sums<Operands, DB, DC>{x, d_b, d_c});
    }
  }
  if constexpr (!is_none_v<view<DD>>) {
    backend.for_each_index(channels, skip_gradient<Operands, DD>{x, d_d});
  }
}

}  // namespace attd::thrust_detail
