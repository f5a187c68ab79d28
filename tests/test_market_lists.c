/* Trades, candles, funding rates and open interest as lists, against an exchange that is made up
 * here: paging, bounds, forms, and all that can be wrong with its answers. */
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/json.h"
#include "test_api_run.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  INT64_C(1704067200000) /* 2024-01-01 */

/* --- the exchange --- */

enum trouble {
    NONE,
    REPEATS,     /* the same page for ever */
    IGNORES_END, /* the newest page, whatever is asked */
    OLDEST_FIRST,
    UNREADABLE,  /* the second page */
    REFUSES,     /* the second page */
    SHORT_PAGES, /* three rows at most */
    SLOW_CLOCK,  /* its clock is at the start of its newest row */
    SLOW         /* 30 ms a page */
};

static struct exchange {
    enum trouble trouble;
    int64_t first_ms; /* of its oldest row */
    int64_t last_ms;  /* of its newest row */
    int64_t step_ms;
    int64_t gap_from_ms; /* no rows here */
    int64_t gap_to_ms;
    int pages;
    int64_t ends[64];
    int limits[64];
    struct buffer body;
} exchange;

static int64_t number_after(const char *query, const char *name, int64_t absent)
{
    const char *at = strstr(query, name);

    return at ? strtoll(at + strlen(name), NULL, 10) : absent;
}

static void add_item(enum bybit_route route, int64_t at_ms)
{
    struct buffer *out = &exchange.body;
    char start[32];

    (void)snprintf(start, sizeof(start), "%" PRId64, at_ms);
    if (route == ROUTE_CANDLES) {
        json_add_open(out, '[');
        json_add_text(out, start);
        for (int i = 0; i < 6; i++)
            json_add_text(out,
                          exchange.trouble == UNREADABLE && exchange.pages == 2 ? "x" : "1.50");
        json_add_close(out, ']');
        return;
    }
    json_add_open(out, '{');
    json_add_key(out, "symbol");
    json_add_text(out, "BTCUSDT");
    json_add_key(out, route == ROUTE_FUNDING_HISTORY ? "fundingRate" : "openInterest");
    json_add_text(out, "0.0001");
    json_add_key(out, route == ROUTE_FUNDING_HISTORY ? "fundingRateTimestamp" : "timestamp");
    json_add_text(out, start);
    json_add_close(out, '}');
}

static void add_items(enum bybit_route route, int64_t end_ms, int64_t limit)
{
    int64_t at_ms = end_ms < exchange.last_ms ? end_ms : exchange.last_ms;

    if (exchange.trouble == SHORT_PAGES && limit > 3)
        limit = 3;
    if (at_ms >= exchange.first_ms)
        at_ms -= (at_ms - exchange.first_ms) % exchange.step_ms;
    for (; at_ms >= exchange.first_ms && limit > 0; at_ms -= exchange.step_ms) {
        if (at_ms >= exchange.gap_from_ms && at_ms < exchange.gap_to_ms)
            continue;
        add_item(route, at_ms);
        limit--;
    }
    if (exchange.trouble == OLDEST_FIRST)
        add_item(route, exchange.last_ms);
}

