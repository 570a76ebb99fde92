// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The scans: hand-computed numbers, gradients, tangents, second derivatives, independence.
#include <doctest/doctest.h>

#include <attd/backends/reference.hpp>
#include <cmath>
#include <operations/scan_cases.hpp>

namespace {

using namespace attd;
using namespace attd::testing;
namespace ops = attd::operations;
using ops::direction;

template <class Case>
void expect_correct(const Case& op) {
  reference backend;
  for (std::uint64_t stream : {1u, 2u}) {
    const operation_errors errors = check_operation(op, backend, stream);
    CHECK(errors.gradient <= 1e-7);
    CHECK(errors.forward_tangent <= 1e-6);
    CHECK(errors.second_order <= 1e-6);
    CHECK(errors.nested <= 1e-6);
  }
}

tensor<double> filled(const shape& s, std::initializer_list<double> numbers) {
  tensor<double> x(s);
  std::copy(numbers.begin(), numbers.end(), x.data());
  return x;
}

// A plain operand where the others are duals: gives what a dual of zero tangent gives.
tensors<dual<double>> constant(const tensors<double>& x) {
  tensors<double> zero = x;
  for (auto& z : zero) z.zero();
  return with_tangent<dual<double>>(x, zero);
}

double difference(const tensor<double>& a, const tensor<double>& b) {
  double worst = 0;
  for (index_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::fabs(a.data()[i] - b.data()[i]));
  }
  return worst;
}

}  // namespace

TEST_CASE("selective_scan: agrees with numbers computed by hand") {
  reference backend;
  const double half = -std::log(2.0);  // exp(1 * half) = 1/2
  // One channel, two states, two tokens: dt = (1, 2), u = (3, 5), skip 10.
  const tensor<double> u = filled({2, 1}, {3, 5}), dt = filled({2, 1}, {1, 2});
  const tensor<double> a = filled({1, 1, 2}, {half, 0});
  const tensor<double> b = filled({2, 2}, {1, 2, 3, 4}), c = filled({2, 2}, {1, 10, 100, 1000});
  const tensor<double> d = filled({1}, {10}), initial = filled({1, 1, 2}, {4, 8});
  tensor<double> y({2, 1}), final({1, 1, 2});
  ops::selective_scan(backend, sequences{2}, u.view(), dt.view(), a.view(), b.view(), c.view(),
                      d.view(), initial.view(), y.view(), final.view());
  // h_1 = (4/2 + 1*1*3, 8 + 1*2*3) = (5, 14); h_2 = (5/4 + 2*3*5, 14 + 2*4*5) = (31.25, 54)
  CHECK(y(0, 0) == doctest::Approx(5 + 140 + 30));
  CHECK(y(1, 0) == doctest::Approx(3125 + 54000 + 50));
  CHECK(final(0, 0, 0) == doctest::Approx(31.25));
  CHECK(final(0, 0, 1) == doctest::Approx(54));
  // Without skip, from a zero state, nobody asking for the final one.
  ops::selective_scan(backend, sequences{2}, u.view(), dt.view(), a.view(), b.view(), c.view(),
                      view<none>{}, view<none>{}, y.view(), view<none>{});
  CHECK(y(0, 0) == doctest::Approx(3 + 60));  // h_1 = (3, 6)
  CHECK(y(1, 0) == doctest::Approx(100 * (0.75 + 30) + 1000 * (6 + 40)));
}

TEST_CASE("complex_scan: agrees with numbers computed by hand, in both directions") {
  reference backend;
  // a = i, b = 1 + 2i, c = 3 - i, skip 5, u = (1, 2).
  const tensor<double> u = filled({2, 1}, {1, 2}), zero({1, 1, 1}), one({1, 1, 1}, 1);
  const tensor<double> two({1, 1, 1}, 2), d({1}, 5), c_re({1, 1}, 3), c_im({1, 1}, -1);
  tensor<double> y({2, 1}), re({1, 1, 1}), im({1, 1, 1});
  const auto a = ops::complex_planes(zero.view(), one.view());
  const auto b = ops::complex_planes(one.view(), two.view());
  const auto c = ops::complex_planes(c_re.view(), c_im.view());
  const auto initial = ops::complex_planes(two.view(), zero.view());
  const auto final = ops::complex_planes(re.view(), im.view());
  ops::complex_scan(backend, sequences{2}, u.view(), a, b, c, d.view(), initial, y.view(), final);
  // h_1 = 2i + 1 + 2i = 1 + 4i; Re(c h_1) = 3 + 4 = 7; h_2 = i - 4 + 2 + 4i = -2 + 5i; -6 + 5 = -1
  CHECK(y(0, 0) == 14 + 5);
  CHECK(y(1, 0) == -2 + 10);
  CHECK(re(0, 0, 0) == -2);
  CHECK(im(0, 0, 0) == 5);
  ops::complex_scan<direction::backward_in_time>(backend, sequences{2}, u.view(), a, b, c, d.view(),
                                                 initial, y.view(), final);
  // Token 2: 2i + 2 + 4i = 2 + 6i; Re = 6 + 6 = 12. Token 1: 2i - 6 + 1 + 2i = -5 + 4i; -15 + 4.
  CHECK(y(1, 0) == 24 + 10);
  CHECK(y(0, 0) == -22 + 5);
  CHECK(re(0, 0, 0) == -5);
  CHECK(im(0, 0, 0) == 4);
}

