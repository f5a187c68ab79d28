/* tests/test_reads.c - the reads thread against a scripted server on the loopback. */
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/reads.h"

#define SPOT_ITEM                                                                                  \
    "{\"symbol\":\"%s\",\"baseCoin\":\"%s\",\"quoteCoin\":\"USDT\",\"status\":\"Trading\","        \
    "\"lotSizeFilter\":{\"basePrecision\":\"0.000001\",\"quotePrecision\":\"0.0000001\","          \
    "\"minOrderQty\":\"0.000011\",\"minOrderAmt\":\"5\",\"maxLimitOrderQty\":\"83\","              \
    "\"maxMarketOrderQty\":\"41\"},\"priceFilter\":{\"tickSize\":\"0.01\"}}"
#define LINEAR_ITEM                                                                                \
    "{\"symbol\":\"%s\",\"baseCoin\":\"%s\",\"quoteCoin\":\"USDT\",\"settleCoin\":\"USDT\","       \
    "\"status\":\"Trading\",\"leverageFilter\":{\"minLeverage\":\"1\",\"maxLeverage\":\"100\","    \
    "\"leverageStep\":\"0.01\"},\"priceFilter\":{\"minPrice\":\"0.1\",\"maxPrice\":\"1999999\","   \
    "\"tickSize\":\"0.10\"},\"lotSizeFilter\":{\"maxOrderQty\":\"1190\",\"minOrderQty\":\"0."      \
    "001\","                                                                                       \
    "\"qtyStep\":\"0.001\",\"postOnlyMaxOrderQty\":\"1190\",\"maxMktOrderQty\":\"500\","           \
    "\"minNotionalValue\":\"5\"},\"fundingInterval\":480}"

/* --- the server: one thread a connection, answers by path --- */

#define CONNECTIONS_MAX 64

static int listener;
static int port;
static pthread_t acceptor;
static pthread_t serving[CONNECTIONS_MAX];
static int fds[CONNECTIONS_MAX];
static int serving_count;

static atomic_int tickers_asked, wallets_asked, spot_asked, linear_asked, inverse_asked;
static atomic_int delay_ms;
static atomic_bool linear_broken, wrong_cursor, refuse;

static void answer(int fd, int status, const char *body)
{
    char text[8192];
    int bytes = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s",
                         status, strlen(body), body);

    (void)!send(fd, text, (size_t)bytes, MSG_NOSIGNAL);
}

static void answer_list(int fd, const char *items, const char *cursor)
{
    char body[4096];

    (void)snprintf(body, sizeof(body),
                   "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"category\":\"x\",\"list\":[%s],"
                   "\"nextPageCursor\":\"%s\"},\"time\":%" PRId64 "}",
                   items, cursor, clock_wall_ms());
    answer(fd, 200, body);
}

static void answer_linear(int fd, const char *request)
{
    char items[2048];

    linear_asked++;
    if (linear_broken) {
        answer(fd, 200, "{\"retCode\":10016,\"retMsg\":\"no\",\"result\":{}}");
    } else if (!strstr(request, "&cursor=")) {
        (void)snprintf(items, sizeof(items), LINEAR_ITEM ",{\"symbol\":\"BROKEN\"}", "BTCUSDT",
                       "BTC");
        answer_list(fd, items, "page%3D2%26x");
    } else if (strstr(request, "&cursor=page%3D2%26x ")) {
        (void)snprintf(items, sizeof(items), LINEAR_ITEM, "ETHUSDT", "ETH");
        answer_list(fd, items, "a+b=");
    } else if (strstr(request, "&cursor=a%2Bb%3D ")) {
        (void)snprintf(items, sizeof(items), LINEAR_ITEM, "XRPUSDT", "XRP");
        answer_list(fd, items, wrong_cursor ? "a+b=" : "");
    } else {
        answer(fd, 400, "");
    }
}

