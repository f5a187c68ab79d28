#include "db/rows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "db/change.h"
#include "db/statement.h"

/* The place of each column, counted from 0; its parameter is one more. The last one must be in
 * every statement, as binding beyond a statement's highest parameter fails. */
enum order_column {
    O_LINK,
    O_ORDER_ID,
    O_CLIENT_ID,
    O_CATEGORY,
    O_SYMBOL,
    O_SIDE,
    O_TYPE,
    O_TIF,
    O_QTY,
    O_PRICE,
    O_STATE,
    O_STATUS,
    O_FILLED_QTY,
    O_FILLED_VALUE,
    O_AVG_PRICE,
    O_FEES,
    O_REJECT_REASON,
    O_CANCEL_REASON,
    O_RET_CODE,
    O_RET_MSG,
    O_QTY_IN_QUOTE,
    O_TRIGGER_PRICE,
    O_TRIGGER_DIRECTION,
    O_TAKE_PROFIT,
    O_STOP_LOSS,
    O_REDUCE_ONLY,
    O_CLOSE_ON_TRIGGER,
    O_POSITION_IDX,
    O_TAG,
    O_CLIENT,
    O_CLIENT_KEY,
    O_BODY_HASH,
    O_EXTERNAL,
    O_FINAL,
    O_ATTEMPT,
    O_CANCEL_WANTED,
    O_SETTLED,
    O_CREATED_MS,
    O_UPDATED_MS,
    O_EXCHANGE_MS,
    O_DEADLINE_MS,
    O_SIGNED_MS,
    O_VALUE_PRICE,
    O_TRIGGER_BY,
    O_SPOT_TRIGGER,
    O_TAKE_PROFIT_BY,
    O_STOP_LOSS_BY,
    O_TAKE_PROFIT_LIMIT,
    O_STOP_LOSS_LIMIT,
    O_SLIPPAGE_KIND,
    O_SLIPPAGE,
    O_SMP,
    O_IS_LEVERAGE,
    O_WHOLE_QTY,
    O_PART_QTY,
    O_AMEND,
    O_CHANGE,
    O_AMEND_MS,
    O_SEQ,
    O_COUNT
};

