// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The code of docs/how_to/train_through_adaptation.md, on a task that takes seconds.
#include <doctest/doctest.h>

#include <attd/backends/eigen.hpp>
#include <attd/core.hpp>
#include <attd/training/make_meta_trainer.hpp>
#include <attd/training/train.hpp>
#include <cmath>
#include <filesystem>
#include <vector>

namespace how_to_test {

using namespace attd;

// Waves of any frequency: how fast the signal moves is seen in its context only.
std::vector<tasks::example<float>> signals(index_t count, std::uint64_t seed) {
  std::vector<tasks::example<float>> all;
  for (index_t i = 0; i < count; ++i) {
    random_stream random{seed, static_cast<std::uint64_t>(i)};
    const double frequency = random.uniform(0.2, 0.9), phase = random.uniform(0, 6);
    tasks::example<float> e;
    e.input.resize({64, 1});
    e.target.resize({64, 1});
    for (index_t t = 0; t < 64; ++t) {
      e.input(t, 0) = float(std::sin(frequency * double(t) + phase));
      e.target(t, 0) = float(std::sin(frequency * double(t + 1) + phase));
    }
    e.split = 32;
    all.push_back(std::move(e));
  }
  return all;
}

struct scratch_folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "attd_how_to_meta";
  scratch_folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directory(path);
  }
  ~scratch_folder() { std::filesystem::remove_all(path); }
};

}  // namespace how_to_test

TEST_CASE("how to train through adaptation: the code of the page runs and learns") {
  using namespace how_to_test;
  const scratch_folder scratch;
  const auto& folder = scratch.path;
  const auto train_data = signals(48, 1), validation_data = signals(16, 2);

  models::forecaster<> model;
  model.encoder = {1, 8};
  model.block.width = 8;
  model.head = {8, 1};
  models::forecaster<>::parameters<float> theta;
  model.initialize(random_stream{1, 2}, theta);

  training::meta_trainer_options options;
  options.trainer.schedule = {.rate = 1e-2, .warmup = 5, .steps = 60};
  options.trainer.batch = 8;
  options.trainer.threads = 2;
  options.outer.depth = training::depth_rule::expected;  // thresholds are learned, exactly
  options.outer.steps = 3;                               // K is one of 0 .. 3
  options.outer.tau = 0.5;                               // noise on s at the start, and
  options.final_tau = 0.1;                               // at the end
  options.outer.price = 0.002;                           // of a step, in units of the task loss

  auto trainer = training::make_meta_trainer(model, adapters::timescale<>{}, losses::next_value<>{},
                                             optimizers::adam{.rate = 0.02},
                                             losses::elementwise_rows<>{}, theta, options, eigen{});

  const double before = trainer.measure(validation_data).task;
  const auto result =
      training::run_training(trainer, train_data, validation_data,
                             {.evaluate_every = 20, .checkpoint = folder / "meta.safetensors"},
                             [](const training::train_progress& p) { return p.last.loss < 1e6; });

  auto adaptive =
      trainer.deploy(result.parameters, training::learned_thresholds(result.parameters));
  auto workspace = adaptive.make_workspace();
  double error = 0;
  for (const auto& e : validation_data) {
    auto session = adaptive.start();
    adaptation::report report;
    adaptive.adapt(tasks::observe(e), session, workspace, report);
    error += tasks::scored_error(adaptive, e, session.psi, workspace);
  }

  CHECK(error / 16 < 0.5 * before);
  CHECK(result.steps == 60);

  // At another budget than the price came to: thresholds from the signals alone.
  std::vector<double> s;
  for (const auto& e : validation_data) {
    s.push_back(adaptive.dry_run(tasks::observe(e), adaptive.start(), workspace).signal);
  }
  adaptive.set_controller(controllers::calibrate_to_budget(s, 1.5, 3));

  double steps = 0;
  for (double x : s) steps += double(adaptive.controller().plan(x));
  CHECK(steps / 16 == doctest::Approx(1.5).epsilon(0.1));
}