static void serve(int fd, const char *request)
{
    char text[2048];

    if (strstr(request, "/v5/market/tickers")) {
        int number = ++tickers_asked;

        usleep((useconds_t)delay_ms * 1000);
        (void)snprintf(text, sizeof(text), "{\"retCode\":%d,\"number\":%d}", refuse ? 10001 : 0,
                       number);
        answer(fd, 200, text);
    } else if (strstr(request, "/v5/account/wallet-balance")) {
        wallets_asked++;
        usleep((useconds_t)delay_ms * 1000);
        answer(fd, 200, "{\"retCode\":0}");
    } else if (strstr(request, "category=spot ")) {
        spot_asked++;
        (void)snprintf(text, sizeof(text), SPOT_ITEM, "BTCUSDT", "BTC");
        answer_list(fd, text, "");
    } else if (strstr(request, "category=linear&limit=1000")) {
        answer_linear(fd, request);
    } else {
        inverse_asked++;
        (void)snprintf(text, sizeof(text), LINEAR_ITEM, "BTCUSD", "BTC");
        answer_list(fd, text, "");
    }
}

static void *connection_run(void *userdata)
{
    int fd = *(int *)userdata;
    char request[4096];
    size_t bytes = 0;

    for (;;) {
        ssize_t got = recv(fd, request + bytes, sizeof(request) - 1 - bytes, 0);

        if (got <= 0)
            return NULL;
        bytes += (size_t)got;
        request[bytes] = '\0';
        if (!strstr(request, "\r\n\r\n"))
            continue;
        serve(fd, request);
        bytes = 0;
    }
}

static void *accept_run(void *userdata)
{
    (void)userdata;
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0 || serving_count == CONNECTIONS_MAX)
            return NULL;
        fds[serving_count] = fd;
        pthread_create(&serving[serving_count], NULL, connection_run, &fds[serving_count]);
        serving_count++;
    }
}

static struct reads *reads;
static struct instruments_slot *slot;
static struct budget *budget;
static struct clock_sync *sync_clock;
static struct signer *signer;
static char url[64];

static void start_server(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    tickers_asked = wallets_asked = spot_asked = linear_asked = inverse_asked = 0;
    delay_ms = 0;
    linear_broken = wrong_cursor = refuse = false;
    serving_count = 0;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 64), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    port = ntohs(address.sin_port);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
    pthread_create(&acceptor, NULL, accept_run, NULL);
    slot = instruments_slot_create();
    budget = budget_create(0);
    sync_clock = clock_sync_create();
    clock_sync_sample(sync_clock, clock_mono_us() - 100, clock_mono_us(), clock_wall_ms());
    ck_assert_int_eq(signer_create_hmac(&signer, "KEY", "SECRET", NULL), ERR_NONE);
}

static void stop_server(void)
{
    shutdown(listener, SHUT_RDWR);
    pthread_join(acceptor, NULL);
    for (int i = 0; i < serving_count; i++) {
        shutdown(fds[i], SHUT_RDWR);
        pthread_join(serving[i], NULL);
        close(fds[i]);
    }
    close(listener);
    instruments_slot_destroy(slot);
    budget_destroy(budget);
    clock_sync_destroy(sync_clock);
    signer_destroy(signer);
}

static void start_reads(int every_ms)
{
    struct reads_config config = { .rest = { .url = url,
                                             .signer = signer,
                                             .budget = budget,
                                             .clock = sync_clock,
                                             .connections_max = 8,
                                             .connect_timeout_ms = 1000 },
                                   .instruments = slot,
                                   .instruments_every_ms = every_ms };
    struct error error = { 0 };

    ck_assert_msg(reads_start(&reads, &config, &error) == ERR_NONE, "%s", error.text);
}

/* --- askers --- */

struct result {
    atomic_int done;
    bool answered;
    enum err code;
    char body[256];
    int64_t as_of_ms;
};

static void on_done(const struct rest_answer *answered, int64_t as_of_ms, void *userdata)
{
    struct result *result = userdata;

    result->answered = answered->answered;
    result->code = answered->error.code;
    (void)snprintf(result->body, sizeof(result->body), "%s", answered->body);
    result->as_of_ms = as_of_ms;
    result->done++;
}

