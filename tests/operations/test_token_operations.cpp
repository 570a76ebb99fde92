// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Embedding, cross-entropy, entropy and pooling by hand-computed numbers.
#include <doctest/doctest.h>

#include <attd/backends/eigen.hpp>
#include <attd/backends/reference.hpp>
#include <attd/operations/cross_entropy.hpp>
#include <attd/operations/embedding.hpp>
#include <attd/operations/pooling.hpp>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace {

using namespace attd;
namespace ops = attd::operations;

template <class Id>
std::span<const Id> as_ids(const std::vector<Id>& ids) {
  return ids;
}

}  // namespace

TEST_CASE_TEMPLATE("embedding: picks rows, and adds repeated gradients", Id, std::int32_t,
                   index_t) {
  reference backend;
  const std::vector<Id> ids{2, 0, 2};
  tensor<double> table({3, 2}), y({3, 2}), dy({3, 2}), d_table({3, 2}, 1.0);
  for (index_t i = 0; i < 6; ++i) {
    table.data()[i] = static_cast<double>(i);
    dy.data()[i] = static_cast<double>(10 * i);
  }
  ops::embedding(backend, table.view(), as_ids(ids), y.view());
  CHECK(y(0, 0) == 4);
  CHECK(y(1, 1) == 1);
  CHECK(y(2, 1) == 5);
  ops::embedding_backward(backend, as_ids(ids), dy.view(), d_table.view());
  CHECK(d_table(0, 0) == 1 + 20);
  CHECK(d_table(1, 0) == 1);
  CHECK(d_table(2, 0) == 1 + 0 + 40);
  CHECK(d_table(2, 1) == 1 + 10 + 50);
}

TEST_CASE("embedding: an id outside the table is an error that names token, id and table") {
  reference backend;
  tensor<float> table({3, 2}), y({2, 2});
  for (std::int32_t bad : {-1, 3}) {
    const std::vector<std::int32_t> ids{0, bad};
    const std::string message = "attd: embedding: token 1 has id " + std::to_string(bad) +
                                ", expected 0 to 2; hint: was the text encoded with another "
                                "vocabulary?";
    CHECK_THROWS_WITH_AS(ops::embedding(backend, table.view(), as_ids(ids), y.view()),
                         message.c_str(), attd::error);
  }
}

TEST_CASE_TEMPLATE("cross_entropy: of equal logits is the logarithm of their number", B, reference,
                   eigen) {
  B backend;
  tensor<double> logits({2, 5}, -3.0), loss({2}), weight({2}, 2.0), d({2, 5});
  const std::vector<index_t> ids{4, 0};
  ops::cross_entropy(backend, logits.view(), as_ids(ids), loss.view());
  CHECK(loss(index_t{0}) == doctest::Approx(std::log(5.0)));
  ops::cross_entropy_backward(backend, logits.view(), as_ids(ids), weight.view(), d.view());
  CHECK(d(0, 0) == doctest::Approx(0.4));  // 2 / 5
  CHECK(d(0, 4) == doctest::Approx(-1.6));
  CHECK(d(1, 0) == doctest::Approx(-1.6));
}

TEST_CASE_TEMPLATE("cross_entropy: logits of 0 and log 3 have probabilities 1/4 and 3/4", B,
                   reference, eigen) {
  B backend;
  tensor<double> logits({1, 2}), loss({1});
  logits(0, 1) = std::log(3.0);
  ops::cross_entropy(backend, logits.view(), as_ids(std::vector<index_t>{0}), loss.view());
  CHECK(loss(index_t{0}) == doctest::Approx(std::log(4.0)));
  ops::cross_entropy(backend, logits.view(), as_ids(std::vector<index_t>{1}), loss.view());
  CHECK(loss(index_t{0}) == doctest::Approx(std::log(4.0 / 3.0)));
  tensor<double> entropy({1});
  ops::softmax_entropy(backend, logits.view(), entropy.view());
  CHECK(entropy(index_t{0}) == doctest::Approx(0.25 * std::log(4.0) + 0.75 * std::log(4.0 / 3.0)));
}

