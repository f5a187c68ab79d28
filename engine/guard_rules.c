/* engine/guard_rules.c - rules, changes to them, and the ceiling over them. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "engine/guard.h"

bool guard_client_is_valid(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t bytes = strlen(name);

    return bytes > 0 && bytes < TAG_MAX && strspn(name, allowed) == bytes;
}

/* Where `name` is, or belongs. */
static size_t client_index(const struct guard_rules *rules, const char *name)
{
    size_t i = 0;

    while (i < rules->clients_count && strcmp(rules->clients[i].name, name) < 0)
        i++;
    return i;
}

static bool is_client(const struct guard_rules *rules, size_t i, const char *name)
{
    return i < rules->clients_count && strcmp(rules->clients[i].name, name) == 0;
}

const struct guard_limits *guard_of_client(const struct guard_rules *rules, const char *name)
{
    size_t i = client_index(rules, name);

    return is_client(rules, i, name) ? &rules->clients[i].limits : NULL;
}

struct guard_limits *guard_client_slot(struct guard_rules *rules, const char *name, size_t max)
{
    size_t i = client_index(rules, name);
    struct guard_client *slot = &rules->clients[i];

    if (is_client(rules, i, name))
        return &slot->limits;
    if (rules->clients_count >= max)
        return NULL;
    memmove(slot + 1, slot, (rules->clients_count - i) * sizeof(*slot));
    rules->clients_count++;
    *slot = (struct guard_client){ 0 };
    text_cut(slot->name, sizeof(slot->name), name);
    return &slot->limits;
}

static void remove_client(struct guard_rules *rules, const char *name)
{
    size_t i = client_index(rules, name);
    struct guard_client *slot = &rules->clients[i];

    if (!is_client(rules, i, name))
        return;
    rules->clients_count--;
    memmove(slot, slot + 1, (rules->clients_count - i) * sizeof(*slot));
}

/* --- symbols: sorted, each once --- */

static int compare_symbols(const struct guard_symbol *a, const struct guard_symbol *b)
{
    if (a->category != b->category)
        return a->category < b->category ? -1 : 1;
    return strcmp(a->symbol, b->symbol);
}

static bool has_symbol(const struct guard_limits *limits, const struct guard_symbol *symbol)
{
    for (size_t i = 0; i < limits->symbols_count; i++) {
        if (compare_symbols(&limits->symbols[i], symbol) == 0)
            return true;
    }
    return false;
}

enum err guard_add_symbol(struct guard_limits *limits, const struct guard_symbol *symbol)
{
    size_t i = 0;

    while (i < limits->symbols_count && compare_symbols(&limits->symbols[i], symbol) < 0)
        i++;
    if (i < limits->symbols_count && compare_symbols(&limits->symbols[i], symbol) == 0)
        return ERR_NONE;
    if (limits->symbols_count == GUARD_SYMBOLS_MAX)
        return ERR_BUSY;
    memmove(&limits->symbols[i + 1], &limits->symbols[i],
            (limits->symbols_count - i) * sizeof(limits->symbols[0]));
    limits->symbols[i] = *symbol;
    limits->symbols_count++;
    return ERR_NONE;
}

static void keep_common_symbols(struct guard_limits *limits, const struct guard_limits *other)
{
    size_t kept = 0;

    for (size_t i = 0; i < limits->symbols_count; i++) {
        if (has_symbol(other, &limits->symbols[i]))
            limits->symbols[kept++] = limits->symbols[i];
    }
    limits->symbols_count = kept;
}

/* --- one limit --- */

static struct decimal amount_of(const struct guard_limits *limits, enum guard_limit limit)
{
    switch (limit) {
    case GUARD_MAX_ORDER_NOTIONAL:
        return limits->max_order_notional;
    case GUARD_MAX_OPEN_NOTIONAL:
        return limits->max_open_notional;
    case GUARD_MAX_ORDERS_PER_MINUTE:
        return decimal_from_int(limits->max_orders_per_minute);
    case GUARD_MAX_LEVERAGE:
        return limits->max_leverage;
    case GUARD_SYMBOLS:
    case GUARD_CATEGORIES:
    case GUARD_REDUCE_ONLY_MODE:
    case GUARD_LIMIT_COUNT:
        break;
    }
    return DECIMAL_NONE;
}

