// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Built without flags for the processor: every width of registers that it has agrees with the plain
// loops, and the widest are what is used.
#include <doctest/doctest.h>

#include <attd/backends/eigen.hpp>
#include <attd/operations/activations.hpp>
#include <operations/cases.hpp>
#include <operations/scan_cases.hpp>
#include <parity/parity.hpp>

namespace {

using namespace attd;
using namespace attd::testing;

template <class S, class Case>
void expect_parity_on(int bytes, const Case& op, double tolerance) {
  tensors<S> in = random_of_type<S>(op.inputs(), 31);
  cases::make_stable(op, in);
  const tensors<S> d_out = random_of_type<S>(op.outputs(), 32);
  reference plain;
  eigen fast(eigen_options{.register_bytes = bytes});
  CHECK(fast.register_bytes() == bytes);
  tensors<S> expected = zero_tensors<S>(op.outputs()), found = expected;
  op.forward(plain, in, expected);
  op.forward(fast, in, found);
  tensors<S> d_expected = random_of_type<S>(op.inputs(), 33), d_found = d_expected;
  op.backward(plain, in, d_out, d_expected);
  op.backward(fast, in, d_out, d_found);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(rms_ratio(found[i], expected[i]) <= tolerance);
  }
  for (std::size_t i = 0; i < d_found.size(); ++i) {
    CHECK(rms_ratio(d_found[i], d_expected[i]) <= tolerance);
  }
}

template <class Case>
void expect_parity_on_all(const Case& op) {
  for (int bytes : {16, 32, 64}) {
    if (bytes > widest_register()) continue;  // this processor has none such
    CAPTURE(bytes);
    expect_parity_on<float>(bytes, op, 1e-5);
    expect_parity_on<dual<double>>(bytes, op, 1e-12);
  }
}

}  // namespace

TEST_CASE("registers: this program has code for wider ones than its flags allow") {
  CHECK(simd_bytes == 16);
  CHECK(eigen().register_bytes() == widest_register());
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  CHECK(widest_register() >= (avx2 ? 32 : 16));
#endif
}

TEST_CASE("registers: the selective scan agrees with plain loops on each width") {
  expect_parity_on_all(
      cases::selective_scan{.batch = {40, 9}, .channels = 37, .states = 5, .dynamics = 2});
  expect_parity_on_all(
      cases::selective_scan{.batch = {20}, .channels = 32, .states = 16, .dynamics = 1});
}

TEST_CASE("registers: the convolution agrees with plain loops on each width") {
  expect_parity_on_all(cases::causal_convolution{.batch = {1, 2, 40}, .channels = 37, .taps = 4});
}

TEST_CASE("registers: norms, softmax and elementwise functions agree on each width") {
  expect_parity_on_all(cases::rms_norm{.rows = 3, .columns = 37});
  expect_parity_on_all(cases::layer_norm{.rows = 3, .columns = 37});
  expect_parity_on_all(cases::cross_entropy{.classes = 37});
  expect_parity_on_all(cases::cross_entropy_in_place{{.classes = 37}});
  expect_parity_on_all(cases::softmax_entropy{.rows = 3, .classes = 37});
  expect_parity_on_all(cases::unary<operations::gelu_function>{.rows = 3, .columns = 37});
  expect_parity_on_all(cases::unary<operations::softplus_function>{.rows = 3, .columns = 37});
  expect_parity_on_all(cases::binary<operations::gated_silu_function>{.rows = 3, .columns = 37});
}

TEST_CASE("registers: products agree with plain loops on each width") {
  for (index_t rows : {1, 3, 20}) {
    expect_parity_on_all(cases::linear{.batch = {rows}, .in_size = 37, .out_size = 19});
    expect_parity_on_all(cases::linear{.batch = {rows}, .in_size = 1, .out_size = 37});
  }
  // Several blocks of depth; strips of every height; a panel that is not full.
  expect_parity_on_all(cases::linear{.batch = {41}, .in_size = 300, .out_size = 71});
}
