/* The http server over its unix socket: times, refusals with a body on its way, tokens that are
 * wrong too often, the socket's file. */
#include <stdio.h>
#include <sys/un.h>

#include "tests/test_http_parts.h"

#define TOKEN     "token-0123456789-abcdef"
#define LINGERING 64

static struct api api = { .env = "sim", .version = "0" };
static struct http *http;
static char folder[64];
static char path[96];
static char reply[64 * 1024];

static const struct http_times fast = {
    .header_ms = 200, .body_ms = 200, .idle_ms = 400, .stalled_ms = 300, .heartbeat_ms = 100
};

static void start_with(const struct http_times *times, const char *token)
{
    struct http_config config = { .host = "127.0.0.1",
                                  .unix_socket = path,
                                  .max_streams = 4,
                                  .max_connections = 1024,
                                  .max_in_flight = 1024,
                                  .times = *times,
                                  .trade_token = token,
                                  .api = &api };
    struct error error = { .code = ERR_NONE };

    atomic_store(&orders_calls, 0);
    atomic_store(&held_count, 0);
    ck_assert_msg(http_start(&http, &config, &error) == ERR_NONE, "%s", error.text);
}

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/test-http-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/run/s", folder);
}

static void teardown(void)
{
    char command[128];

    http_stop(http, 1000);
    http = NULL;
    ck_assert_int_ne(access(path, F_OK), 0);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static int unix_connect(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

#define GET(path_) "GET " path_ " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST_JSON  "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

START_TEST(it_answers_like_tcp)
{
    int fd;

    start_with(&http_times_default, NULL);
    fd = unix_connect();
    for (int i = 0; i < 1000; i++) {
        client_send(fd, i % 10 ? GET("/livez") : GET("/late"));
        ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    }
    client_send(fd, POST_JSON "Content-Length: 2\r\n\r\n{}");
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 201);
    client_send(fd, GET("/nothing"));
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 404);
    ck_assert(client_sees_close(fd, 1000));
    (void)close(fd);
}
END_TEST

START_TEST(g17_a_head_or_body_that_drips_is_cut_off)
{
    static const char *const begun[] = { "G", "GET /livez HTTP/1.1\r\n",
                                         POST_JSON "Content-Length: 20\r\n\r\n{" };
    static const char *const drip[] = { "x", "X-A: b\r\n", " " };
    int64_t began_ms;
    bool closed = false;
    int fd;

    start_with(&fast, NULL);
    fd = unix_connect();
    (void)usleep(80000); /* the reaper's first look */
    began_ms = clock_mono_ms();
    client_send(fd, begun[_i]);
    for (int i = 0; i < 20 && !closed; i++) {
        client_send(fd, drip[_i]);
        closed = client_sees_close(fd, 50);
    }
    ck_assert(closed);
    ck_assert_int_ge(clock_mono_ms() - began_ms, 150);
    ck_assert_int_le(clock_mono_ms() - began_ms, 800);
    ck_assert_int_eq(atomic_load(&orders_calls), 0);
    (void)close(fd);
}
END_TEST

START_TEST(g17_an_idle_connection_is_closed_later_than_a_slow_one)
{
    int64_t began_ms;
    int fresh;
    int used;

    start_with(&fast, NULL);
    began_ms = clock_mono_ms();
    fresh = unix_connect();
    used = unix_connect();
    client_send(used, GET("/livez"));
    (void)usleep(100000); /* reads its answer late: that is no beginning of a request */
    ck_assert_int_eq(client_reply(used, reply, sizeof(reply)), 200);
    ck_assert(client_sees_close(fresh, 2000));
    ck_assert_int_ge(clock_mono_ms() - began_ms, 350);
    ck_assert(client_sees_close(used, 2000));
    ck_assert_int_ge(clock_mono_ms() - began_ms, 380);
    (void)close(fresh);
    (void)close(used);
}
END_TEST

static bool was_one_closed(void)
{
    struct buffer status = buffer_of(4096);
    bool closed;

    http_add_status(&status, http);
    closed = status.data && strstr(status.data, "\"closed_slow\":1");
    buffer_deinit(&status);
    return closed;
}

/* A reader that takes a little now and then makes progress; one that takes nothing does not. */
START_TEST(g17_a_slow_reader_stays_and_one_that_takes_nothing_goes)
{
    static char scrap[16 * 1024];
    int64_t end_ms;
    int slow;
    int stalled;

    start_with(&fast, NULL);
    slow = unix_connect();
    client_send(slow, GET("/big"));
    end_ms = clock_mono_ms() + 1500;
    for (int64_t took_ms = clock_mono_ms(); clock_mono_ms() < end_ms; took_ms = clock_mono_ms()) {
        ck_assert_int_gt(recv(slow, scrap, sizeof(scrap), 0), 0);
        (void)usleep(50000);
        if (clock_mono_ms() - took_ms > 150)
            break; /* on a machine this busy it did take nothing for long */
        ck_assert(!was_one_closed());
    }
    (void)close(slow);
    stalled = unix_connect();
    client_send(stalled, GET("/big"));
    end_ms = clock_mono_ms() + 5000;
    while (!was_one_closed() && clock_mono_ms() < end_ms)
        (void)usleep(10000);
    ck_assert(was_one_closed());
    (void)close(stalled);
}
END_TEST

