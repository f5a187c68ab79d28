/* tests/test_api_kit.h - drives the endpoints without sockets, threads or a file: stands in for the
 * engine's loop, the journal's readers, the reads thread and the upstream sockets, and notes what
 * they were asked. Market, instruments, clock and budget are the real ones.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "api/api.h"
#include "api/endpoints.h"
#include "api/errors.h"
#include "api/event_filter.h"
#include "base/clock.h"
#include "base/text.h"
#include "db/reader.h"

#define KIT_ORDERS_MAX 1200

struct kit {
    struct api api;
    struct api_call call;
    struct api_header
        request_headers; /* one for the next request: Idempotency-Key, X-Client or Accept */
    char target[600];
    bool labelled_json; /* the next bodies, else as forms */
    int dones;
    bool code_seen[128];

    /* loop: the answer, and what was asked */
    enum err loop_err;
    struct loop_reply reply;
    struct order_request created;
    enum engine_wait wait;
    int64_t until_ms;
    char id[API_PARAM_MAX];
    size_t creates;
    size_t cancels;
    size_t watches;
    size_t groups;
    size_t
        groups_busy_from; /* the n-th group of cancels and later ones are not taken; 0: all are */
    struct engine_status engine;
    void (*on_cancel)(loop_reply_fn *on_reply, void *userdata); /* takes cancels over */
    /* The guard in front of the creates: says what it lacks (or refuses) and whether the create is
     * answered with that. NULL: all pass. */
    bool (*on_create)(const struct order_request *request, const struct guard_facts *facts,
                      struct loop_reply *reply);
    /* Takes creates over. */
    void (*take_create)(const struct guard_facts *facts, loop_reply_fn *on_reply, void *userdata);
    struct guard_facts facts; /* of the last create, check or amend */
    size_t checks;            /* dry runs */
    int64_t fill_seq;         /* the exchange's, of every fill */
    size_t batches;
    size_t batch_count; /* orders of the last one */
    size_t amends;
    struct order_change change;                                /* of the last amend */
    char amend_client[TAG_MAX];                                /* likewise */
    void (*on_amend)(loop_reply_fn *on_reply, void *userdata); /* answers amends */
    const struct loop_reply *watched; /* what watches are answered with; NULL: as all */
    bool head_goes;                   /* before they are answered */
    size_t settings;
    struct loop_setting setting; /* the last one */
    unsigned needs;              /* bits of guard_needs */
    bool killed;
    struct guard_report *report; /* what the guard's calls answer with */
    struct guard_patch *patch;
    size_t patches;
    size_t kills;
    size_t arms;
    size_t guard_reads;
    char reason[160];
    char by[100];
    bool deferred; /* cancels wait for kit_answer_one */
    loop_reply_fn *waiting_fn[128];
    void *waiting_data[128];
    size_t waiting;
    size_t waiting_most;
    const atomic_bool *_Atomic gone; /* of who hears the last command */

    /* journal */
    enum err submit_err;
    void (*take_job)(void (*run)(struct history_reader *, enum err, void *), void *);
    enum err job_err; /* of jobs that wait for a position */
    enum err reader_err;
    const char *native; /* the exchange's object of each order; NULL: none */
    uint64_t position;  /* of the last job */
    size_t jobs;
    struct order *orders; /* row id = index + 1 */
    size_t orders_count;
    struct list_filter filter; /* of the first list of the last job */
    size_t lists;
    struct journal_status journal;
    uint64_t first_event; /* events are there from this number */
    uint64_t last_event;  /* to this one */
    uint64_t lost_event;  /* but for this one; 0: none */
    int64_t watched_from_ms;
    bool tagged_events;
    int unshown_events;   /* of the newest ones */
    uint64_t waits_after; /* of the waiter */
    int64_t waits_until_ms;
    void (*on_ready)(void *waiter);
    void *waiter;
    enum err wait_err;

    /* reads and streams */
    enum err reads_err;
    struct rest_answer answer;
    int64_t answer_age_ms;
    enum bybit_route route;
    char query[200];
    int cache_ms;
    void (*on_read)(enum bybit_route route, const char *query); /* makes the answer */
    /* Takes reads over. */
    void (*take_read)(void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                      void *userdata),
                      void *userdata);
    size_t reads;
    atomic_int facts_open;
    bool no_facts;
    int chains; /* under way */
    int chains_max;
    size_t touches;
    enum stream_kind touched;
    struct stream_topic topics[4];
    size_t topics_count;
    int touched_depth;
    enum err touch_err;
    struct link_status link;
};
static struct kit kit;
static pthread_mutex_t kit_lock = PTHREAD_MUTEX_INITIALIZER; /* of touches */

