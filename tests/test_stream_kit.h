/* tests/test_stream_kit.h - a stream in front of the small exchange of ws_server.h, and what its
 * callbacks saw. */
#pragma once

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/stream.h"
#include "tests/fixture.h"
#include "tests/ws_server.h"

#define KEY    "TESTKEY0001"
#define SECRET "TESTSECRET0001abcdefghijklmnopqrstuvwx"

/* --- what the callbacks saw --- */

static struct seen {
    pthread_mutex_t lock;
    int states[STREAM_LINK_COUNT][5];
    int ups, downs, orders, fills, tickers, books, snapshots, gaps;
    int trades, candles, liquidations, positions, wallets, lost, joined;
    int malformed; /* an assertion may fail on the test's own thread only */
    int64_t whole_until_ms;
    struct public_trade trade;
    struct candle candle;
    struct liquidation liquidation;
    struct position position;
    struct stream_gap gap; /* the last one; its symbol is in gap_symbol */
    char gap_symbol[SYMBOL_MAX];
    struct order_report order;
    struct fill fill;
    struct ticker ticker;
    int ups_at_first_order;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

#define LOCKED(statement)                                                                          \
    do {                                                                                           \
        pthread_mutex_lock(&seen.lock);                                                            \
        statement;                                                                                 \
        pthread_mutex_unlock(&seen.lock);                                                          \
    } while (0)

static inline void on_link(enum stream_link link, enum link_state state, int64_t since_ms,
                           void *userdata)
{
    (void)since_ms;
    (void)userdata;
    LOCKED(seen.states[link][state]++);
}

static inline void on_up(void *userdata)
{
    (void)userdata;
    LOCKED(seen.ups++);
}

static inline void on_down(int64_t whole_until_ms, void *userdata)
{
    (void)userdata;
    LOCKED(seen.downs++; seen.whole_until_ms = whole_until_ms);
}

static inline void on_order(const struct order_report *report, void *userdata)
{
    (void)userdata;
    LOCKED(if (seen.orders++ == 0) seen.ups_at_first_order = seen.ups; seen.order = *report);
}

static inline void on_fill(const struct fill *fill, void *userdata)
{
    (void)userdata;
    LOCKED(seen.fills++; seen.fill = *fill);
}

static inline void on_ticker(const struct ticker *ticker, int64_t recv_ms, void *userdata)
{
    (void)recv_ms;
    (void)userdata;
    LOCKED(seen.tickers++; seen.ticker = *ticker);
}

static inline void on_book(enum category category, const char *symbol, int depth, bool is_snapshot,
                           const struct json *data, int64_t ts_ms, int64_t cts_ms, int64_t recv_ms,
                           void *userdata)
{
    struct json bids;

    (void)category;
    (void)symbol;
    (void)depth;
    (void)ts_ms;
    (void)cts_ms;
    (void)recv_ms;
    (void)userdata;
    LOCKED(seen.malformed += !json_member(data, "u", &bids); seen.books++;
           seen.snapshots += is_snapshot);
}

/* Those of books apart: the others' tests count them by beginning and end. */
static inline void on_gap(const struct stream_gap *gap, void *userdata)
{
    (void)userdata;
    LOCKED(seen.gaps += gap->kind == STREAM_BOOK; if (gap->kind != STREAM_BOOK) {
        seen.lost += gap->to_ms == 0;
        seen.joined += gap->to_ms != 0;
        seen.gap = *gap;
        (void)strcpy(seen.gap_symbol, gap->symbol);
    });
}

static inline void on_trade(const struct public_trade *trade, int64_t recv_ms, void *userdata)
{
    (void)recv_ms;
    (void)userdata;
    LOCKED(seen.trades++; seen.trade = *trade);
}

static inline void on_candle(const struct candle *candle, int64_t recv_ms, void *userdata)
{
    (void)recv_ms;
    (void)userdata;
    LOCKED(seen.candles++; seen.candle = *candle);
}

static inline void on_liquidation(const struct liquidation *liquidation, int64_t recv_ms,
                                  void *userdata)
{
    (void)recv_ms;
    (void)userdata;
    LOCKED(seen.liquidations++; seen.liquidation = *liquidation);
}

static inline void on_position(const struct position *position, void *userdata)
{
    (void)userdata;
    LOCKED(seen.positions++; seen.position = *position);
}

static inline void on_wallet(const struct json *item, void *userdata)
{
    struct json coins;

    (void)userdata;
    LOCKED(seen.malformed += !json_member(item, "coin", &coins); seen.wallets++);
}

static const struct stream_callbacks callbacks = { .on_link = on_link,
                                                   .on_private_up = on_up,
                                                   .on_private_down = on_down,
                                                   .on_order = on_order,
                                                   .on_fill = on_fill,
                                                   .on_ticker = on_ticker,
                                                   .on_book = on_book,
                                                   .on_trade = on_trade,
                                                   .on_candle = on_candle,
                                                   .on_liquidation = on_liquidation,
                                                   .on_position = on_position,
                                                   .on_wallet = on_wallet,
                                                   .on_gap = on_gap };
static const struct stream_callbacks least = { .on_link = on_link,
                                               .on_private_up = on_up,
                                               .on_private_down = on_down,
                                               .on_order = on_order,
                                               .on_fill = on_fill,
                                               .on_ticker = on_ticker,
                                               .on_book = on_book };
static const struct stream_callbacks *told = &callbacks;

/* Waits until `condition` (read under the lock) holds. */
#define WAIT_MS(condition, limit_ms)                                                               \
    do {                                                                                           \
        int64_t until_ms = clock_mono_ms() + (limit_ms);                                           \
        bool holds = false;                                                                        \
                                                                                                   \
        while (!holds && clock_mono_ms() < until_ms) {                                             \
            LOCKED(holds = (condition));                                                           \
            if (!holds)                                                                            \
                usleep(1000);                                                                      \
        }                                                                                          \
        ck_assert_msg(holds, "within %d ms: %s", (int)(limit_ms), #condition);                     \
    } while (0)
#define WAIT(condition) WAIT_MS(condition, 15000)

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        bool holds;                                                                                \
                                                                                                   \
        LOCKED(holds = (condition));                                                               \
        ck_assert_msg(holds, "%s", #condition);                                                    \
    } while (0)

/* --- the stream under test --- */

/* Quick, but for what must not come in a busy machine's way. */
static const struct stream_times quick = { .connect_timeout_ms = 5000,
                                           .login_timeout_ms = 5000,
                                           .ping_every_ms = 20000,
                                           .pong_timeout_ms = 300,
                                           .stale_after_ms = 60000,
                                           .backoff_min_ms = 20,
                                           .backoff_max_ms = 100,
                                           .linger_ms = 150 };

static struct ws_server server;
static struct stream *stream;
static struct market *market;
static struct clock_sync *clock_sync;
static struct signer *signer;
static struct stream_times times;
static char url[64];

static inline void begin(bool is_private, const char *scheme, const char *ca_file)
{
    struct stream_config config = { .public_url = url,
                                    .private_url = url,
                                    .ca_file = ca_file,
                                    .times = &times,
                                    .callbacks = told };
    struct error error = { .text = "" };

    (void)snprintf(url, sizeof(url), "%s:%d", scheme, server.port);
    market = market_create();
    clock_sync = clock_sync_create();
    ck_assert_int_eq(signer_create_hmac(&signer, KEY, SECRET, NULL), ERR_NONE);
    config.market = market;
    config.clock = clock_sync;
    config.signer = is_private ? signer : NULL;
    ck_assert_msg(stream_start(&stream, &config, &error) == ERR_NONE, "%s", error.text);
}

static inline void begin_plain(bool is_private)
{
    ws_server_start(&server, NULL, NULL);
    begin(is_private, "ws://127.0.0.1", NULL);
}

static inline void reset(void)
{
    LOCKED(memset((char *)&seen + offsetof(struct seen, states), 0,
                  sizeof(seen) - offsetof(struct seen, states)));
    memset(&server, 0, sizeof(server));
    times = quick;
    told = &callbacks;
}

/* What is there, also after a test that failed: its threads must not meet the next one's. */
static inline void clean_up(void)
{
    stream_stop(stream);
    stream = NULL;
    if (server.state)
        ws_server_stop(&server);
    market_destroy(market);
    clock_sync_destroy(clock_sync);
    signer_destroy(signer);
    market = NULL;
    clock_sync = NULL;
    signer = NULL;
}

static inline void end(void)
{
    int64_t began_ms = clock_mono_ms();

    stream_stop(stream);
    stream = NULL;
    ck_assert_int_lt(clock_mono_ms() - began_ms, 5000); /* no time of its own is that long */
    ck_assert_int_eq(seen.malformed, 0);
    clean_up();
}

static inline enum link_state state_of(enum stream_link link)
{
    struct link_status status;

    stream_link_status(stream, link, &status);
    return status.state;
}

static inline void send_fixture(const char *path, const char *name)
{
    size_t bytes;
    char *text = fixture(name, &bytes);

    ck_assert(ws_server_send(&server, path, text));
    free(text);
}
