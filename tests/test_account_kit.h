/* tests/test_account_kit.h - stands in for the reads' thread and the stream, so that loads and
 * messages come in any order that a test wants. */
#pragma once

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/clock.h"
#include "base/text.h"
#include "bybit/account.h"
#include "bybit/market.h"
#include "bybit/reads.h"
#include "bybit/stream.h"

#define KIT_ASKS_MAX 64

struct kit_ask {
    enum bybit_route route;
    char query[2048];
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);
    void *userdata;
};

static struct {
    pthread_mutex_t lock;
    struct kit_ask asks[KIT_ASKS_MAX]; /* not answered yet, oldest first */
    size_t asks_count;
    size_t asked; /* all so far */
    enum err err; /* what reads_get says */
    enum err want_err;
    int wait_ms; /* 0: the default */
    int wants;
    int drops;
    char wanted[SYMBOL_MAX];
    char dropped[SYMBOL_MAX];
    struct account *account;
    struct market *market;
    /* what the callbacks told */
    struct position told[256];
    size_t told_count;
    struct position reported[256];
    size_t reported_count;
    size_t loads_told[ACCOUNT_PARTS];
    size_t told_before_load; /* positions, by the last of them */
    size_t balances_told;
    char wallet_told[DECIMAL_TEXT_MAX]; /* USDT */
    /* who asked for a load */
    size_t loaded;
    size_t failed;
    struct error error;
} kit = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum err reads_get_own(struct reads *reads, enum bybit_route route, enum category category,
                       const char *query, int timeout_ms, int cache_ms,
                       void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                       void *userdata),
                       void *userdata)
{
    struct kit_ask *ask;
    enum err err = kit.err;

    (void)reads;
    (void)category;
    (void)timeout_ms;
    (void)cache_ms;
    if (err)
        return err;
    pthread_mutex_lock(&kit.lock);
    ck_assert_uint_lt(kit.asks_count, KIT_ASKS_MAX);
    ask = &kit.asks[kit.asks_count++];
    ask->route = route;
    ck_assert(!text_copy(ask->query, sizeof(ask->query), query ? query : ""));
    ask->on_done = on_done;
    ask->userdata = userdata;
    kit.asked++;
    pthread_mutex_unlock(&kit.lock);
    return ERR_NONE;
}

enum err stream_want(struct stream *stream, enum stream_kind kind, enum category category,
                     const char *symbol, int depth)
{
    (void)stream;
    (void)category;
    (void)depth;
    ck_assert_int_eq(kind, STREAM_TICKER);
    if (kit.want_err)
        return kit.want_err;
    kit.wants++;
    return text_copy(kit.wanted, sizeof(kit.wanted), symbol);
}

void stream_drop(struct stream *stream, enum stream_kind kind, enum category category,
                 const char *symbol, int depth)
{
    (void)stream;
    (void)category;
    (void)depth;
    ck_assert_int_eq(kind, STREAM_TICKER);
    kit.drops++;
    ck_assert(!text_copy(kit.dropped, sizeof(kit.dropped), symbol));
}

/* --- answers --- */

/* The first ask whose query has `part`; false: none waits. */
static bool kit_take(const char *part, struct kit_ask *out)
{
    bool found = false;

    pthread_mutex_lock(&kit.lock);
    for (size_t i = 0; i < kit.asks_count && !found; i++) {
        if (!strstr(kit.asks[i].query, part))
            continue;
        *out = kit.asks[i];
        kit.asks_count--;
        memmove(&kit.asks[i], &kit.asks[i + 1], (kit.asks_count - i) * sizeof(kit.asks[0]));
        found = true;
    }
    pthread_mutex_unlock(&kit.lock);
    return found;
}

static void kit_answer_http(const char *part, long http_status, const char *body)
{
    struct kit_ask ask;
    struct rest_answer answer = {
        .answered = true, .http_status = http_status, .body = body, .body_bytes = strlen(body)
    };

    ck_assert_msg(kit_take(part, &ask), "nobody asks for %s", part);
    ask.on_done(&answer, clock_wall_ms(), ask.userdata);
}

static void kit_answer(const char *part, const char *result)
{
    struct buffer body = buffer_of((size_t)16 << 20);

    buffer_addf(&body, "{\"retCode\":0,\"retMsg\":\"OK\",\"time\":1,\"result\":%s}", result);
    ck_assert_int_eq(buffer_check(&body), ERR_NONE);
    kit_answer_http(part, 200, body.data);
    buffer_deinit(&body);
}

static void kit_refuse(const char *part, int code)
{
    char body[200];

    (void)snprintf(body, sizeof(body), "{\"retCode\":%d,\"retMsg\":\"no\",\"result\":{}}", code);
    kit_answer_http(part, 200, body);
}

static void kit_no_answer(const char *part)
{
    struct kit_ask ask;
    struct rest_answer answer = { .body = "" };

    error_set(&answer.error, ERR_UNAVAILABLE, "the connection broke");
    ck_assert_msg(kit_take(part, &ask), "nobody asks for %s", part);
    ask.on_done(&answer, 0, ask.userdata);
}

/* A page of position/list. */
static void kit_page(const char *part, const char *items, const char *cursor)
{
    struct buffer result = buffer_of((size_t)16 << 20);

    buffer_addf(&result, "{\"list\":[%s],\"nextPageCursor\":\"%s\"}", items, cursor);
    kit_answer(part, result.data);
    buffer_deinit(&result);
}

