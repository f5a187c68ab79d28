/* Where a topic of a stream begins: with the state in memory, then what is published from there on.
 * The cursor is set before the memory is read, and what is published was in memory before, so
 * nothing is missed; what comes twice is told from the snapshot by its u or its time. */
#include "api/events.h"
#include "base/clock.h"
#include "base/json.h"
#include "server/sse_parts.h"

#define POSITION_TRIES 3
#define AHEAD_MAX      4 /* what memory may have that is not published yet, in frames */

static bool book_from_memory(struct sse_reader *reader, struct sse_watched *watched,
                             struct buffer *json)
{
    struct sse *sse = reader->sse;
    const struct sse_topic *topic = &watched->topic;
    struct market_book book;

    if (!market_book(sse->api->market, topic->category, topic->symbol, (size_t)topic->depth, &book,
                     sse->bids, sse->asks) ||
        book.depth != topic->depth || book.state != BOOK_SYNCED)
        return false;
    api_event_book_snapshot(json, topic->category, topic->symbol, &book, sse->bids, sse->asks);
    watched->skip_below = book.u + 1;
    return true;
}

static bool ticker_from_memory(struct sse_reader *reader, struct sse_watched *watched,
                               struct buffer *json)
{
    struct market_ticker ticker;

    if (!market_ticker(reader->sse->api->market, watched->topic.category, watched->topic.symbol,
                       &ticker) ||
        ticker.stale)
        return false;
    api_event_ticker(json, &ticker.ticker, ticker.recv_ms);
    watched->skip_below = ticker.ticker.ts_ms;
    return true;
}

static bool candle_from_memory(struct sse_reader *reader, struct sse_watched *watched,
                               struct buffer *json)
{
    const struct sse_topic *topic = &watched->topic;
    struct candle candle;
    int64_t recv_ms;

    if (!market_candle(reader->sse->api->market, topic->category, topic->symbol,
                       (enum candle_interval)topic->depth, &candle, &recv_ms))
        return false;
    api_event_candle(json, &candle, recv_ms);
    watched->skip_below = candle.ts_ms;
    return true;
}

static bool limit_from_memory(struct sse_reader *reader, struct sse_watched *watched,
                              struct buffer *json)
{
    struct price_limit limit;
    int64_t recv_ms;

    if (!market_limit(reader->sse->api->market, watched->topic.category, watched->topic.symbol,
                      &limit, &recv_ms))
        return false;
    api_event_price_limit(json, &limit, recv_ms);
    watched->skip_below = limit.ts_ms;
    return true;
}

static bool pool_from_memory(struct sse_reader *reader, struct sse_watched *watched,
                             enum pool_kind kind, struct buffer *json)
{
    struct pool pool;

    if (!market_pool(reader->sse->api->market, kind, watched->topic.symbol, &pool))
        return false;
    api_event_pool(json, &pool);
    watched->skip_below = pool.ts_ms;
    pool_deinit(&pool);
    return true;
}

static int64_t account_as_of(struct account *account, enum account_part part)
{
    struct account_state state;

    account_get_state(account, part, &state);
    return state.as_of_ms;
}

static bool balance_from_memory(struct sse_reader *reader, struct sse_watched *watched,
                                struct buffer *json)
{
    struct sse *sse = reader->sse;
    struct account *account = sse->api->account;
    int64_t as_of_ms;

    if (!account)
        return false;
    as_of_ms = account_as_of(account, ACCOUNT_BALANCE);
    if (!account_balance(account, &sse->balance))
        return false;
    api_event_balance(json, &sse->balance, as_of_ms, as_of_ms);
    watched->skip_below = as_of_ms;
    return true;
}

static bool topic_from_memory(struct sse_reader *reader, struct sse_watched *watched,
                              struct buffer *json, const char **event)
{
    bool has_market = reader->sse->api->market != NULL;

    switch (watched->topic.kind) {
    case SSE_TICKER:
        *event = "ticker";
        return has_market && ticker_from_memory(reader, watched, json);
    case SSE_BOOK:
        *event = "book";
        return has_market && book_from_memory(reader, watched, json);
    case SSE_CANDLES:
        *event = "candle";
        return has_market && candle_from_memory(reader, watched, json);
    case SSE_BALANCE:
        *event = "balance";
        return balance_from_memory(reader, watched, json);
    case SSE_PRICE_LIMIT:
        *event = "price_limit";
        return has_market && limit_from_memory(reader, watched, json);
    case SSE_ADL:
        *event = "adl";
        return has_market && pool_from_memory(reader, watched, POOL_ADL, json);
    case SSE_INSURANCE:
        *event = "insurance";
        return has_market && pool_from_memory(reader, watched, POOL_INSURANCE, json);
    case SSE_GREEKS:
        *event = "greeks";
        return has_market && pool_from_memory(reader, watched, POOL_GREEKS, json);
    case SSE_TRADES:
    case SSE_LIQUIDATIONS:
    case SSE_POSITIONS:
        break;
    }
    return false;
}

