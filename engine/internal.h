/* engine/internal.h - what the engine's own files share. Nothing outside of engine/ includes it.
 *
 * Where to find what:
 *  - engine.c: one event in, dispatch, readiness, status, timers
 *  - store.c: records, fill keys, indexes, the timer heap; memory is reserved before a step changes
 * anything
 *  - actions.c: appends rows, sends, reads, replies
 *  - reserve.c: the memory that an event may need
 *  - admit.c: whether a create is taken at all
 *  - create.c: INTENT, SENT, and what its answer proves
 *  - amend.c: an amend, and what settles it
 *  - cancel.c: cancel_wanted, and cancels again
 *  - evidence.c: order messages and fills into records
 *  - find.c: evidence about what is not in memory, asked of the journal, then of the exchange
 *  - lookup.c: look-ups of one order, the horizon rule, GONE
 *  - untold.c: the end of an order with fills that no list shows
 *  - recovery.c: scans at the start, after a gap, again, and as an audit
 *  - scan_plan.c: the lists that such a scan reads (pure)
 *  - coins.c: the coins whose options are scanned
 *  - waiters.c: who waits for what, one reply each
 *  - order.c: merge of one message into one order (pure)
 *  - guarded.c: the guard's rules in force, who waits for a change of them, reports
 *  - minute.c: creates of the last minute
 *  - exposure.c: what is open, in money
 *  - kill.c: kill and arm, and what comes of the orders
 *  - cancelled.c: what a kill cancelled
 *  - sweep.c: cancels all at the exchange until nothing is open
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/order.h"
#include "engine/recovery.h"

#define NEVER_MS INT64_MAX

#define PLACES_MAX        1024 /* positions */
#define PENDING_MAX       8 /* fills of one position that no report covers yet; more are merged */
#define MINUTE_SLOT_MS    100
#define MINUTE_SLOTS      601 /* a create leaves when its whole slot is a minute old */
#define GUARD_WAITERS_MAX 64
#define SWEEP_SCOPES      9
#define SWEEP_SYMBOLS_MAX 16 /* inverse: symbols in one round */
#define KILL_TOLD_MAX     1024
#define SWEEP_SINGLES_MAX 64 /* orders cancelled one by one, after one scan */

#define WAITERS_MAX      1024
#define LOOKUPS_MAX      12 /* reads of single orders in flight */
#define FINDS_MAX        4096
#define FINDS_FLIGHT_MAX 64
#define FIND_QUEUE_MAX   256 /* evidence that waits for one order */
#define FIND_LOOK_TRIES  5   /* empty look-ups of an order of which only fills are known */
#define EVIDENCE_MAX     16384
#define FILL_KEYS_MAX    (1 << 20) /* beyond, old final orders leave first */
#define TICK_RECORDS_MAX 256 /* records served in one tick; more: the next tick is due at once */

/* --- indexes: chains of nodes that live inside what they index, so adding never allocates --- */

struct node {
    struct node *next;
    uint64_t hash;
    void *item; /* NULL: not in an index */
};
struct index {
    struct node **buckets;
    size_t mask;
};

MUST_CHECK enum err index_init(struct index *index, size_t items_max);
uint64_t hash_text(uint64_t seed, const char *text);
uint64_t hash_number(uint64_t number);
/* The first node of this hash after `after` (NULL: from the start). Compare the item yourself. */
struct node *index_next(const struct index *index, uint64_t hash, const struct node *after);
void index_add(struct index *index, struct node *node, uint64_t hash, void *item);
void index_remove(struct index *index, struct node *node);

/* --- what is kept --- */

struct record;

/* A fill that has been counted: its key, and a fingerprint of its numbers. */
struct fill_node {
    struct fill_node *next; /* of the same order */
    struct node by_key;
    struct record *record;
    char exec_id[EXEC_ID_MAX];
    uint64_t numbers; /* 0: not known (from the journal), learnt from the next evidence */
};

enum waiter_kind { WAITER_CREATE, WAITER_CANCEL, WAITER_AMEND, WAITER_WATCH };
struct waiter {
    struct waiter *next;
    uint64_t id;
    enum waiter_kind kind;
    enum engine_wait wait;
    int64_t until_ms;
    bool replay; /* create: a repeated one */
    bool acked;  /* cancel: acknowledged, waits for the end */
};

enum look_stage { LOOK_IDLE, LOOK_QUEUED, LOOK_READING };

