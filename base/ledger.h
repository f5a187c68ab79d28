/* base/ledger.h - one row of the exchange's transaction log: what changed one coin of the account.
 *
 * An execution of a contract has one row, one of spot a row for each of its two coins. Absent
 * numbers are DECIMAL_NONE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/trade.h"

enum ledger_kind {
    LEDGER_TRADE,   /* trades, liquidations, ADL, deliveries and settlements */
    LEDGER_FUNDING, /* has `funding` */
    LEDGER_OTHER, /* transfers, interest, ...: not of an execution, but for what has an id of one */
};

struct ledger_entry {
    enum ledger_kind kind;
    bool has_category; /* always, where the kind is not OTHER */
    enum category category;
    char symbol[SYMBOL_MAX]; /* likewise never "" */
    char coin[COIN_MAX];
    char exec_id[EXEC_ID_MAX];
    char order_id[ORDER_ID_MAX];
    int64_t at_ms;
    struct decimal qty; /* spot: of this coin, with a sign */
    struct decimal price;
    struct decimal fee;     /* paid; negative: a rebate */
    struct decimal funding; /* received; negative: paid */
    struct decimal flow;    /* contracts: what was realised, without fee and funding */
    struct decimal size;    /* of the position, after it */
};
