/* NVRTC: kernels that PyTorch compiles at run time become empty programs. */
#include "stub.h"

EXPORT int nvrtcVersion(int *major, int *minor) {
    *major = CUDA_MAJOR;
    *minor = 0;
    return 0;
}
EXPORT const char *nvrtcGetErrorString(int error) {
    return error ? "error of the dry run" : "success";
}
EXPORT int nvrtcCreateProgram(void **program) {
    *program = stub_handle();
    return 0;
}
EXPORT int nvrtcGetPTXSize(void *program, size_t *bytes) {
    *bytes = 8;
    return 0;
}
EXPORT int nvrtcGetCUBINSize(void *program, size_t *bytes) {
    *bytes = 8;
    return 0;
}
EXPORT int nvrtcGetProgramLogSize(void *program, size_t *bytes) {
    *bytes = 1;
    return 0;
}
EXPORT int nvrtcGetLoweredName(void *program, const char *name, const char **lowered) {
    *lowered = name;
    return 0;
}
EXPORT int nvrtcGetNumSupportedArchs(int *count) {
    *count = 1;
    return 0;
}
EXPORT int nvrtcGetSupportedArchs(int *architectures) {
    *architectures = 90;
    return 0;
}
