/* cuDNN: graphs (convolutions, attention) are planned with one engine and no workspace. */
#include "stub.h"

EXPORT size_t cudnnGetVersion(void) {
    return 92000;
}
EXPORT size_t cudnnGetCudartVersion(void) {
    return CUDA_MAJOR * 1000;
}
EXPORT int cudnnGetProperty(int which, int *value) {
    *value = which == 0 ? 9 : 0;
    return 0;
}
EXPORT int cudnnCreate(void **handle) {
    *handle = stub_handle();
    return 0;
}
EXPORT const char *cudnnGetErrorString(int error) {
    return error ? "error of the dry run" : "success";
}
EXPORT void cudnnGetLastErrorString(char *text, size_t room) {
    if (room) *text = 0;
}

EXPORT int cudnnBackendCreateDescriptor(int type, void **descriptor) {
    *descriptor = calloc(1, 64);
    return *descriptor ? 0 : 1;
}
EXPORT int cudnnBackendDestroyDescriptor(void *descriptor) {
    free(descriptor);
    return 0;
}
EXPORT int cudnnBackendGetAttribute(void *descriptor, int name, int type, int64_t wanted,
                                    int64_t *count, void *values) {
    enum { CONFIG_ENGINE = 301, CONFIG_KNOBS = 302, KNOBS = 1302, NUMERICAL = 1303, LAYOUTS = 1304,
           BEHAVIOUR = 1305, INT64 = 3 };
    int empty = name == CONFIG_ENGINE || name == CONFIG_KNOBS ||
                (name >= KNOBS && name <= BEHAVIOUR);
    if (count) *count = !empty;
    if (values && !empty && type == INT64 && wanted > 0) memset(values, 0, sizeof(int64_t));
    return 0;
}

static int descriptor(void **result) {
    *result = calloc(1, 64);
    return *result ? 0 : 1;
}
EXPORT int cudnnCreateTensorDescriptor(void **result) {
    return descriptor(result);
}
EXPORT int cudnnCreateFilterDescriptor(void **result) {
    return descriptor(result);
}
EXPORT int cudnnCreateActivationDescriptor(void **result) {
    return descriptor(result);
}
EXPORT int cudnnCreateDropoutDescriptor(void **result) {
    return descriptor(result);
}
EXPORT int cudnnCreateConvolutionDescriptor(void **result) {
    return descriptor(result);
}

/* Sizes of workspaces: a kernel of batch normalisation needs none for the shapes of towers. */
EXPORT int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(void *a, int mode, int operation,
                                                                    void *x, void *z, void *y,
                                                                    void *w, void *act,
                                                                    size_t *bytes) {
    *bytes = 0;
    return 0;
}
EXPORT int cudnnGetBatchNormalizationBackwardExWorkspaceSize(void *a, int mode, int operation,
                                                             void *x, void *y, void *dy, void *dz,
                                                             void *dx, void *w, void *act,
                                                             size_t *bytes) {
    *bytes = 0;
    return 0;
}
EXPORT int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void *a, int mode, int operation,
                                                                void *act, void *x,
                                                                size_t *bytes) {
    *bytes = 0;
    return 0;
}
EXPORT int cudnnDropoutGetStatesSize(void *handle, size_t *bytes) {
    *bytes = 1 << 20;
    return 0;
}
