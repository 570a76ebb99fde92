// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Matrix products: which kernel takes which shape, and Eigen's own on buffers that are kept.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <attd/backends/eigen/execution.hpp>
#include <attd/backends/eigen/product_blocks.hpp>
#include <attd/backends/eigen/product_loops.hpp>
#include <attd/core/tensor.hpp>
#include <attd/operations/matmul.hpp>
#include <utility>
#include <vector>

namespace attd::eigen_detail {
inline namespace ATTD_FLAGS {

// Fixed, so that a product's sums are split in the same way whatever machine or cache it runs on.
inline constexpr index_t block_rows = 192;
inline constexpr index_t block_columns = 512;
inline constexpr index_t block_depth = 256;

/// Eigen takes a blocking object for sizes and memory; this one never allocates by itself.
template <class T>
class fixed_blocking final : public Eigen::internal::level3_blocking<T, T> {
 public:
  fixed_blocking(product_scratch<T>& scratch, index_t rows, index_t columns, index_t depth) {
    this->m_mc = std::min(rows, block_rows);
    this->m_nc = std::min(columns, block_columns);
    this->m_kc = std::min(depth, block_depth);
    scratch.left.resize({this->m_mc * this->m_kc});
    scratch.right.resize({this->m_nc * this->m_kc});
    this->m_blockA = scratch.left.data();
    this->m_blockB = scratch.right.data();
  }
};

// C += op(A) op(B), all row-major. Eigen computes column-major results, so it is handed the
// transposed problem  C^T += op(B)^T op(A)^T: its vectorised axis is then the columns of C.
template <transpose Ta, transpose Tb, class T>
void eigen_product(product_scratch<T>& scratch, view<const T> a, view<const T> b, view<T> c,
                   index_t depth) {
  constexpr int left_order = Tb == transpose::no ? Eigen::ColMajor : Eigen::RowMajor;
  constexpr int right_order = Ta == transpose::no ? Eigen::ColMajor : Eigen::RowMajor;
  fixed_blocking<T> blocking(scratch, c.columns(), c.rows(), depth);
  Eigen::internal::general_matrix_matrix_product<index_t, T, left_order, false, T, right_order,
                                                 false, Eigen::ColMajor, 1>::run(c.columns(),
                                                                                 c.rows(), depth,
                                                                                 b.data(),
                                                                                 b.stride(),
                                                                                 a.data(),
                                                                                 a.stride(),
                                                                                 c.data(), 1,
                                                                                 c.stride(), T(1),
                                                                                 blocking, nullptr);
}

// The rows of B as columns, in memory that is kept.
template <class T>
view<const T> turned(tensor<T>& scratch, view<const T> b) {
  if (b.columns() == 1 && b.contiguous()) return {b.data(), {1, b.rows()}};
  scratch.resize({b.columns(), b.rows()});
  for (index_t i = 0; i < b.rows(); ++i) {
    for (index_t k = 0; k < b.columns(); ++k) scratch.data()[k * b.rows() + i] = b.at(i, k);
  }
  return std::as_const(scratch).view();
}

/// How a product is computed.
enum class product_kind { blocked, columns, turned_columns, dots, vector, scaled };

/// Whether and which loops beat the blocked kernels, which first copy an operand or both. Decided
/// by the whole product's shape alone, like every other choice that can change the last bits of a
/// result.
template <transpose Ta, transpose Tb>
constexpr product_kind kind_of_product(index_t rows, index_t columns, index_t depth) {
  if (Tb == transpose::no) {
    const bool small = rows <= 4 || depth <= 4 || rows * columns * depth <= 16384;
    return small ? product_kind::columns : product_kind::blocked;
  }
  if (Ta == transpose::no) {
    if (columns == 1) return depth == 1 ? product_kind::scaled : product_kind::vector;
    if (rows > 2 && depth <= 2) return product_kind::turned_columns;  // hardly anything to turn
  }
  const bool small = (rows <= 2 && depth >= 8) || rows * columns * depth <= 256;
  return small ? product_kind::dots : product_kind::blocked;
}

// C's rows [begin, end) and what of A they are made of.
template <transpose Ta, class T>
view<const T> left_part(view<const T> a, const part& rows) {
  const index_t count = rows.end - rows.begin;
  return Ta == transpose::no ? a.row_range(rows.begin, count) : a.column_range(rows.begin, count);
}

// C (+)= op(A) op(B) by loops on packs.
template <int Bytes, transpose Ta, transpose Tb, update U, class T>
ATTD_INLINE void product_by_loops(product_kind kind, product_scratch<T>& scratch, view<const T> a,
                                  view<const T> b, view<T> c, index_t depth) {
  if constexpr (Tb == transpose::no) {
    column_product<Bytes, Ta, U>(a, b, c, depth);
  } else {
    if constexpr (Ta == transpose::no) {
      if (kind == product_kind::scaled) return scaled_column<Bytes, U>(a, b.at(0, 0), c);
      if (kind == product_kind::vector) return vector_product<Bytes, U>(a, b, c, depth);
      if (kind == product_kind::turned_columns) {
        return column_product<Bytes, Ta, U>(a, turned(scratch.right, b), c, depth);
      }
    }
    dot_product<Bytes, Ta, U>(a, b, c, depth);
  }
}

/// C = op(A) op(B) or C += op(A) op(B) for one plain number type. Parts are rows of C, cut where
/// Eigen's kernel, which takes four at a time, goes through the same sums as without cuts; ours
/// does anywhere.
/// `scratch` has one element for each thread.
template <transpose Ta, transpose Tb, update U, class T>
void matmul(execution& run, std::vector<product_scratch<T>>& scratch, view<const T> a,
            view<const T> b, view<T> c) {
  const index_t depth = Ta == transpose::no ? a.columns() : a.rows();
  const index_t rows = c.rows(), columns = c.columns();
  if (rows == 0 || columns == 0) return;
  if (depth == 0) {
    if constexpr (U == update::assign) operations::detail::fill_zero(c);
    return;
  }
  const product_kind kind = kind_of_product<Ta, Tb>(rows, columns, depth);
  const index_t work = rows * columns * depth;
  const auto own = [&](const part& p) -> auto& {
    return scratch[static_cast<std::size_t>(p.worker)];
  };
  if (kind == product_kind::blocked && run.products() == product_kernel::eigen) {
    run.in_plain_parts(rows, 64, work, [&](const part& p) {
      const view<T> to = c.row_range(p.begin, p.end - p.begin);
      if constexpr (U == update::assign) operations::detail::fill_zero(to);
      eigen_product<Ta, Tb>(own(p), left_part<Ta>(a, p), b, to, depth);
    });
  } else if (kind == product_kind::blocked) {
    run.in_parts(rows, 64, work, [&](auto bytes, const part& p) ATTD_INLINE_LAMBDA {
      product_in_panels<bytes(), Ta, Tb, U>(own(p), left_part<Ta>(a, p), b,
                                            c.row_range(p.begin, p.end - p.begin), depth);
    });
  } else if (kind == product_kind::dots && rows <= 2) {  // a token or two: parts are rows of B
    run.in_parts(columns, 64, work, [&](auto bytes, const part& p) ATTD_INLINE_LAMBDA {
      const index_t count = p.end - p.begin;
      product_by_loops<bytes(), Ta, Tb, U>(kind, own(p), a, b.row_range(p.begin, count),
                                           c.column_range(p.begin, count), depth);
    });
  } else {
    run.in_parts(rows, 64, work, [&](auto bytes, const part& p) ATTD_INLINE_LAMBDA {
      product_by_loops<bytes(), Ta, Tb, U>(kind, own(p), left_part<Ta>(a, p), b,
                                           c.row_range(p.begin, p.end - p.begin), depth);
    });
  }
}

/// C (+)= A B^T, each row of C to the bits of the product of that row of A alone.
template <update U, class T>
void product_of_rows(execution& run, std::vector<product_scratch<T>>& scratch, view<const T> a,
                     view<const T> b, view<T> c) {
  constexpr auto plain = transpose::no, turned = transpose::yes;
  const index_t rows = c.rows(), columns = c.columns(), depth = a.columns();
  if (kind_of_product<plain, turned>(1, columns, depth) != product_kind::dots) {
    for (index_t i = 0; i < rows; ++i) {
      matmul<plain, turned, U, T>(run, scratch, a.row_range(i, 1), b, c.row_range(i, 1));
    }
    return;
  }
  run.in_parts(columns, 64, rows * columns * depth,
               [&](auto bytes, const part& p) ATTD_INLINE_LAMBDA {
                 const index_t count = p.end - p.begin;
                 dot_product<bytes(), plain, U>(a, b.row_range(p.begin, count),
                                                c.column_range(p.begin, count), depth);
               });
}

}  // namespace ATTD_FLAGS
}  // namespace attd::eigen_detail