TEST_CASE("dense_recurrence: agrees with numbers computed by hand") {
  reference backend;
  const tensor<double> a = filled({1, 2, 2}, {1, 2, 3, 4}), x = filled({2, 2}, {5, 6, 7, 8});
  const tensor<double> initial = filled({1, 2}, {1, -1});
  tensor<double> h({2, 2}), final({1, 2});
  ops::dense_recurrence(backend, sequences{2}, a.view(), x.view(), initial.view(), h.view(),
                        final.view());
  CHECK(h(0, 0) == 1 - 2 + 5);
  CHECK(h(0, 1) == 3 - 4 + 6);
  CHECK(h(1, 0) == 4 + 2 * 5 + 7);
  CHECK(h(1, 1) == 3 * 4 + 4 * 5 + 8);
  CHECK(final(0, 1) == h(1, 1));
}

TEST_CASE("selective_scan: derivatives agree with central differences") {
  expect_correct(cases::selective_scan{});
  expect_correct(cases::selective_scan{.dynamics = 3});
  expect_correct(cases::selective_scan{.batch = {1}, .channels = 1, .states = 1});
  expect_correct(cases::selective_scan{.batch = {2, 1}, .channels = 1, .states = 3});
}

TEST_CASE("gated_scan: agrees with numbers computed by hand") {
  reference backend;
  // One channel, one state that keeps all: softplus(raw + bias) = 2 by their sum ln(e^2 - 1), and
  // tau = ln 3.
  const double raw_of_two = std::log(std::exp(2.0) - 1);
  const tensor<double> u = filled({2, 1}, {3, 5}), raw({2, 1}, raw_of_two - 0.7), bias({1}, 0.7);
  const tensor<double> tau({1, 1}, std::log(3.0)), a({1, 1, 1}, 0.0), b({2, 1}, 1.0),
      c({2, 1}, 1.0), d({1}, 10.0), z = filled({2, 1}, {0, 40});
  tensor<double> y({2, 1}), final({1, 1, 1});
  ops::gated_scan_cache<double> cache;
  ops::gated_scan(backend, sequences{2}, cache, u.view(), raw.view(), bias.view(), tau.view(),
                  a.view(), b.view(), c.view(), d.view(), view<none>{}, z.view(), y.view(),
                  final.view());
  // dt = 6: h_1 = 18, h_2 = 48; s = (48, 98); silu(0) = 0, silu(40) = 40.
  CHECK(y(0, 0) == 0);
  CHECK(y(1, 0) == doctest::Approx(98 * 40));
  CHECK(final(0, 0, 0) == doctest::Approx(48));
  tensor<double> wrong({2, 2});
  CHECK_THROWS_WITH_AS(ops::gated_scan(backend, sequences{2}, cache, u.view(), raw.view(),
                                       bias.view(), wrong.view(), a.view(), b.view(), c.view(),
                                       d.view(), view<none>{}, z.view(), y.view(), final.view()),
                       doctest::Contains("tau"), error);
  // Without bias, and without tau: dt = 2.
  const tensor<double> whole({2, 1}, raw_of_two);
  const view<none> no;
  ops::gated_scan(backend, sequences{2}, cache, u.view(), whole.view(), no, no, a.view(), b.view(),
                  c.view(), d.view(), no, z.view(), y.view(), final.view());
  CHECK(final(0, 0, 0) == doctest::Approx(16));
  ops::gated_scan(backend, sequences{2}, cache, u.view(), raw.view(), bias.view(), no, a.view(),
                  b.view(), c.view(), d.view(), no, z.view(), y.view(), final.view());
  CHECK(final(0, 0, 0) == doctest::Approx(16));
  ops::gated_scan(backend, sequences{2}, cache, u.view(), whole.view(), no, tau.view(), a.view(),
                  b.view(), c.view(), d.view(), no, z.view(), y.view(), final.view());
  CHECK(final(0, 0, 0) == doctest::Approx(48));
}

