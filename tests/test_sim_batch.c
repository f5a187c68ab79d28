/* Batches: what becomes of each order, what is refused as a whole, and what they cost. */
#include "base/text.h"
#include "test_sim_trade.h"

#define CREATE "/v5/order/create-batch"
#define AMEND  "/v5/order/amend-batch"
#define CANCEL "/v5/order/cancel-batch"

static char items[8192];

/* So many items, each of them after the format with its number. */
static const char *ladder(int count, const char *format)
{
    size_t used = 0;

    for (int i = 0; i < count; i++) {
        char item[512];
        char *hash;

        (void)snprintf(item, sizeof(item), "%s", format);
        while ((hash = strchr(item, '#')))
            *hash = (char)('a' + i);
        used += (size_t)snprintf(items + used, sizeof(items) - used, "%s%s", i ? "," : "", item);
    }
    return items;
}

#define LIMIT_BUY                                                                                  \
    "{'symbol':'BTCUSDT','side':'Buy','orderType':'Limit','qty':'0.001','price':'50000',"          \
    "'orderLinkId':'b-#'}"

static int create(const char *category, int count, const char *format)
{
    return post(CREATE, "{'category':'%s','request':[%s]}", category, ladder(count, format));
}

static int code_at(int i)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "retExtInfo.list.%d.code", i);
    return int_at(path);
}

static const char *item_at(int i, const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "result.list.%d.%s", i, name);
    return text_at(path);
}

/* How many passed, and that they are the first ones; the others have 10006. */
static int passed(void)
{
    int count = cJSON_GetArraySize(at("result.list"));
    int first = 0;

    ck_assert_int_eq(cJSON_GetArraySize(at("retExtInfo.list")), count);
    while (first < count && code_at(first) == 0)
        first++;
    for (int i = first; i < count; i++) {
        ck_assert_int_eq(code_at(i), 10006);
        ck_assert_str_eq(item_at(i, "orderId"), "");
    }
    return first;
}

START_TEST(each_order_has_its_own_outcome)
{
    ck_assert_int_eq(post(CREATE,
                          "{'category':'linear','request':["
                          "{'symbol':'BTCUSDT','side':'Buy','orderType':'Limit','qty':'0.001',"
                          "'price':'50000','orderLinkId':'b-1'},"
                          "{'symbol':'BTCUSDT','side':'Buy','orderType':'Limit','qty':'20',"
                          "'price':'92000','orderLinkId':'b-2'},"
                          "{'symbol':'BTCUSDT','side':'Buy','orderType':'Limit','qty':'0.001',"
                          "'price':'50000','orderLinkId':'b-1'},"
                          "17,"
                          "{'symbol':'ETHUSDT','side':'Sell','orderType':'Market','qty':'0.01',"
                          "'orderLinkId':'b-3','category':'spot'}]}"),
                     0);
    ck_assert_int_eq(code_at(0), 0);
    ck_assert_int_eq(code_at(1), 110007);
    ck_assert_int_eq(code_at(2), 110072);
    ck_assert_int_eq(code_at(3), 10001);
    ck_assert_int_eq(code_at(4), 0);
    ck_assert_str_ne(item_at(0, "orderId"), "");
    ck_assert_str_ne(item_at(0, "createAt"), "");
    ck_assert_str_eq(item_at(0, "category"), "linear");
    ck_assert_str_eq(item_at(1, "orderId"), "");
    ck_assert_str_eq(item_at(1, "orderLinkId"), "b-2");
    ck_assert_str_eq(item_at(1, "createAt"), "");
    ck_assert_str_eq(item_at(4, "symbol"), "ETHUSDT");
    ck_assert_str_eq(text_at("retExtInfo.list.1.msg"), "ab not enough for new order");
    ck_assert_str_eq(status_of("b-3"), "Filled");
    ck_assert_int_eq(rows("/v5/order/realtime", "category=linear&settleCoin=USDT"), 1);
}
END_TEST

START_TEST(amends_and_cancels_come_in_batches_too)
{
    ck_assert_int_eq(create("linear", 3, LIMIT_BUY), 0);
    ck_assert_int_eq(post(AMEND, "{'category':'linear','request':["
                                 "{'symbol':'BTCUSDT','orderLinkId':'b-a','qty':'0.002'},"
                                 "{'symbol':'BTCUSDT','orderLinkId':'b-x','qty':'0.002'}]}"),
                     0);
    ck_assert_int_eq(code_at(0), 0);
    ck_assert_int_eq(code_at(1), 110001);
    ck_assert_str_eq(item_at(1, "orderId"), "");
    ck_assert_str_eq(order_member("linear", "b-a", "qty"), "0.002");
    ck_assert_int_eq(post(CANCEL, "{'category':'linear','request':["
                                  "{'symbol':'BTCUSDT','orderLinkId':'b-x'},"
                                  "{'symbol':'BTCUSDT','orderLinkId':'b-b'}]}"),
                     0);
    ck_assert_int_eq(code_at(0), 110001);
    ck_assert_int_eq(code_at(1), 0);
    ck_assert_ptr_null(at("result.list.1.createAt"));
    ck_assert_str_eq(status_of("b-b"), "Cancelled");
}
END_TEST

