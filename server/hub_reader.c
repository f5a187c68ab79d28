/* A reader: one cursor in the ring of events, one in each topic. */
#include <stdlib.h>
#include <string.h>

#include "server/hub_parts.h"

struct hub_reader *hub_reader_open(struct hub *hub, void (*on_ready)(void *userdata),
                                   void *userdata)
{
    struct hub_reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return NULL;
    reader->hub = hub;
    reader->on_ready = on_ready;
    reader->userdata = userdata;
    reader->awake = true;
    reader->next = hub->readers;
    if (hub->readers)
        hub->readers->previous = reader;
    hub->readers = reader;
    return reader;
}

static void unsubscribe(struct subscription *at)
{
    if (at->next)
        at->next->previous = at->previous;
    if (at->previous)
        at->previous->next = at->next;
    else
        at->topic->subscriptions = at->next;
    hub_topic_drop(at->reader->hub, at->topic);
    free(at);
}

void hub_reader_close(struct hub_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < reader->count; i++)
        unsubscribe(reader->subscriptions[i]);
    if (reader->next)
        reader->next->previous = reader->previous;
    if (reader->previous)
        reader->previous->next = reader->next;
    else
        reader->hub->readers = reader->next;
    free(reader);
}

void hub_reader_wake(struct hub_reader *reader)
{
    if (reader->awake)
        return;
    reader->awake = true;
    reader->on_ready(reader->userdata);
}

/* --- journaled events --- */

void hub_reader_want_events(struct hub_reader *reader, unsigned events, uint64_t after)
{
    reader->events = events;
    reader->position = after;
}

void hub_reader_filter(struct hub_reader *reader, const struct event_filter *filter)
{
    reader->filter = event_filter_is_set(filter) ? filter : NULL;
}

size_t hub_reader_bytes(const struct hub_reader *reader)
{
    return sizeof(*reader) + reader->count * sizeof(struct subscription);
}

uint64_t hub_reader_position(const struct hub_reader *reader)
{
    return reader->position;
}

void hub_reader_set_position(struct hub_reader *reader, uint64_t seq)
{
    reader->position = seq;
}

enum hub_events hub_event_kind(const char *event)
{
    return strcmp(event, "fill") == 0    ? HUB_FILLS
           : strcmp(event, "guard") == 0 ? HUB_GUARD
                                         : HUB_ORDERS;
}

bool hub_event_wanted(unsigned events, const char *event)
{
    return events & hub_event_kind(event);
}

/* Passes over what is not wanted; what is stays to be given. */
static enum hub_owed find_event(struct hub_reader *reader, const struct frame **out)
{
    const struct hub *hub = reader->hub;

    for (; reader->position < hub->last_seq; reader->position++) {
        struct frame *frame;

        if (reader->position + 1 < hub->ring.first || reader->position + 1 >= hub->ring.end)
            return HUB_BEHIND;
        frame = ring_at(&hub->ring, reader->position + 1);
        if ((reader->events & frame->shown.kind) && frame_is_taken(frame, reader->filter)) {
            *out = frame;
            return HUB_EVENT;
        }
    }
    return HUB_NOTHING;
}

static enum hub_owed next_event(struct hub_reader *reader, struct hub_item *out)
{
    const struct frame *frame = NULL;
    enum hub_owed owed = find_event(reader, &frame);

    if (owed == HUB_EVENT) {
        reader->position++;
        out->frame = &frame->shown;
    }
    return owed;
}

/* One that is awake may be waiting for the journal: its position is not touched. */
void hub_reader_on_events(struct hub_reader *reader)
{
    const struct frame *frame;

    if (!reader->awake && find_event(reader, &frame) != HUB_NOTHING)
        hub_reader_wake(reader);
}

/* --- topics --- */

/* Takes over the reader's hold on the topic. */
static struct subscription *subscribe(struct hub_reader *reader, struct topic *topic,
                                      enum hub_kind kind)
{
    struct subscription *added = calloc(1, sizeof(*added));

    if (!added)
        return NULL;
    added->topic = topic;
    added->reader = reader;
    added->kind = kind;
    added->index = reader->count;
    added->next = topic->subscriptions;
    if (topic->subscriptions)
        topic->subscriptions->previous = added;
    topic->subscriptions = added;
    reader->subscriptions[reader->count++] = added;
    return added;
}

enum err hub_reader_want(struct hub_reader *reader, const char *name, enum hub_kind kind,
                         size_t *index)
{
    struct subscription *added;
    struct topic *topic;

    if (reader->count >= HUB_TOPICS_MAX)
        return ERR_BUSY;
    topic = hub_topic_hold(reader->hub, name);
    if (!topic)
        return ERR_NO_MEMORY;
    added = subscribe(reader, topic, kind);
    if (!added) {
        hub_topic_drop(reader->hub, topic);
        return ERR_NO_MEMORY;
    }
    added->next_number = kind == HUB_SEQUENCE ? topic->ring.end
                         : topic->latest      ? topic->latest->shown.number + 1
                                              : 0;
    *index = added->index;
    return ERR_NONE;
}

