// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Where each sequence of a batch begins: sequences of any length, stored end to end, no padding.
#pragma once

#include <attd/config.hpp>
#include <attd/error.hpp>
#include <initializer_list>
#include <span>
#include <vector>

namespace attd {

/// A batch of sequences stored end to end: activations are matrices [token, channel] whose rows
/// offset(b) .. offset(b + 1) belong to sequence b. Nothing is padded, so nothing has to be masked
/// and a sequence's result cannot depend on its neighbours. Equal lengths are the usual
/// [sample, time, channel] array.
class sequences {
 public:
  sequences() : offsets_{0} {}
  sequences(std::initializer_list<index_t> lengths) : offsets_{0} {
    for (index_t n : lengths) append(n);
  }
  /// One sequence.
  static sequences single(index_t length) { return sequences{length}; }
  /// `count` sequences of the same length.
  static sequences equal(index_t count, index_t length) {
    sequences s;
    for (index_t b = 0; b < count; ++b) s.append(length);
    return s;
  }

  /// Adds a sequence of `length` >= 1 tokens.
  void append(index_t length) {
    if (length < 1) {
      fail("sequences: sequence ", count(), " has length ", length,
           ", expected at least 1; hint: leave empty sequences out of the batch");
    }
    offsets_.push_back(offsets_.back() + length);
  }
  /// Back to no sequences; keeps its memory.
  void clear() { offsets_.resize(1); }

  index_t count() const { return static_cast<index_t>(offsets_.size()) - 1; }
  index_t tokens() const { return offsets_.back(); }
  index_t offset(index_t b) const { return offsets_[static_cast<std::size_t>(b)]; }
  index_t length(index_t b) const { return offset(b + 1) - offset(b); }
  /// All count() + 1 offsets, for loops that know no `sequences`.
  const index_t* offsets() const { return offsets_.data(); }

 private:
  std::vector<index_t> offsets_;
};

}  // namespace attd
