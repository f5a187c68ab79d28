/* base/buffer.h - bytes that grow up to a maximum.
 *
 * Writers append; a failure (out of memory, maximum reached) sticks and is asked once, at the end.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct buffer {
    char *data;   /* NUL-terminated when not NULL */
    size_t bytes; /* without the NUL */
    size_t capacity;
    size_t max;
    enum err failed; /* ERR_NONE, ERR_BUSY (maximum reached) or ERR_NO_MEMORY */
};

/* An empty buffer of at most `max` bytes; allocates nothing. */
struct buffer buffer_of(size_t max);
/* Frees; the buffer is then empty and usable again. */
void buffer_deinit(struct buffer *buffer);
/* Empties, keeps the memory and the maximum, forgets a failure. */
void buffer_clear(struct buffer *buffer);

void buffer_add(struct buffer *buffer, const void *data, size_t bytes);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_addf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
MUST_CHECK enum err buffer_check(const struct buffer *buffer);
/* Hands over the bytes (the caller frees them) and empties the buffer; NULL when it failed or is
 * empty. */
char *buffer_take(struct buffer *buffer, size_t *bytes);