static const struct {
    const char *name;
    bool fixed; /* indexed, and never changed for an order made here */
} order_columns[O_COUNT] = {
    [O_LINK] = { "link", true },
    [O_ORDER_ID] = { "order_id", false },
    [O_CLIENT_ID] = { "client_id", true },
    [O_CATEGORY] = { "category", true },
    [O_SYMBOL] = { "symbol", true },
    [O_SIDE] = { "side", false },
    [O_TYPE] = { "type", false },
    [O_TIF] = { "tif", false },
    [O_QTY] = { "qty", false },
    [O_PRICE] = { "price", false },
    [O_STATE] = { "state", false },
    [O_STATUS] = { "status", false },
    [O_FILLED_QTY] = { "filled_qty", false },
    [O_FILLED_VALUE] = { "filled_value", false },
    [O_AVG_PRICE] = { "avg_price", false },
    [O_FEES] = { "fees", false },
    [O_REJECT_REASON] = { "reject_reason", false },
    [O_CANCEL_REASON] = { "cancel_reason", false },
    [O_RET_CODE] = { "ret_code", false },
    [O_RET_MSG] = { "ret_msg", false },
    [O_QTY_IN_QUOTE] = { "qty_in_quote", false },
    [O_TRIGGER_PRICE] = { "trigger_price", false },
    [O_TRIGGER_DIRECTION] = { "trigger_direction", false },
    [O_TAKE_PROFIT] = { "take_profit", false },
    [O_STOP_LOSS] = { "stop_loss", false },
    [O_REDUCE_ONLY] = { "reduce_only", false },
    [O_CLOSE_ON_TRIGGER] = { "close_on_trigger", false },
    [O_POSITION_IDX] = { "position_idx", false },
    [O_TAG] = { "tag", true },
    [O_CLIENT] = { "client", false },
    [O_CLIENT_KEY] = { "client_key", false },
    [O_BODY_HASH] = { "body_hash", false },
    [O_EXTERNAL] = { "external", false },
    [O_FINAL] = { "final", false },
    [O_ATTEMPT] = { "attempt", false },
    [O_CANCEL_WANTED] = { "cancel_wanted", false },
    [O_SETTLED] = { "settled", false },
    [O_CREATED_MS] = { "created_ms", true },
    [O_UPDATED_MS] = { "updated_ms", false },
    [O_EXCHANGE_MS] = { "exchange_ms", false },
    [O_DEADLINE_MS] = { "deadline_ms", false },
    [O_SIGNED_MS] = { "signed_ms", false },
    [O_VALUE_PRICE] = { "value_price", false },
    [O_TRIGGER_BY] = { "trigger_by", false },
    [O_SPOT_TRIGGER] = { "spot_trigger", false },
    [O_TAKE_PROFIT_BY] = { "take_profit_by", false },
    [O_STOP_LOSS_BY] = { "stop_loss_by", false },
    [O_TAKE_PROFIT_LIMIT] = { "take_profit_limit", false },
    [O_STOP_LOSS_LIMIT] = { "stop_loss_limit", false },
    [O_SLIPPAGE_KIND] = { "slippage_kind", false },
    [O_SLIPPAGE] = { "slippage", false },
    [O_SMP] = { "smp", false },
    [O_IS_LEVERAGE] = { "is_leverage", false },
    [O_WHOLE_QTY] = { "whole_qty", false },
    [O_PART_QTY] = { "part_qty", false },
    [O_AMEND] = { "amend", false },
    [O_CHANGE] = { "change", false },
    [O_AMEND_MS] = { "amend_ms", false },
    [O_SEQ] = { "seq", false },
};

enum fill_column {
    F_EXEC_ID,
    F_ORDER_ID,
    F_LINK,
    F_CATEGORY,
    F_SYMBOL,
    F_SIDE,
    F_QTY,
    F_PRICE,
    F_VALUE,
    F_FEE,
    F_FEE_COIN,
    F_MAKER,
    F_KIND,
    F_CLOSED_QTY,
    F_AT_MS,
    F_EXCHANGE_SEQ,
    F_TAG,
    F_CLIENT,
    F_CLIENT_ID,
    F_SEQ,
    F_COUNT
};

static const char *const fill_columns[F_COUNT] = {
    [F_EXEC_ID] = "exec_id",
    [F_ORDER_ID] = "order_id",
    [F_LINK] = "link",
    [F_CATEGORY] = "category",
    [F_SYMBOL] = "symbol",
    [F_SIDE] = "side",
    [F_QTY] = "qty",
    [F_PRICE] = "price",
    [F_VALUE] = "value",
    [F_FEE] = "fee",
    [F_FEE_COIN] = "fee_coin",
    [F_MAKER] = "maker",
    [F_KIND] = "kind",
    [F_CLOSED_QTY] = "closed_qty",
    [F_AT_MS] = "at_ms",
    [F_EXCHANGE_SEQ] = "exchange_seq",
    [F_TAG] = "tag",
    [F_CLIENT] = "client",
    [F_CLIENT_ID] = "client_id",
    [F_SEQ] = "seq",
};

const int ROWS_ORDER_ID_AT = O_COUNT + 1;

/* --- statement texts --- */

static void add_order_names(struct text *sql)
{
    for (size_t i = 0; i < O_COUNT; i++)
        text_addf(sql, "%s%s", i ? "," : "", order_columns[i].name);
}

static void add_fill_names(struct text *sql)
{
    for (size_t i = 0; i < F_COUNT; i++)
        text_addf(sql, "%s%s", i ? "," : "", fill_columns[i]);
}

