// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Row-major arrays of up to four dimensions, and views of them; duals keep two planes.
#pragma once

#include <algorithm>
#include <array>
#include <attd/config.hpp>
#include <attd/core/dual.hpp>
#include <attd/core/memory.hpp>
#include <attd/core/none.hpp>
#include <attd/core/shape.hpp>
#include <cstdlib>
#include <type_traits>
#include <utility>
#include <vector>

namespace attd {

#if defined(__CUDACC__)
#pragma nv_diagnostic push
#pragma nv_diag_suppress 554  // about the conversion to a constant view, in views that are constant
#endif

/// A window on numbers owned elsewhere: `T*`, a shape, and the distance between rows. Rows (all
/// dimensions but the last) are equally spaced, so a range of columns of a tensor is a view too.
/// `T` may be const. Copying is free; nothing is owned.
template <class T>
class view {
 public:
  using scalar = std::remove_const_t<T>;

  view() = default;
  ATTD_DEVICE view(T* data, const shape& s) : data_(data), shape_(s), stride_(s.columns()) {}
  ATTD_DEVICE view(T* data, const shape& s, index_t stride)
      : data_(data), shape_(s), stride_(stride) {}
  ATTD_DEVICE operator view<const T>() const
    requires(!std::is_const_v<T>)
  {
    return {data_, shape_, stride_};
  }

  ATTD_DEVICE T* data() const { return data_; }
  ATTD_DEVICE const attd::shape& shape() const { return shape_; }
  ATTD_DEVICE index_t extent(int i) const { return shape_[i]; }
  ATTD_DEVICE index_t rows() const { return shape_.rows(); }
  ATTD_DEVICE index_t columns() const { return shape_.columns(); }
  ATTD_DEVICE index_t size() const { return shape_.size(); }
  ATTD_DEVICE index_t stride() const { return stride_; }
  ATTD_DEVICE bool contiguous() const { return stride_ == columns() || rows() == 1; }

  /// Element by the indices of all dimensions.
  template <class... I>
  ATTD_DEVICE T& operator()(I... i) const {
    ATTD_ASSERT(static_cast<int>(sizeof...(I)) == shape_.rank);
    return data_[offset(i...)];
  }
  /// Element by flattened row and column, for code that does not care for the rank.
  ATTD_DEVICE T& at(index_t row, index_t column) const { return data_[row * stride_ + column]; }

  /// The part at first index i, of one rank less.
  ATTD_DEVICE view operator[](index_t i) const {
    const attd::shape t = shape_.tail();
    if (t.rank == 0) return {data_ + i, t, 1};
    return {data_ + i * t.rows() * stride_, t, stride_};
  }
  /// `count` flattened rows from `first`, as a matrix.
  ATTD_DEVICE view row_range(index_t first, index_t count) const {
    ATTD_ASSERT(first >= 0 && first + count <= rows());
    return {data_ + first * stride_, {count, columns()}, stride_};
  }
  /// Columns [first, first + count) of every row, same rank.
  ATTD_DEVICE view column_range(index_t first, index_t count) const {
    ATTD_ASSERT(first >= 0 && first + count <= columns());
    attd::shape s = shape_;
    s.extents[static_cast<std::size_t>(s.rank - 1)] = count;
    return {data_ + first, s, stride_};
  }

 private:
  ATTD_DEVICE index_t offset(index_t i) const { return shape_.rank == 1 ? i : i * stride_; }
  ATTD_DEVICE index_t offset(index_t i, index_t j) const { return i * stride_ + j; }
  ATTD_DEVICE index_t offset(index_t i, index_t j, index_t k) const {
    return (i * shape_[1] + j) * stride_ + k;
  }
  ATTD_DEVICE index_t offset(index_t i, index_t j, index_t k, index_t l) const {
    return ((i * shape_[1] + j) * shape_[2] + k) * stride_ + l;
  }

  T* data_ = nullptr;
  attd::shape shape_;
  index_t stride_ = 0;
};

/// What `view<dual<U>>` hands out: both planes' elements, readable and assignable as one dual.
/// Read it into a named type (`dual<U>`), not `auto`.
template <class V, class U>
struct dual_reference {
  V value;
  V tangent;

  ATTD_DEVICE dual_reference(V v, V t) : value(static_cast<V>(v)), tangent(static_cast<V>(t)) {}
  dual_reference(const dual_reference&) = default;

