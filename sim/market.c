/* The deviation of a coin from its anchor is counted in parts per billion. A jump sets a new anchor
 * at the jump's price and at the present deviation. */
#include "sim/market.h"

#include <stdlib.h>
#include <string.h>

#include "sim/fill.h"
#include "sim/options.h"
#include "sim/random.h"
#include "sim/stops.h"

#define COINS           3
#define WAVE_PERIOD_MS  120000
#define WAVE_PPB        2000000 /* amplitude */
#define NOISE_PPB       200000  /* bound */
#define NOISE_STEP_PPB  20000
#define SPOT_NOISE_PPB  20000
#define MINUTE_MS       INT64_C(60000)
#define JITTERED_LEVELS 20
#define BILLION         1000000000

struct market {
    uint64_t random;
    int64_t time_ms;
    bool paused;
    int64_t phase_ms[COINS];
    int64_t noise_ppb[COINS];
    int64_t spot_ppb[COINS];
    int64_t anchor_ticks[INSTRUMENT_COUNT];
    int64_t anchor_ppb[INSTRUMENT_COUNT];
    int64_t interest_lots[INSTRUMENT_COUNT];
    struct past past;
};

#define OPTIONS_STEP_MS 500 /* options move ten times slower */
#define OPTIONS_TRADES  3   /* there are from the start */

static int coin_of(int instrument)
{
    return instrument % COINS;
}

static bool is_option(int instrument)
{
    return instrument >= INSTRUMENT_FIRST_OPTION;
}

/* Triangle: 0 at 0, up to +amplitude, down to -amplitude, back. */
static int64_t wave_ppb(int64_t time_ms)
{
    int64_t at = time_ms % WAVE_PERIOD_MS;
    int64_t quarter = WAVE_PERIOD_MS / 4;

    if (at < 0)
        at += WAVE_PERIOD_MS;
    if (at < quarter)
        return WAVE_PPB * at / quarter;
    if (at < 3 * quarter)
        return WAVE_PPB - WAVE_PPB * (at - quarter) / quarter;
    return WAVE_PPB * (at - 3 * quarter) / quarter - WAVE_PPB;
}

static int64_t deviation_ppb(const struct market *market, int instrument)
{
    int coin = coin_of(instrument);
    int64_t ppb = wave_ppb(market->time_ms + market->phase_ms[coin]) + market->noise_ppb[coin];

    if (instrument_at(instrument)->category == CATEGORY_SPOT)
        ppb += market->spot_ppb[coin];
    return ppb;
}

static int64_t mid_at(const struct market *market, int instrument, int64_t ppb)
{
    int64_t anchor = market->anchor_ticks[instrument];
    decimal_int move = (decimal_int)anchor * (ppb - market->anchor_ppb[instrument]) / BILLION;

    return anchor + (int64_t)move;
}

/* Where the market wants an instrument to stand now. */
static int64_t mid_now(const struct exchange *exchange, int index)
{
    const struct market *market = exchange->market;

    if (is_option(index))
        return option_mid(exchange, instrument_at(index));
    return mid_at(market, index, deviation_ppb(market, index));
}

/* --- makers --- */

static int64_t maker_lots(struct market *market, const struct instrument *instrument, int level)
{
    int64_t percent = random_between(&market->random, 20, 200) * (100 + 2 * level) / 100;
    int64_t lots = instrument->typical_lots * percent / 100;

    return lots > 0 ? lots : 1;
}

/* The maker's level nearest to the mid on a side: strictly away from it, on the grid. */
static int64_t top_ticks(const struct instrument *instrument, enum side side, int64_t mid)
{
    int64_t grid = instrument->grid_ticks;

    return side == SIDE_BUY ? (mid - 1) / grid * grid : (mid / grid + 1) * grid;
}

/* Takes away the makers that are better than `top` or worse than the last level. */
static void withdraw(struct book *book, enum side side, int64_t top, int64_t last)
{
    const struct book_side *levels = book_side(book, side);

    for (size_t i = levels->count; i-- > 0;) {
        int64_t ticks = levels->levels[i].ticks;
        bool inside = book_crosses(side, top, ticks) && book_crosses(side, ticks, last);
        struct book_entry *entry = inside ? NULL : book_maker_at(book, side, ticks);

        if (entry)
            book_remove(book, entry);
    }
}

static void fill_levels(struct market *market, struct book *book,
                        const struct instrument *instrument, enum side side, int64_t top)
{
    int64_t step = side == SIDE_BUY ? -instrument->grid_ticks : instrument->grid_ticks;

    for (int i = 0; i < instrument->levels; i++) {
        int64_t ticks = top + step * i;

        if (ticks > 0 && !book_maker_at(book, side, ticks))
            (void)!book_add(book, side, ticks, maker_lots(market, instrument, i), NULL);
    }
}