#include "test_api_kit_loop.h"

/* --- stand-ins --- */

enum err history_submit(struct history *history, uint64_t position,
                        void (*run)(struct history_reader *reader, enum err err, void *userdata),
                        void *userdata)
{
    (void)history;
    if (kit.submit_err)
        return kit.submit_err;
    kit.position = position;
    kit.jobs++;
    kit.lists = 0;
    if (kit.take_job) {
        kit.take_job(run, userdata);
        return ERR_NONE;
    }
    run(NULL, position ? kit.job_err : ERR_NONE, userdata);
    return ERR_NONE;
}

enum err history_submit_first(struct history *history, uint64_t position,
                              void (*run)(struct history_reader *reader, enum err err,
                                          void *userdata),
                              void *userdata)
{
    return history_submit(history, position, run, userdata);
}

/* No statements of one's own here. */
enum err reader_use(struct history_reader *reader, sqlite3 **db)
{
    (void)reader;
    (void)db;
    return ERR_UNAVAILABLE;
}

enum err reader_done(struct history_reader *reader, enum err err, const struct error *error)
{
    (void)reader;
    (void)error;
    return err;
}

enum err reader_order(struct history_reader *reader, const char *id, struct order *out)
{
    (void)reader;
    if (kit.reader_err)
        return kit.reader_err;
    for (size_t i = 0; i < kit.orders_count; i++) {
        if (strcmp(kit.orders[i].request.link, id) == 0) {
            *out = kit.orders[i];
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

enum err reader_order_native(struct history_reader *reader, const struct order *order,
                             struct order *out, struct buffer *native)
{
    enum err err = reader_order(reader, order->request.link, out);

    if (!err && kit.native)
        buffer_add_text(native, kit.native);
    return err;
}

enum err reader_find_order(struct history_reader *reader, enum category category,
                           const char *order_id, const char *link, struct order *out)
{
    (void)category;
    ck_assert_str_eq(order_id, "");
    return reader_order(reader, link, out);
}

static bool kit_matches(const struct order *order, const struct list_filter *filter)
{
    bool final = order_state_is_final(order->state);

    if ((filter->state == FILTER_OPEN && final) || (filter->state == FILTER_FINAL && !final))
        return false;
    if (filter->symbol && strcmp(order->request.symbol, filter->symbol) != 0)
        return false;
    return !filter->tag || strcmp(order->request.tag, filter->tag) == 0;
}

static enum err kit_list(const struct list_filter *filter, bool (*on_index)(size_t, void *),
                         void *userdata)
{
    int taken = 0;

    if (kit.lists++ == 0)
        kit.filter = *filter;
    if (filter->native)
        *filter->native = (struct stored_native){ kit.native, kit.native ? strlen(kit.native) : 0 };
    if (kit.reader_err)
        return kit.reader_err;
    for (size_t i = filter->after ? (size_t)filter->after - 1 : kit.orders_count; i > 0; i--) {
        if (!kit_matches(&kit.orders[i - 1], filter))
            continue;
        if (taken++ == filter->limit || !on_index(i - 1, userdata))
            break;
    }
    return ERR_NONE;
}

struct kit_rows {
    bool (*on_order)(const struct order *order, int64_t row_id, void *userdata);
    bool (*on_fill)(const struct fill *fill, int64_t row_id, void *userdata);
    void *userdata;
};

static bool kit_row(size_t index, void *userdata)
{
    struct kit_rows *rows = userdata;
    struct fill fill = { .exec_id = "e" };

    if (rows->on_order)
        return rows->on_order(&kit.orders[index], (int64_t)index + 1, rows->userdata);
    fill.qty = fill.price = fill.value = fill.fee = fill.closed_qty = DECIMAL_NONE;
    fill.at_ms = kit.orders[index].exchange_ms;
    fill.exchange_seq = kit.fill_seq;
    return rows->on_fill(&fill, (int64_t)index + 1, rows->userdata);
}

enum err reader_orders(struct history_reader *reader, const struct list_filter *filter,
                       bool (*on_row)(const struct order *order, int64_t row_id, void *userdata),
                       void *userdata)
{
    struct kit_rows rows = { .on_order = on_row, .userdata = userdata };

    (void)reader;
    return kit_list(filter, kit_row, &rows);
}

enum err reader_fills(struct history_reader *reader, const struct list_filter *filter,
                      bool (*on_row)(const struct fill *fill, int64_t row_id, void *userdata),
                      void *userdata)
{
    struct kit_rows rows = { .on_fill = on_row, .userdata = userdata };

    (void)reader;
    return kit_list(filter, kit_row, &rows);
}

enum err reader_first_seq(struct history_reader *reader, uint64_t *seq)
{
    (void)reader;
    *seq = kit.first_event;
    return kit.reader_err;
}

enum err reader_watched_from(struct history_reader *reader, int64_t *from_ms,
                             int64_t *options_from_ms)
{
    (void)reader;
    *from_ms = *options_from_ms = kit.watched_from_ms;
    return kit.reader_err;
}

/* Each tenth one is of the tag grid. */
static inline struct stored_event kit_event(uint64_t seq)
{
    static const char plain[] = "{\"ts\":1}";
    static const char tagged[] = "{\"category\":\"spot\",\"symbol\":\"BTCUSDT\",\"tag\":\"grid\"}";
    bool is_plain = seq % 10 || !kit.tagged_events;

    return (struct stored_event){ .seq = seq,
                                  .event = "order",
                                  .json = is_plain ? plain : tagged,
                                  .json_bytes = is_plain ? sizeof(plain) - 1 : sizeof(tagged) - 1,
                                  .at_ms = 1000 };
}

enum err reader_events(struct history_reader *reader, uint64_t after, int limit,
                       bool (*on_row)(const struct stored_event *event, void *userdata),
                       void *userdata)
{
    (void)reader;
    if (kit.reader_err)
        return kit.reader_err;
    for (uint64_t seq = after + 1; seq <= kit.last_event && limit > 0; seq++) {
        const struct stored_event event = kit_event(seq);

        if (seq == kit.lost_event)
            continue;
        limit--;
        if (!on_row(&event, userdata))
            break;
    }
    return ERR_NONE;
}

enum err reader_events_back(struct history_reader *reader, uint64_t until, int limit,
                            bool (*on_row)(const struct stored_event *event, void *userdata),
                            void *userdata)
{
    (void)reader;
    if (kit.reader_err)
        return kit.reader_err;
    for (uint64_t seq = until; seq >= kit.first_event && seq > 0 && limit > 0; seq--) {
        const struct stored_event event = kit_event(seq);

        if (seq == kit.lost_event)
            continue;
        limit--;
        if (!on_row(&event, userdata))
            break;
    }
    return ERR_NONE;
}

/* struct api's: the ring holds the last 50. */
static inline bool kit_feed_has(uint64_t after, const struct event_filter *filter, void *userdata)
{
    (void)userdata;
    for (uint64_t seq = after + 1; seq <= kit.last_event; seq++) {
        const struct stored_event event = kit_event(seq);

        if (after + 50 < kit.last_event ||
            event_filter_takes_event(filter, event.event, event.json, event.json_bytes))
            return true;
    }
    return false;
}

/* struct api's. */
static inline uint64_t kit_feed_last(void *userdata)
{
    (void)userdata;
    return kit.last_event - (uint64_t)kit.unshown_events;
}

static inline enum err kit_feed_wait(uint64_t after, int64_t until_ms, const atomic_bool *gone,
                                     void (*on_ready)(void *waiter), void *waiter, void *userdata)
{
    ck_assert(gone && !atomic_load(gone));
    (void)userdata;
    if (kit.wait_err)
        return kit.wait_err;
    kit.waits_after = after;
    kit.waits_until_ms = until_ms;
    kit.on_ready = on_ready;
    kit.waiter = waiter;
    return ERR_NONE;
}

void journal_get_status(struct journal *journal, struct journal_status *out)
{
    (void)journal;
    *out = kit.journal;
}

enum err reads_get(struct reads *reads, enum bybit_route route, enum category category,
                   const char *query, int timeout_ms, int cache_ms,
                   void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                   void *userdata),
                   void *userdata)
{
    struct text text = text_in(kit.query, sizeof(kit.query));

    (void)reads;
    (void)category;
    if (kit.take_read) {
        kit.take_read(on_done, userdata);
        return ERR_NONE;
    }
    ck_assert_int_le(timeout_ms, 15000);
    ck_assert_int_gt(timeout_ms, 0);
    if (kit.reads_err)
        return kit.reads_err;
    kit.reads++;
    kit.route = route;
    kit.cache_ms = cache_ms;
    text_add(&text, query);
    if (kit.on_read)
        kit.on_read(route, query);
    on_done(&kit.answer, clock_wall_ms() - kit.answer_age_ms, userdata);
    return ERR_NONE;
}

enum err reads_get_own(struct reads *reads, enum bybit_route route, enum category category,
                       const char *query, int timeout_ms, int cache_ms,
                       void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                       void *userdata),
                       void *userdata)
{
    return reads_get(reads, route, category, query, timeout_ms, cache_ms, on_done, userdata);
}

bool reads_facts_begin(struct reads *reads)
{
    (void)reads;
    if (kit.no_facts)
        return false;
    kit.facts_open++;
    return true;
}

void reads_facts_end(struct reads *reads)
{
    (void)reads;
    kit.facts_open--;
}

bool reads_chain_begin(struct reads *reads)
{
    (void)reads;
    if (kit.chains == kit.chains_max)
        return false;
    kit.chains++;
    return true;
}

void reads_chain_end(struct reads *reads)
{
    (void)reads;
    kit.chains--;
}

enum err stream_touch(struct stream *stream, enum stream_kind kind, enum category category,
                      const char *symbol, int depth)
{
    (void)stream;
    (void)category;
    (void)symbol;
    (void)pthread_mutex_lock(&kit_lock);
    kit.touches++;
    kit.touched = kind;
    kit.touched_depth = depth;
    (void)pthread_mutex_unlock(&kit_lock);
    return kit.touch_err;
}

/* What the account keeps streamed: nothing here. */
enum err stream_want(struct stream *stream, enum stream_kind kind, enum category category,
                     const char *symbol, int depth)
{
    return stream_touch(stream, kind, category, symbol, depth);
}

void stream_drop(struct stream *stream, enum stream_kind kind, enum category category,
                 const char *symbol, int depth)
{
    (void)stream;
    (void)kind;
    (void)category;
    (void)symbol;
    (void)depth;
}

void stream_link_status(struct stream *stream, enum stream_link link, struct link_status *out)
{
    (void)stream;
    (void)link;
    *out = kit.link;
}

size_t stream_topics(struct stream *stream, struct stream_topic *out, size_t max)
{
    (void)stream;
    for (size_t i = 0; i < kit.topics_count && i < max; i++)
        out[i] = kit.topics[i];
    return kit.topics_count;
}

const char *stream_topic_state_word(enum stream_topic_state state)
{
    static const char *const words[] = { "waiting", "subscribed", "refused" };

    return words[state];
}

const char *stream_link_word(enum stream_link link)
{
    static const char *const words[] = { "public.spot", "public.linear", "public.inverse",
                                         "public.option", "private" };

    return words[link];
}

const char *link_state_word(enum link_state state)
{
    static const char *const words[] = { "idle", "connecting", "connected", "stale", "down" };

    return words[state];
}

/* --- the parts --- */

static struct decimal kit_decimal(const char *text)
{
    struct decimal value = DECIMAL_NONE;

