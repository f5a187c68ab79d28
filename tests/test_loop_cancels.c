/* Cancels that leave together, between the loop and a server that answers as the exchange documents
 * it, or as it should not. */
#define TOLD_MAX LOOP_CANCELS_MAX
#include "tests/test_loop_posts.h"

#define BATCH "/v5/order/cancel-batch"
#define ALONE "/v5/order/cancel"

/* --- the exchange, as far as it is needed --- */

enum manner {
    ALL_FINE,
    SECOND_REFUSED,
    SECOND_REFUSED_BY_NAME,
    LAST_MISSING,
    LAST_WITHOUT_CODE,
    NO_CODES,
    FIRST_TWO_SWAPPED,
    WITHOUT_IDS,
    NO_ANSWER,
    NOT_READABLE,
    SERVER_ERROR,
    LAST_TOO_MANY,
    WHOLE_REFUSED,
    WHOLE_NOT_ALLOWED,
    WHOLE_NOT_KNOWN,
    NO_SUCH_PATH,
    FORBIDDEN,
    WHOLE_TOO_MANY,
};

static size_t ids_of(const char *body, char ids[][ORDER_ID_MAX], size_t most)
{
    static const char name[] = "\"orderId\":\"";
    size_t count = 0;

    while ((body = strstr(body, name)) && count < most) {
        body += sizeof(name) - 1;
        (void)snprintf(ids[count++], ORDER_ID_MAX, "%.*s", (int)strcspn(body, "\""), body);
    }
    return count;
}

static int code_of(size_t at, size_t count)
{
    switch (atomic_load(&manner)) {
    case SECOND_REFUSED:
    case SECOND_REFUSED_BY_NAME:
        return at == 1 ? 110007 : 0;
    case LAST_TOO_MANY:
        return at + 1 == count ? 10006 : 0;
    default:
        return 0;
    }
}

static int whole_code(void)
{
    switch (atomic_load(&manner)) {
    case WHOLE_REFUSED:
        return 10001;
    case WHOLE_NOT_ALLOWED:
        return 10005;
    case WHOLE_NOT_KNOWN:
        return 4711;
    case WHOLE_TOO_MANY:
        return 10006;
    default:
        return 0;
    }
}

static int status_of(void)
{
    switch (atomic_load(&manner)) {
    case SERVER_ERROR:
        return 502;
    case NO_SUCH_PATH:
        return 404;
    case FORBIDDEN:
        return 403;
    default:
        return 200;
    }
}

static void add_result(struct text *out, char ids[][ORDER_ID_MAX], size_t at, size_t count)
{
    int how = atomic_load(&manner);
    bool refused = code_of(at, count) != 0;
    size_t named = how == FIRST_TWO_SWAPPED && at < 2 ? 1 - at : at;

    if (how == LAST_MISSING && at + 1 == count)
        return;
    text_add(out, at ? ",{" : "{");
    if ((refused && how != SECOND_REFUSED_BY_NAME) || how == WITHOUT_IDS)
        text_add(out, "\"orderId\":\"\",");
    else
        text_addf(out, "\"orderId\":\"%s\",", ids[named]);
    text_add(out, "\"orderLinkId\":\"\"}");
}

static void answer_batch(struct connection *to, const char *body)
{
    static _Thread_local char ids[32][ORDER_ID_MAX];
    char out[3600];
    struct text text = text_in(out, sizeof(out));
    size_t count = ids_of(body, ids, 32);
    int how = atomic_load(&manner);

    text_addf(&text, "{\"retCode\":%d,\"retMsg\":\"whole\",\"result\":{\"list\":[", whole_code());
    for (size_t i = 0; i < count && whole_code() == 0; i++)
        add_result(&text, ids, i, count);
    text_add(&text, "]},\"retExtInfo\":{\"list\":[");
    for (size_t i = 0; i < count && how != NO_CODES && whole_code() == 0; i++) {
        if (how != LAST_WITHOUT_CODE || i + 1 < count)
            text_addf(&text, "%s{\"code\":%d,\"msg\":\"item\"}", i ? "," : "", code_of(i, count));
    }
    text_add(&text, "]}}");
    ck_assert(text_fits(&text));
    reply(to, status_of(), "", how == NOT_READABLE || status_of() >= 400 ? "<html>" : out);
}

