// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The inner problem where fast weights stay in a backend's memory: whatever is called in between,
// moved or of another shape, nothing stale is used and nothing is left to be done.
#include <doctest/doctest.h>

#include <adaptation/prediction.hpp>
#include <attd/adaptation/lockstep.hpp>
#include <attd/adapters/log_low_rank.hpp>
#include <limits>
#include <on_thrust/backend.hpp>
#include <on_thrust/separate_memory.hpp>
#include <span>
#include <vector>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

namespace {

template <class W>
W moved(W w, double by) {
  attd::for_each_leaf(
      [&](auto& leaf) {
        for (index_t i = 0; i < leaf.size(); ++i) leaf.data()[i] += by * double(i % 3 + 1);
      },
      w);
  return w;
}
template <class W>
bool same(const W& a, const W& b) {
  return attd::operations::detail::same_leaves(a, b) && same_bits(a, b);
}

// A user's optimiser that works on a backend, with a counter in front of what it remembers.
template <class W>
struct counted_state {
  tensor<double> count;
  W velocity;
  static constexpr std::tuple names{"count", "velocity"};
};
struct counting_momentum {
  template <class W>
  using state = counted_state<W>;
  template <class W>
  void initialize(const W& psi, state<W>& m) const {
    m.count.assign({1});
    attd::zeros_like(psi, m.velocity);
  }
  template <class W>
  void step(index_t k, double factor, const W& gradient, W& psi, state<W>& m) const {
    attd::operations::plain_loops here;
    step(here, k, factor, gradient, psi, m);
  }
  template <class Backend, class W>
  void step(Backend& backend, index_t, double factor, const W& gradient, W& psi,
            state<W>& m) const {
    using T = attd::leaf_scalar_t<W>;
    attd::operations::finish(backend);
    m.count(0) += 1;
    const optimizers::detail::roll<T> roll{T(0.5), T(1), T(0.02 * factor)};
    attd::operations::each_number(backend, roll, psi, m.velocity, gradient);
  }
  index_t reset_interval() const { return 0; }
};

template <class T, class Backend>
auto adapted_by_counting() {
  const auto model = two_mambas();
  const auto m = attd::make_adaptive(model, adapters::log_low_rank{2},
                                     losses::output_error<>{{}, 1}, attd::controllers::fixed{4},
                                     counting_momentum{}, parameters_of<T>(model), Backend{});
  auto w = m.make_workspace();
  auto s = m.start();
  attd::adaptation::report r;
  const auto x = plant<T>(40, 0.2, 1);
  m.adapt(x.seen(), s, w, r);
  CHECK(r.accepted > 0);
  CHECK(s.state.count(0) == double(r.accepted));
  return s.psi;
}

template <class Backend>
auto model_on(Backend backend) {
  const auto model = two_mambas();
  return attd::make_adaptive(model, adapters::log_low_rank{2}, losses::output_error<>{{}, 1},
                             attd::controllers::fixed{3}, optimizers::adam{.rate = 0.01},
                             parameters_of<double>(model), backend);
}

}  // namespace

TEST_CASE("inner problem: gradients are right whatever is called in between") {
  const auto m = model_on(thrust_separate{});
  auto w = m.make_workspace();
  const auto x = plant<double>(40, 0.2, 1);
  const auto seen = x.seen();
  w.inner.prepare(std::span(&seen, 1), {0.25});
  const auto psi = moved(m.initial_weights(), 0.01), other = moved(m.initial_weights(), -0.3);
  auto expected = w.gradient, found = w.gradient;
  w.inner.evaluate(psi);
  w.inner.gradient(psi, expected);
  for (int i = 0; i < 3; ++i) {  // recorded and done again
    CAPTURE(i);
    w.inner.evaluate(psi);
    CHECK(w.inner.clamped_share(other) == 0);
    w.inner.gradient(psi, found);
    CHECK(same(found, expected));
  }
  // Into another tensor: the one before keeps its numbers.
  auto kept = found;
  std::swap(found.items, kept.items);
  w.inner.evaluate(other);
  w.inner.gradient(other, found);
  CHECK(same(kept, expected));
  CHECK_FALSE(same(found, expected));
}

