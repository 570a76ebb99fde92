// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The meta trainer: it learns, whatever the threads; bad examples and bad options; what it deploys.
#include <doctest/doctest.h>

#include <algorithm>
#include <attd/adapters/full.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/tasks/scoring.hpp>
#include <functional>
#include <limits>
#include <meta/cases.hpp>
#include <string>

using namespace attd_test;
using training::depth_rule;

namespace meta_trainer_test {

const depth_rule every_rule[] = {depth_rule::fixed, depth_rule::expected, depth_rule::reinforce,
                                 depth_rule::straight_through};
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// The largest relative difference of two gradients, leaf by leaf.
template <class P>
double difference(const P& a, const P& b) {
  const double whole = std::sqrt(attd::squared_norm(a));
  double worst = 0;
  attd::for_each_leaf(
      [&](const auto& x, const auto& y) {
        for (index_t i = 0; i < x.size(); ++i) {
          worst = std::max(worst, std::fabs(double(x.data()[i]) - double(y.data()[i])) / whole);
        }
      },
      a, b);
  return worst;
}

/// Compares the gradient of a meta trainer that takes no step with that of the plain trainer.
template <class Model, class Loss, class RowLoss>
void check_against_trainer(const Model& model, const Loss& inner, const RowLoss& loss,
                           const std::vector<example<double>>& data, index_t washout) {
  auto theta = start_of(model);
  auto o = meta_options(depth_rule::fixed, 0);
  training::meta_trainer<double, Model, attd::adapters::full, Loss, descent, RowLoss,
                         attd::reference>
      m(model, attd::adapters::full{}, inner, descent{}, loss, theta, o);
  auto plain_options = o.trainer;
  plain_options.washout = washout;
  auto plain = make_trainer(model, loss, plain_options, theta);
  const double wanted = plain.gradient(data);
  const auto r = m.gradient(data);
  CHECK(r.loss == doctest::Approx(wanted).epsilon(1e-13));
  CHECK(r.task == r.loss);
  CHECK(r.mean_steps == 0);
  CHECK(attd::squared_norm(plain.total()) > 1e-6);
  CHECK(difference(plain.total(), m.total().theta) < 1e-12);
  CHECK(attd::squared_norm(m.total().psi0) > 0);  // that psi_0 would help is known without steps
}

struct fault {
  std::function<void(training::meta_trainer_options&)> make;
  std::string name;
};

}  // namespace meta_trainer_test

using namespace meta_trainer_test;

TEST_CASE("training through adaptation lowers the loss by every rule for the number of steps") {
  const auto data = waves(16, 16), held_out = waves(12, 16, 5);
  for (depth_rule rule : every_rule) {
    CAPTURE(int(rule));
    auto o = meta_options(rule, 2);
    o.trainer.schedule.steps = 80;
    o.outer.price = 0.01;
    small_meta m = make_small(o, {}, {.rate = 0.2});
    m.set_signal_statistics(data);
    const double before = m.measure(held_out).task;
    const auto start = m.current();
    for (int i = 0; i < 80; ++i) {
      const auto r = m.step(data);
      REQUIRE_FALSE(r.skipped);
      REQUIRE(r.dropped == 0);
    }
    CHECK(m.measure(held_out).task < 0.6 * before);
    // Everything that is to be learned has moved; what is not, has not.
    CHECK(difference(start.theta, m.current().theta) > 0);
    CHECK_FALSE(equal_bits(start.psi0, m.current().psi0));
    CHECK(m.current().settings(0) != start.settings(0));
    CHECK(m.current().settings(1) == start.settings(1));  // the clip is not learned by default
    CHECK((m.current().first(0) == start.first(0)) == (rule == depth_rule::fixed));
    CHECK(m.current().signal(2) > 1);  // statistics went along
    CHECK(m.step_count() == 80);
  }
}

TEST_CASE("one, two and three threads give the same bits of everything that is learned") {
  for (depth_rule rule : {depth_rule::expected, depth_rule::reinforce}) {
    const auto data = waves(9, 12);
    const auto trained = [&](index_t threads) {
      auto o = meta_options(rule, 2);
      o.trainer.threads = threads;
      o.trainer.shards = 4;
      small_meta m = make_small(o);
      std::vector<double> log;
      for (int i = 0; i < 6; ++i) {
        const auto r = m.step(data);
        log.insert(log.end(), {r.loss, r.task, r.mean_steps, r.gradient_norm});
      }
      log.push_back(m.evaluate(data));
      return std::pair(m.current(), log);
    };
    const auto one = trained(1), two = trained(2), three = trained(3);
    CHECK(equal_bits(one.first, two.first));
    CHECK(equal_bits(one.first, three.first));
    CHECK(one.second == two.second);
    CHECK(one.second == three.second);
  }
}

