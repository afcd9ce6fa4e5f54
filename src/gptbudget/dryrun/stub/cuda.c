/* The CUDA driver: memory that is mapped later (expandable segments), modules, and the kernels that
 * Triton compiles. */
#include "spans.h"

#include <dlfcn.h>
#include <pthread.h>

enum { SUCCESS = 0, OUT_OF_MEMORY = 2 };

#define GRANULARITY ((size_t)2 << 20)
#define CONTEXT ((void *)0x77770)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

EXPORT int cuInit(unsigned flags) {
    return SUCCESS;
}
EXPORT int cuDriverGetVersion(int *version) {
    *version = CUDA_MAJOR * 1000;
    return SUCCESS;
}
EXPORT int cuDeviceGetCount(int *count) {
    *count = (int)stub_setting("DRYRUN_DEVICES", 1);
    return SUCCESS;
}
EXPORT int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return SUCCESS;
}
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = stub_attribute(attribute);
    return SUCCESS;
}
EXPORT int cuDeviceGetName(char *text, int room, int device) {
    const char *name = getenv("DRYRUN_NAME");
    snprintf(text, (size_t)room, "%s", name ? name : "GPU");
    return SUCCESS;
}
EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    *bytes = (size_t)stub_setting("DRYRUN_CARD_BYTES", 0);
    return SUCCESS;
}
EXPORT int cuCtxGetCurrent(void **context) {
    *context = CONTEXT;
    return SUCCESS;
}
EXPORT int cuCtxGetDevice(int *device) {
    *device = stub_device();
    return SUCCESS;
}
EXPORT int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
    *flags = 0;
    *active = 1;
    return SUCCESS;
}
EXPORT int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = CONTEXT;
    return SUCCESS;
}
EXPORT int cuGetErrorString(int error, const char **text) {
    *text = error == OUT_OF_MEMORY ? "out of memory" : "error of the dry run";
    return SUCCESS;
}
EXPORT int cuGetErrorName(int error, const char **text) {
    *text = error == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_UNKNOWN";
    return SUCCESS;
}
EXPORT int cuPointerGetAttribute(void *value, int attribute, void *address) {
    switch (attribute) {
    case 2: *(unsigned *)value = stub_on_device(address) ? 2 : 1; break;
    case 3: *(void **)value = address; break;
    case 9: *(int *)value = stub_device(); break;
    default: *(unsigned *)value = 0;
    }
    return SUCCESS;
}

/* ---- memory */

static struct spans mapped; /* handle -> bytes */

EXPORT int cuMemGetAllocationGranularity(size_t *bytes, const void *properties, int which) {
    *bytes = GRANULARITY;
    return SUCCESS;
}
EXPORT int cuMemAddressReserve(void **address, size_t bytes, size_t alignment, void *wanted,
                               unsigned long long flags) {
    *address = stub_reserve(bytes);
    return *address ? SUCCESS : OUT_OF_MEMORY;
}
EXPORT int cuMemCreate(void **handle, size_t bytes, const void *properties,
                       unsigned long long flags) {
    if (!stub_take(bytes)) return OUT_OF_MEMORY;
    *handle = stub_handle();
    pthread_mutex_lock(&lock);
    spans_add(&mapped, *handle, 1, (void *)bytes);
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}
EXPORT int cuMemRelease(void *handle) {
    pthread_mutex_lock(&lock);
    struct span *span = spans_find(&mapped, handle);
    if (span) {
        stub_give_back((size_t)span->data);
        spans_remove(&mapped, span);
    }
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}
EXPORT int cuMemAlloc_v2(void **address, size_t bytes) {
    *address = stub_allocate(bytes);
    return *address ? SUCCESS : OUT_OF_MEMORY;
}
EXPORT int cuMemFree_v2(void *address) {
    stub_free(address);
    return SUCCESS;
}
EXPORT int cuMemGetInfo_v2(size_t *available, size_t *total) {
    extern int cudaMemGetInfo(size_t *, size_t *);
    return cudaMemGetInfo(available, total);
}
EXPORT int cuMemcpyDtoH_v2(void *to, const void *from, size_t bytes) {
    stub_copy(to, from, bytes);
    return SUCCESS;
}
EXPORT int cuMemcpyHtoD_v2(void *to, const void *from, size_t bytes) {
    stub_copy(to, from, bytes);
    return SUCCESS;
}
EXPORT int cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
    extern int cudaHostAlloc(void **, size_t, unsigned);
    return cudaHostAlloc(address, bytes, flags);
}