static void add_parameters(struct text *sql, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_addf(sql, "%s?%zu", i ? "," : "", i + 1);
}

static const char *finished(const struct text *sql)
{
    assert(text_fits(sql));
    return sql->data;
}

const char *rows_select_orders(char out[ROWS_SQL_MAX], const char *rest)
{
    struct text sql = text_in(out, ROWS_SQL_MAX);

    text_add(&sql, "SELECT id,");
    add_order_names(&sql);
    text_addf(&sql, " FROM orders %s", rest);
    return finished(&sql);
}

const char *rows_select_fills(char out[ROWS_SQL_MAX], const char *rest)
{
    struct text sql = text_in(out, ROWS_SQL_MAX);

    text_add(&sql, "SELECT id,");
    add_fill_names(&sql);
    text_addf(&sql, " FROM fills %s", rest);
    return finished(&sql);
}

const char *rows_insert_order(char out[ROWS_SQL_MAX])
{
    struct text sql = text_in(out, ROWS_SQL_MAX);

    text_add(&sql, "INSERT INTO orders (");
    add_order_names(&sql);
    text_add(&sql, ") VALUES (");
    add_parameters(&sql, O_COUNT);
    text_add(&sql, ") ON CONFLICT DO NOTHING");
    return finished(&sql);
}

const char *rows_insert_fill(char out[ROWS_SQL_MAX])
{
    struct text sql = text_in(out, ROWS_SQL_MAX);

    text_add(&sql, "INSERT INTO fills (");
    add_fill_names(&sql);
    text_add(&sql, ") VALUES (");
    add_parameters(&sql, F_COUNT);
    text_add(&sql, ") ON CONFLICT DO NOTHING");
    return finished(&sql);
}

static void add_settings(struct text *sql, bool fixed_too)
{
    const char *comma = "";

    text_add(sql, "UPDATE orders SET ");
    for (size_t i = 0; i < O_COUNT; i++) {
        if (order_columns[i].fixed && !fixed_too)
            continue;
        text_addf(sql, "%s%s=?%zu", comma, order_columns[i].name, i + 1);
        comma = ",";
    }
}

const char *rows_update_by_link(char out[ROWS_SQL_MAX])
{
    struct text sql = text_in(out, ROWS_SQL_MAX);

    add_settings(&sql, false);
    text_addf(&sql, " WHERE link=?%d AND link<>''", O_LINK + 1);
    return finished(&sql);
}

const char *rows_update_by_id(char out[ROWS_SQL_MAX])
{
    struct text sql = text_in(out, ROWS_SQL_MAX);

    add_settings(&sql, true);
    text_addf(&sql, " WHERE id=?%d", ROWS_ORDER_ID_AT);
    return finished(&sql);
}

/* --- fees: "USDT=0.01 BTC=-0.00002" --- */

static void write_fees(const struct order *order, char out[ROWS_FEES_MAX])
{
    struct text text = text_in(out, ROWS_FEES_MAX);
    char amount[DECIMAL_TEXT_MAX];

    for (int i = 0; i < order->fees_count && i < FEES_MAX; i++) {
        const struct fee *fee = &order->fees[i];
        char coin[COIN_MAX];

        (void)snprintf(coin, sizeof(coin), "%s", fee->coin);
        for (char *at = coin; *at; at++) {
            if (*at == ' ' || *at == '=')
                *at = '_';
        }
        text_addf(&text, "%s%s=%s", i ? " " : "", coin, decimal_format(&fee->amount, amount));
    }
}

static bool read_fee(struct fee *fee, const char *text, size_t bytes)
{
    const char *equals = memchr(text, '=', bytes);
    size_t coin_bytes = equals ? (size_t)(equals - text) : 0;

    if (!equals || coin_bytes >= sizeof(fee->coin))
        return false;
    memcpy(fee->coin, text, coin_bytes);
    fee->coin[coin_bytes] = '\0';
    fee->amount = DECIMAL_NONE;
    if (bytes == coin_bytes + 1)
        return true;
    return decimal_parse_n(&fee->amount, equals + 1, bytes - coin_bytes - 1) == ERR_NONE;
}

