/* api/order_body.c - fields by table, then one small function a rule, in the order in which a user
 * meets them. */
#include "api/order_body.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "api/events.h"
#include "api/order_body_parts.h"
#include "base/text.h"

static bool parse_category(const char *word, int64_t *out)
{
    enum category category;

    if (!category_parse(word, &category))
        return false;
    *out = category;
    return true;
}

static bool parse_side(const char *word, int64_t *out)
{
    enum side side;

    if (!side_parse(word, &side))
        return false;
    *out = side;
    return true;
}

static bool parse_type(const char *word, int64_t *out)
{
    enum order_type type;

    if (!order_type_parse(word, &type))
        return false;
    *out = type;
    return true;
}

static bool parse_tif(const char *word, int64_t *out)
{
    enum tif tif;

    if (!tif_parse(word, &tif))
        return false;
    *out = tif;
    return true;
}

/* 1: the size counts quote coin. */
static bool parse_unit(const char *word, int64_t *out)
{
    if (strcasecmp(word, "baseCoin") == 0 || strcasecmp(word, "base") == 0)
        *out = 0;
    else if (strcasecmp(word, "quoteCoin") == 0 || strcasecmp(word, "quote") == 0)
        *out = 1;
    else
        return false;
    return true;
}

/* clang-format off */
static const struct field fields[F_COUNT] = {
    [F_CATEGORY] = { "category", { NULL }, FIELD_WORD, parse_category, "spot, linear, inverse, option" },
    [F_SYMBOL] = { "symbol", { NULL }, FIELD_TEXT, NULL, NULL },
    [F_SIDE] = { "side", { NULL }, FIELD_WORD, parse_side, "buy, sell" },
    [F_TYPE] = { "type", { "orderType", "order_type" }, FIELD_WORD, parse_type, "market, limit" },
    [F_QTY] = { "qty", { NULL }, FIELD_DECIMAL, NULL, NULL },
    [F_QUOTE_QTY] = { "quote_qty", { "quoteQty" }, FIELD_DECIMAL, NULL, NULL },
    [F_MARKET_UNIT] = { "market_unit", { "marketUnit" }, FIELD_WORD, parse_unit, "baseCoin, quoteCoin" },
    [F_NOTIONAL] = { "notional", { NULL }, FIELD_DECIMAL, NULL, NULL },
    [F_PRICE] = { "price", { NULL }, FIELD_DECIMAL, NULL, NULL },
    [F_TIF] = { "tif", { "timeInForce", "time_in_force" }, FIELD_WORD, parse_tif, "gtc, ioc, fok, post_only, rpi" },
    [F_REDUCE_ONLY] = { "reduce_only", { "reduceOnly" }, FIELD_BOOL, NULL, NULL },
    [F_CLOSE_ON_TRIGGER] = { "close_on_trigger", { "closeOnTrigger" }, FIELD_BOOL, NULL, NULL },
    [F_POSITION_IDX] = { "position_idx", { "positionIdx" }, FIELD_INT, NULL, NULL },
    [F_CLIENT_ID] = { "client_id", { "orderLinkId", "order_link_id" }, FIELD_TEXT, NULL, NULL },
    [F_TAG] = { "tag", { NULL }, FIELD_TEXT, NULL, NULL },
    [F_TRIGGER_PRICE] = { "trigger_price", { "triggerPrice" }, FIELD_DECIMAL, NULL, NULL },
    [F_TRIGGER_DIRECTION] = { "trigger_direction", { "triggerDirection" }, FIELD_INT, NULL, NULL },
    [F_TRIGGER_BY] = { "trigger_by", { "triggerBy" }, FIELD_WORD, order_parse_trigger_by, "last, mark, index" },
    [F_TAKE_PROFIT] = { "take_profit", { "takeProfit" }, FIELD_DECIMAL, NULL, NULL },
    [F_STOP_LOSS] = { "stop_loss", { "stopLoss" }, FIELD_DECIMAL, NULL, NULL },
    [F_TP_TRIGGER_BY] = { "tp_trigger_by", { "tpTriggerBy" }, FIELD_WORD, order_parse_trigger_by, "last, mark, index" },
    [F_SL_TRIGGER_BY] = { "sl_trigger_by", { "slTriggerBy" }, FIELD_WORD, order_parse_trigger_by, "last, mark, index" },
    [F_TP_LIMIT_PRICE] = { "take_profit_limit_price", { "tpLimitPrice", "tp_limit_price" }, FIELD_DECIMAL, NULL, NULL },
    [F_SL_LIMIT_PRICE] = { "stop_loss_limit_price", { "slLimitPrice", "sl_limit_price" }, FIELD_DECIMAL, NULL, NULL },
    [F_TP_ORDER_TYPE] = { "tp_order_type", { "tpOrderType" }, FIELD_WORD, parse_type, "market, limit" },
    [F_SL_ORDER_TYPE] = { "sl_order_type", { "slOrderType" }, FIELD_WORD, parse_type, "market, limit" },
    [F_TPSL_MODE] = { "tpsl_mode", { "tpslMode" }, FIELD_WORD, order_parse_tpsl_mode, "full, partial" },
    [F_SPOT_TRIGGER] = { "spot_trigger", { "orderFilter", "order_filter" }, FIELD_WORD, order_parse_spot_trigger, "tpsl, stop" },
    [F_SLIPPAGE_TICKS] = { "slippage_ticks", { NULL }, FIELD_DECIMAL, NULL, NULL },
    [F_SLIPPAGE_PERCENT] = { "slippage_percent", { NULL }, FIELD_DECIMAL, NULL, NULL },
    [F_SLIPPAGE_TYPE] = { "slippage_type", { "slippageToleranceType" }, FIELD_WORD, order_parse_slippage, "TickSize, Percent" },
    [F_SLIPPAGE] = { "slippage", { "slippageTolerance" }, FIELD_DECIMAL, NULL, NULL },
    [F_SMP] = { "smp", { "smpType", "smp_type" }, FIELD_WORD, order_parse_smp, "none, cancel_maker, cancel_taker, cancel_both" },
    [F_IS_LEVERAGE] = { "is_leverage", { "isLeverage" }, FIELD_INT, NULL, NULL },
};
/* clang-format on */

