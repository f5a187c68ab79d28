/* tests/test_book_check_kit.h - stands in for the reads' thread: a test answers each snapshot that
 * is asked for, and feeds the market. */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "bybit/book_check.h"
#include "bybit/market.h"
#include "bybit/market_watch.h"

#define KIT_ASKS_MAX 16
#define AGAIN_MS     15

struct kit_ask {
    char query[128];
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);
    void *userdata;
};

static struct {
    struct kit_ask asks[KIT_ASKS_MAX]; /* not answered yet, oldest first */
    size_t asks_count;
    int asked;
    enum err err; /* what reads_get_own says */
    struct market *market;
    struct budget *budget;
    struct metrics *metrics;
    struct book_check *check;
    struct market_distrusted distrusted[4];
} kit;

enum err reads_get_own(struct reads *reads, enum bybit_route route, enum category category,
                       const char *query, int timeout_ms, int cache_ms,
                       void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                       void *userdata),
                       void *userdata)
{
    struct kit_ask *ask = &kit.asks[kit.asks_count];

    (void)reads;
    (void)category;
    ck_assert_int_eq(route, ROUTE_ORDERBOOK);
    ck_assert_int_eq(cache_ms, 0);
    ck_assert_int_gt(timeout_ms, 0);
    if (kit.err)
        return kit.err;
    ck_assert_uint_lt(kit.asks_count, KIT_ASKS_MAX);
    (void)snprintf(ask->query, sizeof(ask->query), "%s", query);
    ask->on_done = on_done;
    ask->userdata = userdata;
    kit.asks_count++;
    kit.asked++;
    return ERR_NONE;
}

/* --- the market --- */

static inline enum book_result feed_to(const char *symbol, int depth, bool is_snapshot, int u,
                                       int seq, const char *bids, const char *asks)
{
    struct json data;
    char text[1024];

    (void)snprintf(text, sizeof(text), "{\"s\":\"%s\",\"b\":[%s],\"a\":[%s],\"u\":%d,\"seq\":%d}",
                   symbol, bids, asks, u, seq);
    ck_assert_int_eq(json_open_trusted(&data, text, strlen(text), NULL), ERR_NONE);
    return market_apply_book(kit.market, CATEGORY_LINEAR, symbol, depth, &data, is_snapshot, 1, 2,
                             clock_wall_ms());
}

/* Ten levels a side, from 100 down and from 101 up, of quantity 1. */
#define BIDS                                                                                       \
    "[\"100\",\"1\"],[\"99\",\"1\"],[\"98\",\"1\"],[\"97\",\"1\"],[\"96\",\"1\"],"                 \
    "[\"95\",\"1\"],[\"94\",\"1\"],[\"93\",\"1\"],[\"92\",\"1\"],[\"91\",\"1\"]"
#define ASKS                                                                                       \
    "[\"101\",\"1\"],[\"102\",\"1\"],[\"103\",\"1\"],[\"104\",\"1\"],[\"105\",\"1\"],"             \
    "[\"106\",\"1\"],[\"107\",\"1\"],[\"108\",\"1\"],[\"109\",\"1\"],[\"110\",\"1\"]"

static inline void feed_snapshot(int u, int seq)
{
    ck_assert_int_eq(feed_to("BTCUSDT", 50, true, u, seq, BIDS, ASKS), BOOK_APPLIED);
}

static inline void feed(int u, int seq, const char *bids, const char *asks)
{
    ck_assert_int_eq(feed_to("BTCUSDT", 50, false, u, seq, bids, asks), BOOK_APPLIED);
}

static inline enum book_state state_of(void)
{
    struct market_book book;
    struct book_level levels[2][50];

    ck_assert(market_book(kit.market, CATEGORY_LINEAR, "BTCUSDT", 50, &book, levels[0], levels[1]));
    return book.state;
}

/* --- the check --- */

static inline void tick(void)
{
    book_check_tick(kit.check, NULL);
}

/* Ticks until a snapshot is asked for. */
static inline void wait_asked(int asked)
{
    for (int i = 0; i < 1000 && kit.asked < asked; i++) {
        usleep(1000);
        tick();
    }
    ck_assert_int_eq(kit.asked, asked);
}

static inline void answer_raw(const struct rest_answer *answer)
{
    const struct kit_ask ask = kit.asks[0];

    ck_assert_uint_gt(kit.asks_count, 0);
    memmove(kit.asks, kit.asks + 1, --kit.asks_count * sizeof(kit.asks[0]));
    ask.on_done(answer, clock_wall_ms(), ask.userdata);
}

static inline void answer_text(const char *body)
{
    const struct rest_answer answer = {
        .answered = true, .http_status = 200, .body = body, .body_bytes = strlen(body)
    };

    answer_raw(&answer);
}

static inline void answer(int seq, const char *bids, const char *asks)
{
    char body[2048];

    (void)snprintf(body, sizeof(body),
                   "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"s\":\"BTCUSDT\",\"b\":[%s],"
                   "\"a\":[%s],\"ts\":1,\"u\":77,\"seq\":%d},\"retExtInfo\":{},\"time\":1}",
                   bids, asks, seq);
    answer_text(body);
}

static inline void settle(void)
{
    usleep((AGAIN_MS + 5) * 1000);
    tick();
}

static inline int counted(enum metrics_check how)
{
    return (int)metrics_value(&kit.metrics->stream.book_checks[how]);
}

static inline void ck_counts(int agreed, int mismatch, int inconclusive)
{
    ck_assert_int_eq(counted(METRICS_CHECK_AGREED), agreed);
    ck_assert_int_eq(counted(METRICS_CHECK_MISMATCH), mismatch);
    ck_assert_int_eq(counted(METRICS_CHECK_INCONCLUSIVE), inconclusive);
}

static inline size_t distrusted(void)
{
    return market_take_distrusted(kit.market, kit.distrusted, 4);
}

static inline void make_check(int every_ms, int again_ms)
{
    struct book_check_config config = {
        .times = { .every_ms = every_ms, .again_ms = again_ms, .timeout_ms = 5000 }
    };

    memset(&kit, 0, sizeof(kit));
    kit.market = market_create();
    kit.budget = budget_create(0);
    kit.metrics = metrics_create();
    config.market = kit.market;
    config.budget = kit.budget;
    config.metrics = kit.metrics;
    kit.check = book_check_create(&config);
    ck_assert_ptr_nonnull(kit.check);
}

static inline void start_kit(void)
{
    log_set_level(LOG_ERROR);
    make_check(2, AGAIN_MS);
}

static inline void stop_kit(void)
{
    book_check_destroy(kit.check);
    market_destroy(kit.market);
    budget_destroy(kit.budget);
    metrics_destroy(kit.metrics);
}
