// Runs recorded cases through the C interface and compares; made to be built with a sanitizer (test_sanitizers.py).
//
//   driver CASES
//
// CASES is a sequence of cases: kind, is_double, number of sizes, sizes, number of arrays; then for each array its type ('f', 'd',
// 'i', 'l'), its number of elements and these. All whole numbers outside arrays are int64. Each array gets a heap buffer of exactly
// its size, and so does everything that is computed, so that AddressSanitizer sees every byte too far. What is expected is
// always float64.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "interface.h"

namespace {

enum Kind { kLayer, kProduct, kOuter, kSumRows, kDistinct, kActivate, kStep, kPool, kAdam };

std::atomic<int64_t> n_checks{0}, n_failures{0};

struct Array {
  char type = 0;
  int64_t n = 0;
  std::unique_ptr<char[]> bytes;  // NULL for none

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(bytes.get());
  }
};

struct Case {
  int64_t kind = 0;
  int32_t is_double = 0;
  std::vector<int64_t> sizes;
  std::vector<Array> arrays;
  int64_t number = 0;
};

int64_t size_of(char type) { return type == 'f' || type == 'i' ? 4 : 8; }

Array made(char type, int64_t n) {
  Array array;
  array.type = type;
  array.n = n;
  array.bytes.reset(new char[size_t(n * size_of(type))]);
  std::memset(array.bytes.get(), 0xff, size_t(n * size_of(type)));  // NaN: what is left unwritten does not go unseen
  return array;
}

Array copied(const Array& from) {
  Array array = made(from.type, from.n);
  std::memcpy(array.bytes.get(), from.bytes.get(), size_t(from.n * size_of(from.type)));
  return array;
}

void* at(const Array& array, int64_t element) { return array.bytes.get() + element * size_of(array.type); }

double value(const Array& array, int64_t i) { return array.type == 'f' ? double(array.as<float>()[i]) : array.as<double>()[i]; }

void read(std::FILE* file, void* to, size_t n) {
  if (std::fread(to, 1, n, file) != n) {
    std::fprintf(stderr, "the case file ends early\n");
    std::exit(2);
  }
}

std::vector<Case> read_cases(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (!file) {
    std::fprintf(stderr, "%s cannot be read\n", path);
    std::exit(2);
  }
  std::vector<Case> cases;
  int64_t head[3];
  while (std::fread(head, sizeof head, 1, file) == 1) {
    Case one;
    one.number = int64_t(cases.size());
    one.kind = head[0];
    one.is_double = int32_t(head[1]);
    one.sizes.resize(size_t(head[2]));
    read(file, one.sizes.data(), one.sizes.size() * sizeof(int64_t));
    int64_t n_arrays;
    read(file, &n_arrays, sizeof n_arrays);
    for (int64_t i = 0; i < n_arrays; ++i) {
      int64_t of[2];
      read(file, of, sizeof of);
      one.arrays.push_back(made(char(of[0]), of[1]));
      if (of[1] == 0) one.arrays.back().bytes.reset();
      else read(file, one.arrays.back().bytes.get(), size_t(of[1] * size_of(char(of[0]))));
    }
    cases.push_back(std::move(one));
  }
  std::fclose(file);
  return cases;
}

void fail(const Case& one, const char* what, int64_t n_threads, double by) {
  ++n_failures;
  std::fprintf(stderr, "case %lld (kind %lld, double %d), %s, %s, %lld threads: off by %g\n", static_cast<long long>(one.number),
               static_cast<long long>(one.kind), int(one.is_double), lstmkit_isa(), what, static_cast<long long>(n_threads), by);
}

// Relative in norm, which NaN fails too.
void check(const Case& one, const char* what, int64_t n_threads, const Array& found, const Array& expected) {
  ++n_checks;
  if (found.n != expected.n) return fail(one, what, n_threads, INFINITY);
  double apart = 0, whole = 0;
  for (int64_t i = 0; i < found.n; ++i) {
    const double e = value(expected, i), d = value(found, i) - e;
    apart += d * d;
    whole += e * e;
  }
  const double tolerance = one.is_double ? 1e-12 : 1e-5, by = std::sqrt(apart / (whole > 1e-60 ? whole : 1e-60));
  if (!(by <= tolerance)) fail(one, what, n_threads, by);
}

