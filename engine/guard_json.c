#include "engine/guard_json.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "engine/guard_text.h"

#define PATH_MAX_BYTES 112 /* "clients.", a name, a limit */

/* --- writing --- */

static void add_symbols(struct buffer *out, const struct guard_limits *limits)
{
    char shown[SYMBOL_MAX + 16];

    json_add_open(out, '[');
    for (size_t i = 0; i < limits->symbols_count; i++) {
        struct text text = text_in(shown, sizeof(shown));

        text_addf(&text, "%s:%s", category_word(limits->symbols[i].category),
                  limits->symbols[i].symbol);
        json_add_text(out, shown);
    }
    json_add_close(out, ']');
}

static void add_categories(struct buffer *out, unsigned categories)
{
    json_add_open(out, '[');
    for (unsigned i = 0; i < CATEGORY_COUNT; i++) {
        if (categories & (1U << i))
            json_add_text(out, category_word((enum category)i));
    }
    json_add_close(out, ']');
}

static void add_value(struct buffer *out, const struct guard_limits *limits, enum guard_limit limit)
{
    switch (limit) {
    case GUARD_MAX_ORDER_NOTIONAL:
        json_add_decimal(out, &limits->max_order_notional);
        return;
    case GUARD_MAX_OPEN_NOTIONAL:
        json_add_decimal(out, &limits->max_open_notional);
        return;
    case GUARD_MAX_ORDERS_PER_MINUTE:
        json_add_int(out, limits->max_orders_per_minute);
        return;
    case GUARD_SYMBOLS:
        add_symbols(out, limits);
        return;
    case GUARD_CATEGORIES:
        add_categories(out, limits->categories);
        return;
    case GUARD_MAX_LEVERAGE:
        json_add_decimal(out, &limits->max_leverage);
        return;
    case GUARD_REDUCE_ONLY_MODE:
        json_add_bool(out, true);
        return;
    case GUARD_LIMIT_COUNT:
        return;
    }
}

void guard_add_limits(struct buffer *out, const struct guard_limits *limits)
{
    for (unsigned i = 0; i < GUARD_LIMIT_COUNT; i++) {
        enum guard_limit limit = (enum guard_limit)i;

        json_add_key(out, guard_limit_word(limit));
        if (limits->set & GUARD_BIT(limit))
            add_value(out, limits, limit);
        else if (limit == GUARD_REDUCE_ONLY_MODE)
            json_add_bool(out, false);
        else
            json_add_null(out);
    }
}

void guard_add_rules(struct buffer *out, const struct guard_rules *rules, bool with_clients)
{
    json_add_open(out, '{');
    guard_add_limits(out, &rules->all);
    if (with_clients) {
        json_add_key(out, "clients");
        json_add_open(out, '{');
        for (size_t i = 0; i < rules->clients_count; i++) {
            json_add_key(out, rules->clients[i].name);
            json_add_open(out, '{');
            guard_add_limits(out, &rules->clients[i].limits);
            json_add_close(out, '}');
        }
        json_add_close(out, '}');
    }
    json_add_close(out, '}');
}

/* --- reading --- */

/* Puts `where` before what is wrong. */
static enum err at_member(const char *where, const struct error *why, struct error *error)
{
    return error_set(error, ERR_INVALID, "%s: %s", where, why->text);
}

static enum err wrong_type(const char *where, const char *expected, struct error *error)
{
    return error_set(error, ERR_INVALID, "%s: give %s", where, expected);
}

static enum err read_list(struct guard_limits *limits, enum guard_limit limit,
                          const struct json *value, enum category default_category,
                          const char *where, struct error *error)
{
    struct json_walk walk = json_walk(value);
    struct json item;
    struct error why;
    char text[SYMBOL_MAX + 16];

    if (value->type != JSON_ARRAY)
        return wrong_type(where, "a list of texts, or null", error);
    while (json_next(&walk, NULL, &item)) {
        if (item.type != JSON_STRING)
            return wrong_type(where, "a list of texts, or null", error);
        if (json_text(&item, text, sizeof(text)))
            return wrong_type(where, "shorter names", error);
        if (guard_parse_item(limits, limit, text, default_category, &why))
            return at_member(where, &why, error);
    }
    limits->set |= GUARD_BIT(limit);
    return ERR_NONE;
}

