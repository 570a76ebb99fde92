// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// A fixed number of floats or doubles computed together: one SIMD register.
#pragma once

#include <attd/config.hpp>
#include <cstring>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// GCC fuses a product and a sum of packs into one instruction by default; Clang does so only
// within one expression of the source unless the operators themselves allow it.
#if defined(__clang__)
#define ATTD_ALLOW_FUSING _Pragma("clang fp contract(fast)")
#else
#define ATTD_ALLOW_FUSING
#endif

// Registers wider than the flags allow are used inside functions compiled for them (simd.hpp); no
// vector is an argument or a result of a function that is really called, which this warns of.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace attd {
inline namespace ATTD_FLAGS {

/// Bytes of one vector register of the instruction set that this file is compiled for.
#if defined(__AVX512F__)
inline constexpr int simd_bytes = 64;
#elif defined(__AVX__)
inline constexpr int simd_bytes = 32;
#else
inline constexpr int simd_bytes = 16;
#endif

}  // namespace ATTD_FLAGS

namespace detail {
inline namespace ATTD_FLAGS {

#if defined(__x86_64__)
template <class F>
ATTD_FOR_AVX2 inline void on_avx2(const F& f) {
  f();
}
template <class F>
ATTD_FOR_AVX512 inline void on_avx512(const F& f) {
  f();
}
#endif

// Calls f, which names instructions for registers of so many bytes: where the flags have none, in
// a function that may. Inside `with_registers` that costs nothing; a function of a user that the
// compiler did not inline there pays for a call.
template <int Bytes, class F>
ATTD_INLINE void on_registers(const F& f) {
#if defined(__x86_64__)
  if constexpr (Bytes > simd_bytes && Bytes == 32) return on_avx2(f);
  if constexpr (Bytes > simd_bytes && Bytes == 64) return on_avx512(f);
#endif
  f();
}

}  // namespace ATTD_FLAGS
}  // namespace detail

