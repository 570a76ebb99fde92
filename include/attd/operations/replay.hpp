// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Operations that are called again with the same operands: recorded once, then started as a whole.
#pragma once

namespace attd::operations {

namespace detail {
struct no_recording {
  void forget() {}
};
template <class Backend>
auto recording_of() {
  if constexpr (requires { typename Backend::recording; }) {
    return typename Backend::recording{};
  } else {
    return no_recording{};
  }
}
}  // namespace detail

/// What a backend remembers of a sequence of operations: nothing, for most. `forget()` makes the
/// next call of `replay` one of other operands. A copy remembers nothing.
template <class Backend>
using recording = decltype(detail::recording_of<Backend>());

/// Calls f, or has the backend do again what f did: a CUDA graph in place of its launches.
///
/// f calls operations and nothing that reads their results. Until `forget` every call must be with
/// an f that would call the same operations on the same views; numbers may have changed, token ids
/// and offsets not. *Cost*: a backend may call f twice before it knows enough.
template <class Backend, class F>
void replay([[maybe_unused]] Backend& backend, [[maybe_unused]] recording<Backend>& r, const F& f) {
  if constexpr (requires { backend.replay(r, f); }) {
    backend.replay(r, f);
  } else {
    f();
  }
}

}  // namespace attd::operations