static void ask(struct result *result, enum bybit_route route, const char *query, int timeout_ms,
                int cache_ms)
{
    memset(result, 0, sizeof(*result));
    ck_assert_int_eq(
        reads_get(reads, route, CATEGORY_LINEAR, query, timeout_ms, cache_ms, on_done, result),
        ERR_NONE);
}

static void wait_until(atomic_int *counter, int value)
{
    for (int i = 0; i < 5000 && *counter < value; i++)
        usleep(1000);
    ck_assert_int_ge(*counter, value);
}

static const struct instruments *wait_instruments(size_t count)
{
    for (int i = 0; i < 5000; i++) {
        const struct instruments *newest = instruments_newest(slot);

        if (newest && instruments_count(newest) == count)
            return newest;
        instruments_unref(newest);
        usleep(1000);
    }
    ck_abort_msg("instruments did not come");
    return NULL;
}

START_TEST(all_pages_of_all_categories_are_loaded)
{
    const struct instruments *newest;

    start_reads(0);
    newest = wait_instruments(5);
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_SPOT, "BTCUSDT"));
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_LINEAR, "BTCUSDT"));
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_LINEAR, "ETHUSDT"));
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_LINEAR, "XRPUSDT"));
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_INVERSE, "BTCUSD"));
    ck_assert_ptr_null(instruments_find(newest, CATEGORY_LINEAR, "BROKEN"));
    ck_assert_int_le(llabs(instruments_as_of_ms(newest) - clock_wall_ms()), 5000);
    instruments_unref(newest);
    reads_stop(reads);
    ck_assert_int_eq(spot_asked, 1);
    ck_assert_int_eq(linear_asked, 3);
    ck_assert_int_eq(inverse_asked, 1);
}
END_TEST

START_TEST(a_failed_category_is_tried_again_and_the_others_are_there)
{
    linear_broken = _i == 0;
    wrong_cursor = _i == 1; /* the last page points to itself */
    start_reads(0);
    instruments_unref(wait_instruments(2));
    wait_until(&linear_asked, _i == 0 ? 1 : 3);
    linear_broken = false;
    wrong_cursor = false;
    instruments_unref(wait_instruments(5)); /* a second later */
    reads_stop(reads);
    ck_assert_int_eq(spot_asked, 1);
}
END_TEST

START_TEST(a_refresh_that_fails_keeps_the_old_data)
{
    const struct instruments *newest;
    int spot_before;

    start_reads(50);
    instruments_unref(wait_instruments(5));
    linear_broken = true;
    spot_before = spot_asked;
    wait_until(&spot_asked, spot_before + 3);
    newest = instruments_newest(slot);
    ck_assert_uint_eq(instruments_count(newest), 5);
    instruments_unref(newest);
    reads_stop(reads);
}
END_TEST

/* From the reads thread, as the rule is: the only one that publishes. */
static void publish_option(const struct rest_answer *answered, int64_t as_of_ms, void *userdata)
{
    struct option_coin coin = { .base = "BTC", .as_of_ms = 5, .good_until_ms = 6 };
    struct instrument option = { .category = CATEGORY_OPTION, .symbol = "BTC-1-C", .base = "BTC" };
    const struct instruments *newest = instruments_newest(slot);

    instruments_publish(slot, instruments_with_options(newest, &coin, &option, 1));
    instruments_unref(newest);
    on_done(answered, as_of_ms, userdata);
}

START_TEST(a_refresh_keeps_the_options_that_others_have_loaded)
{
    static struct result result;
    const struct instruments *newest;
    int spot_before;

    memset(&result, 0, sizeof(result));
    start_reads(100);
    instruments_unref(wait_instruments(5));
    ck_assert(!reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, "category=linear", 2000, 0,
                         publish_option, &result));
    wait_until(&result.done, 1);
    spot_before = spot_asked;
    wait_until(&spot_asked, spot_before + 2);
    newest = wait_instruments(6);
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_OPTION, "BTC-1-C"));
    ck_assert_int_eq(instruments_option_coin(newest, "BTC")->as_of_ms, 5);
    instruments_unref(newest);
    reads_stop(reads);
}
END_TEST

