// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The backend for GPUs; sources that include it are compiled by nvcc.
#pragma once

#if !defined(__CUDACC__)
#error "attd: attd/backends/cuda.hpp needs nvcc: name the source .cu and link attd::cuda"
#endif

#include <attd/backends/cuda/system.hpp>
#include <attd/backends/thrust.hpp>

namespace attd {

/// The backend for one GPU: every operation of `thrust`, run there.
using cuda = thrust<systems::cuda>;

}  // namespace attd
