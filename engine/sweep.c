/* engine/sweep.c - after a kill: cancels all at the exchange, scope by scope, until it shows
 * nothing open any more.
 *
 *   DUE --cancel-all--> CANCELLING --answered--> SCANNING --nothing open--> SCANNED --> CLEAR
 *    ^                      | no turn                | open, or not read       | orders in memory
 *    +----------------------+------------------------+------------------------+ without an end
 *
 * The scan begins after the answer to the cancel-all, so what it does not show was not open after
 * it. It says nothing of orders that may still be on their way: so a scope is clear only when
 * memory has none of it without an end either. And where an order was filled meanwhile it is asked
 * once more, for a fill can make new orders (its stop loss). A scope that was clear begins anew
 * when an open order of it is seen. What the exchange refuses to cancel and to show (a market that
 * the account has not) has failed: it is tried again now and then, and does not keep the whole from
 * being clear, unless it is all that there is.
 *
 * Needs the clock, to sign; neither the private stream nor the journal.
 */
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

static const struct {
    enum category category;
    const char *settle_coin;
    const char *order_filter;
    bool by_symbol; /* cancel-all needs one */
} scope_kinds[SWEEP_SCOPES] = {
    { CATEGORY_LINEAR, "USDT", "", false },
    { CATEGORY_LINEAR, "USDC", "", false },
    { CATEGORY_INVERSE, "", "", true },
    { CATEGORY_SPOT, "", "Order", false },
    { CATEGORY_SPOT, "", "StopOrder", false },
    { CATEGORY_SPOT, "", "tpslOrder", false },
    { CATEGORY_SPOT, "", "OcoOrder", false },
    { CATEGORY_SPOT, "", "BidirectionalTpslOrder", false },
    { CATEGORY_OPTION, "", "", false },
};

static size_t number_of(const struct engine *engine, const struct sweep_scope *scope)
{
    return (size_t)(scope - engine->guard.scopes);
}

/* Spot orders do not tell their filter: what has a trigger may be of any but the plain ones, and of
 * these too once it has fired. */
static bool is_of_scope(size_t number, const struct order *order)
{
    const struct order_request *request = &order->request;
    size_t bytes = strlen(request->symbol);
    bool tether = bytes > 4 && strcmp(request->symbol + bytes - 4, "USDT") == 0;
    bool plain = decimal_sign(&request->trigger_price) == 0;
    bool fired = order->status != STATUS_NONE && order->status != STATUS_UNTRIGGERED;

    if (request->category != scope_kinds[number].category)
        return false;
    if (request->category == CATEGORY_LINEAR) /* "BTCUSDT-26DEC25" is one of USDT too */
        return (tether || strstr(request->symbol, "USDT-")) ==
               (strcmp(scope_kinds[number].settle_coin, "USDT") == 0);
    if (request->category == CATEGORY_SPOT)
        return strcmp(scope_kinds[number].order_filter, "Order") == 0 ? plain || fired : !plain;
    return true;
}

static bool any_left(const struct engine *engine, size_t number)
{
    for (const struct record *record = engine->records; record; record = record->next) {
        if (!order_state_is_final(record->order.state) && record->order.state != ORDER_INTENT &&
            is_of_scope(number, &record->order))
            return true;
    }
    return false;
}

/* --- rounds --- */

static void set_error(struct sweep_scope *scope, const char *text)
{
    text_cut(scope->error, sizeof(scope->error), text);
}

static int64_t next_after_ms(const struct engine *engine, const struct sweep_scope *scope)
{
    size_t last = ARRAY_LEN(engine->times->sweep_after_ms) - 1;
    size_t step = scope->rounds > 0 ? (size_t)scope->rounds - 1 : 0;

    return engine->times->sweep_after_ms[step < last ? step : last];
}

static void scope_due(struct sweep_scope *scope, int64_t due_ms)
{
    scope->stage = SCOPE_DUE;
    scope->due_ms = due_ms;
}

static void scope_again(struct engine *engine, struct sweep_scope *scope)
{
    scope->state = SWEEP_CANCELLING;
    scope_due(scope, engine->now_ms + next_after_ms(engine, scope));
}

static void scope_reset(struct engine *engine, struct sweep_scope *scope)
{
    memset(scope, 0, sizeof(*scope));
    scope_due(scope, engine->now_ms);
}

