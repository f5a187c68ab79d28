/* tests/test_sim_client.h - a small client for tests of the started exchange: it signs, asks and
 * reads frames on its own. Included once by each program that uses it.
 */
#pragma once

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <check.h>
#include <cjson/cJSON.h>
#include <openssl/hmac.h>

#include "base/clock.h"
#include "sim/sim.h"

#define KEY        "TESTKEY0001"
#define SECRET     "TESTSECRET0001abcdefghijklmnopqrstuvwx"
#define ANSWER_MAX (512 * 1024)
#define UNUSED     __attribute__((unused))

static struct sim *sim;
static char answer[ANSWER_MAX];
static char answer_head[2048]; /* of the last answer that was read */

static UNUSED void hmac(const char *text, char out[65])
{
    unsigned char digest[32];
    unsigned int bytes = 0;

    ck_assert_ptr_nonnull(HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET),
                               (const unsigned char *)text, strlen(text), digest, &bytes));
    for (unsigned int i = 0; i < bytes; i++)
        (void)snprintf(out + (size_t)i * 2, 3, "%02x", digest[i]);
}

static UNUSED int dial(void)
{
    const struct timeval patience = { 5, 0 };
    struct sockaddr_in address = { .sin_family = AF_INET };
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_port = htons((uint16_t)sim_port(sim));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(connect(descriptor, (const struct sockaddr *)&address, sizeof(address)), 0);
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return descriptor;
}

