// Every processor of the architecture runs these: SSE2 on x86-64, NEON on ARM.
#define LSTMKIT_UNIT kernels_baseline
#define LSTMKIT_VECTOR_BYTES 16
#if defined(__aarch64__)
#define LSTMKIT_UNIT_NAME "neon"
#define LSTMKIT_TILE_ROWS 8
#define LSTMKIT_TILE_VECTORS 3
#else
#define LSTMKIT_UNIT_NAME "baseline"
#define LSTMKIT_TILE_ROWS 6
#define LSTMKIT_TILE_VECTORS 2
#endif
#include "kernels.inl"
