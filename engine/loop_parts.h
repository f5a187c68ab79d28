/* engine/loop_parts.h - what the loop's own files share. Nothing outside of them includes it.
 *
 *   loop.c       the thread, start and stop
 *   loop_calls.c calls from other threads: commands and evidence into the inboxes
 *   loop_items.c what was in the inboxes, as events
 *   loop_guard.c what the others may know of the guard without asking, its restore, positions
 *   loop_act.c   one event into the engine, and its actions: rows, replies, and the sends below
 *   loop_send.c  creates, amends, cancels and reads: asked, and their answers as events
 *   loop_batch.c creates that leave together
 *   loop_cancels.c likewise cancels
 *   loop_set.c   leverage, stops of positions: without the engine
 *   loop_find.c  likewise of the journal
 *   loop_trace.c where the time of a command goes
 *
 * Threads: the loop's, unless said.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"
#include "bybit/codes.h"
#include "bybit/requests.h"
#include "engine/loop.h"

enum item_kind {
    ITEM_CREATE,
    ITEM_BATCH,
    ITEM_AMEND,
    ITEM_SET,
    ITEM_CANCEL,
    ITEM_CANCELS,
    ITEM_WATCH,
    ITEM_GUARD_READ,
    ITEM_GUARD_PATCH,
    ITEM_KILL,
    ITEM_ARM,
    ITEM_ORDER,
    ITEM_FILL,
    ITEM_PRIVATE_UP,
    ITEM_PRIVATE_DOWN,
    ITEM_COMMITTED,
    ITEM_JOURNAL_DOWN,
    ITEM_JOURNAL_UP,
    ITEM_FOUND,
    ITEM_STOP,
};

/* Why and by whom, cut to what the engine keeps. */
struct kill_words {
    char reason[sizeof(((struct guard_state *)0)->reason)];
    char by[sizeof(((struct guard_state *)0)->by)];
};

struct create_item {
    struct order_request request;
    struct guard_facts facts;
    bool has_facts;
    bool dry_run;
    uint64_t batch; /* 0: alone */
};

struct batch_item {
    struct create_item create;
    loop_reply_fn *on_reply;
    void *userdata;
    const atomic_bool *gone;
};

struct cancels_item {
    char id[CLIENT_ID_MAX];
    loop_reply_fn *on_reply;
    void *userdata;
};

struct item {
    enum item_kind kind;
    enum engine_wait wait;
    int64_t wait_until_ms;
    loop_reply_fn *on_reply; /* NULL: nobody waits */
    void *userdata;
    const atomic_bool *gone; /* who waits has left; NULL: never */
    int64_t pushed_us;       /* commands: into the inbox */
    unsigned kills;          /* commands: kills that were asked for before it */
    union {
        struct create_item create;
        struct {
            struct batch_item *list; /* owned */
            size_t count;
        } batch; /* on_reply and userdata are those of its items */
        struct {
            struct cancels_item *list; /* owned */
            size_t count;
        } cancels; /* likewise */
        struct {
            char id[CLIENT_ID_MAX];
            char client[TAG_MAX]; /* who asks */
            struct order_change change;
            struct guard_facts facts;
            bool has_facts;
        } amend;
        struct loop_setting setting;
        char id[CLIENT_ID_MAX];
        struct guard_patch *patch;  /* owned */
        struct kill_words kill;     /* and arm */
        struct order_report report; /* holds its native */
        struct fill fill;
        struct {
            uint64_t position;
            struct journal_known *known; /* owned, with their fills */
            size_t known_count;
        } committed;
        struct {
            uint64_t find_id;
            bool failed;
            bool has_order;
            bool fill_known;
            struct order order;
            struct journal_fill_key *fills; /* owned */
            size_t fills_count;
        } found;
    } u;
};

struct waiter {
    uint64_t id; /* 0: free */
    loop_reply_fn *on_reply;
    void *userdata;
    const atomic_bool *gone;
    int64_t queue_us; /* at least 1: 0 stands for none */
};

/* How far an order's create or cancel has got, for the timing of its reply. A place by the link's
 * hash: two that meet in one cost the older its timing, and nothing else. */
#define TRACES_MAX 1024
struct trace {
    uint64_t waiter; /* who asked; 0: free */
    bool is_cancel;
    char link[ORDER_LINK_MAX];
    int64_t row_us; /* its intent went to the journal */
    struct loop_timing timing;
};

