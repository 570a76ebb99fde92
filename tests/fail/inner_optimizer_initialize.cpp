// expect: attd: InnerOptimizer needs initialize\(const W& psi, state<W>&\) const; see
// docs/concepts/inner_optimizer.md#initialize
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An optimiser that returns its first state.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::inner_optimizer {
  template <class W>
  state<W> initialize(const W& psi) const;
};

static_assert(check_inner_optimizer<mine>());
