/* tests/test_world.c - the engine in a simulated world: an exchange, a journal that forgets at a
 * crash what was not committed, and a network that loses, delays, repeats and reorders. One seed,
 * one story; after each step the invariants of RELIABILITY section 4 are checked. WORLD_SEEDS=n
 * sets how many seeds, WORLD_SEED=n replays one and tells all of it.
 */
#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/native.h"
#include "engine/engine.h"
#include "engine/order.h"

#define LINKS_MAX    48
#define ORDERS_MAX   96
#define FILLS_MAX    256
#define ROWS_MAX     512
#define QUEUE_MAX    4096
#define WAITERS_MAX_ 2048
#define STEPS_MAX    200
#define SOON_MS      80000
#define QUIET_MS     900000
#define NAMED_MAX    64 /* orders in the answer to a cancel-all */
#define PAGE_ITEMS   3
#define MINUTE_MS    60000
#define HORIZON_MS   42000 /* of what was sent last before the faults end */
#define SETTLED_MS   30000 /* later: six look-ups over 120 s, from an answer that never came */
#define AMENDS_MAX   256
#define FILLED_MAX   1024

static uint64_t events_run;
static uint64_t left_run;
static uint64_t deliveries_run;
static uint64_t refused_run; /* by a limit of the guard */
static uint64_t killed_run;
static uint64_t cleared_run;
static uint64_t armed_run;
static uint64_t amends_run; /* sent */
static uint64_t amended_run;
static uint64_t dry_run;

/* --- what the world is made of --- */

struct there { /* an order at the exchange */
    char link[ORDER_LINK_MAX];
    char order_id[ORDER_ID_MAX];
    bool ours;
    bool exit;  /* sells, and only to make a position smaller */
    bool child; /* made by the exchange when an order of ours was filled: its stop loss */
    int attempt;
    enum category category;
    char symbol[SYMBOL_MAX];
    int qty;
    int price;
    int trigger;     /* 0: none */
    int take_profit; /* 0: none */
    int filled;
    int64_t value; /* of what is filled */
    enum exchange_status status;
    char reject_reason[REASON_MAX];
    int64_t created_ms; /* server clock */
    int64_t updated_ms;
    int64_t listed_ms;  /* in the history from then on, our clock */
    int64_t visible_ms; /* in no list and on no stream before, our clock */
    bool realtime_forgets;
    int64_t ended_ms; /* our clock; 0: it is open */
};

struct filled { /* an execution at the exchange */
    char exec_id[EXEC_ID_MAX];
    int order;          /* -1: funding, or */
    const char *option; /* the delivery of this one; else NULL */
    int qty;
    int price;
    int64_t at_ms;
    int64_t listed_ms;
    int64_t sequence;
    bool flattened; /* its position is closed again */
};

struct stored { /* a row of the journal's orders */
    struct order order;
    const struct native *native; /* what the exchange said of it, by object_of; NULL: nothing */
    bool doomed_attempt[16];     /* ended here as never accepted: then it may not be there */
};

struct stored_fill {
    struct fill fill;
};

enum thing_kind {
    THING_EVENT,
    THING_ARRIVE,
    THING_COMMIT,
    THING_CANCEL_ARRIVES,
    THING_AMEND_ARRIVES,
    THING_CANCEL_ALL_ARRIVES,
    THING_LOAD_POSITIONS
};

struct thing { /* what will happen at a time */
    int64_t at_ms;
    uint64_t number;
    enum thing_kind kind;
    bool survives; /* a crash of the bridge */
    bool private_stream;
    struct engine_event event;
    char cursor[32];
    char order_id[ORDER_ID_MAX];
    struct order_request sent;
    struct order_change change;
    int64_t amend_ms;
    int attempt;
    int64_t deadline_ms;
    int64_t signed_ms;
    uint64_t send_id;
    const char *order_filter;
    int fate;
    int run; /* of the bridge that sent it */
    uint64_t position;
    /* From here on not cleared: written before they are read. */
    struct order_report reports[PAGE_ITEMS];
    struct swept_order named[NAMED_MAX];
    struct fill fills[PAGE_ITEMS];
    struct order found;
};

struct waiting {
    uint64_t id;
    int64_t until_ms;
    bool open;
};

struct world {
    uint64_t random;
    uint64_t seed;
    int64_t now_ms;
    int64_t skew_ms;
    bool faults;
    bool told; /* its story is kept: without it a seed runs much faster, and it can be run again */
    bool loud;
    bool foreign; /* somebody else uses our links */
    struct engine *engine;
    struct engine_actions actions; /* kept from world to world */
    uint64_t number;

    struct there there[ORDERS_MAX];
    int there_count;
    struct filled filled[FILLS_MAX];
    int filled_count;

    size_t rows_count;
    uint64_t committed;
    uint64_t handed;
    bool commit_due;
    struct stored stored[ORDERS_MAX * 2];
    int stored_count;
    struct stored_fill fills[FILLS_MAX];
    int fills_count;
    uint64_t last_seq;
    int64_t watermark_ms;
    int64_t journal_down_until_ms;

    struct thing *queue[QUEUE_MAX]; /* a heap by time */
    int queue_count;

    bool stream_up;
    int64_t stream_since_ms;
    int run;
    int links_count;
    char links[LINKS_MAX][ORDER_LINK_MAX];
    int body[LINKS_MAX];
    struct waiting waiting[WAITERS_MAX_];
    int waiting_count;
    int sends[LINKS_MAX][16];

    /* The guard. */
    struct guard_rules ceiling;
    bool capped; /* the ceiling holds max_open_notional and max_orders_per_minute */
    bool kills;  /* somebody kills now and then */
    bool no_options;
    bool options_fail; /* to be read, while there are faults */
    bool one_coin;     /* the configuration lacks the second one, but there is a position in it */
    struct guard_state guard;                    /* as stored */
    struct guard_create creates[LINKS_MAX * 16]; /* as stored */
    int creates_count;
    int64_t sent_ms[LINKS_MAX * 16]; /* when the intents of what was sent were made */
    int sent_count;
    int64_t sequence; /* of the exchange */
    bool killed;
    bool told_killed; /* and that it lasts */
    bool arm_asked;
    int intents_taken;

    struct { /* amends that were sent */
        char order_id[ORDER_ID_MAX];
        int64_t amend_ms;
    } amends[AMENDS_MAX];
    int amends_count;
    int amends_taken;     /* rows */
    enum outcome outcome; /* of the last reply */
    bool told_clear;
    int64_t kill_ms; /* when it began, or was found by a start */
    bool settled;    /* all there is to come has come */

    char story[32][256]; /* the last events */
    int story_at;
    char failure[256];

    struct engine_action rows[ROWS_MAX]; /* not cleared */
};

static void tell(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(struct world *world, const char *format, ...)
{
    char *line;
    va_list list;
    int bytes;

    if (!world->told)
        return;
    line = world->story[world->story_at++ % 32];
    bytes = snprintf(line, 256, "%8" PRId64 " ", world->now_ms - 1700000000000);
    va_start(list, format);
    (void)vsnprintf(line + bytes, 256 - (size_t)bytes, format, list);
    va_end(list);
    if (world->loud)
        puts(line);
}

static void broken(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void broken(struct world *world, const char *format, ...)
{
    va_list list;

    if (world->failure[0])
        return;
    va_start(list, format);
    (void)vsnprintf(world->failure, sizeof(world->failure), format, list);
    va_end(list);
    tell(world, "FAILED %s", world->failure);
}

static uint64_t draw(struct world *world)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return world->random;
}

static int roll(struct world *world, int sides)
{
    return (int)((draw(world) >> 20) % (uint64_t)sides);
}

/* True in `percent` of the cases, while there are faults. */
static bool fault(struct world *world, int percent)
{
    return world->faults && roll(world, 100) < percent;
}

static int64_t server_ms(const struct world *world)
{
    return world->now_ms + world->skew_ms;
}

/* --- the queue of what will happen --- */

static bool before(const struct thing *a, const struct thing *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->number < b->number);
}

static struct thing *thing_new(struct world *world, enum thing_kind kind, int64_t after_ms)
{
    struct thing *thing = malloc(sizeof(*thing));
    int at;

