/* What a reader is owed: first its own text (hello, snapshots, chunks from the journal), then what
 * the hub has. Called by MHD when the socket takes bytes; fills the whole buffer in one pass,
 * because a send costs far more than the bytes in it. */
#include <string.h>

#include "api/events.h"
#include "base/clock.h"
#include "base/json.h"
#include "server/sse_parts.h"

#define OWN_KEPT_BYTES 4096
#define RETRY_MS       500

void sse_say(struct sse_reader *reader, const char *event, uint64_t seq, const struct buffer *json)
{
    struct sse_piece piece;

    if (buffer_check(json) || !json->bytes)
        return;
    sse_piece_make(&piece, &reader->format, event, seq, 0, json->data, json->bytes);
    sse_piece_add(&piece, &reader->own);
    if (seq != SSE_NO_ID)
        reader->shown_seq = seq;
}

void sse_note_bytes(struct sse_reader *reader)
{
    struct sse *sse = reader->sse;
    size_t bytes = sizeof(*reader) + reader->watched_count * sizeof(reader->watched[0]) +
                   hub_reader_bytes(reader->hub) + reader->own.capacity;

    if (bytes == reader->held_bytes)
        return;
    atomic_fetch_add_explicit(&sse->held_bytes, bytes - reader->held_bytes, memory_order_relaxed);
    reader->held_bytes = bytes;
    if (bytes > atomic_load_explicit(&sse->held_bytes_max, memory_order_relaxed))
        atomic_store_explicit(&sse->held_bytes_max, bytes, memory_order_relaxed);
}

/* --- the journal --- */

static void on_chunk(struct sse_reader *reader, struct replay_result *result)
{
    buffer_add(&reader->own, result->text.data, result->text.bytes);
    buffer_deinit(&result->text);
    hub_reader_set_position(reader->hub, result->position);
    reader->shown_seq = SSE_NO_ID; /* the next heartbeat names the position */
    reader->state = SSE_READING;
}

static void on_orders(struct sse_reader *reader, const struct replay_result *result)
{
    struct buffer json = buffer_of(API_REPLY_MAX);

    json_add_open(&json, '{');
    json_add_key(&json, "reason");
    json_add_text(&json, reader->reset_reason);
    json_add_key(&json, "orders");
    if (result && result->text.bytes)
        json_add_raw(&json, result->text.data, result->text.bytes);
    else
        json_add_null(&json);
    sse_add_account(reader, &json);
    json_add_key(&json, "recv_at");
    json_add_int(&json, clock_wall_ms());
    json_add_close(&json, '}');
    sse_say(reader, "reset", reader->replay_order.position, &json);
    hub_reader_set_position(reader->hub, reader->replay_order.position);
    reader->state = SSE_READING;
    buffer_deinit(&json);
}

static void retry_later(struct sse_reader *reader)
{
    reader->state = SSE_RETRY;
    reader->retry_ms = reader->sse->http->now_ms + RETRY_MS;
    if (reader->sse->due_ms > reader->retry_ms)
        reader->sse->due_ms = reader->retry_ms;
}

static void on_replayed(struct replay_result *result, void *userdata)
{
    struct sse_reader *reader = userdata;

    reader->replay = NULL;
    if (result->end == REPLAY_FAILED)
        retry_later(reader);
    else if (result->end == REPLAY_PRUNED)
        sse_reset(reader, "the events after this id are not kept any more");
    else if (reader->replay_order.kind == REPLAY_ORDERS)
        on_orders(reader, result);
    else
        on_chunk(reader, result);
    sse_note_bytes(reader);
    conn_resume(reader->conn);
}

void sse_load(struct sse_reader *reader)
{
    struct sse *sse = reader->sse;

    reader->state = SSE_LOADING;
    reader->replay_order.until = hub_last_seq(sse->hub);
    reader->replay =
        replay_start(sse->api, sse->http->bell, &reader->replay_order, on_replayed, reader);
    if (!reader->replay)
        retry_later(reader);
}

