/* The journal as the engine sees it: open, identity, intents, events, epochs, bounds. Failing disks
 * are in test_journal_faults.c, killed processes in test_journal_crash.c. */
#include <fcntl.h>
#include <sys/stat.h>

#include "db/verify.h"
#include "tests/test_journal_kit.h"

static struct bridge bridge;

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

static mode_t mode_of(const char *path)
{
    struct stat info;

    ck_assert_int_eq(stat(path, &info), 0);
    return info.st_mode & 0777;
}

/* --- open --- */

START_TEST(a_new_file_and_its_folder_are_closed_to_others)
{
    char name[128];

    kit_start(&bridge);
    ck_assert(bridge.start.fresh);
    ck_assert_int_eq(bridge.start.run, 1);
    ck_assert_uint_eq(bridge.start.last_seq, 0);
    ck_assert_int_eq(bridge.start.watermark_ms, 0);
    ck_assert_uint_eq(strlen(bridge.start.id), 8);
    ck_assert(bridge.start.epoch > 0 && bridge.start.epoch < (UINT64_C(1) << 53));
    (void)snprintf(name, sizeof(name), "%s/j", bridge.folder);
    ck_assert_uint_eq(mode_of(name), 0700);
    ck_assert_uint_eq(mode_of(bridge.path), 0600);
    (void)snprintf(name, sizeof(name), "%s-wal", bridge.path);
    ck_assert_uint_eq(mode_of(name), 0600);
    (void)snprintf(name, sizeof(name), "%s.lock", bridge.path);
    ck_assert_uint_eq(mode_of(name), 0600);
    ck_assert_str_eq(journal_path(bridge.journal), bridge.path);
}
END_TEST

START_TEST(a_restart_keeps_id_and_epoch_and_raises_the_run)
{
    struct journal_start first;
    struct journal_row *row;

    kit_start(&bridge);
    first = bridge.start;
    row = kit_row(&bridge, JOURNAL_WATERMARK);
    row->u.watermark.ms = 1234567;
    kit_submit(&bridge, row);
    kit_settle(&bridge);
    kit_stop(&bridge);
    kit_start(&bridge);
    ck_assert(!bridge.start.fresh);
    ck_assert_int_eq(bridge.start.run, first.run + 1);
    ck_assert_str_eq(bridge.start.id, first.id);
    ck_assert_uint_eq(bridge.start.epoch, first.epoch);
    ck_assert_int_eq(bridge.start.watermark_ms, 1234567);
}
END_TEST

START_TEST(two_files_have_different_ids_and_epochs)
{
    struct journal_start first;
    char second[112];

    kit_start(&bridge);
    first = bridge.start;
    kit_stop(&bridge);
    (void)snprintf(second, sizeof(second), "%.80s.second", bridge.path);
    (void)snprintf(bridge.path, sizeof(bridge.path), "%.95s", second);
    kit_start(&bridge);
    ck_assert_str_ne(bridge.start.id, first.id);
    ck_assert_uint_ne(bridge.start.epoch, first.epoch);
}
END_TEST

START_TEST(a_second_bridge_is_refused_and_told_the_pid)
{
    struct journal *second = NULL;
    struct journal_start start;
    struct error error = { 0 };
    char pid[32];
    char alias[112];

    kit_start(&bridge);
    (void)snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
    ck_assert_int_eq(journal_open(&second, bridge.path, &kit_identity, &start, &error),
                     ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, pid));
    ck_assert_ptr_null(second);
    /* Also under another name. */
    (void)snprintf(alias, sizeof(alias), "%s/alias.db", bridge.folder);
    ck_assert_int_eq(symlink(bridge.path, alias), 0);
    ck_assert_int_eq(journal_open(&second, alias, &kit_identity, &start, &error), ERR_UNAVAILABLE);
}
END_TEST

