#include "api/position_call.h"

#include <pthread.h>
#include <string.h>

#include "api/lookup.h"
#include "api/options.h"
#include "api/order_body.h"
#include "api/position_place.h"
#include "base/clock.h"
#include "base/text.h"
#include "bybit/message.h"
#include "bybit/reads.h"

#define AGAIN_MS        1000
#define READ_TIMEOUT_MS 5000
#define CLAIMS_MAX      1024 /* no less than requests wait for a reply (server/http.h) */

/* --- from the call --- */

static enum err read_idx(struct position_call *position, const struct field_value *field,
                         struct api_refusal *refusal)
{
    if (lookup_int(position->call, "position_idx", 0, 2, -1, &position->idx, refusal))
        return ERR_INVALID;
    if (!field->given)
        return ERR_NONE;
    if (field->number > 2)
        return api_refuse(refusal, "invalid_value",
                          "position_idx \"%s\" is none of 0 (one-way), 1 (long), 2 (short)",
                          field->text);
    if (position->idx >= 0 && position->idx != field->number)
        return api_refuse(refusal, "invalid_value",
                          "position_idx is %d in the query and %d in the body", (int)position->idx,
                          (int)field->number);
    position->idx = field->number;
    return ERR_NONE;
}

enum err position_call_read(struct position_call *position, const struct api *api,
                            struct api_call *call, const struct field_value *idx, bool *later,
                            struct api_refusal *refusal)
{
    position->api = api;
    position->call = call;
    *later = false;
    if (lookup_keys(api, refusal) || lookup_symbol(api, call->param, api_query(call, "category"),
                                                   &position->category, position->symbol, refusal))
        return ERR_INVALID;
    if (position->category == CATEGORY_SPOT)
        return api_refuse(refusal, "no_spot_position",
                          "%s is a spot symbol: spot has balances, not positions",
                          position->symbol);
    if (read_idx(position, idx, refusal))
        return ERR_INVALID;
    if (position->category == CATEGORY_OPTION) {
        api_keep_headers(call);
        *later = options_wait(api, call, position->symbol);
        if (*later)
            return ERR_BUSY;
    }
    return lookup_in_category(api, position->category, position->symbol, &position->instrument,
                              refusal);
}

enum err position_call_client(const struct api_call *call, char out[TAG_MAX],
                              struct api_refusal *refusal)
{
    out[0] = '\0';
    if (!call->client)
        return ERR_NONE;
    if (!order_name_is_valid(call->client))
        return api_refuse(refusal, "invalid_value",
                          "X-Client is not a name: 1 to 64 of A-Z a-z 0-9 . _ -");
    return text_copy(out, TAG_MAX, call->client);
}

/* --- what is known --- */

enum err position_call_now(const struct position_call *position, struct position *out, int64_t *seq,
                           int64_t *as_of_ms, struct api_refusal *refusal)
{
    struct position known[ACCOUNT_PLACES_MAX];
    struct account_state state;
    size_t count;

    account_get_state(position->api->account, ACCOUNT_POSITIONS, &state);
    if (!state.live) {
        enum err err = api_refuse(refusal, "not_ready",
                                  "positions are not live: the private stream is not up, or what "
                                  "was missed is not loaded yet");

        refusal->retry_after_ms = AGAIN_MS;
        return err;
    }
    count = account_position(position->api->account, position->category, position->symbol, known);
    *as_of_ms = state.as_of_ms;
    *seq = count ? 0 : -1;
    for (size_t i = 0; i < count; i++) {
        if (known[i].seq > *seq)
            *seq = known[i].seq;
    }
    return position_pick(position->category, position->symbol, position->idx, known, count, out,
                         refusal);
}

static void keep_loaded(struct position_call *position, const struct json *list)
{
    struct json_walk walk = json_walk(list);
    struct json item;
    struct position found;

    position->loaded_count = 0;
    while (position->loaded_count < ACCOUNT_PLACES_MAX && json_next(&walk, NULL, &item)) {
        if (position_read(&found, &item, position->category, NULL) == ERR_NONE &&
            strcmp(found.symbol, position->symbol) == 0)
            position->loaded[position->loaded_count++] = found;
    }
}

