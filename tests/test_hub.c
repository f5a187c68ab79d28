/* The hub: order, rings, latest wins, frames and gaps, one wake-up a burst. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "api/event_filter.h"
#include "server/hub.h"

static atomic_int wakes;
static int ready;

static void on_wake(void *userdata)
{
    (void)userdata;
    atomic_fetch_add(&wakes, 1);
}

static void on_ready(void *userdata)
{
    (void)userdata;
    ready++;
}

static struct hub *make(size_t ring_bytes, uint64_t last_seq)
{
    struct hub *hub = hub_create(ring_bytes, last_seq);

    ck_assert_ptr_nonnull(hub);
    atomic_store(&wakes, 0);
    ready = 0;
    hub_set_wake(hub, on_wake, NULL);
    return hub;
}

static void publish(struct hub *hub, uint64_t seq, const char *event)
{
    char json[64];

    (void)snprintf(json, sizeof(json), "{\"n\":%u}", (unsigned)seq);
    hub_publish_event(hub, seq, event, json, strlen(json));
}

static void state(struct hub *hub, const char *topic, const char *json)
{
    hub_publish_state(hub, topic, "ticker", json, strlen(json));
}

static void frame(struct hub *hub, const char *topic, const char *json, bool is_snapshot)
{
    hub_publish_frame(hub, topic, "book", json, strlen(json), is_snapshot);
}

static void expect(struct hub_reader *reader, enum hub_owed owed, const char *json,
                   uint64_t dropped)
{
    struct hub_item item;
    enum hub_owed got = hub_reader_next(reader, &item);

    ck_assert_msg(got == owed, "got %d, expected %d (%s)", (int)got, (int)owed,
                  item.frame ? item.frame->json : "-");
    if (!json)
        return;
    ck_assert_str_eq(item.frame->json, json);
    ck_assert_uint_eq(strlen(json), item.frame->json_bytes);
    ck_assert_uint_eq(item.dropped, dropped);
}

START_TEST(events_come_in_order_and_by_kind)
{
    struct hub *hub = make(10000, 7);
    struct hub_reader *orders = hub_reader_open(hub, on_ready, NULL);
    struct hub_reader *fills = hub_reader_open(hub, on_ready, NULL);
    struct hub_reader *guard = hub_reader_open(hub, on_ready, NULL);
    struct hub_item item;

    hub_reader_want_events(guard, HUB_GUARD, 7);
    hub_reader_want_events(orders, HUB_ORDERS, 7);
    hub_reader_want_events(fills, HUB_FILLS, 7);
    expect(orders, HUB_NOTHING, NULL, 0);
    publish(hub, 8, "order");
    publish(hub, 9, "fill");
    publish(hub, 10, "anomaly");
    publish(hub, 11, "guard");
    expect(orders, HUB_NOTHING, NULL, 0);
    hub_pump(hub);
    ck_assert_uint_eq(hub_last_seq(hub), 11);
    ck_assert_uint_eq(hub_first_seq(hub), 8);
    ck_assert_int_eq(hub_reader_next(orders, &item), HUB_EVENT);
    ck_assert_uint_eq(item.frame->seq, 8);
    ck_assert_str_eq(item.frame->event, "order");
    expect(orders, HUB_EVENT, "{\"n\":10}", 0);
    expect(orders, HUB_NOTHING, NULL, 0);
    expect(fills, HUB_EVENT, "{\"n\":9}", 0);
    expect(fills, HUB_NOTHING, NULL, 0);
    ck_assert_uint_eq(hub_reader_position(fills), 11);
    expect(guard, HUB_EVENT, "{\"n\":11}", 0);
    expect(guard, HUB_NOTHING, NULL, 0);
    hub_reader_close(orders);
    hub_destroy(hub); /* closes the other */
}
END_TEST

