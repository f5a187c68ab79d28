#include "server/hub_publish.h"

#include <stdio.h>

#include "api/events.h"
#include "base/clock.h"
#include "base/json.h"

#define TEXT_MAX ((size_t)512 * 1024)

void hub_topic_name(char out[HUB_TOPIC_MAX], enum stream_kind kind, enum category category,
                    const char *symbol, int depth)
{
    const struct stream_topic topic = { .kind = kind, .category = category, .depth = depth };

    api_topic_name(out, HUB_TOPIC_MAX, &topic, symbol);
}

void hub_writer_init(struct hub_writer *writer, struct hub *hub)
{
    *writer = (struct hub_writer){ .hub = hub, .text = buffer_of(TEXT_MAX) };
}

void hub_writer_deinit(struct hub_writer *writer)
{
    buffer_deinit(&writer->text);
}

/* An empty text; NULL: nobody wants the topic. */
static struct buffer *begin(struct hub_writer *writer, const char *topic)
{
    if (!hub_wanted(writer->hub, topic))
        return NULL;
    buffer_clear(&writer->text);
    return &writer->text;
}

static void end_state(struct hub_writer *writer, const char *topic, const char *event)
{
    if (buffer_check(&writer->text) == ERR_NONE)
        hub_publish_state(writer->hub, topic, event, writer->text.data, writer->text.bytes);
}

static void end_frame(struct hub_writer *writer, const char *topic, const char *event,
                      bool is_snapshot)
{
    if (buffer_check(&writer->text) == ERR_NONE)
        hub_publish_frame(writer->hub, topic, event, writer->text.data, writer->text.bytes,
                          is_snapshot);
    else
        hub_publish_hole(writer->hub, topic);
}

void hub_publish_link(struct hub_writer *writer, enum stream_link link, enum link_state state,
                      int64_t since_ms)
{
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    (void)snprintf(topic, sizeof(topic), "status:%s", stream_link_word(link));
    text = begin(writer, topic);
    if (!text)
        return;
    api_event_status(text, link, state, since_ms);
    end_state(writer, topic, "status");
}

void hub_publish_ticker(struct hub_writer *writer, const struct ticker *ticker, int64_t recv_ms)
{
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    hub_topic_name(topic, STREAM_TICKER, ticker->category, ticker->symbol, 0);
    text = begin(writer, topic);
    if (!text)
        return;
    api_event_ticker(text, ticker, recv_ms);
    end_state(writer, topic, "ticker");
}

void hub_publish_book(struct hub_writer *writer, enum category category, const char *symbol,
                      int depth, bool is_snapshot, const struct json *data, int64_t ts_ms,
                      int64_t recv_ms)
{
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    hub_topic_name(topic, STREAM_BOOK, category, symbol, depth);
    text = begin(writer, topic);
    if (!text)
        return;
    api_event_book_frame(text, category, symbol, depth, is_snapshot, data, ts_ms, recv_ms);
    end_frame(writer, topic, "book", is_snapshot);
}

void hub_publish_trade(struct hub_writer *writer, const struct public_trade *trade, int64_t recv_ms)
{
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    hub_topic_name(topic, STREAM_TRADES, trade->category, trade->symbol, 0);
    text = begin(writer, topic);
    if (!text)
        return;
    api_event_trade(text, trade, recv_ms);
    end_frame(writer, topic, "trade", false);
}

/* Each candle is a whole: a reader may begin with any. */
void hub_publish_candle(struct hub_writer *writer, const struct candle *candle, int64_t recv_ms)
{
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    hub_topic_name(topic, STREAM_CANDLES, candle->category, candle->symbol, (int)candle->interval);
    text = begin(writer, topic);
    if (!text)
        return;
    api_event_candle(text, candle, recv_ms);
    end_frame(writer, topic, "candle", true);
}

static void add_text(struct buffer *out, const char *key, const char *text)
{
    json_add_key(out, key);
    json_add_text(out, text);
}

static void add_int(struct buffer *out, const char *key, int64_t value)
{
    json_add_key(out, key);
    if (value)
        json_add_int(out, value);
    else
        json_add_null(out);
}

