/* tests/test_engine_kill.c - kill, sweep and arm, one event at a time. */
#include "tests/test_engine_guard_kit.h"

#define SCOPES 9

static void swept(struct bench *bench, uint64_t send_id, enum answer_kind kind, int ret_code,
                  int64_t retry_ms)
{
    struct engine_event event = { .kind = EVENT_SWEPT };

    event.u.swept.send_id = send_id;
    event.u.swept.kind = kind;
    event.u.swept.ret_code = ret_code;
    event.u.swept.ret_msg = "said so";
    event.u.swept.retry_after_ms = retry_ms;
    feed(bench, &event);
}

static void scan_rejected(struct bench *bench, uint64_t read_id)
{
    struct engine_event event = { .kind = EVENT_PAGE };

    event.u.page.read_id = read_id;
    event.u.page.rejected = true;
    event.u.page.next_cursor = "";
    feed(bench, &event);
}

/* Answers the sweep as an exchange would: each cancel-all and each scan that is asked for, until
 * there is none left; `open` in the first `open_scans` scans of linear USDT. */
struct honest {
    const struct order_report *open;
    int open_scans;
    int cancel_alls;
    int scans;
    int singles;
    int replies;
    enum outcome outcome;
    bool clear;
    bool durable;
    char rows[200];
};

static void note(struct honest *honest, const struct bench *bench)
{
    const struct engine_action *reply = first(bench, ACTION_REPLY);

    honest->singles += count(bench, ACTION_SEND_CANCEL);
    for (int n = 0; guard_row(bench, n)[0]; n++) {
        size_t bytes = strlen(honest->rows);

        (void)snprintf(honest->rows + bytes, sizeof(honest->rows) - bytes, "%s ",
                       guard_row(bench, n));
    }
    honest->replies += count(bench, ACTION_REPLY);
    if (!reply)
        return;
    honest->outcome = reply->u.reply.outcome;
    if (!reply->u.reply.report)
        return;
    honest->clear = reply->u.reply.report->state.clear;
    honest->durable = reply->u.reply.report->durable;
}

static void answer_sweep(struct bench *bench, struct honest *honest)
{
    struct engine_action queue[128];
    int queued = 0;

    note(honest, bench);
    for (int at = 0;; at++) {
        for (size_t i = 0; i < bench->actions.count; i++) {
            const struct engine_action *action = &bench->actions.list[i];
            bool sweeps = action->kind == ACTION_CANCEL_ALL ||
                          (action->kind == ACTION_READ && action->u.read.urgent);

            ck_assert_int_lt(queued, 128);
            if (sweeps)
                queue[queued++] = *action;
        }
        if (at == queued)
            return;
        if (queue[at].kind == ACTION_CANCEL_ALL) {
            honest->cancel_alls++;
            swept(bench, queue[at].u.cancel_all.send_id, REPLY_OK, 0, 0);
        } else {
            bool here = queue[at].u.read.category == CATEGORY_LINEAR && honest->open_scans > 0 &&
                        strcmp(queue[at].u.read.settle_coin, "USDT") == 0;

            honest->scans++;
            honest->open_scans -= here;
            page(bench, queue[at].u.read.read_id, true, honest->open, here ? 1 : 0, NULL, 0, "");
        }
        note(honest, bench);
    }
}

START_TEST(an_idle_kill_is_clear_after_one_round)
{
    struct bench *bench = bench_open(100, true);
    struct honest honest = { 0 };
    const struct guard_report *report;

    kill_all(bench, 10000);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), SCOPES - 1); /* inverse: no symbol */
    ck_assert_str_eq(guard_row(bench, 0), "killed");
    ck_assert(must(bench, ACTION_ROW, 0)->u.row.guard->killed);
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.guard->reason, "a test");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.guard->since_ms, T0);
    answer_sweep(bench, &honest);
    ck_assert_int_eq(honest.scans, SCOPES);
    ck_assert_str_eq(honest.rows, "killed clear ");
    ck_assert_int_eq(honest.replies, 0); /* not durable yet */
    commit(bench);
    report = replied(bench, OUTCOME_GUARD_DONE)->u.reply.report;
    ck_assert(report->state.killed && report->state.clear && report->durable);
    ck_assert_uint_eq(report->scopes_count, SCOPES);
    for (size_t i = 0; i < SCOPES; i++)
        ck_assert_int_eq(report->scopes[i].state, SWEEP_CLEAR);
    ck_assert(!engine_needs_reads(bench->engine));
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_KILLED);
    bench_close(bench);
}
END_TEST

