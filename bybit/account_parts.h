/* bybit/account_parts.h - what the files of the account share: account.c (positions),
 * account_coins.c (balance), account_live.c (tickers), account_load.c (when it is loaded),
 * account_scopes.c (how positions are).
 *
 * Locks: `turn` is held by who changes the account, over the change and its callbacks, so that
 * callbacks come in the order of the changes; `lock` for the data, short, inside of `turn`;
 * `stream_lock` only around calls of the stream.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bybit/account.h"
#include "bybit/message.h"
#include "bybit/rest.h"

#define ACCOUNT_CURSOR_MAX 512
#define ACCOUNT_TIMEOUT_MS 10000 /* of one read */
#define ACCOUNT_SCOPES     4     /* queries that all positions take */

struct entry {
    struct position position;
    int64_t message_ms; /* monotonic: the last message taken, INT64_MIN none */
    uint64_t seen;      /* number of the last load that had it */
    bool watched;       /* its ticker is wanted */
};

struct touched {
    char coin[COIN_MAX];
    int64_t message_ms;
};

struct waiter {
    struct waiter *next;
    int64_t deadline_ms; /* monotonic */
    void (*on_done)(const struct error *error, void *userdata);
    void *userdata;
};

struct load {
    struct account *account;
    enum account_part part;
    /* under `lock` */
    bool running;
    bool loaded;
    uint64_t up_at_begin; /* number of the private stream's last coming up when it began */
    uint64_t up_loaded;   /* likewise, of the last load that is in */
    int64_t begin_ms;     /* monotonic */
    int64_t due_ms;       /* monotonic: when the next begins by itself */
    int backoff_ms;
    int64_t as_of_ms;
    int64_t whole_ms; /* monotonic: begin of the last one that lacked nothing, 0: none */
    size_t waiting;
    struct waiter *served; /* by the load that runs */
    struct waiter *later;  /* by the one after it */
    /* the running load's own */
    uint64_t number;
    size_t scope;
    int pages;
    int64_t oldest_ms;               /* wall clock of the oldest page */
    bool accepted[CATEGORY_COUNT];   /* a scope of it was read to its end */
    bool incomplete[CATEGORY_COUNT]; /* something of it is not known: nothing may be called flat */
    char cursor[ACCOUNT_CURSOR_MAX];
};

struct refused {
    bool refused;
    bool was_accepted; /* ever: then a refusal says nothing of what is there */
    int64_t until_ms;  /* monotonic: not asked again before */
    int wait_ms;       /* how long that was the last time, 0: it is not refused */
    struct error error;
};

struct account {
    struct account_config config;
    pthread_mutex_t turn;
    pthread_mutex_t lock;
    pthread_mutex_t stream_lock;
    struct stream *stream; /* under stream_lock */
    struct reads *reads;
    struct market *market;
    uint64_t up; /* counts the private stream's coming up */
    bool is_up;
    int64_t gap_ms;  /* monotonic: when the link last went or came, INT64_MIN never */
    bool truncated;  /* there are positions that are not kept */
    bool overflowed; /* likewise, since the last load began */
    struct load loads[ACCOUNT_PARTS];
    struct refused refused[ACCOUNT_SCOPES];
    size_t entries_count;
    struct entry entries[ACCOUNT_POSITIONS_MAX]; /* sorted by place */
    struct balance balance;
    size_t touched_count;
    struct touched touched[ACCOUNT_COINS_MAX]; /* coins of recent messages */
    int64_t totals_ms;                         /* monotonic: the last message, INT64_MIN none */
    struct balance scratch;                    /* under `turn` */
    bool balance_changed;                      /* by the last load; under `turn` */
};

/* Where the position is, or belongs. Under `lock`. */
size_t account_place_of(const struct account *account, const struct position *position,
                        bool *found);
/* The REST side may not have had the message when the load began at `begin_ms`. */
bool account_is_recent(const struct account *account, int64_t message_ms, int64_t begin_ms);
/* Recent, and the link has not been away since: nothing that came after the message was missed. */
bool account_is_protected(const struct account *account, int64_t message_ms, int64_t begin_ms);

/* A position of the load that began at `begin_ms`, number `number`; 0: of a read of its own. */
void account_take_loaded(struct account *account, const struct position *position, int64_t begin_ms,
                         uint64_t number);
/* Load `number` of this category is complete: what it lacks is flat. */
void account_end_category(struct account *account, enum category category, int64_t begin_ms,
                          uint64_t number);
/* The exchange has told all places of the symbol, these (bit position_idx): the others are flat. */
void account_end_symbol(struct account *account, enum category category, const char *symbol,
                        unsigned places, int64_t begin_ms);
MUST_CHECK enum err account_take_balance(struct account *account, const struct json *item,
                                         int64_t begin_ms, int64_t as_of_ms, struct error *error);
/* Tells of the balance when the load has changed it. */
void account_tell_balance(struct account *account);

/* --- account_live.c --- */

/* Puts in the numbers of now; without a fresh ticker by the exchange's own mark price, so that
 * `value` means the same. */
void account_make_live(struct market *market, struct position *position);
/* On the reads' thread only: nobody else wants or drops, so an entry's mark is its count. */
void account_watch_tickers(struct account *account);

/* --- account_load.c, account_scopes.c --- */

void account_loads_init(struct account *account);
/* Tells those who have waited too long. */
void account_end_waits(struct account *account);
/* Begins what is due. */
void account_run_loads(struct account *account);
/* A load that has begun: the positions. */
void account_load_positions(struct load *load);
/* The load is in. */
void account_load_end(struct load *load);
/* All who wait hear of it: the next load would most likely end alike, and at a stop there is none.
 */
void account_load_fail(struct load *load, const struct error *error);
MUST_CHECK enum err account_open_answer(const struct rest_answer *answer, struct envelope *out,
                                        struct error *error);
