/* The door's part on what flows through the sockets: cuts and silence, broken books, liquidations.
 */
#include <string.h>

#include "sim/check.h"
#include "sim/control_parts.h"

/* The kinds of sockets that are meant, as bits, without a kind and a category all; 0: the body is
 * wrong. */
static unsigned kinds_of(const cJSON *body)
{
    const char *kind = control_text(body, "kind");
    const char *name = control_text(body, "category");
    enum category category;

    if (strcmp(kind, "private") == 0)
        return 1U << SOCKET_PRIVATE;
    if (*kind && strcmp(kind, "public") != 0)
        return 0;
    if (!*name)
        return (*kind ? 1U << SOCKET_PRIVATE : 1U << SOCKET_KINDS) - 1;
    return category_parse(name, &category) ? 1U << category : 0;
}

/* Of each kind of socket that is meant and has the topic. */
static const char *set_frozen(struct control *control, const cJSON *body, unsigned kinds,
                              bool frozen)
{
    const char *name = control_text(body, "topic");
    int found = 0;

    for (int kind = 0; kind < SOCKET_KINDS; kind++) {
        int topic = *name ? topic_find((enum socket_kind)kind, name) : -1;

        if (!(kinds >> kind & 1) || (topic < 0 && (frozen || *name)))
            continue;
        found++;
        if (frozen)
            sockets_freeze(control->sockets, (enum socket_kind)kind, topic);
        else
            sockets_thaw(control->sockets, (enum socket_kind)kind, topic);
    }
    return found ? NULL : "no such topic on these sockets";
}

const char *control_set_stream(struct control *control, const cJSON *body, cJSON *out)
{
    const char *mode = control_text(body, "mode");
    bool freeze = strcmp(mode, "freeze") == 0;
    unsigned kinds = kinds_of(body);

    (void)out;
    if (kinds == 0)
        return "kind is private or public, category one of spot, linear, inverse, option";
    if (freeze || strcmp(mode, "thaw") == 0)
        return set_frozen(control, body, kinds, freeze);
    if (!*control_text(body, "kind"))
        return "kind is private or public";
    if (strcmp(mode, "cut") == 0)
        sockets_cut(control->sockets, kinds);
    else if (strcmp(mode, "mute") == 0 || strcmp(mode, "unmute") == 0)
        sockets_mute(control->sockets, kinds, strcmp(mode, "mute") == 0,
                     control_is_true(body, "sticky"));
    else
        return "mode is cut, mute, unmute, freeze or thaw";
    return NULL;
}

static const struct {
    const char *name;
    enum book_fault fault;
} book_faults[] = {
    { "gap", BOOK_FAULT_GAP },         { "duplicate", BOOK_FAULT_DUPLICATE },
    { "reorder", BOOK_FAULT_REORDER }, { "alter", BOOK_FAULT_ALTER },
    { "restart", BOOK_FAULT_RESTART },
};

/* In the category, or in all that have the symbol. */
const char *control_break_book(struct control *control, const cJSON *body, cJSON *out)
{
    const char *symbol = control_text(body, "symbol");
    const char *category = control_text(body, "category");
    enum book_fault fault = BOOK_FAULT_NONE;
    int count = 0;

    for (size_t i = 0; i < ARRAY_LEN(book_faults); i++) {
        if (strcmp(book_faults[i].name, control_text(body, "mode")) == 0)
            fault = book_faults[i].fault;
    }
    if (fault == BOOK_FAULT_NONE)
        return "mode is gap, duplicate, reorder, alter or restart";
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (strcmp(instrument->symbol, symbol) == 0 &&
            (!*category || strcmp(category_word(instrument->category), category) == 0))
            count += feeds_break_book(control->feeds, i, fault);
    }
    build_int(out, "books", count);
    return count ? NULL : "nobody listens to a book of that symbol that is not flooded";
}

const char *control_liquidate(struct control *control, const cJSON *body, cJSON *out)
{
    const struct instrument *instrument = NULL;
    struct refusal refusal =
        check_symbol(control_text(body, "category"), control_text(body, "symbol"), &instrument);
    struct decimal amount;
    enum side side;
    int64_t ticks;
    int64_t lots;

    (void)out;
    if (refusal.code || !instrument_is_contract(instrument))
        return "category is linear or inverse, symbol one of its symbols";
    if (!side_parse(control_text(body, "side"), &side))
        return "side is Buy or Sell";
    if (decimal_parse(&amount, control_text(body, "qty")) ||
        instrument_lots(instrument, amount, &lots) || lots <= 0)
        return "qty is not a size that the symbol can have";
    if (decimal_parse(&amount, control_text(body, "price")) ||
        instrument_ticks(instrument, amount, &ticks) || ticks <= 0)
        return "price is not one that the symbol can have";
    feeds_liquidate(control->feeds, instrument, side, ticks, lots);
    return NULL;
}

/* True: it is there, and good. */
static bool read_decimal(const cJSON *body, const char *name, struct decimal *out, bool *wrong)
{
    const char *text = control_text(body, name);

    if (!*text)
        return false;
    *wrong = *wrong || decimal_parse(out, text) != ERR_NONE;
    return !*wrong;
}

const char *control_set_pool(struct control *control, const cJSON *body, cJSON *out)
{
    struct pools *pools = &control->exchange->pools;
    const struct instrument *instrument = NULL;
    struct refusal refusal =
        check_symbol(control_text(body, "category"), control_text(body, "symbol"), &instrument);
    int pool = refusal.code ? -1 : pool_of(instrument);
    struct decimal balance;
    struct decimal drawdown;
    bool wrong = false;
    bool has_balance = read_decimal(body, "balance", &balance, &wrong);
    bool has_drawdown = read_decimal(body, "drawdown", &drawdown, &wrong);

    (void)out;
    if (pool < 0)
        return "category is linear or inverse, symbol one of its symbols";
    if (wrong || (!has_balance && !has_drawdown))
        return "balance and drawdown are decimals, and at least one is there";
    if (has_balance) {
        pools->balances[pool] = balance;
        pools->updated_ms[pool] = control->exchange->now_ms;
    }
    if (has_drawdown)
        pools->drawdowns[instrument->index] = drawdown;
    return NULL;
}

const char *control_push_greeks(struct control *control, const cJSON *body, cJSON *out)
{
    (void)body;
    (void)out;
    private_greeks(control->private);
    return NULL;
}
