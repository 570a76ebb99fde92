// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Everything that training through adaptation learns, as one aggregate.
#pragma once

#include <attd/adaptation/report.hpp>
#include <attd/controllers/threshold.hpp>
#include <attd/core/leaves.hpp>
#include <attd/core/math.hpp>
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
  tensor<double> settings;  ///< coordinates of the optimiser's settings, see `read_settings`
  tensor<double> first;     ///< [1] t_1
  tensor<double> raw_gaps;  ///< [Kmax - 1], see controllers::threshold
  /// [3] mean and deviation of log L_int at psi_0 over earlier batches, and how many there were;
  /// constants to every gradient.
  tensor<double> signal;
  static constexpr std::tuple names{"theta", "psi0", "settings", "first", "raw_gaps", "signal"};
};

namespace detail {

/// Coordinates in which a setting is learned, so that it cannot leave its range: log(x), and for
/// shares log(x / (1 - x)). Settings at or outside of the end of their range (a switch that is off,
/// a layer that does not adapt) stay as they are.
struct setting_coordinate {
  bool share;

  bool learnable(double x) const { return x > 0 && (!share || x < 1); }
  double of(double x) const {
    if (!learnable(x)) return 0.0;
    return share ? std::log(x / (1 - x)) : std::log(x);
  }
  double value(double z) const { return share ? sigmoid(z) : std::exp(z); }
  /// d value / d coordinate, at the value x.
  double slope(double x) const {
    if (!learnable(x)) return 0.0;
    return share ? x * (1 - x) : x;
  }
};

/// Calls f(number, coordinate, i) for every setting of a part.
template <class Optimizer, class F>
void for_each_coordinate(Optimizer& o, F f) {
  std::vector<char> shares;
  append_setting_kinds(std::as_const(o), shares);
  index_t i = 0;
  for_each_setting(
      [&](auto& x) {
        f(x, setting_coordinate{shares[static_cast<std::size_t>(i)] != 0}, i);
        ++i;
      },
      o);
}

}  // namespace detail

/// The coordinates of an optimiser's settings, in field order: logarithms, of shares log-odds.
template <class Optimizer>
void read_settings(const Optimizer& o, tensor<double>& coordinates) {
  coordinates.assign({count_settings(o)});
  detail::for_each_coordinate(o, [&](const auto& x, detail::setting_coordinate c, index_t i) {
    coordinates(i) = c.of(double(x));
  });
}

/// Puts learned settings into `o`, whose own settings say which can be learned.
template <class Optimizer>
void write_settings(const tensor<double>& coordinates, Optimizer& o) {
  detail::for_each_coordinate(o, [&](auto& x, detail::setting_coordinate c, index_t i) {
    using R = std::remove_cvref_t<decltype(x)>;
    if (c.learnable(double(x))) x = R(c.value(coordinates(i)));
  });
}

/// From a gradient by the settings of `o` to one by their coordinates; none for those that are not
/// in the mask.
template <class Optimizer>
void settings_pullback(const Optimizer& o, const std::vector<char>& learned,
                       tensor<double>& gradient) {
  detail::for_each_coordinate(o, [&](const auto& x, detail::setting_coordinate c, index_t i) {
    gradient(i) *= learned[static_cast<std::size_t>(i)] ? c.slope(double(x)) : 0.0;
  });
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

/// The scale of s that was frozen with the parameters; what is not learned comes from `s`.
template <class Meta>
adaptation::signal_scale learned_signal(const Meta& p, adaptation::signal_scale s = {}) {
  s.mean = p.signal(0);
  s.deviation = p.signal(1);
  return s;
}

namespace detail {
// The deviation of one number, or of equal ones, is 0.
inline std::pair<double, double> mean_and_deviation(const std::vector<double>& x) {
  double mean = 0, square_sum = 0;
  for (double v : x) mean += v / double(x.size());
  for (double v : x) square_sum += (v - mean) * (v - mean);
  const double deviation = x.size() > 1 ? std::sqrt(square_sum / double(x.size() - 1)) : 0.0;
  return {mean, deviation};
}
}  // namespace detail

/// Statistics of s from the log losses of a first batch; nothing where there are none.
inline void start_statistics(const std::vector<double>& log_losses, tensor<double>& signal) {
  if (log_losses.empty()) return;
  const auto [mean, deviation] = detail::mean_and_deviation(log_losses);
  signal(0) = mean;
  signal(1) = deviation > 0 ? deviation : 1.0;  // s is then not scaled
  signal(2) = 1;
}

/// Moves the statistics of s towards those of one more batch: old momentum + new (1 - momentum). A
/// batch that shows no deviation leaves it alone.
inline void continue_statistics(const std::vector<double>& log_losses, double momentum,
                                tensor<double>& signal) {
  if (log_losses.empty()) return;
  const auto [mean, deviation] = detail::mean_and_deviation(log_losses);
  signal(0) = momentum * signal(0) + (1 - momentum) * mean;
  if (deviation > 0) signal(1) = momentum * signal(1) + (1 - momentum) * deviation;
  signal(2) += 1;
}

}  // namespace attd::training
