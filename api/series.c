/* api/series.c - a chain of upstream reads: each answer asks for the next page from inside its
 * callback, so that no thread waits.
 *
 * Only the upper bound is sent: with a lower one alone the exchange counts from the other end. Rows
 * are taken until one is older than `from`, the list is full, or a page is empty; a short page
 * alone does not mean the end, since there may be gaps. One row more than asked for is read, so
 * that `next` is null on the last page. Each page must go further back than the one before it.
 */
#include "api/series.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/form.h"
#include "api/lookup.h"
#include "base/clock.h"
#include "base/text.h"

#define TIME_MS        13000 /* for all pages: an answer comes within 15 s */
#define MINUTE_MS      INT64_C(60000)
#define UNBOUNDED      INT64_MAX
#define AFTER_MAX      INT64_C(253402300799999)
#define LOOK_BEHIND    1
#define NEXT_BYTES_MAX 1536

struct series_job {
    struct series series;
    struct form_list list;
    bool is_open;
    bool is_long;          /* counted among the chains */
    int64_t deadline_ms;   /* monotonic */
    struct form_span span; /* as asked */
    int64_t bound_ms;      /* rows from here on are not wanted, or taken already */
    int64_t last_ms;       /* of the last row taken */
    int64_t as_of_ms;      /* of the newest rows: older ones do not change */
    int limit;
    int count;
    int pages;
    bool sent_end;
    bool more;
};

enum page { PAGE_MORE, PAGE_LAST, PAGE_FAILED };

/* --- the end --- */

static void job_free(struct series_job *job)
{
    if (job->is_open)
        form_abandon(&job->list);
    if (job->is_long)
        reads_chain_end(job->series.read.api->reads);
    free(job);
}

static void job_open(struct series_job *job)
{
    const struct series_kind *kind = job->series.kind;

    if (!job->is_open)
        form_open(&job->list, job->series.read.call, kind->columns, kind->columns_count);
    job->is_open = true;
}

static void job_finish(struct series_job *job)
{
    char next[NEXT_BYTES_MAX];
    char after[24];
    struct text text = text_in(after, sizeof(after));

    job_open(job);
    if (job->more && job->span.from_ms && form_must_be_whole(job->series.read.call)) {
        form_refuse_more(&job->list, job->count);
        job->is_open = false;
        job_free(job);
        return;
    }
    text_addf(&text, "%" PRId64, job->last_ms);
    if (job->more)
        form_next(job->series.read.call, after, &job->span, next, sizeof(next));
    form_close(&job->list, job->more ? next : NULL, job->as_of_ms, "rest");
    job->is_open = false;
    job_free(job);
}

/* The time or the pages are used up, or nobody waits any more. A JSON list says where it goes on;
 * the other forms would just look complete. */
static void job_cut(struct series_job *job)
{
    if (job->series.read.call->form == FORM_JSON && job->count > 0) {
        job->more = true;
        job_finish(job);
        return;
    }
    api_fail(job->series.read.call, NULL, "upstream_failed",
             "%d rows in %d pages came in time, which is not all: ask for a shorter time or a "
             "smaller limit",
             job->count, job->pages);
    job_free(job);
}

/* --- pages --- */

static void on_page(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);

/* All rows stand at whole minutes: whoever asks within the same one asks the same. */
static void add_end(struct series_job *job, struct text *query)
{
    int64_t end_ms = job->bound_ms - 1;

    job->sent_end = job->bound_ms != UNBOUNDED && (job->pages > 0 || end_ms <= clock_wall_ms());
    if (job->sent_end)
        text_addf(query, "&%s=%" PRId64, job->series.kind->end_name, end_ms - end_ms % MINUTE_MS);
}

static int page_timeout_ms(const struct series_job *job)
{
    int64_t left_ms = job->deadline_ms - clock_mono_ms();

    return left_ms < MARKET_READ_TIMEOUT_MS ? (int)left_ms : MARKET_READ_TIMEOUT_MS;
}

static void job_busy(struct series_job *job, const char *why)
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };

    api_fail(job->series.read.call, &more, "busy", "%s", why);
    job_free(job);
}

static void page_ask(struct series_job *job)
{
    const struct series *series = &job->series;
    int wanted = job->limit + LOOK_BEHIND - job->count;
    int timeout_ms = page_timeout_ms(job);
    char query[256];
    struct text text = text_in(query, sizeof(query));

    if (timeout_ms <= 0 || job->pages > SERIES_PAGES_MAX || atomic_load(&series->read.call->gone)) {
        job_cut(job);
        return;
    }
    text_addf(&text, "%s&limit=%d", series->query,
              wanted < series->kind->page_max ? wanted : series->kind->page_max);
    add_end(job, &text);
    if (!reads_get(series->read.api->reads, series->kind->route, series->read.category, query,
                   timeout_ms, market_cache_ms(&series->read), on_page, job))
        return;
    job_busy(job, "too many reads wait for the exchange");
}