TEST_CASE("the gradient of a batch is the mean of the examples', whatever the shards") {
  const auto data = waves(5, 12);
  auto o = meta_options(depth_rule::expected, 2);
  o.trainer.shards = 1;
  small_meta one = make_small(o);
  o.trainer.shards = 7;
  small_meta seven = make_small(o);
  spread(one, data);
  spread(seven, data);
  auto mean = one.current();
  attd::zero_leaves(mean);
  double loss = 0;
  for (const auto& e : data) {
    loss += one.gradient({&e, 1}).loss / 5;
    attd::for_each_leaf(
        [](auto& m, const auto& g) {
          for (index_t i = 0; i < m.size(); ++i) m.data()[i] += g.data()[i] / 5;
        },
        mean, one.total());
  }
  CHECK(one.gradient(data).loss == doctest::Approx(loss).epsilon(1e-13));
  CHECK(difference(mean, one.total()) < 1e-13);
  CHECK(seven.gradient(data).loss == doctest::Approx(loss).epsilon(1e-13));
  CHECK(difference(mean, seven.total()) < 1e-13);
}

TEST_CASE("examples that are not finite are left out and counted, and change nothing else") {
  const auto good = waves(3, 12);
  for (depth_rule rule : {depth_rule::fixed, depth_rule::expected, depth_rule::straight_through}) {
    for (bool in_context : {false, true}) {
      auto data = good;
      data.insert(data.begin() + 1, good[0]);
      if (in_context) {
        data[1].input(2, 0) = not_a_number;
      } else {
        data[1].target(10, 0) = not_a_number;
      }
      auto o = meta_options(rule, 2);
      o.trainer.shards = 1;
      small_meta clean = make_small(o), dirty = make_small(o);
      spread(clean, good);
      spread(dirty, good);
      const auto wanted = clean.gradient(good), r = dirty.gradient(data);
      CHECK(r.dropped == 1);
      CHECK(wanted.dropped == 0);
      CHECK(r.loss == doctest::Approx(wanted.loss).epsilon(1e-13));
      CHECK(r.task == doctest::Approx(wanted.task).epsilon(1e-13));
      CHECK(r.mean_steps == doctest::Approx(wanted.mean_steps).epsilon(1e-13));
      CHECK(difference(clean.total(), dirty.total()) < 1e-14);
      const auto before = dirty.current();
      const auto step = dirty.step_on(data);
      CHECK_FALSE(step.skipped);
      CHECK(step.dropped == 1);
      CHECK(attd::all_finite(dirty.current()));
      CHECK_FALSE(equal_bits(before, dirty.current()));
    }
  }
}

TEST_CASE("a batch of nothing but such examples is skipped and leaves everything as it was") {
  auto data = waves(2, 12);
  for (auto& e : data) e.target(10, 0) = not_a_number;
  small_meta m = make_small(meta_options(depth_rule::expected, 2));
  for (int i = 0; i < 3; ++i) m.step(waves(6, 12));  // moments that would move it on
  const auto before = m.current();
  const auto state = m.state();
  const auto r = m.step_on(data);
  CHECK(r.dropped == 2);
  CHECK(r.skipped);
  CHECK_FALSE(attd::is_finite(r.loss));
  CHECK(equal_bits(before, m.current()));
  CHECK(equal_bits(state, m.state()));
  CHECK(m.step_count() == 4);
  CHECK(m.skipped_count() == 1);
}

TEST_CASE("rates of 0 leave their part as it is, and settings off the mask get no gradient") {
  const auto data = waves(6, 12);
  auto o = meta_options(depth_rule::expected, 2);
  o.psi0_rate = 0;
  o.settings_rate = 0;
  o.threshold_rate = 0;
  small_meta m = make_small(o);
  const auto start = m.current();
  for (int i = 0; i < 3; ++i) m.step(data);
  CHECK(equal_bits(start.psi0, m.current().psi0));
  CHECK(equal_bits(start.settings, m.current().settings));
  CHECK(equal_bits(start.first, m.current().first));
  CHECK(equal_bits(start.raw_gaps, m.current().raw_gaps));
  CHECK_FALSE(equal_bits(start.theta, m.current().theta));
  spread(m, data);
  m.set_learned_settings({0, 0, 0});
  m.gradient(data);
  CHECK(attd::squared_norm(m.total().settings) == 0);
  m.set_learned_settings({1, 0, 0});
  m.gradient(data);
  CHECK(m.total().settings(0) != 0);
}

