// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The Adapter concept: fast weights, and how they change the dynamics of a block.
#pragma once

#include <attd/core/dynamics.hpp>
#include <attd/core/random.hpp>
#include <attd/core/recorded.hpp>
#include <type_traits>

namespace attd {

/// An adapter owns the fast weights psi of one state-space system and says how they change its
/// dynamics. The engine calls `initialize` once, `apply` before every forward, `pullback` after
/// every backward, `shrink` when a dense system lost its stability certificate.
///
/// Requirements on `A`:
/// 1. `template <class T> using fast_weights`: a plain aggregate of tensors, each with a leading
///    dimension (1: one psi for the group that is adapted together), and a static `names` tuple.
/// 2. `static constexpr bool adapts_timescale`: whether `apply` fills `log_timescale`.
/// 3. `void initialize(const dynamics_layout&, random_stream, fast_weights<T>& psi) const`: psi_0.
/// 4. `void apply(const dynamics_layout&, const dynamics<P>& base, const fast_weights<D>& psi,
///     dynamics<S, Tau>& out) const`: the effective dynamics, S = promote_t<P, D>.
/// 5. `void pullback(const dynamics_layout&, const dynamics<P>& base, const fast_weights<D>& psi,
///     const dynamics<S, Tau>& d_out, dynamics<DB>& d_base, fast_weights<G>& d_psi) const`: adds
///     the
///    exact transposed derivative of `apply` to d_psi and, unless DB is `none`, to d_base.
/// 6. `void shrink(const Alpha& alpha, fast_weights<T>& psi) const`: makes the change of the
///    dynamics alpha times what it was (0 <= alpha <= 1; exactly for adapters of dense dynamics).
///    Both types are template parameters: training differentiates through it, T and Alpha then
///    being `recorded<>` numbers.
/// 7. optional `void count_clamped(const dynamics_layout&, const dynamics<P>& base,
///    const fast_weights<P>& psi, adapters::clamp_count&) const`: counts the numbers that `apply`
///    holds at a limit; the report shows their share.
/// 8. optional `apply`, `pullback` with a backend as first argument, in terms of operations, and
///    `mark_clamped(Backend&, const dynamics_layout&, const dynamics<P>& base,
///    const fast_weights<P>& psi, dynamics<P, Tau>& out) const`, which writes 1 for every number
///    that `apply` holds at a limit and 0 for the others (of a dense matrix, which is certified
///    and not limited, nobody asks). Without them the dynamics are computed by the host, which a
///    GPU then waits for (`AdaptsOnBackend`).
///
/// Laws (attd/testing/adapter_laws.hpp measures them, and requirement 6, on any adapter):
/// L1. `pullback` is the derivative of `apply` (central differences; the dual-number identity).
/// L2. psi_0 leaves tables within their bounds, and `apply` keeps them there for every finite psi.
/// L3. `apply` reads nothing but its arguments: equal psi give equal dynamics bit for bit.
///
/// Defaults: adapters::no_adapter, low_rank, log_low_rank, timescale, full.
/// How to write one: docs/how_to/write_an_adapter.md. Example: examples/04_custom_adapter.cpp.
namespace detail {

template <class A>
concept has_fast_weights = requires {
  typename A::template fast_weights<double>;
  typename A::template fast_weights<dual<double>>;
};
template <class A>
concept has_adapts_timescale = requires {
  { std::bool_constant<A::adapts_timescale>{} };
};
template <class A>
using tau_of = std::conditional_t<A::adapts_timescale, double, none>;
template <class A>
concept has_initialize =
    requires(const A& a, typename A::template fast_weights<double>& psi, dynamics_layout layout) {
      a.initialize(layout, random_stream{}, psi);
    };
template <class A>
concept has_apply = requires(const A& a, const typename A::template fast_weights<double>& psi,
                             dynamics_layout layout, const dynamics<double>& base,
                             dynamics<double, tau_of<A>>& out) { a.apply(layout, base, psi, out); };
template <class A>
concept has_pullback = requires(const A& a, const typename A::template fast_weights<double>& psi,
                                dynamics_layout layout, const dynamics<double>& base,
                                const dynamics<double, tau_of<A>>& d_out, dynamics<none>& no_base,
                                typename A::template fast_weights<double>& d_psi) {
  a.pullback(layout, base, psi, d_out, no_base, d_psi);
};
template <class A>
concept has_shrink = requires(const A& a, typename A::template fast_weights<double>& psi,
                              typename A::template fast_weights<recorded<double>>& recorded_psi) {
  a.shrink(0.5, psi);
  a.shrink(recorded<double>(0.5), recorded_psi);
};

}  // namespace detail

template <class A>
concept Adapter =
    detail::has_fast_weights<A> && detail::has_adapts_timescale<A> && detail::has_initialize<A> &&
    detail::has_apply<A> && detail::has_pullback<A> && detail::has_shrink<A>;

/// An adapter that computes where a backend does (requirement 8).
template <class A, class Backend>
concept AdaptsOnBackend =
    Adapter<A> &&
    requires(const A& a, Backend& backend, const typename A::template fast_weights<double>& psi,
             dynamics_layout layout, const dynamics<double>& base,
             const dynamics<double, detail::tau_of<A>>& d_out,
             dynamics<double, detail::tau_of<A>>& out, dynamics<none>& no_base,
             typename A::template fast_weights<double>& d_psi) {
      a.apply(backend, layout, base, psi, out);
      a.pullback(backend, layout, base, psi, d_out, no_base, d_psi);
      a.mark_clamped(backend, layout, base, psi, out);
    };

/// Says in one sentence what `A` lacks to be an Adapter. Use: static_assert(check_adapter<mine>());
template <class A>
consteval bool check_adapter() {
  if constexpr (!detail::has_fast_weights<A>) {
    static_assert(detail::has_fast_weights<A>,
                  "attd: Adapter needs a member template fast_weights<T>, an aggregate of tensors; "
                  "see docs/concepts/adapter.md#fast_weights");
  } else if constexpr (!detail::has_adapts_timescale<A>) {
    static_assert(detail::has_adapts_timescale<A>,
                  "attd: Adapter needs static constexpr bool adapts_timescale; "
                  "see docs/concepts/adapter.md#adapts_timescale");
  } else if constexpr (!detail::has_initialize<A>) {
    static_assert(detail::has_initialize<A>,
                  "attd: Adapter needs initialize(layout, random_stream, fast_weights&) const; "
                  "see docs/concepts/adapter.md#initialize");
  } else if constexpr (!detail::has_apply<A>) {
    static_assert(detail::has_apply<A>,
                  "attd: Adapter needs apply(layout, base, fast_weights, dynamics& out) const; "
                  "see docs/concepts/adapter.md#apply");
  } else if constexpr (!detail::has_pullback<A>) {
    static_assert(detail::has_pullback<A>,
                  "attd: Adapter needs pullback(layout, base, fast_weights, d_out, d_base, d_psi) "
                  "const; see docs/concepts/adapter.md#pullback");
  } else if constexpr (!detail::has_shrink<A>) {
    static_assert(
        detail::has_shrink<A>,
        "attd: Adapter needs shrink(const Alpha&, fast_weights<T>&) const, a template over both "
        "number types; "
        "see docs/concepts/adapter.md#shrink");
  }
  return true;
}

}  // namespace attd
