/* Executions against the transaction log: each kind of difference, what is no difference, and what
 * the rows say. */
#include <stdlib.h>

#include "base/text.h"
#include "db/pnl_check.h"
#include "tests/test_pnl_kit.h"

#define T0      INT64_C(1700000000000)
#define HOUR_MS INT64_C(3600000)
#define FROM    (T0 - 24 * HOUR_MS)
#define TO      (T0 + HOUR_MS)
#define SETTLED (T0 + HOUR_MS - 60000)

static struct pnl_check *check;
static struct pnl *pnl;
static struct pnl_check_span span;

static void open_with(enum pnl_group group, const char *tag)
{
    struct pnl_filter filter = { .group = group, .tag = tag, .to_ms = TO };

    pnl_destroy(pnl);
    pnl_check_destroy(check);
    check = pnl_check_create(&span);
    pnl = pnl_create(&filter, coins, NULL);
    ck_assert(check && pnl);
    pnl_set_check(pnl, check);
}

static void setup(void)
{
    span = (struct pnl_check_span){ .from_ms = FROM, .to_ms = TO, .settled_ms = SETTLED };
    open_with(PNL_BY_SYMBOL, NULL);
}

static void teardown(void)
{
    pnl_destroy(pnl);
    pnl_check_destroy(check);
    pnl = NULL;
    check = NULL;
}

static struct decimal number(const char *text)
{
    struct decimal value = DECIMAL_NONE;

    if (text[0])
        ck_assert_int_eq(decimal_parse(&value, text), ERR_NONE);
    return value;
}

/* --- the log: a trade of BTCUSDT, changed by who wants another --- */

static struct ledger_entry entry_of(const char *exec_id, const char *qty, const char *price,
                                    const char *fee)
{
    struct ledger_entry entry = { .kind = LEDGER_TRADE,
                                  .has_category = true,
                                  .category = CATEGORY_LINEAR,
                                  .symbol = "BTCUSDT",
                                  .coin = "USDT",
                                  .order_id = "o",
                                  .at_ms = T0 };

    ck_assert(!text_copy(entry.exec_id, sizeof(entry.exec_id), exec_id));
    entry.qty = number(qty);
    entry.price = number(price);
    entry.fee = number(fee);
    entry.funding = entry.size = DECIMAL_NONE;
    entry.flow = DECIMAL_ZERO;
    return entry;
}

static void log_entry(const struct ledger_entry *entry)
{
    struct error error = { 0 };

    ck_assert_msg(!pnl_check_add(check, entry, &error), "%s", error.text);
}

static void log_trade(const char *exec_id, const char *qty, const char *price, const char *fee)
{
    struct ledger_entry entry = entry_of(exec_id, qty, price, fee);

    log_entry(&entry);
}

static void log_result(const char *exec_id, const char *qty, const char *price, const char *flow,
                       const char *size)
{
    struct ledger_entry entry = entry_of(exec_id, qty, price, "0");

    entry.flow = number(flow);
    entry.size = number(size);
    log_entry(&entry);
}

static struct ledger_entry funding_of(const char *exec_id, const char *funding)
{
    struct ledger_entry entry = entry_of(exec_id, "1", "100", "0");

    entry.kind = LEDGER_FUNDING;
    entry.order_id[0] = '\0';
    entry.funding = number(funding);
    return entry;
}

static void log_spot(const char *exec_id, const char *coin, const char *qty, const char *fee)
{
    struct ledger_entry entry = entry_of(exec_id, qty, "100", fee);

    entry.category = CATEGORY_SPOT;
    ck_assert(!text_copy(entry.coin, sizeof(entry.coin), coin));
    log_entry(&entry);
}

/* --- the journal --- */

static struct pnl_fill fill_of(const char *exec_id, enum side side, const char *qty,
                               const char *price, const char *fee)
{
    struct pnl_fill fill = { .exec_id = exec_id,
                             .order_id = "o",
                             .category = CATEGORY_LINEAR,
                             .symbol = "BTCUSDT",
                             .side = side,
                             .fee_coin = "USDT",
                             .kind = FILL_TRADE,
                             .closed_qty = DECIMAL_NONE,
                             .at_ms = T0,
                             .tag = "" };

    fill.qty = number(qty);
    fill.price = number(price);
    fill.fee = number(fee);
    return fill;
}

static struct pnl_fill spot_fill(const char *exec_id, enum side side, const char *fee,
                                 const char *fee_coin)
{
    struct pnl_fill fill = fill_of(exec_id, side, "2", "100", fee);

    fill.category = CATEGORY_SPOT;
    fill.fee_coin = fee_coin;
    return fill;
}

