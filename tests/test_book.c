#include <inttypes.h>
#include <string.h>

#include <check.h>

#include "base/text.h"
#include "bybit/book.h"
#include "bybit/message.h"
#include "tests/fixture.h"

static enum book_result apply_text(struct book *book, const char *text, bool is_snapshot)
{
    struct json data;

    if (json_open_trusted(&data, text, strlen(text), NULL))
        ck_abort_msg("%s", text);
    return book_apply(book, &data, is_snapshot);
}

static enum book_result apply_fixture(struct book *book, const char *name)
{
    size_t bytes;
    char *text = fixture(name, &bytes);
    struct frame frame;
    enum book_result result;

    ck_assert_int_eq(message_frame(&frame, text, bytes, NULL), ERR_NONE);
    result = book_apply(book, &frame.data, frame.is_snapshot);
    free(text);
    return result;
}

static void assert_top(const struct book *book, const char *bid, const char *ask)
{
    struct book_level level;
    char shown[DECIMAL_TEXT_MAX] = "";

    if (book_bids(book, &level, 1))
        decimal_format(&level.price, shown);
    ck_assert_str_eq(shown, bid);
    shown[0] = '\0';
    if (book_asks(book, &level, 1))
        decimal_format(&level.price, shown);
    ck_assert_str_eq(shown, ask);
}

START_TEST(recorded_frames_build_a_book)
{
    struct book *book = book_create(50);
    struct book_level levels[8];
    char shown[DECIMAL_TEXT_MAX];

    ck_assert_int_eq(book_state(book), BOOK_SYNCING);
    ck_assert_int_eq(apply_fixture(book, "ws_book_50_delta_delete_insert"), BOOK_WAITING);
    ck_assert_int_eq(apply_fixture(book, "ws_book_snapshot"), BOOK_APPLIED);
    ck_assert_int_eq(book_state(book), BOOK_SYNCED);
    ck_assert_int_eq(book_u(book), 18521288);
    ck_assert_int_eq(book_seq(book), 7961638724);
    assert_top(book, "16493.50", "16611.00");
    ck_assert_int_eq(apply_fixture(book, "ws_book_50_delta_delete_insert"), BOOK_APPLIED);
    ck_assert_uint_eq(book_bids(book, levels, 8), 2);
    ck_assert_str_eq(decimal_format(&levels[0].price, shown), "16493.00");
    ck_assert_str_eq(decimal_format(&levels[1].price, shown), "16492.50");
    ck_assert_str_eq(decimal_format(&levels[1].qty, shown), "0.3");
    ck_assert_int_eq(apply_fixture(book, "ws_book_50_delta_delete_insert"), BOOK_REPEATED);
    ck_assert_int_eq(apply_fixture(book, "ws_book_delta"), BOOK_JUMPED);
    ck_assert_int_eq(book_state(book), BOOK_SYNCING);
    ck_assert_int_eq(apply_fixture(book, "ws_book_50_restart"), BOOK_APPLIED);
    ck_assert_int_eq(book_u(book), 1);
    assert_top(book, "16493.50", "16611.00");
    book_destroy(book);
    book_destroy(NULL);
}
END_TEST

START_TEST(depth_one_is_replaced_by_each_snapshot)
{
    struct book *book = book_create(1);

    ck_assert_int_eq(apply_fixture(book, "ws_book_1_repeat"), BOOK_APPLIED);
    ck_assert_int_eq(apply_fixture(book, "ws_book_1_repeat"), BOOK_REPEATED);
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"5\",\"1\"]],\"a\":[],\"u\":18521900}", true),
                     BOOK_APPLIED);
    assert_top(book, "5", "");
    book_set_state(book, BOOK_STALE);
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"5\",\"1\"]],\"a\":[],\"u\":18521900}", true),
                     BOOK_REPEATED);
    ck_assert_int_eq(book_state(book), BOOK_SYNCED);
    book_destroy(book);
}
END_TEST

START_TEST(a_restart_replaces_even_as_a_delta)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(apply_fixture(book, "ws_book_snapshot"), BOOK_APPLIED);
    ck_assert_int_eq(
        apply_text(book, "{\"b\":[[\"5\",\"1\"]],\"a\":[[\"6\",\"1\"]],\"u\":1}", false),
        BOOK_APPLIED);
    assert_top(book, "5", "6");
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"5.5\",\"1\"]],\"a\":[],\"u\":2}", false),
                     BOOK_APPLIED);
    assert_top(book, "5.5", "6");
    book_destroy(book);
}
END_TEST

