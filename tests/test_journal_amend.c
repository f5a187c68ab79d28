/* What format 3 of the journal added: all that can be asked of an order, an amend in flight, and
 * files of the formats before. */
#include <sys/syscall.h>

#include "db/change.h"
#include "tests/test_journal_kit.h"

static struct bridge bridge;
static atomic_uint syncs;

/* In front of the C library's, also for SQLite. */
int fdatasync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, fd);
}

static void setup(void)
{
    kit_folder(&bridge);
}

static void teardown(void)
{
    journal_close(bridge.journal);
    bridge.journal = NULL;
    kit_remove_folder(&bridge);
}

/* --- what is restored --- */

static struct order restored[4];
static size_t restored_count;

static void on_restored(const struct order *order, const struct journal_fill_key *fills,
                        size_t fills_count, void *userdata)
{
    (void)fills;
    (void)fills_count;
    (void)userdata;
    ck_assert_uint_lt(restored_count, 4);
    restored[restored_count++] = *order;
}

static void open_and_restore(void)
{
    struct error error = { 0 };

    ck_assert_msg(kit_open(&bridge, &error) == ERR_NONE, "%s", error.text);
    restored_count = 0;
    memset(restored, 0, sizeof(restored));
    ck_assert_msg(journal_restore(bridge.journal, on_restored, NULL, &error) == ERR_NONE, "%s",
                  error.text);
}

static void restart(void)
{
    kit_stop(&bridge);
    open_and_restore();
}

static void expect_decimal(const struct decimal *value, const char *expected)
{
    char shown[DECIMAL_TEXT_MAX];

    ck_assert_str_eq(decimal_format(value, shown), expected);
}

/* --- orders --- */

static void ask_for_all(struct order_request *request)
{
    request->trigger_price = kit_decimal("25000.50");
    request->trigger_direction = 2;
    request->trigger_by = TRIGGER_BY_INDEX;
    request->spot_trigger = SPOT_TRIGGER_STOP;
    request->take_profit = kit_decimal("27000");
    request->stop_loss = kit_decimal("24000");
    request->take_profit_by = TRIGGER_BY_MARK;
    request->stop_loss_by = TRIGGER_BY_LAST;
    request->take_profit_limit = kit_decimal("26990.10");
    request->stop_loss_limit = kit_decimal("23990");
    request->slippage_kind = SLIPPAGE_PERCENT;
    request->slippage = kit_decimal("0.50");
    request->smp = SMP_CANCEL_BOTH;
    request->is_leverage = true;
    request->whole_qty = kit_decimal("7.50");
    request->part_qty = kit_decimal("2");
}

static void expect_all(const struct order_request *request)
{
    expect_decimal(&request->trigger_price, "25000.50");
    ck_assert_int_eq(request->trigger_direction, 2);
    ck_assert_int_eq(request->trigger_by, TRIGGER_BY_INDEX);
    ck_assert_int_eq(request->spot_trigger, SPOT_TRIGGER_STOP);
    ck_assert_int_eq(request->take_profit_by, TRIGGER_BY_MARK);
    ck_assert_int_eq(request->stop_loss_by, TRIGGER_BY_LAST);
    expect_decimal(&request->take_profit_limit, "26990.10");
    expect_decimal(&request->stop_loss_limit, "23990");
    ck_assert_int_eq(request->slippage_kind, SLIPPAGE_PERCENT);
    expect_decimal(&request->slippage, "0.50");
    ck_assert_int_eq(request->smp, SMP_CANCEL_BOTH);
    ck_assert(request->is_leverage);
    expect_decimal(&request->whole_qty, "7.50");
    expect_decimal(&request->part_qty, "2");
}

