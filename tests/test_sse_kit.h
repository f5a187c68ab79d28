/* tests/test_sse_kit.h - for test_sse*.c: a server with a hub and a journal, and a client of one
 * stream. */
#pragma once

#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "tests/test_http_parts.h"
#include "tests/test_journal_kit.h"

#define EPOCH 3

static struct bridge bridge;
static struct history *history;
static struct hub *hub;
static struct api api;
static struct http *http;
static int port;
static int links;
static atomic_uint_fast64_t shown_seq;

/* On a busy machine what a test does meanwhile takes longer than a reader may take nothing. */
static const struct http_times calm = {
    .header_ms = 5000, .body_ms = 5000, .idle_ms = 5000, .stalled_ms = 60000, .heartbeat_ms = 5000
};
static const struct http_times fast = {
    .header_ms = 400, .body_ms = 400, .idle_ms = 400, .stalled_ms = 250, .heartbeat_ms = 60
};

/* --- the world: a journal, its readers, a hub, the server --- */

static inline void on_committed(uint64_t position, const struct journal_known *known,
                                size_t known_count, void *userdata)
{
    (void)position;
    (void)known;
    (void)known_count;
    (void)userdata;
}

static inline void on_event(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                            int64_t at_ms, void *userdata)
{
    (void)at_ms;
    (void)userdata;
    hub_publish_event(hub, seq, event, json, json_bytes);
    atomic_store(&shown_seq, seq);
}

static inline void on_down(bool down, const struct error *error, void *userdata)
{
    (void)userdata;
    ck_assert_msg(!down, "the journal is down: %s", error->text);
}

static const struct journal_callbacks callbacks = { on_committed, on_event, on_down };

static inline void open_journal(void)
{
    struct error error = { .code = ERR_NONE };

    kit_folder(&bridge);
    atomic_store(&shown_seq, 0);
    ck_assert_msg(kit_open(&bridge, &error) == ERR_NONE, "%s", error.text);
    ck_assert_int_eq(journal_start_thread(bridge.journal, &callbacks, NULL, &error), ERR_NONE);
    ck_assert_int_eq(history_start(&history, bridge.journal, 2, &error), ERR_NONE);
}

/* What stands for the engine; NULL: none. Set before the start. */
static struct loop *engine_loop;

static inline void start_with(const struct http_times *times, size_t ring_bytes, bool with_journal,
                              size_t max_streams)
{
    struct http_config config = { .host = "127.0.0.1",
                                  .max_streams = max_streams,
                                  .max_connections = 1024,
                                  .max_in_flight = 1024,
                                  .times = *times,
                                  .api = &api };
    struct error error = { .code = ERR_NONE };

    hub = hub_create(ring_bytes, 0);
    hub_set_epoch(hub, EPOCH);
    api = (struct api){ .env = "sim", .has_keys = true, .loop = engine_loop };
    api.default_category = CATEGORY_LINEAR;
    if (with_journal)
        open_journal();
    api.history = with_journal ? history : NULL; /* a failed test leaves its own */
    config.hub = hub;
    ck_assert_msg(http_start(&http, &config, &error) == ERR_NONE, "%s", error.text);
    port = http_port(http);
}

static inline void start(size_t ring_bytes)
{
    start_with(&calm, ring_bytes, true, 400);
}

static inline void stop(void)
{
    http_stop(http, 1000);
    if (history) {
        history_stop(history);
        kit_stop(&bridge);
        kit_remove_folder(&bridge);
    }
    history = NULL;
    hub_destroy(hub);
    market_destroy(api.market);
    instruments_slot_destroy(api.instruments);
}

/* `count` events: each third one a fill, the rest new open orders. */
static inline void journal_events(int count)
{
    for (int i = 0; i < count; i++) {
        struct journal_row *row;
        struct order order;
        struct fill fill;
        char name[24];

        (void)snprintf(name, sizeof(name), "n%d", ++links);
        if ((bridge.seq + 1) % 3 == 0) {
            kit_fill(&fill, "order", name);
            row = kit_fill_row(&bridge, &fill);
        } else {
            kit_order(&order, name);
            order.state = ORDER_ACKED;
            row = kit_intent(&bridge, name);
            row->next = kit_order_row(&bridge, &order);
        }
        while (journal_submit(bridge.journal, row) == ERR_BUSY)
            kit_sleep_ms(1);
    }
    kit_await(atomic_load(&shown_seq) == bridge.seq);
}

