/* Ranges of addresses in order, with a value each: what is allocated, pinned or uploaded. */
#ifndef SPANS_H
#define SPANS_H

#include "stub.h"

struct span {
    uintptr_t start;
    size_t bytes;
    void *data;
};

struct spans {
    struct span *items;
    size_t count, room;
};

/* The place of the first span that starts after `address`. */
static size_t spans_after(const struct spans *spans, uintptr_t address) {
    size_t low = 0, high = spans->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (spans->items[middle].start <= address) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* The span that holds `address`, or NULL. */
static struct span *spans_find(const struct spans *spans, const void *address) {
    size_t place = spans_after(spans, (uintptr_t)address);
    if (!place) return NULL;
    struct span *span = &spans->items[place - 1];
    return (uintptr_t)address < span->start + span->bytes ? span : NULL;
}

/* Adds a span. One that starts at the same address must have been removed. */
static void spans_add(struct spans *spans, const void *start, size_t bytes, void *data) {
    if (spans->count == spans->room) {
        spans->room = spans->room ? 2 * spans->room : 256;
        spans->items = realloc(spans->items, spans->room * sizeof *spans->items);
        if (!spans->items) abort();
    }
    size_t place = spans_after(spans, (uintptr_t)start);
    memmove(&spans->items[place + 1], &spans->items[place],
            (spans->count - place) * sizeof *spans->items);
    spans->items[place] = (struct span){(uintptr_t)start, bytes, data};
    spans->count++;
}

static void spans_remove(struct spans *spans, struct span *span) {
    size_t place = (size_t)(span - spans->items);
    spans->count--;
    memmove(span, span + 1, (spans->count - place) * sizeof *spans->items);
}

#endif
