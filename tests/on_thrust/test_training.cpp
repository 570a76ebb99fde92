// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Training in a backend's own memory, whose operations are done late: bit by bit as without.
#include <doctest/doctest.h>

#include <on_thrust/backend.hpp>
#include <on_thrust/separate_memory.hpp>
#include <training/cases.hpp>

using namespace attd_test;

namespace {

template <class Backend, class Model, class RowLoss>
auto trained(const Model& model, const RowLoss& loss, const std::vector<example<double>>& data,
             std::vector<double>& losses) {
  auto p = start_of(model);
  auto options = short_options();
  options.shards = 1;
  training::trainer<double, Model, RowLoss, Backend> trainer(model, loss, options, p);
  for (int i = 0; i < 4; ++i) losses.push_back(trainer.step(data).loss);
  losses.push_back(trainer.evaluate(data));
  return p;
}

template <class Model, class RowLoss>
void expect_same_training(const Model& model, const RowLoss& loss,
                          const std::vector<example<double>>& data) {
  std::vector<double> here, there;
  const auto plain = trained<thrust_cpp>(model, loss, data, here);
  const auto brought = trained<thrust_separate>(model, loss, data, there);
  CHECK(equal_bits(brought, plain));
  CHECK(there == here);
  CHECK_FALSE(equal_bits(plain, start_of(model)));
}

}  // namespace

TEST_CASE("memory: models train in the backend's memory") {
  expect_same_training(tiny_forecaster(), squared_rows{}, signals(7, 20, 1));
  expect_same_training(tiny_net(), squared_rows{}, signals(7, 20, 2));
  expect_same_training(tiny_language_model(), class_rows{}, texts(7, 12, 3));
  attd::models::forecaster<attd::blocks::s4d<true>> s4d;
  s4d.encoder = {2, 4};
  s4d.block.channels = 4;
  s4d.block.state_size = 4;
  s4d.head = {4, 1, true};
  expect_same_training(s4d, squared_rows{}, signals(7, 20, 5));
  expect_same_training(tiny_classifier(attd::models::embedding_encoder{5, 3}), class_rows{},
                       texts(7, 12, 4));
}