template <class T>
void check_equal(const Case& one, const char* what, const T* found, const T* expected, int64_t n) {
  ++n_checks;
  if (n > 0 && std::memcmp(found, expected, size_t(n) * sizeof(T)) != 0) fail(one, what, 1, 1);
}

// Sizes: hidden, directions, rows of the table (0: dense, the gates are made in the table), steps, sequences.
// Arrays: starts, rows, table, W_hh of all directions, h0, c0, gradients of states, h_n and c_n, rows before of each direction;
// then expected: states, c_n, gradients of the gates' input, h0, c0, W_hh without h0's part, bias, table.
void run_layer(const Case& one, int64_t n_threads) {
  const int64_t hidden = one.sizes[0], n_directions = one.sizes[1], n_table = one.sizes[2], n_steps = one.sizes[3],
                batch = one.sizes[4], width = 4 * hidden, wide = n_directions * width;
  const std::vector<Array>& in = one.arrays;
  const Array *starts = &in[0], *rows = &in[1], *table = &in[2], *weight = &in[3], *h0 = &in[4], *c0 = &in[5];
  const int64_t n_rows = starts->as<int64_t>()[n_steps];
  const char type = one.is_double ? 'd' : 'f';

  const int64_t n_packed = lstmkit_packed_size(one.is_double, hidden, width), n_turned = lstmkit_packed_size(one.is_double, width, hidden);
  std::vector<Array> forward_weight, backward_weight;
  for (int64_t d = 0; d < n_directions; ++d) {
    const void* own = at(*weight, d * width * hidden);
    forward_weight.push_back(made(type, n_packed));
    backward_weight.push_back(made(type, n_turned));
    lstmkit_pack(one.is_double, n_threads, own, 1, hidden, hidden, width, forward_weight.back().bytes.get());
    lstmkit_pack(one.is_double, n_threads, own, hidden, 1, width, hidden, backward_weight.back().bytes.get());
  }

  for (const bool keeps : {true, false}) {
    Array states = made(type, n_rows * n_directions * hidden);
    Array gates = !keeps ? Array() : n_table ? made(type, n_rows * wide) : copied(*table);
    Array cells = made(type, n_directions * (keeps ? n_rows : batch) * hidden);
    if (!keeps) {
      if (c0->bytes) cells = copied(*c0);
      else std::memset(cells.bytes.get(), 0, size_t(cells.n * size_of(type)));
    }
    const int64_t stride = lstmkit_work_stride(one.is_double, hidden, keeps);
    std::vector<std::unique_ptr<char[]>> work;
    std::vector<lstmkit_direction> jobs;
    for (int64_t d = 0; d < n_directions; ++d) {
      work.emplace_back(new char[size_t(batch * stride)]);
      lstmkit_direction job{};
      job.hidden = hidden;
      job.n_steps = n_steps;
      job.n_sequences = batch;
      job.reverse = d;
      job.starts = starts->as<int64_t>();
      job.table = at(keeps && !n_table ? gates : *table, d * width);
      job.table_stride = wide;
      job.rows = rows->as<int32_t>();
      job.weight = forward_weight[size_t(d)].bytes.get();
      job.h0 = h0->bytes ? at(*h0, d * batch * hidden) : nullptr;
      job.c0 = c0->bytes ? at(*c0, d * batch * hidden) : nullptr;
      job.states = at(states, d * hidden);
      job.states_stride = n_directions * hidden;
      job.gates = keeps ? at(gates, d * width) : nullptr;
      job.gates_stride = wide;
      job.cells = at(cells, d * (keeps ? n_rows : batch) * hidden);
      job.work = work.back().get();
      job.work_stride = stride;
      jobs.push_back(job);
    }
    lstmkit_forward(one.is_double, n_threads, n_directions, jobs.data());
    check(one, keeps ? "states" : "states of inference", n_threads, states, in[11]);
    if (!keeps) {
      check(one, "c_n", n_threads, cells, in[12]);
      continue;
    }

    Array grad_hidden = copied(in[7]), grad_cell = copied(in[8]);
    for (int64_t d = 0; d < n_directions; ++d) {
      lstmkit_direction& job = jobs[size_t(d)];
      job.weight = backward_weight[size_t(d)].bytes.get();
      job.grad_states = in[6].bytes ? at(in[6], d * hidden) : nullptr;
      job.grad_stride = n_directions * hidden;
      job.grad_hidden = at(grad_hidden, d * batch * hidden);
      job.grad_cell = at(grad_cell, d * batch * hidden);
      job.work = nullptr;
      job.table = nullptr;
    }
    lstmkit_backward(one.is_double, n_threads, n_directions, jobs.data());
    check(one, "gradient of the gates", n_threads, gates, in[13]);
    if (h0->bytes) check(one, "gradient of h0", n_threads, grad_hidden, in[14]);
    if (c0->bytes) check(one, "gradient of c0", n_threads, grad_cell, in[15]);

    Array grad_weight = made(type, wide * hidden), grad_bias = made(type, wide);
    for (int64_t d = 0; d < n_directions; ++d) {
      std::unique_ptr<char[]> outer_work(new char[size_t(lstmkit_outer_work(one.is_double, n_threads, width, hidden))]);
      lstmkit_outer job{n_rows, width, hidden, at(gates, d * width), wide, at(states, d * hidden), n_directions * hidden,
                        in[size_t(9 + d)].as<int32_t>(), at(grad_weight, d * width * hidden), at(grad_bias, d * width),
                        outer_work.get()};
      lstmkit_sum_outer(one.is_double, n_threads, &job);
    }
    check(one, "gradient of W_hh", n_threads, grad_weight, in[16]);
    check(one, "gradient of the bias", n_threads, grad_bias, in[17]);
    if (n_table) {
      Array grad_table = made(type, n_table * wide), order = made('i', n_rows), offsets = made('i', n_table + 1);
      lstmkit_sum_rows(one.is_double, n_threads, gates.bytes.get(), wide, wide, rows->as<int32_t>(), n_rows, n_table,
                       order.as<int32_t>(), offsets.as<int32_t>(), grad_table.bytes.get());
      check(one, "gradient of the table", n_threads, grad_table, in[18]);
    }
  }
}

