/* Two hash tables of indexes: symbols with their averages, and the rows of the answer. */
#include "db/pnl.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "db/pnl_book.h"

#define MS_OF_DAY     INT64_C(86400000)
#define PLACE_SLOTS   32768 /* powers of two, well above the numbers of what is in them */
#define ROW_SLOTS     65536
#define SEVERAL       UINT32_MAX
#define CAPACITY_FROM 64

/* A row's sums, and what they belong to. */
struct entry {
    int64_t day_ms;
    uint32_t place; /* PNL_BY_SYMBOL */
    char tag[TAG_MAX];
    char coin[COIN_MAX];
    uint32_t only_place; /* of all its executions; SEVERAL */
    pnl_int realised;
    pnl_int fees;
    pnl_int funding;
    pnl_int volume;
    pnl_int unmatched_qty;
    int64_t trades;
    int64_t unmatched;
    int64_t skipped;
};

struct pnl {
    struct pnl_filter filter;
    pnl_coins_fn *coins;
    void *userdata;
    struct pnl_cursor cursor;
    struct pnl_place *places;
    size_t places_count;
    size_t places_capacity;
    struct entry *entries;
    size_t entries_count;
    size_t entries_capacity;
    struct pnl_row *shown;
    uint32_t place_slots[PLACE_SLOTS]; /* index + 1; 0: free */
    uint32_t row_slots[ROW_SLOTS];
};

struct pnl *pnl_create(const struct pnl_filter *filter, pnl_coins_fn *coins, void *userdata)
{
    struct pnl *pnl = calloc(1, sizeof(*pnl));

    if (!pnl)
        return NULL;
    pnl->filter = *filter;
    pnl->coins = coins;
    pnl->userdata = userdata;
    return pnl;
}

void pnl_destroy(struct pnl *pnl)
{
    if (!pnl)
        return;
    free(pnl->places);
    free(pnl->entries);
    free(pnl->shown);
    free(pnl);
}

struct pnl_cursor *pnl_cursor(struct pnl *pnl)
{
    return &pnl->cursor;
}

const struct pnl_filter *pnl_filter(const struct pnl *pnl)
{
    return &pnl->filter;
}

/* --- tables --- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash * UINT64_C(1099511628211);
}

static uint64_t hash_number(uint64_t number)
{
    return (UINT64_C(14695981039346656037) ^ number) * UINT64_C(1099511628211);
}

static size_t slot_of(uint64_t hash, size_t slots)
{
    return (size_t)(hash ^ (hash >> 29)) & (slots - 1);
}

/* Room for one more of `bytes`. */
static enum err grow(void **list, size_t count, size_t *capacity, size_t max, size_t bytes)
{
    size_t wanted = *capacity ? *capacity * 2 : CAPACITY_FROM;
    void *grown;

    if (count >= max)
        return ERR_BUSY;
    if (count < *capacity)
        return ERR_NONE;
    grown = realloc(*list, wanted * bytes);
    if (!grown)
        return ERR_NO_MEMORY;
    *list = grown;
    *capacity = wanted;
    return ERR_NONE;
}

/* --- symbols --- */

static enum err add_place(struct pnl *pnl, enum category category, const char *symbol)
{
    void *list = pnl->places;
    struct pnl_place *place;
    enum err err =
        grow(&list, pnl->places_count, &pnl->places_capacity, PNL_PLACES_MAX, sizeof(*pnl->places));

    if (err)
        return err;
    pnl->places = list;
    place = &pnl->places[pnl->places_count++];
    memset(place, 0, sizeof(*place));
    place->category = category;
    text_cut(place->symbol, sizeof(place->symbol), symbol);
    pnl->coins(category, place->symbol, place->coin, place->base, pnl->userdata);
    return ERR_NONE;
}

static enum err find_place(struct pnl *pnl, const struct pnl_fill *fill, uint32_t *out)
{
    size_t slot =
        slot_of(hash_text(hash_number((uint64_t)fill->category), fill->symbol), PLACE_SLOTS);
    enum err err;

    for (; pnl->place_slots[slot]; slot = (slot + 1) & (PLACE_SLOTS - 1)) {
        const struct pnl_place *place = &pnl->places[pnl->place_slots[slot] - 1];

        if (place->category != fill->category || strcmp(place->symbol, fill->symbol) != 0)
            continue;
        *out = pnl->place_slots[slot] - 1;
        return ERR_NONE;
    }
    err = add_place(pnl, fill->category, fill->symbol);
    if (err)
        return err;
    *out = (uint32_t)pnl->places_count - 1;
    pnl->place_slots[slot] = *out + 1;
    return ERR_NONE;
}

