/* server/healthcheck.h - asks a running bridge whether it is ready, for container engines and
 * supervisors ("bybit-bridge healthcheck").
 *
 * One GET /readyz over a plain socket, on the caller's thread, bounded in time and bytes. Whoever
 * answers on that address may be anybody: nothing of the answer is trusted, and what is shown of
 * it is printable.
 */
#pragma once

#include <stddef.h>

#include "server/config.h"

/* The exit statuses. */
enum healthcheck {
    HEALTHCHECK_READY = 0,
    HEALTHCHECK_NOT_READY = 1,   /* a bridge answered, and said why not */
    HEALTHCHECK_UNREACHABLE = 2, /* no answer, or none that a bridge would give */
};

#define HEALTHCHECK_TIMEOUT_MS 3000
#define HEALTHCHECK_LINE_MAX   768

/* Asks the bridge that `config` describes: on its Unix socket where there is one and `want_tcp` is
 * not set, else on its address (the wildcard addresses by loopback), with its token of the lowest
 * role. `line` gets what to tell a person, without a line end. Needs SIGPIPE ignored. */
enum healthcheck healthcheck_ask(const struct config *config, bool want_tcp,
                                 char line[HEALTHCHECK_LINE_MAX]);