static void load(struct sse_reader *reader, enum replay_kind kind, uint64_t position)
{
    reader->replay_order = (struct replay_order){ .kind = kind,
                                                  .position = position,
                                                  .events = reader->events,
                                                  .filter = reader->filter,
                                                  .format = reader->format };
    sse_load(reader);
}

void sse_reset(struct sse_reader *reader, const char *reason)
{
    uint64_t position = hub_last_seq(reader->sse->hub);

    reader->reset_reason = reason;
    sse_ask_guard(reader);
    if (reader->sse->api->history) {
        load(reader, REPLAY_ORDERS, position);
        return;
    }
    reader->replay_order.position = position;
    on_orders(reader, NULL);
}

static void fall_behind(struct sse_reader *reader)
{
    if (reader->sse->api->history)
        load(reader, REPLAY_AFTER, hub_reader_position(reader->hub));
    else
        sse_reset(reader, "the events after this id are not kept");
}

/* --- the guard as it is --- */

/* What an event has told meanwhile is newer. */
static void on_guard(const struct buffer *json, void *userdata)
{
    struct sse_reader *reader = userdata;

    reader->guard_ask = NULL;
    if (reader->guard_told || reader->ended)
        return;
    sse_say(reader, "guard", SSE_NO_ID, json);
    conn_resume(reader->conn);
}

void sse_ask_guard(struct sse_reader *reader)
{
    struct sse *sse = reader->sse;

    if (!(reader->events & HUB_GUARD) || !sse->api->loop)
        return;
    guard_ask_forget(reader->guard_ask);
    reader->guard_told = false;
    reader->guard_again_ms = 0;
    reader->guard_ask = guard_ask_start(sse->api->loop, sse->http->bell, on_guard, reader);
    if (reader->guard_ask)
        return;
    reader->guard_again_ms = sse->http->now_ms + RETRY_MS;
    if (sse->due_ms > reader->guard_again_ms)
        sse->due_ms = reader->guard_again_ms;
}

/* --- one pass --- */

struct pass {
    char *out;
    size_t max;
    size_t used;
};

/* Copies what fits of the reader's own text; false: some is left. */
static bool send_own(struct sse_reader *reader, struct pass *pass)
{
    size_t bytes = reader->own.bytes - reader->own_sent;

    if (bytes > pass->max - pass->used)
        bytes = pass->max - pass->used;
    if (bytes)
        memcpy(pass->out + pass->used, reader->own.data + reader->own_sent, bytes);
    pass->used += bytes;
    reader->own_sent += bytes;
    if (reader->own_sent < reader->own.bytes)
        return false;
    reader->own_sent = 0;
    buffer_clear(&reader->own);
    if (reader->own.capacity > OWN_KEPT_BYTES)
        buffer_deinit(&reader->own);
    return true;
}

static void send_frame(struct sse_reader *reader, struct pass *pass, const struct hub_item *item)
{
    const struct hub_frame *frame = item->frame;
    struct sse_piece piece;

    if (frame->seq) {
        sse_piece_make_event(&piece, &reader->sse->heads, &reader->format, frame->event, frame->seq,
                             frame->json, frame->json_bytes);
        reader->shown_seq = frame->seq;
        reader->guard_told = reader->guard_told || frame->kind == HUB_GUARD;
    } else {
        sse_piece_make(&piece, &reader->format, frame->event, SSE_NO_ID, item->dropped, frame->json,
                       frame->json_bytes);
    }
    if (item->dropped)
        atomic_fetch_add_explicit(&reader->sse->dropped, item->dropped, memory_order_relaxed);
    if (piece.bytes > pass->max - pass->used) {
        sse_piece_add(&piece, &reader->own); /* sent in parts */
        return;
    }
    sse_piece_write(&piece, pass->out + pass->used);
    pass->used += piece.bytes;
}

