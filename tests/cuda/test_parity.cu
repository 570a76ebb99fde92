// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Operations, a block and the engine on a GPU against the reference; two runs give the same bits.
#include <adaptation/prediction.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <cuda/device.hpp>
#include <operations/cases.hpp>
#include <operations/scan_cases.hpp>
#include <parity/parity.hpp>

namespace attd_test {

using attd::cuda;
using attd::index_t;
using attd::tensor;
using namespace attd::testing;
namespace ops = attd::operations;

// A case on both backends, its tensors in the GPU's memory; and on the GPU twice.
template <class S, class Case>
void expect_same_on_device(const Case& op) {
  cuda device;
  attd::reference plain;
  const double tolerance = std::is_same_v<attd::primal_t<S>, float> ? 1e-5 : 1e-12;
  tensors<S> in = random_of_type<S>(op.inputs(), 11), d_out = random_of_type<S>(op.outputs(), 12);
  tensors<S> expected = zero_tensors<S>(op.outputs()), found = expected, again = expected;
  tensors<S> d_expected = random_of_type<S>(op.inputs(), 13), d_found = d_expected,
             d_again = d_expected;
  op.forward(plain, in, expected);
  op.backward(plain, in, d_out, d_expected);
  for (tensors<S>* all : {&in, &d_out, &found, &again, &d_found, &d_again}) {
    for (auto& t : *all) ops::bring(device, t);
  }
  op.forward(device, in, found);
  op.backward(device, in, d_out, d_found);
  op.forward(device, in, again);
  op.backward(device, in, d_out, d_again);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(rms_ratio(found[i], expected[i]) <= tolerance);
    CHECK(rms_ratio(again[i], found[i]) == 0);
  }
  for (std::size_t i = 0; i < d_found.size(); ++i) {
    CHECK(rms_ratio(d_found[i], d_expected[i]) <= tolerance);
    CHECK(rms_ratio(d_again[i], d_found[i]) == 0);
  }
}
template <class Case>
void expect_same_on_device(const Case& op) {
  expect_same_on_device<float>(op);
  expect_same_on_device<double>(op);
  expect_same_on_device<attd::dual<double>>(op);
}

TEST_CASE("cuda: operations are the same as on the reference") {
  if (no_device()) return;
  expect_same_on_device(cases::unary<ops::gelu_function>{.columns = 17});
  expect_same_on_device(cases::binary<ops::sum_function>{.columns = 17, .second_rows = 1});
  expect_same_on_device(cases::rms_norm{.rows = 30, .columns = 17});
  expect_same_on_device(cases::layer_norm{.rows = 30, .columns = 17});
  expect_same_on_device(cases::causal_convolution{.batch = {1, 2, 70}, .channels = 17, .taps = 4});
  expect_same_on_device(cases::linear{.batch = {1, 2, 33}, .in_size = 31, .out_size = 33});
  expect_same_on_device(cases::embedding{});
  expect_same_on_device(cases::cross_entropy{.classes = 256});
  expect_same_on_device(cases::mean_pool{});
}

TEST_CASE("cuda: scans are the same as on the reference") {
  if (no_device()) return;
  expect_same_on_device(cases::selective_scan{.batch = {150, 1, 33}, .channels = 21, .states = 7});
  expect_same_on_device(cases::complex_scan<ops::direction::forward>{.batch = {150, 1, 33}});
  expect_same_on_device(cases::dense_recurrence{.batch = {40, 1, 13}, .states = 16});
}

TEST_CASE("cuda: the engine adapts Mamba as on the reference") {
  if (no_device()) return;
  const attd::adapters::log_low_rank adapter{2};
  CHECK(rms_ratio(adapted_prediction<cuda>(two_mambas(), adapter),
                  adapted_prediction<attd::reference>(two_mambas(), adapter)) <= 1e-11);
}

}  // namespace attd_test