// Sizes: n, k, m, strides of a and of out. Arrays: a, b(k, m), bias; expected out, dense. The gap between rows stays as it is.
void run_product(const Case& one, int64_t n_threads) {
  const int64_t n = one.sizes[0], k = one.sizes[1], m = one.sizes[2], a_stride = one.sizes[3], stride = one.sizes[4];
  const char type = one.is_double ? 'd' : 'f';
  Array packed = made(type, lstmkit_packed_size(one.is_double, k, m)), out = made(type, (n - 1) * stride + m);
  lstmkit_pack(one.is_double, n_threads, one.arrays[1].bytes.get(), m, 1, k, m, packed.bytes.get());
  const lstmkit_product job{n, k, m, one.arrays[0].bytes.get(), a_stride, packed.bytes.get(), one.arrays[2].bytes.get(),
                            out.bytes.get(), stride};
  lstmkit_multiply(one.is_double, n_threads, &job);
  Array dense = made(type, n * m);
  for (int64_t r = 0; r < n; ++r) {
    std::memcpy(at(dense, r * m), at(out, r * stride), size_t(m * size_of(type)));
    for (int64_t j = m; j < stride && r + 1 < n; ++j) {
      if (!std::isnan(value(out, r * stride + j))) fail(one, "gap between rows", n_threads, 1);
    }
  }
  check(one, "product", n_threads, dense, one.arrays[3]);
}

