// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The same with other parts: a plant, Adam with rates per layer, dense dynamics kept stable.
#include <doctest/doctest.h>

#include <attd/adapters/full.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/learned_rates.hpp>
#include <meta/cases.hpp>

using namespace attd_test;
using training::depth_rule;

namespace other_parts_test {

using optimizer = attd::optimizers::per_layer_rates<attd::optimizers::adam>;
using plant_meta =
    training::meta_trainer<double, attd::models::dynamics_net<>, attd::adapters::full,
                           attd::losses::output_error<>, optimizer, squared_rows, attd::reference,
                           training::observe_plant_context>;

struct plant_trainer : plant_meta {
  explicit plant_trainer(const training::meta_trainer_options& o, double rate)
      : plant_meta(tiny_net(), attd::adapters::full{}, attd::losses::output_error<>{},
                   make_optimizer(rate), squared_rows{}, uneven_theta(), o, accept_all()) {}

  /// Away from the initial A_0, whose Lyapunov metric is a corner (equal eigenvalues): how far an
  /// update may go has no derivative there.
  static attd::models::dynamics_net_parameters<double> uneven_theta() {
    auto theta = start_of(tiny_net());
    attd::random_stream noise{8, 8};
    attd::for_each_leaf(
        [&](auto& leaf) {
          for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += 0.1 * noise.normal();
        },
        theta);
    for (index_t l = 0; l < theta.layers.count(); ++l) {
      auto& a = theta.layers[l].dynamics.a;
      for (index_t i = 0; i < a.size(); ++i) a.data()[i] *= 0.7;  // stable in spite of the noise
    }
    return theta;
  }

  static optimizer make_optimizer(double rate) {
    optimizer all;
    all.inner.rate = rate;
    all.scale.assign({2});
    all.scale(0) = 0.7;
    all.scale(1) = 1.6;
    return all;
  }
};

std::vector<example<double>> plants(index_t count) {
  auto all = signals(count, 14, 3);
  for (auto& e : all) e.split = 8;
  return all;
}

}  // namespace other_parts_test

using namespace other_parts_test;

TEST_CASE("plants, Adam, rates per layer: the gradient is that of differences, rates included") {
  for (double rate : {0.003, 0.3}) {  // with the larger one, steps have to be scaled back
    auto o = meta_options(depth_rule::expected, 2);
    o.outer.price = 0.1;
    plant_trainer m(o, rate);
    m.set_signal_statistics(plants(6));
    const std::vector<char> by_default =
        training::settings_learned_by_default(plant_trainer::make_optimizer(rate));
    m.set_learned_settings(std::vector<char>(8, 1));
    const auto data = plants(2);
    const auto model = m.deployed(attd::controllers::fixed{2});
    auto workspace = model.make_workspace();
    index_t scaled_back = 0;
    for (const auto& e : data) {
      auto session = model.start();
      attd::adaptation::report report;
      model.adapt(attd::tasks::observe_plant(e), session, workspace, report);
      CHECK(report.accepted == 2);
      scaled_back += report.scaled_back;
    }
    CHECK((scaled_back > 0) == (rate > 0.1));
    m.gradient(data);
    const auto analytic = m.total();
    CHECK(worst_of(m, analytic, [&] { return m.measure(data).loss; }) <= 1e-6);
    // Adam's decay and clip are off, and stay it; by default only the rates are learned.
    REQUIRE(analytic.settings.size() == 8);
    for (index_t i : {0, 1, 2, 3, 6, 7}) CHECK(analytic.settings(i) != 0);
    for (index_t i : {4, 5}) CHECK(analytic.settings(i) == 0);
    CHECK(by_default == std::vector<char>{1, 0, 0, 0, 0, 0, 1, 1});
  }
}

TEST_CASE("a layer whose factor is 0 does not adapt, and never will") {
  auto o = meta_options(depth_rule::expected, 2);
  plant_trainer m(o, 0.03);
  optimizer still = plant_trainer::make_optimizer(0.03);
  still.scale(0) = 0;
  plant_meta half(tiny_net(), attd::adapters::full{}, attd::losses::output_error<>{}, still,
                  squared_rows{}, start_of(tiny_net()), o, accept_all());
  const auto data = plants(6);
  for (int i = 0; i < 4; ++i) half.step(data);
  const auto model = half.deployed();
  CHECK(model.optimizer().scale(0) == 0);
  CHECK(model.optimizer().scale(1) != still.scale(1));
  half.gradient(data);
  CHECK(half.total().settings(6) == 0);
  CHECK(half.total().settings(7) != 0);
}