void hub_reader_add_status(struct hub_reader *reader, struct topic *topic)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->subscriptions[i]->topic == topic)
            return;
    }
    if (reader->count == ARRAY_LEN(reader->subscriptions))
        return;
    if (hub_topic_hold(reader->hub, topic->name) && !subscribe(reader, topic, HUB_LATEST))
        hub_topic_drop(reader->hub, topic);
}

void hub_reader_want_status(struct hub_reader *reader)
{
    reader->wants_status = true;
    for (size_t i = 0; i < HUB_BUCKETS; i++) {
        struct topic *topic;
        struct topic *next;

        (void)pthread_mutex_lock(&reader->hub->lock);
        topic = reader->hub->buckets[i];
        (void)pthread_mutex_unlock(&reader->hub->lock);
        for (; topic; topic = next) {
            next = topic->chain;
            if (topic->is_status)
                hub_reader_add_status(reader, topic);
        }
    }
}

void hub_reader_await(struct hub_reader *reader, size_t index)
{
    struct subscription *at = reader->subscriptions[index];
    const struct ring *ring = &at->topic->ring;

    at->awaits_snapshot = true;
    at->next_number = at->kind == HUB_LATEST ? 0 : ring->end;
    for (uint64_t number = ring->end; number > ring->first; number--) {
        const struct hub_frame *frame = &ring_at(ring, number - 1)->shown;

        if (frame->is_gap)
            return; /* what was before is no base any more */
        if (frame->is_snapshot) {
            at->next_number = number - 1;
            return;
        }
    }
}

uint64_t hub_reader_published(const struct hub_reader *reader, size_t index)
{
    uint64_t number;

    (void)pthread_mutex_lock(&reader->hub->lock);
    number = reader->subscriptions[index]->topic->published;
    (void)pthread_mutex_unlock(&reader->hub->lock);
    return number;
}

struct hub_place hub_reader_restart(struct hub_reader *reader, size_t index)
{
    struct subscription *at = reader->subscriptions[index];
    const struct hub_place place = { at->next_number, at->awaits_snapshot };

    at->awaits_snapshot = false;
    at->next_number = hub_reader_published(reader, index) + 1;
    return place;
}

void hub_reader_go_back(struct hub_reader *reader, size_t index, const struct hub_place *place)
{
    reader->subscriptions[index]->next_number = place->next_number;
    reader->subscriptions[index]->awaits_snapshot = place->awaits_snapshot;
}

bool hub_reader_is_fresh(const struct hub_reader *reader, size_t index)
{
    return reader->subscriptions[index]->next_number == hub_reader_published(reader, index) + 1;
}

uint64_t hub_reader_skip(struct hub_reader *reader, size_t index)
{
    struct subscription *at = reader->subscriptions[index];
    const struct ring *ring = &at->topic->ring;
    uint64_t to = ring->first + (ring->end - ring->first) / 2;
    uint64_t skipped;

    if (to < at->next_number)
        to = at->next_number;
    skipped = to - at->next_number;
    at->next_number = to;
    return skipped;
}

void hub_reader_hold(struct hub_reader *reader, size_t index, bool held)
{
    reader->subscriptions[index]->held = held;
}

static enum hub_owed next_state(struct subscription *at, struct hub_item *out)
{
    const struct frame *latest = at->topic->latest;

    if (!latest || latest->shown.number < at->next_number)
        return HUB_NOTHING;
    out->dropped = at->next_number ? latest->shown.number - at->next_number : 0;
    out->frame = &latest->shown;
    at->next_number = latest->shown.number + 1;
    return HUB_STATE;
}

static enum hub_owed next_frame(struct subscription *at, struct hub_item *out)
{
    const struct ring *ring = &at->topic->ring;
    bool baseless = false;

    if (at->next_number < ring->first)
        return HUB_LOST;
    while (at->next_number < ring->end) {
        const struct frame *frame = ring_at(ring, at->next_number++);

        if (at->awaits_snapshot && !frame->shown.is_snapshot) {
            baseless = !frame->shown.is_gap;
            continue;
        }
        at->awaits_snapshot = frame->shown.is_gap;
        out->frame = &frame->shown;
        return HUB_FRAME;
    }
    return baseless ? HUB_BASELESS : HUB_NOTHING;
}

static enum hub_owed next_of(struct subscription *at, struct hub_item *out)
{
    out->topic = at->index;
    if (at->held)
        return HUB_NOTHING;
    return at->kind == HUB_LATEST ? next_state(at, out) : next_frame(at, out);
}

enum hub_owed hub_reader_next(struct hub_reader *reader, struct hub_item *out)
{
    enum hub_owed owed = HUB_NOTHING;

    *out = (struct hub_item){ .frame = NULL };
    if (reader->events)
        owed = next_event(reader, out);
    for (size_t i = 0; !owed && i < reader->count; i++) {
        if (reader->scan >= reader->count)
            reader->scan = 0;
        owed = next_of(reader->subscriptions[reader->scan], out);
        if (!owed)
            reader->scan++;
    }
    if (!owed)
        reader->awake = false;
    return owed;
}
