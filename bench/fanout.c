/* Many readers of one feed: the bridge's own (hub, streams, libmicrohttpd) or a bare epoll writer,
 * and a client that reads them all.
 *
 *   fanout serve bridge|bare      prints its address; on stdin: "publish EVENTS INTERVAL_US", "cpu"
 *   fanout publish PORT PATH EVENTS INTERVAL_US     posts the same events to another server
 *   fanout read PORT PATH READERS EVENTS
 *
 * Each event carries when it was published, so the reader knows how long it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "server/http.h"
#include "server/hub.h"

#define READERS_MAX 4096
#define JSON_BYTES  200
#define RING_BYTES  ((size_t)8 * 1024 * 1024)
#define PIECE_BYTES 65536
#define MARK        "{\"t\":"
#define SILENCE_MS  10000
#define SAMPLES_MAX (1 << 20)

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* JSON_BYTES of text, with the time in it. */
static void make_json(char out[JSON_BYTES + 1], uint64_t number)
{
    int used = snprintf(out, JSON_BYTES + 1, MARK "%" PRId64 ",\"n\":%" PRIu64 ",\"pad\":\"",
                        now_ns(), number);

    memset(out + used, 'x', (size_t)(JSON_BYTES - used));
    memcpy(out + JSON_BYTES - 2, "\"}", 3);
}

static void sleep_until(int64_t at_ns)
{
    struct timespec at = { .tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000 };

    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int64_t cpu_us(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000) +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

/* --- the bare writer: a ring of ready text, a cursor a reader, one send for all that is owed ---
 */

struct bare {
    pthread_mutex_t lock;
    char *ring; /* all that was ever published: the benchmark is short */
    size_t bytes;
    size_t capacity;
    int bell;
};
static struct bare bare = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct bare_reader {
    int fd;
    bool asked;
    bool blocked;
    size_t sent;
};
static struct bare_reader bare_readers[READERS_MAX]; /* by descriptor */
static int bare_top;                                 /* one above the highest in use */

static void bare_publish(uint64_t number)
{
    char json[JSON_BYTES + 1];
    uint64_t one = 1;

    make_json(json, number);
    (void)pthread_mutex_lock(&bare.lock);
    if (bare.capacity - bare.bytes > JSON_BYTES + 100)
        bare.bytes += (size_t)sprintf(
            bare.ring + bare.bytes, "id: 3-%" PRIu64 "\nevent: order\ndata: %s\n\n", number, json);
    (void)pthread_mutex_unlock(&bare.lock);
    (void)!write(bare.bell, &one, sizeof(one));
}

static void bare_send(struct bare_reader *reader)
{
    (void)pthread_mutex_lock(&bare.lock);
    size_t end = bare.bytes;
    (void)pthread_mutex_unlock(&bare.lock);
    while (reader->asked && reader->sent < end) {
        size_t bytes = end - reader->sent < PIECE_BYTES ? end - reader->sent : PIECE_BYTES;
        ssize_t sent =
            send(reader->fd, bare.ring + reader->sent, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

        reader->blocked = sent < 0;
        if (sent < 0)
            return;
        reader->sent += (size_t)sent;
    }
}

static void bare_ask(struct bare_reader *reader)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    char scrap[4096];

    ssize_t got = recv(reader->fd, scrap, sizeof(scrap), MSG_DONTWAIT);

    if (got == 0) {
        reader->asked = false;
        close(reader->fd);
        return;
    }
    if (got > 0 && !reader->asked) {
        (void)pthread_mutex_lock(&bare.lock);
        reader->sent = bare.bytes;
        (void)pthread_mutex_unlock(&bare.lock);
        reader->asked = send(reader->fd, head, sizeof(head) - 1, MSG_NOSIGNAL) > 0;
    }
    bare_send(reader);
}

static void bare_accept(int epoll, int listener)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0 || fd >= READERS_MAX)
        die("accept");
    bare_readers[fd] = (struct bare_reader){ .fd = fd };
    bare_top = fd >= bare_top ? fd + 1 : bare_top;
    event.data.fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void *bare_run(void *userdata)
{
    int listener = *(int *)userdata;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };

    event.data.fd = listener;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = bare.bell;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, bare.bell, &event);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, -1);

        for (int i = 0; i < count; i++) {
            uint64_t rung;

            if (events[i].data.fd == listener)
                bare_accept(epoll, listener);
            else if (events[i].data.fd != bare.bell)
                bare_ask(&bare_readers[events[i].data.fd]);
            else if (read(bare.bell, &rung, sizeof(rung)) > 0)
                for (int fd = 0; fd < bare_top; fd++)
                    if (bare_readers[fd].asked && !bare_readers[fd].blocked)
                        bare_send(&bare_readers[fd]);
        }
    }
    return NULL;
}