/* A conflated book is sent as it is now, however many frames led to it. */
static void send_topic(struct sse_reader *reader, struct pass *pass, struct hub_item *item)
{
    size_t index = item->topic;

    if (index >= reader->watched_count) { /* status */
        send_frame(reader, pass, item);
        return;
    }
    if (!sse_is_conflated(reader, index)) {
        if (!sse_is_in_snapshot(&reader->watched[index], item->frame))
            send_frame(reader, pass, item);
        return;
    }
    if (reader->watched[index].topic.kind == SSE_BOOK && !item->frame->is_gap) {
        if (!sse_say_from_memory(reader, index))
            return;
    } else if (!sse_is_in_snapshot(&reader->watched[index], item->frame)) {
        item->dropped = 0; /* it asked for that */
        send_frame(reader, pass, item);
    } else {
        return;
    }
    sse_hold(reader, index);
}

static bool take_from_hub(struct sse_reader *reader, struct pass *pass)
{
    struct hub_item item;
    enum hub_owed owed = hub_reader_next(reader->hub, &item);

    switch (owed) {
    case HUB_NOTHING:
        return false;
    case HUB_BEHIND:
        fall_behind(reader);
        return true;
    case HUB_BASELESS:
        if (sse_say_from_memory(reader, item.topic))
            sse_hold(reader, item.topic);
        return true;
    case HUB_LOST:
        sse_say_lost(reader, item.topic);
        return true;
    case HUB_STATE:
    case HUB_FRAME:
        send_topic(reader, pass, &item);
        return true;
    case HUB_EVENT:
        send_frame(reader, pass, &item);
        return true;
    }
    return false;
}

static void say_bye(struct sse_reader *reader)
{
    struct buffer json = buffer_of(256);

    json_add_open(&json, '{');
    json_add_key(&json, "reason");
    json_add_text(&json, "stopping");
    json_add_key(&json, "recv_at");
    json_add_int(&json, clock_wall_ms());
    json_add_close(&json, '}');
    sse_say(reader, "bye", SSE_NO_ID, &json);
    buffer_deinit(&json);
    reader->ended = true;
}

static void say_heartbeat(struct sse_reader *reader)
{
    uint64_t seq = reader->events && reader->state == SSE_READING ? hub_reader_position(reader->hub)
                                                                  : SSE_NO_ID;

    reader->beat_due = false;
    if (seq == reader->shown_seq)
        seq = SSE_NO_ID;
    else if (seq != SSE_NO_ID)
        reader->shown_seq = seq;
    sse_add_heartbeat(&reader->own, &reader->format, seq, clock_wall_ms());
}

/* Numbers that were shown may mean something else now. */
static bool is_epoch_over(const struct sse_reader *reader)
{
    return reader->events && reader->state == SSE_READING &&
           reader->format.epoch != hub_epoch(reader->sse->hub);
}

/* False: nothing is owed. The snapshots come one by one, so that one that stalls holds no more than
 * one. */
static bool step(struct sse_reader *reader, struct pass *pass)
{
    if (reader->ended)
        return false;
    if (reader->snapshots < reader->watched_count) {
        sse_say_snapshot(reader, reader->snapshots++);
        return true;
    }
    if (reader->beat_due) {
        say_heartbeat(reader);
        return true;
    }
    if (is_epoch_over(reader)) {
        reader->format.epoch = hub_epoch(reader->sse->hub);
        sse_reset(reader, "the journal lost events");
        return true;
    }
    if (reader->state == SSE_READING && take_from_hub(reader, pass))
        return true;
    if (!reader->ending)
        return false;
    say_bye(reader);
    return true;
}

ssize_t sse_read(void *cls, uint64_t position, char *out, size_t max)
{
    struct sse_reader *reader = cls;
    struct pass pass = { .out = out, .max = max };

    (void)position;
    if (reader->aborted || buffer_check(&reader->own))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    while (send_own(reader, &pass) && step(reader, &pass))
        ;
    sse_note_bytes(reader);
    if (pass.used)
        return (ssize_t)pass.used;
    if (buffer_check(&reader->own))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (reader->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    conn_suspend(reader->conn);
    return 0;
}
