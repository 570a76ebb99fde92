// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Models on a backend: a sequence's output does not depend on its neighbours. A test source invokes
// each with its backend.
#pragma once

#include <doctest/doctest.h>

#include <attd/backends/reference.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/models/sequence_model.hpp>
#include <models/checks.hpp>
#include <utility>

namespace attd_test::model_suite {

using namespace attd;
using namespace attd::testing;

inline const sequences mixed_batch{17, 1, 2, 64, 100, 3, 5, 9};
inline const blocks::mamba mamba{.width = 40, .expand = 2, .state_size = 8, .kernel = 4};

TEST_CASE_TEMPLATE_DEFINE("parity: a model's output is the same bits alone and in a batch", Fast,
                          models_independence) {
  const random_input in(mixed_batch, 3, 7);
  const auto tokens = [&](index_t b) {
    return std::pair{mixed_batch.offset(b), mixed_batch.length(b)};
  };
  const models::forecaster<> forecaster{
      .encoder = {3, 40}, .block = mamba, .head = {40, 3}, .depth = 2};
  CHECK(different_alone<Fast>(forecaster, mixed_batch, in, tokens) == 0);
  const models::dynamics_net<> net{
      .input = 3, .output = 2, .state = 12, .hidden = 20, .depth = 2, .width = 5, .norm = true};
  CHECK(different_alone<Fast>(net, mixed_batch, in, tokens) == 0);
}

TEST_CASE_TEMPLATE_DEFINE("parity: a classifier's output is the same bits alone and in a batch",
                          Fast, classifier_independence) {
  const random_input in(mixed_batch, 3, 7);
  const models::classifier<> classifier{
      .encoder = {7, 40}, .block = mamba, .head = {40, 33}, .depth = 1};
  const auto one = [&](index_t b) { return std::pair{b, index_t{1}}; };
  CHECK(different_alone<Fast>(classifier, mixed_batch, in, one) == 0);
}

}  // namespace attd_test::model_suite
