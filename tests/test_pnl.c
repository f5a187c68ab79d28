/* Profit and loss by average cost: cases worked out by hand, and properties over random executions.
 */
#include <stdlib.h>

#include "tests/test_pnl_kit.h"

#define DAY INT64_C(86400000)
#define T0  (INT64_C(20000) * DAY)

static struct decimal number(const char *text)
{
    return text[0] ? kit_decimal(text) : DECIMAL_NONE;
}

/* "buy 2 @100 fee 0.1 closed 0" in columns. */
struct step {
    enum side side;
    const char *qty;
    const char *price;
    const char *fee;
    const char *closed; /* "": not told */
    enum fill_kind kind;
    int position_idx;
};

static void add_to(struct pnl *pnl, enum category category, const char *symbol,
                   const struct step *step, int64_t at_ms)
{
    struct pnl_fill fill = { .category = category,
                             .symbol = symbol,
                             .side = step->side,
                             .qty = number(step->qty),
                             .price = number(step->price),
                             .fee = number(step->fee),
                             .fee_coin = "",
                             .kind = step->kind,
                             .closed_qty = number(step->closed),
                             .at_ms = at_ms,
                             .tag = "",
                             .position_idx = step->position_idx };

    ck_assert_int_eq(pnl_add(pnl, &fill), ERR_NONE);
}

/* qty, price, fee, closed; _AS: also kind and position_idx. */
#define BUY(...)                                                                                   \
    {                                                                                              \
        SIDE_BUY, __VA_ARGS__, FILL_TRADE, 0                                                       \
    }
#define SELL(...)                                                                                  \
    {                                                                                              \
        SIDE_SELL, __VA_ARGS__, FILL_TRADE, 0                                                      \
    }
#define BUY_AS(...)                                                                                \
    {                                                                                              \
        SIDE_BUY, __VA_ARGS__                                                                      \
    }
#define SELL_AS(...)                                                                               \
    {                                                                                              \
        SIDE_SELL, __VA_ARGS__                                                                     \
    }
#define STEPS_MAX 6

