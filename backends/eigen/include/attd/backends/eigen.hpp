// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The backend for the CPU: everything in SIMD packs, Eigen's matrix kernel for those who ask.
#pragma once

#include <attd/backends/eigen/complex_scan.hpp>
#include <attd/backends/eigen/convolution.hpp>
#include <attd/backends/eigen/cross_entropy.hpp>
#include <attd/backends/eigen/dense_recurrence.hpp>
#include <attd/backends/eigen/elementwise.hpp>
#include <attd/backends/eigen/execution.hpp>
#include <attd/backends/eigen/matmul.hpp>
#include <attd/backends/eigen/normalization.hpp>
#include <attd/backends/eigen/selective_scan.hpp>
#include <attd/backends/eigen/selective_scan_backward.hpp>
#include <cstddef>
#include <vector>

namespace attd {
inline namespace ATTD_FLAGS {

/// A handle with the threads of an operation and memory for blocks of matrix products; nothing else
/// is remembered, and two handles with the same options give the same bits. Keep one for each
/// thread of your own. Numbers are float, double and one dual level of these; an operation on any
/// other number type runs the reference loops. After the largest shapes have been seen once (with
/// several threads: by each of them), no operation allocates memory.
///
/// Everything runs on the widest registers of the processor, unless compiler flags for AVX or more
/// fix them; `eigen_options::register_bytes` asks for others. Eigen's own matrix product, if
/// `eigen_options::products` asks for it, follows the flags.
///
/// Results depend on the shapes of the operation itself, on the width of the registers and the
/// kernel of products, and on nothing else: not on the machine's caches, on the number of threads,
/// on where the numbers lie in memory or on earlier calls.
struct eigen {
  eigen() : eigen(eigen_options{}) {}
  explicit eigen(const eigen_options& options)
      : run_(options),
        float_scratch_(static_cast<std::size_t>(run_.threads())),
        double_scratch_(static_cast<std::size_t>(run_.threads())) {}

  /// Threads of one operation.
  index_t threads() const { return run_.threads(); }
  /// Bytes of the registers that the kernels use.
  int register_bytes() const { return run_.register_bytes(); }

  /// C = op(A) op(B), or C += op(A) op(B); see `operations::matmul`.
  template <operations::transpose Ta, operations::transpose Tb, operations::update U, class A,
            class B, class C>
    requires(std::is_same_v<std::remove_const_t<A>, C> &&
             std::is_same_v<std::remove_const_t<B>, C> &&
             (std::is_same_v<C, float> || std::is_same_v<C, double>))
  void matmul(view<A> a, view<B> b, view<C> c) {
    if constexpr (std::is_same_v<C, float>) {
      eigen_detail::matmul<Ta, Tb, U, C>(run_, float_scratch_, a, b, c);
    } else {
      eigen_detail::matmul<Ta, Tb, U, C>(run_, double_scratch_, a, b, c);
    }
  }

  /// Y = X W^T or Y += X W^T, each row to the bits of the product of this row alone.
  template <operations::update U, class X, class W, class Y>
    requires(std::is_same_v<std::remove_const_t<X>, Y> &&
             std::is_same_v<std::remove_const_t<W>, Y> &&
             (std::is_same_v<Y, float> || std::is_same_v<Y, double>))
  void linear_of_tokens(view<X> x, view<W> weight, view<Y> y) {
    if constexpr (std::is_same_v<Y, float>) {
      eigen_detail::product_of_rows<U, Y>(run_, float_scratch_, x, weight, y);
    } else {
      eigen_detail::product_of_rows<U, Y>(run_, double_scratch_, x, weight, y);
    }
  }

  template <class F, class Y, class... X>
    requires(eigen_detail::packable<Y, X...> && !operations::detail::is_scalar_functor<F>)
  void transform(const F& f, view<Y> y, view<X>... x) {
    const auto run = [&](auto out, auto... in) {
      by_columns(out.columns(), out.rows(), [&](auto bytes, const auto& cut) ATTD_INLINE_LAMBDA {
        eigen_detail::transform<bytes()>(f, cut(out), cut(in)...);
      });
    };
    if (eigen_detail::are_alike(y, x...)) {
      run(eigen_detail::flattened(y), eigen_detail::flattened(x)...);
    } else {
      run(y, x...);
    }
  }
  template <class F, class DY, class... DX, class... X>
    requires(eigen_detail::packable<DY, X..., DX...> && !operations::detail::is_scalar_functor<F>)
  void transform_backward(const F& f, view<DY> d_y, std::tuple<view<DX>...> d_x, view<X>... x) {
    const auto run = [&](auto d_out, auto d_in, auto... in) {
      by_columns(
          d_out.columns(), d_out.rows(), [&](auto bytes, const auto& cut) ATTD_INLINE_LAMBDA {
            eigen_detail::transform_backward<bytes()>(
                f, cut(d_out), std::apply([&](auto... d) { return std::tuple(cut(d)...); }, d_in),
                cut(in)...);
          });
    };
    std::apply(
        [&](auto... d) {
          if (eigen_detail::are_alike(d_y, d..., x...)) {
            run(eigen_detail::flattened(d_y), std::tuple(eigen_detail::flattened(d)...),
                eigen_detail::flattened(x)...);
          } else {
            run(d_y, d_x, x...);
          }
        },
        d_x);
  }

  template <class X, class W, class Y>
    requires eigen_detail::packable<X, W, Y>
  void rms_norm(view<X> x, view<W> weight, double eps, view<Y> y) {
    by_rows(x, true, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::rms_norm<bytes()>(rows, x, weight, eps, y);
    });
  }
  template <class X, class W, class DY, class DX, class DW>
    requires eigen_detail::packable<X, W, DY, DX, DW>
  void rms_norm_backward(view<X> x, view<W> weight, double eps, view<DY> d_y, view<DX> d_x,
                         view<DW> d_weight) {
    by_rows(x, is_none_v<view<DW>>, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::rms_norm_backward<bytes()>(rows, x, weight, eps, d_y, d_x, d_weight);
    });
  }
  template <class X, class W, class B, class Y>
    requires eigen_detail::packable<X, W, B, Y>
  void layer_norm(view<X> x, view<W> weight, view<B> bias, double eps, view<Y> y) {
    by_rows(x, true, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::layer_norm<bytes()>(rows, x, weight, bias, eps, y);
    });
  }
  template <class X, class W, class DY, class DX, class DW, class DB>
    requires eigen_detail::packable<X, W, DY, DX, DW, DB>
  void layer_norm_backward(view<X> x, view<W> weight, double eps, view<DY> d_y, view<DX> d_x,
                           view<DW> d_weight, view<DB> d_bias) {
    const bool rows_apart = is_none_v<view<DW>> && is_none_v<view<DB>>;
    by_rows(x, rows_apart, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::layer_norm_backward<bytes()>(rows, x, weight, eps, d_y, d_x, d_weight, d_bias);
    });
  }

  template <class X, class W, class B, class H, class Y, class F>
    requires eigen_detail::packable<X, W, B, H, Y, F>
  void causal_convolution(const sequences& batch, view<X> x, view<W> weight, view<B> bias,
                          view<H> initial, view<Y> y, view<F> final) {
    run_.in_parts(x.columns(), 64, x.size(), [&](auto bytes, const auto& p) ATTD_INLINE_LAMBDA {
      eigen_detail::causal_convolution<bytes()>(p, batch, x, weight, bias, initial, y, final);
    });
  }
  template <class X, class W, class H, class DY, class DF, class DX, class DW, class DB, class DH>
    requires eigen_detail::packable<X, W, H, DY, DF, DX, DW, DB, DH>
  void causal_convolution_backward(const sequences& batch, view<X> x, view<W> weight,
                                   view<H> initial, view<DY> d_y, view<DF> d_final, view<DX> d_x,
                                   view<DW> d_weight, view<DB> d_bias, view<DH> d_initial) {
    run_.in_parts(x.columns(), 64, x.size(), [&](auto bytes, const auto& p) ATTD_INLINE_LAMBDA {
      eigen_detail::causal_convolution_backward<bytes()>(p, batch, x, weight, initial, d_y, d_final,
                                                         d_x, d_weight, d_bias, d_initial);
    });
  }

  template <class L, class Id, class Y>
    requires eigen_detail::packable<L, Y>
  void cross_entropy(view<L> logits, std::span<const Id> targets, view<Y> loss) {
    by_rows(logits, true, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::cross_entropy<bytes()>(rows, logits, targets, loss);
    });
  }
  template <class L, class Id, class G, class DL>
    requires eigen_detail::packable<L, G, DL>
  void cross_entropy_backward(view<L> logits, std::span<const Id> targets, view<G> weight,
                              view<DL> d_logits) {
    by_rows(logits, true, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::cross_entropy_backward<bytes()>(rows, logits, targets, weight, d_logits);
    });
  }
  template <class L, class Id, class G, class Y>
    requires eigen_detail::packable<L, G, Y>
  void cross_entropy_in_place(view<L> logits, std::span<const Id> targets, view<G> weight,
                              view<Y> loss) {
    by_rows(logits, true, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::cross_entropy_in_place<bytes()>(rows, logits, targets, weight, loss);
    });
  }
  template <class L, class Y>
    requires eigen_detail::packable<L, Y>
  void softmax_entropy(view<L> logits, view<Y> entropy) {
    by_rows(logits, true, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::softmax_entropy<bytes()>(rows, logits, entropy);
    });
  }
  template <class L, class G, class DL>
    requires eigen_detail::packable<L, G, DL>
  void softmax_entropy_backward(view<L> logits, view<G> weight, view<DL> d_logits) {
    by_rows(logits, true, [&](auto bytes, const auto& rows) ATTD_INLINE_LAMBDA {
      eigen_detail::softmax_entropy_backward<bytes()>(rows, logits, weight, d_logits);
    });
  }

  template <class U, class DT, class A, class B, class C, class D, class I, class Y, class F>
    requires eigen_detail::scannable<U, DT, A, B, C, D, I, Y, F>
  void selective_scan(const sequences& batch, view<U> u, view<DT> dt, view<A> a, view<B> b,
                      view<C> c, view<D> d, view<I> initial, view<Y> y, view<F> final) {
    const auto kernel = [&](auto bytes, const auto& channels) ATTD_INLINE_LAMBDA {
      eigen_detail::selective_scan<bytes()>(channels, batch, u, dt, a, b, c, d, initial, y, final);
    };
    run_.in_parts(u.columns(), eigen_detail::scan_channels, u.size() * b.columns(), kernel);
  }
  template <class T, class U, class DT, class A, class B, class C, class D, class I, class DY,
            class DF, class DU, class DDT, class DA, class DB, class DC, class DD, class DI,
            class Y>
    requires eigen_detail::scannable<U, T, DT, A, B, C, D, I, DY, DF, DU, DDT, DA, DB, DC, DD, DI,
                                     Y>
  void selective_scan_backward(const sequences& batch,
                               operations::selective_scan_scratch<T>& scratch, view<U> u,
                               view<DT> dt, view<A> a, view<B> b, view<C> c, view<D> d,
                               view<I> initial, view<DY> d_y, view<DF> d_final, view<DU> d_u,
                               view<DDT> d_dt, view<DA> d_a, view<DB> d_b, view<DC> d_c,
                               view<DD> d_d, view<DI> d_initial, view<Y> y) {
    grow(scratch.workers);
    const auto scan = [&](const auto& d_b_here, const auto& d_c_here) {
      return [&](auto bytes, const auto& channels) ATTD_INLINE_LAMBDA {
        eigen_detail::selective_scan_backward<bytes()>(
            channels, batch, scratch.workers[static_cast<std::size_t>(channels.worker)], u, dt, a,
            b, c, d, initial, d_y, d_final, d_u, d_dt, d_a, d_b_here(channels), d_c_here(channels),
            d_d, d_initial, y);
      };
    };
    eigen_detail::with_shares(run_, scratch, u.columns(), u.size() * b.columns(), d_b, d_c, scan);
  }

  template <class A, class X, class I, class H, class F>
    requires eigen_detail::scannable<X, A, I, H, F>
  void dense_recurrence(const sequences& batch, view<A> a, view<X> x, view<I> initial, view<H> h,
                        view<F> final) {
    run_.whole(batch.count(), [&](auto bytes, const auto&) ATTD_INLINE_LAMBDA {
      eigen_detail::dense_recurrence<bytes()>(batch, a, x, initial, h, final);
    });
  }
  template <class T, class A, class H, class I, class DH, class DF, class DX, class DA, class DI>
    requires eigen_detail::scannable<H, T, A, I, DH, DF, DX, DA, DI>
  void dense_recurrence_backward(const sequences& batch,
                                 operations::dense_recurrence_scratch<T>& scratch, view<A> a,
                                 view<H> h, view<I> initial, view<DH> d_h, view<DF> d_final,
                                 view<DX> d_x, view<DA> d_a, view<DI> d_initial) {
    run_.whole(batch.count(), [&](auto bytes, const auto&) ATTD_INLINE_LAMBDA {
      eigen_detail::dense_recurrence_backward<bytes()>(batch, scratch, a, h, initial, d_h, d_final,
                                                       d_x, d_a, d_initial);
    });
  }

  template <operations::direction Way, class U, class A, class B, class C, class D, class I,
            class Y, class F>
    requires eigen_detail::scannable<U, A, B, C, D, I, Y, F>
  void complex_scan(const sequences& batch, view<U> u, operations::complex_view<A> a,
                    operations::complex_view<B> b, operations::complex_view<C> c, view<D> d,
                    operations::complex_view<I> initial, view<Y> y,
                    operations::complex_view<F> final) {
    const auto kernel = [&](auto bytes, const auto& channels) ATTD_INLINE_LAMBDA {
      eigen_detail::complex_scan<bytes(), Way>(channels, batch, u, a, b, c, d, initial, y, final);
    };
    run_.in_parts(u.columns(), eigen_detail::scan_channels, u.size() * c.re.columns(), kernel);
  }
  template <operations::direction Way, class T, class U, class A, class B, class C, class D,
            class I, class DY, class DF, class DU, class DA, class DB, class DC, class DD, class DI>
    requires eigen_detail::scannable<U, T, A, B, C, D, I, DY, DF, DU, DA, DB, DC, DD, DI>
  void complex_scan_backward(const sequences& batch, operations::complex_scan_scratch<T>& scratch,
                             view<U> u, operations::complex_view<A> a,
                             operations::complex_view<B> b, operations::complex_view<C> c,
                             view<D> d, operations::complex_view<I> initial, view<DY> d_y,
                             operations::complex_view<DF> d_final, view<DU> d_u,
                             operations::complex_view<DA> d_a, operations::complex_view<DB> d_b,
                             operations::complex_view<DC> d_c, view<DD> d_d,
                             operations::complex_view<DI> d_initial) {
    grow(scratch.workers);
    const auto kernel = [&](auto bytes, const auto& channels) ATTD_INLINE_LAMBDA {
      eigen_detail::complex_scan_backward<bytes(), Way>(
          channels, batch, scratch.workers[static_cast<std::size_t>(channels.worker)], u, a, b, c,
          d, initial, d_y, d_final, d_u, d_a, d_b, d_c, d_d, d_initial);
    };
    run_.in_parts(u.columns(), eigen_detail::scan_channels, u.size() * c.re.columns(), kernel);
  }

 private:
  // One element for each thread; those of another handle may be more.
  template <class X>
  void grow(std::vector<X>& workers) const {
    const auto count = static_cast<std::size_t>(run_.threads());
    if (workers.size() < count) workers.resize(count);
  }
  // kernel(bytes, cut) for parts of the columns; cut(v) are the columns of v that belong to one.
  template <class F>
  void by_columns(index_t columns, index_t rows, const F& kernel) {
    run_.in_parts(columns, 64, rows * columns, [&](auto bytes, const auto& p) ATTD_INLINE_LAMBDA {
      kernel(bytes, [&](const auto& v) { return v.column_range(p.begin, p.end - p.begin); });
    });
  }
  // kernel(bytes, rows), in parts where rows do not share a sum.
  template <class X, class F>
  void by_rows(const view<X>& x, bool apart, const F& kernel) {
    run_.in_parts(x.rows(), 16, apart ? x.size() : 0, kernel);
  }

  eigen_detail::execution run_;
  std::vector<eigen_detail::product_scratch<float>> float_scratch_;
  std::vector<eigen_detail::product_scratch<double>> double_scratch_;
};

}  // namespace ATTD_FLAGS
}  // namespace attd
