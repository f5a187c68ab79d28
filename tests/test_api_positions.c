/* PUT, PATCH and DELETE /positions: which orders and settings come of them, when the size is not
 * sure, and what a repeated key does. */
#include "api/position_body.h"
#include "api/position_place.h"
#include "api/position_settings.h"
#include "base/json.h"
#include "test_api_run.h"
#include "test_openapi_kit.h"

#define ENVELOPE(result)                                                                           \
    "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":" result ",\"time\":1700000000123}"
#define EMPTY ENVELOPE("{\"list\":[],\"nextPageCursor\":\"\"}")
#define ITEM(symbol, side, size, idx, more)                                                        \
    "{\"symbol\":\"" symbol "\",\"side\":\"" side "\",\"size\":\"" size                            \
    "\",\"avgPrice\":\"100.5\",\"positionIdx\":" idx ",\"updatedTime\":\"1700000000000\"" more "}"
#define LIST(items) ENVELOPE("{\"list\":[" items "]}")
#define LONG_HALF   LIST(ITEM("BTCUSDT", "Buy", "0.5", "0", ",\"leverage\":\"10\",\"seq\":7"))
#define SHORT_HALF  LIST(ITEM("BTCUSDT", "Sell", "0.5", "0", ",\"leverage\":\"10\",\"seq\":7"))

static const char *all;    /* all linear positions of USDT */
static const char *symbol; /* one symbol's; NULL: no answer */

static void on_read(enum bybit_route route, const char *query)
{
    const char *body = strstr(query, "&symbol=")          ? symbol
                       : strstr(query, "settleCoin=USDT") ? all
                                                          : EMPTY;

    ck_assert_int_eq(route == ROUTE_POSITIONS || route == ROUTE_WALLET, 1);
    kit.answer = body ? (struct rest_answer){ .answered = true,
                                              .http_status = 200,
                                              .body = body,
                                              .body_bytes = strlen(body) }
                      : (struct rest_answer){ .body = "" };
}

static void publish(void)
{
    struct instrument list[] = { kit_instrument(CATEGORY_LINEAR, "BTCUSDT"),
                                 kit_instrument(CATEGORY_INVERSE, "BTCUSD"),
                                 kit_instrument(CATEGORY_SPOT, "BTCUSDT") };
    struct instruments *instruments;

    list[0].max_market_qty = kit_decimal("2");
    list[0].min_qty = kit_decimal("0.010");
    list[0].min_leverage = kit_decimal("1");
    list[0].max_leverage = kit_decimal("100");
    list[0].leverage_step = kit_decimal("0.01");
    instruments = instruments_create(list, ARRAY_LEN(list), 1700000000000);
    ck_assert_ptr_nonnull(instruments);
    instruments_publish(kit.api.instruments, instruments);
}

static void open_account(void)
{
    const struct account_config config = { .settle_ms = 1 };

    kit_open();
    publish();
    kit.on_read = on_read;
    kit.api.reads = (struct reads *)&all;
    kit.api.account = account_create(&config);
    ck_assert_ptr_nonnull(kit.api.account);
    account_attach(kit.api.account, kit.api.reads, kit.api.market);
    all = symbol = LONG_HALF;
    kit.reply.outcome = OUTCOME_ACCEPTED;
}

static void close_account(void)
{
    account_destroy(kit.api.account);
    kit_close();
}

static void come_up(void)
{
    account_on_private(kit.api.account, true);
    kit.reads = 0;
}

static void be(const char *positions)
{
    all = symbol = positions;
    come_up();
}

static bool sent(enum side side, const char *qty, bool reduce_only)
{
    struct decimal wanted = kit_decimal(qty);

    return kit.created.side == side && decimal_cmp(&kit.created.qty, &wanted) == 0 &&
           kit.created.reduce_only == reduce_only && kit.created.type == ORDER_TYPE_MARKET;
}

static struct order *keep_order(const char *link, enum order_state state)
{
    struct order *order = &kit.orders[kit.orders_count++];

    *order = kit_order(link, state);
    order->request.client_key = true;
    order->settled = true;
    return order;
}

/* --- PUT --- */

static const struct {
    const char *now;
    const char *target;
    enum side side;
    const char *qty;
    bool reduce_only;
} targets[] = {
    { LONG_HALF, "0.75", SIDE_BUY, "0.25", false },
    { LONG_HALF, "0.2", SIDE_SELL, "0.3", true },
    { LONG_HALF, "0", SIDE_SELL, "0.5", true },
    { LONG_HALF, "-0.1", SIDE_SELL, "0.6", false },
    { SHORT_HALF, "-0.75", SIDE_SELL, "0.25", false },
    { SHORT_HALF, "-0.2", SIDE_BUY, "0.3", true },
    { SHORT_HALF, "0.5", SIDE_BUY, "1", false },
    { LIST(ITEM("BTCUSDT", "", "0", "0", ",\"seq\":7")), "0.01", SIDE_BUY, "0.01", false },
};