START_TEST(all_that_was_asked_for_comes_back)
{
    struct journal_row *row;

    kit_start(&bridge);
    row = kit_intent(&bridge, "a");
    ask_for_all(&row->u.order.request);
    kit_submit(&bridge, row);
    row = kit_intent(&bridge, "b");
    row->u.order.request.take_profit_limit = DECIMAL_NONE;
    row->u.order.request.slippage = DECIMAL_NONE;
    kit_submit(&bridge, row);
    kit_settle(&bridge);
    restart();
    ck_assert_uint_eq(restored_count, 2);
    expect_all(&restored[0].request);
    ck_assert_int_eq(restored[0].amend, AMEND_NONE);
    ck_assert_int_eq(restored[1].request.trigger_by, TRIGGER_BY_NONE);
    ck_assert_int_eq(restored[1].request.smp, SMP_DEFAULT);
    ck_assert(decimal_is_none(&restored[1].request.take_profit_limit));
    ck_assert(decimal_is_none(&restored[1].request.slippage));
}
END_TEST

/* --- amends --- */

static void amend(struct order *order, const char *qty)
{
    order->amend = AMEND_INTENT;
    order->amend_ms = 1700000001234;
    order_change_clear(&order->change);
    order->change.qty = kit_decimal(qty);
    order->change.stop_loss = kit_decimal("0");
}

static struct journal_row *amend_row(const struct order *order)
{
    struct journal_row *row = kit_row(&bridge, JOURNAL_AMEND);

    row->u.order = *order;
    return row;
}

static void live_order(struct order *order)
{
    kit_order(order, "a");
    order->state = ORDER_LIVE;
    (void)snprintf(order->order_id, sizeof(order->order_id), "1001");
}

static unsigned syncs_then; /* at the last commit */

static void note_syncs(uint64_t position, void *userdata)
{
    (void)position;
    (void)userdata;
    syncs_then = atomic_load(&syncs);
}

START_TEST(an_amend_is_synced_before_it_is_told)
{
    struct order order;
    unsigned before;

    kit_start(&bridge);
    bridge.listener.after_commit = note_syncs;
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    live_order(&order);
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    kit_sleep_ms(400); /* the sync that the order row was still owed */
    before = atomic_load(&syncs);
    amend(&order, "0.020");
    kit_submit(&bridge, amend_row(&order));
    kit_settle(&bridge);
    ck_assert_uint_gt(syncs_then, before);
    ck_assert_uint_eq(atomic_load(&bridge.listener.known_count), 0);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 1);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM retries"), 0);

    restart();
    ck_assert_uint_eq(restored_count, 1);
    ck_assert_int_eq(restored[0].state, ORDER_LIVE);
    ck_assert_int_eq(restored[0].amend, AMEND_INTENT);
    ck_assert_int_eq(restored[0].amend_ms, 1700000001234);
    expect_decimal(&restored[0].change.qty, "0.020");
    expect_decimal(&restored[0].change.stop_loss, "0");
    ck_assert(decimal_is_none(&restored[0].change.price));
    expect_decimal(&restored[0].request.qty, "0.010"); /* not before it is seen */
}
END_TEST

START_TEST(a_settled_amend_leaves_nothing_behind)
{
    static const enum amend_state states[] = { AMEND_SENT, AMEND_UNKNOWN };
    struct order order;

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    live_order(&order);
    amend(&order, "0.020");
    kit_submit(&bridge, amend_row(&order));
    for (size_t i = 0; i < 2; i++) {
        order.amend = states[i];
        kit_submit(&bridge, kit_order_row(&bridge, &order));
        kit_settle(&bridge);
        restart();
        ck_assert_int_eq(restored[0].amend, states[i]);
        expect_decimal(&restored[0].change.qty, "0.020");
        kit_stop(&bridge);
        bridge.position = 0;
        kit_start(&bridge);
    }
    order.amend = AMEND_NONE;
    order.request.qty = kit_decimal("0.020");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    restart();
    ck_assert_int_eq(restored[0].amend, AMEND_NONE);
    ck_assert(decimal_is_none(&restored[0].change.qty));
    expect_decimal(&restored[0].request.qty, "0.020");
}
END_TEST

