/* tests/test_rest_kit.h - a client of test_rest_server.h whose results are kept. */
#pragma once

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/clock.h"
#include "base/json.h"
#include "bybit/rest.h"
#include "tests/test_rest_server.h"

#define KEY        "TESTKEY0001"
#define SECRET     "TESTSECRET0001abcdefghijklmnopqrstuvwx"
#define ORDER      "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderLinkId\":\"bridge-0001\"}"
#define RESULT_MAX 2048

/* --- the client --- */

struct result {
    int done;
    int sent_calls;
    int64_t sent_signed_ms;
    int64_t done_at_us;
    struct rest_answer answer; /* body points to `body` */
    char body[RESULT_MAX];
    int seen_when_sent; /* requests the server had read when on_sent came */
    bool may_send;
    int may_send_calls;
};

static struct signer *signer;
static struct budget *budget;
static struct clock_sync *sync_clock;
static struct metrics *metrics;
static struct rest *rest;
static int write_grace_ms; /* 0: as ever */

static inline void on_sent(int64_t signed_ms, void *userdata)
{
    struct result *result = userdata;

    result->sent_calls++;
    result->sent_signed_ms = signed_ms;
    pthread_mutex_lock(&server.lock);
    result->seen_when_sent = server.requests;
    pthread_mutex_unlock(&server.lock);
}

static inline bool may_send(void *userdata)
{
    struct result *result = userdata;

    result->may_send_calls++;
    return result->may_send;
}

static inline void on_done(const struct rest_answer *answer, void *userdata)
{
    struct result *result = userdata;

    result->done++;
    result->done_at_us = clock_mono_us();
    result->answer = *answer;
    (void)snprintf(result->body, sizeof(result->body), "%s", answer->body);
    ck_assert_uint_eq(strlen(answer->body), answer->body_bytes);
    result->answer.body = result->body;
}

static inline void clock_in_step(void)
{
    int64_t now_us = clock_mono_us();

    clock_sync_sample(sync_clock, now_us - 100, now_us, clock_wall_ms());
}

static inline void rest_open_at(const char *url, const char *ca_file, int connections,
                                const struct signer *with)
{
    struct rest_config config = { .url = url,
                                  .ca_file = ca_file,
                                  .signer = with,
                                  .recv_window_ms = 5000,
                                  .connections_max = connections,
                                  .connect_timeout_ms = 2000,
                                  .write_grace_ms = write_grace_ms };
    struct error error = { 0 };

    budget = budget_create(0);
    sync_clock = clock_sync_create();
    clock_in_step();
    metrics = metrics_create();
    config.budget = budget;
    config.clock = sync_clock;
    config.metrics = metrics;
    ck_assert_msg(rest_create(&rest, &config, &error) == ERR_NONE, "%s", error.text);
}

static inline void rest_open(int connections)
{
    char url[64];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
    rest_open_at(url, NULL, connections, signer);
}

static inline void rest_shut(void)
{
    rest_destroy(rest);
    rest = NULL;
    budget_destroy(budget);
    clock_sync_destroy(sync_clock);
    metrics_destroy(metrics);
}

static inline void step(int most_ms)
{
    struct pollfd poller = { .fd = rest_fd(rest), .events = POLLIN };
    int timeout_ms = rest_timeout_ms(rest);

    if (timeout_ms < 0 || timeout_ms > most_ms)
        timeout_ms = most_ms;
    (void)poll(&poller, 1, timeout_ms);
    rest_run(rest);
}

static inline void wait_for(const int *counter, int value)
{
    int64_t end_ms = clock_mono_ms() + 8000;

    while (*counter < value && clock_mono_ms() < end_ms)
        step(50);
    (void)atomic_load(&server.requests); /* what the server saw is visible from here */
    ck_assert_int_ge(*counter, value);
}

static inline void wait_idle(void)
{
    int64_t end_ms = clock_mono_ms() + 8000;

    while (rest_pending(rest) > 0 && clock_mono_ms() < end_ms)
        step(50);
    (void)atomic_load(&server.requests);
    ck_assert_uint_eq(rest_pending(rest), 0);
}

static inline enum err submit(struct result *result, enum bybit_route route, const char *content,
                              int deadline_in_ms)
{
    bool post = bybit_route_info(route)->is_write;
    struct rest_request request = { .route = route,
                                    .category = CATEGORY_LINEAR,
                                    .query = post ? NULL : content,
                                    .body = post ? content : NULL,
                                    .deadline_ms = clock_mono_ms() + deadline_in_ms,
                                    .on_sent = on_sent,
                                    .on_done = on_done,
                                    .userdata = result };

    return rest_submit(rest, &request);
}

static inline void call(struct result *result, enum bybit_route route, const char *content,
                        int deadline_in_ms)
{
    memset(result, 0, sizeof(*result));
    ck_assert_int_eq(submit(result, route, content, deadline_in_ms), ERR_NONE);
    wait_for(&result->done, 1);
    ck_assert_int_eq(result->done, 1);
}

static inline void assert_not_sent(const struct result *result)
{
    ck_assert(!result->answer.answered);
    ck_assert_int_eq(result->answer.sent, REST_NOT_SENT);
    ck_assert_int_eq(result->sent_calls, 0);
    ck_assert_int_ne(result->answer.error.code, ERR_NONE);
    ck_assert_int_ne(result->answer.error.code, ERR_IN_DOUBT);
    ck_assert_int_gt((int)strlen(result->answer.error.text), 0);
}

static inline void assert_in_doubt(const struct result *result)
{
    ck_assert(!result->answer.answered);
    ck_assert_int_eq(result->answer.sent, REST_MAYBE_SENT);
    ck_assert_int_eq(result->sent_calls, 1);
    ck_assert_int_eq(result->answer.error.code, ERR_IN_DOUBT);
}

/* --- signatures --- */

static inline void hmac_hex(const char *plain, char out[65])
{
    unsigned char digest[32];
    unsigned bytes = 0;

    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const unsigned char *)plain, strlen(plain),
         digest, &bytes);
    for (unsigned i = 0; i < bytes; i++)
        (void)snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static inline void assert_signed(const struct seen *seen, const char *content, int64_t signed_ms)
{
    char key[1024], timestamp[1024], window[1024], sign[1024], type[1024], expected[65];
    char plain[16384];

    header_of(seen, "X-BAPI-API-KEY", key);
    header_of(seen, "X-BAPI-TIMESTAMP", timestamp);
    header_of(seen, "X-BAPI-RECV-WINDOW", window);
    header_of(seen, "X-BAPI-SIGN", sign);
    ck_assert_str_eq(key, KEY);
    ck_assert_str_eq(window, "5000");
    ck_assert_str_eq(header_of(seen, "X-BAPI-SIGN-TYPE", type), "2");
    (void)snprintf(plain, sizeof(plain), "%s%s%s%s", timestamp, key, window, content);
    hmac_hex(plain, expected);
    ck_assert_str_eq(sign, expected);
    ck_assert_int_eq(strtoll(timestamp, NULL, 10), signed_ms);
    ck_assert_int_le(llabs(signed_ms + 50 - clock_wall_ms()), 2000);
}

/* --- the run --- */

static inline void make_signer(void)
{
    ck_assert_int_eq(signer_create_hmac(&signer, KEY, SECRET, NULL), ERR_NONE);
}

static inline void drop_signer(void)
{
    signer_destroy(signer);
}

static inline int rest_run_tests(const char *name, void (*add)(TCase *tcase))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failures;

    signal(SIGPIPE, SIG_IGN);
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, make_signer, drop_signer);
    add(tcase);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
