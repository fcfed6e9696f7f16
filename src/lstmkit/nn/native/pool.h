// A small pool of threads that the caller joins. Tasks are numbered; any thread may take any task, so nothing that a task
// computes may depend on who runs it.
#ifndef LSTMKIT_POOL_H
#define LSTMKIT_POOL_H

#include <cstdint>

namespace lstmkit {

using Task = void (*)(void* context, int64_t number);

// Runs task(context, 0..n-1) on at most `n_threads` threads, the caller among them, and returns when all are done. A call
// made while another is under way in a second thread of the program runs on its caller alone.
void run_tasks(int64_t n_threads, int64_t n, Task task, void* context);

// The OpenMP runtime that the host program has loaded, by the address of its GOMP_parallel; NULL: the pool's own threads.
// torch's idle workers spin for milliseconds before they sleep, on the very cores that other threads would need; tasks that
// they run themselves wait for nothing. In a forked child, where that runtime is dead, the pool's own threads serve.
void borrow_runtime(void* gomp_parallel);

}  // namespace lstmkit

#endif
