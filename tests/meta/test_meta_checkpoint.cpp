// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Interrupted training through adaptation goes on bit for bit.
#include <doctest/doctest.h>

#include <meta/cases.hpp>
#include <string>

#if defined(__unix__)
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace attd_test;
using training::depth_rule;

namespace meta_checkpoint_test {

training::meta_trainer_options options(depth_rule rule = depth_rule::expected, index_t steps = 2) {
  auto o = meta_options(rule, steps);
  o.trainer.schedule.steps = 12;
  o.trainer.batch = 3;
  return o;
}

/// A trainer with other numbers than those of `make_small`: loading must replace them all.
void disturb(small_meta& m) {
  attd::for_each_leaf(
      [](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += 0.5;
      },
      m.current());
}

training::train_options run_options(const std::filesystem::path& checkpoint) {
  training::train_options o;
  o.evaluate_every = 3;
  o.checkpoint = checkpoint;
  return o;
}

template <class P>
void check_same(const training::train_result<P>& a, const training::train_result<P>& b) {
  CHECK(equal_bits(a.parameters, b.parameters));
  CHECK(a.validation_loss == b.validation_loss);
  CHECK(a.best_step == b.best_step);
  CHECK(a.steps == b.steps);
}

}  // namespace meta_checkpoint_test

using namespace meta_checkpoint_test;

TEST_CASE("meta: six steps, saved, loaded into new objects, and six more equal twelve") {
  const auto data = waves(8, 12);
  for (depth_rule rule : {depth_rule::fixed, depth_rule::expected, depth_rule::reinforce}) {
    for (index_t steps : {1, 3}) {  // with one threshold there are no gaps
      CAPTURE(int(rule));
      CAPTURE(steps);
      const scratch_file file("meta_resume");
      small_meta straight = make_small(options(rule, steps));
      for (int i = 0; i < 12; ++i) straight.step(data);
      {
        small_meta half = make_small(options(rule, steps));
        for (int i = 0; i < 6; ++i) half.step(data);
        training::save_checkpoint(file.path, half);
      }
      auto o = options(rule, steps);
      o.trainer.threads = 2;  // may differ
      small_meta resumed = make_small(o);
      disturb(resumed);
      training::load_checkpoint(file.path, resumed);
      CHECK(resumed.step_count() == 6);
      for (int i = 0; i < 6; ++i) resumed.step(data);
      CHECK(equal_bits(straight.current(), resumed.current()));
      CHECK(equal_bits(straight.state(), resumed.state()));
      CHECK(straight.measure(data).loss == resumed.measure(data).loss);
    }
  }
}

TEST_CASE("meta: run_training stopped by its callback and run again equals one run") {
  const auto data = waves(8, 12), held_out = waves(4, 12, 7);
  small_meta straight = make_small(options());
  const auto wanted = training::run_training(straight, data, held_out, run_options({}));
  CHECK(wanted.steps == 12);
  CHECK(wanted.stopped == training::stop_reason::finished);
  const scratch_file file("meta_stopped");
  for (index_t stop : {4, 8}) {  // between validations: the steps after the last are made again
    small_meta part = make_small(options());
    const auto result =
        training::run_training(part, data, held_out, run_options(file.path),
                               [&](const training::train_progress& p) { return p.step < stop; });
    CHECK(result.stopped == training::stop_reason::callback);
    CHECK(result.steps == stop);
  }
  small_meta last = make_small(options());
  disturb(last);
  const auto result = training::run_training(last, data, held_out, run_options(file.path));
  check_same(wanted, result);
  CHECK(equal_bits(straight.current(), last.current()));
  CHECK(equal_bits(straight.state(), last.state()));
  // The best parameters are deployed with the statistics that belong to them.
  const auto model =
      last.deploy(result.parameters, training::learned_thresholds(result.parameters));
  CHECK(model.options().signal.deviation == result.parameters.signal(1));
}

