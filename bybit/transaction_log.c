#include "bybit/transaction_log.h"

#include <string.h>

#include "bybit/message.h"

enum member {
    M_ID,
    M_ORDER,
    M_SYMBOL,
    M_CATEGORY,
    M_COIN,
    M_TYPE,
    M_TIME,
    M_QTY,
    M_PRICE,
    M_FEE,
    M_FUNDING,
    M_FLOW,
    M_SIZE,
    M_COUNT
};

static const struct member_name names[M_COUNT] = {
    [M_ID] = MEMBER_NAME("tradeId"),
    [M_ORDER] = MEMBER_NAME("orderId"),
    [M_SYMBOL] = MEMBER_NAME("symbol"),
    [M_CATEGORY] = MEMBER_NAME("category"),
    [M_COIN] = MEMBER_NAME("currency"),
    [M_TYPE] = MEMBER_NAME("type"),
    [M_TIME] = MEMBER_NAME("transactionTime"),
    [M_QTY] = MEMBER_NAME("qty"),
    [M_PRICE] = MEMBER_NAME("tradePrice"),
    [M_FEE] = MEMBER_NAME("fee"),
    [M_FUNDING] = MEMBER_NAME("funding"),
    [M_FLOW] = MEMBER_NAME("cashFlow"),
    [M_SIZE] = MEMBER_NAME("size"),
};

static enum err refuse(enum member at, const char *why, struct error *error)
{
    return error_set(error, ERR_INVALID, "transaction log: %s %s", names[at].name, why);
}

static enum err read_texts(struct ledger_entry *out, const struct json *found, struct error *error)
{
    const struct {
        enum member at;
        char *text;
        size_t bytes;
    } texts[] = { { M_ID, out->exec_id, sizeof(out->exec_id) },
                  { M_ORDER, out->order_id, sizeof(out->order_id) },
                  { M_SYMBOL, out->symbol, sizeof(out->symbol) },
                  { M_COIN, out->coin, sizeof(out->coin) } };
    enum err err = ERR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (json_text(&found[texts[i].at], texts[i].text, texts[i].bytes))
            err = refuse(texts[i].at, "is no text or too long", error);
    }
    return err;
}

static enum err read_numbers(struct ledger_entry *out, const struct json *found,
                             struct error *error)
{
    const struct {
        enum member at;
        struct decimal *value;
    } numbers[] = {
        { M_QTY, &out->qty },         { M_PRICE, &out->price }, { M_FEE, &out->fee },
        { M_FUNDING, &out->funding }, { M_FLOW, &out->flow },   { M_SIZE, &out->size }
    };
    enum err err = ERR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        *numbers[i].value = DECIMAL_NONE;
        if (json_number(&found[numbers[i].at], numbers[i].value))
            err = refuse(numbers[i].at, "is no decimal", error);
    }
    return err;
}

/* At the end of a session of USDC contracts what the position has won or lost is paid out. No
 * execution does that, unless funding is paid with it. */
static bool is_session(const struct ledger_entry *entry, const struct json *type)
{
    return json_equals(type, "SETTLEMENT") && strcmp(entry->coin, "USDC") == 0 &&
           decimal_sign(&entry->funding) == 0;
}

/* What the type and the category make of it. A settlement is funding where it says how much; else
 * it is one of a position, which an execution has made if it has an id. */
static enum ledger_kind kind_of(const struct ledger_entry *entry, const struct json *type)
{
    static const char *const trades[] = { "TRADE", "DELIVERY", "LIQUIDATION", "ADL" };

    if (!entry->has_category)
        return LEDGER_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(trades); i++) {
        if (json_equals(type, trades[i]))
            return LEDGER_TRADE;
    }
    if (!json_equals(type, "SETTLEMENT"))
        return LEDGER_OTHER;
    if (!decimal_is_none(&entry->funding))
        return LEDGER_FUNDING;
    return entry->exec_id[0] ? LEDGER_TRADE : LEDGER_OTHER;
}

enum err transaction_log_entry(struct ledger_entry *out, const struct json *row,
                               struct error *error)
{
    struct json found[M_COUNT];
    struct ledger_entry entry = { .kind = LEDGER_OTHER };
    struct error unreadable = { .code = ERR_NONE };
    char word[16];

    if (row->type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "transaction log: a row is no object");
    message_members(row, names, M_COUNT, found);
    if (json_int(&found[M_TIME], &entry.at_ms) || entry.at_ms <= 0)
        return refuse(M_TIME, "is missing or no time", error);
    if (found[M_TYPE].type != JSON_STRING)
        return refuse(M_TYPE, "is missing or no text", error);
    entry.has_category =
        !json_text(&found[M_CATEGORY], word, sizeof(word)) && category_parse(word, &entry.category);
    (void)!read_numbers(&entry, found, &unreadable);
    (void)!read_texts(&entry, found, &unreadable);
    entry.kind = kind_of(&entry, &found[M_TYPE]);
    if (entry.kind != LEDGER_OTHER && unreadable.code) {
        if (error)
            *error = unreadable;
        return ERR_INVALID;
    }
    if (entry.kind != LEDGER_OTHER && !entry.symbol[0])
        return refuse(M_SYMBOL, "is missing", error);
    if (is_session(&entry, &found[M_TYPE]))
        entry.kind = LEDGER_OTHER;
    *out = entry;
    return ERR_NONE;
}
