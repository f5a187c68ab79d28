/* server/sse_format.h - one event as bytes: a server-sent event, or a line of NDJSON. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct sse_format {
    bool ndjson;
    uint64_t epoch;
};

#define SSE_HEADS_MAX 512

/* The heads of the journaled events that were made last: many readers are sent the same ones.
 * Starts as zeros; of one thread. */
struct sse_heads {
    struct sse_head {
        uint64_t epoch;
        uint64_t seq;
        uint32_t bytes; /* 0: free */
        bool ndjson;
        char text[80];
    } kept[SSE_HEADS_MAX];
};

/* The parts of one event, to be written one behind the other. */
struct sse_piece {
    const char *head; /* in `made`, or kept elsewhere until another event is made */
    size_t head_bytes;
    char made[192];
    const char *json; /* borrowed */
    size_t json_bytes;
    const char *tail;
    size_t tail_bytes;
    size_t bytes; /* of all */
};

#define SSE_NO_ID UINT64_MAX

/* `json` is an object. `seq` SSE_NO_ID: no id. `dropped` above 0 becomes the object's first member.
 */
void sse_piece_make(struct sse_piece *out, const struct sse_format *format, const char *event,
                    uint64_t seq, uint64_t dropped, const char *json, size_t json_bytes);
/* The same of a journaled event, with its head from `heads` where it is there. */
void sse_piece_make_event(struct sse_piece *out, struct sse_heads *heads,
                          const struct sse_format *format, const char *event, uint64_t seq,
                          const char *json, size_t json_bytes);
/* `out` has room for piece->bytes. */
void sse_piece_write(const struct sse_piece *piece, char *out);
void sse_piece_add(const struct sse_piece *piece, struct buffer *out);
/* What keeps an idle stream alive; moves the reader's position to `seq` unless SSE_NO_ID. */
void sse_add_heartbeat(struct buffer *out, const struct sse_format *format, uint64_t seq,
                       int64_t now_ms);
