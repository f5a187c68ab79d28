/* tests/test_engine_options.c - executions of options: the coins of which they are read, and
 * recovery where options cannot be read: what keeps nobody from trading the rest must not be
 * forgotten either. */
#include "engine/recovery.h"
#include "tests/test_engine_kit.h"

static int64_t options_since_ms; /* of the reads of options that were answered last */
static bool read_history;

enum said { SAID_EMPTY, SAID_FAILED, SAID_PAGE, SAID_NONE };

/* Answers all reads that are asked, and those asked then: those of options with `said`, SAID_PAGE:
 * with a first page, and the next one is refused; SAID_NONE: there are no options. Returns how many
 * were of options. */
static int answer_reads(struct bench *bench, enum said said)
{
    struct engine_action reads[64];
    int asked = 0;
    int options = 0;

    options_since_ms = INT64_MAX;
    for (int next = 0; first(bench, ACTION_READ) || next < asked; next++) {
        struct engine_event event = { .kind = EVENT_PAGE, .u.page.next_cursor = "" };

        for (int n = 0; nth(bench, ACTION_READ, n); n++)
            reads[asked++] = *must(bench, ACTION_READ, n);
        event.u.page.read_id = reads[next].u.read.read_id;
        event.u.page.ok = true;
        if (reads[next].u.read.category == CATEGORY_OPTION) {
            options++;
            read_history |= reads[next].u.read.kind == READ_HISTORY;
            if (reads[next].u.read.start_ms > 0 && reads[next].u.read.start_ms < options_since_ms)
                options_since_ms = reads[next].u.read.start_ms;
            event.u.page.ok =
                said == SAID_EMPTY || (said == SAID_PAGE && !reads[next].u.read.cursor[0]);
            event.u.page.rejected = event.u.page.absent = !event.u.page.ok && said != SAID_FAILED;
            event.u.page.next_cursor = event.u.page.ok && said == SAID_PAGE ? "next" : "";
        }
        feed(bench, &event);
    }
    return options;
}

static struct bench *begin(int64_t watermark_ms)
{
    struct bench *bench = bench_open_at(100, false, watermark_ms);

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    return bench;
}

/* Ticks each second; true: it was ready by then. */
static bool ready_by(struct bench *bench, int64_t at_ms, enum said said)
{
    while (!status_of(bench).ready && bench->now_ms < at_ms) {
        tick_at(bench, bench->now_ms + 1000);
        (void)answer_reads(bench, said);
    }
    return status_of(bench).ready;
}

START_TEST(a_cursor_that_is_refused_says_nothing_about_options)
{
    struct bench *bench = begin(T0 - 60000);

    (void)answer_reads(bench, SAID_PAGE);
    ck_assert(!status_of(bench).ready);
    tick_at(bench, T0 + 1000);
    ck_assert_int_ge(answer_reads(bench, SAID_EMPTY), 3); /* all of it is read again */
    ck_assert(status_of(bench).ready);
    bench_close(bench);
}
END_TEST

START_TEST(options_that_fail_for_a_moment_are_waited_for)
{
    struct bench *bench = begin(T0 - 60000);

    ck_assert_int_eq(answer_reads(bench, SAID_FAILED), 3);
    ck_assert(!ready_by(bench, T0 + 10000, SAID_FAILED));
    ck_assert(ready_by(bench, T0 + 20000, SAID_EMPTY));
    bench_close(bench);
}
END_TEST

