// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Uses the component thrust.
#include <attd/backends/thrust.hpp>
#include <attd/operations/activations.hpp>
#include <attd/operations/transform.hpp>

int main() {
  attd::thrust<attd::systems::cpp> backend;
  attd::tensor<float> x({2, 3}, 1.0f), y({2, 3});
  attd::operations::transform(backend, attd::operations::sum_function{}, y.view(), x.view(),
                              x.view());
  return y(1, 2) == 2.0f ? 0 : 1;
}
