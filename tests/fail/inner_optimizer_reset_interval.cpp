// expect: attd: InnerOptimizer needs index_t reset_interval\(\) const; see
// docs/concepts/inner_optimizer.md#reset_interval
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An optimiser whose reset interval is a member, not a function.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::inner_optimizer {
  index_t reset_interval = 0;
};

static_assert(check_inner_optimizer<mine>());
