/* tests/test_gate_kit.h - a request head as lines of text, and what the gate says to it. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "api/errors.h"
#include "server/gate.h"

#define HEADERS_MAX 80

static const char *const allowed_hosts[] = { "bridge.internal" };
static const char *const read_origins[] = { "http://localhost:3000" };
static const char *const trade_origins[] = { "https://desk.example" };

static struct gate_config config = {
    .env = "sim",
    .allow_hosts = allowed_hosts,
    .allow_hosts_count = 1,
    .allow_origins = read_origins,
    .allow_origins_count = 1,
    .trade_origins = trade_origins,
    .trade_origins_count = 1,
};

/* One request: its headers as lines "Name: value\n". */
struct ask {
    const char *method;
    const char *target;
    const char *headers;
    int status; /* 0: let in */
    const char *code;
};

static char ask_target[GATE_TARGET_MAX + 64];
static char ask_headers[64 * 1024];
static struct gate_header ask_list[HEADERS_MAX];

static inline size_t split_headers(const char *lines)
{
    size_t count = 0;
    char *at = ask_headers;

    strcpy(ask_headers, lines);
    while (*at && count < HEADERS_MAX) {
        char *end = strchr(at, '\n');
        char *colon = strchr(at, ':');

        ck_assert(end && colon);
        *end = '\0';
        *colon++ = '\0';
        colon += *colon == ' ';
        ask_list[count++] = (struct gate_header){ at, strlen(at), colon, strlen(colon), 0 };
        at = end + 1;
    }
    return count;
}

static inline void judge(const struct ask *ask, struct gate_verdict *verdict)
{
    struct gate_head head = { .method = ask->method, .version = "HTTP/1.1", .target = ask_target };

    strcpy(ask_target, ask->target);
    head.target_bytes = strlen(ask_target);
    head.headers_count = split_headers(ask->headers);
    head.headers = ask_list;
    head.now_ms = 1000;
    gate_check(&config, &head, verdict);
}

static inline void expect(const struct ask *ask)
{
    struct gate_verdict verdict;

    judge(ask, &verdict);
    ck_assert_msg(verdict.status == ask->status, "%s %s [%s]: %d %s (%s), expected %d", ask->method,
                  ask->target, ask->headers, verdict.status, verdict.code ? verdict.code : "-",
                  verdict.detail, ask->status);
    if (ask->code)
        ck_assert_str_eq(verdict.code, ask->code);
    if (!verdict.status)
        return;
    ck_assert_ptr_nonnull(api_problem_find(verdict.code));
    ck_assert_int_eq(api_problem_find(verdict.code)->status, verdict.status);
    ck_assert_uint_gt(strlen(verdict.detail), 5);
}

#define H    "Host: localhost:8787\n"
#define JSON "Content-Type: application/json\nContent-Length: 2\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\nContent-Length: 2\n"
#define OWN  "Origin: http://localhost:8787\n"
#define EVIL "Origin: https://evil.example\n"
#define SITE "Sec-Fetch-Site: "

#define TABLE_TEST(name)                                                                           \
    START_TEST(name)                                                                               \
    {                                                                                              \
        expect(&name##_rows[_i]);                                                                  \
    }                                                                                              \
    END_TEST
