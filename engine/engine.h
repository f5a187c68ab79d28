/* engine/engine.h - the order engine: events in, actions out, no I/O, no clock, no thread
 * (RELIABILITY section 2 to 4).
 *
 * The owner (engine/loop.c in the daemon, the simulated world in the tests) feeds one event at a
 * time with its time and then carries out the actions, in order. Same events, same actions: nothing
 * here is random or reads a clock.
 *
 * Rules that the actions encode:
 *  - ACTION_SEND_CREATE comes only after EVENT_COMMITTED has covered the intent's position. Never
 * twice for an attempt.
 *  - Cancels leave at once.
 *  - Every row has a position (1, 2, 3 ... in this run); rows with an event carry its number `seq`,
 * one more than the last. An intent has no event: its link can turn out to be known.
 *  - Every waiter gets exactly one ACTION_REPLY, at its deadline at the latest.
 *
 * An order lives in memory, with the keys of all its fills, while it is not final and for a while
 * after. Evidence about an order that is not in memory waits until ACTION_FIND has been answered by
 * EVENT_FOUND: so fills are counted once without all of history in memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/trade.h"
#include "engine/guard.h"
#include "engine/guard_json.h"

struct engine;

#define OPTION_COINS_SCANNED_MAX 16 /* those of the configuration, and those that turn up */

/* All times in ms, one struct, so that tests run them faster. Defaults in engine_times_default. */
struct engine_times {
    int order_deadline_ms;     /* 5000: a create not begun by then is NOT_SENT */
    int answer_timeout_ms;     /* 10000: behind the deadline; no answer by then is UNKNOWN (the
                                  transport ends it too) */
    int recv_window_ms;        /* 5000 */
    int horizon_slack_ms;      /* 30000: beside timestamp + recv_window + 1000 + uncertainty */
    int lookup_after_ms[6];    /* 2, 5, 10, 20, 40, 60 s after the loss */
    int lookup_gap_more_ms[4]; /* 80, 100, 120, 140 s: also, when the private stream had a gap */
    int lookup_late_ms;        /* 600000: then each 10 min */
    int lookup_apart_ms;       /* 10000: look-ups that count for the horizon are this far apart */
    int lookups_needed;        /* 3; with a gap lookups_needed_gap */
    int lookups_needed_gap;    /* 6 */
    int read_retry_ms;  /* 1000: a failed scan page is read again after this, doubled up to 16 times
                         */
    int scan_margin_ms; /* 2000: scans end at server time + this */
    int scan_back_ms;   /* 120000: scans begin this much before the watermark or the last message */
    int first_back_ms;  /* 86400000: at the very first start */
    int rescan_after_ms[4]; /* 5, 15, 60, 300 s */
    int rescan_back_ms; /* 300000: rescans look back this far; the watermark stays this far behind
                         */
    int watermark_every_ms; /* 60000 */
    int audit_every_ms;     /* 300000 */
    int audit_back_ms;      /* 900000 */
    int gap_patience_ms;    /* 30000: creates go on this long through a gap and its recovery */
    int gone_after_ms;      /* 86400000 */
    int keep_final_ms;      /* 600000: final orders stay in memory this long */
    int cancel_again_ms; /* 2000: a wanted cancel is sent again this much later while the order is
                            seen open */
    int clock_uncertainty_max_ms; /* 500: above, no creates */
    int sweep_after_ms[5]; /* a kill cancels all again after 250, 500, 1000, 2000, then each 5000 */
    int sweep_failed_ms;   /* 30000: what the exchange refuses to cancel is tried again */
    int kill_durable_ms;   /* 2000: the answer to a kill waits so long for its commit */
    int guard_commit_ms;   /* 5000: the answer to a PATCH waits so long for its commit; an arm
                              for that of the row before it, and its own */
};
extern const struct engine_times engine_times_default;
/* Every time divided by `factor` (at least 1 ms); for tests. */
struct engine_times engine_times_scaled(const struct engine_times *times, int factor);

struct engine_config {
    struct engine_times times;
    bool has_keys;     /* else: no private stream, no recovery; creates are refused before they come
                          here */
    uint64_t last_seq; /* highest event number in the journal */
    int64_t watermark_ms;    /* 0: the very first start */
    const char *link_prefix; /* links made here: prefix + counter, at most 24 characters; borrowed
                                for life */
    size_t orders_max;       /* in memory; more: creates are refused as BUSY. Default 20000 */
    const struct guard_rules *guard_ceiling; /* by the configuration; copied; NULL: none */
    const char (*option_coins)[COIN_MAX];    /* whose options are scanned; copied; the first
                                                OPTION_COINS_SCANNED_MAX of them */
    size_t option_coins_count;
};

