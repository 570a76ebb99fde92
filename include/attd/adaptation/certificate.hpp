// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The stability margin of a system's dynamics, and room for a change of them.
#pragma once

#include <algorithm>
#include <attd/adaptation/stability.hpp>
#include <attd/core/dynamics.hpp>
#include <limits>
#include <utility>

namespace attd::adaptation {

/// Temporary memory of `stability_certificate`; one per thread.
struct certificate_scratch {
  spectral_radius_scratch radius;
  lyapunov_scratch lyapunov;
  lyapunov_metric metric;
  back_scaling_scratch scaling;
  tensor<double> change, identity;
  tensor<double> d_change, d_p, d_a0;  // gradients of a scale
};

/// Certifies dynamics near one system's base dynamics.
///
/// The margin of a discrete matrix is 1 - (a bound of its spectral radius), of a continuous one
/// minus its logarithmic norm in its own Lyapunov metric, of a table its slowest decay rate
/// min(-Re A). Positive: certainly stable. Never an estimate: see stability.hpp.
class stability_certificate {
 public:
  /// Prepares for changes of `base` (leading dimension 1).
  template <class T>
  void prepare(const dynamics_layout& layout, const dynamics<T>& base) {
    layout_ = layout;
    certificate_scratch scratch;
    metric_ok_ =
        is_dense(layout.kind) && lyapunov(base.matrix.view()[0], metric_, scratch.lyapunov, time());
    base_margin_ = margin(base.matrix.view()[0], scratch);
  }

  double base_margin() const { return base_margin_; }
  dynamics_kind kind() const { return layout_.kind; }

  /// Margin of the matrix (or table of real parts) of one set of dynamics; <= 0: not certified.
  template <class M>
  double margin(view<M> matrix, certificate_scratch& scratch) const {
    switch (layout_.kind) {
      case dynamics_kind::dense_discrete: {
        const double margin = 1.0 - spectral_radius_bound(matrix, scratch.radius, 12);
        // Very near 1 the bound's own slack decides; the base's metric has none at the base.
        if (margin >= slack_of_the_bound || !metric_ok_) return margin;
        return std::max(margin, 1.0 - p_norm(matrix, metric_, scratch.lyapunov));
      }
      case dynamics_kind::dense_continuous:
        return lyapunov(matrix, scratch.metric, scratch.lyapunov, time_kind::continuous)
                   ? scratch.metric.margin
                   : 0.0;
      default: {
        double slowest = -detail::infinity;
        for (index_t i = 0; i < matrix.rows(); ++i) {
          for (index_t j = 0; j < matrix.columns(); ++j) {
            const double a = double(primal(std::remove_const_t<M>(matrix.at(i, j))));
            if (!is_finite(a)) return -detail::infinity;
            slowest = std::max(slowest, a);
          }
        }
        return -slowest;
      }
    }
  }

  /// The largest alpha in [0, 1] for which base + alpha (changed - base) is certainly stable in the
  /// base's own metric, with margin `wanted`, or half of the base's where that is less; 0 if
  /// nothing can be said.
  template <class T, class M>
  double room(const dynamics<T>& base, view<M> changed, double wanted,
              certificate_scratch& scratch) const {
    return metric_ok_ ? scale_of(base, changed, wanted, scratch).alpha : 0.0;
  }

  /// Adds d_alpha d alpha / d changed and d_alpha d alpha / d base (both [n, n], plain), for the
  /// alpha that `room` returned. *Cost*: eigen-solves of order n; solves Lyapunov's equation.
  template <class T, class M, class G>
  void room_pullback(const dynamics<T>& base, view<M> changed, double wanted, double d_alpha,
                     view<G> d_changed, view<G> d_base, certificate_scratch& scratch) const {
    const auto scale = scale_of(base, changed, wanted, scratch);
    if (scale.kind != scaling::scaled) return;
    const index_t n = layout_.rows;
    scratch.d_change.assign({n, n});
    scratch.d_p.assign({n, n});
    back_scaling_pullback(metric_, scale, std::as_const(scratch.change).view(),
                          std::as_const(scratch.identity).view(), d_alpha, scratch.d_change.view(),
                          view<none>{}, scratch.d_p.view(), scratch.scaling,
                          wanted < 0.5 * metric_.margin ? 1.0 : 0.5);
    scratch.d_a0.assign({n, n});
    lyapunov_pullback(base.matrix.view()[0], metric_, std::as_const(scratch.d_p).view(),
                      scratch.d_a0.view(), scratch.lyapunov);
    for (index_t i = 0; i < n; ++i) {
      for (index_t j = 0; j < n; ++j) {
        d_changed.at(i, j) += G(scratch.d_change(i, j));
        d_base.at(i, j) += G(scratch.d_a0(i, j) - scratch.d_change(i, j));
      }
    }
  }

  /// What is asked of a candidate: `wanted`, or half of the base's own margin where that is less
  /// (margins of slow systems are small numbers).
  double least_margin(double wanted) const { return std::min(wanted, 0.5 * base_margin_); }

 private:
  template <class T, class M>
  back_scale<double> scale_of(const dynamics<T>& base, view<M> changed, double wanted,
                              certificate_scratch& scratch) const {
    const index_t n = layout_.rows;
    scratch.change.resize({n, n});
    scratch.identity.assign({n, n});
    for (index_t i = 0; i < n; ++i) {
      scratch.identity(i, i) = 1.0;
      for (index_t j = 0; j < n; ++j) {
        scratch.change(i, j) =
            double(primal(std::remove_const_t<M>(changed.at(i, j)))) - double(base.matrix(0, i, j));
      }
    }
    return back_scaling(metric_, std::min(wanted, 0.5 * metric_.margin), view<none>{},
                        std::as_const(scratch.change).view(),
                        std::as_const(scratch.identity).view(), scratch.scaling);
  }

  // n^(1/2^12) - 1 for n up to 64.
  static constexpr double slack_of_the_bound = 2e-3;

  time_kind time() const {
    return layout_.kind == dynamics_kind::dense_continuous ? time_kind::continuous
                                                           : time_kind::discrete;
  }

  dynamics_layout layout_{};
  lyapunov_metric metric_;
  bool metric_ok_ = false;
  double base_margin_ = 0.0;
};

}  // namespace attd::adaptation
