/* One thread, one epoll: MHD's own descriptor, the upgraded sockets, a 10 ms timer and the bell
 * that stops it. A turn of the loop ends with the frames it caused: trades, account, then all
 * queues are written. */
#include "sim/sim.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "sim/cancel_all.h"
#include "sim/feeds.h"
#include "sim/feeds_flood.h"
#include "sim/http.h"
#include "sim/later.h"
#include "sim/market.h"
#include "sim/private.h"
#include "sim/requests.h"

#define SEED_DEFAULT  20240601
#define EVENTS_A_TURN 64
#define CATCH_UP_MAX  20 /* market steps in one turn, after a pause of the process */

struct sim {
    struct exchange exchange;
    struct sockets sockets;
    struct private_frames private;
    struct feeds *feeds;
    struct rest rest;
    struct control control;
    struct http *http;
    char *key;
    char *secret;
    int epoll;
    int timer;
    int bell;
    int64_t step_due_ms; /* monotonic */
    bool stop;
    bool has_thread;
    pthread_t thread;
};

/* --- what the exchange tells --- */

static void on_order(const struct sim_order *order, void *userdata)
{
    struct sim *sim = userdata;

    private_order(&sim->private, order);
}

static void on_execution(const struct sim_execution *execution, void *userdata)
{
    struct sim *sim = userdata;

    private_execution(&sim->private, execution);
}

static void on_position(const struct position *position, void *userdata)
{
    struct sim *sim = userdata;

    private_position(&sim->private, position);
}

static void on_wallet(void *userdata)
{
    struct sim *sim = userdata;

    private_wallet(&sim->private);
}

static void on_trade(const struct instrument *instrument, const struct public_trade *trade,
                     void *userdata)
{
    struct sim *sim = userdata;

    feeds_trade(sim->feeds, instrument, trade);
}

static const struct exchange_callbacks callbacks = {
    .on_order = on_order,
    .on_execution = on_execution,
    .on_position = on_position,
    .on_wallet = on_wallet,
    .on_trade = on_trade,
};

/* --- the loop --- */

static void tick(struct sim *sim)
{
    uint64_t times;
    int64_t now_ms = clock_mono_ms();

    if (read(sim->timer, &times, sizeof(times)) != (ssize_t)sizeof(times))
        return;
    if (now_ms - sim->step_due_ms > (int64_t)CATCH_UP_MAX * MARKET_STEP_MS)
        sim->step_due_ms = now_ms;
    for (; sim->step_due_ms <= now_ms; sim->step_due_ms += MARKET_STEP_MS)
        market_step(&sim->exchange);
    cancel_all_due(&sim->exchange);
    later_run(&sim->exchange);
    private_tick(&sim->private);
    feeds_flush(sim->feeds);
    feeds_tick(sim->feeds);
    http_tick(sim->http);
}

static void end_turn(struct sim *sim)
{
    feeds_flush(sim->feeds);
    private_flush(&sim->private);
    if (sockets_sweep(&sim->sockets))
        http_run(sim->http);
}

static void handle_event(struct sim *sim, const struct epoll_event *event)
{
    if (event->data.ptr == sim)
        http_run(sim->http);
    else if (event->data.ptr == &sim->timer)
        tick(sim);
    else if (event->data.ptr == &sim->bell)
        sim->stop = true;
    else
        socket_ready(event->data.ptr, event->events);
}

/* Of two waits, -1: for ever. */
static int sooner(int a, int b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static void *run(void *userdata)
{
    struct sim *sim = userdata;
    struct epoll_event events[EVENTS_A_TURN];
    int flood_ms = -1;

    thread_begin("sim", THREAD_PLAIN);
    while (!sim->stop) {
        int count = epoll_wait(sim->epoll, events, EVENTS_A_TURN,
                               sooner(http_timeout_ms(sim->http), flood_ms));

        if (count < 0 && errno != EINTR)
            break;
        sim->exchange.now_ms = clock_wall_ms();
        for (int i = 0; i < count; i++)
            handle_event(sim, &events[i]);
        if (count == 0)
            http_run(sim->http);
        flood_ms = feeds_flood_run(sim->feeds, clock_mono_us());
        end_turn(sim);
    }
    sockets_close(&sim->sockets);
    http_run(sim->http);
    return NULL;
}

/* --- start and stop --- */

static bool watch(const struct sim *sim, int descriptor, void *data)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = data };

    return descriptor >= 0 && epoll_ctl(sim->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

static enum err open_descriptors(struct sim *sim, struct error *error)
{
    const struct itimerspec every = {
        .it_interval = { 0, FEED_TICK_MS * 1000000L },
        .it_value = { 0, FEED_TICK_MS * 1000000L },
    };

    sim->epoll = epoll_create1(EPOLL_CLOEXEC);
    sim->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    sim->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sim->epoll < 0 || !watch(sim, sim->timer, &sim->timer) ||
        !watch(sim, sim->bell, &sim->bell) || timerfd_settime(sim->timer, 0, &every, NULL) != 0)
        return error_set(error, ERR_IO, "sim: no descriptors (errno %d)", errno);
    return ERR_NONE;
}