/* What changes while it is read would come once more behind the snapshot: it is read again, so that
 * no reader sees a position go back. */
static size_t read_positions(struct sse_reader *reader, size_t index)
{
    struct sse *sse = reader->sse;
    size_t count = 0;

    for (int i = 0; i < POSITION_TRIES; i++) {
        hub_reader_restart(reader->hub, index);
        if (!sse->api->account)
            return 0;
        count = account_positions(sse->api->account, sse->positions, ARRAY_LEN(sse->positions));
        if (hub_reader_is_fresh(reader->hub, index))
            break;
    }
    return count;
}

static void say_positions(struct sse_reader *reader, size_t index)
{
    struct buffer json = buffer_of((size_t)16 * 1024);
    size_t count = read_positions(reader, index);
    int64_t as_of_ms =
        count ? account_as_of(reader->sse->api->account, ACCOUNT_POSITIONS) : clock_wall_ms();

    for (size_t i = 0; i < count; i++) {
        buffer_clear(&json);
        api_event_position(&json, &reader->sse->positions[i], as_of_ms);
        sse_say(reader, "position", SSE_NO_ID, &json);
    }
    buffer_deinit(&json);
}

/* The event's name, and in `json` its text. NULL: there is none, the topic is where it was. */
static const char *read_memory(struct sse_reader *reader, size_t index, struct buffer *json)
{
    struct sse_watched *watched = &reader->watched[index];
    const struct hub_place place = hub_reader_restart(reader->hub, index);
    const char *event = "";

    watched->skip_below = 0;
    if (!topic_from_memory(reader, watched, json, &event)) {
        hub_reader_go_back(reader->hub, index, &place);
        return NULL;
    }
    watched->skip_until = hub_reader_published(reader->hub, index) + AHEAD_MAX;
    return event;
}

bool sse_say_from_memory(struct sse_reader *reader, size_t index)
{
    struct buffer json = buffer_of(API_REPLY_MAX);
    const char *event = read_memory(reader, index, &json);

    if (event)
        sse_say(reader, event, SSE_NO_ID, &json);
    buffer_deinit(&json);
    return event != NULL;
}

void sse_say_snapshot(struct sse_reader *reader, size_t index)
{
    switch (reader->watched[index].topic.kind) {
    case SSE_TICKER:
    case SSE_BOOK:
    case SSE_CANDLES:
    case SSE_PRICE_LIMIT:
    case SSE_ADL:
    case SSE_INSURANCE:
    case SSE_GREEKS:
    case SSE_BALANCE:
        if (sse_say_from_memory(reader, index))
            sse_hold(reader, index);
        else
            hub_reader_await(reader->hub, index);
        break;
    case SSE_POSITIONS:
        say_positions(reader, index);
        break;
    case SSE_TRADES:
    case SSE_LIQUIDATIONS:
        hub_reader_restart(reader->hub, index);
        break;
    }
}

bool sse_is_in_snapshot(struct sse_watched *watched, const struct hub_frame *frame)
{
    bool is_book = watched->topic.kind == SSE_BOOK;
    struct json json;
    int64_t value;

    if (watched->skip_below == 0)
        return false;
    if (frame->number <= watched->skip_until &&
        !(is_book && (frame->is_snapshot || frame->is_gap)) &&
        json_open_trusted(&json, frame->json, frame->json_bytes, NULL) == ERR_NONE &&
        json_member_int(&json, is_book ? "u" : "ts", &value) == ERR_NONE &&
        value < watched->skip_below)
        return true;
    watched->skip_below = 0;
    return false;
}

/* --- readers that were overtaken --- */

/* `dropped` 0: not counted, for a snapshot has them. */
static void say_gap(struct sse_reader *reader, size_t index, bool repaired, uint64_t dropped)
{
    struct buffer json = buffer_of(1024);

    json_add_open(&json, '{');
    json_add_key(&json, "topic");
    json_add_text(&json, reader->watched[index].topic.name);
    json_add_key(&json, "from");
    json_add_null(&json);
    json_add_key(&json, "to");
    json_add_null(&json);
    json_add_key(&json, "repaired");
    json_add_bool(&json, repaired);
    if (dropped) {
        json_add_key(&json, "dropped");
        json_add_int(&json, (int64_t)dropped);
    }
    json_add_key(&json, "recv_at");
    json_add_int(&json, clock_wall_ms());
    json_add_close(&json, '}');
    sse_say(reader, "gap", SSE_NO_ID, &json);
    buffer_deinit(&json);
}