static void publish_tagged(struct hub *hub, uint64_t seq, const char *tag)
{
    char json[64];

    (void)snprintf(json, sizeof(json), "{\"tag\":\"%s\"}", tag);
    hub_publish_event(hub, seq, "order", json, strlen(json));
    hub_pump(hub);
}

/* What a sleeping reader does not want wakes it not, and moves its position. */
START_TEST(a_filtered_reader_sleeps_over_what_it_does_not_want)
{
    static const struct event_filter filter = { .tag = "grid" };
    struct hub *hub = make(10000, 7);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);

    hub_reader_want_events(reader, HUB_ORDERS, 7);
    hub_reader_filter(reader, &filter);
    publish_tagged(hub, 8, "other");
    ck_assert_uint_eq(hub_reader_position(reader), 7); /* awake: it has not looked yet */
    expect(reader, HUB_NOTHING, NULL, 0);
    ck_assert_uint_eq(hub_reader_position(reader), 8);
    publish_tagged(hub, 9, "other");
    publish(hub, 10, "fill");
    hub_pump(hub);
    ck_assert_int_eq(ready, 0);
    ck_assert_uint_eq(hub_reader_position(reader), 10);
    ck_assert(!hub_has_event(hub, 7, &filter));
    publish_tagged(hub, 11, "grid");
    ck_assert_int_eq(ready, 1);
    ck_assert_uint_eq(hub_reader_position(reader), 10);
    ck_assert(hub_has_event(hub, 7, &filter));
    ck_assert(!hub_has_event(hub, 11, &filter));
    ck_assert(hub_has_event(hub, 3, &filter)); /* the ring does not tell */
    expect(reader, HUB_EVENT, "{\"tag\":\"grid\"}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    hub_set_epoch(hub, 5);
    ck_assert_uint_eq(hub_epoch(hub), 0);
    hub_pump(hub);
    ck_assert_uint_eq(hub_epoch(hub), 5);
    ck_assert_int_eq(ready, 2);
    hub_destroy(hub);
}
END_TEST