#define KIT_USDT    "settleCoin=USDT"
#define KIT_USDC    "settleCoin=USDC"
#define KIT_INVERSE "category=inverse"
#define KIT_OPTION  "category=option"
#define KIT_WALLET  "accountType=UNIFIED"

/* All of a positions load, with these in the USDT scope. */
static void kit_load_positions(const char *items)
{
    kit_page(KIT_USDT, items, "");
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    kit_page(KIT_OPTION, "", "");
}

#define KIT_COIN(coin, wallet)     "{\"coin\":\"" coin "\",\"walletBalance\":\"" wallet "\"}"
#define KIT_ACCOUNT(equity, coins) "{\"totalEquity\":\"" equity "\",\"coin\":[" coins "]}"

static void kit_load_balance(const char *account)
{
    struct buffer result = buffer_of((size_t)1 << 20);

    buffer_addf(&result, "{\"list\":[%s]}", account);
    kit_answer(KIT_WALLET, result.data);
    buffer_deinit(&result);
}

/* --- messages --- */

static struct position kit_position(const char *symbol, enum side side, const char *qty,
                                    int64_t updated_ms, int64_t seq)
{
    struct position position = { .category = CATEGORY_LINEAR,
                                 .side = side,
                                 .mark_price = DECIMAL_NONE,
                                 .liq_price = DECIMAL_NONE,
                                 .value = DECIMAL_NONE,
                                 .leverage = DECIMAL_NONE,
                                 .margin = DECIMAL_NONE,
                                 .unrealised_pnl = DECIMAL_NONE,
                                 .realised_pnl = DECIMAL_NONE,
                                 .take_profit = DECIMAL_NONE,
                                 .stop_loss = DECIMAL_NONE,
                                 .trailing_stop = DECIMAL_NONE,
                                 .updated_ms = updated_ms,
                                 .seq = seq };

    ck_assert(!text_copy(position.symbol, sizeof(position.symbol), symbol));
    ck_assert(!decimal_parse(&position.qty, qty));
    ck_assert(!decimal_parse(&position.entry_price, "100"));
    return position;
}

static void kit_message(const char *symbol, enum side side, const char *qty, int64_t updated_ms,
                        int64_t seq)
{
    struct position position = kit_position(symbol, side, qty, updated_ms, seq);

    account_on_position(kit.account, &position);
}

static void kit_wallet_message(const char *account)
{
    struct json item;

    ck_assert(!json_open_trusted(&item, account, strlen(account), NULL));
    account_on_wallet(kit.account, &item);
}

/* --- the account under test --- */

static void kit_on_position(const struct position *position, void *userdata)
{
    (void)userdata;
    kit.told[kit.told_count++ % ARRAY_LEN(kit.told)] = *position;
}

static void kit_on_report(const struct position *position, void *userdata)
{
    (void)userdata;
    kit.reported[kit.reported_count++ % ARRAY_LEN(kit.reported)] = *position;
}

static void kit_on_balance(const struct balance *balance, int64_t as_of_ms, void *userdata)
{
    const struct coin_balance *usdt = balance_find(balance, "USDT");

    (void)userdata;
    ck_assert_int_gt(as_of_ms, 0);
    kit.balances_told++;
    kit.wallet_told[0] = '\0';
    if (usdt)
        (void)decimal_format(&usdt->wallet, kit.wallet_told);
}

static void kit_on_load(const struct error *error, void *userdata)
{
    (void)userdata;
    if (error) {
        kit.failed++;
        kit.error = *error;
    } else {
        kit.loaded++;
    }
}

static void kit_on_loaded(enum account_part part, void *userdata)
{
    (void)userdata;
    kit.loads_told[part]++;
    kit.told_before_load = kit.told_count;
}

static const struct account_callbacks kit_callbacks = { .on_position = kit_on_position,
                                                        .on_report = kit_on_report,
                                                        .on_balance = kit_on_balance,
                                                        .on_loaded = kit_on_loaded };

/* `settle_ms` 1: a load is believed at once. */
static void kit_start(int settle_ms, int audit_every_ms)
{
    const struct account_config config = { .callbacks = &kit_callbacks,
                                           .settle_ms = settle_ms,
                                           .audit_every_ms = audit_every_ms,
                                           .wait_ms = kit.wait_ms };

    kit.asks_count = kit.asked = kit.told_count = kit.balances_told = kit.loaded = kit.failed = 0;
    kit.loads_told[ACCOUNT_POSITIONS] = kit.loads_told[ACCOUNT_BALANCE] = 0;
    kit.reported_count = 0;
    kit.err = kit.want_err = ERR_NONE;
    kit.wants = kit.drops = 0;
    kit.market = market_create();
    kit.account = account_create(&config);
    ck_assert_ptr_nonnull(kit.account);
    /* Only passed on. */
    account_attach(kit.account, (struct reads *)&kit, kit.market);
}

static void kit_stop(void)
{
    while (kit.asks_count)
        kit_no_answer("");
    account_destroy(kit.account);
    market_destroy(kit.market);
    kit.account = NULL;
}

/* The size of the symbol's only place; "" when it is not known, "0" when flat. */
static const char *kit_qty(const char *symbol)
{
    static char text[DECIMAL_TEXT_MAX];
    struct position places[ACCOUNT_PLACES_MAX];
    size_t count = account_position(kit.account, CATEGORY_LINEAR, symbol, places);

    ck_assert_uint_le(count, 1);
    text[0] = '\0';
    if (count)
        (void)decimal_format(&places[0].qty, text);
    return text;
}

static bool kit_is_live(enum account_part part)
{
    struct account_state state;

    account_get_state(kit.account, part, &state);
    return state.live;
}
