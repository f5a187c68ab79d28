/* engine/store.c - the engine's memory.
 *
 * A step may not fail half-way. So store_reserve takes what the event can need from malloc before
 * anything changes, and the rest of the engine takes from the spare lists, which cannot fail.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/* --- indexes --- */

uint64_t hash_text(uint64_t seed, const char *text)
{
    uint64_t hash = seed ^ 0xcbf29ce484222325U;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
    return hash ^ (hash >> 29);
}

uint64_t hash_number(uint64_t number)
{
    number *= 0x9e3779b97f4a7c15U;
    return number ^ (number >> 32);
}

enum err index_init(struct index *index, size_t items_max)
{
    size_t count = 64;

    while (count < items_max && count < ((size_t)1 << 20))
        count *= 2;
    index->buckets = calloc(count, sizeof(struct node *));
    index->mask = count - 1;
    return index->buckets ? ERR_NONE : ERR_NO_MEMORY;
}

struct node *index_next(const struct index *index, uint64_t hash, const struct node *after)
{
    struct node *node = after ? after->next : index->buckets[hash & index->mask];

    while (node && node->hash != hash)
        node = node->next;
    return node;
}

void index_add(struct index *index, struct node *node, uint64_t hash, void *item)
{
    struct node **bucket = &index->buckets[hash & index->mask];

    assert(!node->item);
    node->hash = hash;
    node->item = item;
    node->next = *bucket;
    *bucket = node;
}

void index_remove(struct index *index, struct node *node)
{
    struct node **at = &index->buckets[node->hash & index->mask];

    if (!node->item)
        return;
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    node->item = NULL;
}

/* --- start and end --- */

enum err store_init(struct engine *engine)
{
    size_t max = engine->records_max;

    engine->heap = calloc(max, sizeof(struct record *));
    engine->waiters = calloc(WAITERS_MAX, sizeof(*engine->waiters));
    if (!engine->heap || !engine->waiters)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < WAITERS_MAX; i++) {
        engine->waiters[i].next = engine->waiters_free;
        engine->waiters_free = &engine->waiters[i];
    }
    if (index_init(&engine->links, max) || index_init(&engine->order_ids, max) ||
        index_init(&engine->clients, max) || index_init(&engine->creates, max / 4) ||
        index_init(&engine->cancels, max / 4) || index_init(&engine->amends, max / 4) ||
        index_init(&engine->fill_keys, max * 2) || index_init(&engine->find_keys, max / 4))
        return ERR_NO_MEMORY;
    return exposure_init(engine);
}

/* Lists of four types, linked by a member `next` at different places. */
static void *next_of(const void *item, size_t next_at)
{
    void *next;

    memcpy(&next, (const char *)item + next_at, sizeof(next));
    return next;
}

static void free_list(void *first, size_t next_at)
{
    while (first) {
        void *next = next_of(first, next_at);

        free(first);
        first = next;
    }
}

#define NEXT_OF_RECORD   offsetof(struct record, next)
#define NEXT_OF_FILL     offsetof(struct fill_node, next)
#define NEXT_OF_FIND     offsetof(struct find, next)
#define NEXT_OF_EVIDENCE offsetof(struct evidence, next)

void store_deinit(struct engine *engine)
{
    guard_deinit(engine);
    exposure_deinit(engine);
    for (struct record *record = engine->records; record; record = record->next)
        free_list(record->fills, NEXT_OF_FILL);
    for (struct find *find = engine->finds_first; find; find = find->next) {
        while (find->first) {
            struct evidence *evidence = find->first;

            find->first = evidence->next;
            evidence_free(engine, evidence);
        }
    }
    free_list(engine->records, NEXT_OF_RECORD);
    free_list(engine->finds_first, NEXT_OF_FIND);
    free_list(engine->spare_records, NEXT_OF_RECORD);
    free_list(engine->spare_fills, NEXT_OF_FILL);
    free_list(engine->spare_finds, NEXT_OF_FIND);
    free_list(engine->spare_evidence, NEXT_OF_EVIDENCE);
    free(engine->heap);
    free(engine->waiters);
    free(engine->links.buckets);
    free(engine->order_ids.buckets);
    free(engine->clients.buckets);
    free(engine->creates.buckets);
    free(engine->cancels.buckets);
    free(engine->amends.buckets);
    free(engine->fill_keys.buckets);
    free(engine->find_keys.buckets);
}