START_TEST(another_environment_or_account_is_refused)
{
    static const struct {
        struct journal_identity identity;
        enum err expected;
        const char *word;
    } cases[] = { { { "mainnet", "account-1", false }, ERR_INVALID, "environment sim" },
                  { { "sim", "account-2", false }, ERR_INVALID, "account account-1" },
                  { { "sim", "", false }, ERR_NONE, "" },
                  { { "sim", "account-1", false }, ERR_NONE, "" } };
    struct error error = { 0 };

    kit_start(&bridge);
    kit_stop(&bridge);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct journal *journal = NULL;
        struct journal_start start;

        error.text[0] = '\0';
        ck_assert_int_eq(journal_open(&journal, bridge.path, &cases[i].identity, &start, &error),
                         cases[i].expected);
        ck_assert_ptr_nonnull(strstr(error.text, cases[i].word));
        journal_close(journal);
    }
    ck_assert_int_eq(kit_query(&bridge, "SELECT run FROM progress"),
                     3); /* refused runs count not */
}
END_TEST

START_TEST(a_journal_made_without_keys_takes_the_first_account)
{
    const struct journal_identity nobody = { .env = "sim", .account = "" };
    struct error error = { 0 };

    ck_assert_int_eq(journal_open(&bridge.journal, bridge.path, &nobody, &bridge.start, &error),
                     ERR_NONE);
    kit_stop(&bridge);
    kit_start(&bridge);
    kit_stop(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT value='account-1' FROM meta WHERE key='account'"),
                     1);
}
END_TEST

START_TEST(a_fresh_start_empties_a_file_of_the_same_identity_only)
{
    const struct journal_identity fresh = { "sim", "account-1", true };
    const struct journal_identity other = { "sim", "account-2", true };
    struct error error = { 0 };
    struct journal_start first;

    kit_start(&bridge);
    first = bridge.start;
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_settle(&bridge);
    kit_stop(&bridge);
    ck_assert_int_eq(journal_open(&bridge.journal, bridge.path, &other, &bridge.start, &error),
                     ERR_INVALID);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 1);
    ck_assert_int_eq(journal_open(&bridge.journal, bridge.path, &fresh, &bridge.start, &error),
                     ERR_NONE);
    ck_assert(bridge.start.fresh);
    ck_assert_str_ne(bridge.start.id, first.id);
    ck_assert_uint_ne(bridge.start.epoch, first.epoch);
    kit_stop(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 0);
}
END_TEST

static void write_file(const char *path, const char *content, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, bytes), (ssize_t)bytes);
    close(fd);
}

static void make_folder(void)
{
    char name[128];

    (void)snprintf(name, sizeof(name), "%s/j", bridge.folder);
    ck_assert_int_eq(mkdir(name, 0700), 0);
}

START_TEST(a_file_of_another_kind_is_refused)
{
    char text[8192];
    struct error error = { 0 };

    make_folder();
    memset(text, 'x', sizeof(text));
    write_file(bridge.path, text, sizeof(text));
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "--journal"));
    ck_assert_int_eq(unlink(bridge.path), 0);
    kit_change(&bridge, "CREATE TABLE cookies (a)");
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "another program"));
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM sqlite_schema"), 1);
}
END_TEST

START_TEST(an_empty_file_becomes_a_journal)
{
    make_folder();
    write_file(bridge.path, "", 0);
    kit_start(&bridge);
    ck_assert(bridge.start.fresh);
}
END_TEST

START_TEST(a_file_of_a_newer_version_is_refused)
{
    struct error error = { 0 };

    kit_start(&bridge);
    kit_stop(&bridge);
    kit_change(&bridge, "PRAGMA user_version=99");
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "newer"));
    ck_assert_int_eq(kit_query(&bridge, "SELECT run FROM progress"), 1);
}
END_TEST

START_TEST(a_damaged_file_is_an_error_with_advice)
{
    char zeros[4096] = { 0 };
    struct error error = { 0 };
    int fd;

    kit_start(&bridge);
    kit_stop(&bridge);
    fd = open(bridge.path, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    memset(zeros, 0xff, sizeof(zeros));
    for (int page = 1; page < 20; page++)
        (void)!pwrite(fd, zeros, sizeof(zeros), (off_t)page * 4096);
    close(fd);
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "damaged"));
}
END_TEST

