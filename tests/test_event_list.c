/* GET /events without sockets: paging, ids, the long poll. */
#include <unistd.h>

#include "test_api_run.h"

static void set_up(void)
{
    kit_open();
    kit.journal.epoch = 3;
    kit.first_event = 1;
    kit.last_event = 250;
}

static void ids_are(const char *const *ids, int count)
{
    cJSON *json = kit_json();
    const cJSON *items = cJSON_GetObjectItem(json, "items");

    ck_assert_int_eq(cJSON_GetArraySize(items), count);
    for (int i = 0; i < count; i++)
        ck_assert_str_eq(cJSON_GetObjectItem(cJSON_GetArrayItem(items, i), "id")->valuestring,
                         ids[i]);
    cJSON_Delete(json);
}

static const char *next_page(void)
{
    static char next[200];
    cJSON *json = kit_json();
    const cJSON *member = cJSON_GetObjectItem(json, "next");

    next[0] = '\0';
    if (cJSON_IsString(member))
        ck_assert(!text_copy(next, sizeof(next), member->valuestring));
    cJSON_Delete(json);
    return next;
}

START_TEST(the_newest_ones_come_oldest_first)
{
    ck_assert_int_eq(kit_get("/events?limit=3"), 200);
    ids_are((const char *const[]){ "3-248", "3-249", "3-250" }, 3);
    ck_assert_str_eq(next_page(), "");
    ck_assert(
        kit_says("\"event\":\"order\",\"at\":\"1970-01-01T00:00:01.000Z\",\"data\":{\"ts\":1}"));
    ck_assert_str_eq(kit_header("Bridge-Source"), "journal");
}
END_TEST

START_TEST(pages_go_on_where_the_last_one_ended)
{
    ck_assert_int_eq(kit_get("/events?after=earliest&limit=100"), 200);
    ck_assert_str_eq(next_page(), "/events?after=3-100&limit=100");
    ck_assert_str_eq(kit_header("Link"), "</events?after=3-100&limit=100>; rel=\"next\"");
    ck_assert_int_eq(kit_get("/events?after=3-100&limit=100"), 200);
    ck_assert_str_eq(next_page(), "/events?after=3-200&limit=100");
    ck_assert_int_eq(kit_get("/events?after=3-200&limit=100"), 200);
    ck_assert_str_eq(next_page(), "");
    ck_assert_int_eq(kit_get("/events?after=3-250"), 200);
    ids_are(NULL, 0);
    ck_assert_str_eq(next_page(), "");
}
END_TEST

START_TEST(earliest_is_the_first_that_is_kept)
{
    kit.first_event = 240;
    ck_assert_int_eq(kit_get("/events?after=earliest&limit=2"), 200);
    ids_are((const char *const[]){ "3-240", "3-241" }, 2);
    ck_assert_int_eq(kit_get("/events?limit=100"), 200);
    ck_assert(kit_says("\"3-240\""));
    ck_assert_int_eq(kit_get("/events?after=3-239&limit=1"), 200);
    ids_are((const char *const[]){ "3-240" }, 1);
    ck_assert_int_eq(kit_get("/events?after=3-238"), 410);
    ck_assert(kit_says("event_id_unknown"));
}
END_TEST

START_TEST(an_empty_journal_has_none)
{
    kit.first_event = kit.last_event = 0;
    ck_assert_int_eq(kit_get("/events"), 200);
    ids_are(NULL, 0);
    ck_assert_int_eq(kit_get("/events?after=earliest"), 200);
    ids_are(NULL, 0);
    ck_assert_int_eq(kit_get("/events?after=3-0"), 200);
}
END_TEST

static const struct {
    const char *target;
    int status;
} refused[] = {
    { "/events?after=2-5", 410 },    { "/events?after=3-251", 410 },
    { "/events?after=3", 400 },      { "/events?after=3-", 400 },
    { "/events?after=-3", 400 },     { "/events?after=3-5x", 400 },
    { "/events?after=newest", 400 }, { "/events?after=3-9999999999999999999", 400 },
    { "/events?limit=0", 400 },      { "/events?limit=1001", 400 },
    { "/events?wait=long", 400 },    { "/events?wait=121s", 400 },
};

START_TEST(what_makes_no_sense_is_refused)
{
    ck_assert_int_eq(kit_get(refused[_i].target), refused[_i].status);
    ck_assert(!kit.on_ready);
}
END_TEST

START_TEST(without_keys_there_are_no_events)
{
    kit.api.has_keys = false;
    ck_assert_int_eq(kit_get("/events"), 401);
}
END_TEST

START_TEST(what_is_there_is_not_waited_for)
{
    ck_assert_int_eq(kit_get("/events?after=3-249&wait=20s"), 200);
    ids_are((const char *const[]){ "3-250" }, 1);
    ck_assert_str_eq(next_page(), "/events?after=3-250&wait=20s");
    ck_assert(!kit.on_ready);
}
END_TEST

