// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Formulas of a prediction and a target, used elementwise by internal and training losses.
#pragma once

#include <attd/core/math.hpp>

namespace attd::losses {

/// (p - t)^2
struct squared_error {
  /// (p - t)^2 of any number type.
  template <class T>
  ATTD_HD T operator()(T prediction, T target) const {
    return square(prediction - target);
  }
};

/// log cosh(p - t): quadratic near 0, linear far away; smooth, so it has second derivatives.
/// Computed as |e| + softplus(-2|e|) - log 2.
struct log_cosh {
  /// log cosh(p - t) of any number type.
  template <class T>
  ATTD_HD T operator()(T prediction, T target) const {
    const T e = abs(prediction - target);
    return e + softplus(T(-2) * e) - T(0.69314718055994530942);
  }
};

}  // namespace attd::losses
