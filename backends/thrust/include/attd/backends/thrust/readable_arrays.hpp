// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Copies of the host's small arrays (offsets, token ids) where loop bodies can read them.
#pragma once

#include <attd/config.hpp>
#include <attd/core/memory.hpp>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

namespace attd::thrust_detail {

/// Copies of arrays in a system's memory, found again by their contents: the offsets of a batch,
/// which every operation asks for, are copied once. Copies of the object start empty.
class readable_arrays {
 public:
  /// Of copies, and their bytes. To give memory back voids whatever was recorded, so there is room
  /// for the arrays of many inputs.
  static constexpr std::size_t most = 1024, most_bytes = std::size_t{64} << 20;

  explicit readable_arrays(const memory_source* source) : source_(source) {}
  readable_arrays(const readable_arrays& other) : source_(other.source_) {}
  readable_arrays(readable_arrays&& other) noexcept
      : source_(other.source_),
        copies_(std::exchange(other.copies_, {})),
        bytes_(std::exchange(other.bytes_, 0)) {}
  readable_arrays& operator=(readable_arrays other) noexcept {
    std::swap(source_, other.source_);
    std::swap(copies_, other.copies_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~readable_arrays() { clear(); }

  /// A copy of `count` elements. Where a new one would be too many or too much, all others go at
  /// once, after a call of `finish`; so it is valid until another array is asked for.
  template <class X, class Finish>
  const X* operator()(const X* from, index_t count, const Finish& finish) {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(X);
    for (const copy& c : copies_) {
      if (c.contents.size() == bytes &&
          (bytes == 0 || std::memcmp(c.contents.data(), from, bytes) == 0)) {
        return static_cast<const X*>(c.memory);
      }
    }
    if (copies_.size() == most || (bytes_ + bytes > most_bytes && !copies_.empty())) {
      finish();
      clear();
    }
    // From where memory was given, nothing throws.
    if (copies_.size() == copies_.capacity()) copies_.reserve(2 * copies_.size() + 16);
    copy c;
    const auto* first = reinterpret_cast<const std::byte*>(from);
    c.contents.assign(first, first + bytes);
    c.memory = source_->allocate(bytes);
    if (bytes > 0) std::memcpy(c.memory, from, bytes);
    copies_.push_back(std::move(c));
    bytes_ += bytes;
    return static_cast<const X*>(copies_.back().memory);
  }

 private:
  struct copy {
    std::vector<std::byte> contents;  // the host's, to compare with
    void* memory = nullptr;
  };

  void clear() {
    for (const copy& c : copies_) {
      if (c.memory) source_->deallocate(c.memory, c.contents.size());
    }
    copies_.clear();
    bytes_ = 0;
  }

  const memory_source* source_;
  std::vector<copy> copies_;
  std::size_t bytes_ = 0;  ///< of all copies
};

}  // namespace attd::thrust_detail
