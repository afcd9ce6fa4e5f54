/* cuBLASLt: descriptors that remember what they describe, and the products. */
#include "stub.h"

struct layout {
    int type;
    uint64_t rows, columns;
    int64_t leading;
    int batch;
};

struct operation {
    int compute, scale, transpose_a, transpose_b, epilogue;
};

/* A caller may keep a descriptor in memory of its own, 64 bytes at least. */
_Static_assert(sizeof(struct layout) <= 64, "a layout fits into the caller's memory");

static int describe(void **descriptor, size_t bytes) {
    *descriptor = calloc(1, bytes < 256 ? 256 : bytes);
    return *descriptor ? 0 : 3;
}

EXPORT int cublasLtCreate(void **handle) {
    *handle = stub_handle();
    return 0;
}
EXPORT size_t cublasLtGetVersion(void) {
    return CUDA_MAJOR * 10000;
}

EXPORT int cublasLtMatmulDescInit_internal(struct operation *operation, size_t bytes, int compute,
                                           int scale) {
    memset(operation, 0, bytes);
    operation->compute = compute;
    operation->scale = scale;
    return 0;
}
EXPORT int cublasLtMatmulDescCreate(struct operation **operation, int compute, int scale) {
    if (describe((void **)operation, sizeof **operation)) return 3;
    return cublasLtMatmulDescInit_internal(*operation, sizeof **operation, compute, scale);
}
EXPORT int cublasLtMatmulDescDestroy(void *operation) {
    free(operation);
    return 0;
}
EXPORT int cublasLtMatmulDescSetAttribute(struct operation *operation, int attribute,
                                          const int *value, size_t bytes) {
    enum { TRANSPOSE_A = 3, TRANSPOSE_B = 4, EPILOGUE = 7 };
    if (attribute == TRANSPOSE_A) operation->transpose_a = *value;
    if (attribute == TRANSPOSE_B) operation->transpose_b = *value;
    if (attribute == EPILOGUE) operation->epilogue = *value;
    return 0;
}

EXPORT int cublasLtMatrixLayoutInit_internal(struct layout *layout, size_t bytes, int type,
                                             uint64_t rows, uint64_t columns, int64_t leading) {
    memset(layout, 0, bytes);
    *layout = (struct layout){type, rows, columns, leading, 1};
    return 0;
}
EXPORT int cublasLtMatrixLayoutCreate(struct layout **layout, int type, uint64_t rows,
                                      uint64_t columns, int64_t leading) {
    if (describe((void **)layout, sizeof **layout)) return 3;
    **layout = (struct layout){type, rows, columns, leading, 1};
    return 0;
}
EXPORT int cublasLtMatrixLayoutDestroy(void *layout) {
    free(layout);
    return 0;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(struct layout *layout, int attribute, const int *value,
                                            size_t bytes) {
    enum { BATCH = 5 };
    if (attribute == BATCH) layout->batch = *value;
    return 0;
}
EXPORT int cublasLtMatrixLayoutGetAttribute(struct layout *layout, int attribute, void *value,
                                            size_t bytes, size_t *written) {
    enum { TYPE = 0, ROWS = 2, COLUMNS = 3, LEADING = 4, BATCH = 5 };
    int64_t number = attribute == TYPE      ? layout->type
                     : attribute == ROWS    ? (int64_t)layout->rows
                     : attribute == COLUMNS ? (int64_t)layout->columns
                     : attribute == LEADING ? layout->leading
                     : attribute == BATCH   ? layout->batch
                                            : 0;
    memset(value, 0, bytes);
    memcpy(value, &number, bytes < sizeof number ? bytes : sizeof number);
    if (written) *written = bytes;
    return 0;
}

EXPORT int cublasLtMatmulPreferenceCreate(void **preference) {
    return describe(preference, 256);
}
EXPORT int cublasLtMatmulPreferenceDestroy(void *preference) {
    free(preference);
    return 0;
}

struct heuristic {
    uint64_t algorithm[8];
    size_t workspace_bytes;
    int state;
    float waves;
    int reserved[4];
};

/* One algorithm must be found, or PyTorch raises an error. */
EXPORT int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c,
                                          void *d, void *preference, int wanted,
                                          struct heuristic *results, int *found) {
    memset(results, 0, sizeof *results);
    results->waves = 1;
    *found = 1;
    return 0;
}

EXPORT int cublasLtMatmul(void *handle, const struct operation *operation, const void *alpha,
                          const void *a, const struct layout *layout_a, const void *b,
                          const struct layout *layout_b, const void *beta, const void *c,
                          const struct layout *layout_c, void *d, const struct layout *layout_d,
                          const void *algorithm, void *workspace, size_t workspace_bytes,
                          void *stream) {
    uint64_t k = operation->transpose_a ? layout_a->rows : layout_a->columns;
    stub_record("G %lu %lu %lu %d %d %d %d %d %d %d %ld %ld %ld lt %p epilogue=%d", layout_c->rows,
                layout_c->columns, k, layout_a->batch, operation->transpose_a,
                operation->transpose_b, layout_a->type, layout_b->type, layout_c->type,
                operation->compute, layout_a->leading, layout_b->leading, layout_c->leading, stream,
                operation->epilogue);
    return 0;
}
