// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Mamba block: gradients, tangents, streaming, per-sample dynamics, frozen weights.
#include <doctest/doctest.h>

#include <attd/backends/reference.hpp>
#include <attd/blocks/mamba.hpp>
#include <blocks/checks.hpp>
#include <cmath>

namespace {

using namespace attd;
using namespace attd::testing;
using blocks::mamba;

const mamba small{.width = 3, .expand = 2, .state_size = 3, .kernel = 4, .rank = 2};

template <class Tau>
void expect_correct(const mamba& block, const sequences& batch, index_t sets) {
  reference backend;
  const block_errors errors = check_block<Tau>(backend, block, batch, sets);
  CAPTURE(errors.worst);
  CHECK(errors.gradient <= 1e-7);
  CHECK(errors.forward_tangent <= 1e-6);
  CHECK(errors.second_order <= 1e-6);
  CHECK(errors.every_leaf_reached);
}

// Counts products, and does not compile when anything before the scan is differentiated.
struct frozen_weights : reference {
  int products = 0;
  template <operations::transpose Ta, operations::transpose Tb, operations::update U, class A,
            class B, class C>
  void matmul(view<A> a, view<B> b, view<C> c) {
    ++products;
    operations::detail::matmul_loops<Ta, Tb, U>(a, b, c);
  }
  template <class... Arguments>
  void causal_convolution_backward(Arguments...) {
    static_assert(sizeof...(Arguments) == 0, "attd: code for frozen weights is instantiated");
  }
};

}  // namespace

TEST_CASE("mamba: gradients agree with central differences at lengths 1, 2 and 17") {
  expect_correct<none>(small, sequences{17, 1, 2}, 3);
  expect_correct<none>(small, sequences{2, 5}, 1);
  expect_correct<none>(mamba{.width = 1, .expand = 1, .state_size = 1, .kernel = 2}, sequences{1},
                       1);
}

TEST_CASE("mamba: gradients agree with central differences when the step size is adapted") {
  expect_correct<double>(small, sequences{17, 1, 2}, 3);
  expect_correct<double>(small, sequences{2, 5}, 1);
}

TEST_CASE("mamba: gradients of a block that computes activations again agree with differences") {
  mamba recomputing = small;
  recomputing.keep = blocks::activation_storage::recompute;
  expect_correct<none>(recomputing, sequences{17, 1, 2}, 3);
  expect_correct<double>(recomputing, sequences{2, 5}, 1);
}

TEST_CASE("mamba: a sequence's numbers are the same bits alone and in a batch") {
  reference backend;
  CHECK(different_alone<none>(backend, small, sequences{17, 1, 2, 64}) == 0);
  CHECK(different_alone<double>(backend, small, sequences{17, 1, 2, 64}) == 0);
}

TEST_CASE("mamba: tokens fed one by one give the scan's bits") {
  reference backend;
  CHECK(different_in_steps<none>(backend, small, 2, 9) == 0);
  CHECK(different_in_steps<double>(backend, small, 2, 9) == 0);
}