struct lookup {
    enum look_stage stage;
    enum read_kind kind;
    struct record *queue_next;
    int64_t due_ms;
    int64_t base_ms; /* the schedule counts from here */
    int64_t started_ms;
    int step; /* of the schedule */
    int failures;
    bool wanted;        /* asked for, whatever the state says */
    bool again;         /* asked for while one was running */
    bool found;         /* this one has brought evidence */
    bool told;          /* a message of the order itself */
    bool past;          /* this one has read the order history, too */
    int untold;         /* complete ones with fills and no message, lookup_apart_ms apart */
    int64_t untold_ms;  /* start of the last of them */
    int counted;        /* complete empty ones, lookup_apart_ms apart */
    int64_t counted_ms; /* start of the last of them */
};

/* Of the last amend, beside what the order says of it. */
struct amend {
    int64_t sent_ms;   /* handed to the transport; restored: start of this run */
    int64_t signed_ms; /* 0: not known */
    int64_t answer_due_ms;
    bool restored; /* it was made in another run */
    bool acked;
    enum outcome outcome; /* once it has ended */
    int ret_code;
    int64_t retry_after_ms;
    char why[REASON_MAX];
};

struct record {
    struct order order;
    struct record *prev; /* all records */
    struct record *next;
    struct node by_link;
    struct node by_order_id;
    struct node by_client;
    struct node by_create;
    struct node by_cancel;
    struct node by_amend;
    size_t heap_at;
    int64_t due_ms;
    enum order_state counted; /* the state under which engine->states counts it */
    bool going;               /* in the list of those that may leave memory */
    struct record *going_prev;
    struct record *going_next;

    /* create */
    uint64_t intent_position; /* must be durable before the send; 0: none */
    struct record *intent_next;
    uint64_t batch;  /* as its event said */
    bool intent_new; /* its link can turn out to be known */
    size_t known;    /* within one commit: 1 + its place in `known` */
    bool doomed;     /* not to be sent when the commit comes */
    uint64_t create_send;
    int64_t made_server_ms; /* the exchange's clock when the intent was made; 0: not in this run */
    int64_t sent_ms;        /* handed to the transport; restored: start of this run */
    uint64_t sent_session;  /* private session at that time; 0: the stream was down */
    int64_t answer_due_ms;
    bool restored;       /* its send was in another run */
    bool duplicate;      /* the exchange said that it knows the link */
    bool soft;           /* refused in a way that one empty look-up must confirm */
    bool watched;        /* NOT_SENT by a refusal: looked up until the horizon */
    enum outcome failed; /* how a NOT_SENT or REJECTED one is answered */
    int64_t retry_after_ms;
    char why[REASON_MAX];

    /* cancel */
    uint64_t cancel_send; /* in flight; 0: none */
    int64_t cancel_ms;    /* last handed to the transport */
    int64_t cancel_answer_due_ms;
    int64_t cancel_due_ms; /* to be sent again */
    bool cancel_unknown;   /* its answer was lost */

    /* amend */
    uint64_t amend_position; /* its row, while the commit is awaited; 0: none */
    struct record *amend_next;
    uint64_t amend_send; /* in flight; 0: none */
    bool amend_counted;  /* in engine->amends_unknown */
    struct amend amend;

    /* evidence */
    int64_t seen_ms; /* last order message or fill, by now_ms */
    int64_t final_ms;
    bool missing;  /* open here, not in a complete scan */
    bool conflict; /* evidence that cannot be */
    int64_t conflict_ms;

    /* guard: what it counts for, in MONEY units */
    decimal_int amount;
    int client;              /* 1 + its place among the named clients; 0: none of them */
    int64_t base_ms;         /* fills up to here were executed before it came into memory */
    struct decimal seen_qty; /* filled before base_ms, and the fills seen since */
    int64_t asked_ms;        /* when its last intent was counted */
    bool swept;              /* of a kill: its end is told in the report */

    struct fill_node *fills;
    size_t fills_count;
    size_t fills_unsized; /* keys whose size is not known */
    struct decimal fills_qty;

    struct lookup look;
    struct waiter *waiters;
};

/* An order message or a fill that waits. */
struct evidence {
    struct evidence *next;
    bool is_fill;
    bool scanned; /* from a scan or look-up, not from the stream */
    /* One that waits holds the native of its report. */
    union {
        struct order_report report;
        struct fill fill;
    } u;
};

