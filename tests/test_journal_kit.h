/* tests/test_journal_kit.h - what the tests of db/ share: a temporary folder, made-up rows, a
 * journal with a listener. */
#pragma once

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/trade.h"
#include "db/journal.h"

#define KIT __attribute__((unused)) static

/* What the callbacks said; read it only after journal_wait, a join, or through the atomics. */
struct listener {
    atomic_uint_fast64_t committed;
    atomic_uint commits;
    atomic_uint events;
    atomic_uint gaps; /* events out of order */
    atomic_uint downs;
    atomic_uint ups;
    atomic_uint known_count;
    uint64_t last_seq;
    struct journal_known known; /* the last one, without its fills */
    struct journal_fill_key known_fill;
    char down_text[240];
    void (*after_commit)(uint64_t position, void *userdata);
    void *userdata;
};

struct bridge {
    char folder[64];
    char path[96];
    struct journal *journal;
    struct journal_start start;
    struct listener listener;
    uint64_t position;
    uint64_t seq;
};

static const struct journal_identity kit_identity = { .env = "sim", .account = "account-1" };

KIT void kit_on_committed(uint64_t position, const struct journal_known *known, size_t known_count,
                          void *userdata)
{
    struct listener *listener = userdata;

    for (size_t i = 0; i < known_count; i++) {
        listener->known = known[i];
        listener->known.fills = NULL;
        if (known[i].fills_count)
            listener->known_fill = known[i].fills[0];
    }
    atomic_fetch_add(&listener->known_count, (unsigned)known_count);
    atomic_fetch_add(&listener->commits, 1);
    if (listener->after_commit)
        listener->after_commit(position, listener->userdata);
    atomic_store(&listener->committed, position);
}

KIT void kit_on_event(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                      int64_t at_ms, void *userdata)
{
    struct listener *listener = userdata;

    (void)event;
    (void)json;
    (void)json_bytes;
    (void)at_ms;
    if (seq != listener->last_seq + 1)
        atomic_fetch_add(&listener->gaps, 1);
    listener->last_seq = seq;
    atomic_fetch_add(&listener->events, 1);
}

KIT void kit_on_down(bool down, const struct error *error, void *userdata)
{
    struct listener *listener = userdata;

    if (down)
        (void)snprintf(listener->down_text, sizeof(listener->down_text), "%s", error->text);
    atomic_fetch_add(down ? &listener->downs : &listener->ups, 1);
}

static const struct journal_callbacks kit_callbacks = { kit_on_committed, kit_on_event,
                                                        kit_on_down };

KIT void kit_sleep_ms(int ms)
{
    struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

    nanosleep(&wait, NULL);
}

