/* The http thread: one epoll over MHD's own epoll descriptors (a daemon a listen socket) and the
 * bell.
 *
 * A turn: wait; run what the bell brought (answers of handlers, chunks from the journal), wake
 * readers, run the daemons that have something to do, then the clocks (reaper, heartbeats, stop).
 * MHD's resume wakes nobody: MHD_run must follow it before the next wait, hence listener->pending.
 */
#include "server/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/thread.h"
#include "server/conn.h"
#include "server/feed_wait.h"
#include "server/sse.h"

#define POOL_BYTES                                                                                 \
    ((size_t)32 * 1024) /* a connection's memory in MHD: head, reply head, stream chunk */
#define EVENTS_MAX       8
#define STOP_FLUSH_TURNS 3
#define QUIESCE_MS       300

struct http_thread {
    struct http http;
    pthread_t thread;
    bool running;
};

const struct http_times http_times_default = {
    .header_ms = 5000,
    .body_ms = 5000,
    .idle_ms = 60000,
    .stalled_ms = 30000,
    .heartbeat_ms = 15000,
};

/* --- MHD's daemons --- */

static size_t keep_as_sent(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static void on_mhd_log(void *cls, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void on_mhd_log(void *cls, const char *format, va_list args)
{
    char line[LOG_SAFE_MAX * 2];
    char safe[LOG_SAFE_MAX];

    (void)cls;
    (void)vsnprintf(line, sizeof(line), format, args);
    log_debug("http: library: %s", log_safe(line, safe));
}

static void on_mhd_panic(void *cls, const char *file, unsigned int line, const char *reason)
{
    char safe[LOG_SAFE_MAX];

    (void)cls;
    (void)file;
    log_error("http: panic in the library line=%u: %s", line, log_safe(reason ? reason : "", safe));
    abort();
}

/* Of connections of one address; 0: any number. On this machine users are told apart otherwise. */
static unsigned address_limit(const struct listener *listener)
{
    size_t max = listener->http->config.max_connections;

    return listener->is_unix || listen_is_loopback(listener->http) ? 0 : (unsigned)(max - max / 4);
}

static struct MHD_Daemon *start_daemon(struct listener *listener)
{
    const struct http_config *config = &listener->http->config;

    /* The strict level refuses a missing Host and blanks in the target without our problem body;
     * the gate does both. */
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, request_handler, listener, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_as_sent, NULL, MHD_OPTION_URI_LOG_CALLBACK, request_uri,
        listener, MHD_OPTION_NOTIFY_CONNECTION, request_notify_connection, listener,
        MHD_OPTION_NOTIFY_COMPLETED, request_completed, listener, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)config->max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        address_limit(listener), MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, MHD_OPTION_END);
}

static enum err watch(struct http *http, int fd, void *what)
{
    struct epoll_event event = { .events = EPOLLIN, .data = { .ptr = what } };

    return epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? ERR_NONE : ERR_IO;
}

static enum err start_listener(struct listener *listener, struct error *error)
{
    const union MHD_DaemonInfo *info;

    listener->daemon = start_daemon(listener);
    if (!listener->daemon)
        return error_set(error, ERR_INTERNAL, "http: the HTTP library does not start");
    listener->fd = -1; /* the daemon's now */
    listener->pending = true;
    info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || watch(listener->http, info->epoll_fd, listener))
        return error_set(error, ERR_INTERNAL, "http: epoll: %s", strerror(errno));
    return ERR_NONE;
}

/* --- the thread --- */