/* --- events --- */

enum engine_wait { WAIT_ACCEPTED, WAIT_FILLED, WAIT_FINAL };

enum event_kind {
    EVENT_RESTORE, /* before EVENT_START: a not final order from the journal, with its fill keys */
    EVENT_START, /* all restored: INTENT becomes UNKNOWN, recovery begins when clock and stream are
                    there */
    EVENT_CREATE,
    EVENT_CANCEL,
    EVENT_AMEND,
    EVENT_WATCH, /* GET with wait: reply when it holds or at the deadline */
    EVENT_GONE,  /* who waited will not hear the answer: their waits end as at their deadline */
    EVENT_COMMITTED,
    EVENT_JOURNAL_DOWN, /* not writable: no creates */
    EVENT_JOURNAL_UP,
    EVENT_ANSWER, /* to ACTION_SEND_CREATE, ACTION_SEND_AMEND or ACTION_SEND_CANCEL */
    EVENT_PAGE,   /* to ACTION_READ */
    EVENT_FOUND,  /* to ACTION_FIND */
    EVENT_ORDER,  /* evidence from the private stream */
    EVENT_FILL,
    EVENT_PRIVATE_UP, /* logged in and subscribed */
    EVENT_PRIVATE_DOWN,
    EVENT_CLOCK,         /* a clock sample: server time and uncertainty */
    EVENT_TICK,          /* time has passed: deadlines, retries */
    EVENT_STOP,          /* shutting down: intents not sent become NOT_SENT, waiters are answered */
    EVENT_GUARD_RESTORE, /* before EVENT_START: what the journal has of the guard */
    EVENT_GUARD_PATCH,
    EVENT_GUARD_READ,
    EVENT_KILL,
    EVENT_ARM,
    EVENT_SWEPT,    /* to ACTION_CANCEL_ALL */
    EVENT_POSITION, /* a position as the exchange reports it; one that is flat now is told too */
    EVENT_POSITIONS_KNOWN, /* known: every position that is not flat has been reported, as a read
                              showed it that began after the last `false` (or after the start) */
};

/* How a create or cancel ended, as far as its answer tells. Mirrors bybit/codes.h without including
 * it. */
enum answer_kind {
    REPLY_OK,
    REPLY_REJECT,
    REPLY_NO_SUCH_ORDER, /* cancel only: 110001, 170213 */
    REPLY_REFUSED,
    REPLY_AUTH,
    REPLY_DUPLICATE,
    REPLY_AMBIGUOUS,
    REPLY_LOST,      /* may have left, no usable answer */
    REPLY_NOT_SENT,  /* provably did not leave */
    REPLY_THROTTLED, /* provably did not leave: no turn in the rate budget */
};

struct fill_key {
    char exec_id[EXEC_ID_MAX];
};

/* A create of the last minute. */
struct guard_create {
    int64_t at_ms;
    char client[TAG_MAX];
};

/* An order that the answer to a cancel-all names. */
struct swept_order {
    char order_id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX]; /* "": it has none */
};