static void quote(struct exchange *exchange, int index, int64_t mid)
{
    const struct instrument *instrument = instrument_at(index);
    struct book *book = &exchange->books[index];
    int64_t span = instrument->grid_ticks * (instrument->levels - 1);
    int64_t bid = top_ticks(instrument, SIDE_BUY, mid);
    int64_t ask = top_ticks(instrument, SIDE_SELL, mid);

    exchange->mids[index] = mid;
    exchange->seq++;
    withdraw(book, SIDE_BUY, bid, bid - span);
    withdraw(book, SIDE_SELL, ask, ask + span);
    /* Only the user's orders can still stand between: the market trades through them. */
    (void)fill_for_others(exchange, instrument, SIDE_BUY, bid, INT64_MAX);
    (void)fill_for_others(exchange, instrument, SIDE_SELL, ask, INT64_MAX);
    fill_levels(exchange->market, book, instrument, SIDE_BUY, bid);
    fill_levels(exchange->market, book, instrument, SIDE_SELL, ask);
}

/* Sizes near the top change all the time. */
static void jitter(struct exchange *exchange, int index, enum side side)
{
    struct market *market = exchange->market;
    const struct instrument *instrument = instrument_at(index);
    struct book *book = &exchange->books[index];
    const struct book_side *levels = book_side(book, side);
    int level = (int)random_between(&market->random, 0, JITTERED_LEVELS - 1);
    struct book_entry *entry;
    int64_t ticks;

    if ((size_t)level >= levels->count)
        return;
    ticks = levels->levels[level].ticks;
    entry = book_maker_at(book, side, ticks);
    if (!entry)
        return;
    book_remove(book, entry);
    (void)!book_add(book, side, ticks, maker_lots(market, instrument, level), NULL);
}

static void maybe_take(struct exchange *exchange, int index)
{
    struct market *market = exchange->market;
    const struct instrument *instrument = instrument_at(index);
    enum side side = random_next(&market->random) & 1 ? SIDE_BUY : SIDE_SELL;
    int64_t best = book_best_ticks(&exchange->books[index], side_opposite(side));
    int64_t lots = instrument->typical_lots * random_between(&market->random, 1, 60) / 100;

    if (best == 0 || random_between(&market->random, 0, is_option(index) ? 39 : 3) != 0)
        return;
    (void)fill_for_others(exchange, instrument, side, best, lots > 0 ? lots : 1);
}

static int64_t wander(struct market *market, int64_t value, int64_t step, int64_t bound)
{
    value += random_between(&market->random, -step, step);
    if (value > bound)
        return bound;
    return value < -bound ? -bound : value;
}

void market_step(struct exchange *exchange)
{
    struct market *market = exchange->market;

    for (int i = 0; i < INSTRUMENT_COUNT; i++)
        tape_advance(&exchange->tapes[i], exchange->now_ms);
    if (market->paused)
        return;
    market->time_ms += MARKET_STEP_MS;
    for (int coin = 0; coin < COINS; coin++) {
        market->noise_ppb[coin] =
            wander(market, market->noise_ppb[coin], NOISE_STEP_PPB, NOISE_PPB);
        market->spot_ppb[coin] =
            wander(market, market->spot_ppb[coin], SPOT_NOISE_PPB / 4, SPOT_NOISE_PPB);
    }
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (is_option(i) && market->time_ms % OPTIONS_STEP_MS != 0)
            break;
        quote(exchange, i, mid_now(exchange, i));
        jitter(exchange, i, SIDE_BUY);
        jitter(exchange, i, SIDE_SELL);
        maybe_take(exchange, i);
    }
    stops_run(exchange);
}

void market_pause(struct exchange *exchange, bool paused)
{
    exchange->market->paused = paused;
}

/* --- jumps --- */

static enum err jump_one(struct exchange *exchange, const struct instrument *instrument,
                         struct decimal price)
{
    struct market *market = exchange->market;
    struct decimal rounded;
    bool up;
    int64_t ticks;

    if (decimal_sign(&price) <= 0 || decimal_nearest_to(&rounded, &price, &instrument->tick) ||
        instrument_ticks(instrument, rounded, &ticks) || ticks <= instrument->grid_ticks ||
        decimal_cmp(&rounded, &instrument->max_price) > 0)
        return ERR_INVALID;
    up = ticks >= exchange->mids[instrument->index];
    market->anchor_ticks[instrument->index] = ticks;
    market->anchor_ppb[instrument->index] = deviation_ppb(market, instrument->index);
    quote(exchange, instrument->index, ticks);
    fill_print(exchange, instrument, up ? SIDE_BUY : SIDE_SELL, ticks, 1); /* the last price */
    return ERR_NONE;
}

