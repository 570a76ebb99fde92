// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The trainer: exact gradients, clipping, steps that are not finite, threads, washout, bad data.
#include <doctest/doctest.h>

#include <attd/testing/gradient_check.hpp>
#include <cmath>
#include <limits>
#include <training/cases.hpp>

using namespace attd_test;

namespace {

// The largest error of any leaf's gradient against central differences of the loss.
template <class Model, class RowLoss>
double worst_gradient(const Model& model, const RowLoss& loss,
                      const std::vector<example<double>>& data, index_t washout) {
  auto p = start_of(model);
  attd::random_stream noise{8, 8};
  attd::for_each_leaf(  // away from zeros and from ones
      [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += 0.2 * noise.normal();
      },
      p);
  auto options = short_options();
  options.washout = washout;
  options.shards = 2;
  auto trainer = make_trainer(model, loss, options, p);
  trainer.gradient(data);
  const auto analytic = trainer.total();
  const double whole = std::sqrt(attd::squared_norm(analytic));
  REQUIRE(whole > 1e-3);
  double worst = 0;
  attd::for_each_leaf(
      [&](auto& leaf, const auto& g) {
        if (leaf.empty()) return;
        worst = std::max(worst, attd::testing::gradient_error(
                                    [&] { return trainer.evaluate(data); }, leaf, g, whole));
      },
      p, analytic);
  return worst;
}

template <class P>
double distance(const P& a, const P& b) {
  double sum = 0;
  attd::for_each_leaf(
      [&](const auto& x, const auto& y) {
        for (index_t i = 0; i < x.size(); ++i) sum += std::pow(x.data()[i] - y.data()[i], 2);
      },
      a, b);
  return std::sqrt(sum);
}

// Steps with this many threads, and what came out.
template <class T, class Model, class RowLoss>
auto trained(const Model& model, const RowLoss& loss, const std::vector<example<T>>& data,
             index_t threads, index_t steps, std::vector<double>& losses) {
  auto p = start_of<T>(model);
  auto options = short_options();
  options.threads = threads;
  auto trainer = make_trainer<T>(model, loss, options, p);
  for (index_t i = 0; i < steps; ++i) losses.push_back(trainer.step(data).loss);
  losses.push_back(trainer.evaluate(data));
  return p;
}

template <class T, class Model, class RowLoss>
void check_threads(const Model& model, const RowLoss& loss, const std::vector<example<T>>& data) {
  std::vector<double> one, two, three;
  const auto p1 = trained<T>(model, loss, data, 1, 8, one);
  const auto p2 = trained<T>(model, loss, data, 2, 8, two);
  const auto p3 = trained<T>(model, loss, data, 3, 8, three);
  CHECK(equal_bits(p1, p2));
  CHECK(equal_bits(p1, p3));
  CHECK(one == two);
  CHECK(one == three);
  CHECK_FALSE(equal_bits(p1, start_of<T>(model)));
}

}  // namespace

TEST_CASE("the gradient of a batch is that of its loss: dynamics_net") {
  CHECK(worst_gradient(tiny_net(), squared_rows{}, signals(5, 7, 1), 2) < 1e-7);
}
TEST_CASE("the gradient of a batch is that of its loss: forecaster of mamba") {
  CHECK(worst_gradient(tiny_forecaster(), squared_rows{}, signals(3, 5, 1), 1) < 1e-7);
}
TEST_CASE("the gradient of a batch is that of its loss: language model of mamba") {
  CHECK(worst_gradient(tiny_language_model(), class_rows{}, texts(3, 5, 1), 1) < 1e-7);
}
TEST_CASE("with the output in chunks training gives what it gives with the whole output") {
  auto model = tiny_language_model();
  const auto data = texts(6, 5, 1);
  std::vector<double> whole, chunks;
  const auto expected = trained<double>(model, class_rows{}, data, 1, 4, whole);
  model.head.loss_chunk = 2;
  CHECK(worst_gradient(model, class_rows{}, data, 1) < 1e-7);
  const auto found = trained<double>(model, class_rows{}, data, 1, 4, chunks);
  CHECK(distance(found, expected) <= 1e-9 * std::sqrt(attd::squared_norm(expected)));
  REQUIRE(chunks.size() == whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CHECK(chunks[i] == doctest::Approx(whole[i]).epsilon(1e-9));
  }
}
TEST_CASE("the gradient of a batch is that of its loss: classifiers of tokens and of signals") {
  using attd::models::embedding_encoder;
  using attd::models::linear_encoder;
  CHECK(worst_gradient(tiny_classifier(embedding_encoder{5, 3}), class_rows{}, texts(4, 5, 1), 0) <
        1e-7);
  CHECK(worst_gradient(tiny_classifier(linear_encoder{2, 3}), class_rows{},
                       labelled_signals(4, 5, 1), 0) < 1e-7);
}
TEST_CASE("the gradient of a batch is that of its loss: one row of target per sequence") {
  auto data = signals(4, 5, 1);
  for (auto& e : data) e.target.assign({1, 3}, e.input(0, 0));
  CHECK(worst_gradient(tiny_classifier(attd::models::linear_encoder{2, 3}), squared_rows{}, data,
                       0) < 1e-7);
}

