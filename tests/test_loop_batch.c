/* Creates that leave together, and what is set at the exchange, between the loop and a server that
 * answers as the exchange documents it, or as it should not. */
#define TOLD_MAX 120
#include "tests/test_loop_posts.h"

/* --- the exchange, as far as it is needed --- */

enum manner {
    ALL_FINE,
    SECOND_REFUSED,
    LAST_MISSING,
    NO_CODES,
    FIRST_TWO_SWAPPED,
    WITHOUT_LINKS,
    NO_ANSWER,
    NOT_READABLE,
    WHOLE_REFUSED,
    WHOLE_REFUSED_WITH_IDS,
    WHOLE_DUPLICATE,
    REFUSED_WITH_AN_ID,
    LAST_TOO_MANY,
    MIDDLE_TOO_MANY,
    SERVER_ERROR,
    SETTING_UNCHANGED,
    SETTING_REFUSED,
};

static size_t links_of(const char *body, char links[][ORDER_LINK_MAX], size_t most)
{
    static const char name[] = "\"orderLinkId\":\"";
    size_t count = 0;

    while ((body = strstr(body, name)) && count < most) {
        body += sizeof(name) - 1;
        (void)snprintf(links[count++], ORDER_LINK_MAX, "%.*s", (int)strcspn(body, "\""), body);
    }
    return count;
}

static int code_of(size_t at, size_t count)
{
    switch (atomic_load(&manner)) {
    case SECOND_REFUSED:
    case REFUSED_WITH_AN_ID:
        return at == 1 ? 110007 : 0;
    case LAST_TOO_MANY:
        return at + 1 == count ? 10006 : 0;
    case MIDDLE_TOO_MANY:
        return at == 1 ? 10006 : 0;
    default:
        return 0;
    }
}

static void add_result(struct text *out, char links[][ORDER_LINK_MAX], size_t at, size_t count)
{
    int how = atomic_load(&manner);
    bool refused = code_of(at, count) != 0;
    size_t named = how == FIRST_TWO_SWAPPED && at < 2 ? 1 - at : at;

    if (how == WHOLE_REFUSED || how == WHOLE_DUPLICATE || (how == LAST_MISSING && at + 1 == count))
        return;
    text_add(out, at ? ",{" : "{");
    if (refused && how != REFUSED_WITH_AN_ID)
        text_add(out, "\"orderId\":\"\",");
    else
        text_addf(out, "\"orderId\":\"id-%s\",", links[named]);
    text_addf(out, "\"orderLinkId\":\"%s\"}", refused || how == WITHOUT_LINKS ? "" : links[named]);
}

static void answer_batch(struct connection *to, const char *body)
{
    static _Thread_local char links[32][ORDER_LINK_MAX];
    char out[3600];
    struct text text = text_in(out, sizeof(out));
    size_t count = links_of(body, links, 32);
    int how = atomic_load(&manner);
    int whole = how == WHOLE_REFUSED || how == WHOLE_REFUSED_WITH_IDS ? 10001 : 0;

    if (how == WHOLE_DUPLICATE)
        whole = 110072;
    text_addf(&text, "{\"retCode\":%d,\"retMsg\":\"whole\",\"result\":{\"list\":[", whole);
    for (size_t i = 0; i < count; i++)
        add_result(&text, links, i, count);
    text_add(&text, "]},\"retExtInfo\":{\"list\":[");
    for (size_t i = 0; i < count && how != NO_CODES && how != WHOLE_REFUSED; i++) {
        if (how != LAST_MISSING || i + 1 < count)
            text_addf(&text, "%s{\"code\":%d,\"msg\":\"item\"}", i ? "," : "", code_of(i, count));
    }
    text_add(&text, "]}}");
    ck_assert(text_fits(&text));
    reply(to, how == SERVER_ERROR ? 502 : 200, "", how == NOT_READABLE ? "<html>" : out);
}

static void answer_create(struct connection *to, const char *body)
{
    char links[1][ORDER_LINK_MAX];
    char out[256];

    ck_assert_uint_eq(links_of(body, links, 1), 1);
    (void)snprintf(out, sizeof(out),
                   "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"orderId\":\"id-%s\","
                   "\"orderLinkId\":\"%s\"}}",
                   links[0], links[0]);
    reply(to, 200, "", out);
}

