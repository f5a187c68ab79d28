/* bybit/reads.c - a thread with two sources: its rest's descriptor and an inbox of asks.
 *
 * A flight is one upstream read and all who wait for it; when it has landed and somebody allowed
 * caching, its answer stays for a while. Each of the instruments' categories is a load: pages are
 * collected, and a snapshot with the other categories' old items is published once the last page is
 * in.
 */
#include "bybit/reads.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/text.h"

#define WAITING_MAX       256
#define QUERY_BYTES_MAX   8192
#define CACHE_ENTRIES_MAX 64
#define CACHE_BYTES_MAX   ((size_t)16 << 20)
#define CACHE_KEPT_MS     60000
#define PAGE_TIMEOUT_MS   15000
#define PAGES_MAX         100
#define CURSOR_MAX        512
#define BACKOFF_MIN_MS    1000
#define BACKOFF_MAX_MS    60000
#define TICK_DEFAULT_MS   1000
#define EVERY_DEFAULT_MS  3600000
#define GRACE_MS          50 /* the flight's own end says more than ours */
#define NEVER             INT64_MAX
#define SMALL_BODY        ((size_t)64 << 10)

struct ask {
    struct ask *next;
    enum bybit_route route;
    enum category category;
    int64_t deadline_ms;
    int cache_ms;
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);
    void *userdata;
    char query[];
};

struct flight {
    struct flight *next;
    struct reads *reads;
    struct ask *asks; /* who waits; the first one asked first */
    enum bybit_route route;
    enum category category;
    bool landed; /* its answer is kept for asks that allow a cache */
    bool keep;
    int64_t deadline_ms;
    int64_t landed_ms; /* monotonic */
    int64_t as_of_ms;  /* wall clock */
    struct rest_answer answer;
    char *body;
    char query[];
};

struct load {
    struct reads *reads;
    enum category category;
    bool under_way;
    bool loaded;
    bool is_empty; /* what was loaded: a category without symbols is no failure */
    int64_t as_of_ms;
    int64_t next_ms;
    int backoff_ms;
    struct instrument *items;
    size_t count;
    size_t capacity;
    int pages;
    int skipped;
    char cursor[CURSOR_MAX];
};

struct reads {
    struct reads_config config;
    struct rest *rest;
    struct queue *inbox;
    int epoll_fd;
    pthread_t thread;
    atomic_bool stopping;
    atomic_int waiting;
    struct ask *bell;       /* wakes the thread to see `stopping` */
    struct flight *flights; /* newest first; under way and landed ones */
    struct load loads[3];
    int64_t tick_due_ms;
};

static const enum category loaded_categories[] = { CATEGORY_SPOT, CATEGORY_LINEAR,
                                                   CATEGORY_INVERSE };

/* --- asks --- */

static void ask_end(struct reads *reads, struct ask *ask, const struct rest_answer *answer,
                    int64_t as_of_ms)
{
    /* Before the callback, so that it may ask again at the bound. */
    atomic_fetch_sub(&reads->waiting, 1);
    ask->on_done(answer, as_of_ms, ask->userdata);
    free(ask);
}

static void ask_fail(struct reads *reads, struct ask *ask, enum err err, const char *why)
{
    struct rest_answer answer = { .body = "", .sent = REST_NOT_SENT };

    error_set(&answer.error, err, "%s: %s", bybit_route_info(ask->route)->path, why);
    ask_end(reads, ask, &answer, 0);
}

/* --- flights --- */

static void flight_free(struct flight *flight)
{
    free(flight->body);
    free(flight);
}

static void flight_unlink(struct reads *reads, struct flight *flight)
{
    struct flight **at = &reads->flights;

    while (*at != flight)
        at = &(*at)->next;
    *at = flight->next;
}

static bool flight_matches(const struct flight *flight, const struct ask *ask)
{
    return flight->route == ask->route && flight->category == ask->category &&
           strcmp(flight->query, ask->query) == 0;
}