START_TEST(a_target_is_the_difference_at_market)
{
    char body[40];
    struct text text = text_in(body, sizeof(body));

    be(targets[_i].now);
    text_addf(&text, _i % 2 ? "{\"qty\":%s}" : "qty=%s", targets[_i].target);
    ck_assert_msg(kit_run("PUT", "/positions/BTCUSDT", body) == 201, "%s", kit.call.reply.data);
    ck_assert_uint_eq(kit.creates, 1);
    ck_assert(sent(targets[_i].side, targets[_i].qty, targets[_i].reduce_only));
    ck_assert_int_eq(kit.created.position_idx, 0);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

START_TEST(a_target_that_is_reached_sends_nothing)
{
    cJSON *json;

    come_up();
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=0.500"), 200);
    ck_assert_uint_eq(kit.creates, 0);
    json = kit_json();
    ck_assert(cJSON_IsTrue(cJSON_GetObjectItem(json, "unchanged")));
    ck_assert(cJSON_IsObject(cJSON_GetObjectItem(json, "position")));
    cJSON_Delete(json);
}
END_TEST

static const struct {
    const char *target;
    const char *body;
    int status;
    const char *code;
} wrong[] = {
    { "/positions/BTCUSDT", NULL, 400, "missing_body" },
    { "/positions/BTCUSDT", "position_idx=0", 422, "missing_field" },
    { "/positions/BTCUSDT", "qty=x", 400, "invalid_number" },
    { "/positions/BTCUSDT", "qty=1&side=buy", 400, "unknown_field" },
    { "/positions/BTCUSDT", "qty=0.50001", 422, "qty_step" },
    { "/positions/BTCUSDT", "qty=999", 422, "qty_too_large" },
    { "/positions/BTCUSDT", "qty=1&position_idx=1", 422, "position_idx_wrong" },
    { "/positions/BTCUSDT?position_idx=1", "qty=1&position_idx=2", 400, "invalid_value" },
    { "/positions/BTCUSDT", "qty=1&position_idx=3", 400, "invalid_value" },
    { "/positions/spot:BTCUSDT", "qty=1", 422, "no_spot_position" },
    { "/positions/NOPEUSDT", "qty=1", 404, "unknown_symbol" },
    { "/positions/a%b", "qty=1", 400, "invalid_symbol" },
};

START_TEST(what_is_wrong_is_refused_and_nothing_is_sent)
{
    char code[64];
    struct text text = text_in(code, sizeof(code));

    come_up();
    text_addf(&text, "\"code\":\"%s\"", wrong[_i].code);
    ck_assert_msg(kit_run("PUT", wrong[_i].target, wrong[_i].body) == wrong[_i].status &&
                      kit_says(code) && kit_says("\"outcome\":\"not_sent\""),
                  "%d %s", kit.call.status, kit.call.reply.data);
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

START_TEST(without_live_positions_nothing_is_sent)
{
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 503);
    ck_assert(kit_says("\"not_ready\""));
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 503);
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=5"), 503);
    kit.api.has_keys = false;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 401);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 401);
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=5"), 401);
    ck_assert_uint_eq(kit.creates + kit.settings, 0);
}
END_TEST

#define HEDGE                                                                                      \
    LIST(ITEM("BTCUSDT", "Buy", "0.5", "1", ",\"seq\":7") "," ITEM("BTCUSDT", "Sell", "0.2", "2",  \
                                                                   ",\"seq\":8"))

START_TEST(in_hedge_mode_the_side_is_to_be_said)
{
    be(HEDGE);
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 422);
    ck_assert(kit_says("position_idx_needed"));
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 422);
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "stop_loss=90"), 422);
    ck_assert_uint_eq(kit.creates + kit.settings, 0);
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1&position_idx=1"), 201);
    ck_assert(sent(SIDE_BUY, "0.5", false) && kit.created.position_idx == 1);
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT?position_idx=2", "qty=-0.1"), 201);
    ck_assert(sent(SIDE_BUY, "0.1", true) && kit.created.position_idx == 2);
    /* The long one can't become short. */
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=-1&position_idx=1"), 422);
    ck_assert(kit_says("position_idx_wrong"));
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?position_idx=2", NULL), 201);
    ck_assert(sent(SIDE_BUY, "0.2", true) && kit.created.position_idx == 2);
    kit.reply.outcome = OUTCOME_OK;
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "stop_loss=90&position_idx=1"), 200);
    ck_assert_int_eq(kit.setting.position_idx, 1);
}
END_TEST

/* Nothing is known of the symbol: it may be in hedge mode. */
START_TEST(an_unknown_place_is_read_first)
{
    all = EMPTY;
    symbol = LIST(ITEM("BTCUSDT", "", "0", "1", "") "," ITEM("BTCUSDT", "", "0", "2", ""));
    come_up();
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 422);
    ck_assert(kit_says("position_idx_needed"));
    ck_assert_uint_eq(kit.reads, 1);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT");
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1&position_idx=1"), 201);
    ck_assert_uint_eq(kit.reads, 1);
}
END_TEST

START_TEST(what_can_not_be_read_is_not_guessed)
{
    all = EMPTY;
    symbol = NULL;
    come_up();
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 503);
    ck_assert(kit_says("\"not_ready\"") && kit_header("Retry-After"));
    symbol = "{\"retCode\":10016,\"retMsg\":\"later\",\"result\":{}}";
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 503);
    ck_assert(kit_says("later"));
    kit.reads_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=5"), 503);
    ck_assert_uint_eq(kit.creates + kit.settings, 0);
}
END_TEST

/* --- a size that is not sure --- */

START_TEST(an_order_under_way_is_waited_for_and_then_nothing_is_bought_twice)
{
    come_up();
    keep_order("first", ORDER_ACKED);
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 503);
    ck_assert(kit_says("\"not_ready\"") && kit_says("first"));
    ck_assert_uint_eq(kit.watches, 4);
    ck_assert_int_eq(kit.wait, WAIT_FINAL);
    ck_assert_str_eq(kit.id, "first");
    ck_assert_uint_eq(kit.creates, 0);
    /* Of a part in percent the same, an exit goes on. */
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?percent=50", NULL), 503);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 201);
    ck_assert_uint_eq(kit.creates, 1);
    /* A resting order is no obstacle, another symbol's neither. */
    kit.orders[0].state = ORDER_LIVE;
    kit.orders[0].request.type = ORDER_TYPE_LIMIT;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
    kit.orders[0].state = ORDER_UNKNOWN;
    memcpy(kit.orders[0].request.symbol, "ETHUSDT", 8);
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
}
END_TEST