static void answer_alone(struct connection *to, const char *body)
{
    char ids[1][ORDER_ID_MAX];
    char out[256];

    ck_assert_uint_eq(ids_of(body, ids, 1), 1);
    (void)snprintf(out, sizeof(out),
                   "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"orderId\":\"%s\"}}", ids[0]);
    reply(to, 200, "", out);
}

static bool serve(struct connection *to, const struct seen *seen, int index)
{
    char path[64] = "";

    (void)index;
    if (strncmp(seen->head, "POST ", 5) != 0) {
        answer_get(to);
        return true;
    }
    (void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(seen->head + 5, " ?"), seen->head + 5);
    note_post(path, seen->body);
    if (strcmp(path, BATCH) != 0) {
        answer_alone(to, seen->body);
        return true;
    }
    if (atomic_load(&manner) == NO_ANSWER)
        return false;
    answer_batch(to, seen->body);
    return true;
}

static size_t orders_in(size_t at)
{
    char ids[32][ORDER_ID_MAX];

    return ids_of(body_of(at), ids, 32);
}

static void start_with(unsigned without_batches)
{
    begin(serve, without_batches);
}

static void start(void)
{
    start_with(0);
}

static void start_as_demo(void)
{
    start_with(env_without_batches(ENV_DEMO));
}

/* --- open orders, and their cancels --- */

static const char *id_of(size_t n)
{
    static char ids[LOOP_CANCELS_MAX][ORDER_ID_MAX];

    (void)snprintf(ids[n], ORDER_ID_MAX, "id-%zu", n);
    return ids[n];
}

/* Another program's order, as the private stream shows it. */
static void show_open(size_t n, enum category category, bool waits)
{
    struct order_report report = { .category = category,
                                   .side = SIDE_BUY,
                                   .type = ORDER_TYPE_LIMIT,
                                   .tif = TIF_GTC,
                                   .status = waits ? STATUS_UNTRIGGERED : STATUS_NEW,
                                   .qty = amount("0.010"),
                                   .price = amount("50000"),
                                   .trigger_price = waits ? amount("40000") : DECIMAL_NONE,
                                   .take_profit = DECIMAL_NONE,
                                   .stop_loss = DECIMAL_NONE,
                                   .filled_qty = amount("0"),
                                   .filled_value = amount("0"),
                                   .avg_price = DECIMAL_NONE,
                                   .created_ms = clock_wall_ms(),
                                   .updated_ms = clock_wall_ms() };

    (void)snprintf(report.order_id, sizeof(report.order_id), "%s", id_of(n));
    (void)snprintf(report.symbol, sizeof(report.symbol),
                   category == CATEGORY_INVERSE ? "BTCUSD" : "BTCUSDT");
    ck_assert_int_eq(loop_on_order(rig.loop, &report), ERR_NONE);
}

static bool is_live(size_t n)
{
    struct told watched = { 0 };

    ck_assert_int_eq(
        loop_watch(rig.loop, id_of(n), WAIT_ACCEPTED, clock_wall_ms(), on_told, &watched),
        ERR_NONE);
    await(atomic_load(&watched.done), 5000);
    return watched.outcome == OUTCOME_OK && watched.order.state == ORDER_LIVE;
}

static void open_all(size_t count, enum category category)
{
    for (size_t i = 0; i < count; i++)
        show_open(i, category, false);
    for (size_t i = 0; i < count; i++)
        await(is_live(i), 5000);
}

static void ask_together(size_t count)
{
    struct loop_cancels_item items[LOOP_CANCELS_MAX];

    for (size_t i = 0; i < count; i++) {
        told_clear(&told[i]);
        items[i] = (struct loop_cancels_item){ id_of(i), on_told, &told[i] };
    }
    ck_assert_int_eq(loop_cancel_together(rig.loop, items, count, WAIT_ACCEPTED, 0), ERR_NONE);
}

static void cancel_together(size_t count)
{
    ask_together(count);
    for (size_t i = 0; i < count; i++)
        await(atomic_load(&told[i].done), 20000);
}

