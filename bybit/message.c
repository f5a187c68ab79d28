/* bybit/message.c - each object is walked once: its members are collected by name, then read. */
#include "bybit/message.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

/* Names by length, first and last letter, for one walk: most members of a large object are of no
 * interest. */
#define SLOTS 64

struct name_index {
    unsigned char first[SLOTS]; /* 1 + index, 0: none */
    unsigned char next[MESSAGE_NAMES_MAX];
};

static size_t slot_of(const char *name, size_t bytes)
{
    return (bytes * 5 + (unsigned char)name[0] + 3 * (size_t)(unsigned char)name[bytes - 1]) %
           SLOTS;
}

static void index_names(struct name_index *index, const struct member_name *names, size_t count)
{
    memset(index->first, 0, sizeof(index->first));
    for (size_t i = 0; i < count; i++) {
        size_t slot = slot_of(names[i].name, names[i].bytes);

        index->next[i] = index->first[slot];
        index->first[slot] = (unsigned char)(i + 1);
    }
}

void message_members(const struct json *object, const struct member_name *names, size_t count,
                     struct json *found)
{
    struct name_index index;
    struct json_walk walk;
    struct json key;
    struct json value;

    assert(count <= MESSAGE_NAMES_MAX);
    memset(found, 0, count * sizeof(*found));
    if (object->type != JSON_OBJECT)
        return;
    index_names(&index, names, count);
    walk = json_walk(object);
    while (json_next(&walk, &key, &value)) {
        size_t bytes = key.bytes - 2;
        size_t i = bytes ? index.first[slot_of(key.at + 1, bytes)] : 0;

        while (i &&
               (names[i - 1].bytes != bytes || memcmp(names[i - 1].name, key.at + 1, bytes) != 0))
            i = index.next[i - 1];
        if (i && found[i - 1].type == JSON_NONE)
            found[i - 1] = value;
    }
}

/* --- reading collected members; the first failure sticks and names its member --- */

struct reader {
    const char *what; /* "order", "fill" */
    const struct member_name *names;
    const struct json *found;
    struct error *error;
    enum err failed;
};

static void refuse(struct reader *reader, size_t at, const char *why)
{
    if (!reader->failed)
        reader->failed = error_set(reader->error, ERR_INVALID, "%s: %s %s", reader->what,
                                   reader->names[at].name, why);
}

static void read_text(struct reader *reader, size_t at, char *out, size_t out_bytes)
{
    if (json_text(&reader->found[at], out, out_bytes))
        refuse(reader, at, "is no text or too long");
}

/* One that is longer than ours can be (spreads take 45) is nobody's here: none. */
static void read_link(struct reader *reader, size_t at, char out[ORDER_LINK_MAX])
{
    const struct json *value = &reader->found[at];

    if (json_text(value, out, ORDER_LINK_MAX) && value->type != JSON_STRING)
        refuse(reader, at, "is no text");
}

static void read_needed_text(struct reader *reader, size_t at, char *out, size_t out_bytes)
{
    read_text(reader, at, out, out_bytes);
    if (!out[0])
        refuse(reader, at, "is missing");
}

/* For people only: what is too long is cut, what is no text is dropped. */
static void read_remark(const struct json *value, char *out, size_t out_bytes)
{
    char whole[512];

    out[0] = '\0';
    if (json_text(value, whole, sizeof(whole)) == ERR_NONE) {
        size_t bytes = strlen(whole);

        if (bytes >= out_bytes) {
            bytes = out_bytes - 1;
            while (bytes > 0 && ((unsigned char)whole[bytes] & 0xc0) == 0x80)
                bytes--; /* not inside a UTF-8 sequence */
        }
        memcpy(out, whole, bytes);
        out[bytes] = '\0';
    }
}

static void read_decimal(struct reader *reader, size_t at, struct decimal *out)
{
    *out = DECIMAL_NONE;
    if (json_number(&reader->found[at], out))
        refuse(reader, at, "is no decimal");
}

