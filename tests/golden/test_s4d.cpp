// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// S4D against PyTorch, on reference and eigen.
#include <attd/backends/eigen.hpp>
#include <attd/backends/reference.hpp>
#include <golden/s4d_suite.hpp>

namespace attd_test::golden_s4d {

TEST_CASE_TEMPLATE_INVOKE(s4d_values, reference, eigen);

}  // namespace attd_test::golden_s4d
