/* The transaction log: what each execution did to a coin. Spot has two rows for each, one a coin.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/build.h"
#include "sim/money.h"
#include "sim/rest.h"

#define DAY_MS INT64_C(86400000)

static const struct refusal fine = { 0, "OK" };

struct log_query {
    const char *category; /* NULL: any, as the others */
    const char *currency;
    const char *base;
    const char *type;
    int64_t first_ms;
    int64_t last_ms;
    uint64_t before; /* row number: only older ones */
    int64_t limit;
};

/* Row numbers: two for each execution. */
static uint64_t row_of(const struct sim_execution *execution, bool of_base)
{
    return execution->number * 2 + of_base;
}

static bool is_spot(const struct sim_execution *execution)
{
    return execution->instrument->category == CATEGORY_SPOT;
}

static const char *coin_of(const struct sim_execution *execution, bool of_base)
{
    if (!is_spot(execution))
        return execution->instrument->settle;
    return of_base ? execution->instrument->base : execution->instrument->quote;
}

static const char *type_of(const struct sim_execution *execution)
{
    static const char *const words[] = { [EXECUTION_TRADE] = "TRADE",
                                         [EXECUTION_FUNDING] = "SETTLEMENT",
                                         [EXECUTION_DELIVERY] = "DELIVERY" };

    return words[execution->what];
}

static bool fits(const char *wanted, const char *is)
{
    return !wanted || !*wanted || strcmp(wanted, is) == 0;
}

static bool row_wanted(const struct log_query *query, const struct sim_execution *execution,
                       bool of_base)
{
    return row_of(execution, of_base) < query->before && (!of_base || is_spot(execution)) &&
           fits(query->category, category_word(execution->instrument->category)) &&
           fits(query->currency, coin_of(execution, of_base)) &&
           fits(query->base, execution->instrument->base) && fits(query->type, type_of(execution));
}

static struct decimal flow_of(const struct sim_execution *execution, bool of_base)
{
    bool receives = (execution->side == SIDE_BUY) == of_base;
    struct decimal amount = execution->value;

    if (!is_spot(execution))
        return execution->pnl;
    if (of_base)
        amount = instrument_qty(execution->instrument, execution->lots);
    return receives ? amount : money_negative(amount);
}

/* Funding is written here as what it changes, the other way round than the execution's fee. */
static void add_amounts(cJSON *row, const struct sim_execution *execution, bool of_base)
{
    bool pays_fee = strcmp(execution->fee_coin, coin_of(execution, of_base)) == 0;
    struct decimal fee = pays_fee ? execution->fee : DECIMAL_ZERO;
    struct decimal flow = flow_of(execution, of_base);
    bool is_funding = execution->what == EXECUTION_FUNDING;

    if (is_funding)
        build_decimal(row, "funding", money_negative(execution->fee));
    else
        build_text(row, "funding", "");
    build_decimal(row, "fee", is_funding ? DECIMAL_ZERO : fee);
    build_decimal(row, "cashFlow", flow);
    build_decimal(row, "change", money_sub(flow, fee));
    build_decimal(row, "cashBalance", of_base ? execution->base_balance : execution->balance);
    build_decimal(row, "feeRate", execution->fee_rate);
}

static const struct build_constant constants[] = {
    { "transSubType", "" },
    { "bonusChange", "" },
    { "extraFees", "" },
};

static void add_row(cJSON *list, const struct sim_execution *execution, bool of_base)
{
    const struct instrument *instrument = execution->instrument;
    int64_t size = execution->size_lots;
    cJSON *row = build_item(list);
    char id[80];

    (void)snprintf(id, sizeof(id), "%s_%s_%" PRIu64, ACCOUNT_USER_TEXT, instrument->symbol,
                   row_of(execution, of_base));
    build_text(row, "id", id);
    build_text(row, "symbol", instrument->symbol);
    build_text(row, "category", category_word(instrument->category));
    build_text(row, "side", side_theirs(execution->side));
    build_text(row, "type", type_of(execution));
    build_text(row, "currency", coin_of(execution, of_base));
    build_qty(row, "qty", instrument, execution->lots);
    build_qty(row, "size", instrument, size < 0 ? -size : size);
    build_price(row, "tradePrice", instrument, execution->ticks);
    add_amounts(row, execution, of_base);
    build_text(row, "tradeId", execution->exec_id);
    build_text(row, "orderId", execution->order_id);
    build_text(row, "orderLinkId", execution->link);
    build_constants(row, constants, sizeof(constants) / sizeof(constants[0]));
    build_int_text(row, "transactionTime", execution->at_ms);
}

static struct refusal read_query(const struct rest_call *call, struct log_query *out)
{
    const char *account = call_text(call, "accountType");
    enum category category;
    struct refusal refusal = call_window(call, DAY_MS, &out->first_ms, &out->last_ms);

    if (refusal.code)
        return refusal;
    if (!fits(account, "UNIFIED"))
        return (struct refusal){ 10001, "accountType only support UNIFIED." };
    out->category = call_text(call, "category");
    out->currency = call_text(call, "currency");
    out->base = call_text(call, "baseCoin");
    out->type = call_text(call, "type");
    if (!call_int(call, "limit", 1, 50, 20, &out->limit) ||
        !call_cursor(call, "translog", &out->before))
        return (struct refusal){ 10001, "params error: limit or cursor is invalid" };
    return out->category && *out->category ? call_category(call, &category) : fine;
}

struct refusal rest_transaction_log(struct rest_call *call)
{
    const struct history *history = call->exchange->history;
    struct log_query query;
    struct refusal refusal = read_query(call, &query);
    const struct sim_execution *execution;
    uint64_t number;
    uint64_t last = 0;
    int64_t added = 0;
    cJSON *list;

    if (refusal.code)
        return refusal;
    list = build_list(call->result, "list");
    number = history_execution_before(history, query.last_ms);
    for (; (execution = history_execution(history, number)) && added < query.limit; number--) {
        if (execution->at_ms < query.first_ms)
            break;
        for (int of_base = 1; of_base >= 0 && added < query.limit; of_base--) {
            if (!row_wanted(&query, execution, of_base))
                continue;
            add_row(list, execution, of_base);
            last = row_of(execution, of_base);
            added++;
        }
    }
    result_cursor(call, "translog", added == query.limit ? last : 0);
    return fine;
}
