// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// What Mamba does not keep from forward to backward, on the CPU's backends.
#include <attd/backends/eigen.hpp>
#include <attd/backends/reference.hpp>
#include <parity/activation_storage_suite.hpp>

namespace attd_test::storage_suite {

TEST_CASE_TEMPLATE_INVOKE(same_blocks, reference, eigen);
TEST_CASE_TEMPLATE_INVOKE(same_models, reference, eigen);
TEST_CASE_TEMPLATE_INVOKE(unrounded_blocks, reference, eigen);
TEST_CASE_TEMPLATE_INVOKE(rounded_models, reference, eigen);
TEST_CASE_TEMPLATE_INVOKE(same_adaptations, reference, eigen);
TEST_CASE_TEMPLATE_INVOKE(rounded_adaptations, reference, eigen);

}  // namespace attd_test::storage_suite