/* `to` gets `from`'s value of a limit, on or off. */
static void copy_limit(struct guard_limits *to, const struct guard_limits *from,
                       enum guard_limit limit)
{
    to->set = (to->set & ~GUARD_BIT(limit)) | (from->set & GUARD_BIT(limit));
    switch (limit) {
    case GUARD_MAX_ORDER_NOTIONAL:
        to->max_order_notional = from->max_order_notional;
        return;
    case GUARD_MAX_OPEN_NOTIONAL:
        to->max_open_notional = from->max_open_notional;
        return;
    case GUARD_MAX_ORDERS_PER_MINUTE:
        to->max_orders_per_minute = from->max_orders_per_minute;
        return;
    case GUARD_SYMBOLS:
        to->symbols_count = from->symbols_count;
        memcpy(to->symbols, from->symbols, sizeof(to->symbols));
        return;
    case GUARD_CATEGORIES:
        to->categories = from->categories;
        return;
    case GUARD_MAX_LEVERAGE:
        to->max_leverage = from->max_leverage;
        return;
    case GUARD_REDUCE_ONLY_MODE:
    case GUARD_LIMIT_COUNT:
        return;
    }
}

static bool is_on(const struct guard_limits *limits, enum guard_limit limit)
{
    return limits->set & GUARD_BIT(limit);
}

/* --- the tighter of both --- */

static void meet_limit(struct guard_limits *out, const struct guard_limits *other,
                       enum guard_limit limit)
{
    struct decimal ours = amount_of(out, limit);
    struct decimal theirs = amount_of(other, limit);
    bool both = is_on(out, limit) && is_on(other, limit);

    if (both && limit == GUARD_SYMBOLS)
        keep_common_symbols(out, other);
    else if (both && limit == GUARD_CATEGORIES)
        out->categories &= other->categories;
    else if (is_on(other, limit) && (!both || decimal_cmp(&theirs, &ours) < 0))
        copy_limit(out, other, limit);
}

static void meet_limits(struct guard_limits *out, const struct guard_limits *other)
{
    for (unsigned i = 0; i < GUARD_LIMIT_COUNT; i++)
        meet_limit(out, other, (enum guard_limit)i);
}

void guard_meet(struct guard_rules *out, const struct guard_rules *a, const struct guard_rules *b)
{
    const struct guard_rules *other = out == b ? a : b;

    if (out != a && out != b)
        *out = *a;
    if (out == other)
        return;
    meet_limits(&out->all, &other->all);
    for (size_t i = 0; i < other->clients_count; i++) {
        struct guard_limits *slot =
            guard_client_slot(out, other->clients[i].name, GUARD_CLIENTS_MAX);

        assert(slot); /* GUARD_NAMED_MAX of each side fit */
        meet_limits(slot, &other->clients[i].limits);
    }
}

/* --- a PATCH under a ceiling --- */

#define SHOWN_MAX 96

/* "clients.bot1.max_order_notional" */
static const char *path_of(const char *client, enum guard_limit limit, char out[SHOWN_MAX])
{
    struct text text = text_in(out, SHOWN_MAX);

    text_addf(&text, "%s%s%s%s", client[0] ? "clients." : "", client, client[0] ? "." : "",
              guard_limit_word(limit));
    return out;
}

static enum err check_amount(const struct guard_limits *wanted, const struct guard_limits *ceiling,
                             enum guard_limit limit, const char *path, struct error *error)
{
    struct decimal value = amount_of(wanted, limit);
    struct decimal allowed = amount_of(ceiling, limit);
    char shown[2][DECIMAL_TEXT_MAX];

    if (decimal_cmp(&value, &allowed) <= 0)
        return ERR_NONE;
    return error_set(error, ERR_INVALID, "%s %s is above the configuration's %s", path,
                     decimal_format(&value, shown[0]), decimal_format(&allowed, shown[1]));
}

static enum err check_symbols(const struct guard_limits *wanted, const struct guard_limits *ceiling,
                              const char *path, struct error *error)
{
    for (size_t i = 0; i < wanted->symbols_count; i++) {
        const struct guard_symbol *symbol = &wanted->symbols[i];

        if (!has_symbol(ceiling, symbol))
            return error_set(error, ERR_INVALID, "%s: %s:%s is not among the configuration's", path,
                             category_word(symbol->category), symbol->symbol);
    }
    return ERR_NONE;
}

static enum err check_categories(unsigned wanted, unsigned ceiling, const char *path,
                                 struct error *error)
{
    for (unsigned i = 0; i < CATEGORY_COUNT; i++) {
        if (wanted & ~ceiling & (1U << i))
            return error_set(error, ERR_INVALID, "%s: %s is not among the configuration's", path,
                             category_word((enum category)i));
    }
    return ERR_NONE;
}

static enum err check_limit(const struct guard_change *change, const struct guard_limits *ceiling,
                            enum guard_limit limit, const char *client, struct error *error)
{
    char path[SHOWN_MAX];