void hub_publish_liquidation(struct hub_writer *writer, const struct liquidation *liquidation,
                             int64_t recv_ms)
{
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    hub_topic_name(topic, STREAM_LIQUIDATIONS, liquidation->category, liquidation->symbol, 0);
    text = begin(writer, topic);
    if (!text)
        return;
    json_add_open(text, '{');
    add_text(text, "category", category_word(liquidation->category));
    add_text(text, "symbol", liquidation->symbol);
    add_text(text, "side", side_word(liquidation->side));
    json_add_key(text, "price");
    json_add_decimal(text, &liquidation->price);
    json_add_key(text, "qty");
    json_add_decimal(text, &liquidation->qty);
    add_int(text, "ts", liquidation->ts_ms);
    add_int(text, "recv_at", recv_ms);
    json_add_close(text, '}');
    end_frame(writer, topic, "liquidation", false);
}

void hub_publish_price_limit(struct hub_writer *writer, const struct price_limit *limit,
                             int64_t recv_ms)
{
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    hub_topic_name(topic, STREAM_PRICE_LIMIT, limit->category, limit->symbol, 0);
    text = begin(writer, topic);
    if (!text)
        return;
    api_event_price_limit(text, limit, recv_ms);
    end_state(writer, topic, "price_limit");
}

void hub_publish_pool(struct hub_writer *writer, const struct pool *pool)
{
    static const struct {
        enum stream_kind kind;
        const char *event;
    } kinds[] = { [POOL_ADL] = { STREAM_ADL, "adl" },
                  [POOL_INSURANCE] = { STREAM_INSURANCE, "insurance" },
                  [POOL_GREEKS] = { STREAM_GREEKS, "greeks" } };
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    hub_topic_name(topic, kinds[pool->kind].kind, CATEGORY_LINEAR, pool->name, 0);
    text = begin(writer, topic);
    if (!text)
        return;
    api_event_pool(text, pool);
    end_state(writer, topic, kinds[pool->kind].event);
}

void hub_publish_position(struct hub_writer *writer, const struct position *position,
                          int64_t recv_ms)
{
    struct buffer *text = begin(writer, HUB_POSITIONS);

    if (!text)
        return;
    api_event_position(text, position, recv_ms);
    end_frame(writer, HUB_POSITIONS, "position", false);
}

void hub_publish_balance(struct hub_writer *writer, const struct balance *balance, int64_t as_of_ms,
                         int64_t recv_ms)
{
    struct buffer *text = begin(writer, HUB_BALANCE);

    if (!text)
        return;
    api_event_balance(text, balance, as_of_ms, recv_ms);
    end_state(writer, HUB_BALANCE, "balance");
}

/* --- gaps --- */

static void add_gap(struct buffer *text, const char *topic, int64_t from_ms, int64_t to_ms)
{
    json_add_open(text, '{');
    add_text(text, "topic", topic);
    add_int(text, "from", from_ms);
    add_int(text, "to", to_ms);
    json_add_key(text, "repaired");
    json_add_bool(text, false);
    add_int(text, "recv_at", clock_wall_ms());
    json_add_close(text, '}');
}

void hub_publish_stream_gap(struct hub_writer *writer, const struct stream_gap *gap)
{
    char topic[HUB_TOPIC_MAX];
    struct buffer *text;

    hub_topic_name(topic, gap->kind, gap->category, gap->symbol, gap->depth);
    text = begin(writer, topic);
    if (!text)
        return;
    add_gap(text, topic, gap->from_ms, gap->to_ms);
    switch (gap->kind) {
    case STREAM_TICKER:
    case STREAM_PRICE_LIMIT:
    case STREAM_ADL:
    case STREAM_INSURANCE:
    case STREAM_GREEKS:
        end_state(writer, topic, "gap"); /* the next value takes its place */
        break;
    case STREAM_BOOK:
        if (buffer_check(text) == ERR_NONE)
            hub_publish_gap(writer->hub, topic, text->data, text->bytes);
        break;
    case STREAM_TRADES:
    case STREAM_CANDLES:
    case STREAM_LIQUIDATIONS:
        end_frame(writer, topic, "gap", false);
        break;
    }
}

void hub_publish_account_gap(struct hub_writer *writer, int64_t from_ms)
{
    struct buffer *text = begin(writer, HUB_POSITIONS);

    if (text) {
        add_gap(text, HUB_POSITIONS, from_ms, 0);
        end_frame(writer, HUB_POSITIONS, "gap", false);
    }
    text = begin(writer, HUB_BALANCE);
    if (text) {
        add_gap(text, HUB_BALANCE, from_ms, 0);
        end_state(writer, HUB_BALANCE, "gap");
    }
}
