/* api/position_trail.h - what the journal tells of a symbol's size that its position may not show
 * yet: orders that are still to change it, and the newest fill.
 *
 * Threads: on a history worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/trade.h"
#include "db/history.h"

struct position_trail {
    bool open;                   /* an order is on its way */
    char open_id[CLIENT_ID_MAX]; /* this one: its link or the exchange's id */
    bool unsettled;              /* one has ended, and not all of its fills are here */
    int64_t fill_seq;            /* the exchange's, of the newest trade; 0: none lately */
};

/* `server_ms`: the exchange's clock now, for its times are compared with it. */
MUST_CHECK enum err position_trail_read(struct position_trail *out, struct history_reader *reader,
                                        enum category category, const char *symbol,
                                        int64_t server_ms);