static void ask_again(const struct rest_answer *answered, int64_t as_of_ms, void *userdata)
{
    struct result *result = userdata;

    result->answered = answered->answered;
    if (reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, "category=linear", 2000, 0, ask_again,
                  result))
        on_done(answered, as_of_ms, result);
}

START_TEST(who_asks_again_from_its_callback_can_be_stopped)
{
    static struct result result;

    memset(&result, 0, sizeof(result));
    start_reads(0);
    ck_assert(!reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, "category=linear", 2000, 0,
                         ask_again, &result));
    wait_until(&tickers_asked, 20);
    reads_halt(reads);
    ck_assert_int_eq(result.done, 1);
    ck_assert_int_eq(
        reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, NULL, 10, 0, on_done, &result), ERR_BUSY);
    reads_halt(NULL);
    reads_stop(reads);
    ck_assert_int_eq(result.done, 1);
}
END_TEST

START_TEST(long_chains_are_counted)
{
    start_reads(0);
    for (int i = 0; i < READS_CHAINS_MAX; i++)
        ck_assert(reads_chain_begin(reads));
    ck_assert(!reads_chain_begin(reads));
    reads_chain_end(reads);
    ck_assert(reads_chain_begin(reads));
    ck_assert(!reads_chain_begin(reads));
    reads_stop(reads);
}
END_TEST

START_TEST(equal_reads_share_one_flight)
{
    static struct result results[6];

    start_reads(0);
    delay_ms = 100;
    for (int i = 0; i < 5; i++)
        ask(&results[i], ROUTE_TICKERS, "category=linear", 2000, 0);
    ask(&results[5], ROUTE_TICKERS, "category=spot", 2000, 0);
    for (int i = 0; i < 6; i++) {
        wait_until(&results[i].done, 1);
        ck_assert(results[i].answered);
        ck_assert_int_gt(results[i].as_of_ms, 0);
    }
    for (int i = 1; i < 5; i++)
        ck_assert_str_eq(results[i].body, results[0].body);
    ck_assert_int_eq(tickers_asked, 2);
    reads_stop(reads);
}
END_TEST

START_TEST(account_reads_share_nothing_unless_older_is_fine)
{
    static struct result results[4];

    start_reads(0);
    delay_ms = 100;
    for (int i = 0; i < 4; i++)
        ask(&results[i], ROUTE_WALLET, "accountType=UNIFIED", 2000, i < 2 ? 0 : 1000);
    for (int i = 0; i < 4; i++)
        wait_until(&results[i].done, 1);
    ck_assert_int_eq(wallets_asked, 2);
    reads_stop(reads);
}
END_TEST

START_TEST(an_answer_is_cached_as_long_as_the_asker_allows)
{
    static struct result results[4];

    start_reads(0);
    ask(&results[0], ROUTE_TICKERS, "category=linear", 2000, 1000);
    wait_until(&results[0].done, 1);
    ask(&results[1], ROUTE_TICKERS, "category=linear", 2000, 1000);
    wait_until(&results[1].done, 1);
    ck_assert_str_eq(results[1].body, results[0].body);
    ck_assert(results[1].as_of_ms == results[0].as_of_ms);
    ck_assert_int_eq(tickers_asked, 1);
    ask(&results[2], ROUTE_TICKERS, "category=linear", 2000, 0);
    wait_until(&results[2].done, 1);
    ck_assert_int_eq(tickers_asked, 2);
    usleep(30000);
    ask(&results[3], ROUTE_TICKERS, "category=linear", 2000, 20);
    wait_until(&results[3].done, 1);
    ck_assert_int_eq(tickers_asked, 3);
    reads_stop(reads);
}
END_TEST

START_TEST(a_refusal_is_not_cached)
{
    static struct result results[2];

    start_reads(0);
    refuse = true;
    for (int i = 0; i < 2; i++) {
        ask(&results[i], ROUTE_TICKERS, "category=linear", 2000, 5000);
        wait_until(&results[i].done, 1);
        ck_assert(results[i].answered);
    }
    ck_assert_int_eq(tickers_asked, 2);
    reads_stop(reads);
}
END_TEST

