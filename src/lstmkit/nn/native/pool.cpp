#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace lstmkit {
namespace {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// About 20 microseconds: longer than the gaps between the calls of one training step, far shorter than a time slice.
constexpr int kSpins = 2000;

class Pool {
 public:
  // Runs the tasks; false where another thread of the program holds the pool.
  bool run(int64_t n_threads, int64_t n, Task task, void* context) {
    std::unique_lock<std::mutex> hold(owner_, std::try_to_lock);
    if (!hold.owns_lock()) return false;
    while (n_workers_ < n_threads - 1 && start_worker()) {
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      task_ = task;
      context_ = context;
      n_ = n;
      next_.store(0, std::memory_order_relaxed);
      n_wanted_ = n_threads - 1;
      ++generation_;
      seen_.store(generation_, std::memory_order_release);
    }
    wake_.notify_all();
    take();
    // Close the door, then wait for those who came in.
    {
      std::lock_guard<std::mutex> lock(mutex_);
      n_wanted_ = 0;
    }
    for (int spin = 0; n_inside_.load(std::memory_order_acquire) != 0 && spin < kSpins; ++spin) relax();
    if (n_inside_.load(std::memory_order_acquire) != 0) {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, [this] { return n_inside_.load(std::memory_order_acquire) == 0; });
    }
    return true;
  }

 private:
  bool start_worker() {
    try {
      std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {  // no more threads to be had: fewer do the same work
      return false;
    }
    ++n_workers_;
    return true;
  }

  void take() {
    for (int64_t number; (number = next_.fetch_add(1, std::memory_order_relaxed)) < n_;) task_(context_, number);
  }

  void work() {
    uint64_t generation = 0;
    for (;;) {
      for (int spin = 0; seen_.load(std::memory_order_acquire) == generation && spin < kSpins; ++spin) relax();
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return generation_ != generation; });
        generation = generation_;
        if (n_wanted_ == 0) continue;  // too late, or one too many
        --n_wanted_;
        n_inside_.fetch_add(1, std::memory_order_relaxed);
      }
      take();
      if (n_inside_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  std::mutex owner_;  // held by the program's thread whose tasks are run
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<int64_t> next_{0}, n_inside_{0};
  std::atomic<uint64_t> seen_{0};
  uint64_t generation_ = 0;
  int64_t n_ = 0, n_wanted_ = 0, n_workers_ = 0;
  Task task_ = nullptr;
  void* context_ = nullptr;
};

std::atomic<Pool*> current{nullptr};

// GOMP_parallel of GCC's OpenMP interface, which LLVM's runtime offers too.
using Parallel = void (*)(void (*body)(void*), void* data, unsigned n_threads, unsigned flags);
std::atomic<Parallel> borrowed{nullptr};

struct Shared {
  std::atomic<int64_t> next{0};
  int64_t n;
  Task task;
  void* context;
};

void take_shared(void* data) {
  auto* shared = static_cast<Shared*>(data);
  for (int64_t number; (number = shared->next.fetch_add(1, std::memory_order_relaxed)) < shared->n;) {
    shared->task(shared->context, number);
  }
}

// A child process has none of its parent's threads, and its locks may be held by them: it gets a new pool, and the old one
// is never touched again.
void after_fork_in_child() {
  borrowed.store(nullptr, std::memory_order_release);
  current.store(new Pool, std::memory_order_release);
}

Pool* pool() {
  static Pool* first = [] {
    auto* made = new Pool;  // never destroyed: its workers outlive static destructors
    current.store(made, std::memory_order_release);
#if !defined(_WIN32)
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
#endif
    return made;
  }();
  (void)first;
  return current.load(std::memory_order_acquire);
}

}  // namespace

void run_tasks(int64_t n_threads, int64_t n, Task task, void* context) {
  if (n_threads > n) n_threads = n;
  if (n_threads > 1) {
    if (const Parallel parallel = borrowed.load(std::memory_order_acquire)) {
      Shared shared{{0}, n, task, context};
      parallel(take_shared, &shared, unsigned(n_threads), 0);
      return;
    }
  }
  if (n_threads > 1 && pool()->run(n_threads, n, task, context)) return;
  for (int64_t number = 0; number < n; ++number) task(context, number);
}

void borrow_runtime(void* gomp_parallel) {
  pool();  // for the handler after a fork
  borrowed.store(reinterpret_cast<Parallel>(gomp_parallel), std::memory_order_release);
}

}  // namespace lstmkit