static bool read_fees(struct order *order, const char *text)
{
    order->fees_count = 0;
    while (*text) {
        size_t bytes = strcspn(text, " ");

        if (order->fees_count >= FEES_MAX ||
            !read_fee(&order->fees[order->fees_count], text, bytes))
            return false;
        order->fees_count++;
        text += bytes;
        text += strspn(text, " ");
    }
    return true;
}

/* --- the state of an amend --- */

static const char *const amend_words[] = {
    [AMEND_NONE] = "", [AMEND_INTENT] = "intent", [AMEND_SENT] = "sent", [AMEND_UNKNOWN] = "unknown"
};

static bool read_amend(const char *word, enum amend_state *out)
{
    for (size_t i = 0; i < ARRAY_LEN(amend_words); i++) {
        if (strcmp(amend_words[i], word) != 0)
            continue;
        *out = (enum amend_state)i;
        return true;
    }
    return false;
}

/* --- bind --- */

static void bind_details(sqlite3_stmt *statement, const struct order_request *request)
{
    bind_text(statement, O_TRIGGER_BY + 1, trigger_by_word(request->trigger_by));
    bind_text(statement, O_SPOT_TRIGGER + 1, spot_trigger_word(request->spot_trigger));
    bind_text(statement, O_TAKE_PROFIT_BY + 1, trigger_by_word(request->take_profit_by));
    bind_text(statement, O_STOP_LOSS_BY + 1, trigger_by_word(request->stop_loss_by));
    bind_decimal(statement, O_TAKE_PROFIT_LIMIT + 1, &request->take_profit_limit);
    bind_decimal(statement, O_STOP_LOSS_LIMIT + 1, &request->stop_loss_limit);
    bind_text(statement, O_SLIPPAGE_KIND + 1, slippage_word(request->slippage_kind));
    bind_decimal(statement, O_SLIPPAGE + 1, &request->slippage);
    bind_text(statement, O_SMP + 1, smp_word(request->smp));
    bind_integer(statement, O_IS_LEVERAGE + 1, request->is_leverage);
    bind_decimal(statement, O_WHOLE_QTY + 1, &request->whole_qty);
    bind_decimal(statement, O_PART_QTY + 1, &request->part_qty);
}

static void bind_amend(sqlite3_stmt *statement, const struct order *order)
{
    char change[CHANGE_TEXT_MAX] = "";

    if (order->amend != AMEND_NONE)
        change_write(&order->change, change);
    bind_text(statement, O_AMEND + 1, amend_words[order->amend]);
    /* Copied: our text ends with this call. */
    sqlite3_bind_text(statement, O_CHANGE + 1, change, -1, SQLITE_TRANSIENT);
    bind_integer(statement, O_AMEND_MS + 1, order->amend_ms);
}