inline namespace ATTD_FLAGS {

/// One bit for each lane: what a comparison of the widest registers gives.
template <int W>
struct lane_bits {
  std::conditional_t<(W > 8), unsigned short, unsigned char> bits;
};

/// `W` numbers of type `T`, added, multiplied and compared lane by lane. Written on compiler
/// vector extensions (GCC, Clang), so that one source serves every instruction set. A comparison
/// gives a `mask`, which is for `select` alone.
template <class T, int W = simd_bytes / int(sizeof(T))>
struct pack {
  typedef T vector __attribute__((vector_size(sizeof(T) * W)));
  using integer = std::conditional_t<sizeof(T) == 4, int, long long>;
  using integers = pack<integer, W>;  ///< for the bits of the lanes
  // GCC gives up on vectors of truth values that were made where the flags lack the register.
  static constexpr bool compares_to_bits =
      ATTD_GCC_X86 && sizeof(vector) == 64 && std::is_floating_point_v<T>;
  using mask = std::conditional_t<compares_to_bits, lane_bits<W>, integers>;

  vector lanes;

  static constexpr int width = W;

  pack() = default;
  // Written out so that a call which is not inlined passes packs by address: which registers pass
  // a vector depends on the instruction set of the function that calls.
  ATTD_INLINE pack(const pack& other) : lanes(other.lanes) {}
  ATTD_INLINE pack& operator=(const pack& other) {
    lanes = other.lanes;
    return *this;
  }
  template <class S>
    requires std::is_arithmetic_v<S>
  ATTD_INLINE pack(S s) {  // NOLINT: broadcast
    const T t = static_cast<T>(s);
#if ATTD_GCC_X86
    // Otherwise GCC puts lanes together one by one where the flags lack the register.
    if constexpr (sizeof(vector) > simd_bytes && std::is_floating_point_v<T>) {
      if (!__builtin_constant_p(t)) {
        typedef T low_lanes __attribute__((vector_size(16)));
        const low_lanes low = t - low_lanes{};
        detail::on_registers<sizeof(vector)>([&]() ATTD_INLINE_LAMBDA {
          if constexpr (sizeof(vector) == 32 && sizeof(T) == 4) {
            lanes = __builtin_ia32_vbroadcastss_ps256(low);
          } else if constexpr (sizeof(vector) == 32) {
            lanes = __builtin_ia32_vbroadcastsd_pd256(low);
          } else if constexpr (sizeof(T) == 4) {
            lanes = __builtin_ia32_broadcastss512(low, vector{}, -1);
          } else {
            lanes = __builtin_ia32_broadcastsd512(low, vector{}, -1);
          }
        });
        return;
      }
    }
#endif
    lanes = t - vector{};  // t - 0 is t
  }

  ATTD_INLINE T operator[](int i) const { return lanes[i]; }

  static ATTD_INLINE pack load(const T* p) {
    pack r;
    std::memcpy(&r.lanes, p, sizeof(vector));
    return r;
  }
  ATTD_INLINE void store(T* p) const { std::memcpy(p, &lanes, sizeof(vector)); }

  /// Loads `count` < W numbers, zeros in the other lanes.
  static ATTD_INLINE pack load_partial(const T* p, index_t count) {
    pack r(T(0));
#if ATTD_GCC_X86
    // A memcpy of a size that is not known is a call; instructions with a mask are not.
    if constexpr (sizeof(vector) >= 32) {
      detail::on_registers<sizeof(vector)>([&]() ATTD_INLINE_LAMBDA {
        if constexpr (sizeof(vector) == 32 && sizeof(T) == 4) {
          r.lanes = __builtin_ia32_maskloadps256(as_vector(p), first_lanes(count).lanes);
        } else if constexpr (sizeof(vector) == 32) {
          r.lanes = __builtin_ia32_maskloadpd256(as_vector(p), first_lanes(count).lanes);
        } else if constexpr (sizeof(T) == 4) {
          r.lanes = __builtin_ia32_loadups512_mask(p, r.lanes, first_bits<unsigned short>(count));
        } else {
          r.lanes = __builtin_ia32_loadupd512_mask(p, r.lanes, first_bits<unsigned char>(count));
        }
      });
      return r;
    }
#endif
    std::memcpy(&r.lanes, p, sizeof(T) * static_cast<std::size_t>(count));
    return r;
  }
  ATTD_INLINE void store_partial(T* p, index_t count) const {
#if ATTD_GCC_X86
    if constexpr (sizeof(vector) >= 32) {
      detail::on_registers<sizeof(vector)>([&]() ATTD_INLINE_LAMBDA {
        if constexpr (sizeof(vector) == 32 && sizeof(T) == 4) {
          __builtin_ia32_maskstoreps256(as_vector(p), first_lanes(count).lanes, lanes);
        } else if constexpr (sizeof(vector) == 32) {
          __builtin_ia32_maskstorepd256(as_vector(p), first_lanes(count).lanes, lanes);
        } else if constexpr (sizeof(T) == 4) {
          __builtin_ia32_storeups512_mask(p, lanes, first_bits<unsigned short>(count));
        } else {
          __builtin_ia32_storeupd512_mask(p, lanes, first_bits<unsigned char>(count));
        }
      });
      return;
    }
#endif
    std::memcpy(p, &lanes, sizeof(T) * static_cast<std::size_t>(count));
  }

  friend ATTD_INLINE pack operator+(const pack& a, const pack& b) {
    ATTD_ALLOW_FUSING
    pack r;
    r.lanes = a.lanes + b.lanes;
    return r;
  }
  friend ATTD_INLINE pack operator-(const pack& a, const pack& b) {
    ATTD_ALLOW_FUSING
    pack r;
    r.lanes = a.lanes - b.lanes;
    return r;
  }
  friend ATTD_INLINE pack operator*(const pack& a, const pack& b) {
    ATTD_ALLOW_FUSING
    pack r;
    r.lanes = a.lanes * b.lanes;
    return r;
  }
  friend ATTD_INLINE pack operator/(const pack& a, const pack& b) {
    pack r;
    r.lanes = a.lanes / b.lanes;
    return r;
  }
  friend ATTD_INLINE pack operator-(const pack& a) {
    pack r;
    r.lanes = -a.lanes;
    return r;
  }
  friend ATTD_INLINE pack& operator+=(pack& a, const pack& b) { return a = a + b; }
  friend ATTD_INLINE pack& operator-=(pack& a, const pack& b) { return a = a - b; }
  friend ATTD_INLINE pack& operator*=(pack& a, const pack& b) { return a = a * b; }
  friend ATTD_INLINE mask operator<(const pack& a, const pack& b) {
    mask r;
    if constexpr (compares_to_bits) {
      r = compare<0x11>(a, b);
    } else {
      r.lanes = a.lanes < b.lanes;
    }
    return r;
  }
  friend ATTD_INLINE mask operator>(const pack& a, const pack& b) {
    mask r;
    if constexpr (compares_to_bits) {
      r = compare<0x1e>(a, b);
    } else {
      r.lanes = a.lanes > b.lanes;
    }
    return r;
  }
  friend ATTD_INLINE mask operator<=(const pack& a, const pack& b) {
    mask r;
    if constexpr (compares_to_bits) {
      r = compare<0x12>(a, b);
    } else {
      r.lanes = a.lanes <= b.lanes;
    }
    return r;
  }
  friend ATTD_INLINE mask operator>=(const pack& a, const pack& b) {
    mask r;
    if constexpr (compares_to_bits) {
      r = compare<0x1d>(a, b);
    } else {
      r.lanes = a.lanes >= b.lanes;
    }
    return r;
  }

 private:
#if ATTD_GCC_X86
  static ATTD_INLINE const vector* as_vector(const T* p) {
    return reinterpret_cast<const vector*>(p);
  }
  static ATTD_INLINE vector* as_vector(T* p) { return reinterpret_cast<vector*>(p); }
  static ATTD_INLINE integers first_lanes(index_t count) {
    integers index;
    for (int i = 0; i < W; ++i) index.lanes[i] = i;
    return index < integers(static_cast<integer>(count));
  }
  // `Relation` as the instruction numbers them.
  template <int Relation>
  static ATTD_INLINE mask compare(const pack& a, const pack& b) {
    mask r;
    detail::on_registers<sizeof(vector)>([&]() ATTD_INLINE_LAMBDA {
      if constexpr (sizeof(T) == 4) {
        r.bits = __builtin_ia32_cmpps512_mask(a.lanes, b.lanes, Relation, -1, 4);
      } else {
        r.bits = __builtin_ia32_cmppd512_mask(a.lanes, b.lanes, Relation, -1, 4);
      }
    });
    return r;
  }
  template <class Bits>
  static ATTD_INLINE Bits first_bits(index_t count) {
    return static_cast<Bits>((1u << count) - 1u);
  }
#endif
};

template <class T>
struct is_pack : std::false_type {};
template <class T, int W>
struct is_pack<pack<T, W>> : std::true_type {};
template <class T>
inline constexpr bool is_pack_v = is_pack<T>::value;

/// Lane-wise `condition ? a : b`; both sides are computed.
template <class T, int W>
ATTD_INLINE pack<T, W> select(const typename pack<T, W>::mask& condition, const pack<T, W>& a,
                              const pack<T, W>& b) {
  pack<T, W> r;
#if ATTD_GCC_X86
  if constexpr (pack<T, W>::compares_to_bits) {
    detail::on_registers<sizeof(r)>([&]() ATTD_INLINE_LAMBDA {
      if constexpr (sizeof(T) == 4) {
        r.lanes = __builtin_ia32_blendmps_512_mask(b.lanes, a.lanes, condition.bits);
      } else {
        r.lanes = __builtin_ia32_blendmpd_512_mask(b.lanes, a.lanes, condition.bits);
      }
    });
    return r;
  } else
#endif
    r.lanes = condition.lanes ? a.lanes : b.lanes;
  return r;
}

/// Calls a scalar function on every lane: for the few functions without a vector form.
template <class T, int W, class F>
ATTD_INLINE pack<T, W> map_lanes(const pack<T, W>& x, F f) {
  pack<T, W> r;
  for (int i = 0; i < W; ++i) r.lanes[i] = f(x.lanes[i]);
  return r;
}

}  // namespace ATTD_FLAGS

