#include "api/lookup.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/events.h"
#include "base/text.h"

#define TIMEOUT_DEFAULT_MS 20000
#define TIMEOUT_MAX_MS     120000
#define NOT_LOADED_MS      1000

enum err lookup_keys(const struct api *api, struct api_refusal *refusal)
{
    if (api->has_keys && api->loop)
        return ERR_NONE;
    return api_refuse(refusal, "no_api_key", "this call needs an API key, and the bridge has none");
}

/* --- instruments --- */

static const char *nearest_symbol(const struct instruments *all, enum category category,
                                  const char *symbol)
{
    size_t count = instruments_count(all);
    const char **names = calloc(count ? count : 1, sizeof(*names));
    const char *nearest;
    size_t used = 0;

    if (!names)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (instruments_at(all, i)->category == category)
            names[used++] = instruments_at(all, i)->symbol;
    }
    nearest = text_nearest(symbol, names, used);
    free(names);
    return nearest;
}

static enum err unknown_symbol(const struct instruments *all, enum category category,
                               const char *symbol, struct api_refusal *refusal)
{
    const char *nearest;

    for (int other = 0; other < CATEGORY_COUNT; other++) {
        if (instruments_find(all, (enum category)other, symbol))
            return api_refuse(refusal, "unknown_symbol", "%s is no %s symbol; there is %s:%s",
                              symbol, category_word(category), category_word((enum category)other),
                              symbol);
    }
    nearest = nearest_symbol(all, category, symbol);
    if (nearest)
        return api_refuse(refusal, "unknown_symbol", "%s is no %s symbol; did you mean %s?", symbol,
                          category_word(category), nearest);
    return api_refuse(refusal, "unknown_symbol", "%s is no %s symbol", symbol,
                      category_word(category));
}

static enum err not_loaded(enum category category, struct api_refusal *refusal)
{
    enum err err = api_refuse(refusal, "not_ready", "the list of %s symbols is not loaded yet",
                              category_word(category));

    refusal->retry_after_ms = NOT_LOADED_MS;
    return err;
}

enum err lookup_in_category(const struct api *api, enum category category, const char *symbol,
                            struct instrument *out, struct api_refusal *refusal)
{
    const struct instruments *all = instruments_newest(api->instruments);
    const struct instrument *found = all ? instruments_find(all, category, symbol) : NULL;
    enum err err = ERR_NONE;

    if (found)
        *out = *found;
    else if (!all || (category != CATEGORY_OPTION && !instruments_has_category(all, category)))
        err = not_loaded(category, refusal);
    else
        err = unknown_symbol(all, category, symbol, refusal);
    instruments_unref(all);
    return err;
}

enum err lookup_symbol(const struct api *api, const char *text, const char *category,
                       enum category *out_category, char symbol[SYMBOL_MAX],
                       struct api_refusal *refusal)
{
    struct error error;

    if (api_parse_symbol(text, category, api->default_category, out_category, symbol, &error))
        return api_refuse(refusal, "invalid_symbol", "%s", error.text);
    return ERR_NONE;
}

/* --- queries --- */

enum err lookup_int(const struct api_call *call, const char *name, int64_t min, int64_t max,
                    int64_t absent, int64_t *out, struct api_refusal *refusal)
{
    const char *text = api_query(call, name);
    size_t bytes;

    *out = absent;
    if (!text)
        return ERR_NONE;
    bytes = strlen(text);
    if (bytes == 0 || bytes > 18 || strspn(text, "0123456789") != bytes)
        return api_refuse(refusal, "invalid_value", "%s \"%s\" is not a whole number", name, text);
    *out = strtoll(text, NULL, 10);
    if (*out < min || *out > max)
        return api_refuse(refusal, "invalid_value", "%s %s is not within %lld to %lld", name, text,
                          (long long)min, (long long)max);
    return ERR_NONE;
}

enum err lookup_word(const struct api_call *call, const char *name, const char *const *words,
                     size_t count, size_t absent, size_t *out, struct api_refusal *refusal)
{
    const char *text = api_query(call, name);
    char list[120];
    struct text shown = text_in(list, sizeof(list));

    *out = absent;
    if (!text)
        return ERR_NONE;
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(words[i], text) == 0) {
            *out = i;
            return ERR_NONE;
        }
        text_addf(&shown, "%s%s", i ? ", " : "", words[i]);
    }
    return api_refuse(refusal, "invalid_value", "%s \"%s\" is none of %s", name, text, list);
}

