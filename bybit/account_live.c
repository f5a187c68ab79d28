/* bybit/account_live.c - the numbers that move with the price, and the tickers they come from. */
#include "base/clock.h"
#include "bybit/account_parts.h"
#include "bybit/market.h"
#include "bybit/stream.h"

#define TICKER_FRESH_MS 60000 /* an audit's numbers are not older */
#define RESULT_SCALE    8

/* --- live numbers --- */

/* Of `qty` contracts that count the quote coin: in the base coin. */
static struct decimal inverse_value(const struct decimal *qty, const struct decimal *at)
{
    struct decimal out;

    return decimal_div(&out, qty, at, RESULT_SCALE) ? DECIMAL_NONE : decimal_trim(out);
}

static struct decimal cut(const struct decimal *value)
{
    const struct decimal one = { 1, 0 };
    struct decimal out;

    if (value->scale <= RESULT_SCALE)
        return decimal_trim(*value);
    return decimal_div(&out, value, &one, RESULT_SCALE) ? DECIMAL_NONE : decimal_trim(out);
}

static struct decimal product(const struct decimal *a, const struct decimal *b)
{
    struct decimal out;

    return decimal_mul(&out, a, b) ? DECIMAL_NONE : cut(&out);
}

static struct decimal difference(const struct decimal *a, const struct decimal *b)
{
    struct decimal out;

    return decimal_sub(&out, a, b) ? DECIMAL_NONE : out;
}

static struct decimal linear_result(const struct position *position, const struct decimal *mark)
{
    bool is_long = position->side == SIDE_BUY;
    struct decimal gain = difference(is_long ? mark : &position->entry_price,
                                     is_long ? &position->entry_price : mark);

    return decimal_is_none(&gain) ? gain : product(&gain, &position->qty);
}

/* One division, by entry * mark, so that it is cut once. */
static struct decimal inverse_result(const struct position *position, const struct decimal *mark)
{
    bool is_long = position->side == SIDE_BUY;
    struct decimal gain = difference(is_long ? mark : &position->entry_price,
                                     is_long ? &position->entry_price : mark);
    struct decimal top;
    struct decimal bottom;
    struct decimal out;

    if (decimal_is_none(&gain) || decimal_mul(&top, &gain, &position->qty) ||
        decimal_mul(&bottom, &position->entry_price, mark) ||
        decimal_div(&out, &top, &bottom, RESULT_SCALE))
        return DECIMAL_NONE;
    return decimal_trim(out);
}

static struct decimal value_at(const struct position *position, const struct decimal *mark)
{
    return position->category == CATEGORY_INVERSE ? inverse_value(&position->qty, mark)
                                                  : product(&position->qty, mark);
}

static bool is_priced(const struct position *position, const struct decimal *mark)
{
    return position->side != SIDE_NONE && position->category != CATEGORY_OPTION &&
           decimal_sign(mark) > 0 && decimal_sign(&position->entry_price) > 0;
}

void position_mark(struct position *position, const struct decimal *mark)
{
    struct decimal value;
    struct decimal result;

    if (!is_priced(position, mark))
        return;
    value = value_at(position, mark);
    result = position->category == CATEGORY_INVERSE ? inverse_result(position, mark)
                                                    : linear_result(position, mark);
    if (decimal_is_none(&value) || decimal_is_none(&result))
        return; /* numbers beyond all measure: the exchange's own stand */
    position->mark_price = *mark;
    position->value = value;
    position->unrealised_pnl = result;
}

static bool is_watchable(const struct position *position)
{
    return position->side != SIDE_NONE &&
           (position->category == CATEGORY_LINEAR || position->category == CATEGORY_INVERSE);
}

void account_make_live(struct market *market, struct position *position)
{
    struct market_ticker kept;
    struct decimal value;

    if (!is_watchable(position))
        return;
    if (market && market_ticker(market, position->category, position->symbol, &kept) &&
        !kept.stale && clock_mono_ms() - kept.recv_mono_ms <= TICKER_FRESH_MS &&
        decimal_sign(&kept.ticker.mark) > 0) {
        position_mark(position, &kept.ticker.mark);
    } else if (is_priced(position, &position->mark_price)) {
        value = value_at(position, &position->mark_price);
        if (!decimal_is_none(&value))
            position->value = value;
    }
}

/* --- tickers of open positions --- */

/* Those to drop first, so that wants which find no place do not keep the places from coming free.
 */
static size_t list_changes(struct account *account, struct position *out, bool *wanted, size_t max)
{
    size_t count = 0;

    for (int pass = 0; pass < 2; pass++) {
        bool wants = pass == 1;

        for (size_t i = 0; i < account->entries_count && count < max; i++) {
            const struct entry *entry = &account->entries[i];

            if (entry->watched == wants || is_watchable(&entry->position) != wants)
                continue;
            wanted[count] = wants;
            out[count++] = entry->position;
        }
    }
    return count;
}

static void set_watched(struct account *account, const struct position *position, bool watched)
{
    bool found;
    size_t at;

    pthread_mutex_lock(&account->lock);
    at = account_place_of(account, position, &found);
    if (found)
        account->entries[at].watched = watched;
    pthread_mutex_unlock(&account->lock);
}

void account_watch_tickers(struct account *account)
{
    struct position changes[16];
    bool wanted[ARRAY_LEN(changes)];
    size_t count;

    pthread_mutex_lock(&account->stream_lock);
    if (account->stream) {
        pthread_mutex_lock(&account->lock);
        count = list_changes(account, changes, wanted, ARRAY_LEN(changes));
        pthread_mutex_unlock(&account->lock);
        for (size_t i = 0; i < count; i++) {
            if (!wanted[i])
                stream_drop(account->stream, STREAM_TICKER, changes[i].category, changes[i].symbol,
                            0);
            else if (stream_want(account->stream, STREAM_TICKER, changes[i].category,
                                 changes[i].symbol, 0))
                continue; /* too many topics: the exchange's own numbers do */
            set_watched(account, &changes[i], wanted[i]);
        }
    }
    pthread_mutex_unlock(&account->stream_lock);
}

void account_use_stream(struct account *account, struct stream *stream)
{
    if (!account)
        return;
    pthread_mutex_lock(&account->stream_lock);
    account->stream = stream;
    pthread_mutex_unlock(&account->stream_lock);
}