START_TEST(each_scope_is_asked_for_by_its_own_words)
{
    struct bench *bench = bench_open(100, true);
    static const struct {
        enum category category;
        const char *coin;
        const char *filter;
    } wanted[] = {
        { CATEGORY_LINEAR, "USDT", "" },
        { CATEGORY_LINEAR, "USDC", "" },
        { CATEGORY_SPOT, "", "Order" },
        { CATEGORY_SPOT, "", "StopOrder" },
        { CATEGORY_SPOT, "", "tpslOrder" },
        { CATEGORY_SPOT, "", "OcoOrder" },
        { CATEGORY_SPOT, "", "BidirectionalTpslOrder" },
        { CATEGORY_OPTION, "", "" },
    };

    kill_all(bench, 0);
    for (int i = 0; i < (int)ARRAY_LEN(wanted); i++) {
        const struct engine_action *action = must(bench, ACTION_CANCEL_ALL, i);

        ck_assert_int_eq(action->u.cancel_all.category, wanted[i].category);
        ck_assert_str_eq(action->u.cancel_all.settle_coin, wanted[i].coin);
        ck_assert_str_eq(action->u.cancel_all.order_filter, wanted[i].filter);
        ck_assert_str_eq(action->u.cancel_all.symbol, "");
        ck_assert_int_eq(action->u.cancel_all.deadline_ms, T0 + 5000);
    }
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.category, CATEGORY_INVERSE);
    ck_assert_ptr_null(must(bench, ACTION_READ, 0)->u.read.order_filter);
    swept(bench, must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id + 3, REPLY_OK, 0, 0);
    bench_close(bench);
}
END_TEST

/* Intents in memory, being sent, lost, acknowledged, open. */
START_TEST(orders_of_every_stage_are_stopped_or_cancelled)
{
    struct bench *bench = bench_open(100, true);
    struct order_report gone = report_of("sent", "id-sent", STATUS_CANCELLED, 0, T0 + 400);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &gone };
    const struct guard_report *report;
    struct honest honest = { 0 };

    (void)sent(bench, "sent");
    answer(bench, sent(bench, "lost"), REPLY_LOST, 0, "");
    acked(bench, "acked", "id-acked");
    acked(bench, "live", "id-live");
    order_seen(bench, "live", "id-live", STATUS_NEW, 0);
    answer(bench, sent(bench, "again"), REPLY_NOT_SENT, 0, "");
    create(bench, "again");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_RETRY);
    create(bench, "intent");
    kill_all(bench, 10000);
    ck_assert_int_eq(count(bench, ACTION_SEND_CANCEL), 3);
    ck_assert_int_eq(state_of(bench, "intent"), ORDER_INTENT);
    for (int i = 0; i < 3; i++)
        ck_assert_str_ne(must(bench, ACTION_SEND_CANCEL, i)->u.send.request.link, "live");
    answer_sweep(bench, &honest);
    ck_assert_int_eq(honest.replies, 0);
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_SEND_CREATE), 0);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 2); /* of the two intents */
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(must(bench, ACTION_REPLY, i)->u.reply.outcome, OUTCOME_NOT_SENT);
        ck_assert_str_eq(must(bench, ACTION_REPLY, i)->u.reply.error.text, "killed");
    }
    ck_assert_int_eq(state_of(bench, "intent"), ORDER_NOT_SENT);
    report = guard_report_of(bench);
    ck_assert_uint_eq(report->not_sent_count, 2);
    ck_assert_uint_eq(report->open_count, 2);
    ck_assert_uint_eq(report->unknown_count, 2);
    ck_assert(!report->state.clear);

    feed(bench, &event);
    order_seen(bench, "lost", "id-lost", STATUS_CANCELLED, 0);
    order_seen(bench, "acked", "id-acked", STATUS_FILLED, 10);
    order_seen(bench, "live", "id-live", STATUS_CANCELLED, 0);
    /* Nothing is left: no need to wait for a round. But a fill can have made new orders: one more
     * look. */
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    tick_at(bench, bench->now_ms + 250);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 1);
    answer_sweep(bench, &honest);
    (void)replied(bench, OUTCOME_GUARD_DONE);
    report = must(bench, ACTION_REPLY, 0)->u.reply.report;
    ck_assert(report->state.clear && report->durable);
    ck_assert_uint_eq(report->cancelled_count, 3);
    ck_assert_uint_eq(report->listed_count, 3);
    ck_assert_str_eq(report->listed[0].order_id, "id-sent");
    ck_assert_str_eq(report->listed[0].client_id, "sent");
    ck_assert_uint_eq(report->filled_count, 1);
    ck_assert_uint_eq(report->not_sent_count, 2);
    ck_assert_uint_eq(report->open_count + report->unknown_count, 0);
    bench_close(bench);
}
END_TEST

