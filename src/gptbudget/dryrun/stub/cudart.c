/* The CUDA runtime: memory, copies, streams, events, launches. The books of the card are here. */
#include "spans.h"

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

enum { SUCCESS = 0, OUT_OF_MEMORY = 2, INVALID_VALUE = 1 };

#define GRANULARITY ((size_t)2 << 20) /* the driver hands out memory in pieces of 2 MiB */
#define ADDRESSES ((size_t)1 << 44)   /* reserved, never touched: no memory stands behind them */
#define SMALL ((size_t)1 << 20)       /* uploads up to this size are remembered */
#define REMEMBERED 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char *card;
static size_t next_address, used_bytes, peak_bytes, card_bytes;
static size_t taken_bytes; /* by the driver itself, before the program asks for any */
static _Thread_local int device;

static struct spans allocated, freed, pinned, uploads;
static size_t pinned_bytes, pinned_peak_bytes;

long stub_setting(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value ? atol(value) : otherwise;
}

static void start(void) {
    card = mmap(NULL, ADDRESSES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (card == MAP_FAILED) {
        perror("gptbudget dry-run: cannot reserve addresses");
        abort();
    }
    card_bytes = (size_t)stub_setting("DRYRUN_CARD_BYTES", 0);
    taken_bytes = (size_t)stub_setting("DRYRUN_TAKEN_BYTES", 0);
}

static void begin(void) {
    pthread_once(&once, start);
    pthread_mutex_lock(&lock);
}

static void end(void) {
    pthread_mutex_unlock(&lock);
}

static size_t rounded(size_t bytes) {
    return (bytes + GRANULARITY - 1) / GRANULARITY * GRANULARITY;
}

/* ---- the card's memory */

EXPORT int stub_take(size_t bytes) {
    begin();
    int fits = taken_bytes + used_bytes + bytes <= card_bytes;
    if (fits) used_bytes += bytes;
    if (used_bytes > peak_bytes) peak_bytes = used_bytes;
    end();
    return fits;
}

EXPORT void stub_give_back(size_t bytes) {
    begin();
    used_bytes -= bytes;
    end();
}

EXPORT void *stub_reserve(size_t bytes) {
    begin();
    char *address = NULL;
    size_t length = rounded(bytes);
    for (size_t place = 0; place < freed.count; place++) {
        if (freed.items[place].bytes == length) {
            address = (char *)freed.items[place].start;
            spans_remove(&freed, &freed.items[place]);
            break;
        }
    }
    if (!address && next_address + length <= ADDRESSES) {
        address = card + next_address;
        next_address += length;
    }
    end();
    return address;
}

EXPORT void *stub_allocate(size_t bytes) {
    size_t length = rounded(bytes ? bytes : 1);
    if (!stub_take(length)) return NULL;
    void *address = stub_reserve(length);
    begin();
    if (address) spans_add(&allocated, address, length, NULL);
    end();
    return address;
}

EXPORT int stub_free(void *address) {
    begin();
    struct span *span = address ? spans_find(&allocated, address) : NULL;
    if (span) {
        used_bytes -= span->bytes;
        spans_add(&freed, (void *)span->start, span->bytes, NULL);
        spans_remove(&allocated, span);
    }
    end();
    return span || !address;
}

EXPORT int stub_on_device(const void *address) {
    return card && (const char *)address >= card && (const char *)address < card + ADDRESSES;
}

EXPORT int stub_device(void) {
    return device;
}

/* What the runner asks for. */
EXPORT size_t dryrun_used_bytes(void) {
    return used_bytes;
}
EXPORT size_t dryrun_peak_bytes(void) {
    return peak_bytes;
}
EXPORT size_t dryrun_pinned_bytes(void) {
    return pinned_bytes;
}
EXPORT size_t dryrun_pinned_peak_bytes(void) {
    return pinned_peak_bytes;
}

/* ---- handles, and functions that only stand in */

EXPORT void *stub_handle(void) {
    static size_t last = 0x10000;
    begin();
    size_t handle = last += 16;
    end();
    return (void *)handle;
}

#define NAMES 512
static const char *stood_in[NAMES];
static int stood_in_count;

EXPORT void stub_stand_in(const char *name) {
    begin();
    if (stood_in_count < NAMES) stood_in[stood_in_count++] = name;
    end();
}

/* The name of the function number `place` that was called and did nothing, or NULL. */
EXPORT const char *dryrun_stood_in(int place) {
    return place < stood_in_count ? stood_in[place] : NULL;
}

/* ---- the record of launches: one line each, "<CPU microseconds> <kind> <fields>" */

static FILE *record;
static int recording;
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;
static double cpu_us;
static _Thread_local double thread_us = -1;

/* Only one thread of a step works at a time (Python's and autograd's take turns), so the sum of
 * their CPU times is the time of the host without what else runs on the machine. */
static double host_us(void) {
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    double thread_now = spent.tv_sec * 1e6 + spent.tv_nsec * 1e-3;
    if (thread_us >= 0) cpu_us += thread_now - thread_us;
    thread_us = thread_now;
    return cpu_us;
}

EXPORT int stub_recording(void) {
    return recording;
}

EXPORT void stub_record(const char *format, ...) {
    if (!recording) return;
    pthread_mutex_lock(&record_lock);
    if (record) {
        va_list fields;
        fprintf(record, "%.2f ", host_us());
        va_start(fields, format);
        vfprintf(record, format, fields);
        va_end(fields);
        fputc('\n', record);
    }
    pthread_mutex_unlock(&record_lock);
}

EXPORT void dryrun_note(const char *text) {
    stub_record("%s", text);
}

EXPORT void dryrun_record_to(const char *path) {
    pthread_mutex_lock(&record_lock);
    if (!record) {
        record = fopen(path, "w");
        if (record) setvbuf(record, NULL, _IOFBF, 1 << 22);
    }
    recording = record != NULL;
    pthread_mutex_unlock(&record_lock);
}

EXPORT void dryrun_record_off(void) {
    pthread_mutex_lock(&record_lock);
    recording = 0;
    if (record) fflush(record);
    pthread_mutex_unlock(&record_lock);
}

/* ---- the card's properties */

#if CUDA_MAJOR < 13
enum { PROPERTIES_BYTES = 1032, PROCESSORS = 388, MAP_HOST = 400, CONCURRENT = 576, ECC = 580,
       BUS = 584, ENGINES = 600, UNIFIED = 604, BUS_WIDTH = 612, L2 = 616, THREADS_PER_SM = 624,
       PRIORITIES = 628, SHARED_PER_SM = 640, REGISTERS_PER_SM = 648, MANAGED = 652,
       PREEMPTION = 680, COOPERATIVE = 688, SHARED_OPTIN = 696, BLOCKS_PER_SM = 712,
       POOLS = 744, CLUSTERS = 772 };
#else
enum { PROPERTIES_BYTES = 1008, PROCESSORS = 384, MAP_HOST = 392, CONCURRENT = 560, ECC = 564,
       BUS = 568, ENGINES = 584, UNIFIED = 588, BUS_WIDTH = 592, L2 = 596, THREADS_PER_SM = 604,
       PRIORITIES = 608, SHARED_PER_SM = 624, REGISTERS_PER_SM = 632, MANAGED = 636,
       PREEMPTION = 660, COOPERATIVE = 668, SHARED_OPTIN = 672, BLOCKS_PER_SM = 688,
       POOLS = 720, CLUSTERS = 748 };
#endif
enum { UUID = 256, TOTAL_BYTES = 288, SHARED = 296, REGISTERS = 304, WARP = 308,
       THREADS = 320, BLOCK = 324, GRID = 336, CONSTANT = 352, MAJOR = 360, MINOR = 364,
       ALIGNMENT = 368 };

static int major(void) {
    return (int)stub_setting("DRYRUN_MAJOR", 8);
}
static int minor(void) {
    return (int)stub_setting("DRYRUN_MINOR", 0);
}

/* Shared memory of a multiprocessor by compute capability, in KiB (CUDA programming guide). */
static size_t shared_per_processor(void) {
    switch (major() * 10 + minor()) {
    case 70: return 96 << 10;
    case 75: return 64 << 10;
    case 80: case 87: return 164 << 10;
    case 86: case 89: case 120: case 121: return 100 << 10;
    default: return 228 << 10;
    }
}

/* Threads that a multiprocessor holds: of these, PyTorch sizes the scratch memory of reductions. */
static int threads_per_processor(void) {
    switch (major() * 10 + minor()) {
    case 75: return 1024;
    case 86: case 87: case 89: case 110: case 120: case 121: return 1536;
    default: return 2048;
    }
}

static void put_int(char *properties, int offset, int value) {
    memcpy(properties + offset, &value, sizeof value);
}
static void put_size(char *properties, int offset, size_t value) {
    memcpy(properties + offset, &value, sizeof value);
}

EXPORT int cudaGetDeviceProperties(char *properties, int which) {
    static const struct { int offset, value; } ints[] = {
        {REGISTERS, 65536}, {WARP, 32}, {THREADS, 1024}, {BLOCK, 1024}, {BLOCK + 4, 1024},
        {BLOCK + 8, 64}, {GRID, 2147483647}, {GRID + 4, 65535}, {GRID + 8, 65535},
        {MAP_HOST, 1}, {CONCURRENT, 1}, {ECC, 1}, {ENGINES, 3}, {UNIFIED, 1}, {BUS_WIDTH, 5120},
        {L2, 50 << 20}, {PRIORITIES, 1}, {REGISTERS_PER_SM, 65536}, {MANAGED, 1},
        {PREEMPTION, 1}, {COOPERATIVE, 1}, {BLOCKS_PER_SM, 32}, {POOLS, 1}};
    begin();
    end();
    memset(properties, 0, PROPERTIES_BYTES);
    const char *name = getenv("DRYRUN_NAME");
    strncpy(properties, name ? name : "GPU", 255);
    properties[UUID] = (char)(which + 1);
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        put_int(properties, ints[i].offset, ints[i].value);
    put_size(properties, TOTAL_BYTES, card_bytes);
    put_size(properties, SHARED, 48 << 10);
    put_size(properties, CONSTANT, 64 << 10);
    put_size(properties, ALIGNMENT, 512);
    put_size(properties, SHARED_PER_SM, shared_per_processor());
    put_size(properties, SHARED_OPTIN, shared_per_processor() - 1024);
    put_int(properties, MAJOR, major());
    put_int(properties, MINOR, minor());
    put_int(properties, PROCESSORS, (int)stub_setting("DRYRUN_PROCESSORS", 108));
    put_int(properties, THREADS_PER_SM, threads_per_processor());
    put_int(properties, BUS, which + 1);
    put_int(properties, CLUSTERS, major() >= 9);
    return SUCCESS;
}

EXPORT int cudaGetDeviceProperties_v2(char *properties, int which) {
    return cudaGetDeviceProperties(properties, which);
}

/* The values of cudaDeviceAttr and CUdevice_attribute are the same. */
EXPORT int stub_attribute(int attribute) {
    switch (attribute) {
    case 1: case 2: case 3: return 1024; /* threads of a block, and its first two sizes */
    case 4: return 64;
    case 5: return 2147483647; /* the grid */
    case 6: case 7: return 65535;
    case 8: return 48 << 10; /* shared memory of a block */
    case 9: return 64 << 10; /* constant memory */
    case 10: return 32;      /* a warp */
    case 12: case 82: return 65536; /* registers of a block, of a multiprocessor */
    case 13: return 1755000;        /* clocks in kHz; only programs that print them read these */
    case 16: return (int)stub_setting("DRYRUN_PROCESSORS", 108);
    case 36: return 2619000;
    case 37: return 5120; /* the memory bus in bits */
    case 38: return 50 << 20;
    case 39: return threads_per_processor();
    case 75: return major();
    case 76: return minor();
    case 81: return (int)shared_per_processor();
    case 97: return (int)shared_per_processor() - 1024;
    case 19: case 31: case 41: case 95: case 102: case 115: return 1; /* what all cards can do */
    default: return 0;
    }
}

EXPORT int cudaDeviceGetAttribute(int *value, int attribute, int which) {
    *value = stub_attribute(attribute);
    return SUCCESS;
}
EXPORT int cudaGetDeviceCount(int *count) {
    *count = (int)stub_setting("DRYRUN_DEVICES", 1);
    return SUCCESS;
}
EXPORT int cudaGetDevice(int *which) {
    *which = device;
    return SUCCESS;
}
EXPORT int cudaSetDevice(int which) {
    device = which;
    return SUCCESS;
}
EXPORT int cudaGetDeviceFlags(unsigned *flags) {
    *flags = 0;
    return SUCCESS;
}
EXPORT int cudaDeviceGetPCIBusId(char *text, int room, int which) {
    snprintf(text, (size_t)room, "0000:%02x:00.0", which + 1);
    return SUCCESS;
}
EXPORT int cudaDeviceCanAccessPeer(int *can, int from, int to) {
    *can = 1;
    return SUCCESS;
}
EXPORT int cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
    *least = 0;
    *greatest = -5;
    return SUCCESS;
}
EXPORT int cudaDriverGetVersion(int *version) {
    *version = CUDA_MAJOR * 1000;
    return SUCCESS;
}
EXPORT int cudaRuntimeGetVersion(int *version) {
    return cudaDriverGetVersion(version);
}
EXPORT const char *cudaGetErrorString(int error) {
    return error == OUT_OF_MEMORY ? "out of memory" : error ? "error of the dry run" : "no error";
}
EXPORT const char *cudaGetErrorName(int error) {
    return error == OUT_OF_MEMORY ? "cudaErrorMemoryAllocation"
           : error                ? "cudaErrorUnknown"
                                  : "cudaSuccess";
}

