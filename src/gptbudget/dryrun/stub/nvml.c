/* NVML: the allocator asks it about links between cards; there are none. */
#include "stub.h"

enum { NOT_SUPPORTED = 3 };
#define HANDLE ((void *)0x2220)

EXPORT int nvmlInit_v2(void) {
    return 0;
}
EXPORT int nvmlInit(void) {
    return 0;
}
EXPORT int nvmlShutdown(void) {
    return 0;
}
EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) {
    *device = HANDLE;
    return 0;
}
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = HANDLE;
    return 0;
}
EXPORT int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = (unsigned)stub_setting("DRYRUN_DEVICES", 1);
    return 0;
}
EXPORT int nvmlDeviceGetName(void *device, char *text, unsigned room) {
    const char *name = getenv("DRYRUN_NAME");
    snprintf(text, room, "%s", name ? name : "GPU");
    return 0;
}
EXPORT int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *bytes) {
    unsigned long long total = (unsigned long long)stub_setting("DRYRUN_CARD_BYTES", 0);
    bytes[0] = total;
    bytes[1] = total;
    bytes[2] = 0;
    return 0;
}
EXPORT int nvmlDeviceGetGpuFabricInfoV(void *device, void *information) {
    return 0;
}
EXPORT int nvmlDeviceGetNvLinkRemoteDeviceType(void *device, unsigned link, int *type) {
    return NOT_SUPPORTED;
}
EXPORT int nvmlDeviceGetNvLinkRemotePciInfo_v2(void *device, unsigned link, void *information) {
    return NOT_SUPPORTED;
}
EXPORT int nvmlDeviceGetComputeRunningProcesses(void *device, unsigned *count, void *processes) {
    *count = 0;
    return 0;
}
EXPORT int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = CUDA_MAJOR * 1000;
    return 0;
}
EXPORT const char *nvmlErrorString(int error) {
    return error ? "not supported in a dry run" : "success";
}