TEST_CASE("mamba: one token computed by hand") {
  reference backend;
  const mamba block{.width = 1, .expand = 1, .state_size = 2, .kernel = 2, .rank = 1};
  mamba::parameters<double> p;
  block.initialize({1, 2}, p);
  p.in_proj(0, 0) = 2, p.in_proj(1, 0) = 3;
  p.conv_weight(0, 0, 0) = 5, p.conv_weight(0, 0, 1) = 7, p.conv_bias(0) = -20;
  p.x_proj(0, 0) = 0.5, p.x_proj(1, 0) = 1, p.x_proj(2, 0) = 2;  // r, B_0, B_1
  p.x_proj(3, 0) = 3, p.x_proj(4, 0) = 4;                        // C_0, C_1
  p.dt_weight(0, 0) = 0.1, p.dt_bias(0) = 0.2, p.d(0) = 10, p.out_proj(0, 0) = 0.25;
  dynamics<double> dyn;
  block.base_dynamics(p, dyn);
  CHECK(dyn.matrix(0, 0, 0) == doctest::Approx(-1));
  CHECK(dyn.matrix(0, 0, 1) == doctest::Approx(-2));
  mamba::state<double> initial, final;
  block.reset_state(1, initial);
  initial.conv(0, 0, 0) = 1, initial.ssm(0, 0, 0) = 0.5, initial.ssm(0, 0, 1) = -0.5;
  const tensor<double> x({1, 1}, 1.5);
  tensor<double> y({1, 1});
  mamba::cache<double> cache;
  block.forward(backend, sequences{1}, p, dyn, x.view(), initial, cache, y.view(), final);
  // v = 3, z = 4.5; conv = 5 * 1 + 7 * 3 - 20 = 6; u = silu(6); B = (u, 2u), C = (3u, 4u).
  const auto silu_of = [](double a) { return a / (1 + std::exp(-a)); };
  const double u = silu_of(6), step = std::log1p(std::exp(0.1 * 0.5 * u + 0.2));
  const double h0 = std::exp(-step) * 0.5 + step * u * u;
  const double h1 = std::exp(-2 * step) * -0.5 + step * 2 * u * u;
  const double s = 3 * u * h0 + 4 * u * h1 + 10 * u;
  CHECK(y(0, 0) == doctest::Approx(0.25 * s * silu_of(4.5)).epsilon(1e-13));
  CHECK(final.conv(0, 0, 0) == 3);
  CHECK(final.ssm(0, 0, 1) == doctest::Approx(h1).epsilon(1e-13));
  // The same with a time scale: every step is twice as long.
  dynamics<double, double> faster{dyn.matrix, {}, tensor<double>({1, 1}, std::log(2.0))};
  block.forward(backend, sequences{1}, p, faster, x.view(), initial, cache, y.view(), final);
  const double g1 = std::exp(-4 * step) * -0.5 + 2 * step * 2 * u * u;
  CHECK(final.ssm(0, 0, 1) == doctest::Approx(g1).epsilon(1e-13));
}

TEST_CASE("mamba: initial step sizes lie between their bounds and A is -1 to -N") {
  const mamba block{
      .width = 64, .state_size = 4, .step_min = 1e-3, .step_max = 0.1, .step_floor = 2e-3};
  mamba::parameters<double> p;
  block.initialize({5, 6}, p);
  CHECK(p.dt_weight.shape() == shape{128, 4});
  double smallest = 1, largest = 0;
  for (index_t i = 0; i < 128; ++i) {
    const double step = std::log1p(std::exp(double(p.dt_bias(i))));
    smallest = std::min(smallest, step);
    largest = std::max(largest, step);
  }
  CHECK(smallest == doctest::Approx(2e-3));  // the floor, above step_min here
  CHECK(largest < 0.1);
  CHECK(largest > 0.05);
  dynamics<double> dyn;
  block.base_dynamics(p, dyn);
  CHECK(dyn.matrix(0, 77, 3) == doctest::Approx(-4));
}

TEST_CASE("mamba: the gradient of A_log follows from that of A") {
  mamba::parameters<double> p, d_p;
  small.initialize({5, 6}, p);
  zeros_like(p, d_p);
  dynamics<double> dyn, weights;
  small.base_dynamics(p, dyn);
  zeros_like(dyn, weights);
  fill_normal({7, 8}, 1.0, weights);
  small.base_dynamics_backward(p, weights, d_p);
  const auto loss = [&] {
    small.base_dynamics(p, dyn);
    double sum = 0;
    for (index_t i = 0; i < dyn.matrix.size(); ++i) {
      sum += dyn.matrix.data()[i] * weights.matrix.data()[i];
    }
    return sum;
  };
  CHECK(gradient_error(loss, p.a_log, d_p.a_log) <= 1e-7);
}

