/* What the parts tell each other: the stream and the account to the engine and the feed, the
 * journal to the feed, the api to the server. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/about.h"
#include "server/app_parts.h"

#define DELAY_MAX_MS INT64_C(3600000)

void app_on_journaled(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                      int64_t at_ms, void *userdata)
{
    struct app *app = userdata;

    (void)at_ms;
    hub_set_epoch(app->hub, journal_epoch(app->journal));
    hub_publish_event(app->hub, seq, event, json, json_bytes);
}

static void on_link(enum stream_link link, enum link_state state, int64_t since_ms, void *userdata)
{
    struct app *app = userdata;

    hub_publish_link(&app->stream_writer, link, state, since_ms);
}

static void on_private_up(void *userdata)
{
    struct app *app = userdata;

    if (app->loop)
        loop_on_private(app->loop, true);
    if (app->account)
        account_on_private(app->account, true);
}

static void on_private_down(int64_t whole_until_ms, void *userdata)
{
    struct app *app = userdata;

    if (app->loop)
        loop_on_private(app->loop, false);
    if (app->account)
        account_on_private(app->account, false);
    hub_publish_account_gap(&app->stream_writer, whole_until_ms);
}

/* From the exchange's time stamp to here, by its clock. A stamp that is absurdly far away is no
 * delay. */
static void observe_delay(const struct app *app, enum stream_link link, int64_t ts_ms,
                          int64_t recv_ms)
{
    _Static_assert(STREAM_LINK_COUNT <= METRICS_LINKS_MAX, "a place for each link");
    int64_t here_ms;

    if (ts_ms <= 0 || !clock_sync_ready(app->clock))
        return;
    here_ms = recv_ms + clock_sync_offset_ms(app->clock);
    if (ts_ms > here_ms - DELAY_MAX_MS && ts_ms < here_ms + DELAY_MAX_MS)
        metrics_observe(&app->metrics->stream.delays[link], (here_ms - ts_ms) * 1000);
}

/* A full inbox is not an error here: the loop notes that evidence was lost and asks for it over
 * REST. */
static void on_order(const struct order_report *report, void *userdata)
{
    struct app *app = userdata;

    observe_delay(app, LINK_PRIVATE, report->updated_ms, clock_wall_ms());
    if (app->loop && loop_on_order(app->loop, report) != ERR_NONE)
        log_warn("app: the engine's inbox is full");
}

static void on_fill(const struct fill *fill, void *userdata)
{
    struct app *app = userdata;

    observe_delay(app, LINK_PRIVATE, fill->at_ms, clock_wall_ms());
    if (app->loop && loop_on_fill(app->loop, fill) != ERR_NONE)
        log_warn("app: the engine's inbox is full");
}

static void on_ticker(const struct ticker *ticker, int64_t recv_ms, void *userdata)
{
    struct app *app = userdata;

    observe_delay(app, (enum stream_link)ticker->category, ticker->ts_ms, recv_ms);
    hub_publish_ticker(&app->stream_writer, ticker, recv_ms);
}

static void on_book(enum category category, const char *symbol, int depth, bool is_snapshot,
                    const struct json *data, int64_t ts_ms, int64_t cts_ms, int64_t recv_ms,
                    void *userdata)
{
    struct app *app = userdata;

    (void)cts_ms;
    observe_delay(app, (enum stream_link)category, ts_ms, recv_ms);
    hub_publish_book(&app->stream_writer, category, symbol, depth, is_snapshot, data, ts_ms,
                     recv_ms);
}

static void on_trade(const struct public_trade *trade, int64_t recv_ms, void *userdata)
{
    struct app *app = userdata;

    observe_delay(app, (enum stream_link)trade->category, trade->ts_ms, recv_ms);
    hub_publish_trade(&app->stream_writer, trade, recv_ms);
}

static void on_candle(const struct candle *candle, int64_t recv_ms, void *userdata)
{
    struct app *app = userdata;

    hub_publish_candle(&app->stream_writer, candle, recv_ms);
}

static void on_liquidation(const struct liquidation *liquidation, int64_t recv_ms, void *userdata)
{
    struct app *app = userdata;

    hub_publish_liquidation(&app->stream_writer, liquidation, recv_ms);
}

static void on_price_limit(const struct price_limit *limit, int64_t recv_ms, void *userdata)
{
    struct app *app = userdata;

    hub_publish_price_limit(&app->stream_writer, limit, recv_ms);
}

static void on_pool(const struct pool *pool, void *userdata)
{
    struct app *app = userdata;

    hub_publish_pool(&app->stream_writer, pool);
}

static void on_gap(const struct stream_gap *gap, void *userdata)
{
    struct app *app = userdata;

    hub_publish_stream_gap(&app->stream_writer, gap);
}

static void on_position(const struct position *position, void *userdata)
{
    struct app *app = userdata;

    if (app->account)
        account_on_position(app->account, position);
}

static void on_wallet(const struct json *item, void *userdata)
{
    struct app *app = userdata;

    if (app->account)
        account_on_wallet(app->account, item);
}