static enum page take_row(struct series_job *job, const struct series_row *row)
{
    if (row->at_ms < job->span.from_ms)
        return PAGE_LAST;
    if (job->count == job->limit) {
        job->more = true;
        return PAGE_LAST;
    }
    job->series.kind->write_row(form_row(&job->list), row);
    form_row_end(&job->list);
    job->count++;
    job->last_ms = job->bound_ms = row->at_ms;
    return PAGE_MORE;
}

/* Newest first within the page, and older than all that was taken before. */
static enum page take_page(struct series_job *job, const struct json *list, struct error *error)
{
    struct json_walk walk = json_walk(list);
    int64_t before_ms = UNBOUNDED;
    int taken = job->count;
    enum page page = PAGE_MORE;
    struct series_row row;
    struct json item;

    while (page == PAGE_MORE && json_next(&walk, NULL, &item)) {
        if (job->series.kind->read_row(&row, &item, &job->series, error))
            return PAGE_FAILED;
        if (row.at_ms > before_ms) {
            error_set(error, ERR_INVALID, "the rows are not newest first");
            return PAGE_FAILED;
        }
        before_ms = row.at_ms;
        if (row.at_ms < job->bound_ms)
            page = take_row(job, &row);
    }
    if (before_ms == UNBOUNDED)
        return PAGE_LAST; /* an empty page */
    if (page == PAGE_MORE && job->count == taken && job->sent_end) {
        error_set(error, ERR_INVALID, "the page repeats rows that were read already");
        return PAGE_FAILED;
    }
    return page;
}

static void on_page(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct series_job *job = userdata;
    struct api_call *call = job->series.read.call;
    struct error error = { .code = ERR_NONE };
    struct envelope envelope;
    struct json list;

    if (!market_open_answer(call, answer, &envelope) ||
        !market_answer_list(call, &envelope, &list) ||
        !market_answer_symbol(&job->series.read, &envelope.result, "symbol")) {
        job_free(job);
        return;
    }
    if (job->pages++ == 0)
        job->as_of_ms = as_of_ms;
    /* Also behind a later page: the newest rows have grown older meanwhile. */
    if (market_refuse_age(&job->series.read, job->as_of_ms, clock_wall_ms() - job->as_of_ms,
                          "rest")) {
        job_free(job);
        return;
    }
    job->series.answered_ms = envelope.time_ms ? envelope.time_ms : as_of_ms;
    job_open(job);
    switch (take_page(job, &list, &error)) {
    case PAGE_MORE:
        page_ask(job);
        break;
    case PAGE_LAST:
        job_finish(job);
        break;
    case PAGE_FAILED:
        market_fail_unusable(call, error.text);
        job_free(job);
        break;
    }
}

/* --- the beginning --- */

/* Of a CSV or NDJSON with a beginning the whole is wanted. */
static int64_t default_limit(const struct api_call *call, int64_t rows_max)
{
    return call->form != FORM_JSON && api_query(call, "from") ? rows_max : SERIES_LIMIT_DEFAULT;
}

static enum err read_bounds(struct series_job *job, struct api_refusal *refusal)
{
    const struct api_call *call = job->series.read.call;
    int64_t rows_max = (int64_t)job->series.kind->page_max * SERIES_PAGES_MAX;
    int64_t now_ms = clock_wall_ms();
    struct form_span *span = &job->span;
    int64_t after_ms;
    int64_t limit;

    if (lookup_time(call, "from", now_ms, &span->from_ms, refusal) ||
        lookup_time(call, "to", now_ms, &span->to_ms, refusal) ||
        lookup_int(call, "after", 0, AFTER_MAX, UNBOUNDED, &after_ms, refusal) ||
        lookup_int(call, "limit", 1, call->form == FORM_JSON ? SERIES_LIMIT_MAX : rows_max,
                   default_limit(call, rows_max), &limit, refusal))
        return ERR_INVALID;
    if (!api_query(call, "to"))
        span->to_ms = UNBOUNDED;
    if (span->from_ms > span->to_ms)
        return api_refuse(refusal, "invalid_value", "from is later than to");
    job->bound_ms = after_ms < span->to_ms ? after_ms : span->to_ms;
    job->limit = (int)limit;
    return ERR_NONE;
}

void series_serve(const struct series *series)
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    struct series_job *job = calloc(1, sizeof(*job));
    struct api_refusal refusal;

    if (!job) {
        api_fail(series->read.call, &more, "busy", "out of memory");
        return;
    }
    job->series = *series;
    job->deadline_ms = clock_mono_ms() + TIME_MS;
    job->as_of_ms = clock_wall_ms();
    if (read_bounds(job, &refusal)) {
        api_fail_refusal(series->read.call, &refusal, NULL, NULL);
        job_free(job);
    } else if (job->bound_ms <= job->span.from_ms) {
        job_finish(job); /* nothing lies in between */
    } else if (job->limit > SERIES_LIMIT_MAX && !reads_chain_begin(series->read.api->reads)) {
        job_busy(job, "too many long lists are being read");
    } else {
        job->is_long = job->limit > SERIES_LIMIT_MAX;
        page_ask(job);
    }
}
