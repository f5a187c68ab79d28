#include "base/buffer.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer buffer_of(size_t max)
{
    return (struct buffer){ .max = max };
}

void buffer_deinit(struct buffer *buffer)
{
    size_t max = buffer->max;

    free(buffer->data);
    *buffer = buffer_of(max);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->bytes = 0;
    buffer->failed = ERR_NONE;
    if (buffer->data)
        buffer->data[0] = '\0';
}

/* Room for `more` bytes and a NUL. */
static bool reserve(struct buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    char *grown;

    if (buffer->failed)
        return false;
    if (more > buffer->max || buffer->bytes > buffer->max - more) {
        buffer->failed = ERR_BUSY;
        return false;
    }
    if (buffer->bytes + more < buffer->capacity)
        return true;
    while (capacity <= buffer->bytes + more)
        capacity *= 2;
    grown = realloc(buffer->data, capacity);
    if (!grown) {
        buffer->failed = ERR_NO_MEMORY;
        return false;
    }
    buffer->data = grown;
    buffer->capacity = capacity;
    return true;
}

void buffer_add(struct buffer *buffer, const void *data, size_t bytes)
{
    if (!reserve(buffer, bytes))
        return;
    if (bytes)
        memcpy(buffer->data + buffer->bytes, data, bytes);
    buffer->bytes += bytes;
    buffer->data[buffer->bytes] = '\0';
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_addf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_list again;
    char small[256];
    int wanted;

    va_start(args, format);
    va_copy(again, args);
    wanted = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (wanted < 0)
        buffer->failed = ERR_BUSY;
    else if ((size_t)wanted < sizeof(small))
        buffer_add(buffer, small, (size_t)wanted);
    else if (reserve(buffer, (size_t)wanted)) {
        (void)vsnprintf(buffer->data + buffer->bytes, (size_t)wanted + 1, format, again);
        buffer->bytes += (size_t)wanted;
    }
    va_end(again);
}

enum err buffer_check(const struct buffer *buffer)
{
    return buffer->failed;
}

char *buffer_take(struct buffer *buffer, size_t *bytes)
{
    char *data = buffer->data;

    if (buffer->failed || buffer->bytes == 0) {
        buffer_deinit(buffer);
        return NULL;
    }
    *bytes = buffer->bytes;
    buffer->data = NULL;
    buffer_deinit(buffer);
    return data;
}