enum find_stage {
    FIND_READY,
    FIND_DELAYED,
    FIND_ASKED,
    FIND_LOOK_READY,
    FIND_LOOK_DELAYED,
    FIND_LOOKING
};

/* All evidence about one order (or one fill without an order) that is not in memory. */
struct find {
    struct find *prev; /* all finds, oldest first */
    struct find *next;
    struct node by_key;
    uint64_t number; /* order of making */
    uint64_t find_id;
    enum find_stage stage;
    enum read_kind look;
    enum category category;
    bool link_asked; /* the last question to the journal named the link */
    char order_id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX];
    char symbol[SYMBOL_MAX];
    char exec_id[EXEC_ID_MAX];
    struct evidence *first;
    struct evidence *last;
    size_t count;
    int tries;
    int64_t retry_ms;
};

enum read_owner { READ_FREE, READ_FOR_SCAN, READ_FOR_RECORD, READ_FOR_FIND, READ_FOR_SWEEP };

/* A read in flight. */
struct read_slot {
    enum read_owner owner;
    uint64_t read_id;
    int64_t started_ms;
    struct record *record;
    struct find *find;
    struct scan_job *job;
    struct sweep_scope *scope;
    struct cursor_guard guard;
    struct engine_action read; /* as it was asked, for the next page */
};
#define READS_SINGLE_MAX (SCANS_MAX + LOOKUPS_MAX)
#define READS_MAX        (READS_SINGLE_MAX + SWEEP_SCOPES)

/* --- the guard --- */

/* Money is counted in 1e-8 USD, each amount rounded up and cut at a bound that no sum of them can
 * overflow: so sums are exact, and what was added can be taken off again. */
#define MONEY_SCALE 8
#define MONEY_MAX   ((decimal_int)1000000000000000 * 100000000)

/* A fill that the position's last report does not cover. */
struct pending {
    decimal_int amount;
    int64_t at_ms; /* the exchange's clock; 0: not known */
    int64_t exchange_seq;
};

struct place {
    struct node by_key;
    enum category category;
    char symbol[SYMBOL_MAX];
    int position_idx;
    bool reported;
    decimal_int value;
    int64_t updated_ms;
    int64_t exchange_seq;
    struct pending pending[PENDING_MAX];
    size_t pending_count;
};

struct exposure {
    decimal_int orders;
    decimal_int clients[GUARD_CLIENTS_MAX]; /* orders of each named client */
    decimal_int positions;                  /* reported, and pending fills */
    decimal_int unplaced; /* what found no place: it only grows, for nothing tells its end */
    bool known;
    int64_t as_of_ms; /* a read that began then has shown all; 0: none yet */
    struct place *places;
    size_t places_count;
    struct index place_keys;
};

struct minute {
    int64_t slot; /* the newest */
    int total;
    int counts[MINUTE_SLOTS];
};

enum guard_wait { GUARD_WAIT_PATCH, GUARD_WAIT_KILL, GUARD_WAIT_ARM };

struct guard_waiter {
    uint64_t id;
    enum guard_wait kind;
    uint64_t position;  /* of the row that makes it durable */
    int64_t durable_ms; /* kill: not waited for the commit after this */
    int64_t until_ms;
};

enum scope_stage {
    SCOPE_DUE,        /* cancel-all at due_ms */
    SCOPE_CANCELLING, /* answers are awaited */
    SCOPE_SCANNING,
    SCOPE_SCANNED, /* nothing was open; orders in memory have no end yet */
    SCOPE_CLEAR,
};

struct sweep_send {
    uint64_t send_id; /* 0: none */
    int64_t due_ms;
};

struct sweep_scope {
    enum scope_stage stage;
    enum sweep_state state; /* as told */
    int rounds;
    int64_t due_ms;
    struct sweep_send sends[SWEEP_SYMBOLS_MAX];
    size_t flying;
    bool refused;  /* a cancel-all of this round did not happen: no turn */
    bool rejected; /* the exchange refused it */
    bool unasked;  /* by symbol, and there was none: no cancel-all in this round */
    bool filled;   /* an order was filled since the scan began: what came of it may lack there */
    int64_t scan_ms;
    size_t open;                                 /* in this scan */
    char symbols[SWEEP_SYMBOLS_MAX][SYMBOL_MAX]; /* inverse: of open orders in the last scan */
    size_t symbols_count;
    char error[MESSAGE_MAX];
};