static void exchange_read(enum bybit_route route, const char *query)
{
    const char *end_name = route == ROUTE_CANDLES ? "&end=" : "&endTime=";
    int64_t end_ms = number_after(query, end_name, exchange.last_ms);
    int64_t limit = number_after(query, "&limit=", 200);
    struct buffer *out = &exchange.body;

    ck_assert_int_lt(exchange.pages, (int)ARRAY_LEN(exchange.ends));
    ck_assert_ptr_null(strstr(query, "start"));
    if (exchange.trouble == SLOW)
        (void)usleep(30000);
    exchange.limits[exchange.pages] = (int)limit;
    exchange.ends[exchange.pages++] = number_after(query, end_name, -1);
    if ((exchange.trouble == REPEATS && exchange.pages > 1) || exchange.trouble == IGNORES_END)
        end_ms = exchange.last_ms;
    buffer_clear(out);
    json_add_open(out, '{');
    json_add_key(out, "retCode");
    json_add_int(out, exchange.trouble == REFUSES && exchange.pages == 2 ? 10006 : 0);
    json_add_key(out, "time");
    json_add_int(out, exchange.trouble == SLOW_CLOCK ? exchange.last_ms : exchange.last_ms + 1);
    json_add_key(out, "result");
    json_add_open(out, '{');
    json_add_key(out, "list");
    json_add_open(out, '[');
    add_items(route, end_ms, limit);
    json_add_close(out, ']');
    json_add_close(out, '}');
    json_add_close(out, '}');
    ck_assert(!buffer_check(out));
    kit.answer = (struct rest_answer){
        .answered = true, .http_status = 200, .body = out->data, .body_bytes = out->bytes
    };
}

/* `rows` of them up to now. */
static void set_exchange(int64_t step_ms, int64_t rows)
{
    buffer_deinit(&exchange.body);
    exchange = (struct exchange){ .step_ms = step_ms, .body = buffer_of(1 << 24) };
    exchange.last_ms = START + 500 * DAY;
    exchange.first_ms = exchange.last_ms - (rows - 1) * step_ms;
    kit.on_read = exchange_read;
}

static void open_all(void)
{
    kit_open();
    set_exchange(MINUTE, 5000);
}

static void close_all(void)
{
    ck_assert_int_eq(kit.chains, 0); /* each one that began has ended */
    buffer_deinit(&exchange.body);
    kit_close();
}

static int get(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int get(const char *format, ...)
{
    char target[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(target, sizeof(target), format, args);
    va_end(args);
    exchange.pages = 0;
    return kit_get(target);
}

/* --- looking at the reply --- */

static int items_count(void)
{
    cJSON *json = kit_json();
    int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "items"));

    cJSON_Delete(json);
    return count;
}

static void copy_member(const cJSON *object, const char *name, char *out, size_t out_bytes)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    ck_assert(!text_copy(out, out_bytes, value ? value : ""));
}

static const char *at_of(int index)
{
    static char at[64];
    cJSON *json = kit_json();

    copy_member(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "items"), index), "at",
                at, sizeof(at));
    cJSON_Delete(json);
    return at;
}

static const char *next_of(void)
{
    static char next[400];
    cJSON *json = kit_json();

    copy_member(json, "next", next, sizeof(next));
    cJSON_Delete(json);
    return next;
}

static const char *shown(int64_t ms)
{
    static char text[CLOCK_TEXT_MAX];

    return clock_format(ms, text);
}

/* --- candles --- */

START_TEST(candles_are_newest_first_and_the_running_one_is_open)
{
    ck_assert_int_eq(get("/candles/BTCUSDT"), 200);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT&interval=1&limit=201");
    ck_assert_int_eq(items_count(), 200);
    ck_assert_str_eq(at_of(0), shown(exchange.last_ms));
    ck_assert_str_eq(at_of(199), shown(exchange.last_ms - 199 * MINUTE));
    ck_assert(kit_says("\"closed\":false},{") && kit_says("\"closed\":true},{"));
    ck_assert_ptr_null(
        strstr(strstr(kit.call.reply.data, "\"closed\":false") + 1, "\"closed\":false"));
    ck_assert(kit_says("\"source\":\"rest\"") && kit_says("\"as_of\":\"2"));
    ck_assert_str_eq(kit_header("Bridge-Source"), "rest");
    ck_assert_ptr_nonnull(kit_header("Bridge-As-Of"));
    ck_assert_int_eq(kit.cache_ms, 300);
    ck_assert_int_eq(get("/candles/BTCUSDT?max_age=20ms&limit=1"), 200);
    ck_assert_int_eq(kit.cache_ms, 20);
}
END_TEST