/* A new item of `bytes`, linked before `first`; NULL: out of memory. */
static void *prepend_new(void *first, size_t bytes, size_t next_at)
{
    void *item = malloc(bytes);

    if (item)
        memcpy((char *)item + next_at, &first, sizeof(first));
    return item;
}

static enum err grow_records(struct engine *engine, size_t wanted)
{
    for (; engine->spare_records_count < wanted; engine->spare_records_count++) {
        struct record *item = prepend_new(engine->spare_records, sizeof(*item), NEXT_OF_RECORD);

        if (!item)
            return ERR_NO_MEMORY;
        engine->spare_records = item;
    }
    return ERR_NONE;
}

static enum err grow_fills(struct engine *engine, size_t wanted)
{
    for (; engine->spare_fills_count < wanted; engine->spare_fills_count++) {
        struct fill_node *item = prepend_new(engine->spare_fills, sizeof(*item), NEXT_OF_FILL);

        if (!item)
            return ERR_NO_MEMORY;
        engine->spare_fills = item;
    }
    return ERR_NONE;
}

static enum err grow_finds(struct engine *engine, size_t wanted)
{
    for (; engine->spare_finds_count < wanted; engine->spare_finds_count++) {
        struct find *item = prepend_new(engine->spare_finds, sizeof(*item), NEXT_OF_FIND);

        if (!item)
            return ERR_NO_MEMORY;
        engine->spare_finds = item;
    }
    return ERR_NONE;
}

static enum err grow_evidence(struct engine *engine, size_t wanted)
{
    for (; engine->spare_evidence_count < wanted; engine->spare_evidence_count++) {
        struct evidence *item =
            prepend_new(engine->spare_evidence, sizeof(*item), NEXT_OF_EVIDENCE);

        if (!item)
            return ERR_NO_MEMORY;
        engine->spare_evidence = item;
    }
    return ERR_NONE;
}

enum err store_reserve(struct engine *engine, size_t records, size_t fills, size_t finds,
                       size_t evidence)
{
    if (grow_records(engine, records) || grow_fills(engine, fills) || grow_finds(engine, finds) ||
        grow_evidence(engine, evidence))
        return ERR_NO_MEMORY;
    return ERR_NONE;
}

/* --- the timer heap: the record that is due first on top --- */

static void heap_put(struct engine *engine, size_t at, struct record *record)
{
    engine->heap[at] = record;
    record->heap_at = at;
}

static void heap_up(struct engine *engine, size_t at, struct record *record)
{
    while (at > 0 && engine->heap[(at - 1) / 2]->due_ms > record->due_ms) {
        heap_put(engine, at, engine->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(engine, at, record);
}

static void heap_down(struct engine *engine, size_t at, struct record *record)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < engine->heap_count &&
            engine->heap[child + 1]->due_ms < engine->heap[child]->due_ms)
            child++;
        if (child >= engine->heap_count || engine->heap[child]->due_ms >= record->due_ms)
            break;
        heap_put(engine, at, engine->heap[child]);
        at = child;
    }
    heap_put(engine, at, record);
}

void record_set_due(struct engine *engine, struct record *record, int64_t due_ms)
{
    int64_t before = record->due_ms;

    record->due_ms = due_ms;
    if (due_ms < before)
        heap_up(engine, record->heap_at, record);
    else if (due_ms > before)
        heap_down(engine, record->heap_at, record);
}

static void heap_remove(struct engine *engine, struct record *record)
{
    struct record *last = engine->heap[--engine->heap_count];

    if (last == record)
        return;
    heap_put(engine, record->heap_at, last);
    heap_up(engine, last->heap_at, last);
    heap_down(engine, last->heap_at, last);
}

struct record *store_first_due(const struct engine *engine)
{
    return engine->heap_count > 0 ? engine->heap[0] : NULL;
}

/* --- records --- */

void record_index_order_id(struct engine *engine, struct record *record)
{
    if (record->order.order_id[0] && !record->by_order_id.item)
        index_add(&engine->order_ids, &record->by_order_id, hash_text(0, record->order.order_id),
                  record);
}

/* After the order was replaced whole by the stored one. */
void record_reindex(struct engine *engine, struct record *record)
{
    const struct order_request *request = &record->order.request;

    index_remove(&engine->links, &record->by_link);
    index_remove(&engine->clients, &record->by_client);
    index_remove(&engine->order_ids, &record->by_order_id);
    if (request->link[0])
        index_add(&engine->links, &record->by_link, hash_text(0, request->link), record);
    if (request->client_id[0] && strcmp(request->client_id, request->link) != 0)
        index_add(&engine->clients, &record->by_client, hash_text(0, request->client_id), record);
    record_index_order_id(engine, record);
    exposure_adopt(engine, record);
}

