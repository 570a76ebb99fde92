// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A block of a GPU as a team of threads.
#pragma once

#include <attd/backends/cuda/check.hpp>
#include <attd/backends/thrust/team.hpp>

namespace attd::cuda_detail {

using thrust_detail::lanes;
using thrust_detail::registers;

#if defined(__CUDA_ARCH__)
/// The same number of the lane whose number differs in the bits of `mask`.
template <class T>
__device__ T exchange(const T& x, int mask) {
  if constexpr (is_dual_v<T>) {
    return {exchange(x.value, mask), exchange(x.tangent, mask)};
  } else {
    return __shfl_xor_sync(0xffffffffu, x, mask);
  }
}

template <int Count, int Width, class T, int N>
__device__ void add_lanes(registers<T, N>& v, int lane) {
  if constexpr (Count > 1) {
    constexpr int half = Count / 2;
    const bool upper = (lane & Width) != 0;
    ATTD_UNROLL
    for (int i = 0; i < half; ++i) {
      const T kept = upper ? v[i + half] : v[i], sent = upper ? v[i] : v[i + half];
      v[i] = kept + exchange(sent, Width);
    }
  } else {
    v[0] = v[0] + exchange(v[0], Width);
  }
  if constexpr (Width > 1) add_lanes<(Count > 1 ? Count / 2 : 1), Width / 2>(v, lane);
}
#endif

/// What `thrust_detail::host_team` is on a CPU, word for word; outside of a kernel it does nothing.
class device_team {
 public:
  ATTD_DEVICE index_t number() const {
#if defined(__CUDA_ARCH__)
    return static_cast<index_t>(blockIdx.x);
#else
    return 0;
#endif
  }
  template <class F>
  ATTD_DEVICE void each([[maybe_unused]] const F& f) {
#if defined(__CUDA_ARCH__)
    f(static_cast<int>(threadIdx.x));
    __syncthreads();
#endif
  }
  template <class T>
  ATTD_DEVICE T* shared([[maybe_unused]] index_t count) {
#if defined(__CUDA_ARCH__)
    extern __shared__ __align__(16) unsigned char memory[];
    T* at = reinterpret_cast<T*>(memory + taken_);
    taken_ += (static_cast<unsigned>(count) * static_cast<unsigned>(sizeof(T)) + 15u) / 16u * 16u;
    return at;
#else
    return nullptr;
#endif
  }
  template <class T>
  class own {
   public:
    ATTD_DEVICE explicit own(device_team&) {}
    ATTD_DEVICE T& operator[](int) { return value_; }

   private:
    T value_;
  };
  template <class T, int Count>
  ATTD_DEVICE void lane_sums([[maybe_unused]] own<registers<T, Count>>& values) {
#if defined(__CUDA_ARCH__)
    const int thread = static_cast<int>(threadIdx.x);
    add_lanes<Count, lanes / 2>(values[thread], thread % lanes);
#endif
  }

 private:
  unsigned taken_ = 0;
};

template <class Program>
__global__ void __launch_bounds__(Program::threads) run_team(const Program program) {
  device_team team;
  program(team);
}

/// Starts a program on a stream.
template <class Program>
void launch(cudaStream_t stream, index_t teams, const Program& program) {
  const std::size_t bytes = program.shared_bytes();
  if (bytes > (48u << 10)) {
    check(cudaFuncSetAttribute(run_team<Program>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(bytes)),
          "asking for shared memory");
  }
  if (teams > 0x7fffffff) fail("cuda: ", teams, " teams, expected less than 2^31");
  run_team<Program><<<static_cast<unsigned>(teams), Program::threads, bytes, stream>>>(program);
  check(cudaGetLastError(), "starting a kernel");
}

}  // namespace attd::cuda_detail
