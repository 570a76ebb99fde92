// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The InternalLoss concept: what drives adaptation, without labels.
#pragma once

#include <attd/backends/reference.hpp>
#include <attd/losses/row_losses.hpp>
#include <span>

namespace attd {

/// An internal loss turns what has been observed of an input into a problem that the model can be
/// scored on, without labels. The engine calls `prepare` once per input, `evaluate` after every
/// forward and `backward` before every backward.
///
/// A plain struct with nothing but `template <class T> T operator()(T prediction, T target) const`
/// is an internal loss too: the engine wraps it as losses::from_formula, that is output error where
/// outputs were measured and next-value prediction elsewhere.
///
/// Requirements on `L` otherwise:
/// 1. `static constexpr bool requires_causal`: whether the model must be causal for the loss to be
///    honest (next-value and next-token losses are trivial for a model that sees the future).
/// 2. `void prepare(std::span<const observation<T>> group, const losses::guard_split&,
///     losses::inner_data<T>& data) const`: one or more sequences per observation of the group.
/// 3. `void evaluate(backend, view<const S> output, const losses::inner_data<T>&,
///     losses::loss_scratch<S>&) const`: the loss of each output row into scratch.rows.
/// 4. `void backward(backend, view<const S> output, const losses::inner_data<T>&,
///     view<const T> weight, losses::loss_scratch<S>&, view<S> d_output) const`: adds
///     weight_r d loss_r / d output. Rows of weight 0 should not be looked at.
/// 5. optional `index_t least_length(const observation<T>&) const`: the fewest tokens that
/// `prepare`
///    accepts (1 if left out). Shorter inputs are not adapted to: status `too_short`.
///
/// Laws (attd/testing/loss_laws.hpp measures them on any loss or formula):
/// L1. `backward` is the derivative of `evaluate` (central differences, and in dual numbers).
/// L2. `prepare` is a function of the observation alone (its key included): not of batch position.
/// L3. No hidden constants: the derivative of the gradient is symmetric.
///
/// Defaults: losses::next_value, next_token, output_error, reconstruction, masked_token,
/// consistency, entropy. How to write one: docs/how_to/write_a_loss.md.
/// Example: examples/03_custom_loss.cpp.
namespace detail {

template <class L>
concept is_formula = requires(const L& l) {
  { l(1.0, 2.0) } -> std::convertible_to<double>;
  { l(dual<double>(1.0), dual<double>(2.0)) } -> std::convertible_to<dual<double>>;
};
template <class L>
concept has_requires_causal = requires {
  { std::bool_constant<L::requires_causal>{} };
};
template <class L>
concept has_prepare = requires(const L& l, std::span<const observation<double>> group,
                               const losses::guard_split& split,
                               losses::inner_data<double>& data) { l.prepare(group, split, data); };
template <class L>
concept has_evaluate =
    requires(const L& l, reference& backend, view<const double> output,
             const losses::inner_data<double>& data,
             losses::loss_scratch<double>& scratch) { l.evaluate(backend, output, data, scratch); };
template <class L>
concept has_backward = requires(const L& l, reference& backend, view<const double> output,
                                const losses::inner_data<double>& data, view<const double> weight,
                                losses::loss_scratch<double>& scratch, view<double> d_output) {
  l.backward(backend, output, data, weight, scratch, d_output);
};

}  // namespace detail

template <class L>
concept InternalLoss = detail::has_requires_causal<L> && detail::has_prepare<L> &&
                       detail::has_evaluate<L> && detail::has_backward<L>;

/// Says in one sentence what `L` lacks to be an InternalLoss (or a formula).
template <class L>
consteval bool check_internal_loss() {
  if constexpr (detail::is_formula<L>) {
    return true;
  } else if constexpr (!losses::keeps_functions_of_rows<L>()) {
    static_assert(losses::keeps_functions_of_rows<L>(),
                  "attd: InternalLoss replaces evaluate_rows, backward_rows or replace_rows of the "
                  "loss that it derives from, which nobody would call; derive from "
                  "losses::loss_of_rows<your loss>, see docs/concepts/internal_loss.md#backward");
  } else if constexpr (!detail::has_prepare<L>) {
    static_assert(
        detail::has_prepare<L>,
        "attd: InternalLoss needs prepare(span of observations, guard_split, inner_data&) "
        "const, or template <class T> T operator()(T prediction, T target) const; "
        "see docs/concepts/internal_loss.md#prepare");
  } else if constexpr (!detail::has_requires_causal<L>) {
    static_assert(detail::has_requires_causal<L>,
                  "attd: InternalLoss needs static constexpr bool requires_causal; "
                  "see docs/concepts/internal_loss.md#requires_causal");
  } else if constexpr (!detail::has_evaluate<L>) {
    static_assert(detail::has_evaluate<L>,
                  "attd: InternalLoss needs evaluate(backend, output, data, scratch) const; "
                  "see docs/concepts/internal_loss.md#evaluate");
  } else if constexpr (!detail::has_backward<L>) {
    static_assert(detail::has_backward<L>,
                  "attd: InternalLoss needs backward(backend, output, data, weight, scratch, "
                  "d_output) const; see docs/concepts/internal_loss.md#backward");
  }
  return true;
}

}  // namespace attd
