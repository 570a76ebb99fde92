// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Teaches a small Mamba to adapt: base parameters, psi_0, inner rates and thresholds are trained
// together, through the inner steps themselves.
#include <attd/attd.hpp>
#include <cstdio>
#include <vector>

using attd::index_t;
using examples = std::vector<attd::tasks::example<float>>;

// Signals of one plant whose time runs `slowest` to `fastest` times as fast.
examples signals(double slowest, double fastest, index_t first, index_t count) {
  attd::tasks::oscillator_options o;
  o.frequency_low = 0.4;
  o.frequency_high = 0.8;
  o.length = 64;
  o.split = 32;  // adaptation sees 32 tokens, the other 32 are scored
  o.time_scale = slowest;
  o.time_scale_high = fastest;
  return attd::tasks::oscillator_examples<float>(o, first, count);
}

// Mean error after the context, with no step and with as many as the thresholds give.
template <class Model>
void report(const char* name, const Model& model, const examples& set) {
  auto workspace = model.make_workspace();
  auto session = model.start();
  attd::adaptation::report r;
  double never = 0, adapted = 0, steps = 0;
  for (const auto& e : set) {
    model.restart(session);
    never += attd::tasks::scored_error(model, e, session.psi, workspace);
    model.adapt(attd::tasks::observe(e), session, workspace, r);
    adapted += attd::tasks::scored_error(model, e, session.psi, workspace);
    steps += double(r.attempted);
  }
  const double n = double(set.size());
  std::printf("%s: never %.4f, attd %.4f in %.1f steps\n", name, never / n, adapted / n, steps / n);
}

int main() {
  attd::models::forecaster<> model;
  model.encoder = {1, 8};
  model.block.width = 8;
  model.block.state_size = 4;
  model.head = {8, 1};
  attd::models::forecaster<>::parameters<float> theta;
  model.initialize(attd::random_stream{1}, theta);

  // The outer loss: task error after K steps plus a price per step, in the mean over what the
  // thresholds make of K under a little noise; its gradient is exact.
  attd::training::meta_trainer_options options;
  options.trainer.schedule = {.rate = 0.01, .warmup = 20, .steps = 250};
  options.outer.steps = 3;
  options.outer.price = 1e-4;

  auto trainer = attd::training::make_meta_trainer(
      model, attd::adapters::timescale<>{}, attd::losses::next_value<>{},
      attd::optimizers::adam{.rate = 0.03}, attd::losses::elementwise_rows<>{}, theta, options,
      attd::default_backend{});
  const auto data = signals(0.5, 2.5, 0, 256);
  const double before = trainer.measure(data).task;
  while (trainer.step_count() < trainer.steps()) trainer.step(data);
  std::printf("task loss: %.3f untrained, %.4f trained\n", before, trainer.measure(data).task);

  // What comes out is an adaptive model like any other.
  const auto adaptive = trainer.deployed();
  report("nominal speed", adaptive, signals(1, 1, 1000, 50));
  report("twice as fast", adaptive, signals(2, 2, 1000, 50));
}