static const struct {
    const char *what;
    enum category category;
    const char *symbol;
    struct step steps[STEPS_MAX];
    const char *rows[2]; /* by symbol: one a coin */
} cases[] = {
    { "an average of two entries",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY("1", "100", "0.1", "0"), BUY("3", "120", "0.3", "0"), SELL("2", "130", "0.2", "2") },
      { "USDT realised 30 fees 0.6 funding 0 net 29.4 volume 720 trades 3 unmatched 0/0 skipped 0",
        NULL } },
    { "a short, and a rebate",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { SELL("2", "100", "-0.5", "0"), BUY("2", "90.5", "0.1", "2") },
      { "USDT realised 19 fees -0.4 funding 0 net 19.4 volume 381 trades 2 unmatched 0/0 skipped 0",
        NULL } },
    { "one execution that turns the position",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY("1", "100", "", "0"), SELL("3", "110", "", "1"), BUY("2", "100", "", "2") },
      { "USDT realised 30 fees 0 funding 0 net 30 volume 630 trades 3 unmatched 0/0 skipped 0",
        NULL } },
    { "the same without a word of what was closed",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY("1", "100", "", ""), SELL("3", "110", "", ""), BUY("2", "100", "", "") },
      { "USDT realised 30 fees 0 funding 0 net 30 volume 630 trades 3 unmatched 0/0 skipped 0",
        NULL } },
    { "a third of the cost is cut, and the last closing takes what is left",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY("3", "0.333333333333333333", "", "0"), BUY("0.5", "1", "", "0"),
        SELL("1", "1", "", "1"), SELL("1", "1", "", "1"), SELL("1.5", "1", "", "1.5") },
      { "USDT realised 2.000000000000000001 fees 0 funding 0 net 2.000000000000000001 volume "
        "4.999999999999999999 trades 5 unmatched 0/0 skipped 0",
        NULL } },
    { "funding is no fee: what was paid is negative",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY("1", "100", "0.1", "0"), BUY_AS("1", "100", "0.25", "0", FILL_FUNDING, 0),
        BUY_AS("1", "100", "-0.05", "0", FILL_FUNDING, 0) },
      { "USDT realised 0 fees 0.1 funding -0.2 net -0.3 volume 100 trades 1 unmatched 0/0 skipped "
        "0",
        NULL } },
    { "inverse: in the base coin, by 1/price",
      CATEGORY_INVERSE,
      "BTCUSD",
      { BUY("1000", "20000", "0.00001", "0"), SELL("1000", "25000", "0.00001", "1000") },
      { "BTC realised 0.01 fees 0.00002 funding 0 net 0.00998 volume 0.09 trades 2 unmatched 0/0 "
        "skipped 0",
        NULL } },
    { "inverse: a short loses when the price rises, cut at 18 decimals",
      CATEGORY_INVERSE,
      "BTCUSD",
      { SELL("100", "30000", "", "0"), BUY("100", "40000", "", "100") },
      { "BTC realised -0.000833333333333333 fees 0 funding 0 net -0.000833333333333333 volume "
        "0.005833333333333333 trades 2 unmatched 0/0 skipped 0",
        NULL } },
    { "a position from before the journal has no cost",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { SELL("2", "100", "0.2", "2"), BUY("1", "90", "", "0"), SELL("3", "100", "", "3") },
      { "USDT realised 10 fees 0.2 funding 0 net 9.8 volume 590 trades 3 unmatched 2/4 skipped 0",
        NULL } },
    { "the exchange opened where the average says it closed: what was open is gone",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY("5", "100", "", "0"), SELL("3", "110", "", "1"), BUY("2", "100", "", "2") },
      { "USDT realised 30 fees 0 funding 0 net 30 volume 1030 trades 3 unmatched 1/4 skipped 0",
        NULL } },
    { "both sides of hedge mode are averages of their own",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY_AS("1", "100", "", "0", FILL_TRADE, 1), SELL_AS("1", "120", "", "0", FILL_TRADE, 2),
        SELL_AS("1", "110", "", "1", FILL_TRADE, 1), BUY_AS("1", "115", "", "1", FILL_TRADE, 2) },
      { "USDT realised 15 fees 0 funding 0 net 15 volume 445 trades 4 unmatched 0/0 skipped 0",
        NULL } },
    { "a liquidation in hedge mode whose order is not known",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY_AS("1", "100", "", "0", FILL_TRADE, 1),
        SELL_AS("1", "60", "", "1", FILL_LIQUIDATION, -1) },
      { "USDT realised -40 fees 0 funding 0 net -40 volume 160 trades 2 unmatched 0/0 skipped 0",
        NULL } },
    { "a settlement only closes",
      CATEGORY_OPTION,
      "BTC-27MAR26-70000-C-USDT",
      { BUY("2", "50", "", ""), SELL_AS("3", "0", "", "", FILL_SETTLE, 0) },
      { "USDT realised -100 fees 0 funding 0 net -100 volume 100 trades 2 unmatched 1/1 skipped 0",
        NULL } },
    { "a settlement and a liquidation open nothing, whatever the exchange says they closed",
      CATEGORY_LINEAR,
      "BTC-26DEC25",
      { BUY("2", "50", "", "0"), SELL_AS("1", "60", "", "0", FILL_SETTLE, 0),
        SELL_AS("1", "45", "", "0", FILL_LIQUIDATION, 0), BUY("1", "70", "", "0"),
        SELL("1", "71", "", "1") },
      { "USDC realised 6 fees 0 funding 0 net 6 volume 346 trades 5 unmatched 0/0 skipped 0",
        NULL } },
    { "spot: bought with a fee in the base coin, sold more than was bought",
      CATEGORY_SPOT,
      "BTCUSDT",
      { BUY("2", "100", "0.5", ""), SELL("1", "110", "0.11", ""), SELL("1", "120", "", "") },
      { "BTC realised 0 fees 0.5 funding 0 net -0.5 volume 0 trades 0 unmatched 0/0 skipped 0",
        "USDT realised 20 fees 0.11 funding 0 net 19.89 volume 430 trades 3 unmatched 1/0.5 "
        "skipped "
        "0" } },
    { "what has no price or an unknown kind is skipped, and says so",
      CATEGORY_LINEAR,
      "BTCUSDT",
      { BUY("1", "", "", "0"), BUY_AS("1", "5", "", "0", FILL_OTHER, 0), BUY("0", "5", "", "0"),
        BUY("99999999999999999999999", "5", "", "0") },
      { "USDT realised 0 fees 0 funding 0 net 0 volume 0 trades 0 unmatched 0/0 skipped 4",
        NULL } },
};

