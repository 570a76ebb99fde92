// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What CUDA's error codes mean for the user.
#pragma once

#include <cuda_runtime.h>

#include <attd/config.hpp>
#include <attd/error.hpp>
#include <mutex>
#include <string>

namespace attd::cuda_detail {

/// A sentence about a code of the CUDA runtime, with a hint where there is one.
inline std::string explain(cudaError_t code) {
  std::string text = std::string(cudaGetErrorName(code)) + ", " + cudaGetErrorString(code);
  switch (code) {
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
      return text + "; hint: no usable GPU or driver here (nvidia-smi shows them), use attd::eigen";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return text +
             "; hint: this program was compiled for other GPUs, set "
             "CMAKE_CUDA_ARCHITECTURES to this one's compute capability";
    case cudaErrorIllegalAddress:
      return text +
             "; hint: an operand is not in the backend's memory, see operations::bring. "
             "This process cannot use the GPU any more, its CPU backends work";
    default:
      return text;
  }
}

/// Held while a stream is recorded, and by what no recording of the process would survive.
inline std::recursive_mutex recording_mutex;

/// Throws `attd::error` unless a call of the CUDA runtime went well.
inline void check(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // forgets it, as far as the runtime can
  fail("cuda: ", what, " failed: ", explain(code));
}

/// Throws unless there is a device of this number.
inline void expect_device(int device) {
  int count = 0;  // not written by a call that fails
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code != cudaSuccess) {
    cudaGetLastError();
    fail("cuda: no GPU can be used: ", explain(code));
  }
  if (device < 0 || device >= count) {
    fail("cuda: there is no device ", device, ", expected 0 to ", count - 1);
  }
}

}  // namespace attd::cuda_detail
