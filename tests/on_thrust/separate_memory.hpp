// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A system that runs on the CPU but, like a GPU, computes only in memory of its own, and late:
// whatever a loop body refers to must have been brought there, and nothing is done before `finish`.
#pragma once

#include <doctest/doctest.h>

#include <attd/backends/thrust.hpp>
#include <attd/operations/complex_scan.hpp>
#include <boost/pfr.hpp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd_test {

// What was called and has not been done.
inline std::deque<std::function<void()>>& undone() {
  static std::deque<std::function<void()>> queue;
  return queue;
}
inline void do_all() {
  while (!undone().empty()) {
    const auto next = std::move(undone().front());
    undone().pop_front();
    next();
  }
}

// The pieces of memory that are given out, by their beginning.
inline std::map<const std::byte*, std::size_t>& live_memory() {
  static std::map<const std::byte*, std::size_t> live;
  return live;
}
inline void* give_memory(std::size_t bytes) {
  const std::size_t whole = (bytes + 64) / 64 * 64;
  void* p = std::aligned_alloc(64, whole);
  std::memset(p, 0xff, whole);  // not a number, for whoever reads too early
  live_memory()[static_cast<std::byte*>(p)] = bytes;
  return p;
}
inline void take_memory(void* p, std::size_t) {
  do_all();  // which may use it
  live_memory().erase(static_cast<std::byte*>(p));
  std::free(p);
}
inline constexpr attd::memory_source separate{&give_memory, &take_memory};

inline bool is_separate(const void* p) {
  const auto* at = static_cast<const std::byte*>(p);
  auto next = live_memory().upper_bound(at);
  if (next == live_memory().begin()) return false;
  --next;
  return at < next->first + next->second;
}

template <class V>
struct is_view : std::false_type {};
template <class T>
struct is_view<attd::view<T>> : std::true_type {};

// How many operands of a loop body lie elsewhere.
template <class X>
int strangers(const X& x) {
  if constexpr (is_view<X>::value) {
    if constexpr (attd::is_none_v<X>) {
      return 0;
    } else if constexpr (attd::is_dual_v<typename X::scalar>) {
      return strangers(x.value) + strangers(x.tangent);
    } else {
      return x.shape().rank > 0 && x.size() > 0 && !is_separate(x.data()) ? 1 : 0;
    }
  } else if constexpr (std::is_pointer_v<X>) {
    return is_separate(x) ? 0 : 1;
  } else if constexpr (std::is_aggregate_v<X>) {
    int count = 0;
    boost::pfr::for_each_field(x, [&](const auto& field) { count += strangers(field); });
    return count;
  } else {
    return 0;
  }
}

struct separate_system {
  const attd::memory_source* memory() const { return &separate; }
  template <class X>
  const X* readable(const X* from, attd::index_t count) {
    const auto bytes = static_cast<std::size_t>(count) * sizeof(X);
    if (slots.size() == 4) {
      take_memory(slots.front(), 0);
      slots.pop_front();
    }
    slots.push_back(give_memory(bytes));
    X* to = static_cast<X*>(slots.back());
    for (attd::index_t i = 0; i < count; ++i) to[i] = from[i];
    return to;
  }
  template <class F>
  void check(const F& f) const {
    const int found = strangers(f);
    if (found > 0) attd::fail("an operand was not brought: ", __PRETTY_FUNCTION__);
  }
  template <class F>
  void run(const F& f) const {
    undone().push_back([f] { f(::thrust::cpp::par); });
  }
  static void finish() { do_all(); }

  separate_system() = default;
  separate_system(const separate_system&) {}
  separate_system& operator=(const separate_system&) { return *this; }
  ~separate_system() {
    for (void* p : slots) take_memory(p, 0);
  }

 private:
  std::deque<void*> slots;
};

using thrust_separate = attd::thrust<separate_system>;

}  // namespace attd_test
