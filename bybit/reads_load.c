/* bybit/reads_load.c - each category is a load: pages are collected, and a snapshot with the other
 * categories' old items is published once the last page is in. */
#include "bybit/reads_load.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/requests.h"

#define PAGE_TIMEOUT_MS  15000
#define PAGES_MAX        100
#define BACKOFF_MIN_MS   1000
#define BACKOFF_MAX_MS   60000
#define EVERY_DEFAULT_MS 3600000
#define NEVER            INT64_MAX

static const enum category categories[LOADS_COUNT] = { CATEGORY_SPOT, CATEGORY_LINEAR,
                                                       CATEGORY_INVERSE };

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
static int64_t oldest_as_of(const struct loads *loads)
{
    int64_t oldest_ms = NEVER;

    for (size_t i = 0; i < ARRAY_LEN(loads->each); i++) {
        if (loads->each[i].loaded && loads->each[i].as_of_ms < oldest_ms)
            oldest_ms = loads->each[i].as_of_ms;
    }
    return oldest_ms;
}

/* Publishes the loaded items beside those of the other categories. */
static bool load_publish(struct load *load)
{
    struct loads *loads = load->loads;
    const struct instruments *old = instruments_newest(loads->slot);
    struct instruments *made = NULL;
    bool fits = true;

    for (size_t i = 0; old && fits && i < instruments_count(old); i++) {
        const struct instrument *item = instruments_at(old, i);

        if (item->category != load->category)
            fits = load_add(load, item);
    }
    if (fits)
        made = instruments_create(load->items, load->count, oldest_as_of(loads));
    if (made && old)
        instruments_inherit(made, old);
    instruments_unref(old);
    if (made)
        instruments_mark_loaded(made, load->category);
    if (made)
        instruments_publish(loads->slot, made);
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
    load->next_ms = clock_mono_ms() + load->loads->every_ms;
    log_info("reads: instruments of %s loaded count=%zu skipped=%d", category_word(load->category),
             count, skipped);
}

static void page_done(const struct rest_answer *answer, void *userdata);

static void page_ask(struct load *load)
{
    char query_text[LOAD_CURSOR_MAX * 3 + 64];
    struct text query = text_in(query_text, sizeof(query_text));
    struct rest_request request = { .route = ROUTE_INSTRUMENTS,
                                    .category = load->category,
                                    .lane = BUDGET_OWN,
                                    .query = query_text,
                                    .deadline_ms = clock_mono_ms() + PAGE_TIMEOUT_MS,
                                    .on_done = page_done,
                                    .userdata = load };

    text_addf(&query, "category=%s", category_word(load->category));
    /* Spot knows no pages. */
    if (load->category != CATEGORY_SPOT)
        text_add(&query, "&limit=1000");
    request_add_cursor(&query, load->cursor);
    load->under_way = true;
    if (!text_fits(&query) || rest_submit(load->loads->rest, &request))
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
    char cursor[LOAD_CURSOR_MAX];

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

    if (atomic_load(load->loads->stopping)) {
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

int64_t loads_run(struct loads *loads)
{
    int64_t now_ms = clock_mono_ms();
    int64_t next_ms = NEVER;

    for (size_t i = 0; i < ARRAY_LEN(loads->each); i++) {
        struct load *load = &loads->each[i];

        if (!load->under_way && load->next_ms <= now_ms)
            page_ask(load);
        if (!load->under_way && load->next_ms < next_ms)
            next_ms = load->next_ms;
    }
    return next_ms;
}

void loads_init(struct loads *loads, struct rest *rest, struct instruments_slot *slot, int every_ms,
                const atomic_bool *stopping)
{
    *loads = (struct loads){ .rest = rest,
                             .slot = slot,
                             .every_ms = every_ms > 0 ? every_ms : EVERY_DEFAULT_MS,
                             .stopping = stopping };
    for (size_t i = 0; i < LOADS_COUNT; i++) {
        loads->each[i].loads = loads;
        loads->each[i].category = categories[i];
    }
}

void loads_deinit(struct loads *loads)
{
    for (size_t i = 0; i < LOADS_COUNT; i++)
        load_reset(&loads->each[i]);
}
