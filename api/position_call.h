/* api/position_call.h - what the writes of positions share: which position a call is about, and
 * what is known of it.
 *
 * Threads: one thread's at a time: the http thread's, the reads', the engine's, a journal worker's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/call.h"
#include "api/fields.h"
#include "api/order_body.h"
#include "api/reply.h"
#include "base/error.h"
#include "bybit/account.h"
#include "bybit/instruments.h"

struct rest_answer;

struct position_call {
    const struct api *api;
    struct api_call *call;
    enum category category;
    char symbol[SYMBOL_MAX];
    int64_t idx; /* -1: not given */
    struct instrument instrument;
    /* Of the last load: what the exchange said, by itself. The account may know better (a message
     * that came meanwhile), or not yet. */
    struct position loaded[ACCOUNT_PLACES_MAX];
    size_t loaded_count;
    /* The rest is its own. */
    int64_t begin_ms; /* monotonic */
    bool claimed;     /* the symbol, or the link, or both */
    bool claims_symbol;
    char claimed_link[ORDER_LINK_BYTES]; /* "": none */
    void (*on_loaded)(const char *why, void *userdata);
    void *userdata;
};

/* Keys, symbol, category and position_idx (of the query, or the body's field); spot is refused.
 * `*later`: an option whose coin nobody has asked for lately; the call has been taken over, as
 * options_wait says, and this returns ERR_BUSY. */
MUST_CHECK enum err position_call_read(struct position_call *position, const struct api *api,
                                       struct api_call *call, const struct field_value *idx,
                                       bool *later, struct api_refusal *refusal);
/* X-Client, "" without. */
MUST_CHECK enum err position_call_client(const struct api_call *call, char out[TAG_MAX],
                                         struct api_refusal *refusal);

/* As the private stream keeps it: not_ready while it does not; position_idx_needed and _wrong.
 * `seq`: of the newest message on any of the symbol's positions; -1: nothing is known of them, and
 * `out` is flat because of that. */
MUST_CHECK enum err position_call_now(const struct position_call *position, struct position *out,
                                      int64_t *seq, int64_t *as_of_ms, struct api_refusal *refusal);
/* Reads the symbol's positions over REST into the account's memory; `on_loaded` is called exactly
 * once, now or from the reads' thread. `why` NULL: they are in. */
void position_call_load(struct position_call *position,
                        void (*on_loaded)(const char *why, void *userdata), void *userdata);

/* One change of a symbol's size at a time: false, another one is under way (or 1024
 * are). */
bool position_call_claim(struct position_call *position);
/* Likewise of orders of one key, whatever symbol they are of. */
bool position_call_claim_key(struct position_call *position, const char *link);
void position_call_release(struct position_call *position);
