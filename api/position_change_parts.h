/* api/position_change_parts.h - what position_change.c and position_orders.c share: a change of a
 * position's size under way. Not for others. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/lookup.h"
#include "api/order_job.h"
#include "api/position_body.h"
#include "api/position_call.h"
#include "api/position_trail.h"

#define PIECES_MAX 100

struct piece;

struct change {
    struct position_call position;
    struct position_wish wish;
    struct lookup_wait wait;
    int rounds;
    struct position_trail trail;
    bool unread; /* the journal can't be read, and it is no key that is asked for */
    bool again;  /* an order of this key was not sent: the next two */
    enum side again_side;
    struct decimal again_qty;
    struct piece *pieces;
    size_t count;
    atomic_size_t shares;
};

/* Ends the change without an answer. */
void change_free(struct change *change);
/* Answers with the refusal, and ends the change. `outcome`: "not_sent" or "unknown". */
void change_fail_as(struct change *change, const struct api_refusal *refusal, const char *outcome);

/* The key of order n of several; "" without a key. */
void change_key_of(const struct change *change, size_t n, char out[CLIENT_ID_MAX]);
/* Room for `count` orders. False: no memory. */
MUST_CHECK bool change_make_pieces(struct change *change, size_t count);
/* Order n of those that there is room for: alone, when that is one. */
void change_piece_begin(struct change *change, size_t n, const struct order_request *request);
/* Hands all to the engine; the change answers the call, and is over, now or later. */
void change_send_all(struct change *change);
/* Makes an order of each size, and hands them over. */
void change_send_sizes(struct change *change, struct order_request *request,
                       const struct decimal *sizes, size_t count);
