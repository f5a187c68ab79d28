/* engine/exposure.c - what is open, in money: what orders may still buy or sell, and positions.
 *
 * An order counts with what of it has not been seen filled. A fill that is seen moves from the
 * order to its position, where it counts in full until a report of the position covers it: so no
 * part of an order is ever counted nowhere, whichever message comes first. Reports are compared by
 * the exchange's cross sequence, else by time.
 *
 * Nothing here walks over all orders: each record keeps what it counts for, and the sums follow its
 * changes.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/* How much older than the begin of a read of all positions a fill must be, to be in what it shows
 * for sure: the exchange's lists may lag that far behind its streams. */
#define LOAD_LAG_MS 5000

/* --- money --- */

/* Rounded up; nothing below 0, and absurd values as MONEY_MAX. */
static decimal_int money_of(const struct decimal *value)
{
    decimal_int amount = value->mantissa;
    decimal_int divisor = 1;

    if (decimal_sign(value) <= 0)
        return 0;
    for (int32_t scale = value->scale; scale < MONEY_SCALE; scale++) {
        if (amount > MONEY_MAX / 10)
            return MONEY_MAX;
        amount *= 10;
    }
    for (int32_t scale = value->scale; scale > MONEY_SCALE; scale--)
        divisor *= 10;
    if (divisor > 1)
        amount = amount / divisor + (amount % divisor != 0);
    return amount < MONEY_MAX ? amount : MONEY_MAX;
}

static decimal_int product(const struct decimal *qty, const struct decimal *price)
{
    struct decimal value;

    if (decimal_sign(qty) <= 0 || decimal_sign(price) <= 0)
        return 0;
    return decimal_mul(&value, qty, price) ? MONEY_MAX : money_of(&value);
}

static struct decimal shown(decimal_int amount)
{
    return decimal_trim((struct decimal){ amount, MONEY_SCALE });
}

static bool ends_with(const char *text, const char *end)
{
    size_t bytes = strlen(text);
    size_t end_bytes = strlen(end);

    return bytes > end_bytes && strcmp(text + bytes - end_bytes, end) == 0;
}

static bool is_quoted_in_usd(const struct order_request *request)
{
    return request->category != CATEGORY_SPOT || ends_with(request->symbol, "USDT") ||
           ends_with(request->symbol, "USDC") || ends_with(request->symbol, "USD");
}

static const struct decimal *larger(const struct decimal *a, const struct decimal *b)
{
    return decimal_cmp(a, b) >= 0 ? a : b; /* NONE is below all */
}

/* USD per unit of qty. Of orders that were not valued here (made elsewhere, or while nothing was
 * limited) their own price, and of a sell that waits for a higher one that; NONE: they tell none.
 */
static struct decimal unit_price(const struct order_request *request)
{
    const struct decimal *price = &request->price;

    if (decimal_sign(&request->value_price) > 0)
        return request->value_price;
    if (request->category == CATEGORY_INVERSE)
        return decimal_from_int(1);
    if (!is_quoted_in_usd(request))
        return DECIMAL_NONE;
    if (request->qty_in_quote)
        return decimal_from_int(1);
    if (request->side == SIDE_SELL || decimal_sign(price) <= 0)
        price = larger(price, &request->trigger_price);
    return decimal_sign(price) > 0 ? *price : DECIMAL_NONE;
}

/* --- orders --- */

/* How much of the order is in positions, or counts there: at most what is known to be filled,
 * should a fill be in seen_qty twice, for the two clocks differ. Spot fills count nowhere. */
static struct decimal moved_qty(const struct record *record)
{
    const struct order *order = &record->order;
    const struct decimal *most = larger(&order->filled_qty, &record->fills_qty);
    const struct decimal *moved = larger(&record->seen_qty, &record->fills_qty);

    if (decimal_cmp(moved, most) > 0)
        moved = most;
    if (order->request.qty_in_quote)
        return DECIMAL_ZERO; /* fills count base coin: all of it stays until the end */
    if (order->request.category == CATEGORY_SPOT)
        moved = larger(moved, &order->filled_qty);
    return *moved;
}

struct decimal exposure_left(const struct record *record, struct decimal whole)
{
    struct decimal moved = moved_qty(record);
    struct decimal left;

    if (decimal_sign(&whole) <= 0)
        return DECIMAL_ZERO;
    if (decimal_sub(&left, &whole, &moved))
        return whole;
    return decimal_sign(&left) > 0 ? left : DECIMAL_ZERO;
}

/* What may still be executed; of a closed order the fills that have not come yet. */
static struct decimal owed_qty(const struct record *record)
{
    const struct order *order = &record->order;
    struct decimal whole = order->request.qty;