START_TEST(options_that_fail_on_and_on_are_owed_and_keep_nobody)
{
    struct bench *bench = begin(T0 - 60000);
    int64_t owed_ms;

    ck_assert_int_eq(answer_reads(bench, SAID_FAILED), 3);
    owed_ms = options_since_ms;
    ck_assert(ready_by(bench, T0 + 40000, SAID_FAILED));
    ck_assert_int_gt(bench->now_ms, T0 + 29000);
    for (int i = 0; i < 1000; i++) { /* rescans, and audits, which read no history of others */
        tick_at(bench, bench->now_ms + 1000);
        if (answer_reads(bench, SAID_FAILED) > 0)
            ck_assert_int_le(options_since_ms, owed_ms);
    }
    ck_assert(status_of(bench).ready);
    ck_assert_int_gt(status_of(bench).options_owed_ms, 0);
    ck_assert_int_le(status_of(bench).options_owed_ms, owed_ms);
    ck_assert_int_eq(status_of(bench).watermark_ms, T0 - 60000); /* so a restart owes them, too */
    read_history = false;
    for (int i = 0; !read_history; i++) {
        ck_assert_int_lt(i, 100); /* s; the next audit is later */
        tick_at(bench, bench->now_ms + 1000);
        (void)answer_reads(bench, SAID_EMPTY);
    }
    ck_assert_int_le(options_since_ms, owed_ms);
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0);
    for (int i = 0; i < 700; i++) {
        tick_at(bench, bench->now_ms + 1000);
        if (answer_reads(bench, SAID_EMPTY) > 0)
            ck_assert_int_gt(options_since_ms, owed_ms); /* as all others */
    }
    ck_assert_int_gt(status_of(bench).watermark_ms, T0);
    bench_close(bench);
}
END_TEST

/* --- coins --- */

#define WATERMARK (T0 - 600000)
#define SINCE     (WATERMARK - 120000) /* rescans do not read so far back */

static const char three[][COIN_MAX] = { "BTC", "ETH", "SOL" };

/* What the reads of options that were answered last have asked for. */
static struct {
    int64_t from_ms[8]; /* of executions; 0: not asked for */
    char coins[8][COIN_MAX];
    size_t coins_count;
    int open;
    int history;
    int without_coin; /* executions */
} asked_for;

static void note_read(const struct engine_action *read)
{
    size_t at = 0;

    asked_for.open += read->u.read.kind == READ_OPEN_ORDERS;
    asked_for.history += read->u.read.kind == READ_HISTORY;
    if (read->u.read.kind != READ_EXECUTIONS) {
        ck_assert_str_eq(read->u.read.base_coin, ""); /* these lists are of all coins */
        return;
    }
    asked_for.without_coin += !read->u.read.base_coin[0];
    while (at < asked_for.coins_count && strcmp(asked_for.coins[at], read->u.read.base_coin) != 0)
        at++;
    ck_assert_uint_lt(at, ARRAY_LEN(asked_for.coins));
    memcpy(asked_for.coins[at], read->u.read.base_coin, COIN_MAX);
    if (at == asked_for.coins_count || read->u.read.start_ms < asked_for.from_ms[at])
        asked_for.from_ms[at] = read->u.read.start_ms;
    if (at == asked_for.coins_count)
        asked_for.coins_count++;
}

/* Since when executions of this coin were asked for; 0: they were not. */
static int64_t asked_since(const char *coin)
{
    for (size_t i = 0; i < asked_for.coins_count; i++) {
        if (strcmp(asked_for.coins[i], coin) == 0)
            return asked_for.from_ms[i];
    }
    return 0;
}

static void journal_has_none(struct bench *bench)
{
    while (first(bench, ACTION_FIND))
        found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
}

static const struct order_report
    *is_open; /* in the list of open orders of options; NULL: nothing */

/* Answers all reads, and what the journal is asked: of options with empty pages, but `refused`'s
 * executions are not there, or (NULL) nothing is refused. */
