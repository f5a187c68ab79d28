#include <stdio.h>
#include <string.h>

#include <check.h>

#include "bybit/stream_link.h"

/* Hours pass in a moment here: time is a number. */
static struct link link_;
static int64_t now_ms;
static char said[4096];

static void begin(enum stream_link which)
{
    link_init(&link_, which, &stream_times_default, 12345);
    now_ms = 1000000;
}

static enum link_say say(void)
{
    struct buffer out = buffer_of(sizeof(said) - 1);
    enum link_say what = link_next_text(&link_, &out, now_ms);

    ck_assert_int_eq(buffer_check(&out), ERR_NONE);
    (void)snprintf(said, sizeof(said), "%s", out.data ? out.data : "");
    buffer_deinit(&out);
    return what;
}

static void hear(const char *text)
{
    struct frame frame;

    ck_assert_int_eq(message_frame(&frame, text, strlen(text), NULL), ERR_NONE);
    link_answer(&link_, &frame, now_ms);
}

static void want(const char *name)
{
    struct link_topic *topic = link_want(&link_, name);

    ck_assert_ptr_nonnull(topic);
    topic->kind = STREAM_TICKER;
    if (strncmp(name, "orderbook", 9) == 0)
        topic->kind = STREAM_BOOK;
    if (strncmp(name, "publicTrade", 11) == 0)
        topic->kind = STREAM_TRADES;
    if (strncmp(name, "kline", 5) == 0)
        topic->kind = STREAM_CANDLES;
}

#define ACK     "{\"success\":true,\"op\":\"subscribe\"}"
#define REFUSED "{\"success\":false,\"ret_msg\":\"error:handler not found\",\"op\":\"subscribe\"}"

static void open_link(void)
{
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_CONNECT);
    link_opened(&link_, now_ms);
}

static void open_and_join(void)
{
    open_link();
    while (say() == LINK_SAY_TEXT)
        hear(ACK);
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
}

START_TEST(nothing_wanted_is_idle)
{
    struct link_topic out;

    begin(LINK_PUBLIC_LINEAR);
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_NOTHING);
    ck_assert_int_eq(link_state(&link_), LINK_IDLE);
    want("tickers.A");
    open_and_join();
    link_find(&link_, "tickers.A")->wanted = false;
    ck_assert(!link_reap(&link_, &out)); /* still subscribed */
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    ck_assert_str_eq(said, "{\"req_id\":\"s2\",\"op\":\"unsubscribe\",\"args\":[\"tickers.A\"]}");
    hear("{\"success\":true,\"op\":\"unsubscribe\",\"req_id\":\"s2\"}");
    ck_assert(link_reap(&link_, &out));
    ck_assert_str_eq(out.name, "tickers.A");
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_CLOSE);
    ck_assert_int_eq(link_state(&link_), LINK_IDLE);
    link_deinit(&link_);
}
END_TEST

START_TEST(waits_double_up_to_the_most)
{
    int64_t least_ms = 500;

    begin(LINK_PUBLIC_LINEAR);
    want("tickers.A");
    for (int i = 0; i < 20; i++) {
        int64_t wait_ms;

        ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_CONNECT);
        link_gone(&link_, "x", now_ms);
        ck_assert_int_eq(link_state(&link_), LINK_DOWN);
        wait_ms = link_.try_at_ms - now_ms;
        ck_assert_int_ge(wait_ms, least_ms);
        ck_assert_int_le(wait_ms, least_ms * 3 / 2 < 30000 ? least_ms * 3 / 2 : 30000);
        ck_assert_int_eq(link_tick(&link_, link_.try_at_ms - 1), LINK_DO_NOTHING);
        now_ms = link_.try_at_ms;
        least_ms = 2 * least_ms < 30000 ? 2 * least_ms : 30000;
    }
    /* A link that is cut at once each time does not come faster than its failures allow: at most
     * 500 in 5 min. */
    link_.failures = 0;
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_CONNECT);
        link_opened(&link_, now_ms);
        (void)say();
        hear(ACK);
        now_ms += 100;
        link_gone(&link_, "cut", now_ms);
        now_ms = link_.try_at_ms;
    }
    ck_assert_int_eq(link_.failures, 10);
    /* One that lasted starts anew. */
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_CONNECT);
    link_opened(&link_, now_ms);
    (void)say();
    hear(ACK);
    now_ms += 31000;
    link_gone(&link_, "cut", now_ms);
    ck_assert_int_eq(link_.failures, 1);
    link_deinit(&link_);
}
END_TEST

