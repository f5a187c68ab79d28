/* base/error.h - one way to say that something failed, and why.
 *
 * Who finds a failure writes its text; who handles it logs it, once.
 */
#pragma once

#define MUST_CHECK   __attribute__((warn_unused_result))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum err {
    ERR_NONE = 0,
    ERR_INVALID,   /* the input is wrong, and the text says how */
    ERR_NOT_FOUND, /* there is no such thing */
    ERR_BUSY,      /* a bound was reached; nothing was done */
    ERR_THROTTLED, /* no turn in the rate budget; nothing was done: see struct error.retry_after_ms
                    */
    ERR_UNAVAILABLE, /* not now: not connected, not ready, deadline passed; nothing was done */
    ERR_UPSTREAM,    /* the exchange said no: see struct error.upstream */
    ERR_IN_DOUBT,    /* sent, no usable answer: it may have happened */
    ERR_IO,          /* a file or a socket failed */
    ERR_NO_MEMORY,
    ERR_INTERNAL,
};

struct error {
    enum err code;
    int upstream; /* the exchange's retCode, or 0 */
    char text[240];
    int retry_after_ms; /* with ERR_THROTTLED: when there may be a turn; else 0 */
};

/* Fills `error`, unless NULL, and returns `code`, so that callers can return it at once. */
enum err error_set(struct error *error, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The code's name in lower case, e.g. "not_found". */
const char *error_name(enum err code);
