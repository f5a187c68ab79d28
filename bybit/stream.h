/* bybit/stream.h - the upstream WebSockets on libwebsockets: public (as many a category as its
 * topics need) and private.
 *
 * Threads: stream_start starts one thread that owns all sockets; callbacks come from it.
 * stream_want and stream_drop may be called from any thread. Rules: PROTOCOL section 14 to 16,
 * RELIABILITY section 6.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/trade.h"
#include "bybit/account.h"
#include "bybit/candles.h"
#include "bybit/clock_sync.h"
#include "bybit/market.h"
#include "bybit/pools.h"
#include "bybit/sign.h"
#include "bybit/trades.h"

struct stream;

enum stream_link {
    LINK_PUBLIC_SPOT,
    LINK_PUBLIC_LINEAR,
    LINK_PUBLIC_INVERSE,
    LINK_PUBLIC_OPTION,
    LINK_PRIVATE
};
#define STREAM_LINK_COUNT 5
/* Sockets of a public link. Its topics are spread over them, and a topic keeps its socket. */
#define STREAM_SOCKETS_MAX 8
/* Levels of all books together, of one side: their memory. */
#define STREAM_LEVELS_MAX 512000
/* "public.spot", ..., "private". */
const char *stream_link_word(enum stream_link link);

/* Of a link with several sockets: the worst of them. */
enum link_state {
    LINK_IDLE,       /* nobody needs it */
    LINK_CONNECTING, /* also: logging in, subscribing */
    LINK_CONNECTED,  /* all that is wanted is acknowledged */
    LINK_STALE,      /* connected but mute */
    LINK_DOWN,       /* waiting before the next try */
};
const char *link_state_word(enum link_state state);

/* All times of this module, so that tests run them faster. */
struct stream_times {
    int connect_timeout_ms; /* 10000: DNS, TCP, TLS, upgrade */
    int login_timeout_ms;   /* 10000: auth and subscribe acks */
    int ping_every_ms;      /* 20000 */
    int pong_timeout_ms;    /* 10000 */
    int stale_after_ms;     /* 10000: a public link without any data frame (see stream_link.h) */
    int backoff_min_ms;     /* 500 */
    int backoff_max_ms;     /* 30000 */
    int linger_ms;          /* 60000: unsubscribe this long after the last drop */
    int login_retry_ms; /* 300000: after 5 failed log-ins in a row only each of these; 0 means that
                           too */
};
extern const struct stream_times stream_times_default;

enum stream_kind {
    STREAM_TICKER,
    STREAM_BOOK,
    STREAM_TRADES,
    STREAM_CANDLES,      /* not of options */
    STREAM_LIQUIDATIONS, /* linear and inverse */
    STREAM_PRICE_LIMIT,  /* not of options */
    STREAM_ADL,          /* `symbol`: a pool, USDT or USDC (linear), "inverse" (inverse) */
    STREAM_INSURANCE,    /* likewise */
    STREAM_GREEKS        /* the account's: of options, `symbol` "" */
};
#define STREAM_KIND_COUNT 9
/* Only the latest counts, and a reader may begin with any: all but books and sequences. */
bool stream_kind_is_state(enum stream_kind kind);

struct liquidation {
    enum category category;
    char symbol[SYMBOL_MAX];
    enum side side;       /* of the position that was liquidated: buy a long, sell a short */
    struct decimal price; /* the bankruptcy price */
    struct decimal qty;
    int64_t ts_ms;
};

/* A topic may have lost something: its link ended, or its book a frame. */
struct stream_gap {
    enum stream_kind kind;
    enum category category;
    const char *symbol;
    int depth;       /* as in stream_want */
    int64_t from_ms; /* wall clock: until then it was whole */
    int64_t to_ms;   /* it is whole again from then on; 0: not yet */
};