const struct field *order_body_fields(size_t *count)
{
    *count = F_COUNT;
    return fields;
}

/* --- key, tag, client --- */

bool order_name_is_valid(const char *text)
{
    size_t bytes = strlen(text);

    return bytes > 0 && bytes < TAG_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") ==
               bytes;
}

static bool is_key(const char *key)
{
    size_t bytes = strlen(key);

    for (const char *at = key; *at; at++) {
        if (*at < 0x20 || *at > 0x7e)
            return false;
    }
    return bytes > 0 && bytes < CLIENT_ID_MAX;
}

static void sha256(const char *text, size_t bytes, unsigned char out[32])
{
    unsigned int out_bytes = 0;

    /* Fails only when OpenSSL has no memory; an all-zero hash would say "same body" of different
     * ones. */
    if (EVP_Digest(text, bytes, out, &out_bytes, EVP_sha256(), NULL) != 1 || out_bytes != 32)
        abort();
}

void order_key_to_link(const char *key, char link[ORDER_LINK_BYTES])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char hash[32];
    struct text text = text_in(link, ORDER_LINK_BYTES);

    if (link_is_valid(key)) {
        text_add(&text, key);
        return;
    }
    sha256(key, strlen(key), hash);
    text_add(&text, "h-");
    for (size_t bit = 0; text.bytes < ORDER_LINK_BYTES - 1; bit += 5) {
        unsigned pair = (unsigned)hash[bit / 8] << 8 | hash[bit / 8 + 1];

        text_add_n(&text, &digits[(pair >> (11 - bit % 8)) & 31], 1);
    }
}

static enum err read_key(struct order_request *out, const struct order_input *input,
                         const struct field_value *field, struct api_refusal *refusal)
{
    const char *header = input->idempotency_key;
    const char *key = header ? header : field->text;

    if (!header && !field->given)
        return ERR_NONE;
    if (!is_key(key) || (field->given && !is_key(field->text)))
        return api_refuse(refusal, "invalid_client_id",
                          "the client id must be 1 to 128 printable ASCII characters");
    if (header && field->given && strcmp(header, field->text) != 0)
        return api_refuse(refusal, "client_id_conflict",
                          "Idempotency-Key is \"%s\", client_id is \"%s\"", header, field->text);
    out->client_key = true;
    order_key_to_link(key, out->link);
    return text_copy(out->client_id, sizeof(out->client_id), key);
}