START_TEST(an_attempt_has_its_own_deadline)
{
    begin(LINK_PUBLIC_LINEAR);
    want("tickers.A");
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_CONNECT);
    ck_assert_int_eq(link_tick(&link_, now_ms + 9999), LINK_DO_NOTHING);
    ck_assert_int_eq(link_tick(&link_, now_ms + 10000), LINK_DO_CLOSE);
    link_opened(&link_, now_ms + 10001); /* too late */
    ck_assert_int_eq(link_state(&link_), LINK_DOWN);
    link_gone(&link_, "again", now_ms + 10002);
    ck_assert_int_eq(link_.failures, 1); /* handled once */
    link_deinit(&link_);
}
END_TEST

static void begin_private(void)
{
    begin(LINK_PRIVATE);
    want("order");
    want("execution");
    want("position");
    link_find(&link_, "order")->essential = true;
    link_find(&link_, "execution")->essential = true;
}

START_TEST(five_refused_logins_and_then_each_five_minutes)
{
    begin_private();
    for (int i = 1; i <= 7; i++) {
        open_link();
        ck_assert_int_eq(say(), LINK_SAY_LOGIN);
        link_said_login(&link_, now_ms);
        ck_assert_int_eq(say(), LINK_SAY_NOTHING);
        hear("{\"success\":false,\"op\":\"auth\"}");
        ck_assert_int_eq(link_state(&link_), LINK_DOWN);
        ck_assert_int_eq(link_.login_failures, i);
        if (i >= 5)
            ck_assert_int_ge(link_.try_at_ms - now_ms, 300000);
        else
            ck_assert_int_le(link_.try_at_ms - now_ms, 30000);
        now_ms = link_.try_at_ms;
    }
    open_link();
    link_said_login(&link_, now_ms);
    hear("{\"success\":true,\"op\":\"auth\"}");
    ck_assert_int_eq(link_.login_failures, 0);
    ck_assert(!link_is_up(&link_));
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    hear(ACK);
    ck_assert(link_is_up(&link_));
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    /* Silence is normal here. */
    link_.ping_at_ms = now_ms + 10000000;
    ck_assert_int_eq(link_tick(&link_, now_ms + 3600000), LINK_DO_NOTHING);
    link_deinit(&link_);
}
END_TEST

START_TEST(no_answer_to_the_login_is_no_refusal)
{
    begin_private();
    open_link();
    ck_assert_int_eq(say(), LINK_SAY_LOGIN);
    link_said_login(&link_, now_ms);
    ck_assert_int_eq(link_tick(&link_, now_ms + 10000), LINK_DO_CLOSE);
    ck_assert_int_eq(link_.login_failures, 0);
    link_deinit(&link_);
}
END_TEST

START_TEST(pings_go_each_twenty_seconds)
{
    begin(LINK_PUBLIC_LINEAR);
    want("tickers.A");
    open_and_join();
    ck_assert_int_eq(say(), LINK_SAY_NOTHING);
    for (int i = 0; i < 3; i++) {
        now_ms += 20000;
        link_data(&link_, now_ms);
        ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_NOTHING);
        ck_assert(link_wants_to_say(&link_, now_ms));
        ck_assert_int_eq(say(), LINK_SAY_TEXT);
        ck_assert_str_eq(said, "{\"req_id\":\"p\",\"op\":\"ping\"}");
        ck_assert_int_eq(say(), LINK_SAY_NOTHING);
        hear("{\"success\":true,\"ret_msg\":\"pong\",\"op\":\"ping\"}");
    }
    now_ms += 20000;
    link_data(&link_, now_ms);
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    now_ms += 9999;
    link_data(&link_, now_ms);
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_NOTHING);
    ck_assert_int_eq(link_tick(&link_, now_ms + 1), LINK_DO_CLOSE);
    ck_assert_str_eq(link_.why, "no pong");
    link_deinit(&link_);
}
END_TEST