/* Drops what is too old or too much; the list is newest first. */
static void cache_trim(struct reads *reads)
{
    int64_t now_ms = clock_mono_ms();
    size_t entries = 0;
    size_t bytes = 0;
    struct flight **at = &reads->flights;

    while (*at) {
        struct flight *flight = *at;

        if (!flight->landed) {
            at = &flight->next;
            continue;
        }
        entries++;
        bytes += flight->answer.body_bytes;
        if (now_ms - flight->landed_ms <= CACHE_KEPT_MS && entries <= CACHE_ENTRIES_MAX &&
            bytes <= CACHE_BYTES_MAX) {
            at = &flight->next;
            continue;
        }
        bytes -= flight->answer.body_bytes;
        *at = flight->next;
        flight_free(flight);
    }
}

/* A good answer: a failure is not shown to those who come later. */
static bool answer_is_good(const struct rest_answer *answer)
{
    int ret_code = 0;

    if (!answer->answered || answer->http_status != 200)
        return false;
    return answer->body_bytes > SMALL_BODY || (rest_ret_code(answer, &ret_code) && ret_code == 0);
}

/* Keeps a copy of the answer; false when it is not to be kept. */
static bool flight_keep(struct flight *flight, const struct rest_answer *answer)
{
    if (!flight->keep || answer->body_bytes > CACHE_BYTES_MAX || !answer_is_good(answer))
        return false;
    flight->body = malloc(answer->body_bytes + 1);
    if (!flight->body)
        return false;
    memcpy(flight->body, answer->body, answer->body_bytes + 1);
    flight->answer = *answer;
    flight->answer.body = flight->body;
    flight->landed = true;
    return true;
}

static void take_ask(struct reads *reads, struct ask *ask);

static void flight_done(const struct rest_answer *answer, void *userdata)
{
    struct flight *flight = userdata;
    struct reads *reads = flight->reads;
    struct ask *asks = flight->asks;
    int64_t now_ms = clock_mono_ms();
    bool stopping = atomic_load(&reads->stopping);
    bool timed_out = !answer->answered && now_ms >= flight->deadline_ms;
    int64_t as_of_ms = answer->answered ? clock_wall_ms() : 0;

    flight->asks = NULL;
    flight->landed_ms = now_ms;
    flight->as_of_ms = as_of_ms;
    if (!flight_keep(flight, answer)) {
        flight_unlink(reads, flight);
        flight_free(flight);
    }
    while (asks) {
        struct ask *ask = asks;

        asks = ask->next;
        ask->next = NULL;
        /* The first asker's deadline ended the flight; this one's has not come. */
        if (timed_out && !stopping && ask->deadline_ms > now_ms + GRACE_MS)
            take_ask(reads, ask);
        else
            ask_end(reads, ask, answer, as_of_ms);
    }
    cache_trim(reads);
}

static void flight_start(struct reads *reads, struct ask *ask)
{
    size_t query_bytes = strlen(ask->query) + 1;
    struct flight *flight = calloc(1, sizeof(*flight) + query_bytes);
    struct rest_request request = { .route = ask->route,
                                    .category = ask->category,
                                    .query = ask->query,
                                    .deadline_ms = ask->deadline_ms,
                                    .on_done = flight_done,
                                    .userdata = flight };
    enum err err;

    if (!flight) {
        ask_fail(reads, ask, ERR_NO_MEMORY, "out of memory");
        return;
    }
    flight->reads = reads;
    flight->route = ask->route;
    flight->category = ask->category;
    flight->deadline_ms = ask->deadline_ms;
    flight->keep = ask->cache_ms > 0;
    memcpy(flight->query, ask->query, query_bytes);
    err = rest_submit(reads->rest, &request);
    if (err) {
        flight_free(flight);
        ask_fail(reads, ask, err,
                 err == ERR_BUSY ? "too many reads wait" : "the read is not possible");
        return;
    }
    flight->asks = ask;
    flight->next = reads->flights;
    reads->flights = flight;
}