static const int64_t skews_ms[] = { 0, -60000, 60000, -86400000, 86400000 };

START_TEST(fills_that_are_not_all_there_are_waited_for)
{
    struct order *order = keep_order("first", ORDER_CLOSED);

    come_up();
    order->settled = false;
    order->filled_qty = kit_decimal("1");
    order->exchange_ms = clock_wall_ms();
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 503);
    ck_assert_uint_eq(kit.reads, 4);
    order->exchange_ms -= 60000;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
}
END_TEST

/* How long ago something was at the exchange is told by its clock: this host's may be wrong by any
 * time, and a position that does not show the newest fill yet would be bought twice. */
START_TEST(a_wrong_clock_of_this_host_makes_no_size_sure)
{
    struct order *order = keep_order("first", ORDER_CLOSED);
    int64_t server_ms = clock_wall_ms() + skews_ms[_i];

    come_up();
    clock_sync_reset(kit.api.clock);
    clock_sync_sample(kit.api.clock, clock_mono_us() - 1000, clock_mono_us(), server_ms);
    order->filled_qty = kit_decimal("1");
    order->exchange_ms = server_ms;
    order->updated_ms = clock_wall_ms();
    kit.fill_seq = 8; /* the position is of 7 */
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 503);
    ck_assert(kit_says("newest fills"));
    kit.fill_seq = 7;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
    order->settled = false;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 503);
    order->exchange_ms -= 60000; /* long ago, there as here */
    order->updated_ms -= 60000;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
}
END_TEST

/* A flat position right after an order is no "nothing to close". */
START_TEST(nothing_open_is_said_only_when_it_is_sure)
{
    be(LIST(ITEM("BTCUSDT", "", "0", "0", ",\"seq\":7")));
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 200);
    ck_assert(kit_says("\"unchanged\":true") && kit_says("no position is open"));
    keep_order("first", ORDER_SENT);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 503);
    kit.job_err = ERR_UNAVAILABLE;
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 503);
    ck_assert(kit_says("journal_unavailable"));
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

START_TEST(without_the_journal_only_a_plain_exit_goes)
{
    come_up();
    kit.job_err = ERR_UNAVAILABLE;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 503);
    ck_assert(kit_says("journal_unavailable") && kit_says("\"outcome\":\"not_sent\""));
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?percent=50", NULL), 503);
    kit_set_header("Idempotency-Key", "k");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?qty=0.1", NULL), 503);
    kit_set_header("", "");
    ck_assert(kit_says("journal_unavailable") && kit_says("\"outcome\":\"unknown\""));
    ck_assert_uint_eq(kit.creates, 0);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?qty=0.1", NULL), 201);
    ck_assert(sent(SIDE_SELL, "0.1", true));
}
END_TEST

/* --- keys --- */

START_TEST(a_repeated_key_is_answered_with_its_order)
{
    unsigned char first[32];

    come_up();
    kit_set_header("Idempotency-Key", "go-1");
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
    ck_assert_str_eq(kit.created.link, "go-1");
    ck_assert(kit.created.client_key);
    memcpy(first, kit.created.body_hash, sizeof(first));
    /* It has been filled: the difference is another one, the order is not. */
    keep_order("go-1", ORDER_CLOSED)->request = kit.created;
    be(LIST(ITEM("BTCUSDT", "Buy", "1", "0", ",\"seq\":9")));
    kit.reply.outcome = OUTCOME_REPLAYED;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "{\"qty\":1.0}"), 200);
    ck_assert_str_eq(kit_header("Idempotent-Replayed"), "true");
    ck_assert(sent(SIDE_BUY, "0.5", false));
    ck_assert_mem_eq(kit.created.body_hash, first, sizeof(first));
    /* Another target is another request: the engine tells by the hash. */
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=2"), 200);
    ck_assert_mem_ne(kit.created.body_hash, first, sizeof(first));
    ck_assert_str_eq(kit.created.link, "go-1");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 200);
    ck_assert_mem_ne(kit.created.body_hash, first, sizeof(first));
}
END_TEST

START_TEST(a_key_whose_order_was_not_sent_is_tried_again_at_the_same_size_only)
{
    come_up();
    kit_set_header("Idempotency-Key", "go-1");
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
    keep_order("go-1", ORDER_NOT_SENT)->request = kit.created;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
    ck_assert_uint_eq(kit.creates, 2);
    be(LIST(ITEM("BTCUSDT", "Buy", "0.9", "0", ",\"seq\":9")));
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 422);
    ck_assert(kit_says("idempotency_key_reused"));
    ck_assert_uint_eq(kit.creates, 2);
}
END_TEST

START_TEST(keys_have_a_grammar)
{
    come_up();
    kit_set_header("Idempotency-Key", "a");
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1&client_id=b"), 400);
    ck_assert(kit_says("client_id_conflict"));
    kit_set_header("Idempotency-Key", "");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 400);
    ck_assert(kit_says("invalid_client_id"));
}
END_TEST

/* --- one change at a time --- */

static loop_reply_fn *held_reply;
static void *held;

static void hold(const struct guard_facts *facts, loop_reply_fn *on_reply, void *userdata)
{
    (void)facts;
    held_reply = on_reply;
    held = userdata;
}