/* ---- allocation */

EXPORT int cudaMalloc(void **address, size_t bytes) {
    *address = stub_allocate(bytes);
    return *address ? SUCCESS : OUT_OF_MEMORY;
}
EXPORT int cudaFree(void *address) {
    return stub_free(address) ? SUCCESS : INVALID_VALUE;
}
EXPORT int cudaMallocAsync(void **address, size_t bytes, void *stream) {
    return cudaMalloc(address, bytes);
}
EXPORT int cudaMallocFromPoolAsync(void **address, size_t bytes, void *pool, void *stream) {
    return cudaMalloc(address, bytes);
}
EXPORT int cudaFreeAsync(void *address, void *stream) {
    return cudaFree(address);
}
EXPORT int cudaMallocManaged(void **address, size_t bytes, unsigned flags) {
    *address = calloc(1, bytes);
    return *address ? SUCCESS : OUT_OF_MEMORY;
}
EXPORT int cudaMemGetInfo(size_t *available, size_t *total) {
    begin();
    *available = card_bytes - taken_bytes - used_bytes;
    *total = card_bytes;
    end();
    return SUCCESS;
}

/* ---- pinned memory of the host */

static void pin(void *address, size_t bytes) {
    begin();
    spans_add(&pinned, address, bytes, NULL);
    pinned_bytes += bytes;
    if (pinned_bytes > pinned_peak_bytes) pinned_peak_bytes = pinned_bytes;
    end();
}

