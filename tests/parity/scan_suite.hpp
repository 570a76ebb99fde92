// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The scans of a backend against the plain loops, in every number type; a sequence's bits alone and
// in a batch. A test source invokes each with its backend.
#pragma once

#include <doctest/doctest.h>

#include <attd/backends/reference.hpp>
#include <cmath>
#include <operations/scan_cases.hpp>

namespace attd_test::scans {

using namespace attd;
using namespace attd::testing;
namespace ops = attd::operations;
using ops::direction;

template <class S>
constexpr double tolerance() {
  return std::is_same_v<primal_t<S>, float> ? 1e-5 : 1e-12;
}

// |x - expected|_2 / |expected|_2, of values and tangents apart.
template <class X>
double relative_rms(const tensor<X>& x, const tensor<X>& expected) {
  if constexpr (is_dual_v<X>) {
    return std::max(relative_rms(x.value, expected.value),
                    relative_rms(x.tangent, expected.tangent));
  } else {
    double error = 0, size = 0;
    for (index_t i = 0; i < expected.size(); ++i) {
      const double e = static_cast<double>(expected.data()[i]);
      error += square(static_cast<double>(x.data()[i]) - e);
      size += e * e;
    }
    if (error == 0) return 0;
    return error / size >= 0 ? std::sqrt(error / size) : 1e300;
  }
}

template <class X>
double relative_rms(const tensors<X>& x, const tensors<X>& expected) {
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    worst = std::max(worst, relative_rms(x[i], expected[i]));
  }
  return worst;
}

template <class S>
tensors<S> random_of(const std::vector<shape>& shapes, std::uint64_t stream) {
  const tensors<double> value = random_tensors(shapes, stream);
  tensors<S> result(value.size());
  if constexpr (is_dual_v<S>) {
    const tensors<double> tangent = random_tensors(shapes, stream + 500);
    const auto both = with_tangent<dual<double>>(value, tangent);
    for (std::size_t i = 0; i < both.size(); ++i) convert(both[i], result[i]);
  } else {
    for (std::size_t i = 0; i < value.size(); ++i) convert(value[i], result[i]);
  }
  return result;
}

template <class T, class F>
void change(tensor<T>& x, F f) {
  const auto v = x.view();
  for (index_t r = 0; r < v.rows(); ++r) {
    for (index_t c = 0; c < v.columns(); ++c) v.at(r, c) = f(T(v.at(r, c)));
  }
}

// Inputs of the kind that models have: positive steps, decaying states.
template <class S>
tensors<S> inputs_of(const cases::selective_scan& op, std::uint64_t stream) {
  tensors<S> in = random_of<S>(op.inputs(), stream);
  change(in[1], [](S x) { return S(primal_t<S>(0.2)) * softplus(x); });
  change(in[2], [](S x) { return -softplus(S(primal_t<S>(3)) * x); });
  return in;
}
template <class S>
tensors<S> inputs_of(const cases::gated_scan& op, std::uint64_t stream) {
  tensors<S> in = random_of<S>(op.inputs(), stream);
  change(in[1], [](S x) { return x - S(primal_t<S>(2)); });
  change(in[3], [](S x) { return -softplus(S(primal_t<S>(3)) * x); });
  return in;
}
template <class S, direction Way>
tensors<S> inputs_of(const cases::complex_scan<Way>& op, std::uint64_t stream) {
  tensors<S> in = random_of<S>(op.inputs(), stream);
  for (std::size_t plane : {1u, 2u}) {
    change(in[plane], [](S x) { return S(primal_t<S>(0.69)) * tanh(x); });
  }
  return in;
}
template <class S>
tensors<S> inputs_of(const cases::dense_recurrence& op, std::uint64_t stream) {
  tensors<S> in = random_of<S>(op.inputs(), stream);
  const S scale(primal_t<S>(0.5 / std::sqrt(static_cast<double>(op.states))));
  change(in[0], [&](S x) { return scale * x; });
  return in;
}

