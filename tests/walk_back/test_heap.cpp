// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// The functions that count bytes in this test program, in a file of their own, and their test.
#include <doctest/doctest.h>

#include <walk_back/heap.hpp>

namespace {
std::atomic<long> bytes{0}, peak{0};

[[maybe_unused]] void take(long size) {
  const long now = bytes.fetch_add(size) + size;
  long most = peak.load();
  while (now > most && !peak.compare_exchange_weak(most, now)) {
  }
}
}  // namespace

long attd_test::heap_bytes() { return bytes.load(); }
long attd_test::heap_peak() { return peak.load(); }
void attd_test::reset_peak() { peak = bytes.load(); }

#if defined(__GLIBC__) && !ATTD_TEST_SANITIZED

#include <malloc.h>

#include <cerrno>

// glibc's own functions under the names that it keeps for this purpose.
extern "C" {
void* __libc_malloc(std::size_t);                 // NOLINT
void* __libc_calloc(std::size_t, std::size_t);    // NOLINT
void* __libc_realloc(void*, std::size_t);         // NOLINT
void* __libc_memalign(std::size_t, std::size_t);  // NOLINT
void __libc_free(void*);                          // NOLINT
}

namespace {
long size_of(void* p) { return p == nullptr ? 0 : static_cast<long>(malloc_usable_size(p)); }
void* taken(void* p) {
  take(size_of(p));
  return p;
}
}  // namespace

extern "C" {
void* malloc(std::size_t size) { return taken(__libc_malloc(size)); }
void* calloc(std::size_t n, std::size_t size) { return taken(__libc_calloc(n, size)); }
void* realloc(void* p, std::size_t size) {
  const long before = size_of(p);
  void* const got = __libc_realloc(p, size);
  if (got != nullptr || size == 0) take(size_of(got) - before);
  return got;
}
void* memalign(std::size_t alignment, std::size_t size) {
  return taken(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return taken(__libc_memalign(alignment, size));
}
int posix_memalign(void** p, std::size_t alignment, std::size_t size) {
  void* const got = taken(__libc_memalign(alignment, size));
  if (got == nullptr && size != 0) return ENOMEM;
  *p = got;
  return 0;
}
void free(void* p) {
  take(-size_of(p));
  __libc_free(p);
}
}

#endif

TEST_CASE("bytes on the heap are counted, and their peak" *
          doctest::skip(!attd_test::counts_allocations)) {
  using namespace attd_test;
  const long before = heap_bytes();
  const long most = peak_of([&] {
    void* a = use_memory(std::malloc(100000));
    a = use_memory(std::realloc(a, 300000));
    std::free(a);
    void* b = use_memory(std::aligned_alloc(64, 128000));
    CHECK(heap_bytes() - before >= 128000);
    std::free(b);
    delete[] static_cast<char*>(use_memory(new char[50000]));
  });
  CHECK(heap_bytes() - before < 10000);
  CHECK(most >= 300000);
  CHECK(most < 420000);
}
