/* server/hub.h - the feed: rings of events, many readers (ARCHITECTURE section 4).
 *
 * A reader is a set of cursors, not a queue: however slow it is, it costs no memory and delays no one. Journaled events that
 * have left the ring are read from the journal by sse.c.
 *
 * Threads: hub_publish_* from any thread, they never block; hub_wanted from any; all else on the http thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hub;

/* Keeps the newest `ring_bytes` of journaled events; `last_seq`: the journal's last number. `wake` is called (from any thread, at most once
 * until hub_pump) when sleeping readers have something to read. NULL: out of memory. */
struct hub *hub_create(size_t ring_bytes, uint64_t last_seq);
void hub_set_wake(struct hub *hub, void (*wake)(void *userdata), void *userdata);
/* Join the publishing threads first. */
void hub_destroy(struct hub *hub);

/* Appends journaled event number `seq`, one more than the last. The text is copied. */
void hub_publish_event(struct hub *hub, uint64_t seq, const char *event, const char *json,
                       size_t json_bytes);

/* Whether any reader wants the topic: "ticker:linear:BTCUSDT", "book:linear:BTCUSDT:50", "status". Cheap: ask before
 * building a text. */
bool hub_wanted(struct hub *hub, const char *topic);
/* A state (ticker, status): latest wins; it is the snapshot of who comes later. */
void hub_publish_state(struct hub *hub, const char *topic, const char *event, const char *json,
                       size_t json_bytes);
/* A frame of a sequence (book): readers get each, or a fresh snapshot once they fell behind the topic's ring (256 KiB).
 * A snapshot frame starts the sequence anew. */
void hub_publish_frame(struct hub *hub, const char *topic, const char *event, const char *json,
                       size_t json_bytes, bool is_snapshot);
/* The sequence broke: readers get `gap` and then wait for the next snapshot frame. */
void hub_publish_gap(struct hub *hub, const char *topic, const char *json, size_t json_bytes);
