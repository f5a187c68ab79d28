/* api/call.h - one request to an endpoint and its reply.
 *
 * The server fills the request and calls the endpoint's handler on the http thread. The handler (or
 * a callback it started) fills the reply and calls api_done exactly once, from any thread. The call
 * lives until then; the request part never changes.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct api;
struct api_endpoint;

#define API_PARAM_MAX   160
#define API_QUERY_MAX   24
#define API_HEADERS_MAX 8
#define API_BODY_MAX    ((size_t)64 * 1024)
#define API_REPLY_MAX   ((size_t)16 * 1024 * 1024)

/* How a list is written. */
enum api_form { FORM_JSON, FORM_CSV, FORM_NDJSON };

struct api_pair {
    const char *name;
    const char *value; /* decoded */
};

struct api_header {
    char name[32];
    char value[640]; /* without control characters: api_reply_header sees to it */
};

/* Where the time of a reply went, in us; 0: it had no such part. */
struct api_timing {
    int64_t queue_us;   /* on its way to the engine */
    int64_t journal_us; /* until its intent was committed */
    int64_t turn_us;    /* for the rate budget, or a connection */
    int64_t sign_us;
    int64_t upstream_us; /* first byte to the exchange, to its answer */
    bool complete;       /* the parts above are all that it waited for */
};

struct api_call {
    /* request */
    const struct api *api; /* NULL in tests of parts */
    const struct api_endpoint *endpoint;
    const char *method;
    const char *path;                     /* decoded */
    char param[API_PARAM_MAX];            /* what stood for {s} or {id}; "" */
    struct api_pair query[API_QUERY_MAX]; /* only names that the endpoint knows, none twice */
    size_t query_count;
    const char *body; /* NULL: none */
    size_t body_bytes;
    bool body_is_form; /* labelled application/x-www-form-urlencoded (it may be JSON all the same:
                          "{" or "[" first) */
    /* Headers, NULL where absent; until the handler returns: their connection may go earlier than
     * the call. */
    const char *idempotency_key;
    const char *client; /* X-Client */
    const char *host;   /* checked by the gate; NULL: none */
    const char *accept;
    enum api_form form; /* of lists: by the path's suffix, else by Accept */
    char request_id[24];
    int64_t received_us; /* monotonic */
    char kept[260];      /* what api_keep_headers has copied */
    bool kills_noted;    /* by order_kills_before */
    unsigned kills;

    /* reply */
    int status;
    const char *content_type; /* static text */
    struct buffer reply;
    struct api_header headers[API_HEADERS_MAX];
    size_t headers_count;
    struct api_timing timing; /* zero at first */

    /* the server's */
    void (*done)(struct api_call *call);
    void *owner;
    bool late; /* the reply comes after the handler has returned */
    /* Nobody will read the reply: a long work may end early. The server sets it some time after the
     * client has closed its connection; where it can't tell that from one half closed, only when
     * places run out. So there is a reply all the same, and it is true. */
    atomic_bool gone;
};

const char *api_query(const struct api_call *call, const char *name); /* NULL: absent */

/* For a handler that runs again later: its key and client are in the call itself from here on. What
 * does not fit was refused before. */
void api_keep_headers(struct api_call *call);

/* The reply is complete. */
void api_done(struct api_call *call);
/* Adds a header; what does not fit or has control characters is dropped and logged. */
void api_reply_header(struct api_call *call, const char *name, const char *value);