static void answer_setting(struct connection *to)
{
    switch (atomic_load(&manner)) {
    case SETTING_UNCHANGED:
        reply(to, 200, "", "{\"retCode\":34040,\"retMsg\":\"not modified\",\"result\":{}}");
        return;
    case SETTING_REFUSED:
        reply(to, 200, "",
              "{\"retCode\":10001,\"retMsg\":\"can not set tp/sl/ts for zero position\","
              "\"result\":{}}");
        return;
    default:
        reply(to, 200, "", OK_BODY);
    }
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
    if (atomic_load(&manner) == NO_ANSWER)
        return false;
    if (strcmp(path, "/v5/order/create-batch") == 0)
        answer_batch(to, seen->body);
    else if (strcmp(path, "/v5/order/create") == 0)
        answer_create(to, seen->body);
    else
        answer_setting(to);
    return true;
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

/* --- batches --- */

static struct order_request wanted[LOOP_BATCH_MAX];

static void ask_batch(size_t count)
{
    static const struct guard_facts facts = { .source = GUARD_PRICE_LIMIT };
    struct loop_batch_item items[LOOP_BATCH_MAX];

    for (size_t i = 0; i < count; i++) {
        told_clear(&told[i]);
        items[i] = (struct loop_batch_item){ &wanted[i], &facts, on_told, &told[i], NULL };
    }
    ck_assert_int_eq(loop_create_batch(rig.loop, items, count, WAIT_ACCEPTED, 0), ERR_NONE);
}

static void want(size_t count)
{
    for (size_t i = 0; i < count; i++)
        wanted[i] = a_buy();
}

static void batch(size_t count)
{
    ask_batch(count);
    for (size_t i = 0; i < count; i++)
        await(atomic_load(&told[i].done), 20000);
}

START_TEST(creates_that_come_together_leave_in_one_request)
{
    char links[32][ORDER_LINK_MAX];
    char id[64];

    want(5);
    atomic_store(&sync_ms, 100); /* whoever were first would have a commit of its own */
    batch(5);
    ck_assert_uint_eq(posts_of("/v5/order/create-batch"), 1);
    ck_assert_uint_eq(posts_of("/v5/order/create"), 0);
    ck_assert_uint_eq(links_of(body_of(0), links, 32), 5);
    for (size_t i = 0; i < 5; i++) {
        expect_outcome(i, OUTCOME_ACCEPTED);
        ck_assert_str_eq(links[i], told[i].order.request.link);
        (void)snprintf(id, sizeof(id), "id-%s", links[i]);
        ck_assert_str_eq(told[i].order.order_id, id);
    }
}
END_TEST

START_TEST(a_batch_of_one_is_a_create)
{
    want(1);
    batch(1);
    expect_outcome(0, OUTCOME_ACCEPTED);
    ck_assert_uint_eq(posts_of("/v5/order/create"), 1);
    ck_assert_uint_eq(posts_of("/v5/order/create-batch"), 0);
}
END_TEST

START_TEST(categories_and_exits_leave_apart)
{
    want(7);
    wanted[1].category = wanted[3].category = CATEGORY_INVERSE;
    wanted[2].category = CATEGORY_SPOT; /* alone of its kind */
    wanted[4].reduce_only = wanted[6].reduce_only = true;
    batch(7);
    for (size_t i = 0; i < 7; i++)
        expect_outcome(i, OUTCOME_ACCEPTED);
    ck_assert_uint_eq(posts_of("/v5/order/create-batch"), 3);
    ck_assert_uint_eq(posts_of("/v5/order/create"), 1);
    for (size_t i = 0; i < posts_seen(); i++) {
        const char *body = body_of(i);
        char links[8][ORDER_LINK_MAX];

        if (strstr(body, "\"spot\""))
            ck_assert_uint_eq(links_of(body, links, 8), 1);
        else
            ck_assert_uint_eq(links_of(body, links, 8), 2);
    }
}
END_TEST

START_TEST(where_there_are_no_batches_creates_leave_one_by_one)
{
    want(7);
    wanted[1].category = wanted[3].category = CATEGORY_INVERSE;
    wanted[2].category = wanted[4].category = CATEGORY_SPOT;
    batch(7);
    for (size_t i = 0; i < 7; i++)
        expect_outcome(i, OUTCOME_ACCEPTED);
    ck_assert_uint_eq(posts_of("/v5/order/create-batch"), 1);
    ck_assert_uint_eq(posts_of("/v5/order/create"), 4);
}
END_TEST

/* The windows of batches and of single creates are two. */
START_TEST(who_comes_alone_does_not_wait_behind_a_batch)
{
    static struct told alone;

    want(LOOP_BATCH_MAX);
    atomic_store(&sync_ms, 1000); /* the batch waits for its commit */
    ask_batch(LOOP_BATCH_MAX);
    create(&alone);
    ck_assert_msg(alone.outcome == OUTCOME_ACCEPTED, "outcome %d: %s", (int)alone.outcome,
                  alone.error.text);
}
END_TEST

/* An exit leaves apart from the others, and so both alone. */
START_TEST(who_leaves_a_batch_alone_is_refused_by_the_window_of_single_creates)
{
    struct budget_claim claim = { .route = ROUTE_ORDER_CREATE,
                                  .category = CATEGORY_LINEAR,
                                  .lane = BUDGET_CREATE };
    const struct budget_said said = { .limit = -1, .left = -1, .hold_ms = 60000 };

    budget_answered(rig.budget, &claim, &said, clock_mono_ms());
    want(2);
    wanted[1].reduce_only = true;
    batch(2);
    for (size_t i = 0; i < 2; i++) {
        expect_outcome(i, OUTCOME_THROTTLED);
        ck_assert_str_eq(told[i].order.request.link, ""); /* nothing was journaled */
    }
}
END_TEST

START_TEST(a_batch_is_cut_to_what_fits_in_the_window)
{
    char links[32][ORDER_LINK_MAX];
    int64_t begin_ms = clock_mono_ms();
    size_t sum = 0;

    want(37);
    for (size_t i = 25; i < 37; i++)
        wanted[i].category = CATEGORY_SPOT;
    batch(37);
    for (size_t i = 0; i < 37; i++)
        expect_outcome(i, OUTCOME_ACCEPTED);
    for (size_t i = 0; i < posts_seen(); i++) {
        size_t count = links_of(body_of(i), links, 32);

        ck_assert_uint_le(count, 10);
        sum += count;
    }
    ck_assert_uint_eq(sum, 37);
    ck_assert_uint_eq(posts_of("/v5/order/create-batch"), 5);
    ck_assert_int_ge(clock_mono_ms() - begin_ms, 1500); /* 25 at 10 a second */
}
END_TEST

START_TEST(options_leave_by_twenties)
{
    char links[32][ORDER_LINK_MAX];
    size_t first;

    want(25);
    for (size_t i = 0; i < 25; i++)
        wanted[i].category = CATEGORY_OPTION;
    batch(25);
    ck_assert_uint_eq(posts_of("/v5/order/create-batch"), 2);
    first = links_of(body_of(0), links, 32); /* two connections: either may be first */
    ck_assert_msg(first == 20 || first == 5, "%zu", first);
    ck_assert_uint_eq(first + links_of(body_of(1), links, 32), 25);
}
END_TEST

/* What each of three is told, by how the batch was answered. */
static const struct {
    enum manner manner;
    enum outcome outcomes[3];
} answers[] = {
    { SECOND_REFUSED, { OUTCOME_ACCEPTED, OUTCOME_REJECTED, OUTCOME_ACCEPTED } },
    { LAST_MISSING, { OUTCOME_ACCEPTED, OUTCOME_ACCEPTED, OUTCOME_UNKNOWN } },
    { NO_CODES, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN } },
    { FIRST_TWO_SWAPPED, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN } },
    { WITHOUT_LINKS, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN } },
    { NO_ANSWER, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN } },
    { NOT_READABLE, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN } },
    { SERVER_ERROR, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN } },
    { WHOLE_REFUSED, { OUTCOME_REJECTED, OUTCOME_REJECTED, OUTCOME_REJECTED } },
    { WHOLE_REFUSED_WITH_IDS, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN } },
    { WHOLE_DUPLICATE, { OUTCOME_UNKNOWN, OUTCOME_UNKNOWN, OUTCOME_UNKNOWN } },
    { REFUSED_WITH_AN_ID, { OUTCOME_ACCEPTED, OUTCOME_UNKNOWN, OUTCOME_ACCEPTED } },
    { LAST_TOO_MANY, { OUTCOME_ACCEPTED, OUTCOME_ACCEPTED, OUTCOME_THROTTLED } },
    { MIDDLE_TOO_MANY, { OUTCOME_ACCEPTED, OUTCOME_THROTTLED, OUTCOME_ACCEPTED } },
};