    if (*text)
        ck_assert(!decimal_parse(&value, text));
    return value;
}

static struct instrument kit_instrument(enum category category, const char *symbol)
{
    struct instrument instrument = {
        .category = category, .base = "BTC", .quote = "USDT", .status = "Trading"
    };
    struct text text = text_in(instrument.symbol, sizeof(instrument.symbol));

    text_add(&text, symbol);
    instrument.tick_size = kit_decimal("0.1");
    instrument.qty_step = kit_decimal("0.001");
    instrument.quote_step = kit_decimal(category == CATEGORY_SPOT ? "0.01" : "");
    instrument.min_qty = kit_decimal("0.001");
    instrument.max_limit_qty = instrument.max_market_qty = kit_decimal("100");
    instrument.max_post_only_qty = DECIMAL_NONE;
    instrument.min_notional = kit_decimal("5");
    instrument.min_price = kit_decimal("0.1");
    instrument.max_price = kit_decimal("200000");
    instrument.min_leverage = instrument.max_leverage = instrument.leverage_step = DECIMAL_NONE;
    return instrument;
}

static void kit_publish_symbols(void)
{
    const struct instrument list[] = { kit_instrument(CATEGORY_LINEAR, "BTCUSDT"),
                                       kit_instrument(CATEGORY_LINEAR, "ETHUSDT"),
                                       kit_instrument(CATEGORY_SPOT, "BTCUSDT"),
                                       kit_instrument(CATEGORY_SPOT, "BTCEUR") };
    struct instruments *all = instruments_create(list, ARRAY_LEN(list), 1700000000000);

    ck_assert_ptr_nonnull(all);
    instruments_publish(kit.api.instruments, all);
}

static struct order kit_order(const char *link, enum order_state state)
{
    struct order order = { .state = state };
    struct text text = text_in(order.request.link, sizeof(order.request.link));

