#include "bybit/instruments.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bybit/message.h"

/* --- reading --- */

enum top_member {
    I_SYMBOL,
    I_STATUS,
    I_BASE,
    I_QUOTE,
    I_SETTLE,
    I_PRICES,
    I_SIZES,
    I_LEVERAGE,
    I_FUNDING,
    I_COUNT
};

static const struct member_name top_names[I_COUNT] = {
    [I_SYMBOL] = MEMBER_NAME("symbol"),           [I_STATUS] = MEMBER_NAME("status"),
    [I_BASE] = MEMBER_NAME("baseCoin"),           [I_QUOTE] = MEMBER_NAME("quoteCoin"),
    [I_SETTLE] = MEMBER_NAME("settleCoin"),       [I_PRICES] = MEMBER_NAME("priceFilter"),
    [I_SIZES] = MEMBER_NAME("lotSizeFilter"),     [I_LEVERAGE] = MEMBER_NAME("leverageFilter"),
    [I_FUNDING] = MEMBER_NAME("fundingInterval"),
};

/* Where each filter stands (PROTOCOL section 13): spot has names of its own. */
static const struct filter {
    enum top_member object;
    const char *name;
    bool spot;
    bool others;
    size_t place;
} filters[] = {
    { I_PRICES, "tickSize", true, true, offsetof(struct instrument, tick_size) },
    { I_PRICES, "minPrice", true, true, offsetof(struct instrument, min_price) },
    { I_PRICES, "maxPrice", true, true, offsetof(struct instrument, max_price) },
    { I_SIZES, "minOrderQty", true, true, offsetof(struct instrument, min_qty) },
    { I_SIZES, "basePrecision", true, false, offsetof(struct instrument, qty_step) },
    { I_SIZES, "quotePrecision", true, false, offsetof(struct instrument, quote_step) },
    { I_SIZES, "maxLimitOrderQty", true, false, offsetof(struct instrument, max_limit_qty) },
    { I_SIZES, "maxMarketOrderQty", true, false, offsetof(struct instrument, max_market_qty) },
    { I_SIZES, "postOnlyMaxLimitOrderSize", true, false,
      offsetof(struct instrument, max_post_only_qty) },
    { I_SIZES, "minOrderAmt", true, false, offsetof(struct instrument, min_notional) },
    { I_SIZES, "qtyStep", false, true, offsetof(struct instrument, qty_step) },
    { I_SIZES, "maxOrderQty", false, true, offsetof(struct instrument, max_limit_qty) },
    { I_SIZES, "maxMktOrderQty", false, true, offsetof(struct instrument, max_market_qty) },
    { I_SIZES, "postOnlyMaxOrderQty", false, true, offsetof(struct instrument, max_post_only_qty) },
    { I_SIZES, "minNotionalValue", false, true, offsetof(struct instrument, min_notional) },
    { I_LEVERAGE, "minLeverage", false, true, offsetof(struct instrument, min_leverage) },
    { I_LEVERAGE, "maxLeverage", false, true, offsetof(struct instrument, max_leverage) },
    { I_LEVERAGE, "leverageStep", false, true, offsetof(struct instrument, leverage_step) },
};

static struct decimal *place(struct instrument *instrument, const struct filter *filter)
{
    return (struct decimal *)(void *)((char *)instrument + filter->place);
}

/* 0 and "" are no filter at all. */
static enum err read_filters(struct instrument *out, const struct json *found, struct error *error)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        *place(out, &filters[i]) = DECIMAL_NONE;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        const struct filter *filter = &filters[i];
        struct decimal value;

        if (out->category == CATEGORY_SPOT ? !filter->spot : !filter->others)
            continue;
        if (json_member_decimal(&found[filter->object], filter->name, &value) ||
            decimal_sign(&value) < 0)
            return error_set(error, ERR_INVALID, "instrument %s: %s is no positive decimal",
                             out->symbol, filter->name);
        *place(out, filter) = decimal_sign(&value) == 0 ? DECIMAL_NONE : value;
    }
    if (decimal_is_none(&out->tick_size))
        return error_set(error, ERR_INVALID, "instrument %s: tickSize is missing", out->symbol);
    if (decimal_is_none(&out->qty_step))
        return error_set(error, ERR_INVALID, "instrument %s: %s is missing", out->symbol,
                         out->category == CATEGORY_SPOT ? "basePrecision" : "qtyStep");
    return ERR_NONE;
}

