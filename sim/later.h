/* sim/later.h - amends and cancels that were answered and are on their way to the book.
 *
 * The exchange works that way all the time; here a test says how long the way is, by default it has
 * none. What fills meanwhile is filled. One that comes too late changes nothing: the order is told
 * of once more, with the rejectReason EC_OrigClOrdIDDoesNotExist, and for a cancel with the
 * cancelType CancelByUser (PROTOCOL section 8). An amend that can no longer be done (what is filled
 * now, what is free now) shows as the order unchanged.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/match.h"

#define LATER_MAX 1024 /* on their way; one more takes effect at once */

struct later;

struct later *later_create(void); /* NULL: out of memory */
void later_destroy(struct later *later);

/* The order must be open. */
void later_cancel(struct exchange *exchange, struct sim_order *order);
/* What is refused now is refused. */
MUST_CHECK struct refusal later_amend(struct exchange *exchange, struct sim_order *order,
                                      const struct sim_amend *amend);
/* Does what is due. */
void later_run(struct exchange *exchange);
