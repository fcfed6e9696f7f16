// All kernels, for the vector width and register count that the including unit sets:
//   LSTMKIT_VECTOR_BYTES, LSTMKIT_TILE_ROWS, LSTMKIT_TILE_VECTORS, LSTMKIT_UNIT (name of the exported table).
// Everything but that table has internal linkage, and no library header with code in it is included: a linker may keep any one
// copy of an inline function, and it could be the copy that only a newer processor runs.
#include "kernels.h"

#define INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
// Without it GCC keeps arrays of vectors on the stack, which costs a factor of 2.5.
#define UNROLL _Pragma("GCC unroll 64")
#endif

namespace {

constexpr int64_t kRows = LSTMKIT_TILE_ROWS;        // rows of a register tile
constexpr int64_t kVectors = LSTMKIT_TILE_VECTORS;  // vectors a row of it
constexpr int64_t kDepth = 256;                     // terms of a sum taken at once, so that a panel stays in the caches

template <class T>
INLINE T smaller(T a, T b) {
  return a < b ? a : b;
}
template <class T>
INLINE T larger(T a, T b) {
  return a > b ? a : b;
}

template <class T>
struct Lanes;
template <>
struct Lanes<float> {
  typedef float Vector __attribute__((vector_size(LSTMKIT_VECTOR_BYTES)));
  typedef int32_t Integer __attribute__((vector_size(LSTMKIT_VECTOR_BYTES)));
  static constexpr int kMantissa = 23, kBias = 127;
  // 1.5 * 2^23 + kBias: adding it rounds to a whole number, which the low bits then hold beside the bias of the exponent.
  static constexpr float kMagic = 12582912.0f + kBias;
  // ln 2 in two parts, the first with enough trailing zeros that its multiples up to 128 are exact.
  static constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  static constexpr float kTop = 88.3f;       // exp(88.3) is finite
  static constexpr float kBottom = -87.0f;   // exp(-87) is normal
  static constexpr float kTanhEnd = 20.0f;   // 1 - exp(-40) is 1
};
template <>
struct Lanes<double> {
  typedef double Vector __attribute__((vector_size(LSTMKIT_VECTOR_BYTES)));
  typedef int64_t Integer __attribute__((vector_size(LSTMKIT_VECTOR_BYTES)));
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kMagic = 6755399441055744.0 + kBias;  // 1.5 * 2^52
  static constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
  static constexpr double kTop = 709.0, kBottom = -708.0, kTanhEnd = 40.0;
};
template <class T>
using Vector = typename Lanes<T>::Vector;
template <class T>
constexpr int64_t kWidth = LSTMKIT_VECTOR_BYTES / int64_t(sizeof(T));

template <class T>
INLINE Vector<T> load(const T* from) {
  Vector<T> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
template <class T>
INLINE void store(T* to, Vector<T> v) {
  __builtin_memcpy(to, &v, sizeof v);
}
template <class T>
INLINE Vector<T> load_part(const T* from, int64_t n) {
  T whole[kWidth<T>] = {};
  for (int64_t i = 0; i < n; ++i) whole[i] = from[i];
  return load(whole);
}
template <class T>
INLINE void store_part(T* to, Vector<T> v, int64_t n) {
  T whole[kWidth<T>];
  store(whole, v);
  for (int64_t i = 0; i < n; ++i) to[i] = whole[i];
}

// The first n lanes alone where PART, else all.
template <class T, bool PART>
INLINE Vector<T> get(int64_t n, const T* from) {
  return PART ? load_part(from, n) : load(from);
}
template <class T, bool PART>
INLINE void put(int64_t n, T* to, Vector<T> v) {
  PART ? store_part(to, v, n) : store(to, v);
}

// exp(-TIMES * x) = scale * (1 + rest) for kBottom <= -TIMES * x <= kTop, and rest is accurate relative to itself near 0.
//
// n = -TIMES * x / ln 2 rounded, u = x + n * ln 2 / TIMES, so that exp(-TIMES * x) = 2^n * exp(-TIMES * u) with
// |TIMES * u| <= ln 2 / 2. For float expm1(r) = r + r^2 * q(r) with the q of degree 4 that leaves the least error relative to
// expm1 there, 0.22 units in the last place (found by linear programming); for double Taylor's series to degree 13.
template <class T, int TIMES>
INLINE void exp_parts(Vector<T> x, Vector<T>* scale, Vector<T>* rest) {
  using L = Lanes<T>;
  using I = typename L::Integer;
  constexpr T s = -TIMES;
  const Vector<T> shifted = x * (s * T(1.44269504088896340736)) + L::kMagic;  // its low bits hold n + kBias
  const Vector<T> n = shifted - L::kMagic;
  const Vector<T> u = (x + n * (L::kLn2High / TIMES)) + n * (L::kLn2Low / TIMES);
  if constexpr (sizeof(T) == 4) {
    Vector<T> q = u * (s * s * s * s * s * s * T(0.0013882511170145886)) + s * s * s * s * s * T(0.008366544538672862);
    q = q * u + s * s * s * s * T(0.04166720075733396);
    q = q * u + s * s * s * T(0.16666543461645839);
    q = q * u + s * s * T(0.49999998150205643);
    *rest = u * (q * u + s);
  } else {
    const Vector<T> r = u * s;
    Vector<T> q = r * T(1.0 / 6227020800.0) + T(1.0 / 479001600);
    q = q * r + T(1.0 / 39916800);
    q = q * r + T(1.0 / 3628800);
    q = q * r + T(1.0 / 362880);
    q = q * r + T(1.0 / 40320);
    q = q * r + T(1.0 / 5040);
    q = q * r + T(1.0 / 720);
    q = q * r + T(1.0 / 120);
    q = q * r + T(1.0 / 24);
    q = q * r + T(1.0 / 6);
    q = q * r + T(0.5);
    *rest = q * (r * r) + r;
  }
  *scale = (Vector<T>)((I)shifted << L::kMantissa);
}

template <class T>
INLINE Vector<T> sigmoid(Vector<T> x) {
  using L = Lanes<T>;
  Vector<T> scale, rest;
  // A comparison with NaN is false, so NaN passes both.
  x = x < -L::kTop ? Vector<T>{} - L::kTop : x;
  x = x > -L::kBottom ? Vector<T>{} - L::kBottom : x;
  exp_parts<T, 1>(x, &scale, &rest);
  return T(1) / (T(1) + (scale * rest + scale));
}

template <class T>
INLINE Vector<T> tanh(Vector<T> x) {
  using L = Lanes<T>;
  using I = typename L::Integer;
  const I sign = (I)x & (I)(-(Vector<T>{}));
  Vector<T> magnitude = (Vector<T>)((I)x ^ sign), scale, rest;
  magnitude = magnitude > L::kTanhEnd ? Vector<T>{} + L::kTanhEnd : magnitude;
  exp_parts<T, 2>(magnitude, &scale, &rest);
  // tanh |x| = (1 - e) / (1 + e) for e = exp(-2|x|), written with 1 - e, which is exact to the last places near 0.
  const Vector<T> more = (T(1) - scale) - scale * rest;
  return (Vector<T>)((I)(more / (T(2) - more)) | sign);
}

// c(rows, vectors) = start + a(rows, k) @ b(k, vectors), b packed. Each sum is taken in the order of k, so that a row's result
// does not depend on the rows beside it.
template <class T, int ROWS, int VECTORS>
void tile(int64_t k, const T* a, int64_t a_stride, const T* b, const T* const* start, int64_t start_column, T* c,
          int64_t c_stride) {
  Vector<T> sum[ROWS][VECTORS];
  if (start) {
    UNROLL for (int r = 0; r < ROWS; ++r) {
      UNROLL for (int v = 0; v < VECTORS; ++v) sum[r][v] = load(start[r] + start_column + v * kWidth<T>);
    }
  } else {
    UNROLL for (int r = 0; r < ROWS; ++r) {
      UNROLL for (int v = 0; v < VECTORS; ++v) sum[r][v] = load(c + r * c_stride + v * kWidth<T>);
    }
  }
  for (int64_t i = 0; i < k; ++i) {
    Vector<T> w[VECTORS];
    UNROLL for (int v = 0; v < VECTORS; ++v) w[v] = load(b + v * kWidth<T>);
    b += VECTORS * kWidth<T>;
    UNROLL for (int r = 0; r < ROWS; ++r) {
      Vector<T> x = a[r * a_stride + i] - Vector<T>{};
      UNROLL for (int v = 0; v < VECTORS; ++v) sum[r][v] += x * w[v];
    }
  }
  UNROLL for (int r = 0; r < ROWS; ++r) {
    UNROLL for (int v = 0; v < VECTORS; ++v) store(c + r * c_stride + v * kWidth<T>, sum[r][v]);
  }
}

// Rows of a that the outer product packs beside each other: whole vectors, where a tile's rows are but a part of one.
template <class T>
constexpr int64_t kGroup = kWidth<T> > kRows && kWidth<T> % kRows == 0 ? kWidth<T> : kRows;

// The same with a laid out k-major, a[i * kGroup + r], as the outer product packs it.
template <class T, int ROWS, int VECTORS>
void tile_packed(int64_t k, const T* a, const T* b, T* c, int64_t c_stride) {
  Vector<T> sum[ROWS][VECTORS];
  UNROLL for (int r = 0; r < ROWS; ++r) {
    UNROLL for (int v = 0; v < VECTORS; ++v) sum[r][v] = load(c + r * c_stride + v * kWidth<T>);
  }
  for (int64_t i = 0; i < k; ++i) {
    Vector<T> w[VECTORS];
    UNROLL for (int v = 0; v < VECTORS; ++v) w[v] = load(b + v * kWidth<T>);
    b += VECTORS * kWidth<T>;
    UNROLL for (int r = 0; r < ROWS; ++r) {
      Vector<T> x = a[r] - Vector<T>{};
      UNROLL for (int v = 0; v < VECTORS; ++v) sum[r][v] += x * w[v];
    }
    a += kGroup<T>;
  }
  UNROLL for (int r = 0; r < ROWS; ++r) {
    UNROLL for (int v = 0; v < VECTORS; ++v) store(c + r * c_stride + v * kWidth<T>, sum[r][v]);
  }
}

template <class T>
using Tile = void (*)(int64_t, const T*, int64_t, const T*, const T* const*, int64_t, T*, int64_t);
template <class T>
using PackedTile = void (*)(int64_t, const T*, const T*, T*, int64_t);

// tiles<T>[rows - 1][vectors - 1]
template <class T, int ROWS>
struct TileRow {
  static constexpr Tile<T> choose(int64_t vectors) {
    return vectors == 1 ? tile<T, ROWS, 1> : vectors == 2 ? tile<T, ROWS, 2>
#if LSTMKIT_TILE_VECTORS > 2
           : vectors == 3 ? tile<T, ROWS, 3>
#endif
#if LSTMKIT_TILE_VECTORS > 3
           : vectors == 4 ? tile<T, ROWS, 4>
#endif
                          : nullptr;
  }
};
template <class T>
INLINE Tile<T> tile_for(int64_t rows, int64_t vectors) {
  switch (rows) {
    case 1: return TileRow<T, 1>::choose(vectors);
    case 2: return TileRow<T, 2>::choose(vectors);
    case 3: return TileRow<T, 3>::choose(vectors);
    case 4: return TileRow<T, 4>::choose(vectors);
#if LSTMKIT_TILE_ROWS > 4
    case 5: return TileRow<T, 5>::choose(vectors);
    case 6: return TileRow<T, 6>::choose(vectors);
#endif
#if LSTMKIT_TILE_ROWS > 6
    case 7: return TileRow<T, 7>::choose(vectors);
    case 8: return TileRow<T, 8>::choose(vectors);
#endif
    default: return nullptr;
  }
}
template <class T>
INLINE PackedTile<T> packed_tile_for(int64_t vectors) {
  switch (vectors) {
    case 1: return tile_packed<T, kRows, 1>;
    case 2: return tile_packed<T, kRows, 2>;
#if LSTMKIT_TILE_VECTORS > 2
    case 3: return tile_packed<T, kRows, 3>;
#endif
#if LSTMKIT_TILE_VECTORS > 3
    case 4: return tile_packed<T, kRows, 4>;
#endif
    default: return nullptr;
  }
}

template <class T>
constexpr int64_t kPanel = kVectors * kWidth<T>;

constexpr INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Width of the panel that begins at `column`: a whole one, or as many vectors as still needed.
template <class T>
INLINE int64_t panel_width(int64_t column, int64_t m) {
  return smaller(kPanel<T>, ceil_div(m - column, kWidth<T>) * kWidth<T>);
}

// c(n, m) = start + a(n, k) @ packed. Rows of `start` are pointers; NULL for zeros.
template <class T>
void multiply(int64_t n, const T* a, int64_t a_stride, int64_t k, const T* packed, int64_t m, const T* const* start, T* c,
              int64_t c_stride) {
  if (n <= 0) return;
  const int64_t n_blocks = ceil_div(n, kRows);
  T edge[kRows * kPanel<T>];
  const T* edge_rows[kRows];
  T zeros[kPanel<T>] = {};
  const T* zero_rows[kRows];
  for (int64_t r = 0; r < kRows; ++r) {
    zero_rows[r] = zeros;
    edge_rows[r] = edge + r * kPanel<T>;
  }
  for (int64_t column = 0; column < m; column += kPanel<T>) {
    const int64_t width = panel_width<T>(column, m), vectors = width / kWidth<T>, valid = smaller(width, m - column);
    const T* panel = packed + column * k;
    for (int64_t depth = 0; depth < k; depth += kDepth) {
      const int64_t terms = smaller(kDepth, k - depth);
      for (int64_t block = 0; block < n_blocks; ++block) {
        const int64_t row = n * block / n_blocks, rows = n * (block + 1) / n_blocks - row;
        const Tile<T> compute = tile_for<T>(rows, vectors);
        const T* from = a + row * a_stride + depth;
        const T* weights = panel + depth * width;
        T* to = c + row * c_stride + column;
        const bool first = depth == 0;
        if (valid == width) {
          if (!first) {
            compute(terms, from, a_stride, weights, nullptr, 0, to, c_stride);
          } else if (start) {
            compute(terms, from, a_stride, weights, start + row, column, to, c_stride);
          } else {
            compute(terms, from, a_stride, weights, zero_rows, 0, to, c_stride);
          }
          continue;
        }
        // The last columns: computed aside, for neither `start` nor `c` may be touched beyond its end.
        for (int64_t r = 0; r < rows; ++r) {
          const T* begin = !first ? to + r * c_stride : start ? start[row + r] + column : zeros;
          for (int64_t j = 0; j < valid; ++j) edge[r * kPanel<T> + j] = begin[j];
          for (int64_t j = valid; j < width; ++j) edge[r * kPanel<T> + j] = 0;
        }
        compute(terms, from, a_stride, weights, edge_rows, 0, edge, kPanel<T>);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t j = 0; j < valid; ++j) to[r * c_stride + j] = edge[r * kPanel<T> + j];
        }
      }
    }
  }
}

