// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What the CUDA backend says where it cannot run. These tests run on every machine.
#include <attd/operations/activations.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/transform.hpp>
#include <cuda/device.hpp>

TEST_CASE("cuda: without a device, or with one that does not exist, there is a sentence") {
  if (attd_test::has_device()) {
    CHECK_THROWS_WITH_AS(attd::systems::cuda(1000), doctest::Contains("there is no device 1000"),
                         attd::error);
  } else {
    CHECK_THROWS_WITH_AS(attd::systems::cuda(), doctest::Contains("no GPU can be used"),
                         attd::error);
    CHECK_THROWS_WITH_AS(attd::cuda(), doctest::Contains("hint"), attd::error);
  }
}

TEST_CASE("cuda: the libraries' codes become sentences with a hint") {
  CHECK(attd::cuda_detail::explain(cudaErrorNoKernelImageForDevice).find("hint") !=
        std::string::npos);
  CHECK(attd::cuda_detail::explain(CUBLAS_STATUS_ARCH_MISMATCH).find("hint") != std::string::npos);
}

TEST_CASE("cuda: too much memory is an error with sizes; the GPU and the CPU go on") {
  if (attd_test::no_device()) return;
  attd::cuda device;
  attd::tensor<double> x({2, 3}, 1.0), y, huge;
  attd::operations::bring(device, x);
  const std::size_t used = attd::cuda_detail::bytes_in_use;
  CHECK_THROWS_WITH_AS(attd::operations::resize(device, huge, {1 << 20, 1 << 20}),
                       doctest::Contains("no memory for 8388608 MiB"), attd::error);
  CHECK(huge.empty());
  CHECK(attd::cuda_detail::bytes_in_use == used);
  attd::operations::resize(device, y, {2, 3});
  attd::operations::transform(device, attd::operations::silu_function{}, y.view(), x.view());
  attd::operations::finish(device);
  CHECK(y(1, 2) == doctest::Approx(0.7310585786));
}