    assert(thing && world->queue_count < QUEUE_MAX);
    memset(thing, 0, offsetof(struct thing, reports));
    thing->kind = kind;
    thing->at_ms = world->now_ms + after_ms;
    thing->number = ++world->number;
    at = world->queue_count++;
    while (at > 0 && before(thing, world->queue[(at - 1) / 2])) {
        world->queue[at] = world->queue[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->queue[at] = thing;
    return thing;
}

static void queue_sink(struct world *world, int at, struct thing *thing)
{
    for (;;) {
        int child = 2 * at + 1;

        if (child + 1 < world->queue_count && before(world->queue[child + 1], world->queue[child]))
            child++;
        if (child >= world->queue_count || !before(world->queue[child], thing))
            break;
        world->queue[at] = world->queue[child];
        at = child;
    }
    world->queue[at] = thing;
}

static struct thing *queue_pop(struct world *world)
{
    struct thing *first = world->queue[0];
    struct thing *last = world->queue[--world->queue_count];

    if (world->queue_count > 0)
        queue_sink(world, 0, last);
    return first;
}

/* Keeps only what `keep` says, for crashes and gaps. */
static void queue_filter(struct world *world, bool (*keep)(const struct thing *thing))
{
    int count = 0;

    for (int i = 0; i < world->queue_count; i++) {
        if (keep(world->queue[i]))
            world->queue[count++] = world->queue[i];
        else
            free(world->queue[i]);
    }
    world->queue_count = count;
    for (int i = count / 2 - 1; i >= 0; i--)
        queue_sink(world, i, world->queue[i]);
}

/* --- the exchange --- */

static struct there *there_by_link(struct world *world, const char *link)
{
    for (int i = 0; i < world->there_count && link[0]; i++) {
        if (strcmp(world->there[i].link, link) == 0)
            return &world->there[i];
    }
    return NULL;
}

static struct there *there_by_id(struct world *world, const char *order_id)
{
    for (int i = 0; i < world->there_count; i++) {
        if (strcmp(world->there[i].order_id, order_id) == 0)
            return &world->there[i];
    }
    return NULL;
}

/* The exchange's object of an order, as far as it matters here: its status, and how much is filled.
 * Made once each and never let go, so that it is known by its address. */
static struct native *object_of(enum exchange_status status, int filled)
{
    static struct native *objects[STATUS_OTHER + 1][FILLED_MAX];
    struct native **object = &objects[status][filled];
    char text[64];

    assert(filled >= 0 && filled < FILLED_MAX);
    if (*object)
        return *object;
    (void)snprintf(text, sizeof(text), "{\"status\":\"%s\",\"filled\":%d}", status_theirs(status),
                   filled);
    *object = native_make(text, strlen(text));
    assert(native_bytes(*object) > 0);
    return *object;
}

static void report_of(const struct there *there, struct order_report *report)
{
    memset(report, 0, sizeof(*report));
    memcpy(report->order_id, there->order_id, sizeof(report->order_id));
    memcpy(report->link, there->link, sizeof(report->link));
    memcpy(report->symbol, there->symbol, sizeof(report->symbol));
    memcpy(report->reject_reason, there->reject_reason, sizeof(report->reject_reason));
    report->category = there->category;
    report->side = there->exit ? SIDE_SELL : SIDE_BUY;
    report->reduce_only = there->exit;
    report->type = ORDER_TYPE_LIMIT;
    report->tif = TIF_GTC;
    report->status = there->status;
    report->qty = decimal_from_int(there->qty);
    report->price = decimal_from_int(there->price);
    report->trigger_price = decimal_from_int(there->trigger);
    report->take_profit = there->take_profit ? decimal_from_int(there->take_profit) : DECIMAL_NONE;
    report->stop_loss = DECIMAL_NONE;
    report->filled_qty = decimal_from_int(there->filled);
    report->filled_value = decimal_from_int(there->value);
    report->avg_price =
        there->filled ? decimal_from_int(there->value / there->filled) : DECIMAL_NONE;
    report->created_ms = there->created_ms;
    report->updated_ms = there->updated_ms;
    report->native = object_of(there->status, there->filled);
}

static enum category category_of(const struct world *world, const struct filled *filled)
{
    if (filled->order >= 0)
        return world->there[filled->order].category;
    return filled->option ? CATEGORY_OPTION : CATEGORY_LINEAR;
}

static void fill_of(const struct world *world, const struct filled *filled, struct fill *fill)
{
    const struct there *there = filled->order >= 0 ? &world->there[filled->order] : NULL;

    memset(fill, 0, sizeof(*fill));
    memcpy(fill->exec_id, filled->exec_id, sizeof(fill->exec_id));
    fill->category = category_of(world, filled);
    (void)snprintf(fill->symbol, sizeof(fill->symbol), "%s",
                   there            ? there->symbol
                   : filled->option ? filled->option
                                    : "BTCUSDT");
    if (there) {
        memcpy(fill->order_id, there->order_id, sizeof(fill->order_id));
        if (strlen(filled->exec_id) % 2)
            memcpy(fill->link, there->link, sizeof(fill->link));
    }
    fill->side = !there ? SIDE_NONE : there->exit ? SIDE_SELL : SIDE_BUY;
    fill->exchange_seq = filled->sequence;
    fill->kind = there ? FILL_TRADE : filled->option ? FILL_SETTLE : FILL_FUNDING;
    fill->qty = decimal_from_int(filled->qty);
    fill->price = decimal_from_int(filled->price);
    fill->value = DECIMAL_NONE;
    fill->fee = decimal_from_int(0);
    fill->closed_qty = DECIMAL_NONE;
    fill->at_ms = filled->at_ms;
}

/* How long an order stays unseen: the lists and the stream may lag behind the engine of the
 * exchange. */
static int64_t hidden_ms(const struct world *world, const struct there *there)
{
    return there && there->visible_ms > world->now_ms ? there->visible_ms - world->now_ms : 0;
}

/* A message of the private stream, sometimes twice; lost with a gap. */
static void publish(struct world *world, const struct there *there, const struct filled *filled)
{
    const struct there *of = there                ? there
                             : filled->order >= 0 ? &world->there[filled->order]
                                                  : NULL;
    int copies = fault(world, 10) ? 2 : 1;

    if (!world->stream_up)
        return;
    for (int i = 0; i < copies; i++) {
        int64_t delay = 1 + roll(world, fault(world, 20) ? 3000 : 60);
        struct thing *thing = thing_new(world, THING_EVENT, delay + hidden_ms(world, of));

        thing->private_stream = true;
        if (there) {
            thing->event.kind = EVENT_ORDER;
            report_of(there, &thing->reports[0]);
        } else {
            thing->event.kind = EVENT_FILL;
            fill_of(world, filled, &thing->fills[0]);
        }
    }
}

/* The position as it is now: what was bought since it was last closed. */
static void position_of(const struct world *world, struct engine_event *event)
{
    int64_t value = 0;

    for (int i = 0; i < world->filled_count; i++) {
        const struct filled *filled = &world->filled[i];
        const struct there *there = filled->order >= 0 ? &world->there[filled->order] : NULL;

        if (there && there->category == CATEGORY_LINEAR && !there->exit && !filled->flattened)
            value += (int64_t)filled->qty * filled->price;
    }
    event->kind = EVENT_POSITION;
    event->u.position.category = CATEGORY_LINEAR;
    event->u.position.symbol = "BTCUSDT";
    event->u.position.value = decimal_from_int(value);
    event->u.position.updated_ms = server_ms(world);
    event->u.position.exchange_seq = world->sequence;
}

static void publish_position(struct world *world)
{
    struct thing *thing;

    if (!world->stream_up)
        return;
    thing = thing_new(world, THING_EVENT,
                      1 + roll(world, world->capped || fault(world, 20) ? 5000 : 60));
    thing->private_stream = true;
    position_of(world, &thing->event);
}

/* A read of all positions, as it was at its begin. */
static void load_positions(struct world *world)
{
    int64_t delay = roll(world, fault(world, 20) ? 2000 : 40);
    struct thing *thing = thing_new(world, THING_EVENT, delay);

    thing->private_stream = true;
    position_of(world, &thing->event);
    if (world->one_coin && !world->no_options) {
        thing = thing_new(world, THING_EVENT, delay);
        thing->private_stream = true;
        thing->event.kind = EVENT_POSITION;
        thing->event.u.position.category = CATEGORY_OPTION;
        thing->event.u.position.symbol = "ETH-28FEB25-3200-P-USDT";
        thing->event.u.position.value = decimal_from_int(0);
    }
    thing = thing_new(world, THING_EVENT, delay);
    thing->private_stream = true;
    thing->event.kind = EVENT_POSITIONS_KNOWN;
    thing->event.u.positions.known = true;
    thing->event.u.positions.begun_ms = world->now_ms;
}

static void there_changed(struct world *world, struct there *there)
{
    there->updated_ms = server_ms(world);
    publish(world, there, NULL);
}

static void there_close(struct world *world, struct there *there, enum exchange_status status)
{
    there->status = status;
    there->ended_ms = world->now_ms;
    there->listed_ms = world->now_ms + (fault(world, 30) ? roll(world, 2000) : 0);
    there_changed(world, there);
    tell(world, "  exchange: %s %s %s %d/%d", there->order_id, there->link, status_theirs(status),
         there->filled, there->qty);
}

static struct there *there_new(struct world *world, const char *link, enum category category,
                               const char *symbol, int qty, int price)
{
    struct there *there;

    if (world->there_count == ORDERS_MAX)
        return NULL;
    there = &world->there[world->there_count++];
    memset(there, 0, sizeof(*there));
    (void)snprintf(there->link, sizeof(there->link), "%s", link);
    (void)snprintf(there->order_id, sizeof(there->order_id), "order-%d", world->there_count);
    (void)snprintf(there->symbol, sizeof(there->symbol), "%s", symbol);
    there->category = category;
    there->qty = qty;
    there->price = price;
    there->status = STATUS_NEW;
    there->created_ms = server_ms(world);
    there->realtime_forgets = roll(world, 3) == 0;
    return there;
}

static bool is_open(const struct there *there)
{
    return !status_is_closed(there->status);
}

static void make_child(struct world *world, const struct there *there)
{
    struct there *child = there_new(world, "", CATEGORY_LINEAR, "BTCUSDT", there->qty, 40);

    if (!child)
        return;
    child->exit = true;
    child->child = true;
    there_changed(world, child);
    tell(world, "  exchange: makes %s of %s", child->order_id, there->order_id);
}

static void there_fill(struct world *world, struct there *there, int qty)
{
    bool first = there->filled == 0;
    struct filled *filled;

    if (world->filled_count == FILLS_MAX || qty <= 0)
        return;
    filled = &world->filled[world->filled_count++];
    (void)snprintf(filled->exec_id, sizeof(filled->exec_id), "exec-%d", world->filled_count);
    filled->order = (int)(there - world->there);
    filled->qty = qty;
    filled->price = there->price;
    there->value += (int64_t)qty * there->price;
    filled->at_ms = server_ms(world);
    filled->listed_ms = world->now_ms + (fault(world, 30) ? roll(world, 2000) : 0);
    filled->sequence = ++world->sequence;
    there->filled += qty;
    there->status = there->filled == there->qty ? STATUS_FILLED : STATUS_PARTIALLY_FILLED;
    if (roll(world, 2) && there->category == CATEGORY_LINEAR)
        publish_position(world);
    publish(world, NULL, filled);
    if (there->category == CATEGORY_LINEAR)
        publish_position(world);
    if (there->status == STATUS_FILLED)
        there_close(world, there, STATUS_FILLED);
    else
        there_changed(world, there);
    tell(world, "  exchange: fill %s of %s %s: %d at %d", filled->exec_id, there->order_id,
         there->link, qty, filled->price);
    if (first && there->ours && there->category == CATEGORY_LINEAR && roll(world, 3) == 0)
        make_child(world, there);
}

static void funding(struct world *world)
{
    struct filled *filled;

    if (world->filled_count == FILLS_MAX)
        return;
    filled = &world->filled[world->filled_count++];
    (void)snprintf(filled->exec_id, sizeof(filled->exec_id), "fund-%d", world->filled_count);
    filled->order = -1;
    filled->qty = 1;
    filled->price = 1;
    filled->at_ms = server_ms(world);
    filled->listed_ms = world->now_ms;
    publish(world, NULL, filled);
}

/* An option ends: no order tells of that, and no list of another coin. */
static void delivery(struct world *world)
{
    static const char *const options[] = { "BTC-28FEB25-90000-C", "ETH-28FEB25-3000-C-USDT" };
    struct filled *filled;

    if (world->no_options || world->filled_count == FILLS_MAX)
        return;
    filled = &world->filled[world->filled_count++];
    (void)snprintf(filled->exec_id, sizeof(filled->exec_id), "ends-%d", world->filled_count);
    filled->order = -1;
    filled->option = options[roll(world, 2)];
    filled->qty = 1;
    filled->price = roll(world, 2);
    filled->at_ms = server_ms(world);
    filled->listed_ms = world->now_ms + (fault(world, 30) ? roll(world, 2000) : 0);
    publish(world, NULL, filled);
    tell(world, "  exchange: delivery %s of %s", filled->exec_id, filled->option);
    deliveries_run++;
}

/* --- checks on what the bridge stores and sends --- */

static int link_number(const struct world *world, const char *link)
{
    for (int i = 0; i < world->links_count; i++) {
        if (strcmp(world->links[i], link) == 0)
            return i;
    }
    return -1;
}

static struct stored *stored_by_link(struct world *world, const char *link)
{
    for (int i = 0; i < world->stored_count && link[0]; i++) {
        if (strcmp(world->stored[i].order.request.link, link) == 0)
            return &world->stored[i];
    }
    return NULL;
}

static struct stored *stored_by_id(struct world *world, const char *order_id)
{
    for (int i = 0; i < world->stored_count && order_id[0]; i++) {
        if (strcmp(world->stored[i].order.order_id, order_id) == 0)
            return &world->stored[i];
    }
    return NULL;
}

static bool stored_has_fill(const struct world *world, const char *exec_id)
{
    for (int i = 0; i < world->fills_count; i++) {
        if (strcmp(world->fills[i].fill.exec_id, exec_id) == 0)
            return true;
    }
    return false;
}

/* I3: what ended here as never accepted is not there. */
static void check_never(struct world *world, const struct order *order)
{
    const struct there *there = there_by_link(world, order->request.link);
    bool never = order->state == ORDER_NOT_SENT || order->state == ORDER_NEVER_ACCEPTED ||
                 (order->state == ORDER_REJECTED && order->status == STATUS_NONE);

    if (never && there && there->ours && there->attempt >= order->attempt)
        broken(world, "I3: %s attempt %d is %s but it is there", order->request.link,
               order->attempt, order_state_name(order->state));
    if (order->state == ORDER_GONE)
        broken(world, "%s is gone after a short time", order->request.link);
    if (order->state == ORDER_ACKED && order->request.link[0] && !there)
        broken(world, "I4: %s is acked and not there", order->request.link);
}

/* I7 */
static void check_grows(struct world *world, const struct order *from, const struct order *to,
                        bool anomaly)
{
    if (decimal_cmp(&to->filled_qty, &from->filled_qty) < 0)
        broken(world, "I7: cumExecQty of %s falls", to->order_id);
    if (from->state == ORDER_CLOSED && to->state != ORDER_CLOSED && !anomaly)
        broken(world, "I7: %s is open again", to->order_id);
}

/* What the exchange has said last is of the state that the order shows. */
static void check_native(struct world *world, const struct stored *stored)
{
    const struct order *order = &stored->order;
    struct decimal filled = decimal_trim(order->filled_qty);

    if (order->status != STATUS_NONE &&
        stored->native != object_of(order->status, (int)filled.mantissa))
        broken(world, "%s: what the exchange said of it is of another state: %s", order->order_id,
               native_json(stored->native));
}

static void commit_order(struct world *world, const struct engine_action *row)
{
    const struct order *order = &row->u.row.order;
    struct stored *stored = stored_by_link(world, order->request.link);

    if (!stored)
        stored = stored_by_id(world, order->order_id);
    if (!stored) {
        assert(world->stored_count < ORDERS_MAX * 2);
        stored = &world->stored[world->stored_count++];
        memset(stored, 0, sizeof(*stored));
    } else {
        check_grows(world, &stored->order, order, row->u.row.anomaly);
        if (stored->order.external != order->external)
            broken(world, "%s: a row of another order", order->request.link);
    }
    check_never(world, order);
    if (order_state_is_final(order->state) && order->attempt < 16 && order->status == STATUS_NONE)
        stored->doomed_attempt[order->attempt] = true;
    stored->order = *order;
    if (row->u.row.native)
        stored->native = row->u.row.native;
    check_native(world, stored);
}

static void commit_fill(struct world *world, const struct fill *fill)
{
    if (stored_has_fill(world, fill->exec_id)) {
        broken(world, "I5: fill %s twice", fill->exec_id);
        return;
    }
    assert(world->fills_count < FILLS_MAX);
    world->fills[world->fills_count++].fill = *fill;
}

/* Intents of one transaction whose links were there. */
struct known_list {
    struct order orders[ROWS_MAX];
    const struct fill_key *keys[ROWS_MAX];
    size_t keys_count[ROWS_MAX];
    size_t count;
    struct fill_key pool[4 * FILLS_MAX];
    size_t pool_count;
};

static size_t keys_of(const struct world *world, const struct order *order, struct fill_key *keys)
{
    size_t count = 0;

    for (int i = 0; i < world->fills_count && order->order_id[0]; i++) {
        if (strcmp(world->fills[i].fill.order_id, order->order_id) == 0)
            memcpy(keys[count++].exec_id, world->fills[i].fill.exec_id, sizeof(keys[0].exec_id));
    }
    return count;
}

static int64_t intent_ms(const struct order *order)
{
    return order->deadline_ms - engine_times_default.order_deadline_ms;
}

static void note_create(struct world *world, const struct engine_action *row)
{
    struct guard_create *create = &world->creates[world->creates_count++];

    assert(world->creates_count <= LINKS_MAX * 16);
    create->at_ms = intent_ms(&row->u.row.order);
    memcpy(create->client, row->u.row.order.request.client, sizeof(create->client));
}

static void commit_intent(struct world *world, const struct engine_action *row,
                          struct known_list *known)
{
    const struct stored *stored = stored_by_link(world, row->u.row.order.request.link);
    size_t at = known->count;

    if (!stored) {
        commit_order(world, row);
        note_create(world, row);
        return;
    }
    assert(known->pool_count + FILLS_MAX <= sizeof(known->pool) / sizeof(known->pool[0]));
    known->keys[at] = &known->pool[known->pool_count];
    known->keys_count[at] = keys_of(world, &stored->order, &known->pool[known->pool_count]);
    known->pool_count += known->keys_count[at];
    known->orders[at] = stored->order;
    known->count++;
}

static void commit_retry(struct world *world, const struct engine_action *row)
{
    const struct stored *stored = stored_by_link(world, row->u.row.order.request.link);

    if (!stored || stored->order.state != ORDER_NOT_SENT ||
        stored->order.attempt + 1 != row->u.row.order.attempt)
        broken(world, "a retry of what is not NOT_SENT");
    commit_order(world, row);
    note_create(world, row);
}

static bool same_change(const struct order_change *a, const struct order_change *b)
{
    return decimal_cmp(&a->qty, &b->qty) == 0 && decimal_cmp(&a->price, &b->price) == 0 &&
           decimal_cmp(&a->trigger_price, &b->trigger_price) == 0 &&
           decimal_cmp(&a->take_profit, &b->take_profit) == 0;
}

static struct stored *stored_of(struct world *world, const struct order *order)
{
    struct stored *stored = stored_by_id(world, order->order_id);

    return stored ? stored : stored_by_link(world, order->request.link);
}

static void commit_amend(struct world *world, const struct engine_action *row)
{
    const struct stored *stored = stored_of(world, &row->u.row.order);

    if (!stored || stored->order.amend != AMEND_NONE || row->u.row.seq)
        broken(world, "an amend of what is not there, or a second one");
    if (row->u.row.order.amend != AMEND_INTENT)
        broken(world, "an amend that is no intent");
    commit_order(world, row);
}

static void commit_row(struct world *world, const struct engine_action *row,
                       struct known_list *known)
{
    if (row->u.row.position != world->committed + 1)
        broken(world, "position %" PRIu64 " after %" PRIu64, row->u.row.position, world->committed);
    world->committed = row->u.row.position;
    if (row->u.row.seq && row->u.row.seq != world->last_seq + 1)
        broken(world, "I6: event %" PRIu64 " after %" PRIu64, row->u.row.seq, world->last_seq);
    if (row->u.row.seq)
        world->last_seq = row->u.row.seq;
    switch (row->u.row.kind) {
    case ROW_INTENT:
        commit_intent(world, row, known);
        return;
    case ROW_AMEND:
        commit_amend(world, row);
        return;
    case ROW_RETRY:
        commit_retry(world, row);
        return;
    case ROW_ORDER:
        commit_order(world, row);
        return;
    case ROW_FILL:
        commit_fill(world, &row->u.row.fill);
        return;
    case ROW_WATERMARK:
        if (row->u.row.watermark_ms < world->watermark_ms)
            broken(world, "the watermark falls");
        world->watermark_ms = row->u.row.watermark_ms;
        return;
    case ROW_GUARD:
        world->guard = *row->u.row.guard;
        return;
    }
}

/* Rows of the guard keep a copy of what they say. */
static void free_guards(struct world *world, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct guard_state *copy = NULL;

        if (world->rows[i].u.row.kind == ROW_GUARD)
            memcpy(&copy, &world->rows[i].u.row.guard, sizeof(copy));
        free(copy);
    }
}

/* Not by an assertion of check: each of them writes to a file. */
static void take_step(struct world *world, const struct engine_event *event)
{
    if (engine_step(world->engine, event, &world->actions))
        broken(world, "the engine is out of memory");
    events_run++;
}

/* One transaction: the rows up to `position`, in order. False: the bridge died before the news of
 * it. */
static bool commit(struct world *world, uint64_t position)
{
    static struct known_list known;
    struct engine_event event = { .kind = EVENT_COMMITTED, .now_ms = world->now_ms };
    size_t done = 0;

    known.count = 0;
    known.pool_count = 0;
    for (; done < world->rows_count && world->rows[done].u.row.position <= position; done++)
        commit_row(world, &world->rows[done], &known);
    free_guards(world, done);
    world->rows_count -= done;
    memmove(world->rows, world->rows + done, world->rows_count * sizeof(world->rows[0]));
    event.u.committed.position = position;
    event.u.committed.known = known.orders;
    event.u.committed.known_count = known.count;
    event.u.committed.known_fills = known.keys;
    event.u.committed.known_fills_count = known.keys_count;
    if (fault(world, 2))
        return false;
    take_step(world, &event);
    return true;
}

/* --- what the actions do --- */

/* All that was cancelled since the kill of this run is in its report, each order once. */
static void check_report(struct world *world, const struct guard_report *report)
{
    size_t cancelled = 0;

    for (int i = 0; i < world->there_count; i++) {
        const struct there *there = &world->there[i];
        bool ended = there->status == STATUS_CANCELLED || there->status == STATUS_DEACTIVATED ||
                     there->status == STATUS_PARTIALLY_FILLED_CANCELED;
        bool listed = false;

        for (size_t at = 0; at < report->listed_count; at++) {
            if (strcmp(report->listed[at].order_id, there->order_id) != 0)
                continue;
            if (listed || !ended)
                broken(world, "%s is told as cancelled %s", there->order_id,
                       listed ? "twice" : "and is not");
            listed = true;
        }
        if (ended && there->ended_ms > world->kill_ms && !listed)
            broken(world, "%s was cancelled after the kill and is not told", there->order_id);
        cancelled += listed;
    }
    if (cancelled != report->cancelled_count)
        broken(world, "%zu orders are told as cancelled, %zu are", report->cancelled_count,
               cancelled);
}

static void reply_taken(struct world *world, const struct engine_action *action)
{
    const struct guard_report *report = action->u.reply.report;
    uint64_t id = action->u.reply.waiter;

    if (report && report->state.killed && report->durable)
        world->told_killed = true;
    for (int i = 0; i < world->waiting_count; i++) {
        if (world->waiting[i].id != id)
            continue;
        if (!world->waiting[i].open)
            broken(world, "waiter %" PRIu64 " is answered twice", id);
        world->waiting[i].open = false;
        world->outcome = action->u.reply.outcome;
        if (report)
            world->told_clear = report->state.clear;
        if (report && world->killed && world->settled)
            check_report(world, report);
        tell(world, "  reply %" PRIu64 " outcome %d %s %s", id, (int)action->u.reply.outcome,
             action->u.reply.has_order ? action->u.reply.order.request.link : "",
             action->u.reply.has_order ? order_state_name(action->u.reply.order.state) : "");
        if (action->u.reply.has_order)
            if (action->u.reply.outcome == OUTCOME_NOT_SENT ||
                action->u.reply.outcome == OUTCOME_REJECTED ||
                action->u.reply.outcome == OUTCOME_THROTTLED)
                if (order_state_is_final(action->u.reply.order.state))
                    check_never(world, &action->u.reply.order);
        return;
    }
    broken(world, "a reply to nobody: %" PRIu64, id);
}

/* The answer to what a dead bridge sent reaches nobody. */
static void answer(struct world *world, int run, uint64_t send_id, enum answer_kind kind,
                   int ret_code, const char *order_id, int64_t signed_ms, int64_t after_ms)
{
    struct thing *thing;

    if (run != world->run)
        return;
    thing = thing_new(world, THING_EVENT, after_ms);
    thing->event.kind = EVENT_ANSWER;
    thing->event.u.answer.send_id = send_id;
    thing->event.u.answer.kind = kind;
    thing->event.u.answer.ret_code = ret_code;
    thing->event.u.answer.ret_msg = "said so";
    thing->event.u.answer.signed_ms = signed_ms;
    thing->event.u.answer.retry_after_ms = kind == REPLY_THROTTLED ? 500 : 0;
    (void)snprintf(thing->order_id, sizeof(thing->order_id), "%s", order_id);
}

enum fate {
    FATE_FINE,
    FATE_LOST_BEFORE,
    FATE_LOST_AFTER,
    FATE_SILENT,
    FATE_REJECTED,
    FATE_REFUSED,
    FATE_SOFT,
    FATE_AMBIGUOUS,
    FATE_IGNORED /* an amend that is acknowledged and never made */
};

/* Of what is sent: nothing while killed, and never more in a minute than allowed, whatever crashed
 * meanwhile. */
static void check_sent(struct world *world, const struct order *order)
{
    int64_t at_ms = intent_ms(order);
    int count = 1;

    if (world->killed)
        broken(world, "%s is sent after a kill", order->request.link);
    for (int i = 0; i < world->sent_count; i++)
        count += world->sent_ms[i] > at_ms - MINUTE_MS && world->sent_ms[i] <= at_ms;
    assert(world->sent_count < LINKS_MAX * 16);
    world->sent_ms[world->sent_count++] = at_ms;
    if (world->capped && count > world->ceiling.all.max_orders_per_minute)
        broken(world, "%d creates in a minute", count);
}

static void send_create(struct world *world, const struct engine_action *action)
{
    const struct order_request *request = &action->u.send.request;
    struct stored *stored = stored_by_link(world, request->link);
    int link = link_number(world, request->link);
    struct thing *thing;
    int attempt;

    if (!stored || stored->order.state != ORDER_INTENT) {
        broken(world, "I2: %s is sent without a durable intent", request->link);
        return;
    }
    attempt = stored->order.attempt;
    if (link >= 0 && attempt < 16 && world->sends[link][attempt]++ > 0)
        broken(world, "I1: %s attempt %d is sent twice", request->link, attempt);
    tell(world, "  send create %s attempt %d", request->link, attempt);
    check_sent(world, &stored->order);
    if (fault(world, 6)) {
        answer(world, world->run, action->u.send.send_id,
               fault(world, 50) ? REPLY_NOT_SENT : REPLY_THROTTLED, 0, "", 0, roll(world, 200));
        return;
    }
    thing = thing_new(world, THING_ARRIVE, roll(world, fault(world, 10) ? 9000 : 50));
    thing->survives = true;
    thing->send_id = action->u.send.send_id;
    thing->run = world->run;
    thing->sent = *request;
    thing->attempt = attempt;
    thing->signed_ms = server_ms(world) - 50;
    thing->fate = world->faults && roll(world, 3) == 0 ? 1 + roll(world, 7) : FATE_FINE;
}

static int decimal_int_of(const struct decimal *value)
{
    return (int)value->mantissa;
}

/* --- amends --- */

/* I1 and I2 of an amend. */
static void check_amend(struct world *world, const struct engine_action *action,
                        const struct stored *stored)
{
    if (world->killed)
        broken(world, "an amend is sent after a kill");
    if (!stored || stored->order.amend != AMEND_INTENT ||
        !same_change(&stored->order.change, &action->u.send.change)) {
        broken(world, "I2: an amend is sent without a durable intent");
        return;
    }
    for (int i = 0; i < world->amends_count; i++) {
        if (strcmp(world->amends[i].order_id, stored->order.order_id) == 0 &&
            world->amends[i].amend_ms == stored->order.amend_ms)
            broken(world, "I1: an amend of %s is sent twice", stored->order.order_id);
    }
    assert(world->amends_count < AMENDS_MAX);
    memcpy(world->amends[world->amends_count].order_id, stored->order.order_id, ORDER_ID_MAX);
    world->amends[world->amends_count++].amend_ms = stored->order.amend_ms;
    amends_run++;
}

static void send_amend(struct world *world, const struct engine_action *action)
{
    const struct stored *stored = stored_by_id(world, action->u.send.order_id);
    struct thing *thing;

    tell(world, "  send amend %s %s", action->u.send.request.link, action->u.send.order_id);
    check_amend(world, action, stored);
    if (fault(world, 6) || !stored) {
        answer(world, world->run, action->u.send.send_id,
               fault(world, 50) ? REPLY_NOT_SENT : REPLY_THROTTLED, 0, "", 0, roll(world, 200));
        return;
    }
    thing = thing_new(world, THING_AMEND_ARRIVES, roll(world, fault(world, 10) ? 9000 : 50));
    thing->survives = true;
    thing->send_id = action->u.send.send_id;
    thing->run = world->run;
    thing->sent = action->u.send.request;
    thing->change = action->u.send.change;
    thing->amend_ms = stored->order.amend_ms;
    memcpy(thing->order_id, action->u.send.order_id, sizeof(thing->order_id));
    thing->signed_ms = server_ms(world) - 50;
    thing->fate = world->faults && roll(world, 3) == 0 ? 1 + roll(world, 8) : FATE_FINE;
}

/* What the exchange says instead of making it. True: it has said so, or nothing. */
static bool amend_turned_away(struct world *world, const struct thing *thing,
                              const struct there *there, int64_t delay)
{
    const struct decimal *qty = &thing->change.qty;
    enum answer_kind kind = REPLY_REJECT;
    int ret_code = 10001;

    if (thing->fate == FATE_LOST_BEFORE) {
        kind = REPLY_LOST;
    } else if (server_ms(world) > thing->signed_ms + 5000) { /* I10 */
        kind = thing->fate == FATE_FINE ? REPLY_REFUSED : REPLY_LOST;
        ret_code = 10002;
    } else if (!there || !is_open(there)) {
        kind = REPLY_NO_SUCH_ORDER;
        ret_code = 110001;
    } else if (!decimal_is_none(qty) && decimal_int_of(qty) <= there->filled) {
        ret_code = 110064;
    } else if (thing->fate == FATE_REFUSED || thing->fate == FATE_SOFT) {
        kind = REPLY_REFUSED;
        ret_code = thing->fate == FATE_SOFT ? 10429 : 10006;
    } else if (thing->fate != FATE_REJECTED) {
        return false;
    }
    if (thing->fate != FATE_SILENT)
        answer(world, thing->run, thing->send_id, kind, ret_code, "", thing->signed_ms, delay);
    return true;
}

static void set_int(int *to, const struct decimal *from)
{
    if (!decimal_is_none(from))
        *to = decimal_int_of(from);
}

static void there_amend(struct world *world, struct there *there, const struct order_change *change)
{
    set_int(&there->qty, &change->qty);
    set_int(&there->price, &change->price);
    set_int(&there->trigger, &change->trigger_price);
    set_int(&there->take_profit, &change->take_profit);
    tell(world, "  exchange: %s is now %d at %d", there->order_id, there->qty, there->price);
    there_changed(world, there);
}

static void check_cap(struct world *world);

/* I3 of an amend: one that has ended here as not made is not made later. */
static void check_amend_late(struct world *world, const struct thing *thing)
{
    const struct order *order = engine_find(world->engine, thing->order_id);

    if (order && order->amend_ms == thing->amend_ms && order->amend == AMEND_NONE &&
        !order_state_is_final(order->state) &&
        !order_change_is_made(&order->request, &thing->change))
        broken(world, "I3: an amend of %s is made after its end here", thing->order_id);
}

static void amend_arrives(struct world *world, const struct thing *thing)
{
    struct there *there = there_by_id(world, thing->order_id);
    int64_t delay = roll(world, 60);
    int64_t signed_ms = thing->signed_ms;

    if (amend_turned_away(world, thing, there, delay))
        return;
    if (thing->fate != FATE_IGNORED) {
        check_amend_late(world, thing);
        amended_run++;
        there_amend(world, there, &thing->change);
        check_cap(world);
        if (roll(world, 4) == 0 && there->status != STATUS_UNTRIGGERED)
            there_fill(world, there, 1 + roll(world, there->qty - there->filled));
    }
    if (thing->fate == FATE_LOST_AFTER)
        answer(world, thing->run, thing->send_id, REPLY_LOST, 0, "", signed_ms, delay);
    else if (thing->fate == FATE_AMBIGUOUS)
        answer(world, thing->run, thing->send_id, REPLY_AMBIGUOUS, 10016, "", signed_ms, delay);
    else if (thing->fate != FATE_SILENT)
        answer(world, thing->run, thing->send_id, REPLY_OK, 0, there->order_id, signed_ms,
               fault(world, 10) ? 16000 : delay);
}

/* --- creates --- */

/* What the exchange says instead of taking it. True: it has said so. */
static bool turned_away(struct world *world, const struct thing *thing, int64_t delay)
{
    int64_t signed_ms = thing->signed_ms;

    if (thing->fate == FATE_LOST_BEFORE) {
        answer(world, thing->run, thing->send_id, REPLY_LOST, 0, "", signed_ms * roll(world, 2),
               delay);
        return true;
    }
    if (server_ms(world) > signed_ms + 5000) { /* I10: refused by its time stamp */
        if (thing->fate == FATE_FINE)
            answer(world, thing->run, thing->send_id, REPLY_REFUSED, 10002, "", signed_ms, delay);
        else if (thing->fate != FATE_SILENT)
            answer(world, thing->run, thing->send_id, REPLY_LOST, 0, "", signed_ms, delay);
        return true;
    }
    if (there_by_link(world, thing->sent.link))
        answer(world, thing->run, thing->send_id, REPLY_DUPLICATE, 110072, "", signed_ms, delay);
    else if (thing->fate == FATE_REJECTED || world->there_count == ORDERS_MAX)
        answer(world, thing->run, thing->send_id, REPLY_REJECT, 110007, "", signed_ms, delay);
    else if (thing->fate == FATE_REFUSED)
        answer(world, thing->run, thing->send_id, REPLY_REFUSED, 10006, "", signed_ms, delay);
    else if (thing->fate == FATE_SOFT)
        answer(world, thing->run, thing->send_id, REPLY_REFUSED, 10429, "", signed_ms, delay);
    else
        return false;
    return true;
}

static void take_order(struct world *world, struct there *there)
{
    tell(world, "  exchange: takes %s as %s: %s %d at %d", there->link, there->order_id,
         category_word(there->category), there->qty, there->price);
    if (fault(world, 8)) {
        memcpy(there->reject_reason, "EC_PostOnlyWillTakeLiquidity", 29);
        there_close(world, there, fault(world, 50) ? STATUS_CANCELLED : STATUS_REJECTED);
    } else {
        there_changed(world, there);
    }
    if (is_open(there) && there->status != STATUS_UNTRIGGERED && roll(world, 4) == 0)
        there_fill(world, there, 1 + roll(world, there->qty));
}

/* What our orders can still buy, and what they have bought, is below the cap. */
static void check_cap(struct world *world)
{
    int64_t open = 0;
    struct decimal sum;

    for (int i = 0; i < world->there_count; i++) {
        const struct there *there = &world->there[i];

        if (there->ours && is_open(there))
            open += (int64_t)(there->qty - there->filled) * there->price;
    }
    for (int i = 0; i < world->filled_count; i++) {
        const struct filled *filled = &world->filled[i];
        const struct there *there = filled->order >= 0 ? &world->there[filled->order] : NULL;

        if (there && there->ours && there->category == CATEGORY_LINEAR && !filled->flattened)
            open += (int64_t)filled->qty * filled->price;
    }
    sum = decimal_from_int(open);
    if (world->capped && decimal_cmp(&sum, &world->ceiling.all.max_open_notional) > 0)
        broken(world, "%" PRId64 " is open, above the cap", open);
}

static void arrive(struct world *world, const struct thing *thing)
{
    const struct order_request *request = &thing->sent;
    const struct stored *stored = stored_by_link(world, request->link);
    int64_t delay = roll(world, 60);
    struct there *there;

    if (turned_away(world, thing, delay))
        return;
    if (stored && stored->doomed_attempt[thing->attempt] && stored->order.attempt == thing->attempt)
        broken(world, "I3: %s attempt %d arrives after its end here", request->link,
               thing->attempt);
    there = there_new(world, request->link, request->category, request->symbol,
                      decimal_int_of(&request->qty), decimal_int_of(&request->price));
    assert(there);
    there->ours = true;
    there->attempt = thing->attempt;
    if (decimal_sign(&request->trigger_price) > 0) {
        there->trigger = decimal_int_of(&request->trigger_price);
        there->status = STATUS_UNTRIGGERED;
    }
    check_cap(world);
    if (thing->fate != FATE_FINE && fault(world, 30))
        there->visible_ms = world->now_ms + 5000 + roll(world, 20000);
    take_order(world, there);
    if (thing->fate == FATE_LOST_AFTER)
        answer(world, thing->run, thing->send_id, REPLY_LOST, 0, "", thing->signed_ms, delay);
    else if (thing->fate == FATE_AMBIGUOUS)
        answer(world, thing->run, thing->send_id, REPLY_AMBIGUOUS, 10016, "", thing->signed_ms,
               delay);
    else if (thing->fate != FATE_SILENT)
        answer(world, thing->run, thing->send_id, REPLY_OK, 0, there->order_id, thing->signed_ms,
               fault(world, 10) ? 16000 : delay);
}

static void send_cancel(struct world *world, const struct engine_action *action)
{
    struct thing *thing;

    tell(world, "  send cancel %s %s", action->u.send.request.link, action->u.send.order_id);
    if (fault(world, 8)) {
        answer(world, world->run, action->u.send.send_id, REPLY_NOT_SENT, 0, "", 0,
               roll(world, 200));
        return;
    }
    thing = thing_new(world, THING_CANCEL_ARRIVES, roll(world, 60));
    thing->survives = true;
    thing->send_id = action->u.send.send_id;
    thing->run = world->run;
    thing->sent = action->u.send.request;
    memcpy(thing->order_id, action->u.send.order_id, sizeof(thing->order_id));
    thing->fate = fault(world, 30) ? 1 + roll(world, 3) : FATE_FINE;
}

static void cancel(struct world *world, struct there *there);

static void cancel_arrives(struct world *world, const struct thing *thing)
{
    struct there *there = thing->order_id[0] ? there_by_id(world, thing->order_id)
                                             : there_by_link(world, thing->sent.link);
    int delay = roll(world, 60);

    if (thing->fate == FATE_LOST_BEFORE) {
        answer(world, thing->run, thing->send_id, REPLY_LOST, 0, "", 0, delay);
        return;
    }
    if (!there || !is_open(there) || fault(world, 5)) {
        answer(world, thing->run, thing->send_id, REPLY_NO_SUCH_ORDER, 110001, "", 0, delay);
        return;
    }
    cancel(world, there);
    if (thing->fate == FATE_LOST_AFTER)
        answer(world, thing->run, thing->send_id, REPLY_LOST, 0, "", 0, delay);
    else if (thing->fate != FATE_SILENT)
        answer(world, thing->run, thing->send_id, REPLY_OK, 0, "", 0, delay);
}

static struct thing *swept(struct world *world, int run, uint64_t send_id, enum answer_kind kind,
                           int64_t after_ms)
{
    struct thing *thing;

    if (run != world->run)
        return NULL;
    thing = thing_new(world, THING_EVENT, after_ms);
    thing->event.kind = EVENT_SWEPT;
    thing->event.u.swept.send_id = send_id;
    thing->event.u.swept.kind = kind;
    thing->event.u.swept.ret_code = kind == REPLY_REJECT ? 10001 : 0;
    thing->event.u.swept.ret_msg = "said so";
    thing->event.u.swept.retry_after_ms = kind == REPLY_THROTTLED ? 500 : 0;
    thing->event.u.swept.orders = thing->named;
    return thing;
}

/* In the answer, too. */
static void name(struct thing *answer, const struct there *there)
{
    struct swept_order *named = &answer->named[answer->event.u.swept.orders_count];

    if (answer->event.u.swept.orders_count == NAMED_MAX)
        return;
    answer->event.u.swept.orders_count++;
    memcpy(named->order_id, there->order_id, sizeof(named->order_id));
    memcpy(named->link, there->link, sizeof(named->link));
}

static void send_cancel_all(struct world *world, const struct engine_action *action)
{
    struct thing *thing;

    if (fault(world, 10)) {
        (void)swept(world, world->run, action->u.cancel_all.send_id,
                    fault(world, 50) ? REPLY_NOT_SENT : REPLY_THROTTLED, roll(world, 200));
        return;
    }
    thing = thing_new(world, THING_CANCEL_ALL_ARRIVES, roll(world, fault(world, 10) ? 3000 : 60));
    thing->survives = true;
    thing->send_id = action->u.cancel_all.send_id;
    thing->run = world->run;
    thing->sent.category = action->u.cancel_all.category;
    memcpy(thing->sent.symbol, action->u.cancel_all.symbol, sizeof(thing->sent.symbol));
    memcpy(thing->order_id, action->u.cancel_all.settle_coin, COIN_MAX);
    thing->order_filter = action->u.cancel_all.order_filter;
    thing->fate = fault(world, 30) ? 1 + roll(world, 3) : FATE_FINE;
}

/* Whether an order is in what a cancel-all or a list is about. */
static bool in_scope(const struct there *there, enum category category, const char *settle_coin,
                     const char *order_filter)
{
    if (there->category != category)
        return false;
    if (category == CATEGORY_LINEAR)
        return strcmp(settle_coin, "USDT") == 0;
    if (category != CATEGORY_SPOT || !order_filter)
        return true;
    return strcmp(order_filter, there->status == STATUS_UNTRIGGERED ? "StopOrder" : "Order") == 0;
}

static void cancel(struct world *world, struct there *there)
{
    if (there->status == STATUS_UNTRIGGERED) {
        there_close(world, there, STATUS_DEACTIVATED);
        return;
    }
    there_close(world, there,
                there->filled && there->category == CATEGORY_SPOT ? STATUS_PARTIALLY_FILLED_CANCELED
                                                                  : STATUS_CANCELLED);
}

/* It may leave some out, as the exchange does where there are many. */
static void cancel_all_arrives(struct world *world, const struct thing *thing)
{
    enum answer_kind kind = REPLY_OK;
    struct thing *answer = NULL;

    if (thing->fate == FATE_LOST_BEFORE)
        kind = REPLY_LOST;
    else if (world->no_options && thing->sent.category == CATEGORY_OPTION)
        kind = REPLY_REJECT;
    if (thing->fate != FATE_SILENT)
        answer = swept(world, thing->run, thing->send_id,
                       thing->fate == FATE_LOST_AFTER && kind == REPLY_OK ? REPLY_LOST : kind,
                       roll(world, 60));
    for (int i = 0; kind == REPLY_OK && i < world->there_count; i++) {
        struct there *there = &world->there[i];

        if (!is_open(there) || fault(world, 20) ||
            !in_scope(there, thing->sent.category, thing->order_id, thing->order_filter))
            continue;
        if (answer && thing->fate != FATE_LOST_AFTER)
            name(answer, there);
        cancel(world, there);
    }
}

static bool is_named(const struct engine_action *action, const struct there *there)
{
    if (action->u.read.order_id[0])
        return strcmp(there->order_id, action->u.read.order_id) == 0;
    return strcmp(there->link, action->u.read.link) == 0;
}

static bool in_window(const struct engine_action *action, int64_t at_ms)
{
    return at_ms >= action->u.read.start_ms && at_ms <= action->u.read.end_ms;
}

/* Whether an order is in the list that is read. */
static bool order_listed(const struct world *world, const struct engine_action *action,
                         const struct there *there)
{
    bool ended = !is_open(there) && there->listed_ms <= world->now_ms;

    if (there->category != action->u.read.category || hidden_ms(world, there) > 0)
        return false;
    switch (action->u.read.kind) {
    case READ_OPEN_ORDERS:
        return is_open(there) && in_scope(there, action->u.read.category,
                                          action->u.read.settle_coin, action->u.read.order_filter);
    case READ_HISTORY:
        return ended && in_window(action, there->updated_ms);
    case READ_ORDER:
        return is_named(action, there) && (is_open(there) || !there->realtime_forgets);
    case READ_ORDER_HISTORY:
        return is_named(action, there) && ended;
    case READ_EXECUTIONS:
    case READ_ORDER_EXECUTIONS:
        break;
    }
    return false;
}

/* Of options one coin, whatever is asked for. */
static bool is_of_coin(const struct engine_action *action, const char *option)
{
    const char *coin = action->u.read.base_coin[0] ? action->u.read.base_coin : "BTC";
    size_t bytes = strlen(coin);

    return strncmp(option, coin, bytes) == 0 && option[bytes] == '-';
}

static bool fill_listed(const struct world *world, const struct engine_action *action,
                        const struct filled *filled)
{
    int64_t now_ms = world->now_ms;
    const struct there *there = filled->order >= 0 ? &world->there[filled->order] : NULL;

    if (category_of(world, filled) != action->u.read.category || filled->listed_ms > now_ms ||
        (there && there->visible_ms > now_ms))
        return false;
    if (action->u.read.kind == READ_EXECUTIONS)
        return in_window(action, filled->at_ms) &&
               (!filled->option || is_of_coin(action, filled->option));
    return there && is_named(action, there);
}

static size_t page_items(const struct thing *thing)
{
    return thing->event.u.page.reports_count + thing->event.u.page.fills_count;
}

/* Puts the items after the first `skip` on the page. True: there are more. */
static bool fill_page(const struct world *world, const struct engine_action *action, int skip,
                      struct thing *thing)
{
    bool executions =
        action->u.read.kind == READ_EXECUTIONS || action->u.read.kind == READ_ORDER_EXECUTIONS;
    int total = executions ? world->filled_count : world->there_count;

