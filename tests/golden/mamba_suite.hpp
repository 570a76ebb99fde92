// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Mamba and the cross-entropy against PyTorch: outputs, final state and every gradient. A test
// source invokes each with its backend.
#pragma once

#include <doctest/doctest.h>

#include <attd/blocks/mamba.hpp>
#include <attd/operations/cross_entropy.hpp>
#include <attd/testing/gradient_check.hpp>
#include <golden/golden.hpp>
#include <span>
#include <string>
#include <vector>

namespace attd_test::golden_mamba {

using namespace attd;
using testing::relative_error;

TEST_CASE_TEMPLATE_DEFINE("mamba: outputs, final state and gradients equal those of PyTorch",
                          Backend, mamba_values) {
  const attd_test::golden values("mamba.txt");
  const blocks::mamba block{.width = 3, .expand = 2, .state_size = 2, .kernel = 4, .rank = 2};
  const sequences batch = sequences::equal(2, 5);
  Backend backend;
  blocks::mamba::parameters<double> p, d_p;
  values.read("", p);
  zeros_like(p, d_p);
  dynamics<double> dyn, d_dyn;
  block.base_dynamics(p, dyn);
  zeros_like(dyn, d_dyn);
  blocks::mamba::state<double> initial, final, d_final;
  blocks::mamba::state<none> no_state;
  block.reset_state(2, initial);
  d_final.conv = values["final.d_conv"];
  d_final.ssm = values["final.d_ssm"];
  blocks::mamba::cache<double> cache;
  const tensor<double>&x = values["x"], &d_y = values["d_y"];
  tensor<double> y(x.shape()), d_x(x.shape());
  block.forward(backend, batch, p, dyn, x.view(), initial, cache, y.view(), final);
  CHECK(relative_error(y, values["y"]) <= 1e-12);
  CHECK(relative_error(final.ssm, values["final.ssm"]) <= 1e-12);
  CHECK(relative_error(final.conv, values["final.conv"]) <= 1e-12);
  block.backward(backend, batch, p, dyn, x.view(), initial, cache, d_y.view(), d_final, d_x.view(),
                 d_p, d_dyn, no_state);
  block.base_dynamics_backward(p, d_dyn, d_p);
  CHECK(relative_error(d_x, values["d_x"]) <= 1e-12);
  int gradients = 0;
  for_each_named_leaf(
      [&](const std::string& name, const tensor<double>& g) {
        INFO(name);
        CHECK(relative_error(g, values["d_" + name]) <= 1e-12);
        ++gradients;
      },
      d_p);
  CHECK(gradients == 9);
}

TEST_CASE_TEMPLATE_DEFINE("cross_entropy: losses and gradients equal those of PyTorch", Backend,
                          cross_entropy_values) {
  const attd_test::golden values("cross_entropy.txt");
  const tensor<double>&logits = values["logits"], &weight = values["weight"];
  const index_t tokens = logits.extent(0);
  std::vector<index_t> ids;
  for (index_t t = 0; t < tokens; ++t) ids.push_back(static_cast<index_t>(values["targets"](t)));
  const std::span<const index_t> targets(ids);
  Backend backend;
  tensor<double> loss({tokens}), d_logits(logits.shape());
  operations::cross_entropy(backend, logits.view(), targets, loss.view());
  operations::cross_entropy_backward(backend, logits.view(), targets, weight.view(),
                                     d_logits.view());
  CHECK(relative_error(loss, values["loss"]) <= 1e-12);
  CHECK(relative_error(d_logits, values["d_logits"]) <= 1e-12);
}

}  // namespace attd_test::golden_mamba
