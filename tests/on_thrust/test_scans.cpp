// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The scans on Thrust's sequential system against the plain loops.
#include <on_thrust/backend.hpp>
#include <parity/scan_output_suite.hpp>
#include <parity/scan_suite.hpp>

namespace attd_test::scans {

TEST_CASE_TEMPLATE_INVOKE(selective_scan_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(selective_scan_single_gradients, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(selective_scan_independence, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(gated_scan_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(gated_scan_without_output, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(selective_scan_output_again, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(complex_scan_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(complex_scan_single_gradients, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(dense_recurrence_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(dense_recurrence_zero_initial, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(other_scans_independence, thrust_cpp);

}  // namespace attd_test::scans