static void answer_coins(struct bench *bench, const char *refused)
{
    struct engine_action reads[64];
    int asked = 0;

    memset(&asked_for, 0, sizeof(asked_for));
    for (int n = 0; nth(bench, ACTION_READ, n); n++)
        reads[asked++] = *must(bench, ACTION_READ, n);
    for (int next = 0; next < asked; next++) {
        struct engine_event event = { .kind = EVENT_PAGE, .u.page.next_cursor = "" };

        if (reads[next].u.read.category == CATEGORY_OPTION)
            note_read(&reads[next]);
        event.u.page.read_id = reads[next].u.read.read_id;
        event.u.page.ok = !refused || !reads[next].u.read.base_coin[0] ||
                          strcmp(reads[next].u.read.base_coin, refused) != 0;
        event.u.page.rejected = event.u.page.absent = !event.u.page.ok;
        if (reads[next].u.read.category == CATEGORY_OPTION &&
            reads[next].u.read.kind == READ_OPEN_ORDERS && is_open) {
            event.u.page.reports = is_open;
            event.u.page.reports_count = 1;
        }
        feed(bench, &event);
        for (int n = 0; nth(bench, ACTION_READ, n); n++)
            reads[asked++] = *must(bench, ACTION_READ, n);
        journal_has_none(bench);
    }
}

static struct bench *begin_with(const char (*coins)[COIN_MAX], size_t coins_count)
{
    struct bench *bench = bench_open_with(100, WATERMARK, coins, coins_count);

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    return bench;
}

/* A delivery: it has no order, so no list of orders tells of it. */
static void delivery_seen(struct bench *bench, const char *symbol)
{
    struct fill fill = fill_of("d-1", "", 1);
    struct engine_event event = { .kind = EVENT_FILL, .u.fill = &fill };

    fill.kind = FILL_SETTLE;
    fill.category = CATEGORY_OPTION;
    (void)snprintf(fill.symbol, sizeof(fill.symbol), "%s", symbol);
    feed(bench, &event);
}

START_TEST(executions_are_read_of_each_coin)
{
    struct bench *bench = begin_with(three, 3);

    answer_coins(bench, NULL);
    ck_assert(status_of(bench).ready);
    ck_assert_uint_eq(asked_for.coins_count, 3);
    ck_assert_int_eq(asked_for.without_coin, 0);
    ck_assert_int_eq(asked_for.open + asked_for.history, 2);
    for (size_t i = 0; i < ARRAY_LEN(three); i++)
        ck_assert_int_eq(asked_since(three[i]), SINCE);
    for (int plan = 0; plan < 6; plan++) { /* four rescans, and audits */
        while (!first(bench, ACTION_READ))
            tick_at(bench, bench->now_ms + 1000);
        answer_coins(bench, NULL);
        ck_assert_uint_eq(asked_for.coins_count, 3);
        ck_assert_int_eq(asked_for.without_coin, 0);
    }
    bench_close(bench);
}
END_TEST

START_TEST(a_coin_that_turns_up_is_owed_since_the_first_scan)
{
    struct bench *bench = begin_with(three, 1);
    int64_t watermark_ms;

    answer_coins(bench, NULL);
    ck_assert_int_eq(asked_since("ETH"), 0);
    for (int i = 0; i < 2000; i++) { /* the series of rescans is over */
        tick_at(bench, bench->now_ms + 1000);
        answer_coins(bench, NULL);
    }
    watermark_ms = status_of(bench).watermark_ms;
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0);
    delivery_seen(bench, "ETH-28FEB25-2800-C");
    journal_has_none(bench);
    ck_assert_str_eq(engine_option_coin(bench->engine, 1), "ETH");
    ck_assert_int_eq(status_of(bench).options_owed_ms, SINCE);
    ck_assert(status_of(bench).ready);
    tick_at(bench, bench->now_ms + 5000);
    answer_coins(bench, NULL);
    ck_assert_int_eq(asked_since("ETH"), SINCE);
    ck_assert_int_gt(asked_since("BTC"), T0 + 1000000); /* as ever */
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0);
    ck_assert_int_ge(status_of(bench).watermark_ms, watermark_ms);
    tick_at(bench, bench->now_ms + 15000);
    answer_coins(bench, NULL);
    ck_assert_int_eq(asked_since("ETH"), asked_since("BTC"));
    bench_close(bench);
}
END_TEST

