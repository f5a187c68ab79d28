/* bybit/book_judge.h - compares a REST snapshot of a book with the states that the streamed book
 * went through (PROTOCOL section 15 rule 5: `seq` compares books of one symbol, whatever their
 * depth).
 *
 * A state of just the snapshot's seq must be equal to it, in all prices that both have room for.
 * Without one the snapshot was taken between two states: a price that is the same in both should
 * be so in the snapshot. It need not be, since it may have changed and changed back in between:
 * such a difference is a suspicion, until other snapshots have confirmed it (book_check.c).
 *
 * Threads: pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "bybit/book.h"
#include "bybit/book_history.h"

enum book_verdict {
    BOOK_AGREES,
    BOOK_DIFFERS,
    BOOK_SUSPECT,
    BOOK_OPEN,   /* no state is later than the snapshot (yet): say so again, or say `settled` */
    BOOK_OLDER,  /* the snapshot is from before all states */
    BOOK_UNSURE, /* too much changed around it */
};

/* A price at which they differ; a quantity of zero is none. */
struct book_doubt {
    bool is_bid;
    struct decimal price;
    struct decimal ours;
    struct decimal theirs;
};

#define BOOK_DOUBTS_MAX 16

struct book_finding {
    enum book_verdict verdict;
    int64_t seq;     /* of the snapshot */
    bool last;       /* it was compared with the newest state */
    size_t compared; /* prices */
    size_t doubts_count;
    struct book_doubt doubts[BOOK_DOUBTS_MAX]; /* the first ones */
};

/* `shown` is the snapshot, of at most `shown_depth` levels. `settled`: what came before it would be
 * here by now. False: out of memory, or a state could not be made again. */
bool book_judge(const struct book_history *history, const struct book *shown, int shown_depth,
                bool settled, struct book_finding *out);
/* Keeps of `kept` what `newer` says, too. */
void book_doubts_common(struct book_finding *kept, const struct book_finding *newer);
