/* A text from the exchange through every decoder. */
#include "base/json.h"
#include "bybit/account.h"
#include "bybit/candles.h"
#include "bybit/instruments.h"
#include "bybit/key_info.h"
#include "bybit/message.h"
#include "bybit/tickers.h"
#include "bybit/trades.h"
#include "bybit/transaction_log.h"
#include "tests/fuzz/fuzz.h"

static struct balance balance;

static void decode_item(const struct json *item, enum category category)
{
    struct order_report report;
    struct fill fill;
    struct position position;
    struct candle candle;
    struct public_trade trade;
    struct instrument instrument;
    struct ledger_entry entry;
    struct ticker ticker = { .category = category };

    (void)!message_order(&report, item, category, NULL);
    (void)!message_fill(&fill, item, category, NULL);
    (void)!position_read(&position, item, category, NULL);
    (void)!balance_merge(&balance, item, true, NULL);
    assert(balance.coins_count <= ACCOUNT_COINS_MAX);
    (void)!balance_merge(&balance, item, false, NULL);
    assert(balance.coins_count <= ACCOUNT_COINS_MAX);
    (void)!candle_from_row(&candle, item, NULL);
    (void)!candle_from_frame(&candle, item, NULL);
    (void)!trade_from_row(&trade, item, category, NULL);
    (void)!trade_from_frame(&trade, item, category, NULL);
    (void)!instrument_read(&instrument, item, category, NULL);
    (void)!ticker_merge(&ticker, item, true, 1, NULL);
    (void)!ticker_merge(&ticker, item, false, 2, NULL);
    (void)!transaction_log_entry(&entry, item, NULL);
}

static void decode_items(const struct json *list, enum category category)
{
    struct json_walk walk = json_walk(list);
    struct json item;

    if (list->type != JSON_ARRAY) {
        decode_item(list, category);
        return;
    }
    while (json_next(&walk, NULL, &item))
        decode_item(&item, category);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    enum category category = (enum category)(bytes % CATEGORY_COUNT);
    char *text = fuzz_text(data, bytes);
    struct envelope envelope;
    struct frame frame;
    struct json json;

    if (message_envelope(&envelope, text, bytes, NULL) == ERR_NONE) {
        (void)json_member(&envelope.result, "list", &json);
        decode_items(&json, category);
    }
    if (message_frame(&frame, text, bytes, NULL) == ERR_NONE)
        decode_items(&frame.data, category);
    if (json_open_trusted(&json, text, bytes, NULL) == ERR_NONE)
        decode_item(&json, category);
    free(text);
    return 0;
}
