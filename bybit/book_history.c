#include "bybit/book_history.h"

#include <stdlib.h>
#include <string.h>

static void segment_free(struct book_segment *segment)
{
    if (!segment)
        return;
    book_destroy(segment->base);
    buffer_deinit(&segment->frames);
    free(segment);
}

static void drop_first(struct book_history *history)
{
    struct book_segment *first = history->first;

    history->first = first->next;
    if (!history->first)
        history->last = NULL;
    history->count--;
    segment_free(first);
}

void book_history_clear(struct book_history *history)
{
    while (history->first)
        drop_first(history);
}

bool book_history_begin(struct book_history *history, const struct book *book)
{
    struct book_segment *segment = calloc(1, sizeof(*segment));

    if (segment) {
        segment->frames = buffer_of(2 * BOOK_SEGMENT_BYTES + sizeof(struct book_frame) + 1);
        segment->base = book_create(history->depth);
    }
    if (!segment || !segment->base) {
        segment_free(segment);
        book_history_clear(history);
        return false;
    }
    book_copy(segment->base, book);
    segment->last_seq = book_seq(book);
    segment->last_u = book_u(book);
    if (history->last)
        history->last->next = segment;
    else
        history->first = segment;
    history->last = segment;
    if (++history->count > BOOK_SEGMENTS_MAX)
        drop_first(history);
    return true;
}

bool book_history_add(struct book_history *history, const struct book *book,
                      const struct json *data)
{
    struct book_segment *last = history->last;
    const struct book_frame frame = { .seq = book_seq(book), .bytes = data->bytes };

    if (last->frames.bytes >= BOOK_SEGMENT_BYTES || data->bytes > BOOK_SEGMENT_BYTES)
        return book_history_begin(history, book);
    buffer_add(&last->frames, &frame, sizeof(frame));
    buffer_add(&last->frames, data->at, data->bytes);
    buffer_add(&last->frames, "", 1);
    if (buffer_check(&last->frames)) {
        book_history_clear(history);
        return false;
    }
    last->last_seq = frame.seq;
    last->last_u = book_u(book);
    return true;
}

/* Makes `next` a part of `segment`, where it goes on from there and there is room. */
static bool join(struct book_segment *segment, struct book_segment *next)
{
    if (segment->last_u != book_u(next->base) || segment->last_seq != book_seq(next->base) ||
        segment->frames.bytes + next->frames.bytes > BOOK_SEGMENT_BYTES)
        return false;
    if (next->frames.bytes > 0)
        buffer_add(&segment->frames, next->frames.data, next->frames.bytes);
    if (buffer_check(&segment->frames)) {
        buffer_clear(&segment->frames); /* no memory: only its first state is left */
        segment->last_u = book_u(segment->base);
        segment->last_seq = book_seq(segment->base);
        return false;
    }
    segment->last_u = next->last_u;
    segment->last_seq = next->last_seq;
    return true;
}

void book_history_move(struct book_history *to, struct book_history *from)
{
    if (to->last && from->first && join(to->last, from->first))
        drop_first(from);
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    to->count += from->count;
    from->first = NULL;
    from->last = NULL;
    from->count = 0;
    while (to->count > BOOK_SEGMENTS_MAX)
        drop_first(to);
}

void book_history_trim(struct book_history *history, int64_t seq)
{
    while (history->first && history->first->next && history->first->last_seq < seq &&
           book_seq(history->first->next->base) <= seq)
        drop_first(history);
}

/* --- replay --- */

bool book_replay_begin(struct book_replay *replay, const struct book_history *history)
{
    *replay = (struct book_replay){ .segment = history->first };
    if (!history->first)
        return false;
    replay->book = book_create(history->depth);
    if (!replay->book)
        return false;
    book_copy(replay->book, history->first->base);
    return true;
}

void book_replay_end(struct book_replay *replay)
{
    book_destroy(replay->book);
    replay->book = NULL;
}

/* Frames are not aligned. */
static struct book_frame frame_at(const struct book_replay *replay)
{
    struct book_frame frame;

    memcpy(&frame, replay->segment->frames.data + replay->at, sizeof(frame));
    return frame;
}

bool book_replay_peek(const struct book_replay *replay, int64_t *seq)
{
    if (replay->at < replay->segment->frames.bytes)
        *seq = frame_at(replay).seq;
    else if (replay->segment->next)
        *seq = book_seq(replay->segment->next->base);
    else
        return false;
    return true;
}

static bool apply_frame(struct book_replay *replay)
{
    const struct book_frame frame = frame_at(replay);
    const char *text = replay->segment->frames.data + replay->at + sizeof(frame);
    const struct json data = { .at = text, .bytes = frame.bytes, .type = JSON_OBJECT };

    replay->at += sizeof(frame) + frame.bytes + 1;
    replay->broken = book_apply(replay->book, &data, false) != BOOK_APPLIED;
    return !replay->broken;
}

bool book_replay_next(struct book_replay *replay)
{
    if (replay->broken)
        return false;
    if (replay->at < replay->segment->frames.bytes)
        return apply_frame(replay);
    if (!replay->segment->next)
        return false;
    replay->segment = replay->segment->next;
    replay->at = 0;
    book_copy(replay->book, replay->segment->base);
    return true;
}
