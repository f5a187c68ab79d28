/* bench/decode.c - a public frame on its way, inside the process: what it is, into the market's
 * memory, and, with a reader, to the feed's ring. Beside cJSON, which only parses the same text.
 * In alternation, medians; no network.
 *
 *   bench_decode [ROUNDS] [FRAMES] [KIND]   KIND: only those whose name has it in it
 *   exit status 1: a goal is missed
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "bybit/candles.h"
#include "bybit/market.h"
#include "bybit/message.h"
#include "bybit/stream_link.h"
#include "bybit/trades.h"
#include "server/hub_publish.h"

#define FRAMES       512 /* different ones of a kind; the first is a snapshot */
#define ROUNDS_MAX   1000
#define OTHER_TOPICS 100 /* of the same link */
#define PUMP_EVERY   32

/* --- allocations of our own code (the linker sends them here) --- */

static uint64_t allocations;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    allocations++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    allocations++;
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    allocations++;
    return __real_realloc(old, bytes);
}

static _Noreturn void fail(const char *why)
{
    (void)fprintf(stderr, "bench_decode: %s\n", why);
    exit(2);
}

/* --- frames --- */

struct text {
    char *at;
    size_t bytes;
};

static struct buffer writing;

static struct text written(void)
{
    struct text text;

    text.at = buffer_take(&writing, &text.bytes);
    if (!text.at)
        fail("out of memory");
    return text;
}

static int at_random(int below)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((state >> 33) % (uint64_t)below);
}

/* Of a snapshot each level once, of a delta some of the 50 best: changed or gone. */
static void add_levels(int count, int direction, bool all)
{
    for (int i = 0; i < count; i++) {
        int tenths = 650000 + direction * (1 + (all ? i : at_random(50)));
        bool gone = !all && at_random(4) == 0;

        buffer_addf(&writing, "%s[\"%d.%d\",\"%d.%03d\"]", i ? "," : "", tenths / 10, tenths % 10,
                    gone ? 0 : at_random(20), gone ? 0 : 1 + at_random(999));
    }
}

static void add_book(int number, int depth, int changes)
{
    bool all = number == 0;

    buffer_addf(
        &writing,
        "{\"topic\":\"orderbook.%d.BTCUSDT\",\"type\":\"%s\",\"ts\":1760325052630,\"data\":{"
        "\"s\":\"BTCUSDT\",\"b\":[",
        depth, all ? "snapshot" : "delta");
    add_levels(all ? depth : changes, -1, all);
    buffer_add_text(&writing, "],\"a\":[");
    add_levels(all ? depth : changes, 1, all);
    buffer_addf(&writing, "],\"u\":%d,\"seq\":%d},\"cts\":1760325052620}", 1000 + number,
                100000 + 3 * number);
}

static void add_deltas(int number)
{
    add_book(number, 50, 4);
}

static void add_deep(int number)
{
    add_book(number, 1000, 20);
}

static void add_snapshots(int number)
{
    (void)number;
    add_book(0, 50, 0);
}

static void add_ticker(int number)
{
    buffer_addf(&writing,
                "{\"topic\":\"tickers.BTCUSDT\",\"type\":\"%s\",\"data\":{\"symbol\":\"BTCUSDT\"",
                number ? "delta" : "snapshot");
    if (!number)
        buffer_add_text(
            &writing,
            ",\"tickDirection\":\"PlusTick\",\"price24hPcnt\":\"0.017103\",\"lastPrice\":"
            "\"65000.0\",\"prevPrice24h\":\"63900.40\",\"highPrice24h\":\"66100.00\","
            "\"lowPrice24h\":\"63000.10\",\"turnover24h\":\"5012345678.1234\",\"volume24h\":"
            "\"77000.123\",\"fundingRate\":\"0.0001\",\"nextFundingTime\":\"1760342400000\"");
    buffer_addf(
        &writing,
        ",\"markPrice\":\"65%03d.10\",\"indexPrice\":\"65%03d.52\",\"openInterest\":\"51%03d."
        "12\",\"openInterestValue\":\"3321%03d000.12\",\"bid1Price\":\"65000.00\",\"bid1Size\":"
        "\"%d.001\",\"ask1Price\":\"65000.10\",\"ask1Size\":\"3.%03d\"},\"cs\":%d,\"ts\":"
        "1760325052730}",
        at_random(1000), at_random(1000), at_random(1000), at_random(1000), at_random(30),
        at_random(1000), 9532239 + number);
}

