/* engine/guard.h - limits on what may be sent, for all callers together and for named ones.
 *
 * Pure: values in, verdicts out. The engine keeps the rules and the counters (engine/guarded.c) and
 * asks for each create, in its own thread, so that two racing clients cannot pass a cap together.
 *
 * Money is in USD: USDT, USDC and USD count one for one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/trade.h"

enum guard_limit {
    GUARD_MAX_ORDER_NOTIONAL,
    GUARD_MAX_OPEN_NOTIONAL,
    GUARD_MAX_ORDERS_PER_MINUTE,
    GUARD_SYMBOLS,
    GUARD_CATEGORIES,
    GUARD_MAX_LEVERAGE,
    GUARD_REDUCE_ONLY_MODE,
    GUARD_LIMIT_COUNT,
};
/* "max_order_notional", ...: the member in JSON, and behind "guard_" the code of its refusal. */
const char *guard_limit_word(enum guard_limit limit);

#define GUARD_BIT(limit)        (1U << (limit))
#define GUARD_NAMED_MAX         16 /* clients with limits that one side (PATCH, configuration) sets */
#define GUARD_CLIENTS_MAX       32 /* of both sides together */
#define GUARD_SYMBOLS_MAX       64
#define GUARD_ORDERS_MINUTE_MAX 1000000

struct guard_symbol {
    enum category category;
    char symbol[SYMBOL_MAX];
};

/* A limit is on when its bit is in `set`; its member counts only then. */
struct guard_limits {
    unsigned set;
    struct decimal max_order_notional;              /* USD, > 0 */
    struct decimal max_open_notional;               /* USD, > 0 */
    int max_orders_per_minute;                      /* 0: none at all */
    struct decimal max_leverage;                    /* > 0 */
    unsigned categories;                            /* bit (1 << category): allowed; 0: none */
    size_t symbols_count;                           /* 0: none */
    struct guard_symbol symbols[GUARD_SYMBOLS_MAX]; /* sorted by category and name, each once */
};

struct guard_client {
    char name[TAG_MAX]; /* as in X-Client */
    struct guard_limits limits;
};

struct guard_rules {
    struct guard_limits all;
    size_t clients_count;
    struct guard_client clients[GUARD_CLIENTS_MAX]; /* by name */
};

/* What a PATCH says: limits that are named, and of these the ones that are on afterwards. */
struct guard_change {
    unsigned named;             /* bits of the limits that it names */
    struct guard_limits limits; /* named and not `set`: lifted (back to the ceiling) */
    bool mode_off;              /* reduce_only_mode was false, not null: above a ceiling */
};

struct guard_patch {
    struct guard_change all;
    size_t clients_count;
    struct {
        char name[TAG_MAX];
        bool remove; /* null: no limits of its own */
        struct guard_change change;
    } clients[GUARD_NAMED_MAX];
};

/* `rules` with the patch in it. ERR_INVALID: above the ceiling (NULL: there is none; the text names
 * limit and values); ERR_BUSY: more than GUARD_NAMED_MAX clients. `rules` is then unchanged. */
MUST_CHECK enum err guard_apply(struct guard_rules *rules, const struct guard_patch *patch,
                                const struct guard_rules *ceiling, struct error *error);
/* The tighter of both, limit by limit; `out` may be one of them. At most GUARD_NAMED_MAX clients in
 * each. */
void guard_meet(struct guard_rules *out, const struct guard_rules *a, const struct guard_rules *b);
/* NULL: this client has no limits of its own. */
const struct guard_limits *guard_of_client(const struct guard_rules *rules, const char *name);
/* 1 to 64 of A-Za-z0-9._- : what X-Client may be. */
bool guard_client_is_valid(const char *name);

/* For who builds rules. The limits of a client, added when it has none; NULL: that would be more
 * than `max` clients. */
struct guard_limits *guard_client_slot(struct guard_rules *rules, const char *name, size_t max);
/* Keeps the list sorted, and each once. ERR_BUSY: it is full. */
MUST_CHECK enum err guard_add_symbol(struct guard_limits *limits,
                                     const struct guard_symbol *symbol);

enum guard_price_source {
    GUARD_PRICE_NONE,
    GUARD_PRICE_LIMIT,      /* the order's own limit price */
    GUARD_PRICE_LOCAL_BOOK, /* at most 1 s old */
    GUARD_PRICE_REST_BOOK,
    GUARD_PRICE_FACE, /* qty is money itself: inverse, or in the quote coin */
};
const char *guard_price_source_word(enum guard_price_source source); /* "limit_price", ... */

/* About one order, found before the engine is asked. */
struct guard_facts {
    enum guard_price_source source; /* of request.value_price */
    int64_t price_age_ms;           /* of a book's */
    struct decimal leverage;        /* of its position; NONE, or not above 0: not known */
    char why[120];                  /* why something is not known; "" */
    int64_t retry_after_ms; /* it was for want of a turn in the rate budget, which may come then; 0:
                               it was not */
    bool last_word;         /* all ways have been tried: what is missing now is refused */
};

/* What is counted, for all callers or for one. */
struct guard_counts {
    struct decimal open_notional;
    bool open_known; /* false: positions are not known */
    int orders_last_minute;
};

struct guard_verdict {
    enum guard_limit limit;
    char client[TAG_MAX];   /* whose limit; "": that of all */
    struct decimal value;   /* what it would be; NONE where no number is compared */
    struct decimal allowed; /* likewise */
    struct decimal price;   /* value_price; NONE when the limit has nothing to do with it */
    enum guard_price_source source;
    int64_t price_age_ms;
    int64_t retry_after_ms; /* with max_orders_per_minute, GUARD_NO_TURN; 0 */
    char text[240];         /* for a person */
};

enum guard_answer {
    GUARD_ALLOWED,
    GUARD_REFUSED,
    GUARD_NEEDS_FACTS, /* price or leverage is missing, and `last_word` is not said */
    GUARD_NOT_READY,   /* positions are not known yet */
    GUARD_NO_TURN,     /* likewise, and `last_word` is: it got no turn; verdict.retry_after_ms */
};

/* One scope's limits for one create. `counts`: before it. `next_minute_ms`: until one more fits
 * under max_orders_per_minute. `verdict` is filled but for GUARD_ALLOWED. */
enum guard_answer guard_check(const struct guard_limits *limits, const char *client,
                              const struct order_request *request, const struct guard_facts *facts,
                              const struct guard_counts *counts, int64_t next_minute_ms,
                              struct guard_verdict *verdict);

/* qty x value_price; NONE when the price is not known or the product does not fit. */
struct decimal guard_value(const struct order_request *request);
/* It can only make a position smaller: exempt from limits on size. */
bool guard_is_exit(const struct order_request *request);

/* What the rules need to know of an order beyond itself: bits. */
#define GUARD_NEEDS_PRICE    1U
#define GUARD_NEEDS_LEVERAGE 2U
unsigned guard_needs(const struct guard_rules *rules);
