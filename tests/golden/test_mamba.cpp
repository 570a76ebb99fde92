// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Mamba and the cross-entropy against PyTorch, on reference and eigen.
#include <attd/backends/eigen.hpp>
#include <attd/backends/reference.hpp>
#include <golden/mamba_suite.hpp>

namespace attd_test::golden_mamba {

TEST_CASE_TEMPLATE_INVOKE(mamba_values, reference, eigen);
TEST_CASE_TEMPLATE_INVOKE(cross_entropy_values, reference, eigen);

}  // namespace attd_test::golden_mamba