static void add_trade(int number)
{
    buffer_addf(
        &writing,
        "{\"topic\":\"publicTrade.BTCUSDT\",\"type\":\"snapshot\",\"ts\":1672304486868,\"data\":"
        "[{\"T\":1672304486865,\"s\":\"BTCUSDT\",\"S\":\"Buy\",\"v\":\"0.%03d\",\"p\":\"65%03d."
        "50\",\"L\":\"PlusTick\",\"i\":\"20f43950-d8dd-5b31-9112-a178eb6%05d\",\"BT\":false,"
        "\"RPI\":false,\"seq\":%d}]}",
        1 + at_random(999), at_random(1000), number, 1783284617 + number);
}

static void add_candle(int number)
{
    buffer_addf(
        &writing,
        "{\"topic\":\"kline.1.BTCUSDT\",\"data\":[{\"start\":1672324800000,\"end\":"
        "1672324859999,\"interval\":\"1\",\"open\":\"65000.5\",\"close\":\"65%03d.5\",\"high\":"
        "\"66000.0\",\"low\":\"65000.0\",\"volume\":\"2.%03d\",\"turnover\":\"130000.4\","
        "\"confirm\":false,\"timestamp\":%d}],\"ts\":1672324859000,\"type\":\"snapshot\"}",
        at_random(1000), at_random(1000), 1672324859 + number);
}

/* --- the way of a frame --- */

struct way {
    struct market *market;
    struct link link;
    struct hub *hub;
    struct hub_writer writer;
    struct hub_reader *reader;
};

static void take_ticker(struct way *way, const struct link_topic *topic, const struct frame *frame)
{
    struct ticker ticker;

    if (market_merge_ticker(way->market, CATEGORY_LINEAR, topic->symbol, &frame->data,
                            frame->is_snapshot, frame->ts_ms, 1, &ticker))
        fail("a ticker is refused");
    hub_publish_ticker(&way->writer, &ticker, 1);
}

static void take_book(struct way *way, const struct link_topic *topic, const struct frame *frame)
{
    if (market_apply_book(way->market, CATEGORY_LINEAR, topic->symbol, topic->depth, &frame->data,
                          frame->is_snapshot, frame->ts_ms, frame->cts_ms, 1) != BOOK_APPLIED)
        fail("a book is not applied");
    hub_publish_book(&way->writer, CATEGORY_LINEAR, topic->symbol, topic->depth, frame->is_snapshot,
                     &frame->data, frame->ts_ms, 1);
}

static void take_trades(struct way *way, const struct frame *frame)
{
    struct json_walk walk = json_walk(&frame->data);
    struct public_trade trade;
    struct json item;

    while (json_next(&walk, NULL, &item)) {
        if (trade_from_frame(&trade, &item, CATEGORY_LINEAR, NULL))
            fail("a trade is refused");
        hub_publish_trade(&way->writer, &trade, 1);
    }
}

static void take_candles(struct way *way, const struct link_topic *topic, const struct frame *frame)
{
    struct json_walk walk = json_walk(&frame->data);
    struct candle candle;
    struct json item;

    while (json_next(&walk, NULL, &item)) {
        if (candle_from_frame(&candle, &item, NULL))
            fail("a candle is refused");
        candle.category = CATEGORY_LINEAR;
        candle.interval = (enum candle_interval)topic->depth;
        memcpy(candle.symbol, topic->symbol, sizeof(candle.symbol));
        if (market_put_candle(way->market, &candle, 1))
            fail("a candle is not kept");
        hub_publish_candle(&way->writer, &candle, 1);
    }
}