template <int... LANES>
struct Sequence {};
template <int N, int... LANES>
struct Count : Count<N - 1, N - 1, LANES...> {};
template <int... LANES>
struct Count<0, LANES...> {
  using Lanes = Sequence<LANES...>;
};

// One step of turning a square of vectors: blocks of SIZE lanes that stand across the diagonal change places.
template <class T, int SIZE, int... LANES>
INLINE void exchange(Vector<T>* upper, Vector<T>* lower, Sequence<LANES...>) {
  constexpr int n = int(kWidth<T>);
  const Vector<T> a = *upper, b = *lower;
#if defined(__clang__)
  *upper = __builtin_shufflevector(a, b, ((LANES & SIZE) ? n + LANES - SIZE : LANES)...);
  *lower = __builtin_shufflevector(a, b, ((LANES & SIZE) ? n + LANES : LANES + SIZE)...);
#else
  using I = typename Lanes<T>::Integer;
  *upper = __builtin_shuffle(a, b, (I){((LANES & SIZE) ? n + LANES - SIZE : LANES)...});
  *lower = __builtin_shuffle(a, b, (I){((LANES & SIZE) ? n + LANES : LANES + SIZE)...});
#endif
}

// Row r, lane l of the square becomes row l, lane r.
template <class T, int SIZE = int(kWidth<T>) / 2>
INLINE void turn(Vector<T>* square) {
  UNROLL for (int r = 0; r < int(kWidth<T>); ++r) {
    if (!(r & SIZE)) exchange<T, SIZE>(square + r, square + r + SIZE, typename Count<int(kWidth<T>)>::Lanes());
  }
  if constexpr (SIZE > 1) turn<T, SIZE / 2>(square);
}

