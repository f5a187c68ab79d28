/* tests/fuzz/fuzz.h - what the targets share. Each gets bytes and must neither crash nor break what
 * its asserts say. */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A NUL-terminated copy; the caller frees. */
static inline char *fuzz_text(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1);

    assert(text);
    if (bytes)
        memcpy(text, data, bytes);
    text[bytes] = '\0';
    return text;
}

/* Cuts the text at its first NUL or newline; returns what is behind. */
static inline char *fuzz_line(char *text)
{
    char *end = strchr(text, '\n');

    if (!end)
        return text + strlen(text);
    *end = '\0';
    return end + 1;
}
