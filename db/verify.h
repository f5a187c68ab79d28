/* db/verify.h - is every event in the file the one that was shown? Recomputes the hash chain
 * (db/chain.h).
 *
 * It finds changed, missing, moved and added events. What it cannot find is a chain that was
 * rewritten whole, or one cut at its end: keep the last hash elsewhere if that matters.
 *
 * Threads: any; also beside a running bridge, as it reads in short pieces.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "db/chain.h"

struct journal_verified {
    uint64_t events;   /* that fit, from the first on */
    uint64_t last_seq; /* of the last that fits */
    unsigned char last_hash[CHAIN_HASH_BYTES];
    uint64_t
        bad_seq; /* the first event that does not fit; 0: none, or one with an impossible number */
};

/* ERR_INVALID: an event does not fit, `out->bad_seq` says which (`out` is filled then, too).
 * ERR_IO: unreadable. */
MUST_CHECK enum err journal_verify(const char *path, struct journal_verified *out,
                                   struct error *error);
