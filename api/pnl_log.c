/* api/pnl_log.c - the exchange's transaction log of the span that is counted: windows of at most 7
 * days, oldest first, each by its cursor to the end.
 *
 * What the journal has watched is asked first (a history worker), then page after page is read (the
 * reads thread), one at a time. Two checks run at once, from here until they are answered, because
 * each holds up to PNL_CHECK_ROWS_MAX rows; some wait, and the rest is turned away. */
#include <inttypes.h>

#include "api/market.h"
#include "api/pnl_parts.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/text.h"
#include "bybit/requests.h"
#include "bybit/transaction_log.h"

#define READ_MS       60000
#define PAGES_MAX     2000
#define RUNNING_MAX   2
#define WAITING_MAX   4
#define BUSY_RETRY_MS 5000
/* The exchange's two years end while the windows are read. */
#define KEPT_MARGIN_MS 3600000

static struct turns checks = TURNS_OF(RUNNING_MAX, WAITING_MAX);

/* --- the end --- */

static enum err begin(struct pnl_job *job);

static void fail_busy(struct pnl_job *job, const char *why)
{
    const struct api_problem_more more = { .retry_after_ms = BUSY_RETRY_MS };

    api_fail(job->call, &more, "busy", "%s", why);
}

/* Where the next one can't begin, it ends, and the one after it begins. */
void pnl_log_end(struct pnl_job *job)
{
    struct turn *next;

    if (!job->has_check_turn)
        return;
    job->has_check_turn = false;
    while ((next = turns_end(&checks))) {
        struct pnl_job *waiting = ((struct pnl_check_turn *)next)->job;

        if (!begin(waiting))
            return;
        fail_busy(waiting, "too many checks are being made");
        waiting->has_check_turn = false;
        pnl_job_free(waiting);
    }
}

/* It has been answered. */
static void failed(struct pnl_job *job)
{
    if (job->api->metrics)
        metrics_count(&job->api->metrics->journal.pnl_checks[METRICS_PNL_FAILED]);
    pnl_job_free(job);
}

static void too_many(struct pnl_job *job, const char *why)
{
    api_fail(job->call, NULL, "too_many_entries", "the transaction log of this span %s", why);
    failed(job);
}

/* --- pages --- */

