// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients, tangents and second derivatives of every operation against central differences.
#include <doctest/doctest.h>

#include <attd/backends/reference.hpp>
#include <operations/cases.hpp>

namespace {

using namespace attd::testing;

template <class Case>
void expect_correct(const Case& op) {
  attd::reference backend;
  for (std::uint64_t stream : {1u, 2u}) {
    const operation_errors errors = check_operation(op, backend, stream);
    CHECK(errors.gradient <= 1e-7);
    CHECK(errors.forward_tangent <= 1e-6);
    CHECK(errors.second_order <= 1e-6);
    CHECK(errors.nested <= 1e-6);
  }
}

}  // namespace

TEST_CASE("derivatives: rms_norm agrees with central differences") {
  expect_correct(cases::rms_norm{});
  expect_correct(cases::rms_norm{.rows = 1, .columns = 1});
}

TEST_CASE("derivatives: layer_norm agrees with central differences") {
  expect_correct(cases::layer_norm{});
  // With two channels the normalised row is (1, -1) whatever the input, but for eps.
  expect_correct(cases::layer_norm{.rows = 2, .columns = 3});
}

TEST_CASE("derivatives: causal_convolution agrees with central differences") {
  expect_correct(cases::causal_convolution{});
  expect_correct(cases::causal_convolution{.batch = {1}, .channels = 1, .taps = 1});
  expect_correct(cases::causal_convolution{.batch = {1, 1}, .channels = 2, .taps = 5});
  expect_correct(cases::silu_convolution{});
  expect_correct(cases::silu_convolution{.batch = {1, 1}, .channels = 2, .taps = 5});
}

TEST_CASE("derivatives: linear agrees with central differences") {
  expect_correct(cases::linear{});
  expect_correct(cases::linear{.batch = {1}, .in_size = 1, .out_size = 1});
}

TEST_CASE("derivatives: embedding agrees with central differences") {
  expect_correct(cases::embedding{});
}

TEST_CASE("derivatives: cross_entropy agrees with central differences") {
  expect_correct(cases::cross_entropy{});
  expect_correct(cases::cross_entropy{.ids = {0}, .classes = 2});
  expect_correct(cases::cross_entropy_in_place{});
  expect_correct(cases::cross_entropy_in_place{{.ids = {0}, .classes = 2}});
}

TEST_CASE("derivatives: softmax_entropy agrees with central differences") {
  expect_correct(cases::softmax_entropy{});
}

TEST_CASE("derivatives: pooling and means agree with central differences") {
  expect_correct(cases::mean_pool{});
  expect_correct(cases::last_pool{});
  expect_correct(cases::row_means{});
  expect_correct(cases::row_means{.rows = 3, .channels = 1});
}

TEST_CASE("derivatives: activations agree with central differences") {
  namespace ops = attd::operations;
  expect_correct(cases::unary<ops::identity_function>{});
  expect_correct(cases::unary<ops::silu_function>{});
  expect_correct(cases::unary<ops::gelu_function>{});
  expect_correct(cases::unary<ops::tanh_function>{});
  expect_correct(cases::unary<ops::sigmoid_function>{});
  expect_correct(cases::unary<ops::relu_function>{});
  expect_correct(cases::unary<ops::softplus_function>{});
}

TEST_CASE("derivatives: gates and sums agree with central differences, one row for all too") {
  namespace ops = attd::operations;
  expect_correct(cases::binary<ops::gated_silu_function>{});
  expect_correct(cases::binary<ops::product_function>{.second_rows = 1});
  expect_correct(cases::binary<ops::sum_function>{.second_rows = 1});
  expect_correct(cases::binary<ops::difference_function>{});
}

TEST_CASE("derivatives: low-rank changes of a matrix agree with central differences") {
  expect_correct(cases::low_rank_map{});
  expect_correct(cases::low_rank_map{.sets = 1, .rows = 1, .columns = 1, .rank = 1, .first_v = 0});
}