static void bind_request(sqlite3_stmt *statement, const struct order_request *request)
{
    bind_text(statement, O_LINK + 1, request->link);
    bind_text(statement, O_CLIENT_ID + 1, request->client_id);
    bind_integer(statement, O_CLIENT_KEY + 1, request->client_key);
    bind_text(statement, O_CATEGORY + 1, category_word(request->category));
    bind_text(statement, O_SYMBOL + 1, request->symbol);
    bind_text(statement, O_SIDE + 1, side_word(request->side));
    bind_text(statement, O_TYPE + 1, order_type_word(request->type));
    bind_text(statement, O_TIF + 1, tif_word(request->tif));
    bind_decimal(statement, O_QTY + 1, &request->qty);
    bind_integer(statement, O_QTY_IN_QUOTE + 1, request->qty_in_quote);
    bind_decimal(statement, O_PRICE + 1, &request->price);
    bind_decimal(statement, O_TRIGGER_PRICE + 1, &request->trigger_price);
    bind_integer(statement, O_TRIGGER_DIRECTION + 1, request->trigger_direction);
    bind_decimal(statement, O_TAKE_PROFIT + 1, &request->take_profit);
    bind_decimal(statement, O_STOP_LOSS + 1, &request->stop_loss);
    bind_integer(statement, O_REDUCE_ONLY + 1, request->reduce_only);
    bind_integer(statement, O_CLOSE_ON_TRIGGER + 1, request->close_on_trigger);
    bind_integer(statement, O_POSITION_IDX + 1, request->position_idx);
    bind_text(statement, O_TAG + 1, request->tag);
    bind_text(statement, O_CLIENT + 1, request->client);
    bind_blob(statement, O_BODY_HASH + 1, request->body_hash, sizeof(request->body_hash));
    bind_decimal(statement, O_VALUE_PRICE + 1, &request->value_price);
}

void rows_bind_order(sqlite3_stmt *statement, const struct order *order, char fees[ROWS_FEES_MAX])
{
    write_fees(order, fees);
    bind_request(statement, &order->request);
    bind_details(statement, &order->request);
    bind_amend(statement, order);
    bind_integer(statement, O_EXTERNAL + 1, order->external);
    bind_text(statement, O_STATE + 1, order_state_name(order->state));
    bind_integer(statement, O_FINAL + 1, order_state_is_final(order->state));
    bind_text(statement, O_STATUS + 1, status_theirs(order->status));
    bind_text(statement, O_ORDER_ID + 1, order->order_id);
    bind_decimal(statement, O_FILLED_QTY + 1, &order->filled_qty);
    bind_decimal(statement, O_FILLED_VALUE + 1, &order->filled_value);
    bind_decimal(statement, O_AVG_PRICE + 1, &order->avg_price);
    bind_text(statement, O_FEES + 1, fees);
    bind_text(statement, O_REJECT_REASON + 1, order->reject_reason);
    bind_text(statement, O_CANCEL_REASON + 1, order->cancel_reason);
    bind_integer(statement, O_RET_CODE + 1, order->ret_code);
    bind_text(statement, O_RET_MSG + 1, order->ret_msg);
    bind_integer(statement, O_ATTEMPT + 1, order->attempt);
    bind_integer(statement, O_CANCEL_WANTED + 1, order->cancel_wanted);
    bind_integer(statement, O_SETTLED + 1, order->settled);
    bind_integer(statement, O_CREATED_MS + 1, order->created_ms);
    bind_integer(statement, O_UPDATED_MS + 1, order->updated_ms);
    bind_integer(statement, O_EXCHANGE_MS + 1, order->exchange_ms);
    bind_integer(statement, O_DEADLINE_MS + 1, order->deadline_ms);
    bind_integer(statement, O_SIGNED_MS + 1, order->signed_ms);
    bind_integer(statement, O_SEQ + 1, (int64_t)order->seq);
}

void rows_bind_fill(sqlite3_stmt *statement, const struct fill *fill)
{
    bind_text(statement, F_EXEC_ID + 1, fill->exec_id);
    bind_text(statement, F_ORDER_ID + 1, fill->order_id);
    bind_text(statement, F_LINK + 1, fill->link);
    bind_text(statement, F_CATEGORY + 1, category_word(fill->category));
    bind_text(statement, F_SYMBOL + 1, fill->symbol);
    bind_text(statement, F_SIDE + 1, side_word(fill->side));
    bind_decimal(statement, F_QTY + 1, &fill->qty);
    bind_decimal(statement, F_PRICE + 1, &fill->price);
    bind_decimal(statement, F_VALUE + 1, &fill->value);
    bind_decimal(statement, F_FEE + 1, &fill->fee);
    bind_text(statement, F_FEE_COIN + 1, fill->fee_coin);
    bind_integer(statement, F_MAKER + 1, fill->maker);
    bind_text(statement, F_KIND + 1, fill_kind_word(fill->kind));
    bind_decimal(statement, F_CLOSED_QTY + 1, &fill->closed_qty);
    bind_integer(statement, F_AT_MS + 1, fill->at_ms);
    bind_integer(statement, F_EXCHANGE_SEQ + 1, fill->exchange_seq);
    bind_text(statement, F_TAG + 1, fill->tag);
    bind_text(statement, F_CLIENT + 1, fill->client);
    bind_text(statement, F_CLIENT_ID + 1, fill->client_id);
    bind_integer(statement, F_SEQ + 1, (int64_t)fill->seq);
}

