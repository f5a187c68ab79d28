/* G9 and G10: the path and the query of a request's target. */
#include <stdio.h>
#include <string.h>

#include "server/gate.h"

static const char not_strict[] =
    "the query is not strictly percent-encoded UTF-8 without control characters";

static bool is_letter_or_digit(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that "%XX" stands for, or -1. */
static int percent_value(const char *at)
{
    int high = hex_value(at[1]);
    int low = high < 0 ? -1 : hex_value(at[2]);

    return low < 0 ? -1 : high * 16 + low;
}

static bool path_byte(const char **from, char *to)
{
    unsigned char c = (unsigned char)**from;
    int value;

    if (is_letter_or_digit(c) || (c && strchr("/._:-", c))) {
        *to = (char)c;
        *from += 1;
        return true;
    }
    value = c == '%' ? percent_value(*from) : -1;
    if (value <= 0 || !(is_letter_or_digit((unsigned char)value) || strchr(":._-", value)))
        return false;
    *to = (char)value;
    *from += 3;
    return true;
}

bool gate_path(struct gate_head *head, struct gate_verdict *out, char **query)
{
    char *at = strchr(head->target, '?');
    const char *from = head->target;
    char *to = head->target;

    *query = NULL;
    if (head->target_bytes > GATE_TARGET_MAX)
        return gate_refuse(out, 414, "uri_too_long", "the target is longer than 8 KiB");
    if (at) {
        *at = '\0';
        *query = at + 1;
    }
    if (*from != '/')
        return gate_refuse(out, 400, "bad_request", "the request target must start with /");
    while (*from) {
        if (!path_byte(&from, to))
            return gate_refuse(out, 400, "bad_request",
                               "the path has a character that no path here has (or it is escaped "
                               "where it must not be)");
        to++;
    }
    *to = '\0';
    if (strstr(head->target, "//") || strstr(head->target, ".."))
        return gate_refuse(out, 400, "bad_request", "the path has // or ..");
    out->path = head->target;
    return true;
}

/* Length of the UTF-8 sequence at `at`, 0 if it is none. Only for bytes above 0x7f. */
static size_t utf8_length(const unsigned char *at)
{
    size_t more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : 1;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;

    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    if (at[0] == 0xe0)
        low = 0xa0;
    if (at[0] == 0xed)
        high = 0x9f;
    if (at[0] == 0xf0)
        low = 0x90;
    if (at[0] == 0xf4)
        high = 0x8f;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i <= more; i++) {
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    }
    return more + 1;
}

static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at) {
        size_t bytes = *at < 0x80 ? 1 : utf8_length(at);

        if (!bytes)
            return false;
        at += bytes;
    }
    return true;
}

/* Decodes in place. `+` stays: times like 2026-01-02T03:04:05+00:00 come as they are. */
static bool query_decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; to++) {
        int value = (unsigned char)*from;

        if (value == '%') {
            value = percent_value(from);
            from += 3;
        } else {
            if (value <= 0x20 || value > 0x7e || strchr("\"#<>\\^`{|}", value))
                return false;
            from++;
        }
        if (value < 0x20 || value == 0x7f)
            return false;
        *to = (char)value;
    }
    *to = '\0';
    return is_utf8(text);
}

static bool query_pair(char *piece, struct gate_verdict *out)
{
    char *value = strchr(piece, '=');
    const char *nearest = NULL;

    if (value)
        *value++ = '\0';
    else
        value = piece + strlen(piece);
    if (!query_decode(piece) || !query_decode(value))
        return gate_refuse(out, 400, "malformed_query", "%s", not_strict);
    if (!api_query_known(out->endpoint, piece, &nearest))
        return gate_refuse(out, 400, "unknown_query", "unknown query name '%.60s'%s%s%s", piece,
                           nearest ? "; did you mean '" : "", nearest ? nearest : "",
                           nearest ? "'?" : "");
    for (size_t i = 0; i < out->query_count; i++) {
        if (strcmp(out->query[i].name, piece) == 0)
            return gate_refuse(out, 400, "malformed_query", "query name '%.60s' is there twice",
                               piece);
    }
    if (out->query_count == API_QUERY_MAX)
        return gate_refuse(out, 400, "malformed_query", "more than %d query names", API_QUERY_MAX);
    out->query[out->query_count++] = (struct api_pair){ piece, value };
    return true;
}

bool gate_query(char *query, struct gate_verdict *out)
{
    while (query && *query) {
        char *next = strchr(query, '&');

        if (next)
            *next++ = '\0';
        if (*query && !query_pair(query, out))
            return false;
        query = next;
    }
    return true;
}

bool gate_raw_query(char *query, struct gate_verdict *out)
{
    char copy[GATE_TARGET_MAX + 1];

    out->raw_query = query;
    if (!query)
        return true;
    (void)snprintf(copy, sizeof(copy), "%s", query); /* shorter: gate_path has seen to it */
    if (query_decode(copy))
        return true;
    return gate_refuse(out, 400, "malformed_query", "%s", not_strict);
}