START_TEST(a_reader_behind_the_ring_is_sent_to_the_journal)
{
    struct hub *hub = make(2000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    uint64_t first;
    char json[32];

    hub_reader_want_events(reader, HUB_ORDERS, 0);
    for (uint64_t seq = 1; seq <= 100; seq++) {
        publish(hub, seq, "order");
        if (seq % 10 == 0)
            hub_pump(hub);
    }
    first = hub_first_seq(hub);
    ck_assert_uint_gt(first, 50);
    expect(reader, HUB_BEHIND, NULL, 0);
    expect(reader, HUB_BEHIND, NULL, 0);
    hub_reader_set_position(reader, first - 2);
    expect(reader, HUB_BEHIND, NULL, 0);
    hub_reader_set_position(reader, first - 1);
    (void)snprintf(json, sizeof(json), "{\"n\":%u}", (unsigned)first);
    expect(reader, HUB_EVENT, json, 0);
    hub_destroy(hub);
}
END_TEST

START_TEST(an_inbox_that_nobody_pumps_stays_bounded_and_loses_nothing_silently)
{
    struct hub *hub = make(2000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);

    hub_reader_want_events(reader, HUB_ORDERS, 0);
    for (uint64_t seq = 1; seq <= 1000; seq++)
        publish(hub, seq, "order");
    hub_pump(hub);
    ck_assert_uint_eq(hub_last_seq(hub), 1000);
    ck_assert_uint_gt(hub_first_seq(hub), 900);
    expect(reader, HUB_BEHIND, NULL, 0);
    hub_reader_set_position(reader, 999);
    expect(reader, HUB_EVENT, "{\"n\":1000}", 0);
    hub_destroy(hub);
}
END_TEST

START_TEST(an_event_larger_than_the_ring_is_in_the_journal_only)
{
    struct hub *hub = make(200, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    static char json[1000];

    memset(json, ' ', sizeof(json));
    hub_reader_want_events(reader, HUB_ORDERS, 0);
    hub_publish_event(hub, 1, "order", json, sizeof(json));
    hub_pump(hub);
    ck_assert_uint_eq(hub_last_seq(hub), 1);
    ck_assert_uint_eq(hub_first_seq(hub), 0);
    expect(reader, HUB_BEHIND, NULL, 0);
    hub_destroy(hub);
}
END_TEST

START_TEST(the_wake_comes_once_until_the_pump)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);

    hub_reader_want_events(reader, HUB_ORDERS, 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    publish(hub, 1, "order");
    publish(hub, 2, "order");
    ck_assert_int_eq(atomic_load(&wakes), 1);
    ck_assert_int_eq(ready, 0);
    hub_pump(hub);
    ck_assert_int_eq(ready, 1);
    publish(hub, 3, "order");
    ck_assert_int_eq(atomic_load(&wakes), 2);
    hub_pump(hub);
    ck_assert_int_eq(ready, 1); /* it is awake still */
    expect(reader, HUB_EVENT, "{\"n\":1}", 0);
    expect(reader, HUB_EVENT, "{\"n\":2}", 0);
    expect(reader, HUB_EVENT, "{\"n\":3}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    hub_set_wake(hub, NULL, NULL);
    publish(hub, 4, "order");
    ck_assert_int_eq(atomic_load(&wakes), 2);
    hub_set_wake(hub, on_wake, NULL); /* what waits is told */
    ck_assert_int_eq(atomic_load(&wakes), 3);
    hub_destroy(hub);
}
END_TEST

START_TEST(who_reads_nothing_is_not_woken)
{
    struct hub *hub = make(1000000, 0);
    uint64_t seq = 0;

    hub_set_heard(hub, false);
    ck_assert(!hub_has_readers(hub));
    publish(hub, ++seq, "order");
    ck_assert_int_eq(atomic_load(&wakes), 0);
    hub_set_heard(hub, true); /* what waits is told, once */
    hub_set_heard(hub, true);
    ck_assert_int_eq(atomic_load(&wakes), 1);
    hub_pump(hub);
    ck_assert_uint_eq(hub_last_seq(hub), seq);
    hub_set_heard(hub, false);
    hub_set_heard(hub, true); /* nothing waits */
    ck_assert_int_eq(atomic_load(&wakes), 1);
    hub_set_heard(hub, false);
    while (atomic_load(&wakes) == 1 && seq < 100000) /* it does not wait in any number */
        publish(hub, ++seq, "order");
    ck_assert_uint_gt(seq, 100);
    ck_assert_uint_lt(seq, 100000);
    hub_pump(hub);
    ck_assert_uint_eq(hub_last_seq(hub), seq);
    hub_destroy(hub);
}
END_TEST

START_TEST(of_a_state_the_latest_wins_and_the_rest_is_counted)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    struct hub_reader *late = hub_reader_open(hub, on_ready, NULL);
    size_t index;

    ck_assert(!hub_wanted(hub, "ticker:linear:A"));
    state(hub, "ticker:linear:A", "{\"v\":0}"); /* nobody wants it: nothing is kept */
    ck_assert_int_eq(atomic_load(&wakes), 0);
    ck_assert_int_eq(hub_reader_want(reader, "ticker:linear:A", HUB_LATEST, &index), ERR_NONE);
    ck_assert_uint_eq(index, 0);
    ck_assert(hub_wanted(hub, "ticker:linear:A"));
    expect(reader, HUB_NOTHING, NULL, 0);
    state(hub, "ticker:linear:A", "{\"v\":1}");
    hub_pump(hub);
    expect(reader, HUB_STATE, "{\"v\":1}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    state(hub, "ticker:linear:A", "{\"v\":2}");
    state(hub, "ticker:linear:A", "{\"v\":3}");
    hub_pump(hub);
    state(hub, "ticker:linear:A", "{\"v\":4}");
    hub_pump(hub);
    expect(reader, HUB_STATE, "{\"v\":4}", 2);
    expect(reader, HUB_NOTHING, NULL, 0);
    ck_assert_int_eq(hub_reader_want(late, "ticker:linear:A", HUB_LATEST, &index), ERR_NONE);
    expect(late, HUB_NOTHING, NULL, 0); /* who comes later has a snapshot from elsewhere, */
    hub_reader_await(late, index);      /* or says that he has none */
    expect(late, HUB_STATE, "{\"v\":4}", 0);
    hub_reader_close(reader);
    ck_assert(hub_wanted(hub, "ticker:linear:A"));
    hub_reader_close(late);
    ck_assert(!hub_wanted(hub, "ticker:linear:A"));
    hub_destroy(hub);
}
END_TEST

START_TEST(status_is_kept_for_who_comes_later)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader;

    ck_assert(hub_wanted(hub, "status:rest"));
    state(hub, "status:rest", "{\"s\":1}");
    hub_pump(hub);
    reader = hub_reader_open(hub, on_ready, NULL);
    hub_reader_want_status(reader);
    expect(reader, HUB_STATE, "{\"s\":1}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    state(hub, "status:private", "{\"s\":2}"); /* a link that is new */
    state(hub, "status:rest", "{\"s\":3}");
    hub_pump(hub);
    ck_assert_int_eq(ready, 1);
    for (int i = 0; i < 2; i++) {
        struct hub_item item;

        ck_assert_int_eq(hub_reader_next(reader, &item), HUB_STATE);
        ck_assert(strstr("{\"s\":2}{\"s\":3}", item.frame->json));
    }
    expect(reader, HUB_NOTHING, NULL, 0);
    hub_destroy(hub);
}
END_TEST

#define BOOK "book:linear:A:50"

START_TEST(frames_come_all_and_a_gap_waits_for_a_snapshot)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    struct hub_item item;
    size_t index;

    ck_assert_int_eq(hub_reader_want(reader, BOOK, HUB_SEQUENCE, &index), ERR_NONE);
    hub_reader_await(reader, index);
    frame(hub, BOOK, "{\"d\":0}", false); /* without a base: skipped */
    frame(hub, BOOK, "{\"s\":1}", true);
    frame(hub, BOOK, "{\"d\":2}", false);
    hub_pump(hub);
    expect(reader, HUB_FRAME, "{\"s\":1}", 0);
    expect(reader, HUB_FRAME, "{\"d\":2}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    hub_publish_gap(hub, BOOK, "{\"g\":1}", 7);
    frame(hub, BOOK, "{\"d\":3}", false);
    frame(hub, BOOK, "{\"s\":4}", true);
    frame(hub, BOOK, "{\"d\":5}", false);
    hub_pump(hub);
    ck_assert_int_eq(hub_reader_next(reader, &item), HUB_FRAME);
    ck_assert_str_eq(item.frame->event, "gap");
    ck_assert(item.frame->is_gap);
    expect(reader, HUB_FRAME, "{\"s\":4}", 0);
    expect(reader, HUB_FRAME, "{\"d\":5}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    hub_destroy(hub);
}
END_TEST

START_TEST(a_late_reader_begins_at_the_newest_snapshot_or_after_its_own)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *first = hub_reader_open(hub, on_ready, NULL);
    struct hub_reader *late = hub_reader_open(hub, on_ready, NULL);
    size_t index;

    ck_assert_int_eq(hub_reader_want(first, BOOK, HUB_SEQUENCE, &index), ERR_NONE);
    frame(hub, BOOK, "{\"s\":1}", true);
    frame(hub, BOOK, "{\"s\":2}", true);
    frame(hub, BOOK, "{\"d\":3}", false);
    hub_pump(hub);
    ck_assert_int_eq(hub_reader_want(late, BOOK, HUB_SEQUENCE, &index), ERR_NONE);
    hub_reader_await(late, index);
    expect(late, HUB_FRAME, "{\"s\":2}", 0);
    hub_reader_restart(late, index);
    expect(late, HUB_NOTHING, NULL, 0);
    frame(hub, BOOK, "{\"d\":4}", false);
    hub_pump(hub);
    expect(late, HUB_FRAME, "{\"d\":4}", 0);
    hub_destroy(hub);
}
END_TEST

START_TEST(a_reader_that_the_ring_overtook_is_told)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    static char json[60 * 1024];
    struct hub_item item;
    size_t index;

    memset(json, ' ', sizeof(json));
    ck_assert_int_eq(hub_reader_want(reader, BOOK, HUB_SEQUENCE, &index), ERR_NONE);
    for (int i = 0; i < 10; i++) {
        hub_publish_frame(hub, BOOK, "book", json, sizeof(json), i == 8);
        hub_pump(hub);
    }
    ck_assert_int_eq(hub_reader_next(reader, &item), HUB_LOST);
    ck_assert_uint_eq(item.topic, index);
    hub_reader_await(reader, index);
    ck_assert_int_eq(hub_reader_next(reader, &item), HUB_FRAME);
    ck_assert(item.frame->is_snapshot);
    for (int i = 0; i < 10; i++) /* without a pump: the inbox overflows */
        hub_publish_frame(hub, BOOK, "book", json, sizeof(json), false);
    hub_pump(hub);
    ck_assert_int_eq(hub_reader_next(reader, &item), HUB_LOST);
    hub_destroy(hub);
}
END_TEST

#define TRADES "trades:linear:A"

START_TEST(a_sequence_without_snapshots_goes_on_where_the_ring_is)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    static char json[30 * 1024];
    struct hub_item item;
    uint64_t skipped;
    uint64_t given = 0;
    size_t index;

    memset(json, ' ', sizeof(json));
    ck_assert_int_eq(hub_reader_want(reader, TRADES, HUB_SEQUENCE, &index), ERR_NONE);
    for (int i = 0; i < 100; i++) {
        hub_publish_frame(hub, TRADES, "trade", json, sizeof(json), false);
        hub_pump(hub);
    }
    ck_assert_int_eq(hub_reader_next(reader, &item), HUB_LOST);
    skipped = hub_reader_skip(reader, item.topic);
    while (hub_reader_next(reader, &item) == HUB_FRAME)
        given++;
    ck_assert_uint_eq(skipped + given, 100); /* each is given or counted */
    ck_assert_uint_ge(given, 3);             /* half of the ring: no more loss at once */
    ck_assert_uint_le(given, 5);
    ck_assert_uint_eq(hub_reader_skip(reader, index), 0);
    for (int i = 0; i < 20; i++) /* without a pump: the inbox overflows */
        hub_publish_frame(hub, TRADES, "trade", json, sizeof(json), false);
    hub_pump(hub);
    ck_assert_int_eq(hub_reader_next(reader, &item), HUB_LOST);
    skipped = hub_reader_skip(reader, item.topic);
    for (given = 0; hub_reader_next(reader, &item) == HUB_FRAME;)
        given++;
    ck_assert_uint_eq(skipped + given, 20);
    hub_destroy(hub);
}
END_TEST