struct record *record_new(struct engine *engine, const struct order *order)
{
    struct record *record = engine->spare_records;

    assert(record && engine->records_count < engine->records_max);
    engine->spare_records = record->next;
    engine->spare_records_count--;
    memset(record, 0, sizeof(*record));
    record->order = *order;
    record->fills_qty = DECIMAL_ZERO;
    record->look.due_ms = NEVER_MS;
    record->cancel_due_ms = NEVER_MS;
    record->due_ms = NEVER_MS;
    record->next = engine->records;
    if (record->next)
        record->next->prev = record;
    engine->records = record;
    engine->records_count++;
    record->counted = order->state;
    engine->states[order->state]++;
    heap_put(engine, engine->heap_count++, record);
    record_reindex(engine, record);
    return record;
}

/* --- what may leave memory, in a list: the one that could do so first, first --- */

static bool may_go(const struct record *record)
{
    return order_state_is_final(record->order.state) && record->order.settled && !record->waiters &&
           record->look.stage == LOOK_IDLE && !record->watched && !record->intent_position &&
           !record->create_send && !record->cancel_send && !record->amend_position;
}

static void going_add(struct engine *engine, struct record *record)
{
    record->going = true;
    record->going_next = NULL;
    record->going_prev = engine->going_last;
    if (record->going_prev)
        record->going_prev->going_next = record;
    else
        engine->going_first = record;
    engine->going_last = record;
}

static void going_remove(struct engine *engine, struct record *record)
{
    if (!record->going)
        return;
    record->going = false;
    if (record->going_prev)
        record->going_prev->going_next = record->going_next;
    else
        engine->going_first = record->going_next;
    if (record->going_next)
        record->going_next->going_prev = record->going_prev;
    else
        engine->going_last = record->going_prev;
}

void record_note_going(struct engine *engine, struct record *record)
{
    if (!may_go(record))
        going_remove(engine, record);
    else if (!record->going)
        going_add(engine, record);
}

/* Asked again: this step may be changing one that it has not noted yet. */
static struct record *first_to_go(const struct engine *engine)
{
    struct record *record = engine->going_first;

    while (record && !may_go(record))
        record = record->going_next;
    return record;
}

void record_evict(struct engine *engine, struct record *record)
{
    assert(!record->waiters && record->look.stage == LOOK_IDLE && !record->intent_position &&
           !record->amend_position);
    while (record->fills) {
        struct fill_node *fill = record->fills;

        record->fills = fill->next;
        index_remove(&engine->fill_keys, &fill->by_key);
        engine->fill_keys_count--;
        fill->next = engine->spare_fills;
        engine->spare_fills = fill;
        engine->spare_fills_count++;
    }
    index_remove(&engine->links, &record->by_link);
    index_remove(&engine->order_ids, &record->by_order_id);
    index_remove(&engine->clients, &record->by_client);
    index_remove(&engine->creates, &record->by_create);
    index_remove(&engine->cancels, &record->by_cancel);
    index_remove(&engine->amends, &record->by_amend);
    engine->amends_unknown -= record->amend_counted;
    heap_remove(engine, record);
    going_remove(engine, record);
    exposure_forget(engine, record);
    if (record->prev)
        record->prev->next = record->next;
    else
        engine->records = record->next;
    if (record->next)
        record->next->prev = record->prev;
    engine->records_count--;
    engine->states[record->counted]--;
    record->next = engine->spare_records;
    engine->spare_records = record;
    engine->spare_records_count++;
}

bool store_has_room(const struct engine *engine)
{
    return first_to_go(engine) != NULL;
}

bool store_make_room(struct engine *engine)
{
    struct record *oldest = first_to_go(engine);

    if (oldest)
        record_evict(engine, oldest);
    return oldest != NULL;
}

struct record *record_by_link(const struct engine *engine, const char *link)
{
    struct node *node = NULL;

    if (!link[0])
        return NULL;
    while ((node = index_next(&engine->links, hash_text(0, link), node))) {
        struct record *record = node->item;

        if (strcmp(record->order.request.link, link) == 0)
            return record;
    }
    return NULL;
}

