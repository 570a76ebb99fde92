// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the processor can do at most, measured in the run whose times are compared with it.
#pragma once

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <support/limit_kernels.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace attd_bench {

using attd::index_t;

inline double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}
inline double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Memory in large pages where the system gives them: a limit should not be one of address
/// translation. Every page has been written.
class large_pages {
 public:
  explicit large_pages(std::size_t bytes) : bytes_(bytes) {
    p_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p_ == MAP_FAILED) throw std::bad_alloc();
    madvise(p_, bytes, MADV_HUGEPAGE);
    std::memset(p_, 1, bytes);
  }
  large_pages(const large_pages&) = delete;
  ~large_pages() { munmap(p_, bytes_); }
  std::byte* data() const { return static_cast<std::byte*>(p_); }

 private:
  void* p_;
  std::size_t bytes_;
};

/// Limits of one thread, or of several at once. Each is measured when first asked for, as the best
/// of several passes, and kept. One thread is timed by its own processor time, several by the
/// clock.
class limits {
 public:
  static limits& get() {
    static limits l;
    return l;
  }
  /// A short pass measures short: its numbers say that it works, not how fast the machine is.
  void set_short() { short_ = true; }

  /// Floating-point operations a nanosecond (GFLOP/s) in float, a fused multiply-add being 2.
  double fma_gflops(int threads = 1) {
    return cached("fma", 0, threads, [&] {
      const index_t rounds = short_ ? 20000 : 2000000;
      float one;
      const int lanes = limit_kernels::fma(1, &one);
      const double s = best(threads, [&](int) {
        float sink;
        limit_kernels::fma(rounds, &sink);
        benchmark::DoNotOptimize(sink);
      });
      return 2e-9 * double(lanes) * double(rounds) * limit_kernels::chains * threads / s;
    });
  }
  double fma_ns_per_flop(int threads = 1) { return 1.0 / fma_gflops(threads); }

  /// Nanoseconds for one 2^x in float, operands and results in the nearest cache.
  double exp_ns(int threads = 1) {
    return cached("exp", 0, threads, [&] {
      constexpr index_t count = 1024;
      const int passes = short_ ? 20 : 10000;
      std::vector<float> x(std::size_t(2 * count * threads), -0.7f);
      const double s = best(threads, [&](int thread) {
        float* from = x.data() + 2 * count * thread;
        for (int i = 0; i < passes; ++i) {
          limit_kernels::exp2(from, from + count, count);
          benchmark::ClobberMemory();
        }
      });
      return 1e9 * s / (double(count) * passes * threads);
    });
  }

  /// Bytes a nanosecond (GB/s) that are read, pass after pass, of an array of `bytes`; its size
  /// (rounded up by at most a quarter) decides which memory that is. Threads share the array.
  double read_gb_s(double bytes, int threads = 1) {
    const std::size_t size = array_size(bytes);
    return cached("read", size, threads, [&] {
      const auto memory = array(size);
      const std::size_t part = size / std::size_t(threads);
      const auto passes = std::max<std::size_t>(1, (short_ ? 1u << 20 : 1u << 28) / part);
      const double s = best(threads, [&](int thread) {
        const auto* p =
            reinterpret_cast<const std::uint32_t*>(memory->data() + part * std::size_t(thread));
        for (std::size_t i = 0; i < passes; ++i) {
          std::uint32_t sum = limit_kernels::read(p, part / sizeof *p);
          benchmark::DoNotOptimize(sum);
          benchmark::ClobberMemory();
        }
      });
      return 1e-9 * double(part) * double(passes) * threads / s;
    });
  }
  /// Bytes a nanosecond, read and written counted, of a copy between two arrays of `bytes` / 2.
  double copy_gb_s(double bytes) {
    const std::size_t size = array_size(bytes);
    return cached("copy", size, 1, [&] {
      const auto memory = array(size);
      const std::size_t half = size / 2;
      const auto passes = std::max<std::size_t>(1, (short_ ? 1u << 20 : 1u << 28) / size);
      const double s = best(1, [&](int) {
        for (std::size_t i = 0; i < passes; ++i) {
          std::memcpy(memory->data() + half, memory->data(), half);
          benchmark::ClobberMemory();
        }
      });
      return 1e-9 * double(size) * double(passes) / s;
    });
  }

  /// The array that stands for main memory: beyond any cache but the largest shared ones.
  double memory_bytes() const { return short_ ? double(1 << 24) : double(std::size_t(1) << 30); }

  /// Writes the limits into the heading of the run (`context` in JSON).
  void add_context() {
    const auto add = [](const char* name, double value, const char* unit) {
      char text[64];
      std::snprintf(text, sizeof text, "%.4g %s", value, unit);
      benchmark::AddCustomContext(name, text);
    };
    benchmark::AddCustomContext("limit_instruction_set",
                                limit_kernels::name_of(limit_kernels::best_instruction_set()));
    if (short_) benchmark::AddCustomContext("short_pass", "limits and times mean nothing");
    // One array for all: the first touch of it takes longer than what is measured on it.
    kept_ = std::make_shared<large_pages>(std::size_t(memory_bytes()));
    add("limit_fma", fma_gflops(), "GFLOP/s");
    add("limit_exp", exp_ns(), "ns");
    add("limit_read_16KiB", read_gb_s(16 << 10), "GB/s");
    add("limit_read_1MiB", read_gb_s(1 << 20), "GB/s");
    add("limit_read_memory", read_gb_s(memory_bytes()), "GB/s");
    add("limit_copy_memory", copy_gb_s(memory_bytes()), "GB/s");
    add("limit_memory_array", memory_bytes() / (1 << 20), "MiB");
    kept_.reset();
  }

 private:
  std::shared_ptr<large_pages> array(std::size_t size) const {
    return kept_ ? kept_ : std::make_shared<large_pages>(size);
  }

  std::size_t array_size(double bytes) const {
    std::size_t size = 16 << 10;
    while (double(2 * size) <= std::min(bytes, memory_bytes())) size *= 2;
    const std::size_t quarter = size / 4;
    while (double(size) < std::min(bytes, memory_bytes())) size += quarter;
    return size;
  }

  template <class F>
  double cached(const char* what, std::size_t size, int threads, F measure) {
    const auto key = std::pair{std::string(what) + std::to_string(size), threads};
    const auto at = values_.find(key);
    if (at != values_.end()) return at->second;
    return values_[key] = measure();
  }

  // The shortest of several passes of `threads` threads at once.
  template <class F>
  double best(int threads, F f) const {
    double shortest = 1e300;
    for (int i = 0; i < (short_ ? 2 : 7); ++i) {
      const double began = threads == 1 ? cpu_seconds() : wall_seconds();
      if (threads == 1) {
        f(0);
      } else {
        std::vector<std::jthread> pool;
        for (int t = 0; t < threads; ++t) pool.emplace_back(f, t);
      }
      shortest = std::min(shortest, (threads == 1 ? cpu_seconds() : wall_seconds()) - began);
    }
    return shortest;
  }

  bool short_ = false;
  std::shared_ptr<large_pages> kept_;
  std::map<std::pair<std::string, int>, double> values_;
};

}  // namespace attd_bench