// A panel of `width` columns, `valid` of which there are, k-major: to[i * width + j] = from[i * k_stride + j * m_stride].
template <class T>
void pack_panel(const T* from, int64_t k_stride, int64_t m_stride, int64_t k, int64_t width, int64_t valid, T* to) {
  constexpr int64_t kBlock = 16;  // a line of the cache
  int64_t i = 0;
  if (k_stride == 1 && valid == width) {  // rows that lie across the panel are turned by squares
    for (; i + kWidth<T> <= k; i += kWidth<T>) {
      for (int64_t j = 0; j < width; j += kWidth<T>) {
        Vector<T> square[kWidth<T>];
        UNROLL for (int64_t r = 0; r < kWidth<T>; ++r) square[r] = load(from + (j + r) * m_stride + i);
        turn<T>(square);
        UNROLL for (int64_t r = 0; r < kWidth<T>; ++r) store(to + (i + r) * width + j, square[r]);
      }
    }
  }
  for (; i < k; i += kBlock) {
    const int64_t terms = smaller(kBlock, k - i);
    for (int64_t j = 0; j < valid; ++j) {
      for (int64_t t = 0; t < terms; ++t) to[(i + t) * width + j] = from[(i + t) * k_stride + j * m_stride];
    }
    for (int64_t j = valid; j < width; ++j) {
      for (int64_t t = 0; t < terms; ++t) to[(i + t) * width + j] = 0;
    }
  }
}

