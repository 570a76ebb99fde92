// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Fast weights where a backend computes: all leaves of aggregates in few launches, steps of the
// inner optimisers, adapters; compared with the loops of the host.
#include <doctest/doctest.h>

#include <attd/adapters/full.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <attd/adapters/none.hpp>
#include <attd/adapters/timescale.hpp>
#include <attd/operations/numbers.hpp>
#include <attd/optimizers/adam.hpp>
#include <attd/optimizers/learned_rates.hpp>
#include <attd/testing/adapter_laws.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <on_thrust/backend.hpp>
#include <on_thrust/orders.hpp>
#include <vector>

namespace {

using namespace attd;
using attd_test::thrust_cpp;
namespace ops = attd::operations;

template <class T>
using weights = layers<adapters::low_rank_weights<T>>;

// Layers of different sizes, more than one launch takes, some of them empty; numbers count up.
template <class T>
weights<T> many_leaves(index_t count, double first) {
  weights<T> w(count);
  double next = first;
  for (index_t l = 0; l < count; ++l) {
    if (l % 7 == 3) continue;  // does not adapt
    w[l].u.resize({2, 1 + l % 5, 1 + l % 3});
    w[l].v.resize({2, 40 * (l % 4) + 1, 1 + l % 3});
    for_each_leaf(
        [&](auto& leaf) {
          for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] = T(std::sin(next += 0.37));
        },
        w[l]);
  }
  return w;
}

template <class A>
bool same_numbers(const A& a, const A& b) {
  bool same = ops::detail::same_leaves(a, b);
  for_each_leaf(
      [&](const auto& x, const auto& y) {
        for (index_t i = 0; i < x.size(); ++i) same = same && x.data()[i] == y.data()[i];
      },
      a, b);
  return same;
}

// Counts what is run.
struct counted_system : attd::systems::cpp {
  int* runs = nullptr;
  template <class F>
  void run(const F& f) const {
    ++*runs;
    attd::systems::cpp::run(f);
  }
};

struct itself {
  template <class X>
  ATTD_HD double operator()(const X& x) const {
    return double(x);
  }
};

template <class Optimizer, class T>
void expect_same_steps(const Optimizer& optimizer) {
  thrust_cpp backend;
  weights<T> psi = many_leaves<T>(40, 0), there = psi;
  typename Optimizer::template state<weights<T>> state, state_there;
  optimizer.initialize(psi, state);
  optimizer.initialize(there, state_there);
  static_assert(optimizers::StepsOnBackend<Optimizer, thrust_cpp, weights<T>>);
  for (index_t k = 0; k < 3; ++k) {
    const weights<T> gradient = many_leaves<T>(40, double(k) + 1);
    optimizer.step(k, 0.5, gradient, psi, state);
    optimizers::take_step(optimizer, backend, k, 0.5, gradient, there, state_there);
  }
  double difference = 0, whole = 0;
  for_each_leaf(
      [&](const auto& a, const auto& b) {
        for (index_t i = 0; i < a.size(); ++i) {
          difference += square(double(a.data()[i]) - double(b.data()[i]));
          whole += square(double(a.data()[i]));
        }
      },
      psi, there);
  CHECK(whole > 0);
  CHECK(std::sqrt(difference / whole) < (sizeof(T) == 8 ? 1e-14 : 1e-6));
}

template <class A>
void expect_laws_on_backend(const A& adapter, const dynamics_layout& layout) {
  const auto measured = attd::testing::measure_adapter_on_backend(adapter, layout, thrust_cpp{});
  CHECK(measured.size() >= 8);
  for (const auto& text : attd::testing::violated_laws(measured)) FAIL_CHECK(text);
}

}  // namespace

TEST_CASE("numbers: all leaves are copied, set to zero and looked through in few launches") {
  int runs = 0;
  attd::thrust<counted_system> backend(counted_system{{}, &runs});
  const weights<float> w = many_leaves<float>(40, 0);
  weights<float> copy = many_leaves<float>(40, 9);
  index_t leaves = 0;
  for_each_leaf([&](const auto& leaf) { leaves += leaf.empty() ? 0 : 1; }, w);
  REQUIRE(leaves == 68);
  ops::copy_leaves(backend, w, copy);
  CHECK(runs == 3);  // 32 leaves each
  CHECK(same_numbers(w, copy));
  CHECK(ops::all_finite(backend, copy));
  copy[39].v(1, 120, 0) = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(ops::all_finite(backend, copy));
  copy[39].v(1, 120, 0) = -std::numeric_limits<float>::infinity();
  CHECK_FALSE(ops::all_finite(backend, copy));
  ops::clear_leaves(backend, copy);
  weights<float> zeros;
  zeros_like(w, zeros);
  CHECK(same_numbers(copy, zeros));
}