START_TEST(a_batch_does_not_amend_what_waits_for_a_trigger)
{
    accept_order("'side':'Buy','orderType':'Market','qty':'0.001','triggerPrice':'95000',"
                 "'triggerDirection':1,'orderLinkId':'c'");
    ck_assert_int_eq(post(AMEND, "{'category':'linear','request':[{'symbol':'BTCUSDT',"
                                 "'orderLinkId':'c','triggerPrice':'96000'}]}"),
                     0);
    ck_assert_int_eq(code_at(0), 10001);
}
END_TEST

/* A create says its kind; a batch of cancels has no word for it. */
#define SPOT_STOP                                                                                  \
    "{'symbol':'BTCUSDT','side':'Buy','orderType':'Limit','qty':'0.001','price':'50000',"          \
    "'orderFilter':'%s','triggerPrice':'95000','orderLinkId':'%s'}"

START_TEST(a_batch_of_cancels_finds_no_conditional_orders_of_spot)
{
    ck_assert_int_eq(post(CREATE, "{'category':'spot','request':[" SPOT_STOP "," SPOT_STOP "]}",
                          "tpslOrder", "t-1", "StopOrder", "t-2"),
                     0);
    ck_assert_int_eq(code_at(0), 0);
    ck_assert_int_eq(code_at(1), 0);
    ck_assert_int_eq(create("spot", 1, LIMIT_BUY), 0);
    ck_assert_int_eq(post(CANCEL, "{'category':'spot','request':["
                                  "{'symbol':'BTCUSDT','orderLinkId':'t-1'},"
                                  "{'symbol':'BTCUSDT','orderLinkId':'t-2',"
                                  "'orderFilter':'StopOrder'},"
                                  "{'symbol':'BTCUSDT','orderLinkId':'b-a'}]}"),
                     0);
    ck_assert_int_eq(code_at(0), 170213);
    ck_assert_int_eq(code_at(1), 170213);
    ck_assert_int_eq(code_at(2), 0);
    ck_assert_int_eq(post("/v5/order/cancel", "{'category':'spot','symbol':'BTCUSDT',"
                                              "'orderLinkId':'t-2','orderFilter':'StopOrder'}"),
                     0);
    ck_assert_str_eq(order_member("spot", "t-1", "orderStatus"), "Untriggered");
}
END_TEST

static const struct {
    const char *body;
    int code;
} wholes[] = {
    { "{'request':[{'symbol':'BTCUSDT'}]}", 10001 },
    { "{'category':'futures','request':[{'symbol':'BTCUSDT'}]}", 10001 },
    { "{'category':'linear'}", 10001 },
    { "{'category':'linear','request':[]}", 10001 },
    { "{'category':'linear','request':{'symbol':'BTCUSDT'}}", 10001 },
};

START_TEST(a_batch_that_is_none_is_refused_as_a_whole)
{
    ck_assert_int_eq(post(CREATE, "%s", wholes[_i].body), wholes[_i].code);
    ck_assert_ptr_null(at("result.list"));
}
END_TEST

static const struct {
    const char *category;
    int most;
} sizes[] = { { "linear", 20 }, { "inverse", 20 }, { "spot", 10 } };

START_TEST(a_batch_has_a_greatest_size)
{
    const char *category = sizes[_i].category;
    const char *format = strcmp(category, "inverse") == 0
                             ? "{'symbol':'BTCUSD','side':'Buy','orderType':'Limit','qty':'1',"
                               "'price':'50000','orderLinkId':'b-#'}"
                             : LIMIT_BUY;

    ck_assert_int_eq(create(category, sizes[_i].most + 1, format), 10001);
    ck_assert_int_eq(create(category, sizes[_i].most, format), 0);
    ck_assert_int_eq(passed(), sizes[_i].most);
}
END_TEST

START_TEST(a_batch_of_cancels_has_a_greatest_size)
{
    const char *category = sizes[_i].category;
    const char *symbol = strcmp(category, "inverse") == 0 ? "BTCUSD" : "BTCUSDT";
    char format[64];

    (void)snprintf(format, sizeof(format), "{'symbol':'%s','orderLinkId':'b-#'}", symbol);
    ck_assert_int_eq(post(CANCEL, "{'category':'%s','request':[%s]}", category,
                          ladder(sizes[_i].most + 1, format)),
                     10001);
    ck_assert_int_eq(
        post(CANCEL, "{'category':'%s','request':[%s]}", category, ladder(sizes[_i].most, format)),
        0);
    ck_assert_int_eq(cJSON_GetArraySize(at("retExtInfo.list")), sizes[_i].most);
    for (int i = 0; i < sizes[_i].most; i++)
        ck_assert_int_eq(code_at(i), strcmp(category, "spot") == 0 ? 170213 : 110001);
}
END_TEST

