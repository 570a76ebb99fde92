// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An adapter with one number: A = (1 + c) A_0, for plants whose damping changes.
#include <attd/attd.hpp>
#include <attd/testing/adapter_laws.hpp>
#include <complex>
#include <cstdio>
#include <string>

using attd::dynamics;
using attd::dynamics_layout;
using attd::index_t;
using example = attd::tasks::example<double>;

// The fast weights psi: a plain aggregate of tensors with a leading dimension 1 and the names under
// which they are saved. Optimisers, files and reports walk over it, so nothing else is to be done.
template <class T>
struct damping_weights {
  attd::tensor<T> c;  // [1, 1]
  static constexpr std::tuple names{"c"};
};

// Why one number? If all modes of a linear plant lose their energy faster, every eigenvalue of A
// shrinks by the same factor. An adapter that can say this and nothing else needs very little data
// and cannot fit noise.
struct damping {
  template <class T>
  using fast_weights = damping_weights<T>;
  static constexpr bool adapts_timescale = false;

  // psi_0: no change, so that an input that is not adapted to gets the trained model.
  template <class T>
  void initialize(const dynamics_layout&, attd::random_stream, fast_weights<T>& psi) const {
    psi.c.assign({1, 1});
  }

  // The effective dynamics. Number types differ on purpose: base and psi may each be plain or dual.
  template <class P, class D, class S, class Tau>
  void apply(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
             dynamics<S, Tau>& out) const {
    out.matrix.resize({1, layout.rows, layout.columns});
    const D factor = D(1) + D(psi.c(0, 0));
    for (index_t i = 0; i < layout.rows; ++i) {
      for (index_t j = 0; j < layout.columns; ++j) {
        out.matrix(0, i, j) = S(P(base.matrix(0, i, j)) * factor);
      }
    }
  }

  // The transposed derivative of `apply`: given dL/dA, add dL/dc and, if somebody asks, dL/dA_0.
  template <class P, class D, class S, class Tau, class DB, class G>
  void pullback(const dynamics_layout& layout, const dynamics<P>& base, const fast_weights<D>& psi,
                const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const {
    const D factor = D(1) + D(psi.c(0, 0));
    for (index_t i = 0; i < layout.rows; ++i) {
      for (index_t j = 0; j < layout.columns; ++j) {
        const S d = d_out.matrix(0, i, j);
        d_psi.c(0, 0) += G(d * P(base.matrix(0, i, j)));
        // At test time the base is frozen: DB is `none` and this line is not even compiled.
        if constexpr (!std::is_same_v<DB, attd::none>) d_base.matrix(0, i, j) += d * factor;
      }
    }
  }

  // Makes the change alpha times what it was. The engine asks for it when A has lost its stability
  // certificate, so an adapter need not know anything about stability.
  template <class Alpha, class T>
  void shrink(const Alpha& alpha, fast_weights<T>& psi) const {
    psi.c(0, 0) = T(psi.c(0, 0)) * T(alpha);
  }
};
static_assert(attd::check_adapter<damping>());

// A plant of two resonances driven by noise u, y measured; `loss` multiplies both dampings.
example record(double loss, std::uint64_t index) {
  auto random = attd::random_stream{5}.split(index);
  std::complex<double> slow, quick;
  example e;
  e.input.resize({192, 1});
  e.target.resize({192, 1});
  e.split = 32;  // short: there is little to learn from
  for (index_t t = 0; t < e.length(); ++t) {
    const double u = random.normal();
    slow = slow * std::polar(std::exp(-0.02 * loss), 0.3) + 0.2 * u;
    quick = quick * std::polar(std::exp(-0.02 * loss), 0.9) + 0.2 * u;
    e.input(t, 0) = u;
    e.target(t, 0) = slow.real() + quick.real() + 0.1 * random.normal();
  }
  return e;
}

template <class Adapter, class Optimizer>
void adapt_with(const char* name, const Adapter& adapter, const Optimizer& optimizer,
                const attd::models::dynamics_net<>& model,
                const attd::models::dynamics_net<>::parameters<double>& theta) {
  const auto adaptive =
      attd::make_adaptive(model, adapter, attd::losses::output_error<>{},
                          attd::controllers::fixed{40}, optimizer, theta, attd::default_backend{});
  auto workspace = adaptive.make_workspace();
  attd::adaptation::report report;
  double before = 0, after = 0, margin = 1;
  const index_t count = 12;
  for (index_t i = 0; i < count; ++i) {
    const auto e = record(6, 5000 + std::uint64_t(i));
    auto session = adaptive.start();
    before += attd::tasks::scored_error(adaptive, e, session.psi, workspace) / double(count);
    adaptive.adapt(attd::tasks::observe_plant(e), session, workspace, report);
    after += attd::tasks::scored_error(adaptive, e, session.psi, workspace) / double(count);
    margin = std::min(margin, report.smallest_margin());
  }
  std::printf("%-8s: %3td numbers, error %.4f -> %.4f, smallest stability margin %.3f\n", name,
              attd::count_scalars(adaptive.initial_weights()), before, after, margin);
}

int main() {
  // Exact derivatives, purity, and that shrink does what it says, measured on this adapter for the
  // kind of dynamics that it is for. Small sizes that differ show mixed-up indices best.
  const dynamics_layout layout{attd::dynamics_kind::dense_discrete, 4, 4, 0};
  const auto broken =
      attd::testing::violated_laws(attd::testing::measure_adapter_laws(damping{}, layout));
  for (const auto& text : broken) std::printf("%s\n", text.c_str());
  std::printf("laws of Adapter broken: %zu\n", broken.size());

  std::vector<example> train;
  for (std::uint64_t i = 0; i < 128; ++i) train.push_back(record(1, i));
  const attd::models::dynamics_net<> model{.state = 4};  // as many as the plant has
  const auto theta =
      attd::training::fit(model, train, {.schedule = {0.01, 50, 1500}}, attd::default_backend{});
  // Both dampings are now six times as large.
  const attd::optimizers::adam adam{.rate = 0.02};
  adapt_with("low_rank", attd::adapters::low_rank{}, adam, model, theta);
  adapt_with("damping", damping{}, adam, model, theta);
  return broken.empty() ? 0 : 1;
}
