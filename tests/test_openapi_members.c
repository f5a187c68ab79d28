/* openapi.yaml against what is taken and what is answered: order fields, and the members of objects
 * and events in their order. */
#include <cjson/cJSON.h>

#include "api/errors.h"
#include "api/events.h"
#include "api/guard.h"
#include "api/order_body.h"
#include "test_openapi_kit.h"

/* --- order fields --- */

START_TEST(order_fields_are_the_same)
{
    size_t count;
    const struct field *fields = order_body_fields(&count);
    size_t end;
    size_t at = properties_of("NewOrder", &end);
    size_t documented = 0;
    char name[80];

    for (at++; at < end; at++) {
        size_t i = 0;

        if (!is_key(lines[at], 8, name))
            continue;
        documented++;
        while (i < count && strcmp(fields[i].name, name) != 0)
            i++;
        ck_assert_msg(i < count, "%s is documented and not known", name);
    }
    ck_assert_uint_eq(documented, count);
}
END_TEST

/* Bybit's spelling stands in the description of its field. */
START_TEST(aliases_are_documented)
{
    size_t count;
    const struct field *fields = order_body_fields(&count);
    size_t end;
    size_t start = properties_of("NewOrder", &end);

    for (size_t i = 0; i < count; i++) {
        char line[80];
        struct text text = text_in(line, sizeof(line));
        bool found = !fields[i].aliases[0] || strcmp(fields[i].name, "quote_qty") == 0;
        size_t at;

        text_addf(&text, "        %s:", fields[i].name);
        at = section(line, start, end);
        for (size_t inner = at; inner < end_of(at) && !found; inner++)
            found = strstr(lines[inner], fields[i].aliases[0]) != NULL;
        ck_assert_msg(found, "%s", fields[i].name);
    }
}
END_TEST

/* --- members of answers --- */

/* The members, and their order, which is that of a CSV's columns. Events have `dropped` only when
 * something was left out. */
static void same_members(const char *schema, struct buffer *json)
{
    cJSON *object = cJSON_Parse(json->data);
    const cJSON *member;
    size_t end;
    size_t at = properties_of(schema, &end);
    char name[80];

    ck_assert_ptr_nonnull(object);
    member = object->child;
    for (at++; at < end; at++) {
        if (!is_key(lines[at], 8, name) || strcmp(name, "dropped") == 0)
            continue;
        ck_assert_msg(member, "%s.%s is not answered", schema, name);
        ck_assert_msg(strcmp(member->string, name) == 0, "%s.%s is documented, %s answered", schema,
                      name, member->string);
        member = member->next;
    }
    ck_assert_msg(!member, "%s.%s is not documented", schema, member ? member->string : "");
    cJSON_Delete(object);
    buffer_deinit(json);
}

START_TEST(members_of_orders)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct order order = { 0 };
    const struct stored_native native = { "{}", 2 };
    const struct fill fill = { 0 };
    const struct guard_verdict verdict = { .text = "" };
    const struct api_problem_more more = {
        .outcome = "not_sent", .ret_code = 1, .ret_msg = "", .guard = &verdict, .client_id = "x"
    };

    api_add_order_native(&out, &order, "sent", &native);
    same_members("Order", &out);
    api_event_order(&out, &order);
    same_members("EventOrder", &out);
    api_add_fill(&out, &fill);
    same_members("Fill", &out);
    api_event_fill(&out, &fill);
    same_members("EventFill", &out);
    api_problem_body(&out, "not_sent", "", "r", &more);
    same_members("Problem", &out);
}
END_TEST

