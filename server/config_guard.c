/* The guard's limits, as a ceiling: a setter and a shower each. */
#include <string.h>

#include "engine/guard_text.h"
#include "server/config_parts.h"

/* A symbol's category until all options are read: the default one may come behind it. */
#define CATEGORY_LATER ((enum category)CATEGORY_COUNT)

static enum err set_limit(struct guard_limits *limits, enum guard_limit limit, const char *value,
                          struct error *error)
{
    /* A list that comes out empty is rather a variable that was not set than the wish to trade
     * nothing. */
    if (!value[0])
        return error_set(error, ERR_INVALID, "give a value, or leave the option out");
    return guard_parse_value(limits, limit, value, CATEGORY_LATER, error);
}

enum err config_set_guard_order_notional(struct config *config, const char *value,
                                         struct error *error)
{
    return set_limit(&config->guard_ceiling.all, GUARD_MAX_ORDER_NOTIONAL, value, error);
}

enum err config_set_guard_open_notional(struct config *config, const char *value,
                                        struct error *error)
{
    return set_limit(&config->guard_ceiling.all, GUARD_MAX_OPEN_NOTIONAL, value, error);
}

enum err config_set_guard_orders_per_minute(struct config *config, const char *value,
                                            struct error *error)
{
    return set_limit(&config->guard_ceiling.all, GUARD_MAX_ORDERS_PER_MINUTE, value, error);
}

enum err config_set_guard_symbols(struct config *config, const char *value, struct error *error)
{
    return set_limit(&config->guard_ceiling.all, GUARD_SYMBOLS, value, error);
}

enum err config_set_guard_categories(struct config *config, const char *value, struct error *error)
{
    return set_limit(&config->guard_ceiling.all, GUARD_CATEGORIES, value, error);
}

enum err config_set_guard_leverage(struct config *config, const char *value, struct error *error)
{
    return set_limit(&config->guard_ceiling.all, GUARD_MAX_LEVERAGE, value, error);
}

enum err config_set_guard_reduce_only(struct config *config, const char *value, struct error *error)
{
    bool on = false;

    if (config_parse_switch(&on, value, error))
        return ERR_INVALID;
    return guard_parse_value(&config->guard_ceiling.all, GUARD_REDUCE_ONLY_MODE,
                             on ? "true" : "false", CATEGORY_LATER, error);
}

/* "bot1:symbols=BTCUSDT,spot:ETHUSDT" */
enum err config_set_guard_client(struct config *config, const char *value, struct error *error)
{
    const char *colon = strchr(value, ':');
    const char *equals = colon ? strchr(colon, '=') : NULL;
    enum guard_limit limit = GUARD_LIMIT_COUNT;
    struct guard_limits *limits;
    char name[TAG_MAX];
    char word[48];

    if (!equals || text_copy_n(word, sizeof(word), colon + 1, (size_t)(equals - colon - 1)))
        return error_set(error, ERR_INVALID,
                         "use NAME:LIMIT=VALUE, for example bot1:max_order_notional=1000");
    if (text_copy_n(name, sizeof(name), value, (size_t)(colon - value)) ||
        !guard_client_is_valid(name))
        return error_set(error, ERR_INVALID, "use a name as in X-Client: 1 to 64 of A-Za-z0-9._-");
    if (guard_parse_limit(word, &limit, error))
        return ERR_INVALID;
    limits = guard_client_slot(&config->guard_ceiling, name, GUARD_NAMED_MAX);
    if (!limits)
        return error_set(error, ERR_INVALID, "at most %d names", GUARD_NAMED_MAX);
    return set_limit(limits, limit, equals + 1, error);
}

/* --- once all are read --- */

static void finish_symbols(struct guard_limits *limits, enum category category)
{
    struct guard_symbol symbols[GUARD_SYMBOLS_MAX];
    size_t count = limits->symbols_count;

    memcpy(symbols, limits->symbols, sizeof(symbols));
    limits->symbols_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (symbols[i].category == CATEGORY_LATER)
            symbols[i].category = category;
        if (guard_add_symbol(limits, &symbols[i]))
            return; /* as many as before, at most */
    }
}

void config_finish_guard(struct config *config)
{
    struct guard_rules *rules = &config->guard_ceiling;
    size_t kept = 0;

    finish_symbols(&rules->all, config->default_category);
    for (size_t i = 0; i < rules->clients_count; i++) {
        finish_symbols(&rules->clients[i].limits, config->default_category);
        if (rules->clients[i].limits.set)
            rules->clients[kept++] = rules->clients[i];
    }
    rules->clients_count = kept;
    config->has_guard_ceiling = rules->all.set || kept > 0;
}

/* --- shown --- */

static void show_limit(const struct config *config, enum guard_limit limit, struct text *out)
{
    if (config->guard_ceiling.all.set & GUARD_BIT(limit))
        guard_show_value(out, &config->guard_ceiling.all, limit);
    else
        text_add(out, "(none)");
}

void config_show_guard_order_notional(const struct config *config, struct text *out)
{
    show_limit(config, GUARD_MAX_ORDER_NOTIONAL, out);
}

void config_show_guard_open_notional(const struct config *config, struct text *out)
{
    show_limit(config, GUARD_MAX_OPEN_NOTIONAL, out);
}

void config_show_guard_orders_per_minute(const struct config *config, struct text *out)
{
    show_limit(config, GUARD_MAX_ORDERS_PER_MINUTE, out);
}

void config_show_guard_symbols(const struct config *config, struct text *out)
{
    show_limit(config, GUARD_SYMBOLS, out);
}

void config_show_guard_categories(const struct config *config, struct text *out)
{
    show_limit(config, GUARD_CATEGORIES, out);
}

void config_show_guard_leverage(const struct config *config, struct text *out)
{
    show_limit(config, GUARD_MAX_LEVERAGE, out);
}

void config_show_guard_reduce_only(const struct config *config, struct text *out)
{
    bool on = config->guard_ceiling.all.set & GUARD_BIT(GUARD_REDUCE_ONLY_MODE);

    text_add(out, on ? "true" : "false");
}

static void show_client(const struct guard_client *client, struct text *out)
{
    for (unsigned i = 0; i < GUARD_LIMIT_COUNT; i++) {
        enum guard_limit limit = (enum guard_limit)i;

        if (!(client->limits.set & GUARD_BIT(limit)))
            continue;
        text_addf(out, "%s%s:%s=", out->bytes ? " " : "", client->name, guard_limit_word(limit));
        guard_show_value(out, &client->limits, limit);
    }
}

void config_show_guard_clients(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->guard_ceiling.clients_count; i++)
        show_client(&config->guard_ceiling.clients[i], out);
}
