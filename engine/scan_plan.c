/* engine/scan_plan.c - the lists that a plan reads, window by window. Pure. */
#include <string.h>

#include "engine/internal.h"

#define WINDOW_MAX_MS (7LL * 24 * 3600 * 1000)
#define PAGES_MAX     100000U

static const enum category categories[] = { CATEGORY_SPOT, CATEGORY_LINEAR, CATEGORY_INVERSE };
static const struct {
    enum category category;
    const char *settle_coin;
} open_lists[] = { { CATEGORY_SPOT, "" },
                   { CATEGORY_LINEAR, "USDT" },
                   { CATEGORY_LINEAR, "USDC" },
                   { CATEGORY_INVERSE, "" } };

bool cursor_guard_pass(struct cursor_guard *guard, const char *cursor)
{
    uint64_t hash = hash_text(1, cursor);

    if (guard->pages > 0 && (hash == guard->last || hash == guard->kept))
        return false;
    if (++guard->pages > PAGES_MAX)
        return false;
    guard->last = hash;
    if (guard->pages >= guard->keep_at) {
        guard->kept = hash;
        guard->keep_at = guard->pages * 2;
    }
    return true;
}

void recovery_add_job(struct scan_job *jobs, size_t *count, const struct scan_job *job)
{
    if (*count < SCAN_JOBS_MAX)
        jobs[(*count)++] = *job;
}

/* As `like`, a window each. */
static void add_windows(struct scan_job *jobs, size_t *count, const struct scan_job *like,
                        int64_t from_ms, int64_t until_ms)
{
    struct scan_job job = *like;

    for (job.start_ms = from_ms; job.start_ms < until_ms; job.start_ms += WINDOW_MAX_MS) {
        job.end_ms =
            until_ms - job.start_ms > WINDOW_MAX_MS ? job.start_ms + WINDOW_MAX_MS : until_ms;
        recovery_add_job(jobs, count, &job);
    }
}

/* Two years are kept; so many windows of each list fit among the jobs. */
static int64_t not_too_old(const struct scan_span *span, int64_t from_ms)
{
    int64_t oldest_ms = span->until_ms - WINDOW_MAX_MS * 120;

    return from_ms > oldest_ms ? from_ms : oldest_ms;
}

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The history goes as far back as the executions: it names coins that nothing else has told of yet.
 * The lists of options come last, as not every account has them, and first of them the one that
 * tells so. */
static void add_options(struct scan_job *jobs, size_t *count, const struct scan_span *span)
{
    struct scan_job open = { .kind = READ_OPEN_ORDERS,
                             .category = CATEGORY_OPTION,
                             .settle_coin = "" };
    struct scan_job executions = open;
    struct scan_job history = open;

    executions.kind = READ_EXECUTIONS;
    history.kind = READ_HISTORY;
    if (span->with_open)
        recovery_add_job(jobs, count, &open);
    for (size_t i = 0; i < span->coins_count; i++) {
        executions.coin = &span->coins[i];
        if (!executions.coin->refused)
            add_windows(jobs, count, &executions,
                        not_too_old(span, min_ms(span->options_from_ms, executions.coin->owed_ms)),
                        span->until_ms);
    }
    if (span->with_options_history)
        add_windows(jobs, count, &history, not_too_old(span, span->options_from_ms),
                    span->until_ms);
}

size_t recovery_plan(struct scan_job *jobs, const struct scan_span *span)
{
    struct scan_job job = { .settle_coin = "" };
    size_t count = 0;

    job.kind = READ_EXECUTIONS;
    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        job.category = categories[i];
        add_windows(jobs, &count, &job, not_too_old(span, span->from_ms), span->until_ms);
    }
    for (size_t i = 0; span->with_open && i < ARRAY_LEN(open_lists); i++)
        recovery_add_job(jobs, &count,
                         &(struct scan_job){ .kind = READ_OPEN_ORDERS,
                                             .category = open_lists[i].category,
                                             .settle_coin = open_lists[i].settle_coin });
    for (size_t i = 0; span->with_history && i < ARRAY_LEN(categories); i++)
        recovery_add_job(jobs, &count,
                         &(struct scan_job){ .kind = READ_HISTORY,
                                             .category = categories[i],
                                             .settle_coin = "",
                                             .start_ms = span->history_from_ms,
                                             .end_ms = span->until_ms });
    if (span->with_options)
        add_options(jobs, &count, span);
    return count;
}
