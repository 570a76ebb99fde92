// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Uses the component cuda; where there is no GPU, the sentence that says so.
#include <attd/backends/cuda.hpp>
#include <attd/operations/matmul.hpp>
#include <attd/operations/memory.hpp>
#include <cstdio>
#include <cstring>

int main() try {
  namespace ops = attd::operations;
  attd::cuda backend;
  attd::tensor<float> x({2, 3}, 1.0f), y({2, 2});
  ops::bring(backend, x);
  ops::bring(backend, y);
  ops::matmul<ops::transpose::no, ops::transpose::yes, ops::update::assign>(backend, x.view(),
                                                                            x.view(), y.view());
  ops::finish(backend);
  return y(1, 1) == 3.0f ? 0 : 1;
} catch (const attd::error& e) {
  std::printf("%s\n", e.what());
  return std::strstr(e.what(), "no GPU can be used") ? 0 : 1;
}