START_TEST(a_stale_book_goes_on_with_the_next_frame_only)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(
        apply_text(book, "{\"b\":[[\"5\",\"1\"]],\"a\":[[\"6\",\"1\"]],\"u\":7}", true),
        BOOK_APPLIED);
    book_set_state(book, BOOK_STALE);
    /* What is known already does not say that the rest is up to date. */
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":6}", false), BOOK_REPEATED);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":7}", false), BOOK_REPEATED);
    ck_assert_int_eq(book_state(book), BOOK_STALE);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":8}", false), BOOK_APPLIED);
    ck_assert_int_eq(book_state(book), BOOK_SYNCED);
    book_let_jumps_pass(book);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":12}", false), BOOK_APPLIED);
    book_set_state(book, BOOK_STALE); /* the link was away: here a jump is a loss all the same */
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":14}", false), BOOK_JUMPED);
    book_destroy(book);
}
END_TEST

static const char *const broken[] = {
    "[]",
    "{}",
    "{\"b\":[],\"a\":[]}",
    "{\"b\":[],\"a\":[],\"u\":\"x\"}",
    "{\"b\":[],\"a\":[],\"u\":0}",
    "{\"b\":[],\"a\":[],\"u\":-3}",
    "{\"b\":[],\"a\":[],\"u\":5,\"seq\":1.5}",
    "{\"b\":{},\"a\":[],\"u\":5}",
    "{\"b\":[1],\"a\":[],\"u\":5}",
    "{\"b\":[[]],\"a\":[],\"u\":5}",
    "{\"b\":[[[1,2]]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"1\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"1\",\"2\",\"3\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"1\",null]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"1\",\"\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"1e2\",\"1\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"\\u0031\",\"1\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"-1\",\"1\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"0\",\"1\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"1\",\"-1\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[1e2,1]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"9999999999999999999999999999999999999999\",\"1\"]],\"a\":[],\"u\":5}",
    "{\"b\":[[\"7\",\"1\"]],\"a\":[[\"6\",\"1\"]],\"u\":5}",
    "{\"b\":[[\"6.0\",\"1\"]],\"a\":[[\"6\",\"1\"]],\"u\":5}",
};

START_TEST(an_unreadable_or_crossed_frame_empties_the_book)
{
    struct book *book = book_create(50);
    struct book_level level;

    ck_assert_int_eq(
        apply_text(book, "{\"b\":[[\"5\",\"1\"]],\"a\":[[\"6\",\"1\"]],\"u\":4}", true),
        BOOK_APPLIED);
    ck_assert_int_eq(apply_text(book, broken[_i], _i % 2 == 0), BOOK_BROKEN);
    ck_assert_int_eq(book_state(book), BOOK_SYNCING);
    ck_assert_uint_eq(book_bids(book, &level, 1), 0);
    ck_assert_uint_eq(book_asks(book, &level, 1), 0);
    book_destroy(book);
}
END_TEST

START_TEST(levels_may_be_numbers_and_have_blanks)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(
        apply_text(book,
                   "{ \"b\" : [ [ 5 , 1.5 ] , [\"4\" ,\"1\" ] ] , \"a\" : null , \"u\" : \"9\" }",
                   true),
        BOOK_APPLIED);
    assert_top(book, "5", "");
    book_destroy(book);
}
END_TEST

/* Without check's bookkeeping on each success: for loops that run often. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

/* --- against a naive book: an array of sizes by price --- */

#define PRICES 400

struct model {
    int bids[PRICES]; /* 0: no level */
    int asks[PRICES];
    int64_t u;
    bool synced;
};

static uint64_t seed = 88172645463325252ULL;

static unsigned roll(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 20) % below);
}

/* The same price in changing spellings: "100.5", "100.50". */
static void add_level(struct text *text, int price, int qty, bool *first)
{
    text_addf(text, "%s[\"%d.%d%s\",\"%d\"]", *first ? "" : ",", 100 + price / 2, price % 2 ? 5 : 0,
              roll(2) ? "0" : "", qty);
    *first = false;
}

