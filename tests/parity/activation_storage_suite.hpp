// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What Mamba does not keep it computes again to the same bits: blocks, models and adaptations. A
// test source invokes each with its backend.
#pragma once

#include <doctest/doctest.h>

#include <adaptation/prediction.hpp>
#include <attd/blocks/mamba.hpp>
#include <attd/models/sequence_model.hpp>
#include <cstring>
#include <limits>
#include <models/checks.hpp>
#include <parity/block_parity.hpp>

namespace attd_test::storage_suite {

using namespace attd;
using namespace attd::testing;
using blocks::activation_storage;
using models::norm_kind;

inline blocks::mamba mamba_that_keeps(activation_storage keep) {
  blocks::mamba b{.width = 5, .expand = 2, .state_size = 16, .kernel = 4, .rank = 2};
  b.keep = keep;
  return b;
}
inline models::forecaster<> model_that_keeps(activation_storage keep, norm_kind norm, bool residual,
                                             index_t depth = 3) {
  return {.encoder = {3, 5},
          .block = mamba_that_keeps(keep),
          .head = {5, 2},
          .depth = depth,
          .norm = norm,
          .residual = residual};
}

// How many leaves have other bits; all planes of duals.
template <class T>
int different_bits(const tensor<T>& a, const tensor<T>& b) {
  if constexpr (is_none_v<tensor<T>>) {
    return 0;
  } else if constexpr (is_dual_v<T>) {
    return different_bits(a.value, b.value) + different_bits(a.tangent, b.tangent);
  } else {
    if (!(a.shape() == b.shape())) return 1;
    const auto bytes = static_cast<std::size_t>(a.size()) * sizeof(T);
    return bytes > 0 && std::memcmp(a.data(), b.data(), bytes) != 0 ? 1 : 0;
  }
}
template <class A>
int leaves_that_differ(const A& a, const A& b) {
  int count = 0;
  for_each_leaf([&](const auto& x, const auto& y) { count += different_bits(x, y); }, a, b);
  return count;
}

// One forward, a backward for all gradients and one for those of the dynamics alone.
template <class S, class Tau>
struct block_run {
  block_result<blocks::mamba, S> out;
  block_point<blocks::mamba, S, Tau> all;
  dynamics<S, Tau> frozen;
};
// Whatever a work memory holds is worth nothing to the next call.
template <class S>
void spoil(blocks::mamba_work<S>& work) {
  const auto fill = [](auto& leaf) {
    leaf.assign(leaf.shape(), S(std::numeric_limits<primal_t<S>>::quiet_NaN()));
  };
  for_each_leaf(fill, work.activations);
  for (tensor<S>* t : {&work.d_v, &work.d_z, &work.d_convolved, &work.d_u, &work.d_selected,
                       &work.d_raw_step, &work.d_gated, &work.scan.d_step, &work.scan.d_s}) {
    fill(*t);
  }
}
template <class Backend, class S, class Tau>
block_run<S, Tau> run_block(Backend& backend, const blocks::mamba& block, const sequences& batch,
                            const block_point<blocks::mamba, S, Tau>& p,
                            const block_result<blocks::mamba, S>& d_out,
                            blocks::mamba::cache<S>& cache) {
  block_run<S, Tau> r;
  r.out = run_forward(backend, block, batch, p, cache);
  zeros_like(p, r.all);
  zeros_like(p.dynamics, r.frozen);
  const auto backward = [&](const auto& d_final, auto d_x, auto& d_p, auto& d_dyn,
                            auto& d_initial) {
    block.backward(backend, batch, p.parameters, p.dynamics, p.x.view(), p.initial, cache,
                   d_out.y.view(), d_final, d_x, d_p, d_dyn, d_initial);
  };
  spoil(cache.work);
  backward(d_out.final, r.all.x.view(), r.all.parameters, r.all.dynamics, r.all.initial);
  blocks::mamba::parameters<none> no_parameters;
  blocks::mamba::state<none> no_state;
  cache.work = {};
  backward(no_state, view<none>{}, no_parameters, r.frozen, no_state);
  return r;
}

template <class Fast, class S, bool Timescale>
void expect_same_block(activation_storage keep) {
  using Tau = std::conditional_t<Timescale, S, none>;
  using DoubleTau = std::conditional_t<Timescale, double, none>;
  Fast backend;
  const blocks::mamba whole = mamba_that_keeps(activation_storage::all);
  const blocks::mamba little = mamba_that_keeps(keep);
  blocks::mamba::cache<S> cache, little_cache;
  // The second batch finds memory and numbers of the first.
  for (const sequences& batch : {sequences{17, 1, 2, 70}, sequences{3, 1}}) {
    const auto at = random_point<DoubleTau>(whole, batch, batch.count(), 1);
    auto along = at;
    fill_normal({20260425, 1}, 1.0, along);
    const auto p = in_type<block_point<blocks::mamba, S, Tau>>(at, along);
    const auto d_out = in_type<block_result<blocks::mamba, S>>(random_cotangent(whole, batch, 1),
                                                               random_cotangent(whole, batch, 2));
    const auto expected = run_block(backend, whole, batch, p, d_out, cache);
    const auto found = run_block(backend, little, batch, p, d_out, little_cache);
    CHECK(leaves_that_differ(found.out, expected.out) == 0);
    CHECK(leaves_that_differ(found.all, expected.all) == 0);
    CHECK(leaves_that_differ(found.frozen, expected.frozen) == 0);
    CHECK(largest_ratio(expected.frozen, expected.all.dynamics) < 1);  // finite, and not zero
  }
}

// Gradients of a model: all, and of the dynamics of the outer layers alone.
template <class S>
struct model_run {
  tensor<S> output;
  model_point<models::forecaster<>, S, S> all;
  attd::layers<dynamics<S, S>> frozen;
};
template <class S, class Backend>
model_run<S> run_model(const models::forecaster<>& model, const sequences& batch) {
  Backend backend;
  const random_input in(batch, 3, 2);
  const auto at = random_point<double>(model, 1);
  const auto p = in_type<model_point<models::forecaster<>, S, S>>(at, at);
  tensor<double> random({batch.tokens(), 2});
  fill_normal({20260423, 1}, 1.0, random);
  tensor<S> x, d_out;
  convert(in.values, x);
  convert(random, d_out);
  const sequence_input<S> input{std::as_const(x).view(), {}};
  models::forecaster<>::cache<S> cache;
  model.reset_states(batch.count(), cache);
  model.forward(backend, batch, p.parameters, p.dynamics, input, cache);
  model_run<S> r;
  r.output = cache.output();
  zeros_like(p, r.all);
  zeros_like(p.dynamics, r.frozen);
  models::forecaster<>::parameters<none> no_parameters;
  const auto backward = [&](auto& d_p, auto& d_dyn, const std::vector<char>& adapted) {
    model.backward(backend, batch, p.parameters, p.dynamics, input, cache,
                   std::as_const(d_out).view(), d_p, d_dyn, adapted);
  };
  backward(r.all.parameters, r.all.dynamics, {1, 1, 1});
  backward(no_parameters, r.frozen, {1, 0, 1});
  return r;
}

TEST_CASE_TEMPLATE_DEFINE("storage: a block that recomputes gives the same bits", Fast,
                          same_blocks) {
  expect_same_block<Fast, float, false>(activation_storage::recompute);
  expect_same_block<Fast, double, true>(activation_storage::recompute);
  expect_same_block<Fast, dual<float>, true>(activation_storage::recompute);
}

TEST_CASE_TEMPLATE_DEFINE("storage: doubles and duals are not rounded", Fast, unrounded_blocks) {
  expect_same_block<Fast, double, true>(activation_storage::recompute_bfloat16);
  expect_same_block<Fast, dual<float>, true>(activation_storage::recompute_bfloat16);
}

TEST_CASE_TEMPLATE_DEFINE("storage: layers that recompute in shared memory give the same bits",
                          Fast, same_models) {
  for (const norm_kind norm : {norm_kind::none, norm_kind::rms, norm_kind::layer}) {
    for (const bool residual : {true, false}) {
      const auto with = [&](activation_storage keep) {
        return run_model<float, Fast>(model_that_keeps(keep, norm, residual), sequences{17, 1, 40});
      };
      const auto expected = with(activation_storage::all);
      const auto found = with(activation_storage::recompute);
      CHECK(leaves_that_differ(found.output, expected.output) == 0);
      CHECK(leaves_that_differ(found.all, expected.all) == 0);
      CHECK(leaves_that_differ(found.frozen, expected.frozen) == 0);
      CHECK(leaves_that_differ(expected.frozen[2], expected.all.dynamics[2]) == 0);
      CHECK(squared_norm(expected.all) > 0);
    }
  }
}

TEST_CASE_TEMPLATE_DEFINE("storage: bfloat16 leaves outputs, and moves gradients by its rounding",
                          Fast, rounded_models) {
  // Each of three layers reads its input, v, z and what comes of v, s among it: 12 numbers that are
  // off by up to 2^-8, with derivatives of order one. Were all errors as large as they can be and
  // of one sign they would add up to 12 2^-8; independent ones, as these are, give sqrt(12) 2^-8 at
  // most, to first order. The bound is between the two.
  const double bound = 9.0 / 256;
  for (const norm_kind norm : {norm_kind::none, norm_kind::rms, norm_kind::layer}) {
    for (const bool residual : {true, false}) {
      CAPTURE(static_cast<int>(norm));
      CAPTURE(residual);
      const auto with = [&](activation_storage keep) {
        return run_model<float, Fast>(model_that_keeps(keep, norm, residual), sequences{17, 1, 40});
      };
      const auto expected = with(activation_storage::all);
      const auto found = with(activation_storage::recompute_bfloat16);
      CHECK(leaves_that_differ(found.output, expected.output) == 0);
      CHECK(largest_ratio(found.all, expected.all) <= bound);
      CHECK(largest_ratio(found.frozen, expected.frozen) <= bound);
      CHECK(largest_ratio(found.frozen, expected.frozen) > 1e-4);  // 2^-24 would be no rounding
    }
  }
}

// Three layers in whose outputs much depends on A, and signals of the same model with slower modes.
inline models::forecaster<> adaptable_model(activation_storage keep) {
  auto model = two_mambas();
  model.depth = 3;
  model.block.step_min = 0.3;
  model.block.step_max = 1.0;
  model.block.keep = keep;
  return model;
}
inline models::forecaster<>::parameters<float> adaptable_parameters(
    const models::forecaster<>& model) {
  models::forecaster<>::parameters<float> p;
  convert_leaves(random_point<none>(model, 1).parameters, p);
  for (auto& layer : p.backbone.layers) {
    for (index_t i = 0; i < layer.mixer.x_proj.size(); ++i) layer.mixer.x_proj.data()[i] *= 2;
  }
  return p;
}
inline signal<float> slower_signal(const models::forecaster<>& model, index_t length) {
  const auto p = adaptable_parameters(model);
  signal<float> s{oscillation<float>(length, 1, 1).input, {}, 1};
  attd::layers<dynamics<float>> slow;
  model.base_dynamics(p, slow);
  for (auto& d : slow) {
    for (index_t i = 0; i < d.matrix.size(); ++i) d.matrix.data()[i] *= 0.5f;
  }
  reference backend;
  models::forecaster<>::cache<float> cache;
  model.reset_states(1, cache);
  model.forward(backend, sequences::single(length), p, slow, s.model_input(), cache);
  s.measured = cache.output();
  return s;
}

// What eight steps say of themselves, and what is predicted after them.
struct adaptation_run {
  adaptation::report report;
  tensor<float> prediction;
};
template <class Backend>
auto adaptive_model_with(const models::forecaster<>& model) {
  return make_adaptive(model, adapters::log_low_rank{2}, losses::output_error<>{{}, 1},
                       controllers::fixed{8}, optimizers::adam{.rate = 0.04},
                       adaptable_parameters(model), Backend{});
}
template <class Backend>
adaptation_run adapt_with(activation_storage keep) {
  const auto model = adaptable_model(keep);
  const auto m = adaptive_model_with<Backend>(model);
  auto w = m.make_workspace();
  auto s = m.start();
  adaptation_run r;
  const auto x = slower_signal(model, 60);
  m.adapt(x.seen(), s, w, r.report);
  r.prediction = copy_of(m.predict(sequences::single(60), x.model_input(), s.psi, w));
  return r;
}

TEST_CASE_TEMPLATE_DEFINE("storage: a model that recomputes adapts to the same bits", Fast,
                          same_adaptations) {
  const auto expected = adapt_with<Fast>(activation_storage::all);
  const auto found = adapt_with<Fast>(activation_storage::recompute);
  CHECK(same_report(found.report, expected.report));
  CHECK(same_bits(found.prediction, expected.prediction));
  CHECK(expected.report.accepted == 8);
}

TEST_CASE_TEMPLATE_DEFINE("storage: an adaptation with bfloat16 lowers the loss as one without",
                          Fast, rounded_adaptations) {
  const auto expected = adapt_with<Fast>(activation_storage::all).report;
  const auto found = adapt_with<Fast>(activation_storage::recompute_bfloat16).report;
  REQUIRE(expected.accepted == 8);
  REQUIRE(found.accepted == 8);
  CHECK(found.losses.front() == expected.losses.front());
  const auto lowered = [](const adaptation::report& r) {
    return r.losses.front() - r.losses.back();
  };
  CHECK(lowered(expected) > 0.5 * expected.losses.front());
  CHECK(lowered(found) / lowered(expected) == doctest::Approx(1).epsilon(0.03));
  CHECK(lowered(found) != lowered(expected));
}

}  // namespace attd_test::storage_suite
