/* base/trade.h - the shapes that all parts speak: orders, fills and what the exchange reports of
 * them.
 *
 * Plain values, copied freely; the one pointer, order_report.native, says who holds it. Times are
 * Unix ms. Absent decimals are DECIMAL_NONE, absent texts "". Names are the field's standard terms;
 * where a member has the exchange's own spelling in mind, the comment says so (PROTOCOL section 8,
 * 9 and 16).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/native.h"

enum category { CATEGORY_SPOT, CATEGORY_LINEAR, CATEGORY_INVERSE, CATEGORY_OPTION };
#define CATEGORY_COUNT 4
enum side { SIDE_NONE, SIDE_BUY, SIDE_SELL };
enum order_type { ORDER_TYPE_UNKNOWN, ORDER_TYPE_LIMIT, ORDER_TYPE_MARKET };
enum tif { TIF_NONE, TIF_GTC, TIF_IOC, TIF_FOK, TIF_POST_ONLY, TIF_RPI };
/* Which price fires a trigger (triggerBy, tpTriggerBy, slTriggerBy); NONE: the exchange's default.
 */
enum trigger_by { TRIGGER_BY_NONE, TRIGGER_BY_LAST, TRIGGER_BY_MARK, TRIGGER_BY_INDEX };
/* smpType: what happens when an order would trade with another one of the same group. */
enum smp { SMP_DEFAULT, SMP_NONE, SMP_CANCEL_MAKER, SMP_CANCEL_TAKER, SMP_CANCEL_BOTH };
/* Bound of a market order's price: in ticks, or in percent, from the best price. */
enum slippage { SLIPPAGE_NONE, SLIPPAGE_TICKS, SLIPPAGE_PERCENT };
/* Spot conditional orders (orderFilter): tpslOrder holds the assets at once, StopOrder nothing
 * before it fires. */
enum spot_trigger { SPOT_TRIGGER_NONE, SPOT_TRIGGER_TPSL, SPOT_TRIGGER_STOP };

/* Where an order is in the bridge's own life cycle (RELIABILITY section 2). */
enum order_state {
    ORDER_INTENT,         /* journaled, nothing left the process */
    ORDER_SENT,           /* may have left; only in memory, a restart finds INTENT */
    ORDER_ACKED,          /* retCode 0: accepted, not yet seen live */
    ORDER_UNKNOWN,        /* no usable answer: being looked up */
    ORDER_LIVE,           /* seen open */
    ORDER_CLOSED,         /* end: filled, cancelled, deactivated, with the exchange's status */
    ORDER_REJECTED,       /* end: the exchange refused it */
    ORDER_NOT_SENT,       /* end: provably never left, or refused before execution */
    ORDER_NEVER_ACCEPTED, /* end: the horizon rule proved it never arrived */
    ORDER_GONE,           /* end: 24 h old, not open, no executions */
};

/* The exchange's orderStatus. */
enum exchange_status {
    STATUS_NONE, /* none seen yet */
    STATUS_NEW,
    STATUS_PARTIALLY_FILLED,
    STATUS_UNTRIGGERED,
    STATUS_TRIGGERED,
    STATUS_FILLED,
    STATUS_CANCELLED,
    STATUS_PARTIALLY_FILLED_CANCELED, /* spot only */
    STATUS_REJECTED,
    STATUS_DEACTIVATED,
    STATUS_OTHER, /* a word that is not documented: treated as open */
};

#define ORDER_LINK_MAX 37 /* orderLinkId: at most 36 of A-Za-z0-9-_ */
#define CLIENT_ID_MAX  129
#define ORDER_ID_MAX   48
#define EXEC_ID_MAX    64
#define SYMBOL_MAX     40
#define COIN_MAX       16
#define TAG_MAX        65
#define REASON_MAX     80
#define MESSAGE_MAX    160
#define FEES_MAX       4

struct fee {
    char coin[COIN_MAX];
    struct decimal amount;
};