START_TEST(a_restart_passes_over_what_waits_in_the_inbox)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    size_t sequence;
    size_t value;

    ck_assert_int_eq(hub_reader_want(reader, TRADES, HUB_SEQUENCE, &sequence), ERR_NONE);
    ck_assert_int_eq(hub_reader_want(reader, "balance", HUB_LATEST, &value), ERR_NONE);
    frame(hub, TRADES, "{\"t\":1}", false);
    state(hub, "balance", "{\"b\":1}");
    hub_reader_restart(reader, sequence);
    hub_reader_restart(reader, value);
    ck_assert(hub_reader_is_fresh(reader, sequence));
    hub_pump(hub);
    expect(reader, HUB_NOTHING, NULL, 0);
    ck_assert(hub_reader_is_fresh(reader, sequence));
    frame(hub, TRADES, "{\"t\":2}", false);
    ck_assert(!hub_reader_is_fresh(reader, sequence));
    state(hub, "balance", "{\"b\":2}");
    hub_pump(hub);
    expect(reader, HUB_FRAME, "{\"t\":2}", 0);
    expect(reader, HUB_STATE, "{\"b\":2}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    hub_destroy(hub);
}
END_TEST

START_TEST(a_topic_that_is_held_back_waits)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    size_t ticker;
    size_t book;
    int readies;

    ck_assert_int_eq(hub_reader_want(reader, "ticker:linear:A", HUB_LATEST, &ticker), ERR_NONE);
    ck_assert_int_eq(hub_reader_want(reader, BOOK, HUB_SEQUENCE, &book), ERR_NONE);
    hub_reader_hold(reader, ticker, true);
    state(hub, "ticker:linear:A", "{\"v\":1}");
    frame(hub, BOOK, "{\"s\":1}", true);
    state(hub, "ticker:linear:A", "{\"v\":2}");
    hub_pump(hub);
    expect(reader, HUB_FRAME, "{\"s\":1}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    readies = ready;
    state(hub, "ticker:linear:A", "{\"v\":3}");
    hub_pump(hub);
    ck_assert_int_eq(ready, readies); /* it sleeps on: there is nothing to do yet */
    frame(hub, BOOK, "{\"d\":2}", false);
    hub_pump(hub);
    ck_assert_int_eq(ready, readies + 1);
    expect(reader, HUB_FRAME, "{\"d\":2}", 0);
    hub_reader_hold(reader, ticker, false);
    expect(reader, HUB_STATE, "{\"v\":3}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    hub_destroy(hub);
}
END_TEST

START_TEST(what_was_before_a_gap_is_no_base)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *first = hub_reader_open(hub, on_ready, NULL);
    struct hub_reader *late = hub_reader_open(hub, on_ready, NULL);
    size_t index;

    ck_assert_int_eq(hub_reader_want(first, BOOK, HUB_SEQUENCE, &index), ERR_NONE);
    frame(hub, BOOK, "{\"s\":1}", true);
    hub_publish_gap(hub, BOOK, "{\"g\":1}", 7);
    hub_pump(hub);
    ck_assert_int_eq(hub_reader_want(late, BOOK, HUB_SEQUENCE, &index), ERR_NONE);
    hub_reader_await(late, index);
    expect(late, HUB_NOTHING, NULL, 0);
    frame(hub, BOOK, "{\"s\":2}", true);
    hub_pump(hub);
    expect(late, HUB_FRAME, "{\"s\":2}", 0);
    hub_destroy(hub);
}
END_TEST

