/* Whatever fills the bridge, a cancel and a kill come through: connections, handlers at work,
 * streams (server/places.c). */
#include <stdio.h>

#include "tests/test_http_parts.h"

static struct api api = { .env = "sim", .version = "0" };
static struct http *http;
static int port;
static char reply[64 * 1024];

static void start_with(size_t connections, size_t in_flight, struct hub *hub)
{
    struct http_config config = { .host = "127.0.0.1",
                                  .max_streams = 1000,
                                  .max_connections = connections,
                                  .max_in_flight = in_flight,
                                  .times = http_times_default,
                                  .api = &api,
                                  .hub = hub };
    struct error error = { .code = ERR_NONE };

    api.has_keys = true;
    atomic_store(&held_count, 0);
    ck_assert_msg(http_start(&http, &config, &error) == ERR_NONE, "%s", error.text);
    port = http_port(http);
}

/* Nobody's process is looked for, as from another machine; the reaper looks often. */
static void start_for_all(size_t connections, size_t in_flight)
{
    struct http_config config = { .host = "127.0.0.1",
                                  .allow_any_uid = true,
                                  .max_connections = connections,
                                  .max_in_flight = in_flight,
                                  .times = http_times_default,
                                  .api = &api };
    struct error error = { .code = ERR_NONE };

    config.times.body_ms = 80;
    api.has_keys = true;
    atomic_store(&held_count, 0);
    ck_assert_msg(http_start(&http, &config, &error) == ERR_NONE, "%s", error.text);
    port = http_port(http);
}

static void stop(void)
{
    http_stop(http, 1000);
    http = NULL;
}

static int ask_on(int fd, const char *text)
{
    client_send(fd, text);
    return client_reply(fd, reply, sizeof(reply));
}

static int ask(const char *text)
{
    int fd = client_connect(port);
    int status = ask_on(fd, text);

    (void)close(fd);
    return status;
}

#define HEAD_END    " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define GET(path)   "GET " path HEAD_END
#define KILL        "POST /guard/kill" HEAD_END
#define KILL_HELD   "POST /guard/kill?timeout=1s" HEAD_END
#define CANCEL      "DELETE /orders" HEAD_END
#define CANCEL_HELD "DELETE /held" HEAD_END
#define CREATE      "POST /orders" HEAD_END
#define CREATE_HELD "POST /held" HEAD_END

static void wait_held(int count)
{
    int64_t end_ms = clock_mono_ms() + 5000;

    while (atomic_load(&held_count) < count && clock_mono_ms() < end_ms)
        (void)usleep(1000);
    ck_assert_int_eq(atomic_load(&held_count), count);
    for (int i = 0; i < count; i++) {
        while (!atomic_load(&held[i]))
            (void)usleep(100);
    }
}

static void release_held(void)
{
    for (int i = 0; i < atomic_load(&held_count); i++)
        answer(atomic_exchange(&held[i], NULL), 200, "held\n");
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
}

static size_t connections(void)
{
    struct buffer out = buffer_of(4096);
    size_t count;

    http_add_status(&out, http);
    count = strtoul(strstr(out.data, "\"connections\":") + 14, NULL, 10);
    buffer_deinit(&out);
    return count;
}

static void await_connections(size_t count)
{
    int64_t end_ms = clock_mono_ms() + 5000;

    while (connections() != count && clock_mono_ms() < end_ms)
        (void)usleep(1000);
    ck_assert_uint_eq(connections(), count);
}

/* --- G7 --- */

static const char *const bare[] = {
    KILL,
    "POST /guard/kill HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: "
    "*/*\r\n\r\n",
    "POST /guard/kill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    "POST /guard/kill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Type: "
    "application/x-www-form-urlencoded\r\n\r\n",
    "POST /guard/kill HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
    "application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\nreason=x",
};

START_TEST(g07_a_kill_needs_neither_body_nor_length)
{
    int fd;

    start_with(64, 8, NULL);
    fd = client_connect(port);
    ck_assert_int_eq(ask_on(fd, bare[_i]), 200);
    ck_assert_int_eq(ask_on(fd, KILL), 200); /* the connection goes on */
    (void)close(fd);
    stop();
}
END_TEST

/* --- handlers at work --- */

#define IN_FLIGHT 4

