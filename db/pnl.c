/* Two hash tables of indexes: symbols with their averages, and the rows of the answer. */
#include "db/pnl.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "db/pnl_check.h"
#include "db/pnl_parts.h"

#define MS_OF_DAY     INT64_C(86400000)
#define CAPACITY_FROM 64

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
    free(pnl->moment.held);
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

void pnl_set_check(struct pnl *pnl, struct pnl_check *check)
{
    pnl->check = check;
    pnl->filter.beyond_ms = PNL_CHECK_EDGE_MS;
}

struct pnl_check *pnl_check_of(const struct pnl *pnl)
{
    return pnl->check;
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

enum err pnl_find_place(struct pnl *pnl, enum category category, const char *symbol, uint32_t *out)
{
    size_t slot = slot_of(hash_text(hash_number((uint64_t)category), symbol), PNL_PLACE_SLOTS);
    enum err err;

    for (; pnl->place_slots[slot]; slot = (slot + 1) & (PNL_PLACE_SLOTS - 1)) {
        const struct pnl_place *place = &pnl->places[pnl->place_slots[slot] - 1];

        if (place->category != category || strcmp(place->symbol, symbol) != 0)
            continue;
        *out = pnl->place_slots[slot] - 1;
        return ERR_NONE;
    }
    err = add_place(pnl, category, symbol);
    if (err)
        return err;
    *out = (uint32_t)pnl->places_count - 1;
    pnl->place_slots[slot] = *out + 1;
    return ERR_NONE;
}

/* --- rows --- */

void pnl_start_entry(const struct pnl *pnl, struct pnl_entry *key, const struct pnl_fill *fill,
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

static bool is_same(const struct pnl_entry *a, const struct pnl_entry *b)
{
    return a->day_ms == b->day_ms && a->place == b->place && strcmp(a->tag, b->tag) == 0 &&
           strcmp(a->coin, b->coin) == 0;
}

/* NULL: there is none, and it belongs into the slot. */
static struct pnl_entry *seek_entry(struct pnl *pnl, const struct pnl_entry *key, size_t *at)
{
    uint64_t hash = hash_number((uint64_t)key->day_ms ^ key->place);
    size_t slot = slot_of(hash_text(hash_text(hash, key->tag), key->coin), PNL_ROW_SLOTS);

    for (; pnl->row_slots[slot]; slot = (slot + 1) & (PNL_ROW_SLOTS - 1)) {
        struct pnl_entry *entry = &pnl->entries[pnl->row_slots[slot] - 1];

        if (is_same(entry, key))
            return entry;
    }
    *at = slot;
    return NULL;
}

struct pnl_entry *pnl_peek_entry(struct pnl *pnl, const struct pnl_entry *key)
{
    size_t slot;

    return seek_entry(pnl, key, &slot);
}

static enum err find_entry(struct pnl *pnl, const struct pnl_entry *key, struct pnl_entry **out)
{
    void *list = pnl->entries;
    size_t slot = 0;
    enum err err;

    *out = seek_entry(pnl, key, &slot);
    if (*out)
        return ERR_NONE;
    err = grow(&list, pnl->entries_count, &pnl->entries_capacity, PNL_ROWS_MAX,
               sizeof(*pnl->entries));
    if (err)
        return err;
    pnl->entries = list;
    *out = &pnl->entries[pnl->entries_count++];
    **out = (struct pnl_entry){ .day_ms = key->day_ms, .place = key->place };
    (*out)->only_place = key->only_place;
    memcpy((*out)->tag, key->tag, sizeof(key->tag));
    memcpy((*out)->coin, key->coin, sizeof(key->coin));
    pnl->row_slots[slot] = (uint32_t)pnl->entries_count;
    return ERR_NONE;
}

static bool add_sums(struct pnl_entry *to, const struct pnl_entry *more)
{
    return !__builtin_add_overflow(to->realised, more->realised, &to->realised) &&
           !__builtin_add_overflow(to->fees, more->fees, &to->fees) &&
           !__builtin_add_overflow(to->funding, more->funding, &to->funding) &&
           !__builtin_add_overflow(to->volume, more->volume, &to->volume) &&
           !__builtin_add_overflow(to->unmatched_qty, more->unmatched_qty, &to->unmatched_qty) &&
           !__builtin_add_overflow(to->log_realised, more->log_realised, &to->log_realised) &&
           !__builtin_add_overflow(to->log_fees, more->log_fees, &to->log_fees) &&
           !__builtin_add_overflow(to->log_funding, more->log_funding, &to->log_funding) &&
           !__builtin_add_overflow(to->gap, more->gap, &to->gap) &&
           !__builtin_add_overflow(to->slack, more->slack, &to->slack);
}

enum err pnl_count(struct pnl *pnl, const struct pnl_entry *more)
{
    struct pnl_entry *entry;
    struct pnl_entry sum;
    enum err err = find_entry(pnl, more, &entry);

    if (err)
        return err;
    if (entry->only_place != more->only_place)
        entry->only_place = PNL_SEVERAL;
    sum = *entry;
    sum.trades += more->trades;
    sum.unmatched += more->unmatched;
    sum.skipped += more->skipped;
    sum.flags |= more->flags;
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
static void apply(struct pnl_place *place, const struct pnl_fill *fill, struct pnl_entry *sums,
                  struct pnl_effect *effect)
{
    memset(effect, 0, sizeof(*effect));
    if (fill->kind == FILL_FUNDING)
        return;
    if (fill->kind == FILL_OTHER || !pnl_place_trade(place, fill, effect)) {
        sums->skipped = 1;
        return;
    }
    sums->realised = effect->realised;
    sums->volume = effect->volume;
    sums->unmatched_qty = effect->unmatched_qty;
    sums->unmatched = effect->unmatched_qty != 0;
    sums->trades = 1;
}

static void put_fee(struct pnl_entry *to, const struct pnl_fill *fill, pnl_int fee,
                    const struct pnl_finding *finding)
{
    *(fill->kind == FILL_FUNDING ? &to->funding : &to->fees) =
        fill->kind == FILL_FUNDING ? -fee : fee;
    to->log_fees = finding->fee;
    to->log_funding = finding->funding;
}

/* A fee in a coin of its own has a row of its own. */
static enum err add_fee(struct pnl *pnl, const struct pnl_fill *fill, uint32_t place,
                        const struct pnl_finding *finding, struct pnl_entry *sums)
{
    pnl_int fee = 0;
    struct pnl_entry own;

    if (!decimal_is_none(&fill->fee) && !pnl_int_of(&fee, &fill->fee))
        sums->skipped = 1;
    if (strcmp(fill->fee_coin, sums->coin) == 0) {
        put_fee(sums, fill, fee, finding);
        return ERR_NONE;
    }
    if (fee == 0 && finding->fee == 0 && finding->funding == 0)
        return ERR_NONE;
    pnl_start_entry(pnl, &own, fill, place, fill->fee_coin);
    own.flags = sums->flags;
    put_fee(&own, fill, fee, finding);
    return pnl_count(pnl, &own);
}

static bool counts(const struct pnl_filter *filter, const struct pnl_fill *fill)
{
    return fill->at_ms >= filter->from_ms && (!filter->to_ms || fill->at_ms < filter->to_ms) &&
           (!filter->tag || strcmp(filter->tag, fill->tag) == 0);
}

enum err pnl_add(struct pnl *pnl, const struct pnl_fill *fill)
{
    bool in_answer = counts(&pnl->filter, fill);
    struct pnl_finding finding = { .verdict = PNL_NOT_COMPARED };
    struct pnl_fill named = *fill;
    struct pnl_effect effect;
    struct pnl_entry sums;
    uint32_t place = 0;
    enum err err = pnl_find_place(pnl, fill->category, fill->symbol, &place);

    if (err)
        return err;
    named.fee_coin = fee_coin(&pnl->places[place], fill);
    pnl_start_entry(pnl, &sums, fill, place, pnl->places[place].coin);
    apply(&pnl->places[place], &named, &sums, &effect);
    if (pnl->check)
        pnl_judge(pnl, &pnl->places[place], &named, &effect, in_answer, &sums, &finding);
    if (!in_answer)
        return ERR_NONE;
    err = add_fee(pnl, &named, place, &finding, &sums);
    return err ? err : pnl_count(pnl, &sums);
}