START_TEST(what_is_no_file_of_ours_is_refused)
{
    struct error error = { 0 };
    char name[128];

    make_folder();
    ck_assert_int_eq(mkdir(bridge.path, 0700), 0);
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_INVALID);
    ck_assert_int_eq(rmdir(bridge.path), 0);
    write_file(bridge.path, "", 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(bridge.path, 65534, 65534), 0);
        ck_assert_int_eq(kit_open(&bridge, &error), ERR_IO);
        ck_assert_ptr_nonnull(strstr(error.text, "chown"));
        ck_assert_int_eq(chown(bridge.path, 0, 0), 0);
    }
    (void)snprintf(name, sizeof(name), "%s/other.db", bridge.folder);
    ck_assert_int_eq(link(bridge.path, name), 0); /* would be locked by this name alone */
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "hard link"));
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(chmod(bridge.path, 0644), 0);
    kit_start(&bridge);
    ck_assert_uint_eq(mode_of(bridge.path), 0600);
    kit_stop(&bridge);
    (void)snprintf(name, sizeof(name), "%s/x/j.db", bridge.path);
    (void)snprintf(bridge.path, sizeof(bridge.path), "%.95s", name);
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_IO);
    bridge.path[0] = '\0';
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_INVALID);
    (void)snprintf(bridge.path, sizeof(bridge.path), "%.80s/", bridge.folder);
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_INVALID);
    (void)snprintf(bridge.path, sizeof(bridge.path), "/proc/j/journal.db");
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "writable"));
}
END_TEST

/* --- epoch --- */

START_TEST(another_boot_after_a_clean_stop_keeps_the_epoch)
{
    uint64_t epoch;

    kit_start(&bridge);
    epoch = bridge.start.epoch;
    kit_stop(&bridge);
    kit_change(&bridge, "UPDATE meta SET value='another' WHERE key='boot_id'");
    kit_start(&bridge);
    ck_assert_uint_eq(bridge.start.epoch, epoch);
}
END_TEST

START_TEST(the_same_boot_without_a_clean_stop_keeps_the_epoch)
{
    uint64_t epoch;

    kit_start(&bridge);
    epoch = bridge.start.epoch;
    kit_stop(&bridge);
    kit_change(&bridge, "UPDATE meta SET value='0' WHERE key='clean_stop'");
    kit_start(&bridge);
    ck_assert_uint_eq(bridge.start.epoch, epoch);
}
END_TEST

START_TEST(another_boot_without_a_clean_stop_raises_the_epoch)
{
    uint64_t epoch;

    kit_start(&bridge);
    epoch = bridge.start.epoch;
    kit_stop(&bridge);
    kit_change(&bridge, "UPDATE meta SET value='another' WHERE key='boot_id';"
                        "UPDATE meta SET value='0' WHERE key='clean_stop'");
    kit_start(&bridge);
    ck_assert_uint_gt(bridge.start.epoch, epoch);
    epoch = bridge.start.epoch;
    kit_stop(&bridge);
    kit_start(&bridge);
    ck_assert_uint_eq(bridge.start.epoch, epoch);
}
END_TEST

START_TEST(a_file_that_lacks_shown_events_raises_the_epoch)
{
    struct order order;
    uint64_t epoch;

    kit_start(&bridge);
    epoch = bridge.start.epoch;
    kit_order(&order, "a");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    kit_stop(&bridge);
    kit_change(&bridge, "DELETE FROM events WHERE seq=2");
    kit_start(&bridge);
    ck_assert_uint_eq(bridge.start.last_seq, 1);
    ck_assert_uint_gt(bridge.start.epoch, epoch);
}
END_TEST

START_TEST(an_older_copy_put_back_raises_the_epoch)
{
    char command[256];
    uint64_t epoch;

    kit_start(&bridge);
    epoch = bridge.start.epoch;
    kit_stop(&bridge);
    (void)snprintf(command, sizeof(command), "cp %s %s/copy", bridge.path, bridge.folder);
    ck_assert_int_eq(system(command), 0);
    kit_start(&bridge);
    kit_stop(&bridge);
    (void)snprintf(command, sizeof(command), "cp %s/copy %s", bridge.folder, bridge.path);
    ck_assert_int_eq(system(command), 0);
    kit_start(&bridge);
    ck_assert_uint_gt(bridge.start.epoch, epoch);
    ck_assert_int_eq(bridge.start.run, 3); /* not 2 again: links carry it */
}
END_TEST

