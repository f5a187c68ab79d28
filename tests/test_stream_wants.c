/* What is wanted: counted, lingering, bounded; and that what is let in has a place on a socket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "bybit/stream_dials.h"
#include "bybit/stream_link.h"
#include "bybit/stream_wants.h"

#define LINGER_MS 100

static struct wants *wants;
static struct want_list list;
static bool is_new;

static enum err add(enum want_how how, enum stream_kind kind, const char *symbol, int depth,
                    int64_t now_ms)
{
    return wants_add(wants, how, kind, CATEGORY_LINEAR, symbol, depth, now_ms, &is_new);
}

static size_t count_at(int64_t now_ms, int64_t *next_ms)
{
    ck_assert(wants_list(wants, &list, now_ms, next_ms));
    return list.count;
}

static void begin(void)
{
    wants = wants_create(LINGER_MS);
    ck_assert_ptr_nonnull(wants);
}

static void end(void)
{
    wants_destroy(wants);
    free(list.items);
    list = (struct want_list){ .items = NULL };
}

START_TEST(readers_are_counted_and_the_last_one_leaves_a_want_that_lingers)
{
    int64_t next_ms;

    begin();
    ck_assert_int_eq(add(WANT_READER, STREAM_TICKER, "A", 0, 0), ERR_NONE);
    ck_assert(is_new);
    ck_assert_int_eq(add(WANT_READER, STREAM_TICKER, "A", 0, 0), ERR_NONE);
    ck_assert(!is_new);
    ck_assert(!wants_drop(wants, STREAM_TICKER, CATEGORY_LINEAR, "A", 0, 10));
    ck_assert(wants_drop(wants, STREAM_TICKER, CATEGORY_LINEAR, "A", 0, 20));
    ck_assert(!wants_drop(wants, STREAM_TICKER, CATEGORY_LINEAR, "A", 0, 30));
    ck_assert_uint_eq(count_at(119, &next_ms), 1);
    ck_assert_int_eq(next_ms, 120);
    ck_assert(wants_have(wants, STREAM_TICKER, CATEGORY_LINEAR, "A", 0));
    ck_assert_uint_eq(count_at(120, &next_ms), 0);
    ck_assert_int_eq(next_ms, INT64_MAX);
    ck_assert(!wants_have(wants, STREAM_TICKER, CATEGORY_LINEAR, "A", 0));
    ck_assert(!wants_have(wants, STREAM_TICKER, CATEGORY_LINEAR, "a", 0));
    end();
}
END_TEST

/* The number that fit does not depend on how long their names are, until they are long. */
START_TEST(the_topics_of_a_category_are_bounded)
{
    char symbol[SYMBOL_MAX];
    int count = 0;
    enum err err;

    begin();
    for (;; count++) {
        (void)snprintf(symbol, sizeof(symbol), "S%d", count);
        err = add(WANT_TOUCH, STREAM_TRADES, symbol, 0, count);
        if (err)
            break;
    }
    ck_assert_int_eq(err, ERR_BUSY);
    ck_assert_int_ge(count, 3800);
    ck_assert_int_le(count, STREAM_SOCKETS_MAX * LINK_TOPICS_MAX);
    ck_assert_int_eq(add(WANT_TOUCH, STREAM_TRADES, "S7", 0, 1), ERR_NONE);
    ck_assert_int_eq(
        wants_add(wants, WANT_TOUCH, STREAM_TRADES, CATEGORY_SPOT, "S7", 0, 1, &is_new), ERR_NONE);
    /* A reader takes the place of what lingers and would end first. */
    ck_assert_int_eq(add(WANT_READER, STREAM_TRADES, "MORE", 0, 1), ERR_NONE);
    ck_assert(!wants_have(wants, STREAM_TRADES, CATEGORY_LINEAR, "S0", 0));
    ck_assert(wants_have(wants, STREAM_TRADES, CATEGORY_LINEAR, "S1", 0));
    for (int i = 0; i < count - 1; i++) {
        (void)snprintf(symbol, sizeof(symbol), "R%d", i);
        ck_assert_int_eq(add(WANT_READER, STREAM_TRADES, symbol, 0, 1), ERR_NONE);
    }
    ck_assert_int_eq(add(WANT_READER, STREAM_TRADES, "LAST", 0, 1), ERR_BUSY);
    ck_assert(wants_have(wants, STREAM_TRADES, CATEGORY_SPOT, "S7", 0));
    end();
}
END_TEST