TEST_CASE("gated_scan: derivatives agree with central differences") {
  expect_correct(cases::gated_scan{});
  expect_correct(cases::gated_scan{.dynamics = 3, .times = 3});
  expect_correct(cases::gated_scan{.batch = {1}, .channels = 1, .states = 1});
  expect_correct(cases::gated_scan{.output = ops::scan_output::computed_again});
}

TEST_CASE("complex_scan: derivatives agree with central differences in both directions") {
  expect_correct(cases::complex_scan<direction::forward>{});
  expect_correct(cases::complex_scan<direction::backward_in_time>{});
  expect_correct(cases::complex_scan<direction::backward_in_time>{.dynamics = 3, .inputs_of = 3});
  expect_correct(cases::complex_scan<direction::forward>{
      .batch = {1}, .channels = 1, .states = 1, .dynamics = 1, .inputs_of = 1});
}

TEST_CASE("dense_recurrence: derivatives agree with central differences") {
  expect_correct(cases::dense_recurrence{});
  expect_correct(cases::dense_recurrence{.dynamics = 3});
  expect_correct(cases::dense_recurrence{.batch = {1}, .states = 1});
}

TEST_CASE("selective_scan: gradients asked for alone equal those asked for together") {
  reference backend;
  const cases::selective_scan op{};
  const tensors<double> in = random_tensors(op.inputs(), 5),
                        d_out = random_tensors(op.outputs(), 6);
  tensors<double> all = zero_tensors<double>(op.inputs()), some = all;
  tensor<double> no_final(d_out[1].shape());
  op.backward(backend, in, {d_out[0], no_final}, all);
  ops::selective_scan_scratch<double> scratch;
  const view<none> not_asked;
  ops::selective_scan_backward(backend, op.batch, scratch, in[0].view(), in[1].view(), in[2].view(),
                               in[3].view(), in[4].view(), in[5].view(), in[6].view(),
                               d_out[0].view(), not_asked, not_asked, some[1].view(),
                               some[2].view(), not_asked, not_asked, not_asked, not_asked);
  CHECK(difference(some[1], all[1]) == 0);
  CHECK(difference(some[2], all[2]) == 0);
  CHECK(norm(all[2]) > 0);
}

TEST_CASE("selective_scan: plain operands beside duals act as constants") {
  reference backend;
  using D = dual<double>;
  const cases::selective_scan op{};
  const tensors<double> in = random_tensors(op.inputs(), 7), along = random_tensors(op.inputs(), 8);
  tensors<D> as_duals = constant(in);
  as_duals[2].tangent = along[2];  // only the dynamics move
  tensors<D> expected = zero_tensors<D>(op.outputs()), found = expected;
  op.forward(backend, as_duals, expected);
  ops::selective_scan(backend, op.batch, in[0].view(), in[1].view(), as_duals[2].view(),
                      in[3].view(), in[4].view(), in[5].view(), in[6].view(), found[0].view(),
                      found[1].view());
  CHECK(difference(found[0].value, expected[0].value) == 0);
  CHECK(difference(found[0].tangent, expected[0].tangent) <= 1e-13);
  CHECK(norm(expected[0].tangent) > 0.1);
}

TEST_CASE("scans: a wrong shape is named with both values") {
  reference backend;
  const tensor<double> u({3, 2}), dt({3, 2}), a({2, 2, 4}), b({3, 4});
  tensor<double> y({3, 2});
  const view<none> absent;
  CHECK_THROWS_WITH_AS(ops::selective_scan(backend, sequences{3}, u.view(), dt.view(), a.view(),
                                           b.view(), b.view(), absent, absent, y.view(), absent),
                       "attd: selective_scan: a has shape 2x2x4, expected 1x2x4", attd::error);
}

TEST_CASE("selective_scan: a scan of two halves with the state carried equals the whole") {
  reference backend;
  const cases::selective_scan op{.batch = {7}};
  const tensors<double> in = random_tensors(op.inputs(), 9);
  tensors<double> whole = zero_tensors<double>(op.outputs()), halves = whole;
  op.forward(backend, in, whole);
  tensor<double> carried = in[6];
  for (const auto& [first, length] : {std::pair<index_t, index_t>{0, 4}, {4, 3}}) {
    const auto part = [&, at = first, n = length](const tensor<double>& x) {
      return x.view().row_range(at, n);
    };
    ops::selective_scan(backend, sequences{length}, part(in[0]), part(in[1]), in[2].view(),
                        part(in[3]), part(in[4]), in[5].view(), carried.view(),
                        halves[0].view().row_range(first, length), carried.view());
  }
  CHECK(difference(halves[0], whole[0]) == 0);
  CHECK(difference(carried, whole[1]) == 0);
}