/* What others are the truth of: none when it can't be read. */
static void read_derived(struct reader *reader, size_t at, struct decimal *out)
{
    if (json_number(&reader->found[at], out))
        *out = DECIMAL_NONE;
}

/* A price: 0 means that there is none. */
static void read_price(struct reader *reader, size_t at, struct decimal *out)
{
    read_decimal(reader, at, out);
    if (decimal_sign(out) == 0)
        *out = DECIMAL_NONE;
}

/* A size that must be there and not be negative; "" and null are `empty`. */
static void read_size(struct reader *reader, size_t at, struct decimal empty, struct decimal *out)
{
    if (reader->found[at].type == JSON_NONE)
        refuse(reader, at, "is missing");
    read_decimal(reader, at, out);
    if (decimal_sign(out) < 0)
        refuse(reader, at, "is negative");
    if (decimal_is_none(out))
        *out = empty;
}

static int64_t read_int(struct reader *reader, size_t at)
{
    int64_t value = 0;

    if (json_int(&reader->found[at], &value) == ERR_INVALID)
        refuse(reader, at, "is no whole number");
    return value;
}

/* Unix ms; absent is 0. */
static int64_t read_time(struct reader *reader, size_t at)
{
    int64_t value = read_int(reader, at);

    if (value < 0)
        refuse(reader, at, "is negative");
    return value;
}

