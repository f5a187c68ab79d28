/* api/order_body.h - the body of POST /orders -> struct order_request; and its check against the
 * symbol's rules. Pure.
 *
 * Split in two, because the rules are found by the symbol that the first part reads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/fields.h"
#include "api/reply.h"
#include "base/error.h"
#include "base/trade.h"
#include "bybit/instruments.h"

/* ORDER_LINK_MAX of base/trade.h is also a name of <limits.h>, with another value: the array itself
 * says how long it is. */
enum { ORDER_LINK_BYTES = sizeof(((struct order_request *)0)->link) };

struct order_input {
    const char *body;
    size_t body_bytes;
    bool body_is_form;
    const char *idempotency_key; /* headers; NULL: absent */
    const char *client;
    enum category default_category;
};

/* Everything that needs no instrument: fields, combinations, the key, the hash. `out->link` is ""
 * without a key: the engine makes one. On refusal `out->client_id` is still the key, where it was
 * readable. `notional`: the value to size it by, and then `out->qty` is none; else none. A
 * conditional order of a contract that names no direction has none: it depends on the price now. */
MUST_CHECK enum err order_body_read(struct order_request *out, struct decimal *notional,
                                    const struct order_input *input, struct api_refusal *refusal);

/* Tick, step, minimums, maximums, price range, value; the text carries the values and the nearest
 * valid one. */
MUST_CHECK enum err order_check(const struct order_request *request,
                                const struct instrument *instrument, struct api_refusal *refusal);

/* The same for what an amend changes: `request` as it is to be, `changed` bits of ORDER_CHANGES_.
 */
#define ORDER_CHANGES_QTY         1U
#define ORDER_CHANGES_PRICE       2U
#define ORDER_CHANGES_TRIGGER     4U
#define ORDER_CHANGES_TAKE_PROFIT 8U
#define ORDER_CHANGES_STOP_LOSS   16U
MUST_CHECK enum err order_check_changed(const struct order_request *request, unsigned changed,
                                        const struct instrument *instrument,
                                        struct api_refusal *refusal);
/* qty 0 with reduce_only and close_on_trigger, of linear and inverse: all of the position, up to
 * the largest order (PROTOCOL section 9). */
bool order_closes_all(const struct order_request *request);
/* The largest size of such an order; none: not stated. */
const struct decimal *order_max_qty(const struct order_request *request,
                                    const struct instrument *instrument);

/* SHA-256 over the normalised fields: "same body" (decimals trimmed, without client_id). Of what
 * was asked for, not of what was derived from the market: that would differ the next time. */
void order_body_hash(const struct order_request *request, const struct decimal *notional,
                     unsigned char out[32]);
/* The link for a key: itself where it fits the exchange's grammar, else "h-" and 34 characters of
 * its SHA-256. */
void order_key_to_link(const char *key, char link[ORDER_LINK_BYTES]);

/* 1 to 64 of A-Z a-z 0-9 . _ : - : what a tag and X-Client are. */
bool order_name_is_valid(const char *text);

/* The field table, for the test that holds it against openapi.yaml. */
const struct field *order_body_fields(size_t *count);
