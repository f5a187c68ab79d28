/* sim/sim.h - the embedded exchange: Bybit V5 over real loopback sockets (REST, public and private
 * WebSocket on one port).
 *
 * It shares no signing, parsing or translation code with bybit/, so that the two cannot share a
 * mistake.
 *
 * Threads: sim_start starts one thread that owns everything; the other calls come from the starting
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sim;

struct sim_options {
    const char *host;    /* numeric address to listen on, e.g. "127.0.0.1" */
    int port;            /* 0: a free one, see sim_port */
    const char *api_key; /* the one account's key and secret */
    const char *api_secret;
    uint64_t seed;  /* of the market's movement; 0: a fixed default */
    bool control;   /* serve /sim/... (faults, prices) for tests */
    bool no_limits; /* no rate limits: what is announced makes nobody wait */
    bool paused; /* the market stands from the start, so that a seed's books are always the same */
};

/* Starts the exchange. ERR_UNAVAILABLE: the port is taken; ERR_INVALID: bad host. */
MUST_CHECK enum err sim_start(struct sim **out, const struct sim_options *options,
                              struct error *error);
/* The port it listens on. */
int sim_port(const struct sim *sim);
/* Closes all connections and joins the thread. NULL is fine. */
void sim_stop(struct sim *sim);
