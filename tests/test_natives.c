/* The exchange's own objects of orders in the journal: which row has which, and who reads them. */
#include "base/native.h"
#include "db/history.h"
#include "db/reader.h"
#include "db/statement.h"
#include "tests/test_journal_kit.h"

static struct bridge bridge;
static struct history_reader *reader;

static void setup(void)
{
    kit_folder(&bridge);
    kit_start(&bridge);
    reader = reader_create(bridge.path);
    ck_assert_ptr_nonnull(reader);
}

static void teardown(void)
{
    reader_destroy(reader);
    journal_close(bridge.journal);
    bridge.journal = NULL;
    kit_remove_folder(&bridge);
}

static void put(const struct order *order, const char *json)
{
    struct journal_row *row = kit_order_row(&bridge, order);

    row->native = json ? native_make(json, strlen(json)) : NULL;
    kit_submit(&bridge, row);
}

static struct order order_of(const char *link, const char *order_id)
{
    struct order order;

    kit_order(&order, link);
    (void)snprintf(order.order_id, sizeof(order.order_id), "%s", order_id);
    order.state = ORDER_LIVE;
    order.status = STATUS_NEW;
    order.external = !link[0];
    return order;
}

/* The object of an order, by its link or else by its order id; "" : none. */
static const char *native_of(const char *name)
{
    static char text[NATIVE_BYTES_MAX + 1];
    struct buffer native = buffer_of(sizeof(text));
    struct order wanted = order_of(name, name);
    struct order order;

    kit_settle(&bridge);
    ck_assert_int_eq(reader_order_native(reader, &wanted, &order, &native), ERR_NONE);
    text[0] = '\0';
    if (native.bytes)
        memcpy(text, native.data, native.bytes + 1);
    buffer_deinit(&native);
    return text;
}

START_TEST(the_newest_object_is_there_under_each_name)
{
    struct order order = order_of("mine", "");

    kit_submit(&bridge, kit_intent(&bridge, "mine"));
    ck_assert_str_eq(native_of("mine"), "");
    put(&order, "{\"n\":1}");
    ck_assert_str_eq(native_of("mine"), "{\"n\":1}");
    (void)snprintf(order.order_id, sizeof(order.order_id), "id-1");
    put(&order, "{\"n\":2.50}");
    ck_assert_str_eq(native_of("mine"), "{\"n\":2.50}");
    ck_assert_str_eq(native_of("id-1"), "{\"n\":2.50}");
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM natives"), 1);
}
END_TEST

START_TEST(a_row_without_one_leaves_it_and_one_of_no_bytes_takes_it_away)
{
    struct order order = order_of("mine", "id-1");

    put(&order, "{\"n\":1}");
    put(&order, NULL);
    ck_assert_str_eq(native_of("mine"), "{\"n\":1}");
    put(&order, "not kept");
    ck_assert_str_eq(native_of("mine"), "");
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM natives"), 0);
    put(&order, "not kept either");
    put(&order, "{\"n\":2}");
    ck_assert_str_eq(native_of("mine"), "{\"n\":2}");
}
END_TEST

START_TEST(an_order_without_a_link_has_its_own)
{
    struct order one = order_of("", "id-1");
    struct order other = order_of("", "id-1");

    other.request.category = CATEGORY_SPOT;
    put(&one, "{\"c\":\"linear\"}");
    put(&other, "{\"c\":\"spot\"}");
    put(&one, "{\"c\":\"linear again\"}");
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM natives"), 2);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM natives JOIN orders USING (id) WHERE "
                                        "json='{\"c\":\"linear again\"}' AND category='linear'"),
                     1);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM natives JOIN orders USING (id) WHERE "
                                        "json='{\"c\":\"spot\"}' AND category='spot'"),
                     1);
}
END_TEST

/* A client may name an order as the exchange has named another one. */
START_TEST(a_link_that_is_another_orders_id_is_not_that_order)
{
    struct order other = order_of("", "id-1");
    struct order order = order_of("id-1", "id-2");
    struct buffer native = buffer_of(100);

    put(&order, "{\"n\":\"mine\"}");
    put(&other, "{\"n\":\"other\"}");
    ck_assert_str_eq(native_of("id-1"), "{\"n\":\"mine\"}");
    order = order_of("", "id-1");
    kit_settle(&bridge);
    ck_assert_int_eq(reader_order_native(reader, &order, &other, &native), ERR_NONE);
    ck_assert_str_eq(native.data, "{\"n\":\"other\"}");
    buffer_clear(&native);
    order.request.category = CATEGORY_SPOT;
    ck_assert_int_eq(reader_order_native(reader, &order, &other, &native), ERR_NOT_FOUND);
    buffer_deinit(&native);
}
END_TEST

/* Row ids come again: what went with the row must not show under another order. */
START_TEST(a_row_that_goes_takes_its_object_along)
{
    struct order order = order_of("", "id-8");

    kit_submit(&bridge, kit_intent(&bridge, "mine"));
    put(&order, "{\"n\":\"of the row that goes\"}");
    order = order_of("mine", "id-8");
    put(&order, NULL);
    ck_assert_str_eq(native_of("mine"), "");
    order = order_of("next", "id-9");
    put(&order, NULL);
    ck_assert_str_eq(native_of("next"), "");
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM natives"), 0);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 2);
}
END_TEST

