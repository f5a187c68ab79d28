/* sim/feeds_flood.h - floods one book of the public streams with random deltas and faults, and
 * keeps what the book was, for comparison.
 *
 * While nobody hears the book, or one who does reads slowly, the flood waits: no delta is lost to
 * that. When all are out the book stays as it is, until the flood is stopped: then the market's
 * book follows as one more delta.
 *
 * Threads: owned by one.
 */
#pragma once

#include "base/error.h"
#include "sim/topics.h"

struct feeds;

#define FLOOD_MILLION          1000000 /* parts of the faults */
#define FLOOD_DELTAS_MAX       INT64_C(1000000000)
#define FLOOD_POINTS_MAX       4096
#define FLOOD_POINTS_BYTES_MAX ((size_t)16 * 1024 * 1024)

enum flood_fault {
    FLOOD_GAP,
    FLOOD_DUPLICATE,
    FLOOD_REORDER,
    FLOOD_RESTART,
    FLOOD_LEAVE, /* what leaves the shown part is not told, and can come with another */
};
#define FLOOD_FAULTS 5

struct flood_plan {
    enum feed feed; /* a book of more than one level */
    int instrument;
    int64_t deltas;
    int64_t every_us; /* 0: as fast as they are read */
    /* From this delta on there is no fault; a second later one size in one delta is wrong, and
     * faults go on when somebody has joined after that. 0: never. */
    int64_t alter_at;
    int64_t jumps_most; /* gaps and reorders together */
    int64_t keep_every; /* books whose `u` is a multiple of it are kept */
    uint64_t seed;
    int64_t parts[FLOOD_FAULTS]; /* of a million deltas */
};

/* A book as it was published (or would have been, but for a gap). */
struct flood_point {
    int64_t number; /* of its delta, from 1 */
    uint64_t u;
    uint64_t seq;
    char *book; /* "price:size,...|price:size,...": bids, asks, best first */
};

struct feed_flood {
    struct flood_plan plan;
    struct flood_book *book;
    uint64_t random;
    int64_t due_us; /* monotonic */
    int64_t published;
    int64_t counts[FLOOD_FAULTS];
    int64_t fault_ms; /* of the last one */
    uint64_t altered_u;
    uint64_t altered_seq;
    int64_t altered_ms; /* 0: not yet */
    int64_t joined_ms;  /* of the first who joined after that; 0: nobody */
    uint64_t joined_seq;
    struct flood_point points[FLOOD_POINTS_MAX]; /* a ring */
    uint64_t points_first;
    uint64_t points_end;
    size_t points_bytes;
};

/* In place of the one that is. ERR_INVALID: the feed is not a book with deltas of that instrument.
 * ERR_NO_MEMORY. */
MUST_CHECK enum err feeds_flood_start(struct feeds *feeds, const struct flood_plan *plan);
void feeds_flood_stop(struct feeds *feeds);
/* NULL: there is none. */
const struct feed_flood *feeds_flood(const struct feeds *feeds);
/* Publishes what is due. Returns after how many milliseconds to call again, -1: not before
 * something else has happened. */
int feeds_flood_run(struct feeds *feeds, int64_t now_us);