struct engine_event {
    enum event_kind kind;
    int64_t now_ms; /* wall clock (of this machine), never goes backwards within a run: the owner
                       sees to it */
    union {
        struct {
            const struct order *order;
            const struct fill_key *fills;
            size_t fills_count;
        } restore;
        struct {
            const struct order_request *request; /* link "" : the engine makes one */
            uint64_t waiter;
            enum engine_wait wait;
            int64_t wait_until_ms; /* for WAIT_FILLED, WAIT_FINAL; 0: the order's own time-outs
                                      bound it */
            const struct guard_facts *facts; /* NULL: none */
            uint64_t batch;  /* creates of one number may leave in one request; 0: alone */
            bool dry_run;    /* judged as if it were sent, and nothing else: OUTCOME_WOULD */
            int64_t turn_ms; /* until its turn in the rate budget, as far as can be told; 0: now */
            bool killed;     /* a kill came after it was asked for, whatever has come since */
        } create;
        struct {
            const char *id; /* order id, link or client id */
            uint64_t waiter;
            enum engine_wait wait;
            int64_t wait_until_ms;
        } cancel; /* and watch */
        struct {
            const char *id;
            const struct order_change *change; /* at least one member; already checked against the
                                                  instrument */
            uint64_t waiter;
            enum engine_wait wait; /* FINAL: until the stream has confirmed it */
            int64_t wait_until_ms;
            const struct guard_facts *facts; /* of change.value_price */
            const char *client; /* who asks, for the limits of that name; NULL or "": no name */
            int64_t turn_ms;
            bool killed; /* as of a create */
        } amend;
        struct {
            const uint64_t *waiters; /* in rising order */
            size_t count;
        } gone;
        struct {
            uint64_t position;         /* all rows up to here are durable */
            const struct order *known; /* intents whose link was there already: the stored orders;
                                          they cost no row */
            const struct fill_key *const *known_fills; /* per known order: its fill keys */
            const size_t *known_fills_count;
            size_t known_count;
        } committed;
        struct {
            uint64_t send_id;
            enum answer_kind kind;
            int ret_code;
            const char *ret_msg;
            const char *order_id;
            int64_t signed_ms;      /* 0: not known */
            int64_t retry_after_ms; /* with THROTTLED, REFUSED */
        } answer;
        struct {
            uint64_t read_id;
            bool ok;       /* HTTP 200, retCode 0, readable */
            bool rejected; /* not ok, and the exchange's last word; not when it was lost, throttled
                              or not sent */
            bool absent;   /* likewise: no right to it, or no such market for this account; not that
                              the key is no good at all */
            const struct order_report *reports;
            size_t reports_count;
            const struct fill *fills;
            size_t fills_count;
            const char *next_cursor; /* "" on the last page */
        } page;
        struct {
            uint64_t find_id;
            bool failed;               /* the journal could not be read: ask again later */
            const struct order *order; /* NULL: not there */
            const struct fill_key *fills;
            size_t fills_count;
            bool fill_known; /* for a fill without an order */
        } found;
        const struct order_report *order;
        const struct fill *fill;
        struct {
            int64_t server_ms; /* the exchange's clock at now_ms */
            int64_t uncertainty_ms;
        } clock;
        struct {
            const struct guard_state *state; /* NULL: nothing is stored */
            /* Creates of the last minute: when their intents were made, and by which client. */
            const struct guard_create *creates;
            size_t creates_count;
        } guard_restore;
        struct {
            const struct guard_patch *patch;
            uint64_t waiter;
        } guard_patch;
        uint64_t guard_read; /* waiter */
        struct {
            const char *reason; /* "" : none given */
            const char *by;
            uint64_t waiter;       /* 0: nobody waits (a signal) */
            int64_t wait_until_ms; /* the answer comes by then, whatever is still open */
        } kill;                    /* and arm, without the wait */
        struct {
            uint64_t send_id;
            enum answer_kind kind;
            int ret_code;
            const char *ret_msg;
            int64_t retry_after_ms;
            const struct swept_order *orders; /* that it says it cancels */
            size_t orders_count;
        } swept;
        struct {
            enum category category;
            const char *symbol;
            int position_idx;
            struct decimal value; /* USD, not below 0; 0: flat */
            int64_t updated_ms;   /* the exchange's updatedTime; 0: not known */
            int64_t exchange_seq; /* as a fill's; 0: not known */
        } position;
        struct {
            bool known;
            int64_t begun_ms; /* when the newest read began that lacked nothing; 0: none */
        } positions;
    } u;
};

/* --- the guard's report --- */

enum sweep_state {
    SWEEP_CANCELLING,
    SWEEP_CLEAR,   /* the exchange showed nothing open, after the last cancel-all */
    SWEEP_WAITING, /* no turn yet: a ban, the budget, no clock; `error` says which */
    SWEEP_FAILED,  /* the exchange refuses; `error` has its words */
};

#define SWEEP_SCOPES_MAX 10
#define KILL_LISTED_MAX  500

struct guard_report {
    struct guard_state state; /* rules: what is in force (the ceiling is in it) */
    struct guard_rules ceiling;
    bool has_ceiling;
    bool durable; /* the newest change of it is committed */
    struct guard_counts all;
    struct guard_counts clients[GUARD_CLIENTS_MAX]; /* of state.rules.clients */
    /* Of the last kill of this run; counts are 0 before one. */
    size_t cancelled_count; /* orders that have ended cancelled since, and orders made elsewhere
                               that the exchange has named as cancelled */
    size_t listed_count;
    struct {
        char order_id[ORDER_ID_MAX];
        char client_id[CLIENT_ID_MAX];
        enum category category;
        char symbol[SYMBOL_MAX]; /* "": not known yet */
    } listed[KILL_LISTED_MAX];   /* the first of them */
    size_t filled_count;         /* that were filled before the cancel came */
    size_t not_sent_count;       /* creates that were stopped before they left */
    size_t open_count;           /* known to be open now */
    size_t unknown_count;        /* whose fate is open */
    size_t scopes_count;
    struct {
        enum category category;
        char settle_coin[COIN_MAX]; /* "": all */
        const char *order_filter;   /* "": all; static text */
        enum sweep_state state;
        int rounds;
        char error[MESSAGE_MAX];
    } scopes[SWEEP_SCOPES_MAX];
};