static int bare_start(void)
{
    static int listener;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);
    pthread_t thread;

    bare.capacity = (size_t)256 * 1024 * 1024;
    bare.ring = malloc(bare.capacity);
    bare.bell = eventfd(0, EFD_CLOEXEC);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!bare.ring || bind(listener, (struct sockaddr *)&address, bytes) ||
        listen(listener, 4096) || getsockname(listener, (struct sockaddr *)&address, &bytes) ||
        pthread_create(&thread, NULL, bare_run, &listener))
        die("bare");
    return ntohs(address.sin_port);
}

/* --- the bridge's feed --- */

static struct hub *hub;

static int bridge_start(void)
{
    static struct api api = { .env = "sim", .has_keys = true, .default_category = CATEGORY_LINEAR };
    struct http_config config = { .host = "127.0.0.1",
                                  .max_streams = READERS_MAX,
                                  .max_connections = READERS_MAX,
                                  .max_in_flight = READERS_MAX,
                                  .times = http_times_default,
                                  .api = &api };
    struct error error = { .code = ERR_NONE };
    struct http *http;

    hub = hub_create(RING_BYTES, 0);
    config.hub = hub;
    if (hub)
        hub_set_epoch(hub, 3);
    if (!hub || http_start(&http, &config, &error)) {
        (void)fprintf(stderr, "fanout: %s\n", error.text);
        exit(1);
    }
    return http_port(http);
}

static void bridge_publish(uint64_t number)
{
    char json[JSON_BYTES + 1];

    make_json(json, number);
    hub_publish_event(hub, number, "order", json, JSON_BYTES);
}

/* --- serve --- */

static void publish(void (*one)(uint64_t number), uint64_t *number, long count, long interval_us)
{
    int64_t at_ns = now_ns();

    for (long i = 0; i < count; i++) {
        one(++*number);
        at_ns += interval_us * 1000;
        if (interval_us)
            sleep_until(at_ns);
    }
}

static int serve(const char *what)
{
    bool is_bare = strcmp(what, "bare") == 0;
    uint64_t number = 0;
    char line[100];
    long count;
    long interval_us;

    printf("listens on http://127.0.0.1:%d\n", is_bare ? bare_start() : bridge_start());
    (void)fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        if (sscanf(line, "publish %ld %ld", &count, &interval_us) == 2)
            publish(is_bare ? bare_publish : bridge_publish, &number, count, interval_us);
        printf("%" PRId64 "\n", cpu_us());
        (void)fflush(stdout);
    }
    return 0;
}

/* --- clients --- */

