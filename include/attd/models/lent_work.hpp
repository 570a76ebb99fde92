// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Work memory that the layers of a model use in turn.
#pragma once

#include <utility>

namespace attd::models {

namespace detail {
struct no_work {};
template <class Cache>
auto find_work() {
  if constexpr (requires(Cache& c) { c.work; }) {
    return decltype(Cache::work){};
  } else {
    return no_work{};
  }
}
}  // namespace detail

/// Memory of one backward of a block (and of one forward, if it says that it `recomputes()`), if
/// its cache keeps it apart in a member `work`.
template <class Cache>
using work_of = decltype(detail::find_work<Cache>());

/// Lends it to a cache while this lives, if it is `wanted`: layers take turns with one, as each
/// needs it during its own call alone.
template <class Cache>
class lent_work {
 public:
  lent_work(work_of<Cache>& work, Cache& to, bool wanted = true)
      : work_(work), to_(to), wanted_(wanted) {
    exchange();
  }
  lent_work(const lent_work&) = delete;
  ~lent_work() { exchange(); }

 private:
  void exchange() {
    if constexpr (requires { to_.work; }) {
      if (wanted_) std::swap(work_, to_.work);
    }
  }
  work_of<Cache>& work_;
  Cache& to_;
  bool wanted_;
};

}  // namespace attd::models