template <class T>
void pack(const void* source, int64_t k_stride, int64_t m_stride, int64_t k, int64_t m, void* packed, int64_t p) {
  const int64_t column = p * kPanel<T>, width = panel_width<T>(column, m), valid = smaller(width, m - column);
  pack_panel(static_cast<const T*>(source) + column * m_stride, k_stride, m_stride, k, width, valid,
             static_cast<T*>(packed) + column * k);
}

// One row's gates, cell and state from its gates' input (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000).
template <class T, bool PART>
INLINE void cell_forward(int64_t hidden, int64_t u, int64_t n, const T* input, T* gates, const T* cell_before, T* cell,
                         T* state) {
  const Vector<T> i = sigmoid<T>(get<T, PART>(n, input + u)), f = sigmoid<T>(get<T, PART>(n, input + hidden + u)),
                  g = tanh<T>(get<T, PART>(n, input + 2 * hidden + u)), o = sigmoid<T>(get<T, PART>(n, input + 3 * hidden + u));
  Vector<T> c = i * g;
  c += f * (cell_before ? get<T, PART>(n, cell_before + u) : Vector<T>{});  // NaN times 0 is NaN
  put<T, PART>(n, cell + u, c);
  put<T, PART>(n, state + u, o * tanh<T>(c));
  if (gates) {
    put<T, PART>(n, gates + u, i);
    put<T, PART>(n, gates + hidden + u, f);
    put<T, PART>(n, gates + 2 * hidden + u, g);
    put<T, PART>(n, gates + 3 * hidden + u, o);
  }
}

template <class T, bool PART>
INLINE void cell_backward(int64_t hidden, int64_t u, int64_t n, T* gates, const T* cell_before, const T* state,
                          const T* grad_state, const T* grad_hidden, T* grad_cell) {
  const Vector<T> i = get<T, PART>(n, gates + u), f = get<T, PART>(n, gates + hidden + u), g = get<T, PART>(n, gates + 2 * hidden + u),
                  o = get<T, PART>(n, gates + 3 * hidden + u);
  // h = o * tanh(c), so that tanh(c) need not be found again. o is 0 only where denormals are flushed; h is 0 there too.
  const Vector<T> h = get<T, PART>(n, state + u), divisor = o < T(1e-37) ? Vector<T>{} + T(1e-37) : o;
  Vector<T> dh = get<T, PART>(n, grad_hidden + u);
  if (grad_state) dh += get<T, PART>(n, grad_state + u);
  const Vector<T> dc = get<T, PART>(n, grad_cell + u) + dh * (o - h * (h / divisor));
  put<T, PART>(n, gates + u, dc * g * i * (T(1) - i));
  put<T, PART>(n, gates + hidden + u, dc * (cell_before ? get<T, PART>(n, cell_before + u) : Vector<T>{}) * f * (T(1) - f));
  put<T, PART>(n, gates + 2 * hidden + u, dc * i * (T(1) - g * g));
  put<T, PART>(n, gates + 3 * hidden + u, dh * h * (T(1) - o));
  put<T, PART>(n, grad_cell + u, dc * f);
}

// How a step is reached: sequences begin..end-1 of the chunk that run at step t, and those of them that ran before.
struct Step {
  int64_t row;        // row of the chunk's first sequence
  int64_t row_before; // the same at the step before, in the direction of reading
  int64_t active;
  int64_t continuing; // the first of the active ones, whose state of before is in the rows of row_before
};

INLINE Step step_at(const lstmkit_direction* job, int64_t place, int64_t begin, int64_t end) {
  const int64_t t = job->reverse ? job->n_steps - 1 - place : place, before = job->reverse ? t + 1 : t - 1;
  const int64_t size = job->starts[t + 1] - job->starts[t];
  Step step;
  step.row = job->starts[t] + begin;
  step.active = larger<int64_t>(smaller(size, end) - begin, 0);
  step.row_before = 0;
  step.continuing = 0;
  if (place > 0) {
    const int64_t size_before = job->starts[before + 1] - job->starts[before];
    step.row_before = job->starts[before] + begin;
    step.continuing = larger<int64_t>(smaller(smaller(size, size_before), end) - begin, 0);
  }
  return step;
}