/* Positions that the engine has not been told yet: the newest of each place. */
#define POSITIONS_MAX 1024
struct positions_box {
    size_t count;
    bool lost;       /* there was no room: what the engine knows of positions is not whole */
    bool known_told; /* `known` is news */
    bool known;
    int64_t begun_ms; /* by the run's clock */
    struct loop_position list[POSITIONS_MAX];
};

struct loop {
    struct loop_config config;
    struct engine *engine;
    struct engine_actions actions;
    struct rest *rest;
    struct queue *urgent;   /* cancels and what the guard is told: before all else */
    struct queue *commands; /* creates and watches */
    struct queue *evidence;
    struct queue *internal;
    pthread_t thread;
    bool thread_started;
    int epoll;
    int bell; /* an eventfd: positions, or a kill that found no place */
    int grace_ms;

    struct waiter *waiters; /* a hash by id, linear probing */
    size_t waiters_places;
    size_t waiters_count;
    uint64_t next_waiter;
    atomic_bool gone_asked; /* some who wait have left */

    struct trace *traces;     /* TRACES_MAX */
    uint64_t commanding;      /* the waiter of the command that is fed now; 0: none */
    const struct trace *ends; /* whose answer is fed now; NULL: none */

    bool rows_held;    /* a batch is being fed: its rows go together */
    uint64_t batches;  /* numbers given out */
    bool cancels_held; /* cancels that came together are being fed: they leave so */
    struct engine_actions cancels;
    int64_t no_batch_until_ms[CATEGORY_COUNT]; /* monotonic; the exchange takes none of cancels */
    struct journal_row *rows_first;            /* could not be handed over yet */
    struct journal_row *rows_last;
    bool journal_down; /* as the journal says */
    bool journal_full; /* as its bound says */
    bool private_up;   /* as the private stream says */
    atomic_bool evidence_lost;
    atomic_ullong position;
    uint64_t committed; /* as the journal said */

    int64_t wall_base_ms;  /* wall clock - monotonic, at the start: the run's clock never steps */
    int64_t next_clock_ms; /* monotonic */
    int64_t next_status_ms;
    int clock_samples;
    bool clock_pending;
    bool stopping;
    int64_t stop_at_ms;

    pthread_mutex_t status_lock;
    struct engine_status status;

    /* loop_guard.c; `box` and `owed` under guard_lock */
    atomic_uint kills;         /* ever asked for */
    atomic_uint kills_waiting; /* asked for and not in the engine yet */
    atomic_bool killed;        /* as the engine says */
    atomic_uint guard_needs;
    pthread_mutex_t guard_lock;
    struct positions_box *box;
    struct positions_box *taken; /* the loop's thread's */
    bool positions_lost; /* likewise: the next "known" may be about those that got lost, too */
    unsigned kills_owed; /* without an item; the newest one's words in `owed` */
    struct kill_words owed;
    bool needs_own;    /* as the budget was told */
    size_t coins_told; /* of options: configured, or told in the log */
};

/* The run's clock: wall clock at the start, plus monotonic time. Any thread. */
int64_t loop_now_ms(const struct loop *loop);

/* --- loop_act.c --- */

/* Feeds one event (its time is set here) and carries out the actions. False: out of memory, the
 * engine has not taken it. */
bool loop_feed(struct loop *loop, struct engine_event *event);
void loop_feed_simple(struct loop *loop, enum event_kind kind);
void loop_feed_clock(struct loop *loop);
/* Hands over what waits. What cannot be handed over stays, in order, and stops creates until it
 * can. */
void loop_rows_submit(struct loop *loop);
/* Returns the new waiter's number, 0 when out of memory. */
uint64_t loop_waiter_add(struct loop *loop, const struct item *item);
void loop_waiter_forget(struct loop *loop, uint64_t id);
/* Ends the waits of those who have left, where somebody has said that there are some. */
void loop_waiters_look(struct loop *loop);

/* --- loop_items.c --- */

/* Feeds what the item says, and frees it. */
void loop_take_item(struct loop *loop, struct item *item);
void loop_item_destroy(struct item *item);
/* Answers whoever waits for it, and frees it. */
void loop_refuse_item(struct item *item, const char *why);
void loop_tell_journal_state(struct loop *loop, bool was_down);
/* The two key types have one shape: db/ may not know engine/, nor the other way round. */
const struct fill_key *loop_keys(const struct journal_fill_key *keys);

/* --- loop_guard.c --- */