/* --- intents --- */

START_TEST(an_intent_comes_back_as_it_was)
{
    struct order order;
    struct journal_row *row;

    kit_start(&bridge);
    kit_order(&order, "x-1");
    (void)snprintf(order.request.client_id, sizeof(order.request.client_id), "my key / 1");
    order.request.client_key = true;
    order.request.category = CATEGORY_SPOT;
    order.request.side = SIDE_SELL;
    order.request.type = ORDER_TYPE_MARKET;
    order.request.tif = TIF_POST_ONLY;
    order.request.qty_in_quote = true;
    order.request.trigger_price = kit_decimal("-0.50");
    order.request.trigger_direction = 2;
    order.request.take_profit = kit_decimal("123456789012345678901234567890.123456");
    order.request.stop_loss = (struct decimal){ ((decimal_int)1 << 126) - 1, 20 }; /* 38 digits */
    order.request.reduce_only = true;
    order.request.close_on_trigger = true;
    order.request.position_idx = 2;
    (void)snprintf(order.request.tag, sizeof(order.request.tag), "t'ag");
    (void)snprintf(order.request.client, sizeof(order.request.client), "caf\xc3\xa9");
    memset(order.request.body_hash, 0xa5, sizeof(order.request.body_hash));
    order.deadline_ms = 1;
    row = kit_intent(&bridge, "x-1");
    row->u.order = order;
    kit_submit(&bridge, row);
    kit_submit(&bridge, kit_intent(&bridge, "x-1"));
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&bridge.listener.known_count), 1);
    ck_assert_uint_eq(bridge.listener.known.position, 2);

    struct order *stored = &bridge.listener.known.stored;
    ck_assert_str_eq(stored->request.client_id, "my key / 1");
    ck_assert(stored->request.client_key && stored->request.qty_in_quote);
    ck_assert(stored->request.reduce_only && stored->request.close_on_trigger);
    ck_assert_int_eq(stored->request.category, CATEGORY_SPOT);
    ck_assert_int_eq(stored->request.side, SIDE_SELL);
    ck_assert_int_eq(stored->request.type, ORDER_TYPE_MARKET);
    ck_assert_int_eq(stored->request.tif, TIF_POST_ONLY);
    ck_assert_mem_eq(&stored->request.qty, &order.request.qty, 20);
    ck_assert_mem_eq(&stored->request.trigger_price, &order.request.trigger_price, 20);
    ck_assert_mem_eq(&stored->request.take_profit, &order.request.take_profit, 20);
    ck_assert_mem_eq(&stored->request.stop_loss, &order.request.stop_loss, 20);
    ck_assert(decimal_is_none(&stored->avg_price) && !decimal_is_none(&stored->filled_qty));
    ck_assert_int_eq(stored->request.trigger_direction, 2);
    ck_assert_int_eq(stored->request.position_idx, 2);
    ck_assert_str_eq(stored->request.tag, "t'ag");
    ck_assert_str_eq(stored->request.client, "caf\xc3\xa9");
    ck_assert_mem_eq(stored->request.body_hash, order.request.body_hash, 32);
    ck_assert_int_eq(stored->deadline_ms, 1);
    ck_assert_int_eq(stored->attempt, 1);
    ck_assert_int_eq(stored->state, ORDER_INTENT);
}
END_TEST

