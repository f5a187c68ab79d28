/* engine/loop.h - the engine's thread: inbox, step, commit, act.
 *
 * Feeds engine/engine.c with what comes from the api, the private stream, the journal and the REST
 * answers, and carries out its actions. Owns the upstream connections of writes and look-ups, and
 * the samples of the exchange's clock.
 *
 * Threads: loop_start starts one thread; all other calls from any thread. Callbacks come from the
 * loop's thread and must not block.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/trade.h"
#include "bybit/rest.h"
#include "db/history.h"
#include "db/journal.h"
#include "engine/engine.h"

struct loop;

struct loop_config {
    struct rest_config rest;
    struct engine_config engine;
    struct journal *journal; /* opened; its thread not yet started */
    struct history *history;
    int64_t wall_base_ms;     /* the run's wall clock minus clock_mono_ms; 0: as it is now */
    int clock_every_ms;       /* a clock sample this often (60,000; faster at first) */
    unsigned without_batches; /* bits (1 << category): there orders and cancels leave one by one */
    /* Our events ← what the engine says: writes the event's data as JSON. */
    void (*format_order)(struct buffer *out, const struct order *order);
    void (*format_fill)(struct buffer *out, const struct fill *fill);
    void (*format_guard)(struct buffer *out, const struct guard_state *state, const char *change);
    /* Each journaled event after its commit, in order, from the journal's thread. */
    void (*on_event)(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                     int64_t at_ms, void *userdata);
    void *userdata;
};

MUST_CHECK enum err loop_start(struct loop **out, const struct loop_config *config,
                               struct error *error);
/* Takes no more creates; what can be finished within `grace_ms` is; every waiter is answered;
 * joins. The journal's callbacks may still come: stop the history, close the journal, then destroy.
 * NULL is fine. */
void loop_stop(struct loop *loop, int grace_ms);
/* Frees. After loop_stop, history_stop and journal_close. NULL is fine. */
void loop_destroy(struct loop *loop);

/* Where the time of a command went, in us; 0: it had no such part, or it is not known. */
struct loop_timing {
    int64_t queue_us;   /* from the inbox to the engine */
    int64_t journal_us; /* until its intent was committed */
    int64_t turn_us;    /* for the rate limit, or a connection */
    int64_t sign_us;
    int64_t upstream_us; /* first byte out to the answer */
    bool complete;       /* the command waited for nothing else (?wait=, look-ups) */
};

/* What a waiter gets, once: the `reply` of ACTION_REPLY. */
struct loop_reply {
    struct loop_timing timing;
    enum outcome outcome;
    bool has_order;
    struct order order;
    const char *cancel_in_flight; /* NULL, "sent", "unknown" */
    const char *amend_in_flight;  /* likewise */
    int64_t retry_after_ms;
    struct error error;
    const struct guard_verdict *verdict; /* OUTCOME_GUARD; borrowed for the callback */
    const struct guard_report *report;   /* OUTCOME_GUARD_DONE; borrowed for the callback */
};
typedef void loop_reply_fn(const struct loop_reply *reply, void *userdata);

/* Creates and watches wait in one inbox, of 1,024; cancels and what the guard is told in another,
 * which is looked at first: 1,024 reads of the guard, 64 more for cancels, 64 more for kills.
 * ERR_BUSY: full; `on_reply` is then not called. `wait_until_ms`: wall clock. `facts`: copied;
 * NULL: none. */
MUST_CHECK enum err loop_create(struct loop *loop, const struct order_request *request,
                                const struct guard_facts *facts, enum engine_wait wait,
                                int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata);
/* As loop_create, but nothing is written or sent: OUTCOME_WOULD, or why not. */
MUST_CHECK enum err loop_check(struct loop *loop, const struct order_request *request,
                               const struct guard_facts *facts, loop_reply_fn *on_reply,
                               void *userdata);
/* Creates that come together: each is answered for itself; those of one category leave in batches
 * as large as the exchange takes. All are taken or none. */
#define LOOP_BATCH_MAX 100
struct loop_batch_item {
    const struct order_request *request;
    const struct guard_facts *facts; /* NULL: none */
    loop_reply_fn *on_reply;
    void *userdata;
    const atomic_bool *gone; /* as a hearer's; NULL: never */
};
MUST_CHECK enum err loop_create_batch(struct loop *loop, const struct loop_batch_item *items,
                                      size_t count, enum engine_wait wait, int64_t wait_until_ms);
/* `client`: who asks (X-Client), for the limits of that name; NULL: nobody with a name. */
MUST_CHECK enum err loop_amend(struct loop *loop, const char *id, const struct order_change *change,
                               const struct guard_facts *facts, const char *client,
                               enum engine_wait wait, int64_t wait_until_ms,
                               loop_reply_fn *on_reply, void *userdata);
/* What is set at the exchange and is no order: leverage, a position's take profit, stop loss and
 * trailing stop. Sent once; OUTCOME_OK (also when the exchange says "unchanged"), UNKNOWN (read it
 * back), REJECTED, AUTH, NOT_SENT, THROTTLED, KILLED, GUARD (leverage above max_leverage, or not
 * one of its symbols or categories). */
