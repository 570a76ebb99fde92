// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A sample's results are the same bits in any company; arrays with padding are packed.
#include <adaptation/bit_exact_suite.hpp>
#include <attd/backends/eigen.hpp>
#include <attd/backends/reference.hpp>

namespace attd_test::bit_exact {

using on_reference = kind<double, attd::reference>;
using on_eigen = kind<float, attd::eigen>;
TEST_CASE_TEMPLATE_INVOKE(dense_layers, on_reference, on_eigen);
TEST_CASE_TEMPLATE_INVOKE(mamba_layers, on_reference, on_eigen);

}  // namespace attd_test::bit_exact

using namespace attd_test;
using attd::sequences;

TEST_CASE("a padded array is packed and unpacked, whatever lies in its padding") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  tensor<double> all({2, 3, 2}, nan);
  const std::vector<index_t> sizes{1, 3};
  for (index_t c = 0; c < 2; ++c) {
    all(0, 0, c) = 1 + double(c);
    for (index_t t = 0; t < 3; ++t) all(1, t, c) = 10 * double(t + 1) + double(c);
  }
  sequences batch;
  tensor<double> packed, back;
  attd::pack_padded(std::as_const(all).view(), sizes, batch, packed);
  CHECK(batch.count() == 2);
  CHECK(batch.offset(1) == 1);
  CHECK(packed.shape() == attd::shape{4, 2});
  CHECK(packed(0, 1) == 2);
  CHECK(packed(3, 1) == 31);
  attd::unpack_padded(packed.view(), batch, 4, back, -1.0);
  CHECK(back.shape() == attd::shape{2, 4, 2});
  CHECK(back(0, 0, 0) == 1);
  CHECK(back(0, 1, 0) == -1);
  CHECK(back(1, 2, 1) == 31);
  CHECK(back(1, 3, 1) == -1);

  std::vector<index_t> ids;
  const std::vector<index_t> padded_ids{7, -1, -1, 4, 5, 6};
  attd::pack_padded(padded_ids, 3, sizes, batch, ids);
  CHECK(ids == std::vector<index_t>{7, 4, 5, 6});

  const std::vector<index_t> empty{0, 3}, too_long{1, 4}, few{1};
  CHECK_THROWS_WITH_AS(attd::pack_padded(all.view(), empty, batch, packed),
                       doctest::Contains("sample 0 has length 0, expected 1 .. 3"), attd::error);
  CHECK_THROWS_WITH_AS(attd::pack_padded(all.view(), too_long, batch, packed),
                       doctest::Contains("sample 1 has length 4, expected 1 .. 3"), attd::error);
  CHECK_THROWS_WITH_AS(attd::pack_padded(all.view(), few, batch, packed),
                       doctest::Contains("is 1, expected 2"), attd::error);
  CHECK_THROWS_AS(attd::pack_padded(padded_ids, 3, too_long, batch, ids), attd::error);
  attd::pack_padded(std::as_const(all).view(), sizes, batch, packed);
  CHECK_THROWS_AS(attd::unpack_padded(packed.view(), batch, 2, back), attd::error);
}
