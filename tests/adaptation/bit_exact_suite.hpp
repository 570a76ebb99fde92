// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A sample's results are the same bits alone, in any batch, in any order, padded, with any threads.
// A test source invokes this with its number type and backend.
#pragma once

#include <doctest/doctest.h>

#include <adaptation/models.hpp>
#include <attd/adaptation/lockstep.hpp>
#include <attd/core/padding.hpp>
#include <attd/models/sequence_model.hpp>
#include <limits>
#include <numeric>

namespace attd_test::bit_exact {

using attd::observation;
using attd::sequences;
using attd::status;
namespace adaptation = attd::adaptation;

constexpr index_t lengths[] = {1, 2, 17, 64, 100};
constexpr index_t wanted_steps[] = {0, 1, 2, 4, 7};
constexpr std::size_t samples = 5;
constexpr std::size_t rejecting = 3;  // the sample whose guard part psi_0 fits best

// Looks the number of steps up by s.
struct steps_by_signal {
  std::vector<double> signals;
  std::vector<index_t> steps;
  index_t plan(double s) const {
    for (std::size_t i = 0; i < signals.size(); ++i) {
      if (signals[i] == s) return steps[i];
    }
    return 0;
  }
  bool proceed(const attd::step_view& v) const { return v.step < plan(v.signal); }
};

// What a sample's adaptation and prediction gave.
template <class T, class Session>
struct outcome {
  Session session;
  adaptation::report report;
  tensor<T> prediction;
};
template <class T, class S>
bool same_outcome(const outcome<T, S>& a, const outcome<T, S>& b) {
  return same_report(a.report, b.report) && same_bits(a.session.psi, b.session.psi) &&
         same_bits(a.session.state, b.session.state) && a.session.steps == b.session.steps &&
         same_bits(a.prediction, b.prediction);
}

template <class T>
std::vector<signal<T>> inputs() {
  std::vector<signal<T>> x;
  for (std::size_t i = 0; i < samples; ++i) {
    const index_t n = lengths[i];
    signal<T> s{tensor<T>({n, 2}), tensor<T>({n, 1}), 100 + i};
    attd::random_stream random{3, i};
    for (index_t t = 0; t < n; ++t) {
      for (index_t c = 0; c < 2; ++c) s.input(t, c) = T(random.normal());
      s.measured(t, 0) = T(random.normal() + 0.5 * s.input(t, 0));
    }
    x.push_back(s);
  }
  return x;
}

// All samples of one array [sample, time, channel], NaN behind each.
template <class T>
tensor<T> padded(const std::vector<signal<T>>& x, const std::vector<std::size_t>& order,
                 bool measured) {
  const index_t channels = measured ? 1 : 2;
  tensor<T> all({static_cast<index_t>(order.size()), 103, channels},
                std::numeric_limits<T>::quiet_NaN());
  for (std::size_t b = 0; b < order.size(); ++b) {
    const auto& from = measured ? x[order[b]].measured : x[order[b]].input;
    for (index_t t = 0; t < from.extent(0); ++t) {
      for (index_t c = 0; c < channels; ++c) all(static_cast<index_t>(b), t, c) = from(t, c);
    }
  }
  return all;
}

// The whole law for one model, number type and backend.
template <class T, class Backend, class Model, class Adapter>
void check_bit_exact(const Model& model, const Adapter& adapter, double rate) {
  auto x = inputs<T>();
  auto m = attd::make_adaptive(model, adapter, attd::losses::output_error<>{{}, 1},
                               steps_by_signal{}, attd::optimizers::momentum{.rate = rate},
                               parameters_of<T>(model), Backend{}, {.adapted = {0, 2}});
  using session = typename decltype(m)::session;
  using workspace = typename decltype(m)::workspace;
  auto w = m.make_workspace();
  auto& fitted = x[rejecting];  // on its last quarter psi_0 is right: every step makes it worse
  const auto output = m.predict(sequences::single(lengths[rejecting]), fitted.model_input(),
                                m.initial_weights(), w);
  for (index_t t = lengths[rejecting] - 15; t < lengths[rejecting]; ++t) {
    fitted.measured(t, 0) = output.at(t, 0);
  }
  steps_by_signal controller;
  for (std::size_t i = 0; i < samples; ++i) {
    const auto plan = m.dry_run(x[i].seen(), m.start(), w);
    CHECK((plan.status == status::too_short) == (i == 0));
    controller.signals.push_back(plan.signal);
    controller.steps.push_back(wanted_steps[i]);
  }
  m.set_controller(controller);

  // Alone, each with a workspace of its own.
  std::vector<outcome<T, session>> alone;
  for (const auto& sample : x) {
    outcome<T, session> o{m.start(), {}, {}};
    auto own = m.make_workspace();
    m.adapt(sample.seen(), o.session, own, o.report);
    o.prediction = copy_of(m.predict(sequences::single(sample.input.extent(0)),
                                     sample.model_input(), o.session.psi, own));
    alone.push_back(o);
  }
  for (std::size_t i = 0; i < samples; ++i) {
    CAPTURE(i);
    CHECK(alone[i].report.requested == wanted_steps[i]);
    CHECK(alone[i].report.attempted == wanted_steps[i]);
    CHECK((alone[i].session.steps > 0) == (i != 0 && alone[i].report.accepted > 0));
    CHECK(alone[i].session.psi[1].u.empty());
  }
  CHECK(alone[0].report.status == status::too_short);
  CHECK(alone[rejecting].report.status == status::stopped_by_rejections);
  CHECK(alone[rejecting].report.accepted == 0);
  CHECK(alone[4].report.accepted == 7);

  const std::vector<std::vector<std::size_t>> orders{
      {0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 3, 1}, {3, 3, 4}, {2}};
  for (const auto& order : orders) {
    // The samples lie in a padded array, NaN behind each.
    const auto input = padded(x, order, false), measured = padded(x, order, true);
    std::vector<observation<T>> seen;
    std::vector<index_t> sizes;
    for (std::size_t b = 0; b < order.size(); ++b) {
      const auto at = static_cast<index_t>(b);
      sizes.push_back(lengths[order[b]]);
      seen.push_back({attd::unpadded(input.view(), at, sizes[b]),
                      attd::unpadded(measured.view(), at, sizes[b]),
                      {},
                      100 + order[b]});
    }
    for (std::size_t threads : {1u, 2u}) {
      CAPTURE(threads);
      std::vector<session> sessions;
      std::vector<adaptation::report> reports;
      std::vector<workspace> workspaces;
      for (std::size_t t = 0; t < threads; ++t) workspaces.push_back(m.make_workspace());
      for (int round = 0; round < 2; ++round) {  // used memory must not matter
        m.adapt_batch(seen, sessions, reports, workspaces);
        for (std::size_t b = 0; b < order.size(); ++b) {
          outcome<T, session> o{sessions[b], reports[b], {}};
          o.prediction = copy_of(m.predict(sequences::single(sizes[b]), {seen[b].input, {}},
                                           sessions[b].psi, workspaces[b % threads]));
          CHECK(same_outcome(o, alone[order[b]]));
        }
      }
    }
    // All of them in lockstep: one forward and one backward for those that take a step. In groups
    // of several, and of one.
    for (const index_t most_tokens :
         {std::numeric_limits<index_t>::max(), index_t{150}, index_t{1}}) {
      CAPTURE(most_tokens);
      adaptation::lockstep together(m, most_tokens);
      std::vector<session> sessions;
      std::vector<adaptation::report> reports;
      for (int round = 0; round < 2; ++round) {
        together.adapt(seen, sessions, reports);
        for (std::size_t b = 0; b < order.size(); ++b) {
          CAPTURE(order[b]);
          outcome<T, session> o{sessions[b], reports[b], alone[order[b]].prediction};
          CHECK(same_outcome(o, alone[order[b]]));
        }
      }
    }
    // All of them predicted in one packed batch under one psi.
    sequences batch;
    tensor<T> packed, unpacked;
    attd::pack_padded(input.view(), sizes, batch, packed);
    const auto& psi = alone[4].session.psi;
    attd::unpack_padded(m.predict(batch, {std::as_const(packed).view(), {}}, psi, w), batch, 103,
                        unpacked);
    for (std::size_t b = 0; b < order.size(); ++b) {
      const auto& sample = x[order[b]];
      const auto single =
          copy_of(m.predict(sequences::single(sizes[b]), sample.model_input(), psi, w));
      const auto row = std::as_const(unpacked).view()[static_cast<index_t>(b)];
      CHECK(same_bits(copy_of(row.row_range(0, sizes[b])), single));
      CHECK(row.at(102, 0) == T(0));
    }
  }
}

inline small_net three_layers() {
  small_net m = small_model(3);
  m.input = 2;
  m.state = 6;
  m.width = 3;
  return m;
}
inline attd::models::forecaster<> three_mambas() {
  attd::models::forecaster<> m;
  m.encoder = {2, 8};
  m.block.width = 8;
  m.block.state_size = 4;
  m.head = {8, 1};
  m.depth = 3;
  return m;
}

// What a suite runs on: number type and backend.
template <class T, class B>
struct kind {
  using scalar = T;
  using backend = B;
};

TEST_CASE_TEMPLATE_DEFINE("dense layers: a sample's bits do not depend on batch, order or threads",
                          Kind, dense_layers) {
  check_bit_exact<typename Kind::scalar, typename Kind::backend>(three_layers(),
                                                                 attd::adapters::low_rank{2}, 0.01);
}
TEST_CASE_TEMPLATE_DEFINE("Mamba layers: a sample's bits do not depend on batch, order or threads",
                          Kind, mamba_layers) {
  check_bit_exact<typename Kind::scalar, typename Kind::backend>(
      three_mambas(), attd::adapters::log_low_rank{2}, 2);
}

}  // namespace attd_test::bit_exact
