/* api/position_change_parts.h - what position_change.c, position_past.c and position_orders.c
 * share: a change of a position's size under way. Not for others. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/lookup.h"
#include "api/order_job.h"
#include "api/position_body.h"
#include "api/position_call.h"
#include "api/position_trail.h"

/* One order of it. `known`: the journal has it, and it is shown as it is; else it is sent, unless
 * it has its answer already (`status`). */
struct piece {
    struct create_job job; /* first: a job is its piece */
    struct order *known;
    bool ready;  /* for the engine */
    bool unsent; /* the journal has it: it was not sent */
    int status;  /* 0: not answered yet */
    bool is_order;
    char *body;
    size_t body_bytes;
};

struct change {
    struct position_call position;
    struct position_wish wish;
    struct lookup_wait wait;
    int rounds;
    unsigned kills; /* asked for before it came */
    struct position_trail trail;
    bool unread; /* the journal can't be read, and it is no key that is asked for */
    bool again;  /* an order of this key was not sent: the next two */
    enum side again_side;
    struct decimal again_qty;
    bool resumes; /* some orders of this key are there, others were not sent */
    bool checked; /* the key was looked for while nobody else could use it */
    struct piece *pieces;
    size_t count;
    atomic_size_t shares;
    void (*on_all)(struct change *change); /* the step after */
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
/* Frees what is in it. */
void change_piece_deinit(struct piece *piece);
/* It is not sent. */
void change_piece_refuse(struct change *change, size_t n, const struct api_refusal *refusal);
/* Shows or hands to the engine all of them, together; the change answers the call, and is over, now
 * or later. */
void change_send_all(struct change *change);
/* Makes orders of `part` each of the request's qty, and hands them over. */
void change_send_parts(struct change *change, struct order_request *request,
                       const struct decimal *part);

/* --- position_past.c: what the journal has of its key --- */

enum past {
    PAST_NONE,    /* nothing that counts */
    PAST_KNOWN,   /* pieces: all orders that it made are there */
    PAST_PARTLY,  /* pieces: of some of them the journal has nothing, or that they were not sent */
    PAST_FOREIGN, /* the key was another request's */
};
MUST_CHECK enum err change_find_past(struct change *change, struct history_reader *reader,
                                     enum past *out);
/* What those add up to that are still to be sent. */
struct decimal change_left(const struct change *change);
/* They are not sent, and why. */
void change_refuse_left(struct change *change, const struct api_refusal *refusal);
