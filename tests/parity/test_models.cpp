// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Models on the eigen backend: a sequence's output does not depend on its neighbours.
#include <attd/backends/eigen.hpp>
#include <parity/model_suite.hpp>

namespace attd_test::model_suite {

TEST_CASE_TEMPLATE_INVOKE(models_independence, eigen);
TEST_CASE_TEMPLATE_INVOKE(classifier_independence, eigen);

}  // namespace attd_test::model_suite
