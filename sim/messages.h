/* sim/messages.h - the exchange's JSON for orders, executions, positions, wallet and market data.
 *
 * Members as in PROTOCOL sections 11 to 16. The builders fill an object that the caller owns; where
 * stream and REST differ, `stream` says which.
 *
 * Threads: pure.
 */
#pragma once

#include "sim/build.h"
#include "sim/exchange.h"

void sim_message_order(cJSON *out, const struct sim_order *order, bool stream);
/* "Trade", ...; static text. */
const char *execution_type_theirs(enum execution_type type);
void message_execution(cJSON *out, const struct sim_execution *execution, bool stream);
void message_execution_fast(cJSON *out, const struct sim_execution *execution);
void message_position(cJSON *out, const struct exchange *exchange, const struct position *position,
                      bool stream);
/* `coins`: a comma list, NULL or "" for all. */
void message_wallet(cJSON *out, const struct exchange *exchange, const char *coins);
/* Whether a comma list names the coin. */
bool message_coin_listed(const char *coins, const char *coin);
void message_ticker_rest(cJSON *out, const struct exchange *exchange,
                         const struct instrument *instrument);
void message_ticker_stream(cJSON *out, const struct exchange *exchange,
                           const struct instrument *instrument);
void message_instrument(cJSON *out, const struct instrument *instrument);
void message_trade_rest(cJSON *out, const struct exchange *exchange,
                        const struct instrument *instrument, const struct public_trade *trade);
void message_trade_stream(cJSON *out, const struct exchange *exchange,
                          const struct instrument *instrument, const struct public_trade *trade);
/* An insurance pool. */
void message_pool(cJSON *out, const struct pools *pools, int pool, bool stream);
/* The instrument has a pool. */
void message_adl_rest(cJSON *out, const struct pools *pools, const struct instrument *instrument);
void message_adl_stream(cJSON *out, const struct pools *pools, const struct instrument *instrument);
void message_price_limit(cJSON *out, const struct exchange *exchange,
                         const struct instrument *instrument);
/* An item for each coin that the account has, or has had, options of; of that one or (NULL, "") of
 * all. */
void message_greeks(cJSON *list, const struct exchange *exchange, const char *base);
/* Options have their own shapes. */
void message_option(cJSON *out, const struct instrument *option);
void message_option_ticker(cJSON *out, const struct exchange *exchange,
                           const struct instrument *option, bool stream);
/* What a trade of an option says besides. */
void message_option_trade(cJSON *out, const struct exchange *exchange,
                          const struct instrument *option);
/* Prices, volume and turnover, for the stream. */
void message_candle(cJSON *out, const struct instrument *instrument, const struct candle *candle);
/* [price, size] at the end of a list. */
void message_level(cJSON *list, const struct instrument *instrument, int64_t ticks, int64_t lots);