START_TEST(a_reader_takes_topics_in_turn_and_has_a_bound)
{
    struct hub *hub = make(10000, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    char topic[HUB_TOPIC_MAX];
    size_t index;

    for (int i = 0; i < HUB_TOPICS_MAX; i++) {
        (void)snprintf(topic, sizeof(topic), "ticker:linear:T%d", i);
        ck_assert_int_eq(hub_reader_want(reader, topic, HUB_LATEST, &index), ERR_NONE);
    }
    ck_assert_int_eq(hub_reader_want(reader, "ticker:linear:X", HUB_LATEST, &index), ERR_BUSY);
    for (int i = 0; i < HUB_TOPICS_MAX; i += 2) {
        (void)snprintf(topic, sizeof(topic), "ticker:linear:T%d", i);
        state(hub, topic, "{}");
    }
    hub_pump(hub);
    for (int i = 0; i < HUB_TOPICS_MAX; i += 2)
        expect(reader, HUB_STATE, "{}", 0);
    expect(reader, HUB_NOTHING, NULL, 0);
    state(hub, "ticker:linear:T3", "{}"); /* dirty while its last reader leaves */
    hub_reader_close(reader);
    hub_pump(hub);
    hub_destroy(hub);
}
END_TEST

#define THREAD_EVENTS 20000

static void *publish_events(void *userdata)
{
    for (uint64_t seq = 1; seq <= THREAD_EVENTS; seq++)
        publish(userdata, seq, "order");
    return NULL;
}

static void *publish_states(void *userdata)
{
    for (int i = 0; i < THREAD_EVENTS; i++) {
        if (hub_wanted(userdata, "ticker:linear:A"))
            state(userdata, "ticker:linear:A", "{\"v\":1}");
        frame(userdata, BOOK, "{\"d\":1}", i % 100 == 0);
    }
    return NULL;
}

START_TEST(publishers_on_threads_and_readers_agree)
{
    struct hub *hub = make((size_t)8 * 1024 * 1024, 0);
    struct hub_reader *reader = hub_reader_open(hub, on_ready, NULL);
    struct hub_item item;
    pthread_t threads[2];
    uint64_t seen = 0;
    uint64_t states = 0;
    size_t index;

    hub_reader_want_events(reader, HUB_ORDERS, 0);
    ck_assert_int_eq(hub_reader_want(reader, "ticker:linear:A", HUB_LATEST, &index), ERR_NONE);
    ck_assert_int_eq(hub_reader_want(reader, BOOK, HUB_SEQUENCE, &index), ERR_NONE);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, publish_events, hub), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, publish_states, hub), 0);
    while (seen < THREAD_EVENTS || states < THREAD_EVENTS) {
        enum hub_owed owed;

        hub_pump(hub);
        while ((owed = hub_reader_next(reader, &item)) != HUB_NOTHING) {
            ck_assert_int_ne(owed, HUB_BEHIND);
            if (owed == HUB_EVENT)
                ck_assert_uint_eq(item.frame->seq, ++seen);
            if (owed == HUB_STATE)
                states += 1 + item.dropped;
            if (owed == HUB_STATE && states == 1 + item.dropped)
                states = THREAD_EVENTS; /* the first has no count: from here on any will do */
            if (owed == HUB_LOST)
                hub_reader_await(reader, item.topic);
        }
    }
    (void)pthread_join(threads[0], NULL);
    (void)pthread_join(threads[1], NULL);
    hub_destroy(hub);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hub");
    TCase *tcase = tcase_create("hub");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, events_come_in_order_and_by_kind);
    tcase_add_test(tcase, a_filtered_reader_sleeps_over_what_it_does_not_want);
    tcase_add_test(tcase, a_reader_behind_the_ring_is_sent_to_the_journal);
    tcase_add_test(tcase, an_inbox_that_nobody_pumps_stays_bounded_and_loses_nothing_silently);
    tcase_add_test(tcase, an_event_larger_than_the_ring_is_in_the_journal_only);
    tcase_add_test(tcase, the_wake_comes_once_until_the_pump);
    tcase_add_test(tcase, who_reads_nothing_is_not_woken);
    tcase_add_test(tcase, of_a_state_the_latest_wins_and_the_rest_is_counted);
    tcase_add_test(tcase, status_is_kept_for_who_comes_later);
    tcase_add_test(tcase, frames_come_all_and_a_gap_waits_for_a_snapshot);
    tcase_add_test(tcase, a_late_reader_begins_at_the_newest_snapshot_or_after_its_own);
    tcase_add_test(tcase, a_reader_that_the_ring_overtook_is_told);
    tcase_add_test(tcase, a_sequence_without_snapshots_goes_on_where_the_ring_is);
    tcase_add_test(tcase, a_restart_passes_over_what_waits_in_the_inbox);
    tcase_add_test(tcase, a_topic_that_is_held_back_waits);
    tcase_add_test(tcase, what_was_before_a_gap_is_no_base);
    tcase_add_test(tcase, a_reader_takes_topics_in_turn_and_has_a_bound);
    tcase_add_test(tcase, publishers_on_threads_and_readers_agree);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
