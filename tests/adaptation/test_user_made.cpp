// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An adapter, a loss and a controller as a user would write them, working together.
#include <doctest/doctest.h>

#include <adaptation/inner_check.hpp>

using namespace attd_test;
namespace adaptation = attd::adaptation;

namespace {

// Adapter: A = A_0 diag(exp(g)), one gain for every state.
template <class T>
struct gain_weights {
  tensor<T> gain;  // [1, state]
  static constexpr std::tuple names{"gain"};
};
struct state_gains {
  template <class T>
  using fast_weights = gain_weights<T>;
  static constexpr bool adapts_timescale = false;

  template <class T>
  void initialize(const attd::dynamics_layout& layout, attd::random_stream,
                  fast_weights<T>& psi) const {
    psi.gain.assign({1, layout.columns});
  }
  template <class P, class D, class S, class Tau>
  void apply(const attd::dynamics_layout& layout, const attd::dynamics<P>& base,
             const fast_weights<D>& psi, attd::dynamics<S, Tau>& out) const {
    out.matrix.resize({1, layout.rows, layout.columns});
    for (index_t i = 0; i < layout.rows; ++i) {
      for (index_t j = 0; j < layout.columns; ++j) {
        out.matrix(0, i, j) = S(P(base.matrix(0, i, j)) * attd::exp(D(psi.gain(0, j))));
      }
    }
  }
  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const attd::dynamics_layout& layout, const attd::dynamics<P>& base,
                const fast_weights<D>& psi, const attd::dynamics<S, Tau>& d_out,
                attd::dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    for (index_t i = 0; i < layout.rows; ++i) {
      for (index_t j = 0; j < layout.columns; ++j) {
        const D factor = attd::exp(D(psi.gain(0, j)));
        const G g = S(d_out.matrix(0, i, j)) * factor;
        d_psi.gain(0, j) += g * P(base.matrix(0, i, j));
        if constexpr (!std::is_same_v<DB, attd::none>) d_base.matrix(0, i, j) += g;
      }
    }
  }
  // exp(g) - 1 becomes alpha times itself.
  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    for (index_t j = 0; j < psi.gain.size(); ++j) {
      const T change = attd::exp(T(psi.gain(0, j))) - T(1);
      psi.gain(0, j) = attd::log1p(T(alpha) * change);
    }
  }
};
static_assert(attd::check_adapter<state_gains>());

// Loss: one formula.
struct pseudo_huber {
  template <class T>
  T operator()(T prediction, T target) const {
    return attd::sqrt(attd::square(prediction - target) + T(0.01)) - T(0.1);
  }
};
static_assert(attd::check_internal_loss<pseudo_huber>());

// Controller: goes on while steps still pay, for hard inputs only.
struct while_it_pays {
  double level = 0, least_gain = 0.01;
  index_t most = 40;
  bool proceed(const attd::step_view& v) const {
    if (v.signal <= level || v.step >= most) return false;
    const auto n = v.signals.size();
    return n < 3 || v.signals[n - 3] - v.signals[n - 1] > least_gain;
  }
};
static_assert(attd::check_controller<while_it_pays>());

template <class T>
auto composed(const while_it_pays& controller) {
  const small_net model = small_model();
  return attd::make_adaptive(model, state_gains{}, pseudo_huber{}, controller,
                             attd::optimizers::gradient_descent{.rate = 0.3, .clip = 0},
                             parameters_of<T>(model), attd::reference{});
}

// Mean squared error of the model on what comes after the context.
template <class Model, class Weights>
double error_after(const Model& m, const signal<double>& x, index_t context, const Weights& psi) {
  const auto y = prediction(m, x, psi);
  double sum = 0;
  for (index_t t = context; t < y.extent(0); ++t) sum += attd::square(y(t, 0) - x.measured(t, 0));
  return sum / double(y.extent(0) - context);
}

}  // namespace

TEST_CASE("a user's adapter and formula have exact derivatives in double and in dual numbers") {
  const auto a = plant(14, 0.3, 1), b = plant(9, 0.3, 2);
  for (double noise : {0.0, 0.1}) {
    const auto e = check_inner<attd::reference>(small_model(), state_gains{}, pseudo_huber{},
                                                {a.seen(), b.seen()}, noise);
    CAPTURE(e.gradient);
    CAPTURE(e.tangent);
    CAPTURE(e.second_order);
    CHECK(accurate(e));
  }
}

TEST_CASE("a user's adapter, formula and controller adapt to a shifted plant") {
  const auto m = composed<double>({-4.0});
  for (std::uint64_t key = 0; key < 5; ++key) {
    CAPTURE(key);
    const auto x = plant(160, 0.3, key);
    constexpr index_t context = 100;
    const attd::observation<double> seen{
        x.seen().input.row_range(0, context), x.seen().measured.row_range(0, context), {}, key};
    auto w = m.make_workspace();
    auto s = m.start();
    adaptation::report r;
    m.adapt(seen, s, w, r);
    CHECK(r.accepted > 2);
    CHECK(r.requested == r.attempted);
    CHECK(r.smallest_margin() > 0);
    CHECK(error_after(m, x, context, s.psi) <
          0.3 * error_after(m, x, context, m.initial_weights()));
  }
}

TEST_CASE("a user's controller leaves easy inputs alone") {
  const auto m = composed<double>({-4.0});
  adaptation::report r;
  const auto s = adapted(m, plant(100, 0, 3), r);
  CHECK(r.signal < -4.0);
  CHECK(r.status == attd::status::no_steps);
  CHECK(same_bits(s.psi, m.initial_weights()));
}

TEST_CASE("a user's parts work in float too") {
  const auto m = composed<float>({-4.0});
  auto w = m.make_workspace();
  auto s = m.start();
  adaptation::report r;
  m.adapt(plant<float>(100, 0.3, 1).seen(), s, w, r);
  CHECK(r.accepted > 2);
  CHECK(r.losses.back() < 0.5 * r.losses.front());
}

TEST_CASE("a user's adapter that makes dynamics unstable is scaled back by its own shrink") {
  state_gains adapter;
  gain_weights<double> psi;
  psi.gain.assign({1, 2});
  psi.gain(0, 0) = 0.7;
  psi.gain(0, 1) = -0.4;
  const auto before = psi;
  adapter.shrink(0.25, psi);
  for (index_t j = 0; j < 2; ++j) {
    CHECK(std::expm1(psi.gain(0, j)) ==
          doctest::Approx(0.25 * std::expm1(before.gain(0, j))).epsilon(1e-14));
  }
  const small_net model = small_model();
  const auto m = attd::make_adaptive(model, state_gains{}, pseudo_huber{},
                                     attd::controllers::fixed{2}, push{0.1}, parameters_of(model),
                                     attd::reference{}, {.least_improvement = -1e9});
  adaptation::report r;
  const auto s = adapted(m, plant(40, 0, 1), r);
  CAPTURE(r.rejected);
  CHECK(r.scaled_back > 0);
  CHECK(r.accepted > 0);
  CHECK(r.smallest_margin() > 0);
  CHECK(s.psi[0].gain(0, 0) > 0);
}