START_TEST(a_coin_that_a_scan_names_is_read_by_the_next_one)
{
    struct bench *bench = begin_with(three, 1);
    struct order_report report = report_of("x-1", "o-1", STATUS_NEW, 0, T0 - 5000);

    report.category = CATEGORY_OPTION;
    (void)snprintf(report.symbol, sizeof(report.symbol), "XRP-28FEB25-1-C");
    is_open = &report;
    answer_coins(bench, NULL);
    ck_assert(status_of(bench).ready); /* nobody waits for it */
    ck_assert_int_eq(asked_since("XRP"), 0);
    ck_assert_int_eq(status_of(bench).options_owed_ms, SINCE);
    ck_assert_int_eq(status_of(bench).watermark_ms, WATERMARK);
    tick_at(bench, T0 + 5000);
    answer_coins(bench, NULL);
    ck_assert_int_eq(asked_since("XRP"), SINCE);
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0);
    is_open = NULL;
    bench_close(bench);
}
END_TEST

static void position_seen(struct bench *bench, enum category category, const char *symbol)
{
    struct engine_event event = { .kind = EVENT_POSITION };

    event.u.position.category = category;
    event.u.position.symbol = symbol;
    feed(bench, &event);
}

START_TEST(positions_and_orders_of_the_journal_name_coins_too)
{
    struct bench *bench = bench_open_with(100, WATERMARK, three, 2);
    struct order_request request = request_of("t-0-1");
    struct engine_event event = { .kind = EVENT_RESTORE };
    struct order order;

    memset(&order, 0, sizeof(order));
    request.category = CATEGORY_OPTION;
    (void)snprintf(request.symbol, sizeof(request.symbol), "XRP-28FEB25-1-C");
    order.request = request;
    order.state = ORDER_LIVE;
    order.filled_qty = DECIMAL_ZERO;
    event.u.restore.order = &order;
    feed(bench, &event);
    position_seen(bench, CATEGORY_OPTION, "DOGE-28FEB25-1-P-USDT");
    position_seen(bench, CATEGORY_LINEAR, "ADA-28FEB25"); /* no option */
    position_seen(bench, CATEGORY_OPTION, "nothing");
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    answer_coins(bench, NULL);
    ck_assert_uint_eq(asked_for.coins_count, 4);
    ck_assert_int_gt(asked_since("XRP"), 0);
    ck_assert_int_gt(asked_since("DOGE"), 0);
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0); /* in time for the first scan */
    ck_assert_ptr_null(engine_option_coin(bench->engine, 4));
    bench_close(bench);
}
END_TEST

START_TEST(coins_are_bounded)
{
    struct bench *bench = begin_with(three, 3);
    char symbol[32];

    answer_coins(bench, NULL);
    for (int i = 3; i < OPTION_COINS_SCANNED_MAX + 1; i++) {
        ck_assert_uint_eq(status_of(bench).anomalies, 0);
        (void)snprintf(symbol, sizeof(symbol), "C%d-28FEB25-1-C", i);
        position_seen(bench, CATEGORY_OPTION, symbol);
    }
    ck_assert_uint_eq(status_of(bench).anomalies, 1);
    ck_assert_ptr_nonnull(engine_option_coin(bench->engine, OPTION_COINS_SCANNED_MAX - 1));
    ck_assert_ptr_null(engine_option_coin(bench->engine, OPTION_COINS_SCANNED_MAX));
    bench_close(bench);
}
END_TEST