START_TEST(next_leads_through_all_candles_once)
{
    int64_t expected_ms = exchange.last_ms;
    char target[400] = "/candles/BTCUSDT?limit=700&interval=1m";
    int seen = 0;

    while (target[0]) {
        int count;

        ck_assert_int_eq(get("%s", target), 200);
        count = items_count();
        ck_assert_int_gt(count, 0);
        ck_assert_str_eq(at_of(0), shown(expected_ms));
        expected_ms -= (count - 1) * MINUTE;
        ck_assert_str_eq(at_of(count - 1), shown(expected_ms));
        expected_ms -= MINUTE;
        seen += count;
        ck_assert(!text_copy(target, sizeof(target), next_of()));
        if (target[0]) {
            char link[420];

            (void)snprintf(link, sizeof(link), "<%s>; rel=\"next\"", target);
            ck_assert_str_eq(kit_header("Link"), link);
            ck_assert_ptr_nonnull(strstr(target, "&limit=700&interval=1m"));
        } else {
            ck_assert_ptr_null(kit_header("Link"));
        }
    }
    ck_assert_int_eq(seen, 5000);
}
END_TEST

START_TEST(the_page_that_ends_with_the_last_candle_has_no_next)
{
    set_exchange(MINUTE, 1000);
    ck_assert_int_eq(get("/candles/BTCUSDT?limit=1000"), 200);
    ck_assert_int_eq(items_count(), 1000);
    ck_assert_str_eq(next_of(), "");
    ck_assert_int_eq(exchange.pages, 2);
    ck_assert_int_eq(exchange.limits[0], 1000);
    ck_assert_int_eq(exchange.limits[1], 1);
    set_exchange(MINUTE, 1001);
    ck_assert_int_eq(get("/candles/BTCUSDT?limit=1000"), 200);
    ck_assert_str_ne(next_of(), "");
}
END_TEST

START_TEST(from_is_included_and_to_is_not)
{
    int64_t from_ms = exchange.last_ms - 100 * MINUTE;
    int64_t to_ms = exchange.last_ms - 90 * MINUTE;

    ck_assert_int_eq(get("/candles/BTCUSDT?from=%" PRId64 "&to=%" PRId64, from_ms, to_ms), 200);
    ck_assert_int_eq(items_count(), 10);
    ck_assert_str_eq(at_of(0), shown(to_ms - MINUTE));
    ck_assert_str_eq(at_of(9), shown(from_ms));
    ck_assert_str_eq(next_of(), "");
    ck_assert_int_eq(get("/candles/BTCUSDT?from=%" PRId64 "&to=%" PRId64, from_ms + 1, to_ms + 1),
                     200);
    ck_assert_int_eq(items_count(), 10);
    ck_assert_str_eq(at_of(0), shown(to_ms));
    ck_assert_str_eq(at_of(9), shown(from_ms + MINUTE));
    /* In seconds, and with an offset: 2025-05-15T00:00 is last_ms. */
    ck_assert_str_eq(shown(exchange.last_ms), "2025-05-15T00:00:00.000Z");
    ck_assert_int_eq(get("/candles/BTCUSDT?from=%" PRId64 "&to=2025-05-15T01:00:00+02:00",
                         (exchange.last_ms - 61 * MINUTE) / 1000),
                     200);
    ck_assert_int_eq(items_count(), 1);
    ck_assert_str_eq(at_of(0), "2025-05-14T22:59:00.000Z");
}
END_TEST

START_TEST(an_empty_span_is_an_empty_list)
{
    ck_assert_int_eq(get("/candles/BTCUSDT?from=1767225600&to=1767225600"), 200);
    ck_assert_int_eq(items_count(), 0);
    ck_assert_int_eq(exchange.pages, 0);
    ck_assert_int_eq(get("/candles/BTCUSDT?to=0"), 200);
    ck_assert_int_eq(items_count(), 0);
    ck_assert_int_eq(get("/candles/BTCUSDT?from=2099-01-01"), 200);
    ck_assert_int_eq(items_count(), 0);
    ck_assert_str_eq(next_of(), "");
    ck_assert_int_eq(get("/candles/BTCUSDT?to=1999-01-01"), 200);
    ck_assert_int_eq(items_count(), 0);
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?to=1999-01-01"), 200);
    ck_assert_str_eq(kit.call.reply.data,
                     "category,symbol,interval,at,open,high,low,close,volume,turnover,closed\r\n");
}
END_TEST

