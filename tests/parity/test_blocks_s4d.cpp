// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// S4D on the eigen backend against the reference.
#include <attd/backends/eigen.hpp>
#include <parity/s4d_suite.hpp>

namespace attd_test {

TEST_CASE_TEMPLATE_INVOKE(s4d_parity, attd::eigen);

}  // namespace attd_test
