// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Names that say the shape, and the counters that every benchmark reports.
#pragma once

#include <benchmark/benchmark.h>

#include <initializer_list>
#include <string>
#include <support/limits.hpp>
#include <utility>

namespace attd_bench {

/// "/B:1/D:512": the tail of a benchmark's name.
inline std::string axes(std::initializer_list<std::pair<const char*, index_t>> values) {
  std::string s;
  for (const auto& [name, value] : values) s += "/" + (name + (":" + std::to_string(value)));
  return s;
}

/// What a computation needs at least: work that no order of the same arithmetic can avoid.
struct work {
  double flops = 0;  ///< operations of fused multiply-adds (2 each)
  double exps = 0;   ///< exponentials, logarithms of the same cost among them
  double bytes = 0;  ///< operands read once and results written once
  double array = 0;  ///< size of what the bytes are part of: decides which memory limits
};

/// Seconds that the work takes at the measured limits.
///
/// *Formula*: max(flops / peak, exps * one, bytes / bandwidth). Where exponentials and products run
/// on the same units the true bound is between the largest and the sum; the largest is one that
/// nothing can beat.
inline double bound_seconds(const work& w, int threads = 1) {
  limits& l = limits::get();
  const double arithmetic = std::max(w.flops > 0 ? w.flops * l.fma_ns_per_flop(threads) : 0,
                                     w.exps > 0 ? w.exps * l.exp_ns(threads) : 0);
  const double memory =
      w.bytes > 0 ? w.bytes / l.read_gb_s(w.array > 0 ? w.array : w.bytes, threads) : 0;
  return 1e-9 * std::max(arithmetic, memory);
}

/// "ns_per_...": time of one of `count` things that each iteration does.
inline void report_time(benchmark::State& state, const char* counter, double count) {
  state.counters[counter] =
      benchmark::Counter(count * double(state.iterations()) * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// ns_per_element, and share_of_limit = bound / time.
inline void report(benchmark::State& state, double elements, double bound) {
  report_time(state, "ns_per_element", elements);
  state.counters["share_of_limit"] =
      benchmark::Counter(bound * double(state.iterations()), benchmark::Counter::kIsRate);
}
inline void report(benchmark::State& state, double elements, const work& w, int threads = 1) {
  report(state, elements, bound_seconds(w, threads));
}

/// How many benchmarks have found something wrong; the program then ends with an error.
inline int failures = 0;

/// Says that a benchmark is not what its name says.
inline void fail(benchmark::State& state, const char* what) {
  ++failures;
  state.SkipWithError(what);
}

}  // namespace attd_bench