static void on_page(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void begin_window(struct pnl_job *job, int64_t first_ms)
{
    job->log_first_ms = first_ms;
    job->log_last_ms = least(first_ms + TRANSACTION_LOG_SPAN_MS - 1, job->log_end_ms);
    job->cursor[0] = '\0';
    job->guard = (struct cursor_guard){ 0 };
}

static enum err write_query(const struct pnl_job *job, char *out, size_t out_bytes)
{
    struct text query = text_in(out, out_bytes);

    text_add(&query, "accountType=UNIFIED");
    if (job->filter.has_category)
        text_addf(&query, "&category=%s", category_word(job->filter.category));
    text_addf(&query, "&startTime=%" PRId64 "&endTime=%" PRId64 "&limit=%d", job->log_first_ms,
              job->log_last_ms, TRANSACTION_LOG_PAGE_MAX);
    request_add_cursor(&query, job->cursor);
    return text_fits(&query) ? ERR_NONE : ERR_INVALID;
}

static void ask_page(struct pnl_job *job)
{
    const struct pnl_filter *filter = &job->filter;
    enum category category = filter->has_category ? filter->category : CATEGORY_LINEAR;
    int64_t left_ms = job->log_until_ms - clock_mono_ms();
    char query[PNL_CURSOR_MAX * 3 + 200];

    if (atomic_load(&job->call->gone)) {
        fail_busy(job, "nobody waits for it any more");
        pnl_job_free(job);
    } else if (left_ms <= 0) {
        too_many(job, "could not be read in 60 s");
    } else if (job->pages >= PAGES_MAX) {
        too_many(job, "has more than 2,000 pages");
    } else if (write_query(job, query, sizeof(query))) {
        market_fail_unusable(job->call, "its cursor is too long");
        failed(job);
    } else if (reads_get(job->api->reads, ROUTE_TRANSACTION_LOG, category, query,
                         (int)least(left_ms, MARKET_READ_TIMEOUT_MS), 0, on_page, job)) {
        fail_busy(job, "too many reads wait for the exchange");
        failed(job);
    }
}

/* False: it has been answered. */
static bool take_rows(struct pnl_job *job, const struct json *list)
{
    struct json_walk walk = json_walk(list);
    struct error error = { .code = ERR_NONE };
    struct ledger_entry entry;
    struct json row;

    while (json_next(&walk, NULL, &row)) {
        enum err err = transaction_log_entry(&entry, &row, &error);

        if (!err)
            err = pnl_check_add(job->check, &entry, &error);
        if (!err)
            continue;
        if (err == ERR_BUSY)
            too_many(job, "has more than 50,000 entries");
        else if (err == ERR_NO_MEMORY)
            fail_busy(job, "out of memory");
        else
            market_fail_unusable(job->call, error.text);
        if (err != ERR_BUSY)
            failed(job);
        return false;
    }
    return true;
}

/* The next page of the window, or the next window. False: it has been answered. */
static bool go_on(struct pnl_job *job, const struct json *result, bool *ended)
{
    if (json_member_text(result, "nextPageCursor", job->cursor, sizeof(job->cursor))) {
        market_fail_unusable(job->call, "its cursor is no text or too long");
        failed(job);
        return false;
    }
    if (job->cursor[0]) {
        if (cursor_guard_pass(&job->guard, job->cursor))
            return true;
        market_fail_unusable(job->call, "its pages go round in circles");
        failed(job);
        return false;
    }
    *ended = job->log_last_ms >= job->log_end_ms;
    if (!*ended)
        begin_window(job, job->log_last_ms + 1);
    return true;
}

static void on_page(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct pnl_job *job = userdata;
    struct envelope envelope;
    struct json list;
    bool ended = false;

    (void)as_of_ms;
    if (!market_open_answer(job->call, answer, &envelope) ||
        !market_answer_list(job->call, &envelope, &list)) {
        failed(job);
        return;
    }
    job->pages++;
    if (!take_rows(job, &list) || !go_on(job, &envelope.result, &ended))
        return;
    if (ended)
        pnl_job_count(job);
    else
        ask_page(job);
}

/* --- the span --- */

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What is counted ends where the comparison does. */
static enum err set_span(struct pnl_job *job, int64_t watched_from_ms, int64_t options_from_ms)
{
    int64_t now_ms = clock_sync_server_ms(job->api->clock);
    int64_t kept_ms = now_ms - TRANSACTION_LOG_KEPT_MS + KEPT_MARGIN_MS;
    struct pnl_filter *filter = &job->filter;
    struct pnl_check_span span = { .from_ms = most(filter->from_ms, watched_from_ms),
                                   .settled_ms = now_ms - PNL_CHECK_LAG_MS,
                                   .options_from_ms = options_from_ms,
                                   .has_category = filter->has_category,
                                   .category = filter->category,
                                   .symbol = filter->symbol };

    if (!filter->to_ms || filter->to_ms > now_ms)
        filter->to_ms = now_ms;
    span.from_ms = most(span.from_ms, kept_ms);
    span.to_ms = filter->to_ms;
    job->check = pnl_check_create(&span);
    if (!job->check)
        return ERR_NO_MEMORY;
    job->log_end_ms = least(span.to_ms + PNL_CHECK_EDGE_MS, now_ms);
    begin_window(job, most(span.from_ms - PNL_CHECK_EDGE_MS, kept_ms));
    return ERR_NONE;
}

static void on_watched(struct history_reader *reader, enum err err, void *userdata)
{
    const struct api_problem_more more = { .retry_after_ms = BUSY_RETRY_MS };
    struct pnl_job *job = userdata;
    const struct pnl_check_span *span;
    int64_t watched_from_ms = 0;
    int64_t options_from_ms = 0;

    if (!err)
        err = reader_watched_from(reader, &watched_from_ms, &options_from_ms);
    if (!err && !watched_from_ms) {
        api_fail(job->call, &more, "not_ready",
                 "the executions of before the start are not read yet: GET /readyz");
        pnl_job_free(job);
        return;
    }
    if (!err)
        err = set_span(job, watched_from_ms, options_from_ms);
    if (err) {
        pnl_job_fail(job, err == ERR_NO_MEMORY ? ERR_BUSY : err);
        pnl_job_free(job);
        return;
    }
    span = pnl_check_span(job->check);
    if (span->from_ms >= span->to_ms)
        pnl_job_count(job); /* nothing lies in between */
    else
        ask_page(job);
}

/* --- the beginning --- */

/* Its turn has come; too late, if it has waited as long as a reading may take. */
static enum err begin(struct pnl_job *job)
{
    int64_t now_ms = clock_mono_ms();

    job->has_check_turn = true;
    if (atomic_load(&job->call->gone) || now_ms > job->log_until_ms)
        return ERR_BUSY;
    job->log_until_ms = now_ms + READ_MS;
    return history_submit(job->api->history, 0, on_watched, job);
}

void pnl_log_begin(struct pnl_job *job)
{
    job->log_until_ms = clock_mono_ms() + READ_MS;
    job->check_turn.job = job;
    switch (turns_ask(&checks, &job->check_turn.turn)) {
    case TURN_NOW:
        if (!begin(job))
            return;
        fail_busy(job, "too many checks are being made");
        pnl_job_free(job);
        return;
    case TURN_LATER:
        return;
    case TURN_NONE:
        fail_busy(job, "too many checks are being made");
        pnl_job_free(job);
        return;
    }
}
