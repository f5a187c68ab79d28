/* server/sse.h - GET /stream: readers of the hub as server-sent events or NDJSON lines.
 *
 * Threads: the http thread, but for sse_add_status.
 */
#pragma once

#include <stdbool.h>

#include "server/conn.h"

struct sse *sse_create(struct http *http);
/* All readers must be closed. NULL is fine. */
void sse_destroy(struct sse *sse);

/* Answers the request on `conn`: with a problem, or with a stream (then conn->reader is set). */
enum MHD_Result sse_open(struct sse *sse, struct conn *conn);
/* The stream's connection is going. */
void sse_close(struct conn *conn);

/* Wakes readers that have something to read. */
void sse_pump(struct sse *sse);
/* Heartbeats; returns when it is due again (http->now_ms based). */
int64_t sse_tick(struct sse *sse);
/* Lets all readers say `bye` and end. */
void sse_stop(struct sse *sse);
/* Ends what is left without a word, and lets go of bybit/stream and the history at once. */
void sse_abort(struct sse *sse);
size_t sse_count(const struct sse *sse);
void sse_count_slow(struct sse *sse);
/* Appends the members readers, max, closed_slow, dropped; any thread. */
void sse_add_status(struct buffer *out, struct sse *sse);