    text_add(&text, link);
    memcpy(order.request.symbol, "BTCUSDT", 8);
    order.request.category = CATEGORY_LINEAR;
    order.request.side = SIDE_BUY;
    order.request.qty = order.request.price = order.request.trigger_price = DECIMAL_NONE;
    order.filled_qty = order.avg_price = DECIMAL_NONE;
    return order;
}

static void kit_open(void)
{
    bool seen[ARRAY_LEN(kit.code_seen)];
    static char parts[4]; /* addresses for what the stand-ins never look into */

    memcpy(seen, kit.code_seen, sizeof(seen));
    memset(&kit, 0, sizeof(kit));
    memcpy(kit.code_seen, seen, sizeof(seen));
    kit.api = (struct api){ .version = "0.1.0",
                            .env = "sim",
                            .has_keys = true,
                            .default_category = CATEGORY_LINEAR,
                            .started_ms = 1700000000000,
                            .order_deadline_ms = 5000,
                            .loop = (struct loop *)&parts[0],
                            .journal = (struct journal *)&parts[1],
                            .feed_last = kit_feed_last,
                            .feed_wait = kit_feed_wait,
                            .feed_has = kit_feed_has };
    kit.api.instruments = instruments_slot_create();
    kit.api.market = market_create();
    kit.api.clock = clock_sync_create();
    kit.api.budget = budget_create(550);
    kit.orders = calloc(KIT_ORDERS_MAX, sizeof(*kit.orders));
    kit.report = calloc(1, sizeof(*kit.report));
    kit.patch = calloc(1, sizeof(*kit.patch));
    ck_assert(kit.api.instruments && kit.api.market && kit.api.clock && kit.api.budget &&
              kit.orders && kit.report && kit.patch);
    kit.chains_max = 1;
    kit.engine.ready = true;
    kit.link.state = LINK_CONNECTED;
    clock_sync_sample(kit.api.clock, clock_mono_us() - 1000, clock_mono_us(), clock_wall_ms());
    kit_publish_symbols();
    kit.reply.has_order = true;
    kit.reply.order = kit_order("b-7", ORDER_ACKED);
}

static void kit_close(void)
{
    buffer_deinit(&kit.call.reply);
    free(kit.orders);
    free(kit.report);
    free(kit.patch);
    instruments_slot_destroy(kit.api.instruments);
    market_destroy(kit.api.market);
    clock_sync_destroy(kit.api.clock);
    budget_destroy(kit.api.budget);
}