static void join(struct flight *flight, struct ask *ask)
{
    struct ask **at = &flight->asks;

    while (*at)
        at = &(*at)->next;
    *at = ask;
    flight->keep = flight->keep || ask->cache_ms > 0;
}

/* An answer about the account that was asked for earlier may lack what the asker has just done:
 * such a flight is shared only with those who accept an older answer. */
static bool may_share(const struct ask *ask)
{
    return ask->cache_ms > 0 || !bybit_route_info(ask->route)->is_signed;
}

static void take_ask(struct reads *reads, struct ask *ask)
{
    int64_t now_ms = clock_mono_ms();

    for (struct flight *flight = reads->flights; flight; flight = flight->next) {
        if (!flight_matches(flight, ask))
            continue;
        if (flight->landed && now_ms - flight->landed_ms < ask->cache_ms) {
            ask_end(reads, ask, &flight->answer, flight->as_of_ms);
            return;
        }
        if (!flight->landed && may_share(ask)) {
            join(flight, ask);
            return;
        }
    }
    flight_start(reads, ask);
}

/* Ends the asks whose time is over while their flight goes on for others. Returns when the next
 * one's is. */
static int64_t expire_asks(struct reads *reads)
{
    int64_t now_ms = clock_mono_ms();
    int64_t next_ms = NEVER;
    struct ask *expired = NULL;

    for (struct flight *flight = reads->flights; flight; flight = flight->next) {
        struct ask **at = &flight->asks;

        while (*at) {
            struct ask *ask = *at;

            if (ask->deadline_ms + GRACE_MS < now_ms) {
                *at = ask->next;
                ask->next = expired;
                expired = ask;
                continue;
            }
            if (ask->deadline_ms + GRACE_MS < next_ms)
                next_ms = ask->deadline_ms + GRACE_MS;
            at = &ask->next;
        }
    }
    while (expired) {
        struct ask *ask = expired;

        expired = ask->next;
        ask_fail(reads, ask, ERR_UNAVAILABLE, "no answer before the deadline");
    }
    return next_ms;
}

/* --- instruments --- */

static void load_reset(struct load *load)
{
    free(load->items);
    load->items = NULL;
    load->count = 0;
    load->capacity = 0;
    load->pages = 0;
    load->skipped = 0;
    load->cursor[0] = '\0';
    load->under_way = false;
}

/* Old data stays; the next try comes later and later. */
static void load_fail(struct load *load, const char *why)
{
    char safe[LOG_SAFE_MAX];

    load_reset(load);
    load->backoff_ms = load->backoff_ms ? load->backoff_ms * 2 : BACKOFF_MIN_MS;
    if (load->backoff_ms > BACKOFF_MAX_MS)
        load->backoff_ms = BACKOFF_MAX_MS;
    load->next_ms = clock_mono_ms() + load->backoff_ms;
    log_warn("reads: instruments of %s not loaded, again in %d ms: %s",
             category_word(load->category), load->backoff_ms, log_safe(why, safe));
}

static bool load_add(struct load *load, const struct instrument *item)
{
    if (load->count == load->capacity) {
        size_t capacity = load->capacity ? load->capacity * 2 : 256;
        struct instrument *items = realloc(load->items, capacity * sizeof(*items));

        if (!items)
            return false;
        load->items = items;
        load->capacity = capacity;
    }
    load->items[load->count++] = *item;
    return true;
}

/* Of a snapshot with several categories: the age of the oldest. */
static int64_t oldest_as_of(const struct reads *reads)
{
    int64_t oldest_ms = NEVER;

    for (size_t i = 0; i < ARRAY_LEN(reads->loads); i++) {
        if (reads->loads[i].loaded && reads->loads[i].as_of_ms < oldest_ms)
            oldest_ms = reads->loads[i].as_of_ms;
    }
    return oldest_ms;
}