static void add(const struct pnl_fill *fill)
{
    ck_assert_int_eq(pnl_add(pnl, fill), ERR_NONE);
}

static void buy(const char *exec_id, const char *qty, const char *price, const char *fee)
{
    struct pnl_fill fill = fill_of(exec_id, SIDE_BUY, qty, price, fee);

    add(&fill);
}

static void sell(const char *exec_id, const char *qty, const char *price, const char *fee)
{
    struct pnl_fill fill = fill_of(exec_id, SIDE_SELL, qty, price, fee);

    add(&fill);
}

static struct pnl_fill funding_fill(const char *exec_id, const char *fee)
{
    struct pnl_fill fill = fill_of(exec_id, SIDE_BUY, "1", "100", fee);

    fill.kind = FILL_FUNDING;
    fill.order_id = "";
    return fill;
}

/* --- what it says --- */

static void end_with(const char *tag)
{
    struct pnl_lack lack;

    while (pnl_check_lack(check, &lack))
        ck_assert_int_eq(pnl_add_lack(pnl, &lack, tag), ERR_NONE);
}

/* matched, missing, extra, different, pending */
static const char *said(void)
{
    static char line[200];
    struct pnl_check_counts counts = pnl_check_counts(check);

    (void)snprintf(line, sizeof(line), "matched %d missing %d extra %d different %d pending %d",
                   (int)counts.matched, (int)counts.missing, (int)counts.extra,
                   (int)counts.different, (int)counts.pending);
    return line;
}

/* All rows: coin, what the log says, checked. */
static const char *rows_said(void)
{
    static const char *const words[] = { "null", "equal", "differs" };
    static char line[600];
    size_t count;
    const struct pnl_row *rows = pnl_rows(pnl, &count);
    struct text text = text_in(line, sizeof(line));

    for (size_t i = 0; i < count; i++) {
        char texts[3][DECIMAL_TEXT_MAX];

        text_addf(&text, "%s%s%s %s/%s/%s %s", i ? "; " : "", rows[i].tag, rows[i].coin,
                  decimal_format(&rows[i].log_realised, texts[0]),
                  decimal_format(&rows[i].log_fees, texts[1]),
                  decimal_format(&rows[i].log_funding, texts[2]), words[rows[i].checked]);
    }
    return line;
}

static const struct pnl_difference *difference(size_t n)
{
    size_t count;
    const struct pnl_difference *all = pnl_check_differences(check, &count);

    ck_assert_uint_lt(n, count);
    return &all[n];
}

START_TEST(the_same_is_equal)
{
    log_result("1", "2", "100", "0", "2");
    log_result("2", "2", "110", "20", "0");
    buy("1", "2", "100", "0");
    sell("2", "2", "110", "0");
    end_with("");
    ck_assert_str_eq(said(), "matched 2 missing 0 extra 0 different 0 pending 0");
    ck_assert_str_eq(rows_said(), "USDT 20/0/0 equal");
    ck_assert_int_eq(pnl_check_counts(check).entries, 2);
}
END_TEST

START_TEST(what_the_log_cuts_is_no_difference)
{
    log_trade("1", "2", "100", "0.12345678");
    buy("1", "2", "100", "0.123456789999");
    end_with("");
    ck_assert_str_eq(rows_said(), "USDT 0/0.12345678/0 equal");
}
END_TEST

static const struct {
    const char *qty, *price, *fee;
    unsigned fields;
} changes[] = {
    { "2", "100", "0.5", 0 },
    { "2", "100", "0.50000001", PNL_FIELD_FEE },
    { "2", "100", "-0.5", PNL_FIELD_FEE },
    { "2", "100", "", PNL_FIELD_FEE },
    { "2", "100.1", "0.5", PNL_FIELD_PRICE },
    { "3", "100", "0.5", PNL_FIELD_QTY },
    { "-2", "100", "0.5", 0 },
    { "1", "99", "0", PNL_FIELD_QTY | PNL_FIELD_PRICE | PNL_FIELD_FEE },
    { "", "", "0.5", 0 }, /* not told */
};

START_TEST(what_is_not_the_same_is_named)
{
    log_trade("1", changes[_i].qty, changes[_i].price, changes[_i].fee);
    buy("1", "2", "100", "0.5");
    end_with("");
    if (!changes[_i].fields) {
        ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
        return;
    }
    ck_assert_str_eq(said(), "matched 0 missing 0 extra 0 different 1 pending 0");
    ck_assert_int_eq(difference(0)->kind, PNL_DIFFERENT);
    ck_assert_uint_eq(difference(0)->fields, changes[_i].fields);
    ck_assert_str_eq(difference(0)->exec_id, "1");
    ck_assert_str_eq(difference(0)->symbol, "BTCUSDT");
    ck_assert_ptr_nonnull(strstr(rows_said(), "differs"));
}
END_TEST

