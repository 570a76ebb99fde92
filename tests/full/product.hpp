// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The product of parts: what every model, adapter, loss and inner optimiser must do together.
#pragma once

#include <doctest/doctest.h>

#include <adaptation/models.hpp>
#include <algorithm>
#include <attd/adaptation/inner_problem.hpp>
#include <attd/adapters/none.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/reconstruction.hpp>
#include <attd/testing/gradient_check.hpp>
#include <string>
#include <tuple>
#include <vector>

namespace attd_test {

/// A user's formula: quadratic near 0, linear far away.
struct pseudo_huber {
  template <class T>
  T operator()(T prediction, T target) const {
    return attd::sqrt(attd::square(prediction - target) + T(0.01)) - T(0.1);
  }
};

/// Parts and the names that a failure shows.
template <class Part>
struct named {
  const char* name;
  Part part;
};
template <class Part>
named(const char*, Part) -> named<Part>;

inline auto product_losses() {
  namespace l = attd::losses;
  return std::tuple{named{"next_value", l::next_value<>{}},
                    named{"output_error", l::output_error<l::log_cosh>{{}, 2}},
                    named{"reconstruction", l::reconstruction<>{{}, 0.5}},
                    named{"consistency", l::consistency{}},
                    named{"a user's formula", pseudo_huber{}}};
}
inline auto product_optimizers() {
  namespace o = attd::optimizers;
  return std::tuple{named{"gradient descent", o::gradient_descent{.rate = 0.02}},
                    named{"momentum", o::momentum{.rate = 0.02, .mu = 0.5}},
                    named{"adam", o::adam{.rate = 0.01}}};
}

/// What differs between the models of the product.
template <class Model>
struct product_case {
  Model model;
  double parameter_noise = 0;  ///< makes models lively whose dynamics hardly matter untrained
};

/// Two windows of a plant, of different lengths.
struct product_data {
  signal<double> a = plant(12, 0.2, 1), b = plant(8, 0.2, 2);
  std::vector<attd::observation<double>> group() const { return {a.seen(), b.seen()}; }
};

template <class W>
void add_normal(double scale, std::uint64_t stream, W& leaves) {
  attd::random_stream random{31, stream};
  attd::for_each_leaf(
      [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += scale * random.normal();
      },
      leaves);
}

template <class Model>
auto parameters_of_case(const product_case<Model>& c) {
  auto p = parameters_of<double>(c.model);
  add_normal(c.parameter_noise, 1, p);
  return p;
}

/// What the derivatives of one combination came to. Templates measure and plain functions check:
/// checks are slow to compile.
struct gradient_errors {
  bool prepared = false;
  index_t weights = 0;         ///< fast weights in all leaves
  double loss = 0;             ///< at psi
  double norm = 0;             ///< of the gradient
  double central = 0;          ///< worst leaf, against the central difference along a direction
  double dual_loss_error = 0;  ///< relative
  double dual_tangent = 0;     ///< along the direction of all leaves
  double identity_error = 0;   ///< of dual_tangent, relative to |gradient| |direction|
};
inline void expect_exact(const gradient_errors& e) {
  CAPTURE(e.central);
  CAPTURE(e.dual_tangent);
  CAPTURE(e.identity_error);
  REQUIRE(e.prepared);
  CHECK(std::isfinite(e.loss));
  CHECK(e.loss > 0);
  CHECK(e.dual_loss_error <= 1e-14);
  if (e.weights == 0) {
    CHECK(e.dual_tangent == 0);
    return;
  }
  CHECK(e.norm > 1e-6);  // else nothing was compared
  CHECK(e.central <= 1e-7);
  CHECK(e.identity_error <= 1e-11);
}

/// The inner gradient, leaf by leaf along a random direction, and the dual-number identity
/// <gradient, v> = tangent of the loss along v.
template <class Model, class Adapter, class Loss>
gradient_errors measure_gradient(const product_case<Model>& c, const Adapter& adapter,
                                 const Loss& loss) {
  using attd::testing::norm;
  using problem_loss = attd::losses::as_internal_loss<Loss>;
  using D = attd::dual<double>;
  attd::adaptation::frozen_model<Model, Adapter, double> frozen{
      c.model, adapter, parameters_of_case(c), {}, {}};
  const problem_loss internal_loss = attd::losses::make_internal_loss(loss);
  frozen.model.base_dynamics(frozen.parameters, frozen.base);
  const index_t n = c.model.systems();
  frozen.adapted.assign(static_cast<std::size_t>(n), 1);
  attd::adaptation::inner_problem<Model, Adapter, problem_loss, attd::reference, double> inner(
      frozen, internal_loss, {});
  attd::adaptation::inner_problem<Model, Adapter, problem_loss, attd::reference, double, D>
      dual_inner(frozen, internal_loss, {});
  typename decltype(inner)::weights psi(n), gradient, direction;
  for (index_t l = 0; l < n; ++l) {
    adapter.initialize(c.model.layout(l), attd::random_stream{1, std::uint64_t(l)}, psi[l]);
  }
  add_normal(0.1, 2, psi);
  attd::zeros_like(psi, gradient);
  attd::zeros_like(psi, direction);
  add_normal(1.0, 3, direction);

  gradient_errors e;
  const product_data data;
  e.prepared = inner.prepare(data.group(), {0.25}) && dual_inner.prepare(data.group(), {0.25});
  if (!e.prepared) return e;
  e.weights = attd::count_scalars(psi);
  e.loss = inner.evaluate(psi).loss;
  inner.gradient(psi, gradient);
  e.norm = std::sqrt(attd::squared_norm(gradient));
  double identity = 0;
  attd::for_each_leaf(
      [&](tensor<double>& leaf, const tensor<double>& g, const tensor<double>& v) {
        if (leaf.empty()) return;
        const tensor<double> start = leaf;
        double slope = 0;
        for (index_t i = 0; i < g.size(); ++i) slope += g.data()[i] * v.data()[i];
        const auto along = [&](double h) {
          leaf = attd::testing::shifted(start, v, h);
          return double(inner.evaluate(psi).loss);
        };
        // Relative to |g| |v| of the leaf: the inner product itself may be small by chance.
        const double size = std::max(norm(g), 1e-3 * e.norm) * norm(v);
        e.central = std::max(e.central, attd::testing::directional_error(along, slope, 1e3 * size));
        leaf = start;
        identity += slope;
      },
      psi, gradient, direction);

  typename decltype(dual_inner)::weights dual_psi;
  attd::convert_leaves(psi, dual_psi);
  attd::for_each_leaf([](auto& leaf, const auto& v) { leaf.tangent = v; }, dual_psi, direction);
  const D dual_loss = dual_inner.evaluate(dual_psi).loss;
  e.dual_loss_error = std::fabs(dual_loss.value - e.loss) / e.loss;
  e.dual_tangent = dual_loss.tangent;
  e.identity_error =
      std::fabs(dual_loss.tangent - identity) / (e.norm * std::sqrt(attd::squared_norm(direction)));
  return e;
}

/// What one call of `adapt` ended with.
struct adaptation_result {
  attd::adaptation::report report;
  index_t weights = 0;
  bool finite = false;  ///< all fast weights
  bool moved = false;   ///< away from psi_0
};
inline void expect_sane(const adaptation_result& result) {
  const attd::adaptation::report& r = result.report;
  CHECK((r.status == attd::status::ok || r.status == attd::status::some_steps_rejected));
  CHECK(std::isfinite(r.signal));
  CHECK(r.requested == 3);
  CHECK(r.attempted == 3);
  CHECK(r.accepted + r.rejected == r.attempted);
  CHECK(r.accepted > 0);
  const auto recorded = static_cast<std::size_t>(r.accepted) + 1;
  REQUIRE(r.losses.size() == recorded);
  REQUIRE(r.margins.size() == recorded);
  for (double x : r.losses) CHECK(std::isfinite(x));
  CHECK(std::is_sorted(r.losses.rbegin(), r.losses.rend()));
  CHECK(r.smallest_margin() > 0);
  CHECK(r.flops > 0);
  CHECK(result.finite);
  CHECK(result.moved == (result.weights > 0));
  if (result.weights > 0) {
    CHECK(r.losses.back() < r.losses.front());
  } else {
    CHECK(r.losses.back() == r.losses.front());
  }
}

/// Adapts to one input from psi_0. There is no guard part, so that a step that is small enough must
/// be accepted and lower the loss.
template <class Model, class Adapter, class Loss, class Optimizer>
adaptation_result adapt_once(const product_case<Model>& c, const Adapter& adapter, const Loss& loss,
                             const Optimizer& optimizer) {
  const auto m =
      attd::make_adaptive(c.model, adapter, loss, attd::controllers::fixed{3}, optimizer,
                          parameters_of_case(c), attd::reference{}, {.guard_fraction = 0});
  const product_data data;
  auto w = m.make_workspace();
  auto s = m.start();
  adaptation_result result;
  const auto group = data.group();
  m.adapt(std::span<const attd::observation<double>>(group), s, w, result.report);
  result.weights = attd::count_scalars(s.psi);
  result.finite = attd::all_finite(s.psi);
  result.moved = !same_bits(s.psi, m.initial_weights());
  return result;
}

/// Every loss and every optimiser with one model and one adapter.
template <class Model, class Adapter>
void expect_product(const product_case<Model>& c, const Adapter& adapter) {
  const auto with_loss = [&](const auto& loss) {
    const std::string loss_name = loss.name;
    CAPTURE(loss_name);
    expect_exact(measure_gradient(c, adapter, loss.part));
    const auto with_optimizer = [&](const auto& optimizer) {
      const std::string optimizer_name = optimizer.name;
      CAPTURE(optimizer_name);
      expect_sane(adapt_once(c, adapter, loss.part, optimizer.part));
    };
    std::apply([&](const auto&... o) { (with_optimizer(o), ...); }, product_optimizers());
  };
  std::apply([&](const auto&... l) { (with_loss(l), ...); }, product_losses());
}

}  // namespace attd_test
