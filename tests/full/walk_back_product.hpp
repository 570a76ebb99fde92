// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The product of parts, differentiated through: every loss and optimiser for a model and adapter.
#pragma once

#define ATTD_TEST_ALL_IDENTITIES 1
#include <attd/losses/consistency.hpp>
#include <attd/losses/next_token.hpp>
#include <attd/losses/output_error.hpp>
#include <attd/losses/reconstruction.hpp>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <walk_back/models.hpp>

namespace attd_test {

/// One of several internal losses, chosen at run time: one type to compile instead of many.
template <class... Losses>
struct one_of {
  std::tuple<Losses...> losses;
  std::size_t use = 0;

  static constexpr bool requires_causal = (Losses::requires_causal || ...);

  template <class T>
  index_t least_length(const attd::observation<T>& o) const {
    index_t n = 1;
    with([&](const auto& loss) { n = attd::losses::detail::least_length(loss, o); });
    return n;
  }
  template <class T>
  void prepare(std::span<const attd::observation<T>> group, const attd::losses::guard_split& split,
               attd::losses::inner_data<T>& data) const {
    with([&](const auto& loss) { loss.prepare(group, split, data); });
  }
  template <class Backend, class S, class T>
  void evaluate(Backend& backend, attd::view<const S> output,
                const attd::losses::inner_data<T>& data,
                attd::losses::loss_scratch<S>& scratch) const {
    with([&](const auto& loss) { loss.evaluate(backend, output, data, scratch); });
  }
  template <class Backend, class S, class T>
  void backward(Backend& backend, attd::view<const S> output,
                const attd::losses::inner_data<T>& data, attd::view<const T> weight,
                attd::losses::loss_scratch<S>& scratch, attd::view<S> d_output) const {
    with(
        [&](const auto& loss) { loss.backward(backend, output, data, weight, scratch, d_output); });
  }

 private:
  template <class F>
  void with(F f) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((use == I ? f(std::get<I>(losses)) : void()), ...);
    }(std::index_sequence_for<Losses...>{});
  }
};
template <class... Losses>
one_of(std::tuple<Losses...>) -> one_of<Losses...>;

inline auto losses_of_values() {
  namespace l = attd::losses;
  return one_of{std::tuple{l::output_error<>{{}, 2}, l::reconstruction<>{{}, 0.5}, l::consistency{},
                           l::entropy{}, l::next_value<l::log_cosh>{},
                           l::make_internal_loss(soft_distance{})}};
}
/// For models that see both sides.
inline auto losses_of_both_sides() {
  namespace l = attd::losses;
  return one_of{std::tuple{l::output_error<>{{}, 2}, l::reconstruction<>{{}, 0.5}, l::consistency{},
                           l::entropy{}}};
}
inline auto losses_of_tokens() {
  namespace l = attd::losses;
  return one_of{std::tuple{l::next_token{}, l::masked_token{{}, 0, 0.5, 0}, l::entropy{}}};
}

template <class W>
struct any_state {
  attd::optimizers::momentum_state<W> velocity;
  attd::optimizers::adam_state<W> moments;
  attd::optimizers::scaled_state<attd::optimizers::adam_state<W>, W> layers;
  attd::optimizers::scaled_state<attd::optimizers::no_state<W>, W> parameters;
  soft_sign_state<W> user;
  static constexpr std::tuple names{"velocity", "moments", "layers", "parameters", "user"};
};

/// One of all inner optimisers, chosen at run time; `Scale` has the structure of the fast weights.
template <class R, class Scale>
struct any_optimizer {
  attd::optimizers::basic_gradient_descent<R> descent{};
  attd::optimizers::basic_momentum<R> momentum{};
  attd::optimizers::basic_adam<R> adam{};
  attd::optimizers::per_layer_rates<attd::optimizers::basic_adam<R>, R> layers{};
  attd::optimizers::per_parameter_rates<attd::optimizers::basic_gradient_descent<R>, Scale>
      parameters{};
  index_t use = 0;

  static constexpr index_t count = 6;
  static const char* name(index_t i) {
    static constexpr const char* names[] = {
        "descent", "momentum", "Adam", "rates of layers", "rates of parameters", "a user's"};
    return names[i];
  }

  template <class W>
  using state = any_state<W>;

  template <class W>
  void initialize(const W& psi, state<W>& m) const {
    momentum.initialize(psi, m.velocity);
    adam.initialize(psi, m.moments);
    layers.initialize(psi, m.layers);
    parameters.initialize(psi, m.parameters);
    soft_sign{}.initialize(psi, m.user);
  }
  template <class W>
  void step(index_t k, double factor, const W& gradient, W& psi, state<W>& m) const {
    attd::optimizers::no_state<W> none;
    switch (use) {
      case 0:
        return descent.step(k, factor, gradient, psi, none);
      case 1:
        return momentum.step(k, factor, gradient, psi, m.velocity);
      case 2:
        return adam.step(k, factor, gradient, psi, m.moments);
      case 3:
        return layers.step(k, factor, gradient, psi, m.layers);
      case 4:
        if constexpr (std::is_same_v<Scale, W>) {
          return parameters.step(k, factor, gradient, psi, m.parameters);
        }
        return;  // the laws' own small weights have no such rates
      default:
        return soft_sign{}.step(k, factor, gradient, psi, m.user);
    }
  }
  index_t reset_interval() const { return 0; }
};

/// Every loss with every optimiser, K = 2, clipping active and inactive, from a point near psi_0.
template <class Model, class Data, class Losses, class Adapter>
void expect_walk_product(const walk_model<Model, Data>& x, Losses losses, const Adapter& adapter) {
  using weights = attd::adaptation::fast_weights<Adapter, double>;
  using optimizer_type = any_optimizer<double, weights>;
  constexpr std::size_t n_losses = std::tuple_size_v<decltype(losses.losses)>;
  walk_summary all;
  for (losses.use = 0; losses.use < n_losses; ++losses.use) {
    auto m = attd::make_adaptive(x.model, adapter, losses, attd::controllers::fixed{2},
                                 optimizer_type{}, walk_parameters(x.model, x.noise),
                                 attd::reference{}, take_every_step());
    auto near = m.initial_weights();
    add_noise(x.distance, 7, near);
    m.set_initial_weights(near);
    auto o = m.optimizer();
    set_scales(near, o.layers.scale);
    set_scales(near, o.parameters.scale);
    o.descent.rate = 1e-6;
    m.set_optimizer(o);
    const double norm = first_gradient_norm(m, x.data, x.data.task());
    for (const bool clipped : {false, true}) {
      const double clip = clipped ? 0.5 * norm : 1e6;
      o.descent = tuned(o.descent, 0.1, norm, clip);
      o.momentum = tuned(o.momentum, 0.1, norm, clip);
      o.adam = tuned(o.adam, 0.1, norm, clip);
      o.layers = tuned(o.layers, 0.1, norm, clip);
      o.parameters = tuned(o.parameters, 0.1, norm, clip);
      for (o.use = 0; o.use < optimizer_type::count; ++o.use) {
        m.set_optimizer(o);
        all.add(measure_one(m, x.data, outer_of(2)), 2,
                "loss " + std::to_string(losses.use) + ", " + optimizer_type::name(o.use) +
                    (clipped ? ", clipped" : ""));
      }
    }
  }
  expect_exact(all);
  CHECK(all.runs == index_t(n_losses) * optimizer_type::count * 2);
  CHECK(all.missing <= all.runs / 10);
}

}  // namespace attd_test
