// expect: attd: InnerOptimizer needs a member template state<W>, an aggregate; see
// docs/concepts/inner_optimizer.md#state
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An optimiser whose state is no template.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::inner_optimizer {
  struct state {};
};

static_assert(check_inner_optimizer<mine>());
