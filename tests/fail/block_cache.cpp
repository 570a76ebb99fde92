// expect: attd: Block needs a member template cache<S> for its activations; see
// docs/concepts/block.md#cache
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A block whose cache is no template.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::block {
  struct cache {};
};

static_assert(check_block<mine>());
