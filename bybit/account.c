/* bybit/account.c - the positions that are kept, and how messages and loads are merged into them.
 */
#include "bybit/account.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/account_parts.h"

#define AUDIT_DEFAULT_MS  60000
#define SETTLE_DEFAULT_MS 5000
#define WAIT_DEFAULT_MS   12000 /* a load is several reads in turn: it can take longer */
#define AHEAD_MAX_MS      600000

/* --- places --- */

static int compare_place(const struct position *a, const struct position *b)
{
    int order = (int)a->category - (int)b->category;

    if (!order)
        order = strcmp(a->symbol, b->symbol);
    return order ? order : a->position_idx - b->position_idx;
}

size_t account_place_of(const struct account *account, const struct position *position, bool *found)
{
    size_t low = 0;
    size_t high = account->entries_count;

    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_place(&account->entries[middle].position, position);

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

/* Makes room by forgetting a flat position; false: all are open. */
static bool forget_flat(struct account *account)
{
    for (size_t i = 0; i < account->entries_count; i++) {
        if (account->entries[i].position.side != SIDE_NONE || account->entries[i].watched)
            continue;
        account->entries_count--;
        memmove(&account->entries[i], &account->entries[i + 1],
                (account->entries_count - i) * sizeof(account->entries[0]));
        return true;
    }
    return false;
}

/* The position's entry, made (flat) when there is none; NULL: there are too many. */
static struct entry *entry_for(struct account *account, const struct position *position)
{
    bool found;
    size_t at = account_place_of(account, position, &found);

    if (found)
        return &account->entries[at];
    if (account->entries_count == ACCOUNT_POSITIONS_MAX) {
        if (!forget_flat(account)) {
            if (position->side == SIDE_NONE)
                return NULL; /* nothing lacks */
            if (!account->truncated)
                log_warn("account: more than %d open positions: the others are not kept",
                         ACCOUNT_POSITIONS_MAX);
            account->truncated = true;
            account->overflowed = true;
            return NULL;
        }
        at = account_place_of(account, position, &found);
    }
    memmove(&account->entries[at + 1], &account->entries[at],
            (account->entries_count - at) * sizeof(account->entries[0]));
    account->entries_count++;
    account->entries[at] = (struct entry){ .message_ms = INT64_MIN };
    account->entries[at].position.category = position->category;
    memcpy(account->entries[at].position.symbol, position->symbol, sizeof(position->symbol));
    account->entries[at].position.position_idx = position->position_idx;
    account->entries[at].position.qty = DECIMAL_ZERO;
    return &account->entries[at];
}

/* --- merging positions --- */

/* Older by the exchange's own marks. What one of them lacks decides nothing. */
static bool is_older(const struct position *a, const struct position *b)
{
    if (a->updated_ms > 0 && b->updated_ms > 0 && a->updated_ms != b->updated_ms)
        return a->updated_ms < b->updated_ms;
    return a->seq > 0 && b->seq > 0 && a->seq < b->seq;
}

/* Whether a reader would see a difference; what moves with the price alone is none. */
static bool is_changed(const struct position *a, const struct position *b)
{
    return a->side != b->side || decimal_cmp(&a->qty, &b->qty) != 0 ||
           decimal_cmp(&a->entry_price, &b->entry_price) != 0 ||
           decimal_cmp(&a->leverage, &b->leverage) != 0 ||
           decimal_cmp(&a->realised_pnl, &b->realised_pnl) != 0 ||
           decimal_cmp(&a->take_profit, &b->take_profit) != 0 ||
           decimal_cmp(&a->stop_loss, &b->stop_loss) != 0 ||
           decimal_cmp(&a->trailing_stop, &b->trailing_stop) != 0;
}

/* A time far ahead would make all that comes later look old. */
static struct position with_sane_time(const struct position *position)
{
    struct position out = *position;

    if (out.updated_ms > clock_wall_ms() + AHEAD_MAX_MS)
        out.updated_ms = 0;
    return out;
}

static bool put_position(struct entry *entry, const struct position *position)
{
    bool changed = is_changed(&entry->position, position);

    /* What was never open and comes flat is no news. */
    if (position->side == SIDE_NONE && entry->position.side == SIDE_NONE)
        changed = false;
    entry->position = *position;
    return changed;
}

/* Outside of `lock`, inside of `turn`. */
static void tell_position(struct account *account, const struct position *position, bool changed)
{
    const struct account_callbacks *callbacks = account->config.callbacks;
    struct position live = *position;

    if (!callbacks)
        return;
    account_make_live(account->market, &live);
    if (callbacks->on_position && changed)
        callbacks->on_position(&live, account->config.userdata);
    if (callbacks->on_report)
        callbacks->on_report(&live, account->config.userdata);
}

void account_on_position(struct account *account, const struct position *position)
{
    struct position given = with_sane_time(position);
    struct entry *entry;
    bool changed = false;
    bool taken;

    pthread_mutex_lock(&account->turn);
    pthread_mutex_lock(&account->lock);
    entry = entry_for(account, &given);
    taken = entry && !is_older(&given, &entry->position);
    if (taken) {
        changed = put_position(entry, &given);
        entry->message_ms = clock_mono_ms();
        account->loads[ACCOUNT_POSITIONS].as_of_ms = clock_wall_ms();
    }
    pthread_mutex_unlock(&account->lock);
    if (taken)
        tell_position(account, &given, changed);
    pthread_mutex_unlock(&account->turn);
}

bool account_is_recent(const struct account *account, int64_t message_ms, int64_t begin_ms)
{
    return message_ms != INT64_MIN && message_ms > begin_ms - account->config.settle_ms;
}

bool account_is_protected(const struct account *account, int64_t message_ms, int64_t begin_ms)
{
    return account_is_recent(account, message_ms, begin_ms) && message_ms >= account->gap_ms;
}

/* Of the same age the message stands, if nothing can have been missed since. */
static bool is_kept(const struct account *account, const struct entry *entry,
                    const struct position *loaded, int64_t begin_ms)
{
    if (is_older(loaded, &entry->position))
        return account_is_recent(account, entry->message_ms, begin_ms);
    return !is_older(&entry->position, loaded) &&
           account_is_protected(account, entry->message_ms, begin_ms);
}

void account_take_loaded(struct account *account, const struct position *position, int64_t begin_ms,
                         uint64_t number)
{
    struct position given = with_sane_time(position);
    struct entry *entry;
    bool changed = false;

    pthread_mutex_lock(&account->turn);
    pthread_mutex_lock(&account->lock);
    entry = entry_for(account, &given);
    if (entry) {
        if (number)
            entry->seen = number;
        if (!is_kept(account, entry, &given, begin_ms))
            changed = put_position(entry, &given);
    }
    pthread_mutex_unlock(&account->lock);
    if (changed)
        tell_position(account, &given, true);
    pthread_mutex_unlock(&account->turn);
}

static struct position flattened(const struct position *position)
{
    struct position out = { .category = position->category,
                            .position_idx = position->position_idx,
                            .qty = DECIMAL_ZERO,
                            .entry_price = DECIMAL_NONE,
                            .mark_price = DECIMAL_NONE,
                            .liq_price = DECIMAL_NONE,
                            .value = DECIMAL_ZERO,
                            .leverage = position->leverage,
                            .margin = DECIMAL_ZERO,
                            .unrealised_pnl = DECIMAL_ZERO,
                            .realised_pnl = DECIMAL_NONE,
                            .take_profit = DECIMAL_NONE,
                            .stop_loss = DECIMAL_NONE,
                            .trailing_stop = DECIMAL_NONE,
                            .updated_ms = position->updated_ms,
                            .seq = position->seq };

    memcpy(out.symbol, position->symbol, sizeof(out.symbol));
    return out;
}

/* What an answer ought to have had: of a category, or of a symbol of it. */
struct extent {
    enum category category;
    const char *symbol; /* NULL: all */
    unsigned places;    /* of the symbol: those that it had */
    uint64_t number;    /* of the load that had them all */
    int64_t begin_ms;
};

static bool is_lacking(const struct account *account, const struct entry *entry,
                       const struct extent *extent)
{
    const struct position *position = &entry->position;

    if (position->category != extent->category || position->side == SIDE_NONE ||
        account_is_protected(account, entry->message_ms, extent->begin_ms))
        return false;
    if (extent->symbol)
        return strcmp(position->symbol, extent->symbol) == 0 &&
               !(extent->places & 1U << position->position_idx);
    return entry->seen != extent->number;
}

/* The next one, from `*at`, that the answer lacks. */
static bool flatten_next(struct account *account, size_t *at, const struct extent *extent,
                         struct position *out)
{
    for (; *at < account->entries_count; (*at)++) {
        struct entry *entry = &account->entries[*at];

        if (!is_lacking(account, entry, extent))
            continue;
        entry->position = flattened(&entry->position);
        *out = entry->position;
        return true;
    }
    return false;
}

static void flatten_lacking(struct account *account, const struct extent *extent)
{
    struct position position;
    size_t at = 0;
    bool more;

    pthread_mutex_lock(&account->turn);
    do {
        pthread_mutex_lock(&account->lock);
        more = flatten_next(account, &at, extent, &position);
        pthread_mutex_unlock(&account->lock);
        if (more)
            tell_position(account, &position, true);
    } while (more);
    pthread_mutex_unlock(&account->turn);
}

void account_end_category(struct account *account, enum category category, int64_t begin_ms,
                          uint64_t number)
{
    const struct extent extent = { .category = category, .number = number, .begin_ms = begin_ms };

    flatten_lacking(account, &extent);
}

void account_end_symbol(struct account *account, enum category category, const char *symbol,
                        unsigned places, int64_t begin_ms)
{
    const struct extent extent = {
        .category = category, .symbol = symbol, .places = places, .begin_ms = begin_ms
    };

    flatten_lacking(account, &extent);
}

/* --- life --- */

struct account *account_create(const struct account_config *config)
{
    struct account *account = calloc(1, sizeof(*account));

    if (!account)
        return NULL;
    account->config = *config;
    if (account->config.audit_every_ms <= 0)
        account->config.audit_every_ms = AUDIT_DEFAULT_MS;
    if (account->config.settle_ms <= 0)
        account->config.settle_ms = SETTLE_DEFAULT_MS;
    if (account->config.wait_ms <= 0)
        account->config.wait_ms = WAIT_DEFAULT_MS;
    pthread_mutex_init(&account->turn, NULL);
    pthread_mutex_init(&account->lock, NULL);
    pthread_mutex_init(&account->stream_lock, NULL);
    account->totals_ms = INT64_MIN;
    account->gap_ms = INT64_MIN;
    account->balance.equity = DECIMAL_NONE;
    account->balance.available = DECIMAL_NONE;
    account->balance.margin_used = DECIMAL_NONE;
    account_loads_init(account);
    return account;
}

void account_destroy(struct account *account)
{
    if (!account)
        return;
    for (size_t i = 0; i < ACCOUNT_PARTS; i++)
        assert(!account->loads[i].served && !account->loads[i].later);
    pthread_mutex_destroy(&account->turn);
    pthread_mutex_destroy(&account->lock);
    pthread_mutex_destroy(&account->stream_lock);
    free(account);
}

void account_attach(struct account *account, struct reads *reads, struct market *market)
{
    pthread_mutex_lock(&account->lock);
    account->reads = reads;
    account->market = market;
    pthread_mutex_unlock(&account->lock);
}

/* The next open one from `*at`. */
static bool next_open(struct account *account, size_t *at, struct position *out)
{
    bool found = false;

    pthread_mutex_lock(&account->lock);
    while (*at < account->entries_count && !found) {
        *out = account->entries[(*at)++].position;
        found = out->side != SIDE_NONE;
    }
    pthread_mutex_unlock(&account->lock);
    return found;
}

/* Nothing is put in or out of its place meanwhile: that takes `turn`. */
static void report_values(struct account *account)
{
    struct position position;
    size_t at = 0;

    pthread_mutex_lock(&account->turn);
    while (next_open(account, &at, &position))
        tell_position(account, &position, false);
    pthread_mutex_unlock(&account->turn);
}

void account_tick(struct account *account)
{
    account_watch_tickers(account);
    report_values(account);
    account_end_waits(account);
    account_run_loads(account);
}

/* --- reading --- */

void account_get_state(struct account *account, enum account_part part, struct account_state *out)
{
    const struct load *load = &account->loads[part];

    pthread_mutex_lock(&account->lock);
    *out = (struct account_state){
        .loaded = load->loaded,
        .live = account->is_up && load->loaded && load->up_loaded == account->up,
        .truncated = part == ACCOUNT_POSITIONS && account->truncated,
        .as_of_ms = load->as_of_ms,
        .whole_ms = load->whole_ms,
    };
    pthread_mutex_unlock(&account->lock);
}

size_t account_positions(struct account *account, struct position *out, size_t max)
{
    struct market *market;
    size_t count = 0;

    pthread_mutex_lock(&account->lock);
    market = account->market;
    for (size_t i = 0; i < account->entries_count && count < max; i++) {
        if (account->entries[i].position.side != SIDE_NONE)
            out[count++] = account->entries[i].position;
    }
    pthread_mutex_unlock(&account->lock);
    for (size_t i = 0; i < count; i++)
        account_make_live(market, &out[i]);
    return count;
}

size_t account_position(struct account *account, enum category category, const char *symbol,
                        struct position out[ACCOUNT_PLACES_MAX])
{
    struct market *market;
    size_t count = 0;

    pthread_mutex_lock(&account->lock);
    market = account->market;
    for (size_t i = 0; i < account->entries_count && count < ACCOUNT_PLACES_MAX; i++) {
        const struct position *position = &account->entries[i].position;

        if (position->category == category && strcmp(position->symbol, symbol) == 0)
            out[count++] = *position;
    }
    pthread_mutex_unlock(&account->lock);
    for (size_t i = 0; i < count; i++)
        account_make_live(market, &out[i]);
    return count;
}
