// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Every operation on the eigen backend against the reference.
#include <attd/backends/eigen.hpp>
#include <parity/operation_suite.hpp>

namespace attd_test {

TEST_CASE_TEMPLATE_INVOKE(rms_norm_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(layer_norm_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(causal_convolution_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(linear_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(embedding_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(cross_entropy_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(softmax_entropy_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(pooling_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(activations_parity, attd::eigen);
TEST_CASE_TEMPLATE_INVOKE(gates_and_sums_parity, attd::eigen);

}  // namespace attd_test