static const char *merge(struct position_call *position, const struct rest_answer *answer,
                         struct error *error, struct envelope *envelope)
{
    struct json list = { .type = JSON_NULL };

    api_waited_for(position->call, answer);
    if (!answer->answered)
        return answer->error.text[0] ? answer->error.text : "no answer";
    if (answer->http_status != 200 ||
        message_envelope(envelope, answer->body, answer->body_bytes, error))
        return "the answer is not readable";
    if (envelope->ret_code != 0)
        return envelope->ret_msg;
    (void)json_member(&envelope->result, "list", &list);
    if (account_merge_positions(position->api->account, &list, position->category, position->symbol,
                                position->begin_ms, error))
        return error->text;
    keep_loaded(position, &list);
    return NULL;
}

static void on_read(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct position_call *position = userdata;
    struct error error = { .upstream = 0 };
    struct envelope envelope;

    (void)as_of_ms;
    position->on_loaded(merge(position, answer, &error, &envelope), position->userdata);
}

void position_call_load(struct position_call *position,
                        void (*on_loaded)(const char *why, void *userdata), void *userdata)
{
    char query[96];
    struct text text = text_in(query, sizeof(query));

    text_addf(&text, "category=%s&symbol=%s", category_word(position->category), position->symbol);
    position->begin_ms = clock_mono_ms();
    position->on_loaded = on_loaded;
    position->userdata = userdata;
    if (reads_get(position->api->reads, ROUTE_POSITIONS, position->category, query, READ_TIMEOUT_MS,
                  0, on_read, position))
        on_loaded("too many reads wait for the exchange", userdata);
}

/* --- one at a time --- */

static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct position_call *claims[CLAIMS_MAX]; /* under claims_lock */

static bool is_same(const struct position_call *a, const struct position_call *b)
{
    if (a->claimed_link[0] && strcmp(a->claimed_link, b->claimed_link) == 0)
        return true;
    return a->claims_symbol && b->claims_symbol && a->category == b->category &&
           strcmp(a->symbol, b->symbol) == 0;
}

/* Under the lock; `wanted` is what `position` claims now and is to claim. */
static bool is_free(const struct position_call *position, const struct position_call *wanted,
                    const struct position_call ***place)
{
    *place = NULL;
    for (size_t i = 0; i < CLAIMS_MAX; i++) {
        if (claims[i] == position || (!claims[i] && !*place))
            *place = &claims[i];
        if (claims[i] && claims[i] != position && is_same(claims[i], wanted))
            return false;
    }
    return *place != NULL;
}

/* What is not had leaves what was claimed before. */
static bool claim(struct position_call *position, bool symbol, const char *link)
{
    struct position_call wanted = *position;
    const struct position_call **place;
    bool done;

    wanted.claims_symbol = wanted.claims_symbol || symbol;
    text_cut(wanted.claimed_link, sizeof(wanted.claimed_link), link);
    (void)pthread_mutex_lock(&claims_lock);
    done = is_free(position, &wanted, &place);
    if (done) {
        position->claimed = true;
        position->claims_symbol = wanted.claims_symbol;
        memcpy(position->claimed_link, wanted.claimed_link, sizeof(wanted.claimed_link));
        *place = position;
    }
    (void)pthread_mutex_unlock(&claims_lock);
    return done;
}

bool position_call_claim(struct position_call *position)
{
    return claim(position, true, "");
}

bool position_call_claim_key(struct position_call *position, const char *link)
{
    return claim(position, false, link);
}

void position_call_release(struct position_call *position)
{
    if (!position->claimed)
        return;
    (void)pthread_mutex_lock(&claims_lock);
    for (size_t i = 0; i < CLAIMS_MAX; i++) {
        if (claims[i] == position)
            claims[i] = NULL;
    }
    (void)pthread_mutex_unlock(&claims_lock);
    position->claimed = position->claims_symbol = false;
    position->claimed_link[0] = '\0';
}
