/* NCCL: communicators know their size and rank; collectives succeed and move nothing. */
#include "stub.h"

struct identity {
    char bytes[128];
};

struct communicator {
    int ranks, rank;
};

extern int cudaMalloc(void **address, size_t bytes);

static int communicator(void **result, int ranks, int rank) {
    struct communicator *made = calloc(1, 64);
    if (!made) return 1;
    made->ranks = ranks;
    made->rank = rank;
    *result = made;
    return 0;
}

EXPORT int ncclGetVersion(int *version) {
    *version = 22907;
    return 0;
}
EXPORT const char *ncclGetErrorString(int error) {
    return error ? "error of the dry run" : "no error";
}
EXPORT const char *ncclGetLastError(void *result) {
    return "";
}
EXPORT int ncclGetUniqueId(struct identity *identity) {
    memset(identity, 7, sizeof *identity);
    return 0;
}
EXPORT int ncclCommInitRank(void **result, int ranks, struct identity identity, int rank) {
    return communicator(result, ranks, rank);
}
EXPORT int ncclCommInitRankConfig(void **result, int ranks, struct identity identity, int rank,
                                  void *config) {
    return communicator(result, ranks, rank);
}
EXPORT int ncclCommInitRankScalable(void **result, int ranks, int rank, int count,
                                    struct identity *identities, void *config) {
    return communicator(result, ranks, rank);
}
/* How many share a part is known to the others only: PyTorch sets the group's size itself. */
EXPORT int ncclCommSplit(struct communicator *whole, int color, int key, void **result,
                         void *config) {
    return communicator(result, whole->ranks, whole->rank);
}
EXPORT int ncclCommGetAsyncError(void *whole, int *error) {
    *error = 0;
    return 0;
}
EXPORT int ncclCommCount(const struct communicator *whole, int *ranks) {
    *ranks = whole->ranks;
    return 0;
}
EXPORT int ncclCommUserRank(const struct communicator *whole, int *rank) {
    *rank = whole->rank;
    return 0;
}
EXPORT int ncclCommCuDevice(const struct communicator *whole, int *device) {
    *device = stub_device();
    return 0;
}
EXPORT int ncclMemAlloc(void **address, size_t bytes) {
    return cudaMalloc(address, bytes);
}

/* Bytes of an element, by ncclDataType_t: int8, uint8, int32, uint32, int64, uint64, fp16, fp32,
 * fp64, bf16, and the two 8-bit floats. */
static size_t element_bytes(int type) {
    static const unsigned char bytes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1};
    return type >= 0 && type < (int)sizeof bytes ? bytes[type] : 1;
}

/* "N kind bytes ranks stream": of a gather or a scatter the bytes of the whole buffer. */
static int collective(const char *kind, size_t count, int type,
                      const struct communicator *whole, int parts, void *stream) {
    if (stub_recording())
        stub_record("N %s %zu %d %p", kind, count * element_bytes(type) * (size_t)parts,
                    whole->ranks, stream);
    return 0;
}

EXPORT int ncclAllReduce(const void *from, void *to, size_t count, int type, int operation,
                         struct communicator *whole, void *stream) {
    return collective("all_reduce", count, type, whole, 1, stream);
}
EXPORT int ncclAllGather(const void *from, void *to, size_t count, int type,
                         struct communicator *whole, void *stream) {
    return collective("all_gather", count, type, whole, whole->ranks, stream);
}
EXPORT int ncclReduceScatter(const void *from, void *to, size_t count, int type, int operation,
                             struct communicator *whole, void *stream) {
    return collective("reduce_scatter", count, type, whole, whole->ranks, stream);
}
EXPORT int ncclReduce(const void *from, void *to, size_t count, int type, int operation, int root,
                      struct communicator *whole, void *stream) {
    return collective("reduce", count, type, whole, 1, stream);
}
EXPORT int ncclBroadcast(const void *from, void *to, size_t count, int type, int root,
                         struct communicator *whole, void *stream) {
    stub_broadcast(from, to);
    return collective("broadcast", count, type, whole, 1, stream);
}
EXPORT int ncclBcast(void *buffer, size_t count, int type, int root, struct communicator *whole,
                     void *stream) {
    return ncclBroadcast(buffer, buffer, count, type, root, whole, stream);
}
EXPORT int ncclSend(const void *from, size_t count, int type, int peer,
                    struct communicator *whole, void *stream) {
    return collective("send", count, type, whole, 1, stream);
}
EXPORT int ncclRecv(void *to, size_t count, int type, int peer, struct communicator *whole,
                    void *stream) {
    return collective("receive", count, type, whole, 1, stream);
}
