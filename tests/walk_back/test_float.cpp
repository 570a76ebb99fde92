// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A meta-gradient in float against the same in double, from the same float-rounded numbers.
#include <doctest/doctest.h>

#include <adaptation/prediction.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/backends/eigen.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/training/meta_trainer.hpp>
#include <cmath>
#include <utility>
#include <vector>

namespace {

using namespace attd;

using model_type = models::forecaster<>;

template <class T>
std::vector<tasks::example<T>> waves() {
  std::vector<tasks::example<T>> examples;
  for (int i = 0; i < 4; ++i) {
    tasks::example<T> e;
    e.input.resize({64, 1});
    e.target.resize({64, 1});
    random_stream random{11, std::uint64_t(i)};
    const double frequency = random.uniform(0.3, 0.9), phase = random.uniform(0, 6);
    for (index_t t = 0; t <= 64; ++t) {
      const float y = float(std::sin(frequency * double(t) + phase) + 0.05 * random.normal());
      if (t < 64) e.input(t, 0) = T(y);
      if (t > 0) e.target(t - 1, 0) = T(y);
    }
    e.split = 32;
    examples.push_back(std::move(e));
  }
  return examples;
}

// Gradient of the outer loss through 4 steps, base parameters then psi_0.
template <class T>
std::vector<double> meta_gradient() {
  const model_type m = attd_test::two_mambas();
  model_type::parameters<float> rounded;
  m.initialize(random_stream{4, 2}, rounded);
  typename model_type::template parameters<T> theta;
  convert_leaves(rounded, theta);
  training::meta_trainer_options o;
  o.outer.steps = 4;
  o.outer.depth = training::depth_rule::fixed;
  adaptation::options adaptation;
  adaptation.guard_fraction = 0;
  adaptation.least_improvement = -1e9;  // both number types take the same steps
  training::meta_trainer<T, model_type, adapters::timescale<>, losses::next_value<>,
                         optimizers::adam, losses::elementwise_rows<>, eigen>
      trainer(m, {}, {}, {.rate = 0.02}, {}, theta, o, adaptation, eigen{});
  // psi_0 too: the random V of the two types would differ by rounding alone.
  for_each_leaf(
      [](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] = T(float(leaf.data()[i]));
      },
      trainer.current().psi0);
  const auto data = waves<T>();
  trainer.gradient(data);
  std::vector<double> flat;
  const auto append = [&](const auto& leaf) {
    for (index_t i = 0; i < leaf.size(); ++i) flat.push_back(double(leaf.data()[i]));
  };
  for_each_leaf(append, trainer.total().theta);
  for_each_leaf(append, trainer.total().psi0);
  return flat;
}

}  // namespace

TEST_CASE("a gradient through four steps in float is that in double to within 1e-3") {
  const auto exact = meta_gradient<double>(), rounded = meta_gradient<float>();
  REQUIRE(exact.size() == rounded.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    difference += (exact[i] - rounded[i]) * (exact[i] - rounded[i]);
    norm += exact[i] * exact[i];
  }
  REQUIRE(norm > 0);
  const double error = std::sqrt(difference / norm);
  MESSAGE("relative error of the float meta-gradient: ", error);
  CHECK(error <= 1e-3);
  CHECK(error > 0);  // the two were not the same computation
}