START_TEST(members_of_books_and_tickers)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct instrument instrument = { 0 };
    const struct ticker ticker = { 0 };
    const struct market_book book = { 0 };
    const struct stream_topic topic = { .symbol = "X" };
    const struct price_limit limit = { 0 };

    api_add_symbol(&out, &instrument);
    same_members("Symbol", &out);
    api_add_ticker(&out, &ticker, 1, "rest");
    same_members("Ticker", &out);
    api_add_ticker(&out, &ticker, 1, NULL);
    same_members("TickerRow", &out);
    api_event_ticker(&out, &ticker, 1);
    same_members("EventTicker", &out);
    api_add_book(&out, CATEGORY_SPOT, "X", &book, NULL, NULL, "rest");
    same_members("Book", &out);
    api_event_book_snapshot(&out, CATEGORY_SPOT, "X", &book, NULL, NULL);
    same_members("EventBook", &out);
    api_event_status(&out, LINK_PRIVATE, LINK_CONNECTED, 1);
    same_members("EventStatus", &out);
    api_add_topic(&out, &topic, 1);
    same_members("Topic", &out);
    api_event_price_limit(&out, &limit, 1);
    same_members("EventPriceLimit", &out);
}
END_TEST

/* The object that stands in an example's place, or in a member's. */
static void same_inner(const char *schema, const cJSON *object)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    char *text = cJSON_PrintUnformatted(object);

    ck_assert_ptr_nonnull(text);
    buffer_add_text(&out, text);
    cJSON_free(text);
    same_members(schema, &out);
}

static const cJSON *inner(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    ck_assert_msg(member, "%s", name);
    return member;
}

START_TEST(members_of_pools)
{
    static const struct {
        enum pool_kind kind;
        const char *event;
        const char *row;
    } kinds[] = { { POOL_ADL, "EventAdl", "AdlAlert" },
                  { POOL_INSURANCE, "EventInsurance", "InsurancePool" },
                  { POOL_GREEKS, "EventGreeks", "Greeks" } };
    struct pool_row row = { .key = "X", .coin = "Y" };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct pool pool = {
            .kind = kinds[i].kind, .name = "USDT", .count = 1, .rows = &row
        };
        struct buffer out = buffer_of(API_BODY_MAX);
        cJSON *event;

        api_event_pool(&out, &pool);
        event = cJSON_Parse(out.data);
        same_members(kinds[i].event, &out);
        same_inner(kinds[i].row, inner(event, "items")->child);
        cJSON_Delete(event);
    }
}
END_TEST

START_TEST(members_of_series)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct public_trade trade = { 0 };
    const struct candle candle = { 0 };
    const struct funding_rate funding = { 0 };
    const struct open_interest interest = { 0 };

    api_add_trade(&out, &trade);
    same_members("Trade", &out);
    api_event_trade(&out, &trade, 1);
    same_members("EventTrade", &out);
    api_add_candle(&out, &candle);
    same_members("Candle", &out);
    api_event_candle(&out, &candle, 1);
    same_members("EventCandle", &out);
    api_add_funding(&out, &funding);
    same_members("FundingRate", &out);
    api_add_open_interest(&out, &interest);
    same_members("OpenInterest", &out);
}
END_TEST

START_TEST(members_of_accounts)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct position position = { 0 };
    const struct coin_balance coin = { 0 };
    const struct balance balance = { 0 };

    api_add_position(&out, &position);
    same_members("PositionRow", &out);
    api_add_position_age(&out, &position, 1, "rest");
    same_members("Position", &out);
    api_event_position(&out, &position, 1);
    same_members("EventPosition", &out);
    api_add_coin(&out, &coin, 0, NULL);
    same_members("Coin", &out);
    api_add_coin(&out, &coin, 1, "rest");
    same_members("CoinBalance", &out);
    api_add_balance(&out, &balance, 0, NULL);
    same_members("BalanceState", &out);
    api_add_balance(&out, &balance, 1, "rest");
    same_members("Balance", &out);
    api_event_balance(&out, &balance, 1, 1);
    same_members("EventBalance", &out);
}
END_TEST