static bool read_bool(struct reader *reader, size_t at)
{
    const struct json *value = &reader->found[at];

    switch (value->type) {
    case JSON_NONE:
    case JSON_NULL:
    case JSON_FALSE:
        return false;
    case JSON_TRUE:
        return true;
    case JSON_STRING:
    case JSON_NUMBER:
        if (json_equals(value, "true") || json_equals(value, "1"))
            return true;
        if (json_equals(value, "false") || json_equals(value, "0") || json_equals(value, ""))
            return false;
        if (value->type == JSON_NUMBER && value->bytes == 1 &&
            (*value->at == '0' || *value->at == '1'))
            return *value->at == '1';
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    refuse(reader, at, "is neither true nor false");
    return false;
}

static enum category read_category(struct reader *reader, size_t at, enum category otherwise)
{
    char word[16];

    read_text(reader, at, word, sizeof(word));
    if (word[0] && !category_parse(word, &otherwise))
        refuse(reader, at, "is not known");
    return otherwise;
}

/* --- REST --- */

enum envelope_member {
    E_CODE,
    E_CODE_OLD,
    E_MESSAGE,
    E_MESSAGE_OLD,
    E_RESULT,
    E_EXTRA,
    E_TIME,
    E_COUNT
};

static const struct member_name envelope_names[E_COUNT] = {
    [E_CODE] = MEMBER_NAME("retCode"),   [E_CODE_OLD] = MEMBER_NAME("ret_code"),
    [E_MESSAGE] = MEMBER_NAME("retMsg"), [E_MESSAGE_OLD] = MEMBER_NAME("ret_msg"),
    [E_RESULT] = MEMBER_NAME("result"),  [E_EXTRA] = MEMBER_NAME("retExtInfo"),
    [E_TIME] = MEMBER_NAME("time"),
};

enum err message_envelope(struct envelope *out, const char *body, size_t body_bytes,
                          struct error *error)
{
    struct json found[E_COUNT];
    struct reader reader = { "answer", envelope_names, found, error, ERR_NONE };
    struct envelope envelope = { .ret_code = 0 };
    struct json whole;
    int64_t code;
    size_t at;
    enum err err = json_open_trusted(&whole, body, body_bytes, error);

    if (err)
        return err;
    if (whole.type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "answer: not an object");
    message_members(&whole, envelope_names, E_COUNT, found);
    at = found[E_CODE].type != JSON_NONE ? E_CODE : E_CODE_OLD;
    if (json_int(&found[at], &code) || code < INT32_MIN || code > INT32_MAX)
        return error_set(error, ERR_INVALID, "answer: retCode is missing or no whole number");
    envelope.ret_code = (int)code;
    at = found[E_MESSAGE].type != JSON_NONE ? E_MESSAGE : E_MESSAGE_OLD;
    read_remark(&found[at], envelope.ret_msg, sizeof(envelope.ret_msg));
    envelope.result = found[E_RESULT];
    envelope.extra = found[E_EXTRA];
    envelope.time_ms = read_time(&reader, E_TIME);
    if (!reader.failed)
        *out = envelope;
    return reader.failed;
}

void message_order_ack(const struct json *result, char order_id[ORDER_ID_MAX],
                       char link[ORDER_LINK_MAX])
{
    if (json_member_text(result, "orderId", order_id, ORDER_ID_MAX))
        order_id[0] = '\0';
    if (json_member_text(result, "orderLinkId", link, ORDER_LINK_MAX))
        link[0] = '\0';
}

/* --- orders --- */

enum order_member {
    O_ID,
    O_LINK,
    O_CATEGORY,
    O_SYMBOL,
    O_SIDE,
    O_TYPE,
    O_TIF,
    O_STATUS,
    O_QTY,
    O_PRICE,
    O_TRIGGER_PRICE,
    O_TRIGGER_BY,
    O_TAKE_PROFIT,
    O_STOP_LOSS,
    O_PARENT,
    O_STOP_TYPE,
    O_FILLED,
    O_VALUE,
    O_AVERAGE,
    O_FEES,
    O_FEE,
    O_FEE_COIN,
    O_REDUCE_ONLY,
    O_CLOSE_ON_TRIGGER,
    O_IS_LEVERAGE,
    O_MARKET_UNIT,
    O_POSITION,
    O_REJECT,
    O_CANCEL,
    O_CREATED,
    O_UPDATED,
    O_COUNT
};

static const struct member_name order_names[O_COUNT] = {
    [O_ID] = MEMBER_NAME("orderId"),
    [O_LINK] = MEMBER_NAME("orderLinkId"),
    [O_CATEGORY] = MEMBER_NAME("category"),
    [O_SYMBOL] = MEMBER_NAME("symbol"),
    [O_SIDE] = MEMBER_NAME("side"),
    [O_TYPE] = MEMBER_NAME("orderType"),
    [O_TIF] = MEMBER_NAME("timeInForce"),
    [O_STATUS] = MEMBER_NAME("orderStatus"),
    [O_QTY] = MEMBER_NAME("qty"),
    [O_PRICE] = MEMBER_NAME("price"),
    [O_TRIGGER_PRICE] = MEMBER_NAME("triggerPrice"),
    [O_TRIGGER_BY] = MEMBER_NAME("triggerBy"),
    [O_TAKE_PROFIT] = MEMBER_NAME("takeProfit"),
    [O_STOP_LOSS] = MEMBER_NAME("stopLoss"),
    [O_PARENT] = MEMBER_NAME("parentOrderLinkId"),
    [O_STOP_TYPE] = MEMBER_NAME("stopOrderType"),
    [O_FILLED] = MEMBER_NAME("cumExecQty"),
    [O_VALUE] = MEMBER_NAME("cumExecValue"),
    [O_AVERAGE] = MEMBER_NAME("avgPrice"),
    [O_FEES] = MEMBER_NAME("cumFeeDetail"),
    [O_FEE] = MEMBER_NAME("cumExecFee"),
    [O_FEE_COIN] = MEMBER_NAME("feeCurrency"),
    [O_REDUCE_ONLY] = MEMBER_NAME("reduceOnly"),
    [O_CLOSE_ON_TRIGGER] = MEMBER_NAME("closeOnTrigger"),
    [O_IS_LEVERAGE] = MEMBER_NAME("isLeverage"),
    [O_MARKET_UNIT] = MEMBER_NAME("marketUnit"),
    [O_POSITION] = MEMBER_NAME("positionIdx"),
    [O_REJECT] = MEMBER_NAME("rejectReason"),
    [O_CANCEL] = MEMBER_NAME("cancelType"),
    [O_CREATED] = MEMBER_NAME("createdTime"),
    [O_UPDATED] = MEMBER_NAME("updatedTime"),
};

static void add_fee(struct order_report *out, const struct fee *fee)
{
    if (decimal_sign(&fee->amount) != 0 && out->fees_count < FEES_MAX)
        out->fees[out->fees_count++] = *fee;
}

/* cumFeeDetail is an object coin -> amount; cumExecFee with feeCurrency is retired for spot and
 * linear (section 16), but all there is where an inverse or option order has no detail. */
static void read_fees(struct reader *reader, struct order_report *out)
{
    const struct json *detail = &reader->found[O_FEES];
    struct fee fee;
    struct json_walk walk;
    struct json key;
    struct json value;

    if (detail->type == JSON_OBJECT) {
        walk = json_walk(detail);
        while (json_next(&walk, &key, &value)) {
            if (json_text(&key, fee.coin, sizeof(fee.coin)) || json_number(&value, &fee.amount)) {
                refuse(reader, O_FEES, "has an unreadable fee");
                return;
            }
            add_fee(out, &fee);
        }
    } else if (detail->type != JSON_NONE && detail->type != JSON_NULL && !json_equals(detail, "")) {
        refuse(reader, O_FEES, "is no object");
    }
    if (out->fees_count > 0 || out->category == CATEGORY_SPOT || out->category == CATEGORY_LINEAR)
        return;
    read_decimal(reader, O_FEE, &fee.amount);
    read_text(reader, O_FEE_COIN, fee.coin, sizeof(fee.coin));
    if (fee.coin[0])
        add_fee(out, &fee);
}

static void read_order_words(struct reader *reader, struct order_report *out)
{
    char word[48];

    read_needed_text(reader, O_SIDE, word, sizeof(word));
    if (word[0] && !side_parse(word, &out->side))
        refuse(reader, O_SIDE, "is not known");
    read_needed_text(reader, O_STATUS, word, sizeof(word));
    out->status = status_parse(word);
    read_text(reader, O_TYPE, word, sizeof(word));
    (void)order_type_parse(word, &out->type);
    read_text(reader, O_TIF, word, sizeof(word));
    (void)tif_parse(word, &out->tif);
    read_remark(&reader->found[O_REJECT], out->reject_reason, sizeof(out->reject_reason));
    if (strcmp(out->reject_reason, "EC_NoError") == 0)
        out->reject_reason[0] = '\0';
    read_remark(&reader->found[O_CANCEL], out->cancel_reason, sizeof(out->cancel_reason));
    if (strcmp(out->cancel_reason, "UNKNOWN") == 0)
        out->cancel_reason[0] = '\0';
}

/* 0: told that there is none. */
static void read_stop(const struct json *value, struct decimal *out)
{
    if (value->type == JSON_NONE || value->type == JSON_NULL || json_number(value, out) ||
        decimal_sign(out) < 0)
        *out = DECIMAL_NONE;
    else if (decimal_sign(out) == 0)
        *out = DECIMAL_ZERO;
}

/* No order depends on these: what is not understood counts as not told. */
static void read_stops(const struct json found[O_COUNT], struct order_report *out)
{
    char word[24];

    read_stop(&found[O_TAKE_PROFIT], &out->take_profit);
    read_stop(&found[O_STOP_LOSS], &out->stop_loss);
    read_remark(&found[O_TRIGGER_BY], word, sizeof(word));
    (void)trigger_by_parse(word, &out->trigger_by);
    read_remark(&found[O_STOP_TYPE], out->stop_type, sizeof(out->stop_type));
    if (strcmp(out->stop_type, "UNKNOWN") == 0)
        out->stop_type[0] = '\0';
    if (json_text(&found[O_PARENT], out->parent_link, sizeof(out->parent_link)))
        out->parent_link[0] = '\0';
}

/* A spot market order that does not say what its size counts: a buy quote coin, a sell base coin
 * (section 9). */
static bool is_in_quote(const struct order_report *report, const struct json *unit)
{
    bool untold = unit->type == JSON_NONE || unit->type == JSON_NULL || json_equals(unit, "");

    if (report->category != CATEGORY_SPOT || report->type != ORDER_TYPE_MARKET)
        return false;
    return untold ? report->side == SIDE_BUY : json_equals(unit, "quoteCoin");
}

enum err message_order(struct order_report *out, const struct json *item, enum category category,
                       struct error *error)
{
    struct json found[O_COUNT];
    struct reader reader = { "order", order_names, found, error, ERR_NONE };
    struct order_report report = { .side = SIDE_NONE };
    int64_t position;

    if (item->type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "order: not an object");
    message_members(item, order_names, O_COUNT, found);
    report.category = read_category(&reader, O_CATEGORY, category);
    read_needed_text(&reader, O_ID, report.order_id, sizeof(report.order_id));
    read_link(&reader, O_LINK, report.link);
    read_needed_text(&reader, O_SYMBOL, report.symbol, sizeof(report.symbol));
    read_order_words(&reader, &report);
    read_size(&reader, O_QTY, DECIMAL_NONE, &report.qty);
    read_size(&reader, O_FILLED, DECIMAL_ZERO, &report.filled_qty);
    read_derived(&reader, O_VALUE, &report.filled_value);
    if (decimal_is_none(&report.filled_value) && decimal_sign(&report.filled_qty) == 0)
        report.filled_value = DECIMAL_ZERO;
    read_price(&reader, O_PRICE, &report.price);
    read_price(&reader, O_TRIGGER_PRICE, &report.trigger_price);
    read_stops(found, &report);
    read_derived(&reader, O_AVERAGE, &report.avg_price);
    if (decimal_sign(&report.avg_price) <= 0)
        report.avg_price = DECIMAL_NONE;
    read_fees(&reader, &report);
    report.reduce_only = read_bool(&reader, O_REDUCE_ONLY);
    report.close_on_trigger = read_bool(&reader, O_CLOSE_ON_TRIGGER);
    /* "" where there is no such thing; of no weight for the order itself. */
    report.is_leverage = json_equals(&reader.found[O_IS_LEVERAGE], "1");
    report.qty_in_quote = is_in_quote(&report, &found[O_MARKET_UNIT]);
    report.unit_told = report.category == CATEGORY_SPOT && report.type == ORDER_TYPE_MARKET &&
                       (json_equals(&found[O_MARKET_UNIT], "quoteCoin") ||
                        json_equals(&found[O_MARKET_UNIT], "baseCoin"));
    position = read_int(&reader, O_POSITION);
    if (position < 0 || position > 2)
        refuse(&reader, O_POSITION, "is not 0, 1 or 2");
    report.position_idx = (int)position;
    report.created_ms = read_time(&reader, O_CREATED);
    report.updated_ms = read_time(&reader, O_UPDATED);
    if (report.updated_ms == 0)
        report.updated_ms = report.created_ms;
    if (!reader.failed)
        *out = report;
    return reader.failed;
}

/* --- fills --- */

enum fill_member {
    F_ID,
    F_ORDER,
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
    F_TYPE,
    F_CLOSED,
    F_TIME,
    F_SEQ,
    F_COUNT
};

static const struct member_name fill_names[F_COUNT] = {
    [F_ID] = MEMBER_NAME("execId"),
    [F_ORDER] = MEMBER_NAME("orderId"),
    [F_LINK] = MEMBER_NAME("orderLinkId"),
    [F_CATEGORY] = MEMBER_NAME("category"),
    [F_SYMBOL] = MEMBER_NAME("symbol"),
    [F_SIDE] = MEMBER_NAME("side"),
    [F_QTY] = MEMBER_NAME("execQty"),
    [F_PRICE] = MEMBER_NAME("execPrice"),
    [F_VALUE] = MEMBER_NAME("execValue"),
    [F_FEE] = MEMBER_NAME("execFee"),
    [F_FEE_COIN] = MEMBER_NAME("feeCurrency"),
    [F_MAKER] = MEMBER_NAME("isMaker"),
    [F_TYPE] = MEMBER_NAME("execType"),
    [F_CLOSED] = MEMBER_NAME("closedSize"),
    [F_TIME] = MEMBER_NAME("execTime"),
    [F_SEQ] = MEMBER_NAME("seq"),
};

/* Only these change a position by a size at a price; what else there is may lack anything. */
static bool is_trade(enum fill_kind kind)
{
    return kind != FILL_FUNDING && kind != FILL_OTHER;
}

static void read_fill_size(struct reader *reader, struct fill *out)
{
    if (!is_trade(out->kind)) {
        read_derived(reader, F_QTY, &out->qty);
        if (decimal_sign(&out->qty) < 0)
            out->qty = DECIMAL_NONE;
        read_decimal(reader, F_PRICE, &out->price);
        return;
    }
    read_size(reader, F_QTY, DECIMAL_NONE, &out->qty);
    read_decimal(reader, F_PRICE, &out->price);
    if (decimal_is_none(&out->qty))
        refuse(reader, F_QTY, "is missing");
    if (decimal_is_none(&out->price))
        refuse(reader, F_PRICE, "is missing");
}

/* Legs of spreads come without one, as block trades may; deliveries, liquidations and deleverages
 * are of a position. */
static bool needs_order(enum fill_kind kind, const char *theirs)
{
    return kind == FILL_TRADE && strcmp(theirs, "FutureSpread") != 0 &&
           strcmp(theirs, "BlockTrade") != 0;
}

enum err message_fill(struct fill *out, const struct json *item, enum category category,
                      struct error *error)
{
    struct json found[F_COUNT];
    struct reader reader = { "execution", fill_names, found, error, ERR_NONE };
    struct fill fill = { .kind = FILL_TRADE };
    char word[48];

    if (item->type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "execution: not an object");
    message_members(item, fill_names, F_COUNT, found);
    fill.category = read_category(&reader, F_CATEGORY, category);
    read_needed_text(&reader, F_ID, fill.exec_id, sizeof(fill.exec_id));
    read_text(&reader, F_ORDER, fill.order_id, sizeof(fill.order_id));
    read_link(&reader, F_LINK, fill.link);
    read_needed_text(&reader, F_SYMBOL, fill.symbol, sizeof(fill.symbol));
    read_text(&reader, F_TYPE, word, sizeof(word));
    if (word[0]) /* execution.fast has none: always a trade */
        fill.kind = fill_kind_parse_theirs(word);
    if (needs_order(fill.kind, word) && !fill.order_id[0])
        refuse(&reader, F_ORDER, "is missing");
    read_text(&reader, F_SIDE, word, sizeof(word));
    if (!side_parse(word, &fill.side) && (word[0] || is_trade(fill.kind)))
        refuse(&reader, F_SIDE, "is missing or not known");
    read_fill_size(&reader, &fill);
    read_derived(&reader, F_VALUE, &fill.value);
    read_decimal(&reader, F_FEE, &fill.fee);
    read_text(&reader, F_FEE_COIN, fill.fee_coin, sizeof(fill.fee_coin));
    fill.maker = read_bool(&reader, F_MAKER);
    read_decimal(&reader, F_CLOSED, &fill.closed_qty);
    fill.at_ms = read_time(&reader, F_TIME);
    if (fill.at_ms == 0)
        refuse(&reader, F_TIME, "is missing");
    fill.exchange_seq = read_int(&reader, F_SEQ);
    if (!reader.failed)
        *out = fill;
    return reader.failed;
}

/* --- frames of WebSockets --- */

enum frame_member {
    W_TOPIC,
    W_TYPE,
    W_TS,
    W_DATA,
    W_CTS,
    W_CS,
    W_CREATED,
    W_OP,
    W_SUCCESS,
    W_MESSAGE,
    W_REQ_ID,
    W_CODE,
    W_MESSAGE_TRADE,
    W_COUNT
};

static const struct member_name frame_names[W_COUNT] = {
    [W_TOPIC] = MEMBER_NAME("topic"),
    [W_TYPE] = MEMBER_NAME("type"),
    [W_TS] = MEMBER_NAME("ts"),
    [W_DATA] = MEMBER_NAME("data"),
    [W_CTS] = MEMBER_NAME("cts"),
    [W_CS] = MEMBER_NAME("cs"),
    [W_CREATED] = MEMBER_NAME("creationTime"),
    [W_OP] = MEMBER_NAME("op"),
    [W_SUCCESS] = MEMBER_NAME("success"),
    [W_MESSAGE] = MEMBER_NAME("ret_msg"),
    [W_REQ_ID] = MEMBER_NAME("req_id"),
    [W_CODE] = MEMBER_NAME("retCode"),
    [W_MESSAGE_TRADE] = MEMBER_NAME("retMsg"),
};

static void read_data_frame(struct reader *reader, struct frame *frame)
{
    frame->kind = FRAME_DATA;
    read_needed_text(reader, W_TOPIC, frame->topic, sizeof(frame->topic));
    frame->is_snapshot = json_equals(&reader->found[W_TYPE], "snapshot");
    frame->ts_ms = read_time(reader, reader->found[W_TS].type != JSON_NONE ? W_TS : W_CREATED);
    frame->cts_ms = read_time(reader, W_CTS);
    frame->cs = read_int(reader, W_CS);
    if (frame->data.type != JSON_OBJECT && frame->data.type != JSON_ARRAY)
        refuse(reader, W_DATA, "is missing or neither object nor array");
}

static bool has_items(const struct json *object, const char *name)
{
    struct json list;
    struct json item;
    struct json_walk walk;

    if (!json_member(object, name, &list) || list.type != JSON_ARRAY)
        return false;
    walk = json_walk(&list);
    return json_next(&walk, NULL, &item);
}

/* Acks: `success` on market and private sockets, retCode on the trade socket; option sockets name
 * no op. */
static void read_answer_frame(struct reader *reader, struct frame *frame)
{
    const struct json *op = &reader->found[W_OP];
    int64_t code;

    read_remark(&reader->found[W_REQ_ID], frame->req_id, sizeof(frame->req_id));
    read_remark(
        &reader->found[reader->found[W_MESSAGE].type != JSON_NONE ? W_MESSAGE : W_MESSAGE_TRADE],
        frame->text, sizeof(frame->text));
    if (reader->found[W_SUCCESS].type != JSON_NONE)
        frame->ok = read_bool(reader, W_SUCCESS);
    else
        frame->ok = json_int(&reader->found[W_CODE], &code) == ERR_NONE && code == 0;
    if (json_equals(op, "pong") || (json_equals(op, "ping") && strcmp(frame->text, "pong") == 0)) {
        frame->kind = FRAME_PONG;
        frame->ok = true;
    } else if (json_equals(op, "auth")) {
        frame->kind = FRAME_AUTH;
    } else if (json_equals(op, "subscribe") || json_equals(op, "unsubscribe")) {
        frame->kind = FRAME_SUBSCRIBE;
    } else if (json_equals(&reader->found[W_TYPE], "COMMAND_RESP")) {
        frame->kind = FRAME_SUBSCRIBE;
        frame->ok = frame->ok && !has_items(&frame->data, "failTopics");
    }
}

enum err message_frame(struct frame *out, const char *text, size_t bytes, struct error *error)
{
    struct json found[W_COUNT];
    struct reader reader = { "frame", frame_names, found, error, ERR_NONE };
    struct frame frame = { .kind = FRAME_OTHER };
    struct json whole;
    enum err err = json_open_trusted(&whole, text, bytes, error);

    if (err)
        return err;
    if (whole.type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "frame: not an object");
    message_members(&whole, frame_names, W_COUNT, found);
    frame.data = found[W_DATA];
    if (found[W_TOPIC].type != JSON_NONE)
        read_data_frame(&reader, &frame);
    else
        read_answer_frame(&reader, &frame);
    if (!reader.failed)
        *out = frame;
    return reader.failed;
}