START_TEST(each_is_told_what_its_own_place_says)
{
    atomic_store(&manner, answers[_i].manner);
    want(3);
    batch(3);
    for (size_t i = 0; i < 3; i++)
        expect_outcome(i, answers[_i].outcomes[i]);
    sleep_ms(100);
    ck_assert_uint_eq(posts_seen(), 1); /* whatever came, it was sent once */
}
END_TEST

START_TEST(a_refused_item_brings_the_code_and_words_of_its_own)
{
    atomic_store(&manner, SECOND_REFUSED);
    want(2);
    batch(2);
    ck_assert_int_eq(told[1].order.ret_code, 110007);
    ck_assert_str_eq(told[1].order.ret_msg, "item");
    ck_assert_int_eq(told[0].order.ret_code, 0);
}
END_TEST

START_TEST(too_many_items_hold_the_next_batch)
{
    int64_t begin_ms;

    atomic_store(&manner, LAST_TOO_MANY);
    want(2);
    batch(2);
    ck_assert_int_eq(told[1].outcome, OUTCOME_THROTTLED);
    begin_ms = clock_mono_ms();
    atomic_store(&manner, ALL_FINE);
    batch(2);
    ck_assert_int_ge(clock_mono_ms() - begin_ms, 700);
}
END_TEST

