// expect: attd: Block needs index_t inputs\(\) const and index_t outputs\(\) const; see
// docs/concepts/block.md#sizes
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A block whose sizes are members, not functions.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::block {
  index_t inputs = 1, outputs = 1;
};

static_assert(check_block<mine>());