START_TEST(a_fee_in_another_coin_is_a_difference)
{
    struct ledger_entry entry = entry_of("1", "2", "100", "0.5");

    memcpy(entry.coin, "MNT", 4);
    log_entry(&entry);
    buy("1", "2", "100", "0.5");
    ck_assert_uint_eq(difference(0)->fields, PNL_FIELD_COIN | PNL_FIELD_FEE);
    ck_assert_str_eq(difference(0)->log.coin, "MNT");
}
END_TEST

START_TEST(what_the_journal_lacks_is_missing)
{
    char qty[DECIMAL_TEXT_MAX];

    log_result("1", "2", "100", "7", "0");
    log_trade("2", "1", "100", "0.25");
    buy("2", "1", "100", "0.25");
    end_with("");
    ck_assert_str_eq(said(), "matched 1 missing 1 extra 0 different 0 pending 0");
    ck_assert_str_eq(difference(0)->exec_id, "1");
    ck_assert_str_eq(difference(0)->order_id, "o");
    ck_assert_int_eq(difference(0)->at_ms, T0);
    ck_assert_int_eq(decimal_sign(&difference(0)->log.price), 1);
    ck_assert_str_eq(decimal_format(&difference(0)->log.qty, qty), "2");
    ck_assert_str_eq(rows_said(), "USDT 7/0.25/0 differs");
}
END_TEST

START_TEST(what_the_log_lacks_is_extra)
{
    struct pnl_fill fill = funding_fill("f", "0.1");

    buy("1", "2", "100", "0.5");
    add(&fill);
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 0 extra 2 different 0 pending 0");
    ck_assert_int_eq(difference(0)->kind, PNL_EXTRA);
    ck_assert_str_eq(rows_said(), "USDT 0/0/0 differs");
}
END_TEST

START_TEST(the_newest_minute_is_pending)
{
    struct ledger_entry entry = entry_of("1", "2", "100", "0.5");
    struct pnl_fill fill = fill_of("2", SIDE_BUY, "1", "100", "0.5");

    entry.at_ms = fill.at_ms = SETTLED;
    log_entry(&entry);
    add(&fill);
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 0 extra 0 different 0 pending 2");
    ck_assert_str_eq(rows_said(), "USDT // null");
}
END_TEST

/* One of its two rows has come. */
START_TEST(what_is_half_there_is_pending)
{
    struct pnl_fill bought = spot_fill("1", SIDE_BUY, "0.002", "BTC");
    struct ledger_entry entry = entry_of("1", "-200", "100", "0");

    bought.at_ms = entry.at_ms = SETTLED + _i - 1;
    entry.category = CATEGORY_SPOT;
    log_entry(&entry);
    add(&bought);
    ck_assert_str_eq(said(), _i ? "matched 0 missing 0 extra 0 different 0 pending 1"
                                : "matched 0 missing 0 extra 0 different 1 pending 0");
}
END_TEST

/* --- spot --- */

START_TEST(spot_has_a_row_a_coin_and_the_fee_in_one_of_them)
{
    struct pnl_fill bought = spot_fill("1", SIDE_BUY, "0.002", "BTC");
    struct pnl_fill sold = spot_fill("2", SIDE_SELL, "0.2", "");

    log_spot("1", "USDT", "-200", "0");
    log_spot("1", "BTC", "2", "0.002");
    log_spot("2", "BTC", "-2", "0");
    log_spot("2", "USDT", "200", "0.2");
    add(&bought);
    add(&sold);
    end_with("");
    ck_assert_str_eq(said(), "matched 2 missing 0 extra 0 different 0 pending 0");
    ck_assert_int_eq(pnl_check_counts(check).entries, 4);
    ck_assert_str_eq(rows_said(), "BTC /0.002/0 equal; USDT /0.2/0 equal");
}
END_TEST

START_TEST(the_size_of_spot_may_be_without_the_fee)
{
    struct pnl_fill bought = spot_fill("1", SIDE_BUY, "0.002", "BTC");

    log_spot("1", "BTC", "1.998", "0.002");
    add(&bought);
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
}
END_TEST

