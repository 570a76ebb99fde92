// expect: attd: Block needs double forward_flops\(double tokens\) const; see
// docs/concepts/block.md#forward_flops
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A block that does not count for a number of tokens.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::block {
  double forward_flops() const;
};

static_assert(check_block<mine>());
