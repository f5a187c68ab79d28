/* server/kill_command.h - "bybit-bridge kill": tells a running bridge to kill, and a person what
 * has become of it.
 *
 * The kill is repeated (which changes nothing) until nothing is open any more and it is durable, or
 * the time is over. Whoever answers on that address may be anybody: what is shown is printable.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "server/config.h"

/* The exit statuses. */
enum kill_status {
    KILL_WHOLE = 0,     /* killed, nothing is open any more, and stored */
    KILL_PARTLY = 1,    /* killed, but not all is known to be cancelled, or it is not stored */
    KILL_UNREACHED = 2, /* no bridge said that it is killed */
};

#define KILL_TIMEOUT_MS     15000
#define KILL_TIMEOUT_MAX_MS 600000
#define KILL_REASON_MAX     160

struct kill_request {
    const char *reason; /* cut to KILL_REASON_MAX - 1 bytes; "": none */
    bool want_tcp;      /* as for healthcheck */
    int64_t timeout_ms; /* at most KILL_TIMEOUT_MAX_MS */
};

/* `out` gets lines for a person. Needs SIGPIPE ignored. */
enum kill_status kill_command(const struct config *config, const struct kill_request *request,
                              struct buffer *out);
