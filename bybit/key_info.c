#include "bybit/key_info.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/message.h"
#include "bybit/reads.h"

#define DAY_MS          86400000
#define EXPIRY_WARN_MS  ((int64_t)7 * DAY_MS)
#define READ_TIMEOUT_MS 5000
#define AGAIN_MS        5000
#define AGAIN_MAX       60 /* times again_ms */
#define EVERY_MS        3600000
#define DEADLINE_MAX    36500 /* days */

/* --- the answer --- */

static void add_right(struct text *rights, const struct json *group, const char *name)
{
    char word[64];

    if (json_text(group, word, sizeof(word)))
        return;
    text_addf(rights, "%s%s.%s", rights->bytes ? " " : "", word, name);
}

static enum err read_rights(struct key_info *out, const struct json *permissions,
                            struct error *error)
{
    struct text rights = text_in(out->rights, sizeof(out->rights));
    struct json_walk groups = json_walk(permissions);
    struct json group;
    struct json names;
    struct json name;

    if (permissions->type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "key: the answer has no permissions");
    while (json_next(&groups, &group, &names)) {
        struct json_walk walk = json_walk(&names);
        char word[64];

        while (json_next(&walk, NULL, &name)) {
            if (json_text(&name, word, sizeof(word)) || !word[0])
                continue;
            out->can_withdraw = out->can_withdraw || strcasecmp(word, "Withdraw") == 0;
            if (strlen(out->rights) + strlen(word) + 70 < sizeof(out->rights))
                add_right(&rights, &group, word);
        }
    }
    return ERR_NONE;
}

/* None, or a "*" among them: any address may use the key. */
static bool is_bound(const struct json *ips)
{
    struct json_walk walk = json_walk(ips);
    struct json ip;
    bool bound = false;

    while (json_next(&walk, NULL, &ip)) {
        if (json_equals(&ip, "*"))
            return false;
        bound = true;
    }
    return bound;
}

/* "2026-05-01T00:00:00Z"; 1970 stands for never. */
static int64_t read_expiry(const struct json *result, int64_t as_of_ms)
{
    char text[32];
    struct tm parts = { 0 };
    const char *rest;
    int64_t days;

    if (json_member_text(result, "expiredAt", text, sizeof(text)) == ERR_NONE && text[0]) {
        rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
        if (rest && (*rest == 'Z' || *rest == '.') && parts.tm_year > 70 && parts.tm_year < 8000)
            return (int64_t)timegm(&parts) * 1000;
    }
    if (json_member_int(result, "deadlineDay", &days) || days < 0 || days > DEADLINE_MAX)
        return 0;
    return as_of_ms + days * DAY_MS;
}

static void read_user(const struct json *result, char *out, size_t out_bytes)
{
    static const char *const names[] = { "userIDInt64", "userID" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (json_member_text(result, names[i], out, out_bytes) == ERR_NONE && out[0] &&
            strspn(out, "0123456789") == strlen(out) && strcmp(out, "0") != 0)
            return;
    }
    out[0] = '\0';
}

enum err key_info_read(struct key_info *out, const struct json *result, int64_t as_of_ms,
                       struct error *error)
{
    struct key_info info = { .as_of_ms = as_of_ms };
    struct json permissions;
    struct json ips;
    int64_t read_only = 0;
    enum err err;

    (void)json_member(result, "permissions", &permissions);
    err = read_rights(&info, &permissions, error);
    if (err)
        return err;
    (void)json_member(result, "ips", &ips);
    info.ip_bound = is_bound(&ips);
    info.read_only = json_member_int(result, "readOnly", &read_only) == ERR_NONE && read_only == 1;
    info.expires_ms = read_expiry(result, as_of_ms);
    read_user(result, info.user_id, sizeof(info.user_id));
    *out = info;
    return ERR_NONE;
}

/* --- the check --- */

struct key_check {
    struct key_check_config config;
    struct reads *reads; /* under `lock`, like the rest */
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool starting; /* key_check_wait has not let it pass yet */
    bool tried;
    bool known;
    bool refused;
    bool under_way;
    int64_t due_ms; /* monotonic */
    int again_ms;
    struct key_info info;
};

static void refusal_text(struct error *error)
{
    error_set(
        error, ERR_INVALID,
        "the API key may withdraw: whoever reaches the bridge could empty the account. Make a "
        "key without the right Withdraw, or start with --allow-withdraw-key");
}

struct key_check *key_check_create(const struct key_check_config *config)
{
    struct key_check *check = calloc(1, sizeof(*check));
    pthread_condattr_t attributes;

