/* server/healthcheck.c - what the answer to GET /readyz says. */
#include "server/healthcheck.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/ask.h"

#define ANSWER_MAX 16384 /* the head has at most some 1 KB, a problem object too */
#define CODE_MAX   64
#define DETAIL_MAX 512

static enum healthcheck unreachable(char line[HEALTHCHECK_LINE_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum healthcheck unreachable(char line[HEALTHCHECK_LINE_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, HEALTHCHECK_LINE_MAX, format, args);
    va_end(args);
    return HEALTHCHECK_UNREACHABLE;
}

static enum healthcheck judge(const struct ask_answer *answer, const char *name,
                              char line[HEALTHCHECK_LINE_MAX])
{
    char code[CODE_MAX];
    char detail[DETAIL_MAX];

    if (answer->status == 200 && strcmp(answer->body, "ready\n") == 0) {
        (void)snprintf(line, HEALTHCHECK_LINE_MAX, "ready");
        return HEALTHCHECK_READY;
    }
    if (answer->status >= 400 && ask_problem(answer, code, sizeof(code), detail, sizeof(detail))) {
        (void)snprintf(line, HEALTHCHECK_LINE_MAX, "not ready: %s", detail);
        return HEALTHCHECK_NOT_READY;
    }
    return unreachable(
        line,
        "%s answers GET /readyz with status %d, but not as a bridge does: is another "
        "program listening there?",
        name, answer->status);
}

static enum healthcheck tell_failure(int failure, const struct ask_target *target,
                                     char line[HEALTHCHECK_LINE_MAX])
{
    if (failure == ETIMEDOUT)
        return unreachable(line, "%s gives no whole answer to GET /readyz in %d ms", target->name,
                           HEALTHCHECK_TIMEOUT_MS);
    if (failure == EPROTO)
        return unreachable(line,
                           "%s does not answer GET /readyz as a bridge does: is another program "
                           "listening there?",
                           target->name);
    if (failure == EMSGSIZE)
        return unreachable(line,
                           "%s sends more than a bridge does: is another program listening there?",
                           target->name);
    return unreachable(line, "cannot ask %s for GET /readyz: %s", target->name, strerror(failure));
}

/* The least that may read. */
static const char *token_of(const struct config *config)
{
    if (config->read_token)
        return config->read_token;
    return config->token ? config->token : config->admin_token;
}

enum healthcheck healthcheck_ask(const struct config *config, bool want_tcp,
                                 char line[HEALTHCHECK_LINE_MAX])
{
    const struct ask question = { .method = "GET",
                                  .path = "/readyz",
                                  .agent = "bybit-bridge-healthcheck",
                                  .token = token_of(config),
                                  .timeout_ms = HEALTHCHECK_TIMEOUT_MS };
    struct ask_target target;
    struct ask_answer answer;
    char data[ANSWER_MAX + 1] = "";
    int failure;

    if (!ask_find_target(config, want_tcp, &target))
        return unreachable(line,
                           "cannot ask %s port %d: give the address and port that the bridge "
                           "listens on, for example --listen 127.0.0.1:8787",
                           config->listen_host, config->listen_port);
    failure = ask(&target, &question, data, sizeof(data), &answer);
    return failure ? tell_failure(failure, &target, line) : judge(&answer, target.name, line);
}