START_TEST(what_the_transport_still_had_is_told_as_not_sent)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    kill_all(bench, 0);
    answer(bench, send_id, REPLY_NOT_SENT, 0, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_NOT_SENT);
    ck_assert_uint_eq(guard_report_of(bench)->not_sent_count, 1);
    bench_close(bench);
}
END_TEST

START_TEST(a_disk_that_hangs_is_waited_for_two_seconds)
{
    struct bench *bench = bench_open(100, true);
    struct honest honest = { 0 };
    const struct guard_report *report;

    create(bench, "intent");
    kill_all(bench, 10000);
    answer_sweep(bench, &honest);
    ck_assert_str_eq(honest.rows, "killed clear "); /* an intent cannot leave any more */
    ck_assert_int_eq(engine_next_tick_ms(bench->engine), T0 + 2000);
    tick_at(bench, T0 + 1999);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    tick_at(bench, T0 + 2000);
    report = replied(bench, OUTCOME_GUARD_DONE)->u.reply.report;
    ck_assert(report->state.killed && report->state.clear && !report->durable);
    ck_assert_uint_eq(report->not_sent_count, 1);
    tick_at(bench, T0 + 5002);
    (void)replied(bench, OUTCOME_NOT_SENT); /* the intent's own deadline */
    ck_assert_str_eq(must(bench, ACTION_REPLY, 0)->u.reply.error.text, "killed");
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_SEND_CREATE), 0);
    ck_assert(guard_report_of(bench)->durable);
    bench_close(bench);
}
END_TEST

START_TEST(the_answer_comes_in_its_time_whatever_is_open)
{
    struct bench *bench = bench_open(100, true);
    const struct guard_report *report;

    kill_all(bench, 3000);
    commit(bench);
    tick_at(bench, T0 + 2999);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    tick_at(bench, T0 + 3000);
    report = replied(bench, OUTCOME_GUARD_DONE)->u.reply.report;
    ck_assert(!report->state.clear && report->durable);
    ck_assert_int_eq(report->scopes[0].state, SWEEP_CANCELLING);
    bench_close(bench);
}
END_TEST

START_TEST(what_stays_open_is_cancelled_one_by_one_after_the_second_round)
{
    struct bench *bench = bench_open(100, true);
    struct order_report open = report_of("", "x-1", STATUS_NEW, 0, T0 + 300);
    struct honest honest = { .open = &open, .open_scans = 3 };

    kill_all(bench, 10000);
    answer_sweep(bench, &honest);
    ck_assert_int_eq(honest.singles, 0);
    ck_assert_int_eq(honest.scans, SCOPES);
    /* It was made elsewhere: the journal does not know it. */
    ck_assert_ptr_null(engine_find(bench->engine, "x-1"));
    tick_at(bench, T0 + 249);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 0);
    found(bench, 0, NULL, false);
    for (uint64_t id = 1; id < 200; id++)
        found(bench, id, NULL, false);
    ck_assert_ptr_nonnull(engine_find(bench->engine, "x-1"));
    tick_at(bench, T0 + 250);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 1); /* of this scope alone */
    answer_sweep(bench, &honest);
    ck_assert_int_eq(honest.singles, 1);
    ck_assert(engine_find(bench->engine, "x-1")->cancel_wanted);
    tick_at(bench, T0 + 750);
    answer_sweep(bench, &honest);
    ck_assert_int_eq(honest.open_scans, 0);
    open.updated_ms += 1000;
    open.status = STATUS_CANCELLED;
    {
        struct engine_event event = { .kind = EVENT_ORDER, .u.order = &open };

        feed(bench, &event);
    }
    tick_at(bench, T0 + 1750);
    answer_sweep(bench, &honest);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 1);
    ck_assert(guard_report_of(bench)->state.clear);
    bench_close(bench);
}
END_TEST

START_TEST(what_a_scan_lacks_is_looked_up)
{
    struct bench *bench = bench_open(100, true);
    struct honest honest = { 0 };
    int64_t at_ms;

    acked(bench, "live", "id-live");
    order_seen(bench, "live", "id-live", STATUS_NEW, 0);
    bench->now_ms += 1000;
    at_ms = bench->now_ms;
    kill_all(bench, 10000);
    answer_sweep(bench, &honest);
    ck_assert(!guard_report_of(bench)->state.clear);
    tick_at(bench, at_ms);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.kind, READ_ORDER);
    ck_assert_str_eq(must(bench, ACTION_READ, 0)->u.read.order_id, "id-live");
    {
        struct order_report report =
            report_of("live", "id-live", STATUS_CANCELLED, 0, at_ms + bench->skew_ms);

        page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &report, 1, NULL, 0, "");
    }
    ck_assert_str_eq(guard_row(bench, 0), "clear");
    bench_close(bench);
}
END_TEST

