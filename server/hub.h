/* server/hub.h - the feed: rings of events, many readers (ARCHITECTURE section 4).
 *
 * A reader is a set of cursors, not a queue: however slow it is, it costs no memory and delays no
 * one. Journaled events that have left the ring are read from the journal by sse.c.
 *
 * What was published waits in an inbox (bounded: states overwrite, sequences and events fall back
 * to a snapshot or the journal) until the http thread pumps it into the rings; from there on all is
 * that thread's own, without locks.
 *
 * Threads: hub_publish_* from any thread, they wait for a short lock only; hub_wanted from any; all
 * else on the http thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hub;
struct event_filter; /* api/event_filter.h */

/* Keeps the newest `ring_bytes` of journaled events; `last_seq`: the journal's last number. NULL:
 * out of memory. */
struct hub *hub_create(size_t ring_bytes, uint64_t last_seq);
/* `wake` is called from publishing threads, with the hub's lock held (so it only rings a bell), at
 * most once until hub_pump. After hub_set_wake(hub, NULL, NULL) it is not called any more. */
void hub_set_wake(struct hub *hub, void (*wake)(void *userdata), void *userdata);
/* Whether anybody reads or waits; at first it is so. While it is not, `wake` is called only when
 * much waits for the pump; when it becomes so, and something waits, at once. */
void hub_set_heard(struct hub *hub, bool heard);
/* Join the publishing threads first. */
void hub_destroy(struct hub *hub);

bool hub_has_readers(const struct hub *hub);

/* The epoch of the ids of what is published from now on. Before the first event of a run; later
 * again when it rises. */
void hub_set_epoch(struct hub *hub, uint64_t epoch);
/* Appends journaled event number `seq`, one more than the last. The text is copied. */
void hub_publish_event(struct hub *hub, uint64_t seq, const char *event, const char *json,
                       size_t json_bytes);

/* Whether any reader wants the topic: "ticker:linear:BTCUSDT", "book:linear:BTCUSDT:50",
 * "positions", "status". Cheap: ask before building a text. */
bool hub_wanted(struct hub *hub, const char *topic);
/* A state: latest wins. Topics that begin with "status:" (one a link) are kept always, as the
 * snapshot of who comes later; others only while they have readers. */
void hub_publish_state(struct hub *hub, const char *topic, const char *event, const char *json,
                       size_t json_bytes);
/* A frame of a sequence (book, trades, candles, positions): readers get each, or learn that they
 * fell behind the topic's ring (256 KiB). A snapshot frame starts the sequence anew. */
void hub_publish_frame(struct hub *hub, const char *topic, const char *event, const char *json,
                       size_t json_bytes, bool is_snapshot);
/* A frame of a sequence is missing: it could not be made. Readers learn it by the next one, as if
 * they had been overtaken. */
void hub_publish_hole(struct hub *hub, const char *topic);
/* The sequence broke: readers get `gap` and then wait for the next snapshot frame. */
void hub_publish_gap(struct hub *hub, const char *topic, const char *json, size_t json_bytes);

/* --- readers: http thread only --- */

#define HUB_TOPIC_MAX  96
#define HUB_TOPICS_MAX 100 /* of one reader */

/* Moves what was published into the rings, and calls `on_ready` of each sleeping reader that is
 * owed something. */
void hub_pump(struct hub *hub);
/* The newest event, and the oldest one in the ring (0: the ring is empty). */
uint64_t hub_last_seq(const struct hub *hub);
uint64_t hub_first_seq(const struct hub *hub);

/* As pumped: who was shown ids of another one must be reset. */
uint64_t hub_epoch(const struct hub *hub);
/* Whether there is an event above `after` that the filter takes; true also when the ring does not
 * tell. */
bool hub_has_event(struct hub *hub, uint64_t after, const struct event_filter *filter);

enum hub_events { HUB_ORDERS = 1, HUB_FILLS = 2, HUB_GUARD = 4 };
/* Which one the journaled `event` is of. */
enum hub_events hub_event_kind(const char *event);

/* One published text; lives while someone holds it (hub_frame_hold), else until the next hub_pump.
 */
struct hub_frame {
    uint64_t seq;         /* journaled events; 0: none */
    uint64_t number;      /* of its topic: 1, 2, ... */
    enum hub_events kind; /* journaled events */
    const char *event;
    const char *json;
    size_t json_bytes;
    bool is_snapshot;
    bool is_gap;
};