START_TEST(g16_a_kill_has_a_place_when_creates_reads_and_cancels_have_taken_all)
{
    int fds[IN_FLIGHT * 2 + 128 + 32 + 1];
    size_t count = 0;

    start_with(1024, IN_FLIGHT, NULL);
    for (int i = 0; i < IN_FLIGHT; i++) {
        fds[count++] = client_connect(port);
        client_send(fds[count - 1], GET("/held"));
        fds[count++] = client_connect(port);
        client_send(fds[count - 1], CREATE_HELD);
    }
    wait_held((int)count);
    ck_assert_int_eq(ask(GET("/held")), 503);
    ck_assert_int_eq(ask(CREATE), 503);
    ck_assert_int_eq(ask(CANCEL), 201);
    ck_assert_int_eq(ask(KILL), 200);
    for (int i = 0; i < 128; i++) {
        fds[count++] = client_connect(port);
        client_send(fds[count - 1], CANCEL_HELD);
        wait_held((int)count);
    }
    ck_assert_int_eq(ask(CANCEL), 503);
    ck_assert_int_eq(ask(KILL), 200);
    for (int i = 0; i < 32; i++) {
        fds[count++] = client_connect(port);
        client_send(fds[count - 1], KILL_HELD);
        wait_held((int)count);
    }
    ck_assert_int_eq(ask(KILL), 503); /* there is a bound to everything */
    release_held();
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(client_reply(fds[i], reply, sizeof(reply)), 200);
    ck_assert_int_eq(ask(CREATE), 201);
    close_all(fds, count);
    stop();
}
END_TEST

/* --- whose client has left --- */

static const struct {
    const char *asked;
    int places; /* of IN_FLIGHT; those that wait long leave the half to other reads */
} waits[] = { { CREATE_HELD, IN_FLIGHT },
              { GET("/held"), IN_FLIGHT },
              { GET("/held?wait=final"), IN_FLIGHT / 2 } };

/* A script that is killed and begun again does not lock others out, however long its waits were to
 * be. */
START_TEST(g16_who_has_left_holds_no_place)
{
    int fds[IN_FLIGHT];
    int places = waits[_i].places;
    int fd;

    start_with(1024, IN_FLIGHT, NULL);
    for (int i = 0; i < places; i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], waits[_i].asked);
    }
    wait_held(places);
    close_all(fds, (size_t)places);
    fd = client_connect(port);
    client_send(fd, waits[_i].asked);
    wait_held(places + 1);
    for (int i = 0; i < places; i++)
        ck_assert(atomic_load(&atomic_load(&held[i])->gone));
    await_connections(1);
    release_held(); /* also those that nobody hears */
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    ck_assert_int_eq(ask_on(fd, GET("/livez")), 200);
    (void)close(fd);
    await_connections(0);
    stop();
}
END_TEST

/* Nor when that was noticed before anybody needed it, and its handler does not end for that. */
START_TEST(g16_who_was_seen_to_leave_holds_no_place)
{
    int fds[IN_FLIGHT];
    int fd;

    start_with(1024, IN_FLIGHT, NULL);
    for (int i = 0; i < IN_FLIGHT; i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], CREATE_HELD);
    }
    wait_held(IN_FLIGHT);
    close_all(fds, IN_FLIGHT);
    for (int i = 0; i < IN_FLIGHT; i++) {
        while (!atomic_load(&atomic_load(&held[i])->gone))
            (void)usleep(1000);
    }
    fd = client_connect(port);
    client_send(fd, CREATE_HELD);
    wait_held(IN_FLIGHT + 1);
    release_held();
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    (void)close(fd);
    await_connections(0);
    stop();
}
END_TEST

/* It may still read: as long as somebody holds the other end it is not gone. */
START_TEST(g16_one_half_closed_keeps_its_place_and_gets_its_answer)
{
    int fds[IN_FLIGHT];

    start_with(1024, IN_FLIGHT, NULL);
    for (int i = 0; i < IN_FLIGHT; i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], CREATE_HELD);
        ck_assert_int_eq(shutdown(fds[i], SHUT_WR), 0);
    }
    wait_held(IN_FLIGHT);
    ck_assert_int_eq(ask(CREATE), 503);
    for (int i = 0; i < IN_FLIGHT; i++)
        ck_assert(!atomic_load(&atomic_load(&held[i])->gone));
    release_held();
    for (int i = 0; i < IN_FLIGHT; i++)
        ck_assert_int_eq(client_reply(fds[i], reply, sizeof(reply)), 200);
    ck_assert_int_eq(ask(CREATE), 201);
    close_all(fds, IN_FLIGHT);
    stop();
}
END_TEST

/* From another machine it can't be told whether who has closed one half still reads: it keeps its
 * place as long as there are some. */
START_TEST(g16_where_it_cannot_be_told_a_half_closed_one_gives_way)
{
    int fds[IN_FLIGHT];
    int64_t end_ms;

    start_for_all(1024, IN_FLIGHT);
    fds[0] = client_connect(port);
    client_send(fds[0], CREATE_HELD);
    ck_assert_int_eq(shutdown(fds[0], SHUT_WR), 0);
    wait_held(1);
    (void)usleep(50000); /* the reaper looks each 10 ms */
    ck_assert(!atomic_load(&atomic_load(&held[0])->gone));
    for (int i = 1; i < IN_FLIGHT; i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], CREATE_HELD);
    }
    wait_held(IN_FLIGHT);
    end_ms = clock_mono_ms() + 5000;
    while (!atomic_load(&atomic_load(&held[0])->gone) && clock_mono_ms() < end_ms)
        (void)usleep(1000);
    ck_assert(atomic_load(&atomic_load(&held[0])->gone)); /* its handler answers it early */
    ck_assert(!atomic_load(&atomic_load(&held[1])->gone));
    release_held();
    for (int i = 0; i < IN_FLIGHT; i++)
        ck_assert_int_eq(client_reply(fds[i], reply, sizeof(reply)), 200);
    close_all(fds, IN_FLIGHT);
    stop();
}
END_TEST

