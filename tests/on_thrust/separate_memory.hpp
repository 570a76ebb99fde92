// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A system that runs on the CPU but, like a GPU, computes only in memory of its own, and late:
// whatever a loop body refers to must have been brought there, and nothing is done before `finish`.
#pragma once

#include <doctest/doctest.h>

#include <attd/backends/thrust.hpp>
#include <attd/backends/thrust/readable_arrays.hpp>
#include <attd/operations/complex_scan.hpp>
#include <boost/pfr.hpp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd_test {

// What was called on one handle and has not been done: a stream. Those of several handles are done
// in no order that anyone can rely on.
class late_calls {
 public:
  late_calls() { all().insert(this); }
  late_calls(const late_calls&) = delete;
  ~late_calls() {
    finish();
    all().erase(this);
  }
  void finish() {
    while (!queue.empty()) {
      const auto next = std::move(queue.front());
      queue.pop_front();
      next();
    }
  }
  std::deque<std::function<void()>> queue;

  static void finish_all() {
    for (late_calls* calls : all()) calls->finish();
  }
  static std::size_t pending() {
    std::size_t count = 0;
    for (const late_calls* calls : all()) count += calls->queue.size();
    return count;
  }

 private:
  static std::set<late_calls*>& all() {
    static std::set<late_calls*> every;
    return every;
  }
};

// The pieces of memory that are given out, by their beginning.
inline std::map<const std::byte*, std::size_t>& live_memory() {
  static std::map<const std::byte*, std::size_t> live;
  return live;
}
// How many bytes there are in all.
inline std::size_t& memory_size() {
  static std::size_t bytes = std::size_t{1} << 40;
  return bytes;
}
inline std::size_t used_memory() {
  std::size_t bytes = 0;
  for (const auto& piece : live_memory()) bytes += piece.second;
  return bytes;
}
// How many pieces were given out.
inline int& given_out() {
  static int count = 0;
  return count;
}
inline void* give_memory(std::size_t bytes) {
  ++given_out();
  if (used_memory() + bytes > memory_size()) attd::fail("no memory for ", bytes, " bytes");
  const std::size_t whole = (bytes + 64) / 64 * 64;
  void* p = std::aligned_alloc(64, whole);
  std::memset(p, 0xff, whole);  // not a number, for whoever reads too early
  live_memory()[static_cast<std::byte*>(p)] = bytes;
  return p;
}
// How many were taken back: what was recorded before may refer to them.
inline int& taken_back() {
  static int count = 0;
  return count;
}
inline void take_memory(void* p, std::size_t) {
  late_calls::finish_all();  // which may use it
  ++taken_back();
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
  } else if constexpr (requires { x.for_each_pointer([](const void*) {}); }) {
    int count = 0;
    x.for_each_pointer([&](const void* p) { count += is_separate(p) ? 0 : 1; });
    return count;
  } else if constexpr (std::is_aggregate_v<X>) {
    int count = 0;
    boost::pfr::for_each_field(x, [&](const auto& field) { count += strangers(field); });
    return count;
  } else {
    return 0;
  }
}

struct cannot_be_recorded {};

struct separate_system {
  separate_system() = default;
  separate_system(const separate_system& other) : arrays(other.arrays) {}
  separate_system(separate_system&&) = default;
  separate_system& operator=(separate_system other) noexcept {
    std::swap(calls, other.calls);
    std::swap(arrays, other.arrays);
    return *this;
  }

  const attd::memory_source* memory() const { return &separate; }
  template <class X>
  const X* readable(const X* from, attd::index_t count) {
    return arrays(from, count, [this] { finish(); });
  }
  template <class F>
  void check(const F& f) const {
    const int found = strangers(f);
    if (found > 0) attd::fail("an operand was not brought: ", __PRETTY_FUNCTION__);
  }
  template <class F>
  void run(const F& f) const {
    calls->queue.push_back([f] { f(::thrust::cpp::par); });
  }
  void finish() const {
    if (is_recording()) throw cannot_be_recorded{};
    calls->finish();
  }

  // What f calls the second time is recorded, and from the third on done without calling f.
  struct recording {
    int calls = 0, taken = 0;
    bool impossible = false;
    std::deque<std::function<void()>> functions;

    recording() = default;
    recording(const recording&) {}
    recording(recording&&) noexcept = default;
    recording& operator=(const recording&) { return *this = recording{}; }
    recording& operator=(recording&&) = default;
    void forget() { *this = recording{}; }
  };
  template <class F>
  void replay(recording& r, const F& f) {
    if (r.taken != taken_back()) r.forget();
    r.taken = taken_back();
    if (r.impossible || r.calls++ == 0) return f();
    if (r.functions.empty() && !record(r, f)) return f();
    ++replays();
    for (const auto& g : r.functions) calls->queue.push_back(g);
  }
  static int& replays() {
    static int count = 0;
    return count;
  }

 private:
  static bool& is_recording() {
    static bool recording = false;
    return recording;
  }
  template <class F>
  bool record(recording& r, const F& f) {
    std::swap(calls->queue, r.functions);
    is_recording() = true;
    try {
      f();
    } catch (const cannot_be_recorded&) {
      r.impossible = true;
    }
    is_recording() = false;
    std::swap(calls->queue, r.functions);
    if (r.impossible) r.functions.clear();
    return !r.impossible;
  }

  std::unique_ptr<late_calls> calls = std::make_unique<late_calls>();
  attd::thrust_detail::readable_arrays arrays{&separate};
};

using thrust_separate = attd::thrust<separate_system>;

}  // namespace attd_test
