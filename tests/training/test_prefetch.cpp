// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Items made ahead of time: the same ones in the same order, errors in their place, no deadlock.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <attd/training/prefetch.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using attd::index_t;
using attd::training::prefetch_options;
using attd::training::prefetcher;
using std::vector;

namespace {

/// Neither copied nor made without a number.
struct numbered {
  explicit numbered(index_t n) : number(std::make_unique<index_t>(n)) {}
  std::unique_ptr<index_t> number;
};

index_t square(index_t i) { return i * i; }

vector<index_t> take(prefetcher<index_t>& from, index_t count) {
  vector<index_t> items;
  for (index_t i = 0; i < count; ++i) items.push_back(from.next());
  return items;
}

/// Waits, without polling, until the counter has a value.
void wait_for(std::atomic<index_t>& counter, index_t value) {
  for (index_t now = counter; now < value; now = counter) counter.wait(now);
}

template <class Call>
std::string answer_of(Call call) {
  try {
    call();
  } catch (const std::exception& caught) {
    return caught.what();
  }
  return "";
}

}  // namespace

TEST_CASE("prefetch: items come in order, the same with any number of threads and any capacity") {
  vector<index_t> expected;
  for (index_t i = 0; i < 200; ++i) expected.push_back(i * i);
  for (const index_t threads : {0, 1, 2, 5})
    for (const index_t capacity : {1, 2, 7}) {
      CAPTURE(threads);
      CAPTURE(capacity);
      prefetcher<index_t> items(square, {.capacity = capacity, .threads = threads});
      CHECK(take(items, 200) == expected);
      CHECK(items.position() == 200);
    }
}

TEST_CASE("prefetch: a run that resumes sees what it would have seen") {
  for (const index_t threads : {0, 1, 3}) {
    index_t position = 0;
    vector<index_t> parts;
    {
      prefetcher<index_t> first(square, {.threads = threads});
      parts = take(first, 17);
      position = first.position();
    }
    prefetcher<index_t> second(square, {.first = position, .threads = threads});
    const vector<index_t> rest = take(second, 13);
    parts.insert(parts.end(), rest.begin(), rest.end());
    prefetcher<index_t> straight(square, {.threads = 0});
    CHECK(parts == take(straight, 30));
  }
}

TEST_CASE("prefetch: items are made ahead, on another thread, and never more than the capacity") {
  for (const index_t threads : {1, 3}) {
    std::atomic<index_t> made{0}, taken{0}, most_ahead{0};
    std::atomic<bool> elsewhere{true};
    const std::thread::id here = std::this_thread::get_id();
    prefetcher<index_t> items(
        [&](index_t i) {
          elsewhere = elsewhere && std::this_thread::get_id() != here;
          index_t ahead = i + 1 - taken;  // this one, and those before it that wait
          for (index_t most = most_ahead; ahead > most;)
            if (most_ahead.compare_exchange_weak(most, ahead)) break;
          ++made;
          made.notify_all();
          return i;
        },
        {.capacity = 4, .threads = threads});
    wait_for(made, 4);  // nobody has asked for any
    for (index_t i = 0; i < 300; ++i) {
      CHECK(items.next() == i);
      ++taken;
      wait_for(made, i + 5);
    }
    CHECK(elsewhere);
    // `taken` is counted after `next` has made room, so one more may be seen.
    CHECK(most_ahead >= 4);
    CHECK(most_ahead <= 5);
  }
}

TEST_CASE("prefetch: an exception comes with the item where it happened, and stays") {
  for (const index_t threads : {0, 1, 4}) {
    CAPTURE(threads);
    bool first_try = true;  // a second one would succeed, but then item 5 would depend on luck
    prefetcher<index_t> items(
        [&](index_t i) {
          if (i == 5 && std::exchange(first_try, false)) throw std::runtime_error("no file 5");
          return i;
        },
        {.capacity = 3, .threads = threads});
    CHECK(take(items, 5) == vector<index_t>{0, 1, 2, 3, 4});
    CHECK(answer_of([&] { items.next(); }) == "no file 5");
    CHECK(answer_of([&] { items.next(); }) == "no file 5");
    CHECK(items.position() == 5);
  }
}

TEST_CASE("prefetch: an exception beyond what is asked for does no harm") {
  for (const index_t threads : {0, 1, 4}) {
    prefetcher<index_t> items(
        [](index_t i) {
          if (i == 3) throw std::runtime_error("beyond");
          return i;
        },
        {.capacity = 4, .threads = threads});
    CHECK(take(items, 3) == vector<index_t>{0, 1, 2});
  }
}

TEST_CASE("prefetch: the consumer may stop at any item") {
  for (const index_t threads : {0, 1, 3})
    for (index_t stop = 0; stop < 40; ++stop) {
      std::atomic<index_t> running{0};
      {
        prefetcher<index_t> items(
            [&](index_t i) {
              ++running;
              std::this_thread::yield();
              --running;
              return i;
            },
            {.capacity = 2, .threads = threads});
        CHECK(take(items, stop).size() == static_cast<std::size_t>(stop));
      }
      CHECK(running == 0);  // what was under way has ended
    }
}

TEST_CASE("prefetch: nothing is made beyond the end, and asking for it is an error") {
  for (const index_t threads : {0, 1, 3}) {
    std::atomic<index_t> made{0};
    {
      prefetcher<index_t> items(
          [&](index_t i) {
            ++made;
            return i;
          },
          {.first = 2, .end = 5, .capacity = 8, .threads = threads});
      CHECK(take(items, 3) == vector<index_t>{2, 3, 4});
      CHECK(answer_of([&] { items.next(); }) ==
            "attd: prefetch: item 5 was asked for, the end is 5");
    }
    CHECK(made == 3);
  }
}

TEST_CASE("prefetch: items need be neither copied nor made without a number") {
  for (const index_t threads : {0, 1, 2}) {
    prefetcher<numbered> items([](index_t i) { return numbered(i); }, {.threads = threads});
    for (index_t i = 0; i < 20; ++i) CHECK(*items.next().number == i);
  }
}

TEST_CASE("prefetch: options out of range are refused with their values") {
  const auto said = [](const prefetch_options& options) {
    return answer_of([&] { prefetcher<index_t>(square, options).next(); });
  };
  CHECK(said({.first = -1}).find("first is -1") != std::string::npos);
  CHECK(said({.first = 3, .end = 2}).find("first is 3 and end 2") != std::string::npos);
  CHECK(said({.capacity = 0}).find("capacity is 0 and threads 1") != std::string::npos);
  CHECK(said({.threads = -1}).find("threads -1") != std::string::npos);
  CHECK(answer_of([] { prefetcher<index_t>(std::function<index_t(index_t)>{}); }) ==
        "attd: prefetch: the function that makes items is empty");
}