static UNUSED void send_all(int descriptor, const char *data, size_t bytes)
{
    ck_assert_int_eq(send(descriptor, data, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
}

/* Bytes until `end` is in the text or the peer is silent; how many there are. */
static UNUSED size_t read_head(int descriptor)
{
    size_t used = 0;

    answer[0] = '\0';
    while (!strstr(answer, "\r\n\r\n") && used < ANSWER_MAX - 1) {
        ssize_t got = recv(descriptor, answer + used, ANSWER_MAX - 1 - used, 0);

        if (got <= 0)
            break;
        used += (size_t)got;
        answer[used] = '\0';
    }
    return used;
}

/* The answer's body in `answer`; its status, or 0 when the connection was closed. */
static UNUSED int read_answer(int descriptor)
{
    size_t used = read_head(descriptor);
    char *body = strstr(answer, "\r\n\r\n");
    const char *length = strcasestr(answer, "Content-Length: ");
    size_t head;
    size_t wanted;
    int status;

    if (!body || !length)
        return 0;
    status = (int)strtol(answer + strlen("HTTP/1.1 "), NULL, 10);
    head = (size_t)(body - answer) + 4;
    (void)snprintf(answer_head, sizeof(answer_head), "%.*s", (int)head, answer);
    wanted = head + (size_t)strtol(length + strlen("Content-Length: "), NULL, 10);
    while (used < wanted) {
        ssize_t got = recv(descriptor, answer + used, ANSWER_MAX - 1 - used, 0);

        if (got <= 0)
            return 0;
        used += (size_t)got;
    }
    answer[used] = '\0';
    memmove(answer, answer + head, used - head + 1);
    return status;
}

static int connection = -1;

/* Signed, on the kept connection. */
static UNUSED int ask(const char *method, const char *path, const char *query, const char *body)
{
    static char request[8192];
    static char plain[8192];
    int64_t now_ms = clock_wall_ms();
    char sign[65];

    if (connection < 0)
        connection = dial();
    (void)snprintf(plain, sizeof(plain), "%" PRId64 KEY "5000%s", now_ms, *body ? body : query);
    hmac(plain, sign);
    (void)snprintf(
        request, sizeof(request),
        "%s %s%s%s HTTP/1.1\r\nHost: sim\r\nX-BAPI-API-KEY: " KEY "\r\nx-bapi-timestamp: %" PRId64
        "\r\nX-BAPI-RECV-WINDOW: 5000\r\nX-BAPI-SIGN: %s\r\nContent-Length: %zu\r\n\r\n%s",
        method, path, *query ? "?" : "", query, now_ms, sign, strlen(body), body);
    send_all(connection, request, strlen(request));
    return read_answer(connection);
}

static UNUSED void hang_up(void)
{
    if (connection >= 0)
        (void)close(connection);
    connection = -1;
}

static UNUSED cJSON *ask_json(const char *method, const char *path, const char *query,
                              const char *body)
{
    cJSON *json;

    ck_assert_int_eq(ask(method, path, query, body), 200);
    json = cJSON_Parse(answer);
    ck_assert_ptr_nonnull(json);
    return json;
}

static UNUSED int ret_code(const char *method, const char *path, const char *query,
                           const char *body)
{
    cJSON *json = ask_json(method, path, query, body);
    int code = cJSON_GetObjectItem(json, "retCode")->valueint;

    cJSON_Delete(json);
    return code;
}

static UNUSED int list_length(const char *path, const char *query)
{
    cJSON *json = ask_json("GET", path, query, "");
    const cJSON *result = cJSON_GetObjectItem(json, "result");
    int length = cJSON_GetArraySize(cJSON_GetObjectItem(result, "list"));

    cJSON_Delete(json);
    return length;
}

static UNUSED void control(const char *path, const char *body)
{
    ck_assert_int_eq(ask("POST", path, "", body), 200);
}

/* A number among the headers of the last answer, -1: it is not there. */
static UNUSED int64_t header_number(const char *name)
{
    const char *at = strcasestr(answer_head, name);

    return at && at[strlen(name)] == ':' ? strtoll(at + strlen(name) + 1, NULL, 10) : -1;
}

static UNUSED void start_exchange(bool no_limits)
{
    const struct sim_options options = { .host = "127.0.0.1",
                                         .api_key = KEY,
                                         .api_secret = SECRET,
                                         .control = true,
                                         .no_limits = no_limits,
                                         .paused = true };
    struct error error;

    ck_assert_int_eq(sim_start(&sim, &options, &error), ERR_NONE);
    control("/sim/price", "{\"symbol\":\"BTCUSDT\",\"price\":\"93000\"}");
}

/* Tests are quicker than limits allow; those of the limits start it with them. */
static UNUSED void setup(void)
{
    start_exchange(true);
}

static UNUSED void teardown(void)
{
    hang_up();
    sim_stop(sim);
    sim = NULL;
}

/* --- WebSocket --- */

static UNUSED int dial_socket(const char *path)
{
    char request[256];
    int descriptor = dial();

    (void)snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n",
                   path);
    send_all(descriptor, request, strlen(request));
    (void)read_head(descriptor);
    ck_assert_ptr_nonnull(strstr(answer, " 101 "));
    ck_assert_ptr_nonnull(strstr(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    return descriptor;
}

/* A text frame of less than 64 KiB with a mask of zeros. */
static UNUSED void send_frame(int descriptor, const char *text)
{
    size_t bytes = strlen(text);
    char head[8] = { (char)0x81, (char)(0x80 | (bytes < 126 ? bytes : 126)) };
    size_t used = 2;

    if (bytes >= 126) {
        head[used++] = (char)(bytes >> 8);
        head[used++] = (char)bytes;
    }
    send_all(descriptor, head, used + 4);
    send_all(descriptor, text, bytes);
}

static UNUSED bool read_exact(int descriptor, char *out, size_t bytes)
{
    return recv(descriptor, out, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

/* The next text frame in `answer`; false at the end of the connection. */
static UNUSED bool read_frame(int descriptor)
{
    unsigned char head[8];
    size_t bytes;

    if (!read_exact(descriptor, (char *)head, 2) || (head[0] & 15) != 1)
        return false;
    bytes = head[1];
    if (bytes == 126) {
        if (!read_exact(descriptor, (char *)head, 2))
            return false;
        bytes = (size_t)head[0] << 8 | head[1];
    } else if (bytes == 127) {
        if (!read_exact(descriptor, (char *)head, 8))
            return false;
        bytes = (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
    }
    if (bytes >= ANSWER_MAX || !read_exact(descriptor, answer, bytes))
        return false;
    answer[bytes] = '\0';
    return true;
}

static UNUSED int dial_private(void)
{
    int descriptor = dial_socket("/v5/private");
    int64_t expires_ms = clock_wall_ms() + 10000;
    char plain[64];
    char sign[65];
    char frame[256];

    (void)snprintf(plain, sizeof(plain), "GET/realtime%" PRId64, expires_ms);
    hmac(plain, sign);
    (void)snprintf(frame, sizeof(frame),
                   "{\"op\":\"auth\",\"args\":[\"" KEY "\",%" PRId64 ",\"%s\"]}", expires_ms, sign);
    send_frame(descriptor, frame);
    ck_assert(read_frame(descriptor));
    ck_assert_ptr_nonnull(strstr(answer, "{\"success\":true,\"ret_msg\":\"\",\"op\":\"auth\""));
    return descriptor;
}