namespace detail {
inline namespace ATTD_FLAGS {

// x_i + x_{i + W/2}; in registers, which copies of memory would leave.
template <class T, int W>
ATTD_INLINE pack<T, W / 2> sum_of_halves(const pack<T, W>& x) {
  pack<T, W / 2> r;
  const auto v = x.lanes;
  if constexpr (W == 16) {
    r.lanes = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
              __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  } else if constexpr (W == 8) {
    r.lanes = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
  } else {
    static_assert(W == 4);
    r.lanes = __builtin_shufflevector(v, v, 0, 1) + __builtin_shufflevector(v, v, 2, 3);
  }
  return r;
}

// a0 + a2, b0 + b2, a1 + a3, b1 + b3
template <class T>
ATTD_INLINE pack<T, 4> sum_of_pairs(const pack<T, 4>& a, const pack<T, 4>& b) {
  pack<T, 4> r;
  r.lanes = __builtin_shufflevector(a.lanes, b.lanes, 0, 4, 1, 5) +
            __builtin_shufflevector(a.lanes, b.lanes, 2, 6, 3, 7);
  return r;
}

}  // namespace ATTD_FLAGS
}  // namespace detail

inline namespace ATTD_FLAGS {

/// Sum of all lanes, in a fixed pairwise order.
template <class T, int W>
ATTD_INLINE T sum_lanes(const pack<T, W>& x) {
  if constexpr (W == 1) {
    return x.lanes[0];
  } else if constexpr (W == 2) {
    return x.lanes[0] + x.lanes[1];
  } else {
    return sum_lanes(detail::sum_of_halves(x));
  }
}

/// Lane i of the result is sum_lanes(x[i]), to the bit, at half the cost of four of them.
template <class T, int W>
  requires(W >= 4)
ATTD_INLINE pack<T, 4> sum_lanes_of_four(const pack<T, W> (&x)[4]) {
  if constexpr (W > 4) {
    pack<T, W / 2> half[4];
    for (int i = 0; i < 4; ++i) half[i] = detail::sum_of_halves(x[i]);
    return sum_lanes_of_four(half);
  } else {
    const auto a = detail::sum_of_pairs(x[0], x[1]), b = detail::sum_of_pairs(x[2], x[3]);
    pack<T, 4> r;
    r.lanes = __builtin_shufflevector(a.lanes, b.lanes, 0, 1, 4, 5) +
              __builtin_shufflevector(a.lanes, b.lanes, 2, 3, 6, 7);
    return r;
  }
}

}  // namespace ATTD_FLAGS
}  // namespace attd

#pragma GCC diagnostic pop
#undef ATTD_ALLOW_FUSING
