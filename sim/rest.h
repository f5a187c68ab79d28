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
#include "sim/limits.h"

#define REST_PARAMS_MAX 32
#define REST_ROUTES_MAX LIMIT_ROUTES_MAX

#define BATCH_MAX      20 /* orders in one request */
#define BATCH_SPOT_MAX 10

struct rest_request {
    const char *method;
    const char *path;
    const char *query; /* raw, without '?'; "" when there is none */
    const char *body;  /* "" when there is none */
    size_t body_bytes;
    struct auth_headers headers;
    int64_t arrived_us; /* monotonic */
};

/* What became of one order of a batch. */
struct rest_item {
    int code;
    char order_id[ORDER_ID_MAX]; /* "": none */
};

struct rest_answer {
    int status;
    char *body; /* malloc'd; the caller frees it */
    size_t body_bytes;
    struct limit_state limit;
    int64_t limit_reset_ms;      /* wall clock */
    bool decided;                /* a route took it: */
    int code;                    /* its retCode */
    char order_id[ORDER_ID_MAX]; /* in the result, "": none */
    struct rest_item items[BATCH_MAX];
    int items_count; /* 0: it was no batch, or was refused as a whole */
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
    cJSON *body;   /* of POST */
    cJSON *result; /* to fill */
    cJSON *ext;    /* retExtInfo; NULL: empty */
    bool in_batch; /* it is one order of a batch */
    int granted;   /* orders of a batch that the limits let through */
    struct rest_item items[BATCH_MAX];
    int items_count;
    struct feeds *feeds; /* borrowed: what it published is what REST shows */
};

struct rest_stats {
    uint64_t requests[REST_ROUTES_MAX + 1];  /* by route; the last: all else */
    uint64_t limited[REST_ROUTES_MAX + 1];   /* 10006 */
    uint64_t forbidden[REST_ROUTES_MAX + 1]; /* 403 of a ban */
    uint64_t creates_accepted;
    uint64_t duplicates_refused;
    uint64_t signature_failures;
};

struct rest {
    struct exchange *exchange;
    struct auth_login login;
    struct key_rights rights;
    struct rest_stats stats;
    struct limits limits;
    struct feeds *feeds; /* borrowed: what it published is what REST shows */
};

/* Sets the documented limits. Everything else must be zero. */
void rest_init_limits(struct rest *rest, bool off);
/* Counts a request as seen, first of all. False: the address asks too often, and that is the
 * answer. */
bool rest_admit(struct rest *rest, const struct rest_request *request, struct rest_answer *answer);
/* body NULL in the answer: out of memory. */
void rest_handle(struct rest *rest, const struct rest_request *request, struct rest_answer *answer);
/* Adds {"path": count} for all routes, and "other". */
void rest_show_counts(const uint64_t counts[REST_ROUTES_MAX + 1], cJSON *out);

/* --- routes, for the door --- */

/* The number of a route, -1: unknown. */
int rest_route_find(const char *path);
/* NULL: there is no such number. */
const char *rest_route_path(int route);
/* A second, as documented; 0: not limited. */
int rest_route_limit(int route, int key);

/* Reads a raw query into the call's parameters. */
void call_read_query(struct rest_call *call, const char *query);
void call_deinit(struct rest_call *call);

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
/* startTime and endTime: at most seven days; one alone is `alone_ms` from or up to it, none is that
 * long until now. */
MUST_CHECK struct refusal call_window(const struct rest_call *call, int64_t alone_ms,
                                      int64_t *first_ms, int64_t *last_ms);
/* The parameter `category`; 10001 when it is none of the four. */
MUST_CHECK struct refusal call_category(const struct rest_call *call, enum category *out);

/* Orders that a batch may have. */
int call_batch_most(enum category category);

typedef struct refusal rest_handler(struct rest_call *call);

rest_handler rest_time, rest_instruments, rest_tickers, rest_orderbook, rest_recent_trades,
    rest_klines, rest_mark_klines, rest_index_klines, rest_funding_history, rest_open_interest;
rest_handler rest_price_limit, rest_insurance, rest_adl_alert, rest_coin_greeks;
rest_handler sim_rest_create, rest_amend, rest_cancel, rest_cancel_all, rest_open_orders,
    rest_order_history, rest_executions;
rest_handler rest_create_batch, rest_amend_batch, rest_cancel_batch;
rest_handler rest_positions, rest_wallet, rest_coins, rest_account_info, rest_fee_rate,
    rest_query_api, rest_set_leverage, rest_transaction_log, rest_switch_mode, rest_trading_stop;
