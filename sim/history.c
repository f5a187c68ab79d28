#include "sim/history.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS     131072 /* a power of two */
#define LINKS_START 4096

struct digest {
    uint64_t high;
    uint64_t low;
};

struct history {
    struct sim_order *oldest;
    struct sim_order *newest;
    size_t orders_count;
    uint64_t last_number;
    struct sim_order *by_id[BUCKETS];
    struct sim_order *by_link[BUCKETS];
    struct sim_order *open[INSTRUMENT_COUNT];
    int open_count[INSTRUMENT_COUNT];
    uint64_t closed[CATEGORY_COUNT];    /* how many were ever */
    uint64_t forgotten[CATEGORY_COUNT]; /* of them, by number */
    struct digest *links;               /* open addressing; 0/0 is free */
    size_t links_capacity;
    size_t links_count;
    struct sim_execution *executions; /* ring by number */
    uint64_t last_execution;
};

static uint64_t fnv(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
    return hash ^ (hash >> 29);
}

static struct digest digest_of(enum category category, const char *link)
{
    const struct digest digest = {
        fnv(0xcbf29ce484222325U + (uint64_t)category, link) | 1,
        fnv(0x9e3779b97f4a7c15U - (uint64_t)category, link),
    };

    return digest;
}

static size_t bucket_of(enum category category, const char *text)
{
    return digest_of(category, text).low & (BUCKETS - 1);
}

struct history *history_create(void)
{
    struct history *history = calloc(1, sizeof(*history));

    if (!history)
        return NULL;
    history->links_capacity = LINKS_START;
    history->links = calloc(LINKS_START, sizeof(*history->links));
    history->executions = calloc(HISTORY_EXECUTIONS_MAX, sizeof(*history->executions));
    if (!history->links || !history->executions) {
        history_destroy(history);
        return NULL;
    }
    return history;
}

void history_destroy(struct history *history)
{
    if (!history)
        return;
    while (history->oldest) {
        struct sim_order *order = history->oldest;

        history->oldest = order->newer;
        free(order);
    }
    free(history->links);
    free(history->executions);
    free(history);
}

static size_t link_slot(const struct digest *links, size_t capacity, struct digest digest)
{
    size_t at = digest.low & (capacity - 1);

    while (links[at].high && (links[at].high != digest.high || links[at].low != digest.low))
        at = (at + 1) & (capacity - 1);
    return at;
}

static bool grow_links(struct history *history)
{
    size_t capacity = history->links_capacity * 2;
    struct digest *links;

    if (history->links_count * 2 < history->links_capacity)
        return true;
    if (history->links_count >= HISTORY_LINKS_MAX)
        return false;
    links = calloc(capacity, sizeof(*links));
    if (!links)
        return false;
    for (size_t i = 0; i < history->links_capacity; i++) {
        if (history->links[i].high)
            links[link_slot(links, capacity, history->links[i])] = history->links[i];
    }
    free(history->links);
    history->links = links;
    history->links_capacity = capacity;
    return true;
}

static bool remember_link(struct history *history, enum category category, const char *link)
{
    struct digest digest = digest_of(category, link);

    if (!*link)
        return true;
    if (!grow_links(history))
        return false;
    history->links[link_slot(history->links, history->links_capacity, digest)] = digest;
    history->links_count++;
    return true;
}

bool history_link_used(const struct history *history, enum category category, const char *link)
{
    struct digest digest = digest_of(category, link);

    return history->links[link_slot(history->links, history->links_capacity, digest)].high != 0;
}

static void unchain(struct history *history, struct sim_order *order)
{
    enum category category = order->instrument->category;
    struct sim_order **at = &history->by_id[bucket_of(category, order->order_id)];

    while (*at != order)
        at = &(*at)->id_next;
    *at = order->id_next;
    if (!order->link[0])
        return;
    at = &history->by_link[bucket_of(category, order->link)];
    while (*at != order)
        at = &(*at)->link_next;
    *at = order->link_next;
}

/* Open orders are few (see match.c), so the walk is short. What changed just now stays: somebody
 * may still be at work on it. */
static void evict_one(struct history *history, int64_t now_ms)
{
    struct sim_order *order = history->oldest;

    while (order && (!status_is_closed(order->status) || order->updated_ms >= now_ms))
        order = order->newer;
    if (!order)
        return;
    unchain(history, order);
    if (order->older)
        order->older->newer = order->newer;
    else
        history->oldest = order->newer;
    if (order->newer)
        order->newer->older = order->older;
    else
        history->newest = order->older;
    history->orders_count--;
    free(order);
}

