/* Publishing, and the pump that moves what was published to the http thread's rings. */
#include "server/hub.h"

#include <stdlib.h>
#include <string.h>

#include "server/hub_parts.h"

#define UNHEARD_BYTES_MAX ((size_t)64 * 1024)

struct hub *hub_create(size_t ring_bytes, uint64_t last_seq)
{
    struct hub *hub = calloc(1, sizeof(*hub));

    if (!hub)
        return NULL;
    if (pthread_mutex_init(&hub->lock, NULL) != 0) {
        free(hub);
        return NULL;
    }
    hub->ring_bytes = ring_bytes;
    hub->announced_seq = hub->last_seq = last_seq;
    ring_clear(&hub->ring, last_seq + 1);
    return hub;
}

static void topic_destroy(struct topic *topic)
{
    inbox_clear(&topic->inbox);
    inbox_clear(&topic->incoming);
    frame_destroy(topic->latest);
    ring_deinit(&topic->ring);
    free(topic);
}

void hub_destroy(struct hub *hub)
{
    if (!hub)
        return;
    while (hub->readers)
        hub_reader_close(hub->readers);
    for (size_t i = 0; i < HUB_BUCKETS; i++) {
        while (hub->buckets[i]) {
            struct topic *topic = hub->buckets[i];

            hub->buckets[i] = topic->chain;
            topic_destroy(topic);
        }
    }
    inbox_clear(&hub->events);
    ring_deinit(&hub->ring);
    (void)pthread_mutex_destroy(&hub->lock);
    free(hub);
}

/* Something waits for the pump. */
static void wake_once(struct hub *hub)
{
    hub->waits = true;
    if (hub->woken || !hub->wake || (hub->unheard && hub->events.bytes < UNHEARD_BYTES_MAX))
        return;
    hub->woken = true;
    hub->wake(hub->wake_userdata);
}

void hub_set_wake(struct hub *hub, void (*wake)(void *userdata), void *userdata)
{
    (void)pthread_mutex_lock(&hub->lock);
    hub->wake = wake;
    hub->wake_userdata = userdata;
    hub->woken = false;
    if (hub->waits)
        wake_once(hub);
    (void)pthread_mutex_unlock(&hub->lock);
}

void hub_set_heard(struct hub *hub, bool heard)
{
    (void)pthread_mutex_lock(&hub->lock);
    hub->unheard = !heard;
    if (hub->waits)
        wake_once(hub);
    (void)pthread_mutex_unlock(&hub->lock);
}

bool hub_has_readers(const struct hub *hub)
{
    return hub->readers != NULL;
}

/* --- topics, under the lock --- */

static size_t bucket_of(const char *name)
{
    uint32_t hash = 2166136261U;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    return hash % HUB_BUCKETS;
}

static bool is_status(const char *name)
{
    return strncmp(name, "status:", 7) == 0;
}

static struct topic *find_topic(const struct hub *hub, const char *name)
{
    struct topic *topic = hub->buckets[bucket_of(name)];

    while (topic && strcmp(topic->name, name) != 0)
        topic = topic->chain;
    return topic;
}

static struct topic *add_topic(struct hub *hub, const char *name)
{
    struct topic *topic = strlen(name) < HUB_TOPIC_MAX ? calloc(1, sizeof(*topic)) : NULL;
    struct topic **bucket = &hub->buckets[bucket_of(name)];

    if (!topic)
        return NULL;
    memcpy(topic->name, name, strlen(name) + 1);
    topic->is_status = is_status(name);
    topic->ring.first = topic->ring.end = 1;
    topic->chain = *bucket;
    *bucket = topic;
    return topic;
}

struct topic *hub_topic_hold(struct hub *hub, const char *name)
{
    struct topic *topic;

    (void)pthread_mutex_lock(&hub->lock);
    topic = find_topic(hub, name);
    if (!topic)
        topic = add_topic(hub, name);
    if (topic)
        topic->readers++;
    (void)pthread_mutex_unlock(&hub->lock);
    return topic;
}

static void unlink_topic(struct hub *hub, struct topic *topic)
{
    struct topic **at = &hub->buckets[bucket_of(topic->name)];

    while (*at != topic)
        at = &(*at)->chain;
    *at = topic->chain;
    if (!topic->dirty)
        return;
    for (at = &hub->dirty; *at != topic;)
        at = &(*at)->dirty_next;
    *at = topic->dirty_next;
}

