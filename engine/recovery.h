/* engine/recovery.h - which scans are still owed: at start-up, after a gap, again a little later,
 * and as an audit (RELIABILITY section 3). Pure; used by the engine only.
 *
 * A plan is a list of scan jobs. A job reads one list (open orders, history or executions of one
 * category and window) page by page; a failed page or a cursor that comes again voids the job, and
 * it is read again from its first page. The plan is done when all jobs are, and when all evidence
 * that they brought has found its order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

#define SCANS_MAX     4 /* reads of scans in flight */
#define SCAN_JOBS_MAX 2560

/* Notices a cursor that comes again, in constant space (Brent): sooner or later in a long circle,
 * at once in a short one. */
struct cursor_guard {
    uint64_t kept;
    uint64_t last;
    uint32_t pages;
    uint32_t keep_at;
};
/* False: this cursor came before, or there were too many pages. */
bool cursor_guard_pass(struct cursor_guard *guard, const char *cursor);

/* One whose options are scanned. */
struct scan_coin {
    char name[COIN_MAX];
    bool used;       /* an order, a fill or a position has told of it */
    bool refused;    /* the exchange has no such list: not asked again before the next recovery */
    bool planned;    /* the running plan reads it */
    int64_t owed_ms; /* server clock: its executions are to be read since then, by whichever plan is
                        next; NEVER_MS: as all others */
};

enum scan_state { SCAN_TODO, SCAN_READING, SCAN_DONE };

struct scan_job {
    enum scan_state state;
    enum read_kind kind;
    enum category category;
    const char *settle_coin; /* "" or static text */
    struct scan_coin *coin;  /* executions of options: of which coin; else NULL */
    int64_t start_ms;        /* server clock */
    int64_t end_ms;
    int failures;
    int64_t retry_ms;
};

enum plan_kind { PLAN_NONE, PLAN_RECOVERY, PLAN_RESCAN, PLAN_AUDIT };

struct recovery {
    bool startup_owed;
    int64_t owed_from_ms; /* server clock; INT64_MAX: no gap is owed */
    int64_t gap_since_ms; /* 0: none */
    bool done_once;
    int64_t watermark_ms;

    enum plan_kind plan;
    struct scan_job *jobs; /* SCAN_JOBS_MAX */
    size_t jobs_count;
    size_t jobs_done;
    int64_t plan_started_ms;
    int64_t plan_from_ms; /* server clock */
    int64_t plan_until_ms;
    bool no_options;         /* this account has none: not asked again before the next recovery */
    bool options_seen;       /* in this plan a read of options was answered */
    bool coins_seen;         /* and one of their executions */
    bool options_failed;     /* in this plan one was given up */
    int64_t options_owed_ms; /* server clock: options are to be read since then, by whichever plan
                                is next; NEVER_MS: as all others */
    struct scan_coin coins[OPTION_COINS_SCANNED_MAX];
    size_t coins_count;
    int64_t scanned_from_ms; /* server clock: the recoveries of this run have read since then;
                                NEVER_MS: none has begun */
    bool settling;           /* all read; evidence waits for its orders */
    uint64_t settle_number;
    bool news;

    int rescan_step; /* of the series; past its end: none owed */
    int64_t rescan_base_ms;
    int64_t audit_due_ms;
    int64_t watermark_due_ms;
};

struct scan_span {
    int64_t from_ms;
    int64_t until_ms;
    int64_t history_from_ms;
    bool with_open;
    bool with_history;
    bool with_options;
    struct scan_coin *coins;
    size_t coins_count;
    int64_t options_from_ms;
    bool with_options_history;
};

/* Fills `jobs` for a span: executions in windows of at most 7 days, then (`with_open`) open orders
 * and the history, then the lists of options: orders of all coins, executions of each coin. Returns
 * how many. */
size_t recovery_plan(struct scan_job *jobs, const struct scan_span *span);
/* One more, if there is room. */
void recovery_add_job(struct scan_job *jobs, size_t *count, const struct scan_job *job);
