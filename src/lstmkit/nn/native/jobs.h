// Plain data that crosses the C interface. Pointers are borrowed for the length of a call; nothing is kept.
#ifndef LSTMKIT_JOBS_H
#define LSTMKIT_JOBS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One direction of one LSTM layer over a ragged batch. Arrays are row-major and of one element type.
//
// Row starts[t] + k is step t of the k-th longest sequence; the sequences running at step t are a prefix of the batch.
// With `reverse`, steps are taken from the last to the first over the same rows, so that sequences join as t falls.
typedef struct {
  int64_t hidden;
  int64_t n_steps;
  int64_t n_sequences;
  int64_t reverse;
  const int64_t* starts;  // (n_steps + 1)
  const void* table;      // (table rows, 4 hidden), the gates' input, biases included
  int64_t table_stride;
  const int32_t* rows;  // (rows) into the table; NULL: row r of the batch reads row r of the table
  const void* weight;   // packed: for forward W_hh transposed, for backward W_hh
  const void* h0;       // (n_sequences, hidden) or NULL for zeros
  const void* c0;
  void* states;  // (rows, hidden), stride states_stride
  int64_t states_stride;
  void* gates;  // (rows, 4 hidden), stride gates_stride: forward leaves activated gates, backward turns them into the
                // gradients of the gates' input. It may be the table, where `rows` is NULL. NULL: nothing is kept
  int64_t gates_stride;
  void* cells;  // (rows, hidden); without gates (n_sequences, hidden), in: c0 or zeros, out: c_n
  const void* grad_states;  // (rows, hidden), stride grad_stride; NULL for zeros
  int64_t grad_stride;
  void* grad_hidden;  // (n_sequences, hidden), in: dLoss/dh_n, out: dLoss/dh_0
  void* grad_cell;    // the same for c
  void* work;         // forward: (n_sequences) rows of work_stride bytes, see lstmkit_work_stride
  int64_t work_stride;
} lstmkit_direction;

// out(n, m) = a(n, k) @ b + bias
typedef struct {
  int64_t n;
  int64_t k;
  int64_t m;
  const void* a;
  int64_t a_stride;
  const void* packed;  // b, packed by lstmkit_pack
  const void* bias;    // (m) or NULL
  void* out;
  int64_t out_stride;
} lstmkit_product;

// out(m, p) = sum over rows r of a[r, :m] outer b[b_rows[r], :p], rows with a negative b_rows[r] left out
typedef struct {
  int64_t n;
  int64_t m;
  int64_t p;
  const void* a;
  int64_t a_stride;
  const void* b;
  int64_t b_stride;
  const int32_t* b_rows;  // NULL: r itself
  void* out;              // (m, p), contiguous
  void* column_sums;      // (m) sums of a over all rows, or NULL
  void* work;             // per task lstmkit_outer_work bytes
} lstmkit_outer;

// One step of one direction for a few sequences.
typedef struct {
  int64_t n;  // sequences
  int64_t features;
  int64_t hidden;
  const void* weight_ih;  // (4 hidden, features), contiguous, as all below
  const void* weight_hh;  // (4 hidden, hidden)
  const void* bias_ih;    // (4 hidden), or NULL together with bias_hh for zeros
  const void* bias_hh;
  const void* inputs;  // (n, features)
  const void* h;       // (n, hidden) or NULL for zeros
  const void* c;
  void* output;  // (n, hidden), stride output_stride: the new h once more
  int64_t output_stride;
  void* h_next;  // (n, hidden)
  void* c_next;
  void* work;  // 4 (n + 1) hidden elements
} lstmkit_step_job;

// Largest value and mean of each sequence's rows, by column; and back. Either may be left out with NULL.
typedef struct {
  int64_t n_steps;
  int64_t n_sequences;
  int64_t width;
  const int64_t* starts;  // (n_steps + 1), rows as for a direction
  void* states;           // (rows, width), stride states_stride; backward writes their gradient here
  int64_t states_stride;
  void* largest;       // (n_sequences, width); backward: its gradient
  int32_t* largest_at; // (n_sequences, width), the row that it is in, the first of equals
  void* mean;          // (n_sequences, width); backward: its gradient
} lstmkit_pooling;

// One step of Adam (Kingma and Ba 2015) over a matrix whose gradient has some rows only; the others have a gradient of zero.
typedef struct {
  int64_t n_rows;
  int64_t width;
  const int32_t* place;  // (n_rows), each row's place among the gradient's rows; -1: it has none
  const void* grad;      // (gradient rows, width)
  void* parameter;       // (n_rows, width)
  void* mean;            // exp_avg
  void* square;          // exp_avg_sq
  uint8_t* live;         // (n_rows), whether a row has ever had a gradient: a row that never had one does not move
  double step_size;      // learning rate / (1 - beta1^t)
  double root;           // sqrt(1 - beta2^t)
  double beta1;
  double beta2;
  double epsilon;
  double l2;     // added to the gradient, times the parameter
  double decay;  // the parameter shrinks by this factor first; 1 for none
} lstmkit_adam_step;

#ifdef __cplusplus
}
#endif
#endif
