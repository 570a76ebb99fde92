// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Every operation of a backend against the reference, forward and backward, in all number types,
// with sizes on both sides of every vector width. A test source invokes each with its backend.
#pragma once

#include <doctest/doctest.h>

#include <operations/cases.hpp>
#include <parity/parity.hpp>

namespace attd_test {

using attd::index_t;
using namespace attd::testing;
namespace ops = attd::operations;

TEST_CASE_TEMPLATE_DEFINE("parity: rms_norm agrees with the plain loops", Fast, rms_norm_parity) {
  for (index_t columns : {1, 3, 4, 8, 17, 64}) {
    expect_parity_everywhere<Fast>(cases::rms_norm{.rows = 3, .columns = columns});
  }
}

TEST_CASE_TEMPLATE_DEFINE("parity: layer_norm agrees with the plain loops", Fast,
                          layer_norm_parity) {
  for (index_t columns : {2, 3, 4, 8, 17, 64}) {
    expect_parity_everywhere<Fast>(cases::layer_norm{.rows = 3, .columns = columns});
  }
}

TEST_CASE_TEMPLATE_DEFINE("parity: causal_convolution agrees with the plain loops", Fast,
                          causal_convolution_parity) {
  for (index_t channels : {1, 3, 4, 17, 32}) {
    for (index_t taps : {1, 2, 4, 11}) {
      expect_parity_everywhere<Fast>(
          cases::causal_convolution{.batch = {1, 2, 5, 70}, .channels = channels, .taps = taps});
      expect_parity_everywhere<Fast>(
          cases::silu_convolution{.batch = {1, 2, 5, 70}, .channels = channels, .taps = taps});
    }
  }
}

TEST_CASE_TEMPLATE_DEFINE("parity: linear agrees with the plain loops", Fast, linear_parity) {
  for (index_t size : {1, 3, 4, 16, 31}) {
    expect_parity_everywhere<Fast>(
        cases::linear{.batch = {1, 2, 5, 33}, .in_size = size, .out_size = size + 2});
  }
  expect_parity_everywhere<Fast>(cases::linear{.batch = {40}, .in_size = 300, .out_size = 70});
}

TEST_CASE_TEMPLATE_DEFINE("parity: embedding agrees with the plain loops", Fast, embedding_parity) {
  expect_parity_everywhere<Fast>(cases::embedding{});
}

TEST_CASE_TEMPLATE_DEFINE("parity: cross_entropy agrees with the plain loops", Fast,
                          cross_entropy_parity) {
  for (index_t classes : {5, 8, 17, 256}) {
    expect_parity_everywhere<Fast>(cases::cross_entropy{.classes = classes});
    expect_parity_everywhere<Fast>(cases::cross_entropy_in_place{{.classes = classes}});
  }
}

TEST_CASE_TEMPLATE_DEFINE("parity: softmax_entropy agrees with the plain loops", Fast,
                          softmax_entropy_parity) {
  for (index_t classes : {2, 5, 8, 17, 256}) {
    expect_parity_everywhere<Fast>(cases::softmax_entropy{.classes = classes});
  }
}

TEST_CASE_TEMPLATE_DEFINE("parity: pooling and means agree with the plain loops", Fast, pooling_parity) {
  expect_parity_everywhere<Fast>(cases::mean_pool{});
  expect_parity_everywhere<Fast>(cases::last_pool{});
  expect_parity_everywhere<Fast>(cases::row_means{.rows = 7, .channels = 19});
}

TEST_CASE_TEMPLATE_DEFINE("parity: activations agree with the plain loops", Fast,
                          activations_parity) {
  for (index_t columns : {1, 3, 8, 17}) {
    expect_parity_everywhere<Fast>(cases::unary<ops::silu_function>{.columns = columns});
    expect_parity_everywhere<Fast>(cases::unary<ops::gelu_function>{.columns = columns});
    expect_parity_everywhere<Fast>(cases::unary<ops::tanh_function>{.columns = columns});
    expect_parity_everywhere<Fast>(cases::unary<ops::sigmoid_function>{.columns = columns});
    expect_parity_everywhere<Fast>(cases::unary<ops::relu_function>{.columns = columns});
    expect_parity_everywhere<Fast>(cases::unary<ops::softplus_function>{.columns = columns});
  }
}

TEST_CASE_TEMPLATE_DEFINE("parity: gates and sums agree with the plain loops", Fast,
                          gates_and_sums_parity) {
  for (index_t columns : {1, 3, 8, 17}) {
    expect_parity_everywhere<Fast>(cases::binary<ops::gated_silu_function>{.columns = columns});
    expect_parity_everywhere<Fast>(
        cases::binary<ops::product_function>{.columns = columns, .second_rows = 1});
    expect_parity_everywhere<Fast>(
        cases::binary<ops::sum_function>{.columns = columns, .second_rows = 1});
  }
}

}  // namespace attd_test