START_TEST(executions_give_the_result_worked_out_by_hand)
{
    const struct pnl_filter filter = { .group = PNL_BY_SYMBOL };
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    const struct pnl_row *rows;
    size_t count;

    ck_assert_ptr_nonnull(pnl);
    for (size_t i = 0; i < STEPS_MAX && cases[_i].steps[i].qty; i++)
        add_to(pnl, cases[_i].category, cases[_i].symbol, &cases[_i].steps[i], T0);
    rows = pnl_rows(pnl, &count);
    ck_assert_uint_eq(count, cases[_i].rows[1] ? 2 : 1);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(strcmp(line_of(&rows[i]), cases[_i].rows[i]) == 0, "%s:\n%s\nnot\n%s",
                      cases[_i].what, line_of(&rows[i]), cases[_i].rows[i]);
        ck_assert_str_eq(rows[i].symbol, cases[_i].symbol);
        ck_assert_int_eq(rows[i].category, cases[_i].category);
    }
    pnl_destroy(pnl);
}
END_TEST

/* --- groups, span, tag --- */

static struct pnl_fill trade(const char *symbol, enum side side, const char *price, int64_t at_ms,
                             const char *tag)
{
    return (struct pnl_fill){ .category = CATEGORY_LINEAR,
                              .symbol = symbol,
                              .side = side,
                              .qty = number("1"),
                              .price = number(price),
                              .fee = number("0.1"),
                              .fee_coin = "USDT",
                              .closed_qty = DECIMAL_NONE,
                              .at_ms = at_ms,
                              .tag = tag };
}

static struct pnl *two_days(const struct pnl_filter *filter)
{
    const struct pnl_fill fills[] = {
        trade("BTCUSDT", SIDE_BUY, "100", T0, "a"),
        trade("ETHUSDT", SIDE_BUY, "10", T0 + DAY - 1, ""),
        trade("BTCUSDT", SIDE_SELL, "130", T0 + DAY, "b"),
        trade("ETHUSDT", SIDE_SELL, "12", T0 + DAY + 5, "a"),
    };
    struct pnl *pnl = pnl_create(filter, coins, NULL);

    ck_assert_ptr_nonnull(pnl);
    for (size_t i = 0; i < ARRAY_LEN(fills); i++)
        ck_assert_int_eq(pnl_add(pnl, &fills[i]), ERR_NONE);
    return pnl;
}

START_TEST(days_are_those_of_utc_in_order)
{
    const struct pnl_filter filter = { .group = PNL_BY_DAY };
    struct pnl *pnl = two_days(&filter);
    size_t count;
    const struct pnl_row *rows = pnl_rows(pnl, &count);

    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(rows[0].day_ms, T0);
    ck_assert_int_eq(rows[1].day_ms, T0 + DAY);
    ck_assert_str_eq(line_of(&rows[1]), "USDT realised 32 fees 0.2 funding 0 net 31.8 volume 142 "
                                        "trades 2 unmatched 0/ skipped 0");
    pnl_destroy(pnl);
}
END_TEST

START_TEST(a_result_belongs_to_the_tag_that_closed)
{
    const struct pnl_filter filter = { .group = PNL_BY_TAG };
    struct pnl *pnl = two_days(&filter);
    size_t count;
    const struct pnl_row *rows = pnl_rows(pnl, &count);

    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(rows[0].tag, "");
    ck_assert_str_eq(rows[1].tag, "a");
    ck_assert_str_eq(line_of(&rows[1]), "USDT realised 2 fees 0.2 funding 0 net 1.8 volume 112 "
                                        "trades 2 unmatched 0/ skipped 0");
    ck_assert_str_eq(rows[2].tag, "b");
    pnl_destroy(pnl);
}
END_TEST

/* What lies outside moves the averages all the same. */
START_TEST(a_span_and_a_tag_choose_what_counts_not_what_it_cost)
{
    const struct pnl_filter filter = { .group = PNL_BY_SYMBOL, .from_ms = T0 + DAY, .tag = "b" };
    struct pnl *pnl = two_days(&filter);
    size_t count;
    const struct pnl_row *rows = pnl_rows(pnl, &count);

    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(line_of(&rows[0]), "USDT realised 30 fees 0.1 funding 0 net 29.9 volume 130 "
                                        "trades 1 unmatched 0/0 skipped 0");
    pnl_destroy(pnl);
}
END_TEST