/* --- limits --- */

START_TEST(what_the_limit_leaves_passes_and_the_rest_is_refused_one_by_one)
{
    control("/sim/limits", "{\"on\":true}");
    ck_assert_int_eq(create("linear", 4, LIMIT_BUY), 0);
    ck_assert_int_eq(passed(), 4);
    ck_assert_int_eq(header_number("X-Bapi-Limit"), 10);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 6);
    ck_assert_int_eq(post(CREATE, "{'category':'linear','request':[%s]}",
                          ladder(8, "{'symbol':'BTCUSDT','side':'Buy','orderType':'Limit',"
                                    "'qty':'0.001','price':'50000','orderLinkId':'c-#'}")),
                     0);
    ck_assert_int_eq(passed(), 6);
    ck_assert_int_eq(create("linear", 1, LIMIT_BUY), 10006);
    /* Its window is its own. */
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.001','price':'50000'");
    ck_assert_int_eq(post(CANCEL, "{'category':'linear','request':[%s]}",
                          ladder(4, "{'symbol':'BTCUSDT','orderLinkId':'b-#'}")),
                     0);
    ck_assert_int_eq(passed(), 4);
}
END_TEST

/* The window of batches, not that of single cancels; of options a request is one. */
START_TEST(a_batch_of_cancels_takes_a_place_for_each_order)
{
    const char *cancels = "{'symbol':'BTCUSDT','orderLinkId':'b-#'}";

    control("/sim/limits", "{\"on\":true}");
    ck_assert_int_eq(create("linear", 10, LIMIT_BUY), 0);
    ck_assert_int_eq(post(CANCEL, "{'category':'linear','request':[%s]}", ladder(7, cancels)), 0);
    ck_assert_int_eq(passed(), 7);
    ck_assert_int_eq(header_number("X-Bapi-Limit"), 10);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 3);
    ck_assert_int_eq(post("/v5/order/cancel", "{'category':'linear','symbol':'BTCUSDT',"
                                              "'orderLinkId':'b-j'}"),
                     0);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 9);
    ck_assert_int_eq(post(CANCEL, "{'category':'option','request':[%s]}",
                          ladder(20, "{'symbol':'BTC-30JUN30-90000-C-USDT','orderLinkId':'b-#'}")),
                     0);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 9);
}
END_TEST

START_TEST(a_batch_can_be_made_to_take_one_unit)
{
    control("/sim/limits", "{\"on\":true,\"batch_is_one\":true}");
    ck_assert_int_eq(create("linear", 20, LIMIT_BUY), 0);
    ck_assert_int_eq(passed(), 20);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 9);
}
END_TEST

START_TEST(each_order_of_a_batch_is_seen_at_the_door)
{
    ck_assert_int_eq(create("linear", 2, LIMIT_BUY), 0);
    ck_assert_int_eq(post(CREATE, "{'category':'linear','request':[%s]}", ladder(1, LIMIT_BUY)), 0);
    ck_assert_int_eq(ask("GET", "/sim/requests", "path=/v5/order/create-batch", ""), 200);
    keep(cJSON_Parse(answer));
    ck_assert_int_eq(cJSON_GetArraySize(at("list")), 3);
    ck_assert_str_eq(text_at("list.0.orderLinkId"), "b-a");
    ck_assert_int_eq(int_at("list.1.item"), 2);
    ck_assert_str_ne(text_at("list.1.orderId"), "");
    ck_assert(cJSON_IsTrue(at("list.1.accepted")));
    ck_assert_int_eq(int_at("list.2.code"), 110072);
    ck_assert_int_eq(ask("GET", "/sim/stats", "", ""), 200);
    keep(cJSON_Parse(answer));
    ck_assert_int_eq(int_at("creates_accepted"), 2);
    ck_assert_int_eq(int_at("duplicates_refused"), 1);
}
END_TEST

int main(void)
{
    const struct trade_test tests[] = {
        { each_order_has_its_own_outcome, 0 },
        { amends_and_cancels_come_in_batches_too, 0 },
        { a_batch_does_not_amend_what_waits_for_a_trigger, 0 },
        { a_batch_of_cancels_finds_no_conditional_orders_of_spot, 0 },
        { a_batch_that_is_none_is_refused_as_a_whole, ARRAY_LEN(wholes) },
        { a_batch_has_a_greatest_size, ARRAY_LEN(sizes) },
        { a_batch_of_cancels_has_a_greatest_size, ARRAY_LEN(sizes) },
        { a_batch_of_cancels_takes_a_place_for_each_order, 0 },
        { what_the_limit_leaves_passes_and_the_rest_is_refused_one_by_one, 0 },
        { a_batch_can_be_made_to_take_one_unit, 0 },
        { each_order_of_a_batch_is_seen_at_the_door, 0 },
    };

    return run_trade_tests("sim/batch", tests, ARRAY_LEN(tests));
}
