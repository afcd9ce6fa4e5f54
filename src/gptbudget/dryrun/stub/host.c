/* Large blocks of the host's memory without the memory.
 *
 * PyTorch takes the storage of its CPU tensors with posix_memalign, and cudart.c takes pinned
 * memory so. The first DRYRUN_HOST_BYTES of large blocks are real. Beyond that a block is one small
 * file mapped over and over: it can be written and read, keeps no values of its own, and counts in
 * the resident memory of the process as if it were real. So weights and optimizer states that a
 * program keeps on the host take no more memory here than that limit. */
#include "spans.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE ((size_t)8 << 20)
#define ALIGNMENT ((size_t)2 << 20)
#define ADDRESSES ((size_t)1 << 45)
#define FILE_BYTES ((size_t)64 << 20)

enum { NOTHING = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, USED = PROT_READ | PROT_WRITE };

extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void __libc_free(void *address);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char *addresses = MAP_FAILED;
static int file;
static size_t next_address, real_bytes, most_real_bytes, shared_bytes, shared_peak_bytes;
static struct spans blocks; /* with data: whether it is shared */

EXPORT size_t dryrun_shared_peak_bytes(void) {
    return shared_peak_bytes;
}

static void start(void) {
    most_real_bytes = (size_t)stub_setting("DRYRUN_HOST_BYTES", 1L << 30);
    file = memfd_create("gptbudget-dry-run", MFD_CLOEXEC);
    if (file >= 0 && !ftruncate(file, (off_t)FILE_BYTES))
        addresses = mmap(NULL, ADDRESSES, PROT_NONE, NOTHING, -1, 0);
}

static int is_large(const void *address) {
    return addresses != MAP_FAILED && (const char *)address >= addresses &&
           (const char *)address < addresses + ADDRESSES;
}

/* Puts the file behind a block, piece by piece; 0 where the system allows no more pieces. */
static int map_file(char *block, size_t bytes) {
    for (size_t place = 0; place < bytes; place += FILE_BYTES) {
        size_t piece = bytes - place < FILE_BYTES ? bytes - place : FILE_BYTES;
        if (mmap(block + place, piece, USED, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
            return 0;
    }
    return 1;
}

static void *take(size_t bytes) {
    size_t length = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (addresses == MAP_FAILED || length > ADDRESSES - next_address) return NULL;
    char *block = addresses + next_address;
    int is_shared = real_bytes + length > most_real_bytes && map_file(block, length);
    if (!is_shared && mmap(block, length, USED, NOTHING | MAP_FIXED, -1, 0) == MAP_FAILED)
        return NULL;
    next_address += length;
    spans_add(&blocks, block, length, is_shared ? block : NULL);
    *(is_shared ? &shared_bytes : &real_bytes) += length;
    if (shared_bytes > shared_peak_bytes) shared_peak_bytes = shared_bytes;
    return block;
}

static void give_back(void *address) {
    struct span *span = spans_find(&blocks, address);
    if (!span) return;
    mmap((void *)span->start, span->bytes, PROT_NONE, NOTHING | MAP_FIXED, -1, 0);
    *(span->data ? &shared_bytes : &real_bytes) -= span->bytes;
    spans_remove(&blocks, span);
}

EXPORT int posix_memalign(void **address, size_t alignment, size_t bytes) {
    void *block = NULL;
    if (bytes >= LARGE && alignment <= ALIGNMENT) {
        pthread_once(&once, start);
        pthread_mutex_lock(&lock);
        block = take(bytes);
        pthread_mutex_unlock(&lock);
    }
    if (!block) block = __libc_memalign(alignment, bytes);
    if (!block) return ENOMEM;
    *address = block;
    return 0;
}

EXPORT void free(void *address) {
    if (!is_large(address)) {
        __libc_free(address);
        return;
    }
    pthread_mutex_lock(&lock);
    give_back(address);
    pthread_mutex_unlock(&lock);
}