struct guarded {
    struct guard_state state; /* as the journal has it, or will have it */
    struct guard_rules ceiling;
    bool has_ceiling;
    struct guard_rules rules; /* in force */
    bool limited;             /* any limit is on */
    uint64_t position;        /* of the newest row that must be durable */
    struct exposure exposure;
    struct minute minute;
    struct minute minutes[GUARD_CLIENTS_MAX];
    struct minute minutes_before[GUARD_CLIENTS_MAX]; /* while rules change */
    struct guard_create *restored; /* the last minute's of earlier runs; NULL: none */
    size_t restored_count;
    struct guard_waiter waiters[GUARD_WAITERS_MAX];
    size_t waiters_count;
    struct guard_verdict verdict;
    struct guard_report report; /* its counts of the last kill are kept here */

    bool arming; /* in effect once all rows up to arm.position are committed */
    struct {
        uint64_t position;
        int64_t due_ms;
        char reason[160];
        char by[TAG_MAX + 16];
    } arm;
    size_t not_sent; /* of the last kill: intents that were stopped */
    int64_t counts_since_ms;
    uint64_t told[KILL_TOLD_MAX]; /* hashes of orders that were told before they were seen */
    size_t told_count;
    bool sweeping; /* killed: the scopes are swept, or watched */
    struct sweep_scope scopes[SWEEP_SCOPES];
};

struct engine {
    struct engine_config config;
    char link_prefix[25];
    const struct engine_times *times;
    int64_t now_ms;
    struct engine_actions *actions; /* of the running step */

    uint64_t last_seq;
    enum evidence_source source; /* of what this step changes */
    uint64_t last_position;
    uint64_t committed; /* all rows up to here are durable */
    uint64_t last_id;   /* sends, reads, finds */
    uint64_t last_link;
    uint64_t anomalies;
    bool started;
    bool stopping;
    bool journal_down;
    int64_t start_ms;
    char auth_why[REASON_MAX]; /* "" or why creates have stopped */

    bool clock_known;
    int64_t offset_ms; /* server = now + offset */
    int64_t uncertainty_ms;
    bool private_up;
    uint64_t private_session; /* one more each time that the stream is up again */
    int64_t private_last_ms;  /* last message of the private stream */

    struct record *records;
    size_t records_count;
    size_t records_max;
    size_t states[ORDER_GONE + 1];
    struct record *going_first; /* may leave memory, for longest first */
    struct record *going_last;
    struct record **heap;
    size_t heap_count;
    struct index links;
    struct index order_ids;
    struct index clients;
    struct index creates;
    struct index cancels;
    struct index amends;
    struct index fill_keys;
    size_t fill_keys_count;

    struct record *intents_first; /* by position */
    struct record *intents_last;
    size_t intents_count;
    size_t intents_of[CATEGORY_COUNT][2][2]; /* [1]: of batches; [1]: exits */

    struct record *amends_first; /* by position */
    struct record *amends_last;
    size_t amends_count;
    size_t amends_of[CATEGORY_COUNT];
    size_t amends_unknown;

    struct record *look_first;
    struct record *look_last;
    struct read_slot reads[READS_MAX];
    size_t lookups_flying;

    struct find *finds_first;
    struct find *finds_last;
    size_t finds_count;
    size_t finds_flying;
    size_t finds_ready; /* to be asked, or to be looked up */
    struct index find_keys;
    size_t evidence_count;

    struct recovery recovery;
    struct guarded guard;

    struct waiter *waiters;
    struct waiter *waiters_free;
    size_t waiters_count;

    struct record *spare_records;
    size_t spare_records_count;
    struct fill_node *spare_fills;
    size_t spare_fills_count;
    struct find *spare_finds;
    size_t spare_finds_count;
    struct evidence *spare_evidence;
    size_t spare_evidence_count;
};

/* --- store.c --- */

MUST_CHECK enum err store_init(struct engine *engine);
void store_deinit(struct engine *engine);
/* Makes sure that so many can be taken without allocating. */
MUST_CHECK enum err store_reserve(struct engine *engine, size_t records, size_t fills, size_t finds,
                                  size_t evidence);
