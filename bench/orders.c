/* Places market orders one after the other on each of C connections and prints what one took.
 *
 *   orders bridge PORT N C            POST /orders to the bridge
 *   orders floor PORT N C KEY SECRET  the floor: a line in a log file with fdatasync, sign, POST to
 * the exchange, one thread each
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/hmac.h>

#include "base/clock.h"

#define CONNECTIONS_MAX 64
#define TEXT_MAX        2048

struct job {
    bool floor;
    int port;
    int number;
    int count;
    const char *key;
    const char *secret;
    int64_t *took_us;
    int failures;
};

static int connect_to(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        perror("connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/* Sends one request and reads one answer by its Content-Length. True: status 200 or 201, and
 * "retCode":0 where there is one. */
static bool exchange(int fd, const char *request, size_t request_bytes)
{
    char answer[16384];
    size_t used = 0;
    char *body = NULL;
    size_t wanted = 0;

    if (write(fd, request, request_bytes) != (ssize_t)request_bytes)
        return false;
    while (!body || used < wanted) {
        ssize_t got = read(fd, answer + used, sizeof(answer) - 1 - used);
        char *length;

        if (got <= 0)
            return false;
        used += (size_t)got;
        answer[used] = '\0';
        if (body || !(body = strstr(answer, "\r\n\r\n")))
            continue;
        length = strcasestr(answer, "content-length:");
        if (!length)
            return false;
        wanted = (size_t)(body + 4 - answer) + strtoul(length + 15, NULL, 10);
    }
    if (strncmp(answer, "HTTP/1.1 20", 11) != 0)
        return false;
    return !strstr(body, "\"retCode\"") || strstr(body, "\"retCode\":0");
}

static size_t bridge_request(const struct job *job, int number, char *out)
{
    char body[256];
    int bytes = snprintf(body, sizeof(body), "symbol=BTCUSDT&side=%s&qty=0.001&type=market",
                         number % 2 ? "buy" : "sell");

    return (size_t)snprintf(out, TEXT_MAX,
                            "POST /orders HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: "
                            "application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
                            job->port, bytes, body);
}

static size_t floor_request(const struct job *job, int number, char *out)
{
    char body[512];
    char plain[1024];
    char hex[65];
    unsigned char hash[32];
    unsigned hash_bytes = sizeof(hash);
    int64_t now_ms = clock_wall_ms() - 50;
    int bytes = snprintf(
        body, sizeof(body),
        "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"%s\",\"orderType\":\"Market\","
        "\"qty\":\"0.001\",\"orderLinkId\":\"floor-%d-%d-%" PRId64 "\"}",
        number % 2 ? "Buy" : "Sell", job->number, number, now_ms);
    int plain_bytes = snprintf(plain, sizeof(plain), "%" PRId64 "%s5000%s", now_ms, job->key, body);

    HMAC(EVP_sha256(), job->secret, (int)strlen(job->secret), (unsigned char *)plain,
         (size_t)plain_bytes, hash, &hash_bytes);
    for (unsigned i = 0; i < hash_bytes; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned)hash[i]);
    return (size_t)snprintf(
        out, TEXT_MAX,
        "POST /v5/order/create HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-BAPI-API-KEY: %s\r\n"
        "X-BAPI-TIMESTAMP: %" PRId64 "\r\nX-BAPI-RECV-WINDOW: 5000\r\nX-BAPI-SIGN: %s\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
        job->port, job->key, now_ms, hex, bytes, body);
}

static void *work(void *argument)
{
    struct job *job = argument;
    char request[TEXT_MAX];
    char path[] = "/tmp/bench-log-XXXXXX";
    int log = job->floor ? mkstemp(path) : -1;
    int fd = connect_to(job->port);

    for (int i = 0; i < job->count; i++) {
        int64_t start_us = clock_mono_us();
        size_t bytes =
            job->floor ? floor_request(job, i, request) : bridge_request(job, i, request);

        if (job->floor && (write(log, request, bytes) != (ssize_t)bytes || fdatasync(log)))
            job->failures++;
        if (!exchange(fd, request, bytes)) {
            job->failures++;
            close(fd);
            fd = connect_to(job->port);
        }
        job->took_us[i] = clock_mono_us() - start_us;
    }
    close(fd);
    if (log >= 0) {
        close(log);
        unlink(path);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    pthread_t threads[CONNECTIONS_MAX];
    struct job jobs[CONNECTIONS_MAX];
    int64_t start_us;
    int64_t took_us;
    int64_t *all;
    int count;
    int connections;
    int failures = 0;

    if (argc < 5) {
        (void)fprintf(stderr, "usage: orders bridge|floor PORT N CONNECTIONS [KEY SECRET]\n");
        return 64;
    }
    count = atoi(argv[3]);
    connections = atoi(argv[4]);
    if (count < 1 || connections < 1 || connections > CONNECTIONS_MAX)
        return 64;
    count /= connections;
    all = calloc((size_t)count * (size_t)connections, sizeof(*all));
    if (!all)
        return 70;
    start_us = clock_mono_us();
    for (int i = 0; i < connections; i++) {
        jobs[i] = (struct job){ .floor = strcmp(argv[1], "floor") == 0,
                                .port = atoi(argv[2]),
                                .number = i,
                                .count = count,
                                .key = argc > 5 ? argv[5] : "",
                                .secret = argc > 6 ? argv[6] : "",
                                .took_us = all + (size_t)i * (size_t)count };
        if (pthread_create(&threads[i], NULL, work, &jobs[i]) != 0)
            return 70;
    }
    for (int i = 0; i < connections; i++) {
        pthread_join(threads[i], NULL);
        failures += jobs[i].failures;
    }
    took_us = clock_mono_us() - start_us;
    count *= connections;
    qsort(all, (size_t)count, sizeof(*all), by_size);
    printf("{\"n\": %d, \"failures\": %d, \"p50_us\": %" PRId64 ", \"p99_us\": %" PRId64
           ", \"rate\": %" PRId64 "}\n",
           count, failures, all[count / 2], all[count * 99 / 100],
           (int64_t)count * 1000000 / took_us);
    free(all);
    return 0;
}