/* The configuration may name a coin that has no options where the account is. */
START_TEST(a_coin_that_the_exchange_does_not_know_keeps_nobody)
{
    struct bench *bench = begin_with(three, 3);

    answer_coins(bench, "SOL");
    ck_assert(status_of(bench).ready);
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0);
    ck_assert_int_gt(status_of(bench).watermark_ms, WATERMARK);
    tick_at(bench, T0 + 5000);
    answer_coins(bench, "SOL");
    ck_assert_int_eq(asked_since("SOL"), 0); /* not asked again */
    ck_assert_int_gt(asked_since("ETH"), 0);
    happens(bench, EVENT_PRIVATE_DOWN);
    happens(bench, EVENT_PRIVATE_UP); /* but after a gap */
    answer_coins(bench, "SOL");
    ck_assert_int_gt(asked_since("SOL"), 0);
    ck_assert(status_of(bench).ready);
    delivery_seen(bench, "SOL-28FEB25-100-C"); /* it is there after all */
    journal_has_none(bench);
    ck_assert_int_eq(status_of(bench).options_owed_ms, SINCE);
    tick_at(bench, bench->now_ms + 5000);
    answer_coins(bench, NULL);
    ck_assert_int_eq(asked_since("SOL"), SINCE);
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_coin_in_use_that_is_refused_is_owed)
{
    struct bench *bench = bench_open_with(100, WATERMARK, three, 3);

    position_seen(bench, CATEGORY_OPTION, "SOL-28FEB25-100-C");
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    while (!status_of(bench).ready && bench->now_ms < T0 + 60000) {
        answer_coins(bench, "SOL");
        tick_at(bench, bench->now_ms + 1000);
    }
    ck_assert_int_gt(bench->now_ms, T0 + 30000);
    ck_assert_int_lt(bench->now_ms, T0 + 60000);
    ck_assert_int_gt(status_of(bench).options_owed_ms, 0);
    ck_assert_int_eq(status_of(bench).watermark_ms, WATERMARK);
    bench_close(bench);
}
END_TEST

/* Options of an account that had none until now: what was refused is read, once one is traded. */
START_TEST(options_that_come_later_are_read)
{
    struct bench *bench = begin_with(three, 3);

    (void)answer_reads(bench, SAID_NONE);
    ck_assert(status_of(bench).ready);
    tick_at(bench, T0 + 5000);
    answer_coins(bench, NULL);
    ck_assert_uint_eq(asked_for.coins_count, 0);
    delivery_seen(bench, "ETH-28FEB25-2800-C");
    journal_has_none(bench);
    tick_at(bench, T0 + 10000);
    answer_coins(bench, NULL);
    ck_assert_uint_eq(asked_for.coins_count, 3);
    for (size_t i = 0; i < ARRAY_LEN(three); i++)
        ck_assert_int_eq(asked_since(three[i]), SINCE);
    ck_assert_int_eq(asked_for.history, 1);
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0);
    bench_close(bench);
}
END_TEST

/* One refusal is enough, whatever the number of coins: of what is asked in the same moment, too. */
START_TEST(an_account_without_options_is_asked_once)
{
    struct bench *bench = begin_with(three, 3);

    ck_assert_int_le(answer_reads(bench, SAID_NONE), SCANS_MAX);
    ck_assert(status_of(bench).ready);
    ck_assert_int_eq(status_of(bench).options_owed_ms, 0);
    bench_close(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine options");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, a_cursor_that_is_refused_says_nothing_about_options);
    tcase_add_test(tcase, options_that_fail_for_a_moment_are_waited_for);
    tcase_add_test(tcase, options_that_fail_on_and_on_are_owed_and_keep_nobody);
    tcase_add_test(tcase, executions_are_read_of_each_coin);
    tcase_add_test(tcase, a_coin_that_turns_up_is_owed_since_the_first_scan);
    tcase_add_test(tcase, a_coin_that_a_scan_names_is_read_by_the_next_one);
    tcase_add_test(tcase, positions_and_orders_of_the_journal_name_coins_too);
    tcase_add_test(tcase, coins_are_bounded);
    tcase_add_test(tcase, a_coin_that_the_exchange_does_not_know_keeps_nobody);
    tcase_add_test(tcase, a_coin_in_use_that_is_refused_is_owed);
    tcase_add_test(tcase, options_that_come_later_are_read);
    tcase_add_test(tcase, an_account_without_options_is_asked_once);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
