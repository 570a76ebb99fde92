// expect: attd: InternalLoss needs evaluate\(backend, output, data, scratch\) const; see
// docs/concepts/internal_loss.md#evaluate
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A loss whose evaluate takes no scratch memory.
#include <attd/testing/archetypes.hpp>

using namespace attd;

struct mine : testing::archetypes::internal_loss {
  double evaluate(reference& backend, view<const double> output,
                  const losses::inner_data<double>& data) const;
};

static_assert(check_internal_loss<mine>());
