// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Every operation on Thrust's sequential system against the reference.
#include <on_thrust/backend.hpp>
#include <parity/operation_suite.hpp>

namespace attd_test {

TEST_CASE_TEMPLATE_INVOKE(rms_norm_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(layer_norm_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(causal_convolution_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(linear_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(embedding_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(cross_entropy_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(softmax_entropy_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(pooling_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(activations_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(gates_and_sums_parity, thrust_cpp);

}  // namespace attd_test
