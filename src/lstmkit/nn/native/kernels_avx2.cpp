#define LSTMKIT_UNIT kernels_avx2
#define LSTMKIT_UNIT_NAME "avx2"
#define LSTMKIT_VECTOR_BYTES 32
#define LSTMKIT_TILE_ROWS 4
#define LSTMKIT_TILE_VECTORS 3
#include "kernels.inl"
