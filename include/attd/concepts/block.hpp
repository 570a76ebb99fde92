// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Block and StateSpaceBlock concepts: sequence in, sequence out.
#pragma once

#include <attd/core/dynamics.hpp>
#include <attd/core/random.hpp>
#include <attd/core/sequences.hpp>
#include <concepts>
#include <type_traits>

namespace attd {

/// A block maps a batch of sequences [token, input] to [token, output]. It is an aggregate of
/// sizes and settings; parameters, state and activations are values that the caller owns. Models
/// call `forward` and `backward` once per layer and step; the engine calls `base_dynamics` where
/// an adapter starts from.
///
/// Requirements on every block `B`:
/// 1. `template <class T> using parameters`: a plain aggregate of tensors with a static `names`
///    tuple (the names of the field's own code); `template <class S> using cache`: activations and
///    temporary memory, kept between calls.
/// 2. `static constexpr bool causal`: whether outputs depend only on tokens up to their own.
/// 3. `index_t inputs() const; index_t outputs() const`: channels.
/// 4. `void initialize(random_stream, parameters<T>&) const`.
/// 5. `double forward_flops(double tokens) const`, by the counts of attd/metrics/flops.hpp.
/// 6. `void forward(Backend&, const sequences&, const parameters<P>&, const dynamics<M, Tau>&,
///     view<X> x, const state<I>& initial, cache<S>&, view<Y> y, state<S>& final) const` and
/// 7. `void backward(Backend&, const sequences&, const parameters<P>&, const dynamics<M, Tau>&,
///     view<X> x, const state<I>& initial, cache<S>&, view<const S> d_y, const state<DF>& d_final,
///     view<DX> d_x, parameters<DP>& d_p, dynamics<DM, DTau>& d_dyn, state<DI>& d_initial) const`,
///    S = promote_t<P, M, Tau, X, I>: adds every gradient whose number type is not `none`.
///    A block without dynamics leaves out dynamics, states and their gradients in both.
///
/// A `StateSpaceBlock` also has
/// 8. `static constexpr dynamics_kind kind` and `dynamics_layout layout() const`.
/// 9. `template <class T> using state`: an aggregate of tensors with leading dimension = sequence
///    (no tensors where nothing is carried), and `void reset_state(index_t count, state<T>&)
///    const`, which makes it zero.
/// 10. `void base_dynamics(const parameters<P>&, dynamics<P>&) const`: its own dynamics, shared
///     by all sequences (leading dimension 1), and `void base_dynamics_backward(const
///     parameters<P>&, const dynamics<G, Tau>& d_base, parameters<G>& d_p) const`, which adds.
/// In forward and backward, each leaf of the dynamics has leading dimension 1 or batch.count();
/// with `Tau` not `none` the step size is multiplied by exp(log_timescale).
/// A block may have `bool recomputes() const`: where it is true, layers take turns with its cache's
/// member `work` in forwards as well as in backwards, and its input is computed again for the
/// backward, unless it says `static constexpr bool reads_input_for_parameters_only = true` and no
/// gradients of parameters are asked for. With `bool rounds() const` true as well the model stores
/// its layers' outputs in bfloat16 (for floats only).
///
/// Laws (attd/testing/block_laws.hpp runs them on any StateSpaceBlock):
/// L1. `backward` is the derivative of `forward`, for parameters, x, dynamics and initial state,
///     from cotangents of y and of the final state; it adds. So does `base_dynamics_backward`.
/// L2. One token at a time (`blocks::step`) gives what one call gives.
/// L3. A sequence cut in two, the state carried over, gives what the whole gives; gradients too.
/// L4. A sequence's numbers are the same, bit for bit, alone and in any batch in any order.
/// L5. A causal block's outputs do not change, bit for bit, when later tokens do.
/// L6. Asking for some gradients gives the same numbers, bit for bit, as asking for all.
/// L7. In dual numbers, tangents are the directional derivatives: of `forward` and of `backward`.
/// Blocks that carry no state are exempt from L2 and L3.
///
/// Defaults: blocks::linear_ssm, s4d, mamba.
/// How to write one: docs/how_to/write_a_block.md.
namespace detail {

// Stands for a backend where only the form of a call is asked: it offers no operations of its own.
struct any_backend {};

template <class B>
concept has_parameters = requires {
  typename B::template parameters<double>;
  typename B::template parameters<none>;
  typename B::template parameters<dual<double>>;
};
template <class B>
concept has_cache = requires { typename B::template cache<double>; };
template <class B>
concept has_causal = requires {
  { std::bool_constant<B::causal>{} };
};
template <class B>
concept has_sizes = requires(const B& b) {
  { b.inputs() } -> std::convertible_to<index_t>;
  { b.outputs() } -> std::convertible_to<index_t>;
};
template <class B>
concept has_block_initialize = requires(const B& b, typename B::template parameters<double>& p) {
  b.initialize(random_stream{}, p);
};
template <class B>
concept has_forward_flops = requires(const B& b) {
  { b.forward_flops(1.0) } -> std::convertible_to<double>;
};

// A block says that it has dynamics by having a kind. Asked by a comparison: g++ 12 takes a kind
// that is no static member as a template argument itself for an error, not for a `false`.
template <class B>
concept has_kind = requires {
  { std::bool_constant<B::kind == dynamics_kind::real_table>{} };
};
template <class B>
concept has_layout = requires(const B& b) {
  { b.layout() } -> std::same_as<dynamics_layout>;
};
template <class B>
concept has_state = requires(const B& b, typename B::template state<double>& s) {
  typename B::template state<none>;
  b.reset_state(index_t{1}, s);
};
template <class B>
concept has_base_dynamics = requires(const B& b, const typename B::template parameters<double>& p,
                                     dynamics<double>& out) { b.base_dynamics(p, out); };
template <class B>
concept has_base_dynamics_backward = requires(
    const B& b, const typename B::template parameters<double>& p, const dynamics<double>& d_base,
    typename B::template parameters<double>& d_p) { b.base_dynamics_backward(p, d_base, d_p); };

template <class B>
concept has_plain_forward = requires(const B& b, any_backend& backend, const sequences& batch,
                                     const typename B::template parameters<double>& p,
                                     view<const double> x, typename B::template cache<double>& c,
                                     view<double> y) { b.forward(backend, batch, p, x, c, y); };
template <class B>
concept has_plain_backward = requires(
    const B& b, any_backend& backend, const sequences& batch,
    const typename B::template parameters<double>& p, view<const double> x,
    typename B::template cache<double>& c, view<const double> d_y, view<double> d_x,
    typename B::template parameters<double>& d_p, typename B::template parameters<none>& no_p) {
  b.backward(backend, batch, p, x, c, d_y, d_x, d_p);
  b.backward(backend, batch, p, x, c, d_y, view<none>{}, d_p);
  b.backward(backend, batch, p, x, c, d_y, d_x, no_p);
};
template <class B>
concept has_state_forward =
    requires(const B& b, any_backend& backend, const sequences& batch,
             const typename B::template parameters<double>& p, const dynamics<double>& dyn,
             view<const double> x, const typename B::template state<double>& initial,
             typename B::template cache<double>& c, view<double> y,
             typename B::template state<double>& final) {
      b.forward(backend, batch, p, dyn, x, initial, c, y, final);
    };
template <class B>
concept has_state_backward = requires(
    const B& b, any_backend& backend, const sequences& batch,
    const typename B::template parameters<double>& p, const dynamics<double>& dyn,
    view<const double> x, const typename B::template state<double>& initial,
    typename B::template cache<double>& c, view<const double> d_y,
    const typename B::template state<double>& d_final, view<double> d_x,
    typename B::template parameters<double>& d_p, dynamics<double>& d_dyn,
    typename B::template state<double>& d_initial, typename B::template parameters<none>& no_p,
    dynamics<none>& no_dyn, typename B::template state<none>& no_state) {
  b.backward(backend, batch, p, dyn, x, initial, c, d_y, d_final, d_x, d_p, d_dyn, d_initial);
  b.backward(backend, batch, p, dyn, x, initial, c, d_y, no_state, view<none>{}, no_p, d_dyn,
             no_state);
  b.backward(backend, batch, p, dyn, x, initial, c, d_y, no_state, d_x, d_p, no_dyn, no_state);
};

template <class B>
concept has_common_parts = has_parameters<B> && has_cache<B> && has_causal<B> && has_sizes<B> &&
                           has_block_initialize<B> && has_forward_flops<B>;

}  // namespace detail

template <class B>
concept StateSpaceBlock =
    detail::has_common_parts<B> && detail::has_kind<B> && detail::has_layout<B> &&
    detail::has_state<B> && detail::has_base_dynamics<B> && detail::has_base_dynamics_backward<B> &&
    detail::has_state_forward<B> && detail::has_state_backward<B>;

template <class B>
concept Block =
    StateSpaceBlock<B> || (detail::has_common_parts<B> && !detail::has_kind<B> &&
                           detail::has_plain_forward<B> && detail::has_plain_backward<B>);

/// Says in one sentence what `B` lacks to be a Block, or, if it has a `kind`, a StateSpaceBlock.
/// Use: static_assert(check_block<mine>());
template <class B>
consteval bool check_block() {
  if constexpr (!detail::has_parameters<B>) {
    static_assert(detail::has_parameters<B>,
                  "attd: Block needs a member template parameters<T>, an aggregate of tensors; "
                  "see docs/concepts/block.md#parameters");
  } else if constexpr (!detail::has_cache<B>) {
    static_assert(detail::has_cache<B>,
                  "attd: Block needs a member template cache<S> for its activations; "
                  "see docs/concepts/block.md#cache");
  } else if constexpr (!detail::has_causal<B>) {
    static_assert(detail::has_causal<B>,
                  "attd: Block needs static constexpr bool causal; "
                  "see docs/concepts/block.md#causal");
  } else if constexpr (!detail::has_sizes<B>) {
    static_assert(detail::has_sizes<B>,
                  "attd: Block needs index_t inputs() const and index_t outputs() const; "
                  "see docs/concepts/block.md#sizes");
  } else if constexpr (!detail::has_block_initialize<B>) {
    static_assert(detail::has_block_initialize<B>,
                  "attd: Block needs initialize(random_stream, parameters&) const; "
                  "see docs/concepts/block.md#initialize");
  } else if constexpr (!detail::has_forward_flops<B>) {
    static_assert(detail::has_forward_flops<B>,
                  "attd: Block needs double forward_flops(double tokens) const; "
                  "see docs/concepts/block.md#forward_flops");
  } else if constexpr (!detail::has_kind<B>) {
    static_assert(
        detail::has_plain_forward<B>,
        "attd: Block without a kind needs forward(backend, batch, parameters, x, cache, y)"
        " const; see docs/concepts/block.md#forward");
    static_assert(!detail::has_plain_forward<B> || detail::has_plain_backward<B>,
                  "attd: Block without a kind needs backward(backend, batch, parameters, x, cache, "
                  "d_y, d_x, d_parameters) const; see docs/concepts/block.md#backward");
  } else if constexpr (!detail::has_layout<B>) {
    static_assert(detail::has_layout<B>,
                  "attd: StateSpaceBlock needs dynamics_layout layout() const; "
                  "see docs/concepts/block.md#layout");
  } else if constexpr (!detail::has_state<B>) {
    static_assert(detail::has_state<B>,
                  "attd: StateSpaceBlock needs a member template state<T> and "
                  "reset_state(count, state&) const; see docs/concepts/block.md#state");
  } else if constexpr (!detail::has_base_dynamics<B>) {
    static_assert(detail::has_base_dynamics<B>,
                  "attd: StateSpaceBlock needs base_dynamics(parameters, dynamics& out) const; "
                  "see docs/concepts/block.md#base_dynamics");
  } else if constexpr (!detail::has_base_dynamics_backward<B>) {
    static_assert(detail::has_base_dynamics_backward<B>,
                  "attd: StateSpaceBlock needs base_dynamics_backward(parameters, d_base, "
                  "d_parameters) const; see docs/concepts/block.md#base_dynamics");
  } else if constexpr (!detail::has_state_forward<B>) {
    static_assert(detail::has_state_forward<B>,
                  "attd: StateSpaceBlock needs forward(backend, batch, parameters, dynamics, x, "
                  "initial, cache, y, final) const; see docs/concepts/block.md#forward");
  } else if constexpr (!detail::has_state_backward<B>) {
    static_assert(detail::has_state_backward<B>,
                  "attd: StateSpaceBlock needs backward(...) that takes none for every gradient; "
                  "see docs/concepts/block.md#backward");
  }
  return true;
}

}  // namespace attd
