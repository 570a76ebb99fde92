// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A GPU as a system of the Thrust backend: stream, memory, errors.
#pragma once

#include <thrust/system/cuda/execution_policy.h>
#include <thrust/system_error.h>

#include <algorithm>
#include <atomic>
#include <attd/backends/cuda/check.hpp>
#include <attd/backends/cuda/products.hpp>
#include <attd/backends/cuda/team.hpp>
#include <attd/backends/thrust/readable_arrays.hpp>
#include <attd/backends/thrust/rounded_factors.hpp>
#include <attd/backends/thrust/systems.hpp>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

namespace attd::cuda_detail {

/// Bytes given out. Managed memory may be larger than what the GPU has free, which then waits for
/// the host's at every step: too much of it is an error here.
inline std::atomic<std::size_t> bytes_in_use{0};

/// What may be given out: what the GPU had free when first asked, less a sixteenth for the
/// libraries' own needs. Later it cannot be told how much of what is taken is ours.
inline std::size_t managed_limit() {
  static const std::size_t limit = [] {
    std::size_t available = 0, whole = 0;
    check(cudaMemGetInfo(&available, &whole), "asking for the memory of the GPU");
    return available - available / 16;
  }();
  return limit;
}

/// Managed memory, which host and device both can read and write.
inline void* allocate(std::size_t bytes) {
  const std::scoped_lock lock(recording_mutex);
  void* memory = nullptr;
  const std::size_t limit = managed_limit();
  if (bytes > limit || bytes_in_use > limit - bytes) {
    fail("cuda: no memory for ", bytes >> 20, " MiB, ", bytes_in_use >> 20, " of ", limit >> 20,
         " MiB are in use; hint: smaller groups, or shorter sequences");
  }
  const cudaError_t code = cudaMallocManaged(&memory, bytes == 0 ? 1 : bytes);
  if (code != cudaSuccess) {
    cudaGetLastError();
    fail("cuda: no memory for ", bytes >> 20, " MiB, ", bytes_in_use >> 20, " of ", limit >> 20,
         " MiB are in use: ", explain(code), "; hint: smaller groups, or shorter sequences");
  }
  bytes_in_use += bytes;
  return memory;
}
/// How many pieces were given back: what was recorded before may refer to them.
inline std::atomic<index_t> freed_pieces{0};
inline void deallocate(void* memory, std::size_t bytes) {
  const std::scoped_lock lock(recording_mutex);
  ++freed_pieces;
  bytes_in_use -= bytes;
  cudaDeviceSynchronize();  // kernels that are still to come may use it
  cudaFree(memory);
  cudaGetLastError();  // this cannot throw, and the next operation shall not for it
}
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

/// Thrown within a recording by what cannot be part of it.
struct cannot_be_recorded {};

/// A CUDA graph of operations, once they have been called twice. Copies start empty.
class recording {
 public:
  recording() = default;
  recording(const recording&) {}
  recording(recording&& other) noexcept { swap(other); }
  recording& operator=(recording other) noexcept {
    swap(other);
    return *this;
  }
  ~recording() { forget(); }
  void forget() {
    if (graph) cudaGraphExecDestroy(graph);
    graph = nullptr;
    calls = 0;
    impossible = false;
  }

  cudaGraphExec_t graph = nullptr;
  int calls = 0;
  bool impossible = false;
  index_t freed = 0;  ///< `freed_pieces` when it was last used

 private:
  void swap(recording& other) noexcept {
    std::swap(graph, other.graph);
    std::swap(calls, other.calls);
    std::swap(impossible, other.impossible);
    std::swap(freed, other.freed);
  }
};

}  // namespace attd::cuda_detail

namespace attd {

/// What a GPU's backend can be asked for.
struct cuda_options {
  product_precision products = product_precision::full;
};

}  // namespace attd

namespace attd::systems {

/// One GPU. Operations are started on a stream of the object's own, in order, and are done when
/// `finish` returns. Tensors live in managed memory: `operations::bring` takes them there, the host
/// reads them as they are. What is repeated on one input runs as a CUDA graph.
/// *Errors*: `attd::error` where there is no such device, for memory that cannot be had (with
/// sizes), and for whatever a kernel reports, at the latest by `finish`.
class cuda {
 public:
  explicit cuda(int device = 0, const cuda_options& options = {})
      : device_((cuda_detail::expect_device(device), device)), options_(options), stream_(device) {
    cuda_detail::check(
        cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, device),
        "asking for the number of multiprocessors");
    int at_once = 0;
    cuda_detail::check(cudaDeviceGetAttribute(&at_once, cudaDevAttrConcurrentManagedAccess, device),
                       "asking for what the device can do with managed memory");
    if (!at_once) {
      fail("cuda: host and device ", device,
           " cannot use managed memory at the same time; hint: use Linux itself on a GPU of its "
           "own, or attd::eigen");
    }
  }
  cuda(const cuda&) = default;
  cuda(cuda&&) noexcept = default;
  ~cuda() = default;
  // Members one by one would lose the stream before the handle of cuBLAS that is bound to it.
  cuda& operator=(cuda other) noexcept {
    std::destroy_at(this);
    return *std::construct_at(this, std::move(other));
  }