TEST_CASE("tau falls from outer.tau to final_tau in equal ratios, and stays there") {
  auto o = meta_options(depth_rule::expected, 2);
  o.trainer.schedule.steps = 5;
  o.outer.tau = 0.8;
  o.final_tau = 0.05;
  const small_meta m = make_small(o);
  for (index_t i = 0; i < 5; ++i) {
    CHECK(m.tau_at(i) == doctest::Approx(0.8 / std::pow(2.0, double(i))).epsilon(1e-14));
  }
  CHECK(m.tau_at(9) == doctest::Approx(0.05).epsilon(1e-14));
  // Validation is at the last tau from the beginning, so that its values compare.
  small_meta at_start = make_small(o), at_end = make_small(o);
  at_end.set_step_count(4);
  const auto data = waves(4, 12);
  CHECK(at_start.evaluate(data) == at_end.evaluate(data));
  CHECK(at_end.evaluate(data) == at_end.measure(data).loss);
  CHECK(at_start.evaluate(data) != at_start.measure(data).loss);
}

TEST_CASE("the statistics of s are running ones over the batches before, the first from itself") {
  auto o = meta_options(depth_rule::expected, 2);
  o.signal_momentum = 0.75;
  small_meta m = make_small(o);
  const auto first = waves(5, 12, 3), second = waves(4, 12, 4);
  // Mean and deviation of log L_int at psi_0, from what the engine says of s.
  const auto statistics = [&](const std::vector<example<double>>& batch) {
    const auto model = m.deployed();
    auto workspace = model.make_workspace();
    std::vector<double> logs;
    for (const auto& e : batch) {
      const double s = model.dry_run(attd::tasks::observe(e), model.start(), workspace).signal;
      logs.push_back(s * m.current().signal(1) + m.current().signal(0));
    }
    double mean = 0, variance = 0;
    for (double l : logs) mean += l / double(logs.size());
    for (double l : logs) variance += (l - mean) * (l - mean) / double(logs.size() - 1);
    return std::pair(mean, std::sqrt(variance));
  };
  CHECK(m.current().signal(2) == 0);
  const auto [mean_1, deviation_1] = statistics(first);
  m.set_signal_statistics(first);
  CHECK(m.current().signal(0) == doctest::Approx(mean_1).epsilon(1e-12));
  CHECK(m.current().signal(1) == doctest::Approx(deviation_1).epsilon(1e-12));
  CHECK(m.current().signal(2) == 1);
  const auto [mean_2, deviation_2] = statistics(second);
  m.step_on(second);
  CHECK(m.current().signal(0) == doctest::Approx(0.75 * mean_1 + 0.25 * mean_2).epsilon(1e-12));
  CHECK(m.current().signal(1) ==
        doctest::Approx(0.75 * deviation_1 + 0.25 * deviation_2).epsilon(1e-12));
  CHECK(m.current().signal(2) == 2);
  // A trainer that was given none takes those of its first batch, before its first step.
  small_meta fresh = make_small(o), told = make_small(o);
  told.set_signal_statistics(first);
  CHECK(fresh.step_on(first).loss == told.step_on(first).loss);
  // One example has no deviation: s is then not scaled.
  told.set_signal_statistics({first.data(), 1});
  CHECK(told.current().signal(1) == 1);
}

