/* db/chain.h - the hash chain over events: each hash covers the one before, so that a changed,
 * missing or moved event shows.
 *
 * hash(n) = SHA-256(hash(n - 1) | seq, 8 bytes big-endian | at_ms, 8 bytes big-endian | event | NUL
 * | json bytes); hash(0) is 32 zero bytes.
 *
 * Threads: one owner.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "base/error.h"

#define CHAIN_HASH_BYTES 32

struct chain {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
    uint64_t seq;                         /* of the newest event */
    unsigned char hash[CHAIN_HASH_BYTES]; /* of the newest event */
};

/* Starts at hash(0). */
MUST_CHECK enum err chain_init(struct chain *chain, struct error *error);
void chain_deinit(struct chain *chain);

/* Takes the next event in. */
MUST_CHECK enum err chain_add(struct chain *chain, uint64_t seq, int64_t at_ms, const char *event,
                              const void *json, size_t json_bytes, struct error *error);
