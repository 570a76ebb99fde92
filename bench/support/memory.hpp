// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The most memory that a piece of a program has held at once.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace attd_bench {

/// Peak resident memory since construction, above what was resident then (Linux; unknown
/// elsewhere). Memory that the heap holds free is given back first: otherwise what comes next would
/// use it and seem to need less than it does.
class peak_memory {
 public:
  peak_memory() {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
    if (std::FILE* f = std::fopen("/proc/self/clear_refs", "w")) {
      known_ = std::fputs("5", f) >= 0;  // sets the peak to what is resident now
      known_ = std::fclose(f) == 0 && known_;
    }
    before_ = status_kib("VmRSS:");
    known_ = known_ && before_ > 0;
  }

  bool known() const { return known_; }
  double mib() const { return (status_kib("VmHWM:") - before_) / 1024; }
  void report(benchmark::State& state) const {
    if (known_) state.counters["peak_mib"] = mib();
  }

 private:
  static double status_kib(const char* field) {
    double value = 0;
    if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
      char line[256];
      while (std::fgets(line, sizeof line, f)) {
        if (std::strncmp(line, field, std::strlen(field)) == 0) {
          std::sscanf(line + std::strlen(field), "%lf", &value);
          break;
        }
      }
      std::fclose(f);
    }
    return value;
  }

  bool known_ = false;
  double before_ = 0;
};

}  // namespace attd_bench