static void trim(struct model *model, size_t depth)
{
    size_t seen = 0;

    for (int i = PRICES - 1; i >= 0; i--) {
        if (model->bids[i] && ++seen > depth)
            model->bids[i] = 0;
    }
    seen = 0;
    for (int i = 0; i < PRICES; i++) {
        if (model->asks[i] && ++seen > depth)
            model->asks[i] = 0;
    }
}

static bool crossed(const struct model *model)
{
    int bid = -1;
    int ask = PRICES;

    for (int i = 0; i < PRICES; i++) {
        if (model->bids[i])
            bid = i;
        if (model->asks[PRICES - 1 - i])
            ask = PRICES - 1 - i;
    }
    return bid >= ask;
}

static void write_frame(char *out, size_t out_bytes, struct model *model, int64_t u,
                        bool is_snapshot)
{
    struct text text = text_in(out, out_bytes);
    int middle = PRICES / 2 + (int)roll(21) - 10;
    bool first = true;
    int changes = (int)roll(is_snapshot ? 30 : 6);

    if (is_snapshot) {
        memset(model->bids, 0, sizeof(model->bids));
        memset(model->asks, 0, sizeof(model->asks));
    }
    text_addf(&text, "{\"u\":%" PRId64 ",\"b\":[", u);
    for (int i = 0; i < changes; i++) {
        int price = middle - 1 - (int)roll(40);
        int qty = (int)roll(4);

        model->bids[price] = qty;
        add_level(&text, price, qty, &first);
    }
    /* Bids above the new middle are taken away, so that few frames cross. */
    for (int i = middle; i < PRICES && !is_snapshot && roll(200) != 0; i++) {
        if (model->bids[i]) {
            model->bids[i] = 0;
            add_level(&text, i, 0, &first);
        }
    }
    text_add(&text, "],\"a\":[");
    first = true;
    for (int i = 0; i < changes; i++) {
        int price = middle + (int)roll(40);
        int qty = (int)roll(4);

        model->asks[price] = qty;
        add_level(&text, price, qty, &first);
    }
    for (int i = 0; i < middle && !is_snapshot && roll(200) != 0; i++) {
        if (model->asks[i]) {
            model->asks[i] = 0;
            add_level(&text, i, 0, &first);
        }
    }
    text_add(&text, "]}");
    MUST(text_fits(&text));
}

static void assert_same(const struct book *book, const struct model *model)
{
    struct book_level levels[PRICES];
    size_t count = book_bids(book, levels, PRICES);
    size_t at = 0;

    for (int i = PRICES - 1; i >= 0; i--) {
        struct decimal price = { 1000 + 5 * i, 1 };

        if (!model->bids[i])
            continue;
        MUST(at < count);
        MUST(decimal_cmp(&levels[at].price, &price) == 0);
        MUST((int)levels[at++].qty.mantissa == (model->bids[i]));
    }
    MUST(at == count);
    count = book_asks(book, levels, PRICES);
    at = 0;
    for (int i = 0; i < PRICES; i++) {
        struct decimal price = { 1000 + 5 * i, 1 };

        if (!model->asks[i])
            continue;
        MUST(at < count);
        MUST(decimal_cmp(&levels[at].price, &price) == 0);
        MUST((int)levels[at++].qty.mantissa == (model->asks[i]));
    }
    MUST(at == count);
}