enum err lookup_flag(const struct api_call *call, const char *name, bool *out,
                     struct api_refusal *refusal)
{
    static const char *const words[] = { "0", "false", "1", "true" };
    size_t word;

    if (lookup_word(call, name, words, ARRAY_LEN(words), 0, &word, refusal))
        return ERR_INVALID;
    *out = word >= ARRAY_LEN(words) / 2;
    return ERR_NONE;
}

enum err lookup_base(const struct api_call *call, char base[COIN_MAX], struct api_refusal *refusal)
{
    const char *text = api_query(call, "base");

    base[0] = '\0';
    if (!text)
        return ERR_NONE;
    if (text_copy(base, COIN_MAX, text) || !base[0])
        return api_refuse(refusal, "invalid_value", "base \"%.40s\" is no coin", text);
    for (char *at = base; *at; at++) {
        *at = (char)toupper((unsigned char)*at);
        if (!isalnum((unsigned char)*at))
            return api_refuse(refusal, "invalid_value", "base \"%.40s\" is no coin", text);
    }
    return ERR_NONE;
}

/* By length where it has one ("60m" is 1h), else by its letters. */
static const char *nearest_interval(const char *text, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    int64_t least = INT64_MAX;
    int64_t wanted;
    int64_t length;

    if (api_parse_duration(text, &wanted, NULL))
        return text_nearest(text, words, count);
    for (size_t i = 0; i < count; i++) {
        if (!api_parse_duration(words[i], &length, NULL) && llabs(length - wanted) < least) {
            least = llabs(length - wanted);
            nearest = words[i];
        }
    }
    return nearest;
}

enum err lookup_refuse_interval(const char *text, const char *const *words, size_t count,
                                struct api_refusal *refusal)
{
    const char *nearest = nearest_interval(text, words, count);
    char list[96];
    struct text shown = text_in(list, sizeof(list));

    for (size_t i = 0; i < count; i++)
        text_addf(&shown, "%s%s", i ? ", " : "", words[i]);
    if (!nearest)
        return api_refuse(refusal, "invalid_value", "interval \"%.40s\" is none of %s", text, list);
    return api_refuse(refusal, "invalid_value",
                      "interval \"%.40s\" is none of %s; did you mean %s?", text, list, nearest);
}

enum err lookup_category(const struct api_call *call, bool *given, enum category *out,
                         struct api_refusal *refusal)
{
    const char *text = api_query(call, "category");

    *given = text != NULL;
    if (!text || category_parse(text, out))
        return ERR_NONE;
    return api_refuse(refusal, "invalid_value",
                      "category \"%s\" is none of spot, linear, inverse, option", text);
}

enum err lookup_time(const struct api_call *call, const char *name, int64_t now_ms, int64_t *out,
                     struct api_refusal *refusal)
{
    const char *text = api_query(call, name);
    struct error error;

    *out = 0;
    if (!text || !api_parse_time(text, now_ms, out, &error))
        return ERR_NONE;
    return api_refuse(refusal, "invalid_time", "%s: %s", name, error.text);
}

enum err lookup_duration(const struct api_call *call, const char *name, int64_t absent,
                         int64_t *out, struct api_refusal *refusal)
{
    const char *text = api_query(call, name);
    struct error error;

    *out = absent;
    if (!text || !api_parse_duration(text, out, &error))
        return ERR_NONE;
    return api_refuse(refusal, "invalid_duration", "%s: %s", name, error.text);
}

enum err lookup_max_age(const struct api_call *call, int64_t *out, struct api_refusal *refusal)
{
    return lookup_duration(call, "max_age", -1, out, refusal);
}

enum err lookup_wait(const struct api_call *call, int64_t now_ms, struct lookup_wait *out,
                     struct api_refusal *refusal)
{
    static const char *const words[] = { "accepted", "filled", "final" };
    static const enum engine_wait waits[] = { WAIT_ACCEPTED, WAIT_FILLED, WAIT_FINAL };
    size_t word;
    int64_t timeout_ms;

    if (lookup_word(call, "wait", words, ARRAY_LEN(words), 0, &word, refusal) ||
        lookup_duration(call, "timeout", TIMEOUT_DEFAULT_MS, &timeout_ms, refusal))
        return ERR_INVALID;
    if (timeout_ms > TIMEOUT_MAX_MS)
        return api_refuse(refusal, "invalid_value", "timeout is longer than %d s",
                          TIMEOUT_MAX_MS / 1000);
    out->given = api_query(call, "wait") || api_query(call, "timeout");
    out->wait = waits[word];
    out->until_ms = now_ms + timeout_ms;
    return ERR_NONE;
}
