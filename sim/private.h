/* sim/private.h - the account's frames: gathered while the exchange works, sent at the end of the
 * turn.
 *
 * Threads: owned by one.
 */
#pragma once

#include <cjson/cJSON.h>

#include "sim/socket.h"

struct private_frames {
    struct sockets *sockets;
    struct exchange *exchange;
    cJSON *pending[TOPIC_COUNT][CATEGORY_COUNT]; /* lists; NULL: nothing */
    bool wallet_changed;
    bool greeks_changed;
    int64_t greeks_ms; /* when they were sent */
};

void private_order(struct private_frames *frames, const struct sim_order *order);
void private_execution(struct private_frames *frames, const struct sim_execution *execution);
void private_position(struct private_frames *frames, const struct position *position);
void private_wallet(struct private_frames *frames);
/* They are sent with the next flush, if the account has or had options. */
void private_greeks(struct private_frames *frames);
/* Greeks move with prices: while options are open they are sent each second. */
void private_tick(struct private_frames *frames);
/* Sends executions, orders, positions, wallet, greeks, in this order. */
void private_flush(struct private_frames *frames);
void private_deinit(struct private_frames *frames);
