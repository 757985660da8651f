/* The little of <stdlib.h> that a flow needs and memory.c has. With a C library, leave this directory
 * and memory.c out. */
#ifndef VIREO_STDLIB_H
#define VIREO_STDLIB_H
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *at, size_t size);
void free(void *at);
#ifdef __cplusplus
[[noreturn]] void abort(void);
}
#else
_Noreturn void abort(void);
#endif
#endif
