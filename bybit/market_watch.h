/* bybit/market_watch.h - the market's part in checking books: which one is due, what it went
 * through while it was watched, and that it cannot be trusted.
 *
 * A book that nobody watches costs a frame one branch. Books of depth 1 are not checked: each of
 * their frames is the whole of them.
 *
 * Threads: any, under the market's lock. Times are monotonic ms, but for those of the wall.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bybit/book_history.h"
#include "bybit/market.h"

struct market_watched {
    enum category category;
    int depth;
    uint64_t id;
    unsigned pictures; /* changes with each snapshot */
    char symbol[SYMBOL_MAX];
};

/* Begins to watch the book that is due for longest. A new one is due `every_ms` / 2 after it was
 * first seen here. False: none is due (or there is no memory). */
bool market_watch_next(struct market *market, int64_t now_ms, int every_ms,
                       struct market_watched *out);

enum market_watch {
    WATCH_GOES_ON,
    WATCH_BEGAN_ANEW, /* a snapshot replaced the book: what was before is gone */
    WATCH_ENDED,      /* the book is gone, lost a frame, or its link is down or mute */
};
/* Moves what the book went through since the last call into `history`, which is emptied where the
 * watch began anew. */
enum market_watch market_watch_take(struct market *market, struct market_watched *watched,
                                    struct book_history *history);

enum market_check { CHECK_AGREED, CHECK_UNKNOWN, CHECK_FAILED };
/* Ends the watch; the book is due again at `due_ms`, or, after several failures in a row, later:
 * twice as late for each, up to 16 times as far from `now_ms`. CHECK_AGREED: it was right at
 * `at_ms` (wall clock). CHECK_FAILED: it is syncing from now on, and the stream is told to
 * subscribe again. False: the watch had ended, or had begun anew, so that nothing was done. */
bool market_watch_end(struct market *market, const struct market_watched *watched,
                      enum market_check check, int64_t now_ms, int64_t due_ms, int64_t at_ms);

/* --- stream thread --- */

struct market_distrusted {
    enum category category;
    int depth;
    int64_t whole_ms; /* wall clock: its last snapshot or agreeing check */
    char symbol[SYMBOL_MAX];
};
/* Takes out up to `max` books that a check has found wrong. One branch while there are none. */
size_t market_take_distrusted(struct market *market, struct market_distrusted *out, size_t max);
