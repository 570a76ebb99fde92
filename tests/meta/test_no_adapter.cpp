// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Training through an adaptation in which nothing can adapt is training without it.
#include <doctest/doctest.h>

#include <attd/adapters/none.hpp>
#include <attd/backends/reference.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <attd/tasks/dynamics_shift.hpp>
#include <attd/training/make_meta_trainer.hpp>
#include <cmath>

TEST_CASE("meta trainer: without fast weights the gradient is that of the model alone") {
  using namespace attd;
  models::dynamics_net<> model;
  model.state = 4;
  models::dynamics_net<>::parameters<double> theta;
  model.initialize(random_stream{3}, theta);
  tasks::oscillator_options o;
  o.length = 24;
  o.split = 12;
  const auto data = tasks::oscillator_examples<double>(o, 0, 3);
  training::meta_trainer_options options;
  options.outer.depth = training::depth_rule::fixed;
  options.outer.steps = 2;
  auto through = training::make_meta_trainer(
      model, adapters::no_adapter{}, losses::next_value<>{}, optimizers::gradient_descent{},
      losses::elementwise_rows<>{}, theta, options, reference{});
  const auto measured = through.gradient(data);
  CHECK(measured.dropped == 0);

  auto plain_theta = theta;
  training::trainer_options plain;
  plain.washout = o.split;
  training::trainer<double, models::dynamics_net<>, losses::elementwise_rows<>, reference> alone(
      model, {}, plain, plain_theta);
  const double loss = alone.gradient(data);
  CHECK(measured.task == doctest::Approx(loss).epsilon(1e-12));
  double difference = 0, norm = 0;
  for_each_leaf(
      [&](const auto& a, const auto& b) {
        for (index_t i = 0; i < a.size(); ++i) {
          difference += square(a.data()[i] - b.data()[i]);
          norm += square(b.data()[i]);
        }
      },
      through.total().theta, alone.total());
  REQUIRE(norm > 0);
  CHECK(std::sqrt(difference / norm) <= 1e-12);
}
