// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The dynamics of a model under fast weights, and their gradients, made by the host or a backend.
#pragma once

#include <algorithm>
#include <attd/adaptation/frozen_model.hpp>
#include <attd/adapters/bounds.hpp>
#include <attd/concepts/adapter.hpp>
#include <attd/core/dynamics.hpp>
#include <attd/core/leaves.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/numbers.hpp>
#include <type_traits>
#include <vector>

namespace attd::adaptation {

/// Effective dynamics of all systems of a model, their gradients, and how both go through the
/// adapter.
///
/// Where adapter and backend both can (`on_backend`), fast weights never leave the backend's
/// memory: `stage` copies them to a place of their own, so that what reads them can be recorded,
/// and gradients are made in `staged_gradient` for the same reason. Else the host computes, on the
/// same memory, once the backend is done. T is the number type of theta, D that of psi.
template <class Model, class Adapter, class Backend, class T, class D>
class adapted_dynamics {
 public:
  using scalar = promote_t<T, D>;
  using tau = std::conditional_t<Adapter::adapts_timescale, scalar, none>;
  using weights = fast_weights<Adapter, D>;
  using gradient_type = fast_weights<Adapter, scalar>;
  using frozen = frozen_model<Model, Adapter, T>;
  static constexpr bool on_backend =
      operations::WalksLeaves<Backend> && AdaptsOnBackend<Adapter, Backend>;

  explicit adapted_dynamics(const frozen& f) : frozen_(&f) {
    d_effective.resize(f.model.systems());
  }

  layers<dynamics<scalar, tau>> effective, d_effective;
  gradient_type staged_gradient;  ///< what `pull_staged` makes

  /// Takes over the base dynamics of the frozen model.
  void take_base(Backend& backend) {
    const auto& base = frozen_->base;
    effective.resize(base.count());
    for (index_t l = 0; l < base.count(); ++l) {
      convert(base[l].matrix, effective[l].matrix);
      if (!base[l].imaginary.empty()) convert(base[l].imaginary, effective[l].imaginary);
      if constexpr (Adapter::adapts_timescale) {
        effective[l].log_timescale.assign({1, std::max<index_t>(1, layout(l).timescales)});
      }
    }
    operations::bring(backend, effective);
    if constexpr (on_backend) {
      convert_leaves(base, base_);
      operations::bring(backend, base_);
    }
  }

  /// Keeps psi for `apply_staged` and `pull_staged`. False: its shapes are others than before, and
  /// what was recorded is void.
  bool stage(Backend& backend, const weights& psi) {
    const bool same = operations::detail::same_leaves(psi, staged_);
    operations::copy_leaves(backend, psi, staged_);
    return same;
  }
  /// Makes the dynamics of the staged psi the effective ones.
  void apply_staged(Backend& backend) {
    for_each_adapted([&](index_t l, const dynamics_layout& layout) {
      frozen_->adapter.apply(backend, layout, base_[l], staged_[l], effective[l]);
    });
  }
  /// Makes the dynamics of psi the effective ones; they can be read when it returns.
  void apply(Backend& backend, const weights& psi) {
    if constexpr (on_backend) {
      stage(backend, psi);
      apply_staged(backend);
      operations::finish(backend);
    } else {
      operations::finish(backend);
      for_each_adapted([&](index_t l, const dynamics_layout& layout) {
        frozen_->adapter.apply(layout, frozen_->base[l], psi[l], effective[l]);
      });
    }
  }