START_TEST(a_fee_in_the_wrong_row_of_spot_is_a_difference)
{
    struct pnl_fill bought = spot_fill("1", SIDE_BUY, "0.002", "BTC");

    log_spot("1", "BTC", "2", "0");
    log_spot("1", "USDT", "-200", "0.2");
    add(&bought);
    ck_assert_uint_eq(difference(0)->fields, PNL_FIELD_COIN | PNL_FIELD_FEE);
    ck_assert_str_eq(difference(0)->log.coin, "USDT");
}
END_TEST

/* In whichever order its rows come. */
START_TEST(a_spot_execution_is_missing_once)
{
    char qty[DECIMAL_TEXT_MAX];

    for (int i = 0; i < 2; i++) {
        if (i == _i)
            log_spot("1", "USDT", "-200", "0");
        else
            log_spot("1", "BTC", "2", "0.002");
    }
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 1 extra 0 different 0 pending 0");
    ck_assert_str_eq(difference(0)->log.coin, "BTC");
    ck_assert_str_eq(decimal_format(&difference(0)->log.qty, qty), "2");
    ck_assert_str_eq(rows_said(), "BTC /0.002/0 differs; USDT /0/0 differs");
}
END_TEST

START_TEST(the_size_of_spot_is_not_that_of_the_other_coin)
{
    struct pnl_fill bought = spot_fill("2", SIDE_BUY, "0.002", "BTC");

    log_spot("1", "USDT", "-200", "0.2");
    log_spot("2", "USDT", "-200", "0.2");
    add(&bought);
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 1 extra 0 different 1 pending 0");
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(difference(i)->log.coin, "USDT");
        ck_assert(decimal_is_none(&difference(i)->log.qty));
    }
}
END_TEST

/* --- funding --- */

START_TEST(funding_has_the_other_sign)
{
    struct ledger_entry paid = funding_of("1", "-0.1");
    struct ledger_entry received = funding_of("2", "0.3");
    struct pnl_fill fills[] = { funding_fill("1", "0.1"), funding_fill("2", "-0.3") };

    log_entry(&paid);
    log_entry(&received);
    add(&fills[0]);
    add(&fills[1]);
    end_with("");
    ck_assert_str_eq(said(), "matched 2 missing 0 extra 0 different 0 pending 0");
    ck_assert_str_eq(rows_said(), "USDT 0/0/0.2 equal");
}
END_TEST

START_TEST(funding_with_the_wrong_sign_is_a_difference)
{
    struct ledger_entry entry = funding_of("1", "0.1");
    struct pnl_fill fill = funding_fill("1", "0.1");

    log_entry(&entry);
    add(&fill);
    ck_assert_uint_eq(difference(0)->fields, PNL_FIELD_FUNDING);
}
END_TEST

static const struct {
    int64_t apart_ms;
    const char *funding, *coin, *symbol;
    bool found;
} fundings[] = {
    { 0, "-0.1", "USDT", "BTCUSDT", true },     { 999, "-0.100000009", "USDT", "BTCUSDT", true },
    { -1000, "-0.1", "USDT", "BTCUSDT", true }, { 1001, "-0.1", "USDT", "BTCUSDT", false },
    { 0, "-0.2", "USDT", "BTCUSDT", false },    { 0, "0.1", "USDT", "BTCUSDT", false },
    { 0, "-0.1", "USDC", "BTCUSDT", false },    { 0, "-0.1", "USDT", "ETHUSDT", false },
};

/* The log has an id of its own for it. */
START_TEST(funding_is_found_by_time_and_amount)
{
    struct ledger_entry entry = funding_of("another", fundings[_i].funding);
    struct pnl_fill fill = funding_fill("1", "0.1");

    entry.at_ms += fundings[_i].apart_ms;
    ck_assert(!text_copy(entry.coin, sizeof(entry.coin), fundings[_i].coin));
    ck_assert(!text_copy(entry.symbol, sizeof(entry.symbol), fundings[_i].symbol));
    log_entry(&entry);
    add(&fill);
    end_with("");
    ck_assert_str_eq(said(), fundings[_i].found
                                 ? "matched 1 missing 0 extra 0 different 0 pending 0"
                                 : "matched 0 missing 1 extra 1 different 0 pending 0");
}
END_TEST

START_TEST(one_funding_is_found_once)
{
    struct ledger_entry entry = funding_of("another", "-0.1");
    struct pnl_fill fills[] = { funding_fill("1", "0.1"), funding_fill("2", "0.1") };

    log_entry(&entry);
    add(&fills[0]);
    add(&fills[1]);
    end_with("");
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 1 different 0 pending 0");
}
END_TEST

/* --- which is which --- */