START_TEST(a_symbol_younger_than_from_just_ends)
{
    set_exchange(MINUTE, 50);
    ck_assert_int_eq(get("/candles/BTCUSDT?from=2020-01-01&limit=1000"), 200);
    ck_assert_int_eq(items_count(), 50);
    ck_assert_str_eq(next_of(), "");
}
END_TEST

START_TEST(gaps_and_short_pages_are_walked_over)
{
    exchange.gap_from_ms = exchange.last_ms - 2000 * MINUTE;
    exchange.gap_to_ms = exchange.last_ms - 50 * MINUTE;
    ck_assert_int_eq(get("/candles/BTCUSDT?limit=100"), 200);
    ck_assert_int_eq(items_count(), 100);
    ck_assert_str_eq(at_of(50), shown(exchange.gap_to_ms));
    ck_assert_str_eq(at_of(51), shown(exchange.gap_from_ms - MINUTE));
    set_exchange(MINUTE, 50);
    exchange.trouble = SHORT_PAGES;
    ck_assert_int_eq(get("/candles/BTCUSDT?limit=50"), 200);
    ck_assert_int_eq(items_count(), 50);
    ck_assert_str_eq(next_of(), "");
}
END_TEST

START_TEST(too_many_pages_end_with_a_place_to_go_on)
{
    set_exchange(MINUTE, 500);
    exchange.trouble = SHORT_PAGES;
    ck_assert_int_eq(get("/candles/BTCUSDT?limit=400"), 200);
    ck_assert_int_eq(exchange.pages, 21);
    ck_assert_int_eq(items_count(), 63);
    ck_assert_str_ne(next_of(), "");
    /* A file would look complete. */
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?limit=400"), 502);
    ck_assert(kit_says("63 rows in 21 pages"));
    ck_assert_int_eq(get("/candles/BTCUSDT.ndjson?limit=400"), 502);
}
END_TEST