START_TEST(cancels_that_come_together_leave_in_one_request)
{
    open_all(5, CATEGORY_LINEAR);
    cancel_together(5);
    for (size_t i = 0; i < 5; i++)
        expect_outcome(i, OUTCOME_OK);
    ck_assert_uint_eq(posts_seen(), 1);
    ck_assert_str_eq(body_of(0), "{\"category\":\"linear\",\"request\":["
                                 "{\"symbol\":\"BTCUSDT\",\"orderId\":\"id-0\"},"
                                 "{\"symbol\":\"BTCUSDT\",\"orderId\":\"id-1\"},"
                                 "{\"symbol\":\"BTCUSDT\",\"orderId\":\"id-2\"},"
                                 "{\"symbol\":\"BTCUSDT\",\"orderId\":\"id-3\"},"
                                 "{\"symbol\":\"BTCUSDT\",\"orderId\":\"id-4\"}]}");
    ck_assert_str_eq(posts.list[0].path, BATCH);
}
END_TEST

/* The disk hangs, and they leave all the same. */
START_TEST(they_wait_for_no_commit)
{
    open_all(3, CATEGORY_LINEAR);
    atomic_store(&sync_ms, 600000);
    cancel_together(3);
    for (size_t i = 0; i < 3; i++)
        expect_outcome(i, OUTCOME_OK);
    atomic_store(&sync_ms, 0);
}
END_TEST

START_TEST(one_is_a_cancel)
{
    open_all(1, CATEGORY_LINEAR);
    cancel_together(1);
    expect_outcome(0, OUTCOME_OK);
    ck_assert_uint_eq(posts_of(ALONE), 1);
    ck_assert_uint_eq(posts_seen(), 1);
}
END_TEST

START_TEST(categories_leave_apart_and_what_a_batch_cannot_name_alone)
{
    show_open(0, CATEGORY_LINEAR, false);
    show_open(1, CATEGORY_SPOT, true); /* its kind has to be said */
    show_open(2, CATEGORY_INVERSE, false);
    show_open(3, CATEGORY_LINEAR, true);
    show_open(4, CATEGORY_SPOT, false);
    show_open(5, CATEGORY_SPOT, false);
    for (size_t i = 0; i < 6; i++)
        await(is_live(i), 5000);
    cancel_together(6);
    for (size_t i = 0; i < 6; i++)
        expect_outcome(i, OUTCOME_OK);
    ck_assert_uint_eq(posts_of(BATCH), 2);
    ck_assert_uint_eq(posts_of(ALONE), 2);
    for (size_t i = 0; i < posts_seen(); i++) {
        bool conditional = strstr(body_of(i), "\"id-1\"") != NULL;

        ck_assert(conditional == (strstr(body_of(i), "orderFilter") != NULL));
        if (conditional || strstr(body_of(i), "inverse"))
            ck_assert_uint_eq(orders_in(i), 1);
        else
            ck_assert_uint_eq(orders_in(i), 2);
    }
}
END_TEST

START_TEST(where_there_are_no_batches_cancels_leave_one_by_one)
{
    for (size_t i = 0; i < 6; i++)
        show_open(i, i % 2 ? CATEGORY_INVERSE : CATEGORY_LINEAR, false);
    for (size_t i = 0; i < 6; i++)
        await(is_live(i), 5000);
    cancel_together(6);
    for (size_t i = 0; i < 6; i++)
        expect_outcome(i, OUTCOME_OK);
    ck_assert_uint_eq(posts_of(BATCH), 1);
    ck_assert_uint_eq(posts_of(ALONE), 3);
}
END_TEST

/* 10 a second in each of the two windows, and none has to wait. */
START_TEST(each_goes_by_the_window_that_serves_it_sooner)
{
    open_all(20, CATEGORY_LINEAR);
    cancel_together(20);
    for (size_t i = 0; i < 20; i++)
        expect_outcome(i, OUTCOME_OK);
    ck_assert_uint_eq(posts_of(BATCH), 1);
    ck_assert_uint_eq(posts_of(ALONE), 10);
    for (size_t i = 0; i < posts_seen(); i++)
        ck_assert_uint_eq(orders_in(i), strcmp(posts.list[i].path, BATCH) == 0 ? 10 : 1);
}
END_TEST

