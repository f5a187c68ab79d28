/* sim/terms.h - what an order can carry besides price and size: a trigger, take profit and stop
 * loss, a rule against trading with oneself.
 *
 * Threads: plain values.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum price_kind { PRICE_LAST, PRICE_MARK, PRICE_INDEX };

/* What a trigger is for; it stays with the order when it has fired. */
enum stop_kind {
    STOP_NONE,
    STOP_CONDITIONAL, /* linear, inverse; spot's orderFilter StopOrder: holds nothing before it
                         fires */
    STOP_SPOT_TPSL,   /* spot's orderFilter tpslOrder, and what is attached to spot orders */
    /* These close a position and go when it goes: */
    STOP_TAKE_PROFIT, /* of the whole position */
    STOP_LOSS,
    STOP_PARTIAL_TAKE_PROFIT,
    STOP_PARTIAL_LOSS,
    STOP_TRAILING,
};

struct trigger {
    int64_t ticks; /* trailing: where it starts to follow, 0: at once */
    int direction; /* 0: none, 1: fires when the price rises to it, 2: when it falls to it */
    enum price_kind by;
    int64_t distance; /* trailing: how far behind the best price */
    int64_t best;     /* trailing: the best price since it follows, 0: not yet */
};

struct exit_leg {
    int64_t ticks; /* 0: there is none */
    enum price_kind by;
    int64_t limit_ticks; /* 0: at market */
};

/* Attached to an order, for the position that it makes. */
struct exits {
    struct exit_leg take_profit;
    struct exit_leg stop_loss;
    bool partial; /* tpslMode: of what the order fills, else of the whole position */
};

/* Judged by the order that comes in. */
enum smp_rule { SMP_RULE_NONE, SMP_RULE_CANCEL_MAKER, SMP_RULE_CANCEL_TAKER, SMP_RULE_CANCEL_BOTH };

/* As the exchange writes them. */
const char *price_kind_theirs(enum price_kind kind);
bool price_kind_parse(const char *text, enum price_kind *out);
const char *stop_kind_theirs(enum stop_kind kind);  /* "" for STOP_NONE */
const char *stop_kind_creator(enum stop_kind kind); /* createType */
const char *smp_rule_theirs(enum smp_rule rule);
bool smp_rule_parse(const char *text, enum smp_rule *out);
bool stop_kind_closes(enum stop_kind kind);