TEST_CASE("the loss is the mean over scored rows, whatever the parts") {
  // A model that always answers 0: the loss is the mean of the squared targets after the washout.
  auto data = signals(5, 7, 2);
  auto model = tiny_net();
  auto p = start_of(model);
  attd::zero_leaves(p);
  double sum = 0, rows = 0;
  for (const auto& e : data) {
    for (index_t t = 2; t < e.length(); ++t) {
      sum += e.target(t, 0) * e.target(t, 0);
      rows += 1;
    }
  }
  for (index_t shards : {1, 2, 7}) {
    for (index_t batch : {1, 2, 100}) {
      auto options = short_options();
      options.washout = 2;
      options.shards = shards;
      options.batch = batch;
      auto trainer = make_trainer(model, squared_rows{}, options, p);
      CHECK(trainer.evaluate(data) == doctest::Approx(sum / rows).epsilon(1e-13));
      CHECK(trainer.gradient(data) == doctest::Approx(sum / rows).epsilon(1e-13));
    }
  }
  model.washout = 2;  // the model's own counts as well
  auto trainer = make_trainer(model, squared_rows{}, short_options(), p);
  CHECK(trainer.evaluate(data) == doctest::Approx(sum / rows).epsilon(1e-13));
}

TEST_CASE("targets before the washout are never looked at") {
  auto data = signals(3, 6, 2);
  for (auto& e : data) e.target(1, 0) = std::numeric_limits<double>::quiet_NaN();
  auto options = short_options();
  options.washout = 2;
  auto p = start_of(tiny_net());
  auto trainer = make_trainer(tiny_net(), squared_rows{}, options, p);
  CHECK(attd::is_finite(trainer.evaluate(data)));
  CHECK_FALSE(trainer.step(data).skipped);
}

TEST_CASE("one, two and three threads give the same bits") {
  check_threads<double>(tiny_net(), squared_rows{}, signals(9, 12, 4));
  check_threads<float>(tiny_forecaster(), squared_rows{}, signals<float>(9, 12, 4));
  check_threads<float>(tiny_language_model(), class_rows{}, texts<float>(9, 12, 4));
}

TEST_CASE("the gradient is clipped by its global norm") {
  const auto data = signals(6, 8, 5);
  const auto model = tiny_net();
  auto options = short_options();
  options.batch = 3;
  options.clip = 0;
  auto p = start_of(model), q = p, r = p;
  auto free = make_trainer(model, squared_rows{}, options, p);
  const auto result = free.step(data);
  REQUIRE(result.gradient_norm > 0.1);
  options.clip = result.gradient_norm / 10;
  auto clipped = make_trainer(model, squared_rows{}, options, q);
  CHECK(clipped.step(data).gradient_norm == result.gradient_norm);  // reported before clipping
  CHECK(std::sqrt(attd::squared_norm(clipped.total())) ==
        doctest::Approx(options.clip).epsilon(1e-13));
  auto scaled = free.total();  // the direction is the same in all leaves together
  attd::for_each_leaf(
      [](auto& g) {
        for (index_t i = 0; i < g.size(); ++i) g.data()[i] *= 0.1;
      },
      scaled);
  CHECK(distance(scaled, clipped.total()) < 1e-14);
  options.clip = 2 * result.gradient_norm;
  auto loose = make_trainer(model, squared_rows{}, options, r);
  loose.step(data);
  CHECK(equal_bits(loose.total(), free.total()));
}

TEST_CASE("a step whose loss or gradient is not finite changes nothing and is counted") {
  auto data = signals(4, 6, 6);
  const auto good = data;
  data[0].target(5, 0) = std::numeric_limits<double>::quiet_NaN();
  auto options = short_options();
  options.batch = 40;  // surely holds example 0
  auto p = start_of(tiny_net());
  auto trainer = make_trainer(tiny_net(), squared_rows{}, options, p);
  trainer.step(good);
  const auto before = p;
  const auto state = trainer.state();
  const auto result = trainer.step(data);
  CHECK(result.skipped);
  CHECK(equal_bits(before, p));
  CHECK(equal_bits(state, trainer.state()));
  CHECK(trainer.step_count() == 2);
  CHECK(trainer.skipped_count() == 1);
  CHECK_FALSE(trainer.step(good).skipped);
  CHECK(trainer.skipped_count() == 1);
  CHECK_FALSE(equal_bits(before, p));
  // A loss that is finite, whose gradient's norm is not: error 1.2e154, gradient 2.4e154.
  auto one_row = signals(1, 1, 6);
  one_row[0].target(0, 0) = 1.2e154;
  const auto overflow = trainer.step(one_row);
  CHECK(attd::is_finite(overflow.loss));
  CHECK(overflow.skipped);
  CHECK(trainer.skipped_count() == 2);
}

