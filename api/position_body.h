/* api/position_body.h - PUT and DELETE /positions/{symbol}: what is wanted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/fields.h"
#include "api/position_call.h"
#include "api/position_place.h"
#include "base/trade.h"

struct position_wish {
    bool is_close;         /* DELETE; set before */
    struct decimal target; /* PUT: the size to have, below 0: short */
    struct position_share share;
    /* Category, symbol, key, client and hash of all orders that come of it. The hash is of what was
     * asked for: the orders differ from time to time. */
    struct order_request base;
};

/* As position_call_read, with the body of a PUT, the query of a DELETE. */
MUST_CHECK enum err position_body_read(struct position_wish *wish, struct position_call *position,
                                       const struct api *api, struct api_call *call, bool *later,
                                       struct api_refusal *refusal);

/* The field table of PUT, for the test that holds it against openapi.yaml. */
const struct field *position_target_fields(size_t *count);
