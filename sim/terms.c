#include "sim/terms.h"

#include <string.h>

#include "base/text.h"

static const char *const price_kinds[] = {
    [PRICE_LAST] = "LastPrice",
    [PRICE_MARK] = "MarkPrice",
    [PRICE_INDEX] = "IndexPrice",
};

static const struct {
    const char *type;
    const char *creator;
} stop_kinds[] = {
    [STOP_NONE] = { "", "CreateByUser" },
    [STOP_CONDITIONAL] = { "Stop", "CreateByStopOrder" },
    [STOP_SPOT_TPSL] = { "tpslOrder", "CreateByUser" },
    [STOP_TAKE_PROFIT] = { "TakeProfit", "CreateByTakeProfit" },
    [STOP_LOSS] = { "StopLoss", "CreateByStopLoss" },
    [STOP_PARTIAL_TAKE_PROFIT] = { "PartialTakeProfit", "CreateByPartialTakeProfit" },
    [STOP_PARTIAL_LOSS] = { "PartialStopLoss", "CreateByPartialStopLoss" },
    [STOP_TRAILING] = { "TrailingStop", "CreateByTrailingStop" },
};

static const char *const smp_rules[] = {
    [SMP_RULE_NONE] = "None",
    [SMP_RULE_CANCEL_MAKER] = "CancelMaker",
    [SMP_RULE_CANCEL_TAKER] = "CancelTaker",
    [SMP_RULE_CANCEL_BOTH] = "CancelBoth",
};

const char *price_kind_theirs(enum price_kind kind)
{
    return price_kinds[kind];
}

bool price_kind_parse(const char *text, enum price_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(price_kinds); i++) {
        if (strcmp(price_kinds[i], text) == 0) {
            *out = (enum price_kind)i;
            return true;
        }
    }
    return false;
}

const char *stop_kind_theirs(enum stop_kind kind)
{
    return stop_kinds[kind].type;
}

const char *stop_kind_creator(enum stop_kind kind)
{
    return stop_kinds[kind].creator;
}

const char *smp_rule_theirs(enum smp_rule rule)
{
    return smp_rules[rule];
}

bool smp_rule_parse(const char *text, enum smp_rule *out)
{
    for (size_t i = 0; i < ARRAY_LEN(smp_rules); i++) {
        if (strcmp(smp_rules[i], text) == 0) {
            *out = (enum smp_rule)i;
            return true;
        }
    }
    return false;
}

bool stop_kind_closes(enum stop_kind kind)
{
    return kind >= STOP_TAKE_PROFIT;
}