START_TEST(a_trade_with_oneself_has_two_orders)
{
    struct ledger_entry bought = entry_of("1", "2", "100", "0.5");
    struct ledger_entry sold = entry_of("1", "2", "100", "0.1");
    struct pnl_fill fills[] = { fill_of("1", SIDE_SELL, "2", "100", "0.1"),
                                fill_of("1", SIDE_BUY, "2", "100", "0.5") };

    memcpy(sold.order_id, "p", 2);
    fills[0].order_id = "p";
    log_entry(&bought);
    log_entry(&sold);
    add(&fills[0]);
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
    add(&fills[1]);
    end_with("");
    ck_assert_str_eq(said(), "matched 2 missing 0 extra 0 different 0 pending 0");
}
END_TEST

START_TEST(an_id_counts_within_its_symbol)
{
    struct ledger_entry entry = entry_of("1", "2", "100", "0.5");

    memcpy(entry.symbol, "ETHUSDT", 8);
    log_entry(&entry);
    buy("1", "2", "100", "0.5");
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 1 extra 1 different 0 pending 0");
}
END_TEST

START_TEST(a_row_that_comes_again_counts_once)
{
    for (int i = 0; i < 3; i++)
        log_trade("1", "2", "100", "0.5");
    buy("1", "2", "100", "0.5");
    end_with("");
    ck_assert_int_eq(pnl_check_counts(check).entries, 1);
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
}
END_TEST

START_TEST(other_rows_are_counted_unless_an_execution_has_their_id)
{
    struct ledger_entry transfer = { .kind = LEDGER_OTHER, .coin = "USDT", .at_ms = T0 };
    struct ledger_entry moved = entry_of("1", "2", "100", "0.5");

    moved.kind = LEDGER_OTHER;
    log_entry(&transfer);
    log_entry(&transfer);
    log_entry(&moved);
    ck_assert_int_eq(pnl_check_counts(check).other, 3);
    buy("1", "2", "100", "0.5");
    end_with("");
    ck_assert_int_eq(pnl_check_counts(check).other, 2);
    ck_assert_int_eq(pnl_check_counts(check).entries, 3);
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
}
END_TEST

/* They are not dropped as repeated ones: that would hide what was paid. */
START_TEST(several_rows_of_one_execution_are_added_up)
{
    struct ledger_entry refund = entry_of("2", "0", "0", "-0.25");
    char told[DECIMAL_TEXT_MAX];

    log_trade("1", "1.5", "100", "0.25");
    log_trade("1", "0.5", "100", "0.25");
    refund.kind = LEDGER_OTHER;
    log_trade("2", "2", "100", "0.5");
    log_entry(&refund);
    log_trade("3", "2", "100", "0.5");
    log_trade("3", "2", "100", "0.25");
    buy("1", "2", "100", "0.5");
    buy("2", "2", "100", "0.25");
    buy("3", "2", "100", "0.5");
    end_with("");
    ck_assert_str_eq(said(), "matched 2 missing 0 extra 0 different 1 pending 0");
    ck_assert_str_eq(difference(0)->exec_id, "3");
    ck_assert_uint_eq(difference(0)->fields, PNL_FIELD_QTY | PNL_FIELD_FEE);
    ck_assert_str_eq(decimal_format(&difference(0)->log.qty, told), "4");
    ck_assert_str_eq(decimal_format(&difference(0)->log.fee, told), "0.75");
    ck_assert_int_eq(pnl_check_counts(check).entries, 6);
}
END_TEST

/* Without an id it can't be matched, and is told. */
START_TEST(a_trade_without_an_id_is_missing)
{
    log_trade("", "2", "100", "0.5");
    log_trade("", "2", "100", "0.5");
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 2 extra 0 different 0 pending 0");
}
END_TEST

/* --- the span --- */

START_TEST(what_is_before_the_span_is_not_compared)
{
    struct pnl_fill old = fill_of("1", SIDE_BUY, "2", "100", "0.5");
    struct ledger_entry entry = entry_of("2", "1", "100", "0.5");

    old.at_ms = FROM - 1;
    entry.at_ms = FROM - 1;
    log_entry(&entry);
    add(&old);
    log_trade("3", "1", "100", "0.5");
    buy("3", "1", "100", "0.5");
    end_with("");
    ck_assert_int_eq(pnl_check_counts(check).entries, 1);
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
    ck_assert_str_eq(rows_said(), "USDT // null"); /* its sums are of more than the log's */
}
END_TEST

