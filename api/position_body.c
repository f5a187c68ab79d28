#include "api/position_body.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "api/order_body.h"
#include "base/text.h"

enum target_field { T_QTY, T_IDX, T_CLIENT_ID, T_COUNT };

static const struct field target_fields[T_COUNT] = {
    [T_QTY] = { "qty", { NULL }, FIELD_SIGNED, NULL, NULL },
    [T_IDX] = { "position_idx", { "positionIdx" }, FIELD_INT, NULL, NULL },
    [T_CLIENT_ID] = { "client_id", { "orderLinkId", "order_link_id" }, FIELD_TEXT, NULL, NULL },
};

const struct field *position_target_fields(size_t *count)
{
    *count = T_COUNT;
    return target_fields;
}

static void add_decimal(struct text *text, const char *name, const struct decimal *value)
{
    char digits[DECIMAL_TEXT_MAX];
    struct decimal trimmed;

    if (decimal_is_none(value))
        return;
    trimmed = decimal_trim(*value);
    text_addf(text, "%s=%s\n", name, decimal_format(&trimmed, digits));
}

/* Of what was asked for: the orders that come of it differ from time to time. */
static void hash(struct position_wish *wish, const struct position_call *position)
{
    char lines[400];
    struct text text = text_in(lines, sizeof(lines));
    unsigned int bytes = 0;

    text_addf(&text, "%s\ncategory=%s\nsymbol=%s\nposition_idx=%d\n",
              wish->is_close ? "close" : "target", category_word(position->category),
              position->symbol, position->idx > 0 ? (int)position->idx : 0);
    add_decimal(&text, "target", &wish->target);
    add_decimal(&text, "qty", &wish->share.qty);
    add_decimal(&text, "percent", &wish->share.percent);
    if (EVP_Digest(lines, text.bytes, wish->base.body_hash, &bytes, EVP_sha256(), NULL) != 1 ||
        bytes != sizeof(wish->base.body_hash))
        abort(); /* no memory: a hash of nothing would say "same" of different ones */
}

static bool is_key(const char *key)
{
    size_t bytes = strlen(key);

    for (const char *at = key; *at; at++) {
        if (*at < 0x20 || *at > 0x7e)
            return false;
    }
    return bytes > 0 && bytes < CLIENT_ID_MAX - 3;
}

static enum err read_key(struct position_wish *wish, const struct api_call *call,
                         const struct field_value *field, struct api_refusal *refusal)
{
    const char *header = call->idempotency_key;
    const char *key = header ? header : field->text;

    if (!header && !field->given)
        return ERR_NONE;
    if (!is_key(key)) /* room for the number of an order */
        return api_refuse(refusal, "invalid_client_id",
                          "the key must be 1 to 125 printable ASCII characters");
    if (header && field->given && strcmp(header, field->text) != 0)
        return api_refuse(refusal, "client_id_conflict",
                          "Idempotency-Key is \"%s\", client_id is \"%s\"", header, field->text);
    wish->base.client_key = true;
    order_key_to_link(key, wish->base.link);
    return text_copy(wish->base.client_id, sizeof(wish->base.client_id), key);
}

/* Of the query: DELETE has no body. */
static enum err read_share(struct decimal *out, const struct api_call *call, const char *name,
                           struct api_refusal *refusal)
{
    const char *text = api_query(call, name);

    if (!text)
        return ERR_NONE;
    if (decimal_parse(out, text))
        return api_refuse(refusal, "invalid_number", "%s \"%s\" is not a decimal number", name,
                          text);
    if (decimal_sign(out) <= 0)
        return api_refuse(refusal, "invalid_value", "%s must be above 0: leave it out to close all",
                          name);
    return ERR_NONE;
}

static enum err read_close(struct position_wish *wish, const struct api_call *call,
                           struct api_refusal *refusal)
{
    const struct decimal hundred = decimal_from_int(100);

    if (read_share(&wish->share.qty, call, "qty", refusal) ||
        read_share(&wish->share.percent, call, "percent", refusal))
        return ERR_INVALID;
    if (!decimal_is_none(&wish->share.qty) && !decimal_is_none(&wish->share.percent))
        return api_refuse(refusal, "field_not_allowed", "give qty or percent, not both");
    if (decimal_cmp(&wish->share.percent, &hundred) > 0)
        return api_refuse(refusal, "invalid_value", "percent is at most 100");
    return ERR_NONE;
}

static enum err read_target(struct position_wish *wish, const struct field_value *values,
                            struct api_refusal *refusal)
{
    if (!values[T_QTY].given)
        return api_refuse(refusal, "missing_field",
                          "qty is missing: the size to have, below 0 for short, 0 for none");
    wish->target = values[T_QTY].decimal;
    return ERR_NONE;
}

enum err position_body_read(struct position_wish *wish, struct position_call *position,
                            const struct api *api, struct api_call *call, bool *later,
                            struct api_refusal *refusal)
{
    struct field_value values[T_COUNT] = { { .decimal = DECIMAL_NONE } };

    *later = false;
    wish->target = wish->share.qty = wish->share.percent = DECIMAL_NONE;
    order_request_clear(&wish->base);
    if (!wish->is_close && fields_read(target_fields, T_COUNT, call->body, call->body_bytes,
                                       call->body_is_form, values, refusal))
        return ERR_INVALID;
    if (position_call_read(position, api, call, &values[T_IDX], later, refusal) ||
        position_call_client(call, wish->base.client, refusal) ||
        (wish->is_close ? read_close(wish, call, refusal) : read_target(wish, values, refusal)) ||
        read_key(wish, call, &values[T_CLIENT_ID], refusal))
        return ERR_INVALID;
    wish->base.category = position->category;
    memcpy(wish->base.symbol, position->symbol, sizeof(wish->base.symbol));
    hash(wish, position);
    return ERR_NONE;
}