/* --- connections --- */

#define CONNECTIONS 64
#define SPARES      8

/* Each is opened and says this; NULL: nothing. */
static const char *const fillers[] = {
    NULL,
    "GET /livez HT",
    GET("/livez"),
    GET("/held?wait=final"),
    CREATE_HELD,
    "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    "9\r\n\r\n{",
    GET("/stream?topics=orders,ticker:BTCUSDT"),
};

START_TEST(g16_a_kill_comes_through_when_all_connections_are_in_use)
{
    struct hub *hub = hub_create(100000, 0);
    int fds[CONNECTIONS * 3];

    start_with(CONNECTIONS, 1024, hub);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = client_connect(port);
        if (fillers[_i])
            client_send(fds[i], fillers[_i]);
        (void)usleep(300);
    }
    for (int i = 0; i < 20; i++) {
        int64_t began_ms = clock_mono_ms();

        ck_assert_int_eq(ask(KILL), 200);
        ck_assert_int_eq(ask(CANCEL), 201);
        ck_assert_int_lt(clock_mono_ms() - began_ms, 2000);
    }
    ck_assert_int_eq(ask(GET("/livez")), 503);
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"busy\""));
    ck_assert_ptr_nonnull(strstr(reply, "kept for cancels"));
    ck_assert_int_eq(ask(CREATE), 503);
    close_all(fds, ARRAY_LEN(fds));
    release_held();
    stop();
    hub_destroy(hub);
}
END_TEST

START_TEST(g16_the_last_places_are_the_kills)
{
    int fds[CONNECTIONS];
    size_t cancels = 0;

    start_with(CONNECTIONS, 1024, NULL);
    for (size_t i = 0; i < CONNECTIONS - SPARES; i++)
        fds[i] = client_connect(port);
    await_connections(CONNECTIONS - SPARES);
    for (size_t i = CONNECTIONS - SPARES; i < CONNECTIONS - SPARES / 4; i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], CANCEL_HELD);
        wait_held((int)++cancels);
    }
    ck_assert_int_eq(ask(CANCEL), 503);
    ck_assert_int_eq(ask(KILL), 200);
    close_all(fds, CONNECTIONS - SPARES);
    await_connections(cancels);
    ck_assert_int_eq(ask(CANCEL), 201);
    release_held();
    close_all(fds + CONNECTIONS - SPARES, cancels);
    stop();
}
END_TEST

START_TEST(a_reserved_place_becomes_an_ordinary_one_when_there_are_some)
{
    int fds[CONNECTIONS - SPARES];
    int spare;

    start_with(CONNECTIONS, 1024, NULL);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client_connect(port);
    await_connections(ARRAY_LEN(fds));
    spare = client_connect(port);
    ck_assert_int_eq(ask_on(spare, KILL), 200);
    (void)close(fds[0]);
    await_connections(ARRAY_LEN(fds));
    ck_assert_int_eq(ask_on(spare, GET("/livez")), 200);
    fds[0] = client_connect(port);
    await_connections(ARRAY_LEN(fds) + 1);
    ck_assert_int_eq(ask_on(spare, GET("/livez")), 200); /* it is not taken back */
    ck_assert_int_eq(ask_on(fds[0], GET("/livez")), 503);
    ck_assert(client_sees_close(fds[0], 2000));
    (void)close(spare);
    close_all(fds, ARRAY_LEN(fds));
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http places");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, g07_a_kill_needs_neither_body_nor_length, 0, ARRAY_LEN(bare));
    tcase_add_test(tcase, g16_a_kill_has_a_place_when_creates_reads_and_cancels_have_taken_all);
    tcase_add_loop_test(tcase, g16_a_kill_comes_through_when_all_connections_are_in_use, 0,
                        ARRAY_LEN(fillers));
    tcase_add_loop_test(tcase, g16_who_has_left_holds_no_place, 0, ARRAY_LEN(waits));
    tcase_add_test(tcase, g16_who_was_seen_to_leave_holds_no_place);
    tcase_add_test(tcase, g16_one_half_closed_keeps_its_place_and_gets_its_answer);
    tcase_add_test(tcase, g16_where_it_cannot_be_told_a_half_closed_one_gives_way);
    tcase_add_test(tcase, g16_the_last_places_are_the_kills);
    tcase_add_test(tcase, a_reserved_place_becomes_an_ordinary_one_when_there_are_some);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
