// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Copies of small arrays for a GPU: found again by contents, given back when there are too many.
#include <doctest/doctest.h>

#include <on_thrust/separate_memory.hpp>
#include <utility>
#include <vector>

using namespace attd_test;
using attd::index_t;
using attd::thrust_detail::readable_arrays;

TEST_CASE("readable arrays: what was copied once is found by its contents") {
  readable_arrays arrays{&separate};
  const auto not_needed = [] { FAIL("nothing had to go"); };
  const auto copy_of = [&](const std::vector<index_t>& from) {
    return arrays(from.data(), static_cast<index_t>(from.size()), not_needed);
  };
  std::vector<const index_t*> copies;
  for (index_t i = 0; i < 300; ++i) copies.push_back(copy_of({i, 7, -i}));
  for (index_t i = 0; i < 300; ++i) {
    const index_t* const copy = copy_of({i, 7, -i});
    CHECK(copy == copies[static_cast<std::size_t>(i)]);
    CHECK((copy[0] == i && copy[1] == 7 && copy[2] == -i));
    CHECK(is_separate(copy));
  }
  CHECK(copy_of({0, 7}) != copies[0]);  // another length
  readable_arrays taken = std::move(arrays);
  const std::vector<index_t> again{5, 7, -5};
  CHECK(taken(again.data(), 3, not_needed) == copies[5]);
}

TEST_CASE("readable arrays: when they take too much, all go, once nothing uses them") {
  const std::size_t before = used_memory();
  {
    readable_arrays arrays{&separate};
    const std::size_t third = readable_arrays::most_bytes / 3;
    int finished = 0;
    std::vector<char> large(third + 16);
    for (int i = 0; i < 4; ++i) {
      large[0] = static_cast<char>(i);
      const char* const copy =
          arrays(large.data(), static_cast<index_t>(large.size()), [&] { ++finished; });
      CHECK(copy[0] == i);
      CHECK(finished == (i < 2 ? 0 : 1));
    }
    CHECK(used_memory() - before == 2 * large.size());
    // One that is larger than all room is copied all the same.
    std::vector<char> huge(readable_arrays::most_bytes + 1, 'x');
    CHECK(arrays(huge.data(), static_cast<index_t>(huge.size()), [&] { ++finished; })[9] == 'x');
    CHECK(finished == 2);
  }
  CHECK(used_memory() == before);
}
