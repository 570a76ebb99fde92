// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Agreement of a classifier with itself: laws, numbers by hand, and which tokens are hidden.
#include <doctest/doctest.h>

#include <attd/losses/token_consistency.hpp>
#include <attd/testing/loss_laws.hpp>
#include <cmath>
#include <span>
#include <vector>

namespace token_consistency_test {

using attd::index_t;
using attd::observation;
using attd::tensor;
namespace losses = attd::losses;
using losses::token_consistency;

/// Three inputs of different lengths and keys, with the memory that their views need.
struct inputs {
  std::vector<tensor<double>> series;
  std::vector<std::vector<index_t>> ids;

  inputs() {
    attd::random_stream random{11, 1};
    for (const index_t length : {9, 2, 40}) {
      series.emplace_back(attd::shape{length, 2});
      for (index_t i = 0; i < 2 * length; ++i) series.back().data()[i] = random.normal();
      ids.emplace_back();
      for (index_t t = 0; t < length; ++t) ids.back().push_back(random.index(6));
    }
  }
  std::vector<observation<double>> values() const {
    std::vector<observation<double>> group;
    for (std::size_t i = 0; i < series.size(); ++i) {
      group.push_back({series[i].view(), {}, {}, 100 + i});
    }
    return group;
  }
  std::vector<observation<double>> tokens() const {
    std::vector<observation<double>> group;
    for (std::size_t i = 0; i < ids.size(); ++i) group.push_back({{}, {}, ids[i], 200 + i});
    return group;
  }
};

losses::inner_data<double> prepared(const token_consistency& loss,
                                    const std::vector<observation<double>>& group,
                                    double guard = 0.25) {
  losses::inner_data<double> data;
  loss.prepare(std::span<const observation<double>>(group), {guard}, data);
  return data;
}

void check_laws(const token_consistency& loss, const std::vector<observation<double>>& group) {
  for (const auto& m : attd::testing::measure_loss_laws(
           loss, std::span<const observation<double>>(group), index_t{3})) {
    CAPTURE(m.law);
    CAPTURE(m.what);
    CAPTURE(m.error);
    CAPTURE(m.limit);
    CHECK(m.error <= m.limit);
  }
}

TEST_CASE(
    "token consistency: satisfies the laws of internal losses, for tokens and channels, "
    "outputs per sequence and per token") {
  const inputs in;
  for (const bool pooled : {true, false}) {
    CAPTURE(pooled);
    check_laws({.mask_id = 6, .pooled = pooled, .seed = 3}, in.tokens());
    check_laws({.blank = -1, .share = 0.5, .pooled = pooled, .seed = 3}, in.values());
  }
}

TEST_CASE("token consistency: the loss is half of the divergence both ways") {
  const inputs in;
  const token_consistency loss{.mask_id = 6};
  const auto data = prepared(loss, {in.tokens().front()});
  REQUIRE(data.batch.count() == 4);
  // a = (0, 0), b = (log 3, 0): p = (1/2, 1/2), q = (3/4, 1/4); 1/2 (1/4 log 3) = log(3) / 8.
  // The guard pair agrees, though its outputs differ by a constant: 0.
  tensor<double> output({4, 2});
  output(1, 0) = std::log(3.0);
  output(3, 0) = output(3, 1) = 7;
  attd::reference backend;
  losses::loss_scratch<double> scratch;
  loss.evaluate(backend, std::as_const(output).view(), data, scratch);
  CHECK(scratch.rows(0) == doctest::Approx(std::log(3.0) / 8).epsilon(1e-14));
  CHECK(scratch.rows(1) == 0.0);
  CHECK(scratch.rows(2) == doctest::Approx(0.0));
  CHECK(data.weight(0) == 1.0);
  CHECK(data.guard_weight(2) == 1.0);
  // KL(p|q) + KL(q|p) from their definitions.
  const double kl = 0.5 * std::log(0.5 / 0.75) + 0.5 * std::log(0.5 / 0.25) +
                    0.75 * std::log(0.75 / 0.5) + 0.25 * std::log(0.25 / 0.5);
  CHECK(scratch.rows(0) == doctest::Approx(kl / 2).epsilon(1e-14));
}

TEST_CASE("token consistency: no token is hidden in both copies of a pair, and pairs differ") {
  const inputs in;
  const token_consistency loss{.mask_id = 6, .share = 0.3, .seed = 5};
  const auto data = prepared(loss, in.tokens());
  REQUIRE(data.batch.count() == 12);
  index_t hidden = 0, tokens = 0, same_in_pairs = 0;
  for (index_t s = 0; s < data.batch.count(); s += 2) {
    for (index_t t = 0; t < data.batch.length(s); ++t) {
      const auto& ids = in.ids[static_cast<std::size_t>(s / 4)];
      const auto at = [&](index_t copy) {
        return data.ids[static_cast<std::size_t>(data.batch.offset(copy) + t)];
      };
      const bool first = at(s) == 6, second = at(s + 1) == 6;
      CHECK_FALSE((first && second));
      if (!first) CHECK(at(s) == ids[static_cast<std::size_t>(t)]);
      if (!second) CHECK(at(s + 1) == ids[static_cast<std::size_t>(t)]);
      hidden += first + second;
      ++tokens;
      if (s % 4 == 0) same_in_pairs += first && at(s + 2) == 6;
    }
    index_t of_first = 0, of_second = 0;
    for (index_t t = 0; t < data.batch.length(s); ++t) {
      of_first += data.ids[static_cast<std::size_t>(data.batch.offset(s) + t)] == 6;
      of_second += data.ids[static_cast<std::size_t>(data.batch.offset(s + 1) + t)] == 6;
    }
    CHECK(of_first >= 1);
    CHECK(of_second >= 1);
  }
  // 102 tokens in pairs, 0.6 hidden in one of two: 61 +- 15 (three deviations).
  CHECK(hidden > 46);
  CHECK(hidden < 76);
  CHECK(tokens == 102);
  CHECK(same_in_pairs < 15);
}

TEST_CASE("token consistency: channels are hidden as blanks, the others are as they were") {
  const inputs in;
  const auto data = prepared({.blank = -7, .share = 0.5}, {in.values()[2]});
  for (index_t t = 0; t < 40; ++t) {
    for (index_t c = 0; c < 2; ++c) {  // share 1/2: each token is hidden in exactly one copy
      const double a = data.input(t, c), b = data.input(40 + t, c);
      const double original = in.series[2](t, c);
      CHECK(((a == -7 && b == original) || (a == original && b == -7)));
    }
  }
}

TEST_CASE(
    "token consistency: without a guard there is one pair; faults of settings and inputs are "
    "named") {
  const inputs in;
  const auto data = prepared({.mask_id = 6}, in.tokens(), 0.0);
  CHECK(data.batch.count() == 6);
  CHECK(data.has_scored());
  CHECK_FALSE(data.has_guard());
  for (const double share : {0.0, 0.6}) {
    CHECK_THROWS_WITH(prepared({.share = share}, in.tokens()),
                      doctest::Contains("expected above 0 and at most 0.5"));
  }
  const std::vector<index_t> one{3};
  CHECK_THROWS_WITH(prepared({.mask_id = 6}, {{{}, {}, one, 1}}),
                    doctest::Contains("has 1 tokens, expected at least 2"));
}

}  // namespace token_consistency_test
