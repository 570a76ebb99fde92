// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The table of what a gradient through K = 4 inner steps costs, in units of what it goes through.
#pragma once

#include <attd/adapters/log_low_rank.hpp>
#include <attd/adapters/low_rank.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/backends/eigen.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/models/dynamics_net.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <attd/training/meta_trainer.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <support/least_squares.hpp>
#include <vector>

namespace attd_bench::meta_table {

using namespace attd;

inline constexpr index_t inner_steps = 4;

inline tasks::example<float> wave(index_t length) {
  tasks::example<float> e;
  e.input.resize({length, 1});
  e.target.resize({length, 1});
  random_stream random{3, 1};
  for (index_t t = 0; t <= length; ++t) {
    const float next = float(std::sin(0.31 * double(t)) + 0.1 * random.normal());
    if (t < length) e.input(t, 0) = next;
    if (t > 0) e.target(t - 1, 0) = next;
  }
  e.split = length / 2;
  return e;
}

template <class F>
double seconds(F&& f) {
  const auto began = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

/// Times, interleaved so that a noisy machine disturbs all alike: four inner steps of the engine, a
/// forward, backward and update of the task loss, and gradients through the four steps.
template <class Model, class Adapter, class Optimizer>
void measure(const char* name, const Model& model, const Adapter& adapter,
             const Optimizer& optimizer, index_t length, int repetitions) {
  using namespace training;
  typename Model::template parameters<float> theta;
  model.initialize(random_stream{7, 2}, theta);
  // The scored part and the context have the same length, as in training.
  const std::vector<tasks::example<float>> data{wave(length)};
  using trainer_type = meta_trainer<float, Model, Adapter, losses::next_value<>, Optimizer,
                                    losses::elementwise_rows<>, eigen>;
  meta_trainer_options o;
  o.trainer.batch = 1;
  o.trainer.shards = 1;
  o.outer.steps = inner_steps;
  // Nothing is rejected: every step is walked back.
  adaptation::options adaptation;
  adaptation.guard_fraction = 0;
  adaptation.least_improvement = -1e9;
  const auto make = [&](depth_rule rule, index_t steps) {
    auto options = o;
    options.outer.depth = rule;
    options.outer.steps = steps;
    return trainer_type(model, adapter, {}, optimizer, {}, theta, options, adaptation, eigen{});
  };
  // Forward, backward and update of the same rows by the trainer of models that do not adapt.
  auto plain = o.trainer;
  plain.washout = data[0].split;
  auto base_theta = theta;
  trainer<float, Model, losses::elementwise_rows<>, eigen> base(model, {}, plain, base_theta);
  auto fixed = make(depth_rule::fixed, inner_steps);
  auto sampled = make(depth_rule::reinforce, inner_steps);
  auto expected = make(depth_rule::expected, inner_steps);
  const auto engine = fixed.deployed(controllers::fixed{inner_steps});
  auto workspace = engine.make_workspace();
  auto session = engine.start();
  adaptation::report report;
  const auto seen = tasks::observe(data[0]);
  const auto adapt = [&] {
    engine.restart(session);
    engine.adapt(seen, session, workspace, report);
  };
  std::vector<double> inner, outer, through_fixed, through_sampled, through_expected;
  for (int i = -2; i < repetitions; ++i) {  // the first two fill caches and workspaces
    const double times[] = {
        seconds(adapt), seconds([&] { base.step(data); }), seconds([&] { fixed.step(data); }),
        seconds([&] { sampled.step(data); }), seconds([&] { expected.step(data); })};
    if (i < 0) continue;
    inner.push_back(times[0]);
    outer.push_back(times[1]);
    through_fixed.push_back(times[2]);
    through_sampled.push_back(times[3]);
    through_expected.push_back(times[4]);
  }
  const double a = median(inner), b = median(outer);
  std::printf("%-44s %7.3f %8.3f %12.2f %12.2f %12.2f %6lld\n", name, 1e3 * a, 1e3 * b,
              median(through_fixed) / (a + b), median(through_sampled) / (a + b),
              median(through_expected) / (a + 5 * b), static_cast<long long>(report.accepted));
}

/// Prints the table.
inline void print(int repetitions) {
  std::printf("%-44s %7s %8s %12s %12s %12s %6s\n", "model, adapter, inner optimiser", "4 steps",
              "fwd-bwd", "fixed K", "sampled K", "expectation", "walked");
  models::forecaster<> mamba;
  mamba.encoder = {1, 64};
  mamba.block.width = 64;
  mamba.head = {64, 1};
  mamba.depth = 2;
  models::dynamics_net<> net;
  measure("mamba 64 x 2, timescale, adam, L 256", mamba, adapters::timescale<>{},
          optimizers::adam{.rate = 1e-3}, 256, repetitions);
  measure("mamba 64 x 2, log_low_rank, descent, L 256", mamba, adapters::log_low_rank{},
          optimizers::gradient_descent{.rate = 1e-3}, 256, repetitions);
  measure("dynamics_net 16, low_rank, descent, L 256", net, adapters::low_rank{},
          optimizers::gradient_descent{.rate = 1e-3}, 256, repetitions);
  std::printf(
      "times in ms; fixed and sampled K in units of (4 steps + fwd-bwd), the expectation "
      "over 0 .. 4 in units of (4 steps + 5 fwd-bwd)\n");
}

}  // namespace attd_bench::meta_table
