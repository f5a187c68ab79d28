/* server/ask.h - one question to a bridge that runs, for the commands that ask one (healthcheck,
 * kill).
 *
 * Over a plain socket, on the caller's thread, bounded in time and bytes. Whoever answers on that
 * address may be anybody: nothing of the answer is trusted. Needs SIGPIPE ignored.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "server/config.h"

#define ASK_NAME_MAX 160

struct ask_target {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un local;
    } address;
    socklen_t address_bytes;
    char name[ASK_NAME_MAX]; /* for people */
};

/* Where the bridge that `config` describes listens: on its Unix socket where there is one and
 * `want_tcp` is not set, else on its address (the wildcard addresses by loopback). False: port 0,
 * or no address. */
bool ask_find_target(const struct config *config, bool want_tcp, struct ask_target *target);

struct ask {
    const char *method;
    const char *path; /* with its query */
    const char *agent;
    const char *token; /* NULL: none */
    const char *body;  /* JSON; NULL: none */
    int timeout_ms;
};

struct ask_answer {
    int status;
    const char *body; /* in the caller's `data`, NUL-terminated */
    size_t body_bytes;
};

/* 0, or an errno: ETIMEDOUT: no whole answer in time; EMSGSIZE: it is longer than `data`; EPROTO:
 * no answer of a bridge; EINVAL: the request is too long. */
int ask(const struct ask_target *target, const struct ask *question, char *data, size_t data_bytes,
        struct ask_answer *answer);

/* Of a problem object of ours, printable; false when it is none. */
bool ask_problem(const struct ask_answer *answer, char *code, size_t code_bytes, char *detail,
                 size_t detail_bytes);
/* What is no printable ASCII becomes '?'. */
void ask_make_printable(char *text);