START_TEST(each_asker_has_its_own_deadline)
{
    static struct result results[3];

    start_reads(0);
    delay_ms = 250;
    ask(&results[0], ROUTE_TICKERS, "category=linear", 400, 0);
    ask(&results[1], ROUTE_TICKERS, "category=linear", 60, 0); /* joins, and leaves early */
    wait_until(&results[1].done, 1);
    ck_assert(!results[1].answered);
    ck_assert_int_eq(results[1].code, ERR_UNAVAILABLE);
    ck_assert_int_eq(results[0].done, 0);
    wait_until(&results[0].done, 1);
    ck_assert(results[0].answered);
    /* The flight of one with little time does not take down one with more. */
    ask(&results[0], ROUTE_TICKERS, "category=inverse", 100, 0);
    ask(&results[2], ROUTE_TICKERS, "category=inverse", 2000, 0);
    wait_until(&results[2].done, 1);
    ck_assert(results[2].answered);
    wait_until(&results[0].done, 1);
    ck_assert(!results[0].answered);
    reads_stop(reads);
}
END_TEST

START_TEST(stopping_answers_everyone)
{
    static struct result results[256];
    struct result last = { 0 };

    start_reads(0);
    delay_ms = 300;
    for (int i = 0; i < 256; i++)
        ask(&results[i], ROUTE_TICKERS, i % 2 ? "a=b" : "c=d", 5000, 0);
    ck_assert_int_eq(reads_get(reads, ROUTE_TICKERS, CATEGORY_SPOT, NULL, 1, 0, on_done, &last),
                     ERR_BUSY);
    reads_stop(reads);
    for (int i = 0; i < 256; i++) {
        ck_assert_int_eq(results[i].done, 1);
        ck_assert(!results[i].answered);
    }
    ck_assert_int_eq(last.done, 0);
    reads_stop(NULL);
}
END_TEST

START_TEST(odd_reads_are_refused)
{
    static char longest[9000];
    static struct result result;

    start_reads(0);
    memset(longest, 'a', sizeof(longest) - 1);
    ck_assert_int_eq(
        reads_get(reads, ROUTE_ORDER_CREATE, CATEGORY_SPOT, NULL, 100, 0, on_done, &result),
        ERR_INVALID);
    ck_assert_int_eq(
        reads_get(reads, ROUTE_TICKERS, CATEGORY_SPOT, longest, 100, 0, on_done, &result),
        ERR_INVALID);
    ask(&result, ROUTE_TICKERS, "a b", 1000, 0); /* found out by the transport */
    wait_until(&result.done, 1);
    ck_assert_int_eq(result.code, ERR_INVALID);
    reads_stop(reads);
}
END_TEST

START_TEST(a_bad_origin_does_not_start)
{
    struct reads_config config = { .rest = { .url = "http://example.org" }, .instruments = slot };
    struct reads *none = NULL;

    ck_assert_int_eq(reads_start(&none, &config, NULL), ERR_INVALID);
    ck_assert_ptr_null(none);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reads");
    TCase *tcase = tcase_create("reads");
    SRunner *runner;
    int failures;

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, start_server, stop_server);
    tcase_add_test(tcase, all_pages_of_all_categories_are_loaded);
    tcase_add_loop_test(tcase, a_failed_category_is_tried_again_and_the_others_are_there, 0, 2);
    tcase_add_test(tcase, a_refresh_that_fails_keeps_the_old_data);
    tcase_add_test(tcase, a_refresh_keeps_the_options_that_others_have_loaded);
    tcase_add_test(tcase, who_asks_again_from_its_callback_can_be_stopped);
    tcase_add_test(tcase, long_chains_are_counted);
    tcase_add_test(tcase, equal_reads_share_one_flight);
    tcase_add_test(tcase, account_reads_share_nothing_unless_older_is_fine);
    tcase_add_test(tcase, an_answer_is_cached_as_long_as_the_asker_allows);
    tcase_add_test(tcase, a_refusal_is_not_cached);
    tcase_add_test(tcase, each_asker_has_its_own_deadline);
    tcase_add_test(tcase, stopping_answers_everyone);
    tcase_add_test(tcase, odd_reads_are_refused);
    tcase_add_test(tcase, a_bad_origin_does_not_start);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