START_TEST(a_paused_link_waits_for_no_pong)
{
    begin_private();
    open_link();
    link_said_login(&link_, now_ms);
    hear("{\"success\":true,\"op\":\"auth\"}");
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    hear(ACK);
    link_pause(&link_, true, now_ms);
    now_ms += 20000;
    ck_assert_int_eq(say(), LINK_SAY_TEXT); /* the exchange still hears us */
    now_ms += 15000;
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_NOTHING);
    link_pause(&link_, false, now_ms);
    ck_assert_int_eq(link_tick(&link_, now_ms + 10000), LINK_DO_NOTHING);
    link_deinit(&link_);
}
END_TEST

START_TEST(mute_is_stale_then_rebuilt_and_ever_more_patient)
{
    int64_t after_ms = 10000;

    begin(LINK_PUBLIC_LINEAR);
    want("tickers.A");
    for (int i = 0; i < 5; i++) {
        open_and_join();
        link_.ping_at_ms = INT64_MAX;
        ck_assert_int_eq(link_tick(&link_, now_ms + 9999), LINK_DO_NOTHING);
        ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
        ck_assert_int_eq(link_next_ms(&link_, now_ms + 9999), now_ms + 10000);
        ck_assert_int_eq(link_tick(&link_, now_ms + 10000), LINK_DO_NOTHING);
        ck_assert_int_eq(link_state(&link_), LINK_STALE); /* however patient */
        ck_assert_int_eq(link_tick(&link_, now_ms + 2 * after_ms - 1), LINK_DO_NOTHING);
        ck_assert_int_eq(link_next_ms(&link_, now_ms + 2 * after_ms - 1), now_ms + 2 * after_ms);
        ck_assert_int_eq(link_tick(&link_, now_ms + 2 * after_ms), LINK_DO_CLOSE);
        ck_assert_str_eq(link_.why, "mute");
        now_ms = link_.try_at_ms;
        after_ms = after_ms < 80000 ? 2 * after_ms : after_ms;
    }
    open_and_join();
    link_.ping_at_ms = INT64_MAX;
    now_ms += after_ms;
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_NOTHING);
    ck_assert_int_eq(link_state(&link_), LINK_STALE);
    link_data(&link_, now_ms);
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    ck_assert_int_eq(link_tick(&link_, now_ms + 10000), LINK_DO_NOTHING);
    ck_assert_int_eq(link_state(&link_), LINK_STALE); /* as impatient as before */
    link_deinit(&link_);
}
END_TEST

START_TEST(topics_that_may_be_silent_make_no_link_stale)
{
    const int64_t hour_ms = 3600000;

    begin(LINK_PUBLIC_LINEAR);
    want("publicTrade.A");
    want("kline.1.A");
    open_and_join();
    link_.ping_at_ms = INT64_MAX;
    now_ms += hour_ms;
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_NOTHING);
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    ck_assert_int_ge(link_next_ms(&link_, now_ms), now_ms + 1000); /* nor busy */
    /* From here on it may not be silent; the hour before says nothing. */
    want("tickers.A");
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    hear(ACK);
    ck_assert_int_eq(link_tick(&link_, now_ms + 9999), LINK_DO_NOTHING);
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    ck_assert_int_eq(link_tick(&link_, now_ms + 10000), LINK_DO_NOTHING);
    ck_assert_int_eq(link_state(&link_), LINK_STALE);
    /* Any frame will do. */
    link_data(&link_, now_ms + 15000);
    ck_assert_int_eq(link_tick(&link_, now_ms + 24999), LINK_DO_NOTHING);
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    ck_assert_int_eq(link_tick(&link_, now_ms + 35000), LINK_DO_CLOSE);
    ck_assert_str_eq(link_.why, "mute");
    link_deinit(&link_);
}
END_TEST

