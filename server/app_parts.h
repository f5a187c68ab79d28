/* server/app_parts.h - the parts of the daemon, and what they tell each other (app_calls.c).
 *
 * Threads: filled by the starting thread before the others begin, then constant but for what is
 * atomic; each callback says whose it is.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/metrics.h"
#include "bybit/account.h"
#include "bybit/book_check.h"
#include "bybit/key_info.h"
#include "bybit/stream.h"
#include "server/app.h"
#include "server/config.h"
#include "server/http.h"
#include "server/hub.h"
#include "server/hub_publish.h"
#include "sim/sim.h"

#define APP_URL_MAX         128
#define APP_EXIT_BAD_CONFIG 78

struct app {
    const struct config *config;
    bool has_keys;
    char rest_url[APP_URL_MAX]; /* embedded exchange */
    char ws_url[APP_URL_MAX];
    char link_prefix[32];
    struct sim *sim;
    char libraries[ABOUT_LIBRARIES_MAX];
    struct metrics *metrics;
    struct signer *signer;
    struct clock_sync *clock;
    struct budget *budget;
    struct market *market;
    struct instruments_slot *instruments;
    struct journal *journal;
    struct history *history;
    struct loop *loop;
    struct reads *reads;
    struct book_check *book_check; /* ticks on the reads' thread, once `reads_run` */
    atomic_bool reads_run;
    struct stream *stream;
    struct stream_times stream_times;
    struct account *account; /* NULL without keys */
    struct key_check *key;   /* NULL without keys, and where the exchange is embedded */
    atomic_int exit_status;
    atomic_bool engine_runs; /* `loop` is there: asked by threads that began before it */
    struct hub *hub;
    struct hub_writer stream_writer;  /* the stream's thread */
    struct hub_writer account_writer; /* the account's callbacks, which come one at a time */
    struct http *http;
    struct api api;
    const char *allow_hosts[CONFIG_LIST_MAX];
    const char *allow_origins[CONFIG_LIST_MAX];
    const char *trade_origins[CONFIG_LIST_MAX];
    const char *allow_paths[CONFIG_LIST_MAX];
};

/* --- app_calls.c: callbacks; userdata is the app --- */

extern const struct stream_callbacks app_stream_callbacks;
extern const struct account_callbacks app_account_callbacks;

/* From the journal's thread. */
void app_on_journaled(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                      int64_t at_ms, void *userdata);
/* From the reads' thread. */
void app_on_reads_tick(void *userdata);
/* `userdata`: the journal. */
void app_on_ban(int64_t until_ms, void *userdata);
/* Learnt late: ends the process as a signal would, with the status of a bad configuration. */
void app_on_key_refused(const char *reason, void *userdata);
/* See struct api. */
bool app_feed_has(uint64_t after, const struct event_filter *filter, void *userdata);
void app_add_server_status(struct buffer *out, void *userdata);
uint64_t app_feed_last(void *userdata);
MUST_CHECK enum err app_feed_wait(uint64_t after, int64_t until_ms, const atomic_bool *gone,
                                  void (*on_ready)(void *waiter), void *waiter, void *userdata);