/* --- rows --- */

/* What groups the execution; sums are zero. */
static void start_entry(const struct pnl *pnl, struct entry *key, const struct pnl_fill *fill,
                        uint32_t place, const char *coin)
{
    memset(key, 0, sizeof(*key));
    text_cut(key->coin, sizeof(key->coin), coin);
    key->only_place = place;
    switch (pnl->filter.group) {
    case PNL_BY_DAY:
        key->day_ms = fill->at_ms - fill->at_ms % MS_OF_DAY;
        return;
    case PNL_BY_SYMBOL:
        key->place = place;
        return;
    case PNL_BY_TAG:
        text_cut(key->tag, sizeof(key->tag), fill->tag);
        return;
    }
}

static bool is_same(const struct entry *a, const struct entry *b)
{
    return a->day_ms == b->day_ms && a->place == b->place && strcmp(a->tag, b->tag) == 0 &&
           strcmp(a->coin, b->coin) == 0;
}

static enum err find_entry(struct pnl *pnl, const struct entry *key, struct entry **out)
{
    uint64_t hash = hash_number((uint64_t)key->day_ms ^ key->place);
    size_t slot = slot_of(hash_text(hash_text(hash, key->tag), key->coin), ROW_SLOTS);
    void *list = pnl->entries;
    enum err err;

    for (; pnl->row_slots[slot]; slot = (slot + 1) & (ROW_SLOTS - 1)) {
        *out = &pnl->entries[pnl->row_slots[slot] - 1];
        if (is_same(*out, key))
            return ERR_NONE;
    }
    err = grow(&list, pnl->entries_count, &pnl->entries_capacity, PNL_ROWS_MAX,
               sizeof(*pnl->entries));
    if (err)
        return err;
    pnl->entries = list;
    *out = &pnl->entries[pnl->entries_count++];
    **out = (struct entry){ .day_ms = key->day_ms, .place = key->place };
    (*out)->only_place = key->only_place;
    memcpy((*out)->tag, key->tag, sizeof(key->tag));
    memcpy((*out)->coin, key->coin, sizeof(key->coin));
    pnl->row_slots[slot] = (uint32_t)pnl->entries_count;
    return ERR_NONE;
}

static bool add_sums(struct entry *to, const struct entry *more)
{
    return !__builtin_add_overflow(to->realised, more->realised, &to->realised) &&
           !__builtin_add_overflow(to->fees, more->fees, &to->fees) &&
           !__builtin_add_overflow(to->funding, more->funding, &to->funding) &&
           !__builtin_add_overflow(to->volume, more->volume, &to->volume) &&
           !__builtin_add_overflow(to->unmatched_qty, more->unmatched_qty, &to->unmatched_qty);
}

/* Adds the sums of one execution to its row. */
static enum err count(struct pnl *pnl, const struct entry *more)
{
    struct entry *entry;
    struct entry sum;
    enum err err = find_entry(pnl, more, &entry);

    if (err)
        return err;
    if (entry->only_place != more->only_place)
        entry->only_place = SEVERAL;
    sum = *entry;
    sum.trades += more->trades;
    sum.unmatched += more->unmatched;
    sum.skipped += more->skipped;
    if (add_sums(&sum, more))
        *entry = sum;
    else
        entry->skipped++;
    return ERR_NONE;
}

/* --- executions --- */

/* The coin of the fee: where the exchange names none, that of contracts is the settle coin; spot
 * pays in what it receives, and gets a maker's rebate in what it gives. */
static const char *fee_coin(const struct pnl_place *place, const struct pnl_fill *fill)
{
    bool is_rebate = fill->maker && decimal_sign(&fill->fee) < 0;

    if (fill->fee_coin[0])
        return fill->fee_coin;
    if (place->category != CATEGORY_SPOT)
        return place->coin;
    return (fill->side == SIDE_BUY) != is_rebate ? place->base : place->coin;
}

/* What the execution does to its averages, and to the sums of its symbol's coin. */
static void apply(struct pnl_place *place, const struct pnl_fill *fill, struct entry *sums)
{
    struct pnl_effect effect;

    if (fill->kind == FILL_FUNDING)
        return;
    if (fill->kind == FILL_OTHER || !pnl_place_trade(place, fill, &effect)) {
        sums->skipped = 1;
        return;
    }
    sums->realised = effect.realised;
    sums->volume = effect.volume;
    sums->unmatched_qty = effect.unmatched_qty;
    sums->unmatched = effect.unmatched_qty != 0;
    sums->trades = 1;
}