START_TEST(the_characters_of_a_category_are_bounded)
{
    char symbol[SYMBOL_MAX];
    int count = 0;

    begin();
    for (;; count++) {
        (void)snprintf(symbol, sizeof(symbol), "S%037d", count);
        if (add(WANT_READER, STREAM_LIQUIDATIONS, symbol, 0, 0))
            break;
    }
    ck_assert_int_lt(count, 3800);
    ck_assert_int_gt(count * 56, 7 * LINK_ARG_BYTES_MAX);
    ck_assert_int_le(count * 56, 8 * LINK_ARG_BYTES_MAX);
    end();
}
END_TEST

START_TEST(the_levels_of_books_are_bounded)
{
    char symbol[SYMBOL_MAX];
    int count = 0;

    begin();
    for (;; count++) {
        (void)snprintf(symbol, sizeof(symbol), "S%d", count);
        if (add(WANT_TOUCH, STREAM_BOOK, symbol, 1000, count))
            break;
    }
    ck_assert_int_eq(count, STREAM_LEVELS_MAX / 1000);
    ck_assert_int_eq(add(WANT_TOUCH, STREAM_TICKER, "S0", 0, 0), ERR_NONE);
    ck_assert_int_eq(wants_add(wants, WANT_TOUCH, STREAM_BOOK, CATEGORY_SPOT, "S0", 50, 0, &is_new),
                     ERR_BUSY);
    ck_assert_int_eq(
        wants_add(wants, WANT_READER, STREAM_BOOK, CATEGORY_SPOT, "S0", 50, 0, &is_new), ERR_NONE);
    ck_assert(!wants_have(wants, STREAM_BOOK, CATEGORY_LINEAR, "S0", 1000));
    ck_assert(wants_have(wants, STREAM_TICKER, CATEGORY_LINEAR, "S0", 0));
    end();
}
END_TEST

static void name_of(char symbol[SYMBOL_MAX], unsigned number)
{
    bool is_long = number % 3 == 0;

    (void)snprintf(symbol, SYMBOL_MAX, is_long ? "S%037u" : "S%u", number);
}

static bool place_on(struct link *links, const char *topic)
{
    for (int i = 0; i < STREAM_SOCKETS_MAX; i++) {
        if (link_find(&links[i], topic))
            return true;
    }
    for (int i = 0; i < STREAM_SOCKETS_MAX; i++) {
        if (link_want(&links[i], topic))
            return true;
    }
    return false;
}

static void drop_all_but_wanted(struct link *links)
{
    struct link_topic gone;

    for (int i = 0; i < STREAM_SOCKETS_MAX; i++) {
        for (size_t j = 0; j < links[i].topics_count; j++)
            links[i].topics[j].wanted = false;
    }
    for (size_t j = 0; j < list.count; j++) {
        char topic[LINK_TOPIC_BYTES];

        ck_assert(want_topic(&list.items[j], topic, sizeof(topic)));
        for (int i = 0; i < STREAM_SOCKETS_MAX; i++) {
            struct link_topic *found = link_find(&links[i], topic);

            if (found)
                found->wanted = true;
        }
    }
    for (int i = 0; i < STREAM_SOCKETS_MAX; i++) {
        while (link_reap(&links[i], &gone))
            ck_assert_ptr_null(link_find(&links[i], gone.name));
    }
}

/* Short and long names, come and gone for a long time: never is one let in that has no place, and
 * no socket holds more than it may. */
