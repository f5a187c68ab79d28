/* bybit/account.h - positions and balances of the account: loaded over REST, kept by the private
 * stream (PROTOCOL sections 12 and 16).
 *
 * Loaded when the private stream has come up (all that was missed meanwhile) and once more
 * `settle_ms` later, since the REST side may have lagged; audited from time to time, and whenever
 * somebody asks for it; in between the stream's position and wallet messages are
 * merged.
 *
 * Which one wins: of two messages the one with the later updatedTime (then seq). A load wins over
 * what is kept, except over a message of the last `settle_ms` before its begin or later, since the
 * REST side may lag behind the stream: that stands when it is later by updatedTime, and, where the
 * marks do not tell, when the link has not been away since. A position that a complete load lacks
 * is flat, by the same rule; so is a coin gone. One place of a symbol (category, symbol,
 * position_idx) is one position.
 *
 * Live numbers: of open linear and inverse positions the ticker is streamed, and mark_price, value
 * and unrealised_pnl are made from it when a position is read: linear qty * mark and (mark - entry)
 * * qty, inverse qty / mark and qty * (1 / entry - 1 / mark), the result with the sign of the side,
 * cut to 8 decimals. While there is no fresh ticker (link down or mute, or no frame for a minute)
 * mark_price and unrealised_pnl are the exchange's own of the last message or load, and value is
 * made from that mark_price: the exchange's positionValue is at the entry price. Of options all
 * three are the exchange's own.
 *
 * Threads: any; one short lock, readers copy. Callbacks come one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/json.h"
#include "base/trade.h"

struct account;
struct market;
struct reads;
struct stream;

#define ACCOUNT_POSITIONS_MAX 512
#define ACCOUNT_COINS_MAX     512

/* Absent decimals are DECIMAL_NONE. */
struct position {
    enum category category;
    char symbol[SYMBOL_MAX];
    int position_idx;   /* 0 one-way; 1 the long, 2 the short side of hedge mode */
    enum side side;     /* SIDE_NONE: flat */
    struct decimal qty; /* unsigned */
    struct decimal entry_price;
    struct decimal mark_price;
    struct decimal liq_price;
    struct decimal value;
    struct decimal leverage;
    struct decimal margin; /* initial margin, positionIM */
    struct decimal unrealised_pnl;
    struct decimal realised_pnl; /* curRealisedPnl: of the position now open */
    struct decimal take_profit;
    struct decimal stop_loss;
    struct decimal trailing_stop;
    int64_t updated_ms;
    int64_t seq;
};

struct coin_balance {
    char coin[COIN_MAX];
    struct decimal wallet;
    struct decimal available; /* wallet - locked - margins of orders and positions - bonus, not
                                 below zero; of the funding wallet what can be moved */
    struct decimal locked;
    struct decimal equity;
    struct decimal unrealised_pnl;
    struct decimal usd_value;
};

struct balance {
    struct decimal equity;      /* totalEquity, USD */
    struct decimal available;   /* totalAvailableBalance, USD; none in isolated margin */
    struct decimal margin_used; /* totalInitialMargin, USD */
    size_t coins_count;
    struct coin_balance coins[ACCOUNT_COINS_MAX]; /* by name */
};

/* --- decoders: pure --- */

/* One item of position/list or of the position topic. `category` where the item has none. What does
 * not matter for the position itself (margins, liquidation price) is none when unreadable;
 * ERR_INVALID: no symbol, size or side that can be a position's, or a spot one. */
MUST_CHECK enum err position_read(struct position *out, const struct json *item,
                                  enum category category, struct error *error);
/* Merges one account object of wallet-balance (`replace`: coins that are not in it are gone) or of
 * the wallet topic into `balance`. Coins above ACCOUNT_COINS_MAX are left out. ERR_INVALID: no
 * account object, or a coin without a readable walletBalance; `balance` is then unchanged. */
MUST_CHECK enum err balance_merge(struct balance *balance, const struct json *item, bool replace,
                                  struct error *error);
/* The coins of query-account-coins-balance's result (the funding wallet); totals are none. */
MUST_CHECK enum err balance_read_fund(struct balance *out, const struct json *result,
                                      struct error *error);
/* Adds the coin, or replaces it. */
void balance_put(struct balance *balance, const struct coin_balance *coin);
/* NULL: no such coin. Any case. */
const struct coin_balance *balance_find(const struct balance *balance, const char *coin);