START_TEST(a_book_agrees_with_a_naive_one)
{
    static const int depths[] = { 1, 50, 200, 20 };
    const size_t depth = (size_t)depths[_i];
    struct book *book = book_create((int)depth);
    struct model model = { .u = 0 };
    unsigned seen[5] = { 0 };

    for (int round = 0; round < 25000; round++) {
        char text[32768];
        struct model next = model;
        bool is_snapshot = !model.synced ? roll(3) == 0 : roll(100) == 0;
        int64_t u = model.u + 1;
        enum book_result expected = BOOK_APPLIED;
        enum book_result result;

        if (model.synced && !is_snapshot && roll(50) == 0)
            u = model.u - (int64_t)roll(3);
        else if (roll(100) == 0)
            u = model.u + 2 + (int64_t)roll(5);
        else if (roll(100) == 0)
            u = 1;
        if (u < 1)
            u = 1;
        is_snapshot = is_snapshot || u == 1;
        write_frame(text, sizeof(text), &next, u, is_snapshot);
        next.u = u;
        next.synced = true;
        if (is_snapshot)
            expected =
                depth == 1 && model.synced && u == model.u && u != 1 ? BOOK_REPEATED : BOOK_APPLIED;
        else if (!model.synced)
            expected = BOOK_WAITING;
        else if (u <= model.u)
            expected = BOOK_REPEATED;
        else if (u != model.u + 1)
            expected = BOOK_JUMPED;
        trim(&next, depth);
        if (expected == BOOK_APPLIED && crossed(&next))
            expected = BOOK_BROKEN;
        result = apply_text(book, text, is_snapshot);
        ck_assert_msg(result == expected, "round %d: %d, not %d: %s", round, result, expected,
                      text);
        seen[result]++;
        if (result == BOOK_APPLIED) {
            model = next;
        } else if (result == BOOK_BROKEN) {
            int64_t old_u = model.u;

            memset(&model, 0, sizeof(model));
            model.u = old_u;
        } else if (result == BOOK_JUMPED) {
            model.synced = false;
        }
        MUST(book_state(book) == model.synced ? BOOK_SYNCED : BOOK_SYNCING);
        MUST(book_u(book) == model.u);
        assert_same(book, &model);
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        MUST(seen[i] > 10);
    book_destroy(book);
}
END_TEST

START_TEST(more_levels_than_can_be_do_no_harm)
{
    struct book *book = book_create(1);
    char text[16384];
    struct text out = text_in(text, sizeof(text));

    text_add(&out, "{\"u\":5,\"a\":[],\"b\":[");
    for (int i = 0; i < 500; i++)
        text_addf(&out, "%s[\"%d\",\"1\"]", i ? "," : "", 1 + (i * 7919) % 500);
    text_add(&out, "]}");
    ck_assert_int_eq(apply_text(book, text, true), BOOK_APPLIED);
    assert_top(book, "500", "");
    book_destroy(book);
}
END_TEST

/* --- PROTOCOL section 15, rule by rule --- */

#define START "{\"b\":[[\"5\",\"1\"],[\"4\",\"2\"]],\"a\":[[\"6\",\"3\"]],\"u\":7,\"seq\":9}"

static size_t count_bids(const struct book *book)
{
    struct book_level levels[8];

    return book_bids(book, levels, 8);
}

START_TEST(a_level_that_is_not_there_can_be_deleted)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(apply_text(book, START, true), BOOK_APPLIED);
    ck_assert_int_eq(
        apply_text(book, "{\"b\":[[\"4.5\",\"0\"]],\"a\":[[\"9\",\"0\"]],\"u\":8}", false),
        BOOK_APPLIED);
    ck_assert_uint_eq(count_bids(book), 2);
    assert_top(book, "5", "6");
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"5.0\",\"0\"]],\"a\":[],\"u\":9}", false),
                     BOOK_APPLIED); /* the same price, written otherwise */
    ck_assert_uint_eq(count_bids(book), 1);
    book_destroy(book);
}
END_TEST

START_TEST(a_repeat_is_dropped_and_a_restart_is_not)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(apply_text(book, START, true), BOOK_APPLIED);
    for (int u = 2; u <= 7; u++) {
        char text[80];

        (void)snprintf(text, sizeof(text), "{\"b\":[[\"5\",\"0\"]],\"a\":[],\"u\":%d}", u);
        ck_assert_int_eq(apply_text(book, text, false), BOOK_REPEATED);
    }
    ck_assert_int_eq(book_u(book), 7);
    assert_top(book, "5", "6");
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[[\"8\",\"1\"]],\"u\":1}", false),
                     BOOK_APPLIED);
    assert_top(book, "", "8");
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[[\"7\",\"1\"]],\"u\":1}", false),
                     BOOK_APPLIED); /* and once more */
    assert_top(book, "", "7");
    book_destroy(book);
}
END_TEST

START_TEST(a_later_snapshot_replaces_whatever_its_u)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(apply_text(book, START, true), BOOK_APPLIED);
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"3\",\"1\"]],\"a\":[],\"u\":5,\"seq\":4}", true),
                     BOOK_APPLIED);
    assert_top(book, "3", "");
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"3\",\"1\"]],\"a\":[],\"u\":5,\"seq\":4}", true),
                     BOOK_APPLIED); /* only depth 1 repeats itself */
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[[\"4\",\"1\"]],\"u\":6}", false),
                     BOOK_APPLIED);
    assert_top(book, "3", "4");
    book_destroy(book);
}
END_TEST