START_TEST(a_long_poll_answers_with_the_next_event)
{
    int64_t now_ms = clock_mono_ms();

    (void)kit_get("/events?after=3-250&wait=20s");
    ck_assert_int_eq(kit.dones, 0);
    ck_assert_uint_eq(kit.waits_after, 250);
    ck_assert_int_ge(kit.waits_until_ms, now_ms + 20000);
    ck_assert_int_le(kit.waits_until_ms, now_ms + 25000);
    kit.last_event = 251;
    kit.on_ready(kit.waiter);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(kit.call.status, 200);
    ids_are((const char *const[]){ "3-251" }, 1);
    ck_assert_str_eq(next_page(), "/events?after=3-251&wait=20s");
}
END_TEST

START_TEST(a_wait_that_ends_says_where_to_go_on)
{
    (void)kit_get("/events?wait=1s");
    ck_assert_uint_eq(kit.waits_after, 250);
    kit.on_ready(kit.waiter);
    ck_assert_int_eq(kit.call.status, 200);
    ids_are(NULL, 0);
    ck_assert_str_eq(next_page(), "/events?after=3-250&wait=1s");
}
END_TEST

START_TEST(the_newest_of_a_tag_are_looked_for)
{
    kit.tagged_events = true;
    ck_assert_int_eq(kit_get("/events?tag=grid&limit=2"), 200);
    ids_are((const char *const[]){ "3-240", "3-250" }, 2);
    ck_assert_str_eq(next_page(), "");
    ck_assert_int_eq(kit_get("/events?tag=other"), 200);
    ids_are(NULL, 0);
    ck_assert_int_eq(kit_get("/events?symbol=spot:BTCUSDT&limit=1"), 200);
    ids_are((const char *const[]){ "3-250" }, 1);
    ck_assert_int_eq(kit_get("/events?symbol=BTCUSDT"), 200); /* linear */
    ids_are(NULL, 0);
}
END_TEST

START_TEST(pages_of_a_tag_go_on_behind_what_was_passed_over)
{
    kit.tagged_events = true;
    ck_assert_int_eq(kit_get("/events?after=earliest&tag=grid&limit=2"), 200);
    ids_are((const char *const[]){ "3-10", "3-20" }, 2);
    ck_assert_str_eq(next_page(), "/events?after=3-29&tag=grid&limit=2");
    ck_assert_int_eq(kit_get("/events?after=3-29&tag=grid&limit=30"), 200);
    ck_assert(kit_says("\"3-250\""));
    ck_assert_str_eq(next_page(), "");
}
END_TEST

START_TEST(one_call_looks_through_so_many_events_at_most)
{
    kit.tagged_events = true;
    kit.last_event = 50000;
    ck_assert_int_eq(kit_get("/events?after=earliest&tag=other"), 200);
    ids_are(NULL, 0);
    ck_assert_str_eq(next_page(), "/events?after=3-20000&tag=other");
    ck_assert_int_eq(kit_get("/events?after=3-40000&tag=other"), 200);
    ck_assert_str_eq(next_page(), "");
    ck_assert_int_eq(kit_get("/events?tag=other"), 200);
    ids_are(NULL, 0);
}
END_TEST

START_TEST(a_long_poll_of_a_tag_waits_on_while_others_come)
{
    kit.tagged_events = true;
    (void)kit_get("/events?after=3-250&tag=grid&wait=20s");
    ck_assert_uint_eq(kit.waits_after, 250);
    kit.last_event = 259;
    kit.on_ready(kit.waiter);
    ck_assert_int_eq(kit.dones, 0);
    ck_assert_uint_eq(kit.waits_after, 259);
    kit.last_event = 261;
    kit.on_ready(kit.waiter);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(kit.call.status, 200);
    ids_are((const char *const[]){ "3-260" }, 1);
    ck_assert_str_eq(next_page(), "/events?after=3-261&tag=grid&wait=20s");
}
END_TEST

/* What it has passed over is not looked at again, however much comes: the ring holds the last 50.
 */
START_TEST(a_long_poll_of_a_tag_looks_at_an_event_once)
{
    kit.tagged_events = true;
    (void)kit_get("/events?after=3-250&tag=other&wait=20s");
    for (int i = 0; i < 10; i++) {
        kit.last_event += 40;
        kit.on_ready(kit.waiter);
        ck_assert_int_eq(kit.dones, 0);
        ck_assert_uint_eq(kit.waits_after, kit.last_event);
    }
    kit.wait_err = ERR_BUSY;
    kit.on_ready(kit.waiter);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_str_eq(next_page(), "/events?after=3-650&tag=other&wait=20s");
}
END_TEST

/* At its end it answers with nothing, and the position has moved. A stop ends it at once. */
START_TEST(a_long_poll_of_a_tag_ends)
{
    kit.tagged_events = true;
    (void)kit_get(_i ? "/events?after=3-250&tag=grid&wait=20s"
                     : "/events?after=3-250&tag=grid&wait=1ms");
    kit.last_event = 255;
    if (_i)
        kit.wait_err = ERR_BUSY;
    else
        (void)usleep(5000);
    kit.on_ready(kit.waiter);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(kit.call.status, 200);
    ids_are(NULL, 0);
    ck_assert_ptr_eq(strstr(next_page(), "/events?after=3-255&tag=grid&wait="), next_page());
}
END_TEST

