// expect: attd: StateSpaceBlock needs dynamics_layout layout\(\) const; see
// docs/concepts/block.md#layout
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A state-space block that gives its kind for a layout.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::state_space_block {
  dynamics_kind layout() const { return kind; }
};

static_assert(check_block<mine>());
