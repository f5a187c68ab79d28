/* base/metrics.h - what the parts count and time, and how it is written in the Prometheus text
 * format 0.0.4.
 *
 * All sets are fixed: a label is a place in a const table (an endpoint, a route, a link, a word of
 * an enum), never a text from outside, so nothing that a client or the exchange sends makes a new
 * series. Nothing here allocates, locks or waits.
 *
 * Threads: counting from any, with relaxed atomics; whoever writes the text sees each number as it
 * is at that moment, and a histogram whose count is the sum of its buckets.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct metrics_counter {
    atomic_uint_least64_t value;
};

static inline void metrics_count(struct metrics_counter *counter)
{
    atomic_fetch_add_explicit(&counter->value, 1, memory_order_relaxed);
}

static inline void metrics_count_n(struct metrics_counter *counter, uint64_t more)
{
    atomic_fetch_add_explicit(&counter->value, more, memory_order_relaxed);
}

static inline uint64_t metrics_value(const struct metrics_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* Durations: 16 buckets from 10 us to 10 s, and one for what took longer. */
#define METRICS_BOUNDS 16
struct metrics_histogram {
    atomic_uint_least64_t counts[METRICS_BOUNDS + 1];
    atomic_uint_least64_t sum_us;
};

/* One duration; below 0 counts as 0. */
void metrics_observe(struct metrics_histogram *histogram, int64_t us);
uint64_t metrics_observations(const struct metrics_histogram *histogram);
/* Upper bound, in us, of the bucket that holds the `percent`-th part of what was observed; -1: none
 * was, or it is above the last bound. */
int64_t metrics_percentile_us(const struct metrics_histogram *histogram, int percent);

/* --- what there is to count --- */

#define METRICS_ENDPOINTS_MAX 96 /* the last place: no endpoint */
#define METRICS_CODES_MAX     128
#define METRICS_ROUTES_MAX    64
#define METRICS_LINKS_MAX     8
#define METRICS_GUARD_MAX     8 /* the guard's limits, and the kill */

/* How one try at the exchange ended. */
enum metrics_outcome {
    METRICS_OK,       /* HTTP 2xx, retCode 0 */
    METRICS_REFUSED,  /* a retCode */
    METRICS_LIMITED,  /* too many requests: 429, 10006, the ban */
    METRICS_ERROR,    /* any other HTTP status, or a body without a retCode */
    METRICS_NOT_SENT, /* nothing of it left */
    METRICS_LOST,     /* it may have left, no answer came */
    METRICS_OUTCOMES
};
const char *metrics_outcome_word(enum metrics_outcome outcome);

/* How a check of a book ended. */
enum metrics_check {
    METRICS_CHECK_AGREED,
    METRICS_CHECK_MISMATCH,     /* the book is rebuilt */
    METRICS_CHECK_INCONCLUSIVE, /* no snapshot could be compared with it */
    METRICS_CHECKS
};
const char *metrics_check_word(enum metrics_check check);

/* How a check of executions against the exchange's transaction log ended. */
enum metrics_pnl_check {
    METRICS_PNL_EQUAL,
    METRICS_PNL_DIFFERS,
    METRICS_PNL_FAILED, /* the log could not be read */
    METRICS_PNL_CHECKS
};
const char *metrics_pnl_check_word(enum metrics_pnl_check check);
/* What such a check found. */
enum metrics_difference { METRICS_MISSING, METRICS_EXTRA, METRICS_DIFFERENT, METRICS_DIFFERENCES };
const char *metrics_difference_word(enum metrics_difference difference);

enum { METRICS_STATUS_CLASSES = 6 }; /* a status divided by 100 */

struct metrics {
    struct {
        struct metrics_counter requests[METRICS_ENDPOINTS_MAX][METRICS_STATUS_CLASSES];
        struct metrics_counter refused[METRICS_CODES_MAX]; /* before a handler saw them */
        struct metrics_histogram own; /* our part of the time that an answer took */
    } http;
    struct {
        struct metrics_histogram tries[METRICS_ROUTES_MAX][METRICS_OUTCOMES];
        struct metrics_counter throttled[METRICS_ROUTES_MAX]; /* got no turn in time */
        struct metrics_counter retries[METRICS_ROUTES_MAX];
        atomic_int_least64_t answered_ms; /* wall clock of the last answer; 0: none */
    } upstream;
    struct {
        struct metrics_histogram commits[2]; /* [1]: synced */
        struct metrics_counter rows;
        struct metrics_counter failures; /* commits that did not succeed */
        struct metrics_counter pnl_checks[METRICS_PNL_CHECKS];
        struct metrics_counter differences[METRICS_DIFFERENCES];
    } journal;
    struct {
        struct metrics_histogram delays[METRICS_LINKS_MAX]; /* exchange's time stamp to here */
        struct metrics_counter book_checks[METRICS_CHECKS]; /* books against REST snapshots */
    } stream;
    struct {
        struct metrics_counter refused[METRICS_GUARD_MAX]; /* creates, by the limit */
    } guard;
};

/* All zero. NULL: out of memory. */
struct metrics *metrics_create(void);
/* After everyone who counts has ended. NULL is fine. */
void metrics_destroy(struct metrics *metrics);

/* --- the text format --- */

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/* # HELP and # TYPE: once for a name, before its samples. `help` is one line without backslashes.
 */
void metrics_write_head(struct buffer *out, const char *name, enum metrics_type type,
                        const char *help);
/* `labels`: "a=\"b\",c=\"d\"", or "". */
void metrics_write_int(struct buffer *out, const char *name, const char *labels, int64_t value);
/* A number of millionths, as seconds with their fraction. */
void metrics_write_micro(struct buffer *out, const char *name, const char *labels, int64_t micro);
void metrics_write_histogram(struct buffer *out, const char *name, const char *labels,
                             const struct metrics_histogram *histogram);