static int wait_ms(struct http *http, int64_t due_ms)
{
    int64_t left;

    for (size_t i = 0; i < http->listeners_count; i++) {
        if (http->listeners[i].pending)
            return 0;
    }
    if (http->delay_due_ms < due_ms)
        due_ms = http->delay_due_ms;
    if (http->linger_due_ms < due_ms)
        due_ms = http->linger_due_ms;
    if (http->conns && http->reap_due_ms < due_ms)
        due_ms = http->reap_due_ms;
    if (http->stopping && !http->quiet && http->quiet_by_ms < due_ms)
        due_ms = http->quiet_by_ms;
    if (http->stop_by_ms && http->stop_by_ms < due_ms)
        due_ms = http->stop_by_ms;
    left = due_ms - clock_mono_ms();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Whether the bell rang. */
static bool wait_for_events(struct http *http, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(http->epoll_fd, events, EVENTS_MAX, timeout_ms);
    bool rang = false;

    for (int i = 0; i < count; i++) {
        struct listener *listener = events[i].data.ptr;

        if (listener)
            listener->pending = true;
        else
            rang = true;
    }
    http->now_ms = clock_mono_ms();
    return rang;
}

static void run_daemons(struct http *http)
{
    for (size_t i = 0; i < http->listeners_count; i++) {
        struct listener *listener = &http->listeners[i];
        MHD_UNSIGNED_LONG_LONG timeout;

        if (!listener->pending)
            continue;
        listener->pending = false;
        (void)MHD_run(listener->daemon);
        if (MHD_get_timeout(listener->daemon, &timeout) == MHD_YES && timeout == 0)
            listener->pending = true;
    }
}

static void begin_quiesce(struct http *http)
{
    http->stopping = true;
    http->quiet_by_ms = http->now_ms + QUIESCE_MS;
    unix_socket_remove(&http->unix_socket);
    for (size_t i = 0; i < http->listeners_count; i++) {
        int fd = MHD_quiesce_daemon(http->listeners[i].daemon);

        http->listeners[i].pending = true;
        if (fd >= 0)
            (void)close(fd);
    }
    sse_stop(http->sse);
    feed_waits_end(http->feed_waits);
}

static void check_quiet(struct http *http)
{
    if (http->quiet || (sse_count(http->sse) && http->now_ms < http->quiet_by_ms))
        return;
    sse_abort(http->sse);
    http->quiet = true;
    (void)sem_post(&http->became_quiet);
}

static bool is_busy(const struct http *http)
{
    for (const struct conn *conn = http->conns; conn; conn = conn->next) {
        if (conn->state != CONN_IDLE && conn->state != CONN_HEAD && conn->state != CONN_DELAYED)
            return true;
    }
    return false;
}

/* Whether the thread may end. */
static bool check_stop(struct http *http)
{
    int grace_ms = atomic_load(&http->stop_grace_ms);

    if (grace_ms < 0 && !atomic_load(&http->quiesce_asked))
        return false;
    if (!http->stopping)
        begin_quiesce(http);
    check_quiet(http);
    if (grace_ms < 0)
        return false;
    if (http->stop_by_ms == 0)
        http->stop_by_ms = http->now_ms + grace_ms;
    return http->now_ms >= http->stop_by_ms || !is_busy(http);
}

/* What is suspended when a daemon stops would abort the process: resume all, let MHD notice, then
 * stop. */
static void end_all(struct http *http)
{
    sse_abort(http->sse);
    bell_close(http->bell);
    delay_end_all(http);
    for (struct conn *conn = http->conns; conn; conn = conn->next)
        request_orphan(conn);
    for (int turn = 0; turn < STOP_FLUSH_TURNS; turn++)
        run_daemons(http);
    for (size_t i = 0; i < http->listeners_count; i++) {
        MHD_stop_daemon(http->listeners[i].daemon);
        http->listeners[i].daemon = NULL;
    }
}

/* Events that nobody reads or waits for need not wake the thread: an order would cost two more
 * wake-ups. */
static void tell_heard(struct http *http)
{
    struct hub *hub = http->config.hub;
    bool heard = hub && (hub_has_readers(hub) || feed_waits_any(http->feed_waits));

    if (!hub || heard == http->is_heard)
        return;
    http->is_heard = heard;
    hub_set_heard(hub, heard);
}

static void *run_thread(void *userdata)
{
    struct http *http = userdata;
    int64_t due_ms = 0;
    int64_t waits_ms;

    thread_begin("http", THREAD_QUICK);
    http->now_ms = clock_mono_ms();
    http->is_heard = true; /* as a new hub has it */
    do {
        if (wait_for_events(http, wait_ms(http, due_ms)))
            bell_run(http->bell);
        sse_pump(http->sse); /* also unasked: see tell_heard */
        run_daemons(http);
        reaper_run(http);
        http->delay_due_ms = delay_tick(http);
        http->linger_due_ms = linger_tick(http);
        due_ms = sse_tick(http->sse);
        waits_ms = feed_waits_run(http->feed_waits, http_feed_last(http), http->now_ms);
        if (waits_ms < due_ms)
            due_ms = waits_ms;
        tell_heard(http);
    } while (!check_stop(http));
    end_all(http);
    return NULL;
}

/* --- who waits for events --- */

uint64_t http_feed_last(const struct http *http)
{
    return http->config.hub ? hub_last_seq(http->config.hub) : 0;
}

bool http_feed_has(const struct http *http, uint64_t after, const struct event_filter *filter)
{
    return http->config.hub && hub_has_event(http->config.hub, after, filter);
}

enum err http_feed_wait(struct http *http, uint64_t after, int64_t until_ms,
                        const atomic_bool *gone, void (*on_ready)(void *waiter), void *waiter)
{
    return feed_waits_add(http->feed_waits, after, until_ms, gone, on_ready, waiter);
}

/* --- start and stop --- */

static void on_hub_wake(void *userdata)
{
    bell_ring(userdata);
}

static enum err make_auth(struct http *http, struct error *error)
{
    const struct auth_tokens tokens = { .read = http->config.read_token,
                                        .trade = http->config.trade_token,
                                        .admin = http->config.admin_token };

    http->auth = auth_create(&tokens);
    if (!http->auth)
        return error_set(error, ERR_NO_MEMORY, "http: out of memory");
    if (auth_is_needed(http->auth))
        http->gate.auth = http->auth;
    return ERR_NONE;
}

static enum err prepare(struct http *http, struct error *error)
{
    enum err err = make_auth(http, error);

    if (!err)
        err = listen_open(http, error);
    if (!err)
        err = admit_open(http, error);
    if (err)
        return err;
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    http->activity_fd = epoll_create1(EPOLL_CLOEXEC);
    http->bell = bell_create();
    http->sse = sse_create(http);
    http->feed_waits = feed_waits_create();
    if (http->epoll_fd < 0 || http->activity_fd < 0 || !http->bell || !http->sse ||
        !http->feed_waits)
        return error_set(error, ERR_NO_MEMORY, "http: out of memory or descriptors");
    if (getrandom(&http->id_prefix, sizeof(http->id_prefix), 0) != sizeof(http->id_prefix))
        http->id_prefix = (uint32_t)clock_wall_ms();
    err = watch(http, bell_fd(http->bell), NULL);
    for (size_t i = 0; i < http->listeners_count && !err; i++) {
        http->listeners[i].http = http;
        err = start_listener(&http->listeners[i], error);
    }
    return err;
}

static void release(struct http_thread *self)
{
    struct http *http = &self->http;

    unix_socket_remove(&http->unix_socket);
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++) {
        if (http->listeners[i].daemon)
            MHD_stop_daemon(http->listeners[i].daemon);
        if (http->listeners[i].fd >= 0)
            (void)close(http->listeners[i].fd);
    }
    if (http->config.hub)
        hub_set_wake(http->config.hub, NULL, NULL);
    sse_destroy(http->sse);
    feed_waits_destroy(http->feed_waits);
    (void)sem_destroy(&http->became_quiet);
    bell_unref(http->bell);
    admit_close(http);
    auth_destroy(http->auth);
    if (http->epoll_fd >= 0)
        (void)close(http->epoll_fd);
    if (http->activity_fd >= 0)
        (void)close(http->activity_fd);
    linger_end_all(http);
    free(self);
}