START_TEST(a_known_link_costs_no_row_and_names_its_fills)
{
    struct order order;
    struct fill fill;

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "once"));
    kit_order(&order, "once");
    order.state = ORDER_CLOSED;
    order.status = STATUS_FILLED;
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-1");
    order.fees_count = 2;
    order.fees[0] = (struct fee){ "USDT", kit_decimal("-0.01") };
    order.fees[1] = (struct fee){ "BTC", DECIMAL_NONE };
    (void)snprintf(order.ret_msg, sizeof(order.ret_msg), "OK");
    order.filled_qty = kit_decimal("0.010");
    order.settled = true;
    order.cancel_wanted = true;
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_fill(&fill, "id-1", "e-1");
    kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    kit_settle(&bridge);
    kit_stop(&bridge);

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "once"));
    kit_submit(&bridge, kit_intent(&bridge, "twice"));
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&bridge.listener.known_count), 1);
    ck_assert_uint_eq(bridge.listener.known.fills_count, 1);
    ck_assert_str_eq(bridge.listener.known_fill.exec_id, "e-1");
    ck_assert_int_eq(bridge.listener.known.stored.state, ORDER_CLOSED);
    ck_assert_int_eq(bridge.listener.known.stored.status, STATUS_FILLED);
    ck_assert_int_eq(bridge.listener.known.stored.fees_count, 2);
    ck_assert_str_eq(bridge.listener.known.stored.fees[0].coin, "USDT");
    ck_assert(decimal_cmp(&bridge.listener.known.stored.fees[0].amount, &order.fees[0].amount) ==
              0);
    ck_assert(decimal_is_none(&bridge.listener.known.stored.fees[1].amount));
    ck_assert(bridge.listener.known.stored.settled && bridge.listener.known.stored.cancel_wanted);
    ck_assert_uint_eq(bridge.listener.known.stored.seq, 1);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 2);
}
END_TEST

START_TEST(a_retry_turns_a_not_sent_order_into_an_intent)
{
    struct order order;
    struct journal_row *row;

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "r"));
    kit_order(&order, "r");
    order.state = ORDER_NOT_SENT;
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    row = kit_row(&bridge, JOURNAL_RETRY);
    row->u.order = order;
    row->u.order.state = ORDER_INTENT;
    row->u.order.attempt = 2;
    row->u.order.created_ms = 1700000009999;
    kit_submit(&bridge, row);
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders WHERE state='intent' AND "
                                        "attempt=2 AND final=0 AND created_ms=1700000009999"),
                     1);
}
END_TEST

/* --- orders and their two keys --- */

START_TEST(an_order_that_gets_its_id_later_stays_one_row)
{
    struct order order;

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "mine"));
    kit_order(&order, "mine");
    order.state = ORDER_ACKED;
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-7");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    /* A message without the link finds it by its id, and takes nothing away. */
    order.request.link[0] = '\0';
    order.external = true;
    order.state = ORDER_LIVE;
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 1);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders WHERE link='mine' AND "
                                        "order_id='id-7' AND state='live'"),
                     1);
}
END_TEST

START_TEST(keys_that_point_at_two_rows_keep_the_linked_one)
{
    struct order order;

    kit_start(&bridge);
    kit_order(&order, "");
    order.external = true;
    order.state = ORDER_LIVE;
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-8");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_submit(&bridge, kit_intent(&bridge, "mine"));
    kit_order(&order, "mine");
    order.state = ORDER_LIVE;
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-8");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 1);
    ck_assert_int_eq(
        kit_query(&bridge, "SELECT count(*) FROM orders WHERE link='mine' AND order_id='id-8'"), 1);
    ck_assert_uint_eq(atomic_load(&bridge.listener.downs), 0);
}
END_TEST

START_TEST(a_link_is_never_lost_to_another_link)
{
    struct order order;

    kit_start(&bridge);
    kit_order(&order, "first");
    order.state = ORDER_LIVE;
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-9");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_submit(&bridge, kit_intent(&bridge, "second"));
    kit_order(&order, "second");
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-9");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_order(&order, "third");
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-9");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    /* Neither key: nothing to find it by again. */
    kit_order(&order, "");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 3);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders WHERE order_id='id-9'"), 1);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM events"), 4);
}
END_TEST

START_TEST(the_same_order_id_in_two_categories_is_two_orders)
{
    struct order order;

    kit_start(&bridge);
    kit_order(&order, "");
    order.external = true;
    (void)snprintf(order.order_id, sizeof(order.order_id), "1");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    order.request.category = CATEGORY_SPOT;
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 2);
}
END_TEST

START_TEST(a_fill_is_counted_once)
{
    struct fill fill;

    kit_start(&bridge);
    kit_fill(&fill, "id-1", "e-1");
    kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    fill.category = CATEGORY_SPOT;
    kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM fills"), 2);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM events"), 3);
}
END_TEST