    for (int i = 0; i < total; i++) {
        bool listed = executions ? fill_listed(world, action, &world->filled[i])
                                 : order_listed(world, action, &world->there[i]);

        if (!listed || skip-- > 0)
            continue;
        if (page_items(thing) == PAGE_ITEMS)
            return true;
        if (executions)
            fill_of(world, &world->filled[i], &thing->fills[thing->event.u.page.fills_count++]);
        else
            report_of(&world->there[i], &thing->reports[thing->event.u.page.reports_count++]);
    }
    return false;
}

/* The cursor counts what was given: so open orders that end between two pages shift the others past
 * it. */
static void read_page(struct world *world, const struct engine_action *action)
{
    int skip = action->u.read.cursor[0] ? (int)strtol(action->u.read.cursor + 1, NULL, 10) : 0;
    struct thing *thing;

    if (action->u.read.end_ms - action->u.read.start_ms > 7LL * 24 * 3600 * 1000)
        broken(world, "a window of more than 7 days");
    if (fault(world, 1))
        return; /* never answered */
    thing = thing_new(world, THING_EVENT, 1 + roll(world, fault(world, 10) ? 2000 : 40));
    thing->event.kind = EVENT_PAGE;
    thing->event.u.page.read_id = action->u.read.read_id;
    thing->event.u.page.ok = !fault(world, 12);
    if (world->no_options && action->u.read.category == CATEGORY_OPTION) {
        thing->event.u.page.ok = false;
        thing->event.u.page.rejected = thing->event.u.page.absent = true;
    }
    if (world->options_fail && world->faults && action->u.read.category == CATEGORY_OPTION)
        thing->event.u.page.ok = false;
    if (thing->event.u.page.ok && fill_page(world, action, skip, thing))
        (void)snprintf(thing->cursor, sizeof(thing->cursor), "c%d",
                       fault(world, 5) ? skip : skip + PAGE_ITEMS);
}

static void find(struct world *world, const struct engine_action *action)
{
    struct thing *thing = thing_new(world, THING_EVENT, 1 + roll(world, 10));

    thing->event.kind = EVENT_FOUND;
    thing->event.u.found.find_id = action->u.find.find_id;
    memcpy(thing->order_id, action->u.find.order_id, sizeof(thing->order_id));
    memcpy(thing->sent.link, action->u.find.link, sizeof(thing->sent.link));
    memcpy(thing->sent.client_id, action->u.find.exec_id, sizeof(action->u.find.exec_id));
    thing->position = world->handed;
    thing->event.u.found.failed = fault(world, 5);
}

static void guard_row_taken(struct world *world, struct engine_action *row)
{
    struct guard_state *copy = malloc(sizeof(*copy));

    assert(copy);
    *copy = *row->u.row.guard;
    row->u.row.guard = copy;
    tell(world, "  row %" PRIu64 " guard: %s", row->u.row.position,
         row->u.row.guard_change ? row->u.row.guard_change : "as it is");
    if (!row->u.row.guard_change || strcmp(row->u.row.guard_change, "clear") != 0)
        return;
    cleared_run++;
    for (int i = 0; i < world->there_count; i++) {
        if ((world->there[i].ours || world->there[i].child) && is_open(&world->there[i]))
            broken(world, "clear is told while %s is open", world->there[i].order_id);
    }
}

static void row_taken(struct world *world, const struct engine_action *action)
{
    int64_t delay;

    if (world->rows_count == ROWS_MAX) {
        broken(world, "the journal is full");
        return;
    }
    world->rows[world->rows_count++] = *action;
    native_drop(action->u.row.native); /* object_of keeps it */
    if (action->u.row.kind == ROW_INTENT || action->u.row.kind == ROW_RETRY)
        world->intents_taken++;
    world->amends_taken += action->u.row.kind == ROW_AMEND;
    if (action->u.row.kind == ROW_GUARD)
        guard_row_taken(world, &world->rows[world->rows_count - 1]);
    world->handed = action->u.row.position;
    if (action->u.row.kind <= ROW_ORDER)
        tell(world, "  row %" PRIu64 " %s %s %s amend %d%s", action->u.row.position,
             action->u.row.order.request.link, action->u.row.order.order_id,
             order_state_name(action->u.row.order.state), (int)action->u.row.order.amend,
             action->u.row.anomaly ? " ANOMALY" : "");
    else if (action->u.row.kind == ROW_FILL)
        tell(world, "  row %" PRIu64 " fill %s of %s%s", action->u.row.position,
             action->u.row.fill.exec_id, action->u.row.fill.order_id,
             action->u.row.anomaly ? " ANOMALY" : "");
    if (world->commit_due)
        return;
    delay = fault(world, 2) ? 7000 : 1 + roll(world, 10);
    world->commit_due = true;
    (void)thing_new(world, THING_COMMIT, delay);
}

static void act(struct world *world)
{
    for (size_t i = 0; i < world->actions.count; i++) {
        const struct engine_action *action = &world->actions.list[i];

        switch (action->kind) {
        case ACTION_ROW:
            row_taken(world, action);
            break;
        case ACTION_SEND_CREATE:
            send_create(world, action);
            break;
        case ACTION_SEND_CANCEL:
            send_cancel(world, action);
            break;
        case ACTION_SEND_AMEND:
            send_amend(world, action);
            break;
        case ACTION_CANCEL_ALL:
            send_cancel_all(world, action);
            break;
        case ACTION_READ:
            read_page(world, action);
            break;
        case ACTION_FIND:
            find(world, action);
            break;
        case ACTION_REPLY:
            reply_taken(world, action);
            break;
        }
    }
    world->actions.count = 0;
}

/* Once killed it is so until it is armed. */
static void check_killed(struct world *world)
{
    if (engine_is_killed(world->engine))
        return;
    if (world->killed && !world->arm_asked)
        broken(world, "the kill has gone by itself");
    armed_run += world->killed;
    world->killed = false;
    world->told_killed = false;
}

static void step(struct world *world, struct engine_event *event)
{
    event->now_ms = world->now_ms;
    take_step(world, event);
    act(world);
    check_killed(world);
}

/* --- crashes and gaps --- */

static bool survives_crash(const struct thing *thing)
{
    return thing->survives;
}

static bool survives_gap(const struct thing *thing)
{
    return !thing->private_stream;
}

static void stream_up_soon(struct world *world)
{
    struct thing *thing =
        thing_new(world, THING_EVENT, 5 + roll(world, world->faults ? 8000 : 200));

    thing->event.kind = EVENT_PRIVATE_UP;
}

static void restore_guard(struct world *world)
{
    struct engine_event event = { .kind = EVENT_GUARD_RESTORE };
    bool told_killed = world->told_killed;

    event.u.guard_restore.state = &world->guard;
    event.u.guard_restore.creates = world->creates;
    event.u.guard_restore.creates_count = (size_t)world->creates_count;
    step(world, &event);
    if (engine_is_killed(world->engine) != world->guard.killed)
        broken(world, "a start does not find the kill");
    if (told_killed && !world->guard.killed)
        broken(world, "a kill that was told to last has gone by a crash");
}

static void start(struct world *world)
{
    static const char coins[][COIN_MAX] = { "BTC", "ETH" };
    struct engine_config config = { .times = engine_times_default,
                                    .has_keys = true,
                                    .last_seq = world->last_seq,
                                    .watermark_ms = world->watermark_ms,
                                    .guard_ceiling = &world->ceiling,
                                    .orders_max = 200,
                                    .option_coins = coins,
                                    .option_coins_count = world->one_coin ? 1 : 2 };
    static struct fill_key keys[FILLS_MAX];
    char prefix[24];
    struct engine_event event = { .kind = EVENT_RESTORE };
    struct thing *thing;

    (void)snprintf(prefix, sizeof(prefix), "w-%d-", ++world->run);
    config.link_prefix = prefix;
    world->committed = 0;
    world->handed = 0;
    free_guards(world, world->rows_count);
    world->rows_count = 0;
    world->commit_due = false;
    world->killed = world->guard.killed;
    world->kill_ms = world->now_ms;
    world->arm_asked = false;
    ck_assert_int_eq(engine_create(&world->engine, &config), ERR_NONE);
    restore_guard(world);
    for (int i = 0; i < world->stored_count; i++) {
        struct order order = world->stored[i].order;

        if (order_state_is_final(order.state))
            continue;
        event.u.restore.order = &order;
        event.u.restore.fills = keys;
        event.u.restore.fills_count = keys_of(world, &order, keys);
        step(world, &event);
    }
    event.kind = EVENT_START;
    step(world, &event);
    thing = thing_new(world, THING_EVENT, roll(world, 300));
    thing->event.kind = EVENT_CLOCK;
    stream_up_soon(world);
}

static void crash(struct world *world)
{
    tell(world, "CRASH");
    engine_destroy(world->engine);
    queue_filter(world, survives_crash);
    world->stream_up = false;
    world->waiting_count = 0;
    start(world);
}

static void gap(struct world *world)
{
    struct engine_event event = { .kind = EVENT_PRIVATE_DOWN };

    if (!world->stream_up)
        return;
    tell(world, "GAP");
    world->stream_up = false;
    queue_filter(world, survives_gap);
    step(world, &event);
    event.kind = EVENT_POSITIONS_KNOWN;
    event.u.positions.known = false;
    step(world, &event);
    stream_up_soon(world);
}

/* --- what happens --- */

static void found(struct world *world, struct thing *thing)
{
    static struct fill_key keys[FILLS_MAX];
    struct stored *stored;

    if (world->committed < thing->position) { /* the reader waits for the commit */
        struct thing *later = thing_new(world, THING_EVENT, 20);
        int64_t at_ms = later->at_ms;
        uint64_t number = later->number;

        *later = *thing;
        later->at_ms = at_ms;
        later->number = number;
        return;
    }
    if (thing->sent.client_id[0]) {
        thing->event.u.found.fill_known = stored_has_fill(world, thing->sent.client_id);
    } else {
        stored = stored_by_id(world, thing->order_id);
        if (!stored)
            stored = stored_by_link(world, thing->sent.link);
        if (stored) {
            thing->found = stored->order;
            thing->event.u.found.order = &thing->found;
            thing->event.u.found.fills = keys;
            thing->event.u.found.fills_count = keys_of(world, &stored->order, keys);
        }
    }
    step(world, &thing->event);
}

static void happen_event(struct world *world, struct thing *thing)
{
    struct engine_event *event = &thing->event;

    switch (event->kind) {
    case EVENT_ORDER:
        event->u.order = &thing->reports[0];
        break;
    case EVENT_FILL:
        event->u.fill = &thing->fills[0];
        break;
    case EVENT_ANSWER:
        event->u.answer.order_id = thing->order_id;
        break;
    case EVENT_PAGE:
        event->u.page.reports = thing->reports;
        event->u.page.fills = thing->fills;
        event->u.page.next_cursor = thing->cursor;
        break;
    case EVENT_CLOCK:
        event->u.clock.server_ms = server_ms(world);
        event->u.clock.uncertainty_ms = 20;
        break;
    case EVENT_PRIVATE_UP:
        world->stream_up = true;
        thing_new(world, THING_LOAD_POSITIONS, roll(world, 500))->private_stream = true;
        break;
    case EVENT_FOUND:
        found(world, thing);
        return;
    default:
        break;
    }
    step(world, event);
}

static void happen(struct world *world, struct thing *thing)
{
    uint64_t position;

    switch (thing->kind) {
    case THING_EVENT:
        happen_event(world, thing);
        break;
    case THING_ARRIVE:
        arrive(world, thing);
        break;
    case THING_CANCEL_ARRIVES:
        cancel_arrives(world, thing);
        break;
    case THING_AMEND_ARRIVES:
        amend_arrives(world, thing);
        break;
    case THING_CANCEL_ALL_ARRIVES:
        cancel_all_arrives(world, thing);
        break;
    case THING_LOAD_POSITIONS:
        load_positions(world);
        break;
    case THING_COMMIT:
        world->commit_due = false;
        position = world->handed;
        if (position <= world->committed)
            break;
        if (commit(world, position)) {
            act(world);
            check_killed(world);
        } else {
            crash(world);
        }
        break;
    }
}

/* Until `until_ms`: what is due, and the engine's own ticks. */
static void run_until(struct world *world, int64_t until_ms)
{
    int ticks = 0;

    while (!world->failure[0]) {
        int64_t tick_ms = engine_next_tick_ms(world->engine);
        int64_t next_ms = world->queue_count > 0 ? world->queue[0]->at_ms : INT64_MAX;

        if (tick_ms < world->now_ms)
            tick_ms = world->now_ms;
        if (tick_ms > until_ms && next_ms > until_ms)
            break;
        if (next_ms <= tick_ms) {
            struct thing *thing = queue_pop(world);

            if (next_ms > world->now_ms)
                world->now_ms = next_ms;
            happen(world, thing);
            free(thing);
            ticks = 0;
        } else {
            struct engine_event event = { .kind = EVENT_TICK };

            if (tick_ms == world->now_ms && ++ticks > 20)
                broken(world, "ticks without end");
            if (tick_ms > world->now_ms)
                ticks = 0;
            world->now_ms = tick_ms;
            step(world, &event);
        }
    }
    if (world->now_ms < until_ms)
        world->now_ms = until_ms;
}

/* --- users --- */

static uint64_t wait_for(struct world *world, int64_t until_ms)
{
    struct waiting *waiting = &world->waiting[world->waiting_count++];

    assert(world->waiting_count <= WAITERS_MAX_);
    waiting->id = ++world->number;
    waiting->until_ms = until_ms;
    waiting->open = true;
    return waiting->id;
}

/* Says what the create would come to, and does nothing. */
static enum outcome try_create(struct world *world, struct engine_event *event)
{
    int intents = world->intents_taken;

