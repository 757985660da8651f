#include "format.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where the text goes; without a place it is only counted. */
typedef struct sink {
    char *at;
    size_t length;
} sink;

static void put(sink *to, const char *from, size_t length) {
    if (to->at)
        memcpy(to->at + to->length, from, length);
    to->length += length;
}

static void put_number(sink *to, uint64_t number, unsigned base, int negative) {
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    if (negative)
        digits[--at] = '-';
    put(to, digits + at, sizeof digits - at);
}

static void format_into(sink *to, const char *format, va_list arguments) {
    for (; *format; format++) {
        if (*format != '%') {
            put(to, format, 1);
            continue;
        }
        int longs = 0, size = 0;
        for (format++; *format == 'l' || *format == 'z'; format++)
            *format == 'l' ? longs++ : size++;
        switch (*format) {
        case 'd':
        case 'i': {
            int64_t number = longs > 1 ? va_arg(arguments, long long)
                             : longs   ? va_arg(arguments, long)
                             : size    ? (int64_t)va_arg(arguments, ptrdiff_t)
                                       : va_arg(arguments, int);
            put_number(to, number < 0 ? -(uint64_t)number : (uint64_t)number, 10, number < 0);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t number = longs > 1 ? va_arg(arguments, unsigned long long)
                              : longs   ? va_arg(arguments, unsigned long)
                              : size    ? va_arg(arguments, size_t)
                                        : va_arg(arguments, unsigned);
            put_number(to, number, *format == 'x' ? 16 : 10, 0);
            break;
        }
        case 'c': {
            char one = (char)va_arg(arguments, int);
            put(to, &one, 1);
            break;
        }
        case 's': {
            const char *text = va_arg(arguments, const char *);
            put(to, text ? text : "(null)", text ? strlen(text) : 6);
            break;
        }
        case '%':
            put(to, "%", 1);
            break;
        default: /* what is not understood stands as it is written */
            put(to, "%", 1);
            if (!*format)
                return;
            put(to, format, 1);
        }
    }
}

char *vireo_format(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    sink to = {NULL, 0};
    format_into(&to, format, again);
    va_end(again);
    to.at = malloc(to.length + 1);
    if (!to.at)
        abort();
    to.length = 0;
    format_into(&to, format, arguments);
    to.at[to.length] = 0;
    return to.at;
}
