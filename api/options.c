#include "api/options.h"

#include <stdlib.h>
#include <string.h>

#include "api/endpoints.h"
#include "api/errors.h"
#include "api/market.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/requests.h"

#define GOOD_MS       3600000
#define GOOD_EMPTY_MS 60000 /* a coin without options may get some */
#define RETRY_MS      60000 /* old ones are served on when they can't be loaded anew */
#define UNKNOWN_MS    60000 /* so old they may lack one that is asked for */
#define TIME_MS       4500  /* for all pages: the read itself comes after them */
#define SHARED_MS     1000
#define PAGES_MAX     20
#define ITEMS_MAX     20000
#define CURSOR_MAX    512

struct options_load {
    const struct api *api;
    struct api_call *call;
    char base[COIN_MAX];
    int64_t began_ms;    /* monotonic */
    int64_t deadline_ms; /* monotonic */
    struct instrument *items;
    size_t count;
    size_t capacity;
    int pages;
    char cursor[CURSOR_MAX];
    bool throttled; /* the last page got no turn in the rate budget */
    int64_t retry_after_ms;
};

static void load_free(struct options_load *load)
{
    free(load->items);
    free(load);
}

/* Symbols of the coin are known, of whatever age, and were tried to be loaded at `since_ms` or
 * later. */
static bool is_known(const struct api *api, const char *base, int64_t since_ms)
{
    const struct instruments *all = instruments_newest(api->instruments);
    const struct option_coin *coin = all ? instruments_option_coin(all, base) : NULL;
    bool known = coin && coin->tried_ms >= since_ms;

    instruments_unref(all);
    return known;
}

/* They are known, new enough, and the symbol (where it is one) is among them or was missed just
 * now. */
static bool is_loaded(const struct instruments *all, const char *base, const char *symbol)
{
    const struct option_coin *coin = instruments_option_coin(all, base);
    int64_t now_ms = clock_mono_ms();

    if (!coin || now_ms >= coin->good_until_ms)
        return false;
    return !strchr(symbol, '-') || now_ms < coin->tried_ms + UNKNOWN_MS ||
           instruments_find(all, CATEGORY_OPTION, symbol);
}

static void run_again(struct options_load *load)
{
    const struct api *api = load->api;
    struct api_call *call = load->call;

    load_free(load);
    call->endpoint->handle(api, call);
}

static bool publish(const struct options_load *load, const struct instruments *old)
{
    int64_t now_ms = clock_mono_ms();
    struct option_coin coin = { .as_of_ms = clock_wall_ms(),
                                .tried_ms = now_ms,
                                .good_until_ms = now_ms + (load->count ? GOOD_MS : GOOD_EMPTY_MS) };
    struct instruments *made = NULL;

    if (!text_copy(coin.base, sizeof(coin.base), load->base))
        made = instruments_with_options(old, &coin, load->items, load->count);
    if (made)
        instruments_publish(load->api->instruments, made);
    return made != NULL;
}

/* Old ones are better than none: they are kept, and the next try is put off. */
static bool keep_old(const struct options_load *load)
{
    const struct instruments *all = instruments_newest(load->api->instruments);
    const struct option_coin *known = all ? instruments_option_coin(all, load->base) : NULL;
    struct option_coin coin;
    struct instruments *made = NULL;
    struct instrument *items = NULL;
    size_t count = 0;

    if (known) {
        items = calloc(instruments_count(all) + 1, sizeof(*items));
        coin = *known;
        coin.tried_ms = clock_mono_ms();
        if (coin.good_until_ms < coin.tried_ms + RETRY_MS)
            coin.good_until_ms = coin.tried_ms + RETRY_MS;
        for (size_t i = 0; items && i < instruments_count(all); i++) {
            const struct instrument *item = instruments_at(all, i);

            if (item->category == CATEGORY_OPTION && strcmp(item->base, load->base) == 0)
                items[count++] = *item;
        }
        if (items)
            made = instruments_with_options(all, &coin, items, count);
    }
    if (made)
        instruments_publish(load->api->instruments, made);
    free(items);
    instruments_unref(all);
    return made != NULL;
}

static void answer_failure(struct options_load *load, const char *why)
{
    const struct api_problem_more more = { .retry_after_ms = load->retry_after_ms > 0
                                                                 ? load->retry_after_ms
                                                                 : 1000 };

    api_fail(load->call, &more, load->throttled ? "rate_limited" : "upstream_failed",
             "the option symbols of %s can't be loaded: %s", load->base, why);
    load_free(load);
}

static void load_fail(struct options_load *load, const char *why)
{
    char safe[LOG_SAFE_MAX];

    log_warn("api: options of %s not loaded: %s", load->base, log_safe(why, safe));
    if (keep_old(load))
        run_again(load);
    else
        answer_failure(load, why);
}

