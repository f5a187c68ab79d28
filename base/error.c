#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

enum err error_set(struct error *error, enum err code, const char *format, ...)
{
    va_list args;

    if (!error)
        return code;
    error->code = code;
    error->upstream = 0;
    error->retry_after_ms = 0;
    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return code;
}

const char *error_name(enum err code)
{
    switch (code) {
    case ERR_NONE:
        return "none";
    case ERR_INVALID:
        return "invalid";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_BUSY:
        return "busy";
    case ERR_THROTTLED:
        return "throttled";
    case ERR_UNAVAILABLE:
        return "unavailable";
    case ERR_UPSTREAM:
        return "upstream";
    case ERR_IN_DOUBT:
        return "in_doubt";
    case ERR_IO:
        return "io";
    case ERR_NO_MEMORY:
        return "no_memory";
    case ERR_INTERNAL:
        return "internal";
    }
    return "unknown";
}
