// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Models on the eigen backend: a sequence's output does not depend on its neighbours.
#include <doctest/doctest.h>

#include <attd/backends/eigen.hpp>
#include <attd/backends/reference.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/models/sequence_model.hpp>
#include <models/checks.hpp>
#include <utility>

namespace {

using namespace attd;
using namespace attd::testing;

const sequences mixed_batch{17, 1, 2, 64, 100, 3, 5, 9};
const blocks::mamba mamba{.width = 40, .expand = 2, .state_size = 8, .kernel = 4};

}  // namespace

TEST_CASE("parity: on eigen a model's output is the same bits alone and in a batch") {
  const random_input in(mixed_batch, 3, 7);
  const auto tokens = [&](index_t b) {
    return std::pair{mixed_batch.offset(b), mixed_batch.length(b)};
  };
  const models::forecaster<> forecaster{
      .encoder = {3, 40}, .block = mamba, .head = {40, 3}, .depth = 2};
  CHECK(different_alone<eigen>(forecaster, mixed_batch, in, tokens) == 0);
  const models::dynamics_net<> net{
      .input = 3, .output = 2, .state = 12, .hidden = 20, .depth = 2, .width = 5, .norm = true};
  CHECK(different_alone<eigen>(net, mixed_batch, in, tokens) == 0);
}

TEST_CASE("parity: on eigen a classifier's output is the same bits alone and in a batch") {
  const random_input in(mixed_batch, 3, 7);
  const models::classifier<> classifier{
      .encoder = {7, 40}, .block = mamba, .head = {40, 33}, .depth = 1};
  const auto one = [&](index_t b) { return std::pair{b, index_t{1}}; };
  CHECK(different_alone<eigen>(classifier, mixed_batch, in, one) == 0);
}
