// expect: attd: Adapter needs shrink\(const Alpha&, fast_weights<T>&\) const, a template over both
// number types; see docs/concepts/adapter.md#shrink SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// An adapter whose shrink takes its arguments the other way round.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::adapter {
  void shrink(fast_weights<double>& psi, double alpha) const;
};

static_assert(check_adapter<mine>());
