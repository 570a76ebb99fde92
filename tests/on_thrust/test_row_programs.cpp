// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Sums over rows and over tokens, as teams of threads share them: sizes on both sides of every
// boundary, strided views, gradients that nobody asked for, extreme logits, orders of threads.
#include <doctest/doctest.h>

#include <limits>
#include <on_thrust/backend.hpp>
#include <on_thrust/orders.hpp>
#include <operations/cases.hpp>
#include <parity/parity.hpp>
#include <span>
#include <vector>

namespace {

using namespace attd;
using namespace attd::testing;
using attd_test::thrust_cpp;
namespace ops = attd::operations;
constexpr view<none> no;

// Bits of results and gradients, on a backend of its own.
template <class Backend, class S, class Case>
tensors<S> run(const Case& op) {
  Backend backend;
  const tensors<S> in = random_of_type<S>(op.inputs(), 31);
  const tensors<S> d_out = random_of_type<S>(op.outputs(), 32);
  tensors<S> out = zero_tensors<S>(op.outputs());
  tensors<S> d_in = random_of_type<S>(op.inputs(), 33);
  op.forward(backend, in, out);
  op.backward(backend, in, d_out, d_in);
  for (auto& d : d_in) out.push_back(d);
  return out;
}
template <class S>
void expect_same_bits(const tensors<S>& found, const tensors<S>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(rms_ratio(found[i], expected[i]) == 0);
  }
}
template <class S, class Case>
void expect_no_order(const Case& op) {
  const tensors<S> expected = run<thrust_cpp, S>(op);
  expect_same_bits(run<attd_test::thrust_backwards, S>(op), expected);
  expect_same_bits(run<attd_test::thrust_scattered, S>(op), expected);
}

// x, dy and the results are columns [1, 1 + columns) of wider tensors.
struct strided_norms {
  index_t rows = 3, columns = 5;
  std::vector<shape> inputs() const { return {{rows, columns + 3}, {columns}, {columns}}; }
  std::vector<shape> outputs() const { return {{rows, columns + 3}, {rows, columns + 3}}; }
  template <class T>
  auto part(T& x) const {
    return x.view().column_range(1, columns);
  }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    for (auto& y : out) y.zero();
    ops::rms_norm(backend, part(in[0]), in[1].view(), 1e-5, part(out[0]));
    ops::layer_norm(backend, part(in[0]), in[1].view(), no, 1e-5, part(out[1]));
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    const auto x = part(in[0]);
    const auto w = in[1].view();
    const auto d_x = part(d_in[0]);
    const auto d_w = d_in[1].view(), d_b = d_in[2].view();
    const auto d_y = part(d_out[0]), d_z = part(d_out[1]);
    ops::rms_norm_backward(backend, x, w, 1e-5, d_y, d_x, no);
    ops::rms_norm_backward(backend, x, w, 1e-5, d_y, no, d_w);
    ops::layer_norm_backward(backend, x, w, 1e-5, d_z, d_x, no, no);
    ops::layer_norm_backward(backend, x, w, 1e-5, d_z, no, d_w, no);
    ops::layer_norm_backward(backend, x, w, 1e-5, d_z, no, no, d_b);
    ops::layer_norm_backward(backend, x, w, 1e-5, d_z, d_x, d_w, d_b);
  }
};

// A convolution whose weight or bias alone is asked for, without carried inputs.
struct strided_convolution {
  sequences batch{1, 2, 130, 40};
  index_t channels = 33, taps = 5;
  std::vector<shape> inputs() const {
    return {{batch.tokens(), channels + 2}, {channels, taps}, {channels}};
  }
  std::vector<shape> outputs() const { return {{batch.tokens(), channels}}; }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    ops::causal_convolution(backend, batch, in[0].view().column_range(2, channels), in[1].view(),
                            in[2].view(), no, out[0].view(), no);
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    const auto x = in[0].view().column_range(2, channels);
    ops::causal_convolution_backward(backend, batch, x, in[1].view(), no, d_out[0].view(), no, no,
                                     d_in[1].view(), no, no);
    ops::causal_convolution_backward(backend, batch, x, in[1].view(), no, d_out[0].view(), no, no,
                                     no, d_in[2].view(), no);
  }
};