START_TEST(times_of_both_sides_may_differ_at_the_ends)
{
    struct ledger_entry early = entry_of("1", "1", "100", "0.5");
    struct ledger_entry late = entry_of("2", "1", "100", "0.5");
    struct pnl_fill first = fill_of("1", SIDE_BUY, "1", "100", "0.5");
    struct pnl_fill last = fill_of("2", SIDE_BUY, "1", "100", "0.5");

    early.at_ms = FROM - 3; /* within here, before it there */
    first.at_ms = FROM + 3;
    late.at_ms = TO - 3; /* the other way round */
    last.at_ms = TO + 3;
    log_entry(&early);
    log_entry(&late);
    add(&first);
    add(&last);
    end_with("");
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
    ck_assert_str_eq(rows_said(), "USDT 0/0.5/0 equal");
}
END_TEST

START_TEST(a_span_without_time_compares_nothing)
{
    span.from_ms = span.to_ms;
    open_with(PNL_BY_SYMBOL, NULL);
    buy("1", "1", "100", "0.5");
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 0 extra 0 different 0 pending 0");
    ck_assert_str_eq(rows_said(), "USDT // null");
}
END_TEST

/* No scan reads their executions. */
START_TEST(options_are_not_missing_from_before_the_first_start)
{
    struct ledger_entry entry = entry_of("1", "1", "100", "0.5");

    span.options_from_ms = T0 + 5;
    open_with(PNL_BY_SYMBOL, NULL);
    entry.category = CATEGORY_OPTION;
    log_entry(&entry);
    memcpy(entry.exec_id, "2", 2);
    entry.at_ms = T0 + 5;
    log_entry(&entry);
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 1 extra 0 different 0 pending 0");
    ck_assert_str_eq(difference(0)->exec_id, "2");
}
END_TEST

START_TEST(other_symbols_and_categories_are_not_looked_at)
{
    struct ledger_entry transfer = { .kind = LEDGER_OTHER, .coin = "USDT", .at_ms = T0 };

    span.has_category = true;
    span.category = CATEGORY_LINEAR;
    span.symbol = "ETHUSDT";
    open_with(PNL_BY_SYMBOL, NULL);
    log_trade("1", "2", "100", "0.5");
    log_spot("2", "BTC", "2", "0");
    log_entry(&transfer);
    end_with("");
    ck_assert_int_eq(pnl_check_counts(check).entries, 0);
    ck_assert_str_eq(said(), "matched 0 missing 0 extra 0 different 0 pending 0");
}
END_TEST

/* --- tags --- */

START_TEST(tags_are_those_of_the_journal)
{
    struct pnl_fill fills[] = { fill_of("1", SIDE_BUY, "1", "100", "0.5"),
                                fill_of("2", SIDE_BUY, "1", "100", "0.25") };

    open_with(PNL_BY_TAG, NULL);
    fills[0].tag = "a";
    fills[1].tag = "b";
    log_trade("1", "1", "100", "0.5");
    log_trade("2", "1", "100", "0.25");
    log_trade("3", "1", "100", "0.125");
    add(&fills[0]);
    add(&fills[1]);
    end_with("b");
    ck_assert_str_eq(rows_said(), "aUSDT 0/0.5/0 equal; bUSDT 0/0.375/0 differs");
}
END_TEST

START_TEST(with_a_tag_the_others_are_found_and_not_counted)
{
    struct pnl_fill fills[] = { fill_of("1", SIDE_BUY, "1", "100", "0.5"),
                                fill_of("2", SIDE_BUY, "1", "100", "0.25") };

    open_with(PNL_BY_TAG, "a");
    fills[0].tag = "a";
    fills[1].tag = "b";
    log_trade("1", "1", "100", "0.5");
    log_trade("2", "1", "100", "0.25");
    log_trade("3", "1", "100", "0.125");
    add(&fills[0]);
    add(&fills[1]);
    end_with("b");
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
    ck_assert_str_eq(rows_said(), "aUSDT 0/0.5/0 equal");
}
END_TEST

/* --- what was realised --- */

static const struct {
    const char *flow, *size; /* of the closing: bought 2 at 100, sold at 110: 20, volume 220 */
    const char *checked;
} results[] = {
    { "20", "0", "equal" },       { "20.00021", "0", "equal" }, /* 220 * 10^-6 + 2 * 10^-8 + 10^-8
                                                                 */
    { "19.99979", "0", "equal" }, { "20.00023", "0", "differs" }, { "19.99977", "0", "differs" },
    { "-20", "0", "differs" },    { "-20", "5", "null" }, /* the position is larger than the
                                                             journal knows */
    { "20", "5", "equal" },       { "20", "", "equal" },          { "21", "", "differs" },
};