/* --- a client of one stream --- */

struct client {
    int fd;
    size_t used;
    char raw[4 * 1024 * 1024];
    char text[4 * 1024 * 1024]; /* the body without chunks */
};
static struct client client;

static inline void stream_open_on(int fd, const char *path, const char *headers)
{
    char request[2048];

    client.fd = fd;
    client.used = 0;
    client.raw[0] = client.text[0] = '\0';
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path,
                   headers);
    client_send(fd, request);
}

static inline void stream_open(const char *path, const char *headers)
{
    stream_open_on(client_connect(port), path, headers);
}

static inline void undo_chunks(void)
{
    const char *at = strstr(client.raw, "\r\n\r\n");
    const char *end = client.raw + client.used;
    char *to = client.text;

    for (at = at ? at + 4 : end; at < end;) {
        char *data;
        size_t bytes = strtoul(at, &data, 16);

        if (data + 2 > end || bytes == 0)
            break;
        data += 2;
        if (bytes > (size_t)(end - data))
            bytes = (size_t)(end - data);
        memcpy(to, data, bytes);
        to += bytes;
        at = data + bytes + 2;
    }
    *to = '\0';
}

/* All that is there. False: the end. */
static inline bool take_all(void)
{
    ssize_t got;

    do {
        got = recv(client.fd, client.raw + client.used, sizeof(client.raw) - 1 - client.used,
                   MSG_DONTWAIT);
        client.used += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    client.raw[client.used] = '\0';
    undo_chunks();
    return got < 0 && errno == EAGAIN;
}

/* Reads until `text` is in the body. */
static inline void stream_until(const char *text)
{
    int64_t end_ms = clock_mono_ms() + 8000;
    bool more = true;

    while (!strstr(client.text, text)) {
        struct pollfd wait = { .fd = client.fd, .events = POLLIN };

        ck_assert_msg(more, "the end comes, not '%s', after: %.3000s", text, client.raw);
        ck_assert_msg(clock_mono_ms() < end_ms, "'%s' does not come, but: %.3000s", text,
                      client.raw);
        if (poll(&wait, 1, 100) > 0)
            more = take_all();
    }
}

static inline void stream_close(void)
{
    (void)close(client.fd);
}

static inline void until_seq(unsigned seq)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "{\"n\":%u}", seq);
    stream_until(text);
}

/* The journaled events in the text are first..last, each once and in order, with their ids. */
static inline void expect_events(unsigned first, unsigned last)
{
    const char *at = client.text;
    unsigned seen = first;

    while ((at = strstr(at, "{\"n\":"))) {
        char id[64];
        int bytes = snprintf(id, sizeof(id), "id: %d-%u\nevent: %s\ndata: {\"n\":%u}\n\n", EPOCH,
                             seen, seen % 3 ? "order" : "fill", seen);
        const char *start = at - (strstr(id, "{") - id);

        ck_assert_msg(start >= client.text && strncmp(start, id, (size_t)bytes) == 0,
                      "expected %s at: %.200s", id, start);
        seen++;
        at++;
    }
    ck_assert_uint_eq(seen, last + 1);
}

static inline int refusal(const char *path, char *reply, size_t max)
{
    int status;

    stream_open(path, "");
    status = client_reply(client.fd, reply, max);
    stream_close();
    return status;
}

static inline void await_wanted(const char *topic)
{
    int64_t end_ms = clock_mono_ms() + 5000;

    while (!hub_wanted(hub, topic) && clock_mono_ms() < end_ms)
        kit_sleep_ms(1);
    ck_assert(hub_wanted(hub, topic));
}

static inline int64_t status_member(const char *name)
{
    struct buffer out = buffer_of(4096);
    const char *at;
    int64_t value;

    buffer_add_text(&out, "{");
    http_add_status(&out, http);
    at = strstr(out.data, name);
    ck_assert_ptr_nonnull(at);
    value = strtoll(strchr(at, ':') + 1, NULL, 10);
    buffer_deinit(&out);
    return value;
}
