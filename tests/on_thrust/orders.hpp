// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Systems that run the threads of a team in other orders, and that cut sequences: what programs for
// teams must not notice.
#pragma once

#include <attd/backends/thrust.hpp>

namespace attd_test {

// The last thread first.
struct backwards_system : attd::systems::cpp {
  static attd::thrust_detail::host_team::thread_order order() {
    return [](int i, int n) { return n - 1 - i; };
  }
};
// Far apart: n is a multiple of 32, so all are met.
struct scattered_system : attd::systems::cpp {
  static attd::thrust_detail::host_team::thread_order order() {
    return [](int i, int n) { return (i * 37 + 5) % n; };
  }
};
// Selective scans in `Pieces` pieces of each sequence.
template <int Pieces>
struct cutting_system : attd::systems::cpp {
  static attd::index_t pieces(attd::index_t, attd::index_t) { return Pieces; }
};

using thrust_backwards = attd::thrust<backwards_system>;
using thrust_scattered = attd::thrust<scattered_system>;

}  // namespace attd_test
