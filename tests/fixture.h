/* tests/fixture.h - recorded payloads as texts. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include <check.h>

/* The content of fixtures/<name>.json, NUL-terminated; the caller frees it. */
static inline char *fixture(const char *name, size_t *bytes)
{
    enum { MAX = 1 << 20 };
    char path[512];
    char *text = malloc(MAX);
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s.json", FIXTURES, name);
    file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "no fixture %s", path);
    ck_assert_ptr_nonnull(text);
    *bytes = fread(text, 1, MAX - 1, file);
    text[*bytes] = '\0';
    (void)fclose(file);
    return text;
}