/* Whatever is still in flight belongs to nobody any more. */
static void release_scans(struct engine *engine)
{
    for (size_t i = READS_SINGLE_MAX; i < READS_MAX; i++) {
        if (engine->reads[i].owner == READ_FOR_SWEEP)
            read_release(engine, &engine->reads[i]);
    }
}

void sweep_begin(struct engine *engine)
{
    struct guarded *guard = &engine->guard;

    release_scans(engine);
    guard->sweeping = true;
    for (size_t i = 0; i < SWEEP_SCOPES; i++)
        scope_reset(engine, &guard->scopes[i]);
}

void sweep_end(struct engine *engine)
{
    release_scans(engine);
    engine->guard.sweeping = false;
}

void sweep_reopen(struct engine *engine, const struct order *order)
{
    struct guarded *guard = &engine->guard;

    guard->state.clear = false;
    for (size_t i = 0; i < SWEEP_SCOPES; i++) {
        if (guard->scopes[i].stage == SCOPE_CLEAR && is_of_scope(i, order))
            scope_reset(engine, &guard->scopes[i]);
    }
}

/* Soon, not at once: what a fill makes may take a moment to be listed. */
static void look_again(struct engine *engine, struct sweep_scope *scope)
{
    scope->state = SWEEP_CANCELLING;
    scope_due(scope, engine->now_ms + engine->times->sweep_after_ms[0]);
}

void sweep_filled(struct engine *engine, const struct order *order)
{
    struct guarded *guard = &engine->guard;

    for (size_t i = 0; guard->sweeping && i < SWEEP_SCOPES; i++) {
        struct sweep_scope *scope = &guard->scopes[i];

        /* Of spot the children are of another filter than their order. */
        if (scope_kinds[i].category != order->request.category ||
            (order->request.category != CATEGORY_SPOT && !is_of_scope(i, order)))
            continue;
        scope->filled = true;
        if (scope->stage != SCOPE_CLEAR)
            continue;
        guard->state.clear = false;
        look_again(engine, scope);
    }
}

/* --- cancel-all --- */

static void note_symbol(struct sweep_scope *scope, const char *symbol)
{
    for (size_t i = 0; i < scope->symbols_count; i++) {
        if (strcmp(scope->symbols[i], symbol) == 0)
            return;
    }
    if (scope->symbols_count < SWEEP_SYMBOLS_MAX)
        text_cut(scope->symbols[scope->symbols_count++], SYMBOL_MAX, symbol);
}

static void note_symbols_of_memory(struct engine *engine, struct sweep_scope *scope)
{
    size_t number = number_of(engine, scope);

    for (const struct record *record = engine->records; record; record = record->next) {
        if (!order_state_is_final(record->order.state) && is_of_scope(number, &record->order))
            note_symbol(scope, record->order.request.symbol);
    }
}

static void send_cancel_all(struct engine *engine, struct sweep_scope *scope, const char *symbol)
{
    struct engine_action *action = action_add(engine, ACTION_CANCEL_ALL);
    struct sweep_send *send = scope->sends;
    size_t number = number_of(engine, scope);

    while (send->send_id)
        send++; /* as many as symbols; a round begins when none is in flight */
    action->u.cancel_all.send_id = next_id(engine);
    action->u.cancel_all.deadline_ms = engine->now_ms + engine->times->order_deadline_ms;
    action->u.cancel_all.category = scope_kinds[number].category;
    action->u.cancel_all.order_filter = scope_kinds[number].order_filter;
    text_cut(action->u.cancel_all.settle_coin, COIN_MAX, scope_kinds[number].settle_coin);
    text_cut(action->u.cancel_all.symbol, SYMBOL_MAX, symbol);
    send->send_id = action->u.cancel_all.send_id;
    send->due_ms = action->u.cancel_all.deadline_ms + engine->times->answer_timeout_ms;
    scope->flying++;
}

static void start_scan(struct engine *engine, struct sweep_scope *scope);

