/* db/history.h - reads behind the api: workers with read-only connections (RELIABILITY section 6
 * "SQLite").
 *
 * A job runs on a worker with a reader; the reader's calls are synchronous and short. Jobs wait
 * until the journal has committed all that had been handed over when they were submitted, so that a
 * client reads its own writes.
 *
 * Threads: history_submit from any; jobs run on the workers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/trade.h"
#include "db/journal.h"

struct history;
struct history_reader;

MUST_CHECK enum err history_start(struct history **out, struct journal *journal, int workers,
                                  struct error *error);
/* Runs what waits with `err` = ERR_UNAVAILABLE, joins. NULL is fine. */
void history_stop(struct history *history);

/* Runs `run` once on a worker, when `position` is committed (0: at once). `err` is ERR_UNAVAILABLE
 * (and reader NULL) when the commit did not come within 2 s, or the history stops. ERR_BUSY: 1,024
 * jobs wait; `run` is then not called. */
MUST_CHECK enum err history_submit(struct history *history, uint64_t position,
                                   void (*run)(struct history_reader *reader, enum err err,
                                               void *userdata),
                                   void *userdata);
/* The same before all that waits, with 64 places more: for cancels. */
MUST_CHECK enum err history_submit_first(struct history *history, uint64_t position,
                                         void (*run)(struct history_reader *reader, enum err err,
                                                     void *userdata),
                                         void *userdata);

/* --- on a worker --- */

/* By order id, else link, else client id. ERR_NOT_FOUND; ERR_IO. */
MUST_CHECK enum err reader_order(struct history_reader *reader, const char *id, struct order *out);
/* `order` as the journal has it, found by its link, else by category and order id; the exchange's
 * own object of it, as of the same commit, is appended to `native`: no bytes: none is known.
 * ERR_NOT_FOUND; ERR_IO. */
MUST_CHECK enum err reader_order_native(struct history_reader *reader, const struct order *order,
                                        struct order *out, struct buffer *native);
/* For ACTION_FIND: by order id, else by link (where not ""). */
MUST_CHECK enum err reader_find_order(struct history_reader *reader, enum category category,
                                      const char *order_id, const char *link, struct order *out);
/* The keys of the order's fills; `*fills` is malloc'ed, the caller frees. */
MUST_CHECK enum err reader_fill_keys(struct history_reader *reader, enum category category,
                                     const char *order_id, struct journal_fill_key **fills,
                                     size_t *count);
MUST_CHECK enum err reader_fill_known(struct history_reader *reader, enum category category,
                                      const char *order_id, const char *exec_id, bool *known);

/* The exchange's own object of an order; `bytes` 0: none is known. */
struct stored_native {
    const char *json;
    size_t bytes;
};

enum order_filter_state { FILTER_OPEN, FILTER_UNKNOWN, FILTER_FINAL, FILTER_ALL };
struct list_filter {
    enum order_filter_state state; /* orders only. open: not final (unknown ones too) */
    bool has_category;
    enum category category;
    const char *symbol; /* NULL: any */
    const char *tag;
    const char *order_id;         /* fills of one order (order id, link or client id); NULL: any */
    int64_t from_ms;              /* inclusive; orders by created_ms, fills by at_ms; 0: none */
    int64_t to_ms;                /* exclusive; 0: none */
    int limit;                    /* 1..1000 */
    int64_t after;                /* rows older than this row id; 0: from the newest */
    struct stored_native *native; /* orders only: set before each on_row, of the same commit as the
                                     row, and borrowed by it; NULL: not wanted */
};
/* Newest first by time, by row id where times are equal. `on_row` gets a row and its id (the
 * cursor); returns false to stop. ERR_INVALID: no such row as `after`. */
MUST_CHECK enum err reader_orders(struct history_reader *reader, const struct list_filter *filter,
                                  bool (*on_row)(const struct order *order, int64_t row_id,
                                                 void *userdata),
                                  void *userdata);
MUST_CHECK enum err reader_fills(struct history_reader *reader, const struct list_filter *filter,
                                 bool (*on_row)(const struct fill *fill, int64_t row_id,
                                                void *userdata),
                                 void *userdata);

struct stored_event {
    uint64_t seq;
    const char *event;
    const char *json;
    size_t json_bytes;
    int64_t at_ms;
};
/* Events with seq > after, oldest first, at most `limit`; stops when `on_row` returns false. */
MUST_CHECK enum err reader_events(struct history_reader *reader, uint64_t after, int limit,
                                  bool (*on_row)(const struct stored_event *event, void *userdata),
                                  void *userdata);
/* Likewise the events with seq <= `until`, newest first. */
MUST_CHECK enum err reader_events_back(struct history_reader *reader, uint64_t until, int limit,
                                       bool (*on_row)(const struct stored_event *event,
                                                      void *userdata),
                                       void *userdata);
/* Lowest event number that is still there; 0: none. */
MUST_CHECK enum err reader_first_seq(struct history_reader *reader, uint64_t *seq);
/* Unix ms: the journal lacks no execution since then that the exchange has told, and none of an
 * option since the later time; 0: not known yet. */
MUST_CHECK enum err reader_watched_from(struct history_reader *reader, int64_t *from_ms,
                                        int64_t *options_from_ms);
