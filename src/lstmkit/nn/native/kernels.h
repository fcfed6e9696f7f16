// The table of kernels that each processor's compilation unit fills. Only plain types cross.
#ifndef LSTMKIT_KERNELS_H
#define LSTMKIT_KERNELS_H

#include "jobs.h"

namespace lstmkit {

// Kernels for one element type. None allocates, locks or throws.
struct Kernels {
  int64_t panel;  // columns of a panel of packed weights
  int64_t outer_group;  // rows of `out` that an outer task packs beside each other
  int64_t outer_depth;  // rows of the batch that an outer task packs at once
  int64_t outer_block;  // most rows of `out` that an outer task makes

  // Panels of b(k, m), each k-major: b[kk, mm] = source[kk * k_stride + mm * m_stride]; panel number `p` only.
  void (*pack)(const void* source, int64_t k_stride, int64_t m_stride, int64_t k, int64_t m, void* packed, int64_t p);

  // Sequences begin..end-1 through all steps.
  void (*forward)(const lstmkit_direction* job, int64_t begin, int64_t end);
  void (*backward)(const lstmkit_direction* job, int64_t begin, int64_t end);

  void (*step)(const lstmkit_step_job* job);

  // Rows begin..end-1 of the output.
  void (*product)(const lstmkit_product* job, int64_t begin, int64_t end);
  void (*outer)(const lstmkit_outer* job, int64_t begin, int64_t end, void* work);

  // out[d, :] = sum of source[r, :] over r in order[offsets[d] .. offsets[d + 1]), for d in begin..end-1
  void (*sum_rows)(const void* source, int64_t stride, int64_t width, const int32_t* order, const int32_t* offsets,
                   void* out, int64_t begin, int64_t end);

  // Sequences begin..end-1.
  void (*pool)(const lstmkit_pooling* job, int64_t begin, int64_t end);
  void (*unpool)(const lstmkit_pooling* job, int64_t begin, int64_t end);

  // Rows begin..end-1.
  void (*adam)(const lstmkit_adam_step* job, int64_t begin, int64_t end);

  // op 0: sigmoid, 1: tanh
  void (*activate)(int64_t op, int64_t n, const void* x, void* y);
};

struct KernelSet {
  const char* name;
  Kernels single;
  Kernels twice;
};

}  // namespace lstmkit

#endif