static void start_round(struct engine *engine, struct sweep_scope *scope)
{
    bool by_symbol = scope_kinds[number_of(engine, scope)].by_symbol;

    scope->rounds++;
    scope->refused = false;
    scope->rejected = false;
    scope->stage = SCOPE_CANCELLING;
    if (!by_symbol) {
        send_cancel_all(engine, scope, "");
        return;
    }
    note_symbols_of_memory(engine, scope);
    scope->unasked = scope->symbols_count == 0;
    for (size_t i = 0; i < scope->symbols_count; i++)
        send_cancel_all(engine, scope, scope->symbols[i]);
    if (scope->unasked)
        start_scan(engine, scope);
}

/* No turn, or it did not leave: again soon, for what the budget said may be over earlier, and to
 * ask it costs nothing. */
static void wait_for_turn(struct engine *engine, struct sweep_scope *scope, const char *why,
                          int64_t retry_ms)
{
    int64_t last_ms = engine->times->sweep_after_ms[ARRAY_LEN(engine->times->sweep_after_ms) - 1];
    int64_t after_ms = next_after_ms(engine, scope);

    if (retry_ms > after_ms)
        after_ms = retry_ms < last_ms ? retry_ms : last_ms;
    set_error(scope, why && why[0] ? why : "the cancel-all has not been sent yet");
    scope->state = SWEEP_WAITING;
    scope->refused = true;
    scope->due_ms = engine->now_ms + after_ms;
}

static void note_rejected(struct sweep_scope *scope, const struct engine_event *event)
{
    struct text text = text_in(scope->error, sizeof(scope->error));

    scope->rejected = true;
    text_addf(&text, "%d ", event->u.swept.ret_code);
    text_add(&text, event->u.swept.ret_msg ? event->u.swept.ret_msg : "");
}

static void note_answer(struct engine *engine, struct sweep_scope *scope,
                        const struct engine_event *event)
{
    switch (event->u.swept.kind) {
    case REPLY_AUTH:
        engine_note_auth(engine, event->u.swept.ret_code, event->u.swept.ret_msg);
        note_rejected(scope, event);
        return;
    case REPLY_REJECT:
        note_rejected(scope, event);
        return;
    case REPLY_REFUSED:
    case REPLY_NOT_SENT:
    case REPLY_THROTTLED:
        wait_for_turn(engine, scope, event->u.swept.ret_msg, event->u.swept.retry_after_ms);
        return;
    case REPLY_OK:
    case REPLY_NO_SUCH_ORDER:
    case REPLY_DUPLICATE:
    case REPLY_AMBIGUOUS:
    case REPLY_LOST:
        return; /* the scan tells what came of it */
    }
}

static void send_is_over(struct engine *engine, struct sweep_scope *scope, struct sweep_send *send)
{
    send->send_id = 0;
    if (--scope->flying > 0)
        return;
    if (scope->refused)
        scope->stage = SCOPE_DUE;
    else
        start_scan(engine, scope);
}

void sweep_answer(struct engine *engine, const struct engine_event *event)
{
    struct guarded *guard = &engine->guard;

    for (size_t i = 0; guard->sweeping && i < SWEEP_SCOPES; i++) {
        struct sweep_scope *scope = &guard->scopes[i];

        for (size_t at = 0; scope->stage == SCOPE_CANCELLING && at < SWEEP_SYMBOLS_MAX; at++) {
            if (scope->sends[at].send_id != event->u.swept.send_id || !event->u.swept.send_id)
                continue;
            note_answer(engine, scope, event);
            cancelled_named(engine, scope_kinds[i].category, event->u.swept.orders,
                            event->u.swept.orders_count);
            send_is_over(engine, scope, &scope->sends[at]);
            return;
        }
    }
}

/* An owner that does not answer: as if it were lost. */
static void expire_sends(struct engine *engine, struct sweep_scope *scope)
{
    for (size_t at = 0; scope->stage == SCOPE_CANCELLING && at < SWEEP_SYMBOLS_MAX; at++) {
        if (scope->sends[at].send_id && engine->now_ms >= scope->sends[at].due_ms)
            send_is_over(engine, scope, &scope->sends[at]);
    }
}

/* --- the scan --- */

