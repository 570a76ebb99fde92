// expect: attd: Adapter needs apply\(layout, base, fast_weights, dynamics& out\) const; see
// docs/concepts/adapter.md#apply
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An adapter that returns the dynamics instead of writing them.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::adapter {
  dynamics<double> apply(const dynamics_layout&, const dynamics<double>& base,
                         const fast_weights<double>& psi) const;
};

static_assert(check_adapter<mine>());
