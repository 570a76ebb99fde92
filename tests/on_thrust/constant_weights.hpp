// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Weights to hold constant, and products with them.
#pragma once

#include <attd/core/random.hpp>
#include <attd/operations/matmul.hpp>
#include <attd/operations/replay.hpp>

#include "rounding_system.hpp"

namespace attd_test::constants {

namespace operations = attd::operations;

// Parameters of a layer: of which one is no factor, and one not of floats.
struct weights {
  tensor<float> w, bias, v;
  tensor<double> scale;
};

struct draws {
  attd::random_stream random{31};
  tensor<float> operator()(const attd::shape& s) {
    tensor<float> t = numbers(s, [&] { return float(random.normal()); });
    t.move_to(&separate);
    return t;
  }
};

inline weights some_weights() {
  draws draw;
  return {draw({64, 40}), draw({64}), draw({48, 48}), tensor<double>({64}, 1.0)};
}

// y = x w^T
inline void product_into(tensor<float>& y, rounding& backend, attd::view<const float> x,
                         attd::view<const float> w) {
  using operations::transpose;
  operations::matmul<transpose::no, transpose::yes, operations::update::assign>(backend, x, w,
                                                                                y.view());
}
// The same, finished, in memory of the host.
inline tensor<float> linear(rounding& backend, attd::view<const float> x,
                            attd::view<const float> w) {
  tensor<float> y, copy;
  operations::resize(backend, y, {x.rows(), w.rows()});
  product_into(y, backend, x, w);
  operations::finish(backend);
  copy = y;
  return copy;
}
inline tensor<float> linear(rounding& backend, const tensor<float>& x, const tensor<float>& w) {
  return linear(backend, x.view(), w.view());
}
// The same by a backend that holds nothing.
template <class X>
tensor<float> rounded_anew(const X& x, const X& w) {
  rounding other;
  return linear(other, x, w);
}
inline index_t& rounded(rounding& backend) { return backend.system().log->rounded; }
inline void move_by(tensor<float>& t, float by) {
  for (index_t i = 0; i < t.size(); ++i) t.data()[i] += by * float(i % 5);
}

// A product that is done again by a recording, and how often it was called.
struct repeated {
  operations::recording<rounding> recorded;
  tensor<float> y;
  int calls = 0;

  explicit repeated(rounding& backend) { operations::resize(backend, y, {48, 64}); }
  tensor<float> operator()(rounding& backend, const tensor<float>& x, const tensor<float>& w) {
    operations::replay(backend, recorded, [&] {
      ++calls;
      product_into(y, backend, x.view(), w.view());
    });
    operations::finish(backend);
    tensor<float> copy;
    copy = y;
    return copy;
  }
};

}  // namespace attd_test::constants
