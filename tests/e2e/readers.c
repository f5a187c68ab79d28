/* Many readers of one stream, in one thread: what test_readers.py measures with.
 *
 *     readers PORT PATH COUNT
 *
 * Reads words from standard input: "stall N" (N more readers stop reading), "clear" (forget the
 * times so far), "resume" (those that stalled take what is left for them and go on from their id),
 * "report" (one line of JSON). An event whose tag is t<microseconds of CLOCK_MONOTONIC> is timed,
 * once a reader. Its event numbers must rise by one. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES  (64 * 1024)
#define LINE_MAX    2048 /* of a line so much is looked at */
#define SAMPLES_MAX (8 * 1000 * 1000)
#define WINDOW      4096

struct reader {
    int fd; /* -1: closed */
    bool stalled;
    bool was_stalled;
    bool hung_up;  /* the other end has closed */
    bool has_base; /* an event number is known */
    uint64_t epoch;
    uint64_t seq;
    uint64_t tag;
    size_t line_bytes;
    char line[LINE_MAX];
};

static struct reader *readers;
static size_t count;
static int epoll;
static int port;
static const char *path;
static uint32_t *samples;
static size_t samples_count;
static uint64_t disorder;
static uint64_t resets;

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void fail(const char *what)
{
    fprintf(stderr, "readers: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(struct reader *reader, int operation)
{
    struct epoll_event event = { .events = reader->stalled ? EPOLLRDHUP : EPOLLIN,
                                 .data = { .ptr = reader } };

    if (epoll_ctl(epoll, operation, reader->fd, &event) != 0)
        fail("epoll_ctl");
}

static void open_reader(struct reader *reader)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int window = WINDOW;
    char request[1024];
    int bytes;

    reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    if (reader->fd < 0 || connect(reader->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("connect");
    bytes = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n", path);
    if (reader->has_base)
        bytes += snprintf(request + bytes, sizeof(request) - (size_t)bytes,
                          "Last-Event-ID: %" PRIu64 "-%" PRIu64 "\r\n", reader->epoch, reader->seq);
    bytes += snprintf(request + bytes, sizeof(request) - (size_t)bytes, "\r\n");
    if (send(reader->fd, request, (size_t)bytes, MSG_NOSIGNAL) != bytes)
        fail("send");
    reader->line_bytes = 0;
    watch(reader, EPOLL_CTL_ADD);
}

/* --- what comes --- */

static void take_id(struct reader *reader, const char *text)
{
    uint64_t epoch = 0;
    uint64_t seq = 0;

    if (sscanf(text, "%" SCNu64 "-%" SCNu64, &epoch, &seq) != 2)
        disorder++;
    /* The hello's id is the reader's own place. */
    else if (reader->has_base &&
             (epoch != reader->epoch || (seq != reader->seq + 1 && seq != reader->seq)))
        disorder++;
    reader->has_base = true;
    reader->epoch = epoch;
    reader->seq = seq;
}

static void take_line(struct reader *reader, uint64_t at_us)
{
    const char *tag;
    uint64_t sent_us;

    reader->line[reader->line_bytes < LINE_MAX ? reader->line_bytes : LINE_MAX - 1] = '\0';
    if (strncmp(reader->line, "id: ", 4) == 0)
        take_id(reader, reader->line + 4);
    resets += strncmp(reader->line, "event: reset", 12) == 0;
    tag = strncmp(reader->line, "data: ", 6) == 0 ? strstr(reader->line, "\"tag\":\"t") : NULL;
    if (!tag)
        return;
    sent_us = strtoull(tag + 8, NULL, 10);
    if (sent_us == reader->tag)
        return;
    reader->tag = sent_us;
    if (!reader->was_stalled && samples_count < SAMPLES_MAX)
        samples[samples_count++] = (uint32_t)(at_us - sent_us);
}

static void take(struct reader *reader, const char *text, size_t bytes)
{
    uint64_t at_us = now_us();
    const char *end = text + bytes;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((newline ? newline : end) - text);
        size_t room = reader->line_bytes < LINE_MAX ? LINE_MAX - reader->line_bytes : 0;

        memcpy(reader->line + reader->line_bytes, text, length < room ? length : room);
        reader->line_bytes += length < room ? length : room;
        if (!newline)
            return;
        take_line(reader, at_us);
        reader->line_bytes = 0;
        text = newline + 1;
    }
}

/* False: the end. */
static bool read_once(struct reader *reader)
{
    static char text[READ_BYTES];
    ssize_t got = recv(reader->fd, text, sizeof(text), 0);

    if (got > 0)
        take(reader, text, (size_t)got);
    return got > 0;
}

static void on_ready(struct reader *reader)
{
    if (reader->stalled) {
        reader->hung_up = true;
        (void)epoll_ctl(epoll, EPOLL_CTL_DEL, reader->fd, NULL);
    } else if (!read_once(reader)) {
        (void)close(reader->fd);
        reader->fd = -1;
    }
}

/* --- words --- */

static void stall(size_t more)
{
    for (size_t i = 0; i < count && more; i++) {
        if (readers[i].was_stalled)
            continue;
        readers[i].stalled = readers[i].was_stalled = true;
        watch(&readers[i], EPOLL_CTL_MOD);
        more--;
    }
}

static void resume(void)
{
    for (size_t i = 0; i < count; i++) {
        struct reader *reader = &readers[i];

        if (!reader->stalled)
            continue;
        while (read_once(reader))
            ;
        (void)close(reader->fd);
        reader->stalled = reader->hung_up = false;
        open_reader(reader);
    }
}

static int compare(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;

    return *a < *b ? -1 : *a > *b;
}

static uint32_t percentile(size_t percent)
{
    return samples_count ? samples[(samples_count - 1) * percent / 100] : 0;
}

static void report(void)
{
    uint64_t last_min = UINT64_MAX;
    uint64_t last_max = 0;
    size_t open = 0;
    size_t hung_up = 0;

    qsort(samples, samples_count, sizeof(*samples), compare);
    for (size_t i = 0; i < count; i++) {
        const struct reader *reader = &readers[i];

        open += reader->fd >= 0;
        hung_up += reader->hung_up;
        if (reader->stalled)
            continue;
        last_min = reader->seq < last_min ? reader->seq : last_min;
        last_max = reader->seq > last_max ? reader->seq : last_max;
    }
    printf(
        "{\"samples\":%zu,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"open\":%zu,\"hung_up\":%zu,"
        "\"last_min\":%" PRIu64 ",\"last_max\":%" PRIu64 ",\"disorder\":%" PRIu64
        ",\"resets\":%" PRIu64 "}\n",
        samples_count, percentile(50), percentile(99), percentile(100), open, hung_up, last_min,
        last_max, disorder, resets);
    (void)fflush(stdout);
}

/* False: the end. */
static bool obey(void)
{
    char text[64];
    ssize_t bytes = read(STDIN_FILENO, text, sizeof(text) - 1); /* one word at a time is written */

    if (bytes <= 0)
        return false;
    text[bytes] = '\0';
    if (strncmp(text, "stall ", 6) == 0)
        stall(strtoul(text + 6, NULL, 10));
    else if (strcmp(text, "resume\n") == 0)
        resume();
    else if (strcmp(text, "clear\n") == 0)
        samples_count = 0;
    else if (strcmp(text, "report\n") != 0)
        fail("what is that word");
    report();
    return true;
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];
    struct epoll_event input = { .events = EPOLLIN };
    struct rlimit limit;

    if (argc != 4)
        return 2;
    port = atoi(argv[1]);
    path = argv[2];
    count = strtoul(argv[3], NULL, 10);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    readers = calloc(count, sizeof(*readers));
    samples = malloc(SAMPLES_MAX * sizeof(*samples));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!readers || !samples || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input))
        fail("start");
    for (size_t i = 0; i < count; i++)
        open_reader(&readers[i]);
    for (;;) {
        int ready = epoll_wait(epoll, events, 256, -1);

        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr)
                on_ready(events[i].data.ptr);
            else if (!obey())
                return 0;
        }
    }
}