static void connect_parts(struct sim *sim)
{
    sim->exchange.callbacks = &callbacks;
    sim->exchange.userdata = sim;
    sim->rest.exchange = &sim->exchange;
    sim->rest.login = (struct auth_login){ sim->key, sim->secret };
    sim->rest.feeds = sim->feeds;
    sim->sockets.epoll = sim->epoll;
    sim->sockets.exchange = &sim->exchange;
    sim->sockets.login = &sim->rest.login;
    sim->sockets.on_message = request_answer;
    sim->sockets.on_subscribed = feeds_subscribed;
    sim->sockets.userdata = sim->feeds;
    sim->private.sockets = &sim->sockets;
    sim->private.exchange = &sim->exchange;
    sim->control.rest = &sim->rest;
    sim->control.sockets = &sim->sockets;
    sim->control.exchange = &sim->exchange;
    sim->control.feeds = sim->feeds;
    sim->control.private = &sim->private;
    sim->step_due_ms = clock_mono_ms();
}

static enum err build(struct sim *sim, const struct sim_options *options, struct error *error)
{
    int64_t now_ms = clock_wall_ms();
    const struct http_parts parts = { &sim->rest, options->control ? &sim->control : NULL,
                                      &sim->sockets, &sim->exchange };
    enum err err;

    sim->key = strdup(options->api_key);
    sim->secret = strdup(options->api_secret);
    err = exchange_init(&sim->exchange, now_ms, (uint64_t)now_ms * 1000 + (uint64_t)getpid());
    if (!sim->key || !sim->secret || err)
        return error_set(error, ERR_NO_MEMORY, "sim: out of memory");
    if (market_init(&sim->exchange, options->seed ? options->seed : SEED_DEFAULT))
        return error_set(error, ERR_NO_MEMORY, "sim: out of memory");
    market_pause(&sim->exchange, options->paused);
    sim->feeds = feeds_create(&sim->sockets, &sim->exchange);
    if (!sim->feeds)
        return error_set(error, ERR_NO_MEMORY, "sim: out of memory");
    err = open_descriptors(sim, error);
    if (err)
        return err;
    sim->exchange.cancel_random = options->seed ? options->seed : SEED_DEFAULT;
    rest_init_limits(&sim->rest, options->no_limits);
    connect_parts(sim);
    err = sim_http_start(&sim->http, &parts, options->host, options->port, error);
    if (err)
        return err;
    if (!watch(sim, http_descriptor(sim->http), sim))
        return error_set(error, ERR_IO, "sim: no descriptors (errno %d)", errno);
    return ERR_NONE;
}

enum err sim_start(struct sim **out, const struct sim_options *options, struct error *error)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    enum err err;

    if (!sim)
        return error_set(error, ERR_NO_MEMORY, "sim: out of memory");
    sim->epoll = -1;
    sim->timer = -1;
    sim->bell = -1;
    err = build(sim, options, error);
    if (!err && pthread_create(&sim->thread, NULL, run, sim) != 0)
        err = error_set(error, ERR_INTERNAL, "sim: no thread");
    if (err) {
        sim_stop(sim);
        return err;
    }
    sim->has_thread = true;
    *out = sim;
    return ERR_NONE;
}

int sim_port(const struct sim *sim)
{
    return sim_http_port(sim->http);
}

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0)
        (void)close(descriptor);
}

static void free_text(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void sim_stop(struct sim *sim)
{
    const uint64_t one = 1;

    if (!sim)
        return;
    if (sim->has_thread) {
        if (write(sim->bell, &one, sizeof(one)) != (ssize_t)sizeof(one))
            log_error("sim: the bell does not ring");
        (void)pthread_join(sim->thread, NULL);
    }
    sim_http_stop(sim->http);
    private_deinit(&sim->private);
    feeds_destroy(sim->feeds);
    control_deinit(&sim->control);
    market_deinit(&sim->exchange);
    exchange_deinit(&sim->exchange);
    close_descriptor(sim->bell);
    close_descriptor(sim->timer);
    close_descriptor(sim->epoll);
    free_text(sim->key);
    free_text(sim->secret);
    free(sim);
}
