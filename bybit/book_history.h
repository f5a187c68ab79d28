/* bybit/book_history.h - the states that a book went through in the last moments: some of them
 * whole, the frames in between as they came. So that a snapshot that the exchange took a moment ago
 * can be compared with the book as it was then.
 *
 * Threads: pure; it belongs to one at a time and is handed over whole.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json.h"
#include "bybit/book.h"

/* A whole state, and what followed on it. */
struct book_segment {
    struct book_segment *next;
    struct book *base;
    struct buffer frames; /* for each: struct book_frame, then its text and a NUL */
    int64_t last_seq;     /* of the newest state in it */
    int64_t last_u;
};

struct book_frame {
    int64_t seq;
    size_t bytes; /* of its text */
};

/* All zero but `depth`: empty. */
struct book_history {
    int depth;
    size_t count;
    struct book_segment *first;
    struct book_segment *last;
};

#define BOOK_SEGMENT_BYTES ((size_t)64 * 1024) /* of frames; then a new one is begun */
#define BOOK_SEGMENTS_MAX  8                   /* the oldest goes first */

void book_history_clear(struct book_history *history);
/* Begins with the book as it is. False: out of memory, and then it is empty. */
bool book_history_begin(struct book_history *history, const struct book *book);
/* `book` is the state after the delta `data`. False: out of memory, and then it is empty. Not to be
 * called for an empty one. */
bool book_history_add(struct book_history *history, const struct book *book,
                      const struct json *data);
/* Moves what `from` has behind what `to` has; what goes on in small steps becomes one segment. */
void book_history_move(struct book_history *to, struct book_history *from);
/* Lets go of what is older than the newest state that is not later than `seq`, as far as that is
 * easily done. */
void book_history_trim(struct book_history *history, int64_t seq);

/* Walks the states, oldest first. */
struct book_replay {
    const struct book_segment *segment;
    size_t at;         /* in its frames */
    struct book *book; /* the state */
    bool broken;       /* a frame that was applied once could not be applied now */
};
/* At the first state. False: out of memory, or the history is empty. */
bool book_replay_begin(struct book_replay *replay, const struct book_history *history);
void book_replay_end(struct book_replay *replay);
/* The seq of the next state; false: this is the newest. */
bool book_replay_peek(const struct book_replay *replay, int64_t *seq);
/* To the next state; false: this is the newest, or `broken`. */
bool book_replay_next(struct book_replay *replay);
