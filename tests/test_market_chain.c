/* Lists of several pages over the real reads thread, against a small exchange on the loopback: how
 * much is asked upstream, and a stop in the middle. */
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

#include "api/endpoints.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#define CONNECTIONS_MAX 32
#define CALLS           10
#define NEWEST          INT64_C(1700000040000)
#define MINUTE          60000

/* --- the exchange: a thread a connection --- */

static int listener;
static char url[64];
static pthread_t acceptor;
static pthread_t serving[CONNECTIONS_MAX];
static int fds[CONNECTIONS_MAX];
static int serving_count;
static atomic_int candles_asked, options_asked;
static atomic_int delay_ms;

static void add_candles(struct buffer *out, const char *request)
{
    const char *end = strstr(request, "&end=");
    const char *limit = strstr(request, "&limit=");
    int64_t at_ms = end ? strtoll(end + 5, NULL, 10) : NEWEST;
    long rows = strtol(limit + 7, NULL, 10);

    for (; rows-- > 0; at_ms -= MINUTE) {
        json_add_open(out, '[');
        json_add_int(out, at_ms);
        for (int i = 0; i < 6; i++)
            json_add_text(out, "1.5");
        json_add_close(out, ']');
    }
}

static void write_answer(struct buffer *out, const char *request)
{
    json_add_open(out, '{');
    json_add_key(out, "retCode");
    json_add_int(out, 0);
    json_add_key(out, "result");
    json_add_open(out, '{');
    json_add_key(out, "list");
    json_add_open(out, '[');
    if (strstr(request, "/v5/market/kline")) {
        candles_asked++;
        add_candles(out, request);
    } else if (strstr(request, "category=option")) {
        options_asked++;
    }
    json_add_close(out, ']');
    json_add_close(out, '}');
    json_add_close(out, '}');
}

static void serve(int fd, const char *request)
{
    struct buffer body = buffer_of(1 << 20);
    struct buffer whole = buffer_of(1 << 20);

    usleep((useconds_t)delay_ms * 1000);
    write_answer(&body, request);
    buffer_addf(&whole, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.bytes);
    buffer_add(&whole, body.data, body.bytes);
    for (size_t sent = 0; sent < whole.bytes;) {
        ssize_t more = send(fd, whole.data + sent, whole.bytes - sent, MSG_NOSIGNAL);

        if (more <= 0)
            break;
        sent += (size_t)more;
    }
    buffer_deinit(&body);
    buffer_deinit(&whole);
}

static void *connection_run(void *userdata)
{
    int fd = *(int *)userdata;
    char request[4096];
    size_t bytes = 0;
    ssize_t got;

    while ((got = recv(fd, request + bytes, sizeof(request) - 1 - bytes, 0)) > 0) {
        bytes += (size_t)got;
        request[bytes] = '\0';
        if (!strstr(request, "\r\n\r\n"))
            continue;
        serve(fd, request);
        bytes = 0;
    }
    return NULL;
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

/* --- the bridge's parts --- */

static struct api api;
static struct api_call calls[CALLS];
static atomic_int done[CALLS];

static void start_exchange(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    candles_asked = options_asked = 0;
    delay_ms = 0;
    serving_count = 0;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 64), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
    pthread_create(&acceptor, NULL, accept_run, NULL);
}

static void publish_symbol(void)
{
    struct instrument instrument = {
        .category = CATEGORY_LINEAR, .symbol = "BTCUSDT", .base = "BTC", .status = "Trading"
    };

    instruments_publish(api.instruments, instruments_create(&instrument, 1, clock_wall_ms()));
}

static void open_all(void)
{
    struct reads_config config = {
        .rest = { .url = url, .connections_max = 8, .connect_timeout_ms = 1000 }
    };
    struct error error = { .code = ERR_NONE };

    start_exchange();
    api = (struct api){ .default_category = CATEGORY_LINEAR };
    api.instruments = instruments_slot_create();
    api.budget = budget_create(0);
    api.clock = clock_sync_create();
    config.rest.budget = api.budget;
    config.rest.clock = api.clock;
    config.instruments = instruments_slot_create(); /* the exchange here has none to load */
    publish_symbol();
    ck_assert_msg(!reads_start(&api.reads, &config, &error), "%s", error.text);
    api.userdata = config.instruments;
    memset(calls, 0, sizeof(calls));
    for (int i = 0; i < CALLS; i++)
        done[i] = 0;
}

