// expect: attd: Adapter needs a member template fast_weights<T>, an aggregate of tensors; see
// docs/concepts/adapter.md#fast_weights
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An adapter whose fast weights are no template.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::adapter {
  struct fast_weights {
    tensor<double> shift;
  };
};

static_assert(check_adapter<mine>());