/* A client that writes its body in a second step reads the refusal, and nothing behind it is
 * handled. */
START_TEST(a_refusal_reaches_a_client_that_is_still_writing)
{
    static const struct {
        const char *head;
        int status;
    } cases[] = {
        { POST_JSON "Origin: https://evil.example\r\nContent-Length: 5\r\n\r\n", 403 },
        { "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", 404 },
        { "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", 415 },
        { "PUT /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", 405 },
        { POST_JSON "Content-Length: 65537\r\n\r\n", 413 },
        { "POST /orders HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 5\r\n\r\n", 421 },
    };
    const size_t more = strlen("   " GET("/livez"));
    int64_t began_ms;
    int fd;

    start_with(&http_times_default, NULL);
    fd = unix_connect();
    client_send(fd, cases[_i].head);
    (void)usleep(50000);
    ck_assert_int_eq(send(fd, "{}", 2, MSG_NOSIGNAL), 2);
    (void)usleep(50000);
    ck_assert_int_eq(send(fd, "   " GET("/livez"), more, MSG_NOSIGNAL), (ssize_t)more);
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), cases[_i].status);
    ck_assert_ptr_nonnull(strstr(reply, "Connection: close\r\n"));
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 0); /* the second is not handled */
    ck_assert_int_eq(atomic_load(&orders_calls), 0);
    began_ms = clock_mono_ms();
    while (send(fd, " ", 1, MSG_NOSIGNAL) == 1 && clock_mono_ms() < began_ms + 5000)
        (void)usleep(10000);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 3000); /* not for ever */
    (void)close(fd);
}
END_TEST

START_TEST(more_refusals_than_may_linger_do_no_harm)
{
    enum { MANY = LINGERING + 20 };
    int fds[MANY];

    start_with(&http_times_default, NULL);
    for (int i = 0; i < MANY; i++) {
        fds[i] = unix_connect();
        client_send(fds[i], GET("/nothing"));
        ck_assert_int_eq(client_reply(fds[i], reply, sizeof(reply)), 404);
    }
    for (int i = 0; i < MANY; i++) {
        ck_assert(client_sees_close(fds[i], 1000));
        (void)close(fds[i]);
    }
    fds[0] = unix_connect();
    client_send(fds[0], GET("/livez"));
    ck_assert_int_eq(client_reply(fds[0], reply, sizeof(reply)), 200);
    (void)close(fds[0]);
}
END_TEST

#define WRONG "GET /late HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: wrong-token-0123456\r\n\r\n"
#define RIGHT "GET /late HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: " TOKEN "\r\n\r\n"

START_TEST(g13_slow_failures_delay_nobody_else_and_no_stop)
{
    int fds[40];
    int right;
    int64_t began_ms;

    start_with(&http_times_default, TOKEN);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = unix_connect();
        client_send(fds[i], WRONG);
    }
    right = unix_connect();
    began_ms = clock_mono_ms();
    for (int i = 0; i < 20; i++) {
        client_send(right, RIGHT);
        ck_assert_int_eq(client_reply(right, reply, sizeof(reply)), 200);
    }
    ck_assert_int_lt(clock_mono_ms() - began_ms, 700);
    for (size_t i = 0; i < ARRAY_LEN(fds) / 2; i++) {
        ck_assert_int_eq(client_reply(fds[i], reply, sizeof(reply)), 401);
        ck_assert_ptr_nonnull(strstr(reply, "WWW-Authenticate: Bearer\r\n"));
        ck_assert(i < 10 || clock_mono_ms() - began_ms > 700);
    }
    for (size_t i = 0; i < 10; i++) {
        (void)close(fds[i]);
        fds[i] = unix_connect();
        client_send(fds[i], WRONG);
    }
    (void)close(fds[0]); /* leaves while it is held back */
    began_ms = clock_mono_ms();
    http_stop(http, 5000);
    http = NULL;
    ck_assert_int_lt(clock_mono_ms() - began_ms, 3000);
    for (size_t i = 1; i < ARRAY_LEN(fds); i++)
        (void)close(fds[i]);
    (void)close(right);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_unix");
    TCase *tcase = tcase_create("unix");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, it_answers_like_tcp);
    tcase_add_loop_test(tcase, g17_a_head_or_body_that_drips_is_cut_off, 0, 3);
    tcase_add_test(tcase, g17_an_idle_connection_is_closed_later_than_a_slow_one);
    tcase_add_test(tcase, g17_a_slow_reader_stays_and_one_that_takes_nothing_goes);
    tcase_add_loop_test(tcase, a_refusal_reaches_a_client_that_is_still_writing, 0, 6);
    tcase_add_test(tcase, more_refusals_than_may_linger_do_no_harm);
    tcase_add_test(tcase, g13_slow_failures_delay_nobody_else_and_no_stop);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
