// The whole of what Python calls. Every function returns at once with what it computed; none keeps a pointer, none throws.
#ifndef LSTMKIT_INTERFACE_H
#define LSTMKIT_INTERFACE_H

#include "jobs.h"

#if defined(_WIN32)
#define LSTMKIT_API __declspec(dllexport)
#else
#define LSTMKIT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

// Raised by one with every change of this file or of jobs.h.
LSTMKIT_API int64_t lstmkit_interface(void);

// Names of the kernels that this processor runs, best first, separated by blanks.
LSTMKIT_API const char* lstmkit_isas(void);
// Choose kernels by name; 0 where this processor or this build has none of that name.
LSTMKIT_API int32_t lstmkit_use_isa(const char* name);
LSTMKIT_API const char* lstmkit_isa(void);

// Take threads from an OpenMP runtime by the address of its GOMP_parallel; NULL: from a pool of this library's own.
LSTMKIT_API void lstmkit_borrow_threads(void* gomp_parallel);

// `is_double` is 0 for float, 1 for double everywhere below.

// Elements that packed weights of shape (k, m) take.
LSTMKIT_API int64_t lstmkit_packed_size(int32_t is_double, int64_t k, int64_t m);
LSTMKIT_API void lstmkit_pack(int32_t is_double, int64_t n_threads, const void* source, int64_t k_stride, int64_t m_stride,
                              int64_t k, int64_t m, void* packed);

// Bytes of `work` for each sequence of a forward job.
LSTMKIT_API int64_t lstmkit_work_stride(int32_t is_double, int64_t hidden, int64_t keeps_gates);

// Several directions at once; each is cut into chunks of sequences of about equal cost.
LSTMKIT_API void lstmkit_forward(int32_t is_double, int64_t n_threads, int64_t n_jobs, const lstmkit_direction* jobs);
LSTMKIT_API void lstmkit_backward(int32_t is_double, int64_t n_threads, int64_t n_jobs, const lstmkit_direction* jobs);

// On the calling thread alone. Nothing of the weights is kept.
LSTMKIT_API void lstmkit_step(int32_t is_double, const lstmkit_step_job* job);

LSTMKIT_API void lstmkit_multiply(int32_t is_double, int64_t n_threads, const lstmkit_product* job);

LSTMKIT_API int64_t lstmkit_outer_work(int32_t is_double, int64_t n_threads, int64_t m, int64_t p);
LSTMKIT_API void lstmkit_sum_outer(int32_t is_double, int64_t n_threads, const lstmkit_outer* job);

// Distinct tokens in order of first appearance. `place` holds a number for each token of the vocabulary, all -1 before and
// after. Returns how many there are; -1 where a token is outside 0..vocabulary-1, and `place` is as before then too.
LSTMKIT_API int64_t lstmkit_distinct(const int64_t* tokens, int64_t n, int64_t vocabulary, int32_t* place, int64_t* distinct,
                                     int32_t* rows);

// out[d, :] = sum of the source's rows r with rows[r] == d, in the order of r. `order` holds n numbers, `offsets` n_out + 1.
LSTMKIT_API void lstmkit_sum_rows(int32_t is_double, int64_t n_threads, const void* source, int64_t stride, int64_t width,
                                  const int32_t* rows, int64_t n, int64_t n_out, int32_t* order, int32_t* offsets,
                                  void* out);

// `lstmkit_unpool` divides the mean's gradient in place.
LSTMKIT_API void lstmkit_pool(int32_t is_double, int64_t n_threads, const lstmkit_pooling* job);
LSTMKIT_API void lstmkit_unpool(int32_t is_double, int64_t n_threads, const lstmkit_pooling* job);

LSTMKIT_API void lstmkit_adam(int32_t is_double, int64_t n_threads, const lstmkit_adam_step* job);

// y = sigmoid(x) for op 0, tanh(x) for op 1
LSTMKIT_API void lstmkit_activate(int32_t is_double, int64_t op, int64_t n, const void* x, void* y);

#ifdef __cplusplus
}
#endif
#endif