TEST_CASE("meta: other options, or a checkpoint of a plain trainer, are refused") {
  const scratch_file file("meta_options");
  const auto data = waves(6, 12);
  small_meta saved = make_small(options());
  for (int i = 0; i < 2; ++i) saved.step(data);
  training::save_checkpoint(file.path, saved);
  const auto refused = [&](auto change, const char* name) {
    auto o = options();
    change(o);
    small_meta m = make_small(o);
    const auto before = m.current();
    const std::string message = error_of([&] { training::load_checkpoint(file.path, m); });
    CAPTURE(message);
    CHECK(mentions(message, name));
    CHECK(equal_bits(before, m.current()));
    CHECK(m.step_count() == 0);
  };
  using options = training::meta_trainer_options;
  refused([](options& o) { o.outer.depth = depth_rule::reinforce; }, "depth");
  refused([](options& o) { o.outer.chain = attd::adaptation::chain::first_order; }, "chain");
  refused([](options& o) { o.outer.cost = training::step_cost::convex; }, "cost");
  refused([](options& o) { o.outer.detach_signal = true; }, "detach_signal");
  refused([](options& o) { o.outer.truncation = 2; }, "truncation");
  refused([](options& o) { o.outer.draws = 7; }, "draws");
  refused([](options& o) { o.outer.tau = 0.7; }, "tau");
  refused([](options& o) { o.final_tau = 0.2; }, "final_tau");
  refused([](options& o) { o.outer.price = 0.7; }, "price");
  refused([](options& o) { o.outer.power = 3; }, "power");
  refused([](options& o) { o.outer.smoothness = 0.7; }, "smoothness");
  refused([](options& o) { o.psi0_rate = 0.5; }, "psi0_rate");
  refused([](options& o) { o.settings_rate = 0.5; }, "settings_rate");
  refused([](options& o) { o.threshold_rate = 0.5; }, "threshold_rate");
  refused([](options& o) { o.signal_momentum = 0.5; }, "signal_momentum");
  refused([](options& o) { o.trainer.seed = 9; }, "seed");
  refused([](options& o) { o.trainer.batch = 9; }, "batch");

  auto guarded = accept_all();
  guarded.guard_fraction = 0.5;
  small_meta other = make_small(meta_checkpoint_test::options(), guarded);
  CHECK(mentions(error_of([&] { training::load_checkpoint(file.path, other); }), "guard_fraction"));
  small_meta masked = make_small(meta_checkpoint_test::options());
  masked.set_learned_settings({1, 1, 0});
  CHECK(mentions(error_of([&] { training::load_checkpoint(file.path, masked); }),
                 "learned_settings"));

  auto theta = start_of(one_layer());
  auto plain =
      make_trainer(one_layer(), squared_rows{}, meta_checkpoint_test::options().trainer, theta);
  CHECK(error_of([&] { training::load_checkpoint(file.path, plain); }) != "no error");
  training::save_checkpoint(file.path, plain);
  small_meta m = make_small(meta_checkpoint_test::options());
  CHECK(error_of([&] { training::load_checkpoint(file.path, m); }) != "no error");
}

#if defined(__unix__)
TEST_CASE("meta: a program killed at any step goes on bit for bit") {
  const auto data = waves(8, 12), held_out = waves(4, 12, 7);
  small_meta straight = make_small(options(depth_rule::reinforce));
  const auto wanted = training::run_training(straight, data, held_out, run_options({}));
  const scratch_file file("meta_killed");
  for (index_t at : {2, 5, 9}) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      small_meta part = make_small(options(depth_rule::reinforce));
      training::run_training(part, data, held_out, run_options(file.path),
                             [&](const training::train_progress& p) {
                               if (p.step == at) ::kill(::getpid(), SIGKILL);
                             });
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    CHECK(std::filesystem::exists(file.path) == (at >= 3));
  }
  small_meta last = make_small(options(depth_rule::reinforce));
  const auto result = training::run_training(last, data, held_out, run_options(file.path));
  check_same(wanted, result);
  CHECK(equal_bits(straight.current(), last.current()));
}
#endif