template <class Fast, class S, class Case>
void expect_parity(const Case& op) {
  reference loops;
  Fast kernels;
  const tensors<S> in = inputs_of<S>(op, 3), d_out = random_of<S>(op.outputs(), 4);
  tensors<S> expected = zero_tensors<S>(op.outputs()), found = expected;
  op.forward(loops, in, expected);
  op.forward(kernels, in, found);
  CHECK(relative_rms(found, expected) <= tolerance<S>());
  tensors<S> d_expected = random_of<S>(op.inputs(), 5), d_found = d_expected;  // += is checked too
  op.backward(loops, in, d_out, d_expected);
  op.backward(kernels, in, d_out, d_found);
  CHECK(relative_rms(d_found, d_expected) <= tolerance<S>());
}

template <class Fast, class Case>
void expect_parity_in_all_types(const Case& op) {
  expect_parity<Fast, float>(op);
  expect_parity<Fast, double>(op);
  expect_parity<Fast, dual<float>>(op);
  expect_parity<Fast, dual<double>>(op);
}

template <class S>
tensor<S> rows_of(const tensor<S>& x, index_t first, index_t count) {
  shape s = x.shape();
  if (s.rank == 2) {
    s = {count, s[1]};
  } else {
    s = {count, s[1], s[2]};
  }
  tensor<S> part(s);
  std::copy_n(x.data() + first * s.size() / count, s.size(), part.data());
  return part;
}

// The bits of one sequence of a batch, forward and backward, against the same sequence alone. Of
// each input the case says whether its rows go by token, by sequence, or are shared.
enum class rows { token, sequence, shared };
template <class Fast, class S, class Case>
void expect_independence(Case op, const std::vector<rows>& inputs,
                         const std::vector<rows>& outputs) {
  Fast kernels;
  const tensors<S> in = inputs_of<S>(op, 6), d_out = random_of<S>(op.outputs(), 7);
  tensors<S> out = zero_tensors<S>(op.outputs()), d_in = zero_tensors<S>(op.inputs());
  op.forward(kernels, in, out);
  op.backward(kernels, in, d_out, d_in);
  for (index_t s = 0; s < op.batch.count(); ++s) {
    const auto part = [&](const tensors<S>& x, const std::vector<rows>& kinds) {
      tensors<S> result;
      for (std::size_t i = 0; i < x.size(); ++i) {
        result.push_back(kinds[i] == rows::token
                             ? rows_of(x[i], op.batch.offset(s), op.batch.length(s))
                         : kinds[i] == rows::sequence ? rows_of(x[i], s, 1)
                                                      : x[i]);
      }
      return result;
    };
    Case alone = op;
    alone.batch = sequences::single(op.batch.length(s));
    alone.dynamics = 1;
    tensors<S> out_alone = zero_tensors<S>(alone.outputs());
    tensors<S> d_alone = zero_tensors<S>(alone.inputs());
    alone.forward(kernels, part(in, inputs), out_alone);
    alone.backward(kernels, part(in, inputs), part(d_out, outputs), d_alone);
    CHECK(relative_rms(out_alone, part(out, outputs)) == 0);
    const tensors<S> d_part = part(d_in, inputs);
    for (std::size_t i = 0; i < d_part.size(); ++i) {
      if (inputs[i] != rows::shared) CHECK(relative_rms(d_alone[i], d_part[i]) == 0);
    }
  }
}

TEST_CASE_TEMPLATE_DEFINE("selective_scan: agrees with the plain loops", Fast,
                          selective_scan_parity) {
  expect_parity_in_all_types<Fast>(cases::selective_scan{});
  // Partial registers, several chunks of tokens, states that are no multiple of a tile.
  expect_parity_in_all_types<Fast>(
      cases::selective_scan{.batch = {150, 1, 33}, .channels = 21, .states = 7, .dynamics = 3});
  expect_parity_in_all_types<Fast>(
      cases::selective_scan{.batch = {70}, .channels = 1, .states = 67, .dynamics = 1});
  // Single tokens, as in streaming use: states are lanes then.
  expect_parity_in_all_types<Fast>(
      cases::selective_scan{.batch = {1, 1, 1}, .channels = 21, .states = 19, .dynamics = 3});
  expect_parity_in_all_types<Fast>(
      cases::selective_scan{.batch = {17, 40}, .channels = 32, .states = 16, .dynamics = 1});
}