START_TEST(after_a_jump_nothing_is_applied_until_a_snapshot)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":2}", false), BOOK_WAITING);
    ck_assert_int_eq(apply_text(book, START, true), BOOK_APPLIED);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":9}", false), BOOK_JUMPED);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":8}", false), BOOK_WAITING);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":10}", false), BOOK_WAITING);
    ck_assert_int_eq(book_state(book), BOOK_SYNCING);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":1}", false), BOOK_APPLIED);
    ck_assert_int_eq(book_state(book), BOOK_SYNCED);
    book_destroy(book);
}
END_TEST

/* Where u jumps all the time, crossing is what is left to see a loss by. */
START_TEST(a_book_over_jumps_is_lost_when_it_crosses)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(apply_text(book, START, true), BOOK_APPLIED);
    book_let_jumps_pass(book);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":20}", false), BOOK_APPLIED);
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"6\",\"1\"]],\"a\":[],\"u\":30}", false),
                     BOOK_BROKEN);
    ck_assert_int_eq(book_state(book), BOOK_SYNCING);
    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"u\":31}", false), BOOK_WAITING);
    book_destroy(book);
}
END_TEST

START_TEST(levels_beyond_the_depth_go)
{
    struct book *book = book_create(2);

    ck_assert_int_eq(apply_text(book, START, true), BOOK_APPLIED);
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"5.5\",\"1\"]],\"a\":[],\"u\":8}", false),
                     BOOK_APPLIED);
    ck_assert_uint_eq(count_bids(book), 2);
    ck_assert_int_eq(apply_text(book, "{\"b\":[[\"5.5\",\"0\"]],\"a\":[],\"u\":9}", false),
                     BOOK_APPLIED); /* the 4 was forgotten: it does not come back */
    ck_assert_uint_eq(count_bids(book), 1);
    assert_top(book, "5", "6");
    book_destroy(book);
}
END_TEST

START_TEST(u_and_seq_may_be_texts)
{
    struct book *book = book_create(50);

    ck_assert_int_eq(apply_text(book, "{\"b\":[],\"a\":[],\"seq\":\"5\",\"u\":\"7\"}", true),
                     BOOK_APPLIED);
    ck_assert_int_eq(book_u(book), 7);
    ck_assert_int_eq(book_seq(book), 5);
    book_destroy(book);
}
END_TEST

START_TEST(states_have_words)
{
    ck_assert_str_eq(book_state_word(BOOK_SYNCING), "syncing");
    ck_assert_str_eq(book_state_word(BOOK_SYNCED), "synced");
    ck_assert_str_eq(book_state_word(BOOK_STALE), "stale");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("book");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, recorded_frames_build_a_book);
    tcase_add_test(tcase, depth_one_is_replaced_by_each_snapshot);
    tcase_add_test(tcase, a_restart_replaces_even_as_a_delta);
    tcase_add_test(tcase, a_stale_book_goes_on_with_the_next_frame_only);
    tcase_add_loop_test(tcase, an_unreadable_or_crossed_frame_empties_the_book, 0,
                        ARRAY_LEN(broken));
    tcase_add_test(tcase, levels_may_be_numbers_and_have_blanks);
    tcase_add_loop_test(tcase, a_book_agrees_with_a_naive_one, 0, 4);
    tcase_add_test(tcase, more_levels_than_can_be_do_no_harm);
    tcase_add_test(tcase, a_level_that_is_not_there_can_be_deleted);
    tcase_add_test(tcase, a_repeat_is_dropped_and_a_restart_is_not);
    tcase_add_test(tcase, a_later_snapshot_replaces_whatever_its_u);
    tcase_add_test(tcase, after_a_jump_nothing_is_applied_until_a_snapshot);
    tcase_add_test(tcase, a_book_over_jumps_is_lost_when_it_crosses);
    tcase_add_test(tcase, levels_beyond_the_depth_go);
    tcase_add_test(tcase, u_and_seq_may_be_texts);
    tcase_add_test(tcase, states_have_words);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
