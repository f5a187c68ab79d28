/* sim/rest.h - the REST half: a request in, an answer out.
 *
 * rest.c has the table of routes, signatures and the envelope; the other rest_*.c have the
 * handlers.
 *
 * Threads: owned by one.
 */
#pragma once

#include "sim/auth.h"
#include "sim/build.h"
#include "sim/exchange.h"

#define REST_PARAMS_MAX 32
#define REST_ROUTES_MAX 48

struct rest_request {
    const char *method;
    const char *path;
    const char *query; /* raw, without '?'; "" when there is none */
    const char *body;  /* "" when there is none */
    size_t body_bytes;
    struct auth_headers headers;
};

struct rest_answer {
    int status;
    char *body; /* malloc'd; the caller frees it */
    size_t body_bytes;
    int limit; /* requests a second of this route, 0: no limit headers */
};

struct feeds; /* sim/feeds.h */

struct rest_param {
    char *name;
    char *value;
};

#define KEY_IPS_MAX 8
#define KEY_IP_MAX  48

/* What the key may do, as query-api shows it; the door for tests changes it. */
struct key_rights {
    bool withdraw;
    bool read_only; /* then every POST is refused with 10005 */
    char ips[KEY_IPS_MAX][KEY_IP_MAX];
    size_t ips_count; /* 0: bound to no address */
};

/* One request on its way through a handler. */
struct rest_call {
    struct exchange *exchange;
    const struct auth_login *login;
    const struct key_rights *rights;
    struct rest_param params[REST_PARAMS_MAX]; /* of GET, decoded */
    size_t params_count;
    cJSON *body;         /* of POST */
    cJSON *result;       /* to fill */
    struct feeds *feeds; /* borrowed: what it published is what REST shows */
};

struct rest_stats {
    uint64_t requests[REST_ROUTES_MAX + 1]; /* by route; the last: all else */
    uint64_t creates_accepted;
    uint64_t duplicates_refused;
    uint64_t signature_failures;
};

struct rest {
    struct exchange *exchange;
    struct auth_login login;
    struct key_rights rights;
    struct rest_stats stats;
    bool no_limits;      /* the limit headers say so much that nobody waits */
    struct feeds *feeds; /* borrowed: what it published is what REST shows */
};

/* Counts a request as seen. */
void rest_count(struct rest *rest, const struct rest_request *request);
/* body NULL in the answer: out of memory. */
void rest_handle(struct rest *rest, const struct rest_request *request, struct rest_answer *answer);
/* Adds {"path": count} for all routes. */
void rest_stats_paths(const struct rest *rest, cJSON *out);

/* --- for the handlers --- */

/* A parameter as text, NULL when absent, null or of another type. */
const char *call_text(const struct rest_call *call, const char *name);
/* Whether a POST member has another type than text (and is not null). */
bool call_is_not_text(const struct rest_call *call, const char *name);
bool call_bool(const struct rest_call *call, const char *name);
/* A whole number within the bounds, or `otherwise` when absent. False: out of bounds or no number.
 */
bool call_int(const struct rest_call *call, const char *name, int64_t low, int64_t high,
              int64_t otherwise, int64_t *out);
/* The number in the parameter `cursor`, UINT64_MAX when absent. False: not one of ours. */
bool call_cursor(const struct rest_call *call, const char *name, uint64_t *out);
/* Adds `nextPageCursor`; 0: the last page. */
void result_cursor(struct rest_call *call, const char *name, uint64_t number);
/* The parameter `category`; 10001 when it is none of the four. */
MUST_CHECK struct refusal call_category(const struct rest_call *call, enum category *out);

typedef struct refusal rest_handler(struct rest_call *call);

rest_handler rest_time, rest_instruments, rest_tickers, rest_orderbook, rest_recent_trades,
    rest_klines, rest_mark_klines, rest_index_klines, rest_funding_history, rest_open_interest;
rest_handler sim_rest_create, rest_amend, rest_cancel, rest_cancel_all, rest_open_orders,
    rest_order_history, rest_executions;
rest_handler rest_positions, rest_wallet, rest_coins, rest_account_info, rest_fee_rate,
    rest_query_api, rest_set_leverage;