template <class T>
void forward(const lstmkit_direction* job, int64_t begin, int64_t end) {
  const int64_t hidden = job->hidden, width = 4 * hidden;
  const T* table = static_cast<const T*>(job->table);
  const T* weight = static_cast<const T*>(job->weight);
  T* states = static_cast<T*>(job->states);
  const int64_t stride = job->states_stride;
  char* work = static_cast<char*>(job->work) + begin * job->work_stride;
  const T** input = reinterpret_cast<const T**>(work);  // a pointer for each sequence of the chunk
  T* scratch = reinterpret_cast<T*>(work + ceil_div((end - begin) * int64_t(sizeof(T*)), 64) * 64);
  const int64_t whole = hidden / kWidth<T> * kWidth<T>;
  for (int64_t place = 0; place < job->n_steps; ++place) {
    const Step step = step_at(job, place, begin, end);
    if (step.active == 0) {
      if (!job->reverse) break;
      continue;
    }
    for (int64_t r = 0; r < step.active; ++r) {
      const int64_t row = step.row + r;
      input[r] = table + (job->rows ? job->rows[row] : row) * job->table_stride;
    }
    const int64_t apart = job->gates ? job->gates_stride : width;
    T* gates = job->gates ? static_cast<T*>(job->gates) + step.row * apart : scratch;
    multiply<T>(step.continuing, states + step.row_before * stride, stride, hidden, weight, width, input, gates, apart);
    int64_t summed = step.continuing;
    if (job->h0) {
      multiply<T>(step.active - step.continuing, static_cast<const T*>(job->h0) + (begin + step.continuing) * hidden, hidden,
                  hidden, weight, width, input + step.continuing, gates + step.continuing * apart, apart);
      summed = step.active;
    }
    const Step next = place + 1 < job->n_steps ? step_at(job, place + 1, begin, end) : Step{0, 0, 0, 0};
    for (int64_t r = 0; r < step.active; ++r) {
      if (job->rows && r < next.active) {  // rows of the table lie anywhere; ask for those of the next step early
        const char* ahead = reinterpret_cast<const char*>(table + job->rows[next.row + r] * job->table_stride);
        for (int64_t line = 0; line < width * int64_t(sizeof(T)); line += 64) __builtin_prefetch(ahead + line, 0, 2);
      }
      const T* in = r < summed ? gates + r * apart : input[r];
      T* kept = job->gates ? gates + r * apart : nullptr;
      const T* cell_before;
      T* cell;
      if (job->gates) {
        T* cells = static_cast<T*>(job->cells);
        cell = cells + (step.row + r) * hidden;
        cell_before = r < step.continuing ? cells + (step.row_before + r) * hidden
                      : job->c0           ? static_cast<const T*>(job->c0) + (begin + r) * hidden
                                          : nullptr;
      } else {
        cell = static_cast<T*>(job->cells) + (begin + r) * hidden;
        cell_before = cell;
      }
      T* state = states + (step.row + r) * stride;
      for (int64_t u = 0; u < whole; u += kWidth<T>) {
        cell_forward<T, false>(hidden, u, 0, in, kept, cell_before, cell, state);
      }
      if (whole < hidden) cell_forward<T, true>(hidden, whole, hidden - whole, in, kept, cell_before, cell, state);
    }
  }
}

// Partial sums of ROWS x COLUMNS scalar products, one a lane: term i goes to lane i % kWidth, whatever the tile.
template <class T, int ROWS, int COLUMNS>
INLINE void add_terms(int64_t k, const T* a, const T* w, Vector<T> (*sum)[COLUMNS]) {
  const int64_t whole = k / kWidth<T> * kWidth<T>;
  for (int64_t i = 0; i < whole; i += kWidth<T>) {
    Vector<T> x[ROWS];
    UNROLL for (int r = 0; r < ROWS; ++r) x[r] = load(a + r * k + i);
    UNROLL for (int c = 0; c < COLUMNS; ++c) {
      const Vector<T> v = load(w + c * k + i);
      UNROLL for (int r = 0; r < ROWS; ++r) sum[r][c] += x[r] * v;
    }
  }
  if (whole < k) {
    Vector<T> x[ROWS];
    UNROLL for (int r = 0; r < ROWS; ++r) x[r] = load_part(a + r * k + whole, k - whole);
    UNROLL for (int c = 0; c < COLUMNS; ++c) {
      const Vector<T> v = load_part(w + c * k + whole, k - whole);
      UNROLL for (int r = 0; r < ROWS; ++r) sum[r][c] += x[r] * v;
    }
  }
}

constexpr int64_t kOutputs = 16;  // whose weights wait in the nearest cache for the next rows
template <class T>
constexpr int kTogether = kWidth<T> < 4 ? int(kWidth<T>) : 4;  // sums that are made of lanes at once; gates are 4 times the units

// Of kTogether vectors the first: its lane l holds part l / kTogether of the sum of vector l % kTogether's lanes.
template <class T, int SIZE = kTogether<T> / 2>
INLINE void gather_lanes(Vector<T>* sums) {
  UNROLL for (int r = 0; r < SIZE; ++r) {
    exchange<T, SIZE>(sums + r, sums + r + SIZE, typename Count<int(kWidth<T>)>::Lanes());
    sums[r] += sums[r + SIZE];
  }
  if constexpr (SIZE > 1) gather_lanes<T, SIZE / 2>(sums);
}

// The gates' input of rows row..row+ROWS-1 and outputs column..column+COLUMNS-1. `bias` is of all outputs.
template <class T, int ROWS, int COLUMNS>
void gate_inputs(const lstmkit_step_job* job, int64_t row, int64_t column, const T* bias, T* gates) {
  constexpr int n = kTogether<T>;
  const int64_t features = job->features, hidden = job->hidden;
  Vector<T> sum[ROWS][COLUMNS] = {};
  add_terms<T, ROWS, COLUMNS>(features, static_cast<const T*>(job->inputs) + row * features,
                              static_cast<const T*>(job->weight_ih) + column * features, sum);
  if (job->h) {
    add_terms<T, ROWS, COLUMNS>(hidden, static_cast<const T*>(job->h) + row * hidden,
                                static_cast<const T*>(job->weight_hh) + column * hidden, sum);
  }
  UNROLL for (int r = 0; r < ROWS; ++r) {
    UNROLL for (int c = 0; c < COLUMNS; c += n) {
      gather_lanes<T>(sum[r] + c);
      T parts[kWidth<T>];
      store(parts, sum[r][c]);
      T* to = gates + (row + r) * 4 * hidden + column + c;
      UNROLL for (int j = 0; j < n; ++j) {
        T total = parts[j];
        UNROLL for (int64_t part = n; part < kWidth<T>; part += n) total += parts[part + j];
        to[j] = total + bias[column + c + j];
      }
    }
  }
}