START_TEST(what_the_exchange_refuses_has_failed_and_does_not_keep_the_rest)
{
    struct bench *bench = bench_open(100, true);
    struct honest honest = { 0 };
    const struct guard_report *report;
    uint64_t option;
    uint64_t scan;

    kill_all(bench, 10000);
    option = must(bench, ACTION_CANCEL_ALL, 7)->u.cancel_all.send_id;
    ck_assert_int_eq(must(bench, ACTION_CANCEL_ALL, 7)->u.cancel_all.category, CATEGORY_OPTION);
    {
        struct engine_action kept[16];
        size_t kept_count = 0;

        for (size_t i = 0; i < bench->actions.count && kept_count < 16; i++)
            kept[kept_count++] = bench->actions.list[i];
        swept(bench, option, REPLY_REJECT, 10001, 0);
        scan = must(bench, ACTION_READ, 0)->u.read.read_id;
        scan_rejected(bench, scan);
        /* The others go on as ever. */
        for (size_t i = 0; i < kept_count; i++) {
            if (kept[i].kind == ACTION_CANCEL_ALL && kept[i].u.cancel_all.send_id != option) {
                swept(bench, kept[i].u.cancel_all.send_id, REPLY_OK, 0, 0);
                empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
            } else if (kept[i].kind == ACTION_READ) {
                empty_page(bench, kept[i].u.read.read_id);
            }
        }
    }
    commit(bench);
    report = replied(bench, OUTCOME_GUARD_DONE)->u.reply.report;
    ck_assert(report->state.clear);
    ck_assert_int_eq(report->scopes[8].state, SWEEP_FAILED);
    ck_assert_str_eq(report->scopes[8].error, "10001 said so");
    tick_at(bench, T0 + 29999);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 0);
    tick_at(bench, T0 + 30000);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 1);
    answer_sweep(bench, &honest);
    ck_assert_int_eq(guard_report_of(bench)->scopes[8].state, SWEEP_CLEAR);
    bench_close(bench);
}
END_TEST

START_TEST(where_all_is_refused_nothing_is_clear)
{
    struct bench *bench = bench_open(100, true);
    uint64_t ids[SCOPES] = { 0 };
    uint64_t inverse;

    kill_all(bench, 10000);
    inverse = must(bench, ACTION_READ, 0)->u.read.read_id;
    for (int i = 0; i < SCOPES - 1; i++)
        ids[i] = must(bench, ACTION_CANCEL_ALL, i)->u.cancel_all.send_id;
    for (int i = 0; i < SCOPES - 1; i++) {
        swept(bench, ids[i], REPLY_AUTH, 10003, 0);
        scan_rejected(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    }
    scan_rejected(bench, inverse);
    ck_assert(!guard_report_of(bench)->state.clear);
    ck_assert_int_eq(guard_report_of(bench)->scopes[0].state, SWEEP_FAILED);
    ck_assert(!status_of(bench).ready); /* the key is refused */
    bench_close(bench);
}
END_TEST

START_TEST(without_a_turn_it_waits_and_says_why)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id;

    kill_all(bench, 20000);
    send_id = must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id;
    swept(bench, send_id, REPLY_THROTTLED, 0, 600000); /* a ban of ten minutes */
    ck_assert_int_eq(guard_report_of(bench)->scopes[0].state, SWEEP_WAITING);
    ck_assert_str_eq(guard_report_of(bench)->scopes[0].error, "said so");
    tick_at(bench, T0 + 4999);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 0);
    tick_at(bench, T0 + 5000);
    send_id = must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id;
    swept(bench, send_id, REPLY_NOT_SENT, 0, 0);
    tick_at(bench, T0 + 5500);
    send_id = must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id;
    swept(bench, send_id, REPLY_OK, 0, 0);
    empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    ck_assert_int_eq(guard_report_of(bench)->scopes[0].state, SWEEP_CLEAR);
    bench_close(bench);
}
END_TEST

/* Of the first scan of the sweep that was asked for; "" when none was. */
static const char *urgent_coin(const struct bench *bench)
{
    for (int n = 0; nth(bench, ACTION_READ, n); n++) {
        if (must(bench, ACTION_READ, n)->u.read.urgent)
            return must(bench, ACTION_READ, n)->u.read.settle_coin;
    }
    return "";
}

