/* api/order_native.h - answers that show the exchange's own object of their order (`native=1`).
 *
 * The engine's memory does not have it: a history worker reads it when the journal has committed
 * what the reply is made of. By then the order may be further: it is shown as it is with its
 * object, so that both are of one moment.
 */
#pragma once

#include <stdbool.h>

#include "api/order_reply.h"

/* Whether the call says native=1; its handler has refused what is neither yes nor no. */
bool order_native_wanted(const struct api_call *call);

/* Called once, on a history worker or before order_native_read returns. `err`: the journal can't be
 * read now (ERR_BUSY: too many reads wait); `native` has then no bytes, and the reply is as it was.
 * All is borrowed. */
typedef void order_native_fn(const struct loop_reply *reply, const struct stored_native *native,
                             enum err err, void *userdata);
/* `reply` has an order that is to be shown; it is copied. */
void order_native_read(const struct api *api, const struct loop_reply *reply,
                       order_native_fn *on_read, void *userdata);

/* Ends the call with the order of `reply`. When the journal can't be read in time a read is
 * refused; of a write, which has happened, `native` is null. */
void order_native_answer(struct api_call *call, enum order_call kind,
                         const struct loop_reply *reply);
