/* bybit/book_check.h - compares each streamed book with a REST snapshot from time to time. One that
 * differs is counted, is `syncing` from then on, and is subscribed anew.
 *
 * Stream and REST are of different moments, so the book is watched (market_watch.h) for a while
 * before and until after the snapshot is taken, and compared as it was at the snapshot's seq
 * (book_judge.h). A difference at just that seq is a mismatch. Where no state is of that seq, the
 * same difference, to the digit, must show in CONFIRMATIONS snapshots. A snapshot that
 * cannot be compared is asked for again, a few times; then the check is inconclusive.
 *
 * Checks wait while the exchange has banned this address, while others wait for their turn, and
 * while less than half of the address's rate is left. BOOK_CHECKS_MAX are under way at once.
 *
 * Threads: the reads thread's.
 */
#pragma once

#include "base/metrics.h"
#include "bybit/budget.h"
#include "bybit/market.h"
#include "bybit/reads.h"

struct book_check;

#define BOOK_CHECKS_MAX 4

/* All times of this module, so that tests run them faster. */
struct book_check_times {
    int every_ms; /* 60000: a book's checks; more books than can be done by then take longer */
    int again_ms; /* 1000: how long a book is watched before it is compared, and between snapshots;
                     what the stream had to say of a snapshot has come by then */
    int timeout_ms; /* 5000: a snapshot's */
};
extern const struct book_check_times book_check_times_default;

struct book_check_config {
    struct market *market;
    struct budget *budget;
    struct metrics *metrics; /* NULL: nothing is counted */
    struct book_check_times times;
};

/* NULL: out of memory. */
struct book_check *book_check_create(const struct book_check_config *config);
/* After reads_stop. NULL is fine. */
void book_check_destroy(struct book_check *check);
/* From the reads' thread, about each `again_ms` or more often. */
void book_check_tick(struct book_check *check, struct reads *reads);
