// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Factors that are held constant, recordings of products with them, and memory: nothing stale is
// used, nothing more is taken.
#include <attd/operations/constants.hpp>
#include <utility>

#include "constant_weights.hpp"

namespace {

using attd::bfloat16;
using attd::tensor;
using namespace attd_test::constants;
using attd::operations::hold_constant;
using attd_test::differences;
using attd_test::rounding;

}  // namespace

TEST_CASE("constants: recordings see them change, and are kept") {
  draws draw;
  weights p = some_weights();
  const tensor<float> x = draw({48, 40});
  rounding backend;
  repeated product(backend);
  hold_constant(backend, p);
  for (int i = 0; i < 4; ++i) {
    CHECK(differences(product(backend, x, p.w), rounded_anew(x, p.w)) == 0);
  }
  product(backend, x, p.w);
  product(backend, x, p.w);  // recorded again: `rounded_anew` has given memory back
  const int calls = product.calls, taken = attd_test::taken_back(), given = attd_test::given_out();
  move_by(p.w, 0.1f);
  hold_constant(backend, p);
  rounded(backend) = 0;
  const tensor<float> found = product(backend, x, p.w);
  CHECK(rounded(backend) == x.size());
  CHECK(product.calls == calls);
  CHECK(attd_test::taken_back() == taken);
  CHECK(attd_test::given_out() == given);
  CHECK(differences(found, rounded_anew(x, p.w)) == 0);
}

TEST_CASE("constants: let go they are none, and what was recorded is called again") {
  draws draw;
  weights p = some_weights();
  const tensor<float> x = draw({48, 40}), bystander = draw({3, 3});
  for (const bool others : {false, true}) {
    CAPTURE(others);
    rounding backend;
    repeated product(backend);
    hold_constant(backend, p);
    for (int i = 0; i < 3; ++i) product(backend, x, p.w);
    CHECK(product.calls == 2);
    if (others) {
      hold_constant(backend, bystander);
    } else {
      operations::let_go(backend);
    }
    for (int i = 0; i < 4; ++i) {  // called, recorded, and done again
      move_by(p.w, 0.1f);
      rounded(backend) = 0;
      const tensor<float> found = product(backend, x, p.w);
      CHECK(rounded(backend) == x.size() + p.w.size());
      rounding plain;
      const tensor<float> y = linear(plain, x, p.w);
      CHECK(differences(found, y) == 0);
    }
    CHECK(product.calls > 2);
  }
}

TEST_CASE("constants: memory is taken once, and given back with the handle") {
  draws draw;
  const weights p = some_weights();
  const tensor<float> x = draw({48, 40}), z = draw({48, 48});
  const std::size_t before = attd_test::used_memory();
  {
    rounding backend;
    int given = 0, taken = 0;
    for (int i = 0; i < 4; ++i) {
      if (i == 1) {
        given = attd_test::given_out();
        taken = attd_test::taken_back();
      }
      hold_constant(backend, p);
      linear(backend, x, p.w);
      linear(backend, z, p.v);
      // Only results, which are taken and given back here.
      if (i > 0) CHECK(attd_test::given_out() - given == 2 * i);
      if (i > 0) CHECK(attd_test::taken_back() - taken == 2 * i);
    }
    const std::size_t both = sizeof(bfloat16) * std::size_t(64 * 40 + 48 * 48);
    CHECK(attd_test::used_memory() - before == both + sizeof(bfloat16) * 48 * 48);
    operations::let_go(backend);
    CHECK(attd_test::used_memory() - before == sizeof(bfloat16) * 48 * 48);
  }
  CHECK(attd_test::used_memory() == before);
}

TEST_CASE("constants: a recording that would need memory for one is given up, and done") {
  draws draw;
  const weights p = some_weights();
  const tensor<float> x = draw({48, 40});
  const tensor<float> expected = rounded_anew(x, p.w);
  rounding backend;
  repeated product(backend);
  CHECK(differences(product(backend, x, p.w), expected) == 0);
  hold_constant(backend, p);
  CHECK(differences(product(backend, x, p.w), expected) == 0);
  CHECK(product.recorded.impossible);
  product.recorded.forget();
  for (int i = 0; i < 3; ++i) CHECK(differences(product(backend, x, p.w), expected) == 0);
  CHECK_FALSE(product.recorded.impossible);
}

TEST_CASE("constants: to hold them within a recording gives it up, and they are held") {
  draws draw;
  weights p = some_weights();
  const tensor<float> x = draw({48, 40});
  rounding backend;
  hold_constant(backend, p);
  linear(backend, x, p.w);
  operations::recording<rounding> recorded;
  for (int i = 0; i < 3; ++i) {
    move_by(p.w, 0.1f);
    operations::replay(backend, recorded, [&] { hold_constant(backend, p); });
    CHECK(differences(linear(backend, x, p.w), rounded_anew(x, p.w)) == 0);
  }
}

TEST_CASE("constants: to let them go within a recording gives it up") {
  draws draw;
  const weights p = some_weights();
  const tensor<float> x = draw({48, 40});
  rounding backend;
  repeated product(backend);
  product(backend, x, p.w);
  operations::recording<rounding> recorded;
  const auto let_all_go = [&] {
    operations::replay(backend, recorded, [&] { operations::let_go(backend); });
  };
  let_all_go();
  hold_constant(backend, p);
  product.recorded.forget();
  product(backend, x, p.w);
  let_all_go();  // memory cannot be given back while a GPU records
  CHECK(recorded.impossible);
  rounded(backend) = 0;
  product(backend, x, p.w);
  CHECK(rounded(backend) == x.size() + p.w.size());
}

TEST_CASE("constants: without memory for one there is an error, and with it all is well") {
  draws draw;
  const weights p = some_weights();
  const tensor<float> x = draw({48, 40});
  const tensor<float> expected = rounded_anew(x, p.w);
  rounding backend;
  hold_constant(backend, p);
  tensor<float> y;
  operations::resize(backend, y, {48, 64});
  attd_test::memory_size() = attd_test::used_memory() + 100;
  const auto product = [&] { product_into(y, backend, x.view(), p.w.view()); };
  CHECK_THROWS_WITH_AS(product(), doctest::Contains("no memory for"), attd::error);
  attd_test::memory_size() = std::size_t{1} << 40;
  CHECK(differences(linear(backend, x, p.w), expected) == 0);
  rounded(backend) = 0;
  CHECK(differences(linear(backend, x, p.w), expected) == 0);
  CHECK(rounded(backend) == x.size());
}
