// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// S4D on Thrust's sequential system against the reference and against PyTorch, with Mamba there.
#include <golden/mamba_suite.hpp>
#include <golden/s4d_suite.hpp>
#include <on_thrust/backend.hpp>
#include <parity/s4d_suite.hpp>

namespace attd_test {

TEST_CASE_TEMPLATE_INVOKE(s4d_parity, thrust_cpp);

}  // namespace attd_test

namespace attd_test::golden_s4d {

TEST_CASE_TEMPLATE_INVOKE(s4d_values, thrust_cpp);

}  // namespace attd_test::golden_s4d

namespace attd_test::golden_mamba {

TEST_CASE_TEMPLATE_INVOKE(mamba_values, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(cross_entropy_values, thrust_cpp);

}  // namespace attd_test::golden_mamba