START_TEST(a_lost_answer_is_settled_by_the_scan)
{
    struct bench *bench = bench_open(100, true);
    uint64_t first_id;

    kill_all(bench, 60000);
    first_id = must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id;
    swept(bench, must(bench, ACTION_CANCEL_ALL, 1)->u.cancel_all.send_id, REPLY_LOST, 0, 0);
    ck_assert_str_eq(must(bench, ACTION_READ, 0)->u.read.settle_coin, "USDC");
    /* A scan that fails is another round. */
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, false, NULL, 0, NULL, 0, "");
    ck_assert_int_eq(guard_report_of(bench)->scopes[1].state, SWEEP_CANCELLING);
    tick_at(bench, T0 + 250);
    ck_assert_str_eq(must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.settle_coin, "USDC");
    /* One that is never answered counts as lost. */
    tick_at(bench, T0 + 14999);
    ck_assert_str_ne(urgent_coin(bench), "USDT");
    tick_at(bench, T0 + 15000);
    ck_assert_str_eq(urgent_coin(bench), "USDT");
    swept(bench, first_id, REPLY_OK, 0, 0);
    ck_assert_str_eq(urgent_coin(bench), "");
    bench_close(bench);
}
END_TEST

START_TEST(inverse_is_cancelled_by_symbol)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = valued("a");
    struct order_report open = report_of("", "x-1", STATUS_NEW, 0, T0 + 300);
    uint64_t ids[2];

    request.category = CATEGORY_INVERSE;
    memcpy(request.symbol, "BTCUSD", 7);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    kill_all(bench, 10000);
    ids[0] = must(bench, ACTION_CANCEL_ALL, 2)->u.cancel_all.send_id;
    ck_assert_int_eq(must(bench, ACTION_CANCEL_ALL, 2)->u.cancel_all.category, CATEGORY_INVERSE);
    ck_assert_str_eq(must(bench, ACTION_CANCEL_ALL, 2)->u.cancel_all.symbol, "BTCUSD");
    swept(bench, ids[0], REPLY_OK, 0, 0);
    open.category = CATEGORY_INVERSE;
    memcpy(open.symbol, "ETHUSD", 7);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &open, 1, NULL, 0, "");
    tick_at(bench, T0 + 250);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 2);
    ids[0] = must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id;
    ids[1] = must(bench, ACTION_CANCEL_ALL, 1)->u.cancel_all.send_id;
    ck_assert_str_eq(must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.symbol, "ETHUSD");
    ck_assert_str_eq(must(bench, ACTION_CANCEL_ALL, 1)->u.cancel_all.symbol, "BTCUSD");
    swept(bench, ids[1], REPLY_OK, 0, 0);
    ck_assert_int_eq(count(bench, ACTION_READ), 0); /* only after all answers */
    swept(bench, ids[0], REPLY_OK, 0, 0);
    ck_assert_int_eq(count(bench, ACTION_READ), 1);
    bench_close(bench);
}
END_TEST

START_TEST(a_scan_reads_all_pages)
{
    struct bench *bench = bench_open(100, true);
    struct order_report open = report_of("", "x-1", STATUS_NEW, 0, T0 + 300);

    kill_all(bench, 10000);
    swept(bench, must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id, REPLY_OK, 0, 0);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, NULL, 0, NULL, 0, "c1");
    ck_assert_str_eq(must(bench, ACTION_READ, 0)->u.read.cursor, "c1");
    ck_assert(must(bench, ACTION_READ, 0)->u.read.urgent);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &open, 1, NULL, 0, "");
    ck_assert_int_eq(guard_report_of(bench)->scopes[0].state, SWEEP_CANCELLING);
    tick_at(bench, T0 + 250);
    swept(bench, must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id, REPLY_OK, 0, 0);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, NULL, 0, NULL, 0, "c1");
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, NULL, 0, NULL, 0, "c1");
    /* The cursor came again: nothing is proved. */
    ck_assert_int_eq(guard_report_of(bench)->scopes[0].state, SWEEP_CANCELLING);
    bench_close(bench);
}
END_TEST

START_TEST(a_second_kill_joins_and_one_after_the_end_looks_again)
{
    struct bench *bench = bench_open(100, true);
    struct honest honest = { 0 };

    kill_all(bench, 10000);
    {
        struct engine_actions kept = bench->actions;

        bench->actions = (struct engine_actions){ 0 };
        kill_all(bench, 10000);
        ck_assert_uint_eq(bench->actions.count, 0); /* no row, no second sweep */
        free(bench->actions.list);
        bench->actions = kept;
    }
    answer_sweep(bench, &honest);
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 2);
    kill_all(bench, 10000);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), SCOPES - 1);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    memset(&honest, 0, sizeof(honest));
    answer_sweep(bench, &honest);
    ck_assert_int_eq(honest.replies, 1);
    ck_assert(honest.clear && honest.durable);
    ck_assert_str_eq(honest.rows, "clear ");
    bench_close(bench);
}
END_TEST