// Sizes: n, m, p, strides of a and b. Arrays: a, b, b_rows; expected out and column sums.
void run_outer(const Case& one, int64_t n_threads) {
  const int64_t n = one.sizes[0], m = one.sizes[1], p = one.sizes[2];
  const char type = one.is_double ? 'd' : 'f';
  for (const bool sums : {true, false}) {
    Array out = made(type, m * p), columns = made(type, m);
    std::unique_ptr<char[]> work(new char[size_t(lstmkit_outer_work(one.is_double, n_threads, m, p))]);
    const lstmkit_outer job{n, m, p, one.arrays[0].bytes.get(), one.sizes[3], one.arrays[1].bytes.get(), one.sizes[4],
                            one.arrays[2].as<int32_t>(), out.bytes.get(), sums ? columns.bytes.get() : nullptr, work.get()};
    lstmkit_sum_outer(one.is_double, n_threads, &job);
    check(one, "sum of outer products", n_threads, out, one.arrays[3]);
    if (sums) check(one, "sums of columns", n_threads, columns, one.arrays[4]);
  }
}

// Sizes: n, width, stride, n_out. Arrays: source, rows; expected out.
void run_sum_rows(const Case& one, int64_t n_threads) {
  const int64_t n = one.sizes[0], width = one.sizes[1], stride = one.sizes[2], n_out = one.sizes[3];
  Array out = made(one.is_double ? 'd' : 'f', n_out * width), order = made('i', n), offsets = made('i', n_out + 1);
  lstmkit_sum_rows(one.is_double, n_threads, one.arrays[0].bytes.get(), stride, width, one.arrays[1].as<int32_t>(), n, n_out,
                   order.as<int32_t>(), offsets.as<int32_t>(), out.bytes.get());
  check(one, "sum of rows", n_threads, out, one.arrays[2]);
}

// Sizes: vocabulary, number expected or -1. Arrays: tokens; expected distinct tokens and rows.
void run_distinct(const Case& one) {
  const int64_t vocabulary = one.sizes[0], expected = one.sizes[1], n = one.arrays[0].n;
  Array place = made('i', vocabulary), found = made('l', n < vocabulary ? n : vocabulary), rows = made('i', n);
  const int64_t n_found = lstmkit_distinct(one.arrays[0].as<int64_t>(), n, vocabulary, place.as<int32_t>(), found.as<int64_t>(),
                                           rows.as<int32_t>());
  check_equal(one, "number of distinct tokens", &n_found, &expected, 1);
  if (n_found == expected && n_found >= 0) {
    check_equal(one, "distinct tokens", found.as<int64_t>(), one.arrays[1].as<int64_t>(), n_found);
    check_equal(one, "rows of distinct tokens", rows.as<int32_t>(), one.arrays[2].as<int32_t>(), n);
  }
  const std::vector<int32_t> before(size_t(vocabulary), -1);
  check_equal(one, "places after", place.as<int32_t>(), before.data(), vocabulary);
}

// Sizes: op. Arrays: x; expected y.
void run_activate(const Case& one) {
  Array y = made(one.is_double ? 'd' : 'f', one.arrays[0].n);
  lstmkit_activate(one.is_double, one.sizes[0], y.n, one.arrays[0].bytes.get(), y.bytes.get());
  check(one, "activation", 1, y, one.arrays[1]);
}