/* Publishes the loaded items beside those of the other categories. */
static bool load_publish(struct load *load)
{
    struct reads *reads = load->reads;
    const struct instruments *old = instruments_newest(reads->config.instruments);
    struct instruments *made = NULL;
    bool fits = true;

    for (size_t i = 0; old && fits && i < instruments_count(old); i++) {
        const struct instrument *item = instruments_at(old, i);

        if (item->category != load->category)
            fits = load_add(load, item);
    }
    instruments_unref(old);
    if (fits)
        made = instruments_create(load->items, load->count, oldest_as_of(reads));
    if (made)
        instruments_publish(reads->config.instruments, made);
    return made != NULL;
}

static void load_complete(struct load *load)
{
    size_t count = load->count;
    int skipped = load->skipped;
    bool was_loaded = load->loaded;
    int64_t was_as_of_ms = load->as_of_ms;

    load->loaded = true;
    load->as_of_ms = clock_wall_ms();
    if (!load_publish(load)) {
        load->loaded = was_loaded;
        load->as_of_ms = was_as_of_ms;
        load_fail(load, "out of memory");
        return;
    }
    load_reset(load);
    load->is_empty = count == 0;
    load->backoff_ms = 0;
    load->next_ms = clock_mono_ms() + load->reads->config.instruments_every_ms;
    log_info("reads: instruments of %s loaded count=%zu skipped=%d", category_word(load->category),
             count, skipped);
}

static bool has_escape(const char *text)
{
    for (const char *at = strchr(text, '%'); at; at = strchr(at + 1, '%')) {
        if (strspn(at + 1, "0123456789abcdefABCDEF") >= 2)
            return true;
    }
    return false;
}

/* Cursors that come percent-encoded go back as they are, others are encoded (PROTOCOL section 3).
 */
static void add_cursor(struct text *query, const char *cursor)
{
    text_add(query, "&cursor=");
    if (has_escape(cursor) && !strpbrk(cursor, "+&=# "))
        text_add(query, cursor);
    else
        text_add_query_value(query, cursor);
}

static void page_done(const struct rest_answer *answer, void *userdata);

static void page_ask(struct load *load)
{
    char query_text[CURSOR_MAX * 3 + 64];
    struct text query = text_in(query_text, sizeof(query_text));
    struct rest_request request = { .route = ROUTE_INSTRUMENTS,
                                    .category = load->category,
                                    .query = query_text,
                                    .deadline_ms = clock_mono_ms() + PAGE_TIMEOUT_MS,
                                    .on_done = page_done,
                                    .userdata = load };

    text_addf(&query, "category=%s", category_word(load->category));
    /* Spot knows no pages. */
    if (load->category != CATEGORY_SPOT)
        text_add(&query, "&limit=1000");
    if (load->cursor[0])
        add_cursor(&query, load->cursor);
    load->under_way = true;
    if (!text_fits(&query) || rest_submit(load->reads->rest, &request))
        load_fail(load, "the request was not taken");
}

/* Takes a page's items in; NULL, or why the page is not usable. */
static const char *page_read(struct load *load, const struct json *list)
{
    struct json_walk walk = json_walk(list);
    struct json item;
    struct instrument instrument;

    if (list->type != JSON_ARRAY)
        return "the answer has no list";
    while (json_next(&walk, NULL, &item)) {
        if (instrument_read(&instrument, &item, load->category, NULL) != ERR_NONE)
            load->skipped++;
        else if (!load_add(load, &instrument))
            return "out of memory";
    }
    return NULL;
}

/* Moves to the next page; `*more` is false after the last. A repeated cursor would go on for ever.
 */
static const char *page_next(struct load *load, const struct json *result, bool *more)
{
    char cursor[CURSOR_MAX];

    if (json_member_text(result, "nextPageCursor", cursor, sizeof(cursor)) != ERR_NONE)
        return "the cursor is not usable";
    *more = cursor[0] != '\0';
    if (!*more)
        return NULL;
    if (strcmp(cursor, load->cursor) == 0 || ++load->pages >= PAGES_MAX)
        return "the pages do not end";
    memcpy(load->cursor, cursor, sizeof(cursor));
    return NULL;
}

