// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Where the numbers of tensors live: the host's memory, or what a backend brings.
#pragma once

#include <attd/config.hpp>
#include <cstddef>
#include <new>
#include <type_traits>

namespace attd {

/// Functions that give and take back memory, aligned to a cache line. Both host and backend must be
/// able to read and write it. `allocate` throws where there is none.
struct memory_source {
  void* (*allocate)(std::size_t bytes);
  void (*deallocate)(void* memory, std::size_t bytes);
};

namespace detail {

/// Memory of tensors, aligned to a cache line so that vector loads never straddle one needlessly;
/// the host's own where no source is named. A new tensor that copies another lives where that one
/// does; one that is assigned to stays where it is; moving and swapping take the memory along.
template <class T>
struct tensor_allocator {
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;
  static constexpr std::align_val_t alignment{64};

  const memory_source* source = nullptr;

  tensor_allocator() = default;
  explicit tensor_allocator(const memory_source* s) : source(s) {}
  template <class U>
  tensor_allocator(const tensor_allocator<U>& other) : source(other.source) {}

  T* allocate(std::size_t n) {
    if (source) return static_cast<T*>(source->allocate(n * sizeof(T)));
    return static_cast<T*>(::operator new(n * sizeof(T), alignment));
  }
  void deallocate(T* p, std::size_t n) {
    if (source) {
      source->deallocate(p, n * sizeof(T));
    } else {
      ::operator delete(p, alignment);
    }
  }
  // The first touch of a backend's memory is the backend's.
  template <class U>
  void construct(U* p) {
    if (!source) ::new (static_cast<void*>(p)) U();
  }
  template <class U, class V>
  void construct(U* p, const V& v) {
    ::new (static_cast<void*>(p)) U(v);
  }

  friend bool operator==(const tensor_allocator& a, const tensor_allocator& b) {
    return a.source == b.source;
  }
};

}  // namespace detail
}  // namespace attd