    if (order_state_is_final(order->state)) {
        if (order->state != ORDER_CLOSED || order->settled ||
            order->request.category == CATEGORY_SPOT)
            return DECIMAL_ZERO;
        whole = order->filled_qty;
    }
    return exposure_left(record, whole);
}

/* Its prices are its value. Else it is not valued and they count by themselves, or it counts as it
 * is, or in another coin. */
static bool is_valued_by_price(const struct order_request *request)
{
    return decimal_sign(&request->value_price) > 0 && request->category != CATEGORY_INVERSE &&
           !request->qty_in_quote && is_quoted_in_usd(request);
}

/* A sell can bring more than its limit, and a conditional order what its trigger is at. */
static void reprice(struct order_request *request)
{
    const struct decimal *price = &request->price;

    if (!is_valued_by_price(request))
        return;
    if (request->type == ORDER_TYPE_LIMIT && request->side == SIDE_BUY) {
        if (decimal_sign(price) > 0)
            request->value_price = *price;
        return;
    }
    if (request->type != ORDER_TYPE_LIMIT)
        price = &request->trigger_price; /* the other may be the bound of its slippage */
    price = larger(price, &request->trigger_price);
    request->value_price = *larger(price, &request->value_price);
}

/* What was valued before another change of the price counts at the price that there is. */
void exposure_amended(const struct order_request *request, const struct order_change *change,
                      struct order_request *out)
{
    order_amended(request, change, out);
    reprice(out);
}

/* USD per unit, at worst: as it is, and as an amend in flight may make it. */
static struct decimal worst_unit_price(const struct order *order)
{
    struct decimal price = unit_price(&order->request);
    struct order_request amended;
    struct decimal then;

    if (order->amend == AMEND_NONE)
        return price;
    exposure_amended(&order->request, &order->change, &amended);
    then = unit_price(&amended);
    return *larger(&price, &then);
}

/* How much more than at the amended price: until the amend is made the order is filled at the price
 * that it has, and what is filled then is none of what is left at a lower one. */
static decimal_int dearer_amount(const struct record *record, struct decimal left,
                                 const struct decimal *price)
{
    const struct order_request *request = &record->order.request;
    struct decimal now = unit_price(request);
    struct decimal at_first = exposure_left(record, request->qty);
    struct decimal more;

    if (guard_is_exit(request) || decimal_cmp(&now, price) <= 0 || decimal_sub(&more, &now, price))
        return 0;
    return product(decimal_cmp(&at_first, &left) < 0 ? &at_first : &left, &more);
}

static decimal_int amended_amount(const struct record *record)
{
    const struct order_request *request = &record->order.request;
    struct order_request amended;
    struct decimal price;
    struct decimal qty;

    exposure_amended(request, &record->order.change, &amended);
    /* A sell at another limit that was not valued may still meet the bid that it met before. */
    price = decimal_sign(&record->order.change.value_price) > 0 ? unit_price(&amended)
                                                                : worst_unit_price(&record->order);
    qty = exposure_left(record, amended.qty);
    return product(&qty, &price) + dearer_amount(record, qty, &price);
}

/* A limit order in the exchange's book is filled at its limit, whatever it might have met before:
 * on its way there, waiting for its trigger, at another limit. Not while it may just have met
 * somebody: what was filled can have brought more, until that fill is seen. */
static bool rests(const struct record *record)
{
    const struct order *order = &record->order;
    const struct order_request *request = &order->request;
    struct decimal moved = moved_qty(record);

    return order->state == ORDER_LIVE &&
           (order->status == STATUS_NEW || order->status == STATUS_PARTIALLY_FILLED) &&
           request->type == ORDER_TYPE_LIMIT && request->category != CATEGORY_INVERSE &&
           is_quoted_in_usd(request) && decimal_sign(&request->price) > 0 &&
           decimal_cmp(&moved, &order->filled_qty) >= 0;
}

static decimal_int order_amount(const struct record *record)
{
    struct decimal qty = owed_qty(record);
    struct decimal price;
    decimal_int amended;
    decimal_int amount;

    if (guard_is_exit(&record->order.request))
        return 0;
    price = rests(record) ? record->order.request.price : unit_price(&record->order.request);
    amount = product(&qty, &price);
    if (record->order.amend == AMEND_NONE)
        return amount;
    amended = amended_amount(record);
    return amended > amount ? amended : amount;
}

/* A sell, or a market order, that waits for its trigger, and that its own prices alone had valued,
 * no book: so do the new ones, also when they are lower. */
static bool own_prices_tell(const struct order *order, const struct order_request *before)
{
    struct decimal own = before->trigger_price;

    if (before->type == ORDER_TYPE_LIMIT)
        own = *larger(&before->price, &before->trigger_price);
    return order->status == STATUS_UNTRIGGERED && is_valued_by_price(before) &&
           decimal_cmp(&before->value_price, &own) <= 0;
}

