// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The selective scan backwards: states are computed again tile by tile, from the one before each.
#pragma once

#include <attd/backends/thrust/scan_shares.hpp>
#include <attd/backends/thrust/selective_scan.hpp>

namespace attd::thrust_detail {

/// The adjoint recurrence over one piece, from its last tile to its first, for 32 channels and up
/// to 4 Groups states from `first_state`. What is to be summed over pieces, or over teams with
/// other channels, becomes shares.
///
/// A thread computes a tile's states from `starts` and keeps them with their decays in registers
/// until the adjoints come back through it. d_u and d_dt are sums over states: over a thread's in
/// its registers, over groups in shared memory. d_b and d_c are sums over channels: over a warp's
/// by `lane_sums`, over teams afterwards.
template <int Groups, class S, class U, class Steps, class A, class B, class C, class D,
          class Output, class DF, class DU, class DSteps, class DA, class DB, class DC, class DD,
          class DI>
struct selective_scan_adjoint {
  static constexpr int threads = scan_part<Groups>::threads;
  static constexpr int tile = tile_tokens<S>;
  static constexpr int kept = tile * states_of_thread;
  static constexpr bool has_u = !is_none_v<view<DU>>, has_dt = DSteps::wanted;
  static constexpr bool has_b = !is_none_v<view<DB>>, has_c = !is_none_v<view<DC>>;
  static constexpr bool has_a = !is_none_v<view<DA>>, has_d = !is_none_v<view<DD>>;

  scan_pieces pieces;
  index_t first_state;
  view<U> u;
  Steps steps;
  view<A> a;
  view<B> b;
  view<C> c;
  view<D> d;
  view<S> starts;
  Output output;
  view<DF> d_final;
  view<S> piece_final;  // [piece and state, channel], used instead if sequences are cut
  view<DU> d_u;
  DSteps d_steps;
  view<DI> d_initial;
  view<S> shares_a;              // [piece and state, channel]
  view<S> shares_d, shares_tau;  // [piece, channel]
  view<S> shares_b, shares_c;    // [32 channels, token, state]

  std::size_t shared_bytes() const {
    constexpr int states = scan_part<Groups>::states;
    return 3 * shared_array<S>(tile * lanes) + 2 * shared_array<S>(tile * states) +
           (has_u + has_dt) * shared_array<S>(tile * threads);
  }

  struct thread_state {
    registers<S, states_of_thread> rate, g, sum_a;
    S sum_d, sum_tau;
    registers<S, kept> before, decay;
  };
  struct staged {
    channel_rows<S, tile, Groups> u, dt, d_y;
    state_rows<S, tile, Groups> b, c;
    registers<S, states_of_thread> start;
  };
  struct shared_arrays {
    S *u, *dt, *d_y, *b, *c, *to_u, *to_dt;
  };

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    const index_t tiles = channel_tiles(u.columns()), own_tile = team.number() % tiles;
    const scan_piece piece = pieces[team.number() / tiles];
    const scan_part<Groups> p{own_tile * lanes, u.columns(), first_state, b.columns()};
    const shared_arrays in = take(team);
    typename Team::template own<thread_state> state(team);
    typename Team::template own<staged> next(team);
    typename Team::template own<registers<S, kept>> to_c(team), to_b(team);
    const index_t whole = (piece.end - piece.begin + tile - 1) / tile;
    team.each([&](int thread) {
      begin(p, piece, thread, state[thread]);
      load(p, piece, whole - 1, thread, next[thread]);
    });
    for (index_t i = whole - 1; i >= 0; --i) {
      const index_t first = piece.begin + i * tile;
      team.each([&](int thread) {
        store(in, thread, next[thread]);
        ATTD_UNROLL
        for (int k = 0; k < states_of_thread; ++k) {
          state[thread].before[k] = next[thread].start[k];
        }
      });
      team.each([&](int thread) {
        load(p, piece, i - 1, thread, next[thread]);
        forwards(p, in, thread, state[thread], to_c[thread]);
      });
      if constexpr (has_c) team.lane_sums(to_c);
      team.each([&](int thread) {
        if constexpr (has_c) share(p, piece, own_tile, first, thread, to_c[thread][0], shares_c);
        backwards(p, in, thread, state[thread], to_b[thread]);
      });
      if constexpr (has_b) team.lane_sums(to_b);
      team.each([&](int thread) {
        if constexpr (has_b) share(p, piece, own_tile, first, thread, to_b[thread][0], shares_b);
        add_rows(p, piece, in, first, thread, state[thread]);
      });
    }
    team.each([&](int thread) {
      end(p, piece, thread, state[thread]);
      if constexpr (DSteps::of_time) in.to_dt[thread] = state[thread].sum_tau;
    });
    if constexpr (DSteps::of_time) {
      team.each([&](int thread) { share_tau(p, piece, in, thread); });
    }
  }