TEST_CASE_TEMPLATE("cross_entropy: huge logits neither overflow nor lose the loss", B, reference,
                   eigen) {
  B backend;
  tensor<float> logits({1, 9}, -1e30f), loss({1}), entropy({1}), weight({1}, 1.0f), d({1, 9});
  logits(0, 3) = 1000.0f, logits(0, 8) = 998.0f;
  const std::vector<index_t> ids{8};
  ops::cross_entropy(backend, logits.view(), as_ids(ids), loss.view());
  CHECK(loss(index_t{0}) == doctest::Approx(2.0 + std::log1p(std::exp(-2.0))));
  ops::softmax_entropy(backend, logits.view(), entropy.view());
  CHECK(entropy(index_t{0}) == doctest::Approx(0.365334));  // of probability 0.880797
  ops::cross_entropy_backward(backend, logits.view(), as_ids(ids), weight.view(), d.view());
  ops::softmax_entropy_backward(backend, logits.view(), weight.view(), d.view());
  for (index_t c = 0; c < 9; ++c) CHECK(is_finite(d(0, c)));
}

TEST_CASE_TEMPLATE("cross_entropy_in_place: rows that do not count become zeros, whatever they are",
                   B, reference, eigen) {
  B backend;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  tensor<double> logits({3, 9}, nan), loss({3}, 7.0), weight({3}, 1.0);
  weight(index_t{0}) = 0;
  for (index_t c = 0; c < 9; ++c) logits(2, c) = 0;
  const std::vector<index_t> ids{3, -1, 2};
  ops::cross_entropy_in_place(backend, logits.view(), as_ids(ids), std::as_const(weight).view(),
                              loss.view());
  CHECK(loss(index_t{1}) == 0);
  CHECK(loss(index_t{2}) == doctest::Approx(std::log(9.0)));
  for (index_t c = 0; c < 9; ++c) {
    CHECK(logits(0, c) == 0);
    CHECK(logits(1, c) == 0);
    CHECK(logits(2, c) == doctest::Approx(c == 2 ? 1.0 / 9 - 1 : 1.0 / 9));
  }
  const std::vector<index_t> wrong{3, 9, 2};
  CHECK_THROWS_WITH_AS(ops::cross_entropy_in_place(backend, logits.view(), as_ids(wrong),
                                                   std::as_const(weight).view(), loss.view()),
                       doctest::Contains("token 1 has target 9"), attd::error);
}

TEST_CASE_TEMPLATE("cross_entropy: a target of -1 gives loss 0 and no gradient", B, reference,
                   eigen) {
  B backend;
  tensor<double> logits({2, 3}), loss({2}, 7.0), weight({2}, 1.0), d({2, 3}, 0.25);
  const std::vector<std::int32_t> ids{-1, 2};
  ops::cross_entropy(backend, logits.view(), as_ids(ids), loss.view());
  CHECK(loss(index_t{0}) == 0);
  CHECK(loss(index_t{1}) == doctest::Approx(std::log(3.0)));
  ops::cross_entropy_backward(backend, logits.view(), as_ids(ids), weight.view(), d.view());
  for (index_t c = 0; c < 3; ++c) CHECK(d(0, c) == 0.25);
}

TEST_CASE_TEMPLATE("cross_entropy: a target outside the classes is an error", B, reference, eigen) {
  B backend;
  tensor<float> logits({2, 3}), loss({2});
  for (index_t bad : {-2, 3}) {
    const std::vector<index_t> ids{1, bad};
    const std::string message =
        "attd: cross_entropy: token 1 has target " + std::to_string(bad) +
        ", expected 0 to 2, or -1 for none; hint: the last layer needs one output per id of the "
        "vocabulary";
    CHECK_THROWS_WITH_AS(ops::cross_entropy(backend, logits.view(), as_ids(ids), loss.view()),
                         message.c_str(), attd::error);
  }
}

TEST_CASE("pooling: divides by each sequence's own length, or takes its last token") {
  reference backend;
  const sequences batch{1, 3};
  tensor<double> x({4, 2}), y({2, 2}), dy({2, 2}, 6.0), dx({4, 2});
  for (index_t i = 0; i < 8; ++i) x.data()[i] = static_cast<double>(i);
  ops::mean_pool(backend, batch, x.view(), y.view());
  CHECK(y(0, 0) == 0);
  CHECK(y(1, 0) == 4);  // (2 + 4 + 6) / 3
  CHECK(y(1, 1) == 5);
  ops::mean_pool_backward(backend, batch, dy.view(), dx.view());
  CHECK(dx(0, 0) == 6);
  CHECK(dx(2, 1) == 2);
  ops::last_pool(backend, batch, x.view(), y.view());
  CHECK(y(0, 1) == 1);
  CHECK(y(1, 0) == 6);
  dx.zero();
  ops::last_pool_backward(backend, batch, dy.view(), dx.view());
  CHECK(dx(0, 0) == 6);
  CHECK(dx(1, 0) == 0);
  CHECK(dx(3, 0) == 6);
  CHECK_THROWS_AS(ops::mean_pool(backend, batch, x.view(), x.view()), attd::error);
}
