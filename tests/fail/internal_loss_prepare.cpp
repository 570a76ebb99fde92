// expect: attd: InternalLoss needs prepare\(span of observations, guard_split, inner_data&\) const,
// or template <class T> T operator\(\)\(T prediction, T target\) const; see
// docs/concepts/internal_loss.md#prepare
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A loss that prepares one observation instead of a group.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::internal_loss {
  void prepare(const observation<double>& one, const losses::guard_split& split,
               losses::inner_data<double>& data) const;
};

static_assert(check_internal_loss<mine>());