  /// Sets the gradients of the wanted systems' dynamics to zero, in their shapes.
  void clear_gradients(Backend& backend, const std::vector<char>& wanted) {
    for (index_t l = 0; l < effective.count(); ++l) {
      if (!wanted[static_cast<std::size_t>(l)]) continue;
      const auto& like = effective[l];
      operations::clear(backend, d_effective[l].matrix, like.matrix.shape());
      if (!like.imaginary.empty()) {
        operations::clear(backend, d_effective[l].imaginary, like.imaginary.shape());
      }
      if constexpr (Adapter::adapts_timescale) {
        operations::clear(backend, d_effective[l].log_timescale, like.log_timescale.shape());
      }
    }
  }
  /// Sets the staged gradient to zero, in the shapes of `like`. False as of `stage`.
  bool clear_staged_gradient(Backend& backend, const gradient_type& like) {
    const bool same = operations::detail::same_leaves(like, staged_gradient);
    if (!same) {
      operations::finish(backend);
      zeros_like(like, staged_gradient);
      operations::bring(backend, staged_gradient);
    } else {
      operations::clear_leaves(backend, staged_gradient);
    }
    return same;
  }
  /// Adds to the staged gradient that of the staged psi.
  void pull_staged(Backend& backend) {
    dynamics<none> no_base;
    for_each_adapted([&](index_t l, const dynamics_layout& layout) {
      frozen_->adapter.pullback(backend, layout, base_[l], staged_[l], d_effective[l], no_base,
                                staged_gradient[l]);
    });
  }
  /// g += the gradient of psi, by the host.
  void pull(const weights& psi, gradient_type& g) const {
    dynamics<none> no_base;
    for_each_adapted([&](index_t l, const dynamics_layout& layout) {
      frozen_->adapter.pullback(layout, frozen_->base[l], psi[l], d_effective[l], no_base, g[l]);
    });
  }
  /// The same, with gradients of the base dynamics into d_base; what does not adapt is the base.
  void pull(const weights& psi, gradient_type& g, layers<dynamics<scalar>>& d_base) const {
    d_base.resize(effective.count());
    for (index_t l = 0; l < effective.count(); ++l) {
      if (frozen_->adapts(l)) {
        zeros_like(frozen_->base[l], d_base[l]);
        frozen_->adapter.pullback(layout(l), frozen_->base[l], psi[l], d_effective[l], d_base[l],
                                  g[l]);
      } else {
        convert_leaves(d_effective[l], d_base[l]);
      }
    }
  }

  /// The share of the adapted numbers that the adapter holds at a limit; 0 where it has none. The
  /// staged psi and what gradients of the dynamics there were are lost.
  double clamped_share(Backend& backend, const weights& psi) {
    if constexpr (on_backend) {
      bool any = false;
      for_each_adapted([&](index_t, const dynamics_layout& layout) {
        any = any || !is_dense(layout.kind) || Adapter::adapts_timescale;
      });
      if (!any) return 0.0;
      stage(backend, psi);
      index_t total = 0;
      for_each_adapted([&](index_t l, const dynamics_layout& layout) {
        frozen_->adapter.mark_clamped(backend, layout, base_[l], staged_[l], d_effective[l]);
        for_each_limited(l, layout, [&](const auto& leaf) { total += leaf.size(); });
      });
      const double clamped = backend.template reduce_numbers<const scalar>(
          operations::detail::number_itself{}, operations::sum_of_numbers{}, 0.0,
          [&](const auto& add) {
            for_each_adapted([&](index_t l, const dynamics_layout& layout) {
              for_each_limited(l, layout, add);
            });
          });
      return clamped / double(total);
    } else {
      operations::finish(backend);
      adapters::clamp_count count;
      for_each_adapted([&](index_t l, const dynamics_layout& layout) {
        if constexpr (requires {
                        frozen_->adapter.count_clamped(layout, frozen_->base[l], psi[l], count);
                      }) {
          frozen_->adapter.count_clamped(layout, frozen_->base[l], psi[l], count);
        }
      });
      return count.total == 0 ? 0.0 : double(count.clamped) / double(count.total);
    }
  }

 private:
  dynamics_layout layout(index_t l) const { return frozen_->model.layout(l); }
  template <class F>
  void for_each_adapted(F f) const {
    for (index_t l = 0; l < effective.count(); ++l) {
      if (frozen_->adapts(l)) f(l, layout(l));
    }
  }
  // The leaves of d_effective[l] whose numbers have limits: not those of a dense matrix.
  template <class F>
  void for_each_limited(index_t l, const dynamics_layout& layout, const F& f) const {
    const auto& d = d_effective[l];
    if (!is_dense(layout.kind)) f(d.matrix);
    if (layout.complex()) f(d.imaginary);
    if constexpr (Adapter::adapts_timescale) f(d.log_timescale);
  }

  const frozen* frozen_;
  layers<dynamics<T>> base_;  ///< where the backend computes
  weights staged_;            ///< likewise
};

}  // namespace attd::adaptation
