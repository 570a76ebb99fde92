// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The main function of the benchmark programs: own options, and the limits in the heading.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <support/limits.hpp>
#include <support/options.hpp>
#include <support/report.hpp>
#include <vector>

namespace attd_bench {

/// Runs what `add(short_pass)` registers. `--short`: one pass over small shapes, to see that
/// everything runs; `add` then leaves the large ones out. `--register_bytes=N`: see options.hpp.
/// `--no_context`: only the limits that a benchmark asks for are measured, for profiling. Returns
/// what main returns.
template <class F>
int run_benchmarks(int argc, char** argv, F add) {
  bool short_pass = false, no_context = false;
  std::vector<char*> rest;
  std::string least_time = "--benchmark_min_time=0.0001";
  for (int i = 0; i < argc; ++i) {
    if (i > 0 && std::strcmp(argv[i], "--short") == 0) {
      short_pass = true;
      rest.insert(rest.begin() + 1, least_time.data());  // what the caller says comes later
      continue;
    }
    if (std::strncmp(argv[i], "--register_bytes=", 17) == 0) {
      register_bytes = std::atoi(argv[i] + 17);
      benchmark::AddCustomContext("register_bytes", argv[i] + 17);
      continue;
    }
    if (std::strcmp(argv[i], "--no_context") == 0) {
      no_context = true;
      continue;
    }
    no_context = no_context || std::strncmp(argv[i], "--benchmark_list_tests", 22) == 0 ||
                 std::strcmp(argv[i], "--help") == 0;
    rest.push_back(argv[i]);
  }
  int count = int(rest.size());
  rest.push_back(nullptr);
  add(short_pass);
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 1;
  if (short_pass) limits::get().set_short();
  if (!no_context) limits::get().add_context();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return failures == 0 ? 0 : 1;
}

}  // namespace attd_bench
