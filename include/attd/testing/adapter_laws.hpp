// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The laws of the Adapter concept, measured on any adapter and kind of dynamics.
#pragma once

#include <algorithm>
#include <attd/adapters/bounds.hpp>
#include <attd/concepts/adapter.hpp>
#include <attd/testing/detail/adapter_point.hpp>
#include <attd/testing/gradient_check.hpp>
#include <attd/testing/laws.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace attd::testing {

/// Limits and settings of `measure_adapter_laws`.
struct adapter_law_options {
  double gradient = 1e-7;   ///< L1, first derivatives, relative (see gradient_error)
  double tangent = 1e-6;    ///< L1, second derivatives, relative
  double identity = 1e-11;  ///< L1, the dual-number identity, relative
  double single = 1e-4;     ///< L1, float against double, relative
  double shrink = 1e-12;    ///< requirement 6, relative
  double slowest = 0;       ///< L2: rates of tables stay at or below -slowest (and below 0)
  double fastest = std::numeric_limits<double>::infinity();  ///< and at or above -fastest
  std::uint64_t seed = 1;
};

/// L1. `pullback` is the exact transposed derivative of `apply`, for psi and for the base dynamics.
///
/// Measured at psi_0, next to it, at a random point and far out, where an adapter's clamps are
/// active (they must have the same active set at +-1e-6; if a clamp lies that near, another seed
/// moves it away): against central differences; by the identity <w, J v> = <J^T w, v> with v in
/// dual numbers; the tangent of `pullback` against a difference of it (second order), with a dual
/// base and, as the engine does it, with a plain one; float against double; `pullback` adds, and
/// gives the same bits for psi when the gradient of the base is not asked for.
template <class A>
std::vector<law_measurement> measure_adapter_derivatives(const A& adapter,
                                                         const dynamics_layout& layout,
                                                         const adapter_law_options& options = {}) {
  static_assert(check_adapter<A>());
  using D = dual<double>;
  const detail::adapter_probe<A> probe{adapter, layout, {options.seed, 1}};
  std::vector<law_measurement> out;
  for (const auto& [place, scale] : detail::adapter_places) {
    const auto record = [&, at = " " + std::string(place)](const char* what, double error,
                                                           double limit) {
      out.push_back({"L1", what + at, error, limit});
    };
    auto at = probe.point(scale);
    const auto effective = probe.apply(at);
    const auto weights = probe.direction(effective, 1), turn = probe.direction(effective, 2);
    const auto gradient = probe.gradient(at, weights);
    const double whole = norm(detail::flatten(gradient));
    // The difference is taken entry by entry: entries at their clamp then add exactly 0.
    const auto loss = [&] { return detail::inner(weights, probe.apply(at), effective); };
    detail::each_tensor(
        [&](tensor<double>& leaf, const tensor<double>& g) {
          record("pullback", gradient_error(loss, leaf, g, whole), options.gradient);
        },
        at, gradient);

    const auto start = probe.direction(gradient, 3);
    auto sum = start;
    probe.add_gradient(at, weights, sum);
    record(
        "pullback adds",
        relative_error(detail::flatten(detail::moved(sum, start, -1.0)), detail::flatten(gradient)),
        options.identity);
    record("pullback without the base",
           detail::different_numbers(gradient.psi, probe.psi_gradient(at.base, at.psi, weights)),
           0);

    const auto along = probe.direction(at, 4);
    const auto moving = detail::with_tangents<detail::adapter_point<A, D>>(at, along);
    const tensor<double> tangent = detail::flatten_tangents(probe.apply(moving));
    const double forward = detail::inner(detail::flatten(weights), tangent);
    const double backward = detail::inner(detail::flatten(gradient), detail::flatten(along));
    const double size =
        norm(detail::flatten(weights)) * norm(tangent) + whole * norm(detail::flatten(along));
    record("identity in dual numbers", size > 0 ? std::abs(forward - backward) / size : 0.0,
           options.identity);

    const auto second = [&](double h) {
      return detail::flatten(
          probe.gradient(detail::moved(at, along, h), detail::moved(weights, turn, h)));
    };
    const auto turning = detail::with_tangents<detail::adapter_effect<A, D>>(weights, turn);
    record("tangent of pullback",
           directional_error(second, detail::flatten_tangents(probe.gradient(moving, turning)),
                             1e-3 * whole),
           options.tangent);
    const auto second_psi = [&](double h) {
      return detail::flatten(probe.psi_gradient(at.base, detail::moved(at.psi, along.psi, h),
                                                detail::moved(weights, turn, h)));
    };
    record(
        "tangent of pullback, plain base",
        directional_error(
            second_psi, detail::flatten_tangents(probe.psi_gradient(at.base, moving.psi, turning)),
            1e-3 * whole),
        options.tangent);
    if (scale <= 1) {  // far out, rounding of psi itself is what float would show
      record("in float", probe.float_error(at, weights, gradient), options.single);
    }
  }
  return out;
}