struct record *record_by_order_id(const struct engine *engine, enum category category,
                                  const char *order_id)
{
    struct node *node = NULL;

    if (!order_id[0])
        return NULL;
    while ((node = index_next(&engine->order_ids, hash_text(0, order_id), node))) {
        struct record *record = node->item;

        if (record->order.request.category == category &&
            strcmp(record->order.order_id, order_id) == 0)
            return record;
    }
    return NULL;
}

struct record *record_by_any(const struct engine *engine, const char *id)
{
    struct record *record;
    struct node *node = NULL;

    for (int category = 0; category < CATEGORY_COUNT; category++) {
        record = record_by_order_id(engine, (enum category)category, id);
        if (record)
            return record;
    }
    record = record_by_link(engine, id);
    if (record || !id[0])
        return record;
    while ((node = index_next(&engine->clients, hash_text(0, id), node))) {
        record = node->item;
        if (strcmp(record->order.request.client_id, id) == 0)
            return record;
    }
    return NULL;
}

static void set_send(struct index *index, struct node *node, struct record *record,
                     uint64_t send_id)
{
    index_remove(index, node);
    if (send_id)
        index_add(index, node, hash_number(send_id), record);
}

void record_set_create_send(struct engine *engine, struct record *record, uint64_t send_id)
{
    record->create_send = send_id;
    set_send(&engine->creates, &record->by_create, record, send_id);
}

void record_set_cancel_send(struct engine *engine, struct record *record, uint64_t send_id)
{
    record->cancel_send = send_id;
    set_send(&engine->cancels, &record->by_cancel, record, send_id);
}

void record_set_amend_send(struct engine *engine, struct record *record, uint64_t send_id)
{
    record->amend_send = send_id;
    set_send(&engine->amends, &record->by_amend, record, send_id);
}

/* hash_number is one to one, so an equal hash is an equal id. */
struct record *record_by_send(const struct index *index, uint64_t send_id)
{
    struct node *node = index_next(index, hash_number(send_id), NULL);

    return node ? node->item : NULL;
}

/* --- fill keys --- */

static uint64_t key_hash(const struct record *record, const char *exec_id)
{
    return hash_text(hash_text((uint64_t)record->order.request.category, record->order.order_id),
                     exec_id);
}

struct fill_node *fill_add(struct engine *engine, struct record *record, const char *exec_id,
                           uint64_t numbers)
{
    struct fill_node *fill = engine->spare_fills;

    assert(fill);
    engine->spare_fills = fill->next;
    engine->spare_fills_count--;
    memset(fill, 0, sizeof(*fill));
    memcpy(fill->exec_id, exec_id, strnlen(exec_id, sizeof(fill->exec_id) - 1));
    fill->record = record;
    fill->numbers = numbers;
    fill->next = record->fills;
    record->fills = fill;
    record->fills_count++;
    if (!numbers)
        record->fills_unsized++;
    engine->fill_keys_count++;
    index_add(&engine->fill_keys, &fill->by_key, key_hash(record, exec_id), fill);
    return fill;
}

struct fill_node *fill_find(const struct engine *engine, const struct record *record,
                            const char *exec_id)
{
    struct node *node = NULL;

    while ((node = index_next(&engine->fill_keys, key_hash(record, exec_id), node))) {
        struct fill_node *fill = node->item;

        if (fill->record == record && strcmp(fill->exec_id, exec_id) == 0)
            return fill;
    }
    return NULL;
}

/* Size, price and side: what may not differ between two messages about one fill. Never 0. */
uint64_t fill_numbers(const struct fill *fill)
{
    char text[DECIMAL_TEXT_MAX];
    struct decimal qty = decimal_trim(fill->qty);
    struct decimal price = decimal_trim(fill->price);
    uint64_t hash = hash_text((uint64_t)fill->side + 1, decimal_format(&qty, text));

    hash = hash_text(hash, decimal_format(&price, text));
    return hash ? hash : 1;
}

/* --- evidence that waits --- */

struct evidence *evidence_new(struct engine *engine)
{
    struct evidence *evidence = engine->spare_evidence;

    assert(evidence);
    engine->spare_evidence = evidence->next;
    engine->spare_evidence_count--;
    engine->evidence_count++;
    evidence->next = NULL;
    return evidence;
}

void evidence_free(struct engine *engine, struct evidence *evidence)
{
    if (!evidence->is_fill)
        native_drop(evidence->u.report.native);
    evidence->next = engine->spare_evidence;
    engine->spare_evidence = evidence;
    engine->spare_evidence_count++;
    engine->evidence_count--;
}