enum err instrument_read(struct instrument *out, const struct json *item, enum category category,
                         struct error *error)
{
    struct json found[I_COUNT];
    struct instrument read = { .category = category };

    message_members(item, top_names, I_COUNT, found);
    if (json_text(&found[I_SYMBOL], read.symbol, sizeof(read.symbol)) || !read.symbol[0])
        return error_set(error, ERR_INVALID, "instrument: symbol is missing, no text or too long");
    if (json_text(&found[I_STATUS], read.status, sizeof(read.status)) || !read.status[0])
        return error_set(error, ERR_INVALID,
                         "instrument %s: status is missing, no text or too long", read.symbol);
    if (json_text(&found[I_BASE], read.base, sizeof(read.base)) ||
        json_text(&found[I_QUOTE], read.quote, sizeof(read.quote)) ||
        json_text(&found[I_SETTLE], read.settle, sizeof(read.settle)))
        return error_set(error, ERR_INVALID,
                         "instrument %s: baseCoin, quoteCoin or settleCoin is no text or too long",
                         read.symbol);
    if (read_filters(&read, found, error))
        return ERR_INVALID;
    if (json_int(&found[I_FUNDING], &read.funding_interval_min) == ERR_INVALID ||
        read.funding_interval_min < 0)
        return error_set(error, ERR_INVALID, "instrument %s: fundingInterval is no whole number",
                         read.symbol);
    *out = read;
    return ERR_NONE;
}

/* --- snapshots --- */

struct instruments {
    struct instruments *self; /* to count and free through const pointers */
    atomic_size_t references;
    int64_t as_of_ms;
    bool loaded[CATEGORY_COUNT];
    struct option_coin coins[OPTION_COINS_MAX];
    size_t coins_count;
    size_t count;
    struct instrument list[];
};

static int compare(const void *left, const void *right)
{
    const struct instrument *a = left;
    const struct instrument *b = right;

    if (a->category != b->category)
        return a->category < b->category ? -1 : 1;
    return strcmp(a->symbol, b->symbol);
}

static struct instruments *make(size_t count, int64_t as_of_ms)
{
    struct instruments *instruments =
        malloc(sizeof(*instruments) + count * sizeof(instruments->list[0]));

    if (!instruments)
        return NULL;
    instruments->self = instruments;
    atomic_init(&instruments->references, 1);
    instruments->as_of_ms = as_of_ms;
    memset(instruments->loaded, 0, sizeof(instruments->loaded));
    instruments->coins_count = 0;
    instruments->count = 0;
    return instruments;
}

static void add(struct instruments *to, const struct instrument *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to->loaded[list[i].category] = true;
    if (count)
        memcpy(to->list + to->count, list, count * sizeof(*list));
    to->count += count;
}

/* Sorts, and keeps one of equal ones. */
static void sort(struct instruments *instruments)
{
    struct instrument *list = instruments->list;
    size_t kept = 0;

    if (instruments->count == 0)
        return;
    qsort(list, instruments->count, sizeof(list[0]), compare);
    for (size_t i = 1; i < instruments->count; i++) {
        if (compare(&list[kept], &list[i]) != 0 && ++kept != i)
            list[kept] = list[i];
    }
    instruments->count = kept + 1;
}

struct instruments *instruments_create(const struct instrument *list, size_t count,
                                       int64_t as_of_ms)
{
    struct instruments *instruments = make(count, as_of_ms);

    if (!instruments)
        return NULL;
    add(instruments, list, count);
    sort(instruments);
    return instruments;
}

/* --- the coins of options --- */

static bool is_option_of(const struct instrument *instrument, const char *base)
{
    return base && instrument->category == CATEGORY_OPTION && strcmp(instrument->base, base) == 0;
}

/* The coin that has to go for one more; NULL: there is room. */
static const char *coin_to_drop(const struct instruments *old, const char *base)
{
    const struct option_coin *oldest = &old->coins[0];

    if (old->coins_count < OPTION_COINS_MAX || instruments_option_coin(old, base))
        return NULL;
    for (size_t i = 1; i < old->coins_count; i++) {
        if (old->coins[i].as_of_ms < oldest->as_of_ms)
            oldest = &old->coins[i];
    }
    return oldest->base;
}

