// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Parameters that stay as they are for many operations: what a backend derives from them, it
// derives once.
#pragma once

#include <attd/core/leaves.hpp>

namespace attd::operations {

/// Tells a backend that the leaves of an aggregate stay where they are and keep their numbers until
/// it is told again, whatever it is then told. What it derives from them (factors of products in
/// bfloat16) it may keep; results are the same bits as without.
///
/// To be called again whenever numbers of them may have changed, and before the memory of one goes:
/// what was derived is then made anew, or given back for leaves that are not among these. What was
/// recorded (`replay`) stays right, so long as it is not of memory that is gone; with other leaves
/// than before it is recorded anew. A copy of a backend holds nothing. Not within what is replayed:
/// it waits for the backend.
///
/// Shapes: any; ranges of rows and columns of a leaf are held with it. Leaves that a backend gains
/// nothing by, and backends that gain nothing, are left alone. Cost: nothing at the first call;
/// with the same leaves again, deriving once what was derived before, without taking memory.
/// Errors: none of its own; the operation that derives first may find no memory for it.
template <class Backend, class A>
void hold_constant([[maybe_unused]] Backend& backend, [[maybe_unused]] const A& parameters) {
  if constexpr (requires { backend.hold_constant(parameters); }) backend.hold_constant(parameters);
}

/// Tells a backend that nothing stays as it is: to be called before parameters that were held
/// change for good, as in training, or go while the backend stays.
template <class Backend>
void let_go(Backend& backend) {
  hold_constant(backend, layers<tensor<float>>());
}

}  // namespace attd::operations
