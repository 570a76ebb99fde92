// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// How the kernels of the Eigen backend are run: registers of which width, how many threads.
#pragma once

#include <algorithm>
#include <attd/core/simd.hpp>
#include <attd/core/thread_team.hpp>
#include <attd/error.hpp>
#include <memory>
#include <type_traits>

namespace attd {

/// Which code computes matrix products that are worth copying operands for.
enum class product_kernel {
  packs,  ///< ours, on the widest registers of the processor
  eigen   ///< Eigen's, on the registers that the compiler flags name
};

/// What a handle of the Eigen backend runs on.
struct eigen_options {
  /// Threads of one operation: for a single long sequence. Batches of samples keep threads busier
  /// through the engine's own threads, each of which has a copy of the handle: leave 1 there.
  index_t threads = 1;
  /// Bytes of a SIMD register; 0: the widest of this processor that there is code for.
  int register_bytes = 0;
  /// Large matrix products: ours is the faster on every shape that we measured (bench_kernels).
  product_kernel products = product_kernel::packs;
};

namespace eigen_detail {
inline namespace ATTD_FLAGS {

/// A part [begin, end) of the channels, rows or whatever else an operation is cut along, and the
/// worker that does it.
struct part {
  index_t begin = 0;
  index_t end = 0;
  index_t worker = 0;
};

/// Runs kernels in parts. Cuts lie at multiples that the kernels name, so that no number is
/// computed in another way than without them; a copy has threads of its own.
class execution {
 public:
  execution() : execution(eigen_options{}) {}
  explicit execution(const eigen_options& o)
      : threads_(o.threads), bytes_(checked_register(o.register_bytes)), products_(o.products) {
    if (o.threads < 1) fail("eigen: threads is ", o.threads, ", expected at least 1");
  }
  execution(const execution& other)
      : threads_(other.threads_), bytes_(other.bytes_), products_(other.products_) {}
  execution& operator=(const execution& other) {
    threads_ = other.threads_;
    bytes_ = other.bytes_;
    products_ = other.products_;
    team_.reset();
    return *this;
  }
  execution(execution&&) = default;
  execution& operator=(execution&&) = default;
  ~execution() = default;

  index_t threads() const { return threads_; }
  int register_bytes() const { return bytes_; }
  product_kernel products() const { return products_; }

  /// Calls kernel(bytes, part) once.
  template <class F>
  void with_part(const part& p, const F& kernel) const {
    with_registers(bytes_, [&](auto bytes) ATTD_INLINE_LAMBDA { kernel(bytes, p); });
  }
  /// The same for all of [0, count).
  template <class F>
  void whole(index_t count, const F& kernel) const {
    with_part({0, count, 0}, kernel);
  }

  /// Whether `work` elementary steps are worth waking threads for.
  bool is_worth(index_t work) const { return threads_ > 1 && work >= least_work; }

  /// Calls kernel(bytes, part) for parts of [0, count) whose ends are multiples of `unit` (or
  /// `count`), on all threads if there is `work` enough, else once.
  template <class F>
  void in_parts(index_t count, index_t unit, index_t work, const F& kernel) {
    in_plain_parts(count, unit, work, [&](const part& p) { with_part(p, kernel); });
  }

  /// The same for kernel(part) that chooses no registers.
  template <class F>
  void in_plain_parts(index_t count, index_t unit, index_t work, const F& kernel) {
    const index_t units = (count + unit - 1) / unit;
    if (!is_worth(work) || units < 2) return kernel(part{0, count, 0});
    // More parts than threads, so that a thread that was kept waiting does not keep the others.
    const index_t parts = std::min(units, 2 * threads_);
    each(parts, [&](index_t worker, index_t i) {
      kernel(
          part{i * units / parts * unit, std::min(count, (i + 1) * units / parts * unit), worker});
    });
  }

  /// Calls f(worker, i) for each i in [0, count) on all threads.
  template <class F>
  void each(index_t count, const F& f) {
    if (!team_) team_ = std::make_unique<thread_team>(threads_);
    team_->run(count, f);
  }

 private:
  static constexpr index_t least_work = 1 << 15;

  index_t threads_;
  int bytes_;
  product_kernel products_;
  std::unique_ptr<thread_team> team_;
};

}  // namespace ATTD_FLAGS
}  // namespace eigen_detail
}  // namespace attd