/// L2. psi_0 leaves tables within their bounds, and `apply` keeps them there for every finite psi,
/// however large. Error: how many numbers of the dynamics are not finite or (tables) outside
/// [-fastest, -slowest], with 1e-9 for rounding. Dense dynamics have no bounds; they must be finite
/// as long as psi is of order 1000.
template <class A>
std::vector<law_measurement> measure_adapter_bounds(const A& adapter, const dynamics_layout& layout,
                                                    const adapter_law_options& options = {}) {
  static_assert(check_adapter<A>());
  const detail::adapter_probe<A> probe{adapter, layout, {options.seed, 2}};
  std::vector<law_measurement> out;
  for (const double scale : {0.0, 1.0, 1e3, 1e150, 1e300}) {
    if (is_dense(layout.kind) && scale > 1e3) continue;
    const auto effective = probe.apply(probe.point(scale));
    double outside = 0;
    detail::each_tensor(
        [&](const tensor<double>& leaf) {
          for (index_t i = 0; i < leaf.size(); ++i) outside += is_finite(leaf.data()[i]) ? 0 : 1;
        },
        effective);
    for (index_t i = 0; !is_dense(layout.kind) && i < effective.matrix.size(); ++i) {
      const double rate = -effective.matrix.data()[i];
      const bool slow = !(rate >= options.slowest * (1 - 1e-9)) || !(rate > 0);
      outside += slow || !(rate <= options.fastest * (1 + 1e-9)) ? 1 : 0;
    }
    std::ostringstream what;
    what << "numbers out of bounds for psi of order " << scale;
    out.push_back({"L2", what.str(), outside, 0});
  }
  return out;
}

/// L3. `apply` reads nothing but its arguments and writes all of its result, and `initialize` is a
/// function of the random stream. Error: numbers that differ in any bit.
template <class A>
std::vector<law_measurement> measure_adapter_purity(const A& adapter, const dynamics_layout& layout,
                                                    const adapter_law_options& options = {}) {
  static_assert(check_adapter<A>());
  const detail::adapter_probe<A> probe{adapter, layout, {options.seed, 3}};
  const auto at = probe.point(0.3);
  const auto expected = probe.apply(at);
  detail::adapter_effect<A, double> used;
  const shape larger{3, layout.rows + 1, layout.columns + 2};
  used.matrix.assign(larger, 7.0);
  used.imaginary.assign(larger, 7.0);
  if constexpr (A::adapts_timescale) used.log_timescale.assign({5, 9}, 7.0);
  adapter.apply(layout, at.base, at.psi, used);
  if (!layout.complex()) used.imaginary = {};
  const auto between = probe.apply(probe.point(2.0));
  return {{"L3", "apply into used memory", detail::different_numbers(expected, used), 0},
          {"L3", "apply again after other weights",
           detail::different_numbers(expected, probe.apply(at)) +
               (between.matrix.shape() == expected.matrix.shape() ? 0 : 1),
           0},
          {"L3", "initialize again",
           detail::different_numbers(probe.point(0).psi, probe.point(0).psi), 0}};
}