/* Of options the exchange counts requests. */
START_TEST(options_leave_by_twenties)
{
    open_all(20, CATEGORY_OPTION);
    cancel_together(20);
    ck_assert_uint_eq(posts_seen(), 1);
    ck_assert_uint_eq(orders_in(0), 20);
}
END_TEST

/* What each of three is told, by how the batch was answered, and how many requests that took: what
 * was refused as a whole goes one by one, what is in doubt is looked up. */
static const struct {
    enum manner manner;
    enum outcome outcomes[3];
    size_t posts;
} answers[] = {
    { SECOND_REFUSED, { OUTCOME_OK, OUTCOME_REJECTED, OUTCOME_OK }, 1 },
    { SECOND_REFUSED_BY_NAME, { OUTCOME_OK, OUTCOME_UNKNOWN, OUTCOME_OK }, 1 },
    { LAST_MISSING, { OUTCOME_OK, OUTCOME_OK, OUTCOME_UNKNOWN }, 1 },
    { LAST_WITHOUT_CODE, { OUTCOME_OK, OUTCOME_OK, OUTCOME_UNKNOWN }, 1 },
    { NO_CODES, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1 },
    { FIRST_TWO_SWAPPED, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1 },
    { WITHOUT_IDS, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1 },
    { NO_ANSWER, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1 },
    { NOT_READABLE, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1 },
    { SERVER_ERROR, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1 },
    { LAST_TOO_MANY, { OUTCOME_OK, OUTCOME_OK, OUTCOME_THROTTLED }, 1 },
    { WHOLE_TOO_MANY, { OUTCOME_THROTTLED, OUTCOME_THROTTLED, OUTCOME_THROTTLED }, 1 },
    { WHOLE_NOT_KNOWN, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN }, 1 },
    { WHOLE_REFUSED, { OUTCOME_OK, OUTCOME_OK, OUTCOME_OK }, 4 },
    { WHOLE_NOT_ALLOWED, { OUTCOME_OK, OUTCOME_OK, OUTCOME_OK }, 4 },
    { NO_SUCH_PATH, { OUTCOME_OK, OUTCOME_OK, OUTCOME_OK }, 4 },
    { FORBIDDEN, { OUTCOME_OK, OUTCOME_OK, OUTCOME_OK }, 4 },
};

START_TEST(each_is_told_what_its_own_place_says)
{
    open_all(3, CATEGORY_LINEAR);
    atomic_store(&manner, answers[_i].manner);
    cancel_together(3);
    for (size_t i = 0; i < 3; i++)
        expect_outcome(i, answers[_i].outcomes[i]);
    sleep_ms(100);
    ck_assert_uint_eq(posts_seen(), answers[_i].posts);
    ck_assert_uint_eq(posts_of(BATCH), 1);
}
END_TEST

START_TEST(a_refused_item_brings_the_code_and_words_of_its_own)
{
    open_all(2, CATEGORY_LINEAR);
    atomic_store(&manner, SECOND_REFUSED);
    cancel_together(2);
    ck_assert_int_eq(told[1].error.upstream, 110007);
    ck_assert_str_eq(told[1].error.text, "item");
    ck_assert_int_eq(told[0].error.upstream, 0);
}
END_TEST

/* Where the exchange takes no batches, it is not asked each time. */
static const enum manner wholes[] = { WHOLE_REFUSED, WHOLE_NOT_ALLOWED, WHOLE_NOT_KNOWN,
                                      NO_SUCH_PATH, FORBIDDEN };

START_TEST(after_a_refused_batch_cancels_go_one_by_one)
{
    open_all(4, CATEGORY_LINEAR);
    atomic_store(&manner, wholes[_i]);
    cancel_together(2);
    ck_assert_uint_eq(posts_of(BATCH), 1);
    atomic_store(&manner, ALL_FINE);
    cancel_together(4); /* the first two may be repeated, once their answers are there */
    expect_outcome(2, OUTCOME_OK);
    expect_outcome(3, OUTCOME_OK);
    ck_assert_uint_eq(posts_of(BATCH), 1);
    ck_assert_uint_ge(posts_of(ALONE), 2);
}
END_TEST