static void start_scan(struct engine *engine, struct sweep_scope *scope)
{
    size_t number = number_of(engine, scope);
    struct read_slot *slot = &engine->reads[READS_SINGLE_MAX + number];

    scope->stage = SCOPE_SCANNING;
    scope->scan_ms = engine->now_ms;
    scope->open = 0;
    scope->filled = false;
    scope->symbols_count = 0;
    slot->owner = READ_FOR_SWEEP;
    slot->scope = scope;
    slot->read.u.read.kind = READ_OPEN_ORDERS;
    slot->read.u.read.urgent = true;
    slot->read.u.read.category = scope_kinds[number].category;
    slot->read.u.read.order_filter =
        scope_kinds[number].order_filter[0] ? scope_kinds[number].order_filter : NULL;
    slot->read.u.read.limit = 50;
    text_cut(slot->read.u.read.settle_coin, COIN_MAX, scope_kinds[number].settle_coin);
    read_start(engine, slot);
}

/* Open at the exchange after a cancel-all (or two, which takes what is only slow out): each for
 * itself. */
static void cancel_singles(struct engine *engine, const struct sweep_scope *scope)
{
    size_t number = number_of(engine, scope);
    int count = 0;

    for (struct record *record = engine->records; record && count < SWEEP_SINGLES_MAX;
         record = record->next) {
        if (record->order.state != ORDER_LIVE || record->seen_ms < scope->scan_ms ||
            record->order.cancel_wanted || !is_of_scope(number, &record->order))
            continue;
        cancel_wish(engine, record);
        record_done(engine, record);
        count++;
    }
}

/* Open here, and not in the list: what became of it tells a look-up. */
static void look_up_missing(struct engine *engine, const struct sweep_scope *scope)
{
    size_t number = number_of(engine, scope);

    for (struct record *record = engine->records; record; record = record->next) {
        const struct order *order = &record->order;

        if ((order->state != ORDER_LIVE && order->state != ORDER_ACKED) ||
            order->updated_ms >= scope->scan_ms || record->seen_ms >= scope->scan_ms ||
            record->missing || !is_of_scope(number, order))
            continue;
        record->missing = true;
        lookup_now(engine, record);
        record_done(engine, record);
    }
}

/* Neither there nor here. */
static void nothing_left(struct engine *engine, struct sweep_scope *scope)
{
    if (scope->filled) {
        look_again(engine, scope);
        return;
    }
    scope->stage = SCOPE_CLEAR;
    scope->state = SWEEP_CLEAR;
}

static void scanned(struct engine *engine, struct sweep_scope *scope)
{
    look_up_missing(engine, scope);
    if (scope->open > 0) {
        if (scope->rounds >= 2 || scope->rejected)
            cancel_singles(engine, scope);
        if (!scope->rejected)
            set_error(scope, "");
        scope_again(engine, scope);
        return;
    }
    set_error(scope, "");
    scope_again(engine, scope);
    if (any_left(engine, number_of(engine, scope)))
        scope->stage = SCOPE_SCANNED;
    else
        nothing_left(engine, scope);
}

static void scan_failed(struct engine *engine, struct sweep_scope *scope, bool rejected)
{
    if (!scope->rejected)
        set_error(scope, "the open orders could not be read");
    if (!rejected || (!scope->rejected && !scope->unasked)) {
        scope_again(engine, scope);
        return;
    }
    scope->state = SWEEP_FAILED;
    scope_due(scope, engine->now_ms + engine->times->sweep_failed_ms);
}

static void take_reports(struct engine *engine, struct sweep_scope *scope,
                         const struct engine_event *event)
{
    bool room = find_has_room(engine, event->u.page.reports_count);

    for (size_t i = 0; i < event->u.page.reports_count; i++) {
        const struct order_report *report = &event->u.page.reports[i];

        if (!status_is_closed(report->status))
            scope->open++;
        if (scope_kinds[number_of(engine, scope)].by_symbol)
            note_symbol(scope, report->symbol);
        if (room)
            evidence_order(engine, report, true);
    }
}

void sweep_page(struct engine *engine, struct read_slot *slot, const struct engine_event *event)
{
    struct sweep_scope *scope = slot->scope;
    const char *cursor = event->u.page.next_cursor ? event->u.page.next_cursor : "";

    if (!event->u.page.ok) {
        read_release(engine, slot);
        scan_failed(engine, scope, event->u.page.rejected);
        return;
    }
    take_reports(engine, scope, event);
    if (cursor[0] && read_next_page(engine, slot, cursor))
        return;
    read_release(engine, slot);
    if (cursor[0])
        scan_failed(engine, scope, false);
    else
        scanned(engine, scope);
}