    event->u.create.dry_run = true;
    event->u.create.waiter = wait_for(world, world->now_ms);
    step(world, event);
    event->u.create.dry_run = false;
    if (world->intents_taken != intents)
        broken(world, "a dry run has a row");
    dry_run++;
    return world->outcome;
}

/* What is refused leaves no trace. */
static void submit_create(struct world *world, struct engine_event *event)
{
    int intents = world->intents_taken;
    enum outcome outcome;

    enum outcome would;

    event->u.create.turn_ms = fault(world, 3) ? 6000 : 0;
    would = roll(world, 8) ? OUTCOME_ACCEPTED : try_create(world, event);
    event->u.create.waiter = wait_for(world, world->now_ms + 46000);
    world->outcome = OUTCOME_ACCEPTED;
    step(world, event);
    outcome = world->outcome;
    if ((outcome == OUTCOME_GUARD || outcome == OUTCOME_KILLED || outcome == OUTCOME_NOT_READY ||
         outcome == OUTCOME_NEEDS_FACTS || outcome == OUTCOME_THROTTLED) &&
        world->intents_taken != intents)
        broken(world, "a refused create has a row");
    if (would == OUTCOME_WOULD && world->intents_taken == intents)
        broken(world, "a create is refused that would be taken");
    if (would != OUTCOME_ACCEPTED && would != OUTCOME_WOULD && world->intents_taken != intents)
        broken(world, "a create is taken that would be refused");
    refused_run += outcome == OUTCOME_GUARD;
    if (world->killed && world->intents_taken != intents)
        broken(world, "a create is taken after a kill");
}

static void use_create(struct world *world)
{
    struct order_request request = { .category = roll(world, 2) ? CATEGORY_LINEAR : CATEGORY_SPOT,
                                     .symbol = "BTCUSDT",
                                     .side = SIDE_BUY,
                                     .type = ORDER_TYPE_LIMIT,
                                     .tif = TIF_GTC };
    bool repeat = world->links_count > 0 && roll(world, 3) == 0;
    int number = repeat ? roll(world, world->links_count) : world->links_count;
    struct engine_event event = { .kind = EVENT_CREATE };

    if (number == LINKS_MAX)
        return;
    if (!repeat) {
        (void)snprintf(world->links[number], ORDER_LINK_MAX, "link-%d", number);
        world->body[number] = roll(world, 100);
        world->links_count++;
        if (world->foreign && roll(world, 6) == 0) {
            struct there *there =
                there_new(world, world->links[number], request.category, "BTCUSDT", 77, 7);

            if (there)
                there_changed(world, there);
            run_until(world, world->now_ms + 1500);
        }
    }
    request.category = world->body[number] % 2 ? CATEGORY_LINEAR : CATEGORY_SPOT;
    memcpy(request.link, world->links[number], ORDER_LINK_MAX);
    memcpy(request.client_id, world->links[number], ORDER_LINK_MAX);
    request.client_key = true;
    request.qty = decimal_from_int(1 + world->body[number] % 9);
    request.price = decimal_from_int(100 + world->body[number]);
    request.trigger_price = DECIMAL_NONE;
    request.take_profit = DECIMAL_NONE;
    request.stop_loss = DECIMAL_NONE;
    if (world->body[number] % 7 == 3) {
        request.trigger_price = decimal_from_int(90 + world->body[number]);
        request.spot_trigger =
            request.category == CATEGORY_SPOT ? SPOT_TRIGGER_STOP : SPOT_TRIGGER_NONE;
    }
    request.body_hash[0] = (unsigned char)world->body[number];
    if (repeat && roll(world, 8) == 0)
        request.body_hash[1] = 1;
    event.u.create.request = &request;
    event.u.create.wait = (enum engine_wait)roll(world, 3);
    event.u.create.wait_until_ms =
        event.u.create.wait == WAIT_ACCEPTED ? 0 : world->now_ms + roll(world, 30000);
    tell(world, "create %s%s", request.link, repeat ? " again" : "");
    /* As the api does: without its value first, where that may do. */
    request.value_price = roll(world, 3) ? request.price : DECIMAL_NONE;
    submit_create(world, &event);
    if (world->outcome == OUTCOME_NEEDS_FACTS) {
        request.value_price = request.price;
        submit_create(world, &event);
    }
}

static void use_cancel(struct world *world, enum event_kind kind)
{
    struct engine_event event = { .kind = kind };
    int number = world->links_count ? roll(world, world->links_count) : 0;

    if (world->links_count == 0)
        return;
    event.u.cancel.id = world->links[number];
    event.u.cancel.wait = (enum engine_wait)roll(world, 3);
    event.u.cancel.wait_until_ms = world->now_ms + roll(world, 20000);
    event.u.cancel.waiter = wait_for(world, world->now_ms + 36000);
    tell(world, "%s %s", kind == EVENT_CANCEL ? "cancel" : "watch", event.u.cancel.id);
    step(world, &event);
}

/* Some of those who wait leave. What they asked for goes on, and each of their waits ends once. */
static void use_leave(struct world *world)
{
    static uint64_t gone[WAITERS_MAX_];
    struct engine_event event = { .kind = EVENT_GONE, .u.gone.waiters = gone };

    for (int i = 0; i < world->waiting_count; i++) {
        if (world->waiting[i].open && roll(world, 2))
            gone[event.u.gone.count++] = world->waiting[i].id;
    }
    tell(world, "%zu leave", event.u.gone.count);
    step(world, &event);
    left_run += event.u.gone.count;
}

static void draw_change(struct world *world, const struct order *order, struct order_change *change)
{
    int what = roll(world, 8);

    order_change_clear(change);
    if (what < 4)
        change->qty = decimal_from_int(1 + roll(world, 12));
    if (what > 1 && what < 6)
        change->price = decimal_from_int(80 + roll(world, 140));
    if (what == 6)
        change->take_profit = decimal_from_int(roll(world, 2) ? 0 : 300 + roll(world, 5));
    if (what == 7 && decimal_sign(&order->request.trigger_price) > 0)
        change->trigger_price = decimal_from_int(90 + roll(world, 100));
    else if (what == 7)
        change->qty = decimal_from_int(1 + roll(world, 12));
}

static void submit_amend(struct world *world, struct engine_event *event)
{
    int taken = world->amends_taken;
    enum outcome outcome;

    event->u.amend.turn_ms = fault(world, 3) ? 6000 : 0;
    event->u.amend.waiter = wait_for(world, world->now_ms + 36000);
    world->outcome = OUTCOME_ACCEPTED;
    step(world, event);
    outcome = world->outcome;
    if ((outcome == OUTCOME_GUARD || outcome == OUTCOME_KILLED || outcome == OUTCOME_NOT_READY ||
         outcome == OUTCOME_NEEDS_FACTS || outcome == OUTCOME_THROTTLED ||
         outcome == OUTCOME_CONFLICT || outcome == OUTCOME_ENDED) &&
        world->amends_taken != taken)
        broken(world, "a refused amend has a row");
    if (world->killed && world->amends_taken != taken)
        broken(world, "an amend is taken after a kill");
    refused_run += outcome == OUTCOME_GUARD;
}

/* An open one where that is easy. NULL: there are none. */
static const struct there *any_there(struct world *world)
{
    const struct there *there = NULL;

    for (int i = 0; i < 8 && world->there_count && !(there && is_open(there)); i++)
        there = &world->there[roll(world, world->there_count)];
    return there;
}

/* Of ours mostly, and of orders that others made. */
static void use_amend(struct world *world)
{
    struct engine_event event = { .kind = EVENT_AMEND };
    const struct there *there = any_there(world);
    const struct order *order = there ? engine_find(world->engine, there->order_id) : NULL;
    struct order_change change;
    char id[ORDER_ID_MAX];

    if (!order)
        return;
    draw_change(world, order, &change);
    memcpy(id, there->order_id, sizeof(id));
    event.u.amend.id = id;
    event.u.amend.change = &change;
    event.u.amend.wait = (enum engine_wait)roll(world, 3);
    event.u.amend.wait_until_ms = world->now_ms + roll(world, 20000);
    tell(world, "amend %s", id);
    if (roll(world, 3))
        change.value_price = decimal_is_none(&change.price) ? order->request.price : change.price;
    submit_amend(world, &event);
    if (world->outcome == OUTCOME_NEEDS_FACTS) {
        change.value_price = decimal_is_none(&change.price) ? order->request.price : change.price;
        submit_amend(world, &event);
    }
}

static void use_kill(struct world *world)
{
    struct engine_event event = { .kind = EVENT_KILL };
    int64_t wait_ms = roll(world, 10000);

    tell(world, "KILL");
    killed_run++;
    event.u.kill.reason = "why not";
    event.u.kill.by = "http";
    event.u.kill.waiter = roll(world, 4) ? wait_for(world, world->now_ms + wait_ms + 1) : 0;
    event.u.kill.wait_until_ms = world->now_ms + wait_ms;
    if (!world->killed)
        world->kill_ms = world->now_ms;
    world->killed = true;
    world->arm_asked = false;
    step(world, &event);
}

static void use_arm(struct world *world)
{
    struct engine_event event = { .kind = EVENT_ARM };

    tell(world, "arm");
    event.u.kill.reason = "";
    event.u.kill.by = "http";
    event.u.kill.waiter = wait_for(world, world->now_ms + 10001);
    world->arm_asked = true;
    step(world, &event);
}

static void use_patch(struct world *world)
{
    struct guard_patch patch = { 0 };
    struct engine_event event = { .kind = EVENT_GUARD_PATCH };

    patch.all.named = GUARD_BIT(GUARD_CATEGORIES) | GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL) |
                      GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE);
    patch.all.limits.set = (unsigned)roll(world, 1 << GUARD_LIMIT_COUNT) & patch.all.named;
    patch.all.limits.categories = 1U << roll(world, 2);
    patch.all.limits.max_order_notional = decimal_from_int(200 + roll(world, 2000));
    patch.all.limits.max_orders_per_minute = 1 + roll(world, 10);
    tell(world, "patch %x", patch.all.limits.set);
    event.u.guard_patch.patch = &patch;
    event.u.guard_patch.waiter = wait_for(world, world->now_ms + 5001);
    step(world, &event);
}

