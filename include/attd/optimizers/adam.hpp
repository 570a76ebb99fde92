// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Adam as an inner optimiser.
#pragma once

#include <attd/optimizers/schedule.hpp>
#include <cmath>
#include <tuple>

namespace attd::optimizers {

template <class W>
struct adam_state {
  W first;
  W second;
  tensor<double> updates;  ///< [1]: how many went into the moments
  static constexpr std::tuple names{"first", "second", "updates"};
};

namespace detail {

/// One number's update, the corrections of the moments' start included.
template <class T>
struct adam_update {
  T scale, keep1, take1, keep2, take2, rate, correct2, epsilon2;

  ATTD_ALSO_RECORDED
  template <class P, class M1, class M2, class G>
  ATTD_HD void operator()(P&& p, M1&& first, M2&& second, const G& gradient) const {
    const T g = scale * T(gradient);
    const T a = keep1 * T(first) + take1 * g;
    const T b = keep2 * T(second) + take2 * g * g;
    first = a;
    second = b;
    p = T(p) - rate * a / sqrt(correct2 * b + epsilon2);
  }
};

}  // namespace detail

/// Adam  psi <- psi - rate_k m_hat / sqrt(v_hat + epsilon^2)  [Kingma2014, Algorithm 1].
///
/// *Differs from the source*: epsilon stands inside the root, where the derivative of the step
/// stays bounded when a gradient is 0 (U = 0 gives g_V = 0 at the first step); its default 1e-3 is
/// large for the same reason; there is one for all leaves. The gradient is clipped first.
template <class R = double>
struct basic_adam {
  R rate = R(0.01);
  R beta1 = R(0.9);
  R beta2 = R(0.999);
  R epsilon = R(1e-3);
  R clip = R(0);
  R decay = R(0);
  index_t reset_every = 0;

  /// Fields that stay between 0 and 1 when they are learned: beta1 and beta2.
  static constexpr bool is_share(index_t field) { return field == 1 || field == 2; }

  template <class W>
  using state = adam_state<W>;

  template <class W>
  void initialize(const W& psi, state<W>& m) const {
    zeros_like(psi, m.first);
    zeros_like(psi, m.second);
    m.updates.assign({1});
  }

  template <class W>
  void step(index_t k, double rate_factor, const W& gradient, W& psi, state<W>& m) const {
    operations::plain_loops here;
    step(here, k, rate_factor, gradient, psi, m);
  }
  /// The same where a backend computes.
  template <class Backend, class W>
  void step(Backend& backend, index_t k, double rate_factor, const W& gradient, W& psi,
            state<W>& m) const {
    using T = leaf_scalar_t<W>;
    const T scale = detail::clip_factor(backend, gradient, clip);
    operations::finish(backend);  // the counter is the host's
    m.updates(0) += 1;
    using std::pow;  // and attd's, for recorded settings
    const T correct1 = T(R(1) / (R(1) - pow(beta1, m.updates(0))));
    const T correct2 = T(R(1) / (R(1) - pow(beta2, m.updates(0))));
    const T rate_k = T(R(rate_factor) * rate_schedule<R>{rate, decay}.at(k));
    const detail::adam_update<T> update{
        scale,           T(beta1),          T(R(1) - beta1), T(beta2),
        T(R(1) - beta2), rate_k * correct1, correct2,        T(epsilon * epsilon)};
    operations::each_number(backend, update, psi, m.first, m.second, gradient);
  }
  index_t reset_interval() const { return reset_every; }
};

using adam = basic_adam<>;

static_assert(check_inner_optimizer<adam>());

}  // namespace attd::optimizers