/* What a user asked for, after translation and checks. */
struct order_request {
    char link[ORDER_LINK_MAX];     /* made before sending; never "" */
    char client_id[CLIENT_ID_MAX]; /* the user's key as given; equals link when it fits the
                                      exchange's grammar */
    bool client_key;               /* the user gave the key (so a repeat may come) */
    enum category category;
    char symbol[SYMBOL_MAX];
    enum side side;
    enum order_type type;
    enum tif tif;
    struct decimal qty;
    bool qty_in_quote; /* spot market orders: qty counts quote coin (marketUnit quoteCoin) */
    struct decimal price;
    struct decimal trigger_price;
    int trigger_direction; /* 0 none, 1 rises to it, 2 falls to it */
    enum trigger_by trigger_by;
    enum spot_trigger spot_trigger;
    struct decimal take_profit; /* trigger prices of the attached orders */
    struct decimal stop_loss;
    enum trigger_by take_profit_by;
    enum trigger_by stop_loss_by;
    struct decimal take_profit_limit; /* NONE: a market order when it fires */
    struct decimal stop_loss_limit;
    enum slippage slippage_kind;
    struct decimal slippage;
    enum smp smp;
    bool is_leverage; /* spot: may borrow (isLeverage) */
    bool reduce_only;
    bool close_on_trigger;
    int position_idx; /* 0 one-way, 1 hedge long, 2 hedge short */
    char tag[TAG_MAX];
    char client[TAG_MAX];        /* X-Client */
    struct decimal whole_qty;    /* of one of several orders of a change of a position: what all of
                                    them add up to, */
    struct decimal part_qty;     /* and the size of each but the last; else NONE */
    unsigned char body_hash[32]; /* SHA-256 over the normalised fields: "same body" */
    struct decimal value_price;  /* USD per unit of qty, at worst: what the guard values it by
                                    (engine/guard.h); NONE: not known. No part of body_hash. */
};

/* What an amend is to change. DECIMAL_NONE: stays as it is; take_profit and stop_loss 0: removed.
 */
struct order_change {
    struct decimal qty; /* the new total */
    struct decimal price;
    struct decimal trigger_price;
    struct decimal take_profit;
    struct decimal stop_loss;
    struct decimal value_price; /* as of a request, for the guard */
};

enum amend_state {
    AMEND_NONE,    /* none, or the last one is settled */
    AMEND_INTENT,  /* journaled, not sent */
    AMEND_SENT,    /* may have left, or was acknowledged and is not seen yet */
    AMEND_UNKNOWN, /* no usable answer: settled by the order's own values */
};

/* What told a change of an order, or a fill. Shown in its event; no column of the journal. */
enum evidence_source {
    SOURCE_BRIDGE, /* a decision here: a time that passed, a command */
    SOURCE_ANSWER, /* the exchange's answer to the request */
    SOURCE_STREAM, /* the private stream */
    SOURCE_SCAN,   /* a look-up, recovery, or the audit, over REST */
};
const char *evidence_source_word(enum evidence_source source); /* "bridge", "answer", ... */

/* An order as the bridge knows it. */
struct order {
    struct order_request request;
    bool external; /* not made here: link may be "" */
    enum order_state state;
    enum exchange_status status;
    char order_id[ORDER_ID_MAX];
    struct decimal filled_qty; /* cumExecQty */
    struct decimal filled_value;
    struct decimal avg_price;
    struct fee fees[FEES_MAX];
    int fees_count;
    char reject_reason[REASON_MAX]; /* rejectReason, or the refusing answer's text */
    char cancel_reason[REASON_MAX]; /* cancelType */
    int ret_code;                   /* of the last answer to create */
    char ret_msg[MESSAGE_MAX];
    int attempt;                /* 1, and one more each time a NOT_SENT link is tried again */
    bool cancel_wanted;         /* a DELETE came while the fate was open */
    bool settled;               /* the fills add up to filled_qty */
    enum amend_state amend;     /* one in flight at a time */
    struct order_change change; /* of that amend */
    int64_t amend_ms;           /* when it was made, wall clock */
    int64_t created_ms;  /* here: when the intent was made; external: the exchange's createdTime */
    int64_t updated_ms;  /* here: last change */
    int64_t exchange_ms; /* the exchange's updatedTime of the last evidence taken, 0 before any */
    int64_t deadline_ms; /* wall clock: not sent after this */
    int64_t signed_ms;   /* timestamp in the signed request, 0 if not known */
    uint64_t seq;        /* event number of its last change, 0 before the first */
    enum evidence_source source; /* of its last change in this run */
};

/* One order message: from the private stream or a REST list. */
struct order_report {
    char order_id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX]; /* "" for orders without one */
    enum category category;
    char symbol[SYMBOL_MAX];
    enum side side;
    enum order_type type;
    enum tif tif;
    enum exchange_status status;
    struct decimal qty;
    bool qty_in_quote; /* a spot market order may count its size so */
    bool unit_told;    /* of a spot market order: it said whether it does */
    struct decimal price;
    struct decimal trigger_price;
    struct decimal take_profit; /* NONE: not told; 0: there is none */
    struct decimal stop_loss;
    enum trigger_by trigger_by;
    char parent_link[ORDER_LINK_MAX]; /* parentOrderLinkId: of the order whose TP or SL this is */
    char stop_type[24];               /* stopOrderType: "TakeProfit", "StopLoss", "Stop", "" */
    struct decimal filled_qty;
    struct decimal filled_value;
    struct decimal avg_price;
    struct fee fees[FEES_MAX];
    int fees_count;
    bool reduce_only;
    bool close_on_trigger;
    bool is_leverage;
    int position_idx;
    char reject_reason[REASON_MAX];
    char cancel_reason[REASON_MAX];
    int64_t created_ms;
    int64_t updated_ms;
    /* The exchange's own object; NULL: not told. Borrowed: who keeps the report longer holds it. */
    struct native *native;
};

