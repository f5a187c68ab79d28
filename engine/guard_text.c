#include "engine/guard_text.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/text.h"

#define SHOWN_MAX 48

/* What a person wrote, short and without control characters. */
static const char *show(const char *text, char out[SHOWN_MAX])
{
    size_t i = 0;

    for (; text[i] && i < SHOWN_MAX - 1; i++)
        out[i] = (char)((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
    out[i] = '\0';
    return out;
}

enum err guard_parse_limit(const char *word, enum guard_limit *out, struct error *error)
{
    const char *words[GUARD_LIMIT_COUNT];
    const char *nearest;
    char shown[SHOWN_MAX];

    for (unsigned i = 0; i < GUARD_LIMIT_COUNT; i++) {
        words[i] = guard_limit_word((enum guard_limit)i);
        if (strcmp(words[i], word) == 0) {
            *out = (enum guard_limit)i;
            return ERR_NONE;
        }
    }
    nearest = text_nearest(word, words, GUARD_LIMIT_COUNT);
    return error_set(error, ERR_INVALID, "there is no limit \"%s\"%s%s", show(word, shown),
                     nearest ? "; nearest: " : "", nearest ? nearest : "");
}

static enum err parse_amount(struct decimal *out, const char *text, const char *what,
                             struct error *error)
{
    struct decimal value;
    char shown[SHOWN_MAX];

    if (decimal_parse(&value, text) || decimal_sign(&value) <= 0)
        return error_set(error, ERR_INVALID, "\"%s\" is not %s", show(text, shown), what);
    *out = value;
    return ERR_NONE;
}

static enum err parse_count(int *out, const char *text, struct error *error)
{
    const struct decimal max = decimal_from_int(GUARD_ORDERS_MINUTE_MAX);
    struct decimal value;
    char shown[SHOWN_MAX];

    if (decimal_parse(&value, text) || value.scale > 0 || text[0] == '-' ||
        decimal_cmp(&value, &max) > 0)
        return error_set(error, ERR_INVALID, "\"%s\" is not a whole number from 0 to %d",
                         show(text, shown), GUARD_ORDERS_MINUTE_MAX);
    *out = (int)value.mantissa;
    return ERR_NONE;
}

static enum err parse_switch(struct guard_limits *limits, const char *text, struct error *error)
{
    char shown[SHOWN_MAX];

    if (strcmp(text, "true") == 0)
        limits->set |= GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    else if (strcmp(text, "false") == 0)
        limits->set &= ~GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    else
        return error_set(error, ERR_INVALID, "\"%s\" is neither true nor false", show(text, shown));
    return ERR_NONE;
}

/* "BTCUSDT", "spot:btcusdt": the symbol grammar of the whole API. */
static enum err parse_symbol(struct guard_symbol *out, const char *text,
                             enum category default_category, struct error *error)
{
    const char *colon = strchr(text, ':');
    const char *name = colon ? colon + 1 : text;
    char prefix[16];
    char shown[SHOWN_MAX];

    *out = (struct guard_symbol){ .category = default_category };
    if (colon && (text_copy_n(prefix, sizeof(prefix), text, (size_t)(colon - text)) ||
                  !category_parse(prefix, &out->category)))
        return error_set(error, ERR_INVALID,
                         "\"%s\": before the colon stands spot, linear, inverse or option",
                         show(text, shown));
    text_cut(out->symbol, sizeof(out->symbol), name);
    for (char *at = out->symbol; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    if (strlen(name) >= SYMBOL_MAX || !symbol_is_valid(out->symbol))
        return error_set(error, ERR_INVALID, "\"%s\" is not a symbol: letters, digits, - and .",
                         show(text, shown));
    return ERR_NONE;
}

static enum err add_symbol(struct guard_limits *limits, const char *text,
                           enum category default_category, struct error *error)
{
    struct guard_symbol symbol;

    if (parse_symbol(&symbol, text, default_category, error))
        return ERR_INVALID;
    if (guard_add_symbol(limits, &symbol))
        return error_set(error, ERR_INVALID, "more than %d symbols", GUARD_SYMBOLS_MAX);
    return ERR_NONE;
}

static enum err add_category(struct guard_limits *limits, const char *text, struct error *error)
{
    enum category category;
    char shown[SHOWN_MAX];

    if (!category_parse(text, &category))
        return error_set(error, ERR_INVALID, "\"%s\" is none of spot, linear, inverse, option",
                         show(text, shown));
    limits->categories |= 1U << category;
    return ERR_NONE;
}

enum err guard_parse_item(struct guard_limits *limits, enum guard_limit limit, const char *text,
                          enum category default_category, struct error *error)
{
    assert(limit == GUARD_SYMBOLS || limit == GUARD_CATEGORIES);
    return limit == GUARD_SYMBOLS ? add_symbol(limits, text, default_category, error)
                                  : add_category(limits, text, error);
}

static enum err parse_list(struct guard_limits *limits, enum guard_limit limit, const char *text,
                           enum category default_category, struct error *error)
{
    const char *at = text;

    if (limit == GUARD_SYMBOLS)
        limits->symbols_count = 0;
    else
        limits->categories = 0;
    if (!*text)
        return ERR_NONE;
    for (;; at++) {
        char item[SYMBOL_MAX + 16];
        size_t bytes;

        at += strspn(at, " ");
        bytes = strcspn(at, ",");
        if (text_copy_n(item, sizeof(item), at, bytes))
            return error_set(error, ERR_INVALID, "\"%.40s\" is too long for a name", at);
        if (guard_parse_item(limits, limit, item, default_category, error))
            return ERR_INVALID;
        at += bytes;
        if (!*at)
            return ERR_NONE;
    }
}

static enum err parse_into(struct guard_limits *limits, enum guard_limit limit, const char *text,
                           enum category default_category, struct error *error)
{
    switch (limit) {
    case GUARD_MAX_ORDER_NOTIONAL:
        return parse_amount(&limits->max_order_notional, text,
                            "an amount of USD above 0, as in 10000 or 2500.50", error);
    case GUARD_MAX_OPEN_NOTIONAL:
        return parse_amount(&limits->max_open_notional, text,
                            "an amount of USD above 0, as in 10000 or 2500.50", error);
    case GUARD_MAX_ORDERS_PER_MINUTE:
        return parse_count(&limits->max_orders_per_minute, text, error);
    case GUARD_MAX_LEVERAGE:
        return parse_amount(&limits->max_leverage, text, "a number above 0, as in 5 or 12.5",
                            error);
    case GUARD_SYMBOLS:
    case GUARD_CATEGORIES:
        return parse_list(limits, limit, text, default_category, error);
    case GUARD_REDUCE_ONLY_MODE:
        return parse_switch(limits, text, error);
    case GUARD_LIMIT_COUNT:
        break;
    }
    return ERR_INVALID;
}

enum err guard_parse_value(struct guard_limits *limits, enum guard_limit limit, const char *text,
                           enum category default_category, struct error *error)
{
    if (parse_into(limits, limit, text, default_category, error))
        return ERR_INVALID;
    if (limit != GUARD_REDUCE_ONLY_MODE)
        limits->set |= GUARD_BIT(limit);
    return ERR_NONE;
}

static void show_symbols(struct text *out, const struct guard_limits *limits)
{
    for (size_t i = 0; i < limits->symbols_count; i++)
        text_addf(out, "%s%s:%s", i ? "," : "", category_word(limits->symbols[i].category),
                  limits->symbols[i].symbol);
}

static void show_categories(struct text *out, unsigned categories)
{
    const char *between = "";

    for (unsigned i = 0; i < CATEGORY_COUNT; i++) {
        if (!(categories & (1U << i)))
            continue;
        text_addf(out, "%s%s", between, category_word((enum category)i));
        between = ",";
    }
}

void guard_show_value(struct text *out, const struct guard_limits *limits, enum guard_limit limit)
{
    char shown[DECIMAL_TEXT_MAX];

    switch (limit) {
    case GUARD_MAX_ORDER_NOTIONAL:
        text_add(out, decimal_format(&limits->max_order_notional, shown));
        return;
    case GUARD_MAX_OPEN_NOTIONAL:
        text_add(out, decimal_format(&limits->max_open_notional, shown));
        return;
    case GUARD_MAX_ORDERS_PER_MINUTE:
        text_addf(out, "%d", limits->max_orders_per_minute);
        return;
    case GUARD_MAX_LEVERAGE:
        text_add(out, decimal_format(&limits->max_leverage, shown));
        return;
    case GUARD_SYMBOLS:
        show_symbols(out, limits);
        return;
    case GUARD_CATEGORIES:
        show_categories(out, limits->categories);
        return;
    case GUARD_REDUCE_ONLY_MODE:
        text_add(out, "true");
        return;
    case GUARD_LIMIT_COUNT:
        return;
    }
}
