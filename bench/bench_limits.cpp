// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The machine's limits by themselves: multiply-adds, exponentials, reading and copying memory.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <support/limits.hpp>
#include <support/main.hpp>
#include <support/report.hpp>
#include <vector>

namespace {

using namespace attd_bench;

// A limit is measured once a run; what a benchmark reports is that measurement.
void add(const std::string& name, const char* counter, double (*value)(int, double), int threads,
         double bytes) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    double v = 0;
    for (auto _ : state) benchmark::DoNotOptimize(v = value(threads, bytes));
    state.counters[counter] = v;
  })->Iterations(1);
}

// A limit is one only if its loop does the work: 2^x right to float accuracy, every word read.
bool kernels_are_right() {
  constexpr index_t count = 1024;
  std::vector<float> x(count), y(count);
  std::vector<std::uint32_t> words(count);
  double worst = 0;
  std::uint32_t sum = 0;
  for (index_t i = 0; i < count; ++i) {
    x[std::size_t(i)] = float(i - count / 2) * 0.2137f;
    words[std::size_t(i)] = std::uint32_t(i * i + 1);
    sum += words[std::size_t(i)];
  }
  const auto compare = [&](void (*exp2)(const float*, float*, index_t)) {
    exp2(x.data(), y.data(), count);
    for (std::size_t i = 0; i < x.size(); ++i) {
      worst = std::max(worst, std::abs(double(y[i]) / std::exp2(double(x[i])) - 1));
    }
  };
  compare(limit_kernels::exp2);
  compare(limit_kernels::exp2_baseline);
  bool read = limit_kernels::read(words.data(), count) == sum &&
              limit_kernels::read_baseline(words.data(), count) == sum;
#if defined(ATTD_BENCH_X86)
  if (limit_kernels::best_instruction_set() == limit_kernels::instruction_set::avx512) {
    compare(limit_kernels::exp2_avx2);  // else it was the one above
    read = read && limit_kernels::read_avx2(words.data(), count) == sum;
  }
#endif
  if (worst < 3e-7 && read) return true;
  std::fprintf(stderr, "bench_limits: 2^x is wrong by %g, words read: %s\n", worst,
               read ? "all" : "not all");
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (!kernels_are_right()) return 1;
  return run_benchmarks(argc, argv, [](bool short_pass) {
    for (const int threads : {1, 2}) {
      add(
          "limit/fma" + axes({{"threads", threads}}), "gflops",
          [](int t, double) { return limits::get().fma_gflops(t); }, threads, 0);
      add(
          "limit/exp2" + axes({{"threads", threads}}), "ns_per_element",
          [](int t, double) { return limits::get().exp_ns(t); }, threads, 0);
      for (const index_t kib : {16, 256, 1024, 16 << 10, 256 << 10, 1 << 20}) {
        if (short_pass && kib > 1024) continue;
        add(
            "limit/read" + axes({{"KiB", kib}, {"threads", threads}}), "gb_per_s",
            [](int t, double bytes) { return limits::get().read_gb_s(bytes, t); }, threads,
            1024.0 * double(kib));
      }
    }
    for (const index_t kib : {16, 1024, 1 << 20}) {
      if (short_pass && kib > 1024) continue;
      add(
          "limit/copy" + axes({{"KiB", kib}, {"threads", 1}}), "gb_per_s",
          [](int, double bytes) { return limits::get().copy_gb_s(bytes); }, 1,
          1024.0 * double(kib));
    }
  });
}