/* The others are what they are; that one was not executed: it says when to come again, and with its
 * key it is sent then. */
START_TEST(a_10006_in_the_middle_of_a_batch)
{
    atomic_store(&manner, MIDDLE_TOO_MANY);
    want(3);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(wanted[i].link, sizeof(wanted[i].link), "m-%zu", i);
        memcpy(wanted[i].client_id, wanted[i].link, sizeof(wanted[i].link));
        wanted[i].client_key = true;
    }
    batch(3);
    ck_assert_int_eq(told[0].outcome, OUTCOME_ACCEPTED);
    ck_assert_int_eq(told[1].outcome, OUTCOME_THROTTLED);
    ck_assert_int_eq(told[1].order.state, ORDER_NOT_SENT);
    ck_assert_int_eq(told[2].outcome, OUTCOME_ACCEPTED);
    ck_assert_uint_eq(posts_seen(), 1);
    atomic_store(&manner, ALL_FINE);
    batch(3);
    ck_assert_int_eq(told[0].outcome, OUTCOME_REPLAYED);
    ck_assert_int_eq(told[1].outcome, OUTCOME_ACCEPTED);
    ck_assert_int_eq(told[2].outcome, OUTCOME_REPLAYED);
    ck_assert_uint_eq(posts_seen(), 2);
    ck_assert_ptr_nonnull(strstr(body_of(1), wanted[1].link));
    ck_assert_ptr_null(strstr(body_of(1), wanted[0].link));
}
END_TEST

START_TEST(a_batch_with_some_items_refused)
{
    atomic_store(&manner, SECOND_REFUSED);
    want(4);
    batch(4);
    for (size_t i = 0; i < 4; i++) {
        expect_outcome(i, i == 1 ? OUTCOME_REJECTED : OUTCOME_ACCEPTED);
        ck_assert_int_eq(told[i].order.state, i == 1 ? ORDER_REJECTED : ORDER_ACKED);
    }
    ck_assert_uint_eq(posts_seen(), 1);
}
END_TEST

START_TEST(a_kill_reaches_batches_that_wait_for_their_turn)
{
    struct told kill = { 0 };
    int not_sent = 0;

    want(40); /* 10 a second */
    ask_batch(40);
    await(posts_of("/v5/order/create-batch") > 0, 5000);
    ask_kill(&kill, 1000);
    for (size_t i = 0; i < 40; i++) {
        await(atomic_load(&told[i].done), 8000);
        if (told[i].outcome == OUTCOME_NOT_SENT) {
            ck_assert_ptr_nonnull(strstr(told[i].error.text, "killed"));
            not_sent++;
        }
    }
    ck_assert_int_ge(not_sent, 20);
    ck_assert_uint_le(posts_of("/v5/order/create-batch"), 2);
    await(atomic_load(&kill.done), 15000);
    told_clear(&kill);
}
END_TEST