/* --- actions --- */

enum row_kind {
    ROW_INTENT, /* insert; on a known link the journal answers `known`. Synced. */
    ROW_RETRY,  /* update of a NOT_SENT order to INTENT, attempt + 1. Synced. */
    ROW_AMEND,  /* update by (link, order id): an amend is to be sent. Synced. */
    ROW_ORDER,  /* insert or update by (link, order id) */
    ROW_FILL,   /* insert */
    ROW_WATERMARK,
    ROW_GUARD, /* the guard's state, whole. Synced. */
};

enum read_kind {
    READ_OPEN_ORDERS,      /* order/realtime: category, settle_coin */
    READ_HISTORY,          /* order/history: category, start, end */
    READ_EXECUTIONS,       /* execution/list: category, start, end; of options: base_coin */
    READ_ORDER,            /* order/realtime by link or order id */
    READ_ORDER_HISTORY,    /* order/history by link or order id */
    READ_ORDER_EXECUTIONS, /* execution/list by link or order id */
};

enum outcome {
    OUTCOME_ACCEPTED, /* create: acknowledged, or the wait is fulfilled. 201 */
    OUTCOME_REPLAYED, /* create: same key, same body: the order as it is now. 200 */
    OUTCOME_OK,       /* cancel acknowledged, or already final; watch fulfilled or timed out. 200 */
    OUTCOME_UNKNOWN,  /* 202: being looked up */
    OUTCOME_REJECTED, /* 422: the exchange refused; ret_code, ret_msg in the order (or error for a
                         cancel) */
    OUTCOME_AUTH,     /* 502: the exchange refused our key */
    OUTCOME_NOT_SENT, /* 503: provably did not leave; the text says why */
    OUTCOME_THROTTLED,   /* 429: provably did not leave; retry_after_ms */
    OUTCOME_NOT_READY,   /* 503: starting, recovering, clock unsure, journal down, creates stopped:
                            nothing written */
    OUTCOME_BUSY,        /* 503: too many orders */
    OUTCOME_KEY_REUSED,  /* 422: same key, other body */
    OUTCOME_IN_PROGRESS, /* 409: the first request with this key has no outcome yet */
    OUTCOME_NOT_FOUND,   /* not in memory: so final long ago, or never here: look in the journal */
    OUTCOME_WOULD,       /* dry run: it would be sent. 200 */
    OUTCOME_CONFLICT,    /* 409: another amend of this order is in flight, or its own create is */
    OUTCOME_ENDED,       /* 409: amend of an order that has ended, or ended before it was made */
    OUTCOME_GUARD,       /* 422: refused by a limit of the guard: `verdict` */
    OUTCOME_KILLED,      /* 422: refused because of the kill */
    OUTCOME_NEEDS_FACTS, /* price or leverage is missing: find it and ask again */
    OUTCOME_GUARD_DONE,  /* to GUARD_PATCH, GUARD_READ, KILL, ARM: `report`. 200 */
    OUTCOME_CEILING,     /* 422: the PATCH would lift what the configuration sets */
};

enum action_kind {
    ACTION_ROW,
    ACTION_SEND_CREATE,
    ACTION_SEND_AMEND, /* once, after its commit, as a create */
    ACTION_SEND_CANCEL,
    ACTION_CANCEL_ALL, /* at once, as a cancel */
    ACTION_READ,
    ACTION_FIND,
    ACTION_REPLY
};

