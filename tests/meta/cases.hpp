// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// One small case of training through adaptation that the tests of this folder share.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <attd/adapters/timescale.hpp>
#include <attd/backends/reference.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <attd/testing/gradient_check.hpp>
#include <attd/training/meta_trainer.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <training/cases.hpp>
#include <utility>
#include <vector>

namespace attd_test {

using squared_loss = attd::losses::next_value<>;
using descent = attd::optimizers::gradient_descent;

/// In double, on the reference backend: a forecaster of one Mamba layer whose time scale and rates
/// adapt by gradient descent.
using small_meta =
    training::meta_trainer<double, attd::models::forecaster<>, attd::adapters::timescale<>,
                           squared_loss, descent, squared_rows, attd::reference>;

inline attd::models::forecaster<> one_layer() {
  attd::models::forecaster<> m;
  m.encoder = {1, 3};
  m.block = tiny_mamba(3);
  m.head = {3, 1, true};
  m.depth = 1;
  return m;
}

/// A sum of a slow and a fast wave: the input at t, the target its value at t + 1. How hard an
/// example is depends on its number.
inline std::vector<example<double>> waves(index_t count, index_t length, std::uint64_t seed = 1) {
  std::vector<example<double>> all;
  for (index_t i = 0; i < count; ++i) {
    attd::random_stream random{seed, static_cast<std::uint64_t>(i)};
    const double frequency = random.uniform(0.2, 1.4), phase = random.uniform(0, 6);
    const double height = random.uniform(0.3, 1.5);
    const auto value = [&](index_t t) {
      return height * std::sin(frequency * double(t) + phase) + 0.2 * std::cos(2.1 * double(t));
    };
    example<double> e;
    e.input.resize({length, 1});
    e.target.resize({length, 1});
    for (index_t t = 0; t < length; ++t) {
      e.input(t, 0) = value(t);
      e.target(t, 0) = value(t + 1);
    }
    e.split = length / 2;
    all.push_back(std::move(e));
  }
  return all;
}

inline training::meta_trainer_options meta_options(training::depth_rule depth, index_t steps) {
  training::meta_trainer_options o;
  o.trainer = short_options();
  o.trainer.shards = 2;
  o.outer.depth = depth;
  o.outer.steps = steps;
  return o;
}

/// Every step is accepted: the guard loss may rise a thousandfold.
inline attd::adaptation::options accept_all() {
  attd::adaptation::options o;
  o.least_improvement = -1000;
  return o;
}

/// Base parameters with which steps change the loss by percents, the second-order part of the chain
/// the gradient of psi_0 by a third: nothing that is missing would drown.
inline auto rough_theta() {
  auto theta = start_of(one_layer());
  attd::random_stream noise{8, 8};
  attd::for_each_leaf(
      [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += 0.7 * noise.normal();
      },
      theta);
  return theta;
}

inline small_meta make_small(const training::meta_trainer_options& o,
                             const attd::adaptation::options& adaptation = accept_all(),
                             descent optimizer = {.rate = 1.0, .clip = 0}) {
  return small_meta(one_layer(), attd::adapters::timescale<>{}, squared_loss{}, optimizer,
                    squared_rows{}, rough_theta(), o, adaptation);
}

/// Moves psi_0 off its zeros and the thresholds amid the signals, all settings learned.
inline void spread(small_meta& m, const std::vector<example<double>>& data) {
  attd::random_stream noise{4, 4};
  attd::for_each_leaf(
      [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += 0.1 * noise.normal();
      },
      m.current().psi0);
  m.current().first(0) = -0.6;
  m.set_learned_settings(
      std::vector<char>(static_cast<std::size_t>(m.current().settings.size()), 1));
  m.set_signal_statistics(data);
}

/// The largest error of any leaf of the gradient; `value` is the loss to differentiate.
template <class Meta>
double worst_of(Meta& m, const typename Meta::parameters& analytic,
                const std::function<double()>& value) {
  const double whole = std::sqrt(attd::squared_norm(analytic));
  REQUIRE(whole > 1e-3);
  double worst = 0;
  const auto names = [&] {
    std::vector<std::string> all;
    attd::for_each_named_leaf([&](const std::string& n, const auto&) { all.push_back(n); },
                              analytic);
    return all;
  }();
  std::size_t at = 0;
  attd::for_each_leaf(
      [&](auto& leaf, const auto& g) {
        const std::string name = names[at++];
        if (leaf.empty() || name == "signal") return;
        const double error = attd::testing::gradient_error(value, leaf, g, whole);
        CAPTURE(name);
        CHECK(error <= 1e-6);
        worst = std::max(worst, error);
      },
      m.current(), analytic);
  return worst;
}

}  // namespace attd_test
