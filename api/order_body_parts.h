/* api/order_body_parts.h - what the two files share that read an order's body. Not for others. */
#pragma once

#include "api/fields.h"
#include "api/reply.h"
#include "base/trade.h"

enum order_field {
    F_CATEGORY,
    F_SYMBOL,
    F_SIDE,
    F_TYPE,
    F_QTY,
    F_QUOTE_QTY,
    F_MARKET_UNIT,
    F_NOTIONAL,
    F_PRICE,
    F_TIF,
    F_REDUCE_ONLY,
    F_CLOSE_ON_TRIGGER,
    F_POSITION_IDX,
    F_CLIENT_ID,
    F_TAG,
    F_TRIGGER_PRICE,
    F_TRIGGER_DIRECTION,
    F_TRIGGER_BY,
    F_TAKE_PROFIT,
    F_STOP_LOSS,
    F_TP_TRIGGER_BY,
    F_SL_TRIGGER_BY,
    F_TP_LIMIT_PRICE,
    F_SL_LIMIT_PRICE,
    F_TP_ORDER_TYPE,
    F_SL_ORDER_TYPE,
    F_TPSL_MODE,
    F_SPOT_TRIGGER,
    F_SLIPPAGE_TICKS,
    F_SLIPPAGE_PERCENT,
    F_SLIPPAGE_TYPE,
    F_SLIPPAGE,
    F_SMP,
    F_IS_LEVERAGE,
    F_COUNT
};

/* api/order_more.c */

/* Words of fields. */
bool order_parse_trigger_by(const char *word, int64_t *out);
bool order_parse_spot_trigger(const char *word, int64_t *out);
bool order_parse_tpsl_mode(const char *word, int64_t *out);
bool order_parse_slippage(const char *word, int64_t *out);
bool order_parse_smp(const char *word, int64_t *out);

/* Everything beyond a plain order: trigger, take profit and stop loss, hedge mode, slippage, self
 * matches. Category, symbol, side, type, price and size have been read. */
MUST_CHECK enum err order_more_read(struct order_request *out, const struct field_value *values,
                                    struct api_refusal *refusal);
