/* The little of <string.h> that a flow needs and memory.c has. */
#ifndef VIREO_STRING_H
#define VIREO_STRING_H
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void *memcpy(void *__restrict to, const void *__restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *at, int value, size_t length);
int memcmp(const void *one, const void *other, size_t length);
size_t strlen(const char *text);
int strcmp(const char *one, const char *other);
int strncmp(const char *one, const char *other, size_t length);
char *strchr(const char *text, int wanted);
#ifdef __cplusplus
}
#endif
#endif