/* The gap comes first, and says whether what follows makes it good. */
static void say_gap_and_base(struct sse_reader *reader, size_t index, bool repairs)
{
    struct buffer json = buffer_of(API_REPLY_MAX);
    const char *event = read_memory(reader, index, &json);

    say_gap(reader, index, repairs && event, 0);
    if (event) {
        sse_say(reader, event, SSE_NO_ID, &json);
        sse_hold(reader, index);
    } else {
        hub_reader_await(reader->hub, index);
    }
    buffer_deinit(&json);
}

void sse_say_lost(struct sse_reader *reader, size_t index)
{
    uint64_t dropped;

    switch (reader->watched[index].topic.kind) {
    case SSE_BOOK:
        if (reader->conflate_ms && sse_say_from_memory(reader, index)) {
            sse_hold(reader, index); /* it wants no more than the latest */
            break;
        }
        say_gap_and_base(reader, index, true);
        break;
    case SSE_TICKER:
    case SSE_PRICE_LIMIT:
    case SSE_ADL:
    case SSE_INSURANCE:
    case SSE_GREEKS:
    case SSE_BALANCE:
        say_gap_and_base(reader, index, true);
        break;
    case SSE_POSITIONS:
        say_gap(reader, index, true, 0);
        say_positions(reader, index);
        break;
    case SSE_CANDLES: /* one that closed meanwhile may be missing */
        say_gap_and_base(reader, index, false);
        break;
    case SSE_TRADES:
    case SSE_LIQUIDATIONS:
        dropped = hub_reader_skip(reader->hub, index);
        atomic_fetch_add_explicit(&reader->sse->dropped, dropped, memory_order_relaxed);
        say_gap(reader, index, false, dropped);
        break;
    }
}

/* --- conflation --- */

bool sse_is_conflated(const struct sse_reader *reader, size_t index)
{
    enum sse_kind kind = reader->watched[index].topic.kind;

    return reader->conflate_ms && (sse_is_state(kind) || kind == SSE_BOOK);
}

void sse_hold(struct sse_reader *reader, size_t index)
{
    struct sse *sse = reader->sse;

    if (!sse_is_conflated(reader, index))
        return;
    reader->watched[index].held_until_ms = sse->http->now_ms + reader->conflate_ms;
    hub_reader_hold(reader->hub, index, true);
    if (reader->watched[index].held_until_ms < reader->release_ms)
        reader->release_ms = reader->watched[index].held_until_ms;
    if (reader->release_ms < sse->due_ms)
        sse->due_ms = reader->release_ms;
}

void sse_release(struct sse_reader *reader, int64_t now_ms)
{
    reader->release_ms = INT64_MAX;
    for (size_t i = 0; i < reader->watched_count; i++) {
        struct sse_watched *watched = &reader->watched[i];

        if (watched->held_until_ms == 0)
            continue;
        if (watched->held_until_ms > now_ms) {
            if (watched->held_until_ms < reader->release_ms)
                reader->release_ms = watched->held_until_ms;
            continue;
        }
        watched->held_until_ms = 0;
        hub_reader_hold(reader->hub, i, false);
    }
}

/* --- reset --- */

static bool watches(const struct sse_reader *reader, enum sse_kind kind, size_t *index)
{
    for (size_t i = 0; i < reader->watched_count; i++) {
        *index = i;
        if (reader->watched[i].topic.kind == kind)
            return true;
    }
    return false;
}

static bool read_balance(struct sse_reader *reader, size_t index)
{
    const struct hub_place place = hub_reader_restart(reader->hub, index);

    if (account_balance(reader->sse->api->account, &reader->sse->balance))
        return true;
    hub_reader_go_back(reader->hub, index, &place);
    return false;
}

/* What is told here is a base: changes that are in it do not come once more behind it. */
void sse_add_account(struct sse_reader *reader, struct buffer *json)
{
    struct sse *sse = reader->sse;
    struct account *account = sse->api->account;
    struct account_state state = { .loaded = false };
    size_t index;

    if (account)
        account_get_state(account, ACCOUNT_POSITIONS, &state);
    json_add_key(json, "positions");
    if (state.loaded && watches(reader, SSE_POSITIONS, &index)) {
        size_t count = read_positions(reader, index);

        json_add_open(json, '[');
        for (size_t i = 0; i < count; i++)
            api_add_position(json, &sse->positions[i]);
        json_add_close(json, ']');
    } else {
        json_add_null(json);
    }
    json_add_key(json, "balance");
    if (account && watches(reader, SSE_BALANCE, &index) && read_balance(reader, index))
        api_add_balance(json, &sse->balance, 0, NULL);
    else
        json_add_null(json);
}