START_TEST(a_silent_link_without_pongs_is_given_up)
{
    begin(LINK_PUBLIC_LINEAR);
    want("publicTrade.A");
    open_and_join();
    now_ms += 20000;
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    ck_assert_ptr_nonnull(strstr(said, "ping"));
    ck_assert_int_eq(link_tick(&link_, now_ms + 9999), LINK_DO_NOTHING);
    ck_assert_int_eq(link_tick(&link_, now_ms + 10000), LINK_DO_CLOSE);
    ck_assert_str_eq(link_.why, "no pong");
    link_deinit(&link_);
}
END_TEST

START_TEST(a_request_has_ten_topics_and_one_is_in_flight)
{
    char name[32];

    begin(LINK_PUBLIC_SPOT);
    for (int i = 0; i < 23; i++) {
        (void)snprintf(name, sizeof(name), "tickers.S%d", i);
        want(name);
    }
    open_link();
    for (int i = 0; i < 3; i++) {
        int count = 0;

        ck_assert_int_eq(link_state(&link_), LINK_CONNECTING);
        ck_assert_int_eq(say(), LINK_SAY_TEXT);
        for (const char *at = said; (at = strstr(at, "tickers.")); at++)
            count++;
        ck_assert_int_eq(count, i < 2 ? 10 : 3);
        ck_assert_int_eq(say(), LINK_SAY_NOTHING);
        ck_assert(!link_wants_to_say(&link_, now_ms));
        hear("{\"success\":true,\"op\":\"subscribe\",\"req_id\":\"other\"}"); /* of an earlier
                                                                                 request */
        ck_assert_int_eq(say(), LINK_SAY_NOTHING);
        hear(ACK);
    }
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    want("tickers.LATE");
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    ck_assert_int_eq(link_tick(&link_, now_ms + 10000), LINK_DO_CLOSE); /* no answer */
    link_deinit(&link_);
}
END_TEST

START_TEST(a_refused_request_is_asked_one_by_one)
{
    begin(LINK_PUBLIC_LINEAR);
    want("tickers.A");
    want("tickers.BAD");
    want("tickers.C");
    open_link();
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    hear(REFUSED);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(say(), LINK_SAY_TEXT);
        ck_assert_ptr_null(strchr(strstr(said, "args"), ',')); /* one */
        if (strstr(said, "BAD"))
            hear(REFUSED);
        else if (strstr(said, ".C"))
            hear("{\"success\":false,\"ret_msg\":\"error:already "
                 "subscribed,topic:tickers.C\",\"op\":\"subscribe\"}");
        else
            hear(ACK);
    }
    ck_assert_int_eq(say(), LINK_SAY_NOTHING);
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    ck_assert_int_eq(link_find(&link_, "tickers.A")->state, TOPIC_ON);
    ck_assert_int_eq(link_find(&link_, "tickers.BAD")->state, TOPIC_REFUSED);
    ck_assert_int_eq(link_find(&link_, "tickers.C")->state, TOPIC_ON);
    link_.ping_at_ms = INT64_MAX;
    now_ms += 299999;
    ck_assert_int_eq(say(), LINK_SAY_NOTHING);
    now_ms += 1;
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    ck_assert_ptr_nonnull(strstr(said, "[\"tickers.BAD\"]"));
    /* After a cut the bad one does not spoil the request of the others. */
    link_gone(&link_, "cut", now_ms);
    now_ms = link_.try_at_ms;
    open_link();
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    ck_assert_ptr_nonnull(strstr(said, "[\"tickers.A\",\"tickers.C\"]"));
    link_deinit(&link_);
}
END_TEST

START_TEST(option_sockets_name_what_they_refuse)
{
    begin(LINK_PUBLIC_OPTION);
    want("tickers.A");
    want("tickers.B");
    open_link();
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    hear("{\"success\":true,\"data\":{\"failTopics\":[\"tickers.B\"],\"successTopics\":[\"tickers."
         "A\"]},"
         "\"type\":\"COMMAND_RESP\"}");
    ck_assert_int_eq(link_find(&link_, "tickers.A")->state, TOPIC_ON);
    ck_assert_int_eq(link_find(&link_, "tickers.B")->state, TOPIC_REFUSED);
    ck_assert_int_eq(link_state(&link_), LINK_CONNECTED);
    link_deinit(&link_);
}
END_TEST

