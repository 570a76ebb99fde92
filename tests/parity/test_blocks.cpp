// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Mamba, the dense blocks and the perceptron on the eigen backend against the reference.
#include <attd/backends/eigen.hpp>
#include <parity/block_suite.hpp>

namespace attd_test::block_suite {

TEST_CASE_TEMPLATE_INVOKE(mamba_parity, eigen);
TEST_CASE_TEMPLATE_INVOKE(linear_ssm_parity, eigen);
TEST_CASE_TEMPLATE_INVOKE(continuous_linear_ssm_parity, eigen);
TEST_CASE_TEMPLATE_INVOKE(mlp_parity, eigen);
TEST_CASE_TEMPLATE_INVOKE(blocks_independence, eigen);
TEST_CASE_TEMPLATE_INVOKE(blocks_step, eigen);

}  // namespace attd_test::block_suite
