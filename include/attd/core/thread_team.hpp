// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Threads that stay, for pieces of work too short to start threads for.
#pragma once

#include <atomic>
#include <attd/config.hpp>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace attd {

/// `threads` - 1 threads that wait, and the one that calls. A waiting thread looks for work for
/// some ten microseconds and then sleeps, so that pieces that follow each other start at once and
/// an idle team costs nothing. One caller at a time.
class thread_team {
 public:
  explicit thread_team(index_t threads) : thread_team() {
    // From here on the destructor runs, also when a thread cannot be started.
    for (index_t t = 1; t < threads; ++t) pool_.emplace_back([this, t] { wait_for_work(t); });
  }
  thread_team(const thread_team&) = delete;
  thread_team& operator=(const thread_team&) = delete;
  ~thread_team() {
    stop_ = true;
    call_all();
  }

  /// How many work, the caller among them.
  index_t threads() const { return static_cast<index_t>(pool_.size()) + 1; }

  /// Calls f(worker, i) once for each i in [0, count), worker in [0, threads()); which worker gets
  /// which i is left to chance. Returns when all is done. Of several exceptions that of the
  /// smallest i is thrown again, as one thread would.
  template <class F>
  void run(index_t count, const F& f) {
    job_ = [](const void* g, index_t worker, index_t i) { (*static_cast<const F*>(g))(worker, i); };
    context_ = &f;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<index_t>(pool_.size()), std::memory_order_relaxed);
    call_all();
    work(0);
    for (int spin = 0; spin < patience && busy_.load(std::memory_order_acquire) > 0; ++spin) {
      pause();
    }
    for (index_t left = busy_.load(std::memory_order_acquire); left > 0;
         left = busy_.load(std::memory_order_acquire)) {
      busy_.wait(left, std::memory_order_acquire);
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  thread_team() = default;

  static constexpr int patience = 2000;

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  void call_all() {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }

  void wait_for_work(index_t worker) {
    for (std::uint32_t seen = 0;;) {
      for (int spin = 0; spin < patience && round_.load(std::memory_order_acquire) == seen;
           ++spin) {
        pause();
      }
      round_.wait(seen, std::memory_order_acquire);
      seen = round_.load(std::memory_order_acquire);
      if (stop_) return;
      work(worker);
      if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
    }
  }

  void work(index_t worker) {
    index_t i = 0;
    try {
      for (i = next_++; i < count_; i = next_++) job_(context_, worker, i);
    } catch (...) {  // whatever comes before i has begun already: pieces are handed out in order
      const std::lock_guard lock(failure_mutex_);
      if (!failure_ || i < failed_) {
        failure_ = std::current_exception();
        failed_ = i;
      }
      next_ = count_;
    }
  }

  void (*job_)(const void*, index_t, index_t) = nullptr;
  const void* context_ = nullptr;
  index_t count_ = 0;
  std::atomic<index_t> next_{0};
  std::atomic<index_t> busy_{0};
  std::atomic<std::uint32_t> round_{0};
  std::atomic<bool> stop_{false};
  std::exception_ptr failure_;
  index_t failed_ = 0;  // the piece that it is of
  std::mutex failure_mutex_;
  std::vector<std::jthread> pool_;  // last: joined before the rest goes
};

}  // namespace attd
