/* cuBLAS: handles, and the products that are asked of it. */
#include "stub.h"

static int math_mode;

/* PyTorch keys its workspaces by handle and stream: each handle must be a new one. */
EXPORT int cublasCreate_v2(void **handle) {
    *handle = stub_handle();
    return 0;
}
EXPORT int cublasGetMathMode(void *handle, int *mode) {
    *mode = math_mode;
    return 0;
}
EXPORT int cublasSetMathMode(void *handle, int mode) {
    math_mode = mode;
    stub_record("M %d", mode);
    return 0;
}
EXPORT int cublasGetPointerMode_v2(void *handle, int *mode) {
    *mode = 0;
    return 0;
}
EXPORT int cublasGetStream_v2(void *handle, void **stream) {
    *stream = NULL;
    return 0;
}
EXPORT int cublasSetStream_v2(void *handle, void *stream) {
    stub_record("U %p", stream);
    return 0;
}
EXPORT int cublasGetSmCountTarget(void *handle, int *count) {
    *count = 0;
    return 0;
}
EXPORT const char *cublasGetStatusString(int status) {
    return status ? "error of the dry run" : "success";
}

/* "G m n k batch transposes types compute leading dimensions" */
static void product(int m, int n, int k, int batch, int transpose_a, int transpose_b, int type_a,
                    int type_b, int type_c, int compute, int lda, int ldb, int ldc) {
    stub_record("G %d %d %d %d %d %d %d %d %d %d %d %d %d", m, n, k, batch, transpose_a,
                transpose_b, type_a, type_b, type_c, compute, lda, ldb, ldc);
}

enum { FLOAT = 0, COMPUTE_FLOAT = 68 };

EXPORT int cublasSgemm_v2(void *handle, int ta, int tb, int m, int n, int k, const void *alpha,
                          const void *a, int lda, const void *b, int ldb, const void *beta, void *c,
                          int ldc) {
    product(m, n, k, 1, ta, tb, FLOAT, FLOAT, FLOAT, COMPUTE_FLOAT, lda, ldb, ldc);
    return 0;
}
EXPORT int cublasSgemmStridedBatched(void *handle, int ta, int tb, int m, int n, int k,
                                     const void *alpha, const void *a, int lda, long long stride_a,
                                     const void *b, int ldb, long long stride_b, const void *beta,
                                     void *c, int ldc, long long stride_c, int batch) {
    product(m, n, k, batch, ta, tb, FLOAT, FLOAT, FLOAT, COMPUTE_FLOAT, lda, ldb, ldc);
    return 0;
}
EXPORT int cublasGemmEx(void *handle, int ta, int tb, int m, int n, int k, const void *alpha,
                        const void *a, int type_a, int lda, const void *b, int type_b, int ldb,
                        const void *beta, void *c, int type_c, int ldc, int compute,
                        int algorithm) {
    product(m, n, k, 1, ta, tb, type_a, type_b, type_c, compute, lda, ldb, ldc);
    return 0;
}
EXPORT int cublasGemmStridedBatchedEx(void *handle, int ta, int tb, int m, int n, int k,
                                      const void *alpha, const void *a, int type_a, int lda,
                                      long long stride_a, const void *b, int type_b, int ldb,
                                      long long stride_b, const void *beta, void *c, int type_c,
                                      int ldc, long long stride_c, int batch, int compute,
                                      int algorithm) {
    product(m, n, k, batch, ta, tb, type_a, type_b, type_c, compute, lda, ldb, ldc);
    return 0;
}
