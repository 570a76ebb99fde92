// expect: attd: InternalLoss needs static constexpr bool requires_causal; see
// docs/concepts/internal_loss.md#requires_causal
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A loss that says at run time whether it needs a causal model.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::internal_loss {
  bool requires_causal = true;
};

static_assert(check_internal_loss<mine>());