TEST_CASE("mamba: with frozen weights only the gradient of the dynamics is computed") {
  frozen_weights backend;
  const sequences batch{5, 3};
  const auto p = random_point<double>(small, batch, 2, 3);
  const auto d_out = random_cotangent(small, batch, 3);
  reference plain;
  const auto all = run_backward(plain, small, batch, p, d_out);
  mamba::cache<double> cache;
  run_forward(backend, small, batch, p, cache);
  dynamics<double, double> d_dyn;
  zeros_like(p.dynamics, d_dyn);
  mamba::parameters<none> no_parameters;
  mamba::state<none> no_state;
  backend.products = 0;
  small.backward(backend, batch, p.parameters, p.dynamics, p.x.view(), p.initial, cache,
                 d_out.y.view(), d_out.final, view<none>{}, no_parameters, d_dyn, no_state);
  CHECK(backend.products == 2);  // d_y through out_proj, once per sequence
  CHECK(different_numbers(d_dyn, all.dynamics) == 0);
  CHECK(norm(d_dyn.log_timescale) > 0);
}

TEST_CASE("mamba: plain weights beside dual dynamics act as constants") {
  reference backend;
  using D = dual<double>;
  const sequences batch{5, 3};
  const auto p = random_point<none>(small, batch, 2, 3);
  dynamics<double> along;
  zeros_like(p.dynamics, along);
  fill_normal({11, 12}, 1.0, along);
  const auto dyn = with_tangents<dynamics<D>>(p.dynamics, along);
  mamba::cache<D> cache;
  mamba::cache<double> plain;
  block_result<mamba, D> out;
  out.y.resize({batch.tokens(), 3});
  small.forward(backend, batch, p.parameters, dyn, p.x.view(), p.initial, cache, out.y.view(),
                out.final);
  const auto at = [&](double h) {
    auto q = p;
    q.dynamics = moved(p.dynamics, along, h);
    mamba::cache<double> c;
    return flatten(run_forward(backend, small, batch, q, c));
  };
  // Not bit for bit: a compiler may fuse products and sums in one of the two and not in the other.
  CHECK(attd::testing::relative_error(out.y.value,
                                      run_forward(backend, small, batch, p, plain).y) <= 1e-15);
  CHECK(directional_error(at, flatten_tangents(out)) <= 1e-6);
}

TEST_CASE("mamba: nested duals give second derivatives along a direction") {
  reference backend;
  using D = dual<double>;
  using N = dual<D>;
  const sequences batch{3};
  const auto p = random_point<none>(small, batch, 1, 4);
  dynamics<double> along, zero;
  zeros_like(p.dynamics, along);
  zeros_like(p.dynamics, zero);
  fill_normal({13, 14}, 1.0, along);
  const auto first = with_tangents<dynamics<D>>(p.dynamics, along);
  dynamics<N> dyn;
  convert_leaves(first, dyn);
  for (index_t i = 0; i < along.matrix.size(); ++i) {
    dyn.matrix.tangent.value.data()[i] = along.matrix.data()[i];
  }
  mamba::cache<N> cache;
  mamba::state<N> final;
  tensor<N> y({3, 3});
  small.forward(backend, batch, p.parameters, dyn, p.x.view(), p.initial, cache, y.view(), final);
  const auto tangent_at = [&](double h) {
    mamba::cache<D> c;
    mamba::state<D> f;
    tensor<D> r({3, 3});
    small.forward(backend, batch, p.parameters,
                  with_tangents<dynamics<D>>(moved(p.dynamics, along, h), along), p.x.view(),
                  p.initial, c, r.view(), f);
    return r.tangent;
  };
  CHECK(directional_error(tangent_at, y.tangent.tangent) <= 1e-6);
  CHECK(norm(y.tangent.tangent) > 1e-4);
}

TEST_CASE("mamba: sizes below 1 are refused with all four in the message") {
  mamba::parameters<double> p;
  CHECK_THROWS_WITH_AS((mamba{.width = 4, .kernel = 0}.initialize({1, 1}, p)),
                       "attd: mamba: width, expand, state_size and kernel are 4, 2, 16 and 0, "
                       "expected at least 1 each",
                       attd::error);
}