struct stream_callbacks {
    void (*on_link)(enum stream_link link, enum link_state state, int64_t since_ms, void *userdata);
    /* The private link is logged in and subscribed (order, execution, position, wallet). All
     * between the last LINK_DOWN and this is lost: ask for it. */
    void (*on_private_up)(void *userdata);
    /* `whole_until_ms`: the wall clock of its last frame, or of when it came up. */
    void (*on_private_down)(int64_t whole_until_ms, void *userdata);
    void (*on_order)(const struct order_report *report, void *userdata);
    void (*on_fill)(const struct fill *fill, void *userdata);
    /* After the market has it. */
    void (*on_ticker)(const struct ticker *ticker, int64_t recv_ms, void *userdata);
    /* A book changed: `data` is the frame's data (b, a, u, seq), already checked and applied. */
    void (*on_book)(enum category category, const char *symbol, int depth, bool is_snapshot,
                    const struct json *data, int64_t ts_ms, int64_t cts_ms, int64_t recv_ms,
                    void *userdata);
    /* Those from here on may be NULL: nobody asks. */
    /* Each public trade of a symbol that is wanted, oldest first. */
    void (*on_trade)(const struct public_trade *trade, int64_t recv_ms, void *userdata);
    /* After the market has it. */
    void (*on_candle)(const struct candle *candle, int64_t recv_ms, void *userdata);
    void (*on_liquidation)(const struct liquidation *liquidation, int64_t recv_ms, void *userdata);
    /* After the market has it. */
    void (*on_price_limit)(const struct price_limit *limit, int64_t recv_ms, void *userdata);
    /* Likewise: adlAlert, insurance and greeks, with all rows that are known by now. */
    void (*on_pool)(const struct pool *pool, void *userdata);
    /* One item of the private topics position and wallet. */
    void (*on_position)(const struct position *position, void *userdata);
    void (*on_wallet)(const struct json *item, void *userdata);
    /* Told once when it begins (to_ms 0). A book is then syncing until its next snapshot, and a
     * ticker until its next frame; the others, which have no snapshot, are told again when they are
     * subscribed anew. */
    void (*on_gap)(const struct stream_gap *gap, void *userdata);
};

struct stream_config {
    const char *public_url; /* "wss://stream.bybit.com"; borrowed for life */
    const char *private_url;
    const char *ca_file;
    const struct signer *signer; /* NULL: no private link */
    struct clock_sync *clock;
    struct market *market;
    const struct stream_times *times;
    const struct stream_callbacks *callbacks; /* static const */
    void *userdata;
};

MUST_CHECK enum err stream_start(struct stream **out, const struct stream_config *config,
                                 struct error *error);
/* Joins the thread: no callback comes any more, and stream_want, stream_touch and stream_drop only
 * count. For a stop while others may still ask; NULL is fine. */
void stream_halt(struct stream *stream);
/* The same, and closes all sockets. NULL is fine. */
void stream_stop(struct stream *stream);

/* One more reader wants it (`depth`: of books; of candles enum candle_interval; else 0).
 * ERR_INVALID: the category has no such topic. ERR_BUSY: more topics than the sockets of a category
 * have places for, or more than STREAM_LEVELS_MAX. */
MUST_CHECK enum err stream_want(struct stream *stream, enum stream_kind kind,
                                enum category category, const char *symbol, int depth);
/* One reader less; the subscription ends linger_ms after the last. */
void stream_drop(struct stream *stream, enum stream_kind kind, enum category category,
                 const char *symbol, int depth);
/* A read from memory: keeps (or begins) the subscription until linger_ms from now. */
MUST_CHECK enum err stream_touch(struct stream *stream, enum stream_kind kind,
                                 enum category category, const char *symbol, int depth);

struct link_status {
    enum link_state state;
    int64_t since_ms;     /* wall clock */
    int64_t last_data_ms; /* wall clock of the last data frame, 0 none */
    int sockets;          /* that have topics */
    int reconnects;
    int topics;
    int lossy_books; /* whose u jumps all the time on a healthy link: applied over jumps (PROTOCOL
                        section 15 rule 5) */
    int unreadable;  /* frames that could not be read, since the start */
};
void stream_link_status(struct stream *stream, enum stream_link link, struct link_status *out);

enum stream_topic_state {
    STREAM_TOPIC_WAITING, /* not subscribed yet, or not any more */
    STREAM_TOPIC_ON,
    STREAM_TOPIC_REFUSED, /* by the exchange; asked for again later */
};
const char *stream_topic_state_word(enum stream_topic_state state);
/* One topic of an upstream socket. */
struct stream_topic {
    enum stream_link link;
    int socket; /* 1, 2, ... of its link */
    enum stream_kind kind;
    enum category category;
    char symbol[SYMBOL_MAX]; /* options' trades: the base coin, for all its symbols */
    int depth;
    enum stream_topic_state state;
    int64_t last_data_ms; /* wall clock of its last data frame, 0 none */
};
/* Copies what is streamed, the account's own topics (order, execution, position, wallet) left out.
 * Any thread. Returns how many there are; at most `max` are copied. */
size_t stream_topics(struct stream *stream, struct stream_topic *out, size_t max);
/* Stops reading the private socket (its evidence cannot be taken in) or goes on. Any thread. */
void stream_pause_private(struct stream *stream, bool paused);
