// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Sums and maxima that a team shares: over the columns of rows, and over the tokens of columns.
#pragma once

#include <attd/backends/thrust/rows.hpp>
#include <attd/backends/thrust/scan_tiles.hpp>
#include <attd/backends/thrust/team.hpp>
#include <cstddef>
#include <type_traits>

namespace attd::thrust_detail {

/// How teams of `Threads` threads share rows. The threads of a row are 32, 64, .. neighbours, who
/// read neighbouring columns; how many depends on the columns alone, and so does the order of sums.
template <int Threads>
struct row_layout {
  index_t rows, columns;
  int shift;  ///< log2 of the number of threads of a row

  /// Up to 8 columns for each thread, more where the whole team is one row's.
  static row_layout of(index_t rows, index_t columns) {
    int shift = 5;
    while ((1 << shift) < Threads && columns > (8 << shift)) ++shift;
    return {rows, columns, shift};
  }
  index_t teams() const {
    const index_t rows_of_team = Threads >> shift;
    return (rows + rows_of_team - 1) / rows_of_team;
  }

  ATTD_DEVICE int width() const { return 1 << shift; }
  ATTD_DEVICE index_t row(index_t team, int thread) const {
    return team * (Threads >> shift) + (thread >> shift);
  }
  /// Among the threads of the row, from 0.
  ATTD_DEVICE int place(int thread) const { return thread & (width() - 1); }
  /// Whether a thread is the one to write what its row has once.
  ATTD_DEVICE bool is_first(index_t team, int thread) const {
    return place(thread) == 0 && row(team, thread) < rows;
  }
  /// use(row, column, load(row, column)) for all of a thread's columns. Several are loaded before
  /// the first is used, so that a GPU waits for their memory once: `load` must not read what `use`
  /// writes for other columns.
  template <class Load, class Use>
  ATTD_DEVICE void walk(index_t team, int thread, const Load& load, const Use& use) const {
    using V = decltype(load(index_t(), index_t()));
    constexpr int together = sizeof(V) <= 24 ? 4 : sizeof(V) <= 48 ? 2 : 1;
    const index_t t = row(team, thread);
    if (t >= rows) return;
    for (index_t first = place(thread); first < columns; first += together << shift) {
      registers<V, together> values;
      ATTD_UNROLL
      for (int i = 0; i < together; ++i) {
        const index_t c = first + (i << shift);
        values[i] = load(t, c < columns ? c : columns - 1);  // no branch: loads stay together
      }
      ATTD_UNROLL
      for (int i = 0; i < together; ++i) {
        const index_t c = first + (i << shift);
        if (c < columns) use(t, c, values[i]);
      }
    }
  }
};

/// An element that is to be added to, and what decides how much.
template <class D, class V>
struct added_to {
  D before;
  V operands;
};

/// d(row, column) += amount(load(row, column)) for all of a thread's columns.
template <int Threads, class Team, class D, class Load, class Amount>
ATTD_DEVICE void add_to_rows(const row_layout<Threads>& layout, const Team& team, int thread,
                             const view<D>& d, const Load& load, const Amount& amount) {
  using V = added_to<D, decltype(load(index_t(), index_t()))>;
  layout.walk(
      team.number(), thread,
      [&](index_t t, index_t c) { return V{number<D>(d, t, c), load(t, c)}; },
      [&](index_t t, index_t c, const V& v) { d.at(t, c) = v.before + amount(v.operands); });
}

/// `Count` sums over each row's threads: within 32 lanes by `lane_sums`, then warp after warp.
template <class T, int Count, int Threads, class Team>
class row_sums {
 public:
  static constexpr std::size_t shared_bytes = shared_array<T>(Threads / lanes * Count);

  ATTD_DEVICE explicit row_sums(Team& team)
      : values_(team), shared_(team.template shared<T>(Threads / lanes * Count)) {}

  /// What a thread has to add. After `add` it is no longer there.
  ATTD_DEVICE registers<T, Count>& of(int thread) { return values_[thread]; }
  ATTD_DEVICE void add(Team& team) {
    team.lane_sums(values_);
    team.each([&](int thread) {
      constexpr int same = lanes / Count;  // lanes that are left with the same sum
      const int lane = thread % lanes;
      if (lane % same != 0) return;
      shared_[thread / lanes * Count + sum_of_lane(lane, Count)] = values_[thread][0];
    });
  }
  /// The k-th sum of a thread's row, until the next `add`.
  ATTD_DEVICE T total(const row_layout<Threads>& layout, int thread, int k = 0) const {
    const int first = (thread - layout.place(thread)) / lanes;
    T sum = shared_[first * Count + k];
    for (int w = first + 1; w < first + layout.width() / lanes; ++w) sum += shared_[w * Count + k];
    return sum;
  }

 private:
  typename Team::template own<registers<T, Count>> values_;
  T* shared_;
};

/// The largest number of each row's threads: 16 threads look through all, then everyone through
/// what these found.
template <class P, int Threads, class Team>
class row_maxima {
 public:
  static constexpr std::size_t shared_bytes =
      shared_array<P>(Threads) + shared_array<P>(Threads / 2);

  ATTD_DEVICE explicit row_maxima(Team& team)
      : all_(team.template shared<P>(Threads)), some_(team.template shared<P>(Threads / 2)) {}