/* What is committed and not shown yet can't be gone on from: its id is not known before. */
START_TEST(what_is_not_shown_yet_is_not_listed)
{
    kit.unshown_events = 2;
    ck_assert_int_eq(kit_get("/events?after=3-245"), 200);
    ids_are((const char *const[]){ "3-246", "3-247", "3-248" }, 3);
    ck_assert_str_eq(next_page(), "");
    ck_assert_int_eq(kit_get("/events?limit=1&wait=1s"), 0);
    kit.on_ready(kit.waiter);
    ck_assert_str_eq(next_page(), "/events?after=3-248&limit=1&wait=1s");
}
END_TEST

/* Never over it in silence. */
START_TEST(a_hole_in_the_journal_is_an_unknown_id)
{
    kit.lost_event = 100;
    ck_assert_int_eq(kit_get("/events?after=3-90&limit=50"), 200);
    ck_assert(kit_says("\"3-99\""));
    ck_assert(!kit_says("\"3-101\""));
    ck_assert_str_eq(next_page(), "/events?after=3-99&limit=50");
    ck_assert_int_eq(kit_get("/events?after=3-99&limit=50"), 410);
    ck_assert(kit_says("event_id_unknown"));
}
END_TEST

/* The newest ones there are begin behind the hole, and there is no more to go on to. */
START_TEST(the_newest_are_those_behind_a_hole)
{
    static const char *const targets[] = { "/events?limit=150", "/events?limit=200",
                                           "/events?limit=200&tag=grid", "/events?tag=other" };

    kit.lost_event = 100;
    kit.tagged_events = _i >= 2;
    ck_assert_int_eq(kit_get(targets[_i]), 200);
    ck_assert_str_eq(next_page(), "");
    ck_assert(!kit_says("\"3-90\""));
    ck_assert(kit_says("\"3-101\"") == (_i < 2));
    ck_assert(kit_says("\"3-110\"") == (_i < 3));
}
END_TEST

START_TEST(a_journal_that_cannot_be_read_is_said)
{
    kit.reader_err = ERR_IO;
    ck_assert_int_eq(kit_get("/events"), 503);
    ck_assert(kit_says("journal_unavailable"));
    kit.reader_err = ERR_NONE;
    kit.submit_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/events"), 503);
    ck_assert(kit_says("busy"));
    kit.submit_err = ERR_NONE;
    kit.wait_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/events?wait=1s"), 503);
    ck_assert(kit_says("busy"));
}
END_TEST

START_TEST(rows_alone_as_csv_and_ndjson)
{
    ck_assert_int_eq(kit_get("/events.csv?limit=1"), 200);
    ck_assert_str_eq(kit.call.reply.data, "id,event,at,data\r\n3-250,order,1970-01-01T00:00:01."
                                          "000Z,\"{\"\"ts\"\":1}\"\r\n");
    ck_assert_int_eq(kit_get("/events.ndjson?limit=1"), 200);
    ck_assert_str_eq(kit.call.reply.data,
                     "{\"id\":\"3-250\",\"event\":\"order\",\"at\":\"1970-01-01T"
                     "00:00:01.000Z\",\"data\":{\"ts\":1}}\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("event_list");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, set_up, kit_close);
    tcase_add_test(tcase, the_newest_ones_come_oldest_first);
    tcase_add_test(tcase, pages_go_on_where_the_last_one_ended);
    tcase_add_test(tcase, earliest_is_the_first_that_is_kept);
    tcase_add_test(tcase, an_empty_journal_has_none);
    tcase_add_loop_test(tcase, what_makes_no_sense_is_refused, 0, (int)ARRAY_LEN(refused));
    tcase_add_test(tcase, without_keys_there_are_no_events);
    tcase_add_test(tcase, what_is_there_is_not_waited_for);
    tcase_add_test(tcase, a_long_poll_answers_with_the_next_event);
    tcase_add_test(tcase, a_wait_that_ends_says_where_to_go_on);
    tcase_add_test(tcase, the_newest_of_a_tag_are_looked_for);
    tcase_add_test(tcase, pages_of_a_tag_go_on_behind_what_was_passed_over);
    tcase_add_test(tcase, one_call_looks_through_so_many_events_at_most);
    tcase_add_test(tcase, a_long_poll_of_a_tag_waits_on_while_others_come);
    tcase_add_test(tcase, a_long_poll_of_a_tag_looks_at_an_event_once);
    tcase_add_loop_test(tcase, a_long_poll_of_a_tag_ends, 0, 2);
    tcase_add_test(tcase, what_is_not_shown_yet_is_not_listed);
    tcase_add_test(tcase, a_hole_in_the_journal_is_an_unknown_id);
    tcase_add_loop_test(tcase, the_newest_are_those_behind_a_hole, 0, 4);
    tcase_add_test(tcase, a_journal_that_cannot_be_read_is_said);
    tcase_add_test(tcase, rows_alone_as_csv_and_ndjson);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