/* --- read; columns are one further: the row id comes first --- */

/* "" is a value of its own in these three, and anything else must be known. */
static bool read_words(sqlite3_stmt *statement, struct order_request *request)
{
    const char *side = column_word(statement, O_SIDE + 1);
    const char *type = column_word(statement, O_TYPE + 1);
    const char *tif = column_word(statement, O_TIF + 1);

    return category_parse(column_word(statement, O_CATEGORY + 1), &request->category) &&
           (!side[0] || side_parse(side, &request->side)) &&
           (!type[0] || order_type_parse(type, &request->type)) &&
           (!tif[0] || tif_parse(tif, &request->tif));
}

static bool read_source(sqlite3_stmt *statement, int column, enum trigger_by *out)
{
    const char *word = column_word(statement, column + 1);

    return !word[0] || trigger_by_parse(word, out);
}

/* Likewise "". */
static bool read_details(sqlite3_stmt *statement, struct order_request *request)
{
    const char *spot = column_word(statement, O_SPOT_TRIGGER + 1);
    const char *slippage = column_word(statement, O_SLIPPAGE_KIND + 1);
    const char *smp = column_word(statement, O_SMP + 1);

    request->is_leverage = column_bool(statement, O_IS_LEVERAGE + 1);
    return read_source(statement, O_TRIGGER_BY, &request->trigger_by) &&
           read_source(statement, O_TAKE_PROFIT_BY, &request->take_profit_by) &&
           read_source(statement, O_STOP_LOSS_BY, &request->stop_loss_by) &&
           (!spot[0] || spot_trigger_parse(spot, &request->spot_trigger)) &&
           (!slippage[0] || slippage_parse(slippage, &request->slippage_kind)) &&
           (!smp[0] || smp_parse(smp, &request->smp)) &&
           column_decimal(statement, O_TAKE_PROFIT_LIMIT + 1, &request->take_profit_limit) &&
           column_decimal(statement, O_STOP_LOSS_LIMIT + 1, &request->stop_loss_limit) &&
           column_decimal(statement, O_SLIPPAGE + 1, &request->slippage) &&
           column_decimal(statement, O_WHOLE_QTY + 1, &request->whole_qty) &&
           column_decimal(statement, O_PART_QTY + 1, &request->part_qty);
}

