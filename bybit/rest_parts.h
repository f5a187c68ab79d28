/* bybit/rest_parts.h - what the files of bybit/rest share. Nothing outside of them includes it.
 *
 *   rest.c           requests in, the loop's side, birth and death
 *   rest_queue.c     the lanes: who waits for what, who may start, who has no hope left
 *   rest_transfer.c  a call in a slot: curl's options and callbacks, time stamp and signature
 *   rest_sockets.c   curl's sockets and timer on the epoll descriptor, connections that are spoilt
 *   rest_answer.c    what an answer teaches, whether a read is tried again
 *
 * Threads: the owner's of the `rest`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/buffer.h"
#include "bybit/rest.h"

#define CONNECTIONS_MAX  256
#define QUERY_MAX        8192
#define READ_ANSWER_MAX  ((size_t)8 << 20)
#define KEPT_BUFFER_MAX  ((size_t)64 << 10)
#define SOCKETS_MAX      ((size_t)2 * CONNECTIONS_MAX)
#define NEVER            INT64_MAX
#define TIMESTAMP_DIGITS 13

enum header {
    HEADER_TYPE,
    HEADER_EXPECT,
    HEADER_KEY,
    HEADER_TIMESTAMP,
    HEADER_WINDOW,
    HEADER_SIGN,
    HEADER_SIGN_TYPE,
    HEADER_COUNT
};

/* Why a call waits. */
enum wait { WAIT_TURN, WAIT_BUDGET, WAIT_CONNECTION, WAIT_RETRY };

struct call {
    struct call *next;
    struct rest_request request; /* query and body point to text */
    const struct bybit_route_info *info;
    size_t content_bytes;      /* of text: the query or the body */
    bool internal;             /* a ROUTE_TIME call of this module */
    struct budget_claim claim; /* of this try */
    bool wants_clock;          /* goes on once the clock is in step again */
    bool clock_tried;
    int tries;
    enum wait wait;
    int64_t not_before_ms;
    int64_t retry_after_ms;
    int64_t submitted_us;
    int64_t started_us;
    int64_t left_us; /* of the last try; 0: its head did not */
    int64_t sign_us; /* of the last try */
    int64_t signed_ms;
    bool connected; /* the last try opened a connection */
    bool head_left; /* the head may have left, in any try */
    bool body_left; /* the read callback was called */
    char text[];
};

struct call_list {
    struct call *first;
    struct call *last;
    size_t count;
    size_t count_of[ROUTE_COUNT];
    size_t under_way; /* calls of it in slots */
};

struct lane {
    struct call_list calls[2]; /* [1]: those that yield to the others */
    size_t under_way;          /* calls of it in slots */
    size_t slots_most;         /* how many may be */
};

struct slot {
    struct rest *rest;
    struct call *call;      /* NULL: free */
    struct call_list *list; /* the call's: it may be gone when the slot is released */
    CURL *easy;
    struct curl_slist headers[HEADER_COUNT];
    char timestamp[sizeof("X-BAPI-TIMESTAMP: ") + TIMESTAMP_DIGITS];
    char sign[sizeof("X-BAPI-SIGN: ") + SIGNATURE_MAX];
    char errors[CURL_ERROR_SIZE];
    const char *stopped; /* why one of our callbacks ended the transfer */
    struct buffer body;
    int attempts; /* curl's, of this try */
    bool begun;   /* PREREQ let this try go */
    bool no_turn; /* PREREQ did not: the budget has none for it any more */
    size_t content_at;
    bool left_noted;    /* that all of the body has left */
    int64_t started_us; /* of this try */
    int64_t sent_us;
    int64_t first_byte_us;
    int limit; /* X-Bapi-*; -1: absent */
    int left;
    int64_t reset_ms;
    int64_t retry_after_s; /* 0: absent */
};

/* One of curl's sockets. */
struct peer {
    int fd;
    bool in_use; /* a transfer waits for it */
};

struct rest {
    struct rest_config config;
    char *url;
    char *ca_file;
    bool tls;
    bool closing;
    struct signer_context *signing;
    size_t sign_bytes;
    char key_header[sizeof("X-BAPI-API-KEY: ") + 160];
    char window_header[48];
    CURLM *multi;
    int epoll_fd;
    int64_t curl_due_us; /* NEVER: no timer */
    int64_t wake_ms;     /* when a waiting call can be looked at again */
    bool pump_due;
    struct lane lanes[BUDGET_LANES];
    struct slot *slots;
    size_t slots_count;
    size_t under_way;
    struct peer peers[SOCKETS_MAX];
    size_t peers_count;
    bool distrusted; /* by the on_done that runs */
    int time_calls;
    int64_t time_answer_us; /* last answer that fed the clock */
};

/* --- rest_queue.c --- */

struct lane *rest_lane_of(struct rest *rest, const struct call *call);
struct call_list *rest_list_of(struct rest *rest, const struct call *call);
size_t rest_lane_count(const struct lane *lane);
void rest_lane_add(struct rest *rest, struct call *call);
/* Takes `call` out of its list, where it follows `before` (NULL: it is the first). */
void rest_lane_take(struct rest *rest, struct call *before, struct call *call);
/* Tells the owner and frees the call. */
void rest_call_end(struct rest *rest, struct call *call, struct rest_answer *answer);
void rest_call_end_unsent(struct rest *rest, struct call *call, enum err err, const char *why);
/* Starts what may start, ends what has no hope left; sets wake_ms. */
void rest_pump(struct rest *rest);

/* --- rest_transfer.c --- */

/* Begins a call in a free slot; there is one. */
void rest_call_start(struct rest *rest, struct call *call, int64_t now_ms);
void rest_slot_release(struct slot *slot);

/* --- rest_sockets.c --- */

MUST_CHECK enum err rest_open_multi(struct rest *rest, struct error *error);
/* curl's callbacks. */
curl_socket_t rest_socket_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address);
int rest_socket_close(void *userdata, curl_socket_t fd);
struct peer *rest_peer_find(struct rest *rest, int fd);
/* The connection is not used again. */
void rest_spoil(int fd);
/* What comes on an idle connection is no answer to what we ask next: spoils those. */
void rest_spoil_talkers(struct rest *rest);
void rest_run_sockets(struct rest *rest);
void rest_run_timer(struct rest *rest);

/* --- rest_answer.c --- */

/* Counts a call that got no turn before its deadline. */
void rest_count_throttled(struct rest *rest, const struct call *call);
/* Ends the transfers that are done. */
void rest_reap(struct rest *rest);
