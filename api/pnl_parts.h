/* api/pnl_parts.h - what the files of GET /pnl share: the count of the journal's executions
 * (pnl.c), the reading of the exchange's transaction log before it (pnl_log.c), and what the
 * comparison shows (pnl_check.c).
 *
 * Threads: a job is one thread's at a time: http, then history workers and the reads thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/call.h"
#include "api/form.h"
#include "api/turns.h"
#include "db/pnl.h"
#include "db/pnl_check.h"
#include "engine/recovery.h"

#define PNL_CURSOR_MAX 512

struct pnl_job;

struct pnl_check_turn {
    struct turn turn; /* first */
    struct pnl_job *job;
};

struct pnl_job {
    struct turn turn; /* first: a turn is its job */
    struct pnl_check_turn check_turn;
    const struct api *api;
    struct api_call *call;
    struct pnl_filter filter;
    char symbol[SYMBOL_MAX];
    const struct instruments *instruments; /* NULL: not loaded */
    struct pnl *pnl;
    int64_t until_ms;
    bool waited; /* for its turn */
    bool read;   /* all executions are counted */

    bool wants_check;
    bool has_check_turn;
    struct pnl_check *check; /* NULL: none is wanted, or not yet */
    int64_t log_until_ms;
    int64_t log_first_ms; /* of the window that is read, inclusive as the next two */
    int64_t log_last_ms;
    int64_t log_end_ms;
    int pages;
    struct cursor_guard guard; /* of the window */
    char cursor[PNL_CURSOR_MAX];
};

/* Counts: answers, and frees the job. Any thread. */
void pnl_job_count(struct pnl_job *job);
/* The job is answered. */
void pnl_job_free(struct pnl_job *job);
/* Answers that it can't be done now. */
void pnl_job_fail(struct pnl_job *job, enum err err);

/* Reads the log of the job's span, then counts. A failure is answered. */
void pnl_log_begin(struct pnl_job *job);
/* The job's place among the checks goes to the next one. */
void pnl_log_end(struct pnl_job *job);

/* Member `check` of the list: null without one. */
void pnl_check_add_member(struct buffer *out, struct pnl_check *check);
/* Counts and logs how it ended. `rows_differ`: rows whose sums are not those of the log. */
void pnl_check_note(const struct pnl_job *job, size_t rows_differ);
