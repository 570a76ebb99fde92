// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Operations, a block and the engine on a GPU against the reference; two runs give the same bits.
#include <adaptation/models.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/models/sequence_model.hpp>
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

// The prediction after three steps.
template <class Backend>
tensor<double> adapted_prediction() {
  attd::models::forecaster<> mamba;
  mamba.encoder = {1, 8};
  mamba.block.width = 8;
  mamba.block.state_size = 4;
  mamba.head = {8, 1};
  mamba.depth = 2;
  const auto m = attd::make_adaptive(
      mamba, attd::adapters::log_low_rank{2}, attd::losses::output_error<>{{}, 1},
      attd::controllers::fixed{3}, attd::optimizers::adam{.rate = 0.01},
      parameters_of<double>(mamba), Backend{});
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  const auto x = plant<double>(40, 0.2, 1);
  m.adapt(x.seen(), s, w, r);
  CHECK(r.accepted > 0);
  return copy_of(m.predict(attd::sequences::single(40), x.model_input(), s.psi, w));
}

TEST_CASE("cuda: the engine adapts Mamba as on the reference") {
  if (no_device()) return;
  CHECK(rms_ratio(adapted_prediction<cuda>(), adapted_prediction<attd::reference>()) <= 1e-11);
}

}  // namespace attd_test