static void unpin(void *address) {
    begin();
    struct span *span = spans_find(&pinned, address);
    if (span) {
        pinned_bytes -= span->bytes;
        spans_remove(&pinned, span);
    }
    end();
}

EXPORT int stub_is_pinned(const void *address) {
    begin();
    int found = spans_find(&pinned, address) != NULL;
    end();
    return found;
}

EXPORT int cudaHostAlloc(void **address, size_t bytes, unsigned flags) {
    if (posix_memalign(address, 4096, bytes ? bytes : 1)) return OUT_OF_MEMORY;
    pin(*address, bytes);
    return SUCCESS;
}
EXPORT int cudaMallocHost(void **address, size_t bytes) {
    return cudaHostAlloc(address, bytes, 0);
}
EXPORT int cudaFreeHost(void *address) {
    unpin(address);
    free(address);
    return SUCCESS;
}
EXPORT int cudaHostRegister(void *address, size_t bytes, unsigned flags) {
    pin(address, bytes);
    return SUCCESS;
}
EXPORT int cudaHostUnregister(void *address) {
    unpin(address);
    return SUCCESS;
}
EXPORT int cudaHostGetDevicePointer(void **on_device, void *address, unsigned flags) {
    *on_device = address;
    return SUCCESS;
}

struct pointer_attributes {
    int type, device;
    void *device_address, *host_address;
#if CUDA_MAJOR >= 13
    long reserved[8];
#endif
};