  ATTD_DEVICE void set(int thread, const P& value) { all_[thread] = value; }
  ATTD_DEVICE void find(Team& team, const row_layout<Threads>& layout) {
    team.each([&](int thread) {
      const int place = layout.place(thread);
      if (place >= found) return;
      P largest = all_[thread];
      for (int i = found; i < layout.width(); i += found) {
        const P other = all_[thread + i];
        if (other > largest) largest = other;
      }
      some_[(thread - place) / 2 + place] = largest;
    });
  }
  /// Of a thread's row.
  ATTD_DEVICE P largest(const row_layout<Threads>& layout, int thread) const {
    const P* const some = some_ + (thread - layout.place(thread)) / 2;
    P largest = some[0];
    ATTD_UNROLL
    for (int i = 1; i < found; ++i) {
      if (some[i] > largest) largest = some[i];
    }
    return largest;
  }

 private:
  static constexpr int found = lanes / 2;

  P *all_, *some_;
};

/// Tokens whose sum one team makes. A larger number leaves parts of a GPU without work where there
/// are few channels, a smaller one makes more numbers to add afterwards.
inline constexpr index_t chunk_tokens = 128;

/// Sums over the tokens of a chunk, for 32 channels: partial sums [chunk, sum, channel].
///
/// `Sums` is an aggregate that says what is summed, and where to:
///   static constexpr int count;                                   // of sums for each channel
///   void add(index_t t, index_t end, int step, index_t c,         // of tokens t, t + step, ..
///            registers<S, count>& sums) const;
///   void give(int k, index_t c, const S& sum) const;              // to the gradient
/// Each warp takes every 8th token, so that loads are whole rows of 32 channels; the warps' sums
/// are added in order.
template <class S, class Sums>
struct chunk_sums {
  static constexpr int groups = 8, threads = groups * lanes;

  index_t tokens, channels;
  Sums sums;
  view<S> partial;

  std::size_t shared_bytes() const { return shared_array<S>(Sums::count * threads); }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    const index_t tiles = (channels + lanes - 1) / lanes, chunk = team.number() / tiles;
    const index_t first_channel = team.number() % tiles * lanes;
    S* const shared = team.template shared<S>(Sums::count * threads);
    team.each([&](int thread) {
      const index_t c = first_channel + thread % lanes, first = chunk * chunk_tokens;
      const index_t end = first + chunk_tokens < tokens ? first + chunk_tokens : tokens;
      registers<S, Sums::count> own;
      ATTD_UNROLL
      for (int k = 0; k < Sums::count; ++k) own[k] = S(0);
      if (c < channels) sums.add(first + thread / lanes, end, groups, c, own);
      ATTD_UNROLL
      for (int k = 0; k < Sums::count; ++k) shared[k * threads + thread] = own[k];
    });
    team.each([&](int thread) {
      const index_t c = first_channel + thread % lanes;
      if (c >= channels) return;
      for (int k = thread / lanes; k < Sums::count; k += groups) {
        const S* const of_lane = shared + k * threads + thread % lanes;
        S sum = of_lane[0];
        ATTD_UNROLL
        for (int g = 1; g < groups; ++g) sum += of_lane[g * lanes];
        partial(chunk, k, c) = sum;
      }
    });
  }
};

/// Gives one channel's k-th sum over all tokens: the sum over chunks.
template <class S, class Sums>
struct sum_of_chunks {
  Sums sums;
  view<S> partial;

  ATTD_DEVICE void operator()(index_t index) const {
    const index_t channels = partial.columns(), c = index % channels, k = index / channels;
    S sum = element<S>(partial, 0, k, c);
    for (index_t i = 1; i < partial.extent(0); ++i) sum += element<S>(partial, i, k, c);
    sums.give(static_cast<int>(k), c, sum);
  }
};

/// The shape of the partial sums.
inline shape shape_of_partial(index_t tokens, int count, index_t channels) {
  return {(tokens + chunk_tokens - 1) / chunk_tokens, count, channels};
}

/// Gives all of `sums`; `partial` is memory of `shape_of_partial`.
template <class S, class Backend, class Sums>
void give_sums_over_tokens(Backend& backend, index_t tokens, const Sums& sums, view<S> partial) {
  if (tokens == 0) return;
  const index_t channels = partial.columns(), tiles = (channels + lanes - 1) / lanes;
  backend.for_each_team(partial.extent(0) * tiles,
                        chunk_sums<S, Sums>{tokens, channels, sums, partial});
  backend.for_each_index(Sums::count * channels, sum_of_chunks<S, Sums>{sums, partial});
}

/// Arrays one after another in a row of memory.
template <class S>
struct memory_row {
  view<S> row;
  index_t used = 0;

  view<S> take(const shape& s) {
    const index_t first = used;
    used += s.size();
    return reshaped(row.column_range(first, s.size()), s);
  }
};

/// A sum as the number type of a gradient: the tangents that this lacks are zero, because nothing
/// that was summed had them.
template <class To, class S>
ATTD_DEVICE auto lowered(const S& x) {
  if constexpr (dual_depth<S> > dual_depth<To>) {
    return lowered<To>(x.value);
  } else {
    return x;
  }
}

/// d_b += sum of the rows of d_y.
template <class DY, class DB>
struct row_sum {
  static constexpr int count = 1;
  using S = std::remove_const_t<DY>;

  view<DY> d_y;
  view<DB> d_bias;

  ATTD_DEVICE void add(index_t t, index_t end, int step, index_t c, registers<S, 1>& sums) const {
    for (; t < end; t += step) sums[0] += number<S>(d_y, t, c);
  }
  ATTD_DEVICE void give(int, index_t c, const S& sum) const { d_bias(c) += sum; }
};

}  // namespace attd::thrust_detail