static struct http_thread *create(const struct http_config *config)
{
    struct http_thread *self = calloc(1, sizeof(*self));

    if (!self)
        return NULL;
    self->http.config = *config;
    self->http.gate = (struct gate_config){
        .env = config->api->env,
        .allow_hosts = config->allow_hosts,
        .allow_hosts_count = config->allow_hosts_count,
        .allow_origins = config->allow_origins,
        .allow_origins_count = config->allow_origins_count,
        .trade_origins = config->trade_origins,
        .trade_origins_count = config->trade_origins_count,
        .dashboard_trading = config->dashboard_trading,
        .read_only = config->read_only,
        .allow_paths = config->allow_paths,
        .allow_paths_count = config->allow_paths_count,
    };
    self->http.epoll_fd = self->http.activity_fd = self->http.peer.fd = -1;
    self->http.unix_socket.folder_fd = -1;
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++)
        self->http.listeners[i].fd = -1;
    atomic_init(&self->http.stop_grace_ms, -1);
    (void)sem_init(&self->http.became_quiet, 0, 0);
    return self;
}

enum err http_start(struct http **out, const struct http_config *config, struct error *error)
{
    struct http_thread *self = create(config);
    enum err err;

    if (!self)
        return error_set(error, ERR_NO_MEMORY, "http: out of memory");
    MHD_set_panic_func(on_mhd_panic, NULL);
    err = prepare(&self->http, error);
    if (!err && config->hub)
        hub_set_wake(config->hub, on_hub_wake, self->http.bell);
    *out = &self->http; /* before the thread: its first request may ask for /status */
    if (!err && pthread_create(&self->thread, NULL, run_thread, &self->http) != 0)
        err = error_set(error, ERR_INTERNAL, "http: cannot start its thread");
    if (err) {
        *out = NULL;
        release(self);
        return err;
    }
    self->running = true;
    return ERR_NONE;
}