static enum err read_names(struct order_request *out, const struct order_input *input,
                           const struct field_value *tag, struct api_refusal *refusal)
{
    if (tag->given && !order_name_is_valid(tag->text))
        return api_refuse(refusal, "invalid_tag",
                          "tag \"%s\" is not 1 to 64 of A-Z a-z 0-9 . _ : -", tag->text);
    if (input->client && !order_name_is_valid(input->client))
        return api_refuse(refusal, "invalid_value",
                          "X-Client is not a name: 1 to 64 of A-Z a-z 0-9 . _ -");
    if (input->client && text_copy(out->client, sizeof(out->client), input->client))
        return ERR_INVALID;
    return text_copy(out->tag, sizeof(out->tag), tag->text);
}

/* --- rules --- */

static enum err read_symbol(struct order_request *out, const struct order_input *input,
                            const struct field_value *values, struct api_refusal *refusal)
{
    struct error error;

    if (!values[F_SYMBOL].given)
        return api_refuse(refusal, "missing_field", "symbol is missing");
    if (api_parse_symbol(values[F_SYMBOL].text, values[F_CATEGORY].text, input->default_category,
                         &out->category, out->symbol, &error))
        return api_refuse(refusal, "invalid_symbol", "%s", error.text);
    return ERR_NONE;
}

/* Without `type` an order with a price is a limit order, one without is a market order. */
static enum err read_price(struct order_request *out, const struct field_value *values,
                           struct api_refusal *refusal)
{
    if (values[F_TYPE].given)
        out->type = (enum order_type)values[F_TYPE].number;
    else
        out->type = values[F_PRICE].given ? ORDER_TYPE_LIMIT : ORDER_TYPE_MARKET;
    out->price = values[F_PRICE].decimal;
    out->tif = (enum tif)values[F_TIF].number;
    if (out->type == ORDER_TYPE_LIMIT) {
        if (!values[F_PRICE].given)
            return api_refuse(refusal, "missing_field", "a limit order needs a price");
        if (out->tif == TIF_NONE)
            out->tif = TIF_GTC;
        return ERR_NONE;
    }
    if (values[F_PRICE].given)
        return api_refuse(refusal, "field_not_allowed",
                          "a market order takes no price: leave price out, or say type=limit");
    if (out->tif != TIF_NONE && out->tif != TIF_IOC)
        return api_refuse(refusal, "field_not_allowed",
                          "a market order is always ioc: tif %s is for limit orders",
                          values[F_TIF].text);
    out->tif = TIF_IOC;
    return ERR_NONE;
}

/* Exactly one of qty, quote_qty and notional. */
static enum err read_one_size(const struct field_value *values, struct api_refusal *refusal)
{
    static const enum order_field sizes[] = { F_QTY, F_QUOTE_QTY, F_NOTIONAL };
    const struct field *first = NULL;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (!values[sizes[i]].given)
            continue;
        if (first)
            return api_refuse(refusal, "field_not_allowed", "give %s or %s, not both", first->name,
                              fields[sizes[i]].name);
        first = &fields[sizes[i]];
    }
    if (!first)
        return api_refuse(refusal, "missing_field", "qty is missing");
    return ERR_NONE;
}

static enum err read_qty(struct order_request *out, struct decimal *notional,
                         const struct field_value *values, struct api_refusal *refusal)
{
    bool may_quote = out->category == CATEGORY_SPOT && out->type == ORDER_TYPE_MARKET;

    if (read_one_size(values, refusal))
        return ERR_INVALID;
    if (values[F_QUOTE_QTY].given && values[F_MARKET_UNIT].given)
        return api_refuse(refusal, "field_not_allowed", "give quote_qty or market_unit, not both");
    if (!may_quote && (values[F_QUOTE_QTY].given || values[F_MARKET_UNIT].given))
        return api_refuse(refusal, "field_not_allowed", "%s is for spot market orders only",
                          values[F_QUOTE_QTY].given ? "quote_qty" : "market_unit");
    if (values[F_NOTIONAL].given && values[F_MARKET_UNIT].given)
        return api_refuse(refusal, "field_not_allowed", "give notional or market_unit, not both");
    out->qty_in_quote = values[F_QUOTE_QTY].given || values[F_MARKET_UNIT].number == 1;
    out->qty = values[values[F_QUOTE_QTY].given ? F_QUOTE_QTY : F_QTY].decimal;
    *notional = values[F_NOTIONAL].decimal;
    return ERR_NONE;
}