struct record *record_new(struct engine *engine, const struct order *order);
void record_evict(struct engine *engine, struct record *record);
/* After each change of a record: whether it may leave memory when there is no room. */
void record_note_going(struct engine *engine, struct record *record);
/* Drops the final order that ended first. False: none can go. */
bool store_make_room(struct engine *engine);
bool store_has_room(const struct engine *engine);
void record_index_order_id(struct engine *engine, struct record *record);
void record_reindex(struct engine *engine, struct record *record);
struct record *record_by_link(const struct engine *engine, const char *link);
struct record *record_by_order_id(const struct engine *engine, enum category category,
                                  const char *order_id);
struct record *record_by_any(const struct engine *engine, const char *id);
struct record *record_by_send(const struct index *index, uint64_t send_id);
void record_set_create_send(struct engine *engine, struct record *record, uint64_t send_id);
void record_set_cancel_send(struct engine *engine, struct record *record, uint64_t send_id);
void record_set_amend_send(struct engine *engine, struct record *record, uint64_t send_id);
/* `numbers` 0: key only. The caller has made sure that the key is new. */
struct fill_node *fill_add(struct engine *engine, struct record *record, const char *exec_id,
                           uint64_t numbers);
struct fill_node *fill_find(const struct engine *engine, const struct record *record,
                            const char *exec_id);
uint64_t fill_numbers(const struct fill *fill);
struct evidence *evidence_new(struct engine *engine);
void evidence_free(struct engine *engine, struct evidence *evidence);
void record_set_due(struct engine *engine, struct record *record, int64_t due_ms);
struct record *store_first_due(const struct engine *engine);

/* --- actions.c --- */

MUST_CHECK enum err actions_reserve(struct engine_actions *actions, size_t more);
struct engine_action *action_add(struct engine *engine, enum action_kind kind);
/* A row of the order as it is now; with `event` it gets the next event number. */
void row_order(struct engine *engine, struct record *record, enum row_kind kind, bool event,
               bool anomaly);
/* The row of an order that a report has changed, or, without `event`, of one whose object alone is
 * another now. `native` NULL: none to store with it. */
void row_reported(struct engine *engine, struct record *record, struct native *native, bool event,
                  bool anomaly);
void row_fill(struct engine *engine, struct fill *fill, bool anomaly);
void row_watermark(struct engine *engine, int64_t watermark_ms, int64_t watched_from_ms,
                   int64_t options_from_ms);
/* `change` NULL: the state as it is, once more, and no event. */
void row_guard(struct engine *engine, const char *change);
struct engine_action *reply_add(struct engine *engine, uint64_t waiter, enum outcome outcome,
                                const struct record *record, int64_t retry_after_ms,
                                const char *why, int ret_code);
uint64_t next_id(struct engine *engine);

/* --- reserve.c --- */

MUST_CHECK enum err engine_reserve(struct engine *engine, const struct engine_event *event,
                                   struct engine_actions *actions);

/* --- engine.c --- */

/* NULL when creates are taken, else why not. */
const char *engine_not_ready(const struct engine *engine);
int64_t server_now_ms(const struct engine *engine);
/* Whether the fills add up; true when that is new. */
bool record_settle(struct record *record);
/* After any change of a record: settled, waiters, counters, timer. */
void record_done(struct engine *engine, struct record *record);
/* A change of state that is an event. */
void record_change(struct engine *engine, struct record *record, enum order_state state,
                   bool anomaly);
void record_note_final(struct engine *engine, struct record *record);
/* The exchange refuses our key: no more creates. */
void engine_note_auth(struct engine *engine, int ret_code, const char *ret_msg);

/* --- admit.c --- */

/* Of creates and amends. True: it is refused, and `waiter` answered. `record` NULL: there is none
 * yet. `killed`: a kill was asked for after it. */
bool admit_is_closed(struct engine *engine, uint64_t waiter, const struct record *record,
                     bool killed);
/* `answer`: what the guard has just said, its verdict is the engine's. */
bool admit_is_refused(struct engine *engine, uint64_t waiter, const struct record *record,
                      enum guard_answer answer, int64_t turn_ms);
/* Both, of a create. `record`: of a NOT_SENT link that is tried again; else NULL. */
bool create_refused(struct engine *engine, const struct engine_event *event,
                    const struct record *record);

/* --- create.c --- */