/* Somebody closes the position: a reduce-only order that is filled at once. */
static void flatten(struct world *world)
{
    struct there *there;
    int qty = 0;

    for (int i = 0; i < world->filled_count; i++) {
        struct filled *filled = &world->filled[i];
        const struct there *of = filled->order >= 0 ? &world->there[filled->order] : NULL;

        if (of && of->category == CATEGORY_LINEAR && !of->exit && !filled->flattened)
            qty += filled->qty;
    }
    if (qty == 0 || world->filled_count == FILLS_MAX)
        return;
    there = there_new(world, "", CATEGORY_LINEAR, "BTCUSDT", qty, 100);
    if (!there)
        return;
    there->exit = true;
    for (int i = 0; i < world->filled_count; i++) {
        const struct filled *filled = &world->filled[i];

        if (filled->order >= 0 && world->there[filled->order].category == CATEGORY_LINEAR)
            world->filled[i].flattened = true;
    }
    tell(world, "FLATTEN %d", qty);
    there_fill(world, there, qty);
}

/* A conditional order goes on the book, or its maker takes it back. */
static void fire(struct world *world, struct there *there)
{
    if (roll(world, 6) == 0) {
        there_close(world, there, STATUS_DEACTIVATED);
        return;
    }
    there->status = STATUS_TRIGGERED;
    there_changed(world, there);
    there->status = STATUS_NEW;
    there_changed(world, there);
}

