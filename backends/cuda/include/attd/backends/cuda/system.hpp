// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A GPU as a system of the Thrust backend: stream, memory, errors.
#pragma once

#include <thrust/system/cuda/execution_policy.h>
#include <thrust/system_error.h>

#include <algorithm>
#include <array>
#include <attd/backends/cuda/check.hpp>
#include <attd/backends/cuda/team.hpp>
#include <attd/backends/thrust/systems.hpp>
#include <cstddef>
#include <new>
#include <utility>

namespace attd::cuda_detail {

/// Managed memory, which host and device both can read and write.
inline void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t code = cudaMallocManaged(&memory, bytes == 0 ? 1 : bytes);
  if (code != cudaSuccess) {
    cudaGetLastError();
    std::size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) cudaGetLastError();
    fail("cuda: no memory for ", bytes >> 20, " MiB, ", free >> 20, " of ", total >> 20,
         " MiB are free: ", explain(code), "; hint: smaller groups, or shorter sequences");
  }
  return memory;
}
inline void deallocate(void* memory, std::size_t) { cudaFree(memory); }
inline constexpr memory_source managed_memory{&allocate, &deallocate};

/// A stream of its own for every copy.
class stream {
 public:
  explicit stream(int device) : device_(device) {
    check(cudaSetDevice(device), "choosing the device");
    check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "making a stream");
  }
  stream(const stream& other) : stream(other.device_) {}
  stream(stream&& other) noexcept
      : device_(other.device_), handle_(std::exchange(other.handle_, nullptr)) {}
  stream& operator=(stream other) noexcept {
    std::swap(device_, other.device_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~stream() {
    if (handle_) cudaStreamDestroy(handle_);
  }
  cudaStream_t get() const { return handle_; }

 private:
  int device_;
  cudaStream_t handle_ = nullptr;
};

/// A piece of managed memory that only grows; copies start empty.
class buffer {
 public:
  buffer() = default;
  buffer(const buffer&) {}
  buffer(buffer&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  buffer& operator=(buffer other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~buffer() {
    if (memory_) cudaFree(memory_);
  }
  void* at_least(std::size_t bytes) {
    if (bytes > bytes_) {
      if (memory_) cudaFree(std::exchange(memory_, nullptr));
      bytes_ = 0;
      memory_ = allocate(bytes);
      bytes_ = bytes;
    }
    return memory_;
  }

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace attd::cuda_detail

namespace attd::systems {

/// One GPU. Operations run on a stream of the object's own and are done when they return. Tensors
/// live in managed memory: `operations::bring` takes them there, the host reads them as they are.
/// *Errors*: `attd::error` where there is no such device, for memory that cannot be had (with
/// sizes), and for whatever a kernel reports.
class cuda {
 public:
  explicit cuda(int device = 0)
      : device_((cuda_detail::expect_device(device), device)), stream_(device) {
    cuda_detail::check(
        cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, device),
        "asking for the number of multiprocessors");
  }

  int device() const { return device_; }
  cudaStream_t stream() const { return stream_.get(); }
  const memory_source* memory() const { return &cuda_detail::managed_memory; }

  /// Calls f(policy) with Thrust's execution policy; what Thrust throws becomes an `attd::error`.
  template <class F>
  void run(const F& f) const {
    select();
    try {
      f(::thrust::cuda::par.on(stream_.get()));
    } catch (const ::thrust::system_error& e) {
      fail("cuda: an operation failed: ",
           cuda_detail::explain(static_cast<cudaError_t>(e.code().value())));
    } catch (const std::bad_alloc& e) {
      fail("cuda: no memory for an operation's own needs: ", e.what());
    }
  }

  /// Runs a program on that many teams.
  template <class Program>
  void launch(index_t teams, const Program& program) const {
    select();
    cuda_detail::launch(stream_.get(), teams, program);
    cuda_detail::check(cudaStreamSynchronize(stream_.get()), "a kernel");
  }

  /// How many pieces sequences of a scan are cut into, given its teams without cuts: as many as
  /// fill the GPU, of 1024 tokens at least. Cut scans compute their exponentials twice.
  index_t pieces(index_t teams, index_t longest) const {
    const index_t wanted = 2 * multiprocessors_ / std::max<index_t>(1, teams);
    return std::max<index_t>(1, std::min(wanted, longest / 1024));
  }

  /// A copy of a small array of the host that kernels can read, until four more have been made.
  template <class X>
  const X* readable(const X* from, index_t count) {
    select();
    cuda_detail::buffer& slot = slots_[next_];
    next_ = (next_ + 1) % slots_.size();
    X* to = static_cast<X*>(slot.at_least(static_cast<std::size_t>(count) * sizeof(X)));
    std::copy_n(from, count, to);
    return to;
  }

 private:
  // Threads have a current device each, and copies are used by other threads.
  void select() const { cuda_detail::check(cudaSetDevice(device_), "choosing the device"); }

  int device_, multiprocessors_ = 1;
  cuda_detail::stream stream_;
  std::array<cuda_detail::buffer, 4> slots_;
  std::size_t next_ = 0;
};

}  // namespace attd::systems