START_TEST(what_is_let_in_has_a_place_on_a_socket)
{
    static struct link links[STREAM_SOCKETS_MAX];
    uint32_t random = 3;
    int64_t next_ms;
    int refused = 0;

    begin();
    for (int i = 0; i < STREAM_SOCKETS_MAX; i++)
        link_init(&links[i], LINK_PUBLIC_LINEAR, &stream_times_default, 1);
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 1500; i++) {
            char symbol[SYMBOL_MAX];

            random = random * 1664525U + 1013904223U;
            name_of(symbol, (random >> 8) % 6000);
            if ((random >> 28) < 4)
                (void)wants_drop(wants, STREAM_TRADES, CATEGORY_LINEAR, symbol, 0, round);
            else
                refused += add(WANT_READER, STREAM_TRADES, symbol, 0, round) == ERR_BUSY;
        }
        (void)count_at(round + LINGER_MS + 1, &next_ms);
        drop_all_but_wanted(links);
        for (size_t i = 0; i < list.count; i++) {
            char topic[LINK_TOPIC_BYTES];

            ck_assert(want_topic(&list.items[i], topic, sizeof(topic)));
            ck_assert_msg(place_on(links, topic), "round %d: %s", round, topic);
        }
        for (int i = 0; i < STREAM_SOCKETS_MAX; i++) {
            size_t bytes = 0;

            for (size_t j = 0; j < links[i].topics_count; j++)
                bytes += strlen(links[i].topics[j].name) + 3;
            ck_assert_uint_eq(bytes, links[i].arg_bytes);
            ck_assert_uint_le(bytes, 21000);
            ck_assert_uint_le(links[i].topics_count, 480);
        }
    }
    ck_assert_int_gt(refused, 0);
    for (int i = 0; i < STREAM_SOCKETS_MAX; i++)
        link_deinit(&links[i]);
    end();
}
END_TEST

START_TEST(four_hundred_connections_are_opened_in_five_minutes_and_no_more)
{
    static struct dials dials;

    for (int i = 0; i < DIALS_PUBLIC_MAX; i++) {
        ck_assert(dials_may(&dials, false, i));
        dials_add(&dials, i);
    }
    ck_assert(!dials_may(&dials, false, 1000));
    ck_assert(!dials_may(&dials, false, DIALS_WINDOW_MS - 1));
    ck_assert(dials_may(&dials, false, DIALS_WINDOW_MS));
    dials_add(&dials, DIALS_WINDOW_MS);
    ck_assert(!dials_may(&dials, false, DIALS_WINDOW_MS));
    ck_assert(dials_may(&dials, false, DIALS_WINDOW_MS + 1));
}
END_TEST

/* Orders and fills come by one socket: the others, which are many, do not use up its turns. */
START_TEST(some_connections_are_left_for_the_private_socket)
{
    static struct dials dials;

    for (int i = 0; i < DIALS_PUBLIC_MAX; i++)
        dials_add(&dials, 0);
    for (int i = DIALS_PUBLIC_MAX; i < DIALS_MAX; i++) {
        ck_assert(!dials_may(&dials, false, i));
        ck_assert(dials_may(&dials, true, i));
        dials_add(&dials, i);
    }
    ck_assert(!dials_may(&dials, true, DIALS_WINDOW_MS - 1));
    ck_assert(dials_may(&dials, true, DIALS_WINDOW_MS));
    /* The public ones have their share again when what is left is old, too. */
    ck_assert(dials_may(&dials, false, DIALS_WINDOW_MS));
    ck_assert_int_lt(DIALS_MAX, 500);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream wants");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, readers_are_counted_and_the_last_one_leaves_a_want_that_lingers);
    tcase_add_test(tcase, the_topics_of_a_category_are_bounded);
    tcase_add_test(tcase, the_characters_of_a_category_are_bounded);
    tcase_add_test(tcase, the_levels_of_books_are_bounded);
    tcase_add_test(tcase, what_is_let_in_has_a_place_on_a_socket);
    tcase_add_test(tcase, four_hundred_connections_are_opened_in_five_minutes_and_no_more);
    tcase_add_test(tcase, some_connections_are_left_for_the_private_socket);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