/* A fee in a coin of its own has a row of its own. */
static enum err add_fee(struct pnl *pnl, const struct pnl_fill *fill, uint32_t place,
                        const char *coin, struct entry *sums)
{
    pnl_int fee = 0;
    struct entry own;

    if (decimal_is_none(&fill->fee))
        return ERR_NONE;
    if (!pnl_int_of(&fee, &fill->fee)) {
        sums->skipped = 1;
        return ERR_NONE;
    }
    if (strcmp(coin, sums->coin) == 0) {
        *(fill->kind == FILL_FUNDING ? &sums->funding : &sums->fees) =
            fill->kind == FILL_FUNDING ? -fee : fee;
        return ERR_NONE;
    }
    if (fee == 0)
        return ERR_NONE;
    start_entry(pnl, &own, fill, place, coin);
    *(fill->kind == FILL_FUNDING ? &own.funding : &own.fees) =
        fill->kind == FILL_FUNDING ? -fee : fee;
    return count(pnl, &own);
}

enum err pnl_add(struct pnl *pnl, const struct pnl_fill *fill)
{
    struct pnl_fill named = *fill;
    struct entry sums;
    uint32_t place = 0;
    enum err err = find_place(pnl, fill, &place);

    if (err)
        return err;
    named.fee_coin = fee_coin(&pnl->places[place], fill);
    start_entry(pnl, &sums, fill, place, pnl->places[place].coin);
    apply(&pnl->places[place], &named, &sums);
    if (fill->at_ms < pnl->filter.from_ms ||
        (pnl->filter.tag && strcmp(pnl->filter.tag, fill->tag) != 0))
        return ERR_NONE;
    err = add_fee(pnl, fill, place, named.fee_coin, &sums);
    return err ? err : count(pnl, &sums);
}

/* --- the answer --- */

static void show_row(const struct pnl *pnl, const struct entry *entry, struct pnl_row *row)
{
    const struct pnl_place *place = &pnl->places[entry->place];
    pnl_int net;

    memset(row, 0, sizeof(*row));
    row->day_ms = entry->day_ms;
    memcpy(row->tag, entry->tag, sizeof(row->tag));
    memcpy(row->coin, entry->coin, sizeof(row->coin));
    if (pnl->filter.group == PNL_BY_SYMBOL) {
        row->category = place->category;
        memcpy(row->symbol, place->symbol, sizeof(row->symbol));
    }
    row->realised = pnl_int_shown(entry->realised);
    row->fees = pnl_int_shown(entry->fees);
    row->funding = pnl_int_shown(entry->funding);
    row->volume = pnl_int_shown(entry->volume);
    row->net = DECIMAL_NONE;
    if (!__builtin_sub_overflow(entry->realised, entry->fees, &net) &&
        !__builtin_add_overflow(net, entry->funding, &net))
        row->net = pnl_int_shown(net);
    row->unmatched_qty =
        entry->only_place == SEVERAL ? DECIMAL_NONE : pnl_int_shown(entry->unmatched_qty);
    row->trades = entry->trades;
    row->unmatched = entry->unmatched;
    row->skipped = entry->skipped;
}

static int compare_rows(const void *left, const void *right)
{
    const struct pnl_row *a = left;
    const struct pnl_row *b = right;
    int order = (a->day_ms > b->day_ms) - (a->day_ms < b->day_ms);

    if (!order)
        order = (a->category > b->category) - (a->category < b->category);
    if (!order)
        order = strcmp(a->symbol, b->symbol);
    if (!order)
        order = strcmp(a->tag, b->tag);
    return order ? order : strcmp(a->coin, b->coin);
}

const struct pnl_row *pnl_rows(struct pnl *pnl, size_t *row_count)
{
    free(pnl->shown);
    *row_count = 0;
    pnl->shown = calloc(pnl->entries_count + 1, sizeof(*pnl->shown));
    if (!pnl->shown)
        return NULL;
    for (size_t i = 0; i < pnl->entries_count; i++)
        show_row(pnl, &pnl->entries[i], &pnl->shown[i]);
    qsort(pnl->shown, pnl->entries_count, sizeof(*pnl->shown), compare_rows);
    *row_count = pnl->entries_count;
    return pnl->shown;
}
