// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// How a team shares a selective scan: lanes are channels, warps are groups of states, time runs in
// tiles whose operands pass through shared memory.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/backends/thrust/team.hpp>
#include <cmath>
#include <limits>
#include <type_traits>

namespace attd::thrust_detail {

/// States that one thread keeps in registers.
inline constexpr int states_of_thread = 4;

/// Whether exponentials are the GPU's own: 2^x for floats, with an error of about 1e-7 (1 + |x|)
/// relative to the result.
template <class S>
ATTD_DEVICE constexpr bool has_fast_power() {
#if defined(__CUDA_ARCH__)
  return std::is_same_v<S, float>;
#else
  return false;
#endif
}

/// Rates are kept in the unit that saves a product for each exponential: a = rate unit_of_rate.
template <class S>
ATTD_DEVICE constexpr primal_t<S> unit_of_rate() {
  return has_fast_power<S>() ? primal_t<S>(0.69314718055994530942) : primal_t<S>(1);
}

/// exp(x unit_of_rate), x a product of a step size and a rate.
template <class S>
ATTD_DEVICE S decay_of(const S& x) {
  if constexpr (has_fast_power<S>()) {
    return ::exp2f(x);  // one instruction
  } else {
    return exp(x);
  }
}

/// The largest number instead of infinity, so that its product with a step of zero is zero.
template <class S>
ATTD_DEVICE S finite(const S& x) {
  if constexpr (is_dual_v<S>) {
    return {finite(x.value), x.tangent};
  } else {
    constexpr S largest = std::numeric_limits<S>::max();
    return x > largest ? largest : x < -largest ? -largest : x;
  }
}

/// The rate of an entry of a, finite and in its unit.
template <class S, class A>
ATTD_DEVICE S rate_of(const view<A>& a, index_t sequence, index_t j, index_t n) {
  return finite(element<S>(a, dynamics_of(a, sequence), j, n) / unit_of_rate<S>());
}

/// How many teams share the channels of a piece.
ATTD_DEVICE inline index_t channel_tiles(index_t channels) {
  return (channels + lanes - 1) / lanes;
}

/// Tokens [begin, end) of a sequence.
struct scan_piece {
  index_t number;  ///< among all pieces of all sequences
  index_t sequence;
  index_t begin, end;
  bool first, last;  ///< of its sequence
};

/// The sequences of a batch, each cut in time into `count` pieces, whole tiles but for the last.
struct scan_pieces {
  batch_view batch;
  index_t count, tile;

  ATTD_DEVICE index_t size() const { return batch.count * count; }
  ATTD_DEVICE scan_piece operator[](index_t number) const {
    const index_t s = number / count, k = number % count;
    const index_t step = ((batch.length(s) + count - 1) / count + tile - 1) / tile * tile;
    const index_t begin = batch.offset(s) + k * step, end = batch.offset(s + 1);
    return {number,
            s,
            begin < end ? begin : end,
            begin + step < end ? begin + step : end,
            k == 0,
            k == count - 1};
  }
  /// Tiles begin at slots of their own; this is the one of the piece's first tile.
  ATTD_DEVICE index_t first_slot(const scan_piece& p) const { return p.begin / tile + p.number; }
  /// How many slots there are.
  index_t slots(index_t tokens) const { return tokens / tile + size() + 1; }
};

/// The part of a team of `Groups` groups in one scan: 32 channels, 4 states for each group.
template <int Groups>
struct scan_part {
  static constexpr int threads = Groups * lanes;
  static constexpr int states = Groups * states_of_thread;

  index_t first_channel, channels;  ///< `channels` of the whole operation, as `all_states`
  index_t first_state, all_states;

  ATTD_DEVICE index_t channel(int thread) const { return first_channel + thread % lanes; }
  ATTD_DEVICE bool has_channel(int thread) const { return channel(thread) < channels; }
  ATTD_DEVICE static int group(int thread) { return thread / lanes; }
  /// Number of a thread's k-th state, within the team and in the whole operation.
  ATTD_DEVICE static int local_state(int thread, int k) {
    return group(thread) * states_of_thread + k;
  }
  ATTD_DEVICE index_t state(int thread, int k) const {
    return first_state + local_state(thread, k);
  }
  ATTD_DEVICE bool has(int thread, int k) const {
    return has_channel(thread) && state(thread, k) < all_states;
  }
};

/// Rows of up to `Tokens` tokens, 32 channels each, on their way from memory through registers to
/// shared memory [token, lane]. Zero beyond the piece and the channels.
template <class S, int Tokens, int Groups>
struct channel_rows {
  registers<S, (Tokens + Groups - 1) / Groups> held;

  /// x(token, channel) of the rows from token `first` that lie in [begin, end).
  template <class X>
  ATTD_DEVICE void load(const scan_part<Groups>& part, const X& x, index_t first, index_t begin,
                        index_t end, int thread) {
    ATTD_UNROLL
    for (int i = 0; i < (Tokens + Groups - 1) / Groups; ++i) {
      const int row = i * Groups + thread / lanes;
      const index_t t = first + row;
      const bool inside = row < Tokens && t >= begin && t < end && part.has_channel(thread);
      held[i] = inside ? S(x(t, part.channel(thread))) : S(0);
    }
  }
  ATTD_DEVICE void store(S* shared, int thread) const {
    ATTD_UNROLL
    for (int i = 0; i < (Tokens + Groups - 1) / Groups; ++i) {
      const int row = i * Groups + thread / lanes;
      if (row < Tokens) shared[row * lanes + thread % lanes] = held[i];
    }
  }
};

/// The same for rows of the team's states: shared memory [token, state of the team].
template <class S, int Tokens, int Groups>
struct state_rows {
  static constexpr int count = (Tokens * states_of_thread + lanes - 1) / lanes;
  registers<S, count> held;

  template <class X>
  ATTD_DEVICE void load(const scan_part<Groups>& part, const view<X>& x, index_t first,
                        index_t begin, index_t end, int thread) {
    constexpr int states = scan_part<Groups>::states;
    ATTD_UNROLL
    for (int i = 0; i < count; ++i) {
      const int at = i * scan_part<Groups>::threads + thread, row = at / states;
      const index_t t = first + row, n = part.first_state + at % states;
      const bool inside = row < Tokens && t >= begin && t < end && n < part.all_states;
      held[i] = inside ? element<S>(x, t, n) : S(0);
    }
  }
  ATTD_DEVICE void store(S* shared, int thread) const {
    ATTD_UNROLL
    for (int i = 0; i < count; ++i) {
      const int at = i * scan_part<Groups>::threads + thread;
      if (at < Tokens * scan_part<Groups>::states) shared[at] = held[i];
    }
  }
};

/// start + what each group wrote for a lane, group after group.
template <int Groups, class S>
ATTD_DEVICE S sum_of_groups(S start, const S* shared, int lane) {
  ATTD_UNROLL
  for (int g = 0; g < Groups; ++g) start += shared[g * lanes + lane];
  return start;
}

/// Bytes of shared memory, each array on a boundary of 16.
template <class S>
constexpr std::size_t shared_array(int count) {
  return (static_cast<std::size_t>(count) * sizeof(S) + 15) / 16 * 16;
}

/// Tokens of a tile: what the backward keeps in registers. Fewer for wide number types.
template <class S>
inline constexpr int tile_tokens = sizeof(S) <= 4   ? 8
                                   : sizeof(S) <= 8 ? 4
                                                    : 2;

}  // namespace attd::thrust_detail