START_TEST(an_export_is_one_call)
{
    int lines = 0;

    set_exchange(MINUTE, 30000);
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?from=2020-01-01"), 422);
    ck_assert(kit_says("too_many_rows") && kit_says("20000"));
    exchange.pages = 0;
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?from=2020-01-01&limit=20000"), 200);
    for (const char *at = kit.call.reply.data; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_int_eq(lines, 20001);
    ck_assert_ptr_nonnull(kit_header("Link"));
    ck_assert_int_eq(exchange.pages, 21);
    ck_assert_int_eq(get("/candles/BTCUSDT.ndjson?limit=20000"), 200);
    ck_assert_int_eq(get("/candles/BTCUSDT.ndjson?limit=20001"), 400);
    ck_assert_int_eq(get("/candles/BTCUSDT.csv"), 200);
    ck_assert_int_eq(exchange.limits[0], 201);
}
END_TEST

static const struct {
    enum trouble trouble;
    const char *says;
} troubles[] = {
    { REPEATS, "repeats rows" },
    { IGNORES_END, "repeats rows" },
    { OLDEST_FIRST, "newest first" },
    { UNREADABLE, "open is no decimal" },
    { REFUSES, "10006" },
};

START_TEST(an_answer_that_is_wrong_is_no_short_list)
{
    exchange.trouble = troubles[_i].trouble;
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?limit=3000"), 502);
    ck_assert_str_eq(kit.call.content_type, "application/problem+json");
    ck_assert_msg(kit_says(troubles[_i].says), "%s", kit.call.reply.data);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(get("/candles/BTCUSDT?limit=1000"), 502);
}
END_TEST

static const struct {
    const char *target;
    int status;
    const char *says;
} refusals[] = {
    { "/candles/BTCUSDT?limit=0", 400, "1 to 1000" },
    { "/candles/BTCUSDT?limit=1001", 400, "1 to 1000" },
    { "/candles/BTCUSDT?limit=-1", 400, "whole number" },
    { "/candles/BTCUSDT?limit=1e3", 400, "whole number" },
    { "/candles/BTCUSDT?from=-1h&to=-2h", 400, "from is later than to" },
    { "/candles/BTCUSDT?from=yesterday", 400, "from: " },
    { "/candles/BTCUSDT?to=2026-13-01", 400, "to: " },
    { "/candles/BTCUSDT?after=x", 400, "after" },
    { "/candles/BTCUSDT?after=999999999999999999", 400, "after" },
    { "/candles/BTCUSDT?interval=60m", 400, "did you mean 1h?" },
    { "/candles/BTCUSDT?interval=2d", 400, "did you mean 1d?" },
    { "/candles/BTCUSDT?interval=minute", 400, "none of 1m, 3m, 5m" },
    { "/candles/BTCUSDT?interval=", 400, "1w, 1M" },
    { "/candles/BTCUSDT?max_age=1ms", 200, "items" },
    { "/candles/BTCUSD", 404, "did you mean BTCUSDT?" },
    { "/candles/BTCEUR", 404, "there is spot:BTCEUR" },
    { "/candles/option:BTC-27MAR26-70000-C", 422, "no candles of option" },
    { "/funding/spot:BTCUSDT", 422, "no funding of spot" },
    { "/funding/option:BTC-27MAR26-70000-C", 422, "no funding of option" },
    { "/funding/BTCUSDT?limit=1001", 400, "1 to 1000" },
    { "/funding/BTCUSDT.csv?limit=4001", 400, "1 to 4000" },
    { "/open_interest/spot:BTCUSDT", 422, "no open interest of spot" },
    { "/open_interest/BTCUSDT?interval=1m", 400, "did you mean 5m?" },
    { "/open_interest/BTCUSDT?interval=1w", 400, "5m, 15m, 30m, 1h, 4h, 1d" },
    { "/trades/BTCUSDT?limit=0", 400, "1 to 1000" },
    { "/trades/BTCUSDT?limit=1001", 400, "1 to 1000" },
    { "/trades/NONSENSE", 404, "unknown_symbol" },
    { "/trades/inverse:BTCUSD", 503, "the list of inverse symbols is not loaded yet" },
};

START_TEST(what_can_not_be_asked_is_refused)
{
    ck_assert_int_eq(get("%s", refusals[_i].target), refusals[_i].status);
    ck_assert_msg(kit_says(refusals[_i].says), "%s", kit.call.reply.data);
    if (refusals[_i].status != 200)
        ck_assert_int_eq(exchange.pages, 0);
}
END_TEST

START_TEST(too_old_candles_are_refused)
{
    kit.answer_age_ms = 500;
    ck_assert_int_eq(get("/candles/BTCUSDT?max_age=100ms"), 503);
    ck_assert(kit_says("too_old"));
    ck_assert_int_eq(get("/candles/BTCUSDT?max_age=10s"), 200);
    ck_assert_int_eq(get("/trades/BTCUSDT?max_age=100ms"), 503);
}
END_TEST

/* The answer is as old as its newest rows when the last page is in. */
START_TEST(pages_that_take_too_long_make_it_too_old)
{
    exchange.trouble = SLOW;
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?limit=4000&max_age=70ms"), 503);
    ck_assert(kit_says("too_old"));
    ck_assert_int_gt(exchange.pages, 1);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?limit=4000&max_age=10s"), 200);
}
END_TEST

START_TEST(the_next_page_begins_where_this_one_did)
{
    char from[CLOCK_TEXT_MAX];
    const char *at;

    exchange.last_ms = clock_wall_ms() / MINUTE * MINUTE;
    exchange.first_ms = exchange.last_ms - 5000 * MINUTE;
    ck_assert_int_eq(get("/candles/BTCUSDT?limit=10&from=-1d&to=-1m"), 200);
    at = strstr(next_of(), "&from=");
    ck_assert_ptr_nonnull(at);
    (void)snprintf(from, sizeof(from), "%.14s", shown(clock_wall_ms() - DAY));
    ck_assert_int_eq(strncmp(at + 6, from, 11), 0); /* the date */
    ck_assert_ptr_nonnull(strstr(at, "Z&to=2"));
    ck_assert_ptr_null(strstr(at, "-1m"));
    ck_assert_int_eq(get("/candles/BTCUSDT?limit=10&from=2020-01-01"), 200);
    ck_assert_ptr_nonnull(strstr(next_of(), "&from=2020-01-01"));
}
END_TEST

START_TEST(months_end_when_the_next_begins)
{
    int64_t month_ms = INT64_C(1706745600000); /* 2024-02-01 */

    set_exchange(DAY, 1);
    exchange.first_ms = exchange.last_ms = month_ms;
    exchange.trouble = SLOW_CLOCK;
    ck_assert_int_eq(get("/candles/BTCUSDT?interval=1M&limit=1"), 200);
    ck_assert_str_eq(kit.query,
                     "category=linear&symbol=BTCUSDT&interval=M&limit=1&end=1706745540000");
    ck_assert(kit_says("\"interval\":\"1M\"") && kit_says("\"closed\":false"));
    ck_assert_int_eq(get("/candles/BTCUSDT?interval=W"), 200);
    ck_assert(kit_says("\"interval\":\"1w\""));
}
END_TEST

START_TEST(who_asks_in_the_same_minute_asks_the_same)
{
    ck_assert_int_eq(get("/candles/BTCUSDT?to=2024-01-01T00:00:59.999Z&limit=1"), 200);
    ck_assert_int_eq(exchange.ends[0], START);
    ck_assert_int_eq(get("/candles/BTCUSDT?to=2024-01-01T00:00:00Z&limit=1"), 200);
    ck_assert_int_eq(exchange.ends[0], START - MINUTE);
    /* A time to come is no bound. */
    ck_assert_int_eq(get("/candles/BTCUSDT?to=2090-01-01&limit=1"), 200);
    ck_assert_int_eq(exchange.ends[0], -1);
}
END_TEST

START_TEST(a_full_queue_is_busy)
{
    kit.chains_max = 0;
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?limit=1001"), 503);
    ck_assert(kit_says("long lists"));
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?limit=1000"), 200);
    kit.chains_max = 1;
    kit.reads_err = ERR_BUSY;
    ck_assert_int_eq(get("/candles/BTCUSDT.csv?limit=1001"), 503);
    ck_assert_int_eq(get("/candles/BTCUSDT"), 503);
    ck_assert(kit_says("\"busy\""));
    ck_assert_int_eq(get("/trades/BTCUSDT"), 503);
    ck_assert_int_eq(get("/tickers"), 503);
}
END_TEST

/* --- funding, open interest --- */

START_TEST(funding_rates_are_paged)
{
    set_exchange(8 * HOUR, 1000);
    ck_assert_int_eq(get("/funding/BTCUSDT?limit=500"), 200);
    ck_assert_int_eq(kit.route, ROUTE_FUNDING_HISTORY);
    ck_assert_int_eq(items_count(), 500);
    ck_assert_int_eq(exchange.pages, 3);
    ck_assert_int_eq(exchange.limits[0], 200);
    ck_assert_int_eq(exchange.limits[2], 101);
    ck_assert_int_eq(exchange.ends[1], exchange.last_ms - 199 * 8 * HOUR - MINUTE);
    ck_assert_str_eq(at_of(499), shown(exchange.last_ms - 499 * 8 * HOUR));
    ck_assert_str_ne(next_of(), "");
    ck_assert(kit_says("\"rate\":\"0.0001\""));
    ck_assert_int_eq(get("%s", next_of()), 200);
    ck_assert_str_eq(at_of(0), shown(exchange.last_ms - 500 * 8 * HOUR));
    ck_assert_str_eq(next_of(), "");
    ck_assert_int_eq(get("/funding/ETHUSDT"), 502); /* the exchange answers for another symbol */
    ck_assert(kit_says("another symbol"));
}
END_TEST

START_TEST(open_interest_is_paged)
{
    set_exchange(4 * HOUR, 450);
    ck_assert_int_eq(get("/open_interest/BTCUSDT?interval=4h&limit=1000"), 200);
    ck_assert_int_eq(kit.route, ROUTE_OPEN_INTEREST);
    ck_assert_int_eq(items_count(), 450);
    ck_assert_str_eq(next_of(), "");
    ck_assert(kit_says("\"interval\":\"4h\",\"open_interest\":\"0.0001\""));
    ck_assert_int_eq(get("/open_interest/BTCUSDT?interval=15min&limit=1"), 200);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT&intervalTime=15min&limit=2");
    ck_assert_int_eq(get("/open_interest/BTCUSDT?limit=1"), 200);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT&intervalTime=5min&limit=2");
}
END_TEST

/* --- forms --- */

static const char *const lists[] = {
    "/candles/BTCUSDT",
    "/funding/BTCUSDT",
    "/open_interest/BTCUSDT",
    "/symbols",
};

/* The header of the CSV is the list of the columns. */
static void assert_members(const cJSON *row, char *header)
{
    const cJSON *member = row->child;
    char *rest = header;
    char *column;

    header[strcspn(header, "\r")] = '\0';
    while ((column = strsep(&rest, ","))) {
        ck_assert_msg(member, "no member %s", column);
        ck_assert_str_eq(member->string, column);
        member = member->next;
    }
    ck_assert_msg(!member, "no column %s", member ? member->string : "");
}

START_TEST(each_row_has_its_columns)
{
    char header[600];
    cJSON *json;

    set_exchange(8 * HOUR, 3);
    ck_assert_int_eq(get("%s.csv", lists[_i]), 200);
    ck_assert(!text_copy_n(header, sizeof(header), kit.call.reply.data,
                           strcspn(kit.call.reply.data, "\n")));
    ck_assert_int_eq(get("%s.json", lists[_i]), 200);
    json = kit_json();
    assert_members(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "items"), 0), header);
    cJSON_Delete(json);
    ck_assert_int_eq(get("%s.ndjson", lists[_i]), 200);
    ck_assert_str_eq(kit.call.content_type, "application/x-ndjson");
    ck_assert_int_eq(kit.call.reply.data[0], '{');
}
END_TEST

