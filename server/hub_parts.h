/* server/hub_parts.h - the hub's insides: shared by hub.c, hub_reader.c and hub_ring.c. */
#pragma once

#include <pthread.h>

#include "api/event_filter.h"
#include "server/hub.h"

#define HUB_TOPIC_RING_BYTES ((size_t)256 * 1024)
#define HUB_MARKET_BYTES     ((size_t)64 * 1024 * 1024)
#define HUB_BUCKETS          1024

/* A frame with its text behind it. */
struct frame {
    struct hub_frame shown;
    struct frame *next; /* in an inbox */
    size_t bytes;
    /* The http thread's: read once, when the first reader with a filter comes to it. */
    bool subject_is_read;
    struct event_subject subject;
};

/* Frames by consecutive numbers: first <= number < end. */
struct ring {
    struct frame **slots;
    size_t capacity; /* a power of two, or 0 */
    uint64_t first;
    uint64_t end;
    size_t bytes;
};

struct inbox {
    struct frame *oldest;
    struct frame *newest;
    size_t bytes;
};

struct topic {
    struct topic *chain;
    char name[HUB_TOPIC_MAX];
    bool is_status;
    /* Under the hub's lock. */
    unsigned readers;
    uint64_t published;
    struct inbox inbox;
    bool dirty;
    struct topic *dirty_next;
    /* The http thread's. */
    struct topic *pump_next;
    struct inbox incoming;
    struct frame *latest;
    struct ring ring;
    struct subscription *subscriptions;
};

/* One reader's place in one topic. */
struct subscription {
    struct subscription *next; /* of the topic */
    struct subscription *previous;
    struct topic *topic;
    struct hub_reader *reader;
    enum hub_kind kind;
    size_t index;
    uint64_t next_number; /* SEQUENCE: the cursor; LATEST: one above the last given */
    bool awaits_snapshot;
    bool held;
};

#define HUB_STATUS_TOPICS_MAX 16

struct hub_reader {
    struct hub *hub;
    struct hub_reader *next;
    struct hub_reader *previous;
    void (*on_ready)(void *userdata);
    void *userdata;
    bool awake;
    unsigned events;
    const struct event_filter *filter; /* NULL: all */
    uint64_t position;
    bool wants_status;
    size_t scan; /* the subscription to look at next */
    size_t count;
    struct subscription *subscriptions[HUB_TOPICS_MAX + HUB_STATUS_TOPICS_MAX];
};

struct hub {
    pthread_mutex_t lock;
    /* Under the lock. */
    void (*wake)(void *userdata);
    void *wake_userdata;
    bool waits;   /* something, for the pump */
    bool woken;   /* `wake` was called since the last pump */
    bool unheard; /* nobody reads or waits: only much that was published wakes */
    struct topic *buckets[HUB_BUCKETS];
    struct topic *dirty;
    struct inbox events;
    uint64_t announced_seq; /* the newest event that was published, kept or not */
    uint64_t announced_epoch;
    size_t ring_bytes;
    /* The http thread's. */
    struct ring ring;
    uint64_t last_seq;
    uint64_t epoch;
    size_t market_bytes;
    struct hub_reader *readers;
};

/* --- hub_ring.c --- */

/* A frame with copies of the texts. NULL: out of memory. */
struct frame *frame_create(uint64_t seq, const char *event, const char *json, size_t json_bytes);
void frame_destroy(struct frame *frame); /* NULL is fine */
/* Whether the filter (NULL: any) takes the frame. */
bool frame_is_taken(struct frame *frame, const struct event_filter *filter);
void inbox_add(struct inbox *inbox, struct frame *frame);
struct frame *inbox_take(struct inbox *inbox); /* NULL: empty */
void inbox_clear(struct inbox *inbox);
/* Takes the frame over as number ring->end. False: out of memory, the ring is as it was. */
bool ring_push(struct ring *ring, struct frame *frame);
struct frame *ring_at(const struct ring *ring, uint64_t number);
void ring_drop_first(struct ring *ring);
/* Empties it; the next frame gets `next_number`. */
void ring_clear(struct ring *ring, uint64_t next_number);
void ring_deinit(struct ring *ring);

/* --- hub.c, for hub_reader.c --- */

/* Finds or makes the topic, and counts a reader more. NULL: out of memory. */
struct topic *hub_topic_hold(struct hub *hub, const char *name);
/* A reader less; the last one frees the topic, unless it is a status. */
void hub_topic_drop(struct hub *hub, struct topic *topic);
void hub_reader_wake(struct hub_reader *reader);
/* Events came: wakes it if it is owed one of them, else passes over them. */
void hub_reader_on_events(struct hub_reader *reader);
/* A status topic is new: readers of status get it. */
void hub_reader_add_status(struct hub_reader *reader, struct topic *topic);
