/* bybit/account.h - positions and balances of the account: loaded over REST, kept by the private
 * stream (PROTOCOL sections 12 and 16).
 *
 * Loaded when the private stream has come up (all that was missed meanwhile), again after each gap,
 * and audited from time to time; in between the stream's position and wallet messages are merged,
 * the newer one by updatedTime and seq winning.
 *
 * Threads: any; one short lock, readers copy.
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
struct reads;

#define ACCOUNT_POSITIONS_MAX 512
#define ACCOUNT_COINS_MAX     128

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
    struct decimal available; /* wallet - locked - margins, where the exchange's numbers give it */
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

/* One item of position/list or of the position topic. `category` where the item has none. */
MUST_CHECK enum err message_position(struct position *out, const struct json *item,
                                     enum category category, struct error *error);
/* Merges one account object of wallet-balance (`replace`: coins that are not in it are gone) or of
 * the wallet topic into `balance`. */
MUST_CHECK enum err message_balance(struct balance *balance, const struct json *item, bool replace,
                                    struct error *error);

/* --- the account --- */

struct account_callbacks {
    /* After the account has it; from the stream's or the reads' thread. Only what changed. */
    void (*on_position)(const struct position *position, void *userdata);
    void (*on_balance)(const struct balance *balance, int64_t as_of_ms, void *userdata);
};

struct account_config {
    struct reads *reads; /* set later by account_attach: reads' ticks need the account first */
    const struct account_callbacks *callbacks; /* static const; may be NULL */
    void *userdata;
    int audit_every_ms; /* 60,000 */
};

/* NULL: out of memory. */
struct account *account_create(const struct account_config *config);
void account_destroy(struct account *account); /* after reads_stop and stream_stop; NULL is fine */
/* Before the stream starts. */
void account_attach(struct account *account, struct reads *reads);

/* From the stream's thread. */
void account_on_position(struct account *account, const struct position *position);
void account_on_wallet(struct account *account, const struct json *item);
void account_on_private(struct account *account, bool up);
/* From the reads' thread, about each second: begins the loads that are due. */
void account_tick(struct account *account);

/* How far what is kept can be trusted. */
struct account_state {
    bool positions_loaded;
    bool balance_loaded;
    bool live;                  /* the private stream is up since the last load began */
    int64_t positions_as_of_ms; /* wall clock of the last load or message, 0: none */
    int64_t balance_as_of_ms;
};
void account_get_state(struct account *account, struct account_state *out);

/* Copies at most `max` open positions (not the flat ones) in the order of category, symbol, idx;
 * returns how many. */
size_t account_positions(struct account *account, struct position *out, size_t max);
/* How many of the symbol's positions are known (hedge mode has two), copied to `out[2]`; flat ones
 * too. */
size_t account_position(struct account *account, enum category category, const char *symbol,
                        struct position out[2]);
/* False: not loaded yet. */
bool account_balance(struct account *account, struct balance *out);