START_TEST(a_private_link_needs_orders_and_executions)
{
    begin_private();
    open_link();
    link_said_login(&link_, now_ms);
    hear("{\"success\":true,\"op\":\"auth\"}");
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    hear(REFUSED);
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    ck_assert_ptr_nonnull(strstr(said, "[\"order\"]"));
    hear(ACK);
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    hear(REFUSED); /* execution */
    ck_assert(!link_is_up(&link_));
    ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_CLOSE);
    ck_assert_int_eq(link_state(&link_), LINK_DOWN);
    link_deinit(&link_);
}
END_TEST

/* Leaves and joins; the snapshot comes or not. */
static void rejoin(bool jumped, bool picture)
{
    struct link_topic *topic = link_find(&link_, "orderbook.50.A");

    if (!topic->rejoin)
        link_rejoin(topic, jumped, now_ms);
    if (now_ms < topic->not_before_ms) {
        ck_assert_int_eq(say(), LINK_SAY_NOTHING);
        ck_assert_int_le(link_next_ms(&link_, now_ms), topic->not_before_ms);
        now_ms = topic->not_before_ms;
    }
    link_data(&link_, now_ms);
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    ck_assert_ptr_nonnull(strstr(said, "\"unsubscribe\",\"args\":[\"orderbook.50.A\"]"));
    hear(ACK);
    ck_assert_int_eq(say(), LINK_SAY_TEXT);
    ck_assert_ptr_nonnull(strstr(said, "\"subscribe\",\"args\":[\"orderbook.50.A\"]"));
    hear(ACK);
    if (picture)
        link_has_picture(topic);
}

START_TEST(a_book_that_jumps_is_joined_again_ever_slower)
{
    const struct link_topic *topic;
    int64_t began_ms;

    begin(LINK_PUBLIC_LINEAR);
    want("orderbook.50.A");
    want("tickers.A");
    open_and_join();
    link_.ping_at_ms = INT64_MAX;
    topic = link_find(&link_, "orderbook.50.A");
    began_ms = now_ms;
    for (int i = 0; i < 5; i++) {
        rejoin(true, true);
        ck_assert(!topic->jumps_pass);
    }
    ck_assert_int_eq(now_ms - began_ms, 200 + 400 + 800 + 1600);
    rejoin(true, true);
    ck_assert(topic->jumps_pass); /* the sixth in a minute */
    now_ms += 61000;
    began_ms = now_ms;
    rejoin(true, true);
    ck_assert_int_eq(now_ms, began_ms); /* at once again */
    link_deinit(&link_);
}
END_TEST

START_TEST(a_snapshot_that_does_not_come_is_asked_for_again_then_the_link_is_rebuilt)
{
    enum link_action action = LINK_DO_NOTHING;
    int rejoins = 0;

    begin(LINK_PUBLIC_LINEAR);
    want("orderbook.50.A");
    open_and_join();
    link_.ping_at_ms = INT64_MAX;
    ck_assert_int_eq(link_find(&link_, "orderbook.50.A")->picture_due_ms,
                     0); /* it may be silent for days */
    rejoin(true, false);
    while (rejoins < 20) {
        now_ms = link_find(&link_, "orderbook.50.A")->picture_due_ms;
        ck_assert_int_gt(now_ms, 0);
        link_data(&link_, now_ms);
        action = link_tick(&link_, now_ms);
        if (action == LINK_DO_CLOSE)
            break;
        rejoin(false, false);
        rejoins++;
    }
    ck_assert_int_eq(action, LINK_DO_CLOSE);
    ck_assert_str_eq(link_.why, "no snapshot");
    ck_assert_int_eq(rejoins, 4);
    /* That did not help either: the other topics do not pay for it again and again. */
    now_ms = link_.try_at_ms;
    open_and_join();
    link_.ping_at_ms = INT64_MAX;
    rejoin(true, false);
    for (int i = 0; i < 20; i++) {
        now_ms = link_find(&link_, "orderbook.50.A")->picture_due_ms;
        link_data(&link_, now_ms);
        ck_assert_int_eq(link_tick(&link_, now_ms), LINK_DO_NOTHING);
        rejoin(false, false);
    }
    link_has_picture(link_find(&link_, "orderbook.50.A"));
    ck_assert(!link_find(&link_, "orderbook.50.A")->rebuilt);
    link_deinit(&link_);
}
END_TEST