static const char *page_take(struct load *load, const struct rest_answer *answer, bool *more)
{
    struct json root;
    struct json result;
    struct json list;
    int64_t ret_code;
    const char *why;

    if (!answer->answered)
        return answer->error.text;
    if (answer->http_status != 200)
        return "the HTTP status is not 200";
    if (json_open_trusted(&root, answer->body, answer->body_bytes, NULL) != ERR_NONE ||
        json_member_int(&root, "retCode", &ret_code) != ERR_NONE)
        return "the answer is no envelope";
    if (ret_code != 0)
        return "the exchange refused";
    (void)json_member(&root, "result", &result);
    (void)json_member(&result, "list", &list);
    why = page_read(load, &list);
    return why ? why : page_next(load, &result, more);
}

static void page_done(const struct rest_answer *answer, void *userdata)
{
    struct load *load = userdata;
    bool more = false;
    const char *why;

    if (atomic_load(&load->reads->stopping)) {
        load_reset(load);
        return;
    }
    why = page_take(load, answer, &more);
    if (why)
        load_fail(load, why);
    else if (more)
        page_ask(load);
    else if (load->count == 0 && load->loaded && !load->is_empty)
        load_fail(load, "the list is empty, and was not before");
    else
        load_complete(load);
}

/* Begins the loads that are due. Returns when the next one is. */
static int64_t run_loads(struct reads *reads)
{
    int64_t now_ms = clock_mono_ms();
    int64_t next_ms = NEVER;

    for (size_t i = 0; i < ARRAY_LEN(reads->loads); i++) {
        struct load *load = &reads->loads[i];

        if (!load->under_way && load->next_ms <= now_ms)
            page_ask(load);
        if (!load->under_way && load->next_ms < next_ms)
            next_ms = load->next_ms;
    }
    return next_ms;
}

/* --- the thread --- */

static void take_inbox(struct reads *reads)
{
    struct ask *ask;

    while ((ask = queue_pop(reads->inbox))) {
        if (ask != reads->bell)
            take_ask(reads, ask);
    }
}

static int wait_ms(struct reads *reads, int64_t next_ms)
{
    int timeout_ms = rest_timeout_ms(reads->rest);
    int64_t left_ms;

    if (next_ms == NEVER)
        return timeout_ms;
    left_ms = next_ms - clock_mono_ms() + 1;
    if (left_ms < 0)
        left_ms = 0;
    if (timeout_ms >= 0 && timeout_ms < left_ms)
        return timeout_ms;
    return left_ms < INT32_MAX ? (int)left_ms : INT32_MAX;
}