static int connect_to(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
        die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static int post(int port, const char *path, long count, long interval_us)
{
    int fd = connect_to(port);
    int64_t at_ns = now_ns();

    for (long i = 1; i <= count; i++) {
        char request[1024];
        char json[JSON_BYTES + 1];
        int bytes;

        make_json(json, (uint64_t)i);
        bytes = snprintf(request, sizeof(request),
                         "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s",
                         path, JSON_BYTES, json);
        if (send(fd, request, (size_t)bytes, MSG_NOSIGNAL) != bytes ||
            recv(fd, request, sizeof(request), 0) <= 0)
            die("post");
        at_ns += interval_us * 1000;
        if (interval_us)
            sleep_until(at_ns);
    }
    close(fd);
    return 0;
}

struct reader {
    int fd;
    bool chunked;
    size_t size; /* as far as its line is read */
    size_t left; /* of the chunk */
    long got;
    size_t kept; /* of a mark that may be cut */
    char tail[64];
};

static struct reader readers[READERS_MAX];
static uint32_t *samples; /* microseconds */
static size_t samples_count;
static uint64_t deliveries;

static void sample(const char *at)
{
    int64_t took_ns = now_ns() - strtoll(at + sizeof(MARK) - 1, NULL, 10);

    deliveries++;
    if (samples_count < SAMPLES_MAX)
        samples[samples_count++] = (uint32_t)(took_ns / 1000);
    else if (deliveries % 16 == 0)
        samples[(deliveries / 16) % SAMPLES_MAX] = (uint32_t)(took_ns / 1000);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* Takes the lines between the chunks out; returns what is left. */
static size_t undo_chunks(struct reader *reader, char *data, size_t bytes)
{
    size_t out = 0;

    for (size_t at = 0; at < bytes;) {
        size_t some = bytes - at < reader->left ? bytes - at : reader->left;

        if (some) {
            memmove(data + out, data + at, some);
            out += some;
            at += some;
            reader->left -= some;
            continue;
        }
        if (hex_digit(data[at]) >= 0)
            reader->size = reader->size * 16 + (size_t)hex_digit(data[at]);
        if (data[at] == '\n') { /* of the size, or of the line that ends a chunk: size 0 */
            reader->left = reader->size;
            reader->size = 0;
        }
        at++;
    }
    return out;
}

/* The time behind a mark is whole when 24 bytes are there; what is less waits for the next piece.
 */
static void take(struct reader *reader)
{
    static char piece[PIECE_BYTES + 64];
    ssize_t got;

    memcpy(piece, reader->tail, reader->kept);
    got = recv(reader->fd, piece + reader->kept, PIECE_BYTES, MSG_DONTWAIT);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN)
            return;
        (void)fprintf(stderr, "fanout: a reader was closed after %ld events\n", reader->got);
        exit(1);
    }
    if (reader->chunked)
        got = (ssize_t)undo_chunks(reader, piece + reader->kept, (size_t)got);
    char *at = piece;
    char *end = piece + reader->kept + got;
    for (char *mark; (mark = memmem(at, (size_t)(end - at), MARK, sizeof(MARK) - 1));) {
        if (end - mark < 24) {
            at = mark;
            break;
        }
        sample(mark);
        reader->got++;
        at = mark + JSON_BYTES / 2 < end ? mark + JSON_BYTES / 2 : end;
    }
    size_t left = (size_t)(end - at);
    reader->kept = left < 24 ? left : 24;
    memcpy(reader->tail, end - reader->kept, reader->kept);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* The head and no byte more. */
static bool read_head(int fd, char *head, size_t max)
{
    size_t used = 0;

    for (head[0] = '\0'; !strstr(head, "\r\n\r\n"); head[used] = '\0') {
        if (used + 1 == max || recv(fd, head + used, 1, 0) != 1)
            return false;
        used++;
        head[used] = '\0';
    }
    return used > 12;
}

static void open_reader(int epoll, struct reader *reader, int port, const char *path, int number)
{
    struct epoll_event event = { .events = EPOLLIN, .data = { .u32 = (uint32_t)number } };
    char request[512];
    char head[2048];
    int bytes = snprintf(request, sizeof(request),
                         "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                         "X-Client: r%d-%d\r\n\r\n",
                         path, (int)getpid(), number / 64); /* 64 streams a name */

    reader->fd = connect_to(port);
    if (send(reader->fd, request, (size_t)bytes, MSG_NOSIGNAL) != bytes ||
        !read_head(reader->fd, head, sizeof(head)) || memcmp(head + 9, "200", 3) != 0)
        die("a reader was refused");
    reader->chunked = strcasestr(head, "\r\nTransfer-Encoding: chunked") != NULL;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, reader->fd, &event);
}

static int read_all(int port, const char *path, int count, long events)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t expected = (uint64_t)count * (uint64_t)events;
    int64_t began_ns = 0;

    samples = malloc(SAMPLES_MAX * sizeof(*samples));
    if (!samples || count > READERS_MAX)
        die("memory");
    for (int i = 0; i < count; i++)
        open_reader(epoll, &readers[i], port, path, i);
    printf("ready\n");
    (void)fflush(stdout);
    while (deliveries < expected) {
        struct epoll_event ready[256];
        int some = epoll_wait(epoll, ready, 256, SILENCE_MS);

        if (some <= 0)
            break;
        for (int i = 0; i < some; i++)
            take(&readers[ready[i].data.u32]);
        if (!began_ns && deliveries)
            began_ns = now_ns();
    }
    double seconds = (double)(now_ns() - began_ns) / 1e9;
    qsort(samples, samples_count, sizeof(*samples), by_size);
    printf("{\"deliveries\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"seconds\":%.4f,\"p50_us\":%u,\"p99_us\":%u}\n",
           deliveries, expected - deliveries, seconds, samples[samples_count / 2],
           samples[samples_count * 99 / 100]);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2]);
    if (argc == 6 && strcmp(argv[1], "publish") == 0)
        return post(atoi(argv[2]), argv[3], atol(argv[4]), atol(argv[5]));
    if (argc == 6 && strcmp(argv[1], "read") == 0)
        return read_all(atoi(argv[2]), argv[3], atoi(argv[4]), atol(argv[5]));
    (void)fprintf(stderr, "usage: fanout serve bridge|bare, publish PORT PATH EVENTS INTERVAL_US, "
                          "read PORT PATH READERS EVENTS\n");
    return 64;
}
