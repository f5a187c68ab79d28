/* bybit/account_scopes.c - the positions over REST, scope by scope and page by page. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/account_parts.h"
#include "bybit/message.h"
#include "bybit/reads.h"
#include "bybit/requests.h"

#define PAGES_MAX 16
/* A scope that is refused is asked for again this late, later each time: an error page of something
 * in between looks the same, and would hide what is there. */
#define REFUSED_MIN_MS 2000
#define REFUSED_MAX_MS 600000

static const struct {
    enum category category;
    const char *name; /* for the log */
    const char *query;
} scopes[ACCOUNT_SCOPES] = {
    { CATEGORY_LINEAR, "linear USDT", "category=linear&settleCoin=USDT&limit=200" },
    { CATEGORY_LINEAR, "linear USDC", "category=linear&settleCoin=USDC&limit=200" },
    { CATEGORY_INVERSE, "inverse", "category=inverse&limit=200" },
    { CATEGORY_OPTION, "option", "category=option&limit=200" },
};

static bool is_asked(struct account *account, size_t scope)
{
    bool asked;

    pthread_mutex_lock(&account->lock);
    asked = !account->refused[scope].refused || clock_mono_ms() >= account->refused[scope].until_ms;
    pthread_mutex_unlock(&account->lock);
    return asked;
}

/* A scope that this key never had is empty; of one that it had, it is not known what is there. */
static void skip_refused(struct load *load)
{
    struct account *account = load->account;

    pthread_mutex_lock(&account->lock);
    if (account->refused[load->scope].was_accepted)
        load->incomplete[scopes[load->scope].category] = true;
    pthread_mutex_unlock(&account->lock);
}

static void note_refusal(struct account *account, size_t scope, const struct error *error)
{
    struct refused *refused = &account->refused[scope];
    char safe[LOG_SAFE_MAX];
    bool first;

    pthread_mutex_lock(&account->lock);
    first = !refused->refused;
    refused->refused = true;
    refused->wait_ms = refused->wait_ms ? refused->wait_ms * 2 : REFUSED_MIN_MS;
    if (refused->wait_ms > REFUSED_MAX_MS)
        refused->wait_ms = REFUSED_MAX_MS;
    refused->until_ms = clock_mono_ms() + refused->wait_ms;
    refused->error = *error;
    pthread_mutex_unlock(&account->lock);
    if (first)
        log_warn("account: no positions of %s here: code=%d %s", scopes[scope].name,
                 error->upstream, log_safe(error->text, safe));
}

static void note_accepted(struct load *load)
{
    struct refused *refused = &load->account->refused[load->scope];

    load->accepted[scopes[load->scope].category] = true;
    pthread_mutex_lock(&load->account->lock);
    refused->refused = false;
    refused->wait_ms = 0;
    refused->was_accepted = true;
    pthread_mutex_unlock(&load->account->lock);
}

/* The exchange does not have it, or not for this key: asking soon again changes nothing. */
static bool is_refusal(long http_status, int ret_code)
{
    static const int codes[] = { 10001, 10005, 10017, 10024, 10028, 10029, 110302 };

    for (size_t i = 0; http_status == 200 && i < ARRAY_LEN(codes); i++) {
        if (ret_code == codes[i])
            return true;
    }
    return http_status == 404;
}

static void take_page(struct load *load, const struct json *list)
{
    enum category category = scopes[load->scope].category;
    struct json_walk walk = json_walk(list);
    struct position position;
    struct error error;
    struct json item;

    while (json_next(&walk, NULL, &item)) {
        enum err err = position_read(&position, &item, category, &error);

        if (!err && position.category != category)
            err = error_set(&error, ERR_INVALID, "position: of another category than asked for");
        if (!err) {
            account_take_loaded(load->account, &position, load->begin_ms, load->number);
            continue;
        }
        /* The one that is not read must not be taken for gone. */
        if (!load->incomplete[category])
            log_warn("account: a position of %s is not readable: %s", scopes[load->scope].name,
                     error.text);
        load->incomplete[category] = true;
    }
}

static void on_page(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);

static void ask(struct load *load)
{
    const struct error error = { .code = ERR_BUSY, .text = "too many reads wait" };
    char query_text[ACCOUNT_CURSOR_MAX * 3 + 128];
    struct text query = text_in(query_text, sizeof(query_text));

    text_add(&query, scopes[load->scope].query);
    if (load->cursor[0])
        request_add_cursor(&query, load->cursor);
    if (!text_fits(&query) ||
        reads_get_own(load->account->reads, ROUTE_POSITIONS, scopes[load->scope].category,
                      query_text, ACCOUNT_TIMEOUT_MS, 0, on_page, load))
        account_load_fail(load, &error);
}