static void close_all(void)
{
    reads_stop(api.reads);
    shutdown(listener, SHUT_RDWR);
    pthread_join(acceptor, NULL);
    for (int i = 0; i < serving_count; i++) {
        shutdown(fds[i], SHUT_RDWR);
        pthread_join(serving[i], NULL);
        close(fds[i]);
    }
    close(listener);
    for (int i = 0; i < CALLS; i++)
        buffer_deinit(&calls[i].reply);
    instruments_slot_destroy(api.instruments);
    instruments_slot_destroy(api.userdata);
    budget_destroy(api.budget);
    clock_sync_destroy(api.clock);
}

static void on_done(struct api_call *call)
{
    done[call - calls]++;
}

static void run(int index, const char *path, const char *limit)
{
    struct api_call *call = &calls[index];
    char allow[64];
    bool known;
    const char *suffix;

    call->method = "GET";
    call->path = path;
    call->endpoint = api_find("GET", path, call->param, &known, allow, &suffix);
    ck_assert_ptr_nonnull(call->endpoint);
    call->form = suffix ? FORM_CSV : FORM_JSON;
    if (limit)
        call->query[call->query_count++] = (struct api_pair){ "limit", limit };
    call->done = on_done;
    call->endpoint->handle(&api, call);
}

static void wait_all(void)
{
    for (int i = 0; i < CALLS; i++) {
        for (int tries = 0; tries < 10000 && !done[i]; tries++)
            usleep(1000);
        ck_assert_int_eq(done[i], 1);
    }
}

static size_t lines_of(const struct api_call *call)
{
    size_t lines = 0;

    for (size_t i = 0; i < call->reply.bytes; i++)
        lines += call->reply.data[i] == '\n';
    return lines;
}

START_TEST(ten_at_once_cost_one_read_a_page)
{
    delay_ms = 50;
    for (int i = 0; i < CALLS; i++)
        run(i, "/candles/BTCUSDT.csv", "3000");
    wait_all();
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(calls[i].status, 200);
        ck_assert_uint_eq(lines_of(&calls[i]), 3001);
    }
    ck_assert_int_eq(candles_asked, 4); /* and one row behind them */
}
END_TEST

START_TEST(the_longest_list_comes_whole)
{
    for (int i = 0; i < CALLS; i++)
        run(i, "/candles/BTCUSDT.csv", i ? "1" : "20000");
    wait_all();
    ck_assert_int_eq(calls[0].status, 200);
    ck_assert_uint_eq(lines_of(&calls[0]), 20001);
}
END_TEST

START_TEST(a_stop_between_pages_answers_every_call_once)
{
    delay_ms = 20;
    for (int i = 0; i < CALLS; i++)
        run(i, i % 2 ? "/candles/BTCUSDT" : "/candles/BTCUSDT.csv", i % 2 ? "1000" : "20000");
    for (int tries = 0; tries < 10000 && candles_asked < 3 + _i; tries++)
        usleep(500);
    if (_i % 2)
        reads_halt(api.reads);
    reads_stop(api.reads);
    api.reads = NULL;
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(done[i], 1);
        ck_assert(calls[i].status == 200 || calls[i].status == 502 || calls[i].status == 503);
    }
}
END_TEST

START_TEST(a_stop_while_options_are_loaded_answers_every_call_once)
{
    delay_ms = 50;
    for (int i = 0; i < CALLS; i++)
        run(i, "/symbols/option:BTC-1-C", NULL);
    for (int tries = 0; tries < 10000 && !_i && options_asked < 1; tries++)
        usleep(500);
    reads_stop(api.reads);
    api.reads = NULL;
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(done[i], 1);
        ck_assert(calls[i].status == 404 || calls[i].status == 502);
    }
}
END_TEST

START_TEST(a_coin_is_loaded_once_for_all_who_ask)
{
    delay_ms = 50;
    for (int i = 0; i < CALLS; i++)
        run(i, "/symbols/option:BTC-1-C", NULL);
    wait_all();
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(calls[i].status, 404);
    ck_assert_int_eq(options_asked, 1);
}
END_TEST

START_TEST(after_a_halt_nothing_is_asked)
{
    reads_halt(api.reads);
    reads_halt(api.reads);
    for (int i = 0; i < CALLS; i++)
        run(i, "/candles/BTCUSDT", NULL);
    wait_all();
    ck_assert_int_eq(calls[0].status, 503);
    ck_assert_int_eq(candles_asked, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("market_chain");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_add_test(tcase, ten_at_once_cost_one_read_a_page);
    tcase_add_test(tcase, the_longest_list_comes_whole);
    tcase_add_loop_test(tcase, a_stop_between_pages_answers_every_call_once, 0, 6);
    tcase_add_loop_test(tcase, a_stop_while_options_are_loaded_answers_every_call_once, 0, 2);
    tcase_add_test(tcase, a_coin_is_loaded_once_for_all_who_ask);
    tcase_add_test(tcase, after_a_halt_nothing_is_asked);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
