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
};

void private_order(struct private_frames *frames, const struct sim_order *order);
void private_execution(struct private_frames *frames, const struct sim_execution *execution);
void private_position(struct private_frames *frames, const struct position *position);
void private_wallet(struct private_frames *frames);
/* Sends executions, orders, positions, wallet, in this order. */
void private_flush(struct private_frames *frames);
void private_deinit(struct private_frames *frames);