START_TEST(rows_and_symbols_have_a_bound)
{
    const struct pnl_filter by_tag = { .group = PNL_BY_TAG };
    const struct pnl_filter by_day = { .group = PNL_BY_DAY };
    struct pnl *tags = pnl_create(&by_tag, coins, NULL);
    struct pnl *symbols = pnl_create(&by_day, coins, NULL);
    char name[32];
    enum err err = ERR_NONE;
    int added = 0;

    for (; !err && added <= PNL_ROWS_MAX; added += !err) {
        (void)snprintf(name, sizeof(name), "tag-%d", added);
        const struct pnl_fill fill = trade("BTCUSDT", SIDE_BUY, "1", T0, name);
        err = pnl_add(tags, &fill);
    }
    ck_assert_int_eq(err, ERR_BUSY);
    ck_assert_int_eq(added, PNL_ROWS_MAX);
    for (err = ERR_NONE, added = 0; !err && added <= PNL_PLACES_MAX; added += !err) {
        (void)snprintf(name, sizeof(name), "C%dUSDT", added);
        const struct pnl_fill fill = trade(name, SIDE_BUY, "1", T0, "");
        err = pnl_add(symbols, &fill);
    }
    ck_assert_int_eq(err, ERR_BUSY);
    ck_assert_int_eq(added, PNL_PLACES_MAX);
    pnl_destroy(tags);
    pnl_destroy(symbols);
}
END_TEST

/* --- properties --- */

static uint64_t seed;

static int64_t chance(int64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((seed >> 33) % (uint64_t)below);
}

/* Sizes with 3 decimals, prices with 2. Whatever the order of entries and exits: once all is
 * closed, the result is what was taken less what was paid. */
START_TEST(a_closed_position_has_realised_what_flowed)
{
    const struct pnl_filter filter = { .group = PNL_BY_DAY };
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    int64_t position = 0; /* thousandths */
    int64_t flow = 0;     /* of 10^-5 */
    size_t count;
    const struct pnl_row *rows;
    struct decimal expected;

    seed = (uint64_t)_i + 1;
    for (int i = 0; i < 200; i++) {
        bool last = i == 199;
        int64_t price = 2500000 + chance(100000);
        int64_t qty = last ? llabs(position) : 1 + chance(5000);
        enum side side = (last ? position < 0 : chance(2)) ? SIDE_BUY : SIDE_SELL;
        int64_t sign = side == SIDE_BUY ? 1 : -1;
        int64_t closed = position * sign >= 0 ? 0 : llabs(position) < qty ? llabs(position) : qty;
        struct pnl_fill fill = trade("BTCUSDT", side, "1", T0, "");

        if (qty == 0)
            break;
        fill.qty = (struct decimal){ qty, 3 };
        fill.price = (struct decimal){ price, 2 };
        fill.closed_qty = chance(2) ? (struct decimal){ closed, 3 } : DECIMAL_NONE;
        ck_assert_int_eq(pnl_add(pnl, &fill), ERR_NONE);
        position += sign * qty;
        flow -= sign * qty * price;
    }
    rows = pnl_rows(pnl, &count);
    ck_assert_uint_eq(count, 1);
    expected = (struct decimal){ flow, 5 };
    ck_assert_int_eq(decimal_cmp(&rows[0].realised, &expected), 0);
    ck_assert_int_eq(rows[0].unmatched, 0);
    pnl_destroy(pnl);
}
END_TEST

/* The same for inverse contracts: but for a unit of the last decimal where an execution is split.
 */
START_TEST(a_closed_inverse_position_has_realised_what_flowed)
{
    const struct pnl_filter filter = { .group = PNL_BY_DAY };
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    int64_t position = 0;
    decimal_int flow = 0; /* of 10^-18 */
    size_t count;
    const struct pnl_row *rows;
    decimal_int gap;

    seed = (uint64_t)_i + 77;
    for (int i = 0; i < 200; i++) {
        bool last = i == 199;
        int64_t price = 2500000 + chance(100000);
        int64_t qty = last ? llabs(position) : 1 + chance(5000);
        enum side side = (last ? position < 0 : chance(2)) ? SIDE_BUY : SIDE_SELL;
        struct pnl_fill fill = trade("BTCUSD", side, "1", T0, "");

        if (qty == 0)
            break;
        fill.category = CATEGORY_INVERSE;
        fill.fee_coin = "BTC";
        fill.qty = decimal_from_int(qty);
        fill.price = (struct decimal){ price, 2 };
        ck_assert_int_eq(pnl_add(pnl, &fill), ERR_NONE);
        position += side == SIDE_BUY ? qty : -qty;
        flow += (side == SIDE_BUY ? 1 : -1) *
                ((decimal_int)qty * 100 * INT64_C(1000000000000000000) / price);
    }
    rows = pnl_rows(pnl, &count);
    ck_assert_uint_eq(count, 1);
    gap = rows[0].realised.mantissa;
    for (int32_t scale = rows[0].realised.scale; scale < PNL_SCALE; scale++)
        gap *= 10;
    gap -= flow;
    ck_assert_msg(gap <= 200 && gap >= -200, "off by %lld units", (long long)gap);
    pnl_destroy(pnl);
}
END_TEST

