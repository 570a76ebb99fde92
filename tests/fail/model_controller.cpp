// expect: attd: Controller needs bool proceed\(const step_view&\) const; see
// docs/concepts/controller.md#proceed
//
// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A controller with a mistake, met where the parts are put together.
#include <attd/adaptation/adaptive_model.hpp>
#include <attd/models/sequence_model.hpp>
#include <attd/testing/archetypes.hpp>

namespace parts = attd::testing::archetypes;

struct mine {
  attd::index_t plan(double s) const { return s > 0 ? 2 : 0; }
};
using model = attd::models::forecaster<parts::state_space_block>;

template class attd::adaptive_model<double, model, parts::adapter, parts::internal_loss, mine,
                                    parts::inner_optimizer, attd::reference>;