TEST_CASE("inner problem: fast weights for several sequences, then for all of them") {
  const auto there = model_on(thrust_separate{});
  const auto here = model_on(thrust_cpp{});
  auto w = there.make_workspace();
  auto v = here.make_workspace();
  const auto x = plant<double>(40, 0.2, 1), y = plant<double>(30, 0.1, 2);
  const std::vector<attd::observation<double>> both{x.seen(), y.seen()};
  w.inner.prepare(both, {0.25});
  v.inner.prepare(both, {0.25});
  const auto one = moved(there.initial_weights(), 0.02);
  auto two = one;
  attd::for_each_leaf(
      [](auto& leaf, const auto& from) {
        attd::shape s = from.shape();
        s.extents[0] = 2;
        leaf.resize(s);
        for (index_t i = 0; i < leaf.size(); ++i) {
          leaf.data()[i] = from.data()[i % from.size()] + (i < from.size() ? 0.0 : 0.1);
        }
      },
      two, one);
  for (int i = 0; i < 3; ++i) {
    CHECK(w.inner.evaluate(two).loss == v.inner.evaluate(two).loss);
  }
  CHECK(w.inner.evaluate(one).loss == v.inner.evaluate(one).loss);
  CHECK(w.inner.evaluate(two).loss != w.inner.evaluate(one).loss);
}

TEST_CASE("inner problem: what a call has computed can be read when it returns") {
  const auto m = model_on(thrust_separate{});
  auto w = m.make_workspace();
  w.inner.apply(m.initial_weights());
  CHECK(late_calls::pending() == 0);
  CHECK(w.inner.effective()[0].matrix(0, 0, 0) == doctest::Approx(-1.0));
  attd::adaptation::report r;
  auto s = m.start();
  const auto x = plant<double>(40, 0.2, 1);
  m.adapt(x.seen(), s, w, r);
  CHECK(late_calls::pending() == 0);
  const auto dense =
      attd::make_adaptive(small_model(2), adapters::low_rank{2}, losses::output_error<>{{}, 1},
                          attd::controllers::fixed{3}, optimizers::gradient_descent{},
                          parameters_of<double>(small_model(2)), thrust_separate{});
  const std::vector<attd::observation<double>> seen{x.seen(), x.seen()};
  std::vector<typename decltype(dense)::session> sessions;
  std::vector<attd::adaptation::report> reports;
  attd::adaptation::lockstep together(dense);
  together.adapt(seen, sessions, reports);
  CHECK(late_calls::pending() == 0);
  CHECK(reports[0].clamped_share == 0);
}

TEST_CASE("optimisers of users: a state with counters of another type, wherever they stand") {
  CHECK(same(adapted_by_counting<float, thrust_separate>(),
             adapted_by_counting<float, thrust_cpp>()));
  CHECK(same(adapted_by_counting<double, thrust_separate>(),
             adapted_by_counting<double, thrust_cpp>()));
}

TEST_CASE("adapters: an infinite gradient of an entry that is held at a limit goes nowhere") {
  const attd::dynamics_layout layout{attd::dynamics_kind::real_table, 1, 2, 1};
  const adapters::low_rank adapter{.rank = 1};
  attd::dynamics<double> base, effective, d_out;
  base.matrix.assign({1, 1, 2}, -1.0);
  adapters::low_rank_weights<double> psi, g;
  psi.u.assign({1, 1, 1}, 1.0);
  psi.v.assign({1, 2, 1});
  psi.v(0, 0, 0) = 5;  // -1 + 5 is beyond -slowest
  psi.v(0, 1, 0) = 0.5;
  attd::zeros_like(psi, g);
  d_out.matrix.assign({1, 1, 2}, 1.0);
  d_out.matrix(0, 0, 0) = std::numeric_limits<double>::infinity();
  attd::dynamics<attd::none> no_base;
  adapter.pullback(layout, base, psi, d_out, no_base, g);
  CHECK(g.u(0, 0, 0) == 0.5);
  CHECK(g.v(0, 0, 0) == 0);
  thrust_cpp backend;
  adapter.pullback(backend, layout, base, psi, d_out, no_base, g);
  CHECK(g.u(0, 0, 0) == 1.0);
  CHECK(g.v(0, 0, 0) == 0);
}