/* --- restore --- */

struct restored {
    size_t orders;
    size_t fills;
    char links[200];
};

static void on_restored(const struct order *order, const struct journal_fill_key *fills,
                        size_t fills_count, void *userdata)
{
    struct restored *restored = userdata;

    (void)fills;
    restored->orders++;
    restored->fills += fills_count;
    (void)strncat(restored->links, order->request.link, sizeof(restored->links) - 40);
    (void)strncat(restored->links, " ", 2);
}

START_TEST(open_orders_are_restored_with_their_fills)
{
    struct restored restored = { 0 };
    struct order order;
    struct fill fill;
    struct error error = { 0 };

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_submit(&bridge, kit_intent(&bridge, "b"));
    kit_submit(&bridge, kit_intent(&bridge, "c"));
    kit_order(&order, "b");
    order.state = ORDER_CLOSED;
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-b");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_order(&order, "c");
    order.state = ORDER_UNKNOWN;
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-c");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_fill(&fill, "id-b", "e-1");
    kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    for (int i = 0; i < 20; i++) {
        char exec[16];

        (void)snprintf(exec, sizeof(exec), "e-%d", i);
        kit_fill(&fill, "id-c", exec);
        kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    }
    kit_settle(&bridge);
    kit_stop(&bridge);
    ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
    ck_assert_int_eq(journal_restore(bridge.journal, on_restored, &restored, &error), ERR_NONE);
    ck_assert_uint_eq(restored.orders, 2);
    ck_assert_uint_eq(restored.fills, 20);
    ck_assert_str_eq(restored.links, "a c ");
}
END_TEST

START_TEST(a_damaged_row_is_an_error_that_names_it)
{
    static const char *const changes[] = { "UPDATE orders SET state='x'",
                                           "UPDATE orders SET state='live', qty='1e5'",
                                           "UPDATE orders SET qty='1', category='x'",
                                           "UPDATE orders SET category='spot', fees='USDT'",
                                           "UPDATE orders SET fees='', body_hash=x'00'" };
    struct restored restored = { 0 };
    struct error error = { 0 };

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_settle(&bridge);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        kit_stop(&bridge);
        kit_change(&bridge, changes[i]);
        ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
        ck_assert_int_eq(journal_restore(bridge.journal, on_restored, &restored, &error), ERR_IO);
        ck_assert_ptr_nonnull(strstr(error.text, "row 1"));
    }
}
END_TEST

/* --- events --- */

START_TEST(events_are_shown_in_order_and_numbered_on_over_restarts)
{
    struct order order;

    for (int run = 0; run < 3; run++) {
        kit_start(&bridge);
        ck_assert_uint_eq(bridge.start.last_seq, (uint64_t)run * 50);
        kit_order(&order, "a");
        for (int i = 0; i < 50; i++)
            kit_submit(&bridge, kit_order_row(&bridge, &order));
        if (run != 1)
            kit_settle(&bridge);
        kit_stop(&bridge); /* commits what waits */
        ck_assert_uint_eq(atomic_load(&bridge.listener.events), 50);
        ck_assert_uint_eq(atomic_load(&bridge.listener.gaps), 0);
    }
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*)=150 AND max(seq)=150 FROM events"), 1);
    ck_assert_int_eq(
        kit_query(&bridge, "SELECT count(*) FROM events WHERE json<>'{\"n\":'||seq||'}'"), 0);
    ck_assert_int_eq(kit_query(&bridge, "SELECT value='1' FROM meta WHERE key='clean_stop'"), 1);
}
END_TEST

static void some_events(int count)
{
    struct order order;

    kit_start(&bridge);
    kit_order(&order, "a");
    for (int i = 0; i < count; i++)
        kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    kit_stop(&bridge);
}

START_TEST(the_hash_chain_holds_over_restarts)
{
    struct journal_verified verified;
    struct error error = { 0 };

    some_events(1500);
    some_events(1500);
    ck_assert_msg(journal_verify(bridge.path, &verified, &error) == ERR_NONE, "%s", error.text);
    ck_assert_uint_eq(verified.events, 3000);
    ck_assert_uint_eq(verified.last_seq, 3000);
    ck_assert_uint_eq(verified.bad_seq, 0);
}
END_TEST

