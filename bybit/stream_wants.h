/* bybit/stream_wants.h - which topics are wanted: readers are counted, and a want lingers after its
 * last reader.
 *
 * The sockets of a category are bounded (STREAM_SOCKETS_MAX), and so is what fits them: a want
 * costs its characters, or its share of LINK_TOPICS_MAX where that is more. While the sum stays
 * below what the sockets have, one of them has a place for it, however the topics are spread. The
 * levels of books are bounded too (STREAM_LEVELS_MAX), since they are the memory.
 *
 * Threads: any; a short lock inside. Times are monotonic ms.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bybit/stream.h"

struct want {
    enum stream_kind kind;
    enum category category;
    int depth; /* of books; of candles the interval; else 0 */
    uint32_t hash;
    int cost; /* of a connection's characters */
    int readers;
    int64_t linger_until_ms;
    char symbol[SYMBOL_MAX];
};

struct wants;

struct wants *wants_create(int linger_ms);
void wants_destroy(struct wants *wants);

enum want_how { WANT_READER, WANT_TOUCH };
/* A reader takes the places of what only lingers, if it must. `*is_new`: the topic was not wanted
 * before. ERR_INVALID: no symbol or depth of this category.
 * ERR_BUSY: more than the sockets of the category have places for, or too many levels. */
MUST_CHECK enum err wants_add(struct wants *wants, enum want_how how, enum stream_kind kind,
                              enum category category, const char *symbol, int depth, int64_t now_ms,
                              bool *is_new);
/* True: that was its last reader. */
bool wants_drop(struct wants *wants, enum stream_kind kind, enum category category,
                const char *symbol, int depth, int64_t now_ms);
/* Whether anybody wants it, or it lingers. */
bool wants_have(struct wants *wants, enum stream_kind kind, enum category category,
                const char *symbol, int depth);

/* A copy of all wants, whose memory serves the next one. */
struct want_list {
    struct want *items;
    size_t count;
    size_t capacity;
};
/* Removes what nobody wants any more and copies the rest. `*next_ms`: when the next one may end,
 * INT64_MAX for never. False: out of memory, and `list` is as it was. */
bool wants_list(struct wants *wants, struct want_list *list, int64_t now_ms, int64_t *next_ms);
/* The topic's name on the wire, which several wants of options' trades share; false when it does
 * not fit. */
bool want_topic(const struct want *want, char *out, size_t out_bytes);
/* The kind's topics are the account's: on the private socket. */
bool want_is_private(enum stream_kind kind);