void hub_topic_drop(struct hub *hub, struct topic *topic)
{
    bool last;

    (void)pthread_mutex_lock(&hub->lock);
    last = --topic->readers == 0 && !topic->is_status;
    if (last)
        unlink_topic(hub, topic);
    (void)pthread_mutex_unlock(&hub->lock);
    if (!last)
        return;
    hub->market_bytes -= topic->ring.bytes;
    topic_destroy(topic);
}

bool hub_wanted(struct hub *hub, const char *name)
{
    const struct topic *topic;
    bool wanted;

    if (is_status(name))
        return true;
    (void)pthread_mutex_lock(&hub->lock);
    topic = find_topic(hub, name);
    wanted = topic && topic->readers > 0;
    (void)pthread_mutex_unlock(&hub->lock);
    return wanted;
}

/* --- publishing --- */

void hub_publish_event(struct hub *hub, uint64_t seq, const char *event, const char *json,
                       size_t json_bytes)
{
    struct frame *frame = frame_create(seq, event, json, json_bytes);

    (void)pthread_mutex_lock(&hub->lock);
    if (frame)
        inbox_add(&hub->events, frame);
    hub->announced_seq = seq; /* without its frame: readers find it in the journal */
    while (hub->events.bytes > hub->ring_bytes)
        frame_destroy(inbox_take(&hub->events));
    wake_once(hub);
    (void)pthread_mutex_unlock(&hub->lock);
}

void hub_set_epoch(struct hub *hub, uint64_t epoch)
{
    (void)pthread_mutex_lock(&hub->lock);
    if (hub->announced_epoch != epoch) {
        hub->announced_epoch = epoch;
        wake_once(hub);
    }
    (void)pthread_mutex_unlock(&hub->lock);
}

static void mark_dirty(struct hub *hub, struct topic *topic)
{
    if (!topic->dirty) {
        topic->dirty = true;
        topic->dirty_next = hub->dirty;
        hub->dirty = topic;
    }
    wake_once(hub);
}

/* Takes `frame` over. `overwrite`: what waits is replaced. */
static void publish(struct hub *hub, const char *name, struct frame *frame, bool overwrite)
{
    struct topic *topic;

    (void)pthread_mutex_lock(&hub->lock);
    topic = find_topic(hub, name);
    if (!topic && frame && is_status(name))
        topic = add_topic(hub, name);
    if (topic && (topic->readers || topic->is_status)) {
        topic->published++; /* a number without its frame is a hole, and is noticed */
        if (overwrite || topic->inbox.bytes > HUB_TOPIC_RING_BYTES)
            inbox_clear(&topic->inbox);
        if (frame) {
            frame->shown.number = topic->published;
            inbox_add(&topic->inbox, frame);
            frame = NULL;
        }
        mark_dirty(hub, topic);
    }
    (void)pthread_mutex_unlock(&hub->lock);
    frame_destroy(frame);
}

void hub_publish_state(struct hub *hub, const char *topic, const char *event, const char *json,
                       size_t json_bytes)
{
    publish(hub, topic, frame_create(0, event, json, json_bytes), true);
}

void hub_publish_frame(struct hub *hub, const char *topic, const char *event, const char *json,
                       size_t json_bytes, bool is_snapshot)
{
    struct frame *frame = frame_create(0, event, json, json_bytes);

    if (frame)
        frame->shown.is_snapshot = is_snapshot;
    publish(hub, topic, frame, false);
}

void hub_publish_hole(struct hub *hub, const char *topic)
{
    publish(hub, topic, NULL, false);
}

void hub_publish_gap(struct hub *hub, const char *topic, const char *json, size_t json_bytes)
{
    struct frame *frame = frame_create(0, "gap", json, json_bytes);

    if (frame)
        frame->shown.is_gap = true;
    publish(hub, topic, frame, false);
}

/* --- the pump --- */

static void take_events(struct hub *hub, struct inbox *events, uint64_t announced_seq)
{
    struct frame *frame;

    while ((frame = inbox_take(events))) {
        if (frame->shown.seq < hub->ring.end) { /* not one more than the last: cannot be */
            frame_destroy(frame);
            continue;
        }
        if (frame->shown.seq != hub->ring.end)
            ring_clear(&hub->ring, frame->shown.seq);
        if (!ring_push(&hub->ring, frame))
            frame_destroy(frame);
        while (hub->ring.bytes > hub->ring_bytes)
            ring_drop_first(&hub->ring);
    }
    if (hub->ring.end != announced_seq + 1)
        ring_clear(&hub->ring, announced_seq + 1);
    hub->last_seq = announced_seq;
}