void create_begin(struct engine *engine, const struct engine_event *event);
void create_committed(struct engine *engine, const struct engine_event *event);
void create_answer(struct engine *engine, struct record *record, const struct engine_event *event);
void create_timer(struct engine *engine, struct record *record);
int64_t create_due_ms(const struct record *record);
void create_start(struct engine *engine);
void create_stop(struct engine *engine);
/* Not to be sent when its commit comes: `why`. */
void create_doom(struct record *record, const char *why);
/* The link is taken at the exchange by an order that is not this one. */
void create_foreign(struct engine *engine, struct record *record);
void create_soft_confirmed(struct engine *engine, struct record *record);

/* --- amend.c --- */

void amend_begin(struct engine *engine, const struct engine_event *event);
void amend_committed(struct engine *engine, const struct engine_event *event);
void amend_answer(struct engine *engine, struct record *record, const struct engine_event *event);
void amend_timer(struct engine *engine, struct record *record);
int64_t amend_due_ms(const struct engine *engine, const struct record *record);
/* Of an order from the journal: what was in flight may have left. */
void amend_restore(struct engine *engine, struct record *record);
/* What is not sent yet will not be. */
void amend_drop(struct engine *engine, struct record *record, const char *why);
/* The order has ended; its row follows. */
void amend_end_with_order(struct engine *engine, struct record *record);
/* True: the report shows that the amend in flight was made; the order's row follows. */
bool amend_is_shown(struct engine *engine, struct record *record,
                    const struct order_report *report);
bool amend_has_left(const struct record *record);
bool amend_needs_look(const struct record *record);
/* When the next look-up could settle it. */
int64_t amend_look_ms(const struct engine *engine, const struct record *record);
/* A complete look-up has shown the order. */
void amend_looked(struct engine *engine, struct record *record);

/* --- cancel.c --- */

void cancel_begin(struct engine *engine, const struct engine_event *event);
/* Wants the order cancelled, with a row, and sends what can be sent. */
void cancel_wish(struct engine *engine, struct record *record);
/* Sends the wanted cancel unless one is in flight or it is too soon. */
void cancel_pursue(struct engine *engine, struct record *record);
void cancel_answer(struct engine *engine, struct record *record, const struct engine_event *event);
void cancel_timer(struct engine *engine, struct record *record);
int64_t cancel_due_ms(const struct record *record);
const char *cancel_in_flight(const struct record *record);

/* --- evidence.c --- */

void evidence_order(struct engine *engine, const struct order_report *told, bool scanned);
/* A time far ahead would make all that comes later look old. */
struct order_report report_in_time(const struct engine *engine, const struct order_report *report);
void evidence_fill(struct engine *engine, const struct fill *fill, bool scanned);
/* For find.c: it is known whose they are. */
void report_apply(struct engine *engine, struct record *record, const struct order_report *report,
                  bool scanned);
void fill_apply(struct engine *engine, struct record *record, const struct fill *fill,
                bool scanned);
/* The record that this evidence is about; `*blocked`: it is in doubt until a commit. */
struct record *evidence_record(struct engine *engine, const struct evidence *evidence,
                               bool *blocked);
bool evidence_is_foreign(const struct engine *engine, const struct record *record,
                         const struct order_report *report);
bool evidence_must_ask(const struct record *record);
bool fill_has_order(const struct fill *fill);

/* --- find.c --- */

/* Whether so much more evidence may wait. */
bool find_has_room(const struct engine *engine, size_t more);
void find_queue(struct engine *engine, const struct evidence *like);
void find_answer(struct engine *engine, const struct engine_event *event);
void find_page(struct engine *engine, struct read_slot *slot, const struct engine_event *event);
void find_pump(struct engine *engine);
void find_timer(struct engine *engine);
int64_t find_due_ms(const struct engine *engine);
/* The record has got its order id: what waits for that order is its. */
void find_wake(struct engine *engine, const struct record *record);
/* Of evidence that waits since before find number `number` was made. */
bool find_any_before(const struct engine *engine, uint64_t number);

/* --- lookup.c --- */

/* Starts the schedule anew from now. */
void lookup_schedule(struct engine *engine, struct record *record);
void lookup_stop(struct record *record);
void lookup_now(struct engine *engine, struct record *record);
void lookup_soon(struct engine *engine, struct record *record);
/* Sets or clears the next time by what the record still needs. */
void lookup_review(struct engine *engine, struct record *record);
void lookup_timer(struct engine *engine, struct record *record);
void lookup_pump(struct engine *engine);
void lookup_page(struct engine *engine, struct read_slot *slot, const struct engine_event *event);
/* A complete scan did not have it. */
void lookup_scanned_empty(struct engine *engine, struct record *record, int64_t started_ms);