START_TEST(an_open_order_after_the_end_begins_the_sweep_anew)
{
    struct bench *bench = bench_open(100, true);
    struct honest honest = { 0 };
    uint64_t find_id;
    uint64_t send_id;

    kill_all(bench, 0);
    answer_sweep(bench, &honest);
    commit(bench);
    ck_assert(guard_report_of(bench)->state.clear);
    order_seen(bench, "", "x-1", STATUS_NEW, 0); /* before the journal has said whose it is */
    find_id = must(bench, ACTION_FIND, 0)->u.find.find_id;
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 1);
    ck_assert_str_eq(must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.settle_coin, "USDT");
    ck_assert(!status_of(bench).kill_clear);
    send_id = must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id;
    found(bench, find_id, NULL, false);
    swept(bench, send_id, REPLY_OK, 0, 0);
    answer_sweep(bench, &honest);
    ck_assert(!guard_report_of(bench)->state.clear);
    order_seen(bench, "", "x-1", STATUS_CANCELLED, 0);
    ck_assert_str_eq(guard_row(bench, 0), "clear");
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 1);
    bench_close(bench);
}
END_TEST

/* First the kill once more: only a journal that has just taken that is handed an arm. */
START_TEST(an_arm_is_in_effect_once_the_journal_works)
{
    struct bench *bench = bench_open(100, true);
    const struct guard_report *report;

    kill_all(bench, 10000);
    commit(bench);
    arm(bench);
    ck_assert_int_eq(count(bench, ACTION_ROW), 1);
    ck_assert_uint_eq(must(bench, ACTION_ROW, 0)->u.row.seq, 0);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_GUARD);
    ck_assert(must(bench, ACTION_ROW, 0)->u.row.guard->killed);
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.guard->reason, "a test");
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    report = guard_report_of(bench);
    ck_assert(report->state.killed && report->durable);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_KILLED);
    arm(bench); /* joins */
    ck_assert_uint_eq(bench->actions.count, 0);
    commit(bench);
    ck_assert_str_eq(guard_row(bench, 0), "armed");
    ck_assert(!must(bench, ACTION_ROW, 0)->u.row.guard->killed);
    report = replied(bench, OUTCOME_GUARD_DONE)->u.reply.report; /* the kill's, as it ends */
    ck_assert(!engine_is_killed(bench->engine));
    ck_assert(!guard_report_of(bench)->durable);
    tick_at(bench, T0 + 1000);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 0); /* the sweep is over */
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 2);
    ck_assert(!must(bench, ACTION_REPLY, 0)->u.reply.report->state.killed);
    ck_assert(must(bench, ACTION_REPLY, 0)->u.reply.report->durable);
    create_valued(bench, "a");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_INTENT);
    arm(bench);
    (void)replied(bench, OUTCOME_GUARD_DONE);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    bench_close(bench);
}
END_TEST

START_TEST(an_arm_of_a_journal_that_hangs_is_none_and_leaves_no_row)
{
    struct bench *bench = bench_open(100, true);

    kill_all(bench, 0);
    commit(bench);
    arm(bench);
    tick_at(bench, T0 + 4999);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    tick_at(bench, T0 + 5000);
    (void)replied(bench, OUTCOME_NOT_READY);
    ck_assert_str_eq(must(bench, ACTION_REPLY, 0)->u.reply.error.text,
                     "not armed: the journal did not commit it in time");
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    commit(bench); /* too late */
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    ck_assert(engine_is_killed(bench->engine));
    ck_assert(guard_report_of(bench)->durable);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_KILLED);
    bench_close(bench);
}
END_TEST

START_TEST(an_arm_that_is_in_effect_and_not_durable_says_so)
{
    struct bench *bench = bench_open(100, true);

    kill_all(bench, 0);
    commit(bench);
    arm(bench);
    bench->now_ms += 1000;
    commit(bench);
    arm(bench); /* waits for the same commit */
    ck_assert_int_eq(count(bench, ACTION_REPLY) + count(bench, ACTION_ROW), 0);
    tick_at(bench, T0 + 5999);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    tick_at(bench, T0 + 6000);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 2);
    for (int i = 0; i < 2; i++)
        ck_assert_str_eq(must(bench, ACTION_REPLY, i)->u.reply.error.text,
                         "armed, but not durable: the journal did not commit it in time");
    ck_assert(!engine_is_killed(bench->engine));
    ck_assert(!guard_report_of(bench)->durable);
    commit(bench);
    ck_assert(guard_report_of(bench)->durable);
    bench_close(bench);
}
END_TEST