/* False: out of memory. */
bool loop_guard_init(struct loop *loop);
void loop_guard_deinit(struct loop *loop);
/* The guard's state and the creates of the last minute, before the orders. */
MUST_CHECK enum err loop_guard_restore(struct loop *loop, struct error *error);
/* After each step, before its answers go out: who hears that the guard is armed may create. */
void loop_guard_publish(struct loop *loop);
/* Feeds what came without an item: kills, positions. */
void loop_guard_take(struct loop *loop);
/* Any thread: a kill that found no place in the inbox is carried out all the same. */
void loop_guard_owe(struct loop *loop, const struct kill_words *words);
/* Any thread: wakes the loop for what comes without an item. */
void loop_ring(const struct loop *loop);

/* --- loop_trace.c: where the time of a command goes --- */

/* The command that is fed now has asked for this: its row, or its send when it has none. */
void loop_trace_row(struct loop *loop, const struct order *order);
/* It goes to the exchange. */
void loop_trace_send(struct loop *loop, const char *link, bool is_cancel);
/* The exchange has answered. Returns it, or NULL when it is not traced. */
const struct trace *loop_trace_answer(struct loop *loop, const char *link, bool is_cancel,
                                      const struct rest_answer *answer);
/* What `waiter` is told about an order. */
struct loop_timing loop_trace_timing(const struct loop *loop, const struct waiter *waiter,
                                     const char *link);

/* --- loop_send.c: each ends in an event, now or later --- */

enum answer_kind loop_kind_of(enum answer_class class);
/* What came instead of an answer. */
enum answer_kind loop_kind_without(const struct rest_answer *answer);
/* Codes that say "it is not open": they prove nothing about its fate (PROTOCOL section 6). */
bool loop_is_no_such_order(int ret_code);
void loop_answer_not_sent(struct loop *loop, uint64_t send_id, const char *why);
/* What the journal and its readers say last, behind the transport's end, can still ask for more. */
enum err loop_submit(struct loop *loop, const struct rest_request *request);

enum budget_lane loop_create_lane(const struct order_request *request);
/* A create or an amend. */
void loop_send_write(struct loop *loop, const struct engine_action *action);
/* `yields`: behind the cancels that were asked for one by one. */
void loop_send_cancel(struct loop *loop, const struct engine_action *action, bool yields);
void loop_send_cancel_all(struct loop *loop, const struct engine_action *action);
void loop_send_read(struct loop *loop, const struct engine_action *action);

/* --- loop_batch.c: likewise --- */

/* Orders in one request that is under way at the transport. */
struct flight {
    struct loop *loop;
    unsigned kills; /* that were asked for before it was handed over */
    enum category category;
    size_t count;
    struct {
        uint64_t send_id;
        char link[ORDER_LINK_MAX];
        char order_id[ORDER_ID_MAX]; /* of a cancel; "" when not known */
    } items[REQUEST_BATCH_MAX];
    struct engine_action *cancels; /* `count` of them, owned; NULL: it is creates */
    bool yields;                   /* as a rest_request's */
};
/* Of actions of one kind and category. NULL: out of memory. */
struct flight *loop_flight_of(struct loop *loop, struct engine_action *const *actions,
                              size_t count);
/* NULL is fine. */
void loop_flight_free(struct flight *flight);
/* What the transport calls in the end, with the flight as userdata. */
void loop_flight_done(const struct rest_answer *answer, void *userdata);
/* As large as the exchange takes, and no larger than its window, in which it would never fit. */
size_t loop_batch_most(const struct loop *loop, enum bybit_route route, enum category category);

/* The create at `at`, with those behind it that leave in the same request: they are done then. */
void loop_send_batch(struct loop *loop, struct engine_action *list, size_t count, size_t at);

/* --- loop_cancels.c: likewise --- */

/* The cancel at `at`, with those behind it: they are done then. */
void loop_send_cancels(struct loop *loop, struct engine_action *list, size_t count, size_t at,
                       bool yields);
/* Until the release cancels are kept, to leave together, and behind those that are asked for one by
 * one: there can be hundreds of them, from several who ask. */
void loop_cancels_hold(struct loop *loop);
/* False: it is to leave now. */
bool loop_cancel_kept(struct loop *loop, const struct engine_action *action);
void loop_cancels_release(struct loop *loop);
/* The whole of a batch was refused, or it got no turn. True: its cancels go one by one now. False:
 * they do not (it is of creates, or they would fare no better). */
bool loop_cancels_whole(const struct flight *flight, const struct rest_answer *answer,
                        enum answer_class class);
bool loop_cancels_throttled(const struct flight *flight, const struct rest_answer *answer);

/* --- loop_set.c --- */

/* Answers it, now or later; the item stays the caller's. */
void loop_set_take(struct loop *loop, const struct item *item);

/* --- loop_find.c: likewise --- */

void loop_send_find(struct loop *loop, const struct engine_action *action);