/* A part in percent is of a size that the one before is about to change. */
START_TEST(one_part_of_a_position_at_a_time)
{
    struct api_call first;

    come_up();
    kit.take_create = hold;
    kit_set_header("Idempotency-Key", "half");
    (void)kit_run("DELETE", "/positions/BTCUSDT?percent=50", NULL);
    kit_set_header("", "");
    ck_assert_int_eq(kit.dones, 0);
    first = kit.call;
    kit.call.reply = (struct buffer){ .data = NULL };
    kit.take_create = NULL;
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?percent=50", NULL), 409);
    ck_assert(kit_says("position_change_in_flight") && kit_header("Retry-After"));
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 409);
    kit_set_header("Idempotency-Key", "half");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?qty=0.1", NULL), 409);
    ck_assert(kit_says("with this key"));
    kit_set_header("", "");
    /* What closes all, or so much, goes on. */
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 201);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?percent=100", NULL), 201);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?qty=0.1", NULL), 201);
    buffer_deinit(&kit.call.reply);
    kit.call = first;
    held_reply(&kit.reply, held);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?percent=50", NULL), 201);
}
END_TEST

START_TEST(one_change_of_a_position_at_a_time)
{
    struct api_call first;

    come_up();
    kit.take_create = hold;
    (void)kit_run("PUT", "/positions/BTCUSDT", "qty=1");
    ck_assert_int_eq(kit.dones, 0);
    first = kit.call;
    kit.call.reply = (struct buffer){ .data = NULL };
    kit.take_create = NULL;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 409);
    ck_assert(kit_says("position_change_in_flight") && kit_header("Retry-After"));
    ck_assert_uint_eq(kit.creates, 0);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 201);
    buffer_deinit(&kit.call.reply);
    kit.call = first;
    held_reply(&kit.reply, held);
    ck_assert_int_eq(kit.call.status, 201);
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
}
END_TEST

/* A book of many positions is closed at once: each key is another one's. */
START_TEST(as_many_keys_as_requests_may_be_under_way_at_once)
{
    static struct position_call calls[1000];
    char key[16];

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        (void)snprintf(key, sizeof(key), "out-%zu", i);
        ck_assert_msg(position_call_claim_key(&calls[i], key), "%s", key);
        ck_assert(!position_call_claim_key(&(struct position_call){ .idx = 0 }, key));
    }
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        position_call_release(&calls[i]);
}
END_TEST

/* --- DELETE --- */

static const struct {
    const char *target;
    const char *qty;
} closes[] = {
    { "/positions/BTCUSDT", "0.5" },
    { "/positions/btcusdt?position_idx=0", "0.5" },
    { "/positions/BTCUSDT?qty=0.2", "0.2" },
    { "/positions/BTCUSDT?qty=7", "0.5" },
    { "/positions/BTCUSDT?percent=50", "0.25" },
    { "/positions/BTCUSDT?percent=33.3", "0.166" },
    { "/positions/BTCUSDT?percent=100", "0.5" },
};

START_TEST(a_close_is_reduce_only_and_at_market)
{
    come_up();
    ck_assert_msg(kit_run("DELETE", closes[_i].target, NULL) == 201, "%s", kit.call.reply.data);
    ck_assert(sent(SIDE_SELL, closes[_i].qty, true));
    ck_assert_uint_eq(kit.creates, 1);
}
END_TEST

START_TEST(a_close_that_is_wrong_is_refused)
{
    static const struct {
        const char *target;
        int status;
        const char *code;
    } cases[] = {
        { "/positions/BTCUSDT?qty=1&percent=1", 422, "field_not_allowed" },
        { "/positions/BTCUSDT?percent=101", 400, "invalid_value" },
        { "/positions/BTCUSDT?percent=0", 400, "invalid_value" },
        { "/positions/BTCUSDT?qty=-1", 400, "invalid_value" },
        { "/positions/BTCUSDT?qty=x", 400, "invalid_number" },
        { "/positions/BTCUSDT?qty=0.0001", 422, "qty_step" },
        { "/positions/BTCUSDT?percent=0.01", 422, "qty_too_small" },
        { "/positions/BTCUSDT?wait=never", 400, "invalid_value" },
        { "/positions/BTCUSDT?category=spot", 422, "no_spot_position" },
    };

    come_up();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_msg(kit_run("DELETE", cases[i].target, NULL) == cases[i].status &&
                          kit_says(cases[i].code),
                      "%zu: %s", i, kit.call.reply.data);
    }
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

#define LARGE LIST(ITEM("BTCUSDT", "Sell", "4.5", "0", ",\"seq\":7"))

START_TEST(a_large_close_is_cut_and_answered_as_a_list)
{
    cJSON *json;

    be(LARGE);
    kit_set_header("Idempotency-Key", "out");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    ck_assert_uint_eq(kit.creates, 3);
    ck_assert_str_eq(kit.created.link, "out-0"); /* the kit answers the last one first */
    json = kit_json();
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "items")), 3);
    cJSON_Delete(json);
    ck_assert(kit_says("\"client_id\":\"out-0\"") && kit_says("\"status\":201"));
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

/* --- what was made, as the journal would have it --- */

static struct order_request made[8];
static size_t made_count;
static const char *refused_link; /* NULL: none */

static bool note_made(const struct order_request *request, const struct guard_facts *facts,
                      struct loop_reply *reply)
{
    static const struct guard_verdict verdict = { .limit = GUARD_SYMBOLS, .text = "no" };

    (void)facts;
    reply->verdict = &verdict;
    if (refused_link && strcmp(request->link, refused_link) == 0)
        return true;
    made[made_count++ % ARRAY_LEN(made)] = *request;
    return false;
}

static void note_all(void)
{
    made_count = 0;
    refused_link = NULL;
    kit.on_create = note_made;
}

static const struct order_request *made_as(const char *link)
{
    for (size_t i = 0; i < made_count; i++) {
        if (strcmp(made[i].link, link) == 0)
            return &made[i];
    }
    return NULL;
}

static struct order *keep_made(const char *link, enum order_state state)
{
    struct order *order = keep_order(link, state);
    const struct order_request *request = made_as(link);

    ck_assert_msg(request, "%s", link);
    order->request = *request;
    return order;
}

