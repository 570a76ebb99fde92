// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Matrix products by cuBLAS.
#pragma once

#include <cublas_v2.h>

#include <attd/backends/cuda/check.hpp>
#include <attd/backends/thrust/gemm_arguments.hpp>
#include <attd/core/bfloat16.hpp>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

namespace attd {

/// How products of floats are computed on a GPU; other numbers are always computed in full.
///
/// Only factors of products are ever rounded, in copies. Sums, results and all that is kept stay
/// floats: activations, fast weights, their gradients, the optimiser's state. So an adaptation step
/// that is smaller than the rounding of the weight still counts: steps add up in float until a
/// rounded factor changes.
enum class product_precision {
  full,  ///< in float
  tf32,  ///< factors rounded to 10 bits after the point, sums in float: errors of about 1e-3
  /// Factors rounded to bfloat16, 7 bits after the point, sums in float: errors of up to 2^-8 for
  /// each factor, 0.8 percent of a term; in random sums some 2e-3 of the result. Results with less
  /// than 32 rows or columns, where rounding costs more than it gains, are computed in full. Takes
  /// memory for the largest pair of factors, 2 bytes a number, and for each weight that is held
  /// constant (`operations::hold_constant`, which the engine does) as much, for each handle. Needs
  /// compute capability 8.0.
  bf16
};

namespace cuda_detail {

/// What cuBLAS must know of a type of number: `storage`, and of results `computed_in` for a
/// precision. A type without that has no product here.
template <class T>
struct product_number {};
template <>
struct product_number<float> {
  static constexpr cudaDataType storage = CUDA_R_32F;
  static constexpr cublasComputeType_t computed_in(product_precision p) {
    return p == product_precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  }
};
template <>
struct product_number<double> {
  static constexpr cudaDataType storage = CUDA_R_64F;
  static constexpr cublasComputeType_t computed_in(product_precision) { return CUBLAS_COMPUTE_64F; }
};
template <>
struct product_number<bfloat16> {  // of factors only
  static constexpr cudaDataType storage = CUDA_R_16BF;
};

/// Whether cuBLAS can be asked for a product of such views.
template <class A, class B, class C>
concept HasProduct = thrust_detail::SameNumber<A, B, C> &&
                     requires(product_precision p) { product_number<C>::computed_in(p); };

/// A sentence about a status of cuBLAS, with a hint where there is one.
inline std::string explain(cublasStatus_t status) {
  std::string text =
      std::string(cublasGetStatusName(status)) + ", " + cublasGetStatusString(status);
  switch (status) {
    case CUBLAS_STATUS_NOT_INITIALIZED:
    case CUBLAS_STATUS_ALLOC_FAILED:
      return text +
             "; hint: the GPU's memory may be used up (nvidia-smi shows it), or libcublas is for "
             "another driver";
    case CUBLAS_STATUS_ARCH_MISMATCH:
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return text +
             "; hint: this libcublas does not support this GPU, link that of CUDA 13; products in "
             "bf16 need compute capability 8.0";
    case CUBLAS_STATUS_MAPPING_ERROR:
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return text + "; hint: an operand is not in the backend's memory, see operations::bring";
    default:
      return text;
  }
}

/// Throws `attd::error` unless a call of cuBLAS went well.
inline void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) fail("cuda: ", what, " failed: ", explain(status));
}

/// A handle of cuBLAS for one stream, made by the first product; a copy makes its own.
///
/// The handle gets memory of its own to work in, so later products allocate nothing, and a CUDA
/// graph can capture them once the first has been run outside. One stream and fixed memory are also
/// what cuBLAS asks for to give the same bits in every run: for the same sizes, strides, alignments
/// of operands, model of GPU and version of the library.
class products {
 public:
  products() = default;
  products(const products&) {}
  products(products&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)),
        workspace_(std::exchange(other.workspace_, nullptr)) {}
  products& operator=(products other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(workspace_, other.workspace_);
    return *this;
  }
  ~products() {
    const std::scoped_lock lock(recording_mutex);
    if (handle_) cublasDestroy(handle_);
    if (workspace_) cudaFree(workspace_);
  }

  /// Starts a product on the stream, which is the same in every call. The stream's device is the
  /// thread's current one.
  template <class Factor, class Result>
  void start(cudaStream_t stream, product_precision precision,
             const thrust_detail::gemm_call<Factor, Result>& x) {
    constexpr cudaDataType factor = product_number<Factor>::storage;
    using result = product_number<Result>;
    if (!handle_) *this = products(stream);
    const Result one(1);  // of the number that sums are computed in, as beta
    const cublasStatus_t status =
        cublasGemmEx_64(handle_, operation(x.op_a), operation(x.op_b), x.m, x.n, x.k, &one, x.a,
                        factor, x.lda, x.b, factor, x.ldb, &x.beta, x.c, result::storage, x.ldc,
                        result::computed_in(precision), CUBLAS_GEMM_DEFAULT);
    if (status != CUBLAS_STATUS_SUCCESS) {  // sizes as the caller knows them: see gemm_arguments
      fail("cuda: cublasGemmEx_64, a product of [", x.n, ", ", x.k, "] and [", x.k, ", ", x.m,
           "], failed: ", explain(status));
    }
  }

 private:
  // Delegates, so that what was made is freed if the rest fails.
  explicit products(cudaStream_t stream) : products() {
    const std::scoped_lock lock(recording_mutex);
    check(cublasCreate(&handle_), "cublasCreate");
    check(cublasSetStream(handle_, stream), "cublasSetStream");
    const std::size_t bytes = workspace_bytes();
    check(cudaMalloc(&workspace_, bytes), "cudaMalloc of memory for cuBLAS");
    check(cublasSetWorkspace(handle_, workspace_, bytes), "cublasSetWorkspace");
  }
  static cublasOperation_t operation(operations::transpose t) {
    return t == operations::transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N;
  }
  // As cuBLAS's manual recommends: 32 MiB from Hopper on, 4 before.
  static std::size_t workspace_bytes() {
    int device = 0, major = 0;
    check(cudaGetDevice(&device), "asking for the device");
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
          "asking for the device's architecture");
    return std::size_t{major >= 9 ? 32u : 4u} << 20;
  }

  cublasHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
};

}  // namespace cuda_detail
}  // namespace attd
