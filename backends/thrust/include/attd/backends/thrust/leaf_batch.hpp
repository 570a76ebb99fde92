// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Many leaves in one launch: their addresses travel with the loop body.
#pragma once

#include <attd/backends/thrust/scan_tiles.hpp>
#include <attd/backends/thrust/systems.hpp>
#include <attd/backends/thrust/team.hpp>
#include <attd/core/tensor.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace attd::thrust_detail {

/// Up to 32 leaves of as many operands as there are types, as one row of numbers. It is an argument
/// of a launch, of which a GPU takes 4096 bytes.
template <class... X>
class leaf_batch {
 public:
  static constexpr int most = 32;

  index_t size() const { return count_ == 0 ? 0 : ends_[count_ - 1]; }
  bool full() const { return count_ == most; }
  /// Adds one leaf of every operand: anything with data() and size(), all of one size.
  template <class... Leaf>
  void add(const Leaf&... leaf) {
    const index_t sizes[] = {leaf.size()...};
    const void* const data[] = {leaf.data()...};
    ends_[count_] = size() + sizes[0];
    for (std::size_t k = 0; k < sizeof...(X); ++k) {
      expect_equal("a backend", "the number of numbers of a leaf", sizes[k], sizes[0]);
      data_[k][count_] = const_cast<void*>(data[k]);
    }
    ++count_;
  }

  /// f(x, ...) at one number of the row.
  template <class F>
  ATTD_DEVICE decltype(auto) at(index_t index, const F& f) const {
    int low = 0, high = count_ - 1;  // the first leaf that ends behind it
    while (low < high) {
      const int middle = (low + high) / 2;
      if (ends_[middle] <= index) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const index_t within = low == 0 ? index : index - ends_[low - 1];
    return call(low, within, f, std::index_sequence_for<X...>{});
  }
  /// Calls f with the address of every leaf: for a system that checks what loop bodies refer to.
  template <class F>
  void for_each_pointer(const F& f) const {
    for (const auto& operand : data_) {
      for (int leaf = 0; leaf < count_; ++leaf) f(operand[leaf]);
    }
  }

 private:
  template <class F, std::size_t... K>
  ATTD_DEVICE decltype(auto) call(int leaf, index_t within, const F& f,
                                  std::index_sequence<K...>) const {
    return f(static_cast<X*>(data_[K][leaf])[within]...);
  }

  int count_ = 0;
  index_t ends_[most];
  void* data_[sizeof...(X)][most];
};

/// f(x, ...).
template <class F, class Batch>
struct each_number_of {
  F f;
  Batch leaves;

  ATTD_DEVICE void operator()(index_t index) const { leaves.at(index, f); }
  template <class G>
  void for_each_pointer(const G& g) const {
    leaves.for_each_pointer(g);
  }
};

/// What `combine` makes of f(x, ...) for 8192 neighbours, by a team: thread after thread takes
/// every 256th number, then threads meet in pairs.
template <class F, class Combine, class Batch>
struct reduced_numbers {
  static constexpr int threads = 256;
  static constexpr index_t numbers = 32 * threads;

  F f;
  Combine combine;
  double start;
  Batch leaves;
  index_t count;  // leaves.size()
  view<double> partial;

  static index_t teams(index_t count) { return (count + numbers - 1) / numbers; }
  std::size_t shared_bytes() const { return shared_array<double>(threads); }
  template <class G>
  void for_each_pointer(const G& g) const {
    leaves.for_each_pointer(g);
    g(partial.data());
  }

  template <class Team>
  ATTD_DEVICE void operator()(Team& team) const {
    double* const shared = team.template shared<double>(threads);
    const index_t first = team.number() * numbers;
    const index_t end = first + numbers < count ? first + numbers : count;
    team.each([&](int thread) {
      double own = start;
      for (index_t i = first + thread; i < end; i += threads) {
        own = combine(own, static_cast<double>(leaves.at(i, f)));
      }
      shared[thread] = own;
    });
    for (int half = threads / 2; half > 0; half /= 2) {
      team.each([&](int thread) {
        if (thread < half) shared[thread] = combine(shared[thread], shared[thread + half]);
      });
    }
    team.each([&](int thread) {
      if (thread == 0) partial(team.number()) = shared[0];
    });
  }
};

}  // namespace attd::thrust_detail
