#include "bybit/trades.h"

#include "bybit/message.h"

#define TIME_MAX INT64_C(253402300799999) /* the end of year 9999: later is no time */

enum trade_member { T_ID, T_SYMBOL, T_SIDE, T_PRICE, T_QTY, T_TIME, T_BLOCK, T_SEQ, T_COUNT };

static const struct member_name row_names[T_COUNT] = {
    [T_ID] = MEMBER_NAME("execId"),          [T_SYMBOL] = MEMBER_NAME("symbol"),
    [T_SIDE] = MEMBER_NAME("side"),          [T_PRICE] = MEMBER_NAME("price"),
    [T_QTY] = MEMBER_NAME("size"),           [T_TIME] = MEMBER_NAME("time"),
    [T_BLOCK] = MEMBER_NAME("isBlockTrade"), [T_SEQ] = MEMBER_NAME("seq"),
};

static const struct member_name frame_names[T_COUNT] = {
    [T_ID] = MEMBER_NAME("i"),     [T_SYMBOL] = MEMBER_NAME("s"), [T_SIDE] = MEMBER_NAME("S"),
    [T_PRICE] = MEMBER_NAME("p"),  [T_QTY] = MEMBER_NAME("v"),    [T_TIME] = MEMBER_NAME("T"),
    [T_BLOCK] = MEMBER_NAME("BT"), [T_SEQ] = MEMBER_NAME("seq"),
};

static enum err read_side(const struct json *value, enum side *out)
{
    char word[8];

    if (json_text(value, word, sizeof(word)) || !side_parse(word, out) || *out == SIDE_NONE)
        return ERR_INVALID;
    return ERR_NONE;
}

static enum err read_amount(const struct json *value, struct decimal *out)
{
    return json_decimal(value, out) || decimal_sign(out) <= 0 ? ERR_INVALID : ERR_NONE;
}

static enum err read_trade(struct public_trade *out, const struct json *item,
                           const struct member_name *names, enum category category,
                           struct error *error)
{
    struct public_trade read = { .category = category };
    struct json found[T_COUNT];

    message_members(item, names, T_COUNT, found);
    if (json_text(&found[T_ID], read.id, sizeof(read.id)) || !read.id[0])
        return error_set(error, ERR_INVALID, "trade: the id is missing, no text or too long");
    if (json_text(&found[T_SYMBOL], read.symbol, sizeof(read.symbol)) || !read.symbol[0])
        return error_set(error, ERR_INVALID, "trade: the symbol is missing, no text or too long");
    if (read_side(&found[T_SIDE], &read.side))
        return error_set(error, ERR_INVALID, "trade: the side is neither Buy nor Sell");
    if (read_amount(&found[T_PRICE], &read.price))
        return error_set(error, ERR_INVALID, "trade: the price is no positive decimal");
    if (read_amount(&found[T_QTY], &read.qty))
        return error_set(error, ERR_INVALID, "trade: the size is no positive decimal");
    if (json_int(&found[T_TIME], &read.ts_ms) || read.ts_ms < 0 || read.ts_ms > TIME_MAX)
        return error_set(error, ERR_INVALID, "trade: the time is no time");
    if (json_int(&found[T_SEQ], &read.seq)) /* absent, or none that counts */
        read.seq = 0;
    read.block = found[T_BLOCK].type == JSON_TRUE;
    *out = read;
    return ERR_NONE;
}

enum err trade_from_row(struct public_trade *out, const struct json *row, enum category category,
                        struct error *error)
{
    return read_trade(out, row, row_names, category, error);
}

enum err trade_from_frame(struct public_trade *out, const struct json *item, enum category category,
                          struct error *error)
{
    return read_trade(out, item, frame_names, category, error);
}