/* Other categories are asked for themselves. */
START_TEST(a_refused_batch_says_nothing_of_other_categories)
{
    open_all(2, CATEGORY_LINEAR);
    atomic_store(&manner, WHOLE_REFUSED);
    cancel_together(2);
    atomic_store(&manner, ALL_FINE);
    open_all(2, CATEGORY_LINEAR);
    for (size_t i = 0; i < 2; i++)
        show_open(i + 5, CATEGORY_SPOT, false);
    await(is_live(5) && is_live(6), 5000);
    cancel_together(7); /* some of them are not known: they are answered, too */
    ck_assert_uint_eq(posts_of(BATCH), 2);
    expect_outcome(3, OUTCOME_NOT_FOUND);
    expect_outcome(5, OUTCOME_OK);
    expect_outcome(6, OUTCOME_OK);
}
END_TEST

START_TEST(too_many_items_hold_the_next_batch)
{
    struct budget_window window;
    int64_t begin_ms;

    open_all(3, CATEGORY_LINEAR);
    begin_ms = clock_mono_ms();
    atomic_store(&manner, LAST_TOO_MANY);
    cancel_together(3);
    expect_outcome(2, OUTCOME_THROTTLED);
    ck_assert(budget_read(rig.budget, ROUTE_ORDER_CANCEL_BATCH, CATEGORY_LINEAR, clock_mono_ms(),
                          &window));
    ck_assert(window.held_for_ms > 0 || clock_mono_ms() - begin_ms >= 1000);
    ck_assert_uint_eq(posts_of(ALONE), 0);
}
END_TEST

static void hold(enum bybit_route route, int64_t for_ms)
{
    struct budget_claim claim = { .route = route,
                                  .category = CATEGORY_LINEAR,
                                  .lane = BUDGET_CANCEL };
    const struct budget_said said = { .limit = -1, .left = -1, .hold_ms = for_ms };

    budget_answered(rig.budget, &claim, &said, clock_mono_ms());
}

START_TEST(a_window_that_is_held_is_not_waited_for)
{
    open_all(3, CATEGORY_LINEAR);
    hold(ROUTE_ORDER_CANCEL_BATCH, 3600000);
    cancel_together(3);
    for (size_t i = 0; i < 3; i++)
        expect_outcome(i, OUTCOME_OK);
    ck_assert_uint_eq(posts_of(BATCH), 0);
    ck_assert_uint_eq(posts_of(ALONE), 3);
}
END_TEST

static void on_waiting(const struct loop_reply *reply, void *userdata)
{
    (void)reply;
    hold(ROUTE_ORDER_CANCEL_BATCH, 3600000);
    atomic_store((atomic_bool *)userdata, true);
}

/* The batch waits for its turn, which then comes too late: each is sent by the other window. */
START_TEST(a_batch_that_gets_no_turn_goes_one_by_one)
{
    atomic_bool held = false;

    open_all(3, CATEGORY_LINEAR);
    hold(ROUTE_ORDER_CANCEL_BATCH, 1000);
    hold(ROUTE_ORDER_CANCEL, 1100);
    block_loop();
    ask_together(3);
    ck_assert_int_eq(loop_watch(rig.loop, "nobody", WAIT_ACCEPTED, 0, on_waiting, &held), ERR_NONE);
    release_loop();
    for (size_t i = 0; i < 3; i++) {
        await(atomic_load(&told[i].done), 20000);
        expect_outcome(i, OUTCOME_OK);
    }
    ck_assert(atomic_load(&held));
    ck_assert_uint_eq(posts_of(BATCH), 0);
    ck_assert_uint_eq(posts_of(ALONE), 3);
}
END_TEST

/* Neither window has room in time: then nothing is sent, and each is told so. */
START_TEST(without_a_turn_in_either_window_nothing_is_sent)
{
    open_all(3, CATEGORY_LINEAR);
    hold(ROUTE_ORDER_CANCEL_BATCH, 3600000);
    hold(ROUTE_ORDER_CANCEL, 3600000);
    cancel_together(3);
    for (size_t i = 0; i < 3; i++)
        expect_outcome(i, OUTCOME_THROTTLED);
    ck_assert_uint_eq(posts_seen(), 0);
}
END_TEST