START_TEST(an_order_that_was_not_made_here_is_amended_by_its_id)
{
    struct order order;

    kit_start(&bridge);
    live_order(&order);
    order.external = true;
    order.request.link[0] = '\0';
    order.request.client_id[0] = '\0';
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    amend(&order, "0.030");
    kit_submit(&bridge, amend_row(&order));
    kit_settle(&bridge);
    restart();
    ck_assert_uint_eq(restored_count, 1);
    ck_assert(restored[0].external);
    expect_decimal(&restored[0].change.qty, "0.030");
}
END_TEST

START_TEST(a_word_that_is_not_ours_is_damage)
{
    static const char *const damages[] = {
        "UPDATE orders SET amend='maybe'",       "UPDATE orders SET change='qty'",
        "UPDATE orders SET change='qty=one'",    "UPDATE orders SET change='size=1'",
        "UPDATE orders SET trigger_by='sun'",    "UPDATE orders SET smp='x'",
        "UPDATE orders SET slippage_kind='x'",   "UPDATE orders SET spot_trigger='x'",
        "UPDATE orders SET slippage='a lot'",    "UPDATE orders SET take_profit_by='x'",
        "UPDATE orders SET stop_loss_limit='x'", "UPDATE orders SET whole_qty='all'"
    };
    struct error error = { 0 };

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_settle(&bridge);
    kit_stop(&bridge);
    kit_change(&bridge, damages[_i]);
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
    ck_assert_int_eq(journal_restore(bridge.journal, on_restored, NULL, &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "damaged"));
}
END_TEST

START_TEST(a_change_is_one_text)
{
    struct order_change change;
    char text[CHANGE_TEXT_MAX];

    order_change_clear(&change);
    ck_assert_str_eq(change_write(&change, text), "");
    ck_assert(change_read(&change, ""));
    ck_assert(decimal_is_none(&change.qty));
    change.qty = kit_decimal("0.10");
    change.price = kit_decimal("26000.10");
    change.trigger_price = kit_decimal("1");
    change.take_profit = kit_decimal("0");
    change.stop_loss = kit_decimal("3.5");
    change.value_price = kit_decimal("26000.10");
    ck_assert_str_eq(change_write(&change, text),
                     "qty=0.10 price=26000.10 trigger_price=1 take_profit=0 stop_loss=3.5 "
                     "value_price=26000.10");
    order_change_clear(&change);
    ck_assert(change_read(&change, text));
    expect_decimal(&change.price, "26000.10");
    expect_decimal(&change.take_profit, "0");
    expect_decimal(&change.value_price, "26000.10");
}
END_TEST

/* --- files of the formats before --- */

static char old_file[32 * 1024];

static void write_old_file(const char *name)
{
    char path[256];
    char folder[96];
    FILE *file;

    (void)snprintf(path, sizeof(path), FIXTURES "/%s", name);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    old_file[fread(old_file, 1, sizeof(old_file) - 1, file)] = '\0';
    (void)fclose(file);
    (void)snprintf(folder, sizeof(folder), "mkdir -m 700 '%s/j'", bridge.folder);
    ck_assert_int_eq(system(folder), 0);
    kit_change(&bridge, old_file);
}

static const char *const old_files[] = { "journal_format_1.sql", "journal_format_2.sql",
                                         "journal_format_3.sql", "journal_format_4.sql" };

