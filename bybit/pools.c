#include "bybit/pools.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum err price_limit_read(struct price_limit *out, const struct json *data, struct error *error)
{
    struct price_limit limit = { .buy_max = DECIMAL_NONE, .sell_min = DECIMAL_NONE };
    struct json first = *data;
    struct json_walk walk;

    if (data->type == JSON_ARRAY) { /* the tables say array, the example shows an object */
        walk = json_walk(data);
        if (!json_next(&walk, NULL, &first))
            return error_set(error, ERR_INVALID, "price limit: data is empty");
    }
    if (first.type != JSON_OBJECT ||
        json_member_text(&first, "symbol", limit.symbol, sizeof(limit.symbol)) || !limit.symbol[0])
        return error_set(error, ERR_INVALID, "price limit: symbol is missing");
    if (json_member_decimal(&first, "buyLmt", &limit.buy_max) == ERR_INVALID ||
        json_member_decimal(&first, "sellLmt", &limit.sell_min) == ERR_INVALID)
        return error_set(error, ERR_INVALID, "price limit: a limit is no decimal");
    *out = limit;
    return ERR_NONE;
}

/* --- rows --- */

struct pool_words {
    const char *key;
    const char *coin;
    const char *values[POOL_VALUES]; /* NULL: has no more */
};

static const struct pool_words words[] = {
    [POOL_ADL] = { "s",
                   "c",
                   { [ADL_BALANCE] = "b",
                     [ADL_DRAWDOWN] = "pr",
                     [ADL_START_RATIO] = "i_pr",
                     [ADL_STOP_RATIO] = "adl_sr",
                     [ADL_TRIGGER_BALANCE] = "adl_tt" } },
    [POOL_INSURANCE] = { "symbols", "coin", { [INSURANCE_BALANCE] = "balance" } },
    [POOL_GREEKS] = { "baseCoin",
                      "baseCoin",
                      { [GREEKS_DELTA] = "totalDelta",
                        [GREEKS_GAMMA] = "totalGamma",
                        [GREEKS_VEGA] = "totalVega",
                        [GREEKS_THETA] = "totalTheta" } },
};

void pool_init(struct pool *pool, enum pool_kind kind, const char *name)
{
    *pool = (struct pool){ .kind = kind };
    if (text_copy(pool->name, sizeof(pool->name), name))
        pool->name[0] = '\0';
}

void pool_deinit(struct pool *pool)
{
    free(pool->rows);
    pool->rows = NULL;
    pool->count = 0;
    pool->capacity = 0;
}

/* The first value is the one that matters; ratios may be small enough to be written with an
 * exponent, which is no decimal here. */
static bool read_row(struct pool_row *out, const struct json *item, const struct pool_words *names)
{
    *out = (struct pool_row){ .updated_ms = 0 };
    if (item->type != JSON_OBJECT ||
        json_member_text(item, names->key, out->key, sizeof(out->key)) || !out->key[0] ||
        json_member_text(item, names->coin, out->coin, sizeof(out->coin)))
        return false;
    for (size_t i = 0; i < POOL_VALUES; i++) {
        out->values[i] = DECIMAL_NONE;
        if (names->values[i] && json_member_decimal(item, names->values[i], &out->values[i]))
            out->values[i] = DECIMAL_NONE;
    }
    if (json_member_int(item, "updateTime", &out->updated_ms))
        out->updated_ms = 0;
    return !decimal_is_none(&out->values[0]);
}

/* The place of the key, or where it belongs. */
static size_t find(const struct pool *pool, const char *key, bool *found)
{
    size_t low = 0;
    size_t high = pool->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(pool->rows[middle].key, key);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_place(struct pool *pool)
{
    size_t capacity = pool->capacity ? 2 * pool->capacity : 8;
    struct pool_row *rows;

    if (pool->count < pool->capacity)
        return true;
    if (pool->count >= POOL_ROWS_MAX)
        return false;
    rows = realloc(pool->rows, capacity * sizeof(*rows));
    if (!rows)
        return false;
    pool->rows = rows;
    pool->capacity = capacity;
    return true;
}

static bool put(struct pool *pool, const struct pool_row *row)
{
    bool found;
    size_t at = find(pool, row->key, &found);

    if (!found) {
        if (!has_place(pool))
            return false;
        memmove(pool->rows + at + 1, pool->rows + at, (pool->count - at) * sizeof(*row));
        pool->count++;
    }
    pool->rows[at] = *row;
    return true;
}

/* A snapshot takes the old rows' place with its first row, or by being empty. */
static bool take_row(struct pool *pool, const struct json *item, bool *anew)
{
    struct pool_row row;

    if (!read_row(&row, item, &words[pool->kind]))
        return false;
    if (*anew)
        pool->count = 0;
    *anew = false;
    return put(pool, &row);
}

bool pool_merge(struct pool *pool, const struct json *data, bool is_snapshot, size_t *lost)
{
    struct json_walk walk;
    struct json item;
    bool anew = is_snapshot;
    size_t taken = 0;

    *lost = 0;
    if (data->type != JSON_ARRAY) { /* a page says object */
        taken = take_row(pool, data, &anew);
        *lost = !taken;
        return taken > 0;
    }
    walk = json_walk(data);
    while (json_next(&walk, NULL, &item)) {
        if (take_row(pool, &item, &anew))
            taken++;
        else
            ++*lost;
    }
    if (anew && *lost == 0)
        pool->count = 0;
    return taken > 0 || *lost == 0;
}

enum err pool_copy(struct pool *out, const struct pool *pool)
{
    struct pool_row *rows = malloc((pool->count + 1) * sizeof(*rows));

    if (!rows)
        return ERR_NO_MEMORY;
    if (pool->count > 0)
        memcpy(rows, pool->rows, pool->count * sizeof(*rows));
    *out = *pool;
    out->rows = rows;
    out->capacity = pool->count + 1;
    return ERR_NONE;
}