START_TEST(an_order_that_has_no_row_has_no_object)
{
    struct order order = order_of("", "");

    put(&order, "{\"n\":1}");
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM natives"), 0);
    ck_assert_uint_eq(atomic_load(&bridge.listener.downs), 0);
}
END_TEST

START_TEST(it_is_there_after_a_restart)
{
    struct order order = order_of("mine", "id-1");

    put(&order, "{\"n\":1}");
    kit_settle(&bridge);
    kit_stop(&bridge);
    kit_start(&bridge);
    ck_assert_str_eq(native_of("mine"), "{\"n\":1}");
}
END_TEST

/* --- lists --- */

struct seen {
    struct stored_native native;
    char shown[200];
};

static bool on_row(const struct order *order, int64_t row_id, void *userdata)
{
    struct seen *seen = userdata;
    size_t at = strlen(seen->shown);

    (void)row_id;
    (void)snprintf(seen->shown + at, sizeof(seen->shown) - at, "%s=%.*s ", order->request.link,
                   (int)seen->native.bytes, seen->native.json);
    return true;
}

START_TEST(a_list_has_them_only_when_asked)
{
    struct seen seen = { .shown = "" };
    struct list_filter filter = { .state = FILTER_ALL, .limit = 10, .native = &seen.native };
    struct order order = order_of("a", "id-a");

    put(&order, "{\"n\":1}");
    order = order_of("b", "id-b");
    put(&order, NULL);
    order = order_of("c", "id-c");
    put(&order, "{\"n\":3}");
    kit_settle(&bridge);
    ck_assert_int_eq(reader_orders(reader, &filter, on_row, &seen), ERR_NONE);
    ck_assert_str_eq(seen.shown, "c={\"n\":3} b= a={\"n\":1} ");
    memset(&seen, 0, sizeof(seen));
    seen.native.json = "";
    filter.native = NULL;
    ck_assert_int_eq(reader_orders(reader, &filter, on_row, &seen), ERR_NONE);
    ck_assert_str_eq(seen.shown, "c= b= a= ");
}
END_TEST

START_TEST(a_reader_goes_on_after_what_it_did_not_find)
{
    struct order order = order_of("a", "id-a");
    struct order stored;
    struct buffer native = buffer_of(100);

    ck_assert_int_eq(reader_order_native(reader, &order, &stored, &native), ERR_NOT_FOUND);
    put(&order, "{\"n\":1}");
    /* Not of the commit that the failed read saw. */
    ck_assert_str_eq(native_of("a"), "{\"n\":1}");
    buffer_deinit(&native);
}
END_TEST

START_TEST(a_file_without_the_table_is_an_error)
{
    struct order order = order_of("a", "id-a");
    struct order stored;
    struct buffer native = buffer_of(100);

    put(&order, "{\"n\":1}");
    ck_assert_str_eq(native_of("a"), "{\"n\":1}");
    kit_change(&bridge, "DROP TABLE natives");
    ck_assert_int_eq(reader_order_native(reader, &order, &stored, &native), ERR_IO);
    ck_assert_int_eq(reader_order_native(reader, &order, &stored, &native), ERR_IO);
    buffer_deinit(&native);
}
END_TEST

/* What a full queue is measured by. */
START_TEST(objects_that_wait_count_as_bytes)
{
    char text[NATIVE_BYTES_MAX];
    struct order order = order_of("a", "id-a");
    struct journal_row *rows = NULL;
    uint64_t position = bridge.position;
    uint64_t seq = bridge.seq;

    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + sizeof(text) - 2, "\"}", 2);
    for (struct journal_row *last = NULL, *row; bridge.position < position + 10000; last = row) {
        row = kit_order_row(&bridge, &order);
        row->native = native_make(text, sizeof(text));
        if (last)
            last->next = row;
        else
            rows = row;
    }
    ck_assert_int_eq(journal_submit(bridge.journal, rows), ERR_BUSY);
    while (rows) {
        struct journal_row *next = rows->next;

        journal_row_destroy(rows);
        rows = next;
    }
    bridge.position = position;
    bridge.seq = seq;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("natives");
    TCase *tcase = tcase_create("natives");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_newest_object_is_there_under_each_name);
    tcase_add_test(tcase, a_row_without_one_leaves_it_and_one_of_no_bytes_takes_it_away);
    tcase_add_test(tcase, an_order_without_a_link_has_its_own);
    tcase_add_test(tcase, a_link_that_is_another_orders_id_is_not_that_order);
    tcase_add_test(tcase, a_row_that_goes_takes_its_object_along);
    tcase_add_test(tcase, an_order_that_has_no_row_has_no_object);
    tcase_add_test(tcase, it_is_there_after_a_restart);
    tcase_add_test(tcase, a_list_has_them_only_when_asked);
    tcase_add_test(tcase, a_reader_goes_on_after_what_it_did_not_find);
    tcase_add_test(tcase, a_file_without_the_table_is_an_error);
    tcase_add_test(tcase, objects_that_wait_count_as_bytes);
    suite_add_tcase(suite, tcase);
    return kit_main(suite);
}