START_TEST(what_was_realised_is_compared)
{
    log_result("1", "2", "100", "0", "2");
    log_result("2", "2", "110", results[_i].flow, results[_i].size);
    buy("1", "2", "100", "0");
    sell("2", "2", "110", "0");
    end_with("");
    ck_assert_str_eq(said(), "matched 2 missing 0 extra 0 different 0 pending 0");
    ck_assert_msg(strstr(rows_said(), results[_i].checked), "%s", rows_said());
}
END_TEST

START_TEST(a_closing_without_known_cost_is_not_compared)
{
    struct pnl_fill fill = fill_of("1", SIDE_SELL, "2", "110", "0");

    fill.closed_qty = number("2");
    log_result("1", "2", "110", "123", "0");
    add(&fill);
    end_with("");
    ck_assert_str_eq(said(), "matched 1 missing 0 extra 0 different 0 pending 0");
    ck_assert_str_eq(rows_said(), "USDT 123/0/0 null");
}
END_TEST

/* Each session ends with its result paid out, and what is left counts from there. */
START_TEST(what_usdc_contracts_realise_is_not_compared)
{
    struct ledger_entry entries[] = { entry_of("1", "2", "100", "0"),
                                      entry_of("2", "2", "110", "0.5"),
                                      entry_of("3", "1", "110", "0.25") };
    struct pnl_fill fills[] = { fill_of("1", SIDE_BUY, "2", "100", "0"),
                                fill_of("2", SIDE_SELL, "2", "110", "0.5") };

    entries[1].flow = number("4"); /* 16 were paid before */
    entries[1].size = number("0");
    for (size_t i = 0; i < 3; i++) {
        memcpy(entries[i].symbol, "BTCPERP", 8);
        memcpy(entries[i].coin, "USDC", 5);
    }
    for (size_t i = 0; i < 2; i++) {
        fills[i].symbol = "BTCPERP";
        fills[i].fee_coin = "USDC";
        log_entry(&entries[i]);
        add(&fills[i]);
    }
    ck_assert_str_eq(rows_said(), "USDC /0.5/0 equal");
    log_entry(&entries[2]);
    end_with("");
    ck_assert_str_eq(rows_said(), "USDC /0.75/0 differs");
}
END_TEST

START_TEST(a_log_that_does_not_tell_the_result_has_none)
{
    struct ledger_entry entry = entry_of("1", "2", "100", "0");

    entry.flow = DECIMAL_NONE;
    log_entry(&entry);
    buy("1", "2", "100", "0");
    end_with("");
    ck_assert_str_eq(rows_said(), "USDT /0/0 equal");
}
END_TEST

/* --- bounds --- */

START_TEST(what_does_not_fit_is_refused)
{
    struct ledger_entry entry = entry_of("1", "2", "100", "9999999999999999999999");
    struct error error = { 0 };

    ck_assert_int_eq(pnl_check_add(check, &entry, &error), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "too large"));
    entry.kind = LEDGER_OTHER; /* of no interest */
    ck_assert_int_eq(pnl_check_add(check, &entry, &error), ERR_NONE);
}
END_TEST

START_TEST(one_execution_has_few_rows)
{
    struct error error = { 0 };
    enum err err = ERR_NONE;
    int taken = 0;

    for (int i = 0; i < 20 && !err; i++) {
        struct ledger_entry entry = entry_of("1", "2", "100", "0.5");

        (void)snprintf(entry.coin, sizeof(entry.coin), "C%d", i);
        err = pnl_check_add(check, &entry, &error);
        taken += !err;
    }
    ck_assert_int_eq(err, ERR_INVALID);
    ck_assert_int_eq(taken, PNL_CHECK_LEGS_MAX);
}
END_TEST

START_TEST(many_other_rows_may_have_one_id)
{
    for (int i = 0; i < 20; i++) {
        struct ledger_entry entry = entry_of("0", "2", "100", "0.5");

        entry.kind = LEDGER_OTHER;
        (void)snprintf(entry.order_id, sizeof(entry.order_id), "o%d", i);
        log_entry(&entry);
    }
    ck_assert_int_eq(pnl_check_counts(check).other, 20);
}
END_TEST

START_TEST(there_are_so_many_rows_and_no_more)
{
    struct ledger_entry entry = entry_of("1", "2", "100", "0.5");
    struct error error = { 0 };
    enum err err = ERR_NONE;
    int taken = 0;

    for (int i = 0; i <= PNL_CHECK_ROWS_MAX && !err; i++) {
        (void)snprintf(entry.exec_id, sizeof(entry.exec_id), "e-%d", i);
        err = pnl_check_add(check, &entry, &error);
        taken += !err;
    }
    ck_assert_int_eq(err, ERR_BUSY);
    ck_assert_int_eq(taken, PNL_CHECK_ROWS_MAX);
    end_with("");
    ck_assert_int_eq(pnl_check_counts(check).missing, PNL_CHECK_ROWS_MAX);
    (void)difference(PNL_CHECK_SHOWN_MAX - 1);
}
END_TEST