/* Up to 5 s for an atomic to reach a value. */
#define kit_await(condition)                                                                       \
    do {                                                                                           \
        int64_t until_ms_ = clock_mono_ms() + 5000;                                                \
        while (!(condition) && clock_mono_ms() < until_ms_)                                        \
            kit_sleep_ms(1);                                                                       \
        ck_assert_msg(condition, "did not happen: %s", #condition);                                \
    } while (0)

KIT void kit_folder(struct bridge *bridge)
{
    memset(bridge, 0, sizeof(*bridge));
    (void)snprintf(bridge->folder, sizeof(bridge->folder), "/tmp/bridge-journal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(bridge->folder));
    (void)snprintf(bridge->path, sizeof(bridge->path), "%s/j/journal.db", bridge->folder);
}

KIT void kit_remove_folder(struct bridge *bridge)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", bridge->folder);
    ck_assert_int_eq(system(command), 0);
}

/* Opens without starting the thread. */
KIT enum err kit_open(struct bridge *bridge, struct error *error)
{
    enum err err =
        journal_open(&bridge->journal, bridge->path, &kit_identity, &bridge->start, error);

    if (err)
        return err;
    memset(&bridge->listener, 0, sizeof(bridge->listener));
    bridge->position = 0;
    bridge->seq = bridge->start.last_seq;
    bridge->listener.last_seq = bridge->start.last_seq;
    return ERR_NONE;
}

KIT void kit_start(struct bridge *bridge)
{
    struct error error = { 0 };

    ck_assert_msg(kit_open(bridge, &error) == ERR_NONE, "%s", error.text);
    journal_set_retry(bridge->journal, 50);
    ck_assert_msg(journal_start_thread(bridge->journal, &kit_callbacks, &bridge->listener,
                                       &error) == ERR_NONE,
                  "%s", error.text);
}

KIT void kit_stop(struct bridge *bridge)
{
    journal_close(bridge->journal);
    bridge->journal = NULL;
}

KIT struct decimal kit_decimal(const char *text)
{
    struct decimal value;

    ck_assert_int_eq(decimal_parse(&value, text), ERR_NONE);
    return value;
}

KIT void kit_order(struct order *order, const char *link)
{
    memset(order, 0, sizeof(*order));
    (void)snprintf(order->request.link, sizeof(order->request.link), "%s", link);
    (void)snprintf(order->request.client_id, sizeof(order->request.client_id), "%s", link);
    (void)snprintf(order->request.symbol, sizeof(order->request.symbol), "BTCUSDT");
    order->request.category = CATEGORY_LINEAR;
    order->request.side = SIDE_BUY;
    order->request.type = ORDER_TYPE_LIMIT;
    order->request.tif = TIF_GTC;
    order->request.qty = kit_decimal("0.010");
    order->request.price = kit_decimal("26000.10");
    order->request.trigger_price = DECIMAL_NONE;
    order->request.take_profit = DECIMAL_NONE;
    order->request.stop_loss = DECIMAL_NONE;
    order->filled_qty = DECIMAL_ZERO;
    order->filled_value = DECIMAL_ZERO;
    order->avg_price = DECIMAL_NONE;
    order->state = ORDER_INTENT;
    order->attempt = 1;
    order->created_ms = 1700000000000;
    order->updated_ms = 1700000000000;
}

KIT void kit_fill(struct fill *fill, const char *order_id, const char *exec_id)
{
    memset(fill, 0, sizeof(*fill));
    (void)snprintf(fill->order_id, sizeof(fill->order_id), "%s", order_id);
    (void)snprintf(fill->exec_id, sizeof(fill->exec_id), "%s", exec_id);
    (void)snprintf(fill->symbol, sizeof(fill->symbol), "BTCUSDT");
    (void)snprintf(fill->fee_coin, sizeof(fill->fee_coin), "USDT");
    fill->category = CATEGORY_LINEAR;
    fill->side = SIDE_BUY;
    fill->qty = kit_decimal("0.010");
    fill->price = kit_decimal("26000.10");
    fill->value = kit_decimal("260.001");
    fill->fee = kit_decimal("-0.0260");
    fill->closed_qty = DECIMAL_NONE;
    fill->at_ms = 1700000000000;
}

KIT struct journal_row *kit_row(struct bridge *bridge, enum journal_row_kind kind)
{
    struct journal_row *row = journal_row_create();

    ck_assert_ptr_nonnull(row);
    row->kind = kind;
    row->position = ++bridge->position;
    row->at_ms = clock_wall_ms();
    return row;
}

KIT void kit_add_event(struct bridge *bridge, struct journal_row *row, const char *event)
{
    row->seq = ++bridge->seq;
    row->event = event;
    ck_assert_int_gt(asprintf(&row->json, "{\"n\":%" PRIu64 "}", row->seq), 0);
    row->json_bytes = strlen(row->json);
}

KIT struct journal_row *kit_intent(struct bridge *bridge, const char *link)
{
    struct journal_row *row = kit_row(bridge, JOURNAL_INTENT);

    kit_order(&row->u.order, link);
    return row;
}

/* An order row with an event. */
KIT struct journal_row *kit_order_row(struct bridge *bridge, const struct order *order)
{
    struct journal_row *row = kit_row(bridge, JOURNAL_ORDER);

    row->u.order = *order;
    kit_add_event(bridge, row, "order");
    row->u.order.seq = row->seq;
    return row;
}

KIT struct journal_row *kit_fill_row(struct bridge *bridge, const struct fill *fill)
{
    struct journal_row *row = kit_row(bridge, JOURNAL_FILL);

    row->u.fill = *fill;
    kit_add_event(bridge, row, "fill");
    row->u.fill.seq = row->seq;
    return row;
}

KIT void kit_submit(struct bridge *bridge, struct journal_row *row)
{
    ck_assert_int_eq(journal_submit(bridge->journal, row), ERR_NONE);
}

KIT void kit_settle(struct bridge *bridge)
{
    ck_assert_int_eq(journal_wait(bridge->journal, bridge->position, 5000), ERR_NONE);
    kit_await(atomic_load(&bridge->listener.committed) == bridge->position);
}

/* One number from the file, read beside the bridge or after it. */
KIT int64_t kit_query(const struct bridge *bridge, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t value;

    ck_assert_int_eq(sqlite3_open_v2(bridge->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

/* Changes the file behind the bridge's back, while it is closed. */
KIT void kit_change(const struct bridge *bridge, const char *sql)
{
    sqlite3 *db;
    char *text = NULL;

    ck_assert_int_eq(sqlite3_open(bridge->path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &text) == SQLITE_OK, "%s", text ? text : "");
    sqlite3_close(db);
}

KIT int kit_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failures;

    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
