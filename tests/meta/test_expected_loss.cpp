// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Gradients of the outer loss against central differences of the whole of it.
#include <doctest/doctest.h>

#include <algorithm>
#include <meta/cases.hpp>

using namespace attd_test;
using training::depth_rule;

namespace expected_loss_test {

/// Some training is set up, its gradient taken and compared.
double worst(const training::meta_trainer_options& o,
             const attd::adaptation::options& adaptation = accept_all(),
             descent optimizer = {.rate = 1.0, .clip = 0}) {
  const auto data = waves(3, 12);
  small_meta m = make_small(o, adaptation, optimizer);
  spread(m, waves(8, 12, 2));
  const auto r = m.gradient(data);
  const auto analytic = m.total();
  const auto value = m.measure(data);
  CHECK(r.loss == doctest::Approx(value.loss).epsilon(1e-13));
  CHECK(r.task == doctest::Approx(value.task).epsilon(1e-13));
  CHECK(r.mean_steps == doctest::Approx(value.mean_steps).epsilon(1e-13));
  CHECK(r.dropped == 0);
  return worst_of(m, analytic, [&] { return m.measure(data).loss; });
}

/// The part of one gradient that another lacks, as a share of the whole.
template <class P>
double share_of_difference(const P& a, const P& b) {
  double difference = 0;
  attd::for_each_leaf(
      [&](const auto& x, const auto& y) {
        for (index_t i = 0; i < x.size(); ++i) {
          difference += std::pow(double(x.data()[i]) - double(y.data()[i]), 2);
        }
      },
      a, b);
  return std::sqrt(difference / attd::squared_norm(a));
}

small_meta::parameters gradient_of(const training::meta_trainer_options& o,
                                   const std::vector<example<double>>& data) {
  small_meta m = make_small(o);
  spread(m, waves(8, 12, 2));
  m.gradient(data);
  return m.total();
}

}  // namespace expected_loss_test

using namespace expected_loss_test;

TEST_CASE("the expected loss has the gradient of its differences in everything it learns") {
  for (index_t steps : {1, 2, 5}) {
    CAPTURE(steps);
    CHECK(worst(meta_options(depth_rule::expected, steps)) <= 1e-6);
  }
}

TEST_CASE("so it has with a price, with every kind of cost and with smoothness") {
  using training::step_cost;
  for (step_cost cost : {step_cost::identity, step_cost::convex, step_cost::flops}) {
    auto o = meta_options(depth_rule::expected, 3);
    o.outer.price = 0.2;
    o.outer.cost = cost;
    o.outer.power = 1.7;
    o.outer.smoothness = 2.0;
    o.outer.tau = 0.3;
    CHECK(worst(o) <= 1e-6);
  }
  auto o = meta_options(depth_rule::expected, 3);
  o.outer.smoothness = 2.0;
  const double without = make_small(meta_options(depth_rule::expected, 3)).evaluate(waves(3, 12));
  CHECK(make_small(o).evaluate(waves(3, 12)) > without + 1e-4);  // it does count
}

TEST_CASE("so it has at a fixed depth, without steps too, where thresholds get nothing") {
  for (index_t steps : {0, 1, 3}) {
    auto o = meta_options(depth_rule::fixed, steps);
    o.outer.smoothness = 0.5;
    CHECK(worst(o) <= 1e-6);
    const auto g = gradient_of(o, waves(3, 12));
    CHECK(g.first(0) == 0);
    CHECK(attd::squared_norm(g.raw_gaps) == 0);
  }
}

TEST_CASE("so it has with clipping, with rates that decay and with rejected steps") {
  CHECK(worst(meta_options(depth_rule::expected, 3), accept_all(),
              {.rate = 0.4, .clip = 0.05, .decay = 0.3}) <= 1e-6);
  const attd::adaptation::options guarded;
  const descent rash{.rate = 8.0, .clip = 0};
  small_meta m = make_small(meta_options(depth_rule::expected, 3), guarded, rash);
  spread(m, waves(8, 12, 2));
  const auto model = m.deployed(attd::controllers::fixed{3});
  auto workspace = model.make_workspace();
  index_t rejected = 0, accepted = 0;
  for (const auto& e : waves(3, 12)) {
    auto session = model.start();
    attd::adaptation::report report;
    model.adapt(attd::tasks::observe(e), session, workspace, report);
    rejected += report.rejected;
    accepted += report.accepted;
  }
  REQUIRE(rejected > 0);
  REQUIRE(accepted > 0);
  CHECK(worst(meta_options(depth_rule::expected, 3), guarded, rash) <= 1e-6);
}

TEST_CASE("a detached signal leaves out exactly what passes through s") {
  auto o = meta_options(depth_rule::expected, 3);
  o.outer.price = 0.2;
  o.outer.detach_signal = true;
  const std::vector<example<double>> one = waves(1, 12);
  small_meta m = make_small(o);
  spread(m, waves(8, 12, 2));
  m.gradient(one);
  const auto analytic = m.total();
  // s is held by moving the mean of the statistics along with log L_int.
  const auto signal = [&] {
    const auto model = m.deployed();
    auto workspace = model.make_workspace();
    return model.dry_run(attd::tasks::observe(one[0]), model.start(), workspace).signal;
  };
  const double held = signal(), mean = m.current().signal(0);
  const auto value = [&] {
    m.current().signal(0) = mean + (signal() - held) * m.current().signal(1);
    const double loss = m.measure(one).loss;
    m.current().signal(0) = mean;
    return loss;
  };
  CHECK(worst_of(m, analytic, value) <= 1e-6);
  // With s free the same gradient is wrong, and by much: the check sees that path.
  o.outer.detach_signal = false;
  const auto attached = gradient_of(o, one);
  CHECK(share_of_difference(attached.theta, analytic.theta) > 0.01);
  CHECK(attached.first(0) == analytic.first(0));
}

TEST_CASE("a first-order chain is another direction, a chain truncated beyond K is the exact one") {
  auto o = meta_options(depth_rule::expected, 3);
  const auto data = waves(3, 12);
  const auto exact = gradient_of(o, data);
  o.outer.chain = attd::adaptation::chain::first_order;
  const auto first_order = gradient_of(o, data);
  CHECK(share_of_difference(exact.theta, first_order.theta) > 1e-3);
  CHECK(share_of_difference(exact.psi0, first_order.psi0) > 1e-3);
  CHECK(first_order.first(0) == exact.first(0));  // the thresholds see losses only
  o.outer.chain = attd::adaptation::chain::truncated;
  o.outer.truncation = 3;
  CHECK(equal_bits(gradient_of(o, data), exact));
  o.outer.truncation = 1;
  CHECK(share_of_difference(exact.theta, gradient_of(o, data).theta) > 1e-3);
}

TEST_CASE("an input too short to adapt to counts with its task loss at psi_0 and no step") {
  auto data = waves(1, 12);
  data[0].split = 1;  // the internal loss needs two tokens
  auto o = meta_options(depth_rule::expected, 3);
  o.outer.price = 0.5;
  small_meta m = make_small(o);
  spread(m, waves(8, 12, 2));
  const auto r = m.gradient(data);
  CHECK(r.mean_steps == 0);
  CHECK(r.loss == r.task);
  CHECK(m.total().first(0) == 0);
  const auto analytic = m.total();
  CHECK(worst_of(m, analytic, [&] { return m.measure(data).loss; }) <= 1e-6);
}
