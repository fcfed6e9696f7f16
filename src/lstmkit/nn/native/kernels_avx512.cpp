#define LSTMKIT_UNIT kernels_avx512
#define LSTMKIT_UNIT_NAME "avx512"
#define LSTMKIT_VECTOR_BYTES 64
#define LSTMKIT_TILE_ROWS 8
#define LSTMKIT_TILE_VECTORS 3
#include "kernels.inl"