  int device() const { return device_; }
  const cuda_options& options() const { return options_; }
  cudaStream_t stream() const { return stream_.get(); }
  const memory_source* memory() const { return &cuda_detail::managed_memory; }

  /// Calls f(policy) with Thrust's execution policy; what Thrust throws becomes an `attd::error`.
  template <class F>
  void run(const F& f) const {
    select();
    try {
      f(::thrust::cuda::par_nosync.on(stream_.get()));
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
  }

  /// C = op(A) op(B) or C += op(A) op(B) by cuBLAS, for floats and doubles, floats as
  /// `product_precision` says. False, and nothing is done, for products that a BLAS does not
  /// compute
  /// (`thrust_detail::fits_gemm`).
  template <operations::transpose Ta, operations::transpose Tb, operations::update U, class A,
            class B, class C>
    requires cuda_detail::HasProduct<A, B, C>
  bool matmul(view<A> a, view<B> b, view<C> c) {
    if (!thrust_detail::fits_gemm<Ta>(a, b, c)) return false;
    select();
    const auto start = [&](auto x, auto y) {
      products_.start(stream_.get(), options_.products,
                      thrust_detail::gemm_arguments<Ta, Tb, U>(x, y, c));
    };
    if constexpr (std::is_same_v<C, float>) {
      if (options_.products == product_precision::bf16 && thrust_detail::worth_rounding(c)) {
        const auto rounded = factors_.round(*this, a, b);
        start(rounded.a, rounded.b);
        return true;
      }
    }
    start(a, b);
    return true;
  }

  /// Where products are in bf16, rounds factors in these leaves once; until told again, they are
  /// constant (`operations::hold_constant`).
  template <class A>
  void hold_constant(const A& parameters) {
    if (options_.products == product_precision::bf16) factors_.hold_constant(*this, parameters);
  }

  /// How many pieces sequences of a scan are cut into, given its teams without cuts: as many as
  /// fill the GPU, of 1024 tokens at least. Cut scans compute their exponentials twice.
  index_t pieces(index_t teams, index_t longest) const {
    const index_t wanted = 2 * multiprocessors_ / std::max<index_t>(1, teams);
    return std::max<index_t>(1, std::min(wanted, longest / 1024));
  }

  /// Waits until everything that was started is done.
  void finish() const {
    if (recording_now_) throw cuda_detail::cannot_be_recorded{};
    select();
    cuda_detail::check(cudaStreamSynchronize(stream_.get()), "an operation");
  }

  /// A copy of a small array of the host that kernels can read; it may go when another is asked
  /// for.
  template <class X>
  const X* readable(const X* from, index_t count) {
    return arrays_(from, count, [this] { finish(); });
  }

  using recording = cuda_detail::recording;
  /// Calls f the first time, makes a graph of what it starts the second time, and from then on
  /// starts the graph. Operations that wait for others cannot be part of one: f is then called.
  template <class F>
  void replay(recording& r, const F& f) {
    const index_t freed = cuda_detail::freed_pieces;
    if (r.freed != freed) r.forget();
    r.freed = freed;
    if (r.impossible || r.calls++ == 0) return f();
    if (!r.graph && !record(r, f)) return f();
    select();
    cuda_detail::check(cudaGraphLaunch(r.graph, stream_.get()), "starting a graph");
  }

 private:
  // Threads have a current device each, and copies are used by other threads.
  void select() const { cuda_detail::check(cudaSetDevice(device_), "choosing the device"); }

  // A graph of what f starts; false, and f must be called, where there can be none.
  template <class F>
  bool record(recording& r, const F& f) {
    const std::scoped_lock lock(cuda_detail::recording_mutex);
    select();
    cuda_detail::check(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal),
                       "beginning a graph");
    recording_now_ = true;
    bool whole = true;
    try {
      f();
    } catch (...) {  // if it was not for the recording, f says so again
      whole = false;
    }
    recording_now_ = false;
    cudaGraph_t graph = nullptr;
    cudaError_t code = cudaStreamEndCapture(stream_.get(), &graph);
    if (whole && code == cudaSuccess) code = cudaGraphInstantiate(&r.graph, graph, 0);
    if (graph) cudaGraphDestroy(graph);
    if (whole && code == cudaSuccess) return true;
    cudaGetLastError();
    r.graph = nullptr;
    r.impossible = true;
    return false;
  }

  int device_, multiprocessors_ = 1;
  cuda_options options_;
  cuda_detail::stream stream_;
  cuda_detail::products products_;
  thrust_detail::rounded_factors factors_;
  thrust_detail::readable_arrays arrays_{&cuda_detail::managed_memory};
  bool recording_now_ = false;
};

}  // namespace attd::systems
