/* bybit/key_info.h - what the API key may do: asked at the start and from time to time (gate rule
 * G24, PROTOCOL section 12).
 *
 * A key with the right to withdraw is refused unless it was allowed: whoever gets at the bridge
 * must not get at the coins. Keys without IP binding, read-only ones and those that end soon are
 * logged as a warning. While the exchange has not answered (unreachable, or the demo site, which
 * refuses the call) the bridge runs, and is asked again.
 *
 * Threads: any; a short lock inside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

struct reads;

#define KEY_RIGHTS_MAX 512

struct key_info {
    bool read_only;
    bool can_withdraw;
    bool ip_bound;
    int64_t expires_ms;          /* wall clock, 0: never, or not said */
    char user_id[24];            /* "" not said */
    char rights[KEY_RIGHTS_MAX]; /* "ContractTrade.Order Spot.SpotTrade ...", as many as fit */
    int64_t as_of_ms;
};

/* query-api's result; `as_of_ms` is its wall clock. Pure. ERR_INVALID: it does not say what the key
 * may do. */
MUST_CHECK enum err key_info_read(struct key_info *out, const struct json *result, int64_t as_of_ms,
                                  struct error *error);

struct key_check;

struct key_check_config {
    bool allow_withdraw;
    int again_ms; /* 5,000: after a failure; then later and later, up to 60 times that */
    int every_ms; /* 3,600,000: rights can be changed while we run */
    /* The key turned out to have the right to withdraw after key_check_wait had let it pass; once,
     * from the reads' thread. */
    void (*on_refused)(const char *reason, void *userdata);
    void *userdata;
};

/* NULL: out of memory. */
struct key_check *key_check_create(const struct key_check_config *config);
void key_check_destroy(struct key_check *check); /* after reads_stop; NULL is fine */

/* Asks for the first time. */
void key_check_begin(struct key_check *check, struct reads *reads);
/* Waits for the first answer. ERR_INVALID: the key is refused, the text says what to do. ERR_NONE:
 * it is fine, or nothing is known within `timeout_ms`. */
MUST_CHECK enum err key_check_wait(struct key_check *check, int timeout_ms, struct error *error);
/* From the reads' thread, about each second: asks again when it is due. */
void key_check_tick(struct key_check *check);
/* False: not known (yet). */
bool key_check_get(struct key_check *check, struct key_info *out);