  ATTD_DEVICE operator dual<U>() const { return {U(value), U(tangent)}; }
  ATTD_DEVICE dual_reference& operator=(const dual<U>& d) {
    value = d.value;
    tangent = d.tangent;
    return *this;
  }
  ATTD_DEVICE dual_reference& operator=(const dual_reference& d) { return *this = dual<U>(d); }
  template <class S>
    requires(dual_depth<S> < dual_depth<dual<U>>)
  ATTD_DEVICE dual_reference& operator=(const S& s) {
    return *this = dual<U>(U(s));
  }
  template <class S>
  ATTD_DEVICE dual_reference& operator+=(const S& s) {
    return *this = dual<U>(*this) + s;
  }
};

namespace detail {
template <class T>
struct plane {
  using type = T;
};
template <class U>
struct plane<dual<U>> {
  using type = U;
};
template <class U>
struct plane<const dual<U>> {
  using type = const U;
};
}  // namespace detail

/// A view whose elements are duals: one view of the values, one of the tangents.
template <class D>
  requires is_dual_v<D>
class view<D> {
 public:
  using scalar = std::remove_const_t<D>;
  using plane_element = typename detail::plane<D>::type;  // keeps const
  using plane_scalar = std::remove_const_t<plane_element>;

  view<plane_element> value;
  view<plane_element> tangent;

  view() = default;
  ATTD_DEVICE view(view<plane_element> v, view<plane_element> t) : value(v), tangent(t) {}
  ATTD_DEVICE operator view<const D>() const
    requires(!std::is_const_v<D>)
  {
    return {value, tangent};
  }

  ATTD_DEVICE const attd::shape& shape() const { return value.shape(); }
  ATTD_DEVICE index_t extent(int i) const { return value.extent(i); }
  ATTD_DEVICE index_t rows() const { return value.rows(); }
  ATTD_DEVICE index_t columns() const { return value.columns(); }
  ATTD_DEVICE index_t size() const { return value.size(); }
  ATTD_DEVICE index_t stride() const { return value.stride(); }
  ATTD_DEVICE bool contiguous() const { return value.contiguous(); }

  template <class... I>
  ATTD_DEVICE decltype(auto) operator()(I... i) const {
    return make(value(i...), tangent(i...));
  }
  ATTD_DEVICE decltype(auto) at(index_t row, index_t column) const {
    return make(value.at(row, column), tangent.at(row, column));
  }
  ATTD_DEVICE view operator[](index_t i) const { return {value[i], tangent[i]}; }
  ATTD_DEVICE view row_range(index_t first, index_t count) const {
    return {value.row_range(first, count), tangent.row_range(first, count)};
  }
  ATTD_DEVICE view column_range(index_t first, index_t count) const {
    return {value.column_range(first, count), tangent.column_range(first, count)};
  }

 private:
  // Constant views hand out dual values; mutable ones a pair of references.
  template <class A, class B>
  ATTD_DEVICE static auto make(A&& a, B&& b) {
    if constexpr (std::is_const_v<D>) {
      return scalar(plane_scalar(a), plane_scalar(b));
    } else {
      using R = std::conditional_t<std::is_lvalue_reference_v<A>, A, std::remove_reference_t<A>>;
      return dual_reference<R, plane_scalar>(std::forward<A>(a), std::forward<B>(b));
    }
  }
};

#if defined(__CUDACC__)
#pragma nv_diagnostic pop
#endif

/// The view of a tensor that does not exist: takes part in nothing.
template <>
class view<none> {
 public:
  using scalar = none;
  ATTD_DEVICE view operator[](index_t) const { return {}; }
  ATTD_DEVICE view row_range(index_t, index_t) const { return {}; }
  ATTD_DEVICE view column_range(index_t, index_t) const { return {}; }
};

/// Whether a view or tensor type stands for something that was not asked for.
template <class V>
inline constexpr bool is_none_v = std::is_same_v<typename V::scalar, none>;

/// The plane of values under all dual levels.
template <class T>
ATTD_DEVICE auto primal_view(view<T> v) {
  if constexpr (is_dual_v<T>) {
    return primal_view(v.value);
  } else {
    return v;
  }
}

/// The same numbers, which must lie without gaps, in another shape of as many.
template <class T>
ATTD_DEVICE view<T> reshaped(view<T> v, const shape& s) {
  if constexpr (is_dual_v<T>) {
    return {reshaped(v.value, s), reshaped(v.tangent, s)};
  } else {
    ATTD_ASSERT(v.contiguous() && v.size() == s.size());
    return {v.data(), s};
  }
}

/// Owned numbers with a shape. Resizing within the largest size it ever had allocates nothing,
/// which is how a workspace reaches zero allocations after its first use.
template <class T>
class tensor {
 public:
  using scalar = T;

  tensor() = default;
  explicit tensor(const attd::shape& s, T fill = T(0)) { assign(s, fill); }