enum fill_kind { FILL_TRADE, FILL_FUNDING, FILL_LIQUIDATION, FILL_ADL, FILL_SETTLE, FILL_OTHER };

/* One execution. Key: (category, order_id, exec_id). */
struct fill {
    char exec_id[EXEC_ID_MAX];
    char order_id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX];
    enum category category;
    char symbol[SYMBOL_MAX];
    enum side side;
    struct decimal qty;
    struct decimal price;
    struct decimal value;
    struct decimal fee; /* negative: rebate */
    char fee_coin[COIN_MAX];
    bool maker;
    enum fill_kind kind;
    struct decimal closed_qty;
    int64_t at_ms; /* execTime */
    int64_t exchange_seq;
    char tag[TAG_MAX];             /* of its order, when it was made here */
    char client[TAG_MAX];          /* likewise */
    char client_id[CLIENT_ID_MAX]; /* likewise */
    uint64_t seq;                  /* its event number */
    enum evidence_source source;
};

/* Words: ours in lower_snake_case, theirs as the exchange writes them. NULL never returned. */
const char *category_word(enum category category); /* "spot": the same in both */
const char *side_word(enum side side);             /* "buy", "sell", "" */
const char *side_theirs(enum side side);           /* "Buy", "Sell", "" */
const char *order_type_word(enum order_type type); /* "limit", "market", "" */
const char *order_type_theirs(enum order_type type);
const char *tif_word(enum tif tif); /* "gtc", "post_only", ..., "" */
const char *tif_theirs(enum tif tif);
const char *status_theirs(enum exchange_status status);
const char *trigger_by_word(enum trigger_by by);   /* "last", "mark", "index", "" */
const char *trigger_by_theirs(enum trigger_by by); /* "LastPrice", ... "" */
const char *smp_word(enum smp smp); /* "none", "cancel_maker", "cancel_taker", "cancel_both", "" */
const char *smp_theirs(enum smp smp);
const char *slippage_word(enum slippage kind);           /* "ticks", "percent", "" */
const char *slippage_theirs(enum slippage kind);         /* "TickSize", "Percent", "" */
const char *spot_trigger_word(enum spot_trigger kind);   /* "tpsl", "stop", "" */
const char *spot_trigger_theirs(enum spot_trigger kind); /* "tpslOrder", "StopOrder", "" */
const char *fill_kind_word(enum fill_kind kind);

/* The API's `state` word: pending, accepted, open, partial, untriggered, unknown, filled,
 * cancelled, rejected, not_sent, never_accepted. */
const char *order_state_word(const struct order *order);
/* The journal's word for the engine's state: intent, sent, acked, ... and back. */
const char *order_state_name(enum order_state state);
bool order_state_parse(const char *name, enum order_state *out);
bool order_state_is_final(enum order_state state);
bool status_is_closed(enum exchange_status status); /* Filled, Cancelled, Rejected, ... */

/* Parsers accept both spellings and any case; false: not a known word (`out` untouched). */
bool category_parse(const char *word, enum category *out);
bool side_parse(const char *word, enum side *out);
bool order_type_parse(const char *word, enum order_type *out);
bool tif_parse(const char *word, enum tif *out);
bool trigger_by_parse(const char *word, enum trigger_by *out);
bool smp_parse(const char *word, enum smp *out);
bool slippage_parse(const char *word, enum slippage *out);
bool spot_trigger_parse(const char *word, enum spot_trigger *out);
/* Exact spelling; unknown words give STATUS_OTHER, "" gives STATUS_NONE. */
enum exchange_status status_parse(const char *word);
enum fill_kind fill_kind_parse_theirs(const char *exec_type);
bool fill_kind_parse(const char *word, enum fill_kind *out);

/* Nothing given: absent decimals are NONE. */
void order_request_clear(struct order_request *out);
void order_change_clear(struct order_change *out);

/* 1..36 characters of A-Za-z0-9-_ . */
bool link_is_valid(const char *link);
/* 1..SYMBOL_MAX-1 characters of A-Z0-9-. (upper case). */
bool symbol_is_valid(const char *symbol);