/* ---- modules and kernels */

static struct spans functions; /* handle -> name */

EXPORT int cuModuleLoadData(void **module, const void *image) {
    *module = stub_handle();
    return SUCCESS;
}
EXPORT int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options,
                              void **values) {
    return cuModuleLoadData(module, image);
}
EXPORT int cuLibraryLoadData(void **library, const void *image) {
    return cuModuleLoadData(library, image);
}
EXPORT int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = stub_handle();
    pthread_mutex_lock(&lock);
    spans_add(&functions, *function, 1, strdup(name));
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}
EXPORT int cuLibraryGetKernel(void **kernel, void *library, const char *name) {
    return cuModuleGetFunction(kernel, library, name);
}
EXPORT int cuKernelGetFunction(void **function, void *kernel) {
    *function = kernel;
    return SUCCESS;
}
EXPORT int cuFuncGetAttribute(int *value, int attribute, void *function) {
    enum { MAX_THREADS = 0, REGISTERS = 4 };
    *value = attribute == REGISTERS ? 64 : attribute == MAX_THREADS ? 1024 : 0;
    return SUCCESS;
}
EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int threads,
                                                       size_t shared) {
    *blocks = 1;
    return SUCCESS;
}
EXPORT int cuOccupancyMaxActiveClusters(int *clusters, void *function, const void *how) {
    *clusters = (int)stub_setting("DRYRUN_PROCESSORS", 108);
    return SUCCESS;
}
EXPORT int cuTensorMapEncodeTiled(void *map) {
    memset(map, 0, 128);
    return SUCCESS;
}

static void launch(void *function, dim3 grid, dim3 block, void *stream) {
    if (!stub_recording()) return;
    pthread_mutex_lock(&lock);
    struct span *span = spans_find(&functions, function);
    const char *name = span ? span->data : "?";
    pthread_mutex_unlock(&lock);
    stub_record("T %u %u %u %u %u %u -1 %p %s", grid.x, grid.y, grid.z, block.x, block.y, block.z,
                stream, name);
}

EXPORT int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                          unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                          void *stream, void **arguments, void **extra) {
    launch(function, (dim3){grid_x, grid_y, grid_z}, (dim3){block_x, block_y, block_z}, stream);
    return SUCCESS;
}

struct configuration {
    dim3 grid, block;
    unsigned shared;
    void *stream;
};

EXPORT int cuLaunchKernelEx(const struct configuration *how, void *function, void **arguments,
                            void **extra) {
    launch(function, how->grid, how->block, how->stream);
    return SUCCESS;
}

/* ---- functions by name: as exported here, else with the suffix of their second version, else one
 * that does nothing and says so */

static int nothing(void) {
    return SUCCESS;
}

EXPORT void *stub_driver_function(const char *name) {
    char second[128];
    void *function = dlsym(RTLD_DEFAULT, name);
    if (function) return function;
    snprintf(second, sizeof second, "%s_v2", name);
    function = dlsym(RTLD_DEFAULT, second);
    if (function) return function;
    stub_stand_in(strdup(name));
    return (void *)nothing;
}
EXPORT int cuGetProcAddress_v2(const char *name, void **function, int version,
                               unsigned long long flags, int *result) {
    *function = stub_driver_function(name);
    if (result) *result = 0;
    return SUCCESS;
}
EXPORT int cuGetProcAddress(const char *name, void **function, int version,
                            unsigned long long flags) {
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