// Both functions of logits, in a part of a wider tensor, multiplied by `scale`.
struct strided_logits {
  index_t rows = 5, classes = 5;
  double scale = 1;
  std::vector<index_t> targets() const {
    std::vector<index_t> ids;
    for (index_t t = 0; t < rows; ++t) ids.push_back(t % 4 == 1 ? -1 : (7 * t + 3) % classes);
    return ids;
  }
  std::vector<shape> inputs() const { return {{rows, classes + 3}}; }
  std::vector<shape> outputs() const { return {{rows}, {rows}}; }
  template <class S>
  tensor<S> scaled(const tensor<S>& x) const {
    tensor<S> result = x;
    const view<S> v = result.view();
    for (index_t t = 0; t < v.rows(); ++t) {
      for (index_t c = 0; c < v.columns(); ++c) {
        v.at(t, c) = S(v.at(t, c)) * primal_t<S>(scale);
      }
    }
    return result;
  }
  template <class Backend, class S>
  void forward(Backend& backend, const tensors<S>& in, tensors<S>& out) const {
    const std::vector<index_t> ids = targets();
    const tensor<S> x = scaled(in[0]);
    const view<const S> logits = x.view().column_range(2, classes);
    ops::cross_entropy(backend, logits, std::span<const index_t>(ids), out[0].view());
    ops::softmax_entropy(backend, logits, out[1].view());
  }
  template <class Backend, class S>
  void backward(Backend& backend, const tensors<S>& in, const tensors<S>& d_out,
                tensors<S>& d_in) const {
    const std::vector<index_t> ids = targets();
    const tensor<S> x = scaled(in[0]);
    const view<const S> logits = x.view().column_range(2, classes);
    const view<S> d_logits = d_in[0].view().column_range(2, classes);
    ops::cross_entropy_backward(backend, logits, std::span<const index_t>(ids), d_out[0].view(),
                                d_logits);
    ops::softmax_entropy_backward(backend, logits, d_out[1].view(), d_logits);
  }
};

}  // namespace

TEST_CASE("rows: norms agree for all numbers of columns and rows") {
  for (const index_t columns : {1, 31, 32, 33, 255, 256, 257, 1000, 1025}) {
    for (const index_t rows : {1, 5}) {
      CAPTURE(columns);
      expect_parity_everywhere<thrust_cpp>(cases::rms_norm{.rows = rows, .columns = columns});
      expect_parity_everywhere<thrust_cpp>(cases::layer_norm{.rows = rows, .columns = columns});
      expect_parity_everywhere<thrust_cpp>(strided_norms{.rows = rows, .columns = columns});
    }
  }
}

TEST_CASE("rows: sums over tokens agree for all numbers of tokens") {
  for (const index_t tokens : {1, 7, 8, 9, 127, 128, 129, 300}) {
    for (const index_t channels : {1, 31, 33}) {
      CAPTURE(tokens);
      CAPTURE(channels);
      expect_parity_everywhere<thrust_cpp>(strided_norms{.rows = tokens, .columns = channels});
      expect_parity_everywhere<thrust_cpp>(
          cases::linear{.batch = {tokens}, .in_size = 2, .out_size = channels});
      for (const index_t taps : {1, 4, 9}) {
        expect_parity_everywhere<thrust_cpp>(
            cases::causal_convolution{.batch = {tokens}, .channels = channels, .taps = taps});
      }
    }
  }
}

TEST_CASE("rows: convolutions of many sequences agree") {
  expect_parity_everywhere<thrust_cpp>(strided_convolution{});
  sequences many;
  for (index_t length = 1; length < 40; ++length) many.append(1 + length % 7);
  expect_parity_everywhere<thrust_cpp>(
      cases::causal_convolution{.batch = many, .channels = 35, .taps = 4});
  expect_parity_everywhere<thrust_cpp>(
      cases::silu_convolution{.batch = many, .channels = 35, .taps = 4});
}

TEST_CASE("rows: functions of logits agree for all vocabularies") {
  for (const index_t classes : {1, 2, 31, 32, 33, 128, 257, 1024, 2049, 5000}) {
    for (const index_t rows : {1, 10}) {
      CAPTURE(classes);
      expect_parity_everywhere<thrust_cpp>(strided_logits{.rows = rows, .classes = classes});
    }
  }
}

TEST_CASE("rows: extreme logits neither overflow nor vanish") {
  for (const index_t classes : {2, 33, 5000}) {
    for (const double scale : {1e4, -1e4}) {
      CAPTURE(classes);
      CAPTURE(scale);
      expect_parity_everywhere<thrust_cpp>(strided_logits{.classes = classes, .scale = scale});
    }
  }
}

TEST_CASE("rows: equal logits have the entropy of equal chances") {
  // Five thousand floats added one by one would be 5e-5 off; 1e35 is so far from the lowest float
  // that the difference is infinite.
  for (const float logit : {3.0f, 1e35f}) {
    const tensor<float> logits({1, 5000}, logit);
    tensor<float> entropy({1}), loss({1});
    const std::vector<index_t> ids{4999};
    thrust_cpp backend;
    ops::softmax_entropy(backend, logits.view(), entropy.view());
    ops::cross_entropy(backend, logits.view(), std::span<const index_t>(ids), loss.view());
    CHECK(entropy(0) == doctest::Approx(8.51719319).epsilon(1e-7));  // log 5000
    CHECK(loss(0) == doctest::Approx(8.51719319).epsilon(1e-7));
  }
}

