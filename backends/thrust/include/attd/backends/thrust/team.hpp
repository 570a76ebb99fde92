// SPDX-FileCopyrightText: 2026 the attd authors
// SPDX-License-Identifier: MIT
// Programs for teams of threads that share memory: a block of a GPU, or a CPU that plays one.
#pragma once

#include <attd/backends/thrust/systems.hpp>
#include <attd/core/dual.hpp>
#include <cstddef>
#include <cstring>
#include <vector>

// Loops over arrays that are to stay in registers.
#if defined(__CUDACC__)
#define ATTD_UNROLL _Pragma("unroll")
#else
#define ATTD_UNROLL
#endif

namespace attd::thrust_detail {

/// Threads that run in step on a GPU. A team has a multiple of it.
inline constexpr int lanes = 32;

/// An array that a thread keeps in registers, if all its indices are known to the compiler.
template <class T, int N>
struct registers {
  T values[N];

  ATTD_DEVICE T& operator[](int i) { return values[i]; }
  ATTD_DEVICE const T& operator[](int i) const { return values[i]; }
};

/// Which of the `count` sums of `lane_sums` a lane is left with. 32 / count lanes have each.
ATTD_DEVICE constexpr int sum_of_lane(int lane, int count) { return lane / (lanes / count); }

/// A team that one thread of the CPU plays: all threads' part up to the next wait, one after
/// another. A program sees what follows; `device_team` offers the same on a GPU.
class host_team {
 public:
  /// Pieces of memory, kept from team to team.
  class memory {
   public:
    void* take(std::size_t bytes) {
      if (next_ == pieces_.size()) pieces_.emplace_back();
      std::vector<std::byte>& piece = pieces_[next_++];
      if (piece.size() < bytes) piece.resize(bytes);
      std::memset(piece.data(), 0xff, bytes);  // not a number, for whoever reads before writing
      return piece.data();
    }
    void restart() { next_ = 0; }

   private:
    std::vector<std::vector<std::byte>> pieces_;
    std::size_t next_ = 0;
  };
  /// The i-th thread to run of n: any order is right for a program without races.
  using thread_order = int (*)(int i, int n);

  ATTD_DEVICE host_team(index_t number, int threads, memory& m, thread_order order)
      : number_(number), threads_(threads), memory_(&m), order_(order) {}

  /// Which team this is, from 0.
  ATTD_DEVICE index_t number() const { return number_; }

  /// f(thread) on every thread of the team, and waits for all of them: what they wrote to shared
  /// memory before can be read after. What one writes in f no other may touch in the same f.
  template <class F>
  ATTD_DEVICE void each(const F& f) {
#if !defined(__CUDA_ARCH__)
    for (int i = 0; i < threads_; ++i) f(order_ ? order_(i, threads_) : i);
#endif
  }

  /// Memory that the team's threads share, unspecified numbers; to be asked for outside of `each`.
  template <class T>
  ATTD_DEVICE T* shared(index_t count) {
    const std::size_t bytes = (static_cast<std::size_t>(count) * sizeof(T) + 15) / 16 * 16;
    shared_bytes_ += bytes;
    return static_cast<T*>(take(bytes));
  }

  /// One T for each thread, which lives from one `each` to the next.
  template <class T>
  class own {
   public:
    ATTD_DEVICE explicit own(host_team& team)
        : values_(static_cast<T*>(team.take(static_cast<std::size_t>(team.threads_) * sizeof(T)))) {
    }
    ATTD_DEVICE T& operator[](int thread) { return values_[thread]; }

   private:
    T* values_;
  };

  /// Sums of `Count` numbers over each 32 lanes, in a fixed order: afterwards element 0 of a lane
  /// is the sum that `sum_of_lane` names. Count is a power of two up to 32.
  template <class T, int Count>
  ATTD_DEVICE void lane_sums(own<registers<T, Count>>& values) {
    for (int first = 0; first < threads_; first += lanes) {
      int count = Count;
      for (int width = lanes / 2; width > 0; width /= 2) {
        const int half = count > 1 ? count / 2 : 1;
        for (int lane = 0; lane < lanes; ++lane) {
          if (lane & width) continue;  // done with its partner
          registers<T, Count>& low = values[first + lane];
          registers<T, Count>& high = values[first + lane + width];
          for (int i = 0; i < half; ++i) {
            if (count > 1) {
              low[i] = low[i] + high[i];
              high[i] = high[i + half] + low[i + half];
            } else {
              low[i] = high[i] = low[i] + high[i];
            }
          }
        }
        count = half;
      }
    }
  }

  /// Bytes of shared memory that were asked for.
  std::size_t shared_bytes() const { return shared_bytes_; }

 private:
  ATTD_DEVICE void* take([[maybe_unused]] std::size_t bytes) {
#if defined(__CUDA_ARCH__)
    return nullptr;
#else
    return memory_->take(bytes);
#endif
  }

  index_t number_;
  int threads_;
  memory* memory_;
  thread_order order_;
  std::size_t shared_bytes_ = 0;
};

/// One team of a program, as a loop body of the CPU's systems.
template <class Program>
struct team_on_host {
  Program program;
  host_team::thread_order order;

  void operator()(index_t number) const {
    static thread_local host_team::memory memory;
    memory.restart();
    host_team team(number, Program::threads, memory, order);
    program(team);
    if (team.shared_bytes() > program.shared_bytes()) {
      fail("a team took ", team.shared_bytes(), " bytes of shared memory, it had announced ",
           program.shared_bytes());
    }
  }
};

/// Runs a program on teams 0 .. teams - 1, in any order or at once: what one team writes no other
/// may touch. A program is an aggregate of views and numbers with
///   static constexpr int threads;                    // of a team, a multiple of 32
///   std::size_t shared_bytes() const;                // of memory that a team shares
///   template <class Team> ATTD_DEVICE void operator()(Team& team) const;
/// Results depend neither on the order of teams nor on that of their threads.
template <class System, class Program>
void for_each_team(System& system, index_t teams, const Program& program) {
  if (teams == 0) return;
  if constexpr (requires { system.check(program); }) system.check(program);
  if constexpr (requires { system.launch(teams, program); }) {
    system.launch(teams, program);
  } else {
    host_team::thread_order order = nullptr;
    if constexpr (requires { system.order(); }) order = system.order();
    system.run([teams, program, order](const auto& policy) {
      ::thrust::for_each_n(policy, ::thrust::counting_iterator<index_t>(0), teams,
                           team_on_host<Program>{program, order});
    });
  }
}

}  // namespace attd::thrust_detail