/* --- untold.c --- */

/* A complete look-up has read the lists of orders, and none has it. */
void untold_note(struct engine *engine, struct record *record);

/* --- reads (lookup.c) --- */

/* A free slot for look-ups, or NULL. */
struct read_slot *read_free_slot(struct engine *engine);
struct read_slot *read_by_id(struct engine *engine, uint64_t read_id);
void read_start(struct engine *engine, struct read_slot *slot);
/* Asks for the next page with the same parameters; false: the cursor came before. */
bool read_next_page(struct engine *engine, struct read_slot *slot, const char *cursor);
void read_release(struct engine *engine, struct read_slot *slot);

/* --- recovery.c --- */

void recovery_started(struct engine *engine);
void recovery_gap(struct engine *engine);
void recovery_page(struct engine *engine, struct read_slot *slot, const struct engine_event *event);
void recovery_pump(struct engine *engine);
/* Orders and executions are being read: orders of executions that came first are still to come. */
bool recovery_may_tell(const struct engine *engine);
int64_t recovery_due_ms(const struct engine *engine);

/* --- coins.c --- */

void coins_init(struct engine *engine);
/* An order, a fill or a position of this symbol is known. */
void coins_see(struct engine *engine, enum category category, const char *symbol);
/* A plan begins, `with_options` or without. */
void coins_plan(struct recovery *recovery, bool with_options);
/* It has ended, and none of its reads of options was given up. */
void coins_settle(struct recovery *recovery);
/* Since when executions of options are owed; NEVER_MS: none are. */
int64_t coins_owed_ms(const struct recovery *recovery);

/* --- waiters.c --- */

struct waiter *waiter_add(struct engine *engine, struct record *record, enum waiter_kind kind,
                          const struct engine_event *event, int64_t until_ms);
void waiters_serve(struct engine *engine, struct record *record);
/* The cancel has come out so. */
void waiters_cancelled(struct engine *engine, struct record *record, enum outcome outcome,
                       int64_t retry_after_ms, const char *why, int ret_code);
/* Ends create waiters with this, whatever they wait for. */
void waiters_end_creates(struct engine *engine, struct record *record, enum outcome outcome,
                         const char *why);
bool waiters_any(const struct record *record, enum waiter_kind kind);
int64_t waiters_due_ms(const struct record *record);
void waiters_end_all(struct engine *engine, struct record *record);
void waiters_gone(struct engine *engine, const struct engine_event *event);

/* --- minute.c --- */

/* A create made at `at_ms`. */
void minute_add(struct minute *minute, int64_t now_ms, int64_t at_ms);
void minute_take_back(struct minute *minute, int64_t now_ms, int64_t at_ms);
int minute_count(struct minute *minute, int64_t now_ms);
/* Until one more fits under `max`; 0: now, or (max 0) never. */
int64_t minute_next_ms(struct minute *minute, int64_t now_ms, int max);

/* --- exposure.c --- */

MUST_CHECK enum err exposure_init(struct engine *engine);
void exposure_deinit(struct engine *engine);
/* The record is new in memory, or its order was replaced whole. */
void exposure_adopt(struct engine *engine, struct record *record);
/* After any change of the record, or of its client. */
void exposure_count(struct engine *engine, struct record *record);
void exposure_forget(struct engine *engine, struct record *record);
/* Its limit or trigger price is another now than in `before`. */
void exposure_reprice(struct record *record, const struct order_request *before);
/* The request as the change would make it, worth at least what its prices say: the change may have
 * been valued by prices that are others now. */
void exposure_amended(const struct order_request *request, const struct order_change *change,
                      struct order_request *out);
/* What of it may still be executed when its size is `whole`. */
struct decimal exposure_left(const struct record *record, struct decimal whole);
/* What is open beside this order, should an amend make it `left` (of which nothing is filled), and
 * what its size of now counts more than that; `client` as of exposure_open_of + 1, 0: of all. */
struct decimal exposure_beside(const struct engine *engine, int client, const struct record *record,
                               const struct order_request *left);
/* A fill that has not been counted before. */
void exposure_fill(struct engine *engine, struct record *record, const struct fill *fill);
void exposure_position(struct engine *engine, const struct engine_event *event);
/* `begun_ms` as in EVENT_POSITIONS_KNOWN. */
void exposure_known(struct engine *engine, bool known, int64_t begun_ms);
/* The clock has told which fills a read of all positions covers. */
void exposure_review(struct engine *engine);
struct decimal exposure_open(const struct engine *engine);
struct decimal exposure_open_of(const struct engine *engine, size_t client);

