#include "interface.h"

#include <atomic>
#include <cstring>

#include "kernels.h"
#include "pool.h"

namespace lstmkit {

#if defined(__x86_64__)
extern const KernelSet kernels_avx512, kernels_avx2;
#endif
extern const KernelSet kernels_baseline;

namespace {

#if defined(__x86_64__)
const KernelSet* const kSets[] = {&kernels_avx512, &kernels_avx2, &kernels_baseline};

bool runs_here(const KernelSet* set) {
  __builtin_cpu_init();
  if (set == &kernels_avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
  }
  if (set == &kernels_avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return true;
}
#else
const KernelSet* const kSets[] = {&kernels_baseline};

bool runs_here(const KernelSet*) { return true; }
#endif

const KernelSet* best() {
  for (const KernelSet* set : kSets) {
    if (runs_here(set)) return set;
  }
  return &kernels_baseline;
}

std::atomic<const KernelSet*> chosen{nullptr};

const KernelSet* set_in_use() {
  const KernelSet* set = chosen.load(std::memory_order_relaxed);
  if (!set) {  // two threads that come here at once find the same
    set = best();
    chosen.store(set, std::memory_order_relaxed);
  }
  return set;
}

const Kernels& kernels(int32_t is_double) { return is_double ? set_in_use()->twice : set_in_use()->single; }

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A chunk costs what its rows cost, and at each step about as much as two rows more, for the weights that it streams.
constexpr int64_t kStepCost = 2;
constexpr int64_t kMostChunks = 256;
constexpr int64_t kMostJobs = 2;  // at once: both directions of a layer

int64_t length_of(const lstmkit_direction& job, int64_t sequence) {
  // Sizes never grow with t: find the first step that the sequence does not run at.
  int64_t low = 0, high = job.n_steps;
  while (low < high) {
    const int64_t t = (low + high) / 2;
    if (job.starts[t + 1] - job.starts[t] > sequence) {
      low = t + 1;
    } else {
      high = t;
    }
  }
  return low;
}

// Cuts the sequences into at most n chunks of about equal cost; ends[k] is where chunk k ends. Returns their number.
int64_t cut(const lstmkit_direction& job, int64_t n, int64_t* ends) {
  const int64_t n_sequences = job.n_sequences;
  if (n > kMostChunks) n = kMostChunks;
  if (n > n_sequences) n = n_sequences;
  if (n <= 1) {
    ends[0] = n_sequences;
    return 1;
  }
  const int64_t longest = job.n_steps, n_rows = job.starts[job.n_steps];
  int64_t low = n_rows / n, high = n_rows + kStepCost * longest;
  int64_t best_ends[kMostChunks], count = 0;
  while (low < high) {  // the smallest limit that n chunks keep to
    const int64_t limit = (low + high) / 2;
    int64_t used = 0, cost = 0;
    for (int64_t k = 0; k < n_sequences; ++k) {
      const int64_t length = length_of(job, k);
      const bool opens = k == 0 || cost + length > limit;
      if (opens && k > 0) {
        if (used < n) best_ends[used] = k;
        ++used;
      }
      cost = opens ? (kStepCost + 1) * length : cost + length;
    }
    if (used < n) {
      best_ends[used++] = n_sequences;
      count = used;
      std::memcpy(ends, best_ends, sizeof(int64_t) * size_t(used));
      high = limit;
    } else {
      low = limit + 1;
    }
  }
  if (count == 0) {
    ends[0] = n_sequences;
    count = 1;
  }
  return count;
}

int64_t common_divisor(int64_t a, int64_t b) { return b == 0 ? a : common_divisor(b, a % b); }

struct Recurrences {
  const lstmkit_direction* jobs;
  void (*run)(const lstmkit_direction*, int64_t, int64_t);
  int64_t n_jobs;
  int64_t firsts[kMostJobs + 1];  // number of each job's first task
  int64_t ends[kMostJobs * kMostChunks];
};

}  // namespace
}  // namespace lstmkit

using namespace lstmkit;

extern "C" {

int64_t lstmkit_interface(void) { return 5; }

const char* lstmkit_isas(void) {
  struct Names {
    char text[64] = {};
  };
  static const Names names = [] {  // made once, however many threads ask
    Names made;
    for (const KernelSet* set : kSets) {
      if (!runs_here(set)) continue;
      if (made.text[0]) std::strcat(made.text, " ");
      std::strcat(made.text, set->name);
    }
    return made;
  }();
  return names.text;
}

int32_t lstmkit_use_isa(const char* name) {
  for (const KernelSet* set : kSets) {
    if (std::strcmp(set->name, name) == 0 && runs_here(set)) {
      chosen.store(set, std::memory_order_relaxed);
      return 1;
    }
  }
  return 0;
}

const char* lstmkit_isa(void) { return set_in_use()->name; }

void lstmkit_borrow_threads(void* gomp_parallel) { borrow_runtime(gomp_parallel); }

int64_t lstmkit_packed_size(int32_t is_double, int64_t k, int64_t m) {
  const int64_t panel = kernels(is_double).panel;
  return ceil_div(m, panel) * panel * k;
}

void lstmkit_pack(int32_t is_double, int64_t n_threads, const void* source, int64_t k_stride, int64_t m_stride, int64_t k,
                  int64_t m, void* packed) {
  const Kernels& use = kernels(is_double);
  struct Context {
    const Kernels* use;
    const void* source;
    int64_t k_stride, m_stride, k, m;
    void* packed;
  } context{&use, source, k_stride, m_stride, k, m, packed};
  const int64_t n_panels = ceil_div(m, use.panel);
  run_tasks(
      k * m < 16384 ? 1 : n_threads, n_panels,
      [](void* data, int64_t p) {
        auto* c = static_cast<Context*>(data);
        c->use->pack(c->source, c->k_stride, c->m_stride, c->k, c->m, c->packed, p);
      },
      &context);
}

int64_t lstmkit_work_stride(int32_t is_double, int64_t hidden, int64_t keeps_gates) {
  const int64_t gates = keeps_gates ? 0 : 4 * hidden * (is_double ? 8 : 4);
  return ceil_div(int64_t(sizeof(void*)) + 64 + gates, 64) * 64;
}

static void run_recurrences(int64_t n_threads, int64_t n_jobs, const lstmkit_direction* jobs,
                            void (*run)(const lstmkit_direction*, int64_t, int64_t)) {
  for (; n_jobs > kMostJobs; n_jobs -= kMostJobs, jobs += kMostJobs) run_recurrences(n_threads, kMostJobs, jobs, run);
  if (n_jobs < 1) return;
  if (n_threads > kMostChunks) n_threads = kMostChunks;
  Recurrences all{jobs, run, n_jobs, {}, {}};
  // As many chunks of each direction as make all threads busy with equal shares.
  const int64_t share = n_threads / common_divisor(n_threads, n_jobs);
  int64_t n = 0;
  for (int64_t j = 0; j < n_jobs; ++j) {
    all.firsts[j] = n;
    n += cut(jobs[j], share, all.ends + n);
  }
  all.firsts[n_jobs] = n;
  run_tasks(
      n_threads, n,
      [](void* data, int64_t number) {
        auto* c = static_cast<Recurrences*>(data);
        int64_t j = 0;
        while (number >= c->firsts[j + 1]) ++j;
        c->run(c->jobs + j, number == c->firsts[j] ? 0 : c->ends[number - 1], c->ends[number]);
      },
      &all);
}

void lstmkit_forward(int32_t is_double, int64_t n_threads, int64_t n_jobs, const lstmkit_direction* jobs) {
  run_recurrences(n_threads, n_jobs, jobs, kernels(is_double).forward);
}

void lstmkit_backward(int32_t is_double, int64_t n_threads, int64_t n_jobs, const lstmkit_direction* jobs) {
  run_recurrences(n_threads, n_jobs, jobs, kernels(is_double).backward);
}

void lstmkit_step(int32_t is_double, const lstmkit_step_job* job) { kernels(is_double).step(job); }

void lstmkit_multiply(int32_t is_double, int64_t n_threads, const lstmkit_product* job) {
  constexpr int64_t kBlock = 96;
  struct Context {
    const Kernels* use;
    const lstmkit_product* job;
  } context{&kernels(is_double), job};
  run_tasks(
      job->n * job->k * job->m < 65536 ? 1 : n_threads, ceil_div(job->n, kBlock),
      [](void* data, int64_t number) {
        auto* c = static_cast<Context*>(data);
        const int64_t begin = number * kBlock, end = begin + kBlock;
        c->use->product(c->job, begin, end < c->job->n ? end : c->job->n);
      },
      &context);
}

// Each task packs all of b for itself, so few large tasks; but one for each thread, and sums that stay in the caches.
static int64_t outer_rows(const Kernels& use, int64_t n_threads, int64_t m) {
  const int64_t each = ceil_div(ceil_div(m, n_threads), use.outer_group) * use.outer_group;
  return each < use.outer_block ? each : use.outer_block;
}

int64_t lstmkit_outer_work(int32_t is_double, int64_t n_threads, int64_t m, int64_t p) {
  const Kernels& use = kernels(is_double);
  const int64_t rows = outer_rows(use, n_threads, m), columns = ceil_div(p, 16) * 16;
  const int64_t elements = use.outer_depth * (rows + columns) + rows * columns + 2 * rows;
  return ceil_div(elements * (is_double ? 8 : 4), 64) * 64 * ceil_div(m, rows);
}

void lstmkit_sum_outer(int32_t is_double, int64_t n_threads, const lstmkit_outer* job) {
  const Kernels& use = kernels(is_double);
  const int64_t rows = outer_rows(use, n_threads, job->m), n_blocks = ceil_div(job->m, rows);
  struct Context {
    const Kernels* use;
    const lstmkit_outer* job;
    int64_t rows, work;
  } context{&use, job, rows, lstmkit_outer_work(is_double, n_threads, job->m, job->p) / n_blocks};
  run_tasks(
      n_threads, n_blocks,
      [](void* data, int64_t number) {
        auto* c = static_cast<Context*>(data);
        const int64_t begin = number * c->rows, end = begin + c->rows;
        c->use->outer(c->job, begin, end < c->job->m ? end : c->job->m, static_cast<char*>(c->job->work) + number * c->work);
      },
      &context);
}

int64_t lstmkit_distinct(const int64_t* tokens, int64_t n, int64_t vocabulary, int32_t* place, int64_t* distinct,
                         int32_t* rows) {
  int64_t count = 0, i = 0;
  for (; i < n; ++i) {
    const int64_t token = tokens[i];
    if (token < 0 || token >= vocabulary) break;
    if (place[token] < 0) {
      place[token] = int32_t(count);
      distinct[count++] = token;
    }
    rows[i] = place[token];
  }
  for (int64_t d = 0; d < count; ++d) place[distinct[d]] = -1;
  return i == n ? count : -1;
}

void lstmkit_sum_rows(int32_t is_double, int64_t n_threads, const void* source, int64_t stride, int64_t width,
                      const int32_t* rows, int64_t n, int64_t n_out, int32_t* order, int32_t* offsets, void* out) {
  // A counting sort by destination, which keeps the order of r.
  std::memset(offsets, 0, sizeof(int32_t) * size_t(n_out + 1));
  for (int64_t r = 0; r < n; ++r) ++offsets[rows[r] + 1];
  for (int64_t d = 0; d < n_out; ++d) offsets[d + 1] += offsets[d];
  for (int64_t r = 0; r < n; ++r) order[offsets[rows[r]]++] = int32_t(r);
  for (int64_t d = n_out; d > 0; --d) offsets[d] = offsets[d - 1];
  offsets[0] = 0;
  struct Context {
    const Kernels* use;
    const void* source;
    int64_t stride, width;
    const int32_t *order, *offsets;
    void* out;
    int64_t n, n_out, n_tasks;
  } context{&kernels(is_double), source, stride, width, order, offsets, out, n, n_out, n_threads * 4};
  run_tasks(
      n_threads, context.n_tasks,
      [](void* data, int64_t number) {
        auto* c = static_cast<Context*>(data);
        // Destinations of about an n-th of the source's rows: where each task begins is found by halving.
        int64_t bounds[2];
        for (int64_t side = 0; side < 2; ++side) {
          const int64_t target = c->n * (number + side) / c->n_tasks;
          int64_t low = 0, high = c->n_out;
          while (low < high) {
            const int64_t middle = (low + high) / 2;
            if (c->offsets[middle] < target) {
              low = middle + 1;
            } else {
              high = middle;
            }
          }
          bounds[side] = number + side == c->n_tasks ? c->n_out : low;
        }
        c->use->sum_rows(c->source, c->stride, c->width, c->order, c->offsets, c->out, bounds[0], bounds[1]);
      },
      &context);
}

static void run_pooling(int64_t n_threads, const lstmkit_pooling* job,
                        void (*run)(const lstmkit_pooling*, int64_t, int64_t)) {
  struct Context {
    const lstmkit_pooling* job;
    void (*run)(const lstmkit_pooling*, int64_t, int64_t);
    int64_t n_tasks;
  } context{job, run, n_threads < job->n_sequences ? n_threads * 2 : job->n_sequences};
  run_tasks(
      n_threads, context.n_tasks,
      [](void* data, int64_t number) {
        auto* c = static_cast<Context*>(data);
        const int64_t n = c->job->n_sequences;
        c->run(c->job, n * number / c->n_tasks, n * (number + 1) / c->n_tasks);
      },
      &context);
}

void lstmkit_pool(int32_t is_double, int64_t n_threads, const lstmkit_pooling* job) {
  run_pooling(n_threads, job, kernels(is_double).pool);
}

void lstmkit_unpool(int32_t is_double, int64_t n_threads, const lstmkit_pooling* job) {
  run_pooling(n_threads, job, kernels(is_double).unpool);
}

void lstmkit_adam(int32_t is_double, int64_t n_threads, const lstmkit_adam_step* job) {
  constexpr int64_t kBlock = 256;
  struct Context {
    const Kernels* use;
    const lstmkit_adam_step* job;
  } context{&kernels(is_double), job};
  run_tasks(
      job->n_rows * job->width < 32768 ? 1 : n_threads, ceil_div(job->n_rows, kBlock),
      [](void* data, int64_t number) {
        auto* c = static_cast<Context*>(data);
        const int64_t begin = number * kBlock, end = begin + kBlock;
        c->use->adam(c->job, begin, end < c->job->n_rows ? end : c->job->n_rows);
      },
      &context);
}

void lstmkit_activate(int32_t is_double, int64_t op, int64_t n, const void* x, void* y) {
  kernels(is_double).activate(op, n, x, y);
}

}  // extern "C"
