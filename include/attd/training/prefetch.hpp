// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Loading data on threads of its own: a bounded queue of the items that come next.
#pragma once

#include <algorithm>
#include <attd/config.hpp>
#include <attd/error.hpp>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace attd::training {

/// What a `prefetcher` may use.
struct prefetch_options {
  index_t first = 0;  ///< number of the first item; to resume after s items: s
  index_t end = std::numeric_limits<index_t>::max();  ///< one beyond the last item
  index_t capacity = 2;  ///< items made ahead of the one that is asked for
  index_t threads = 1;   ///< that make items; 0: none, items are made when asked for
};

/// Makes the items first, first + 1, ... ahead of time and gives them out in this order.
///
/// Item i is `make(i)` and nothing else: let it depend on i (and a seed) only, then what comes out
/// is the same with any number of threads, and a run that resumes at `first = s` sees what it would
/// have seen. With more than one thread `make` is called by several at once and must allow that.
/// At most `capacity` items (with more threads than that: `threads`) are ready or in the making.
///
/// *Errors*: an exception of `make(i)` is thrown by the call of `next` that would have given item
/// i, and by every one after it; items before i come as usual. `attd::error` for options out of
/// range and for `next` beyond the end. The destructor waits for calls of `make` that are under
/// way, no longer: the consumer may stop at any item. *Cost*: one lock and one move per item. Not
/// copyable, not movable; one consumer.
template <class Item>
class prefetcher {
 public:
  explicit prefetcher(std::function<Item(index_t)> make, const prefetch_options& options = {})
      : make_(std::move(make)),
        position_(options.first),
        to_make_(options.first),
        end_(options.end) {
    if (!make_) fail("prefetch: the function that makes items is empty");
    if (options.first < 0 || options.end < options.first)
      fail("prefetch: first is ", options.first, " and end ", options.end,
           ", needs 0 <= first <= end");
    if (options.capacity < 1 || options.threads < 0)
      fail("prefetch: capacity is ", options.capacity, " and threads ", options.threads,
           ", needs capacity >= 1 and threads >= 0; hint: 0 threads make items when asked");
    if (options.threads == 0) return;
    // With fewer places than threads some of them could never work.
    slots_.resize(static_cast<std::size_t>(std::max(options.capacity, options.threads)));
    for (index_t t = 0; t < options.threads; ++t)
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }

  prefetcher(const prefetcher&) = delete;
  prefetcher& operator=(const prefetcher&) = delete;

  ~prefetcher() {
    for (std::jthread& thread : threads_) thread.request_stop();  // all, before the first is joined
  }

  /// The next item; waits until it is made.
  Item next() {
    if (position_ >= end_) fail("prefetch: item ", position_, " was asked for, the end is ", end_);
    if (threads_.empty()) return make_here();
    std::unique_lock lock(mutex_);
    slot& mine = slot_of(position_);
    made_.wait(lock, [&] { return mine.ready; });
    if (mine.failure) std::rethrow_exception(mine.failure);  // stays: the position does not move
    Item item = std::move(*mine.item);
    mine.item.reset();
    mine.ready = false;
    ++position_;
    lock.unlock();
    taken_.notify_one();
    return item;
  }

  /// The number of the item that `next` gives; what to store to resume.
  index_t position() const { return position_; }

 private:
  struct slot {
    std::optional<Item> item;
    std::exception_ptr failure;
    bool ready = false;  // under the lock; the rest is its maker's before, the consumer's after
  };

  slot& slot_of(index_t number) { return slots_[static_cast<std::size_t>(number) % slots_.size()]; }

  Item make_here() {
    if (failure_) std::rethrow_exception(failure_);  // also where a second try would succeed
    try {
      Item item = make_(position_);
      ++position_;
      return item;
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
  }

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto room = [&] {
        return to_make_ >= end_ || to_make_ - position_ < static_cast<index_t>(slots_.size());
      };
      // The token wakes the wait, so a consumer that stops early never leaves it behind.
      if (!taken_.wait(lock, stop, room) || stop.stop_requested() || to_make_ >= end_) return;
      const index_t number = to_make_++;
      slot& mine = slot_of(number);  // free: the item a round earlier was taken
      lock.unlock();
      try {
        mine.item.emplace(make_(number));
      } catch (...) {
        mine.failure = std::current_exception();
      }
      lock.lock();
      mine.ready = true;
      made_.notify_one();
    }
  }

  std::function<Item(index_t)> make_;
  index_t position_;  // written by the consumer, under the lock
  index_t to_make_;
  index_t end_;
  std::exception_ptr failure_;  // without threads
  std::vector<slot> slots_;     // item i is in slot i modulo their number
  std::mutex mutex_;
  std::condition_variable made_;
  std::condition_variable_any taken_;
  std::vector<std::jthread> threads_;  // last: gone before anything that they use
};

}  // namespace attd::training