static bool made_is(const char *link, enum side side, const char *qty, bool reduce_only)
{
    const struct order_request *request = made_as(link);
    struct decimal wanted = kit_decimal(qty);

    return request && request->side == side && decimal_cmp(&request->qty, &wanted) == 0 &&
           request->reduce_only == reduce_only && request->type == ORDER_TYPE_MARKET;
}

static int items_of(int status)
{
    cJSON *json = kit_json();
    const cJSON *item;
    int count = 0;

    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "items"))
    {
        if (cJSON_GetObjectItem(item, "status")->valueint == status)
            count++;
    }
    cJSON_Delete(json);
    return count;
}

/* --- many orders of one change --- */

START_TEST(the_parts_of_a_close_leave_together)
{
    be(LARGE);
    note_all();
    kit_set_header("Idempotency-Key", "out");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    ck_assert_uint_eq(kit.batches, 1);
    ck_assert_uint_eq(kit.batch_count, 3);
    ck_assert(made_is("out-0", SIDE_BUY, "2", true) && made_is("out-1", SIDE_BUY, "2", true) &&
              made_is("out-2", SIDE_BUY, "0.5", true));
    ck_assert_uint_eq(made_count, 3);
}
END_TEST

/* Of two that say the same at once, the second may have seen nothing of the key at first, and sees
 * the smaller position then. */
START_TEST(a_close_looks_for_its_key_once_more_before_it_is_sent)
{
    be(LARGE);
    note_all();
    kit_set_header("Idempotency-Key", "out");
    kit.jobs = 0;
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?qty=0.5", NULL), 201);
    ck_assert_uint_eq(kit.jobs, 2);
    ck_assert_uint_eq(made_count, 1);
}
END_TEST

START_TEST(a_large_close_is_repeated_as_it_was)
{
    be(LARGE);
    note_all();
    kit_set_header("Idempotency-Key", "out");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    keep_made("out-0", ORDER_CLOSED);
    keep_made("out-1", ORDER_CLOSED);
    keep_made("out-2", ORDER_UNKNOWN);
    kit.creates = 0;
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_NOT_FOUND };
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    ck_assert_uint_eq(kit.creates, 0);
    ck_assert_int_eq(items_of(200), 2);
    ck_assert_int_eq(items_of(202), 1); /* the one in doubt */
}
END_TEST

/* The exchange has made one smaller, as it may with reduce-only orders: that is no reason to sell
 * more. */
START_TEST(only_what_is_missing_of_a_large_close_is_sent_when_it_is_repeated)
{
    be(LARGE);
    note_all();
    refused_link = "out-1";
    kit_set_header("Idempotency-Key", "out");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    ck_assert_int_eq(items_of(422), 1);
    keep_made("out-0", ORDER_CLOSED)->request.qty = kit_decimal("0.7");
    keep_made("out-2", ORDER_NOT_SENT);
    be(LIST(ITEM("BTCUSDT", "Sell", "9", "0", ",\"seq\":8"))); /* grown meanwhile */
    note_all();
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    ck_assert_uint_eq(made_count, 2);
    ck_assert(made_is("out-1", SIDE_BUY, "2", true) && made_is("out-2", SIDE_BUY, "0.5", true));
}
END_TEST

/* A batch of POST /orders, or a close of another size, may have used the name. */
START_TEST(parts_of_another_request_are_not_taken_for_those_of_this_one)
{
    be(LARGE);
    keep_order("out-1", ORDER_CLOSED);
    kit_set_header("Idempotency-Key", "out");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 422);
    ck_assert(kit_says("idempotency_key_reused"));
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=9"), 422);
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

/* Keys that a person counts up: the same is asked for, by another key, and is no repeat. */
START_TEST(a_part_of_one_key_is_not_taken_for_what_another_key_made)
{
    be(LARGE);
    note_all();
    kit_set_header("Idempotency-Key", "out");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    keep_made("out-0", ORDER_CLOSED);
    keep_made("out-1", ORDER_CLOSED);
    keep_made("out-2", ORDER_CLOSED);
    note_all();
    kit.creates = 0;
    kit_set_header("Idempotency-Key", "out-1");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 422);
    ck_assert(kit_says("idempotency_key_reused") && kit_says("\"outcome\":\"not_sent\""));
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

START_TEST(an_order_of_one_key_is_not_taken_for_a_part_of_another)
{
    come_up();
    note_all();
    kit_set_header("Idempotency-Key", _i ? "out-1" : "out-0");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 201);
    keep_made(_i ? "out-1" : "out-0", ORDER_CLOSED);
    be(LIST(ITEM("BTCUSDT", "Sell", "4.5", "0", ",\"seq\":8")));
    note_all();
    kit_set_header("Idempotency-Key", "out");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 422);
    ck_assert(kit_says("idempotency_key_reused") && kit_says("\"outcome\":\"not_sent\""));
    ck_assert_uint_eq(made_count, 0);
}
END_TEST

static const struct {
    const char *target;
    const char *first;
    const char *last;
    size_t count;
    enum side side;
    bool reduce_only;
} far_targets[] = {
    { "5", "2", "0.5", 3, SIDE_BUY, false },
    { "-4.5", "2", "1", 3, SIDE_SELL, false },
    { "2.501", "1.991", "0.010", 2, SIDE_BUY, false }, /* 0.001 is less than the least order */
};

