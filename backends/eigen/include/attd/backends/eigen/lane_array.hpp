// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the scans on packs share: arrays of lanes in a scratch tensor, and the decay factor.
#pragma once

#include <attd/core/math.hpp>
#include <attd/core/pack_access.hpp>
#include <cstdint>
#include <type_traits>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

/// Whether a scan over operands of these types has a kernel on packs: float or double throughout,
/// plain or one dual level, some of them absent.
template <class First, class... Rest>
concept scannable = has_lanes<First> && !std::is_same_v<First, none> &&
                    ((has_lanes<Rest> && (std::is_same_v<std::remove_const_t<Rest>, none> ||
                                          std::is_same_v<primal_t<Rest>, primal_t<First>>)) &&
                     ...);

/// The tensor of plain numbers that scratch memory of duals is cut from.
template <class T>
auto& plain_numbers(tensor<T>& x) {
  if constexpr (is_dual_v<T>) {
    return plain_numbers(x.value);
  } else {
    return x;
  }
}

/// An array of packs (or duals of packs) in memory of plain numbers.
template <class P>
class lane_array {
 public:
  using number = std::remove_cvref_t<decltype(primal(std::declval<P>())[0])>;
  static constexpr index_t numbers = static_cast<index_t>(sizeof(P) / sizeof(number));

  lane_array() = default;
  explicit lane_array(number* data) : data_(data) {}

  ATTD_INLINE P operator[](index_t i) const { return read(data_ + i * numbers, P(0)); }
  ATTD_INLINE void set(index_t i, const P& x) const { write(data_ + i * numbers, x); }
  ATTD_INLINE void accumulate(index_t i, const P& x) const { set(i, (*this)[i] + x); }
  ATTD_INLINE void fill_zero(index_t count) const {
    for (index_t i = 0; i < count; ++i) set(i, P(0));
  }
  /// The part from element i.
  ATTD_INLINE lane_array from(index_t i) const { return lane_array(data_ + i * numbers); }

 private:
  // The second argument only says what to read.
  template <class Q>
  static ATTD_INLINE Q read(const number* p, const Q&) {
    if constexpr (is_dual_v<Q>) {
      constexpr index_t half = static_cast<index_t>(sizeof(Q) / sizeof(number)) / 2;
      return {read(p, decltype(Q::value)(0)), read(p + half, decltype(Q::value)(0))};
    } else {
      return Q::load(p);
    }
  }
  template <class Q>
  static ATTD_INLINE void write(number* p, const Q& x) {
    if constexpr (is_dual_v<Q>) {
      constexpr index_t half = static_cast<index_t>(sizeof(Q) / sizeof(number)) / 2;
      write(p, x.value);
      write(p + half, x.tangent);
    } else {
      x.store(p);
    }
  }

  number* data_ = nullptr;
};

/// Cuts lane arrays one after the other from a scratch tensor of plain numbers. Two passes: the
/// first, on a null pointer, only counts.
template <class Number>
struct lane_arena {
  Number* data = nullptr;
  index_t used = 0;

  template <class P>
  lane_array<P> take(index_t count) {
    lane_array<P> result(data == nullptr ? nullptr : data + used);
    used += count * lane_array<P>::numbers;
    return result;
  }
};

inline constexpr double log2_of_e = 1.44269504088896340736;
inline constexpr double log_of_2 = 0.69314718055994530942;

/// 2^x, also for duals.
template <class T, int W>
ATTD_INLINE pack<T, W> power_of_2(pack<T, W> x) {
  return exp2(x);
}
template <class P>
ATTD_INLINE dual<P> power_of_2(const dual<P>& x) {
  const P e = power_of_2(x.value);
  return {e, e * (P(log_of_2) * x.tangent)};
}

/// Asks for the cache line of an element that is needed soon: rows far apart in memory are not
/// found by the processor itself. Level 3 is the first cache, 2 the second. The row may lie behind
/// the last one: asking for memory never touches it.
template <int Level = 3, class X>
ATTD_INLINE void prefetch(view<X> v, index_t row, index_t column) {
  if constexpr (is_dual_v<X>) {
    prefetch<Level>(v.value, row, column);
    prefetch<Level>(v.tangent, row, column);
  } else if constexpr (!is_none_v<view<X>>) {
    // As a number, since a pointer may not be moved out of its array.
    const auto start = reinterpret_cast<std::uintptr_t>(v.data());
    const auto bytes = (row * v.stride() + column) * static_cast<index_t>(sizeof(X));
    __builtin_prefetch(reinterpret_cast<const void*>(start + static_cast<std::uintptr_t>(bytes)), 0,
                       Level);
  }
}

/// Lanes of a view that may not exist; zero then.
template <int W, class P, class X>
ATTD_INLINE P load_or_zero(view<X> v, index_t row, index_t column, index_t count) {
  if constexpr (is_none_v<view<X>>) {
    return P(0);
  } else {
    return P(load<W>(v, row, column, count));
  }
}
template <int W, class P, class X>
ATTD_INLINE P load_rows_or_zero(view<X> v, index_t row, index_t column, index_t count) {
  if constexpr (is_none_v<view<X>>) {
    return P(0);
  } else {
    return P(load_rows<W>(v, row, column, count));
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