TEST_CASE_TEMPLATE_DEFINE(
    "selective_scan: gradients asked for alone equal those asked for together", Fast,
    selective_scan_single_gradients) {
  Fast kernels;
  using S = dual<double>;
  const cases::selective_scan op{.batch = {30, 5}, .channels = 11, .states = 6, .dynamics = 1};
  const tensors<S> in = inputs_of<S>(op, 8), d_out = random_of<S>(op.outputs(), 9);
  tensors<S> all = zero_tensors<S>(op.inputs()), some = all;
  ops::selective_scan_scratch<S> scratch;
  const view<none> no;
  const auto backward = [&](auto d, auto initial, auto d_final, auto d_u, auto d_dt, auto d_a,
                            auto d_b, auto d_c, auto d_d, auto d_initial) {
    ops::selective_scan_backward(kernels, op.batch, scratch, in[0].view(), in[1].view(),
                                 in[2].view(), in[3].view(), in[4].view(), d, initial,
                                 d_out[0].view(), d_final, d_u, d_dt, d_a, d_b, d_c, d_d,
                                 d_initial);
  };
  backward(no, no, no, all[0].view(), all[1].view(), all[2].view(), all[3].view(), all[4].view(),
           all[5].view(), all[6].view());
  backward(no, no, no, no, some[1].view(), some[2].view(), no, no, no, no);
  backward(no, no, no, some[0].view(), no, no, no, no, no, no);
  backward(no, no, no, no, no, no, some[3].view(), no, some[5].view(), some[6].view());
  backward(no, no, no, no, no, no, no, some[4].view(), no, no);
  CHECK(relative_rms(some, all) <= 1e-15);
  for (const auto& gradient : all) CHECK(norm(gradient.value) > 0);
}

TEST_CASE_TEMPLATE_DEFINE("selective_scan: a sequence's bits do not depend on its batch", Fast,
                          selective_scan_independence) {
  const std::vector<rows> inputs{rows::token, rows::token,  rows::shared,  rows::token,
                                 rows::token, rows::shared, rows::sequence};
  const std::vector<rows> outputs{rows::token, rows::sequence};
  cases::selective_scan op{.batch = {90, 1, 41}, .channels = 21, .states = 6, .dynamics = 1};
  expect_independence<Fast, float>(op, inputs, outputs);
  expect_independence<Fast, double>(op, inputs, outputs);
}

TEST_CASE_TEMPLATE_DEFINE("gated_scan: agrees with the plain loops", Fast, gated_scan_parity) {
  expect_parity_in_all_types<Fast>(cases::gated_scan{});
  expect_parity_in_all_types<Fast>(cases::gated_scan{
      .batch = {50, 1, 33}, .channels = 21, .states = 7, .dynamics = 3, .times = 3});
  expect_parity_in_all_types<Fast>(
      cases::gated_scan{.batch = {17, 40}, .channels = 33, .states = 37, .times = 1});
}

TEST_CASE_TEMPLATE_DEFINE("complex_scan: agrees with the plain loops in both directions", Fast,
                          complex_scan_parity) {
  expect_parity_in_all_types<Fast>(cases::complex_scan<direction::forward>{});
  expect_parity_in_all_types<Fast>(cases::complex_scan<direction::backward_in_time>{
      .batch = {300, 1, 33}, .channels = 21, .states = 7, .dynamics = 3, .inputs_of = 1});
  expect_parity_in_all_types<Fast>(cases::complex_scan<direction::forward>{
      .batch = {150, 9}, .channels = 5, .states = 35, .dynamics = 1, .inputs_of = 2});
}