/* What bybit/stream_take.c and stream_public.c do with it, and then server/app_calls.c. */
static void take(struct way *way, const struct text *text)
{
    struct error error = { .text = "" };
    const struct link_topic *topic;
    struct frame frame;

    if (message_frame(&frame, text->at, text->bytes, &error))
        fail(error.text);
    topic = link_find(&way->link, frame.topic);
    if (!topic)
        fail("a frame has no topic");
    switch (topic->kind) {
    case STREAM_TICKER:
        take_ticker(way, topic, &frame);
        break;
    case STREAM_BOOK:
        take_book(way, topic, &frame);
        break;
    case STREAM_TRADES:
        take_trades(way, &frame);
        break;
    case STREAM_CANDLES:
        take_candles(way, topic, &frame);
        break;
    case STREAM_LIQUIDATIONS:
    case STREAM_PRICE_LIMIT:
    case STREAM_ADL:
    case STREAM_INSURANCE:
    case STREAM_GREEKS:
        break;
    }
}

static void ignore_ready(void *userdata)
{
    (void)userdata; /* drain looks by itself */
}

static void drain(struct way *way)
{
    struct hub_item item;

    hub_pump(way->hub);
    while (hub_reader_next(way->reader, &item) != HUB_NOTHING)
        ;
}

/* --- kinds --- */

static const struct kind {
    const char *name;
    enum stream_kind kind;
    int depth;
    const char *topic;
    void (*add)(int number);
    bool has_goal; /* cached without an allocation, in no more time than cJSON parses */
} kinds[] = {
    { "book delta, 4+4 levels", STREAM_BOOK, 50, "orderbook.50.BTCUSDT", add_deltas, true },
    { "book delta 1000, 20+20", STREAM_BOOK, 1000, "orderbook.1000.BTCUSDT", add_deep, true },
    { "book snapshot, 50+50", STREAM_BOOK, 50, "orderbook.50.BTCUSDT", add_snapshots, true },
    { "ticker delta", STREAM_TICKER, 0, "tickers.BTCUSDT", add_ticker, true },
    { "trade", STREAM_TRADES, 0, "publicTrade.BTCUSDT", add_trade, true },
    { "candle", STREAM_CANDLES, CANDLE_1M, "kline.1.BTCUSDT", add_candle, true },
};

static void open_way(struct way *way, const struct kind *kind, bool read)
{
    char name[HUB_TOPIC_MAX];
    struct link_topic *topic;
    size_t index;

    memset(way, 0, sizeof(*way));
    way->market = market_create();
    way->hub = hub_create((size_t)8 << 20, 0);
    if (!way->market || !way->hub)
        fail("out of memory");
    hub_writer_init(&way->writer, way->hub);
    link_init(&way->link, LINK_PUBLIC_LINEAR, &stream_times_default, 1);
    for (int i = 0; i < OTHER_TOPICS; i++) {
        (void)snprintf(name, sizeof(name), "tickers.X%dUSDT", i);
        if (!link_want(&way->link, name))
            fail("out of memory");
    }
    topic = link_want(&way->link, kind->topic);
    way->reader = hub_reader_open(way->hub, ignore_ready, NULL);
    if (!topic || !way->reader)
        fail("out of memory");
    topic->kind = kind->kind;
    topic->depth = kind->depth;
    memcpy(topic->symbol, "BTCUSDT", sizeof("BTCUSDT"));
    hub_topic_name(name, kind->kind, CATEGORY_LINEAR, "BTCUSDT", kind->depth);
    if (read && hub_reader_want(way->reader, name,
                                kind->kind == STREAM_TICKER ? HUB_LATEST : HUB_SEQUENCE, &index))
        fail("out of memory");
}

static void close_way(struct way *way)
{
    hub_reader_close(way->reader);
    hub_writer_deinit(&way->writer);
    hub_destroy(way->hub);
    link_deinit(&way->link);
    market_destroy(way->market);
}