static bool read_request(sqlite3_stmt *statement, struct order_request *request)
{
    column_text(statement, O_LINK + 1, request->link, sizeof(request->link));
    column_text(statement, O_CLIENT_ID + 1, request->client_id, sizeof(request->client_id));
    request->client_key = column_bool(statement, O_CLIENT_KEY + 1);
    column_text(statement, O_SYMBOL + 1, request->symbol, sizeof(request->symbol));
    request->qty_in_quote = column_bool(statement, O_QTY_IN_QUOTE + 1);
    request->trigger_direction = sqlite3_column_int(statement, O_TRIGGER_DIRECTION + 1);
    request->reduce_only = column_bool(statement, O_REDUCE_ONLY + 1);
    request->close_on_trigger = column_bool(statement, O_CLOSE_ON_TRIGGER + 1);
    request->position_idx = sqlite3_column_int(statement, O_POSITION_IDX + 1);
    column_text(statement, O_TAG + 1, request->tag, sizeof(request->tag));
    column_text(statement, O_CLIENT + 1, request->client, sizeof(request->client));
    return read_words(statement, request) && read_details(statement, request) &&
           column_decimal(statement, O_QTY + 1, &request->qty) &&
           column_decimal(statement, O_PRICE + 1, &request->price) &&
           column_decimal(statement, O_TRIGGER_PRICE + 1, &request->trigger_price) &&
           column_decimal(statement, O_TAKE_PROFIT + 1, &request->take_profit) &&
           column_decimal(statement, O_STOP_LOSS + 1, &request->stop_loss) &&
           column_decimal(statement, O_VALUE_PRICE + 1, &request->value_price) &&
           column_blob(statement, O_BODY_HASH + 1, request->body_hash, sizeof(request->body_hash));
}

static void read_progress(sqlite3_stmt *statement, struct order *order)
{
    order->external = column_bool(statement, O_EXTERNAL + 1);
    order->status = status_parse(column_word(statement, O_STATUS + 1));
    column_text(statement, O_ORDER_ID + 1, order->order_id, sizeof(order->order_id));
    column_text(statement, O_REJECT_REASON + 1, order->reject_reason, sizeof(order->reject_reason));
    column_text(statement, O_CANCEL_REASON + 1, order->cancel_reason, sizeof(order->cancel_reason));
    order->ret_code = sqlite3_column_int(statement, O_RET_CODE + 1);
    column_text(statement, O_RET_MSG + 1, order->ret_msg, sizeof(order->ret_msg));
    order->attempt = sqlite3_column_int(statement, O_ATTEMPT + 1);
    order->cancel_wanted = column_bool(statement, O_CANCEL_WANTED + 1);
    order->settled = column_bool(statement, O_SETTLED + 1);
    order->created_ms = sqlite3_column_int64(statement, O_CREATED_MS + 1);
    order->updated_ms = sqlite3_column_int64(statement, O_UPDATED_MS + 1);
    order->exchange_ms = sqlite3_column_int64(statement, O_EXCHANGE_MS + 1);
    order->deadline_ms = sqlite3_column_int64(statement, O_DEADLINE_MS + 1);
    order->signed_ms = sqlite3_column_int64(statement, O_SIGNED_MS + 1);
    order->amend_ms = sqlite3_column_int64(statement, O_AMEND_MS + 1);
    order->seq = (uint64_t)sqlite3_column_int64(statement, O_SEQ + 1);
}

enum err rows_read_order(sqlite3_stmt *statement, struct order *order, int64_t *row_id,
                         struct error *error)
{
    int64_t id = sqlite3_column_int64(statement, 0);

    memset(order, 0, sizeof(*order));
    read_progress(statement, order);
    if (!read_request(statement, &order->request) ||
        !order_state_parse(column_word(statement, O_STATE + 1), &order->state) ||
        !read_amend(column_word(statement, O_AMEND + 1), &order->amend) ||
        !change_read(&order->change, column_word(statement, O_CHANGE + 1)) ||
        !column_decimal(statement, O_FILLED_QTY + 1, &order->filled_qty) ||
        !column_decimal(statement, O_FILLED_VALUE + 1, &order->filled_value) ||
        !column_decimal(statement, O_AVG_PRICE + 1, &order->avg_price) ||
        !read_fees(order, column_word(statement, O_FEES + 1)))
        return error_set(error, ERR_IO,
                         "journal: row %" PRId64 " of orders is damaged: restore a backup", id);
    if (row_id)
        *row_id = id;
    return ERR_NONE;
}