TEST_CASE("a step's batch is a function of seed and step alone") {
  const auto data = signals(20, 6, 7);
  auto p = start_of(tiny_net()), q = p, r = p;
  auto options = short_options();
  auto one = make_trainer(tiny_net(), squared_rows{}, options, p);
  auto two = make_trainer(tiny_net(), squared_rows{}, options, q);
  one.set_step_count(17);
  two.set_step_count(17);
  const double first = one.step(data).loss;
  CHECK(first == two.step(data).loss);
  options.seed = 4;
  auto other = make_trainer(tiny_net(), squared_rows{}, options, r);
  other.set_step_count(17);
  const double here = other.step(data).loss;
  CHECK(here != first);
  p = q;  // the same parameters at two steps
  one.set_step_count(18);
  two.set_step_count(17);
  CHECK(one.step(data).loss != two.step(data).loss);
}

TEST_CASE("classifiers learn to tell sequences apart") {
  const auto data = texts(60, 12, 1), held_out = texts(30, 12, 2);
  const auto model = tiny_classifier(attd::models::embedding_encoder{5, 3});
  auto options = short_options(200);
  options.schedule.rate = 0.03;
  auto p = start_of(model);
  auto trainer = make_trainer(model, class_rows{}, options, p);
  const double before = trainer.evaluate(held_out);
  for (int i = 0; i < 200; ++i) trainer.step(data);
  const double after = trainer.evaluate(held_out);
  CAPTURE(before);
  CAPTURE(after);
  CHECK(before > 0.9);  // about log 3 = 1.10
  CHECK(after < 0.35);
}

TEST_CASE("data that cannot be trained on is refused by name") {
  const auto net = tiny_net();
  auto p = start_of(net);
  auto options = short_options();
  auto trainer = make_trainer(net, squared_rows{}, options, p);
  const std::vector<example<double>> empty;
  CHECK(mentions(error_of([&] { trainer.step(empty); }), "there are no examples"));
  CHECK(mentions(error_of([&] { trainer.evaluate(empty); }), "there are no examples"));
  auto data = signals(3, 6, 1);
  data[1].target.assign({2, 1});
  CHECK(mentions(error_of([&] { trainer.evaluate(data); }),
                 "example 1 has 2 rows of target, expected 7"));
  data = signals(3, 6, 1);
  data[2].input.assign({8, 3});
  CHECK(mentions(error_of([&] { trainer.evaluate(data); }), "input"));
  CHECK(mentions(error_of([&] { trainer.evaluate(texts(2, 6, 1)); }), "example 0 has no input"));
  options.washout = 7;
  auto washed = make_trainer(net, squared_rows{}, options, p);
  CHECK(mentions(error_of([&] { washed.evaluate(signals(3, 6, 1)); }),
                 "example 0 has 6 predictions, expected more than the washout of 7"));
  CHECK(mentions(error_of([&] { washed.step(signals(3, 6, 1)); }), "washout of 7"));

  const auto text_model = tiny_language_model();
  auto q = start_of(text_model);
  auto reader = make_trainer(text_model, class_rows{}, short_options(), q);
  auto short_text = texts(2, 5, 1);
  short_text[1].ids = {3};
  CHECK(mentions(error_of([&] { reader.evaluate(short_text); }),
                 "example 1 has 1 tokens, expected at least 2"));
  CHECK(mentions(error_of([&] { reader.evaluate(signals(2, 5, 1)); }), "has no ids"));

  const auto judge = tiny_classifier(attd::models::embedding_encoder{5, 3});
  auto r = start_of(judge);
  auto teacher = make_trainer(judge, class_rows{}, short_options(), r);
  auto unlabelled = texts(2, 5, 1);
  unlabelled[0].label = -1;
  CHECK(mentions(error_of([&] { teacher.evaluate(unlabelled); }), "example 0 has label -1"));
  unlabelled[0].label = 3;
  CHECK(mentions(error_of([&] { teacher.evaluate(unlabelled); }), "target 3, expected 0 to 2"));
  options = short_options();
  options.washout = 1;
  CHECK(mentions(error_of([&] { make_trainer(judge, class_rows{}, options, r); }),
                 "washout is 1, but the model gives one output per sequence"));
}

TEST_CASE("options out of range are refused with the value") {
  auto p = start_of(tiny_net());
  const auto message = [&](auto change) {
    auto options = short_options();
    change(options);
    return error_of([&] { make_trainer(tiny_net(), squared_rows{}, options, p); });
  };
  CHECK(mentions(message([](auto& o) { o.batch = 0; }), "batch is 0"));
  CHECK(mentions(message([](auto& o) { o.shards = 0; }), "shards is 0"));
  CHECK(mentions(message([](auto& o) { o.optimizer.beta2 = 1; }), "beta2 is 1"));
  CHECK(mentions(message([](auto& o) { o.optimizer.epsilon = 0; }), "epsilon is 0"));
  CHECK(mentions(message([](auto& o) { o.schedule.rate = std::nan(""); }), "rate is nan"));
  CHECK(mentions(message([](auto& o) { o.washout = -1; }), "washout is -1"));
  CHECK(message([](auto&) {}) == "no error");
}
