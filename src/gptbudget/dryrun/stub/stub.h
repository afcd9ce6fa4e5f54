/* What the stand-in libraries share. Each .c file beside this one becomes one shared library.
 *
 * They keep books of memory, hand out handles, and write down what is launched; they compute
 * nothing. Types are declared here, so that no header of CUDA is needed: a handle is a pointer, an
 * enumeration is an int, success is 0. CUDA_MAJOR (12 or 13) chooses between layouts that differ.
 */
#ifndef STUB_H
#define STUB_H

#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct {
    unsigned x, y, z;
} dim3;

/* A function that only says that it was called. build.py writes one line of these for each symbol
 * that the installed libraries ask for and no file here defines. */
#define STAND_IN(name)                        \
    EXPORT long name(void) {                  \
        static int calls;                     \
        if (!calls++) stub_stand_in(#name);   \
        return 0;                             \
    }

/* Defined in cudart.c. */
long stub_setting(const char *name, long otherwise); /* a number of the environment */
void *stub_handle(void);                             /* a pointer that nobody else has */
void *stub_allocate(size_t bytes);                   /* device memory; NULL when the card is full */
int stub_free(void *address);
void *stub_reserve(size_t bytes); /* device addresses without memory */
int stub_take(size_t bytes);      /* count memory that is mapped later; 0 when the card is full */
void stub_give_back(size_t bytes);
int stub_on_device(const void *address);
int stub_is_pinned(const void *address);
int stub_device(void);
void stub_copy(void *to, const void *from, size_t bytes);
void stub_broadcast(const void *from, const void *to);
int stub_attribute(int attribute);
void stub_stand_in(const char *name);
int stub_recording(void);
void stub_record(const char *format, ...);

#endif