START_TEST(a_changed_event_is_found)
{
    static const struct {
        const char *sql;
        uint64_t bad;
    } cases[] = {
        { "UPDATE events SET json='{\"n\":8}' WHERE seq=7", 7 },
        { "UPDATE events SET json='{\"n\":7}', at_ms=at_ms+1 WHERE seq=6", 6 },
        { "UPDATE events SET event='fill' WHERE seq=5", 5 },
        { "UPDATE events SET hash=zeroblob(32) WHERE seq=4", 4 },
        { "DELETE FROM events WHERE seq=3", 3 },
        { "DELETE FROM events WHERE seq=1", 1 },
        { "INSERT INTO events VALUES (0, 0, 'order', '{}', zeroblob(32))", 0 },
    };
    struct journal_verified verified;
    struct error error = { 0 };

    some_events(10);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        kit_change(&bridge, cases[i].sql);
        ck_assert_int_eq(journal_verify(bridge.path, &verified, &error), ERR_INVALID);
        ck_assert_uint_eq(verified.bad_seq, cases[i].bad);
        ck_assert_uint_eq(verified.last_seq, cases[i].bad ? cases[i].bad - 1 : 0);
    }
    ck_assert_int_eq(journal_verify("/nonexistent/x.db", &verified, &error), ERR_IO);
}
END_TEST

/* --- queue --- */

START_TEST(a_wait_ends_with_the_commit_or_in_time)
{
    int64_t began;
    struct error error = { 0 };

    ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    began = clock_mono_ms();
    ck_assert_int_eq(journal_wait(bridge.journal, 1, 60), ERR_UNAVAILABLE);
    ck_assert_int_ge(clock_mono_ms() - began, 59);
    ck_assert_int_lt(clock_mono_ms() - began, 1000);
    ck_assert_int_eq(journal_wait(bridge.journal, 0, 0), ERR_NONE);
    ck_assert_int_eq(journal_start_thread(bridge.journal, &kit_callbacks, &bridge.listener, &error),
                     ERR_NONE);
    ck_assert_int_eq(journal_wait(bridge.journal, 1, 5000), ERR_NONE);
    ck_assert_int_eq(journal_wait(bridge.journal, 2, 1), ERR_UNAVAILABLE);
}
END_TEST

START_TEST(all_that_waits_is_one_commit)
{
    struct error error = { 0 };
    struct journal_status status;
    char link[16];

    ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(link, sizeof(link), "l-%d", i);
        kit_submit(&bridge, kit_intent(&bridge, link));
    }
    journal_get_status(bridge.journal, &status);
    ck_assert_uint_eq(status.waiting_rows, 1000);
    ck_assert_int_eq(journal_start_thread(bridge.journal, &kit_callbacks, &bridge.listener, &error),
                     ERR_NONE);
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&bridge.listener.commits), 1);
    journal_get_status(bridge.journal, &status);
    ck_assert_uint_eq(status.waiting_rows, 0);
    ck_assert_uint_eq(status.committed, 1000);
    ck_assert_uint_eq(status.epoch, bridge.start.epoch);
    ck_assert(!status.down);
    ck_assert_int_gt(status.last_commit_us, 0);
    ck_assert_int_gt(status.file_bytes, 0);
}
END_TEST

START_TEST(a_full_queue_is_an_answer)
{
    struct error error = { 0 };
    struct journal_row *row;
    struct journal_row *chain;
    enum err err = ERR_NONE;
    unsigned taken = 0;

    ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
    for (; taken <= 70000 && !err; taken++) {
        row = kit_row(&bridge, JOURNAL_WATERMARK);
        err = journal_submit(bridge.journal, row);
        if (err)
            journal_row_destroy(row);
    }
    bridge.position--;
    taken--;
    ck_assert_int_eq(err, ERR_BUSY);
    ck_assert_uint_le(taken, 65536);
    ck_assert_uint_ge(taken, (64U << 20) / (sizeof(struct journal_row) + 1) < 65536
                                 ? (64U << 20) / (sizeof(struct journal_row) + 1)
                                 : 65536);
    /* All or none of a chain; and the refused numbers may come again. */
    chain = kit_row(&bridge, JOURNAL_WATERMARK);
    chain->next = kit_row(&bridge, JOURNAL_WATERMARK);
    ck_assert_int_eq(journal_submit(bridge.journal, chain), ERR_BUSY);
    ck_assert_int_eq(journal_start_thread(bridge.journal, &kit_callbacks, &bridge.listener, &error),
                     ERR_NONE);
    ck_assert_int_eq(journal_wait(bridge.journal, taken, 20000), ERR_NONE);
    ck_assert_int_eq(journal_submit(bridge.journal, chain), ERR_NONE);
    kit_settle(&bridge);
}
END_TEST