static void take_sequence(struct hub *hub, struct topic *topic, struct frame *frame)
{
    struct ring *ring = &topic->ring;

    hub->market_bytes -= ring->bytes;
    if (frame->shown.number != ring->end || hub->market_bytes + ring->bytes > HUB_MARKET_BYTES)
        ring_clear(ring, frame->shown.number);
    if (!ring_push(ring, frame))
        frame_destroy(frame);
    while (ring->bytes > HUB_TOPIC_RING_BYTES && ring->end - ring->first > 1)
        ring_drop_first(ring);
    hub->market_bytes += ring->bytes;
}

static void take_topic(struct hub *hub, struct topic *topic)
{
    bool sequence =
        topic->subscriptions && topic->subscriptions->kind == HUB_SEQUENCE && !topic->is_status;
    struct frame *frame;

    while ((frame = inbox_take(&topic->incoming))) {
        if (sequence) {
            take_sequence(hub, topic, frame);
        } else {
            frame_destroy(topic->latest);
            topic->latest = frame;
        }
    }
    for (struct subscription *at = topic->subscriptions; at; at = at->next) {
        if (!at->held)
            hub_reader_wake(at->reader);
    }
}

static void offer_status(struct hub *hub, struct topic *topic)
{
    if (!topic->is_status)
        return;
    for (struct hub_reader *reader = hub->readers; reader; reader = reader->next) {
        if (reader->wants_status)
            hub_reader_add_status(reader, topic);
    }
}

struct news {
    struct inbox events;
    uint64_t seq;
    uint64_t epoch;
};

/* Empties the inboxes under the lock; returns the topics that have news. */
static struct topic *empty_inboxes(struct hub *hub, struct news *out)
{
    struct topic *news = NULL;

    (void)pthread_mutex_lock(&hub->lock);
    hub->woken = false;
    hub->waits = false;
    *out = (struct news){ hub->events, hub->announced_seq, hub->announced_epoch };
    hub->events = (struct inbox){ .oldest = NULL };
    for (struct topic *topic = hub->dirty; topic; topic = topic->dirty_next) {
        topic->incoming = topic->inbox;
        topic->inbox = (struct inbox){ .oldest = NULL };
        topic->dirty = false;
        topic->pump_next = news;
        news = topic;
    }
    hub->dirty = NULL;
    (void)pthread_mutex_unlock(&hub->lock);
    return news;
}

static void take_news(struct hub *hub, struct news *news)
{
    bool is_new_epoch = news->epoch != hub->epoch;

    hub->epoch = news->epoch;
    take_events(hub, &news->events, news->seq);
    for (struct hub_reader *reader = hub->readers; reader; reader = reader->next) {
        if (reader->events && is_new_epoch)
            hub_reader_wake(reader);
        else if (reader->events)
            hub_reader_on_events(reader);
    }
}

void hub_pump(struct hub *hub)
{
    struct news news;
    struct topic *dirty = empty_inboxes(hub, &news);

    if (news.seq != hub->last_seq || news.epoch != hub->epoch)
        take_news(hub, &news);
    while (dirty) {
        struct topic *topic = dirty;

        dirty = topic->pump_next;
        offer_status(hub, topic);
        take_topic(hub, topic);
    }
}

uint64_t hub_last_seq(const struct hub *hub)
{
    return hub->last_seq;
}

uint64_t hub_epoch(const struct hub *hub)
{
    return hub->epoch;
}

bool hub_has_event(struct hub *hub, uint64_t after, const struct event_filter *filter)
{
    if (after >= hub->last_seq)
        return false;
    if (after + 1 < hub->ring.first || hub->last_seq >= hub->ring.end)
        return true;
    for (uint64_t seq = after + 1; seq <= hub->last_seq; seq++) {
        if (frame_is_taken(ring_at(&hub->ring, seq), filter))
            return true;
    }
    return false;
}

uint64_t hub_first_seq(const struct hub *hub)
{
    return hub->ring.first < hub->ring.end ? hub->ring.first : 0;
}