START_TEST(members_of_the_guard)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    struct guard_report *report = calloc(1, sizeof(*report));
    cJSON *guard;

    ck_assert_ptr_nonnull(report);
    report->has_ceiling = report->state.killed = true;
    report->scopes_count = 1;
    report->state.rules.clients_count = 1;
    memcpy(report->state.rules.clients[0].name, "bot", 4);
    api_add_guard(&out, report);
    guard = cJSON_Parse(out.data);
    same_members("Guard", &out);
    same_inner("GuardLimits", inner(guard, "limits"));
    same_inner("GuardLimits", inner(inner(guard, "clients"), "bot"));
    same_inner("GuardCeiling", inner(guard, "ceiling"));
    same_inner("GuardKill", inner(guard, "kill"));
    same_inner("GuardCounts", inner(inner(inner(guard, "counts"), "clients"), "bot"));
    cJSON_Delete(guard);
    api_event_guard(&out, &report->state, "killed");
    same_members("EventGuard", &out);
    free(report);
}
END_TEST

/* What a PATCH may name is what the guard has. */
START_TEST(members_of_a_change)
{
    static const char *const schemas[] = { "GuardChange", "GuardClientChange", "GuardLimits" };

    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        size_t end;
        size_t at = properties_of(schemas[i], &end);
        char name[80];
        int limit = 0;

        for (at++; at < end; at++) {
            if (!is_key(lines[at], 8, name) || strcmp(name, "clients") == 0)
                continue;
            ck_assert_int_lt(limit, GUARD_LIMIT_COUNT);
            ck_assert_str_eq(name, guard_limit_word((enum guard_limit)limit++));
        }
        ck_assert_int_eq(limit, GUARD_LIMIT_COUNT);
    }
}
END_TEST

/* --- words --- */

#define WORDS_MAX 400

/* What stands between the brackets of the first "enum: [...]" of a schema, or of a property of it.
 */
static void words_of(const char *schema, const char *property, char out[WORDS_MAX])
{
    char line[80];
    struct text text = text_in(line, sizeof(line));
    size_t at = section("  schemas:", section("components:", 0, lines_count), lines_count);
    const char *begin = NULL;
    size_t bytes = 0;
    size_t end;

    text_addf(&text, "    %s:", schema);
    at = section(line, at, lines_count);
    if (property) {
        text = text_in(line, sizeof(line));
        text_addf(&text, "        %s:", property);
        at = section(line, at, end_of(at));
    }
    for (end = end_of(at); at < end && !begin; at++)
        begin = strstr(lines[at], "enum: [");
    ck_assert_msg(begin, "%s has no words", schema);
    for (begin += 7; *begin && *begin != ']' && bytes < WORDS_MAX - 1; begin++) {
        if (*begin != '"')
            out[bytes++] = *begin;
    }
    out[bytes] = '\0';
}

/* `word_of` of 0 to count - 1; those that are "" or there already are left out. */
static void same_words(const char *schema, const char *property, const char *(*word_of)(int),
                       int count, bool or_null)
{
    char documented[WORDS_MAX];
    char known[WORDS_MAX] = "";
    struct text text = text_in(known, sizeof(known));

    for (int i = 0; i < count; i++) {
        const char *word = word_of(i);

        if (word[0] && (i == 0 || strcmp(word, word_of(i - 1)) != 0))
            text_addf(&text, "%s%s", text.bytes ? ", " : "", word);
    }
    if (or_null)
        text_add(&text, ", null");
    words_of(schema, property, documented);
    ck_assert_str_eq(documented, known);
}

static const char *category_of(int i)
{
    return category_word((enum category)i);
}

static const char *side_of(int i)
{
    return side_word((enum side)i);
}

static const char *tif_of(int i)
{
    return tif_word((enum tif)i);
}

static const char *fill_kind_of(int i)
{
    return fill_kind_word((enum fill_kind)i);
}

static const char *candle_interval_of(int i)
{
    return candle_interval_word((enum candle_interval)i);
}

static const char *oi_interval_of(int i)
{
    return oi_interval_word((enum oi_interval)i);
}