static bool read_fill_values(sqlite3_stmt *statement, struct fill *fill)
{
    const char *side = column_word(statement, F_SIDE + 1);

    return category_parse(column_word(statement, F_CATEGORY + 1), &fill->category) &&
           (!side[0] || side_parse(side, &fill->side)) &&
           fill_kind_parse(column_word(statement, F_KIND + 1), &fill->kind) &&
           column_decimal(statement, F_QTY + 1, &fill->qty) &&
           column_decimal(statement, F_PRICE + 1, &fill->price) &&
           column_decimal(statement, F_VALUE + 1, &fill->value) &&
           column_decimal(statement, F_FEE + 1, &fill->fee) &&
           column_decimal(statement, F_CLOSED_QTY + 1, &fill->closed_qty);
}

enum err rows_read_fill(sqlite3_stmt *statement, struct fill *fill, int64_t *row_id,
                        struct error *error)
{
    int64_t id = sqlite3_column_int64(statement, 0);

    memset(fill, 0, sizeof(*fill));
    column_text(statement, F_EXEC_ID + 1, fill->exec_id, sizeof(fill->exec_id));
    column_text(statement, F_ORDER_ID + 1, fill->order_id, sizeof(fill->order_id));
    column_text(statement, F_LINK + 1, fill->link, sizeof(fill->link));
    column_text(statement, F_SYMBOL + 1, fill->symbol, sizeof(fill->symbol));
    column_text(statement, F_FEE_COIN + 1, fill->fee_coin, sizeof(fill->fee_coin));
    fill->maker = column_bool(statement, F_MAKER + 1);
    fill->at_ms = sqlite3_column_int64(statement, F_AT_MS + 1);
    fill->exchange_seq = sqlite3_column_int64(statement, F_EXCHANGE_SEQ + 1);
    column_text(statement, F_TAG + 1, fill->tag, sizeof(fill->tag));
    column_text(statement, F_CLIENT + 1, fill->client, sizeof(fill->client));
    column_text(statement, F_CLIENT_ID + 1, fill->client_id, sizeof(fill->client_id));
    fill->seq = (uint64_t)sqlite3_column_int64(statement, F_SEQ + 1);
    if (!read_fill_values(statement, fill))
        return error_set(error, ERR_IO,
                         "journal: row %" PRId64 " of fills is damaged: restore a backup", id);
    if (row_id)
        *row_id = id;
    return ERR_NONE;
}

/* --- fill keys --- */

const char rows_fill_keys_sql[] =
    "SELECT exec_id FROM fills WHERE order_id=?1 AND category=?2 ORDER BY exec_id";

static enum err append_key(sqlite3_stmt *statement, struct journal_fill_key **keys, size_t *count,
                           size_t *capacity, struct error *error)
{
    if (*count == *capacity) {
        size_t wanted = *capacity ? *capacity * 2 : 8;
        struct journal_fill_key *grown = realloc(*keys, wanted * sizeof(**keys));

        if (!grown)
            return error_set(error, ERR_NO_MEMORY, "journal: out of memory");
        *keys = grown;
        *capacity = wanted;
    }
    column_text(statement, 0, (*keys)[*count].exec_id, sizeof((*keys)[*count].exec_id));
    ++*count;
    return ERR_NONE;
}

enum err rows_fill_keys(sqlite3_stmt *statement, enum category category, const char *order_id,
                        struct journal_fill_key **keys, size_t *count, struct error *error)
{
    struct journal_fill_key *found = NULL;
    size_t found_count = 0;
    size_t capacity = 0;
    bool row = false;
    enum err err = ERR_NONE;

    bind_text(statement, 1, order_id);
    bind_text(statement, 2, category_word(category));
    while (order_id[0] && !err) {
        err = db_next(statement, &row, "fill keys", error);
        if (err || !row)
            break;
        err = append_key(statement, &found, &found_count, &capacity, error);
    }
    sqlite3_reset(statement);
    if (err) {
        free(found);
        return err;
    }
    *keys = found;
    *count = found_count;
    return ERR_NONE;
}