TEST_CASE("numbers: copies between aggregates of other shapes take their shapes over") {
  thrust_cpp backend;
  const weights<double> w = many_leaves<double>(5, 0);
  weights<double> fewer = many_leaves<double>(3, 1), empty;
  ops::copy_leaves(backend, w, fewer);
  ops::copy_leaves(backend, w, empty);
  CHECK(same_numbers(w, fewer));
  CHECK(same_numbers(w, empty));
}

TEST_CASE("numbers: one set of several goes to its place and leaves the others") {
  thrust_cpp backend;
  const weights<double> from = many_leaves<double>(40, 0);
  weights<double> here = many_leaves<double>(40, 5), there = here;
  ops::plain_loops loops;
  ops::copy_set(loops, from, 0, here, 1);
  ops::copy_set(backend, from, 0, there, 1);
  CHECK(same_numbers(here, there));
  CHECK(here[1].v(1, 3, 1) == from[1].v(0, 3, 1));
  CHECK(here[1].v(0, 3, 1) != from[1].v(0, 3, 1));
}

TEST_CASE("numbers: sums and maxima over sizes around what a team takes, in any order of threads") {
  for (const index_t n : {1, 255, 256, 257, 8191, 8192, 8193, 30000}) {
    CAPTURE(n);
    weights<double> w(2);
    w[1].u.resize({1, n, 1});
    double sum = 0, largest = -1e300;
    for (index_t i = 0; i < n; ++i) {
      const double x = std::cos(double(i) * 1.7) - 2;
      w[1].u(0, i, 0) = x;
      sum += x;
      largest = std::max(largest, x);
    }
    const auto reduced = [&](auto backend) {
      return std::vector<double>{
          ops::reduce_numbers(backend, itself{}, ops::sum_of_numbers{}, 0.0, w),
          ops::reduce_numbers(backend, itself{}, ops::largest_of_numbers{},
                              -std::numeric_limits<double>::infinity(), w)};
    };
    const auto found = reduced(thrust_cpp{});
    CHECK(found[0] == doctest::Approx(sum).epsilon(1e-13));
    CHECK(found[1] == largest);
    CHECK(reduced(attd_test::thrust_backwards{}) == found);
    CHECK(reduced(attd_test::thrust_scattered{}) == found);
  }
  thrust_cpp backend;
  CHECK(ops::reduce_numbers(backend, itself{}, ops::sum_of_numbers{}, 3.0, weights<double>(2)) ==
        3.0);
}

TEST_CASE("numbers: the inner optimisers take the same steps as on the host") {
  expect_same_steps<optimizers::gradient_descent, double>({.rate = 0.1, .clip = 0.5});
  expect_same_steps<optimizers::gradient_descent, float>({.rate = 0.1, .clip = 0});
  expect_same_steps<optimizers::momentum, double>({.rate = 0.1, .clip = 100});
  expect_same_steps<optimizers::adam, double>({.rate = 0.05, .clip = 0.5, .decay = 0.3});
  expect_same_steps<optimizers::adam, float>({.rate = 0.05});
  optimizers::per_layer_rates<optimizers::momentum> layered;
  layered.scale.assign({9}, 0.5);
  layered.scale(4) = 0;
  expect_same_steps<optimizers::per_layer_rates<optimizers::momentum>, float>(layered);
  // Its factors are the host's.
  static_assert(
      !optimizers::StepsOnBackend<optimizers::per_parameter_rates<optimizers::adam, weights<float>>,
                                  thrust_cpp, weights<float>>);
}

TEST_CASE("adapters compute on a backend what they compute on the host") {
  const dynamics_layout mamba{dynamics_kind::real_table, 5, 4, 5};
  const dynamics_layout s4d{dynamics_kind::complex_table, 3, 4, 3};
  const dynamics_layout discrete{dynamics_kind::dense_discrete, 4, 4, 0};
  const dynamics_layout continuous{dynamics_kind::dense_continuous, 5, 5, 1};
  for (const auto& layout : {mamba, s4d}) {
    expect_laws_on_backend(adapters::low_rank{.rank = 2}, layout);
    expect_laws_on_backend(adapters::log_low_rank{.rank = 3}, layout);
    expect_laws_on_backend(adapters::full{}, layout);
    expect_laws_on_backend(adapters::timescale<>{{.rank = 2}}, layout);
  }
  for (const auto& layout : {discrete, continuous}) {
    expect_laws_on_backend(adapters::low_rank{.rank = 2}, layout);
    expect_laws_on_backend(adapters::full{}, layout);
  }
  expect_laws_on_backend(adapters::timescale<adapters::low_rank>{{.rank = 2}}, continuous);
  static_assert(!AdaptsOnBackend<adapters::no_adapter, thrust_cpp>);
}
