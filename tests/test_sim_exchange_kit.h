/* tests/test_sim_exchange_kit.h - a simulated exchange without sockets, whose market is paused. */
#pragma once

#include <string.h>

#include <check.h>

#include "sim/check.h"
#include "sim/market.h"
#include "sim/money.h"

#define KIT __attribute__((unused)) static

/* Its market is paused: it moves by `jump` alone. */
static struct exchange exchange;

/* What its callbacks have told since the set-up. */
static struct {
    int orders, executions, positions, wallets, trades;
    enum exchange_status status;
    bool maker;
} heard;

static void on_order(const struct sim_order *order, void *userdata)
{
    (void)userdata;
    heard.orders++;
    heard.status = order->status;
}

static void on_execution(const struct sim_execution *execution, void *userdata)
{
    (void)userdata;
    heard.executions++;
    heard.maker = execution->maker;
}

static void on_position(const struct position *position, void *userdata)
{
    (void)position;
    (void)userdata;
    heard.positions++;
}

static void on_wallet(void *userdata)
{
    (void)userdata;
    heard.wallets++;
}

static void on_trade(const struct instrument *instrument, const struct public_trade *trade,
                     void *userdata)
{
    (void)instrument;
    (void)trade;
    (void)userdata;
    heard.trades++;
}

static const struct exchange_callbacks callbacks = { on_order, on_execution, on_position, on_wallet,
                                                     on_trade };

KIT struct decimal amount(const char *text)
{
    struct decimal value = DECIMAL_ZERO;

    ck_assert_int_eq(decimal_parse(&value, text), ERR_NONE);
    return value;
}

KIT void jump(const char *symbol, const char *price)
{
    ck_assert_int_eq(market_jump(&exchange, symbol, amount(price)), ERR_NONE);
}

KIT void begin(const char *symbol, const char *price)
{
    ck_assert_int_eq(exchange_init(&exchange, 1700000000000, 1), ERR_NONE);
    ck_assert_int_eq(market_init(&exchange, 7), ERR_NONE);
    market_pause(&exchange, true);
    jump(symbol, price);
    exchange.callbacks = &callbacks;
    memset(&heard, 0, sizeof(heard));
}

KIT void teardown(void)
{
    market_deinit(&exchange);
    exchange_deinit(&exchange);
}

KIT struct refusal place(const struct create_fields *fields, struct sim_order **out)
{
    struct sim_request request;
    struct refusal refusal = check_create(&exchange, fields, &request);

    return refusal.code ? refusal : match_place(&exchange, &request, out);
}

KIT struct sim_order *placed(const struct create_fields *fields)
{
    struct sim_order *order = NULL;
    struct refusal refusal = place(fields, &order);

    ck_assert_msg(refusal.code == 0, "%d %s", refusal.code, refusal.text);
    return order;
}