struct engine_action {
    enum action_kind kind;
    union {
        struct {
            enum row_kind kind;
            uint64_t position;
            uint64_t seq;       /* 0: no event */
            bool anomaly;       /* the evidence contradicts what was final */
            struct order order; /* INTENT, RETRY, ORDER */
            struct fill fill;
            int64_t watermark_ms;
            /* WATERMARK: with the very first one, since when there is no execution that the
             * journal lacks, and since when none of an option; else 0 */
            int64_t watched_from_ms;
            int64_t options_from_ms;
            struct native *native; /* ORDER: what the exchange said of it; NULL: nothing new. Held
                                      for whoever takes the action, who drops it */
            const struct guard_state *guard; /* GUARD: valid until the next step */
            const char *guard_change;        /* "killed", "clear", "armed", "limits": static text */
        } row;
        struct {
            uint64_t send_id;
            int64_t deadline_ms; /* wall clock as events' now_ms: not begun after it */
            struct order_request request;
            char order_id[ORDER_ID_MAX]; /* cancel, amend: "" when not known */
            bool is_waiting;             /* cancel: for its trigger, as far as is known */
            struct order_change change;  /* amend */
            uint64_t batch;              /* create: as in its event */
        } send;
        struct {
            uint64_t send_id;
            int64_t deadline_ms; /* as of a send */
            enum category category;
            char settle_coin[COIN_MAX]; /* "" : none */
            char symbol[SYMBOL_MAX];    /* "" : none */
            const char *order_filter;   /* "" : none; static text */
        } cancel_all;
        struct {
            uint64_t read_id;
            enum read_kind kind;
            bool urgent; /* of a kill: in the lane of cancels */
            enum category category;
            const char *order_filter; /* NULL: none; static text */
            char settle_coin[COIN_MAX];
            char base_coin[COIN_MAX];
            char symbol[SYMBOL_MAX];
            char link[ORDER_LINK_MAX];
            char order_id[ORDER_ID_MAX];
            int64_t start_ms; /* server clock */
            int64_t end_ms;
            int limit;
            char cursor[512]; /* as it came, to be put in as PROTOCOL section 3 says */
        } read;
        struct {
            uint64_t find_id;
            enum category category;
            char order_id[ORDER_ID_MAX];
            char link[ORDER_LINK_MAX];
            char exec_id[EXEC_ID_MAX]; /* a fill without an order: is this key there? Else "" */
        } find;
        struct {
            uint64_t waiter;
            enum outcome outcome;
            bool has_order;
            struct order order;
            const char *cancel_in_flight; /* NULL, "sent", "unknown": static text */
            const char *amend_in_flight;  /* likewise */
            int64_t retry_after_ms;
            struct error error; /* why, for a person; upstream: the exchange's retCode */
            const struct guard_verdict *verdict; /* GUARD; valid until the next step */
            const struct guard_report *report;   /* GUARD_DONE; valid until the next step */
        } reply;
    } u;
};

/* A list that the engine appends to; the caller clears it (count = 0) and frees `list` at the end.
 */
struct engine_actions {
    struct engine_action *list;
    size_t count;
    size_t capacity;
};

/* --- calls --- */

MUST_CHECK enum err engine_create(struct engine **out, const struct engine_config *config);
void engine_destroy(struct engine *engine);

/* Takes one event and appends actions. ERR_NO_MEMORY: the event was not taken at all. */
MUST_CHECK enum err engine_step(struct engine *engine, const struct engine_event *event,
                                struct engine_actions *actions);

/* Wall-clock ms of the next EVENT_TICK that is needed; INT64_MAX: none. */
int64_t engine_next_tick_ms(const struct engine *engine);

struct engine_status {
    bool ready;    /* creates are taken */
    char why[120]; /* when not: what is missing, for a person */
    bool recovering;
    int64_t watermark_ms;
    int64_t options_owed_ms; /* server clock: executions of options since then may be missing until
                                a later scan has read them; 0: none */
    uint64_t last_seq;
    uint64_t last_position;
    size_t orders_in_memory;
    size_t open;
    size_t unknown;
    size_t waiters;
    bool crowded; /* most places of those who wait are taken */
    uint64_t anomalies;
    bool killed;            /* the guard's state, in short */
    bool kill_clear;        /* nothing was open any more */
    int64_t guard_since_ms; /* of the kill, or of the arm; 0: never */
    int limits_on;          /* limits in force, of all callers and of named ones */
};
void engine_get_status(const struct engine *engine, struct engine_status *out);
/* The order in memory by order id, link or client id; NULL: not there. Valid until the next step.
 */
const struct order *engine_find(const struct engine *engine, const char *id);
/* Creates (`exits`: those alone) whose commit is awaited: they will want a turn in the rate budget,
 * where those of batches have a window of their own. */
size_t engine_intents(const struct engine *engine, enum category category, bool batch, bool exits);
/* Likewise amends. */
size_t engine_amends(const struct engine *engine, enum category category);
/* Bits of guard_needs, for the rules in force. */
unsigned engine_guard_needs(const struct engine *engine);
bool engine_is_killed(const struct engine *engine);
/* An order is unknown, or recovery or a sweep runs: reads of our own must not starve. */
bool engine_needs_reads(const struct engine *engine);
/* The coins whose options are scanned, the configured ones first: the name of one, or NULL when
 * there are not so many. */
const char *engine_option_coin(const struct engine *engine, size_t at);
/* NULL, "sent" or "unknown": by what the order itself says. */
const char *order_amend_in_flight(const struct order *order);
/* NULL, "sent" or "unknown". */
const char *engine_cancel_in_flight(const struct engine *engine, const struct order *order);