/* Up to 36 digits, of either sign. */
static struct decimal any_number(void)
{
    char text[DECIMAL_TEXT_MAX] = "";
    size_t digits = (size_t)chance(DECIMAL_DIGITS_MAX) + 1;
    struct decimal value = DECIMAL_NONE;

    for (size_t i = 0; i < digits; i++)
        text[i] = (char)('1' + chance(9));
    if (chance(20) == 0 || decimal_parse(&value, text))
        return DECIMAL_NONE;
    value.scale = (int32_t)chance(DECIMAL_SCALE_MAX + 1);
    if (chance(10) == 0)
        value.mantissa = -value.mantissa;
    return value;
}

/* What the exchange may never send: the sums stay those of what fitted, and the rest is counted. */
START_TEST(numbers_of_any_size_do_no_harm)
{
    const struct pnl_filter filter = { .group = PNL_BY_SYMBOL };
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    const struct pnl_row *rows;
    size_t count;
    int64_t seen = 0;

    seed = (uint64_t)_i + 1;
    for (int i = 0; i < 2000; i++) {
        struct pnl_fill fill = trade("BTCUSDT", (enum side)chance(3), "1", T0, "");

        fill.category = (enum category)chance(CATEGORY_COUNT);
        fill.kind = (enum fill_kind)chance(FILL_OTHER + 1);
        fill.position_idx = (int)chance(6) - 2;
        fill.qty = any_number();
        fill.price = any_number();
        fill.fee = any_number();
        fill.closed_qty = any_number();
        fill.fee_coin = chance(2) ? "" : "BTC";
        ck_assert_int_eq(pnl_add(pnl, &fill), ERR_NONE);
    }
    rows = pnl_rows(pnl, &count);
    for (size_t i = 0; i < count; i++) {
        seen += rows[i].trades + rows[i].skipped;
        (void)line_of(&rows[i]);
    }
    ck_assert_int_gt(seen, 1000);
    pnl_destroy(pnl);
}
END_TEST

/* --- coins --- */

static const struct {
    enum category category;
    const char *symbol, *base, *coin;
} guesses[] = {
    { CATEGORY_LINEAR, "BTCUSDT", "BTC", "USDT" },
    { CATEGORY_LINEAR, "BTCUSDT-26DEC25", "BTC", "USDT" },
    { CATEGORY_LINEAR, "BTCPERP", "BTC", "USDC" },
    { CATEGORY_LINEAR, "BTC-26DEC25", "BTC", "USDC" },
    { CATEGORY_INVERSE, "BTCUSD", "BTC", "BTC" },
    { CATEGORY_INVERSE, "ETHUSDZ25", "ETH", "ETH" },
    { CATEGORY_INVERSE, "ODD", "", "" },
    { CATEGORY_OPTION, "BTC-27MAR26-70000-C-USDT", "BTC", "USDT" },
    { CATEGORY_OPTION, "BTC-27MAR26-70000-C", "BTC", "USDC" },
    { CATEGORY_SPOT, "BTCUSDC", "BTC", "USDC" },
    { CATEGORY_SPOT, "ETHBTC", "ETH", "BTC" },
    { CATEGORY_SPOT, "USDT", "", "" },
    { CATEGORY_SPOT, "ABCDEFGHIJKLMNOPQUSDT", "", "" },
};

START_TEST(coins_are_guessed_by_the_symbol)
{
    char coin[COIN_MAX] = "?";
    char base[COIN_MAX] = "?";

    pnl_guess_coins(guesses[_i].category, guesses[_i].symbol, coin, base);
    ck_assert_str_eq(coin, guesses[_i].coin);
    ck_assert_str_eq(base, guesses[_i].base);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pnl");
    TCase *pure = tcase_create("pure");

    tcase_add_loop_test(pure, executions_give_the_result_worked_out_by_hand, 0, ARRAY_LEN(cases));
    tcase_add_test(pure, days_are_those_of_utc_in_order);
    tcase_add_test(pure, a_result_belongs_to_the_tag_that_closed);
    tcase_add_test(pure, a_span_and_a_tag_choose_what_counts_not_what_it_cost);
    tcase_add_test(pure, rows_and_symbols_have_a_bound);
    tcase_add_loop_test(pure, a_closed_position_has_realised_what_flowed, 0, 50);
    tcase_add_loop_test(pure, a_closed_inverse_position_has_realised_what_flowed, 0, 50);
    tcase_add_loop_test(pure, numbers_of_any_size_do_no_harm, 0, 50);
    tcase_add_loop_test(pure, coins_are_guessed_by_the_symbol, 0, ARRAY_LEN(guesses));
    suite_add_tcase(suite, pure);
    return kit_main(suite);
}