static bool named(const struct instrument *instrument, const char *symbol)
{
    return instrument->category != CATEGORY_OPTION && strcmp(instrument->symbol, symbol) == 0;
}

/* All of a base coin go together; what one of them refuses, the others may have done. */
enum err market_jump(struct exchange *exchange, const char *symbol, struct decimal price)
{
    const char *base = NULL;
    enum err err = ERR_NONE;

    for (int i = 0; i < INSTRUMENT_COUNT && !base; i++) {
        if (named(instrument_at(i), symbol))
            base = instrument_at(i)->base;
    }
    if (!base)
        return ERR_NOT_FOUND;
    for (int i = 0; i < INSTRUMENT_COUNT && !err; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (instrument->category != CATEGORY_OPTION && strcmp(instrument->base, base) == 0)
            err = jump_one(exchange, instrument, price);
        else if (strcmp(instrument->base, base) == 0)
            quote(exchange, i, mid_now(exchange, i));
    }
    stops_run(exchange);
    return err;
}

/* --- the start --- */

static enum err start_tape(struct exchange *exchange, int index)
{
    const struct past *past = &exchange->market->past;
    const struct instrument *instrument = instrument_at(index);
    struct candle *minutes = calloc(TAPE_DAY, sizeof(*minutes));
    enum err err;

    if (!minutes)
        return ERR_NO_MEMORY;
    for (int i = 0; i < TAPE_DAY; i++) {
        int64_t start_ms = past->end_ms - (TAPE_DAY - i) * MINUTE_MS;

        minutes[i].start_ms = -1;
        past_merge(past, instrument, start_ms, start_ms + MINUTE_MS, &minutes[i]);
    }
    err = tape_init(&exchange->tapes[index], instrument, minutes, TAPE_DAY);
    free(minutes);
    if (!err)
        tape_advance(&exchange->tapes[index], exchange->now_ms);
    return err;
}

enum err market_init(struct exchange *exchange, uint64_t seed)
{
    struct market *market = calloc(1, sizeof(*market));

    if (!market)
        return ERR_NO_MEMORY;
    exchange->market = market;
    market->random = seed;
    market->past.seed = seed;
    market->past.end_ms = exchange->now_ms - exchange->now_ms % MINUTE_MS;
    for (int coin = 0; coin < COINS; coin++)
        market->phase_ms[coin] = random_between(&market->random, 0, WAVE_PERIOD_MS - 1);
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (instrument_ticks(instrument, instrument->near, &market->anchor_ticks[i]))
            return ERR_INTERNAL;
        market->interest_lots[i] = instrument->typical_lots * 20000;
        market->past.end_ticks[i] = mid_now(exchange, i);
        if (start_tape(exchange, i))
            return ERR_NO_MEMORY;
        quote(exchange, i, market->past.end_ticks[i]);
        for (int trade = 0; is_option(i) && trade < OPTIONS_TRADES; trade++)
            (void)fill_for_others(exchange, instrument, SIDE_BUY, INT64_MAX, 1);
    }
    return ERR_NONE;
}

void market_deinit(struct exchange *exchange)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++)
        tape_deinit(&exchange->tapes[i]);
    free(exchange->market);
    exchange->market = NULL;
}

int64_t market_index_of(int64_t ticks)
{
    return ticks - ticks / 20000;
}

const struct past *market_past(const struct exchange *exchange)
{
    return &exchange->market->past;
}

int64_t market_open_interest_lots(const struct exchange *exchange, int instrument)
{
    return exchange->market->interest_lots[instrument] +
           (int64_t)(exchange->tapes[instrument].trades_count % 100) * 2;
}

/* Every hour its own, within 5 % of today's; even, as both sides are counted. */
int64_t market_open_interest_then(const struct exchange *exchange, int instrument, int64_t at_ms)
{
    int64_t lots = exchange->market->interest_lots[instrument];
    uint64_t hash = past_hash(&exchange->market->past, 0x2000 + (uint64_t)instrument, at_ms);

    return (lots - lots * (int64_t)(hash % 1000) / 20000) / 2 * 2;
}

int64_t market_next_funding_ms(int64_t now_ms)
{
    return now_ms - now_ms % MARKET_FUNDING_MS + MARKET_FUNDING_MS;
}

struct decimal market_funding_rate(const struct exchange *exchange, int instrument, int64_t at_ms)
{
    uint64_t hash = past_hash(&exchange->market->past, 0x3000 + (uint64_t)instrument, at_ms);
    const struct decimal usual = { 1, 4 };
    const struct decimal other = { (int64_t)(hash >> 8) % 20001 - 10000, 8 };

    return hash % 4 ? usual : decimal_trim(other);
}
