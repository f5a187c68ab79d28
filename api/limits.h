/* api/limits.h - what is left of the rate budget, in the reply's headers RateLimit-Policy and
 * RateLimit (as draft-ietf-httpapi-ratelimit-headers-10 has them): on answers to writes, and on
 * every 429.
 *
 *     RateLimit-Policy: "ip";q=550;w=5, "order-create-linear";q=10;w=1
 *     RateLimit: "ip";r=540;t=5, "order-create-linear";r=9;t=1
 *
 * Threads: any; a call is one thread's at a time.
 */
#pragma once

#include "api/call.h"
#include "bybit/routes.h"

/* The IP's window alone. Nothing, where the headers are there already. */
void limits_reply(struct api_call *call);
/* And the window of this write of ours: what is left is what its lane may use. */
void limits_reply_write(struct api_call *call, enum bybit_route route, enum category category);