static void chain(struct history *history, struct sim_order *order)
{
    enum category category = order->instrument->category;
    int index = order->instrument->index;
    struct sim_order **bucket = &history->by_id[bucket_of(category, order->order_id)];

    order->id_next = *bucket;
    *bucket = order;
    if (order->link[0]) {
        bucket = &history->by_link[bucket_of(category, order->link)];
        order->link_next = *bucket;
        *bucket = order;
    }
    order->older = history->newest;
    if (history->newest)
        history->newest->newer = order;
    else
        history->oldest = order;
    history->newest = order;
    order->open_next = history->open[index];
    if (order->open_next)
        order->open_next->open_prev = order;
    history->open[index] = order;
    history->open_count[index]++;
}

struct sim_order *history_add_order(struct history *history, const struct sim_order *order)
{
    struct sim_order *kept = malloc(sizeof(*kept));

    if (!kept || !remember_link(history, order->instrument->category, order->link)) {
        free(kept);
        return NULL;
    }
    *kept = *order;
    kept->number = ++history->last_number;
    if (history->orders_count >= HISTORY_ORDERS_MAX)
        evict_one(history, order->created_ms);
    history->orders_count++;
    chain(history, kept);
    return kept;
}

struct sim_order *history_order(const struct history *history, enum category category,
                                const char *order_id)
{
    struct sim_order *order = history->by_id[bucket_of(category, order_id)];

    while (order &&
           (order->instrument->category != category || strcmp(order->order_id, order_id) != 0))
        order = order->id_next;
    return order;
}

struct sim_order *history_order_by_link(const struct history *history, enum category category,
                                        const char *link)
{
    struct sim_order *order = history->by_link[bucket_of(category, link)];

    while (order && (order->instrument->category != category || strcmp(order->link, link) != 0))
        order = order->link_next;
    return order;
}

struct sim_order *history_newest(const struct history *history)
{
    return history->newest;
}

void history_close_order(struct history *history, struct sim_order *order)
{
    int index = order->instrument->index;

    if (order->open_prev)
        order->open_prev->open_next = order->open_next;
    else
        history->open[index] = order->open_next;
    if (order->open_next)
        order->open_next->open_prev = order->open_prev;
    order->open_prev = NULL;
    order->open_next = NULL;
    history->open_count[index]--;
    order->closed_number = ++history->closed[order->instrument->category];
}

bool history_is_recent(const struct history *history, const struct sim_order *order, uint64_t most)
{
    enum category category = order->instrument->category;

    return order->closed_number > history->forgotten[category] &&
           history->closed[category] - order->closed_number < most;
}

void history_forget_recent(struct history *history)
{
    memcpy(history->forgotten, history->closed, sizeof(history->forgotten));
}

void history_age(struct history *history, int64_t ms)
{
    for (struct sim_order *order = history->newest; order; order = order->older) {
        order->created_ms -= ms;
        order->updated_ms -= ms;
    }
    for (size_t i = 0; i < HISTORY_EXECUTIONS_MAX; i++) {
        if (history->executions[i].number)
            history->executions[i].at_ms -= ms;
    }
}

struct sim_order *history_open(const struct history *history, int instrument)
{
    return history->open[instrument];
}

int history_open_count(const struct history *history, int instrument)
{
    return history->open_count[instrument];
}

const struct sim_execution *history_add_execution(struct history *history, struct sim_order *order,
                                                  const struct sim_execution *execution)
{
    uint64_t number = ++history->last_execution;
    struct sim_execution *kept = &history->executions[number % HISTORY_EXECUTIONS_MAX];

    *kept = *execution;
    kept->number = number;
    kept->previous = order ? order->last_execution : 0;
    if (order)
        order->last_execution = number;
    return kept;
}

const struct sim_execution *history_execution(const struct history *history, uint64_t number)
{
    const struct sim_execution *kept = &history->executions[number % HISTORY_EXECUTIONS_MAX];

    return number && kept->number == number ? kept : NULL;
}

uint64_t history_last_execution(const struct history *history)
{
    return history->last_execution;
}

uint64_t history_execution_before(const struct history *history, int64_t at_ms)
{
    uint64_t high = history->last_execution;
    uint64_t low = high > HISTORY_EXECUTIONS_MAX ? high - HISTORY_EXECUTIONS_MAX : 0;

    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;

        if (history->executions[middle % HISTORY_EXECUTIONS_MAX].at_ms <= at_ms)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}