static enum err read_mode(struct guard_change *change, const struct json *value, const char *where,
                          struct error *error)
{
    if (value->type != JSON_TRUE && value->type != JSON_FALSE)
        return wrong_type(where, "true, false or null", error);
    if (value->type == JSON_TRUE)
        change->limits.set |= GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    change->mode_off = value->type == JSON_FALSE;
    return ERR_NONE;
}

static enum err read_number(struct guard_limits *limits, enum guard_limit limit,
                            const struct json *value, const char *where, struct error *error)
{
    char text[DECIMAL_TEXT_MAX + 16];
    struct error why;

    if (value->type != JSON_NUMBER && value->type != JSON_STRING)
        return wrong_type(where, "a number, as in 60 or \"60\", or null", error);
    if (json_text(value, text, sizeof(text)))
        return wrong_type(where, "a number of fewer digits", error);
    if (guard_parse_value(limits, limit, text, CATEGORY_LINEAR, &why))
        return at_member(where, &why, error);
    return ERR_NONE;
}

static enum err read_limit(struct guard_change *change, enum guard_limit limit,
                           const struct json *value, enum category default_category,
                           const char *where, struct error *error)
{
    change->named |= GUARD_BIT(limit);
    if (value->type == JSON_NULL)
        return ERR_NONE;
    if (limit == GUARD_SYMBOLS || limit == GUARD_CATEGORIES)
        return read_list(&change->limits, limit, value, default_category, where, error);
    if (limit == GUARD_REDUCE_ONLY_MODE)
        return read_mode(change, value, where, error);
    return read_number(&change->limits, limit, value, where, error);
}

/* One member called `name` of the limits of `client` ("": of all). */
static enum err read_member(struct guard_change *change, const char *client, const char *name,
                            const struct json *value, enum category default_category,
                            struct error *error)
{
    char where[PATH_MAX_BYTES];
    struct text path = text_in(where, sizeof(where));
    enum guard_limit limit = GUARD_LIMIT_COUNT;
    struct error why;

    if (guard_parse_limit(name, &limit, &why))
        return client[0] ? error_set(error, ERR_INVALID, "clients.%s: %s", client, why.text)
                         : error_set(error, ERR_INVALID, "%s", why.text);
    text_addf(&path, "%s%s%s%s", client[0] ? "clients." : "", client, client[0] ? "." : "",
              guard_limit_word(limit));
    return read_limit(change, limit, value, default_category, where, error);
}

/* A name too long for any limit is as unknown as another. */
static void name_of(const struct json *key, char *out, size_t out_bytes)
{
    if (json_text(key, out, out_bytes))
        text_cut(out, out_bytes, "(a long name)");
}

static enum err read_client(struct guard_change *change, const char *client,
                            const struct json *limits, enum category default_category,
                            struct error *error)
{
    struct json_walk walk = json_walk(limits);
    struct json key;
    struct json value;
    char name[48];

    while (json_next(&walk, &key, &value)) {
        name_of(&key, name, sizeof(name));
        if (read_member(change, client, name, &value, default_category, error))
            return ERR_INVALID;
    }
    return ERR_NONE;
}

static enum err read_client_name(const struct json *key, char name[TAG_MAX], struct error *error)
{
    if (json_text(key, name, TAG_MAX) || !guard_client_is_valid(name))
        return error_set(error, ERR_INVALID,
                         "clients: a name is what X-Client may be, 1 to 64 of A-Za-z0-9._-");
    return ERR_NONE;
}

static enum err read_clients(struct guard_patch *out, const struct json *clients,
                             enum category default_category, struct error *error)
{
    struct json_walk walk = json_walk(clients);
    struct json key;
    struct json value;