template <class T, int ROWS, int COLUMNS>
INLINE void gate_inputs_of(const lstmkit_step_job* job, int64_t row, int64_t begin, int64_t end, const T* bias, T* gates) {
  for (; begin + COLUMNS <= end; begin += COLUMNS) gate_inputs<T, ROWS, COLUMNS>(job, row, begin, bias, gates);
  for (; begin < end; begin += 4) gate_inputs<T, ROWS, 4>(job, row, begin, bias, gates);
}

template <class T>
void step(const lstmkit_step_job* job) {
  const int64_t n = job->n, hidden = job->hidden, width = 4 * hidden;
  const int64_t whole = hidden / kWidth<T> * kWidth<T>;
  T* bias = static_cast<T*>(job->work);
  T* gates = bias + width;
  for (int64_t j = 0; j < width; ++j) {
    bias[j] = job->bias_ih ? static_cast<const T*>(job->bias_ih)[j] + static_cast<const T*>(job->bias_hh)[j] : T(0);
  }
  // Weights are read as they lie, row by row: packing them for one step would take longer than the step.
  for (int64_t column = 0; column < width; column += kOutputs) {
    const int64_t end = smaller(column + kOutputs, width);
    int64_t row = 0;
    for (; row + 3 <= n; row += 3) gate_inputs_of<T, 3, 4>(job, row, column, end, bias, gates);
    for (; row + 2 <= n; row += 2) gate_inputs_of<T, 2, 4>(job, row, column, end, bias, gates);
    for (; row < n; ++row) gate_inputs_of<T, 1, 8>(job, row, column, end, bias, gates);
  }
  for (int64_t r = 0; r < n; ++r) {
    const T* in = gates + r * 4 * hidden;
    const T* cell_before = job->c ? static_cast<const T*>(job->c) + r * hidden : nullptr;
    T* cell = static_cast<T*>(job->c_next) + r * hidden;
    T* state = static_cast<T*>(job->h_next) + r * hidden;
    for (int64_t u = 0; u < whole; u += kWidth<T>) {
      cell_forward<T, false>(hidden, u, 0, in, nullptr, cell_before, cell, state);
    }
    if (whole < hidden) cell_forward<T, true>(hidden, whole, hidden - whole, in, nullptr, cell_before, cell, state);
    __builtin_memcpy(static_cast<T*>(job->output) + r * job->output_stride, state, size_t(hidden) * sizeof(T));
  }
}

template <class T>
void backward(const lstmkit_direction* job, int64_t begin, int64_t end) {
  const int64_t hidden = job->hidden, width = 4 * hidden;
  const T* weight = static_cast<const T*>(job->weight);
  const T* cells = static_cast<const T*>(job->cells);
  const T* states = static_cast<const T*>(job->states);
  const T* grad_states = static_cast<const T*>(job->grad_states);
  T* grad_hidden = static_cast<T*>(job->grad_hidden) + begin * hidden;
  T* grad_cell = static_cast<T*>(job->grad_cell) + begin * hidden;
  const int64_t whole = hidden / kWidth<T> * kWidth<T>;
  for (int64_t place = job->n_steps - 1; place >= 0; --place) {
    const Step step = step_at(job, place, begin, end);
    if (step.active == 0) {
      if (job->reverse) break;
      continue;
    }
    T* gates = static_cast<T*>(job->gates) + step.row * job->gates_stride;
    for (int64_t r = 0; r < step.active; ++r) {
      const T* state = states + (step.row + r) * job->states_stride;
      const T* cell_before = r < step.continuing ? cells + (step.row_before + r) * hidden
                             : job->c0           ? static_cast<const T*>(job->c0) + (begin + r) * hidden
                                                 : nullptr;
      const T* grad = grad_states ? grad_states + (step.row + r) * job->grad_stride : nullptr;
      for (int64_t u = 0; u < whole; u += kWidth<T>) {
        cell_backward<T, false>(hidden, u, 0, gates + r * job->gates_stride, cell_before, state, grad, grad_hidden + r * hidden,
                                grad_cell + r * hidden);
      }
      if (whole < hidden) {
        cell_backward<T, true>(hidden, whole, hidden - whole, gates + r * job->gates_stride, cell_before, state, grad,
                               grad_hidden + r * hidden, grad_cell + r * hidden);
      }
    }
    // Of sequences that begin here, the gradient of h_0 is wanted only where there is one.
    const int64_t n = job->h0 ? step.active : step.continuing;
    multiply<T>(n, gates, job->gates_stride, width, weight, hidden, nullptr, grad_hidden, hidden);
  }
}

template <class T>
void product(const lstmkit_product* job, int64_t begin, int64_t end) {
  constexpr int64_t kBlock = 48;
  const T* bias_rows[kBlock];
  for (int64_t r = 0; r < kBlock; ++r) bias_rows[r] = static_cast<const T*>(job->bias);
  for (int64_t row = begin; row < end; row += kBlock) {
    multiply<T>(smaller(kBlock, end - row), static_cast<const T*>(job->a) + row * job->a_stride, job->a_stride, job->k,
                static_cast<const T*>(job->packed), job->m, job->bias ? bias_rows : nullptr,
                static_cast<T*>(job->out) + row * job->out_stride, job->out_stride);
  }
}

constexpr int64_t kOuterDepth = 192;  // rows of the batch packed at once

template <class T>
constexpr int64_t kOuterBlock = ceil_div(256, kGroup<T>) * kGroup<T>;