/* --- guarded.c --- */

void guard_start(struct engine *engine);
void guard_deinit(struct engine *engine);
void guard_restore(struct engine *engine, const struct engine_event *event);
void guard_patch(struct engine *engine, const struct engine_event *event);
void guard_read(struct engine *engine, uint64_t waiter);
/* May it be sent? guard.verdict says why not. */
enum guard_answer guard_judge(struct engine *engine, const struct order_request *request,
                              const struct guard_facts *facts);
/* By the limits of the order's client, and of who asks (`client`; NULL or "": nobody with a name).
 */
enum guard_answer guard_judge_amend(struct engine *engine, const struct record *record,
                                    const struct order_change *change, const char *client,
                                    const struct guard_facts *facts);
/* An intent counts among the creates of the minute, until it turns out to be none. */
void guard_note_create(struct engine *engine, struct record *record);
void guard_take_back_create(struct engine *engine, struct record *record);
/* 1 + the place of this name among the named clients; 0: it is none of them. */
int guard_client_number(const struct engine *engine, const char *name);
/* A row of the guard as it is now; `synced`: it has to be durable to count. */
void guard_changed(struct engine *engine, const char *change, bool synced);
bool guard_can_wait(const struct engine *engine);
void guard_wait_add(struct engine *engine, const struct guard_waiter *waiter);
/* Ends all that wait for this, with the report as it is. */
void guard_waiters_end(struct engine *engine, enum guard_wait kind, enum outcome outcome,
                       const char *why);
void guard_reply(struct engine *engine, uint64_t waiter, enum outcome outcome, const char *why);
/* Replies that have become due. */
void guard_pump(struct engine *engine);
void guard_stop(struct engine *engine);
int64_t guard_due_ms(const struct engine *engine);

/* --- kill.c --- */

bool kill_is_on(const struct engine *engine);
void kill_begin(struct engine *engine, const struct engine_event *event);
void kill_arm(struct engine *engine, const struct engine_event *event);
/* To who waits for an arm when the bridge stops. */
const char *kill_why_not_armed(const struct engine *engine);
/* An arm that can take effect, or whose time is over. */
void kill_arm_pump(struct engine *engine);
/* A start that finds a kill. */
void kill_start(struct engine *engine);
/* An order that was made elsewhere has come into memory. */
void kill_sees_first(struct engine *engine, struct record *record);
/* Of each record that has changed while killed. */
void kill_note(struct engine *engine, struct record *record);
void kill_report(const struct engine *engine, struct guard_report *report);
/* Orders that are or may be open at the exchange. */
size_t kill_open_count(const struct engine *engine);

/* --- cancelled.c --- */

/* A kill begins: counts from zero. */
void cancelled_forget(struct engine *engine);
/* The exchange says that it cancels these. */
void cancelled_named(struct engine *engine, enum category category,
                     const struct swept_order *orders, size_t count);
/* Named so, and not seen until now. */
bool cancelled_is_told(const struct engine *engine, const struct order *order);
/* Its end is seen; once for each order. */
void cancelled_end(struct engine *engine, const struct order *order);
/* It is seen open: its end will tell. */
void cancelled_open(struct engine *engine, const struct order *order);
/* Whether an order that memory had not, and that is over, has ended since the kill began. */
bool cancelled_since(const struct engine *engine, const struct order *order);

/* --- sweep.c --- */

void sweep_begin(struct engine *engine);
void sweep_end(struct engine *engine);
void sweep_answer(struct engine *engine, const struct engine_event *event);
void sweep_page(struct engine *engine, struct read_slot *slot, const struct engine_event *event);
/* An order that is not final is known: a scope of it that was clear is not. */
void sweep_reopen(struct engine *engine, const struct order *order);
/* An order that memory has not is open. */
void kill_sees_open(struct engine *engine, const struct order_report *report);
/* It has ended with fills: they may have made orders that the last scan came too early for. */
void sweep_filled(struct engine *engine, const struct order *order);
void sweep_pump(struct engine *engine);
int64_t sweep_due_ms(const struct engine *engine);
void sweep_report(const struct engine *engine, struct guard_report *report);