TEST_CASE_TEMPLATE_DEFINE("complex_scan: gradients asked for alone equal those asked for together",
                          Fast, complex_scan_single_gradients) {
  Fast kernels;
  using S = dual<float>;
  const cases::complex_scan<direction::forward> op{.batch = {150, 5}, .channels = 19};
  const tensors<S> in = inputs_of<S>(op, 8), d_out = random_of<S>(op.outputs(), 9);
  tensors<S> all = zero_tensors<S>(op.inputs()), some = all;
  ops::complex_scan_scratch<S> scratch;
  const view<none> no;
  const ops::complex_view<none> no_pair;
  const auto pair = [](auto& x, std::size_t i) {
    return ops::complex_planes(x[i].view(), x[i + 1].view());
  };
  const auto backward = [&](auto d_u, auto d_a, auto d_b, auto d_c, auto d_d, auto d_initial) {
    ops::complex_scan_backward(kernels, op.batch, scratch, in[0].view(), pair(in, 1), pair(in, 3),
                               pair(in, 5), no, no_pair, d_out[0].view(), no_pair, d_u, d_a, d_b,
                               d_c, d_d, d_initial);
  };
  backward(all[0].view(), pair(all, 1), pair(all, 3), pair(all, 5), all[7].view(), pair(all, 8));
  backward(some[0].view(), no_pair, no_pair, no_pair, no, no_pair);
  backward(no, pair(some, 1), no_pair, no_pair, some[7].view(), no_pair);
  backward(no, no_pair, pair(some, 3), pair(some, 5), no, pair(some, 8));
  CHECK(relative_rms(some, all) <= 1e-6);
  for (const auto& gradient : all) {
    double largest = 0;
    for (index_t i = 0; i < gradient.size(); ++i) {
      largest = std::max(largest, std::fabs(double(gradient.tangent.data()[i])));
    }
    CHECK(largest > 0.01);
  }
}

TEST_CASE_TEMPLATE_DEFINE("dense_recurrence: agrees with the plain loops", Fast,
                          dense_recurrence_parity) {
  for (const index_t states : {1, 3, 16, 21, 64, 65}) {
    CAPTURE(states);
    expect_parity_in_all_types<Fast>(cases::dense_recurrence{
        .batch = {40, 1, 13}, .states = states, .dynamics = states == 21 ? 3 : 1});
  }
}

TEST_CASE_TEMPLATE_DEFINE("dense_recurrence: a zero initial state may be left out", Fast,
                          dense_recurrence_zero_initial) {
  Fast kernels;
  const cases::dense_recurrence op{.batch = {9, 4}, .states = 5, .dynamics = 1};
  tensors<double> in = inputs_of<double>(op, 8);
  const tensors<double> d_out = random_of<double>(op.outputs(), 9);
  in[2].zero();
  tensors<double> with = zero_tensors<double>(op.outputs()), without = with;
  op.forward(kernels, in, with);
  const view<none> no;
  ops::dense_recurrence(kernels, op.batch, in[0].view(), in[1].view(), no, without[0].view(),
                        without[1].view());
  CHECK(relative_rms(without, with) == 0);
  tensors<double> d_with = zero_tensors<double>(op.inputs()), d_without = d_with;
  op.backward(kernels, in, {d_out[0], tensor<double>(d_out[1].shape())}, d_with);
  ops::dense_recurrence_scratch<double> scratch;
  ops::dense_recurrence_backward(kernels, op.batch, scratch, in[0].view(), with[0].view(), no,
                                 d_out[0].view(), no, no, d_without[0].view(), no);
  CHECK(norm(d_with[0]) > 0);
  CHECK(relative_rms(d_without[0], d_with[0]) <= 1e-15);
}

TEST_CASE_TEMPLATE_DEFINE("complex_scan and dense_recurrence: bits do not depend on the batch",
                          Fast, other_scans_independence) {
  const rows t = rows::token, s = rows::sequence, c = rows::shared;
  expect_independence<Fast, float>(
      cases::complex_scan<direction::backward_in_time>{
          .batch = {90, 1, 200}, .channels = 21, .states = 6, .dynamics = 1, .inputs_of = 1},
      {t, c, c, c, c, c, c, c, s, s}, {t, s, s});
  expect_independence<Fast, double>(
      cases::dense_recurrence{.batch = {90, 1, 41}, .states = 16, .dynamics = 1}, {c, t, s},
      {t, s});
  expect_independence<Fast, float>(
      cases::dense_recurrence{.batch = {20, 1, 41}, .states = 7, .dynamics = 3}, {s, t, s}, {t, s});
}

}  // namespace attd_test::scans