  /// Gives it shape `s`; the numbers are then unspecified. Where there is no memory for it, it is
  /// empty afterwards.
  void resize(const attd::shape& s) {
    if (static_cast<std::size_t>(s.size()) > data_.size()) {
      shape_ = {};
      decltype(data_)(data_.get_allocator()).swap(data_);  // both at once would be the peak
      data_.resize(static_cast<std::size_t>(s.size()));
    }
    shape_ = s;
  }
  /// Where its numbers live; none: in the host's memory.
  const memory_source* memory() const { return data_.get_allocator().source; }
  /// Takes its numbers to memory of `source` (none: the host's) and stays there when it grows.
  void move_to(const memory_source* source) {
    if (source == data_.get_allocator().source) return;
    decltype(data_) moved(detail::tensor_allocator<T>{source});
    moved.resize(static_cast<std::size_t>(size()));
    std::copy_n(data_.begin(), size(), moved.begin());
    data_ = std::move(moved);
  }
  /// Gives it shape `s` and sets every number.
  void assign(const attd::shape& s, T fill = T(0)) {
    resize(s);
    std::fill_n(data_.begin(), s.size(), fill);
  }
  void zero() { std::fill_n(data_.begin(), size(), T(0)); }

  const attd::shape& shape() const { return shape_; }
  index_t extent(int i) const { return shape_[i]; }
  index_t size() const { return empty() ? 0 : shape_.size(); }
  bool empty() const { return shape_.rank == 0 || shape_.size() == 0; }
  T* data() { return data_.data(); }
  const T* data() const { return data_.data(); }

  attd::view<T> view() { return {data_.data(), shape_}; }
  attd::view<const T> view() const { return {data_.data(), shape_}; }
  template <class... I>
  T& operator()(I... i) {
    return view()(i...);
  }
  template <class... I>
  T operator()(I... i) const {
    return view()(i...);
  }

 private:
  std::vector<T, detail::tensor_allocator<T>> data_;
  attd::shape shape_;
};

/// Duals are kept as two tensors, so that each plane can go through the plain kernels.
template <class U>
class tensor<dual<U>> {
 public:
  using scalar = dual<U>;

  tensor<U> value;
  tensor<U> tangent;

  tensor() = default;
  explicit tensor(const attd::shape& s, scalar fill = scalar(0)) { assign(s, fill); }

  void resize(const attd::shape& s) {
    value.resize(s);
    tangent.resize(s);
  }
  void move_to(const memory_source* source) {
    value.move_to(source);
    tangent.move_to(source);
  }
  void assign(const attd::shape& s, scalar fill = scalar(0)) {
    value.assign(s, fill.value);
    tangent.assign(s, fill.tangent);
  }
  void zero() {
    value.zero();
    tangent.zero();
  }
  const attd::shape& shape() const { return value.shape(); }
  index_t extent(int i) const { return value.extent(i); }
  index_t size() const { return value.size(); }
  bool empty() const { return value.empty(); }
  attd::view<scalar> view() { return {value.view(), tangent.view()}; }
  attd::view<const scalar> view() const { return {value.view(), tangent.view()}; }
  template <class... I>
  auto operator()(I... i) {
    return view()(i...);
  }
  template <class... I>
  scalar operator()(I... i) const {
    return view()(i...);
  }
};

/// The tensor of values under all dual levels.
template <class T>
const tensor<primal_t<T>>& primal_plane(const tensor<T>& t) {
  if constexpr (is_dual_v<T>) {
    return primal_plane(t.value);
  } else {
    return t;
  }
}

/// A tensor that was not asked for: has no memory and no operations.
template <>
class tensor<none> {
 public:
  using scalar = none;
  attd::shape shape() const { return {}; }
  void resize(const attd::shape&) {}
  void move_to(const memory_source*) {}
  void assign(const attd::shape&) {}
  void zero() {}
  bool empty() const { return true; }
  index_t size() const { return 0; }
  attd::view<none> view() const { return {}; }
};

template <class T>
struct is_tensor : std::false_type {};
template <class T>
struct is_tensor<tensor<T>> : std::true_type {};
template <class T>
inline constexpr bool is_tensor_v = is_tensor<T>::value;

/// Copies numbers between tensors of any number types: a plain source gives a zero tangent, a
/// dual source loses its tangent when the target is plain.
template <class To, class From>
void convert(const tensor<From>& from, tensor<To>& to) {
  if constexpr (is_dual_v<To> && (dual_depth<To> > dual_depth<From>)) {
    convert(from, to.value);
    to.tangent.assign(from.shape());
  } else if constexpr (is_dual_v<From> && (dual_depth<From> > dual_depth<To>)) {
    convert(from.value, to);
  } else if constexpr (is_dual_v<To>) {
    convert(from.value, to.value);
    convert(from.tangent, to.tangent);
  } else {
    to.resize(from.shape());
    for (index_t i = 0; i < from.size(); ++i) to.data()[i] = static_cast<To>(from.data()[i]);
  }
}

}  // namespace attd