    (void)path_of(client, limit, path);
    if (limit == GUARD_REDUCE_ONLY_MODE && change->mode_off)
        return error_set(error, ERR_INVALID, "%s is on by the configuration", path);
    if (!is_on(&change->limits, limit))
        return ERR_NONE; /* back to the ceiling */
    if (limit == GUARD_SYMBOLS)
        return check_symbols(&change->limits, ceiling, path, error);
    if (limit == GUARD_CATEGORIES)
        return check_categories(change->limits.categories, ceiling->categories, path, error);
    return check_amount(&change->limits, ceiling, limit, path, error);
}

static enum err check_change(const struct guard_change *change, const struct guard_limits *ceiling,
                             const char *client, struct error *error)
{
    for (unsigned i = 0; ceiling && i < GUARD_LIMIT_COUNT; i++) {
        enum guard_limit limit = (enum guard_limit)i;

        if ((change->named & ceiling->set & GUARD_BIT(limit)) &&
            check_limit(change, ceiling, limit, client, error))
            return ERR_INVALID;
    }
    return ERR_NONE;
}

static enum err check_patch(const struct guard_patch *patch, const struct guard_rules *ceiling,
                            struct error *error)
{
    if (!ceiling)
        return ERR_NONE;
    if (check_change(&patch->all, &ceiling->all, "", error))
        return ERR_INVALID;
    for (size_t i = 0; i < patch->clients_count; i++) {
        const char *name = patch->clients[i].name;

        if (!patch->clients[i].remove &&
            check_change(&patch->clients[i].change, guard_of_client(ceiling, name), name, error))
            return ERR_INVALID;
    }
    return ERR_NONE;
}

/* Whether the client has limits of its own behind the patch. */
static bool has_limits_then(const struct guard_limits *now, const struct guard_patch *patch,
                            size_t i)
{
    const struct guard_change *change = &patch->clients[i].change;
    unsigned set = now ? now->set : 0;

    if (patch->clients[i].remove)
        return false;
    return (set & ~change->named) | (change->limits.set & change->named);
}

static size_t clients_then(const struct guard_rules *rules, const struct guard_patch *patch)
{
    size_t count = rules->clients_count;

    for (size_t i = 0; i < patch->clients_count; i++) {
        const struct guard_limits *now = guard_of_client(rules, patch->clients[i].name);

        count = count - (now != NULL) + has_limits_then(now, patch, i);
    }
    return count;
}

static void apply_change(struct guard_limits *limits, const struct guard_change *change)
{
    for (unsigned i = 0; i < GUARD_LIMIT_COUNT; i++) {
        if (change->named & GUARD_BIT(i))
            copy_limit(limits, &change->limits, (enum guard_limit)i);
    }
}

/* Those that go first, so that those that come have their place. */
static void apply_to_clients(struct guard_rules *rules, const struct guard_patch *patch)
{
    for (size_t i = 0; i < patch->clients_count; i++) {
        const char *name = patch->clients[i].name;

        if (!has_limits_then(guard_of_client(rules, name), patch, i))
            remove_client(rules, name);
    }
    for (size_t i = 0; i < patch->clients_count; i++) {
        const char *name = patch->clients[i].name;
        struct guard_limits *slot;

        if (!has_limits_then(guard_of_client(rules, name), patch, i))
            continue;
        slot = guard_client_slot(rules, name, GUARD_NAMED_MAX);
        assert(slot); /* counted before */
        apply_change(slot, &patch->clients[i].change);
    }
}

enum err guard_apply(struct guard_rules *rules, const struct guard_patch *patch,
                     const struct guard_rules *ceiling, struct error *error)
{
    if (check_patch(patch, ceiling, error))
        return ERR_INVALID;
    if (clients_then(rules, patch) > GUARD_NAMED_MAX)
        return error_set(error, ERR_BUSY, "at most %d clients can have limits of their own",
                         GUARD_NAMED_MAX);
    apply_change(&rules->all, &patch->all);
    apply_to_clients(rules, patch);
    return ERR_NONE;
}

static unsigned needs_of(const struct guard_limits *limits)
{
    unsigned sizes = GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL) | GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL);
    unsigned needs = limits->set & sizes ? GUARD_NEEDS_PRICE : 0;

    return is_on(limits, GUARD_MAX_LEVERAGE) ? needs | GUARD_NEEDS_LEVERAGE : needs;
}

unsigned guard_needs(const struct guard_rules *rules)
{
    unsigned needs = needs_of(&rules->all);

    for (size_t i = 0; i < rules->clients_count; i++)
        needs |= needs_of(&rules->clients[i].limits);
    return needs;
}
