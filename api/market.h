/* api/market.h - what reads of market data share: one symbol, how old it may be, and reading it
 * over REST. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/call.h"
#include "bybit/instruments.h"
#include "bybit/message.h"
#include "bybit/reads.h"
#include "bybit/stream.h"

#define MARKET_READ_TIMEOUT_MS 10000
#define MARKET_CACHE_MS        300 /* one upstream read is shared this long */

/* Sets of categories. */
#define CATEGORY_BIT(category) (1U << (category))
#define ANY_CATEGORY           ((1U << CATEGORY_COUNT) - 1)

/* A read of one symbol that goes on after its handler has returned. */
struct market_read {
    const struct api *api;
    struct api_call *call;
    enum category category;
    char symbol[SYMBOL_MAX];
    char base[COIN_MAX];
    int64_t max_age_ms; /* -1: any */
    int depth;          /* books: levels wanted */
    int limit;          /* trades: rows wanted */
    int kind;           /* the handler's own */
};

/* Fills `read` from the call: {symbol}, category, max_age. `what` ("candles") exists in the
 * `categories` only. False: the call has been answered, or waits for the symbols of an option's
 * coin, and its handler runs again then. */
bool market_read_begin(struct market_read *read, const struct api *api, struct api_call *call,
                       unsigned categories, const char *what);
/* True when the answer is too old for the call, which has then been answered. */
bool market_refuse_age(const struct market_read *read, int64_t as_of_ms, int64_t age_ms,
                       const char *source);
/* The same; sets the age headers either way. */
bool market_is_too_old(const struct market_read *read, int64_t as_of_ms, int64_t age_ms,
                       const char *source);

/* Keeps or begins the streaming of the symbol. A failure only means that the next read goes over
 * REST again. */
void market_touch(const struct market_read *read, enum stream_kind kind, int depth);

/* How old an answer may be to be shared: never older than max_age. */
int market_cache_ms(const struct market_read *read);
/* Reads `query` over REST with a copy of `read` as userdata; `on_done` must free it. False:
 * answered already. */
void market_read_rest(const struct market_read *read, enum bybit_route route, const char *query,
                      void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                      void *userdata));
/* Opens the answer's envelope; false: the failure has been answered. */
bool market_open_answer(struct api_call *call, const struct rest_answer *answer,
                        struct envelope *out);
#define MARKET_WHY_MAX 120
/* The same for an answer that is a part of something else: false: `why` says what is wrong. */
bool market_told(const struct rest_answer *answer, struct envelope *out, char why[MARKET_WHY_MAX]);
/* Its result's list (of type JSON_NULL when it is empty that way); false: answered. */
bool market_answer_list(struct api_call *call, const struct envelope *envelope, struct json *out);
/* Whether what the exchange answered is about the symbol that was asked for, as far as it says so
 * in `name`; false: answered. */
bool market_answer_symbol(const struct market_read *read, const struct json *object,
                          const char *name);
/* One side of an order book's answer, at most `levels_max` levels: [["price","qty"], ...]. False:
 * it is none. */
bool market_read_levels(const struct json *data, const char *key, struct book_level *levels,
                        size_t levels_max, size_t *count);
/* Answers that the exchange's answer can't be used. */
void market_fail_unusable(struct api_call *call, const char *why);