/* Somebody amends an order by other means. */
static void others_amend(struct world *world)
{
    struct order_change change;
    struct there *there;

    if (world->capped || world->there_count == 0)
        return;
    there = &world->there[roll(world, world->there_count)];
    if (!is_open(there))
        return;
    order_change_clear(&change);
    if (roll(world, 2))
        change.qty = decimal_from_int(there->filled + 1 + roll(world, 5));
    else
        change.price = decimal_from_int(80 + roll(world, 140));
    there_amend(world, there, &change);
}

static void market(struct world *world)
{
    struct there *there;

    if (world->there_count == 0)
        return;
    there = &world->there[roll(world, world->there_count)];
    if (!is_open(there))
        return;
    if (there->status == STATUS_UNTRIGGERED) {
        fire(world, there);
        return;
    }
    if (roll(world, 3) > 0)
        there_fill(world, there, 1 + roll(world, there->qty - there->filled));
    else if (roll(world, 4) == 0)
        there_close(world, there,
                    there->filled && there->category == CATEGORY_SPOT
                        ? STATUS_PARTIALLY_FILLED_CANCELED
                        : STATUS_CANCELLED);
}

static void others(struct world *world)
{
    char link[ORDER_LINK_MAX] = "";
    struct there *there;

    if (world->capped)
        return; /* what is known of others late would blur whether the cap holds */
    if (roll(world, 2))
        (void)snprintf(link, sizeof(link), "app-%d", roll(world, 100000));
    if (there_by_link(world, link))
        return;
    there = there_new(world, link, CATEGORY_LINEAR, "BTCUSDT", 1 + roll(world, 5), 50);
    if (there)
        there_changed(world, there);
}