/* Numbers at the bound are added up without overflow. */
START_TEST(the_largest_numbers_can_be_added)
{
    static const char most[] = "1329227995784915872"; /* 2^120 / 10^18 */
    struct ledger_entry entry = entry_of("1", most, most, most);
    struct pnl_fill fill = fill_of("1", SIDE_BUY, "1", "1", "-30000000000000000000");

    entry.flow = entry.funding = entry.size = number(most);
    for (int i = 0; i < PNL_CHECK_LEGS_MAX; i++) {
        (void)snprintf(entry.coin, sizeof(entry.coin), "USDT%d", i);
        entry.coin[4] = (char)(i ? '0' + i : 0);
        log_entry(&entry);
    }
    add(&fill);
    end_with("");
    ck_assert_str_eq(said(), "matched 0 missing 0 extra 0 different 1 pending 0");
    (void)rows_said();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, the_same_is_equal);
    tcase_add_test(tcase, what_the_log_cuts_is_no_difference);
    tcase_add_loop_test(tcase, what_is_not_the_same_is_named, 0, (int)ARRAY_LEN(changes));
    tcase_add_test(tcase, a_fee_in_another_coin_is_a_difference);
    tcase_add_test(tcase, what_the_journal_lacks_is_missing);
    tcase_add_test(tcase, what_the_log_lacks_is_extra);
    tcase_add_test(tcase, the_newest_minute_is_pending);
    tcase_add_loop_test(tcase, what_is_half_there_is_pending, 0, 2);
    tcase_add_test(tcase, spot_has_a_row_a_coin_and_the_fee_in_one_of_them);
    tcase_add_test(tcase, the_size_of_spot_may_be_without_the_fee);
    tcase_add_test(tcase, a_fee_in_the_wrong_row_of_spot_is_a_difference);
    tcase_add_loop_test(tcase, a_spot_execution_is_missing_once, 0, 2);
    tcase_add_test(tcase, the_size_of_spot_is_not_that_of_the_other_coin);
    tcase_add_test(tcase, funding_has_the_other_sign);
    tcase_add_test(tcase, funding_with_the_wrong_sign_is_a_difference);
    tcase_add_loop_test(tcase, funding_is_found_by_time_and_amount, 0, (int)ARRAY_LEN(fundings));
    tcase_add_test(tcase, one_funding_is_found_once);
    tcase_add_test(tcase, a_trade_with_oneself_has_two_orders);
    tcase_add_test(tcase, an_id_counts_within_its_symbol);
    tcase_add_test(tcase, a_row_that_comes_again_counts_once);
    tcase_add_test(tcase, other_rows_are_counted_unless_an_execution_has_their_id);
    tcase_add_test(tcase, several_rows_of_one_execution_are_added_up);
    tcase_add_test(tcase, a_trade_without_an_id_is_missing);
    tcase_add_test(tcase, what_is_before_the_span_is_not_compared);
    tcase_add_test(tcase, times_of_both_sides_may_differ_at_the_ends);
    tcase_add_test(tcase, a_span_without_time_compares_nothing);
    tcase_add_test(tcase, options_are_not_missing_from_before_the_first_start);
    tcase_add_test(tcase, other_symbols_and_categories_are_not_looked_at);
    tcase_add_test(tcase, tags_are_those_of_the_journal);
    tcase_add_test(tcase, with_a_tag_the_others_are_found_and_not_counted);
    tcase_add_loop_test(tcase, what_was_realised_is_compared, 0, (int)ARRAY_LEN(results));
    tcase_add_test(tcase, a_closing_without_known_cost_is_not_compared);
    tcase_add_test(tcase, what_usdc_contracts_realise_is_not_compared);
    tcase_add_test(tcase, a_log_that_does_not_tell_the_result_has_none);
    tcase_add_test(tcase, what_does_not_fit_is_refused);
    tcase_add_test(tcase, one_execution_has_few_rows);
    tcase_add_test(tcase, many_other_rows_may_have_one_id);
    tcase_add_test(tcase, there_are_so_many_rows_and_no_more);
    tcase_add_test(tcase, the_largest_numbers_can_be_added);
}

int main(void)
{
    Suite *suite = suite_create("pnl_check");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    return kit_main(suite);
}
