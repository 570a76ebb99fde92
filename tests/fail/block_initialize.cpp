// expect: attd: Block needs initialize\(random_stream, parameters&\) const; see
// docs/concepts/block.md#initialize
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A block that takes a seed instead of a random stream.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::block {
  void initialize(int seed, parameters<double>& p) const;
};

static_assert(check_block<mine>());