TEST_CASE("rows: a class that is ruled out has no part in the loss") {
  const float never = -std::numeric_limits<float>::infinity();
  tensor<float> logits({2, 300}, never), loss({2}), d_logits({2, 300});
  const std::vector<index_t> ids{7, 299};
  logits(0, 7) = 2;
  logits(0, 270) = 2;
  logits(1, 299) = -3;
  const tensor<float> weight({2}, 1.0f);
  thrust_cpp backend;
  const std::span<const index_t> targets(ids);
  ops::cross_entropy(backend, logits.view(), targets, loss.view());
  CHECK(loss(0) == doctest::Approx(0.69314718));  // log 2
  CHECK(loss(1) == 0);
  ops::cross_entropy_backward(backend, logits.view(), targets, weight.view(), d_logits.view());
  CHECK(d_logits(0, 7) == -0.5f);
  CHECK(d_logits(0, 270) == 0.5f);
  CHECK(d_logits(0, 8) == 0);
  CHECK(d_logits(1, 299) == 0);
}

TEST_CASE("rows: all number types") {
  using nested = dual<dual<double>>;
  expect_parity<thrust_cpp, nested>(strided_norms{.rows = 130, .columns = 33});
  expect_parity<thrust_cpp, nested>(cases::layer_norm{.rows = 3, .columns = 300});
  expect_parity<thrust_cpp, nested>(strided_convolution{});
  expect_parity<thrust_cpp, nested>(strided_logits{.rows = 9, .classes = 300});
  expect_parity<thrust_cpp, dual<float>>(strided_logits{.rows = 9, .classes = 33});
}

TEST_CASE("rows: weights with tangents, inputs without") {
  using D = dual<double>;
  const auto x = random_of_type<double>({{130, 33}}, 41);
  const auto w = random_of_type<D>({{33}, {130, 33}}, 42);
  const auto gradients = [&](auto backend) {
    tensors<D> d = random_of_type<D>({{130, 33}, {33}, {33}}, 43);
    ops::rms_norm_backward(backend, x[0].view(), w[0].view(), 1e-5, w[1].view(), d[0].view(),
                           d[1].view());
    ops::layer_norm_backward(backend, x[0].view(), w[0].view(), 1e-5, x[0].view(), d[0].view(),
                             d[1].view(), d[2].view());
    return d;
  };
  const tensors<D> expected = gradients(reference{}), found = gradients(thrust_cpp{});
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(rms_ratio(found[i], expected[i]) <= 1e-12);
}

TEST_CASE("rows: results have the same bits in every order of threads") {
  for (const index_t columns : {5, 257, 1025}) {
    expect_no_order<float>(cases::rms_norm{.rows = 9, .columns = columns});
    expect_no_order<float>(cases::layer_norm{.rows = 9, .columns = columns});
    expect_no_order<dual<double>>(strided_norms{.rows = 9, .columns = columns});
    expect_no_order<float>(strided_logits{.rows = 9, .classes = 2 * columns});
    expect_no_order<dual<double>>(strided_logits{.rows = 9, .classes = columns});
  }
  expect_no_order<float>(strided_norms{.rows = 300, .columns = 33});
  expect_no_order<float>(strided_convolution{});
  expect_no_order<float>(cases::linear{.batch = {300}, .in_size = 2, .out_size = 33});
}

TEST_CASE("rows: a row's bits do not depend on the other rows") {
  const tensors<float> all = random_of_type<float>({{20, 300}, {300}}, 51);
  const std::vector<index_t> ids(20, 123);
  const auto results = [&](index_t first, index_t count) {
    thrust_cpp backend;
    tensors<float> out = zero_tensors<float>({{count, 300}, {count, 300}, {count}, {count}});
    const auto x = all[0].view().row_range(first, count);
    const std::span<const index_t> targets(ids.data(), static_cast<std::size_t>(count));
    ops::rms_norm(backend, x, all[1].view(), 1e-5, out[0].view());
    ops::layer_norm(backend, x, all[1].view(), no, 1e-5, out[1].view());
    ops::cross_entropy(backend, x, targets, out[2].view());
    ops::softmax_entropy(backend, x, out[3].view());
    return out;
  };
  const tensors<float> together = results(0, 20), alone = results(13, 1);
  CHECK(alone[0](0, 299) == together[0](13, 299));
  CHECK(alone[1](0, 299) == together[1](13, 299));
  CHECK(alone[2](0) == together[2](13));
  CHECK(alone[3](0) == together[3](13));
}

TEST_CASE("teams: low-rank changes of a matrix, sizes around a chunk of rows and a warp") {
  for (const index_t rows : {1, 127, 128, 129, 300}) {
    expect_parity_everywhere<thrust_cpp>(cases::low_rank_map{.rows = rows, .columns = 16});
  }
  const cases::low_rank_map wide{.sets = 3, .rows = 40, .columns = 33, .rank = 5, .first_v = 0};
  expect_parity_everywhere<thrust_cpp>(wide);
  expect_no_order<float>(wide);
}