/* Who cancels one order does not wait for those who cancel hundreds, nor does a kill. */
START_TEST(one_goes_before_those_that_came_together)
{
    struct budget_claim claim = { .route = ROUTE_ORDER_CANCEL,
                                  .category = CATEGORY_LINEAR,
                                  .lane = BUDGET_CANCEL };
    const struct budget_said one_a_second = { .limit = 1, .left = -1 };
    struct told one = { 0 };

    open_all(3, CATEGORY_LINEAR);
    hold(ROUTE_ORDER_CANCEL_BATCH, 3600000);
    budget_answered(rig.budget, &claim, &one_a_second, clock_mono_ms());
    block_loop();
    ask_together(2);
    ck_assert_int_eq(loop_cancel(rig.loop, id_of(2), WAIT_ACCEPTED, 0, on_told, &one), ERR_NONE);
    release_loop();
    await(atomic_load(&one.done), 20000);
    for (size_t i = 0; i < 2; i++)
        await(atomic_load(&told[i].done), 20000);
    ck_assert_int_eq(one.outcome, OUTCOME_OK);
    ck_assert_ptr_nonnull(strstr(body_of(0), id_of(2)));
    told_clear(&one);
}
END_TEST

START_TEST(every_one_is_answered_at_the_stop)
{
    open_all(4, CATEGORY_LINEAR);
    block_loop();
    ask_together(4);
    release_loop();
    loop_down();
    for (size_t i = 0; i < 4; i++)
        ck_assert(atomic_load(&told[i].done));
}
END_TEST

START_TEST(a_group_is_neither_empty_nor_without_bound)
{
    static struct loop_cancels_item items[LOOP_CANCELS_MAX + 1];
    char long_id[CLIENT_ID_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        items[i] = (struct loop_cancels_item){ "x", on_told, &told[0] };
    ck_assert_int_eq(loop_cancel_together(rig.loop, items, 0, WAIT_ACCEPTED, 0), ERR_INVALID);
    ck_assert_int_eq(loop_cancel_together(rig.loop, items, LOOP_CANCELS_MAX + 1, WAIT_ACCEPTED, 0),
                     ERR_INVALID);
    memset(long_id, 'x', CLIENT_ID_MAX);
    long_id[CLIENT_ID_MAX] = '\0';
    items[1].id = long_id;
    ck_assert_int_eq(loop_cancel_together(rig.loop, items, 2, WAIT_ACCEPTED, 0), ERR_INVALID);
    ck_assert(!atomic_load(&told[0].done));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_cancels");
    TCase *tcase = tcase_create("loop_cancels");
    TCase *demo = tcase_create("demo");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, cancels_that_come_together_leave_in_one_request);
    tcase_add_test(tcase, they_wait_for_no_commit);
    tcase_add_test(tcase, one_is_a_cancel);
    tcase_add_test(tcase, categories_leave_apart_and_what_a_batch_cannot_name_alone);
    tcase_add_test(tcase, each_goes_by_the_window_that_serves_it_sooner);
    tcase_add_test(tcase, options_leave_by_twenties);
    tcase_add_loop_test(tcase, each_is_told_what_its_own_place_says, 0, (int)ARRAY_LEN(answers));
    tcase_add_test(tcase, a_refused_item_brings_the_code_and_words_of_its_own);
    tcase_add_loop_test(tcase, after_a_refused_batch_cancels_go_one_by_one, 0,
                        (int)ARRAY_LEN(wholes));
    tcase_add_test(tcase, a_refused_batch_says_nothing_of_other_categories);
    tcase_add_test(tcase, too_many_items_hold_the_next_batch);
    tcase_add_test(tcase, a_window_that_is_held_is_not_waited_for);
    tcase_add_test(tcase, a_batch_that_gets_no_turn_goes_one_by_one);
    tcase_add_test(tcase, without_a_turn_in_either_window_nothing_is_sent);
    tcase_add_test(tcase, one_goes_before_those_that_came_together);
    tcase_add_test(tcase, every_one_is_answered_at_the_stop);
    tcase_add_test(tcase, a_group_is_neither_empty_nor_without_bound);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(demo, start_as_demo, stop);
    tcase_add_test(demo, where_there_are_no_batches_cancels_leave_one_by_one);
    suite_add_tcase(suite, demo);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