/* --- runs --- */

/* Of this thread's own time: what else the machine does is not counted. */
static int64_t now_ns(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

enum { CJSON, CACHED, SHOWN, RUNS };
static const char *const run_names[RUNS] = { "cJSON parse", "into memory", "and to a reader" };

static void parse(const struct text *texts)
{
    for (int i = 0; i < FRAMES; i++) {
        cJSON *parsed = cJSON_ParseWithLength(texts[i].at, texts[i].bytes);

        if (!parsed)
            fail("cJSON refuses a frame");
        cJSON_Delete(parsed);
    }
}

static void carry(struct way *way, const struct text *texts, bool read)
{
    for (int i = 0; i < FRAMES; i++) {
        take(way, &texts[i]);
        if (read && i % PUMP_EVERY == PUMP_EVERY - 1)
            drain(way);
    }
}

/* ns a frame. */
static double run_once(int run, struct way ways[2], const struct text *texts, int turns)
{
    int64_t from_ns = now_ns();

    for (int i = 0; i < turns; i++) {
        if (run == CJSON)
            parse(texts);
        else
            carry(&ways[run == SHOWN], texts, run == SHOWN);
    }
    return (double)(now_ns() - from_ns) / (turns * FRAMES);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_value);
    return values[count / 2];
}

/* False: a goal is missed. */
static bool measure(const struct kind *kind, int rounds, int turns)
{
    static double took[RUNS][ROUNDS_MAX];
    static struct text texts[FRAMES];
    double ns[RUNS];
    double allocated[RUNS] = { 0 };
    struct way ways[2];
    bool reached;
    size_t bytes = 0;

    for (int i = 0; i < FRAMES; i++) {
        kind->add(i);
        texts[i] = written();
        bytes += texts[i].bytes;
    }
    for (int i = 0; i < 2; i++)
        open_way(&ways[i], kind, i == 1);
    for (int round = -1; round < rounds; round++) {
        for (int run = 0; run < RUNS; run++) {
            uint64_t before = allocations;
            double once_ns = run_once(run, ways, texts, turns);

            if (round < 0)
                continue; /* the first of all finds cold memory */
            took[run][round] = once_ns;
            allocated[run] += (double)(allocations - before);
        }
    }
    for (int run = 0; run < RUNS; run++) {
        ns[run] = median(took[run], rounds);
        allocated[run] /= (double)rounds * turns * FRAMES;
    }
    reached = !kind->has_goal || (ns[CACHED] <= ns[CJSON] && allocated[CACHED] <= 0);
    printf("%-22s %5zu bytes", kind->name, bytes / FRAMES);
    for (int run = 0; run < RUNS; run++)
        printf("  %s %6.0f ns (%.2f)", run_names[run], ns[run], ns[run] / ns[CJSON]);
    printf("  allocations %.2f, %.2f%s\n", allocated[CACHED], allocated[SHOWN],
           reached ? "" : "  MISSED");
    for (int i = 0; i < 2; i++)
        close_way(&ways[i]);
    for (int i = 0; i < FRAMES; i++)
        free(texts[i].at);
    return reached;
}

static int number(const char *text, int otherwise, int most)
{
    long value = text ? strtol(text, NULL, 10) : otherwise;

    return value < 1 ? 1 : value > most ? most : (int)value;
}

int main(int argc, char **argv)
{
    int rounds = number(argc > 1 ? argv[1] : NULL, 11, ROUNDS_MAX);
    int frames = number(argc > 2 ? argv[2] : NULL, 10240, 100000000);
    bool reached = true;

    writing = buffer_of((size_t)1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (argc > 3 && !strstr(kinds[i].name, argv[3]))
            continue;
        reached = measure(&kinds[i], rounds, frames / FRAMES > 0 ? frames / FRAMES : 1) && reached;
    }
    buffer_deinit(&writing);
    printf("goal: into memory in at most cJSON's time, without an allocation: %s\n",
           reached ? "reached" : "MISSED");
    return reached ? 0 : 1;
}
