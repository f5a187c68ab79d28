/* Rows of the exchange's transaction log, as documented and as nobody wants them. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "bybit/transaction_log.h"

static enum err read_row(const char *text, struct ledger_entry *out, struct error *error)
{
    struct json row;

    ck_assert_int_eq(json_open_trusted(&row, text, strlen(text), NULL), ERR_NONE);
    memset(error, 0, sizeof(*error));
    return transaction_log_entry(out, &row, error);
}

static const char *shown(const struct decimal *value)
{
    static char texts[8][DECIMAL_TEXT_MAX];
    static int next;

    next = (next + 1) % 8;
    return decimal_format(value, texts[next]);
}

#define AT "\"transactionTime\":\"1672128000000\""

START_TEST(funding_of_the_documentation)
{
    struct ledger_entry entry;
    struct error error;

    ck_assert(!read_row("{\"transSubType\":\"\",\"id\":\"592324_XRPUSDT_161440249321\","
                        "\"symbol\":\"XRPUSDT\",\"side\":\"Buy\",\"funding\":\"-0.003676\","
                        "\"orderLinkId\":\"\",\"orderId\":\"1672128000-8-592324-1-2\",\"fee\":"
                        "\"0.00000000\",\"change\":\"-0.003676\",\"cashFlow\":\"0\"," AT
                        ",\"type\":\"SETTLEMENT\",\"feeRate\":\"0.0001\",\"bonusChange\":\"\","
                        "\"size\":\"100\",\"qty\":\"100\",\"cashBalance\":\"5086.55825002\","
                        "\"currency\":\"USDT\",\"category\":\"linear\",\"tradePrice\":\"0.3676\","
                        "\"tradeId\":\"534c0003-4bf7-486f-aa02-78cee36825e4\",\"extraFees\":\"\"}",
                        &entry, &error));
    ck_assert_int_eq(entry.kind, LEDGER_FUNDING);
    ck_assert(entry.has_category && entry.category == CATEGORY_LINEAR);
    ck_assert_str_eq(entry.symbol, "XRPUSDT");
    ck_assert_str_eq(entry.coin, "USDT");
    ck_assert_str_eq(entry.exec_id, "534c0003-4bf7-486f-aa02-78cee36825e4");
    ck_assert_str_eq(entry.order_id, "1672128000-8-592324-1-2");
    ck_assert_int_eq(entry.at_ms, 1672128000000);
    ck_assert_str_eq(shown(&entry.funding), "-0.003676");
    ck_assert_str_eq(shown(&entry.fee), "0.00000000");
    ck_assert_str_eq(shown(&entry.flow), "0");
    ck_assert_str_eq(shown(&entry.size), "100");
    ck_assert_str_eq(shown(&entry.price), "0.3676");
}
END_TEST

/* NULL: the kind of row it is; else the words of the refusal. */
static const struct {
    const char *row;
    enum ledger_kind kind;
    const char *refusal;
} rows[] = {
    { "{" AT ",\"type\":\"TRADE\",\"category\":\"spot\",\"symbol\":\"BTCUSDT\",\"tradeId\":\"1\"}",
      LEDGER_TRADE, NULL },
    { "{" AT ",\"type\":\"ADL\",\"category\":\"linear\",\"symbol\":\"B\",\"qty\":\"\"}",
      LEDGER_TRADE, NULL },
    { "{" AT ",\"type\":\"LIQUIDATION\",\"category\":\"inverse\",\"symbol\":\"B\",\"fee\":null}",
      LEDGER_TRADE, NULL },
    { "{" AT ",\"type\":\"DELIVERY\",\"category\":\"option\",\"symbol\":\"B\"}", LEDGER_TRADE,
      NULL },
    { "{" AT ",\"type\":\"TRADE\",\"category\":\"linear\",\"symbol\":\"B\",\"funding\":\"0\"}",
      LEDGER_TRADE, NULL },
    { "{" AT ",\"type\":\"TRADE\",\"category\":\"linear\",\"symbol\":\"B\",\"fee\":\"1E-7\"}",
      LEDGER_TRADE, NULL }, /* as its execution may be written */
    { "{" AT ",\"type\":\"SETTLEMENT\",\"category\":\"linear\",\"symbol\":\"B\",\"funding\":0.1}",
      LEDGER_FUNDING, NULL },
    /* A settlement of a position: an execution when it has an id. */
    { "{" AT ",\"type\":\"SETTLEMENT\",\"category\":\"linear\",\"symbol\":\"B\",\"funding\":\"\"}",
      LEDGER_OTHER, NULL },
    { "{" AT ",\"type\":\"SETTLEMENT\",\"category\":\"linear\",\"symbol\":\"B\",\"tradeId\":\"1\"}",
      LEDGER_TRADE, NULL },
    /* A session of USDC contracts: an execution only where funding was paid. */
    { "{" AT ",\"type\":\"SETTLEMENT\",\"category\":\"linear\",\"symbol\":\"BTCPERP\","
      "\"currency\":\"USDC\",\"tradeId\":\"1\",\"funding\":\"\",\"cashFlow\":\"-71.28\"}",
      LEDGER_OTHER, NULL },
    { "{" AT ",\"type\":\"SETTLEMENT\",\"category\":\"linear\",\"symbol\":\"BTCPERP\","
      "\"currency\":\"USDC\",\"tradeId\":\"1\",\"funding\":\"0.00\"}",
      LEDGER_OTHER, NULL },
    { "{" AT ",\"type\":\"SETTLEMENT\",\"category\":\"linear\",\"symbol\":\"BTCPERP\","
      "\"currency\":\"USDC\",\"tradeId\":\"1\",\"funding\":\"-0.1\"}",
      LEDGER_FUNDING, NULL },
    { "{" AT ",\"type\":\"TRANSFER_IN\",\"category\":\"\",\"symbol\":\"\"}", LEDGER_OTHER, NULL },
    { "{" AT ",\"type\":\"SOMETHING_NEW\",\"category\":\"linear\",\"symbol\":\"B\"}", LEDGER_OTHER,
      NULL },
    { "{" AT ",\"type\":\"TRADE\",\"category\":\"spread\",\"symbol\":\"B\"}", LEDGER_OTHER, NULL },
    { "{" AT ",\"type\":\"TRADE\",\"symbol\":\"B\"}", LEDGER_OTHER, NULL },
    { "{" AT ",\"type\":\"INTEREST\",\"qty\":\"much\",\"fee\":[1],\"symbol\":{}}", LEDGER_OTHER,
      NULL },
    { "7", LEDGER_OTHER, "no object" },
    { "{}", LEDGER_OTHER, "transactionTime" },
    { "{\"transactionTime\":\"soon\",\"type\":\"TRADE\"}", LEDGER_OTHER, "transactionTime" },
    { "{\"transactionTime\":\"0\",\"type\":\"TRADE\"}", LEDGER_OTHER, "transactionTime" },
    { "{\"transactionTime\":\"-5\",\"type\":\"TRADE\"}", LEDGER_OTHER, "transactionTime" },
    { "{" AT "}", LEDGER_OTHER, "type" },
    { "{" AT ",\"type\":7}", LEDGER_OTHER, "type" },
    { "{" AT ",\"type\":\"TRADE\",\"category\":\"linear\"}", LEDGER_OTHER, "symbol" },
    { "{" AT ",\"type\":\"TRADE\",\"category\":\"linear\",\"symbol\":[\"B\"]}", LEDGER_OTHER,
      "symbol" },
    { "{" AT ",\"type\":\"TRADE\",\"category\":\"linear\",\"symbol\":\"B\",\"fee\":\"1e5.\"}",
      LEDGER_OTHER, "fee" },
    { "{" AT ",\"type\":\"TRADE\",\"category\":\"linear\",\"symbol\":\"B\",\"cashFlow\":{}}",
      LEDGER_OTHER, "cashFlow" },
    { "{" AT ",\"type\":\"SETTLEMENT\",\"category\":\"linear\",\"symbol\":\"B\",\"tradeId\":\"1\","
      "\"funding\":\"--1\"}",
      LEDGER_OTHER, "funding" },
    { "{" AT ",\"type\":\"SETTLEMENT\",\"category\":\"linear\",\"symbol\":\"B\",\"tradeId\":\"1\","
      "\"currency\":\"USDC\",\"funding\":\"--1\"}",
      LEDGER_OTHER, "funding" },
    { "{" AT
      ",\"type\":\"TRADE\",\"category\":\"linear\",\"symbol\":\"B\",\"tradeId\":\"123456789012345"
      "6789012345678901234567890123456789012345678901234567890\"}",
      LEDGER_OTHER, "tradeId" },
};

START_TEST(a_row_is_read_or_refused)
{
    struct ledger_entry entry = { .at_ms = 7 };
    struct error error;
    enum err err = read_row(rows[_i].row, &entry, &error);

    if (!rows[_i].refusal) {
        ck_assert_msg(!err, "%s", error.text);
        ck_assert_int_eq(entry.kind, rows[_i].kind);
        return;
    }
    ck_assert_int_eq(err, ERR_INVALID);
    ck_assert_msg(strstr(error.text, rows[_i].refusal), "%s", error.text);
    ck_assert_int_eq(entry.at_ms, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transaction_log");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, funding_of_the_documentation);
    tcase_add_loop_test(tcase, a_row_is_read_or_refused, 0, (int)ARRAY_LEN(rows));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
