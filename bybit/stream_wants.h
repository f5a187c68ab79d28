/* bybit/stream_wants.h - which topics are wanted: readers are counted, and a want lingers after its
 * last reader.
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
 * ERR_BUSY: too many topics, or too long all together (PROTOCOL section 14: 21,000 characters on a
 * connection). */
MUST_CHECK enum err wants_add(struct wants *wants, enum want_how how, enum stream_kind kind,
                              enum category category, const char *symbol, int depth, int64_t now_ms,
                              bool *is_new);
/* True: that was its last reader. */
bool wants_drop(struct wants *wants, enum stream_kind kind, enum category category,
                const char *symbol, int depth, int64_t now_ms);
/* Removes what nobody wants any more and copies the rest to `out` (MARKET_SYMBOLS_MAX places).
 * `*next_ms`: when the next one may end, INT64_MAX for never. */
size_t wants_list(struct wants *wants, struct want *out, int64_t now_ms, int64_t *next_ms);
/* The topic's name on the wire, which several wants of options' trades share; false when it does
 * not fit. */
bool want_topic(const struct want *want, char *out, size_t out_bytes);
