/* engine/cancelled.c - what a kill cancelled: counts, and a list of the first.
 *
 * An order that memory has is told when its end is seen. One that was made elsewhere and is not
 * known here is told by the exchange's answer to the cancel-all that named it; what is seen of it
 * later (its symbol, a fill that came first, that it is open still) corrects that.
 */
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

static uint64_t told_hash(enum category category, const char *order_id)
{
    return hash_text((uint64_t)category, order_id);
}

/* Its place among those that were told before they were seen; told_count: it is none of them. */
static size_t told_at(const struct guarded *guard, enum category category, const char *order_id)
{
    uint64_t hash = guard->told_count ? told_hash(category, order_id) : 0;
    size_t at = 0;

    while (at < guard->told_count && guard->told[at] != hash)
        at++;
    return at;
}

static size_t listed_at(const struct guard_report *report, enum category category,
                        const char *order_id)
{
    size_t at = 0;

    while (at < report->listed_count && (report->listed[at].category != category ||
                                         strcmp(report->listed[at].order_id, order_id) != 0))
        at++;
    return at;
}

static void set_names(struct guard_report *report, size_t at, const char *client_id,
                      const char *symbol)
{
    text_cut(report->listed[at].client_id, sizeof(report->listed[at].client_id), client_id);
    text_cut(report->listed[at].symbol, sizeof(report->listed[at].symbol), symbol);
}

static void add(struct guard_report *report, enum category category, const char *order_id,
                const char *client_id, const char *symbol)
{
    size_t at = report->listed_count;

    report->cancelled_count++;
    if (at == KILL_LISTED_MAX)
        return;
    report->listed_count++;
    report->listed[at].category = category;
    text_cut(report->listed[at].order_id, sizeof(report->listed[at].order_id), order_id);
    set_names(report, at, client_id, symbol);
}

/* It was told, and is not cancelled, or not yet. */
static void take_back(struct guard_report *report, const struct order *order)
{
    size_t at = listed_at(report, order->request.category, order->order_id);

    report->cancelled_count--;
    if (at == report->listed_count)
        return;
    report->listed_count--;
    memmove(&report->listed[at], &report->listed[at + 1],
            (report->listed_count - at) * sizeof(report->listed[0]));
}

void cancelled_forget(struct engine *engine)
{
    struct guard_report *report = &engine->guard.report;

    report->cancelled_count = 0;
    report->listed_count = 0;
    report->filled_count = 0;
    engine->guard.not_sent = 0;
    engine->guard.told_count = 0;
    engine->guard.counts_since_ms = engine->now_ms;
}

bool cancelled_is_told(const struct engine *engine, const struct order *order)
{
    const struct guarded *guard = &engine->guard;

    return guard->told_count > 0 && order->order_id[0] &&
           told_at(guard, order->request.category, order->order_id) < guard->told_count;
}

/* True: it was told before it was seen; from now on it is as any other. */
static bool take_told(struct engine *engine, const struct order *order)
{
    struct guarded *guard = &engine->guard;

    if (!cancelled_is_told(engine, order))
        return false;
    guard->told[told_at(guard, order->request.category, order->order_id)] =
        guard->told[guard->told_count - 1];
    guard->told_count--;
    return true;
}

void cancelled_open(struct engine *engine, const struct order *order)
{
    if (take_told(engine, order))
        take_back(&engine->guard.report, order);
}

static void complete(struct guard_report *report, const struct order *order)
{
    size_t at = listed_at(report, order->request.category, order->order_id);

    if (at < report->listed_count)
        set_names(report, at, order->request.client_id, order->request.symbol);
}

void cancelled_end(struct engine *engine, const struct order *order)
{
    struct guard_report *report = &engine->guard.report;
    bool cancelled = order->state == ORDER_CLOSED && order->status != STATUS_FILLED;
    bool told = take_told(engine, order);

    if (told && cancelled)
        complete(report, order);
    else if (told)
        take_back(report, order);
    else if (cancelled)
        add(report, order->request.category, order->order_id, order->request.client_id,
            order->request.symbol);
    if (order->state == ORDER_NOT_SENT)
        engine->guard.not_sent++;
    else if (order->state == ORDER_CLOSED && !cancelled)
        report->filled_count++;
}

/* Of one that memory has its own end tells. With too many, so does that of the others. */
void cancelled_named(struct engine *engine, enum category category,
                     const struct swept_order *orders, size_t count)
{
    struct guarded *guard = &engine->guard;

    for (size_t i = 0; i < count && guard->told_count < KILL_TOLD_MAX; i++) {
        const char *order_id = orders[i].order_id;
        const struct record *by_link = record_by_link(engine, orders[i].link);

        if (!order_id[0] || record_by_order_id(engine, category, order_id) ||
            (by_link && !by_link->order.order_id[0]) ||
            told_at(guard, category, order_id) < guard->told_count)
            continue;
        guard->told[guard->told_count++] = told_hash(category, order_id);
        add(&guard->report, category, order_id, orders[i].link, "");
    }
}

/* Before the clock is known nothing is read: then it is the stream that tells, of what is now. */
bool cancelled_since(const struct engine *engine, const struct order *order)
{
    int64_t ended_ms = order->exchange_ms - engine->offset_ms + engine->uncertainty_ms;

    return engine->guard.sweeping && order->state == ORDER_CLOSED &&
           (!engine->clock_known || ended_ms >= engine->guard.counts_since_ms);
}
