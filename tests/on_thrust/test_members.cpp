// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Thrust backend has its own form of every operation; a mismatch of arguments would silently
// run the plain loops instead. And what it says about wrong ids.
#include <doctest/doctest.h>

#include <memory>
#include <on_thrust/backend.hpp>
#include <operations/cases.hpp>
#include <operations/scan_cases.hpp>
#include <parity/parity.hpp>
#include <span>
#include <vector>

namespace {

using namespace attd;
using namespace attd::testing;
using attd_test::thrust_cpp;
namespace ops = attd::operations;

// A system that counts how often anything was run on it.
struct counting_system {
  std::shared_ptr<int> runs = std::make_shared<int>(0);
  template <class F>
  void run(const F& f) const {
    ++*runs;
    f(::thrust::cpp::par);
  }
};

template <class S, class Case>
void expect_run_on_system(const Case& op) {
  const counting_system system;
  attd::thrust<counting_system> backend(system);
  tensors<S> in = zero_tensors<S>(op.inputs()), d_in = in;
  tensors<S> out = zero_tensors<S>(op.outputs()), d_out = out;
  op.forward(backend, in, out);
  CHECK(*system.runs > 0);
  *system.runs = 0;
  op.backward(backend, in, d_out, d_in);
  CHECK(*system.runs > 0);
}
template <class Case>
void expect_run_on_system(const Case& op) {
  expect_run_on_system<float>(op);
  expect_run_on_system<dual<double>>(op);
}

}  // namespace

TEST_CASE("thrust: every operation runs on the system") {
  expect_run_on_system(cases::unary<ops::silu_function>{});
  expect_run_on_system(cases::binary<ops::sum_function>{.second_rows = 1});
  expect_run_on_system(cases::rms_norm{});
  expect_run_on_system(cases::layer_norm{});
  expect_run_on_system(cases::causal_convolution{});
  expect_run_on_system(cases::silu_convolution{});
  expect_run_on_system(cases::linear{});
  expect_run_on_system(cases::embedding{});
  expect_run_on_system(cases::cross_entropy{});
  expect_run_on_system(cases::softmax_entropy{});
  expect_run_on_system(cases::mean_pool{});
  expect_run_on_system(cases::low_rank_map{});
  expect_run_on_system(cases::last_pool{});
  expect_run_on_system(cases::selective_scan{});
  expect_run_on_system(cases::gated_scan{});
  expect_run_on_system(cases::dense_recurrence{});
  expect_run_on_system(cases::complex_scan<ops::direction::forward>{});
  expect_run_on_system(cases::complex_scan<ops::direction::backward_in_time>{});
}

TEST_CASE("thrust: duals of duals run on it too") {
  expect_run_on_system<dual<dual<double>>>(cases::rms_norm{});
  expect_parity<thrust_cpp, dual<dual<double>>>(cases::selective_scan{});
  expect_parity<thrust_cpp, dual<dual<double>>>(cases::unary<ops::silu_function>{});
}

TEST_CASE("thrust: a wrong id is an error before anything is written") {
  thrust_cpp backend;
  const std::vector<index_t> ids{1, 7};
  tensor<double> table({3, 2}, 1.0), y({2, 2}, 5.0), logits({2, 3}), loss({2}, 5.0);
  const std::span<const index_t> wrong(ids);
  CHECK_THROWS_WITH_AS(ops::embedding(backend, table.view(), wrong, y.view()),
                       doctest::Contains("token 1 has id 7, expected 0 to 2"), attd::error);
  CHECK_THROWS_WITH_AS(ops::cross_entropy(backend, logits.view(), wrong, loss.view()),
                       doctest::Contains("token 1 has target 7"), attd::error);
  CHECK(y(0, 0) == 5.0);
  CHECK(loss(0) == 5.0);
}