START_TEST(a_target_far_away_is_reached_by_several_orders)
{
    char body[40];
    char last[16];
    struct text text = text_in(body, sizeof(body));
    struct text link = text_in(last, sizeof(last));

    come_up();
    note_all();
    kit_set_header("Idempotency-Key", "far");
    text_addf(&text, "qty=%s", far_targets[_i].target);
    text_addf(&link, "far-%zu", far_targets[_i].count - 1);
    ck_assert_msg(kit_run("PUT", "/positions/BTCUSDT", body) == 207, "%s", kit.call.reply.data);
    ck_assert_uint_eq(kit.batches, 1);
    ck_assert_uint_eq(made_count, far_targets[_i].count);
    ck_assert(
        made_is("far-0", far_targets[_i].side, far_targets[_i].first, far_targets[_i].reduce_only));
    ck_assert(
        made_is(last, far_targets[_i].side, far_targets[_i].last, far_targets[_i].reduce_only));
    ck_assert_int_eq(items_of(201), (int)far_targets[_i].count);
}
END_TEST

START_TEST(a_target_far_away_is_reached_once)
{
    come_up();
    note_all();
    kit_set_header("Idempotency-Key", "far");
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=5"), 207);
    keep_made("far-0", ORDER_CLOSED);
    keep_made("far-1", ORDER_UNKNOWN);
    keep_made("far-2", ORDER_REJECTED);
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_NOT_FOUND };
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=5.0"), 207);
        ck_assert_int_eq(items_of(200), 2);
        ck_assert_int_eq(items_of(202), 1);
    }
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=6"), 422);
    ck_assert(kit_says("idempotency_key_reused"));
    ck_assert_uint_eq(made_count, 3);
}
END_TEST

static void send_but_one(void)
{
    come_up();
    note_all();
    refused_link = "far-1";
    kit_set_header("Idempotency-Key", "far");
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=5"), 207);
    ck_assert(items_of(422) == 1 && items_of(201) == 2);
}

START_TEST(what_is_missing_of_a_target_is_sent_when_the_rest_is_there)
{
    send_but_one();
    keep_made("far-0", ORDER_CLOSED);
    keep_made("far-2", ORDER_CLOSED);
    be(LIST(ITEM("BTCUSDT", "Buy", "3", "0", ",\"seq\":9")));
    note_all();
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=5"), 207);
    ck_assert_uint_eq(made_count, 1);
    ck_assert(made_is("far-1", SIDE_BUY, "2", false));
    ck_assert(items_of(200) == 2 && items_of(201) == 1);
}
END_TEST

/* While one may still be filled, it is not known what is missing. */
START_TEST(nothing_is_sent_of_a_target_while_a_part_of_it_is_in_doubt)
{
    send_but_one();
    keep_made("far-0", ORDER_UNKNOWN);
    keep_made("far-2", ORDER_CLOSED);
    note_all();
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_NOT_FOUND };
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=5"), 207);
    ck_assert_uint_eq(made_count, 0);
    ck_assert(items_of(200) == 1 && items_of(202) == 1 && items_of(503) == 1);
    ck_assert(kit_says("\"not_ready\"") && kit_says("far-0") &&
              kit_says("\"outcome\":\"not_sent\""));
}
END_TEST

/* Somebody else has moved it: the missing part would lead beyond the target. */
START_TEST(what_is_missing_of_a_target_is_not_sent_beyond_it)
{
    send_but_one();
    keep_made("far-0", ORDER_CLOSED);
    keep_made("far-2", ORDER_NOT_SENT);
    be(LIST(ITEM("BTCUSDT", "Buy", "2.6", "0", ",\"seq\":9")));
    note_all();
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=5"), 207);
    ck_assert_uint_eq(made_count, 0);
    ck_assert(items_of(200) == 1 && items_of(422) == 2 && kit_says("idempotency_key_reused"));
    be(LIST(ITEM("BTCUSDT", "Buy", "5", "0", ",\"seq\":10")));
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=5"), 207);
    ck_assert_uint_eq(made_count, 0);
    /* Less was filled than was asked for: it still leads there. */
    be(LIST(ITEM("BTCUSDT", "Buy", "2.4", "0", ",\"seq\":11")));
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=5"), 207);
    ck_assert_uint_eq(made_count, 2);
}
END_TEST

/* --- kills --- */

START_TEST(a_kill_of_long_ago_stops_no_change)
{
    kit_kills += 3;
    come_up();
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 201);
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 201);
    kit.reply.outcome = OUTCOME_OK;
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=10"), 200);
    be(LARGE);
    kit.reply.outcome = OUTCOME_ACCEPTED;
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    ck_assert_int_eq(items_of(201), 3);
}
END_TEST

static void kill_and_read(enum bybit_route route, const char *query)
{
    kit_kills++;
    on_read(route, query);
}

/* Also when it is armed again by then. */
START_TEST(a_kill_while_the_position_is_read_ends_the_change)
{
    all = EMPTY;
    symbol = LONG_HALF;
    come_up();
    kit.on_read = kill_and_read;
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 422);
    ck_assert(kit_says("guard_killed") && kit_says("\"outcome\":\"not_sent\""));
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

START_TEST(a_kill_while_the_position_is_read_ends_the_setting)
{
    all = EMPTY;
    symbol = LONG_HALF;
    come_up();
    kit.on_read = kill_and_read;
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=10"), 422);
    ck_assert(kit_says("guard_killed"));
    ck_assert_uint_eq(kit.settings, 0);
}
END_TEST

static bool refuse_second(const struct order_request *request, const struct guard_facts *facts,
                          struct loop_reply *reply)
{
    static const struct guard_verdict verdict = { .limit = GUARD_SYMBOLS, .text = "no" };

    (void)facts;
    reply->verdict = &verdict;
    return request->link[0] && strcmp(request->link, "out-1") == 0;
}

