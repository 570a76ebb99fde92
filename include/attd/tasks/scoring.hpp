// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Predicting an example and scoring the part that adaptation has not seen.
#pragma once

#include <algorithm>
#include <attd/core/math.hpp>
#include <attd/core/sequence_input.hpp>
#include <attd/core/sequences.hpp>
#include <attd/tasks/example.hpp>
#include <attd/tasks/observe.hpp>
#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace attd::tasks {

/// The output of an `adaptive_model` for a whole example, from its first token, under the fast
/// weights psi; valid until the workspace is used again. The last token of a text has no target
/// and is not read.
/// *Shapes*: [time, output]; tokens: [time - 1, vocabulary].
template <class Adaptive, class T>
view<const T> predict(const Adaptive& model, const example<T>& e,
                      const typename Adaptive::weights& psi,
                      typename Adaptive::workspace& workspace) {
  const bool tokens = !e.ids.empty();
  const index_t n = tokens ? e.length() - 1 : e.length();
  sequence_input<T> input;
  if (tokens) {
    input.ids = std::span(e.ids).first(static_cast<std::size_t>(n));
  } else {
    input.values = e.input.view();
  }
  return model.predict(sequences::single(n), input, psi, workspace);
}

/// Mean error over what comes after the context: squared error per number, or nats per token.
///
/// *Formula*: mean over t >= split and outputs c of (y_tc - target_tc)^2; tokens: mean over
/// t >= split of -log softmax(y_{t-1})[ids_t]. *Errors*: shapes; nothing to be scored.
template <class T>
double scored_error(view<const T> y, const example<T>& e) {
  double sum = 0;
  if (e.ids.empty()) {
    expect_shape("scored_error", "the output", y.shape(), e.target.shape());
    expect_split("scored_error", e.split, e.length());
    for (index_t t = e.split; t < e.length(); ++t) {
      for (index_t c = 0; c < y.columns(); ++c) {
        sum += square(double(y.at(t, c)) - double(e.target(t, c)));
      }
    }
    return sum / double((e.length() - e.split) * y.columns());
  }
  const index_t last = e.length() - 1;
  expect_equal("scored_error", "the number of output rows", y.rows(), last);
  const index_t first = std::max<index_t>(e.split, 1);  // nothing is said about token 0
  expect_split("scored_error", first, e.length());
  for (index_t t = first; t <= last; ++t) {
    double largest = double(y.at(t - 1, 0)), total = 0;
    for (index_t c = 1; c < y.columns(); ++c) {
      largest = std::max(largest, double(y.at(t - 1, c)));
    }
    for (index_t c = 0; c < y.columns(); ++c) total += std::exp(double(y.at(t - 1, c)) - largest);
    sum += std::log(total) + largest - double(y.at(t - 1, e.ids[static_cast<std::size_t>(t)]));
  }
  return sum / double(last - first + 1);
}

/// Predicts an example under psi and scores it.
template <class Adaptive, class T>
double scored_error(const Adaptive& model, const example<T>& e,
                    const typename Adaptive::weights& psi,
                    typename Adaptive::workspace& workspace) {
  return scored_error(predict(model, e, psi, workspace), e);
}

/// Sets the scale of the ponder signal of an `adaptive_model` so that s has mean 0 and deviation 1
/// over these observations at psi_0: pass training inputs, and a controller's thresholds are in
/// standard deviations of what is normal. *Cost*: one forward each.
/// *Errors*: fewer than two observations with a finite loss, or all with the same.
template <class Adaptive, class T>
void standardize_signal(Adaptive& model, std::span<const observation<T>> observations) {
  auto workspace = model.make_workspace();
  const auto session = model.start();
  model.set_signal_scale({});
  std::vector<double> losses;
  for (const auto& o : observations) {
    const double s = model.dry_run(o, session, workspace).signal;
    if (is_finite(s)) losses.push_back(std::exp(s));
  }
  using scale = std::remove_cvref_t<decltype(model.options().signal)>;
  model.set_signal_scale(scale::from_losses(losses));
}

/// The same over the contexts of forecasting or token examples.
template <class Adaptive, class T>
void standardize_signal(Adaptive& model, const std::vector<example<T>>& examples) {
  std::vector<observation<T>> observations;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    observations.push_back(observe(examples[i], i));
  }
  standardize_signal(model, std::span<const observation<T>>(observations));
}

}  // namespace attd::tasks
