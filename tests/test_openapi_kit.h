/* tests/test_openapi_kit.h - openapi.yaml by its lines: the document keeps to two blanks an
 * indentation, so lines are enough to read it. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "api/openapi.h"
#include "base/text.h"

#define LINES_MAX 10000

static char *document;
static char *lines[LINES_MAX];
static size_t lines_count;

static inline void load(void)
{
    FILE *file = fopen(SOURCE_ROOT "/openapi.yaml", "rb");
    size_t bytes;
    char *rest;

    ck_assert_ptr_nonnull(file);
    document = calloc(1, 1024 * 1024);
    ck_assert_ptr_nonnull(document);
    bytes = fread(document, 1, 1024 * 1024 - 1, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_uint_eq(bytes, api_openapi_bytes);
    ck_assert_mem_eq(document, api_openapi, bytes);
    rest = document;
    lines_count = 0;
    while (rest && *rest) {
        ck_assert_uint_lt(lines_count, LINES_MAX);
        lines[lines_count++] = strsep(&rest, "\n");
    }
}

static inline void unload(void)
{
    free(document);
}

static inline size_t indent(const char *line)
{
    return strspn(line, " ");
}

/* The line number of `text` (with its indentation) at or behind `from` and before `to`; `to` when
 * there is none. */
static inline size_t find_line(const char *text, size_t from, size_t to)
{
    while (from < to && strcmp(lines[from], text) != 0)
        from++;
    return from;
}

/* The first line behind `at` that is not inside of it. */
static inline size_t end_of(size_t at)
{
    size_t outer = indent(lines[at]);

    for (at++; at < lines_count; at++) {
        if (lines[at][0] && indent(lines[at]) <= outer)
            break;
    }
    return at;
}

/* Whether the line is "<blanks>name:" of that indentation. */
static inline bool is_key(const char *line, size_t blanks, char name[80])
{
    size_t bytes = strlen(line);

    if (indent(line) != blanks || bytes <= blanks + 1 || line[bytes - 1] != ':')
        return false;
    return text_copy_n(name, 80, line + blanks, bytes - blanks - 1) == ERR_NONE;
}

static inline size_t section(const char *line, size_t from, size_t to)
{
    size_t at = find_line(line, from, to);

    ck_assert_msg(at < to, "no line \"%s\"", line);
    return at;
}

/* The line of the schema's properties, ended by *end. */
static inline size_t properties_of(const char *schema, size_t *end)
{
    char line[80];
    size_t at = section("  schemas:", section("components:", 0, lines_count), lines_count);
    struct text text = text_in(line, sizeof(line));

    text_addf(&text, "    %s:", schema);
    at = section(line, at, lines_count);
    at = section("      properties:", at, end_of(at));
    *end = end_of(at);
    return at;
}
