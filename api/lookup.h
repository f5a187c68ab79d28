/* api/lookup.h - the parameters that many handlers share. Refusals are values; nothing here answers
 * a call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/call.h"
#include "api/reply.h"
#include "base/error.h"
#include "bybit/instruments.h"
#include "engine/engine.h"

/* The symbol and its category as written. invalid_symbol. */
MUST_CHECK enum err lookup_symbol(const struct api *api, const char *text, const char *category,
                                  enum category *out_category, char symbol[SYMBOL_MAX],
                                  struct api_refusal *refusal);
/* The symbol's rules, copied. not_ready (not loaded); unknown_symbol, with the nearest. Options are
 * there once options_wait has been through. */
MUST_CHECK enum err lookup_in_category(const struct api *api, enum category category,
                                       const char *symbol, struct instrument *out,
                                       struct api_refusal *refusal);

/* no_api_key, when the bridge has none. */
MUST_CHECK enum err lookup_keys(const struct api *api, struct api_refusal *refusal);

/* A whole number in [min, max]; `absent` when the call does not have it. */
MUST_CHECK enum err lookup_int(const struct api_call *call, const char *name, int64_t min,
                               int64_t max, int64_t absent, int64_t *out,
                               struct api_refusal *refusal);
/* The index of the value in `words`; `absent` when the call does not have it. */
MUST_CHECK enum err lookup_word(const struct api_call *call, const char *name,
                                const char *const *words, size_t count, size_t absent, size_t *out,
                                struct api_refusal *refusal);
/* The refusal of an interval that is none of `words`, with the nearest. */
enum err lookup_refuse_interval(const char *text, const char *const *words, size_t count,
                                struct api_refusal *refusal);
/* 1, true, 0 or false; false when absent. */
MUST_CHECK enum err lookup_flag(const struct api_call *call, const char *name, bool *out,
                                struct api_refusal *refusal);
MUST_CHECK enum err lookup_category(const struct api_call *call, bool *given, enum category *out,
                                    struct api_refusal *refusal);
/* base in upper case, "" when absent. */
MUST_CHECK enum err lookup_base(const struct api_call *call, char base[COIN_MAX],
                                struct api_refusal *refusal);
/* A time, 0 when absent. */
MUST_CHECK enum err lookup_time(const struct api_call *call, const char *name, int64_t now_ms,
                                int64_t *out, struct api_refusal *refusal);
/* A duration in ms; `absent` when the call does not have it. */
MUST_CHECK enum err lookup_duration(const struct api_call *call, const char *name, int64_t absent,
                                    int64_t *out, struct api_refusal *refusal);
/* max_age in ms; -1: any age will do. */
MUST_CHECK enum err lookup_max_age(const struct api_call *call, int64_t *out,
                                   struct api_refusal *refusal);

struct lookup_wait {
    bool given; /* wait or timeout was said */
    enum engine_wait wait;
    int64_t until_ms; /* wall clock */
};
/* wait=accepted|filled|final, timeout (20 s, at most 120 s). */
MUST_CHECK enum err lookup_wait(const struct api_call *call, int64_t now_ms,
                                struct lookup_wait *out, struct api_refusal *refusal);
