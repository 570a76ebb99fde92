// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// All forms of a matrix product.
#pragma once

#include <attd/operations/matmul.hpp>

namespace attd_test {

// Calls f<Ta, Tb, U>() for all.
template <class F>
void for_all_forms(const F& f) {
  using attd::operations::transpose;
  using attd::operations::update;
  constexpr auto no = transpose::no, yes = transpose::yes;
  const auto both = [&]<transpose Ta, transpose Tb>() {
    f.template operator()<Ta, Tb, update::assign>();
    f.template operator()<Ta, Tb, update::add>();
  };
  both.template operator()<no, no>();
  both.template operator()<no, yes>();
  both.template operator()<yes, no>();
  both.template operator()<yes, yes>();
}

}  // namespace attd_test