START_TEST(a_kill_beats_an_arm_that_is_under_way)
{
    struct bench *bench = bench_open(100, true);
    const struct guard_report *report;

    kill_all(bench, 0);
    commit(bench);
    arm(bench);
    kill_all(bench, 10000);
    (void)replied(bench, OUTCOME_NOT_READY);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0); /* it is killed as before, and durably */
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    ck_assert(engine_is_killed(bench->engine));

    arm(bench);
    commit(bench); /* in effect now */
    kill_all(bench, 10000);
    ck_assert_str_eq(must(bench, ACTION_REPLY, 0)->u.reply.error.text, "killed again meanwhile");
    ck_assert_str_eq(guard_row(bench, 0), "killed");
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), SCOPES - 1);
    report = guard_report_of(bench);
    ck_assert(report->state.killed && !report->durable);
    commit(bench);
    ck_assert(guard_report_of(bench)->durable);
    ck_assert(engine_is_killed(bench->engine));
    bench_close(bench);
}
END_TEST

static struct bench *killed_before(bool ready)
{
    static struct guard_state state;
    struct bench *bench = bench_open(100, false);
    struct engine_event event = { .kind = EVENT_GUARD_RESTORE };
    struct engine_event restore = { .kind = EVENT_RESTORE };
    struct order order;

    memset(&state, 0, sizeof(state));
    memset(&order, 0, sizeof(order));
    state.killed = true;
    state.clear = true;
    state.since_ms = T0 - 5000;
    event.u.guard_restore.state = &state;
    feed(bench, &event);
    order.request = valued("intent");
    order.state = ORDER_INTENT;
    order.attempt = 1;
    restore.u.restore.order = &order;
    feed(bench, &restore);
    happens(bench, EVENT_START);
    if (ready)
        happens(bench, EVENT_CLOCK);
    return bench;
}

START_TEST(a_start_finds_the_kill_and_sweeps_again)
{
    struct bench *bench = killed_before(false);
    const struct guard_report *report;
    struct honest honest = { 0 };

    ck_assert(engine_is_killed(bench->engine));
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 0);
    report = guard_report_of(bench);
    ck_assert(!report->state.clear && report->durable);
    ck_assert_int_eq(report->state.since_ms, T0 - 5000);
    ck_assert_int_eq(report->scopes[0].state, SWEEP_WAITING);
    ck_assert(engine_find(bench->engine, "intent")->cancel_wanted);
    /* The private stream is not needed for it. */
    happens(bench, EVENT_CLOCK);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), SCOPES - 1);
    answer_sweep(bench, &honest);
    report = guard_report_of(bench);
    ck_assert(!report->state.clear); /* what came of the intent is not known */
    ck_assert_uint_eq(report->unknown_count, 1);
    ck_assert_int_eq(report->scopes[1].state, SWEEP_CLEAR);
    ck_assert_int_eq(report->scopes[0].state, SWEEP_CANCELLING);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_KILLED);
    bench_close(bench);
}
END_TEST

START_TEST(a_stop_answers_who_waits_for_the_guard)
{
    struct bench *bench = killed_before(true);

    kill_all(bench, 10000);
    patch(bench, "{\"max_orders_per_minute\":7}");
    arm(bench);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    happens(bench, EVENT_STOP);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 3);
    commit(bench); /* of no arm any more */
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    ck_assert(engine_is_killed(bench->engine));
    tick_at(bench, T0 + 60000);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 0);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_NOT_READY);
    bench_close(bench);
}
END_TEST

START_TEST(an_arm_that_comes_after_the_stop_is_none)
{
    struct bench *bench = killed_before(true);

    happens(bench, EVENT_STOP);
    arm(bench);
    (void)replied(bench, OUTCOME_NOT_READY);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    commit(bench);
    tick_at(bench, T0 + 60000);
    ck_assert_int_gt(engine_next_tick_ms(bench->engine), bench->now_ms);
    ck_assert(engine_is_killed(bench->engine));
    bench_close(bench);
}
END_TEST

START_TEST(without_keys_a_kill_has_nothing_to_cancel)
{
    struct engine_config config = { .times = engine_times_default, .orders_max = 10 };
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench)
        abort();
    bench->now_ms = T0;
    ck_assert_int_eq(engine_create(&bench->engine, &config), ERR_NONE);
    happens(bench, EVENT_START);
    kill_all(bench, 10000);
    commit(bench);
    ck_assert_uint_eq(replied(bench, OUTCOME_GUARD_DONE)->u.reply.report->scopes_count, 0);
    ck_assert_int_eq(engine_next_tick_ms(bench->engine), INT64_MAX);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_NOT_READY);
    bench_close(bench);
}
END_TEST