/* --- trades --- */

#define TRADE(id, at, seq)                                                                         \
    "{\"execId\":\"" id "\",\"symbol\":\"BTCUSDT\",\"price\":\"16618.490\",\"size\":\"0.5\","      \
    "\"side\":\"Sell\",\"time\":\"" at "\",\"isBlockTrade\":false,\"seq\":\"" seq "\"}"

static const char *trades_body;

static void answer_trades(enum bybit_route route, const char *query)
{
    (void)query;
    ck_assert_int_eq(route, ROUTE_RECENT_TRADES);
    kit.answer = (struct rest_answer){
        .answered = true, .http_status = 200, .body = trades_body, .body_bytes = strlen(trades_body)
    };
}

static void set_trades(const char *body)
{
    trades_body = body;
    kit.on_read = answer_trades;
}

START_TEST(trades_are_newest_first)
{
    set_trades("{\"retCode\":0,\"time\":1,\"result\":{\"list\":[" TRADE("a", "1000", "5") "," TRADE(
        "b", "1001", "6") "," TRADE("c", "1001", "7") "," TRADE("d", "999", "1") "]}}");
    ck_assert_int_eq(get("/trades/BTCUSDT?limit=3"), 200);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT&limit=3");
    ck_assert_int_eq(items_count(), 3);
    ck_assert(kit_says("\"items\":[{\"id\":\"c\",") && kit_says("}],\"next\":null,\"as_of\":"));
    ck_assert(strstr(kit.call.reply.data, "\"id\":\"b\"") <
              strstr(kit.call.reply.data, "\"id\":\"a\""));
    ck_assert(!kit_says("\"id\":\"d\""));
    ck_assert_int_eq(get("/trades/BTCUSDT.csv"), 200);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT&limit=200");
    ck_assert(kit_says("id,category,symbol,side,price,qty,block,at\r\n"
                       "c,linear,BTCUSDT,sell,16618.490,0.5,false,1970-01-01T00:00:01.001Z\r\n"));
    /* Spot has 60 at most. */
    ck_assert_int_eq(get("/trades/spot:BTCUSDT?limit=1000"), 200);
    ck_assert_str_eq(kit.query, "category=spot&symbol=BTCUSDT&limit=60");
    ck_assert_int_eq(get("/trades/spot:BTCUSDT?limit=2"), 200);
    ck_assert_str_eq(kit.query, "category=spot&symbol=BTCUSDT&limit=2");
}
END_TEST

