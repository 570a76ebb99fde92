// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Everything that training through adaptation learns, as one aggregate.
#pragma once

#include <attd/adaptation/report.hpp>
#include <attd/controllers/threshold.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/settings.hpp>
#include <cmath>
#include <utility>
#include <vector>

namespace attd::training {

/// Base parameters, psi_0, settings of the inner optimiser, thresholds, and the frozen statistics
/// of s; a plain aggregate, so saving, comparing and updating need no code of their own.
template <class Parameters, class Weights>
struct meta_parameters {
  Parameters theta;
  Weights psi0;             ///< where every input starts; fixed at test time, never redrawn
  tensor<double> settings;  ///< logarithms of the optimiser's positive settings, in field order
  tensor<double> first;     ///< [1] t_1
  tensor<double> raw_gaps;  ///< [Kmax - 1], see controllers::threshold
  /// [3] mean and deviation of log L_int at psi_0 over earlier batches, and how many there were;
  /// constants to every gradient.
  tensor<double> signal;
  static constexpr std::tuple names{"theta", "psi0", "settings", "first", "raw_gaps", "signal"};
};

/// Puts the optimiser's settings into `log_settings`: log(value), NaN-free; a setting that is not
/// positive (a switch that is off, a layer that does not adapt) is kept as it is and not learned.
template <class Optimizer>
void read_settings(const Optimizer& o, tensor<double>& log_settings) {
  log_settings.assign({count_settings(o)});
  index_t i = 0;
  for_each_setting(
      [&](const auto& x) {
        log_settings(i) = double(x) > 0 ? std::log(double(x)) : 0.0;
        ++i;
      },
      o);
}

/// Puts learned settings back: exp(log) where the optimiser's own is positive.
template <class Optimizer>
void write_settings(const tensor<double>& log_settings, Optimizer& o) {
  index_t i = 0;
  for_each_setting(
      [&](auto& x) {
        using R = std::remove_cvref_t<decltype(x)>;
        if (double(x) > 0) x = R(std::exp(log_settings(i)));
        ++i;
      },
      o);
}

/// Which settings are learned unless the caller says otherwise: the first one (the rate), and every
/// number in a tensor (rates per layer or parameter).
template <class Optimizer>
std::vector<char> settings_learned_by_default(const Optimizer& o) {
  std::vector<char> mask;
  const auto visit = [&](const auto& self, const auto& part, bool in_tensor) -> void {
    using S = std::remove_cvref_t<decltype(part)>;
    if constexpr (std::is_floating_point_v<S>) {
      mask.push_back(in_tensor || mask.empty() ? 1 : 0);
    } else if constexpr (is_tensor_v<S>) {
      for (index_t i = 0; i < part.size(); ++i) self(self, part.data()[i], true);
    } else if constexpr (attd::detail::is_layers<S>::value) {
      for (index_t i = 0; i < part.count(); ++i) self(self, part[i], in_tensor);
    } else if constexpr (std::is_aggregate_v<S> && !std::is_integral_v<S>) {
      boost::pfr::for_each_field(part, [&](const auto& field) { self(self, field, in_tensor); });
    }
  };
  visit(visit, o, false);
  return mask;
}

/// The threshold controller of learned numbers.
template <class Meta>
controllers::threshold learned_thresholds(const Meta& p) {
  controllers::threshold c;
  c.first = p.first;
  c.raw_gaps = p.raw_gaps;
  return c;
}

/// The scale of s that was frozen with the parameters.
template <class Meta>
adaptation::signal_scale learned_signal(const Meta& p) {
  adaptation::signal_scale s;
  s.mean = p.signal(0);
  s.deviation = p.signal(1);
  return s;
}

namespace detail {
// The deviation of one number, or of equal ones, is taken as 1: s is then not scaled.
inline std::pair<double, double> mean_and_deviation(const std::vector<double>& x) {
  double mean = 0, square_sum = 0;
  for (double v : x) mean += v / double(x.size());
  for (double v : x) square_sum += (v - mean) * (v - mean);
  const double deviation = x.size() > 1 ? std::sqrt(square_sum / double(x.size() - 1)) : 0.0;
  return {mean, deviation > 0 ? deviation : 1.0};
}
}  // namespace detail

/// Statistics of s from the log losses of a first batch; nothing where there are none.
inline void start_statistics(const std::vector<double>& log_losses, tensor<double>& signal) {
  if (log_losses.empty()) return;
  const auto [mean, deviation] = detail::mean_and_deviation(log_losses);
  signal(0) = mean;
  signal(1) = deviation;
  signal(2) = 1;
}

/// Moves the statistics of s towards those of one more batch: old momentum + new (1 - momentum).
inline void continue_statistics(const std::vector<double>& log_losses, double momentum,
                                tensor<double>& signal) {
  if (log_losses.empty()) return;
  const auto [mean, deviation] = detail::mean_and_deviation(log_losses);
  signal(0) = momentum * signal(0) + (1 - momentum) * mean;
  signal(1) = momentum * signal(1) + (1 - momentum) * deviation;
  signal(2) += 1;
}

}  // namespace attd::training
