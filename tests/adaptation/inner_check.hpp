// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Derivatives of the inner problem against central differences, for any model, adapter and loss.
#pragma once

#include <adaptation/models.hpp>
#include <attd/adaptation/inner_problem.hpp>
#include <attd/testing/gradient_check.hpp>
#include <vector>

namespace attd_test {

struct inner_errors {
  double gradient = 0;      // of the loss by psi, against central differences
  double tangent = 0;       // dual<double>: tangent of the loss against <gradient, direction>
  double second_order = 0;  // dual<double>: tangent of the gradient against its central difference
  double norm = 0;          // of the gradient: a check of nothing would be 0
};

/// The numbers of all leaves, one after the other.
template <class A>
tensor<double> flat(const A& aggregate, bool tangents = false) {
  std::vector<double> all;
  attd::for_each_leaf(
      [&](const auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) {
          if constexpr (requires { leaf.tangent; }) {
            all.push_back((tangents ? leaf.tangent : leaf.value).data()[i]);
          } else {
            all.push_back(leaf.data()[i]);
          }
        }
      },
      aggregate);
  tensor<double> t({static_cast<index_t>(all.size())});
  std::copy(all.begin(), all.end(), t.data());
  return t;
}

template <class W>
void fill_normal(W& psi, double scale, std::uint64_t stream) {
  attd::random_stream random{11, stream};
  attd::for_each_leaf(
      [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += scale * random.normal();
      },
      psi);
}

/// Derivatives at psi_0 plus noise of this size (0 is the point where adaptation starts). Noise on
/// the parameters makes models lively whose dynamics hardly matter before they are trained;
/// `adapted` says which systems adapt (empty: all).
template <class Backend, class Model, class Adapter, class Loss>
inner_errors check_inner(const Model& model, const Adapter& adapter, const Loss& loss,
                         const std::vector<attd::observation<double>>& group, double noise = 0.1,
                         double parameter_noise = 0, std::vector<char> adapted = {}) {
  using problem_loss = attd::losses::as_internal_loss<Loss>;
  using D = attd::dual<double>;
  attd::adaptation::frozen_model<Model, Adapter, double> frozen{
      model, adapter, parameters_of<double>(model), {}, {}};
  const problem_loss internal_loss = attd::losses::make_internal_loss(loss);
  fill_normal(frozen.parameters, parameter_noise, 3);
  frozen.model.base_dynamics(frozen.parameters, frozen.base);
  const index_t n = model.systems();
  if (adapted.empty()) adapted.assign(static_cast<std::size_t>(n), 1);
  frozen.adapted = adapted;
  using problem = attd::adaptation::inner_problem<Model, Adapter, problem_loss, Backend, double>;
  using dual_problem =
      attd::adaptation::inner_problem<Model, Adapter, problem_loss, Backend, double, D>;
  typename problem::weights psi(n), gradient, direction;
  for (index_t l = 0; l < n; ++l) {
    if (!adapted[static_cast<std::size_t>(l)]) continue;
    adapter.initialize(model.layout(l), attd::random_stream{1, std::uint64_t(l)}, psi[l]);
  }
  fill_normal(psi, noise, 1);
  attd::zeros_like(psi, gradient);
  attd::zeros_like(psi, direction);
  fill_normal(direction, 1, 2);

  inner_errors errors;
  problem inner(frozen, internal_loss, Backend{});
  if (!inner.prepare(group, {0.25})) return {1, 1, 1, 0};
  inner.evaluate(psi);
  inner.gradient(psi, gradient);
  const tensor<double> g = flat(gradient), v = flat(direction);
  errors.norm = attd::testing::norm(g);
  const auto value = [&] { return inner.evaluate(psi).loss; };
  attd::for_each_leaf(
      [&](tensor<double>& leaf, const tensor<double>& analytic) {
        if (leaf.empty()) return;
        errors.gradient = std::max(
            errors.gradient, attd::testing::gradient_error(value, leaf, analytic, errors.norm));
      },
      psi, gradient);

  dual_problem dual_inner(frozen, internal_loss, Backend{});
  dual_inner.prepare(group, {0.25});
  typename dual_problem::weights dual_psi;
  typename dual_problem::gradient_type dual_gradient;
  attd::convert_leaves(psi, dual_psi);
  attd::for_each_leaf([](auto& leaf, const auto& d) { leaf.tangent = d; }, dual_psi, direction);
  attd::zeros_like(psi, dual_gradient);
  const D along = dual_inner.evaluate(dual_psi).loss;
  double inner_product = 0;
  for (index_t i = 0; i < g.size(); ++i) inner_product += g(i) * v(i);
  errors.tangent =
      std::fabs(along.tangent - inner_product) / (errors.norm * attd::testing::norm(v));
  dual_inner.gradient(dual_psi, dual_gradient);
  const auto gradient_at = [&](double h) {
    auto moved = psi;
    attd::for_each_leaf([&](auto& p, const auto& d) { p = attd::testing::shifted(p, d, h); }, moved,
                        direction);
    inner.evaluate(moved);
    inner.gradient(moved, gradient);
    return flat(gradient);
  };
  errors.second_order = attd::testing::directional_error(gradient_at, flat(dual_gradient, true));
  return errors;
}

/// The limits of mathematics: 1e-7 for gradients, 1e-6 for second order, 1e-11 between duals and
/// gradients.
inline bool accurate(const inner_errors& e) {
  return e.gradient <= 1e-7 && e.second_order <= 1e-6 && e.tangent <= 1e-11 && e.norm > 1e-6;
}

}  // namespace attd_test