/* mark_price, value and unrealised_pnl at the price `mark`, as said above. */
void position_mark(struct position *position, const struct decimal *mark);

/* --- the account --- */

enum account_part { ACCOUNT_POSITIONS, ACCOUNT_BALANCE };
#define ACCOUNT_PARTS 2

struct account_callbacks {
    /* After the account has it; from the stream's or the reads' thread. Only what changed; the
     * numbers that move with the price alone are no change. A position that went flat comes once
     * more, with side none and qty 0. */
    void (*on_position)(const struct position *position, void *userdata);
    /* Likewise, and of messages also those that changed nothing: what comes flat as before can have
     * been open in between, and its marks say that those fills are in it. With each tick all that
     * are open come, for their values have moved. May be NULL. */
    void (*on_report)(const struct position *position, void *userdata);
    /* Not before the first load: a message alone need not have all coins. */
    void (*on_balance)(const struct balance *balance, int64_t as_of_ms, void *userdata);
    /* A load is in, and what it changed has been told. May be NULL. */
    void (*on_loaded)(enum account_part part, void *userdata);
};

struct account_config {
    const struct account_callbacks *callbacks; /* static const; may be NULL */
    void *userdata;
    int audit_every_ms; /* 60,000 */
    int settle_ms;      /* 5,000: how far the REST side may lag behind the stream */
    int wait_ms;        /* 12,000: the longest that account_load lets its asker wait */
};

/* NULL: out of memory. */
struct account *account_create(const struct account_config *config);
void account_destroy(struct account *account); /* after reads_stop and stream_stop; NULL is fine */
/* Before the stream starts; ticks before it do nothing. */
void account_attach(struct account *account, struct reads *reads, struct market *market);
/* Once the stream has started: the tickers of open positions are wanted from it. NULL before
 * stream_stop: it is not used any more when this has returned. */
void account_use_stream(struct account *account, struct stream *stream);

/* From the stream's thread. */
void account_on_position(struct account *account, const struct position *position);
void account_on_wallet(struct account *account, const struct json *item);
void account_on_private(struct account *account, bool up);
/* From the reads' thread, about each second: begins the loads that are due, and reports. */
void account_tick(struct account *account);

/* Loads a part that nobody need have asked for before: `on_done` is called once, when a load that
 * began after this call is over (of a refusal `upstream` and the exchange's text), or after
 * `wait_ms` without that (ERR_UNAVAILABLE): from the reads' thread, from inside reads_stop, or,
 * when no read can be made, before this returns. `error` NULL: it is in. ERR_BUSY: 256 wait. */
MUST_CHECK enum err account_load(struct account *account, enum account_part part,
                                 void (*on_done)(const struct error *error, void *userdata),
                                 void *userdata);

/* Merges the list of a position/list answer that somebody else has asked for, of one symbol, at
 * `begin_ms` (monotonic). The exchange tells all places of a symbol, flat ones too: what the list
 * lacks is flat, unless it has nothing of the symbol. ERR_INVALID: it is no list, or has a position
 * that is not readable. */
MUST_CHECK enum err account_merge_positions(struct account *account, const struct json *list,
                                            enum category category, const char *symbol,
                                            int64_t begin_ms, struct error *error);

/* How far what is kept can be trusted. */
struct account_state {
    bool loaded;      /* at least once */
    bool live;        /* the private stream is up, and a load that began since it came up is in */
    bool truncated;   /* there is more than ACCOUNT_POSITIONS_MAX */
    int64_t as_of_ms; /* wall clock of the last load or message, 0: none */
    int64_t whole_ms; /* monotonic: the begin of the last load that lacked nothing, 0: none */
};
void account_get_state(struct account *account, enum account_part part, struct account_state *out);

/* Why the exchange shows no positions of this category to this key (the category does not exist
 * there, no permission); false: it does, or it is not known yet. */
bool account_refusal(struct account *account, enum category category, struct error *out);

/* Copies at most `max` open positions (not the flat ones) in the order of category, symbol, idx;
 * returns how many. */
size_t account_positions(struct account *account, struct position *out, size_t max);
/* How many of the symbol's places are known (hedge mode has two, and after a change of the mode
 * there may be three), in the order of position_idx; flat ones too. */
#define ACCOUNT_PLACES_MAX 3
size_t account_position(struct account *account, enum category category, const char *symbol,
                        struct position out[ACCOUNT_PLACES_MAX]);
/* False: not loaded yet. `out` is large: no place for a thread's stack. */
bool account_balance(struct account *account, struct balance *out);