// Sizes: n, features, hidden, stride of the output. Arrays: W_ih, W_hh, both biases, inputs, h, c; expected h and c.
void run_step(const Case& one) {
  const int64_t n = one.sizes[0], features = one.sizes[1], hidden = one.sizes[2], stride = one.sizes[3];
  const char type = one.is_double ? 'd' : 'f';
  const std::vector<Array>& in = one.arrays;
  Array work = made(type, 4 * (n + 1) * hidden);
  Array output = made(type, (n - 1) * stride + hidden), h = made(type, n * hidden), c = made(type, n * hidden);
  const lstmkit_step_job job{n, features, hidden, in[0].bytes.get(), in[1].bytes.get(), in[2].bytes.get(), in[3].bytes.get(),
                             in[4].bytes.get(), in[5].bytes.get(), in[6].bytes.get(), output.bytes.get(), stride,
                             h.bytes.get(), c.bytes.get(), work.bytes.get()};
  lstmkit_step(one.is_double, &job);
  check(one, "h of a step", 1, h, in[7]);
  check(one, "c of a step", 1, c, in[8]);
  for (int64_t r = 0; r < n; ++r) {
    if (std::memcmp(at(output, r * stride), at(h, r * hidden), size_t(hidden * size_of(type))) != 0) fail(one, "output", 1, 1);
    for (int64_t j = hidden; j < stride && r + 1 < n; ++j) {
      if (!std::isnan(value(output, r * stride + j))) fail(one, "gap between outputs", 1, 1);
    }
  }
}

// Sizes: steps, sequences, width, stride of the states. Arrays: starts, states, gradients of the largest and of the mean; expected
// largest, its rows, mean, gradient of the states by the largest alone, by the mean alone, by both.
void run_pool(const Case& one, int64_t n_threads) {
  const int64_t n_steps = one.sizes[0], batch = one.sizes[1], width = one.sizes[2], stride = one.sizes[3];
  const char type = one.is_double ? 'd' : 'f';
  const std::vector<Array>& in = one.arrays;
  const int64_t n_rows = in[0].as<int64_t>()[n_steps];
  for (int with = 1; with < 4; ++with) {
    const bool largest_too = with & 1, mean_too = with & 2;
    Array states = copied(in[1]), largest = made(type, batch * width), mean = made(type, batch * width), rows = made('i', batch * width);
    lstmkit_pooling job{n_steps, batch, width, in[0].as<int64_t>(), states.bytes.get(), stride,
                        largest_too ? largest.bytes.get() : nullptr, rows.as<int32_t>(), mean_too ? mean.bytes.get() : nullptr};
    lstmkit_pool(one.is_double, n_threads, &job);
    if (largest_too) {
      check(one, "largest", n_threads, largest, in[4]);
      check_equal(one, "rows of the largest", rows.as<int32_t>(), in[5].as<int32_t>(), batch * width);
    }
    if (mean_too) check(one, "mean", n_threads, mean, in[6]);
    Array grad_largest = copied(in[2]), grad_mean = copied(in[3]), grad = made(type, n_rows * width);
    job.states = grad.bytes.get();
    job.states_stride = width;
    if (largest_too) job.largest = grad_largest.bytes.get();
    if (mean_too) job.mean = grad_mean.bytes.get();
    lstmkit_unpool(one.is_double, n_threads, &job);
    check(one, "gradient of what is pooled", n_threads, grad, in[size_t(6 + with)]);
  }
}

// Sizes: rows, width. Arrays: numbers of the step (step size, root, beta1, beta2, epsilon, l2, decay; always double), place, gradient,
// parameter, mean, square, live rows as whole numbers; expected parameter, mean, square, live rows.
void run_adam(const Case& one, int64_t n_threads) {
  const int64_t n_rows = one.sizes[0], width = one.sizes[1];
  const std::vector<Array>& in = one.arrays;
  Array parameter = copied(in[3]), mean = copied(in[4]), square = copied(in[5]), live = copied(in[6]);
  std::unique_ptr<uint8_t[]> marks(new uint8_t[size_t(n_rows)]);
  for (int64_t r = 0; r < n_rows; ++r) marks[size_t(r)] = uint8_t(live.as<int32_t>()[r]);
  const int64_t* number = in[0].as<int64_t>();
  double of[7];
  std::memcpy(of, number, sizeof of);
  const lstmkit_adam_step job{n_rows, width, in[1].as<int32_t>(), in[2].bytes.get(), parameter.bytes.get(), mean.bytes.get(),
                              square.bytes.get(), marks.get(), of[0], of[1], of[2], of[3], of[4], of[5], of[6]};
  lstmkit_adam(one.is_double, n_threads, &job);
  check(one, "parameter", n_threads, parameter, in[7]);
  check(one, "first moment", n_threads, mean, in[8]);
  check(one, "second moment", n_threads, square, in[9]);
  for (int64_t r = 0; r < n_rows; ++r) live.as<int32_t>()[r] = marks[size_t(r)];
  check_equal(one, "live rows", live.as<int32_t>(), in[10].as<int32_t>(), n_rows);
}

