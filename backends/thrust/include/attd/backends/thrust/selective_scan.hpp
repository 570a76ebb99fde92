// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The selective scan forwards: states stay in registers, only y goes to memory.
#pragma once

#include <algorithm>
#include <attd/backends/thrust/scan_operands.hpp>
#include <attd/backends/thrust/scan_tiles.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/selective_scan.hpp>
#include <type_traits>

namespace attd::thrust_detail {

/// The recurrence over one piece for 32 channels and up to 4 Groups states from `first_state`.
/// Every output may be absent; without y, c is not read.
///
/// A thread walks through time with 4 states in registers. The tile's operands are in shared
/// memory, the next tile's already on their way to registers. What the groups of states give y
/// meets in shared memory, so that sums have one order and rows of y are written whole.
template <int Groups, class S, class U, class Steps, class A, class B, class C, class D, class I,
          class Output, class F>
struct selective_scan_forward {
  static constexpr int threads = scan_part<Groups>::threads;
  static constexpr int tile = tile_tokens<S>;
  static constexpr int stage = 2 * tile;  // tokens between two waits
  static constexpr bool has_y = Output::wanted;

  scan_pieces pieces;
  index_t first_state;
  view<U> u;
  Steps steps;
  view<A> a;
  view<B> b;
  view<C> c;
  view<D> d;
  view<I> initial;
  view<S> piece_initial;  // [piece and state, channel], used instead if sequences are cut
  bool from_zero;         // starts from neither
  Output output;
  view<F> final;
  view<S> starts;      // [slot and state, channel], the state before each tile; or empty
  view<S> ends, time;  // [piece and state, channel], [piece, channel]: last state, sum of dt

  std::size_t shared_bytes() const {
    return 2 * shared_array<S>(stage * lanes) +
           2 * shared_array<S>(stage * scan_part<Groups>::states) +
           shared_array<S>(stage * threads);
  }

  struct thread_state {
    registers<S, states_of_thread> rate, h;
    S time;
  };
  struct staged {
    channel_rows<S, stage, Groups> u, dt;
    state_rows<S, stage, Groups> b, c;
  };

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    const index_t tiles = channel_tiles(u.columns());
    const scan_piece piece = pieces[team.number() / tiles];
    const scan_part<Groups> p{team.number() % tiles * lanes, u.columns(), first_state, b.columns()};
    S* const su = team.template shared<S>(stage * lanes);
    S* const sdt = team.template shared<S>(stage * lanes);
    S* const sb = team.template shared<S>(stage * p.states);
    S* const sc = team.template shared<S>(stage * p.states);
    S* const partial = team.template shared<S>(stage * threads);
    typename Team::template own<thread_state> state(team);
    typename Team::template own<staged> next(team);
    const auto load = [&](int thread, index_t first) {
      staged& n = next[thread];
      const auto input = [&](index_t t, index_t j) { return element<S>(u, t, j); };
      const auto step = [&](index_t t, index_t j) {
        return steps.template at<S>(piece.sequence, t, j);
      };
      n.u.load(p, input, first, piece.begin, piece.end, thread);
      n.dt.load(p, step, first, piece.begin, piece.end, thread);
      n.b.load(p, b, first, piece.begin, piece.end, thread);
      if constexpr (has_y) n.c.load(p, c, first, piece.begin, piece.end, thread);
    };
    team.each([&](int thread) {
      begin(p, piece, thread, state[thread]);
      load(thread, piece.begin);
    });
    for (index_t first = piece.begin; first < piece.end; first += stage) {
      team.each([&](int thread) {
        next[thread].u.store(su, thread);
        next[thread].dt.store(sdt, thread);
        next[thread].b.store(sb, thread);
        if constexpr (has_y) next[thread].c.store(sc, thread);
      });
      team.each([&](int thread) {
        load(thread, first + stage);
        walk(p, piece, first, thread, state[thread], su, sdt, sb, sc, partial);
      });
      if constexpr (has_y) {
        team.each([&](int thread) { write(p, piece, first, thread, su, partial); });
      }
    }
    team.each([&](int thread) { end(p, piece, thread, state[thread]); });
  }