START_TEST(each_part_of_a_close_is_answered_for_itself)
{
    be(LARGE);
    kit_set_header("Idempotency-Key", "out");
    kit.on_create = refuse_second;
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    ck_assert(kit_says("guard_symbols") && kit_says("\"status\":422") &&
              kit_says("\"status\":201"));
    kit.on_create = NULL;
    kit.loop_err = ERR_BUSY;
    kit_set_header("Idempotency-Key", "other");
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 207);
    ck_assert(kit_says("\"busy\"") && !kit_says("\"status\":201"));
}
END_TEST

START_TEST(a_close_in_too_many_parts_is_refused)
{
    be(LIST(ITEM("BTCUSDT", "Buy", "201", "0", ",\"seq\":7")));
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 422);
    ck_assert(kit_says("qty_too_large"));
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT?qty=200", NULL), 207);
    ck_assert_uint_eq(kit.creates, 100);
}
END_TEST

START_TEST(the_guards_word_is_the_answer)
{
    come_up();
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_KILLED };
    ck_assert_int_eq(kit_run("DELETE", "/positions/BTCUSDT", NULL), 422);
    ck_assert(kit_says("guard_killed"));
    ck_assert_int_eq(kit_run("PUT", "/positions/BTCUSDT", "qty=1"), 422);
    ck_assert(kit_says("guard_killed"));
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=2"), 422);
    ck_assert(kit_says("guard_killed") && kit_says("\"outcome\":\"not_sent\""));
}
END_TEST

/* --- PATCH --- */

static bool is(const struct decimal *value, const char *text)
{
    struct decimal wanted = kit_decimal(text);

    return decimal_cmp(value, &wanted) == 0;
}

START_TEST(settings_are_sent_and_the_position_is_read_back)
{
    come_up();
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_OK };
    symbol = LIST(
        ITEM("BTCUSDT", "Buy", "0.5", "0", ",\"leverage\":\"5\",\"takeProfit\":\"120\",\"seq\":7"));
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=5&take_profit=120"), 200);
    ck_assert_uint_eq(kit.settings, 2);
    ck_assert_int_eq(kit.setting.kind, LOOP_SET_TRADING_STOP);
    ck_assert(is(&kit.setting.take_profit, "120") && decimal_is_none(&kit.setting.stop_loss) &&
              decimal_is_none(&kit.setting.trailing_stop));
    ck_assert(kit_says("\"leverage\":\"5\"") && kit_says("\"take_profit\":\"120\"") &&
              kit_says("\"source\":\"rest\""));
    ck_assert_uint_eq(kit.reads, 1);
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT",
                             "{\"stop_loss\":null,\"trailing_stop\":\"0\",\"takeProfit\":130}"),
                     200);
    ck_assert_uint_eq(kit.settings, 3);
    ck_assert(is(&kit.setting.stop_loss, "0") && is(&kit.setting.trailing_stop, "0") &&
              is(&kit.setting.take_profit, "130"));
    kit_set_header("X-Client", "bot");
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=7"), 200);
    ck_assert_int_eq(kit.setting.kind, LOOP_SET_LEVERAGE);
    ck_assert(is(&kit.setting.leverage, "7"));
    ck_assert_str_eq(kit.setting.client, "bot");
}
END_TEST

/* A message of the stream that is as new by its mark stands in memory: the load is shown. */
START_TEST(what_is_read_back_is_shown_though_memory_does_not_have_it)
{
    struct json item;
    struct position before;
    struct error error;
    const char text[] = ITEM("BTCUSDT", "Buy", "0.5", "0", ",\"leverage\":\"10\",\"seq\":7");

    come_up();
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_OK };
    ck_assert(!json_open(&item, text, sizeof(text) - 1, &error));
    ck_assert(!position_read(&before, &item, CATEGORY_LINEAR, &error));
    account_on_position(kit.api.account, &before);
    symbol = LIST(ITEM("BTCUSDT", "Buy", "0.5", "0", ",\"leverage\":\"5\",\"seq\":7"));
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=5"), 200);
    ck_assert(kit_says("\"leverage\":\"5\""));
}
END_TEST

START_TEST(settings_that_are_wrong_are_refused)
{
    static const struct {
        const char *body;
        int status;
        const char *code;
    } cases[] = {
        { NULL, 400, "missing_body" },
        { "{}", 422, "missing_field" },
        { "{\"leverage\":null}", 400, "invalid_value" },
        { "leverage=0", 422, "leverage_out_of_range" },
        { "leverage=101", 422, "leverage_out_of_range" },
        { "leverage=1.001", 422, "leverage_out_of_range" },
        { "take_profit=100.01", 422, "price_tick" },
        { "stop_loss=999999", 422, "price_out_of_range" },
        { "trailing_stop=0.01", 422, "price_tick" },
        { "take_profit=-1", 400, "invalid_number" },
    };

    come_up();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_msg(kit_run("PATCH", "/positions/BTCUSDT", cases[i].body) == cases[i].status &&
                          kit_says(cases[i].code),
                      "%zu: %s", i, kit.call.reply.data);
    }
    ck_assert_int_eq(kit_run("PATCH", "/positions/spot:BTCUSDT", "leverage=2"), 422);
    ck_assert(kit_says("no_spot_position"));
    ck_assert_uint_eq(kit.settings, 0);
}
END_TEST

START_TEST(a_lost_answer_is_told_by_what_is_read_back)
{
    come_up();
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_UNKNOWN };
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=5"), 202);
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=10&stop_loss=0"), 200);
    symbol = NULL;
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=10"), 202);
    ck_assert(kit_says("\"source\":\"cache\""));
    /* Set, but not read back: what is shown may be older. */
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_OK };
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=5"), 202);
}
END_TEST

