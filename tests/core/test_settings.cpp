// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The numbers in settings: the same part over another number type, their count and their order.
#include <doctest/doctest.h>

#include <attd/core/settings.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <attd/optimizers/learned_rates.hpp>
#include <type_traits>
#include <vector>

namespace {

namespace optimizers = attd::optimizers;
using attd::count_settings;
using attd::index_t;
using attd::with_settings_t;
using D = attd::dual<double>;
using R = attd::recorded<double>;

/// A user's settings: numbers, a switch, a count, a nested part, a part per layer.
template <class S>
struct users_part {
  S first = S(1);
  bool on = true;
  index_t count = 7;
  optimizers::rate_schedule<S> nested{S(2), S(3)};
  attd::layers<optimizers::rate_schedule<S>> each;
  S last = S(4);
};
struct no_template {
  double rate = 0.1;
};

template <class O>
std::vector<double> settings_of(const O& part) {
  std::vector<double> all;
  attd::for_each_setting([&](const auto& x) { all.push_back(double(attd::primal(x))); }, part);
  return all;
}

users_part<double> example() {
  users_part<double> p;
  p.count = 9;
  p.on = false;
  p.each.resize(2);
  p.each[0] = {10, 11};
  p.each[1] = {12, 13};
  return p;
}

}  // namespace

TEST_CASE("settings are rebound to another number type through nested templates") {
  static_assert(std::is_same_v<with_settings_t<optimizers::adam, R>, optimizers::basic_adam<R>>);
  static_assert(std::is_same_v<with_settings_t<optimizers::per_layer_rates<optimizers::adam>, D>,
                               optimizers::per_layer_rates<optimizers::basic_adam<D>, D>>);
  using scales = attd::layers<attd::detail::probe_weights<double>>;
  using recorded_scales = attd::layers<attd::detail::probe_weights<R>>;
  static_assert(std::is_same_v<
                with_settings_t<optimizers::per_parameter_rates<optimizers::momentum, scales>, R>,
                optimizers::per_parameter_rates<optimizers::basic_momentum<R>, recorded_scales>>);
  static_assert(std::is_same_v<with_settings_t<no_template, R>, no_template>);
  CHECK(attd::convert_settings<R>(no_template{0.3}, [](double) { return R(9.0); }).rate == 0.3);
}

TEST_CASE("settings are visited in field order, nested parts and tensors included") {
  CHECK(settings_of(example()) == std::vector<double>{1, 2, 3, 10, 11, 12, 13, 4});
  CHECK(count_settings(example()) == 8);
  CHECK(settings_of(optimizers::adam{.rate = 1,
                                     .beta1 = 2,
                                     .beta2 = 3,
                                     .epsilon = 4,
                                     .clip = 5,
                                     .decay = 6,
                                     .reset_every = 7}) == std::vector<double>{1, 2, 3, 4, 5, 6});
  optimizers::per_layer_rates<optimizers::gradient_descent> layers{{.rate = 1, .clip = 2}, {}};
  CHECK(settings_of(layers) == std::vector<double>{1, 2, 0});
  layers.scale = attd::tensor<double>({3}, 0.5);
  layers.scale(2) = 8;
  CHECK(settings_of(layers) == std::vector<double>{1, 2, 0, 0.5, 0.5, 8});
}

TEST_CASE("several parts are visited together, and can be written to") {
  auto to = example();
  const auto from = example();
  attd::for_each_setting([](double& a, const double& b) { a += 100 * b; }, to, from);
  CHECK(settings_of(to) == std::vector<double>{101, 202, 303, 1010, 1111, 1212, 1313, 404});
  CHECK(to.count == 9);
}

TEST_CASE("converted settings keep counts and switches, and make every number in order") {
  index_t visited = 0;
  const auto p =
      attd::convert_settings<D>(example(), [&](double x) { return D(x, double(visited++)); });
  static_assert(std::is_same_v<decltype(p.nested.rate), D>);
  CHECK(p.count == 9);
  CHECK_FALSE(p.on);
  CHECK(visited == 8);
  double expected = 0;
  attd::for_each_setting([&](const D& d) { CHECK(d.tangent == expected++); }, p);
  CHECK(expected == 8);
}

TEST_CASE("tensors of settings become duals and recorded numbers with the same values") {
  optimizers::per_layer_rates<optimizers::momentum> from{{.rate = 1, .mu = 2}, {}};
  from.scale = attd::tensor<double>({2});
  from.scale(0) = 5;
  from.scale(1) = 6;
  const auto duals = attd::convert_settings<D>(from, [](double x) { return D(x, 10 * x); });
  REQUIRE(duals.scale.size() == 2);
  CHECK(duals.scale.value(1) == 6);
  CHECK(duals.scale.tangent(1) == 60);
  CHECK(duals.inner.mu.tangent == 20);

  attd::tape<double> tape;
  with_settings_t<decltype(from), R> recorded;
  attd::record_settings(from, tape, recorded);
  CHECK(tape.size() == count_settings(from));
  CHECK(settings_of(recorded) == settings_of(from));
  const R y = recorded.inner.rate * recorded.scale(1) + recorded.inner.mu * 3.0;
  tape.begin();
  tape.seed(y, 1.0);
  tape.pull();
  std::vector<double> slopes;
  attd::for_each_setting([&](const R& r) { slopes.push_back(tape.adjoint(r)); }, recorded);
  CHECK(slopes == std::vector<double>{6, 3, 0, 0, 0, 1});
}

TEST_CASE("a part that is no template is recorded as it is: constants") {
  attd::tape<double> tape;
  no_template out;
  attd::record_settings(no_template{0.7}, tape, out);
  CHECK(out.rate == 0.7);
  CHECK(tape.size() == 0);
}