 private:
  template <class Team>
  ATTD_DEVICE shared_arrays take(Team& team) const {
    constexpr int states = scan_part<Groups>::states;
    shared_arrays s{};
    s.u = team.template shared<S>(tile * lanes);
    s.dt = team.template shared<S>(tile * lanes);
    s.d_y = team.template shared<S>(tile * lanes);
    s.b = team.template shared<S>(tile * states);
    s.c = team.template shared<S>(tile * states);
    if constexpr (has_u) s.to_u = team.template shared<S>(tile * threads);
    if constexpr (has_dt) s.to_dt = team.template shared<S>(tile * threads);
    return s;
  }
  ATTD_DEVICE void begin(const scan_part<Groups>& p, const scan_piece& piece, int thread,
                         thread_state& own) const {
    own.sum_d = own.sum_tau = S(0);
    ATTD_UNROLL
    for (int k = 0; k < states_of_thread; ++k) {
      own.rate[k] = own.g[k] = own.sum_a[k] = S(0);
      if (!p.has(thread, k)) continue;
      const index_t j = p.channel(thread), n = p.state(thread, k);
      own.rate[k] = rate_of<S>(a, piece.sequence, j, n);
      own.g[k] = exists(piece_final) ? element<S>(piece_final, piece.number * p.all_states + n, j)
                                     : element<S>(d_final, piece.sequence, j, n);
    }
  }
  ATTD_DEVICE void load(const scan_part<Groups>& p, const scan_piece& piece, index_t i, int thread,
                        staged& n) const {
    const index_t first = piece.begin + i * tile;
    const auto input = [&](index_t t, index_t j) { return element<S>(u, t, j); };
    const auto step = [&](index_t t, index_t j) {
      return steps.template at<S>(piece.sequence, t, j);
    };
    const auto from_above = [&](index_t t, index_t j) {
      return output.template at<S>(t, j, first_state == 0);
    };
    n.u.load(p, input, first, piece.begin, piece.end, thread);
    n.dt.load(p, step, first, piece.begin, piece.end, thread);
    n.d_y.load(p, from_above, first, piece.begin, piece.end, thread);
    n.b.load(p, b, first, piece.begin, piece.end, thread);
    n.c.load(p, c, first, piece.begin, piece.end, thread);
    ATTD_UNROLL
    for (int k = 0; k < states_of_thread; ++k) {
      const index_t row = (pieces.first_slot(piece) + i) * p.all_states + p.state(thread, k);
      n.start[k] = i >= 0 && p.has(thread, k) ? element<S>(starts, row, p.channel(thread)) : S(0);
    }
  }
  ATTD_DEVICE void store(const shared_arrays& in, int thread, const staged& n) const {
    n.u.store(in.u, thread);
    n.dt.store(in.dt, thread);
    n.d_y.store(in.d_y, thread);
    n.b.store(in.b, thread);
    n.c.store(in.c, thread);
  }
  // The tile's states and decays, and each token's dy h.
  ATTD_DEVICE void forwards(const scan_part<Groups>& p, const shared_arrays& in, int thread,
                            thread_state& own, [[maybe_unused]] registers<S, kept>& to_c) const {
    const int lane = thread % lanes;
    ATTD_UNROLL
    for (int i = 0; i < tile; ++i) {
      const S step = in.dt[i * lanes + lane], input = step * in.u[i * lanes + lane];
      const S dy = in.d_y[i * lanes + lane];
      ATTD_UNROLL
      for (int k = 0; k < states_of_thread; ++k) {
        const int at = i * states_of_thread + k;
        own.decay[at] = decay_of(step * own.rate[k]);
        const S h =
            own.decay[at] * own.before[at] + input * in.b[i * p.states + p.local_state(thread, k)];
        if (i + 1 < tile) own.before[at + states_of_thread] = h;
        if constexpr (has_c) to_c[at] = dy * h;
      }
    }
  }
  // The tile's adjoints, last token first.
  ATTD_DEVICE void backwards(const scan_part<Groups>& p, const shared_arrays& in, int thread,
                             thread_state& own, [[maybe_unused]] registers<S, kept>& to_b) const {
    const int lane = thread % lanes;
    ATTD_UNROLL
    for (int i = tile - 1; i >= 0; --i) {
      const S step = in.dt[i * lanes + lane], x = in.u[i * lanes + lane];
      const S dy = in.d_y[i * lanes + lane];
      [[maybe_unused]] const S input = step * x;
      [[maybe_unused]] S sum_b(0), sum_rate(0);
      ATTD_UNROLL
      for (int k = 0; k < states_of_thread; ++k) {
        const int at = i * states_of_thread + k, n = i * p.states + p.local_state(thread, k);
        const S g = own.g[k] + in.c[n] * dy;
        own.g[k] = g * own.decay[at];
        const S through = own.g[k] * own.before[at];  // g e h of the token before
        if constexpr (has_a) own.sum_a[k] += step * through;
        if constexpr (has_u || has_dt) sum_b += g * in.b[n];
        if constexpr (has_dt) sum_rate += own.rate[k] * through;
        if constexpr (has_b) to_b[at] = g * input;
      }
      if constexpr (has_u) in.to_u[i * threads + thread] = sum_b;
      if constexpr (has_dt)
        in.to_dt[i * threads + thread] = sum_rate * unit_of_rate<S>() + sum_b * x;
      if constexpr (has_d) own.sum_d += dy * x;
    }
  }
  // A lane's sum over channels, of one token and state.
  ATTD_DEVICE void share(const scan_part<Groups>& p, const scan_piece& piece, index_t own_tile,
                         index_t first, int thread, const S& sum, const view<S>& shares) const {
    const int lane = thread % lanes, of = sum_of_lane(lane, kept);
    if (lane % (lanes / kept) != 0) return;
    const index_t t = first + of / states_of_thread, n = p.state(thread, of % states_of_thread);
    if (t < piece.end && n < p.all_states) shares(own_tile, t, n) = sum;
  }
  // d_u and d_dt of the tile.
  ATTD_DEVICE void add_rows(const scan_part<Groups>& p, const scan_piece& piece,
                            const shared_arrays& in, index_t first, int thread,
                            [[maybe_unused]] thread_state& own) const {
    if (!(has_u || has_dt) || !p.has_channel(thread)) return;
    const int lane = thread % lanes;
    const index_t j = p.channel(thread);
    for (int i = thread / lanes; i < tile && first + i < piece.end; i += Groups) {
      if constexpr (has_u) {
        S sum = sum_of_groups<Groups>(S(0), in.to_u + i * threads, lane) * in.dt[i * lanes + lane];
        if (first_state == 0) sum += element<S>(d, j) * in.d_y[i * lanes + lane];
        put(d_u, sum, Output::replaces && first_state == 0, first + i, j);
      }
      if constexpr (has_dt) {
        const S sum = sum_of_groups<Groups>(S(0), in.to_dt + i * threads, lane);
        own.sum_tau += d_steps.add(piece.sequence, first + i, j, sum, first_state == 0);
      }
    }
  }
  // Tokens of a channel were shared out to the groups.
  ATTD_DEVICE void share_tau(const scan_part<Groups>& p, const scan_piece& piece,
                             const shared_arrays& in, int thread) const {
    if (thread >= lanes || !p.has_channel(thread)) return;
    const index_t j = p.channel(thread);
    const S before = first_state == 0 ? S(0) : element<S>(shares_tau, piece.number, j);
    shares_tau(piece.number, j) = sum_of_groups<Groups>(before, in.to_dt, thread);
  }
  ATTD_DEVICE void end(const scan_part<Groups>& p, const scan_piece& piece, int thread,
                       const thread_state& own) const {
    const index_t j = p.channel(thread);
    if constexpr (has_d) {
      if (first_state == 0 && thread < lanes && p.has_channel(thread)) {
        shares_d(piece.number, j) = own.sum_d;
      }
    }
    ATTD_UNROLL
    for (int k = 0; k < states_of_thread; ++k) {
      if (!p.has(thread, k)) continue;
      const index_t n = p.state(thread, k);
      if constexpr (has_a) shares_a(piece.number * p.all_states + n, j) = own.sum_a[k];
      if (piece.first) add_to_element(d_initial, own.g[k], piece.sequence, j, n);
    }
  }
};