START_TEST(what_the_exchange_refuses_is_passed_on)
{
    come_up();
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_REJECTED,
                                     .error = { .upstream = 10001,
                                                .text = "can not set tp/sl for zero position" } };
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "stop_loss=90"), 422);
    ck_assert(kit_says("exchange_rejected") && kit_says("zero position") &&
              kit_says("\"outcome\":\"rejected\""));
    ck_assert_uint_eq(kit.settings, 1);
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "leverage=5&stop_loss=90"), 422);
    ck_assert_uint_eq(kit.settings, 2); /* and no stop */
    kit.loop_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("PATCH", "/positions/BTCUSDT", "stop_loss=90"), 503);
    ck_assert(kit_says("\"busy\""));
}
END_TEST

/* --- the document --- */

static void same_fields(const char *schema, const struct field *fields, size_t count)
{
    size_t end;
    size_t at = properties_of(schema, &end);
    size_t documented = 0;
    char name[80];

    for (at++; at < end; at++) {
        size_t i = 0;

        if (!is_key(lines[at], 8, name))
            continue;
        documented++;
        while (i < count && strcmp(fields[i].name, name) != 0)
            i++;
        ck_assert_msg(i < count, "%s.%s", schema, name);
        ck_assert_msg(!fields[i].aliases[0] || strstr(lines[at + 2], fields[i].aliases[0]), "%s",
                      name);
    }
    ck_assert_uint_eq(documented, count);
}

START_TEST(the_fields_are_documented)
{
    const struct field *fields;
    size_t count;

    load();
    fields = position_target_fields(&count);
    same_fields("PositionTarget", fields, count);
    fields = position_settings_fields(&count);
    same_fields("PositionSettings", fields, count);
    unload();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_positions");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_account, close_account);
    tcase_add_loop_test(tcase, a_target_is_the_difference_at_market, 0, (int)ARRAY_LEN(targets));
    tcase_add_test(tcase, a_target_that_is_reached_sends_nothing);
    tcase_add_loop_test(tcase, what_is_wrong_is_refused_and_nothing_is_sent, 0,
                        (int)ARRAY_LEN(wrong));
    tcase_add_test(tcase, without_live_positions_nothing_is_sent);
    tcase_add_test(tcase, in_hedge_mode_the_side_is_to_be_said);
    tcase_add_test(tcase, an_unknown_place_is_read_first);
    tcase_add_test(tcase, what_can_not_be_read_is_not_guessed);
    tcase_add_test(tcase, an_order_under_way_is_waited_for_and_then_nothing_is_bought_twice);
    tcase_add_test(tcase, fills_that_are_not_all_there_are_waited_for);
    tcase_add_loop_test(tcase, a_wrong_clock_of_this_host_makes_no_size_sure, 0,
                        ARRAY_LEN(skews_ms));
    tcase_add_test(tcase, nothing_open_is_said_only_when_it_is_sure);
    tcase_add_test(tcase, without_the_journal_only_a_plain_exit_goes);
    tcase_add_test(tcase, a_repeated_key_is_answered_with_its_order);
    tcase_add_test(tcase, a_key_whose_order_was_not_sent_is_tried_again_at_the_same_size_only);
    tcase_add_test(tcase, keys_have_a_grammar);
    tcase_add_test(tcase, one_part_of_a_position_at_a_time);
    tcase_add_test(tcase, one_change_of_a_position_at_a_time);
    tcase_add_test(tcase, as_many_keys_as_requests_may_be_under_way_at_once);
    tcase_add_loop_test(tcase, a_close_is_reduce_only_and_at_market, 0, (int)ARRAY_LEN(closes));
    tcase_add_test(tcase, a_close_that_is_wrong_is_refused);
    tcase_add_test(tcase, a_large_close_is_cut_and_answered_as_a_list);
    tcase_add_test(tcase, the_parts_of_a_close_leave_together);
    tcase_add_test(tcase, a_close_looks_for_its_key_once_more_before_it_is_sent);
    tcase_add_test(tcase, a_large_close_is_repeated_as_it_was);
    tcase_add_test(tcase, only_what_is_missing_of_a_large_close_is_sent_when_it_is_repeated);
    tcase_add_test(tcase, parts_of_another_request_are_not_taken_for_those_of_this_one);
    tcase_add_test(tcase, a_part_of_one_key_is_not_taken_for_what_another_key_made);
    tcase_add_loop_test(tcase, an_order_of_one_key_is_not_taken_for_a_part_of_another, 0, 2);
    tcase_add_loop_test(tcase, a_target_far_away_is_reached_by_several_orders, 0,
                        (int)ARRAY_LEN(far_targets));
    tcase_add_test(tcase, a_target_far_away_is_reached_once);
    tcase_add_test(tcase, what_is_missing_of_a_target_is_sent_when_the_rest_is_there);
    tcase_add_test(tcase, nothing_is_sent_of_a_target_while_a_part_of_it_is_in_doubt);
    tcase_add_test(tcase, what_is_missing_of_a_target_is_not_sent_beyond_it);
    tcase_add_test(tcase, a_kill_of_long_ago_stops_no_change);
    tcase_add_test(tcase, a_kill_while_the_position_is_read_ends_the_change);
    tcase_add_test(tcase, a_kill_while_the_position_is_read_ends_the_setting);
    tcase_add_test(tcase, each_part_of_a_close_is_answered_for_itself);
    tcase_add_test(tcase, a_close_in_too_many_parts_is_refused);
    tcase_add_test(tcase, the_guards_word_is_the_answer);
    tcase_add_test(tcase, settings_are_sent_and_the_position_is_read_back);
    tcase_add_test(tcase, what_is_read_back_is_shown_though_memory_does_not_have_it);
    tcase_add_test(tcase, settings_that_are_wrong_are_refused);
    tcase_add_test(tcase, a_lost_answer_is_told_by_what_is_read_back);
    tcase_add_test(tcase, what_the_exchange_refuses_is_passed_on);
    tcase_add_test(tcase, the_fields_are_documented);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