EXPORT int cudaPointerGetAttributes(struct pointer_attributes *attributes, void *address) {
    enum { UNREGISTERED = 0, HOST = 1, DEVICE = 2 };
    memset(attributes, 0, sizeof *attributes);
    attributes->device = device;
    if (stub_on_device(address)) {
        attributes->type = DEVICE;
        attributes->device_address = address;
    } else if (stub_is_pinned(address)) {
        attributes->type = HOST;
        attributes->device_address = attributes->host_address = address;
    } else {
        attributes->type = UNREGISTERED;
        attributes->device = -2;
        attributes->host_address = address;
    }
    return SUCCESS;
}

/* ---- copies
 *
 * The card's memory has no contents: what is read back is zero. A small upload is remembered, and
 * given back once after a broadcast of that address: DistributedDataParallel broadcasts the order
 * of its buckets and reads it. Any later write makes what was remembered worthless. */

struct upload {
    size_t bytes;
    int broadcast;
    char contents[];
};

static void forget(const void *address) {
    struct span *span = spans_find(&uploads, address);
    if (span && span->start == (uintptr_t)address) {
        free(span->data);
        spans_remove(&uploads, span);
    }
}

static void remember(const void *address, const void *contents, size_t bytes, int broadcast) {
    forget(address);
    if (uploads.count >= REMEMBERED) {
        for (size_t place = 0; place < uploads.count; place++) free(uploads.items[place].data);
        uploads.count = 0;
    }
    struct upload *upload = malloc(sizeof *upload + bytes);
    if (!upload) return;
    upload->bytes = bytes;
    upload->broadcast = broadcast;
    memcpy(upload->contents, contents, bytes);
    spans_add(&uploads, address, 1, upload);
}