/// What a piece's adjoints become at its beginning if they are zero at its end.
template <int Groups, class S, class Steps, class A, class C, class Output>
struct selective_scan_adjoint_ends {
  static constexpr int threads = scan_part<Groups>::threads;

  scan_pieces pieces;
  index_t first_state, channels;
  Steps steps;
  view<A> a;
  view<C> c;
  Output output;
  view<S> ends;  // [piece and state, channel]

  std::size_t shared_bytes() const { return 0; }
  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    const index_t tiles = channel_tiles(channels);
    const scan_piece piece = pieces[team.number() / tiles];
    const scan_part<Groups> p{team.number() % tiles * lanes, channels, first_state, c.columns()};
    team.each([&](int thread) {
      for (int k = 0; k < states_of_thread; ++k) {
        if (!p.has(thread, k)) continue;
        const index_t j = p.channel(thread), n = p.state(thread, k);
        const S rate = rate_of<S>(a, piece.sequence, j, n);
        S g(0);
        for (index_t t = piece.end - 1; t >= piece.begin; --t) {
          g = decay_of(steps.template at<S>(piece.sequence, t, j) * rate) *
              (g + element<S>(c, t, n) * output.template at<S>(t, j, false));
        }
        ends(piece.number * p.all_states + n, j) = g;
      }
    });
  }
};

