// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// AdamW with warm-up and cosine decay: the optimiser of base models.
#pragma once

#include <algorithm>
#include <attd/core/leaves.hpp>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace attd::training {

/// Rate of the outer optimiser: linear warm-up, then half a cosine down to `final_share` of it.
///
/// *Formula*, step k from 0: rate (k + 1) / warmup for k < warmup; after that
/// rate (f + (1 - f) (1 + cos(pi x)) / 2), x = min(1, (k - warmup) / (steps - warmup)),
/// f = final_share. Steps beyond `steps` keep the last rate.
struct cosine_schedule {
  double rate = 1e-3;
  index_t warmup = 100;
  index_t steps = 1000;
  double final_share = 0.05;

  /// The rate of an update, `step` counted from 0.
  double at(index_t step) const {
    if (step < warmup) return rate * double(step + 1) / double(warmup);
    const double span = std::max(1.0, double(steps - warmup));
    const double x = std::min(1.0, double(step - warmup) / span);
    return rate * (final_share + (1 - final_share) * 0.5 * (1 + std::cos(3.141592653589793 * x)));
  }
};

/// First and second moments of every parameter, and the number of updates.
template <class P>
struct adamw_state {
  P first;
  P second;
  tensor<double> updates{shape{1}};
  static constexpr std::tuple names{"first", "second", "updates"};
};

/// Whether weight decay acts on a parameter: on matrices, but not on the state-space parameters,
/// whose size is a time constant and not a strength of connection. Vectors (biases, gains of norms,
/// skip paths) are left alone.
inline bool decays(std::string_view name, const shape& s) {
  if (s.rank < 2) return false;
  const auto dot = name.rfind('.');
  const auto last = name.substr(dot == std::string_view::npos ? 0 : dot + 1);
  for (std::string_view kept : {"A", "A_log", "log_A", "log_A_real", "A_imag", "log_dt"}) {
    if (last == kept) return false;
  }
  return true;
}

/// For every leaf, in leaf order, what `decays` says of it.
template <class P>
std::vector<char> decaying_leaves(const P& parameters) {
  std::vector<char> mask;
  for_each_named_leaf([&](const std::string& name,
                          const auto& leaf) { mask.push_back(decays(name, leaf.shape()) ? 1 : 0); },
                      parameters);
  return mask;
}

/// AdamW  p <- (1 - rate weight_decay) p - rate m_hat / (sqrt(v_hat) + epsilon),
/// m_hat = m / (1 - beta1^k), v_hat = v / (1 - beta2^k), k from 1  [Loshchilov2017, Algorithm 2];
/// weight decay only where `decays` says so.
///
/// *Ranges*: 0 <= beta < 1, epsilon > 0, 0 <= weight_decay. *Cost*: 12 flops and one square root a
/// parameter, allocates nothing when the mask is passed. *Differs from the source:* the decay is
/// multiplied by the rate, as PyTorch does it.
struct adamw {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.01;

  /// One update; `mask` comes from `decaying_leaves` and is the same for all steps.
  template <class P>
  void step(double rate, const P& gradient, P& parameters, adamw_state<P>& m,
            const std::vector<char>& mask) const {
    step(rate, gradient, parameters, m, mask, [](std::size_t) { return 1.0; });
  }
  /// The same with the rate of leaf i multiplied by factor(i).
  template <class P, class Factor>
  void step(double base_rate, const P& gradient, P& parameters, adamw_state<P>& m,
            const std::vector<char>& mask, Factor factor) const {
    m.updates(0) += 1;
    std::size_t at = 0;
    for_each_leaf(
        [&](auto& p, const auto& g, auto& first, auto& second) {
          using T = typename std::remove_cvref_t<decltype(p)>::scalar;
          const T correct1 = T(1.0 / (1.0 - std::pow(beta1, m.updates(0))));
          const T correct2 = T(1.0 / (1.0 - std::pow(beta2, m.updates(0))));
          const double rate = base_rate * factor(at);
          const T keep = mask[at++] ? T(1.0 - rate * weight_decay) : T(1);
          for (index_t i = 0; i < p.size(); ++i) {
            const T gi = g.data()[i];
            T& a = first.data()[i];
            T& b = second.data()[i];
            a = T(beta1) * a + T(1 - beta1) * gi;
            b = T(beta2) * b + T(1 - beta2) * gi * gi;
            p.data()[i] = keep * p.data()[i] -
                          T(rate) * correct1 * a / (std::sqrt(correct2 * b) + T(epsilon));
          }
        },
        parameters, gradient, m.first, m.second);
  }

  /// The same; finds out for itself where weight decay acts.
  template <class P>
  void step(double rate, const P& gradient, P& parameters, adamw_state<P>& m) const {
    step(rate, gradient, parameters, m, decaying_leaves(parameters));
  }
};

}  // namespace attd::training
