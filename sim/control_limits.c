/* The door's part on limits: what they are, bans, how cancel-all behaves, what was seen. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim/control_parts.h"

/* A whole number within the bounds; absent: left as it is. */
static bool read_int(const cJSON *body, const char *name, int64_t low, int64_t high, int64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);

    if (!item)
        return true;
    if (!cJSON_IsNumber(item) || item->valuedouble < (double)low ||
        item->valuedouble > (double)high)
        return false;
    *out = (int64_t)item->valuedouble;
    return true;
}

/* --- the account's limits --- */

/* At least one a second; what is not limited stays so. */
static void scale(struct limit_settings *settings, double factor)
{
    for (int route = 0; rest_route_path(route); route++) {
        for (int key = 0; key < LIMIT_KEYS; key++) {
            int limit = rest_route_limit(route, key);
            double scaled = limit * factor;

            if (limit > 0)
                limit = scaled < LIMIT_MOST ? (int)scaled : LIMIT_MOST;
            settings->account[route][key] = limit || scaled <= 0 ? limit : 1;
        }
    }
}

/* Only where the route is limited. */
static bool set_key(struct limit_settings *settings, int route, int key, const cJSON *value)
{
    if (!cJSON_IsNumber(value) || value->valuedouble < 1 || value->valuedouble > LIMIT_MOST ||
        rest_route_limit(route, key) == 0)
        return false;
    settings->account[route][key] = (int)value->valuedouble;
    return true;
}

/* A number is for all categories; an object names them. */
static bool set_route(struct limit_settings *settings, int route, const cJSON *value)
{
    enum category category;
    const cJSON *item;
    bool found = false;

    if (cJSON_IsObject(value)) {
        cJSON_ArrayForEach(item, value)
        {
            if (!category_parse(item->string, &category) ||
                !set_key(settings, route, (int)category, item))
                return false;
        }
        return true;
    }
    for (int key = 0; key < LIMIT_KEYS; key++)
        found = set_key(settings, route, key, value) || found;
    return found;
}

static const char *set_account(struct limit_settings *settings, const cJSON *account)
{
    const cJSON *factor = cJSON_GetObjectItemCaseSensitive(account, "factor");
    const cJSON *item;

    if (account && !cJSON_IsObject(account))
        return "account is an object";
    if (factor && (!cJSON_IsNumber(factor) || factor->valuedouble <= 0))
        return "factor is a number above 0";
    if (factor)
        scale(settings, factor->valuedouble);
    cJSON_ArrayForEach(item, account)
    {
        int route = rest_route_find(item->string);

        if (item == factor)
            continue;
        if (route < 0 || !set_route(settings, route, item))
            return "account has paths that are limited, with numbers from 1 to 1200 or objects of "
                   "them by category";
    }
    return NULL;
}

/* --- how long things take that were answered --- */

struct delays {
    int64_t cancel_all_ms;
    int64_t cancel_ms;
    int64_t amend_ms;
    int64_t lookup_ms;
    int64_t history_ms;
};

static bool read_delays(const struct exchange *exchange, const cJSON *body, struct delays *out)
{
    out->cancel_all_ms = exchange->cancel_all_delay_ms;
    out->cancel_ms = exchange->cancel_delay_ms;
    out->amend_ms = exchange->amend_delay_ms;
    out->lookup_ms = exchange->lookup_lag_ms;
    out->history_ms = exchange->history_lag_ms;
    return read_int(body, "cancel_all_delay_ms", 0, LIMIT_BAN_MAX_MS, &out->cancel_all_ms) &&
           read_int(body, "cancel_delay_ms", 0, LIMIT_BAN_MAX_MS, &out->cancel_ms) &&
           read_int(body, "amend_delay_ms", 0, LIMIT_BAN_MAX_MS, &out->amend_ms) &&
           read_int(body, "lookup_lag_ms", 0, LIMIT_BAN_MAX_MS, &out->lookup_ms) &&
           read_int(body, "history_lag_ms", 0, LIMIT_BAN_MAX_MS, &out->history_ms);
}

static void write_delays(struct exchange *exchange, const struct delays *delays)
{
    exchange->cancel_all_delay_ms = delays->cancel_all_ms;
    exchange->cancel_delay_ms = delays->cancel_ms;
    exchange->amend_delay_ms = delays->amend_ms;
    exchange->lookup_lag_ms = delays->lookup_ms;
    exchange->history_lag_ms = delays->history_ms;
}

