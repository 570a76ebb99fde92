// expect: attd: Adapter needs initialize\(layout, random_stream, fast_weights&\) const; see
// docs/concepts/adapter.md#initialize
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An adapter whose initialize is not const.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::adapter {
  void initialize(const dynamics_layout&, random_stream, fast_weights<double>&);
};

static_assert(check_adapter<mine>());
