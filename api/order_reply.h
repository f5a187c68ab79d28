/* api/order_reply.h - what the engine's outcome means in HTTP: one table for creates, one for
 * cancels and reads.
 *
 * Never a bare 5xx once a byte may have left: an unknown outcome is 202, with the order and its
 * place. Pure but for the answers.
 */
#pragma once

#include <stdbool.h>

#include "api/call.h"
#include "api/errors.h"
#include "db/history.h"
#include "engine/loop.h"

enum order_call { ORDER_CALL_CREATE, ORDER_CALL_AMEND, ORDER_CALL_CANCEL, ORDER_CALL_READ };

/* Either an order to show (`code` NULL) or a problem. */
struct order_verdict {
    int status;
    bool located;  /* with Location */
    bool replayed; /* with Idempotent-Replayed */
    const char *code;
    struct api_problem_more more; /* borrows from the reply */
    const char *detail;           /* likewise */
};
void order_judge(struct order_verdict *out, enum order_call kind, const struct loop_reply *reply,
                 const char *client_id);

/* Answers `call` by the verdict. `client_id`: the key of the request, "" when the bridge makes one.
 * An order that is shown with `native=1` is answered a little later, from a history worker. */
void order_answer(struct api_call *call, enum order_call kind, const struct loop_reply *reply,
                  const char *client_id);
/* At once, with the exchange's own object of the order; NULL: without that member. */
void order_answer_with(struct api_call *call, enum order_call kind, const struct loop_reply *reply,
                       const char *client_id, const struct stored_native *native);
/* What a problem says to a person. */
const char *order_detail(const struct order_verdict *verdict, char out[480]);
/* Counts a refusal of the guard. */
void order_count_refusal(const struct api_call *call, const struct loop_reply *reply);
/* "/orders/..." by the client id where a path can hold it, else by the link. */
void order_location(const struct order *order, char out[200]);
