// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Clipped gradient descent, with or without momentum.
#pragma once

#include <attd/optimizers/schedule.hpp>
#include <tuple>

namespace attd::optimizers {

template <class W>
struct no_state {
  static constexpr std::tuple<> names{};
};

namespace detail {

/// psi <- psi - factor g.
template <class T>
struct descend {
  T factor;
  ATTD_ALSO_RECORDED
  template <class P, class G>
  ATTD_HD void operator()(P&& p, const G& g) const {
    p = T(p) - factor * T(g);
  }
};

/// v <- mu v + scale g,  psi <- psi - rate v.
template <class T>
struct roll {
  T mu, scale, rate;
  ATTD_ALSO_RECORDED
  template <class P, class V, class G>
  ATTD_HD void operator()(P&& p, V&& v, const G& g) const {
    const T next = mu * T(v) + scale * T(g);
    v = next;
    p = T(p) - rate * next;
  }
};

}  // namespace detail

/// Gradient descent  psi <- psi - rate_k g,  g scaled to norm `clip` where longer.
///
/// *Ranges*: rate > 0; decay >= 0 (rate_k = rate / (1 + decay k)); clip <= 0 means none;
/// reset_every = 0 means never. *Cost*: two passes over psi. `R` is the number type of the settings
/// (see settings.hpp): users write `gradient_descent`.
template <class R = double>
struct basic_gradient_descent {
  R rate = R(0.1);
  R clip = R(1.0);
  R decay = R(0);
  index_t reset_every = 0;

  template <class W>
  using state = no_state<W>;

  template <class W>
  void initialize(const W&, state<W>&) const {}

  template <class W>
  void step(index_t k, double rate_factor, const W& gradient, W& psi, state<W>& m) const {
    operations::plain_loops here;
    step(here, k, rate_factor, gradient, psi, m);
  }
  /// The same where a backend computes.
  template <class Backend, class W>
  void step(Backend& backend, index_t k, double rate_factor, const W& gradient, W& psi,
            state<W>&) const {
    using T = leaf_scalar_t<W>;
    const T factor = T(R(rate_factor) * rate_schedule<R>{rate, decay}.at(k)) *
                     detail::clip_factor(backend, gradient, clip);
    operations::each_number(backend, detail::descend<T>{factor}, psi, gradient);
  }
  index_t reset_interval() const { return reset_every; }
};

template <class W>
struct momentum_state {
  W velocity;
  static constexpr std::tuple names{"velocity"};
};

/// Heavy-ball descent  v <- mu v + g,  psi <- psi - rate_k v  [Polyak1964]; g clipped first.
template <class R = double>
struct basic_momentum {
  R rate = R(0.1);
  R mu = R(0.9);
  R clip = R(1.0);
  R decay = R(0);
  index_t reset_every = 0;

  /// Fields that stay between 0 and 1 when they are learned: mu.
  static constexpr bool is_share(index_t field) { return field == 1; }

  template <class W>
  using state = momentum_state<W>;

  template <class W>
  void initialize(const W& psi, state<W>& m) const {
    zeros_like(psi, m.velocity);
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
    const T rate_k = T(R(rate_factor) * rate_schedule<R>{rate, decay}.at(k));
    operations::each_number(backend, detail::roll<T>{T(mu), scale, rate_k}, psi, m.velocity,
                            gradient);
  }
  index_t reset_interval() const { return reset_every; }
};

using gradient_descent = basic_gradient_descent<>;
using momentum = basic_momentum<>;

static_assert(check_inner_optimizer<gradient_descent>());
static_assert(check_inner_optimizer<momentum>());

}  // namespace attd::optimizers