 private:
  ATTD_DEVICE void begin(const scan_part<Groups>& p, const scan_piece& piece, int thread,
                         thread_state& own) const {
    own.time = S(0);
    ATTD_UNROLL
    for (int k = 0; k < states_of_thread; ++k) {
      own.rate[k] = own.h[k] = S(0);
      if (!p.has(thread, k)) continue;
      const index_t j = p.channel(thread), n = p.state(thread, k);
      own.rate[k] = rate_of<S>(a, piece.sequence, j, n);
      if (from_zero) continue;
      own.h[k] = exists(piece_initial)
                     ? element<S>(piece_initial, piece.number * p.all_states + n, j)
                     : element<S>(initial, piece.sequence, j, n);
    }
  }
  ATTD_DEVICE void walk(const scan_part<Groups>& p, const scan_piece& piece, index_t first,
                        int thread, thread_state& own, const S* su, const S* sdt, const S* sb,
                        const S* sc, S* partial) const {
    const int lane = thread % lanes;
    const bool keeps = exists(starts);
    ATTD_UNROLL
    for (int i = 0; i < stage; ++i) {
      if (i % tile == 0 && keeps && first + i < piece.end) {
        const index_t slot = pieces.first_slot(piece) + (first + i - piece.begin) / tile;
        ATTD_UNROLL
        for (int k = 0; k < states_of_thread; ++k) {
          if (!p.has(thread, k)) continue;
          starts(slot * p.all_states + p.state(thread, k), p.channel(thread)) = own.h[k];
        }
      }
      const S step = sdt[i * lanes + lane], input = step * su[i * lanes + lane];
      S sum(0);
      ATTD_UNROLL
      for (int k = 0; k < states_of_thread; ++k) {
        const int n = i * p.states + p.local_state(thread, k);
        own.h[k] = decay_of(step * own.rate[k]) * own.h[k] + input * sb[n];
        if constexpr (has_y) sum += sc[n] * own.h[k];
      }
      own.time += step;
      if constexpr (has_y) partial[i * threads + thread] = sum;
    }
  }
  ATTD_DEVICE void write(const scan_part<Groups>& p, const scan_piece& piece, index_t first,
                         int thread, const S* su, const S* partial) const {
    if (!p.has_channel(thread)) return;
    const int lane = thread % lanes;
    const index_t j = p.channel(thread);
    for (int i = thread / lanes; i < stage; i += Groups) {
      if (first + i >= piece.end) return;
      const S before = first_state == 0 ? S(element<S>(d, j) * su[i * lanes + lane])
                                        : output.template so_far<S>(first + i, j);
      output.write(first + i, j, sum_of_groups<Groups>(before, partial + i * threads, lane),
                   first_state + p.states >= p.all_states);
    }
  }
  ATTD_DEVICE void end(const scan_part<Groups>& p, const scan_piece& piece, int thread,
                       const thread_state& own) const {
    if (exists(time) && thread < lanes && p.has_channel(thread)) {
      time(piece.number, p.channel(thread)) = own.time;
    }
    ATTD_UNROLL
    for (int k = 0; k < states_of_thread; ++k) {
      if (!p.has(thread, k)) continue;
      const index_t j = p.channel(thread), n = p.state(thread, k);
      if (exists(ends)) ends(piece.number * p.all_states + n, j) = own.h[k];
      if constexpr (!is_none_v<view<F>>) {
        if (piece.last) final(piece.sequence, j, n) = own.h[k];
      }
    }
  }
};