/* Returns when the next tick is due. */
static int64_t run_tick(struct reads *reads)
{
    int64_t now_ms = clock_mono_ms();

    if (!reads->config.on_tick)
        return INT64_MAX;
    if (now_ms >= reads->tick_due_ms) {
        reads->tick_due_ms = now_ms + reads->config.tick_ms;
        reads->config.on_tick(reads->config.userdata);
    }
    return reads->tick_due_ms;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void *run(void *userdata)
{
    struct reads *reads = userdata;
    struct epoll_event events[2];

    while (!atomic_load(&reads->stopping)) {
        int64_t tick_ms = run_tick(reads);
        int64_t loads_ms;
        int64_t asks_ms;

        take_inbox(reads);
        rest_run(reads->rest);
        /* After the callbacks, which set the times of both. What they submit makes rest_timeout_ms
         * 0. */
        asks_ms = expire_asks(reads);
        loads_ms = run_loads(reads);
        (void)epoll_wait(reads->epoll_fd, events, ARRAY_LEN(events),
                         wait_ms(reads, least(tick_ms, least(loads_ms, asks_ms))));
    }
    return NULL;
}

static bool watch(struct reads *reads, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return epoll_ctl(reads->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void reads_free(struct reads *reads)
{
    struct ask *ask;

    /* Ends what is under way: flight_done and page_done are called, and find `stopping`. */
    rest_destroy(reads->rest);
    while (reads->inbox && (ask = queue_pop(reads->inbox))) {
        if (ask != reads->bell)
            ask_fail(reads, ask, ERR_UNAVAILABLE, "stopped");
    }
    free(reads->bell);
    while (reads->flights) {
        struct flight *flight = reads->flights;

        reads->flights = flight->next;
        flight_free(flight);
    }
    for (size_t i = 0; i < ARRAY_LEN(reads->loads); i++)
        load_reset(&reads->loads[i]);
    queue_destroy(reads->inbox);
    if (reads->epoll_fd >= 0)
        close(reads->epoll_fd);
    free(reads);
}

enum err reads_start(struct reads **out, const struct reads_config *config, struct error *error)
{
    struct reads *reads = calloc(1, sizeof(*reads));
    enum err err;

    if (!reads)
        return error_set(error, ERR_NO_MEMORY, "reads: out of memory");
    reads->config = *config;
    if (reads->config.instruments_every_ms <= 0)
        reads->config.instruments_every_ms = EVERY_DEFAULT_MS;
    if (reads->config.tick_ms <= 0)
        reads->config.tick_ms = TICK_DEFAULT_MS;
    atomic_init(&reads->stopping, false);
    atomic_init(&reads->waiting, 0);
    for (size_t i = 0; i < ARRAY_LEN(reads->loads); i++) {
        reads->loads[i].reads = reads;
        reads->loads[i].category = loaded_categories[i];
    }
    reads->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    reads->inbox = queue_create(WAITING_MAX);
    reads->bell = calloc(1, sizeof(*reads->bell));
    err = rest_create(&reads->rest, &config->rest, error);
    if (err)
        goto fail;
    if (reads->epoll_fd < 0 || !reads->inbox || !reads->bell ||
        !watch(reads, queue_fd(reads->inbox)) || !watch(reads, rest_fd(reads->rest))) {
        err = error_set(error, ERR_NO_MEMORY, "reads: out of memory or descriptors");
        goto fail;
    }
    if (pthread_create(&reads->thread, NULL, run, reads) != 0) {
        err = error_set(error, ERR_NO_MEMORY, "reads: no thread");
        goto fail;
    }
    *out = reads;
    return ERR_NONE;

fail:
    reads_free(reads);
    return err;
}

void reads_stop(struct reads *reads)
{
    if (!reads)
        return;
    atomic_store(&reads->stopping, true);
    /* The inbox holds WAITING_MAX asks at most, so that the extra place is free. */
    (void)!queue_push_extra(reads->inbox, reads->bell, 1);
    pthread_join(reads->thread, NULL);
    reads_free(reads);
}

enum err reads_get(struct reads *reads, enum bybit_route route, enum category category,
                   const char *query, int timeout_ms, int cache_ms,
                   void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                   void *userdata),
                   void *userdata)
{
    size_t query_bytes = (query ? strlen(query) : 0) + 1;
    struct ask *ask;
    enum err err;

    if (bybit_route_info(route)->is_write || query_bytes > QUERY_BYTES_MAX)
        return ERR_INVALID;
    if (atomic_fetch_add(&reads->waiting, 1) >= WAITING_MAX) {
        atomic_fetch_sub(&reads->waiting, 1);
        return ERR_BUSY;
    }
    ask = calloc(1, sizeof(*ask) + query_bytes);
    if (!ask) {
        atomic_fetch_sub(&reads->waiting, 1);
        return ERR_NO_MEMORY;
    }
    ask->route = route;
    ask->category = category;
    ask->deadline_ms = clock_mono_ms() + timeout_ms;
    ask->cache_ms = cache_ms;
    ask->on_done = on_done;
    ask->userdata = userdata;
    memcpy(ask->query, query ? query : "", query_bytes);
    err = queue_push(reads->inbox, ask);
    if (err) {
        atomic_fetch_sub(&reads->waiting, 1);
        free(ask);
    }
    return err;
}