/* --- time --- */

static void scope_move(struct engine *engine, struct sweep_scope *scope)
{
    switch (scope->stage) {
    case SCOPE_CANCELLING:
        expire_sends(engine, scope);
        return;
    case SCOPE_SCANNED:
        if (kill_open_count(engine) == 0)
            nothing_left(engine, scope);
        if (scope->stage != SCOPE_CLEAR && engine->now_ms >= scope->due_ms)
            start_round(engine, scope);
        return;
    case SCOPE_DUE:
        if (engine->now_ms >= scope->due_ms)
            start_round(engine, scope);
        return;
    case SCOPE_SCANNING:
    case SCOPE_CLEAR:
        return;
    }
}

static void wait_for_clock(struct engine *engine)
{
    for (size_t i = 0; i < SWEEP_SCOPES; i++) {
        if (engine->guard.scopes[i].state == SWEEP_WAITING)
            continue;
        engine->guard.scopes[i].state = SWEEP_WAITING;
        set_error(&engine->guard.scopes[i], "the exchange's clock is not known yet");
    }
}

/* Without keys there is no account, and nothing of it is open. */
static bool all_clear(const struct engine *engine)
{
    size_t clear = 0;

    if (!engine->config.has_keys)
        return true;
    for (size_t i = 0; i < SWEEP_SCOPES; i++) {
        enum sweep_state state = engine->guard.scopes[i].state;

        if (state != SWEEP_CLEAR && state != SWEEP_FAILED)
            return false;
        clear += state == SWEEP_CLEAR;
    }
    return clear > 0 && kill_open_count(engine) == 0;
}

static bool can_work(const struct engine *engine)
{
    return engine->guard.sweeping && engine->started && !engine->stopping;
}

void sweep_pump(struct engine *engine)
{
    struct guarded *guard = &engine->guard;

    if (!can_work(engine))
        return;
    if (engine->config.has_keys && !engine->clock_known)
        wait_for_clock(engine);
    for (size_t i = 0; engine->config.has_keys && engine->clock_known && i < SWEEP_SCOPES; i++)
        scope_move(engine, &guard->scopes[i]);
    if (guard->state.clear || !all_clear(engine))
        return;
    guard->state.clear = true;
    guard_changed(engine, "clear", false);
}

static int64_t scope_due_ms(const struct sweep_scope *scope)
{
    int64_t due_ms = NEVER_MS;

    if (scope->stage == SCOPE_DUE || scope->stage == SCOPE_SCANNED)
        return scope->due_ms;
    if (scope->stage != SCOPE_CANCELLING)
        return NEVER_MS;
    for (size_t at = 0; at < SWEEP_SYMBOLS_MAX; at++) {
        if (scope->sends[at].send_id && scope->sends[at].due_ms < due_ms)
            due_ms = scope->sends[at].due_ms;
    }
    return due_ms;
}

int64_t sweep_due_ms(const struct engine *engine)
{
    int64_t due_ms = NEVER_MS;

    if (!can_work(engine) || !engine->config.has_keys || !engine->clock_known)
        return NEVER_MS;
    for (size_t i = 0; i < SWEEP_SCOPES; i++) {
        if (scope_due_ms(&engine->guard.scopes[i]) < due_ms)
            due_ms = scope_due_ms(&engine->guard.scopes[i]);
    }
    return due_ms;
}

/* --- the report --- */

void sweep_report(const struct engine *engine, struct guard_report *report)
{
    const struct guarded *guard = &engine->guard;

    report->scopes_count = guard->sweeping && engine->config.has_keys ? SWEEP_SCOPES : 0;
    for (size_t i = 0; i < report->scopes_count; i++) {
        const struct sweep_scope *scope = &guard->scopes[i];

        report->scopes[i].category = scope_kinds[i].category;
        report->scopes[i].order_filter = scope_kinds[i].order_filter;
        report->scopes[i].state = scope->state;
        report->scopes[i].rounds = scope->rounds;
        text_cut(report->scopes[i].settle_coin, COIN_MAX, scope_kinds[i].settle_coin);
        text_cut(report->scopes[i].error, MESSAGE_MAX, scope->error);
    }
}
