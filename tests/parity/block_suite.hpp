// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Mamba, the dense blocks and the perceptron on a backend against the reference; and what must hold
// bit for bit on the backend itself. A test source invokes each with its backend.
#pragma once

#include <doctest/doctest.h>

#include <attd/blocks/linear_ssm.hpp>
#include <attd/blocks/mamba.hpp>
#include <attd/blocks/mlp.hpp>
#include <parity/block_parity.hpp>

namespace attd_test::block_suite {

using namespace attd;
using namespace attd::testing;

inline const blocks::mamba mamba{.width = 5, .expand = 2, .state_size = 16, .kernel = 4, .rank = 2};
inline const blocks::linear_ssm discrete{.input = 3, .output = 5, .state_size = 7};
inline const blocks::continuous_linear_ssm continuous{
    .input = 3, .output = 5, .state_size = 7, .step = 0.5};

template <class Fast, class Tau, class Block>
void expect_same_bits_alone(const Block& block) {
  Fast fast;
  CHECK(different_alone<Tau>(fast, block, sequences{17, 1, 2, 64, 100}) == 0);
}

TEST_CASE_TEMPLATE_DEFINE("parity: mamba agrees with the plain loops", Fast, mamba_parity) {
  expect_block_parity<Fast, double, false>(mamba, sequences{17, 1, 2, 70}, 1);
  expect_block_parity_everywhere<Fast, true>(mamba);
}

TEST_CASE_TEMPLATE_DEFINE("parity: linear_ssm agrees with the plain loops", Fast,
                          linear_ssm_parity) {
  expect_block_parity_everywhere<Fast, false>(discrete);
}

TEST_CASE_TEMPLATE_DEFINE("parity: linear_ssm in continuous time agrees with the plain loops", Fast,
                          continuous_linear_ssm_parity) {
  expect_block_parity_everywhere<Fast, true>(continuous);
}

TEST_CASE_TEMPLATE_DEFINE("parity: mlp agrees with the plain loops", Fast, mlp_parity) {
  const blocks::mlp<> block{.input = 3, .output = 5, .hidden = 17};
  const sequences batch{17, 1, 2};
  blocks::mlp_parameters<double> p, d_plain, d_fast;
  block.initialize({1, 2}, p);
  zeros_like(p, d_plain);
  zeros_like(p, d_fast);
  tensor<double> x({20, 3}), y_plain({20, 5}), y_fast({20, 5}), d_y({20, 5});
  tensor<double> d_x_plain({20, 3}), d_x_fast({20, 3});
  fill_normal({20260425, 2}, 1.0, x);
  fill_normal({20260425, 3}, 1.0, d_y);
  const auto run = [&](auto backend, tensor<double>& y, tensor<double>& d_x, auto& d_p) {
    blocks::mlp_cache<double> cache;
    block.forward(backend, batch, p, x.view(), cache, y.view());
    block.backward(backend, batch, p, x.view(), cache, d_y.view(), d_x.view(), d_p);
  };
  run(reference{}, y_plain, d_x_plain, d_plain);
  run(Fast{}, y_fast, d_x_fast, d_fast);
  CHECK(norm(y_plain) > 0);
  CHECK(largest_ratio(y_fast, y_plain) <= 1e-12);
  CHECK(largest_ratio(d_x_fast, d_x_plain) <= 1e-12);
  CHECK(largest_ratio(d_fast, d_plain) <= 1e-12);
}

TEST_CASE_TEMPLATE_DEFINE("parity: a sequence's numbers are the same bits alone and in a batch",
                          Fast, blocks_independence) {
  expect_same_bits_alone<Fast, double>(mamba);
  expect_same_bits_alone<Fast, none>(discrete);
  expect_same_bits_alone<Fast, double>(continuous);
}

TEST_CASE_TEMPLATE_DEFINE("parity: tokens fed one by one give the scan's numbers to rounding", Fast,
                          blocks_step) {
  Fast fast;
  const sequences batch = sequences::equal(2, 9), one = sequences::equal(2, 1);
  const auto p = random_point<none>(mamba, batch, 2, 1);
  blocks::mamba::cache<double> cache;
  const auto whole = run_forward(fast, mamba, batch, p, cache);
  auto stepped = whole;
  blocks::mamba::state<double> next;
  stepped.final = p.initial;
  tensor<double> y({2, 5});
  for (index_t t = 0; t < 9; ++t) {
    const tensor<double> x = cut(batch, p.x, t, t + 1);
    blocks::step(fast, mamba, one, p.parameters, p.dynamics, x.view(), stepped.final, next, cache,
                 y.view());
    for (index_t b = 0; b < 2; ++b) {
      for (index_t i = 0; i < 5; ++i) stepped.y(batch.offset(b) + t, i) = y(b, i);
    }
  }
  CHECK(largest_ratio(stepped, whole) <= 1e-12);
}

}  // namespace attd_test::block_suite