EXPORT void stub_broadcast(const void *from, const void *to) {
    begin();
    struct span *span = spans_find(&uploads, from);
    if (span) {
        struct upload *upload = span->data;
        upload->broadcast = 1;
        if (from != to) remember(to, upload->contents, upload->bytes, 1);
    }
    end();
}

EXPORT void stub_copy(void *to, const void *from, size_t bytes) {
    int to_card = stub_on_device(to), from_card = stub_on_device(from);
    if (!to_card && !from_card) {
        memmove(to, from, bytes);
        return;
    }
    begin();
    if (to_card && !from_card && bytes <= SMALL) {
        remember(to, from, bytes, 0);
    } else if (to_card) {
        forget(to);
    } else {
        struct span *span = spans_find(&uploads, from);
        struct upload *upload = span ? span->data : NULL;
        if (upload && upload->broadcast && upload->bytes == bytes) {
            memcpy(to, upload->contents, bytes);
            upload->broadcast = 0;
        } else {
            memset(to, 0, bytes);
        }
    }
    end();
}

/* Where memory is, for the record: on the device, pinned, or in the host's. */
static char place_of(const void *address) {
    return stub_on_device(address) ? 'd' : stub_is_pinned(address) ? 'p' : 'h';
}

static void record_copy(void *to, const void *from, size_t bytes, int blocks, void *stream) {
    if (recording)
        stub_record("C %c%c %zu %d %p", place_of(from), place_of(to), bytes, blocks, stream);
}