static bool is_last_of_category(size_t scope)
{
    return scope + 1 == ACCOUNT_SCOPES || scopes[scope + 1].category != scopes[scope].category;
}

/* Goes to the next scope that is asked for, closing categories on the way. */
static void next_scope(struct load *load)
{
    do {
        enum category category = scopes[load->scope].category;

        if (is_last_of_category(load->scope) && load->accepted[category] &&
            !load->incomplete[category])
            account_end_category(load->account, category, load->begin_ms, load->number);
        load->scope++;
        load->pages = 0;
        load->cursor[0] = '\0';
        if (load->scope == ACCOUNT_SCOPES) {
            account_load_end(load);
            return;
        }
        if (is_asked(load->account, load->scope)) {
            ask(load);
            return;
        }
        skip_refused(load);
    } while (true);
}

/* A cursor that repeats, or that goes on and on, is a failure: the list is not complete. */
static void next_page(struct load *load, const struct json *result)
{
    struct error error = { .code = ERR_INVALID, .text = "the pages do not end" };
    char cursor[ACCOUNT_CURSOR_MAX];

    if (json_member_text(result, "nextPageCursor", cursor, sizeof(cursor))) {
        error_set(&error, ERR_INVALID, "the cursor is not usable");
        account_load_fail(load, &error);
    } else if (!cursor[0]) {
        note_accepted(load);
        next_scope(load);
    } else if (strcmp(cursor, load->cursor) == 0 || ++load->pages >= PAGES_MAX) {
        account_load_fail(load, &error);
    } else {
        memcpy(load->cursor, cursor, sizeof(cursor));
        ask(load);
    }
}

static void on_positions(struct load *load, const struct json *result)
{
    struct error error;
    struct json list;

    if (!json_member(result, "list", &list) || list.type != JSON_ARRAY) {
        error_set(&error, ERR_INVALID, "the answer has no list of positions");
        account_load_fail(load, &error);
        return;
    }
    take_page(load, &list);
    next_page(load, result);
}

static void on_page(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct load *load = userdata;
    struct envelope envelope = { .ret_code = 0 };
    struct error error = { .upstream = 0 };
    enum err err = account_open_answer(answer, &envelope, &error);

    if (!load->oldest_ms)
        load->oldest_ms = as_of_ms;
    if (!err) {
        on_positions(load, &envelope.result);
    } else if (answer->answered && is_refusal(answer->http_status, envelope.ret_code)) {
        note_refusal(load->account, load->scope, &error);
        skip_refused(load);
        next_scope(load);
    } else {
        account_load_fail(load, &error);
    }
}

void account_load_positions(struct load *load)
{
    if (is_asked(load->account, 0)) {
        ask(load);
        return;
    }
    skip_refused(load);
    next_scope(load);
}

enum err account_merge_positions(struct account *account, const struct json *list,
                                 enum category category, const char *symbol, int64_t begin_ms,
                                 struct error *error)
{
    struct json_walk walk = json_walk(list);
    struct position position;
    struct json item;
    unsigned places = 0;

    if (list->type != JSON_ARRAY)
        return error_set(error, ERR_INVALID, "the answer has no list of positions");
    while (json_next(&walk, NULL, &item)) {
        enum err err = position_read(&position, &item, category, error);

        if (err)
            return err;
        if (position.category == category && strcmp(position.symbol, symbol) == 0)
            places |= 1U << position.position_idx;
        account_take_loaded(account, &position, begin_ms, 0);
    }
    if (places)
        account_end_symbol(account, category, symbol, places, begin_ms);
    return ERR_NONE;
}

bool account_refusal(struct account *account, enum category category, struct error *out)
{
    bool refused = false;
    bool accepted = false;

    pthread_mutex_lock(&account->lock);
    for (size_t i = 0; i < ACCOUNT_SCOPES; i++) {
        if (scopes[i].category != category)
            continue;
        if (account->refused[i].refused) {
            refused = true;
            *out = account->refused[i].error;
        } else {
            accepted = true;
        }
    }
    pthread_mutex_unlock(&account->lock);
    return refused && !accepted;
}