    if (!check)
        return NULL;
    check->config = *config;
    if (check->config.again_ms <= 0)
        check->config.again_ms = AGAIN_MS;
    if (check->config.every_ms <= 0)
        check->config.every_ms = EVERY_MS;
    check->starting = true;
    pthread_mutex_init(&check->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&check->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    return check;
}

void key_check_destroy(struct key_check *check)
{
    if (!check)
        return;
    pthread_cond_destroy(&check->answered);
    pthread_mutex_destroy(&check->lock);
    free(check);
}

static void warn_of(const struct key_info *info)
{
    char expires[CLOCK_TEXT_MAX];

    if (info->can_withdraw)
        log_warn("key: the API key may withdraw (allowed by --allow-withdraw-key)");
    if (!info->ip_bound)
        log_warn("key: the API key works from any address: bind it to this machine's IP");
    if (info->read_only)
        log_warn("key: the API key is read-only: orders will be refused by the exchange");
    if (info->expires_ms > 0 && info->expires_ms - info->as_of_ms <= EXPIRY_WARN_MS)
        log_warn("key: the API key ends at %s: renew it or bind it to an IP",
                 clock_format(info->expires_ms, expires));
}

/* What was warned of once is not said again each hour; the end that comes near is. */
static bool is_news(const struct key_info *old, const struct key_info *info)
{
    return old->read_only != info->read_only || old->can_withdraw != info->can_withdraw ||
           old->ip_bound != info->ip_bound ||
           (info->expires_ms > 0 && info->expires_ms - info->as_of_ms <= EXPIRY_WARN_MS &&
            old->expires_ms - old->as_of_ms > EXPIRY_WARN_MS);
}

static void take_info(struct key_check *check, const struct key_info *info)
{
    struct error error;
    bool refuses;
    bool tells;
    bool news;

    pthread_mutex_lock(&check->lock);
    news = !check->known || is_news(&check->info, info);
    refuses = info->can_withdraw && !check->config.allow_withdraw;
    tells = refuses && !check->starting && !check->refused;
    check->info = *info;
    check->known = true;
    check->refused = refuses;
    check->tried = true;
    check->under_way = false;
    check->again_ms = 0;
    check->due_ms = clock_mono_ms() + check->config.every_ms;
    pthread_cond_broadcast(&check->answered);
    pthread_mutex_unlock(&check->lock);
    if (refuses)
        refusal_text(&error);
    else if (news)
        warn_of(info);
    if (tells && check->config.on_refused)
        check->config.on_refused(error.text, check->config.userdata);
}

static void take_failure(struct key_check *check, const struct error *error)
{
    char safe[LOG_SAFE_MAX];
    bool first;

    pthread_mutex_lock(&check->lock);
    first = !check->known && check->again_ms == 0;
    check->again_ms = check->again_ms ? check->again_ms * 2 : check->config.again_ms;
    if (check->again_ms > check->config.again_ms * AGAIN_MAX)
        check->again_ms = check->config.again_ms * AGAIN_MAX;
    check->due_ms = clock_mono_ms() + check->again_ms;
    check->tried = true;
    check->under_way = false;
    pthread_cond_broadcast(&check->answered);
    pthread_mutex_unlock(&check->lock);
    if (first)
        log_warn("key: the rights of the API key are not known, asked again later: %s",
                 log_safe(error->text, safe));
}

static void on_key_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct key_check *check = userdata;
    struct envelope envelope;
    struct key_info info;
    struct error error;

    if (!answer->answered)
        error_set(&error, ERR_UNAVAILABLE, "%s", answer->error.text);
    else if (message_envelope(&envelope, answer->body, answer->body_bytes, &error) ||
             answer->http_status != 200)
        error_set(&error, ERR_UPSTREAM, "the exchange answered HTTP %ld", answer->http_status);
    else if (envelope.ret_code != 0)
        error_set(&error, ERR_UPSTREAM, "the exchange answered %d: %s", envelope.ret_code,
                  envelope.ret_msg);
    else if (key_info_read(&info, &envelope.result, as_of_ms, &error) == ERR_NONE) {
        take_info(check, &info);
        return;
    }
    take_failure(check, &error);
}

static void ask(struct key_check *check)
{
    const struct error error = { .code = ERR_BUSY, .text = "too many reads wait" };

    if (reads_get_own(check->reads, ROUTE_KEY_INFO, CATEGORY_LINEAR, "", READ_TIMEOUT_MS, 0,
                      on_key_answer, check))
        take_failure(check, &error);
}

/* The clock's answer, good or not: now a time stamp can be signed as well as ever. */
static void on_time_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    const struct error error = answer->error;

    (void)as_of_ms;
    if (answer->answered)
        ask(userdata);
    else
        take_failure(userdata, &error);
}

void key_check_begin(struct key_check *check, struct reads *reads)
{
    const struct error error = { .code = ERR_BUSY, .text = "too many reads wait" };

    pthread_mutex_lock(&check->lock);
    check->reads = reads;
    check->under_way = true;
    pthread_mutex_unlock(&check->lock);
    if (reads_get_own(reads, ROUTE_TIME, CATEGORY_LINEAR, "", READ_TIMEOUT_MS, 0, on_time_answer,
                      check))
        take_failure(check, &error);
}

enum err key_check_wait(struct key_check *check, int timeout_ms, struct error *error)
{
    struct timespec until;
    bool refused;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&check->lock);
    while (!check->tried && pthread_cond_timedwait(&check->answered, &check->lock, &until) == 0)
        ;
    check->starting = false;
    refused = check->refused;
    pthread_mutex_unlock(&check->lock);
    if (refused) {
        refusal_text(error);
        return ERR_INVALID;
    }
    return ERR_NONE;
}

void key_check_tick(struct key_check *check)
{
    bool due;

    pthread_mutex_lock(&check->lock);
    due = check->reads && !check->under_way && clock_mono_ms() >= check->due_ms;
    check->under_way = check->under_way || due;
    pthread_mutex_unlock(&check->lock);
    if (due)
        ask(check);
}

bool key_check_get(struct key_check *check, struct key_info *out)
{
    bool known;

    pthread_mutex_lock(&check->lock);
    known = check->known;
    *out = check->info;
    pthread_mutex_unlock(&check->lock);
    return known;
}