static enum err read_rest(struct order_request *out, const struct field_value *values,
                          struct api_refusal *refusal)
{
    if (!values[F_SIDE].given)
        return api_refuse(refusal, "missing_field", "side is missing: buy or sell");
    out->side = (enum side)values[F_SIDE].number;
    out->reduce_only = values[F_REDUCE_ONLY].number == 1;
    out->close_on_trigger = values[F_CLOSE_ON_TRIGGER].number == 1;
    if (out->category == CATEGORY_OPTION && out->close_on_trigger)
        return api_refuse(refusal, "field_not_allowed",
                          "close_on_trigger is for linear and inverse: options have no triggers");
    if (out->category == CATEGORY_SPOT && (out->reduce_only || out->close_on_trigger))
        return api_refuse(refusal, "field_not_allowed", "%s is not for spot: there is no position",
                          out->reduce_only ? "reduce_only" : "close_on_trigger");
    return ERR_NONE;
}

enum err order_body_read(struct order_request *out, struct decimal *notional,
                         const struct order_input *input, struct api_refusal *refusal)
{
    struct field_value values[F_COUNT];
    enum err err;

    order_request_clear(out);
    *notional = DECIMAL_NONE;
    err = fields_read(fields, F_COUNT, input->body, input->body_bytes, input->body_is_form, values,
                      refusal);
    if (err)
        return err;
    if ((err = read_key(out, input, &values[F_CLIENT_ID], refusal)) ||
        (err = read_names(out, input, &values[F_TAG], refusal)) ||
        (err = read_symbol(out, input, values, refusal)) ||
        (err = read_rest(out, values, refusal)) || (err = read_price(out, values, refusal)) ||
        (err = read_qty(out, notional, values, refusal)) ||
        (err = order_more_read(out, values, refusal)))
        return err;
    order_body_hash(out, notional, out->body_hash);
    return ERR_NONE;
}

/* --- the hash --- */

static void add_decimal(struct text *text, const char *name, const struct decimal *value)
{
    char digits[DECIMAL_TEXT_MAX];
    struct decimal trimmed;

    if (decimal_is_none(value))
        return;
    trimmed = decimal_trim(*value);
    text_addf(text, "%s=%s\n", name, decimal_format(&trimmed, digits));
}

static void add_word(struct text *text, const char *name, const char *word)
{
    if (word[0])
        text_addf(text, "%s=%s\n", name, word);
}

/* One line a member that says something, so that members of later versions do not change older
 * hashes. */
void order_body_hash(const struct order_request *request, const struct decimal *notional,
                     unsigned char out[32])
{
    char lines[1600];
    struct text text = text_in(lines, sizeof(lines));

    text_addf(&text, "category=%s\nsymbol=%s\nside=%s\ntype=%s\ntif=%s\n",
              category_word(request->category), request->symbol, side_word(request->side),
              order_type_word(request->type), tif_word(request->tif));
    add_decimal(&text, request->qty_in_quote ? "quote_qty" : "qty", &request->qty);
    add_decimal(&text, "price", &request->price);
    add_decimal(&text, "trigger_price", &request->trigger_price);
    add_decimal(&text, "take_profit", &request->take_profit);
    add_decimal(&text, "stop_loss", &request->stop_loss);
    if (request->trigger_direction)
        text_addf(&text, "trigger_direction=%d\n", request->trigger_direction);
    if (request->reduce_only)
        text_add(&text, "reduce_only\n");
    if (request->close_on_trigger)
        text_add(&text, "close_on_trigger\n");
    if (request->position_idx)
        text_addf(&text, "position_idx=%d\n", request->position_idx);
    if (request->tag[0])
        text_addf(&text, "tag=%s\n", request->tag);
    add_decimal(&text, "notional", notional);
    add_word(&text, "trigger_by", trigger_by_word(request->trigger_by));
    add_word(&text, "spot_trigger", spot_trigger_word(request->spot_trigger));
    add_word(&text, "tp_trigger_by", trigger_by_word(request->take_profit_by));
    add_word(&text, "sl_trigger_by", trigger_by_word(request->stop_loss_by));
    add_decimal(&text, "tp_limit_price", &request->take_profit_limit);
    add_decimal(&text, "sl_limit_price", &request->stop_loss_limit);
    add_word(&text, "slippage_type", slippage_word(request->slippage_kind));
    add_decimal(&text, "slippage", &request->slippage);
    add_word(&text, "smp", smp_word(request->smp));
    if (request->is_leverage)
        text_add(&text, "is_leverage\n");
    assert(text_fits(&text)); /* two different orders would look alike */
    sha256(lines, text.bytes, out);
}