enum loop_setting_kind { LOOP_SET_LEVERAGE, LOOP_SET_TRADING_STOP };
struct loop_setting {
    enum loop_setting_kind kind;
    enum category category;
    char symbol[SYMBOL_MAX];
    int position_idx;
    struct decimal leverage;
    /* Of a trading stop. NONE: stays; 0: removed. */
    struct decimal take_profit;
    struct decimal stop_loss;
    struct decimal trailing_stop;
    char client[TAG_MAX]; /* X-Client, for its limits */
};
MUST_CHECK enum err loop_set(struct loop *loop, const struct loop_setting *setting,
                             loop_reply_fn *on_reply, void *userdata);
MUST_CHECK enum err loop_cancel(struct loop *loop, const char *id, enum engine_wait wait,
                                int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata);
/* Cancels that come together: each is answered for itself, as loop_cancel's, and they leave in as
 * few requests as can be. All are taken or none. */
#define LOOP_CANCELS_MAX 20
struct loop_cancels_item {
    const char *id;
    loop_reply_fn *on_reply;
    void *userdata;
};
MUST_CHECK enum err loop_cancel_together(struct loop *loop, const struct loop_cancels_item *items,
                                         size_t count, enum engine_wait wait,
                                         int64_t wait_until_ms);
/* The order as it is, or when the wait is fulfilled; OUTCOME_NOT_FOUND: not in memory. */
MUST_CHECK enum err loop_watch(struct loop *loop, const char *id, enum engine_wait wait,
                               int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata);

/* The same for who may wait long, and leave meanwhile. Once `*gone` is set and loop_look_for_gone
 * was called, the wait ends as at its time, and its place is another's; what was asked for goes on.
 * `gone` lives until `on_reply`; NULL: never. */
struct loop_hearer {
    loop_reply_fn *on_reply;
    void *userdata;
    const atomic_bool *gone;
};
MUST_CHECK enum err loop_create_heard(struct loop *loop, const struct order_request *request,
                                      const struct guard_facts *facts, enum engine_wait wait,
                                      int64_t wait_until_ms, const struct loop_hearer *hearer);
MUST_CHECK enum err loop_amend_heard(struct loop *loop, const char *id,
                                     const struct order_change *change,
                                     const struct guard_facts *facts, const char *client,
                                     enum engine_wait wait, int64_t wait_until_ms,
                                     const struct loop_hearer *hearer);
MUST_CHECK enum err loop_cancel_heard(struct loop *loop, const char *id, enum engine_wait wait,
                                      int64_t wait_until_ms, const struct loop_hearer *hearer);
MUST_CHECK enum err loop_watch_heard(struct loop *loop, const char *id, enum engine_wait wait,
                                     int64_t wait_until_ms, const struct loop_hearer *hearer);
/* Before all that is asked for after it. */
void loop_look_for_gone(struct loop *loop);

/* --- the guard --- */

/* Bits of guard_needs: what facts an order should bring along. */
unsigned loop_guard_needs(const struct loop *loop);
bool loop_is_killed(const struct loop *loop);
/* One more with each kill that was asked for: what was made before one must not go out after it. */
unsigned loop_kills(const struct loop *loop);
/* Each answered by OUTCOME_GUARD_DONE (or CEILING, NOT_READY). `patch` is copied. */
MUST_CHECK enum err loop_guard_read(struct loop *loop, loop_reply_fn *on_reply, void *userdata);
MUST_CHECK enum err loop_guard_patch(struct loop *loop, const struct guard_patch *patch,
                                     loop_reply_fn *on_reply, void *userdata);
/* Creates stop at once, before this returns: also those that wait for their turn. `on_reply` NULL:
 * nobody waits. ERR_BUSY: killed and carried out all the same, but `on_reply` is not called. */
MUST_CHECK enum err loop_kill(struct loop *loop, const char *reason, const char *by,
                              int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata);
MUST_CHECK enum err loop_arm(struct loop *loop, const char *reason, const char *by,
                             loop_reply_fn *on_reply, void *userdata);
/* Positions as the account has them. Copied, and never refused: what finds no place (1,024 wait)
 * makes positions unknown until all of them have been told again, and that they are known. */
struct loop_position {
    enum category category;
    char symbol[SYMBOL_MAX];
    int position_idx;
    struct decimal value; /* USD, not below 0; 0: flat */
    int64_t updated_ms;
    int64_t exchange_seq;
};
void loop_on_position(struct loop *loop, const struct loop_position *position);
/* `begun_ms`: when the newest read of them began that lacked nothing (monotonic); 0: there is none.
 */
void loop_on_positions_known(struct loop *loop, bool known, int64_t begun_ms);

/* Whether orders and cancels of this category can leave together. Any thread. */
bool loop_takes_batches(const struct loop *loop, enum category category);

/* Evidence from the private stream, and its state. Copied. ERR_BUSY: the inbox is full: stop
 * reading the socket. */
MUST_CHECK enum err loop_on_order(struct loop *loop, const struct order_report *report);
MUST_CHECK enum err loop_on_fill(struct loop *loop, const struct fill *fill);
void loop_on_private(struct loop *loop, bool up);

/* Position of the last row handed to the journal: what a reader must wait for to read its own
 * writes. */
uint64_t loop_position(struct loop *loop);
/* A recent copy (at most 100 ms old). */
void loop_get_status(struct loop *loop, struct engine_status *out);