const struct stream_callbacks app_stream_callbacks = {
    .on_link = on_link,
    .on_private_up = on_private_up,
    .on_private_down = on_private_down,
    .on_order = on_order,
    .on_fill = on_fill,
    .on_ticker = on_ticker,
    .on_book = on_book,
    .on_trade = on_trade,
    .on_candle = on_candle,
    .on_liquidation = on_liquidation,
    .on_price_limit = on_price_limit,
    .on_pool = on_pool,
    .on_gap = on_gap,
    .on_position = on_position,
    .on_wallet = on_wallet,
};

/* --- positions for the guard --- */

/* In USD; none: not known. Contracts of inverse positions are USD, and what linear ones and options
 * are settled in counts as USD. */
static struct decimal usd_value(const struct position *position)
{
    struct decimal value = position->value;

    if (position->side == SIDE_NONE)
        return DECIMAL_ZERO;
    if (position->category == CATEGORY_INVERSE)
        value = position->qty;
    if (!decimal_is_none(&value) && value.mantissa < 0)
        value.mantissa = -value.mantissa;
    return value;
}

/* False: there is no value for it. */
static bool tell_guard(struct app *app, const struct position *position)
{
    struct loop_position out = { .category = position->category,
                                 .position_idx = position->position_idx,
                                 .value = usd_value(position),
                                 .updated_ms = position->updated_ms,
                                 .exchange_seq = position->seq };

    memcpy(out.symbol, position->symbol, sizeof(out.symbol));
    if (decimal_is_none(&out.value))
        return false;
    loop_on_position(app->loop, &out);
    return true;
}

/* All of them, after a load: their values move with the price. */
static void tell_guard_all(struct app *app)
{
    struct position *list = malloc(ACCOUNT_POSITIONS_MAX * sizeof(*list));
    struct account_state state;
    bool known = list != NULL;
    size_t count = list ? account_positions(app->account, list, ACCOUNT_POSITIONS_MAX) : 0;

    for (size_t i = 0; i < count; i++)
        known = tell_guard(app, &list[i]) && known;
    free(list);
    account_get_state(app->account, ACCOUNT_POSITIONS, &state);
    loop_on_positions_known(app->loop, known && state.loaded && !state.truncated, state.whole_ms);
}

static void on_account_loaded(enum account_part part, void *userdata)
{
    struct app *app = userdata;

    if (part == ACCOUNT_POSITIONS && atomic_load(&app->engine_runs))
        tell_guard_all(app);
}

/* A position that found no place in the account is not told: this is how it shows. */
static void check_truncated(struct app *app)
{
    struct account_state state;

    account_get_state(app->account, ACCOUNT_POSITIONS, &state);
    if (state.truncated)
        loop_on_positions_known(app->loop, false, 0);
}

static void on_account_position(const struct position *position, void *userdata)
{
    struct app *app = userdata;

    hub_publish_position(&app->account_writer, position, clock_wall_ms());
}

static void on_account_report(const struct position *position, void *userdata)
{
    struct app *app = userdata;

    if (atomic_load(&app->engine_runs) && !tell_guard(app, position))
        loop_on_positions_known(app->loop, false, 0);
}

static void on_account_balance(const struct balance *balance, int64_t as_of_ms, void *userdata)
{
    struct app *app = userdata;

    hub_publish_balance(&app->account_writer, balance, as_of_ms, clock_wall_ms());
}

const struct account_callbacks app_account_callbacks = {
    .on_position = on_account_position,
    .on_report = on_account_report,
    .on_balance = on_account_balance,
    .on_loaded = on_account_loaded,
};

void app_on_ban(int64_t until_ms, void *userdata)
{
    journal_note_ban(userdata, until_ms);
}

void app_on_reads_tick(void *userdata)
{
    struct app *app = userdata;

    if (app->account)
        account_tick(app->account);
    if (app->account && atomic_load(&app->engine_runs))
        check_truncated(app);
    if (app->key)
        key_check_tick(app->key);
    if (atomic_load(&app->reads_run))
        book_check_tick(app->book_check, app->reads);
}

void app_on_key_refused(const char *reason, void *userdata)
{
    struct app *app = userdata;

    log_error("key: stopping: %s", reason);
    atomic_store(&app->exit_status, APP_EXIT_BAD_CONFIG);
    (void)kill(getpid(), SIGTERM);
}

void app_add_server_status(struct buffer *out, void *userdata)
{
    struct app *app = userdata;

    if (!app->http)
        return;
    http_add_status(out, app->http);
    about_add_server(out, app->config, app->http);
}

uint64_t app_feed_last(void *userdata)
{
    const struct app *app = userdata;

    return http_feed_last(app->http);
}

bool app_feed_has(uint64_t after, const struct event_filter *filter, void *userdata)
{
    const struct app *app = userdata;

    return http_feed_has(app->http, after, filter);
}

enum err app_feed_wait(uint64_t after, int64_t until_ms, const atomic_bool *gone,
                       void (*on_ready)(void *waiter), void *waiter, void *userdata)
{
    struct app *app = userdata;

    return http_feed_wait(app->http, after, until_ms, gone, on_ready, waiter);
}