EXPORT int cudaMemcpy(void *to, const void *from, size_t bytes, int kind) {
    record_copy(to, from, bytes, 1, NULL);
    stub_copy(to, from, bytes);
    return SUCCESS;
}
EXPORT int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
    record_copy(to, from, bytes, 0, stream);
    stub_copy(to, from, bytes);
    return SUCCESS;
}
EXPORT int cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device,
                               size_t bytes, void *stream) {
    return cudaMemcpyAsync(to, from, bytes, 0, stream);
}
EXPORT int cudaMemcpy2DAsync(char *to, size_t to_pitch, const char *from, size_t from_pitch,
                             size_t width, size_t height, int kind, void *stream) {
    record_copy(to, from, width * height, 0, stream);
    for (size_t row = 0; row < height; row++)
        stub_copy(to + row * to_pitch, from + row * from_pitch, width);
    return SUCCESS;
}
EXPORT int cudaMemsetAsync(void *address, int value, size_t bytes, void *stream) {
    if (recording) stub_record("S %zu %p", bytes, stream);
    if (!stub_on_device(address)) memset(address, value, bytes);
    return SUCCESS;
}
EXPORT int cudaMemset(void *address, int value, size_t bytes) {
    return cudaMemsetAsync(address, value, bytes, NULL);
}
EXPORT int cudaGetSymbolAddress(void **address, const void *symbol) {
    return cudaMalloc(address, 1);
}

/* ---- streams, events and graphs */

static void *captured; /* the stream that a graph is captured from */
static int capturing;
static unsigned long long capture_id;

static int new_handle(void **handle) {
    *handle = stub_handle();
    return SUCCESS;
}

