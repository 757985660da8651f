/* printf's common conversions, into a text of malloc. */
#ifndef VIREO_FORMAT_H
#define VIREO_FORMAT_H
#include <stdarg.h>
char *vireo_format(const char *format, va_list arguments);
#endif
