#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text text_in(char *out, size_t out_bytes)
{
    out[0] = '\0';
    return (struct text){ .data = out, .max = out_bytes };
}

void text_add_n(struct text *text, const char *more, size_t bytes)
{
    size_t room = text->max - 1 - text->bytes;

    if (text->cut)
        return;
    if (bytes > room) {
        bytes = room;
        text->cut = true;
    }
    memcpy(text->data + text->bytes, more, bytes);
    text->bytes += bytes;
    text->data[text->bytes] = '\0';
}

void text_add(struct text *text, const char *more)
{
    text_add_n(text, more, strlen(more));
}

void text_add_u64(struct text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    text_add_n(text, digits + at, sizeof(digits) - at);
}

void text_addf(struct text *text, const char *format, ...)
{
    size_t room = text->max - text->bytes;
    va_list args;
    int wanted;

    if (text->cut)
        return;
    va_start(args, format);
    wanted = vsnprintf(text->data + text->bytes, room, format, args);
    va_end(args);
    if (wanted < 0 || (size_t)wanted >= room) {
        text->cut = true;
        text->bytes = wanted < 0 ? text->bytes : text->max - 1;
        text->data[text->bytes] = '\0';
        return;
    }
    text->bytes += (size_t)wanted;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void text_add_query_value(struct text *text, const char *value)
{
    for (; *value; value++) {
        if (is_unreserved((unsigned char)*value))
            text_add_n(text, value, 1);
        else
            text_addf(text, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

bool text_fits(const struct text *text)
{
    return !text->cut;
}

enum err text_copy_n(char *to, size_t to_bytes, const char *from, size_t from_bytes)
{
    if (from_bytes >= to_bytes) {
        to[0] = '\0';
        return ERR_INVALID;
    }
    memcpy(to, from, from_bytes);
    to[from_bytes] = '\0';
    return ERR_NONE;
}

enum err text_copy(char *to, size_t to_bytes, const char *from)
{
    return text_copy_n(to, to_bytes, from, strlen(from));
}

void text_cut(char *to, size_t to_bytes, const char *from)
{
    size_t bytes = strnlen(from, to_bytes - 1);

    memcpy(to, from, bytes);
    to[bytes] = '\0';
}

#define WORD_MAX 48

/* Levenshtein distance; words longer than WORD_MAX are as far as can be. */
static size_t distance(const char *a, const char *b)
{
    size_t a_bytes = strlen(a);
    size_t b_bytes = strlen(b);
    size_t row[WORD_MAX + 1];

    if (a_bytes > WORD_MAX || b_bytes > WORD_MAX)
        return WORD_MAX + 1;
    for (size_t j = 0; j <= b_bytes; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_bytes];
}

const char *text_nearest(const char *word, const char *const *names, size_t names_count)
{
    size_t allowed = strlen(word) / 3 + (strlen(word) < 3);
    const char *nearest = NULL;

    for (size_t i = 0; i < names_count; i++) {
        size_t far = distance(word, names[i]);

        if (far > allowed || (nearest && far == allowed))
            continue;
        nearest = names[i];
        allowed = far;
    }
    return nearest;
}
