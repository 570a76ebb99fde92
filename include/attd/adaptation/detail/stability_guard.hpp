// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Keeps the fast weights of a whole model where stability is certain, and near their start.
#pragma once

#include <attd/adaptation/certificate.hpp>
#include <attd/adaptation/inner_problem.hpp>
#include <attd/operations/memory.hpp>
#include <attd/operations/numbers.hpp>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

namespace attd::adaptation::detail {

/// An entry of a table, as `stability_certificate::margin` sees it: what is not finite has no
/// margin.
struct slowest_rate {
  template <class A>
  ATTD_HD double operator()(const A& a) const {
    return is_finite(a) ? double(a) : std::numeric_limits<double>::infinity();
  }
};

/// The stability certificates of all adapted systems of a model. Const while it is used.
class stability_guard {
 public:
  /// Takes the base dynamics of the systems that adapt.
  template <class Frozen>
  void prepare(const Frozen& frozen) {
    const index_t n = frozen.model.systems();
    adapted_ = frozen.adapted;
    certificates_.resize(static_cast<std::size_t>(n));
    base_stable_ = true;
    for (index_t l = 0; l < n; ++l) {
      if (!adapts(l)) continue;
      certificates_[static_cast<std::size_t>(l)].prepare(frozen.model.layout(l), frozen.base[l]);
      base_stable_ = base_stable_ && at(l).base_margin() > 0;
    }
  }

  /// Whether the base dynamics of every adapted system are certified.
  bool base_stable() const { return base_stable_; }

  /// The smallest margin of all adapted systems with these dynamics; infinite if there are none. A
  /// backend that walks leaves looks through all tables at once.
  template <class Backend, class Effective>
  double smallest_margin(Backend& backend, const Effective& effective,
                         certificate_scratch& scratch) const {
    using M = typename std::remove_cvref_t<decltype(effective[0].matrix)>::scalar;
    constexpr bool by_backend = operations::WalksLeaves<Backend> && std::is_floating_point_v<M>;
    double smallest = std::numeric_limits<double>::infinity();
    if constexpr (by_backend) {
      smallest = -backend.template reduce_numbers<const M>(
          slowest_rate{}, operations::largest_of_numbers{}, -smallest, [&](const auto& add) {
            for (index_t l = 0; l < effective.count(); ++l) {
              if (adapts(l) && !is_dense(at(l).kind())) add(effective[l].matrix);
            }
          });
    }
    operations::finish(backend);
    for (index_t l = 0; l < effective.count(); ++l) {
      if (!adapts(l) || (by_backend && !is_dense(at(l).kind()))) continue;
      const auto matrices = effective[l].matrix.view();
      for (index_t s = 0; s < matrices.extent(0); ++s) {
        smallest = std::min(smallest, at(l).margin(matrices[s], scratch));
      }
    }
    return smallest;
  }

  /// Scales dense candidates that lost their margin back into the base's Lyapunov ball. Returns the
  /// smallest scale: 1 if none had to be, 0 if there is no room for any change (the candidate is
  /// then of no use). `effective` are the dynamics of `psi`; `scales` gets the scale of each
  /// system.
  template <class Frozen, class Effective, class Weights>
  double scale_back(const Frozen& frozen, const Effective& effective, double least_margin,
                    Weights& psi, std::vector<double>& scales, certificate_scratch& scratch) const {
    double smallest = 1.0;
    scales.assign(static_cast<std::size_t>(effective.count()), 1.0);
    for (index_t l = 0; l < effective.count(); ++l) {
      if (!adapts(l) || !is_dense(frozen.model.layout(l).kind)) continue;
      const auto matrix = effective[l].matrix.view()[0];
      const double least = at(l).least_margin(least_margin);
      if (at(l).margin(matrix, scratch) >= least) continue;
      const double alpha = at(l).room(frozen.base[l], matrix, least_margin, scratch);
      if (!(alpha > 0)) return 0.0;
      scales[static_cast<std::size_t>(l)] = alpha;
      frozen.adapter.shrink(alpha, psi[l]);
      smallest = std::min(smallest, alpha);
    }
    return smallest;
  }

  /// The certificate of one adapted system.
  const stability_certificate& certificate(index_t l) const { return at(l); }

 private:
  bool adapts(index_t l) const { return adapted_[static_cast<std::size_t>(l)] != 0; }
  const stability_certificate& at(index_t l) const {
    return certificates_[static_cast<std::size_t>(l)];
  }

  std::vector<stability_certificate> certificates_;
  std::vector<char> adapted_;
  bool base_stable_ = true;
};

/// Moves psi straight towards psi_0 so that |psi - psi_0|_2 = cap.
template <class Weights>
void move_to_cap(double cap, const Weights& psi0, Weights& psi) {
  using T = leaf_scalar_t<Weights>;
  T distance2(0);
  for_each_leaf(
      [&](const auto& p, const auto& p0) {
        for (index_t i = 0; i < p.size(); ++i) distance2 += square(p.data()[i] - p0.data()[i]);
      },
      psi, psi0);
  const T scale = T(cap) / sqrt(distance2);
  for_each_leaf(
      [&](auto& p, const auto& p0) {
        for (index_t i = 0; i < p.size(); ++i) {
          p.data()[i] = p0.data()[i] + scale * (p.data()[i] - p0.data()[i]);
        }
      },
      psi, psi0);
}

struct squared_difference {
  template <class P>
  ATTD_HD double operator()(const P& p, const P& p0) const {
    return (double(p) - double(p0)) * (double(p) - double(p0));
  }
};

/// Moves psi straight towards psi_0 until |psi - psi_0|_2 <= cap (cap <= 0: no limit); whether it
/// had to.
template <class Backend, class Weights>
bool cap_drift(Backend& backend, double cap, const Weights& psi0, Weights& psi) {
  if (cap <= 0) return false;
  const double distance2 = operations::reduce_numbers(backend, squared_difference{},
                                                      operations::sum_of_numbers{}, 0.0, psi, psi0);
  if (!(distance2 > cap * cap)) return false;
  operations::finish(backend);
  move_to_cap(cap, psi0, psi);
  return true;
}

}  // namespace attd::adaptation::detail
