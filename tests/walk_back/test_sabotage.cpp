// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What is wrong is caught: derivatives that are off by one per cent, or silently missing.
#include <attd/losses/next_value.hpp>
#include <attd/losses/output_error.hpp>
#include <walk_back/models.hpp>

using namespace attd_test;
namespace adapters = attd::adapters;
namespace losses = attd::losses;
namespace optimizers = attd::optimizers;

namespace {

enum class mistake { none, leaf, base };

/// Low-rank change whose pullback is 1 % off in U, or forgets part of the base dynamics.
template <mistake Mistake>
struct careless_low_rank {
  adapters::low_rank right{2};

  template <class T>
  using fast_weights = adapters::low_rank_weights<T>;
  static constexpr bool adapts_timescale = false;

  template <class T>
  void initialize(const attd::dynamics_layout& layout, attd::random_stream random,
                  fast_weights<T>& psi) const {
    right.initialize(layout, random, psi);
  }
  template <class P, class D, class S, class Tau>
  void apply(const attd::dynamics_layout& layout, const attd::dynamics<P>& base,
             const fast_weights<D>& psi, attd::dynamics<S, Tau>& out) const {
    right.apply(layout, base, psi, out);
  }
  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const attd::dynamics_layout& layout, const attd::dynamics<P>& base,
                const fast_weights<D>& psi, const attd::dynamics<S, Tau>& d_out,
                attd::dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    right.pullback(layout, base, psi, d_out, d_base, d_psi);
    if constexpr (Mistake == mistake::leaf) scale(G(1.01), d_psi.u);
    if constexpr (Mistake == mistake::base && !std::is_same_v<DB, attd::none>) {
      d_base.matrix(0, 0, 0) = DB(d_base.matrix(0, 0, 0)) * DB(0.99);
    }
  }
  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    right.shrink(alpha, psi);
  }

 private:
  template <class G>
  static void scale(const G& factor, tensor<G>& leaf) {
    const auto v = leaf.view();
    for (index_t i = 0; i < v.rows(); ++i) {
      for (index_t j = 0; j < v.columns(); ++j) v.at(i, j) = G(v.at(i, j)) * factor;
    }
  }
};

/// Squared error whose backward says 1 % too much where the target is positive.
struct careless_rows : losses::elementwise_rows<> {
  template <class Backend, class S, class T>
  void backward(Backend& backend, attd::view<const S> output, const losses::inner_data<T>& data,
                attd::view<const T> weight, losses::loss_scratch<S>& scratch,
                attd::view<S> d_output) const {
    losses::elementwise_rows<>::backward(backend, output, data, weight, scratch, d_output);
    for (index_t r = 0; r < output.rows(); ++r) {
      for (index_t c = 0; c < output.columns(); ++c) {
        if (data.target(r, c) > T(0)) d_output.at(r, c) = S(d_output.at(r, c)) * S(1.01);
      }
    }
  }
};
struct careless_next_value : careless_rows {
  static constexpr bool requires_causal = true;

  template <class T>
  index_t least_length(const attd::observation<T>& o) const {
    return losses::next_value<>{}.least_length(o);
  }
  template <class T>
  void prepare(std::span<const attd::observation<T>> group, const losses::guard_split& split,
               losses::inner_data<T>& data) const {
    losses::next_value<>{}.prepare(group, split, data);
  }
};

/// Descent with a normalised gradient; `Hidden`: the norm is computed past the derivative.
template <bool Hidden>
struct normalized_descent {
  double rate = 0.1;

  template <class W>
  using state = optimizers::no_state<W>;
  template <class W>
  void initialize(const W&, state<W>&) const {}
  template <class W>
  void step(index_t, double factor, const W& gradient, W& psi, state<W>&) const {
    using T = attd::leaf_scalar_t<W>;
    T sum(0.01);
    const auto for_each = [](auto f, auto& first, auto&... rest) {
      optimizers::detail::for_each_scalar(f, first, rest...);
    };
    for_each([&](const auto& g) { sum += T(g) * T(g); }, gradient);
    if constexpr (Hidden) sum = T(attd::primal(sum));
    const T scale = T(rate * factor) / attd::sqrt(sum);
    for_each([&](auto&& p, const auto& g) { p = T(p) - scale * T(g); }, psi, gradient);
  }
  index_t reset_interval() const { return 0; }
};

template <class Adapter, class Loss, class Optimizer, class TaskLoss>
walk_errors measure(const Adapter& adapter, const Loss& loss, const Optimizer& optimizer,
                    const TaskLoss& task, double signal) {
  const auto [model, data, noise, distance] = walk_net<attd::blocks::time_domain::discrete>();
  auto m = attd::make_adaptive(model, adapter, loss, attd::controllers::fixed{3}, optimizer,
                               walk_parameters(model, noise), attd::reference{}, take_every_step());
  auto near = m.initial_weights();
  add_noise(distance, 7, near);
  m.set_initial_weights(near);
  const auto group = data.group();
  return attd::testing::measure_walk_back(
      m, task, std::span<const attd::observation<double>>(group), data.fill(), outer_of(2, signal));
}
template <class Adapter, class Loss, class Optimizer>
walk_errors measure(const Adapter& adapter, const Loss& loss, const Optimizer& optimizer) {
  return measure(adapter, loss, optimizer, value_rows{}, 0.0);
}
void expect_caught(const walk_errors& e) {
  CAPTURE(e.theta);
  CAPTURE(e.psi0);
  CHECK(e.accepted == 2);
  CHECK(e.largest() > 1e-4);
}
void expect_right(const walk_errors& e) {
  walk_summary s;
  s.add(e, 2, "");
  expect_exact(s);
  CHECK(s.missing == 0);
}

}  // namespace

TEST_CASE("sabotage: a pullback of an adapter that is one per cent off in one leaf is caught") {
  const losses::next_value<> loss;
  const optimizers::gradient_descent descent{.rate = 0.1};
  expect_right(measure(careless_low_rank<mistake::none>{}, loss, descent));
  expect_caught(measure(careless_low_rank<mistake::leaf>{}, loss, descent));
}

TEST_CASE("sabotage: a pullback that is one per cent off in one number of the base is caught") {
  const losses::next_value<> loss;
  expect_caught(
      measure(careless_low_rank<mistake::base>{}, loss, optimizers::gradient_descent{.rate = 0.1}));
}

TEST_CASE("sabotage: a task loss or an internal loss whose backward is wrong is caught") {
  const optimizers::gradient_descent descent{.rate = 0.1};
  expect_caught(
      measure(adapters::low_rank{2}, losses::next_value<>{}, descent, careless_rows{}, 0));
  // Its loss value enters the outer loss through the signal only; else the walk is that of another
  // loss, which has the gradient that this one claims.
  expect_right(measure(adapters::low_rank{2}, careless_next_value{}, descent));
  expect_caught(measure(adapters::low_rank{2}, careless_next_value{}, descent, value_rows{}, 0.7));
}

TEST_CASE("sabotage: an optimiser that computes past the derivative is caught") {
  const losses::next_value<> loss;
  expect_right(measure(adapters::low_rank{2}, loss, normalized_descent<false>{}));
  expect_caught(measure(adapters::low_rank{2}, loss, normalized_descent<true>{}));
}