static const char *link_of(int i)
{
    return i == 0 ? "rest" : stream_link_word((enum stream_link)(i - 1));
}

static const char *topic_state_of(int i)
{
    return stream_topic_state_word((enum stream_topic_state)i);
}

static const char *link_state_of(int i)
{
    return link_state_word((enum link_state)i);
}

static const char *limit_of(int i)
{
    return guard_limit_word((enum guard_limit)i);
}

static const char *sweep_state_of(int i)
{
    return sweep_state_word((enum sweep_state)i);
}

static const char *price_source_of(int i)
{
    return guard_price_source_word((enum guard_price_source)(GUARD_PRICE_LIMIT + i));
}

START_TEST(words_of_the_guard_are_the_same)
{
    same_words("GuardKill", "scopes", sweep_state_of, SWEEP_FAILED + 1, false);
    same_words("Problem", "guard", limit_of, GUARD_LIMIT_COUNT, false);
    same_words("Problem", "    price_source", price_source_of, GUARD_PRICE_FACE, true);
}
END_TEST

START_TEST(words_are_the_same)
{
    same_words("category", NULL, category_of, CATEGORY_COUNT, false);
    same_words("side", NULL, side_of, SIDE_SELL + 1, false);
    same_words("Order", "side", side_of, SIDE_SELL + 1, true);
    same_words("Order", "tif", tif_of, TIF_RPI + 1, true);
    same_words("Fill", "kind", fill_kind_of, FILL_OTHER + 1, false);
    same_words("Candle", "interval", candle_interval_of, CANDLE_INTERVAL_COUNT, false);
    same_words("OpenInterest", "interval", oi_interval_of, OI_INTERVAL_COUNT, false);
    same_words("link", NULL, link_of, STREAM_LINK_COUNT + 1, false);
    same_words("link_state", NULL, link_state_of, LINK_DOWN + 1, false);
    same_words("Topic", "state", topic_state_of, STREAM_TOPIC_REFUSED + 1, false);
}
END_TEST

static bool is_among(const char *word, const char *words)
{
    size_t bytes = strlen(word);

    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word)) {
        if ((at == words || at[-1] == ' ') && (at[bytes] == ',' || !at[bytes]))
            return true;
    }
    return false;
}

/* Each state has a documented word, whatever the exchange's status and the fills are. */
START_TEST(states_of_orders_are_the_same)
{
    char documented[WORDS_MAX];
    char known[WORDS_MAX] = "";
    struct text text = text_in(known, sizeof(known));

    words_of("Order", "state", documented);
    for (int i = 0; i < (ORDER_GONE + 1) * (STATUS_OTHER + 1) * 2; i++) {
        const struct order order = { .state = (enum order_state)(i / 2 / (STATUS_OTHER + 1)),
                                     .status = (enum exchange_status)(i / 2 % (STATUS_OTHER + 1)),
                                     .filled_qty = { i % 2, 0 } };
        const char *word = order_state_word(&order);

        ck_assert_msg(is_among(word, documented), "%s", word);
        if (!is_among(word, known))
            text_addf(&text, "%s%s", text.bytes ? ", " : "", word);
    }
    ck_assert_uint_eq(strlen(known), strlen(documented));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openapi_members");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, load, unload);
    tcase_add_test(tcase, order_fields_are_the_same);
    tcase_add_test(tcase, aliases_are_documented);
    tcase_add_test(tcase, members_of_orders);
    tcase_add_test(tcase, members_of_books_and_tickers);
    tcase_add_test(tcase, members_of_pools);
    tcase_add_test(tcase, members_of_series);
    tcase_add_test(tcase, members_of_accounts);
    tcase_add_test(tcase, members_of_the_guard);
    tcase_add_test(tcase, members_of_a_change);
    tcase_add_test(tcase, words_of_the_guard_are_the_same);
    tcase_add_test(tcase, words_are_the_same);
    tcase_add_test(tcase, states_of_orders_are_the_same);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
