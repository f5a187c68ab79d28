#include "server/sse_replay.h"

#include <stdlib.h>

#include "api/events.h"
#include "base/json.h"
#include "base/log.h"
#include "server/hub.h"

#define CHUNK_ROWS_MAX  500
#define CHUNK_BYTES_MAX ((size_t)24 * 1024) /* what a reader that stalls holds */
#define CHUNK_MAX       ((size_t)16 * 1024 * 1024)
#define ORDERS_PAGE     500

struct replay {
    struct bell_item item;
    struct bell *bell; /* a reference */
    struct replay_order order;
    struct replay_result result;
    void (*on_ready)(struct replay_result *result, void *userdata); /* NULL: forgotten */
    void *userdata;
    int64_t orders_after;
    int orders_seen;
};

static void replay_free(struct replay *replay)
{
    buffer_deinit(&replay->result.text);
    bell_unref(replay->bell);
    free(replay);
}

static void on_rung(struct bell_item *item)
{
    struct replay *replay = (struct replay *)(void *)item;

    if (replay->on_ready)
        replay->on_ready(&replay->result, replay->userdata);
    replay_free(replay);
}

static void on_dropped(struct bell_item *item)
{
    replay_free((struct replay *)(void *)item);
}

/* --- on a worker --- */

static bool on_event(const struct stored_event *event, void *userdata)
{
    struct replay *replay = userdata;
    const struct replay_order *order = &replay->order;
    struct sse_piece piece;

    if (event->seq > order->until)
        return false;
    if (event->seq != replay->result.position + 1)
        return false; /* events were lost: the next read begins with that, and says so */
    if (hub_event_wanted(order->events, event->event) &&
        event_filter_takes_event(&order->filter, event->event, event->json, event->json_bytes)) {
        sse_piece_make(&piece, &order->format, event->event, event->seq, 0, event->json,
                       event->json_bytes);
        sse_piece_add(&piece, &replay->result.text);
    }
    replay->result.position = event->seq;
    return replay->result.text.bytes < CHUNK_BYTES_MAX;
}

static enum err read_events(struct replay *replay, struct history_reader *reader)
{
    uint64_t after = replay->order.position;
    uint64_t first = 0;
    enum err err = reader_first_seq(reader, &first);

    if (err)
        return err;
    if (replay->order.kind == REPLAY_EARLIEST)
        after = first ? first - 1 : after;
    replay->result.position = after;
    if (first && first <= after + 1)
        err = reader_events(reader, after, CHUNK_ROWS_MAX, on_event, replay);
    if (!err && replay->result.position == after && replay->order.kind == REPLAY_AFTER)
        replay->result.end = REPLAY_PRUNED;
    return err;
}

static bool on_order(const struct order *order, int64_t row_id, void *userdata)
{
    struct replay *replay = userdata;

    api_add_order(&replay->result.text, order, NULL);
    replay->orders_after = row_id;
    replay->orders_seen++;
    return !buffer_check(&replay->result.text);
}

static enum err read_orders(struct replay *replay, struct history_reader *reader)
{
    struct list_filter filter = { .state = FILTER_OPEN, .limit = ORDERS_PAGE };
    enum err err;

    event_filter_to_list(&replay->order.filter, &filter);
    json_add_open(&replay->result.text, '[');
    do {
        replay->orders_seen = 0;
        filter.after = replay->orders_after;
        err = reader_orders(reader, &filter, on_order, replay);
    } while (!err && replay->orders_seen == ORDERS_PAGE);
    json_add_close(&replay->result.text, ']');
    return err;
}

static void on_worker(struct history_reader *reader, enum err err, void *userdata)
{
    struct replay *replay = userdata;

    if (!err && replay->order.kind == REPLAY_ORDERS)
        err = read_orders(replay, reader);
    else if (!err)
        err = read_events(replay, reader);
    if (!err)
        err = buffer_check(&replay->result.text);
    if (err) {
        log_warn("stream: the journal cannot be read now: %s", error_name(err));
        replay->result.end = REPLAY_FAILED;
    }
    bell_push(replay->bell, &replay->item);
}

/* --- on the http thread --- */

struct replay *replay_start(const struct api *api, struct bell *bell,
                            const struct replay_order *order,
                            void (*on_ready)(struct replay_result *result, void *userdata),
                            void *userdata)
{
    struct replay *replay = calloc(1, sizeof(*replay));

    if (!replay)
        return NULL;
    replay->item = (struct bell_item){ .run = on_rung, .drop = on_dropped };
    replay->bell = bell;
    replay->order = *order;
    replay->result.text = buffer_of(CHUNK_MAX);
    replay->result.position = order->position;
    replay->on_ready = on_ready;
    replay->userdata = userdata;
    bell_ref(bell);
    if (history_submit(api->history, 0, on_worker, replay) == ERR_NONE)
        return replay;
    replay_free(replay);
    return NULL;
}

void replay_forget(struct replay *replay)
{
    if (replay)
        replay->on_ready = NULL;
}