START_TEST(a_file_of_an_older_format_is_brought_up_and_keeps_its_orders)
{
    struct order order;

    write_old_file(old_files[_i]);
    open_and_restore();
    ck_assert_int_eq(kit_query(&bridge, "PRAGMA user_version"), 6);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM natives"), 0);
    ck_assert_uint_eq(restored_count, 2);
    ck_assert_str_eq(restored[0].request.link, "old-live");
    ck_assert_str_eq(restored[1].order_id, "1003");
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(restored[i].amend, AMEND_NONE);
        ck_assert_int_eq(restored[i].amend_ms, 0);
        ck_assert_int_eq(restored[i].request.trigger_by, TRIGGER_BY_NONE);
        ck_assert_int_eq(restored[i].request.spot_trigger, SPOT_TRIGGER_NONE);
        ck_assert_int_eq(restored[i].request.slippage_kind, SLIPPAGE_NONE);
        ck_assert_int_eq(restored[i].request.smp, SMP_DEFAULT);
        ck_assert(!restored[i].request.is_leverage);
        ck_assert(decimal_is_none(&restored[i].request.whole_qty));
        ck_assert(decimal_is_none(&restored[i].request.take_profit_limit));
        ck_assert(decimal_is_none(&restored[i].request.slippage));
        ck_assert(decimal_is_none(&restored[i].change.qty));
    }

    /* And goes on from there. */
    order = restored[0];
    kit_stop(&bridge);
    kit_start(&bridge);
    amend(&order, "0.5");
    ask_for_all(&order.request);
    kit_submit(&bridge, amend_row(&order));
    kit_settle(&bridge);
    restart();
    ck_assert_uint_eq(restored_count, 2);
    expect_decimal(&restored[0].change.qty, "0.5");
    expect_all(&restored[0].request);
}
END_TEST

START_TEST(a_file_of_format_2_keeps_what_it_knew)
{
    struct error error = { 0 };
    char *state = NULL;

    write_old_file("journal_format_2.sql");
    open_and_restore();
    expect_decimal(&restored[0].request.value_price, "26000.10");
    expect_decimal(&restored[0].request.trigger_price, "25000.5");
    expect_decimal(&restored[0].request.take_profit, "27000");
    expect_decimal(&restored[0].request.stop_loss, "24000.00");
    ck_assert_int_eq(restored[0].request.trigger_direction, 2);
    ck_assert_int_eq(journal_guard(bridge.journal, &state, &error), ERR_NONE);
    ck_assert_str_eq(state, "{\"killed\":false}");
    free(state);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM retries"), 1);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM v_orders"), 2);
}
END_TEST

static void on_recent(int64_t at_ms, const char *client, void *userdata)
{
    int64_t *last_ms = userdata;

    ck_assert_str_eq(client, "bot");
    ck_assert_int_eq(*last_ms, 0); /* once */
    *last_ms = at_ms;
}

/* Of no run that is known: by the wall clock, as before. */
START_TEST(a_retry_of_an_older_format_counts_in_its_minute)
{
    const int64_t retry_ms = 1700000003000;
    struct error error = { 0 };
    int64_t last_ms = 0;

    write_old_file(old_files[_i]);
    for (int run = 0; run < 2; run++) {
        ck_assert_msg(kit_open(&bridge, &error) == ERR_NONE, "%s", error.text);
        last_ms = 0;
        ck_assert_int_eq(journal_recent_creates(bridge.journal, retry_ms + 1000, 1500, on_recent,
                                                &last_ms, &error),
                         ERR_NONE);
        ck_assert_int_eq(last_ms, retry_ms);
        kit_stop(&bridge);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_amend");
    TCase *tcase = tcase_create("journal_amend");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_that_was_asked_for_comes_back);
    tcase_add_test(tcase, an_amend_is_synced_before_it_is_told);
    tcase_add_test(tcase, a_settled_amend_leaves_nothing_behind);
    tcase_add_test(tcase, an_order_that_was_not_made_here_is_amended_by_its_id);
    tcase_add_loop_test(tcase, a_word_that_is_not_ours_is_damage, 0, 11);
    tcase_add_test(tcase, a_change_is_one_text);
    tcase_add_loop_test(tcase, a_file_of_an_older_format_is_brought_up_and_keeps_its_orders, 0,
                        (int)ARRAY_LEN(old_files));
    tcase_add_test(tcase, a_file_of_format_2_keeps_what_it_knew);
    tcase_add_loop_test(tcase, a_retry_of_an_older_format_counts_in_its_minute, 1,
                        (int)ARRAY_LEN(old_files));
    suite_add_tcase(suite, tcase);
    return kit_main(suite);
}
