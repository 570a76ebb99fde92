// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Encoder, stack and head: gradients, frozen layers, independence of sequences, names.
#include <doctest/doctest.h>

#include <attd/backends/reference.hpp>
#include <attd/blocks/linear_ssm.hpp>
#include <attd/models/sequence_model.hpp>
#include <models/checks.hpp>

namespace {

using namespace attd;
using namespace attd::testing;
using models::norm_kind;

const blocks::mamba small{.width = 3, .expand = 2, .state_size = 2, .kernel = 3, .rank = 1};
const models::forecaster<> forecaster{
    .encoder = {2, 3}, .block = small, .head = {3, 2}, .depth = 2};
const models::language_model<> language_model{
    .encoder = {5, 3}, .block = small, .head = {3, 5, false}, .depth = 1, .norm = norm_kind::layer};
const models::classifier<> classifier{
    .encoder = {5, 3}, .block = small, .head = {3, 4}, .depth = 1, .norm = norm_kind::rms};

template <class Tau = none, class Model>
void expect_correct(const Model& model, const sequences& batch, index_t sets) {
  const model_errors errors = check_model<Tau>(model, batch, {batch, 2, 5}, sets);
  CAPTURE(errors.worst);
  CHECK(errors.gradient <= 1e-7);
  CHECK(errors.second_order <= 1e-6);
  CHECK(errors.every_leaf_reached);
}

}  // namespace

TEST_CASE("sequence_model: a forecaster's gradients agree with central differences") {
  expect_correct(forecaster, sequences{7, 1, 2}, 3);
  expect_correct<double>(forecaster, sequences{4}, 1);
}

TEST_CASE("sequence_model: gradients are right without norm and without residual") {
  auto model = forecaster;
  model.norm = norm_kind::none;
  expect_correct(model, sequences{4, 1}, 1);
  model.residual = false;
  expect_correct(model, sequences{4, 1}, 1);
  model.norm = norm_kind::rms;
  expect_correct(model, sequences{4, 1}, 1);
}

TEST_CASE("sequence_model: gradients are right where layers compute activations again") {
  auto model = forecaster;
  model.block.keep = blocks::activation_storage::recompute;
  expect_correct(model, sequences{7, 1, 2}, 3);
  model.norm = norm_kind::none;
  expect_correct<double>(model, sequences{4}, 1);
}

TEST_CASE("sequence_model: a language model's gradients agree with central differences") {
  expect_correct(language_model, sequences{7, 1, 2}, 3);
}

TEST_CASE("sequence_model: a classifier's gradients agree with central differences") {
  expect_correct(classifier, sequences{4, 1, 2}, 3);
  auto model = classifier;
  model.head.pool = models::pooling::last;
  expect_correct(model, sequences{4, 1, 2}, 3);
}

TEST_CASE("sequence_model: the dense block fits in the same stack") {
  const models::forecaster<blocks::linear_ssm> model{
      .encoder = {2, 3}, .block = {3, 3, 4}, .head = {3, 1}, .depth = 2};
  expect_correct(model, sequences{4, 1}, 1);
  CHECK(model.layout(1).rows == 4);
}

TEST_CASE("sequence_model: gradients reach the parameters behind the dynamics") {
  const sequences batch{4, 2};
  CHECK(error_through_base_dynamics(forecaster, batch, {batch, 2, 5}) <= 1e-7);
}

TEST_CASE("sequence_model: a sequence's output is the same bits alone and in a batch") {
  const sequences batch{17, 1, 2, 9};
  const random_input in(batch, 2, 5);
  const auto tokens = [&](index_t b) { return std::pair{batch.offset(b), batch.length(b)}; };
  const auto one = [&](index_t b) { return std::pair{b, index_t{1}}; };
  CHECK(different_alone(forecaster, batch, in, tokens) == 0);
  CHECK(different_alone(language_model, batch, in, tokens) == 0);
  CHECK(different_alone(classifier, batch, in, one) == 0);
}

TEST_CASE("sequence_model: with frozen weights nothing below the lowest adapted layer is visited") {
  auto model = forecaster;
  model.depth = 3;
  const sequences batch{5};
  const random_input in(batch, 2, 5);
  // Products per sequence: 1 for the head; in a layer, 1 for out_proj, and 4 more when the
  // gradient goes on to the layer below: dt_proj, x_proj, 2 halves of in_proj.
  const frozen_result top = check_frozen<double>(model, batch, in, {0, 0, 1});
  CHECK(top.different == 0);
  CHECK(top.unwanted == 0);
  CHECK(top.products == 2);
  const frozen_result ends = check_frozen<double>(model, batch, in, {1, 0, 1});
  CHECK(ends.different == 0);
  CHECK(ends.unwanted == 0);
  CHECK(ends.products == 1 + 5 + 5 + 1);
  CHECK(check_frozen<double>(model, batch, in, {0, 0, 0}).products == 0);
}

TEST_CASE("sequence_model: a sequence in two pieces with carried states equals the whole") {
  reference backend;
  const sequences batch{9};
  const random_input in(batch, 2, 5);
  const auto p = random_point<none>(forecaster, 1);
  models::forecaster<>::cache<double> whole, part;
  run_forward(backend, forecaster, batch, p, in.all(), whole);
  forecaster.reset_states(1, part);
  forecaster.forward(backend, sequences{4}, p.parameters, p.dynamics, in.part(0, 4), part);
  part.initial = part.final;
  forecaster.forward(backend, sequences{5}, p.parameters, p.dynamics, in.part(4, 5), part);
  for (index_t t = 0; t < 5; ++t) CHECK(part.output()(t, 1) == whole.output()(4 + t, 1));
  CHECK(different_numbers(part.final, whole.final) == 0);
}

TEST_CASE("sequence_model: parameters have the field's names") {
  models::language_model<>::parameters<double> p;
  language_model.initialize({1, 2}, p);
  const std::vector<std::string> names = tensor_names(p);
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  CHECK(has("backbone.embedding.weight"));
  CHECK(has("backbone.layers.0.norm.weight"));
  CHECK(has("backbone.layers.0.mixer.A_log"));
  CHECK(has("backbone.layers.0.mixer.in_proj.weight"));
  CHECK(has("backbone.norm_f.weight"));
  CHECK(has("lm_head.weight"));
  CHECK(!has("lm_head.bias"));  // empty without bias
}

TEST_CASE("sequence_model: residual branches start smaller in deeper stacks") {
  auto model = forecaster;
  model.depth = 4;
  models::forecaster<>::parameters<double> p;
  blocks::mamba::parameters<double> alone;
  model.initialize({1, 2}, p);
  small.initialize(random_stream{1, 2}.split(2 + 3), alone);
  CHECK(p.backbone.layers[3].mixer.out_proj(1, 1) == alone.out_proj(1, 1) / 2);  // 1 / sqrt(4)
  CHECK(p.backbone.layers[3].mixer.in_proj(1, 1) == alone.in_proj(1, 1));
}

TEST_CASE("sequence_model: widths that disagree are named with both values") {
  auto model = forecaster;
  model.encoder.width = 4;
  models::forecaster<>::parameters<double> p;
  CHECK_THROWS_WITH_AS(model.initialize({1, 2}, p),
                       "attd: sequence_model: the input size of the block is 3, expected 4",
                       attd::error);
}