const char *control_set_limits(struct control *control, const cJSON *body, cJSON *out)
{
    struct limit_settings settings = control->rest->limits.settings;
    const cJSON *on = cJSON_GetObjectItemCaseSensitive(body, "on");
    int64_t ip_limit = settings.ip_limit;
    int64_t most = control->exchange->cancel_all_most;
    const cJSON *one = cJSON_GetObjectItemCaseSensitive(body, "batch_is_one");
    struct delays delays;
    const char *wrong;

    (void)out;
    if (!read_int(body, "ip_limit", 1, LIMIT_MOST, &ip_limit) ||
        !read_int(body, "ip_ban_ms", 1, LIMIT_BAN_MAX_MS, &settings.ip_ban_ms))
        return "ip_limit is 1 to 1200, ip_ban_ms a time of at most a day";
    if (!read_int(body, "cancel_all_most", 1, CANCEL_ALL_MOST, &most))
        return "cancel_all_most is 1 to 500";
    if (!read_delays(control->exchange, body, &delays))
        return "delays are times of at most a day";
    if ((on && !cJSON_IsBool(on)) || (one && !cJSON_IsBool(one)))
        return "on and batch_is_one are true or false";
    wrong = set_account(&settings, cJSON_GetObjectItemCaseSensitive(body, "account"));
    if (wrong)
        return wrong;
    settings.ip_limit = (int)ip_limit;
    if (on)
        settings.off = !cJSON_IsTrue(on);
    if (one)
        settings.batch_is_one = cJSON_IsTrue(one);
    control->rest->limits.settings = settings;
    control->exchange->cancel_all_most = (int)most;
    write_delays(control->exchange, &delays);
    return NULL;
}

const char *control_ban(struct control *control, const cJSON *body, cJSON *out)
{
    int64_t ban_ms = LIMIT_IP_BAN_MS;

    (void)out;
    if (!read_int(body, "ms", 0, LIMIT_BAN_MAX_MS, &ban_ms))
        return "ms is a time of at most a day, 0 lifts a ban";
    limits_ban(&control->rest->limits, clock_mono_us(), ban_ms);
    return NULL;
}

/* --- what is so --- */

static void show_account(const struct limit_settings *settings, cJSON *out)
{
    for (int route = 0; rest_route_path(route); route++) {
        cJSON *by_category = NULL;

        if (rest_route_limit(route, LIMIT_WHOLE) > 0)
            build_int(out, rest_route_path(route), settings->account[route][LIMIT_WHOLE]);
        for (int key = 0; key < CATEGORY_COUNT; key++) {
            if (rest_route_limit(route, key) == 0)
                continue;
            if (!by_category)
                by_category = build_object(out, rest_route_path(route));
            build_int(by_category, category_word((enum category)key),
                      settings->account[route][key]);
        }
    }
}

void control_show_limits(struct control *control, cJSON *out)
{
    struct limits *limits = &control->rest->limits;
    int64_t now_us = clock_mono_us();

    build_bool(out, "on", !limits->settings.off);
    build_int(out, "ip_limit", limits->settings.ip_limit);
    build_int(out, "ip_ban_ms", limits->settings.ip_ban_ms);
    build_int(out, "ip_used", limits_ip_used(limits, now_us));
    build_int(out, "ban_left_ms", limits_ban_left_ms(limits, now_us));
    build_int(out, "cancel_all_most", control->exchange->cancel_all_most);
    build_int(out, "cancel_all_delay_ms", control->exchange->cancel_all_delay_ms);
    build_int(out, "cancel_delay_ms", control->exchange->cancel_delay_ms);
    build_int(out, "amend_delay_ms", control->exchange->amend_delay_ms);
    build_int(out, "lookup_lag_ms", control->exchange->lookup_lag_ms);
    build_int(out, "history_lag_ms", control->exchange->history_lag_ms);
    build_bool(out, "batch_is_one", limits->settings.batch_is_one);
    show_account(&limits->settings, build_object(out, "account"));
}

const char *control_show_requests(struct control *control, const cJSON *query, cJSON *out)
{
    const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(query, "path"));
    const char *after = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(query, "after"));

    if (after && (strlen(after) > 15 || after[strspn(after, "0123456789")]))
        return "after is the number of a request";
    seen_show(&control->seen, path, after ? strtoull(after, NULL, 10) : 0, out);
    return NULL;
}