void exposure_reprice(struct record *record, const struct order_request *before)
{
    struct order_request *request = &record->order.request;

    if (decimal_sign(&request->trigger_price) > 0 && own_prices_tell(&record->order, before))
        request->value_price = request->trigger_price; /* reprice() raises it to the limit */
    reprice(request);
}

static void count(struct engine *engine, struct record *record, decimal_int amount, int client)
{
    struct exposure *exposure = &engine->guard.exposure;

    exposure->orders += amount - record->amount;
    if (record->client)
        exposure->clients[record->client - 1] -= record->amount;
    if (client)
        exposure->clients[client - 1] += amount;
    record->amount = amount;
    record->client = client;
}

void exposure_count(struct engine *engine, struct record *record)
{
    count(engine, record, order_amount(record), record->client);
}

void exposure_forget(struct engine *engine, struct record *record)
{
    count(engine, record, 0, 0);
}

/* What it had filled before is in the positions, which are loaded after it: of its fills only later
 * ones move. (Of an order made elsewhere that shows up partly filled, likewise.) */
void exposure_adopt(struct engine *engine, struct record *record)
{
    const struct order *order = &record->order;

    record->seen_qty = DECIMAL_ZERO;
    record->base_ms = 0;
    if (decimal_sign(&order->filled_qty) > 0) {
        record->seen_qty = order->filled_qty;
        record->base_ms = order->exchange_ms > 0 ? order->exchange_ms : NEVER_MS;
    }
    count(engine, record, record->amount, guard_client_number(engine, order->request.client));
}

/* --- positions --- */

static uint64_t place_hash(enum category category, const char *symbol, int position_idx)
{
    return hash_text(((uint64_t)category << 8) + (uint64_t)(unsigned)position_idx, symbol);
}

static struct place *place_find(const struct exposure *exposure, enum category category,
                                const char *symbol, int position_idx)
{
    uint64_t hash = place_hash(category, symbol, position_idx);
    struct node *node = NULL;

    while ((node = index_next(&exposure->place_keys, hash, node))) {
        struct place *place = node->item;

        if (place->category == category && place->position_idx == position_idx &&
            strcmp(place->symbol, symbol) == 0)
            return place;
    }
    return NULL;
}

/* A place that counts for nothing gives way when all are taken. */
static struct place *place_free(struct exposure *exposure)
{
    if (exposure->places_count < PLACES_MAX)
        return &exposure->places[exposure->places_count++];
    for (size_t i = 0; i < PLACES_MAX; i++) {
        struct place *place = &exposure->places[i];

        if (place->value == 0 && place->pending_count == 0) {
            index_remove(&exposure->place_keys, &place->by_key);
            return place;
        }
    }
    return NULL;
}

/* NULL: there is no room. */
static struct place *place_get(struct exposure *exposure, enum category category,
                               const char *symbol, int position_idx)
{
    struct place *place = place_find(exposure, category, symbol, position_idx);

    if (place)
        return place;
    place = place_free(exposure);
    if (!place)
        return NULL;
    memset(place, 0, sizeof(*place));
    place->category = category;
    place->position_idx = position_idx;
    memcpy(place->symbol, symbol, strnlen(symbol, sizeof(place->symbol) - 1));
    index_add(&exposure->place_keys, &place->by_key,
              place_hash(category, place->symbol, position_idx), place);
    return place;
}

/* Whether the position's last report is not older than the fill. */
static bool report_covers(const struct place *place, const struct pending *pending)
{
    if (!place->reported)
        return false;
    if (place->exchange_seq > 0 && pending->exchange_seq > 0)
        return place->exchange_seq >= pending->exchange_seq;
    return place->updated_ms > 0 && pending->at_ms > 0 && place->updated_ms >= pending->at_ms;
}

/* Whether a read of all positions began long enough after the fill. */
static bool load_covers(const struct engine *engine, const struct pending *pending)
{
    int64_t as_of_ms = engine->guard.exposure.as_of_ms;

    return as_of_ms > 0 && engine->clock_known && pending->at_ms > 0 &&
           pending->at_ms - engine->offset_ms <= as_of_ms - LOAD_LAG_MS - engine->uncertainty_ms;
}

static void drop_covered(struct engine *engine, struct place *place)
{
    size_t kept = 0;

    for (size_t i = 0; i < place->pending_count; i++) {
        struct pending pending = place->pending[i];

        if (report_covers(place, &pending) || load_covers(engine, &pending))
            engine->guard.exposure.positions -= pending.amount;
        else
            place->pending[kept++] = pending;
    }
    place->pending_count = kept;
}

/* With the newest, when there are too many: both then count until the later one is covered. */
static void merge_pending(struct pending *into, const struct pending *pending)
{
    bool sequenced = into->exchange_seq > 0 && pending->exchange_seq > 0;

    into->amount += pending->amount;
    if (pending->at_ms > into->at_ms)
        into->at_ms = pending->at_ms;
    if (!sequenced || pending->exchange_seq > into->exchange_seq)
        into->exchange_seq = sequenced ? pending->exchange_seq : 0;
}

