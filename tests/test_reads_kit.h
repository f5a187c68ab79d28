/* tests/test_reads_kit.h - the reads thread against a scripted server on the loopback. */
#pragma once

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
static atomic_int time_asked, options_asked;
static atomic_int delay_ms;
static atomic_bool linear_broken, wrong_cursor, refuse;

static inline void answer(int fd, int status, const char *body)
{
    char text[8192];
    int bytes = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s",
                         status, strlen(body), body);

    (void)!send(fd, text, (size_t)bytes, MSG_NOSIGNAL);
}

static inline void answer_list(int fd, const char *items, const char *cursor)
{
    char body[4096];

    (void)snprintf(body, sizeof(body),
                   "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"category\":\"x\",\"list\":[%s],"
                   "\"nextPageCursor\":\"%s\"},\"time\":%" PRId64 "}",
                   items, cursor, clock_wall_ms());
    answer(fd, 200, body);
}

static inline void answer_linear(int fd, const char *request)
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

static inline void serve(int fd, const char *request)
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
    } else if (strstr(request, "/v5/market/time")) {
        time_asked++;
        usleep((useconds_t)delay_ms * 1000);
        answer(fd, 200, "{\"retCode\":0,\"result\":{}}");
    } else if (strstr(request, "category=option")) {
        options_asked++;
        usleep((useconds_t)delay_ms * 1000);
        answer_list(fd, "", "");
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

static inline void *connection_run(void *userdata)
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

static inline void *accept_run(void *userdata)
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

static inline void start_server(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    time_asked = options_asked = 0;
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

static inline void stop_server(void)
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

static inline void start_reads(int every_ms)
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

static inline void on_done(const struct rest_answer *answered, int64_t as_of_ms, void *userdata)
{
    struct result *result = userdata;

    result->answered = answered->answered;
    result->code = answered->error.code;
    (void)snprintf(result->body, sizeof(result->body), "%s", answered->body);
    result->as_of_ms = as_of_ms;
    result->done++;
}

static inline void ask(struct result *result, enum bybit_route route, const char *query,
                       int timeout_ms, int cache_ms)
{
    memset(result, 0, sizeof(*result));
    ck_assert_int_eq(
        reads_get(reads, route, CATEGORY_LINEAR, query, timeout_ms, cache_ms, on_done, result),
        ERR_NONE);
}

static inline void wait_until(atomic_int *counter, int value)
{
    for (int i = 0; i < 5000 && *counter < value; i++)
        usleep(1000);
    ck_assert_int_ge(*counter, value);
}

static inline const struct instruments *wait_instruments(size_t count)
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

/* --- the run --- */

static inline int reads_run_tests(const char *name, void (*add)(TCase *tcase))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failures;

    (void)signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, start_server, stop_server);
    add(tcase);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