struct hub_reader;
/* A reader sleeps once hub_reader_next said HUB_NOTHING; on_ready wakes it, once. NULL: out of
 * memory. */
struct hub_reader *hub_reader_open(struct hub *hub, void (*on_ready)(void *userdata),
                                   void *userdata);
void hub_reader_close(struct hub_reader *reader); /* NULL is fine */

/* Wants journaled events: "fill" ones for HUB_FILLS, "guard" ones for HUB_GUARD, all others for
 * HUB_ORDERS; those with a number above `after`. */
void hub_reader_want_events(struct hub_reader *reader, unsigned events, uint64_t after);
/* Of orders and fills only those that the filter takes; it is borrowed for the reader's life. */
void hub_reader_filter(struct hub_reader *reader, const struct event_filter *filter);
/* What the reader holds, in bytes. */
size_t hub_reader_bytes(const struct hub_reader *reader);
/* All up to here has been given, or is not wanted. */
uint64_t hub_reader_position(const struct hub_reader *reader);
void hub_reader_set_position(struct hub_reader *reader, uint64_t seq);
/* Whether the journaled `event` is one of `events`. */
bool hub_event_wanted(unsigned events, const char *event);

enum hub_kind { HUB_LATEST, HUB_SEQUENCE };
/* Wants a topic; it is number `*index` of this reader. What is published from now on is not missed.
 * A state that is there is not given. A sequence begins with its next frame (but see
 * hub_reader_await). ERR_NO_MEMORY; ERR_BUSY: HUB_TOPICS_MAX reached. */
MUST_CHECK enum err hub_reader_want(struct hub_reader *reader, const char *topic,
                                    enum hub_kind kind, size_t *index);
/* Wants all "status:" topics, with what is there. */
void hub_reader_want_status(struct hub_reader *reader);
/* The topic has no base: a sequence skips to the newest snapshot frame in the ring, or to the next
 * one that comes; a state is given as it is. */
void hub_reader_await(struct hub_reader *reader, size_t index);
struct hub_place {
    uint64_t next_number;
    bool awaits_snapshot;
};
/* The topic gets a fresh base: goes on with what is published from now on. To be called before the
 * base is read from memory, so that nothing between the two is missed. Returns where it was, for
 * hub_reader_go_back when there turns out to be no base. */
struct hub_place hub_reader_restart(struct hub_reader *reader, size_t index);
void hub_reader_go_back(struct hub_reader *reader, size_t index, const struct hub_place *place);
/* The number of the topic's newest frame, pumped or not; 0: none yet. */
uint64_t hub_reader_published(const struct hub_reader *reader, size_t index);
/* Nothing was published since the restart: a base that was read in between lacks nothing. */
bool hub_reader_is_fresh(const struct hub_reader *reader, size_t index);
/* A sequence without a base was overtaken: goes on with the newer half of the ring, so that the
 * next frames do not overtake it again at once. Returns how many frames were passed over, those
 * that had left the ring too. */
uint64_t hub_reader_skip(struct hub_reader *reader, size_t index);
/* Holds a topic back: hub_reader_next passes over it, and what comes in it wakes nobody. */
void hub_reader_hold(struct hub_reader *reader, size_t index, bool held);

enum hub_owed {
    HUB_NOTHING, /* the reader sleeps now */
    HUB_EVENT,   /* a journaled event */
    HUB_BEHIND, /* the next events are in the journal only: read there, then hub_reader_set_position
                 */
    HUB_STATE,  /* the latest value */
    HUB_FRAME,  /* a frame or a gap of a sequence */
    HUB_BASELESS, /* sequence `topic` awaits a snapshot, and deltas passed: memory has the base now,
                     or soon */
    HUB_LOST,     /* sequence `topic` was overtaken: hub_reader_restart and a snapshot, or
                     hub_reader_await, or hub_reader_skip */
};
struct hub_item {
    const struct hub_frame *frame; /* not with NOTHING, BEHIND, BASELESS, LOST */
    size_t topic;                  /* STATE (but status), FRAME, BASELESS, LOST: the index */
    uint64_t dropped; /* STATE: values that were overwritten since the last one given */
};
/* The next thing that the reader is owed; it counts as given. */
enum hub_owed hub_reader_next(struct hub_reader *reader, struct hub_item *out);
