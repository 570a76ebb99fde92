// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Thrust backend on the threads of OpenMP; needs the compiler flag -fopenmp.
#pragma once

#include <thrust/system/omp/execution_policy.h>

#include <attd/backends/thrust.hpp>

namespace attd::systems {

/// The threads of OpenMP (`OMP_NUM_THREADS` of them). Results are those of `cpp`, to the bit.
struct omp {
  template <class F>
  void run(const F& f) const {
    f(::thrust::omp::par);
  }
};

}  // namespace attd::systems