TEST_CASE("options out of range are refused by name") {
  using options = training::meta_trainer_options;
  const double infinity = std::numeric_limits<double>::infinity();
  const fault faults[] = {
      {[](options& o) { o.outer.tau = 0; }, "tau"},
      {[](options& o) { o.outer.tau = not_a_number; }, "tau"},
      {[](options& o) { o.final_tau = 0; }, "final_tau"},
      {[](options& o) { o.outer.steps = -1; }, "steps"},
      {[](options& o) { o.outer.steps = 0; }, "steps"},  // thresholds are at least one
      {[](options& o) {
         o.outer.draws = 1;
         o.outer.depth = depth_rule::reinforce;
       },
       "draws"},
      {[](options& o) { o.outer.truncation = -1; }, "truncation"},
      {[&](options& o) { o.outer.price = infinity; }, "price"},
      {[](options& o) { o.outer.smoothness = -1; }, "smoothness"},
      {[](options& o) { o.outer.power = -1; }, "power"},
      {[](options& o) { o.signal_momentum = 1.5; }, "signal_momentum"},
      {[](options& o) { o.threshold_rate = -1; }, "threshold_rate"},
      {[](options& o) { o.settings_rate = -1; }, "settings_rate"},
      {[](options& o) { o.psi0_rate = -1; }, "psi0_rate"},
      {[](options& o) { o.trainer.batch = 0; }, "batch"},
      {[](options& o) { o.trainer.shards = 0; }, "shards"},
      {[](options& o) { o.outer.depth = static_cast<depth_rule>(4); }, "depth"},
      {[](options& o) { o.outer.cost = static_cast<training::step_cost>(3); }, "cost"},
  };
  for (const fault& f : faults) {
    auto o = meta_options(depth_rule::expected, 2);
    CHECK_NOTHROW(make_small(o));
    f.make(o);
    const std::string message = error_of([&] { make_small(o); });
    CAPTURE(message);
    CHECK(mentions(message, f.name));
    CHECK(mentions(message, "expected"));
  }
  small_meta m = make_small(meta_options(depth_rule::expected, 2));
  CHECK(mentions(error_of([&] { m.step({}); }), "no examples"));
  CHECK(mentions(error_of([&] { m.step_on({}); }), "no examples"));
  CHECK(mentions(error_of([&] { m.measure({}); }), "no examples"));
  small_meta without = make_small(meta_options(depth_rule::fixed, 2));
  CHECK(mentions(error_of([&] { without.deployed(); }), "controllers::fixed{2}"));
  CHECK_THROWS_AS(m.set_learned_settings({1}), attd::error);
  CHECK_THROWS_AS(m.set_thresholds(attd::controllers::threshold::evenly_spaced(0, 1, 5)),
                  attd::error);
}

TEST_CASE("what is deployed adapts and predicts as the trainer says") {
  const auto data = waves(10, 16);
  auto o = meta_options(depth_rule::straight_through, 3);  // its value is that of the hard rule
  o.outer.price = 0.25;
  small_meta m = make_small(o);
  for (int i = 0; i < 5; ++i) m.step(data);
  m.current().first(0) = -0.5;
  const auto model = m.deployed();
  auto workspace = model.make_workspace();
  index_t steps[4] = {};
  for (const auto& e : data) {
    const auto measured = m.measure({&e, 1});
    auto session = model.start();
    attd::adaptation::report report;
    model.adapt(attd::tasks::observe(e), session, workspace, report);
    CHECK(report.requested == index_t(measured.mean_steps));
    const double error = attd::tasks::scored_error(model, e, session.psi, workspace);
    CHECK(error == doctest::Approx(measured.task).epsilon(1e-12));
    CHECK(measured.loss ==
          doctest::Approx(measured.task + 0.25 * measured.mean_steps).epsilon(1e-12));
    ++steps[report.requested];
  }
  CHECK(steps[0] > 0);  // the thresholds do divide these examples
  CHECK(steps[0] < 10);
  CHECK(equal_bits(model.initial_weights(), m.current().psi0));
  CHECK(equal_bits(model.theta(), m.current().theta));
  CHECK(model.optimizer().rate ==
        doctest::Approx(std::exp(m.current().settings(0))).epsilon(1e-15));
  CHECK(model.options().signal.mean == m.current().signal(0));

  // The same numbers under another controller; numbers of another time.
  const auto fixed = m.deployed(attd::controllers::fixed{1});
  auto session = fixed.start();
  attd::adaptation::report report;
  auto other = fixed.make_workspace();
  fixed.adapt(attd::tasks::observe(data[0]), session, other, report);
  CHECK(report.requested == 1);
  auto moved = m.current();
  moved.theta.head.weight(0, 0) += 1;
  CHECK(equal_bits(m.deploy(moved, attd::controllers::fixed{1}).theta(), moved.theta));
}

TEST_CASE("without steps the gradient is that of the plain trainer: signals, tokens, labels") {
  auto values = waves(5, 12);
  check_against_trainer(one_layer(), squared_loss{}, squared_rows{}, values, 6);
  auto ids = texts(4, 9, 1);
  for (auto& e : ids) {
    e.ids.resize(9);
    e.split = 4;  // row 3 is about id 4, the first that adaptation has not seen
  }
  check_against_trainer(tiny_language_model(), attd::losses::next_token{}, class_rows{}, ids, 3);
  auto labelled = labelled_signals(4, 8, 1);
  for (auto& e : labelled) e.split = e.length();
  check_against_trainer(tiny_classifier(attd::models::linear_encoder{2, 3}),
                        attd::losses::consistency{.noise = 0.1, .pooled = true}, class_rows{},
                        labelled, 0);
}