static void add_pending(struct engine *engine, const struct record *record,
                        const struct pending *pending)
{
    struct exposure *exposure = &engine->guard.exposure;
    const struct order_request *request = &record->order.request;
    struct place *place;

    if (pending->amount == 0 || load_covers(engine, pending))
        return;
    place = place_get(exposure, request->category, request->symbol, request->position_idx);
    if (!place) {
        exposure->unplaced += pending->amount;
        return;
    }
    if (report_covers(place, pending))
        return;
    exposure->positions += pending->amount;
    if (place->pending_count == PENDING_MAX)
        merge_pending(&place->pending[PENDING_MAX - 1], pending);
    else
        place->pending[place->pending_count++] = *pending;
}

void exposure_fill(struct engine *engine, struct record *record, const struct fill *fill)
{
    const struct order_request *request = &record->order.request;
    struct pending pending = { .at_ms = fill->at_ms, .exchange_seq = fill->exchange_seq };
    struct decimal price = worst_unit_price(&record->order);
    struct decimal sum;

    if ((record->base_ms == 0 || fill->at_ms > record->base_ms) &&
        !decimal_add(&sum, &record->seen_qty, &fill->qty))
        record->seen_qty = sum;
    if (request->category == CATEGORY_SPOT || guard_is_exit(request))
        return;
    /* An amend may have made the order cheaper after it. */
    if (request->category != CATEGORY_INVERSE)
        price = *larger(&price, &fill->price); /* NONE is below all */
    pending.amount = product(&fill->qty, &price);
    add_pending(engine, record, &pending);
}

static bool is_older(const struct place *place, const struct engine_event *event)
{
    if (!place->reported)
        return false;
    if (place->exchange_seq > 0 && event->u.position.exchange_seq > 0)
        return event->u.position.exchange_seq < place->exchange_seq;
    return place->updated_ms > 0 && event->u.position.updated_ms > 0 &&
           event->u.position.updated_ms < place->updated_ms;
}

void exposure_position(struct engine *engine, const struct engine_event *event)
{
    struct exposure *exposure = &engine->guard.exposure;
    decimal_int value = money_of(&event->u.position.value);
    struct place *place;

    if (decimal_is_none(&event->u.position.value))
        return; /* tells nothing: what was known stays */
    place = place_get(exposure, event->u.position.category, event->u.position.symbol,
                      event->u.position.position_idx);
    if (!place) {
        exposure->unplaced += value;
        return;
    }
    if (is_older(place, event))
        return;
    exposure->positions += value - place->value;
    place->value = value;
    place->reported = true;
    place->updated_ms = event->u.position.updated_ms;
    place->exchange_seq = event->u.position.exchange_seq;
    drop_covered(engine, place);
}

void exposure_known(struct engine *engine, bool known, int64_t begun_ms)
{
    struct exposure *exposure = &engine->guard.exposure;

    exposure->known = known;
    if (!known)
        return;
    if (begun_ms > exposure->as_of_ms)
        exposure->as_of_ms = begun_ms;
    exposure_review(engine);
}

void exposure_review(struct engine *engine)
{
    struct exposure *exposure = &engine->guard.exposure;

    for (size_t i = 0; i < exposure->places_count; i++)
        drop_covered(engine, &exposure->places[i]);
}

/* --- sums --- */

struct decimal exposure_open(const struct engine *engine)
{
    const struct exposure *exposure = &engine->guard.exposure;

    return shown(exposure->orders + exposure->positions + exposure->unplaced);
}

struct decimal exposure_open_of(const struct engine *engine, size_t client)
{
    return shown(engine->guard.exposure.clients[client]);
}

struct decimal exposure_beside(const struct engine *engine, int client, const struct record *record,
                               const struct order_request *left)
{
    const struct exposure *exposure = &engine->guard.exposure;
    decimal_int sum = exposure->orders + exposure->positions + exposure->unplaced;
    struct decimal price = unit_price(left);

    if (client)
        sum = exposure->clients[client - 1];
    if (!client || client == record->client)
        sum -= record->amount;
    return shown(sum + dearer_amount(record, left->qty, &price));
}

enum err exposure_init(struct engine *engine)
{
    struct exposure *exposure = &engine->guard.exposure;

    exposure->places = calloc(PLACES_MAX, sizeof(*exposure->places));
    if (!exposure->places)
        return ERR_NO_MEMORY;
    return index_init(&exposure->place_keys, PLACES_MAX);
}

void exposure_deinit(struct engine *engine)
{
    free(engine->guard.exposure.places);
    free(engine->guard.exposure.place_keys.buckets);
}
