/* Memory without a C library: blocks of powers of two, each size with its list of free ones. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 65536, SMALLEST_SHIFT = 4, SIZES = 28 };

/* Before each block; 8 bytes, so that blocks are aligned to 8. */
typedef struct header {
    uint32_t size_class;
    uint32_t unused;
} header;

typedef struct free_block {
    struct free_block *next;
} free_block;

extern unsigned char __heap_base; /* of the linker: the end of data and stack */

static free_block *free_blocks[SIZES];
static uintptr_t fresh, end;

static uint32_t class_of(size_t size) {
    uint32_t class = 0;
    while (((size_t)1 << (class + SMALLEST_SHIFT)) < size)
        class++;
    return class;
}

static size_t room(uint32_t class) {
    return (size_t)1 << (class + SMALLEST_SHIFT);
}

/* A block from memory that was never used, or NULL when there is no more. */
static void *carve(size_t size) {
    if (fresh == 0) {
        fresh = ((uintptr_t)&__heap_base + 7) & ~(uintptr_t)7;
        end = __builtin_wasm_memory_size(0) * (uintptr_t)PAGE;
    }
    if (size > end - fresh) {
        size_t pages = (size - (end - fresh) + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1)
            return NULL;
        end += pages * PAGE;
    }
    void *block = (void *)fresh;
    fresh += size;
    return block;
}

void *malloc(size_t size) {
    if (size > ((size_t)1 << 30))
        return NULL;
    uint32_t class = class_of(size);
    free_block *block = free_blocks[class];
    if (block) {
        free_blocks[class] = block->next;
        return block;
    }
    header *head = carve(sizeof(header) + room(class));
    if (!head)
        return NULL;
    head->size_class = class;
    return head + 1;
}

void free(void *at) {
    if (!at)
        return;
    free_block *block = at;
    uint32_t class = ((header *)at - 1)->size_class;
    block->next = free_blocks[class];
    free_blocks[class] = block;
}

void *calloc(size_t count, size_t size) {
    size_t all;
    if (__builtin_mul_overflow(count, size, &all))
        return NULL;
    void *at = malloc(all);
    return at ? memset(at, 0, all) : NULL;
}

void *realloc(void *at, size_t size) {
    if (!at)
        return malloc(size);
    size_t had = room(((header *)at - 1)->size_class);
    if (size <= had)
        return at;
    void *bigger = malloc(size);
    if (!bigger)
        return NULL;
    memcpy(bigger, at, had);
    free(at);
    return bigger;
}

_Noreturn void abort(void) {
    __builtin_trap();
}

/* The host asks here for the memory of what it returns. Texts and byte lists, whose alignment is 1,
 * get a NUL behind them. It takes precedence over the one in the generated bindings, which is weak. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *at, size_t old, size_t align, size_t size) {
    (void)old;
    if (size == 0)
        return (void *)align;
    char *block = realloc(at, size + 1);
    if (!block)
        abort();
    if (align == 1)
        block[size] = 0;
    return block;
}

/* The functions that a compiler takes for granted. */
void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    unsigned char *out = to;
    const unsigned char *in = from;
    while (length--)
        *out++ = *in++;
    return to;
}

void *memmove(void *to, const void *from, size_t length) {
    unsigned char *out = to;
    const unsigned char *in = from;
    if (out <= in)
        return memcpy(to, from, length);
    while (length--)
        out[length] = in[length];
    return to;
}

void *memset(void *at, int value, size_t length) {
    unsigned char *out = at;
    while (length--)
        *out++ = (unsigned char)value;
    return at;
}

int memcmp(const void *one, const void *other, size_t length) {
    const unsigned char *a = one, *b = other;
    for (; length--; a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

int strcmp(const char *one, const char *other) {
    while (*one && *one == *other)
        one++, other++;
    return (unsigned char)*one - (unsigned char)*other;
}

int strncmp(const char *one, const char *other, size_t length) {
    for (; length > 0 && *one && *one == *other; length--)
        one++, other++;
    return length == 0 ? 0 : (unsigned char)*one - (unsigned char)*other;
}

char *strchr(const char *text, int wanted) {
    for (; *text != (char)wanted; text++)
        if (!*text)
            return NULL;
    return (char *)text;
}