START_TEST(every_item_is_answered_at_the_stop)
{
    want(LOOP_BATCH_MAX);
    ask_batch(LOOP_BATCH_MAX);
    loop_down();
    for (size_t i = 0; i < LOOP_BATCH_MAX; i++)
        ck_assert(atomic_load(&told[i].done));
}
END_TEST

START_TEST(a_batch_is_neither_empty_nor_without_bound)
{
    struct loop_batch_item items[LOOP_BATCH_MAX + 1] = { { .request = NULL } };

    ck_assert_int_eq(loop_create_batch(rig.loop, items, 0, WAIT_ACCEPTED, 0), ERR_INVALID);
    ck_assert_int_eq(loop_create_batch(rig.loop, items, LOOP_BATCH_MAX + 1, WAIT_ACCEPTED, 0),
                     ERR_INVALID);
}
END_TEST

/* --- settings --- */

static void set_stop(struct told *answer_of)
{
    const struct loop_setting setting = { .kind = LOOP_SET_TRADING_STOP,
                                          .category = CATEGORY_LINEAR,
                                          .symbol = "BTCUSDT",
                                          .position_idx = 1,
                                          .take_profit = amount("99000.5"),
                                          .stop_loss = amount("0"),
                                          .trailing_stop = DECIMAL_NONE };

    told_clear(answer_of);
    ck_assert_int_eq(loop_set(rig.loop, &setting, on_told, answer_of), ERR_NONE);
    await(atomic_load(&answer_of->done), 8000);
}

START_TEST(a_positions_stops_are_set_once_and_say_how_it_ended)
{
    static const struct {
        enum manner manner;
        enum outcome outcome;
        int code;
    } cases[] = { { ALL_FINE, OUTCOME_OK, 0 },
                  { SETTING_UNCHANGED, OUTCOME_OK, 34040 },
                  { SETTING_REFUSED, OUTCOME_REJECTED, 10001 },
                  { NO_ANSWER, OUTCOME_UNKNOWN, 0 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        atomic_store(&manner, cases[i].manner);
        set_stop(&told[i]);
        expect_outcome(i, cases[i].outcome);
        ck_assert_int_eq(told[i].error.upstream, cases[i].code);
    }
    ck_assert_uint_eq(posts_of("/v5/position/trading-stop"), ARRAY_LEN(cases));
    ck_assert_str_eq(body_of(0),
                     "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"tpslMode\":\"Full\","
                     "\"positionIdx\":1,\"takeProfit\":\"99000.5\",\"stopLoss\":\"0\"}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_batch");
    TCase *tcase = tcase_create("loop_batch");
    TCase *demo = tcase_create("demo");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, creates_that_come_together_leave_in_one_request);
    tcase_add_test(tcase, a_batch_of_one_is_a_create);
    tcase_add_test(tcase, categories_and_exits_leave_apart);
    tcase_add_test(tcase, who_comes_alone_does_not_wait_behind_a_batch);
    tcase_add_test(tcase, who_leaves_a_batch_alone_is_refused_by_the_window_of_single_creates);
    tcase_add_test(tcase, a_batch_is_cut_to_what_fits_in_the_window);
    tcase_add_test(tcase, options_leave_by_twenties);
    tcase_add_loop_test(tcase, each_is_told_what_its_own_place_says, 0, (int)ARRAY_LEN(answers));
    tcase_add_test(tcase, a_refused_item_brings_the_code_and_words_of_its_own);
    tcase_add_test(tcase, too_many_items_hold_the_next_batch);
    tcase_add_test(tcase, a_10006_in_the_middle_of_a_batch);
    tcase_add_test(tcase, a_batch_with_some_items_refused);
    tcase_add_test(tcase, a_kill_reaches_batches_that_wait_for_their_turn);
    tcase_add_test(tcase, every_item_is_answered_at_the_stop);
    tcase_add_test(tcase, a_batch_is_neither_empty_nor_without_bound);
    tcase_add_test(tcase, a_positions_stops_are_set_once_and_say_how_it_ended);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(demo, start_as_demo, stop);
    tcase_add_test(demo, where_there_are_no_batches_creates_leave_one_by_one);
    suite_add_tcase(suite, demo);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