START_TEST(the_number_of_topics_is_bounded)
{
    char name[32];

    begin(LINK_PUBLIC_LINEAR);
    for (int i = 0; i < LINK_TOPICS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "tickers.S%d", i);
        want(name);
    }
    ck_assert_ptr_null(link_want(&link_, "tickers.MORE"));
    ck_assert_ptr_nonnull(link_want(&link_, "tickers.S1"));
    ck_assert_ptr_nonnull(link_find(&link_, "tickers.S479"));
    ck_assert_ptr_null(link_find(&link_, "tickers.S480"));
    link_deinit(&link_);
    begin(LINK_PUBLIC_LINEAR);
    memset(said, 'x', 100);
    said[100] = '\0';
    ck_assert_ptr_null(link_want(&link_, said));
    ck_assert_uint_eq(link_.topics_count, 0);
    link_deinit(&link_);
}
END_TEST

/* Whatever comes in whatever order: no crash, no tick later than a second, nothing said while
 * unconnected. */
START_TEST(random_events_keep_it_sane)
{
    uint32_t random = 7;

    begin_private();
    for (int i = 0; i < 200000; i++) {
        random = random * 1664525U + 1013904223U;
        now_ms += (random >> 8) % 3000;
        switch ((random >> 20) % 10) {
        case 0:
            link_gone(&link_, "cut", now_ms);
            break;
        case 1:
            hear("{\"success\":true,\"op\":\"auth\"}");
            break;
        case 2:
            hear((random >> 5) % 8 ? ACK : REFUSED);
            break;
        case 3:
            hear("{\"op\":\"pong\"}");
            break;
        case 4:
            link_data(&link_, now_ms);
            break;
        case 5:
            link_opened(&link_, now_ms);
            break;
        case 6:
            link_pause(&link_, (random >> 5) % 2, now_ms);
            break;
        case 7:
            hear((random >> 5) % 8 ? "{\"op\":\"x\"}" : "{\"success\":false,\"op\":\"auth\"}");
            break;
        default:
            if (say() == LINK_SAY_LOGIN)
                link_said_login(&link_, now_ms);
            break;
        }
        (void)link_tick(&link_, now_ms);
        ck_assert_int_le(link_next_ms(&link_, now_ms), now_ms + 1000);
        if (link_.phase < PHASE_LOGIN)
            ck_assert(!link_wants_to_say(&link_, now_ms) && !link_is_up(&link_));
    }
    link_deinit(&link_);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream_link");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, nothing_wanted_is_idle);
    tcase_add_test(tcase, waits_double_up_to_the_most);
    tcase_add_test(tcase, an_attempt_has_its_own_deadline);
    tcase_add_test(tcase, five_refused_logins_and_then_each_five_minutes);
    tcase_add_test(tcase, no_answer_to_the_login_is_no_refusal);
    tcase_add_test(tcase, pings_go_each_twenty_seconds);
    tcase_add_test(tcase, a_paused_link_waits_for_no_pong);
    tcase_add_test(tcase, mute_is_stale_then_rebuilt_and_ever_more_patient);
    tcase_add_test(tcase, topics_that_may_be_silent_make_no_link_stale);
    tcase_add_test(tcase, a_silent_link_without_pongs_is_given_up);
    tcase_add_test(tcase, a_request_has_ten_topics_and_one_is_in_flight);
    tcase_add_test(tcase, a_refused_request_is_asked_one_by_one);
    tcase_add_test(tcase, option_sockets_name_what_they_refuse);
    tcase_add_test(tcase, a_private_link_needs_orders_and_executions);
    tcase_add_test(tcase, a_book_that_jumps_is_joined_again_ever_slower);
    tcase_add_test(tcase,
                   a_snapshot_that_does_not_come_is_asked_for_again_then_the_link_is_rebuilt);
    tcase_add_test(tcase, the_number_of_topics_is_bounded);
    tcase_add_test(tcase, random_events_keep_it_sane);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
