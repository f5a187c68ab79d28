/* bybit/stream_dials.h - how often sockets may be opened: the exchange takes 500 in five minutes
 * from all connections together, and bans who opens more. Pure.
 *
 * Threads: the stream's own. Times are monotonic ms.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIALS_MAX        480
#define DIALS_PUBLIC_MAX 400 /* what is left is for the private socket, which has the fills */
#define DIALS_WINDOW_MS  300000

struct dials {
    int64_t at_ms[DIALS_MAX]; /* a ring */
    size_t count;             /* since the start */
};

/* One more may be opened now. */
bool dials_may(const struct dials *dials, bool is_private, int64_t now_ms);
/* One is being opened. */
void dials_add(struct dials *dials, int64_t now_ms);