START_TEST(trades_that_are_wrong_are_no_trades)
{
    set_trades("{\"retCode\":0,\"result\":{\"list\":[]}}");
    ck_assert_int_eq(get("/trades/BTCUSDT"), 200);
    ck_assert_int_eq(items_count(), 0);
    set_trades("{\"retCode\":0,\"result\":{\"list\":[" TRADE("a", "1", "1") ",{}]}}");
    ck_assert_int_eq(get("/trades/BTCUSDT"), 502);
    ck_assert_int_eq(get("/trades/ETHUSDT"), 502);
    ck_assert(kit_says("another symbol"));
    set_trades("{\"retCode\":0,\"result\":{}}");
    ck_assert_int_eq(get("/trades/BTCUSDT"), 502);
    set_trades("{\"retCode\":10006,\"retMsg\":\"slow\",\"result\":{}}");
    ck_assert_int_eq(get("/trades/BTCUSDT"), 502);
    set_trades("nonsense");
    ck_assert_int_eq(get("/trades/BTCUSDT"), 502);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("market_lists");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_add_test(tcase, candles_are_newest_first_and_the_running_one_is_open);
    tcase_add_test(tcase, next_leads_through_all_candles_once);
    tcase_add_test(tcase, the_page_that_ends_with_the_last_candle_has_no_next);
    tcase_add_test(tcase, from_is_included_and_to_is_not);
    tcase_add_test(tcase, an_empty_span_is_an_empty_list);
    tcase_add_test(tcase, a_symbol_younger_than_from_just_ends);
    tcase_add_test(tcase, gaps_and_short_pages_are_walked_over);
    tcase_add_test(tcase, too_many_pages_end_with_a_place_to_go_on);
    tcase_add_test(tcase, an_export_is_one_call);
    tcase_add_loop_test(tcase, an_answer_that_is_wrong_is_no_short_list, 0,
                        (int)ARRAY_LEN(troubles));
    tcase_add_loop_test(tcase, what_can_not_be_asked_is_refused, 0, (int)ARRAY_LEN(refusals));
    tcase_add_test(tcase, too_old_candles_are_refused);
    tcase_add_test(tcase, pages_that_take_too_long_make_it_too_old);
    tcase_add_test(tcase, the_next_page_begins_where_this_one_did);
    tcase_add_test(tcase, months_end_when_the_next_begins);
    tcase_add_test(tcase, who_asks_in_the_same_minute_asks_the_same);
    tcase_add_test(tcase, a_full_queue_is_busy);
    tcase_add_test(tcase, funding_rates_are_paged);
    tcase_add_test(tcase, open_interest_is_paged);
    tcase_add_loop_test(tcase, each_row_has_its_columns, 0, (int)ARRAY_LEN(lists));
    tcase_add_test(tcase, trades_are_newest_first);
    tcase_add_test(tcase, trades_that_are_wrong_are_no_trades);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