EXPORT int cudaStreamCreate(void **stream) {
    return new_handle(stream);
}
EXPORT int cudaStreamCreateWithFlags(void **stream, unsigned flags) {
    return new_handle(stream);
}
EXPORT int cudaStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
    return new_handle(stream);
}
EXPORT int cudaStreamGetPriority(void *stream, int *priority) {
    *priority = 0;
    return SUCCESS;
}
EXPORT int cudaStreamGetFlags(void *stream, unsigned *flags) {
    *flags = 1;
    return SUCCESS;
}
EXPORT int cudaEventCreate(void **event) {
    return new_handle(event);
}
EXPORT int cudaEventCreateWithFlags(void **event, unsigned flags) {
    return new_handle(event);
}
EXPORT int cudaEventElapsedTime(float *ms, void *from, void *to) {
    *ms = 1.0f;
    return SUCCESS;
}
EXPORT int cudaEventElapsedTime_v2(float *ms, void *from, void *to) {
    return cudaEventElapsedTime(ms, from, to);
}
EXPORT int cudaEventRecord(void *event, void *stream) {
    stub_record("R %p %p", event, stream);
    return SUCCESS;
}
EXPORT int cudaEventRecordWithFlags(void *event, void *stream, unsigned flags) {
    return cudaEventRecord(event, stream);
}
EXPORT int cudaStreamWaitEvent(void *stream, void *event, unsigned flags) {
    stub_record("W %p %p", stream, event);
    return SUCCESS;
}
EXPORT int cudaStreamSynchronize(void *stream) {
    stub_record("Y stream %p", stream);
    return SUCCESS;
}
EXPORT int cudaEventSynchronize(void *event) {
    stub_record("Y event %p", event);
    return SUCCESS;
}
EXPORT int cudaDeviceSynchronize(void) {
    stub_record("Y device");
    return SUCCESS;
}
EXPORT int cudaStreamBeginCapture(void *stream, int mode) {
    captured = stream;
    capturing = 1;
    capture_id++;
    return SUCCESS;
}
EXPORT int cudaStreamEndCapture(void *stream, void **graph) {
    capturing = 0;
    return new_handle(graph);
}
EXPORT int cudaStreamIsCapturing(void *stream, int *status) {
    *status = capturing && stream == captured;
    return SUCCESS;
}
static int capture_info(void *stream, int *status, unsigned long long *id) {
    int active = capturing && stream == captured;
    if (status) *status = active;
    if (id) *id = active ? capture_id : 0;
    return SUCCESS;
}
EXPORT int cudaStreamGetCaptureInfo(void *stream, int *status, unsigned long long *id) {
    return capture_info(stream, status, id);
}
EXPORT int cudaStreamGetCaptureInfo_v2(void *stream, int *status, unsigned long long *id) {
    return capture_info(stream, status, id);
}
EXPORT int cudaStreamGetCaptureInfo_v3(void *stream, int *status, unsigned long long *id) {
    return capture_info(stream, status, id);
}
EXPORT int cudaGraphInstantiate(void **executable, void *graph) {
    return new_handle(executable);
}
EXPORT int cudaGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long how) {
    return new_handle(executable);
}
EXPORT int cudaGraphGetNodes(void *graph, void **nodes, size_t *count) {
    *count = 1;
    return SUCCESS;
}
EXPORT int cudaLaunchHostFunc(void *stream, void (*function)(void *), void *data) {
    function(data);
    return SUCCESS;
}
EXPORT int cudaStreamAddCallback(void *stream, void (*function)(void *, int, void *), void *data,
                                 unsigned flags) {
    function(stream, SUCCESS, data);
    return SUCCESS;
}

/* ---- kernels: registered by name when a library is loaded, and launched without effect */

struct configuration {
    dim3 grid, block;
    size_t shared_bytes;
    void *stream;
};

struct kernel {
    const void *function; /* the host's address of it */
    const char *name;
};

static struct kernel *kernels;
static size_t kernel_count, kernel_room;
static int kernels_sorted;
static _Thread_local struct configuration pushed;

EXPORT void **__cudaRegisterFatBinary(void *binary) {
    static void *handle[4];
    return handle;
}
EXPORT void __cudaRegisterFunction(void **binary, const char *kernel, char *on_device,
                                   const char *name, int limit, void *thread, void *block,
                                   void *block_size, void *grid_size, int *warp) {
    begin();
    if (kernel_count == kernel_room) {
        kernel_room = kernel_room ? 2 * kernel_room : 4096;
        kernels = realloc(kernels, kernel_room * sizeof *kernels);
        if (!kernels) abort();
    }
    kernels[kernel_count++] = (struct kernel){kernel, name};
    kernels_sorted = 0;
    end();
}

static int by_address(const void *left, const void *right) {
    uintptr_t a = (uintptr_t)((const struct kernel *)left)->function;
    uintptr_t b = (uintptr_t)((const struct kernel *)right)->function;
    return (a > b) - (a < b);
}

static const char *kernel_name(const void *function) {
    struct kernel wanted = {function, NULL};
    begin();
    if (!kernels_sorted) qsort(kernels, kernel_count, sizeof *kernels, by_address);
    kernels_sorted = 1;
    struct kernel *kernel = bsearch(&wanted, kernels, kernel_count, sizeof *kernels, by_address);
    end();
    return kernel ? kernel->name : "?";
}

/* An elementwise kernel's first argument is its number of elements. */
static void launch(const void *kernel, dim3 grid, dim3 block, void **arguments, void *stream) {
    if (!recording) return;
    const char *name = kernel_name(kernel);
    int elements = arguments && strstr(name, "elementwise_kernel") ? *(int *)arguments[0] : -1;
    stub_record("K %u %u %u %u %u %u %d %p %s", grid.x, grid.y, grid.z, block.x, block.y, block.z,
                elements, stream, name);
}

