// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What Mamba does not keep it computes again to the same bits: blocks, models and adaptations. A
// test source invokes each with its backend.
#pragma once

#include <doctest/doctest.h>

#include <adaptation/prediction.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/blocks/mamba.hpp>
#include <attd/models/sequence_model.hpp>
#include <cstring>
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
  backward(d_out.final, r.all.x.view(), r.all.parameters, r.all.dynamics, r.all.initial);
  blocks::mamba::parameters<none> no_parameters;
  blocks::mamba::state<none> no_state;
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
struct model_run {
  tensor<double> output;
  model_point<models::forecaster<>, double, double> all;
  attd::layers<dynamics<double, double>> frozen;
};
template <class Backend>
model_run run_model(const models::forecaster<>& model, const sequences& batch) {
  Backend backend;
  const random_input in(batch, 3, 2);
  const auto p = random_point<double>(model, 1);
  tensor<double> d_out({batch.tokens(), 2});
  fill_normal({20260423, 1}, 1.0, d_out);
  models::forecaster<>::cache<double> cache;
  model_run r;
  run_forward(backend, model, batch, p, in.all(), cache);
  r.output = cache.output();
  zeros_like(p, r.all);
  zeros_like(p.dynamics, r.frozen);
  models::forecaster<>::parameters<none> no_parameters;
  const auto backward = [&](auto& d_p, auto& d_dyn, const std::vector<char>& adapted) {
    model.backward(backend, batch, p.parameters, p.dynamics, in.all(), cache,
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
  expect_same_block<Fast, dual<double>, true>(activation_storage::recompute);
}

TEST_CASE_TEMPLATE_DEFINE("storage: layers that recompute in shared memory give the same bits",
                          Fast, same_models) {
  for (const norm_kind norm : {norm_kind::none, norm_kind::rms, norm_kind::layer}) {
    for (const bool residual : {true, false}) {
      const auto with = [&](activation_storage keep) {
        return run_model<Fast>(model_that_keeps(keep, norm, residual), sequences{17, 1, 40});
      };
      const model_run expected = with(activation_storage::all);
      const model_run found = with(activation_storage::recompute);
      CHECK(leaves_that_differ(found.output, expected.output) == 0);
      CHECK(leaves_that_differ(found.all, expected.all) == 0);
      CHECK(leaves_that_differ(found.frozen, expected.frozen) == 0);
      CHECK(leaves_that_differ(expected.frozen[2], expected.all.dynamics[2]) == 0);
      CHECK(attd::testing::norm(flatten(expected.all)) > 0);
    }
  }
}

TEST_CASE_TEMPLATE_DEFINE("storage: a model that recomputes adapts to the same bits", Fast,
                          same_adaptations) {
  const auto with = [](activation_storage keep, const auto& adapter) {
    auto model = two_mambas();
    model.block.keep = keep;
    return adapted_prediction<Fast>(model, adapter);
  };
  const adapters::log_low_rank rates{2};
  CHECK(
      same_bits(with(activation_storage::recompute, rates), with(activation_storage::all, rates)));
  const adapters::timescale<> times{{2}};
  CHECK(
      same_bits(with(activation_storage::recompute, times), with(activation_storage::all, times)));
}

}  // namespace attd_test::storage_suite