START_TEST(a_link_that_the_journal_knows_stays_as_it_is_under_a_kill)
{
    struct bench *bench = bench_open(100, true);
    struct honest honest = { 0 };
    struct order known;

    memset(&known, 0, sizeof(known));
    known.request = valued("a");
    known.state = ORDER_NOT_SENT;
    known.settled = true;
    known.attempt = 1;
    create_valued(bench, "a");
    kill_all(bench, 10000);
    answer_sweep(bench, &honest);
    commit_known(bench, &known);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    ck_assert_int_eq(must(bench, ACTION_REPLY, 0)->u.reply.outcome, OUTCOME_NOT_SENT);
    ck_assert_str_eq(must(bench, ACTION_REPLY, 0)->u.reply.error.text, "killed");
    bench_close(bench);
}
END_TEST

START_TEST(only_so_many_cancelled_orders_are_listed)
{
    struct bench *bench = bench_open(2000, true);
    const struct guard_report *report;
    char link[16];
    char order_id[16];

    for (int i = 0; i < 600; i++) {
        (void)snprintf(link, sizeof(link), "l%d", i);
        (void)snprintf(order_id, sizeof(order_id), "o%d", i);
        acked(bench, link, order_id);
        order_seen(bench, link, order_id, STATUS_NEW, 0);
    }
    kill_all(bench, 0);
    ck_assert_int_eq(count(bench, ACTION_SEND_CANCEL), 0); /* one cancel-all does it */
    for (int i = 0; i < 600; i++) {
        (void)snprintf(link, sizeof(link), "l%d", i);
        (void)snprintf(order_id, sizeof(order_id), "o%d", i);
        order_seen(bench, link, order_id, STATUS_CANCELLED, 0);
    }
    report = guard_report_of(bench);
    ck_assert_uint_eq(report->cancelled_count, 600);
    ck_assert_uint_eq(report->listed_count, KILL_LISTED_MAX);
    bench_close(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine kill");
    TCase *tcase = tcase_create("engine kill");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, an_idle_kill_is_clear_after_one_round);
    tcase_add_test(tcase, each_scope_is_asked_for_by_its_own_words);
    tcase_add_test(tcase, orders_of_every_stage_are_stopped_or_cancelled);
    tcase_add_test(tcase, what_the_transport_still_had_is_told_as_not_sent);
    tcase_add_test(tcase, a_disk_that_hangs_is_waited_for_two_seconds);
    tcase_add_test(tcase, the_answer_comes_in_its_time_whatever_is_open);
    tcase_add_test(tcase, what_stays_open_is_cancelled_one_by_one_after_the_second_round);
    tcase_add_test(tcase, what_a_scan_lacks_is_looked_up);
    tcase_add_test(tcase, what_the_exchange_refuses_has_failed_and_does_not_keep_the_rest);
    tcase_add_test(tcase, where_all_is_refused_nothing_is_clear);
    tcase_add_test(tcase, without_a_turn_it_waits_and_says_why);
    tcase_add_test(tcase, a_lost_answer_is_settled_by_the_scan);
    tcase_add_test(tcase, inverse_is_cancelled_by_symbol);
    tcase_add_test(tcase, a_scan_reads_all_pages);
    tcase_add_test(tcase, a_second_kill_joins_and_one_after_the_end_looks_again);
    tcase_add_test(tcase, an_open_order_after_the_end_begins_the_sweep_anew);
    tcase_add_test(tcase, an_arm_is_in_effect_once_the_journal_works);
    tcase_add_test(tcase, an_arm_of_a_journal_that_hangs_is_none_and_leaves_no_row);
    tcase_add_test(tcase, an_arm_that_is_in_effect_and_not_durable_says_so);
    tcase_add_test(tcase, a_kill_beats_an_arm_that_is_under_way);
    tcase_add_test(tcase, a_start_finds_the_kill_and_sweeps_again);
    tcase_add_test(tcase, a_stop_answers_who_waits_for_the_guard);
    tcase_add_test(tcase, an_arm_that_comes_after_the_stop_is_none);
    tcase_add_test(tcase, without_keys_a_kill_has_nothing_to_cancel);
    tcase_add_test(tcase, a_link_that_the_journal_knows_stays_as_it_is_under_a_kill);
    tcase_add_test(tcase, only_so_many_cancelled_orders_are_listed);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