int http_port(const struct http *http)
{
    return http->port;
}

void http_quiesce(struct http *http)
{
    if (!http)
        return;
    atomic_store(&http->quiesce_asked, true);
    bell_ring(http->bell);
    while (sem_wait(&http->became_quiet) != 0 && errno == EINTR)
        ;
    (void)sem_post(&http->became_quiet); /* for whoever asks again */
}

void http_stop(struct http *http, int grace_ms)
{
    struct http_thread *self = (struct http_thread *)(void *)http;

    if (!http)
        return;
    atomic_store(&http->stop_grace_ms, grace_ms < 0 ? 0 : grace_ms);
    bell_ring(http->bell);
    (void)pthread_join(self->thread, NULL);
    release(self);
}

static void add_count(struct buffer *out, const char *name, const atomic_size_t *count)
{
    json_add_key(out, name);
    json_add_int(out, (int64_t)atomic_load_explicit(count, memory_order_relaxed));
}

/* The address that is really listened on: a port of 0 was a wish, and ::1 is not everywhere. */
static void add_address(struct buffer *out, int fd)
{
    struct sockaddr_storage any = { .ss_family = AF_UNSPEC };
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)&any;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)&any;
    socklen_t bytes = sizeof(any);
    char host[INET6_ADDRSTRLEN] = "";
    char address[INET6_ADDRSTRLEN + 24];

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&any, &bytes) != 0)
        return;
    if (any.ss_family == AF_INET && inet_ntop(AF_INET, &ipv4->sin_addr, host, sizeof(host)))
        (void)snprintf(address, sizeof(address), "http://%s:%u", host, ntohs(ipv4->sin_port));
    else if (any.ss_family == AF_INET6 && inet_ntop(AF_INET6, &ipv6->sin6_addr, host, sizeof(host)))
        (void)snprintf(address, sizeof(address), "http://[%s]:%u", host, ntohs(ipv6->sin6_port));
    else
        return;
    json_add_text(out, address);
}

void http_add_listen(struct buffer *out, const struct http *http)
{
    const char *path = http->config.unix_socket;
    char address[UNIX_SOCKET_PATH_MAX + 8];

    json_add_key(out, "listen");
    json_add_open(out, '[');
    for (size_t i = 0; i < http->listeners_count; i++) {
        struct MHD_Daemon *daemon = http->listeners[i].daemon;
        const union MHD_DaemonInfo *info =
            daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_LISTEN_FD) : NULL;

        if (http->listeners[i].is_unix) {
            (void)snprintf(address, sizeof(address), "unix:%s", path ? path : "");
            json_add_text(out, address);
        } else if (info) {
            add_address(out, info->listen_fd);
        }
    }
    json_add_close(out, ']');
}

void http_add_status(struct buffer *out, void *http_)
{
    struct http *http = http_;

    json_add_key(out, "streams");
    json_add_open(out, '{');
    sse_add_status(out, http->sse);
    json_add_close(out, '}');
    json_add_key(out, "http");
    json_add_open(out, '{');
    add_count(out, "connections", &http->connections_now);
    add_count(out, "in_flight", &http->waiting_now);
    add_count(out, "closed_slow", &http->reaped);
    json_add_close(out, '}');
}
