// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Rates of their own for every parameter or every adapted system, around another optimiser.
#pragma once

#include <attd/core/leaves.hpp>
#include <attd/optimizers/gradient_descent.hpp>
#include <tuple>

namespace attd::optimizers {

template <class InnerState, class W>
struct scaled_state {
  InnerState inner;
  W scaled;  ///< temporary
  static constexpr std::tuple names{"inner", "scaled"};
};

namespace detail {

template <class T>
struct multiply {
  T factor;
  ATTD_ALSO_RECORDED
  template <class Out, class G>
  ATTD_HD void operator()(Out&& out, const G& g) const {
    out = T(g) * factor;
  }
};

}  // namespace detail

/// Another optimiser whose gradient is multiplied by one factor per parameter. It steps on the
/// host, where its factors are.
///
/// *Formula*: step of `Inner` with g_i * scale_i. `scale` has the structure of the fast weights;
/// without numbers, as it is by default, every factor is 1.
template <class Inner, class Scale>
struct per_parameter_rates {
  Inner inner{};
  Scale scale{};

  template <class W>
  using state = scaled_state<typename Inner::template state<W>, W>;

  template <class W>
  void initialize(const W& psi, state<W>& m) const {
    inner.initialize(psi, m.inner);
    zeros_like(psi, m.scaled);
  }

  template <class W>
  void step(index_t k, double rate_factor, const W& gradient, W& psi, state<W>& m) const {
    using T = leaf_scalar_t<W>;
    if (count_scalars(scale) == 0) {
      convert_leaves(gradient, m.scaled);
    } else {
      detail::for_each_scalar(
          [](auto&& out, const auto& g, const auto& factor) { out = T(g) * T(factor); }, m.scaled,
          gradient, scale);
    }
    inner.step(k, rate_factor, m.scaled, psi, m.inner);
  }
  index_t reset_interval() const { return inner.reset_interval(); }
};

/// Another optimiser whose gradient is multiplied by one factor per adapted system (layer): which
/// layers adapt, and how fast, as numbers that can be learned. A factor of 0 keeps a layer as it
/// is.
///
/// *Shapes*: scale [systems]; systems beyond it have factor 1.
template <class Inner, class R = double>
struct per_layer_rates {
  Inner inner{};
  tensor<R> scale{};

  template <class W>
  using state = scaled_state<typename Inner::template state<W>, W>;

  template <class W>
  void initialize(const W& psi, state<W>& m) const {
    inner.initialize(psi, m.inner);
    zeros_like(psi, m.scaled);
  }

  template <class W>
  void step(index_t k, double rate_factor, const W& gradient, W& psi, state<W>& m) const {
    operations::plain_loops here;
    multiply_all(here, gradient, m.scaled);
    inner.step(k, rate_factor, m.scaled, psi, m.inner);
  }
  /// The same where a backend computes.
  template <class Backend, class W>
    requires StepsOnBackend<Inner, Backend, W>
  void step(Backend& backend, index_t k, double rate_factor, const W& gradient, W& psi,
            state<W>& m) const {
    multiply_all(backend, gradient, m.scaled);
    inner.step(backend, k, rate_factor, m.scaled, psi, m.inner);
  }
  index_t reset_interval() const { return inner.reset_interval(); }

 private:
  template <class Backend, class W>
  void multiply_all(Backend& backend, const W& gradient, W& scaled) const {
    if constexpr (attd::detail::is_layers<W>::value) {
      for (index_t l = 0; l < gradient.count(); ++l) {
        multiply(backend, l, gradient[l], scaled[l]);
      }
    } else {
      multiply(backend, 0, gradient, scaled);
    }
  }
  template <class Backend, class W>
  void multiply(Backend& backend, index_t l, const W& gradient, W& scaled) const {
    using T = leaf_scalar_t<W>;
    const T factor = l < scale.size() ? T(R(scale(l))) : T(1);
    operations::each_number(backend, detail::multiply<T>{factor}, scaled, gradient);
  }
};

static_assert(check_inner_optimizer<
              per_parameter_rates<gradient_descent, attd::detail::probe_weights<double>>>());
static_assert(check_inner_optimizer<per_layer_rates<gradient_descent>>());

}  // namespace attd::optimizers