static void add_old(struct instruments *to, const struct instruments *old, const char *base)
{
    const char *dropped = coin_to_drop(old, base);

    memcpy(to->loaded, old->loaded, sizeof(to->loaded));
    for (size_t i = 0; i < old->count; i++) {
        if (!is_option_of(&old->list[i], base) && !is_option_of(&old->list[i], dropped))
            add(to, &old->list[i], 1);
    }
    for (size_t i = 0; i < old->coins_count; i++) {
        const char *name = old->coins[i].base;

        if (strcmp(name, base) != 0 && (!dropped || strcmp(name, dropped) != 0))
            to->coins[to->coins_count++] = old->coins[i];
    }
}

struct instruments *instruments_with_options(const struct instruments *old,
                                             const struct option_coin *coin,
                                             const struct instrument *list, size_t count)
{
    struct instruments *made =
        make(count + (old ? old->count : 0), old ? old->as_of_ms : coin->as_of_ms);

    if (!made)
        return NULL;
    if (old)
        add_old(made, old, coin->base);
    made->loaded[CATEGORY_OPTION] = true;
    made->coins[made->coins_count++] = *coin;
    add(made, list, count);
    sort(made);
    return made;
}

void instruments_inherit(struct instruments *to, const struct instruments *old)
{
    for (int i = 0; i < CATEGORY_COUNT; i++)
        to->loaded[i] = to->loaded[i] || old->loaded[i];
    memcpy(to->coins, old->coins, sizeof(to->coins));
    to->coins_count = old->coins_count;
}

bool instruments_has_category(const struct instruments *instruments, enum category category)
{
    return instruments->loaded[category];
}

void instruments_mark_loaded(struct instruments *instruments, enum category category)
{
    instruments->loaded[category] = true;
}

const struct option_coin *instruments_option_coin(const struct instruments *instruments,
                                                  const char *base)
{
    for (size_t i = 0; i < instruments->coins_count; i++) {
        if (strcmp(instruments->coins[i].base, base) == 0)
            return &instruments->coins[i];
    }
    return NULL;
}

/* --- references, look-up --- */

const struct instruments *instruments_ref(const struct instruments *instruments)
{
    atomic_fetch_add_explicit(&instruments->self->references, 1, memory_order_relaxed);
    return instruments;
}

void instruments_unref(const struct instruments *instruments)
{
    if (instruments &&
        atomic_fetch_sub_explicit(&instruments->self->references, 1, memory_order_acq_rel) == 1)
        free(instruments->self);
}

size_t instruments_count(const struct instruments *instruments)
{
    return instruments->count;
}

const struct instrument *instruments_at(const struct instruments *instruments, size_t index)
{
    return index < instruments->count ? &instruments->list[index] : NULL;
}

const struct instrument *instruments_find(const struct instruments *instruments,
                                          enum category category, const char *symbol)
{
    size_t low = 0;
    size_t high = instruments->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct instrument *at = &instruments->list[middle];
        int order = at->category != category ? (at->category < category ? -1 : 1)
                                             : strcmp(at->symbol, symbol);

        if (order == 0)
            return at;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

int64_t instruments_as_of_ms(const struct instruments *instruments)
{
    return instruments->as_of_ms;
}

/* --- the slot --- */

struct instruments_slot {
    pthread_mutex_t lock;
    struct instruments *newest;
};

struct instruments_slot *instruments_slot_create(void)
{
    struct instruments_slot *slot = calloc(1, sizeof(*slot));

    if (slot)
        pthread_mutex_init(&slot->lock, NULL);
    return slot;
}

void instruments_slot_destroy(struct instruments_slot *slot)
{
    if (!slot)
        return;
    instruments_unref(slot->newest);
    pthread_mutex_destroy(&slot->lock);
    free(slot);
}

void instruments_publish(struct instruments_slot *slot, struct instruments *instruments)
{
    struct instruments *old;

    pthread_mutex_lock(&slot->lock);
    old = slot->newest;
    slot->newest = instruments;
    pthread_mutex_unlock(&slot->lock);
    instruments_unref(old);
}

const struct instruments *instruments_newest(struct instruments_slot *slot)
{
    const struct instruments *newest;

    pthread_mutex_lock(&slot->lock);
    newest = slot->newest ? instruments_ref(slot->newest) : NULL;
    pthread_mutex_unlock(&slot->lock);
    return newest;
}
