// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The scans on packs against the plain loops.
#include <attd/backends/eigen.hpp>
#include <parity/scan_output_suite.hpp>
#include <parity/scan_suite.hpp>

namespace attd_test::scans {

TEST_CASE_TEMPLATE_INVOKE(selective_scan_parity, eigen);
TEST_CASE_TEMPLATE_INVOKE(selective_scan_single_gradients, eigen);
TEST_CASE_TEMPLATE_INVOKE(selective_scan_independence, eigen);
TEST_CASE_TEMPLATE_INVOKE(gated_scan_parity, eigen);
TEST_CASE_TEMPLATE_INVOKE(gated_scan_without_output, reference, eigen);
TEST_CASE_TEMPLATE_INVOKE(selective_scan_output_again, reference, eigen);
TEST_CASE_TEMPLATE_INVOKE(complex_scan_parity, eigen);
TEST_CASE_TEMPLATE_INVOKE(complex_scan_single_gradients, eigen);
TEST_CASE_TEMPLATE_INVOKE(dense_recurrence_parity, eigen);
TEST_CASE_TEMPLATE_INVOKE(dense_recurrence_zero_initial, eigen);
TEST_CASE_TEMPLATE_INVOKE(other_scans_independence, eigen);

}  // namespace attd_test::scans
