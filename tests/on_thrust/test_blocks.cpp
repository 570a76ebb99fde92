// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Blocks and models on Thrust's sequential system against the reference.
#include <on_thrust/backend.hpp>
#include <parity/block_suite.hpp>
#include <parity/model_suite.hpp>

namespace attd_test::block_suite {

TEST_CASE_TEMPLATE_INVOKE(mamba_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(linear_ssm_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(continuous_linear_ssm_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(mlp_parity, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(blocks_independence, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(blocks_step, thrust_cpp);

}  // namespace attd_test::block_suite

namespace attd_test::model_suite {

TEST_CASE_TEMPLATE_INVOKE(models_independence, thrust_cpp);
TEST_CASE_TEMPLATE_INVOKE(classifier_independence, thrust_cpp);

}  // namespace attd_test::model_suite