// sums[0..GROUPS * kGroup) += the sums over depth of as many groups that lie beside each other: several, since the additions
// of one wait for each other.
template <class T, int GROUPS>
INLINE void sum_groups(int64_t depth, const T* groups, T* sums) {
  T sum[GROUPS][kGroup<T>] = {};
  for (int64_t d = 0; d < depth; ++d) {
    UNROLL for (int g = 0; g < GROUPS; ++g) {
      const T* from = groups + g * kGroup<T> * kOuterDepth + d * kGroup<T>;
      UNROLL for (int64_t r = 0; r < kGroup<T>; ++r) sum[g][r] += from[r];
    }
  }
  for (int g = 0; g < GROUPS; ++g) {
    for (int64_t r = 0; r < kGroup<T>; ++r) sums[g * kGroup<T> + r] += sum[g][r];
  }
}

// Rows begin..end-1 of the sum of outer products. `work` holds kOuterDepth rows of a's block and of b, and a tile.
template <class T>
void outer(const lstmkit_outer* job, int64_t begin, int64_t end, void* work) {
  const int64_t m = end - begin, padded_m = ceil_div(m, kGroup<T>) * kGroup<T>, p = job->p;
  const int64_t padded_p = ceil_div(p, kWidth<T>) * kWidth<T>;
  T* left = static_cast<T*>(work);
  T* right = left + kOuterDepth * padded_m;
  T* sums = right + kOuterDepth * padded_p;  // (padded_m, padded_p)
  T* columns = sums + padded_m * padded_p;   // (padded_m)
  T* partial = columns + padded_m;           // (padded_m), of one block, so that long sums lose few digits
  for (int64_t i = 0; i < padded_m * padded_p + padded_m; ++i) sums[i] = 0;
  const T* a = static_cast<const T*>(job->a);
  const T* b = static_cast<const T*>(job->b);
  for (int64_t first = 0; first < job->n;) {
    int64_t depth = 0;
    for (int64_t i = 0; job->column_sums && i < padded_m; ++i) partial[i] = 0;
    for (; first < job->n && depth < kOuterDepth; ++first) {
      const T* row = a + first * job->a_stride + begin;
      const int64_t other = job->b_rows ? job->b_rows[first] : first;
      if (other < 0) {
        for (int64_t i = 0; job->column_sums && i < m; ++i) partial[i] += row[i];
        continue;
      }
      int64_t i = 0;
      for (; i + kGroup<T> <= m; i += kGroup<T>) {
        T* to = left + i * kOuterDepth + depth * kGroup<T>;
        UNROLL for (int64_t r = 0; r < kGroup<T>; ++r) to[r] = row[i + r];
      }
      if (i < m) {
        T* to = left + i * kOuterDepth + depth * kGroup<T>;
        for (int64_t r = 0; r < kGroup<T>; ++r) to[r] = i + r < m ? row[i + r] : 0;
      }
      const T* beside = b + other * job->b_stride;
      for (int64_t column = 0; column < p; column += kPanel<T>) {
        const int64_t wide = panel_width<T>(column, p), valid = smaller(wide, p - column);
        T* to = right + column * kOuterDepth + depth * wide;
        int64_t j = 0;
        for (; j + kWidth<T> <= valid; j += kWidth<T>) store(to + j, load(beside + column + j));
        for (; j < wide; ++j) to[j] = j < valid ? beside[column + j] : 0;
      }
      ++depth;
    }
    if (job->column_sums) {
      int64_t i = 0;
      for (; i + 4 * kGroup<T> <= padded_m; i += 4 * kGroup<T>) sum_groups<T, 4>(depth, left + i * kOuterDepth, partial + i);
      for (; i < padded_m; i += kGroup<T>) sum_groups<T, 1>(depth, left + i * kOuterDepth, partial + i);
      for (i = 0; i < padded_m; ++i) columns[i] += partial[i];
    }
    // While this block is multiplied, the rows of the next one are on their way.
    const int64_t n_tiles = ceil_div(m, kRows) * ceil_div(p, kPanel<T>), n_next = smaller(kOuterDepth, job->n - first);
    int64_t number = 0;
    for (int64_t column = 0; column < p; column += kPanel<T>) {
      const int64_t wide = panel_width<T>(column, p);
      const PackedTile<T> compute = packed_tile_for<T>(wide / kWidth<T>);
      for (int64_t i = 0; i < m; i += kRows, ++number) {
        for (int64_t ahead = n_next * number / n_tiles; ahead < n_next * (number + 1) / n_tiles; ++ahead) {
          const char* next = reinterpret_cast<const char*>(a + (first + ahead) * job->a_stride + begin);
          for (int64_t line = 0; line < m * int64_t(sizeof(T)); line += 64) __builtin_prefetch(next + line, 0, 2);
        }
        compute(depth, left + i / kGroup<T> * kGroup<T> * kOuterDepth + i % kGroup<T>, right + column * kOuterDepth, sums + i * padded_p + column, padded_p);
      }
    }
  }
  T* out = static_cast<T*>(job->out) + begin * p;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < p; ++j) out[i * p + j] = sums[i * padded_p + j];
  }
  if (job->column_sums) {
    for (int64_t i = 0; i < m; ++i) static_cast<T*>(job->column_sums)[begin + i] = columns[i];
  }
}

template <class T>
void sum_rows(const void* source, int64_t stride, int64_t width, const int32_t* order, const int32_t* offsets, void* out,
              int64_t begin, int64_t end) {
  const T* from = static_cast<const T*>(source);
  for (int64_t d = begin; d < end; ++d) {
    T* to = static_cast<T*>(out) + d * width;
    const int32_t first = offsets[d], last = offsets[d + 1];
    if (first == last) {
      for (int64_t j = 0; j < width; ++j) to[j] = 0;
      continue;
    }
    for (int64_t j = 0; j < width; ++j) to[j] = from[order[first] * stride + j];
    for (int32_t place = first + 1; place < last; ++place) {
      const T* row = from + order[place] * stride;
      for (int64_t j = 0; j < width; ++j) to[j] += row[j];
    }
  }
}