static void use_guard(struct world *world, int what)
{
    if (world->killed && roll(world, 2))
        use_arm(world);
    else if (what < 82)
        flatten(world);
    else if (what < 84)
        use_patch(world);
    else if (world->kills)
        use_kill(world);
}

static void live_a_little(struct world *world)
{
    struct engine_event clock = { .kind = EVENT_CLOCK };
    int what = roll(world, 100);

    if (what < 25)
        use_create(world);
    else if (what < 37)
        use_cancel(world, EVENT_CANCEL);
    else if (what < 42)
        use_cancel(world, EVENT_WATCH);
    else if (what < 70)
        market(world);
    else if (what < 74)
        others(world);
    else if (what < 75)
        funding(world);
    else if (what < 76)
        delivery(world);
    else if (what < 79)
        gap(world);
    else if (what < 81)
        crash(world);
    else if (what < 86)
        use_guard(world, what);
    else if (what < 93)
        use_amend(world);
    else if (what < 94)
        others_amend(world);
    else if (what == 96)
        use_leave(world);
    else if (what < 96) {
        clock.u.clock.server_ms = server_ms(world);
        clock.u.clock.uncertainty_ms = 20;
        step(world, &clock);
    }
    run_until(world, world->now_ms + (roll(world, 4) ? roll(world, 100) : roll(world, 10000)));
}