static void load_complete(struct options_load *load)
{
    const struct instruments *old = instruments_newest(load->api->instruments);
    bool vanished = load->count == 0 && is_known(load->api, load->base, 0);
    bool published = !vanished && publish(load, old);

    instruments_unref(old);
    if (vanished)
        load_fail(load, "the list is empty, and was not before");
    else if (!published)
        load_fail(load, "out of memory");
    else
        run_again(load);
}

/* --- pages --- */

static bool load_add(struct options_load *load, const struct instrument *item)
{
    if (load->count == ITEMS_MAX)
        return false;
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

/* Symbols that can't be read are left out, as with the other categories: they can't be asked for
 * then. NULL, or why the page is not usable. */
static const char *read_page(struct options_load *load, const struct json *list)
{
    struct json_walk walk = json_walk(list);
    struct instrument instrument;
    struct json item;

    while (json_next(&walk, NULL, &item)) {
        if (!instrument_read(&instrument, &item, CATEGORY_OPTION, NULL) &&
            strcmp(instrument.base, load->base) == 0 && !load_add(load, &instrument))
            return "there are too many of them";
    }
    return NULL;
}

static const char *next_page(struct options_load *load, const struct envelope *envelope, bool *more)
{
    char cursor[CURSOR_MAX];

    if (json_member_text(&envelope->result, "nextPageCursor", cursor, sizeof(cursor)))
        return "the cursor is not usable";
    *more = cursor[0] != '\0';
    if (*more && (strcmp(cursor, load->cursor) == 0 || ++load->pages == PAGES_MAX))
        return "the pages do not end";
    memcpy(load->cursor, cursor, sizeof(cursor));
    return NULL;
}

static const char *take_page(struct options_load *load, const struct rest_answer *answer,
                             bool *more)
{
    struct envelope envelope;
    struct json list;
    const char *why;

    load->throttled = answer->throttled;
    load->retry_after_ms = answer->throttled ? answer->retry_after_ms : 0;
    if (!answer->answered)
        return answer->error.text[0] ? answer->error.text : "no answer in time";
    if (answer->http_status != 200 ||
        message_envelope(&envelope, answer->body, answer->body_bytes, NULL))
        return "the exchange's answer is unreadable";
    if (envelope.ret_code != 0)
        return "the exchange refused";
    (void)json_member(&envelope.result, "list", &list);
    why = read_page(load, &list);
    return why ? why : next_page(load, &envelope, more);
}

static const char *ask_page(struct options_load *load);

static void on_page(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct options_load *load = userdata;
    bool more = false;
    const char *why;

    (void)as_of_ms;
    if (is_known(load->api, load->base, load->began_ms + 1)) {
        run_again(load); /* another call was faster */
        return;
    }
    why = take_page(load, answer, &more);
    if (!why && more)
        why = ask_page(load);
    if (why)
        load_fail(load, why);
    else if (!more)
        load_complete(load);
}

/* NULL, or why it is not asked. Once it is, the load may be gone. */
static const char *ask_page(struct options_load *load)
{
    char query[CURSOR_MAX * 3 + 64];
    struct text text = text_in(query, sizeof(query));
    int64_t left_ms = load->deadline_ms - clock_mono_ms();

    text_addf(&text, "category=option&baseCoin=%s&limit=1000", load->base);
    request_add_cursor(&text, load->cursor);
    if (left_ms <= 0)
        return "it takes too long";
    if (!text_fits(&text))
        return "the cursor is too long";
    if (reads_get(load->api->reads, ROUTE_INSTRUMENTS, CATEGORY_OPTION, query, (int)left_ms,
                  SHARED_MS, on_page, load))
        return "too many reads wait for the exchange";
    return NULL;
}

/* Nothing to load is also what can't be a coin, and a bridge that knows no symbols yet: the look-up
 * says so. */
static bool must_load(const struct api *api, const char *symbol, char base[COIN_MAX])
{
    const struct instruments *all = instruments_newest(api->instruments);
    bool load = all && !text_copy_n(base, COIN_MAX, symbol, strcspn(symbol, "-")) && base[0] &&
                !strchr(base, '.') && !is_loaded(all, base, symbol);

    instruments_unref(all);
    return load;
}

bool options_wait(const struct api *api, struct api_call *call, const char *symbol)
{
    struct options_load *load;
    const char *why;
    char base[COIN_MAX];

    if (!must_load(api, symbol, base))
        return false;
    load = calloc(1, sizeof(*load));
    if (!load) {
        api_fail(call, NULL, "busy", "out of memory");
        return true;
    }
    load->api = api;
    load->call = call;
    load->began_ms = clock_mono_ms();
    load->deadline_ms = load->began_ms + TIME_MS;
    memcpy(load->base, base, sizeof(base));
    why = ask_page(load);
    if (!why)
        return true;
    /* Only the reads thread publishes symbols: here the old ones just serve once more. */
    if (is_known(api, base, 0)) {
        load_free(load);
        return false;
    }
    answer_failure(load, why);
    return true;
}