void run(const Case& one, int64_t n_threads) {
  switch (one.kind) {
    case kLayer: return run_layer(one, n_threads);
    case kProduct: return run_product(one, n_threads);
    case kOuter: return run_outer(one, n_threads);
    case kSumRows: return run_sum_rows(one, n_threads);
    case kDistinct: return run_distinct(one);
    case kActivate: return run_activate(one);
    case kStep: return run_step(one);
    case kPool: return run_pool(one, n_threads);
    case kAdam: return run_adam(one, n_threads);
    default: fail(one, "unknown kind", n_threads, INFINITY);
  }
}

// Every `step`-th case on each of three threads of the program, all of which ask for threads of the pool.
void run_at_once(const std::vector<Case>& cases, size_t step) {
  std::vector<std::thread> threads;
  for (size_t number = 0; number < 3; ++number) {
    threads.emplace_back([&cases, step, number] {
      if (!std::strstr(lstmkit_isas(), lstmkit_isa())) ++n_failures;
      for (size_t i = number % step; i < cases.size(); i += step) run(cases[i], int64_t(2 + number));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// In place of an OpenMP runtime, which thread sanitizer would have to be built into: the same promise, kept with plain threads.
void parallel(void (*body)(void*), void* data, unsigned n_threads, unsigned) {
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < n_threads; ++i) threads.emplace_back(body, data);
  body(data);
  for (std::thread& thread : threads) thread.join();
}

void run_in_child(const std::vector<Case>& cases) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a hang ends by a signal, which the parent sees
    n_failures = 0;
    for (size_t i = 0; i < cases.size(); i += 3) run(cases[i], 3);
    run_at_once(cases, 7);
    _exit(n_failures == 0 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  ++n_checks;
  if (child < 0 || status != 0) {
    ++n_failures;
    std::fprintf(stderr, "the forked child ended with status %d\n", status);
  }
}

}  // namespace

int main(int n_arguments, char** arguments) {
  if (n_arguments != 2) {
    std::fprintf(stderr, "usage: driver CASES\n");
    return 2;
  }
  const std::vector<Case> cases = read_cases(arguments[1]);
  run_at_once(cases, 3);  // first of all, for what is set up at first use
  std::string names = lstmkit_isas();
  for (size_t begin = 0; begin < names.size();) {
    const size_t end = std::min(names.find(' ', begin), names.size());
    const std::string name = names.substr(begin, end - begin);
    if (!lstmkit_use_isa(name.c_str()) || name != lstmkit_isa()) {
      std::fprintf(stderr, "%s cannot be chosen\n", name.c_str());
      return 1;
    }
    for (const Case& one : cases) {
      run(one, 1);
      run(one, 2 + (one.number + int64_t(begin)) % 3);
    }
    begin = end + 1;
  }
  run_at_once(cases, 2);
  run_in_child(cases);
  lstmkit_borrow_threads(reinterpret_cast<void*>(parallel));
  run_at_once(cases, 3);
  run_in_child(cases);
  for (size_t i = 0; i < cases.size(); i += 3) run(cases[i], 4);
  std::printf("%lld cases, %lld checks, %lld failures, kernels %s\n", static_cast<long long>(cases.size()),
              static_cast<long long>(n_checks.load()), static_cast<long long>(n_failures.load()), names.c_str());
  return n_failures == 0 && !cases.empty() ? 0 : 1;
}