START_TEST(too_many_bytes_are_refused)
{
    struct error error = { 0 };
    struct order order;
    struct journal_row *row;

    ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
    kit_order(&order, "a");
    row = kit_order_row(&bridge, &order);
    row->json_bytes = 65U << 20; /* never read: it is refused first */
    ck_assert_int_eq(journal_submit(bridge.journal, row), ERR_BUSY);
    journal_row_destroy(row);
    journal_row_destroy(NULL);
    ck_assert_int_eq(journal_submit(bridge.journal, NULL), ERR_NONE);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("journal");
    TCase *tcase = tcase_create("journal");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_new_file_and_its_folder_are_closed_to_others);
    tcase_add_test(tcase, a_restart_keeps_id_and_epoch_and_raises_the_run);
    tcase_add_test(tcase, two_files_have_different_ids_and_epochs);
    tcase_add_test(tcase, a_second_bridge_is_refused_and_told_the_pid);
    tcase_add_test(tcase, another_environment_or_account_is_refused);
    tcase_add_test(tcase, a_journal_made_without_keys_takes_the_first_account);
    tcase_add_test(tcase, a_fresh_start_empties_a_file_of_the_same_identity_only);
    tcase_add_test(tcase, a_file_of_another_kind_is_refused);
    tcase_add_test(tcase, an_empty_file_becomes_a_journal);
    tcase_add_test(tcase, a_file_of_a_newer_version_is_refused);
    tcase_add_test(tcase, a_damaged_file_is_an_error_with_advice);
    tcase_add_test(tcase, what_is_no_file_of_ours_is_refused);
    tcase_add_test(tcase, another_boot_after_a_clean_stop_keeps_the_epoch);
    tcase_add_test(tcase, the_same_boot_without_a_clean_stop_keeps_the_epoch);
    tcase_add_test(tcase, another_boot_without_a_clean_stop_raises_the_epoch);
    tcase_add_test(tcase, a_file_that_lacks_shown_events_raises_the_epoch);
    tcase_add_test(tcase, an_older_copy_put_back_raises_the_epoch);
    tcase_add_test(tcase, an_intent_comes_back_as_it_was);
    tcase_add_test(tcase, a_known_link_costs_no_row_and_names_its_fills);
    tcase_add_test(tcase, a_retry_turns_a_not_sent_order_into_an_intent);
    tcase_add_test(tcase, an_order_that_gets_its_id_later_stays_one_row);
    tcase_add_test(tcase, keys_that_point_at_two_rows_keep_the_linked_one);
    tcase_add_test(tcase, a_link_is_never_lost_to_another_link);
    tcase_add_test(tcase, the_same_order_id_in_two_categories_is_two_orders);
    tcase_add_test(tcase, a_fill_is_counted_once);
    tcase_add_test(tcase, open_orders_are_restored_with_their_fills);
    tcase_add_test(tcase, a_damaged_row_is_an_error_that_names_it);
    tcase_add_test(tcase, events_are_shown_in_order_and_numbered_on_over_restarts);
    tcase_add_test(tcase, the_hash_chain_holds_over_restarts);
    tcase_add_test(tcase, a_changed_event_is_found);
    tcase_add_test(tcase, a_wait_ends_with_the_commit_or_in_time);
    tcase_add_test(tcase, all_that_waits_is_one_commit);
    tcase_add_test(tcase, a_full_queue_is_an_answer);
    tcase_add_test(tcase, too_many_bytes_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return kit_main(make_suite());
}