    if (clients->type != JSON_OBJECT)
        return wrong_type("clients", "an object of names, each with its limits or null", error);
    while (json_next(&walk, &key, &value)) {
        size_t i = out->clients_count;

        if (i == GUARD_NAMED_MAX)
            return error_set(error, ERR_INVALID, "clients: more than %d names", GUARD_NAMED_MAX);
        if (read_client_name(&key, out->clients[i].name, error))
            return ERR_INVALID;
        out->clients[i].remove = value.type == JSON_NULL;
        if (value.type != JSON_NULL && value.type != JSON_OBJECT)
            return error_set(error, ERR_INVALID, "clients.%s: give an object of limits, or null",
                             out->clients[i].name);
        if (value.type == JSON_OBJECT && read_client(&out->clients[i].change, out->clients[i].name,
                                                     &value, default_category, error))
            return ERR_INVALID;
        out->clients_count++;
    }
    return ERR_NONE;
}

enum err guard_read_patch(struct guard_patch *out, const struct json *object,
                          enum category default_category, struct error *error)
{
    struct json_walk walk = json_walk(object);
    struct json key;
    struct json value;
    char name[48];

    *out = (struct guard_patch){ 0 };
    if (object->type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "give a JSON object of limits");
    while (json_next(&walk, &key, &value)) {
        enum err err;

        name_of(&key, name, sizeof(name));
        err = strcmp(name, "clients") == 0
                  ? read_clients(out, &value, default_category, error)
                  : read_member(&out->all, "", name, &value, default_category, error);
        if (err)
            return err;
    }
    return ERR_NONE;
}

/* --- what the journal keeps --- */

void guard_add_state(struct buffer *out, const struct guard_state *state)
{
    json_add_open(out, '{');
    json_add_key(out, "killed");
    json_add_bool(out, state->killed);
    json_add_key(out, "clear");
    json_add_bool(out, state->clear);
    json_add_key(out, "since");
    json_add_int(out, state->since_ms);
    json_add_key(out, "reason");
    json_add_text(out, state->reason);
    json_add_key(out, "by");
    json_add_text(out, state->by);
    json_add_key(out, "limits");
    guard_add_rules(out, &state->rules, true);
    json_add_close(out, '}');
}

static enum err read_flag(const struct json *object, const char *name, bool *out)
{
    struct json value;

    if (!json_member(object, name, &value) || (value.type != JSON_TRUE && value.type != JSON_FALSE))
        return ERR_INVALID;
    *out = value.type == JSON_TRUE;
    return ERR_NONE;
}

/* A text that was cut in the middle of a character comes back with U+FFFD there, which is longer:
 * so more is read than is kept, and cut between characters. */
static enum err read_cut(const struct json *object, const char *name, char *out, size_t out_bytes)
{
    char text[512];
    size_t bytes;

    if (json_member_text(object, name, text, sizeof(text)))
        return ERR_INVALID;
    bytes = strlen(text);
    if (bytes >= out_bytes) {
        bytes = out_bytes - 1;
        while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
            bytes--;
    }
    return text_copy_n(out, out_bytes, text, bytes);
}

static enum err read_kill(struct guard_state *out, const struct json *object, struct error *error)
{
    if (read_flag(object, "killed", &out->killed) || read_flag(object, "clear", &out->clear) ||
        json_member_int(object, "since", &out->since_ms) ||
        read_cut(object, "reason", out->reason, sizeof(out->reason)) ||
        read_cut(object, "by", out->by, sizeof(out->by)))
        return error_set(error, ERR_INVALID,
                         "the stored guard lacks killed, clear, since, reason or by");
    return ERR_NONE;
}

enum err guard_read_state(struct guard_state *out, const char *text, size_t bytes,
                          struct error *error)
{
    struct guard_patch patch;
    struct json object;
    struct json limits;

    *out = (struct guard_state){ 0 };
    if (json_open(&object, text, bytes, error) || read_kill(out, &object, error))
        return ERR_INVALID;
    if (!json_member(&object, "limits", &limits))
        return error_set(error, ERR_INVALID, "the stored guard lacks limits");
    if (guard_read_patch(&patch, &limits, CATEGORY_LINEAR, error))
        return ERR_INVALID;
    return guard_apply(&out->rules, &patch, NULL, error) ? ERR_INVALID : ERR_NONE;
}