template <class T>
void pool(const lstmkit_pooling* job, int64_t begin, int64_t end) {
  const int64_t width = job->width;
  for (int64_t t = 0; t < job->n_steps; ++t) {
    const int64_t size = job->starts[t + 1] - job->starts[t];
    for (int64_t k = begin; k < smaller(size, end); ++k) {
      const int64_t row = job->starts[t] + k;
      const T* values = static_cast<const T*>(job->states) + row * job->states_stride;
      if (job->largest) {
        T* largest = static_cast<T*>(job->largest) + k * width;
        int32_t* at = job->largest_at + k * width;
        for (int64_t j = 0; j < width; ++j) {
          const T value = values[j], before = largest[j];
          const bool takes = t == 0 || value > before || value != value;  // NaN stays
          largest[j] = takes ? value : before;
          at[j] = takes ? int32_t(row) : at[j];
        }
      }
      if (job->mean) {
        T* mean = static_cast<T*>(job->mean) + k * width;
        if (t == 0) {
          for (int64_t j = 0; j < width; ++j) mean[j] = values[j];
        } else {
          for (int64_t j = 0; j < width; ++j) mean[j] += values[j];
        }
        const bool last = t + 1 == job->n_steps || job->starts[t + 2] - job->starts[t + 1] <= k;
        if (last) {
          for (int64_t j = 0; j < width; ++j) mean[j] /= T(t + 1);
        }
      }
    }
  }
}

template <class T>
void unpool(const lstmkit_pooling* job, int64_t begin, int64_t end) {
  const int64_t width = job->width;
  for (int64_t k = begin; job->mean && k < end; ++k) {  // what each row of the sequence gets of its mean's gradient
    int64_t length = 0;
    while (length < job->n_steps && job->starts[length + 1] - job->starts[length] > k) ++length;
    T* mean = static_cast<T*>(job->mean) + k * width;
    for (int64_t j = 0; j < width; ++j) mean[j] /= T(length);
  }
  for (int64_t t = 0; t < job->n_steps; ++t) {
    const int64_t size = job->starts[t + 1] - job->starts[t];
    for (int64_t k = begin; k < smaller(size, end); ++k) {
      const int64_t row = job->starts[t] + k;
      T* grad = static_cast<T*>(job->states) + row * job->states_stride;
      const T* largest = static_cast<const T*>(job->largest) + k * width;
      const T* mean = static_cast<const T*>(job->mean) + k * width;
      const int32_t* at = job->largest_at + k * width;
      if (job->largest && job->mean) {
        for (int64_t j = 0; j < width; ++j) grad[j] = mean[j] + (at[j] == row ? largest[j] : T(0));
      } else if (job->largest) {
        for (int64_t j = 0; j < width; ++j) grad[j] = at[j] == row ? largest[j] : T(0);
      } else {
        for (int64_t j = 0; j < width; ++j) grad[j] = mean[j];
      }
    }
  }
}

INLINE float root(float x) { return __builtin_sqrtf(x); }
INLINE double root(double x) { return __builtin_sqrt(x); }

// One row; with no gradient its moments fade and it goes on moving.
template <class T, bool GRAD>
INLINE void adam_row(const lstmkit_adam_step* job, const T* __restrict grad, T* __restrict parameter, T* __restrict mean,
                     T* __restrict square) {
  const T rest1 = T(1 - job->beta1), beta2 = T(job->beta2), rest2 = T(1 - job->beta2), l2 = T(job->l2);
  const T decay = T(job->decay), step_size = T(job->step_size), correction = T(job->root), epsilon = T(job->epsilon);
  for (int64_t j = 0; j < job->width; ++j) {
    const T value = parameter[j] * decay, g = (GRAD ? grad[j] : T(0)) + l2 * value;
    const T m = mean[j] + (g - mean[j]) * rest1, v = square[j] * beta2 + g * g * rest2;
    mean[j] = m;
    square[j] = v;
    parameter[j] = value - step_size * (m / (root(v) / correction + epsilon));
  }
}

template <class T>
void adam(const lstmkit_adam_step* job, int64_t begin, int64_t end) {
  const bool all_move = job->l2 != 0 || job->decay != 1;
  for (int64_t row = begin; row < end; ++row) {
    const int32_t place = job->place[row];
    if (place < 0 && !job->live[row] && !all_move) continue;
    T* parameter = static_cast<T*>(job->parameter) + row * job->width;
    T* mean = static_cast<T*>(job->mean) + row * job->width;
    T* square = static_cast<T*>(job->square) + row * job->width;
    if (place < 0) {
      adam_row<T, false>(job, nullptr, parameter, mean, square);
    } else {
      adam_row<T, true>(job, static_cast<const T*>(job->grad) + place * job->width, parameter, mean, square);
      job->live[row] = 1;
    }
  }
}

template <class T>
void activate(int64_t op, int64_t n, const void* x, void* y) {
  for (int64_t i = 0; i < n; i += kWidth<T>) {
    const int64_t valid = smaller(kWidth<T>, n - i);
    const Vector<T> v = load_part(static_cast<const T*>(x) + i, valid);
    store_part(static_cast<T*>(y) + i, op == 0 ? sigmoid<T>(v) : tanh<T>(v), valid);
  }
}

template <class T>
constexpr lstmkit::Kernels kernels() {
  return {kPanel<T>, kGroup<T>, kOuterDepth, kOuterBlock<T>, pack<T>, forward<T>, backward<T>, step<T>, product<T>, outer<T>, sum_rows<T>, pool<T>, unpool<T>, adam<T>, activate<T>};
}

}  // namespace

namespace lstmkit {
extern const KernelSet LSTMKIT_UNIT;
const KernelSet LSTMKIT_UNIT = {LSTMKIT_UNIT_NAME, kernels<float>(), kernels<double>()};
}  // namespace lstmkit