/// One number of `piece_initial` from what the pieces do on their own: the last state of a piece is
/// exp(a (sum of dt)) times its first, plus what it ends with from zero. `Backwards`: the same for
/// adjoints, from the last piece to the first; `edge` is then of the sequence's end.
template <bool Backwards, class S, class A, class E>
struct carried_over {
  scan_pieces pieces;
  index_t states;
  view<A> a;
  view<E> edge;
  view<S> ends, time, carried;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t channels = ends.columns(), j = index % channels;
    const index_t n = index / channels % states, s = index / (channels * states);
    const S rate = rate_of<S>(a, s, j, n);
    S h = element<S>(edge, s, j, n);
    for (index_t i = 0; i < pieces.count; ++i) {
      const index_t q = s * pieces.count + (Backwards ? pieces.count - 1 - i : i);
      carried(q * states + n, j) = h;
      h = decay_of(rate * element<S>(time, q, j)) * h + element<S>(ends, q * states + n, j);
    }
  }
};

/// Rows of memory that hold what is kept for each piece.
template <class S>
struct piece_memory {
  view<S> ends, time, carried;

  static index_t rows(const scan_pieces& p, index_t states) {
    return p.count == 1 ? 0 : p.size() * (2 * states + 1);
  }
  /// Rows of `all` from number `first`.
  static piece_memory in(const view<S>& all, index_t first, const scan_pieces& p, index_t states) {
    if (p.count == 1) return {};
    const index_t n = p.size() * states;
    return {all.row_range(first, n), all.row_range(first + n, p.size()),
            all.row_range(first + n + p.size(), n)};
  }
};

/// Calls f with a number of groups (as a constant) and the first state, for all states: 16 at a
/// time, or as few as there are; at least once.
template <class F>
void for_each_slab(index_t states, const F& f) {
  index_t first = 0;
  do {
    if (states - first <= states_of_thread) {
      f(std::integral_constant<int, 1>{}, first);
    } else if (states - first <= 2 * states_of_thread) {
      f(std::integral_constant<int, 2>{}, first);
    } else {
      f(std::integral_constant<int, 4>{}, first);
    }
    first += 4 * states_of_thread;
  } while (first < states);
}

/// How many pieces sequences are cut into: one, where the system does not know better.
template <class System>
index_t pieces_of(System& system, const sequences& batch, index_t channels) {
  if constexpr (requires { system.pieces(index_t{}, index_t{}); }) {
    index_t longest = 0;
    for (index_t s = 0; s < batch.count(); ++s) longest = std::max(longest, batch.length(s));
    return system.pieces(batch.count() * channel_tiles(channels), longest);
  } else {
    return 1;
  }
}

/// The operands of a selective scan that its forward shares with its backward.
template <class S, class U, class Steps, class A, class B, class I>
struct selective_scan_recurrence {
  scan_pieces pieces;
  view<U> u;
  Steps steps;
  view<A> a;
  view<B> b;
  view<I> initial;

  index_t teams() const { return pieces.size() * channel_tiles(u.columns()); }
  index_t states() const { return b.columns(); }

  /// All of it, from `carried` if there is one; every output may be absent.
  template <class Backend, class C, class D, class Output, class F>
  void run(Backend& backend, view<C> c, view<D> d, view<S> carried, bool from_zero,
           const Output& output, view<F> final, view<S> starts, view<S> ends, view<S> time) const {
    for_each_slab(states(), [&](auto groups, index_t first_state) {
      backend.for_each_team(
          teams(), selective_scan_forward<groups(), S, U, Steps, A, B, C, D, I, Output, F>{
                       pieces, first_state, u, steps, a, b, c, d, initial, carried, from_zero,
                       output, final, starts, ends, time});
    });
  }
  /// The state before each piece, where sequences are cut.
  template <class Backend>
  void carry(Backend& backend, const piece_memory<S>& m) const {
    if (pieces.count == 1) return;
    const view<none> no;
    run(backend, no, no, {}, true, given_output<none>{}, no, {}, m.ends, m.time);
    backend.for_each_index(
        pieces.batch.count * states() * u.columns(),
        carried_over<false, S, A, I>{pieces, states(), a, initial, m.ends, m.time, m.carried});
  }
};

}  // namespace attd::thrust_detail
