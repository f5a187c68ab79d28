#include "base/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"

/* About three a decade, more of them where most answers and commits are. */
static const struct {
    int64_t us;
    const char *seconds;
} bounds[METRICS_BOUNDS] = {
    { 10, "0.00001" },  { 25, "0.000025" }, { 50, "0.00005" },  { 100, "0.0001" },
    { 250, "0.00025" }, { 500, "0.0005" },  { 1000, "0.001" },  { 2500, "0.0025" },
    { 5000, "0.005" },  { 10000, "0.01" },  { 25000, "0.025" }, { 100000, "0.1" },
    { 250000, "0.25" }, { 1000000, "1" },   { 2500000, "2.5" }, { 10000000, "10" },
};

struct metrics *metrics_create(void)
{
    return calloc(1, sizeof(struct metrics));
}

void metrics_destroy(struct metrics *metrics)
{
    free(metrics);
}

const char *metrics_outcome_word(enum metrics_outcome outcome)
{
    static const char *const words[METRICS_OUTCOMES] = {
        [METRICS_OK] = "ok",       [METRICS_REFUSED] = "refused",   [METRICS_LIMITED] = "limited",
        [METRICS_ERROR] = "error", [METRICS_NOT_SENT] = "not_sent", [METRICS_LOST] = "lost",
    };

    assert((unsigned)outcome < METRICS_OUTCOMES);
    return words[outcome];
}

const char *metrics_check_word(enum metrics_check check)
{
    static const char *const words[METRICS_CHECKS] = {
        [METRICS_CHECK_AGREED] = "agreed",
        [METRICS_CHECK_MISMATCH] = "mismatch",
        [METRICS_CHECK_INCONCLUSIVE] = "inconclusive",
    };

    assert((unsigned)check < METRICS_CHECKS);
    return words[check];
}

const char *metrics_pnl_check_word(enum metrics_pnl_check check)
{
    static const char *const words[METRICS_PNL_CHECKS] = {
        [METRICS_PNL_EQUAL] = "equal",
        [METRICS_PNL_DIFFERS] = "differs",
        [METRICS_PNL_FAILED] = "failed",
    };

    assert((unsigned)check < METRICS_PNL_CHECKS);
    return words[check];
}

const char *metrics_difference_word(enum metrics_difference difference)
{
    static const char *const words[METRICS_DIFFERENCES] = {
        [METRICS_MISSING] = "missing",
        [METRICS_EXTRA] = "extra",
        [METRICS_DIFFERENT] = "different",
    };

    assert((unsigned)difference < METRICS_DIFFERENCES);
    return words[difference];
}

/* --- histograms --- */

void metrics_observe(struct metrics_histogram *histogram, int64_t us)
{
    size_t at = 0;

    if (us < 0)
        us = 0;
    while (at < METRICS_BOUNDS && us > bounds[at].us)
        at++;
    atomic_fetch_add_explicit(&histogram->counts[at], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, (uint64_t)us, memory_order_relaxed);
}

static uint64_t count_at(const struct metrics_histogram *histogram, size_t at)
{
    return atomic_load_explicit(&histogram->counts[at], memory_order_relaxed);
}

uint64_t metrics_observations(const struct metrics_histogram *histogram)
{
    uint64_t total = 0;

    for (size_t i = 0; i <= METRICS_BOUNDS; i++)
        total += count_at(histogram, i);
    return total;
}

int64_t metrics_percentile_us(const struct metrics_histogram *histogram, int percent)
{
    uint64_t counts[METRICS_BOUNDS + 1];
    uint64_t total = 0;
    uint64_t below = 0;

    for (size_t i = 0; i <= METRICS_BOUNDS; i++) {
        counts[i] = count_at(histogram, i);
        total += counts[i];
    }
    for (size_t i = 0; i < METRICS_BOUNDS && total > 0; i++) {
        below += counts[i];
        if (below * 100 >= total * (uint64_t)percent)
            return bounds[i].us;
    }
    return -1;
}

/* --- the text format --- */

void metrics_write_head(struct buffer *out, const char *name, enum metrics_type type,
                        const char *help)
{
    static const char *const types[] = {
        [METRICS_COUNTER] = "counter",
        [METRICS_GAUGE] = "gauge",
        [METRICS_HISTOGRAM] = "histogram",
    };

    buffer_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

/* `name{labels} `, or `name ` without any. */
static void write_series(struct buffer *out, const char *name, const char *labels)
{
    buffer_add_text(out, name);
    if (*labels) {
        buffer_add_text(out, "{");
        buffer_add_text(out, labels);
        buffer_add_text(out, "}");
    }
    buffer_add_text(out, " ");
}

void metrics_write_int(struct buffer *out, const char *name, const char *labels, int64_t value)
{
    write_series(out, name, labels);
    buffer_addf(out, "%" PRId64 "\n", value);
}

void metrics_write_micro(struct buffer *out, const char *name, const char *labels, int64_t micro)
{
    uint64_t size = micro < 0 ? 0 - (uint64_t)micro : (uint64_t)micro;

    write_series(out, name, labels);
    buffer_addf(out, "%s%" PRIu64 ".%06" PRIu64 "\n", micro < 0 ? "-" : "", size / 1000000,
                size % 1000000);
}

/* Digits without printf: a scrape writes thousands of them. */
static void write_count(struct buffer *out, uint64_t count)
{
    char digits[24];
    size_t at = sizeof(digits);

    digits[--at] = '\n';
    do {
        digits[--at] = (char)('0' + count % 10);
        count /= 10;
    } while (count);
    buffer_add(out, digits + at, sizeof(digits) - at);
}

/* `name_bucket{labels,le="`, the comma only where there are labels: what the buckets' lines begin
 * with. */
static void write_bucket_start(struct buffer *out, const char *name, const char *labels)
{
    buffer_add_text(out, name);
    buffer_add_text(out, "_bucket{");
    buffer_add_text(out, labels);
    buffer_add_text(out, *labels ? ",le=\"" : "le=\"");
}

void metrics_write_histogram(struct buffer *out, const char *name, const char *labels,
                             const struct metrics_histogram *histogram)
{
    uint64_t sum_us = atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
    uint64_t total = 0;

    for (size_t i = 0; i <= METRICS_BOUNDS; i++) {
        total += count_at(histogram, i);
        write_bucket_start(out, name, labels);
        buffer_add_text(out, i < METRICS_BOUNDS ? bounds[i].seconds : "+Inf");
        buffer_add_text(out, "\"} ");
        write_count(out, total);
    }
    buffer_add_text(out, name);
    write_series(out, "_sum", labels);
    buffer_addf(out, "%" PRIu64 ".%06" PRIu64 "\n", sum_us / 1000000, sum_us % 1000000);
    buffer_add_text(out, name);
    write_series(out, "_count", labels);
    write_count(out, total);
}