/// The state before each tile, and the forward's output `again` where it exists.
template <class S, class Backend, class U, class Steps, class A, class B, class C, class D, class I,
          class Again>
void compute_tile_starts(Backend& backend, const selective_scan_recurrence<S, U, Steps, A, B, I>& x,
                         view<C> c, view<D> d, view<S> carried, const Again& again,
                         view<S> starts) {
  const view<none> no;
  if constexpr (Again::wanted) {
    if (again.exists()) return x.run(backend, c, d, carried, false, again, no, starts, {}, {});
  }
  x.run(backend, no, no, carried, false, given_output<none>{}, no, starts, {}, {});
}

/// All of the backward, with the forward's output `again`. `scratch` keeps the tiles' states and
/// the shares of d_b and d_c, `take(rows)` gives an array [row, channel] for the rest.
template <class S, class Backend, class U, class Steps, class A, class B, class C, class D, class I,
          class Again, class Output, class DF, class DU, class DSteps, class DTau, class DA,
          class DB, class DC, class DD, class DI, class Take>
void selective_scan_backward(Backend& backend, operations::selective_scan_scratch<S>& scratch,
                             const selective_scan_recurrence<S, U, Steps, A, B, I>& x, view<C> c,
                             view<D> d, const Again& again, const Output& output, view<DF> d_final,
                             view<DU> d_u, const DSteps& d_steps, view<DTau> d_tau, view<DA> d_a,
                             view<DB> d_b, view<DC> d_c, view<DD> d_d, view<DI> d_initial,
                             const Take& take) {
  const index_t tokens = x.u.rows(), channels = x.u.columns(), states = x.states();
  const index_t pieces = x.pieces.size(), tiles = channel_tiles(channels);
  if (pieces == 0) return;
  const view<S> memory = take(pieces * (states + 2) + 2 * piece_memory<S>::rows(x.pieces, states));
  const view<S> shares_a = memory.row_range(0, pieces * states);
  const view<S> shares_d = memory.row_range(pieces * states, pieces);
  const view<S> shares_tau = memory.row_range(pieces * (states + 1), pieces);
  const index_t used = pieces * (states + 2);
  const auto forwards = piece_memory<S>::in(memory, used, x.pieces, states);
  const auto backwards =
      piece_memory<S>::in(memory, used + piece_memory<S>::rows(x.pieces, states), x.pieces, states);

  operations::resize(backend, scratch.states, {x.pieces.slots(tokens) * states, channels});
  x.carry(backend, forwards);
  compute_tile_starts(backend, x, c, d, forwards.carried, again, scratch.states.view());
  if (x.pieces.count > 1) {
    for_each_slab(states, [&](auto groups, index_t first_state) {
      backend.for_each_team(
          x.teams(), selective_scan_adjoint_ends<groups(), S, Steps, A, C, Output>{
                         x.pieces, first_state, channels, x.steps, x.a, c, output, backwards.ends});
    });
    backend.for_each_index(
        x.pieces.batch.count * states * channels,
        carried_over<true, S, A, DF>{x.pieces, states, x.a, d_final, backwards.ends, forwards.time,
                                     backwards.carried});
  }
  const auto shares = [&](tensor<S>& t, auto wanted) -> view<S> {
    if constexpr (is_none_v<decltype(wanted)>) return {};
    operations::resize(backend, t, {tiles, tokens, states});
    return t.view();
  };
  const view<S> shares_b = shares(scratch.shares_b, d_b), shares_c = shares(scratch.shares_c, d_c);
  for_each_slab(states, [&](auto groups, index_t first_state) {
    backend.for_each_team(
        x.teams(),
        selective_scan_adjoint<groups(), S, U, Steps, A, B, C, D, Output, DF, DU, DSteps, DA, DB,
                               DC, DD, DI>{x.pieces, first_state, x.u,
                                           x.steps,  x.a,         x.b,
                                           c,        d,           scratch.states.view(),
                                           output,   d_final,     backwards.carried,
                                           d_u,      d_steps,     d_initial,
                                           shares_a, shares_d,    shares_tau,
                                           shares_b, shares_c});
  });
  if constexpr (!is_none_v<view<DA>>) {
    const index_t sets = d_a.extent(0);
    backend.for_each_index(sets * states * channels,
                           selective_scan_d_a<S, DA>{shares_a, states, pieces / sets, d_a});
  }
  if constexpr (!is_none_v<view<DD>>) {
    backend.for_each_index(channels, selective_scan_d_channel<S, DD>{shares_d, pieces, d_d});
  }
  if constexpr (!is_none_v<view<DTau>>) {
    const index_t sets = d_tau.extent(0);
    backend.for_each_index(sets * channels,
                           selective_scan_d_channel<S, DTau>{shares_tau, pieces / sets, d_tau});
  }
  if constexpr (!is_none_v<view<DB>>) {
    backend.for_each_index(tokens * states, selective_scan_d_row<S, DB>{shares_b, d_b});
  }
  if constexpr (!is_none_v<view<DC>>) {
    backend.for_each_index(tokens * states, selective_scan_d_row<S, DC>{shares_c, d_c});
  }
}

}  // namespace attd::thrust_detail