/* --- what must hold --- */

static void check_waiters(struct world *world)
{
    for (int i = 0; i < world->waiting_count; i++) {
        if (world->waiting[i].open && world->now_ms > world->waiting[i].until_ms)
            broken(world, "waiter %" PRIu64 " is not answered", world->waiting[i].id);
    }
}

static bool is_int(const struct decimal *value, int number)
{
    return decimal_sign(value) > 0 ? decimal_int_of(value) == number : number == 0;
}

/* What amends change is here as it is there. */
static void check_terms(struct world *world, const struct there *there,
                        const struct order_request *request)
{
    if (!is_int(&request->qty, there->qty))
        broken(world, "%s has another size", there->order_id);
    if (!is_int(&request->price, there->price))
        broken(world, "%s has another price", there->order_id);
    if (!is_int(&request->trigger_price, there->trigger))
        broken(world, "%s has another trigger", there->order_id);
}

static void check_order(struct world *world, const struct there *there)
{
    const struct stored *stored = stored_by_id(world, there->order_id);
    struct decimal filled = decimal_from_int(there->filled);

    if (!stored) {
        broken(world, "%s %s is there and not here", there->order_id, there->link);
        return;
    }
    if (there->ours && strcmp(stored->order.request.link, there->link) != 0)
        broken(world, "%s has lost its link", there->order_id);
    if (stored->order.status != there->status)
        broken(world, "%s %s is %s there and %s here", there->order_id, there->link,
               status_theirs(there->status), status_theirs(stored->order.status));
    if (decimal_cmp(&filled, &stored->order.filled_qty) != 0)
        broken(world, "I5: %s has other sums", there->order_id);
    check_terms(world, there, &stored->order.request);
    if (order_state_is_final(stored->order.state) && !stored->order.settled)
        broken(world, "%s is not settled", there->order_id);
}

static void check_end(struct world *world)
{
    struct engine_status status;

    engine_get_status(world->engine, &status);
    for (int i = 0; i < world->there_count; i++)
        check_order(world, &world->there[i]);
    for (int i = 0; i < world->filled_count; i++) {
        if (!stored_has_fill(world, world->filled[i].exec_id))
            broken(world, "I5: fill %s is lost", world->filled[i].exec_id);
    }
    if (world->fills_count != world->filled_count)
        broken(world, "I5: %d fills here, %d there", world->fills_count, world->filled_count);
    for (int i = 0; i < world->stored_count; i++) {
        const struct order *order = &world->stored[i].order;

        if (order->state == ORDER_UNKNOWN || order->state == ORDER_INTENT ||
            order->state == ORDER_SENT || order->state == ORDER_ACKED)
            broken(world, "I8: %s is still %s", order->request.link,
                   order_state_name(order->state));
    }
    if (status.options_owed_ms)
        broken(world, "executions of options are still owed");
    if (!status.ready)
        broken(world, "not ready: %s", status.why);
    if (status.waiters)
        broken(world, "somebody still waits");
    if (status.anomalies && !world->foreign)
        broken(world, "%" PRIu64 " anomalies in an honest world", status.anomalies);
}

/* When the faults have ended, nothing is open after a kill. */
static void check_nothing_open(struct world *world)
{
    for (int i = 0; world->killed && i < world->there_count; i++) {
        if (is_open(&world->there[i]))
            broken(world, "%s is open after the kill", world->there[i].order_id);
    }
}

/* And that is what it tells, once no order's fate is open any more. */
static void check_clear(struct world *world)
{
    struct engine_event event = { .kind = EVENT_GUARD_READ };

    event.u.guard_read = wait_for(world, world->now_ms);
    world->settled = true;
    step(world, &event);
    if (world->killed && !world->told_clear)
        broken(world, "the kill is not clear");
}

/* The ceiling cannot be lifted: whatever is patched, killed or crashed, it holds. */
static void set_guard(struct world *world)
{
    struct guard_limits *all = &world->ceiling.all;

    world->kills = roll(world, 2) == 0;
    world->no_options = roll(world, 2) == 0;
    world->options_fail = roll(world, 4) == 0;
    world->one_coin = roll(world, 2) == 0;
    world->capped = roll(world, 2) == 0;
    if (!world->capped)
        return;
    world->foreign = false;
    all->set = GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL) | GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE);
    all->max_open_notional = decimal_from_int(1500 + roll(world, 6000));
    all->max_orders_per_minute = 2 + roll(world, roll(world, 2) ? 12 : 100);
}

/* No amend is in flight beyond its horizon + 90 s. */
static void check_amends(struct world *world)
{
    for (int i = 0; i < world->stored_count; i++) {
        const struct order *order = &world->stored[i].order;
        const struct order *here = engine_find(world->engine, order->order_id);

        if (order->amend != AMEND_NONE || (here && here->amend != AMEND_NONE))
            broken(world, "I8: an amend of %s is still in flight", order->order_id);
    }
}

/* Soon after the faults end all that is there is right here. */
static void check_soon(struct world *world)
{
    for (int i = 0; i < world->there_count; i++)
        check_order(world, &world->there[i]);
}

static void world_end(struct world *world)
{
    free_guards(world, world->rows_count);
    engine_destroy(world->engine);
    for (int i = 0; i < world->queue_count; i++)
        free(world->queue[i]);
}

/* What users, markets and others do; the engine takes some five events for each. */
static int steps_of(struct world *world)
{
    return roll(world, 16) ? 20 + roll(world, 30) : STEPS_MAX;
}

/* True when all held. */
static bool live(uint64_t seed, bool told, bool loud)
{
    static struct world kept;
    struct world *world = &kept;
    struct engine_actions actions = kept.actions;
    bool good;

    memset(world, 0, offsetof(struct world, rows));
    world->actions = actions;
    world->seed = seed;
    world->random = (seed + 1) * 0x9e3779b97f4a7c15U;
    world->now_ms = 1700000000000;
    world->skew_ms = roll(world, 1000) - 500;
    world->faults = roll(world, 10) > 0;
    world->foreign = roll(world, 4) == 0;
    world->told = told;
    world->loud = loud;
    set_guard(world);
    start(world);
    for (int i = steps_of(world); i > 0 && !world->failure[0]; i--) {
        live_a_little(world);
        check_waiters(world);
    }
    world->faults = false;
    tell(world, "the faults end");
    if (roll(world, 4) == 0)
        use_kill(world);
    run_until(world, world->now_ms + SOON_MS);
    check_soon(world);
    check_nothing_open(world);
    run_until(world, world->now_ms + HORIZON_MS + 90000 - SOON_MS);
    check_amends(world);
    run_until(world, world->now_ms + (seed % 8 ? SETTLED_MS : QUIET_MS));
    check_waiters(world);
    check_end(world);
    check_nothing_open(world);
    check_clear(world);
    good = !world->failure[0];
    if (!good && told && !loud) {
        printf("seed %" PRIu64 ": %s\n", seed, world->failure);
        for (int i = 2; i < 32; i++)
            puts(world->story[(world->story_at + i) % 32]);
    }
    world_end(world);
    return good;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEEDS 1000
#else
#define SEEDS 100000
#endif

START_TEST(nothing_is_lost_or_doubled_in_any_world)
{
    uint64_t first = number_of("WORLD_FIRST", 1);
    uint64_t seeds = number_of("WORLD_SEEDS", SEEDS);

    if (getenv("WORLD_SEED")) {
        ck_assert(live(number_of("WORLD_SEED", 1), true, true));
        return;
    }
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        if (!live(seed, false, false))
            ck_assert_msg(live(seed, true, false), "WORLD_SEED=%" PRIu64 " replays it", seed);
    }
    printf("world: %" PRIu64 " seeds, %" PRIu64 " steps, 0 lost, 0 doubled\n", seeds, events_run);
    printf("amends: %" PRIu64 " sent, %" PRIu64 " made, %" PRIu64 " dry runs\n", amends_run,
           amended_run, dry_run);
    printf("waits: %" PRIu64 " of those who had left\n", left_run);
    printf("options: %" PRIu64 " deliveries\n", deliveries_run);
    printf("guard: %" PRIu64 " refused, %" PRIu64 " kills, %" PRIu64 " clear, %" PRIu64
           " armed, 0 above a cap, 0 sent after a kill\n",
           refused_run, killed_run, cleared_run, armed_run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("world");
    TCase *tcase = tcase_create("world");
    SRunner *runner;
    int failures;

    /* Each world and each of its runs of the bridge takes some large pieces and gives them back. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 28);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 28);
    tcase_add_test(tcase, nothing_is_lost_or_doubled_in_any_world);
    tcase_set_timeout(tcase, 0);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