/// Requirement 6. For dense dynamics `shrink(alpha)` makes the change alpha times what it was; for
/// tables, whose bounds do not scale, alpha = 0 gives the dynamics of no change at all.
template <class A>
std::vector<law_measurement> measure_adapter_shrink(const A& adapter, const dynamics_layout& layout,
                                                    const adapter_law_options& options = {}) {
  static_assert(check_adapter<A>());
  const detail::adapter_probe<A> probe{adapter, layout, {options.seed, 4}};
  const auto at = probe.point(0.4);
  const auto change = [&](const auto& point) {
    tensor<double> matrix = probe.apply(point).matrix;
    for (index_t i = 0; i < matrix.size(); ++i) matrix.data()[i] -= at.base.matrix.data()[i];
    return matrix;
  };
  const tensor<double> whole = change(at);
  std::vector<law_measurement> out;
  for (const double alpha : {0.0, 0.37, 1.0}) {
    if (!is_dense(layout.kind) && alpha > 0) continue;
    auto shrunk = at;
    adapter.shrink(alpha, shrunk.psi);
    tensor<double> difference = change(shrunk);
    for (index_t i = 0; i < whole.size(); ++i) difference.data()[i] -= alpha * whole.data()[i];
    std::ostringstream what;
    what << "shrink by " << alpha;
    out.push_back({"shrink", what.str(),
                   norm(difference) / std::max(norm(whole), norm(at.base.matrix)), options.shrink});
  }
  return out;
}

/// Requirement 8. What the adapter computes with a backend is what it computes without: dynamics,
/// gradients of psi and of the base, and how many numbers are held at a limit. For backends
/// that compute in the host's memory.
template <class A, class Backend>
std::vector<law_measurement> measure_adapter_on_backend(const A& adapter,
                                                        const dynamics_layout& layout,
                                                        Backend backend,
                                                        const adapter_law_options& options = {}) {
  static_assert(AdaptsOnBackend<A, Backend>);
  const detail::adapter_probe<A> probe{adapter, layout, {options.seed, 5}};
  std::vector<law_measurement> out;
  for (const auto& [name, scale] : detail::adapter_places) {
    const std::string place = " " + std::string(name);
    const auto at = probe.point(scale);
    detail::adapter_effect<A, double> effective, held;
    adapter.apply(backend, layout, at.base, at.psi, effective);
    const auto expected = probe.apply(at);
    out.push_back({"backend", "apply" + place,
                   relative_error(detail::flatten(effective), detail::flatten(expected)),
                   options.identity});
    const auto weights = probe.direction(expected, 1);
    const auto gradient = probe.gradient(at, weights);
    auto found = gradient;
    adapter.pullback(backend, layout, at.base, at.psi, weights, found.base, found.psi);
    out.push_back({"backend", "pullback, added to itself" + place,
                   relative_error(detail::flatten(found),
                                  detail::flatten(detail::moved(gradient, gradient, 1.0))),
                   options.identity});
    if constexpr (requires(adapters::clamp_count& c) {
                    adapter.count_clamped(layout, at.base, at.psi, c);
                  }) {
      adapters::clamp_count count;
      adapter.count_clamped(layout, at.base, at.psi, count);
      adapter.mark_clamped(backend, layout, at.base, at.psi, held);
      double marked = 0;
      detail::each_tensor(
          [&](const tensor<double>& leaf) {
            for (index_t i = 0; i < leaf.size(); ++i) marked += leaf.data()[i];
          },
          held);
      out.push_back({"backend", "numbers held at a limit" + place,
                     std::abs(marked - double(count.clamped)), 0});
    }
  }
  return out;
}

/// All laws of the Adapter concept (attd/concepts/adapter.hpp) on `adapter` for one system.
///
/// *Units and ranges*: choose small sizes (2 to 5) that are all different, so that mixed-up
/// dimensions show; call it once for each kind of dynamics that the adapter is for. *Cost*: some
/// ten calls of `apply` for each number of psi and of the base.
/// *Example*: `for (const auto& text : violated_laws(measure_adapter_laws(mine, layout)))
/// std::puts(text.c_str());`
template <class A>
std::vector<law_measurement> measure_adapter_laws(const A& adapter, const dynamics_layout& layout,
                                                  const adapter_law_options& options = {}) {
  std::vector<law_measurement> all = measure_adapter_derivatives(adapter, layout, options);
  for (const auto& part : {measure_adapter_bounds(adapter, layout, options),
                           measure_adapter_purity(adapter, layout, options),
                           measure_adapter_shrink(adapter, layout, options)}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace attd::testing