EXPORT unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void *stream) {
    pushed = (struct configuration){grid, block, shared, stream};
    return SUCCESS;
}
EXPORT int __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared, void **stream) {
    *grid = pushed.grid;
    *block = pushed.block;
    *shared = pushed.shared_bytes;
    *stream = pushed.stream;
    return SUCCESS;
}
EXPORT int __cudaGetKernel(const void **kernel, const void *function) {
    *kernel = function;
    return SUCCESS;
}
EXPORT int cudaGetFuncBySymbol(const void **function, const void *symbol) {
    *function = symbol;
    return SUCCESS;
}
EXPORT int cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **arguments,
                            size_t shared, void *stream) {
    launch(kernel, grid, block, arguments, stream);
    return SUCCESS;
}
EXPORT int __cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **arguments,
                              size_t shared, void *stream) {
    return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}
EXPORT int __cudaLaunchKernel_ptsz(const void *kernel, dim3 grid, dim3 block, void **arguments,
                                   size_t shared, void *stream) {
    return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}
EXPORT int cudaLaunchCooperativeKernel(const void *kernel, dim3 grid, dim3 block,
                                       void **arguments, size_t shared, void *stream) {
    return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}
EXPORT int cudaLaunchKernelExC(const struct configuration *how, const void *kernel,
                               void **arguments) {
    launch(kernel, how->grid, how->block, arguments, how->stream);
    return SUCCESS;
}

/* What PyTorch's kernels are compiled for that a card takes: the newest of a build not above it. CUB
 * refuses to plan for any other. */
static int kernel_version(void) {
    int version = major() * 10 + minor();
    return version >= 90 ? 90 : version >= 86 && version != 87 ? 86 : version >= 80 ? 80 : version;
}

/* Values that no program may divide by zero. */
EXPORT int cudaFuncGetAttributes(char *attributes, const void *kernel) {
    enum { BYTES = 144, MAX_THREADS = 24, REGISTERS_USED = 28, PTX = 32, BINARY = 36,
           MAX_DYNAMIC = 44 };
    memset(attributes, 0, BYTES);
    put_int(attributes, MAX_THREADS, 1024);
    put_int(attributes, REGISTERS_USED, 32);
    put_int(attributes, PTX, kernel_version());
    put_int(attributes, BINARY, kernel_version());
    put_int(attributes, MAX_DYNAMIC, (int)shared_per_processor() - 1024);
    return SUCCESS;
}
EXPORT int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel,
                                                         int threads, size_t shared) {
    int most = threads_per_processor();
    *blocks = threads > 0 && threads < most ? most / threads : 1;
    return SUCCESS;
}
EXPORT int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *kernel,
                                                                  int threads, size_t shared,
                                                                  unsigned flags) {
    return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, kernel, threads, shared);
}
EXPORT int cudaOccupancyMaxActiveClusters(int *clusters, const void *kernel, const void *how) {
    *clusters = (int)stub_setting("DRYRUN_PROCESSORS", 108);
    return SUCCESS;
}

/* ---- the driver's functions, found by name in libcuda */

void *stub_driver_function(const char *name) __attribute__((weak));

static int entry_point(const char *name, void **function, int *result) {
    *function = stub_driver_function ? stub_driver_function(name) : NULL;
    if (result) *result = *function ? 0 : 1;
    return SUCCESS;
}
EXPORT int cudaGetDriverEntryPoint(const char *name, void **function, unsigned long long flags,
                                   int *result) {
    return entry_point(name, function, result);
}
EXPORT int cudaGetDriverEntryPointByVersion(const char *name, void **function, unsigned version,
                                            unsigned long long flags, int *result) {
    return entry_point(name, function, result);
}
