// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Which rows internal losses score, and that they leave the others alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <attd/backends/eigen.hpp>
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/losses/next_value.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/losses/reconstruction.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <vector>

namespace scored_rows_test {

using attd::index_t;
using attd::observation;
using attd::tensor;
namespace losses = attd::losses;
using data = losses::inner_data<double>;

tensor<double> normal(index_t rows, index_t columns, std::uint64_t seed) {
  attd::random_stream random{seed, 1};
  tensor<double> t({rows, columns});
  for (index_t i = 0; i < t.size(); ++i) t.data()[i] = random.normal();
  return t;
}

// One input of `length` tokens, with the memory that its views need.
struct input {
  tensor<double> series, measured;
  std::vector<index_t> ids;
  std::uint64_t key = 0;

  explicit input(index_t length, std::uint64_t k = 7)
      : series(normal(length, 2, 1)), measured(normal(length, 3, 2)), key(k) {
    for (index_t t = 0; t < length; ++t) ids.push_back(t % 4);
  }
  observation<double> values() const { return {series.view(), measured.view(), {}, key}; }
  observation<double> tokens() const { return {{}, {}, ids, key}; }
};

template <class L>
data prepare(const L& loss, const observation<double>& o, double guard = 0.25) {
  data d;
  loss.prepare(std::span<const observation<double>>(&o, 1), {guard}, d);
  return d;
}

template <class Backend, class L>
tensor<double> gradient(const L& loss, const tensor<double>& output, const data& d) {
  Backend backend;
  losses::loss_scratch<double> scratch;
  tensor<double> d_output(output.shape());
  loss.backward(backend, output.view(), d, d.weight.view(), scratch, d_output.view());
  return d_output;
}

// The gradient with NaN in `ignored` rows of the output: 0 there, elsewhere as without the NaN.
template <class Backend, class L>
void check_ignores(const L& loss, const data& d, index_t columns,
                   const std::set<index_t>& ignored) {
  tensor<double> output = normal(d.weight.size(), columns, 3);
  const tensor<double> expected = gradient<Backend>(loss, output, d);
  for (const index_t r : ignored) {
    for (index_t c = 0; c < columns; ++c) output(r, c) = std::numeric_limits<double>::quiet_NaN();
  }
  const tensor<double> found = gradient<Backend>(loss, output, d);
  REQUIRE(!ignored.empty());
  double size = 0;
  for (index_t r = 0; r < output.shape().rows(); ++r) {
    for (index_t c = 0; c < columns; ++c) {
      CAPTURE(r);
      CHECK(found(r, c) == (ignored.contains(r) ? 0.0 : expected(r, c)));
      size += std::abs(found(r, c));
    }
  }
  CHECK(size > 0);
}

// As above for a loss without pairs of rows: all rows of weight 0 are ignored.
template <class Backend, class L>
void check_ignores(const L& loss, const data& d, index_t columns) {
  std::set<index_t> ignored;
  for (index_t r = 0; r < d.weight.size(); ++r) {
    if (d.weight(r) == 0) ignored.insert(r);
  }
  check_ignores<Backend>(loss, d, columns, ignored);
}

std::vector<index_t> scored(const tensor<double>& weight) {
  std::vector<index_t> rows;
  for (index_t r = 0; r < weight.size(); ++r) {
    if (weight(r) > 0) rows.push_back(r);
  }
  return rows;
}

}  // namespace scored_rows_test

using namespace scored_rows_test;

TEST_CASE_TEMPLATE("rows of weight 0 are not looked at by any backward", Backend, attd::reference,
                   attd::eigen) {
  const input in(40);
  const auto values = [&](const auto& loss, index_t columns) {
    check_ignores<Backend>(loss, prepare(loss, in.values()), columns);
  };
  const auto tokens = [&](const auto& loss) {
    check_ignores<Backend>(loss, prepare(loss, in.tokens()), 4);
  };
  values(losses::next_value<>{{}, 3, 0}, 2);
  values(losses::output_error<>{{}, 3}, 3);
  values(losses::reconstruction<>{}, 2);
  values(losses::entropy{}, 5);
  tokens(losses::next_token{{}, 3});
  tokens(losses::masked_token{});
  tokens(losses::entropy{});
  // A pair of rows is scored at its first row: those of the guard part are ignored.
  const losses::consistency pairs;
  const data d = prepare(pairs, in.values());
  std::set<index_t> ignored;
  for (const index_t r : scored(d.guard_weight)) ignored.insert({r, r + 40});
  check_ignores<Backend>(pairs, d, 2, ignored);
}

TEST_CASE(
    "a short context has a masked row to learn from and, from 4 tokens on, one to accept by") {
  for (const double share : {1e-9, 0.15, 0.9}) {
    for (index_t length = 2; length <= 12; ++length) {
      for (std::uint64_t key = 0; key < 20; ++key) {
        CAPTURE(share);
        CAPTURE(length);
        CAPTURE(key);
        const input in(length, key);
        const data d = prepare(losses::reconstruction<>{{}, share, 5}, in.values());
        const data t = prepare(losses::masked_token{{}, 9, share, 5}, in.tokens());
        CHECK(d.has_scored());
        CHECK(d.has_guard() == (length >= 4));  // a quarter of less is no token
        CHECK(scored(t.weight) == scored(d.weight));
        CHECK(scored(t.guard_weight) == scored(d.guard_weight));
        if (share < 1e-3) {
          CHECK(scored(d.weight).size() == 1);
          CHECK(scored(d.guard_weight).size() == (length >= 4 ? 1 : 0));
        }
        for (index_t r = 0; r < length; ++r) {
          const bool hidden = d.weight(r) > 0 || d.guard_weight(r) > 0;
          CHECK(d.input(r, 0) == (hidden ? 0.0 : in.series(r, 0)));
          CHECK(t.ids[std::size_t(r)] == (hidden ? 9 : in.ids[std::size_t(r)]));
          CHECK(t.target_ids[std::size_t(r)] == (hidden ? in.ids[std::size_t(r)] : -1));
        }
      }
    }
  }
}

TEST_CASE("the one masked row of a part is the first to be masked when the share grows") {
  index_t differ = 0;
  for (std::uint64_t key = 0; key < 50; ++key) {
    const input in(8, key);
    std::vector<index_t> before;
    for (const double share : {1e-9, 0.2, 0.5, 0.8}) {
      const data d = prepare(losses::reconstruction<>{{}, share, 5}, in.values());
      const auto now = scored(d.weight);
      REQUIRE(!now.empty());
      CHECK(std::includes(now.begin(), now.end(), before.begin(), before.end()));
      if (share < 1e-3) differ += now != std::vector<index_t>{0};
      before = now;
    }
  }
  CHECK(differ > 20);  // not simply the first token
}

TEST_CASE(
    "no guard row is forced in a context below 4 tokens, nor where no guard part is asked for") {
  const losses::reconstruction<> loss{{}, 1e-9, 5};
  CHECK_FALSE(prepare(loss, input(2).values(), 0.5).has_guard());
  CHECK_FALSE(prepare(loss, input(3).values(), 0.5).has_guard());
  CHECK(prepare(loss, input(4).values(), 0.5).has_guard());
  CHECK_FALSE(prepare(loss, input(12).values(), 0.0).has_guard());
  CHECK(prepare(loss, input(12).values(), 0.0).has_scored());
}
