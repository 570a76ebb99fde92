// expect: attd: Block needs a member template parameters<T>, an aggregate of tensors; see
// docs/concepts/block.md#parameters
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A block whose parameters are no template.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::block {
  struct parameters {
    tensor<double> w;
  };
};

static_assert(check_block<mine>());
