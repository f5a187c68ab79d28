#include "sim/limits.h"

/* Lets go what is older than the window. */
static void age(struct limit_window *window, int64_t length_us, int64_t now_us)
{
    while (window->count > 0 && now_us - window->at_us[window->first] >= length_us) {
        window->first = (window->first + 1) % LIMIT_MOST;
        window->count--;
    }
}

/* Counts the request, when the window has a place. */
static bool enter(struct limit_window *window, int limit, int64_t length_us, int64_t now_us)
{
    age(window, length_us, now_us);
    if (window->count >= limit || window->count == LIMIT_MOST)
        return false;
    window->at_us[(window->first + window->count++) % LIMIT_MOST] = now_us;
    return true;
}

/* Of a full window. It may hold more than the limit, when that was lowered: so many must leave. */
static int64_t wait_of(const struct limit_window *window, int limit, int64_t length_us,
                       int64_t now_us)
{
    int last = (window->first + window->count - limit) % LIMIT_MOST;

    return window->at_us[last] + length_us - now_us;
}

void limits_init(struct limits *limits)
{
    limits->settings.ip_limit = LIMIT_IP;
    limits->settings.ip_ban_ms = LIMIT_IP_BAN_MS;
}

int64_t limits_ban_left_ms(const struct limits *limits, int64_t now_us)
{
    int64_t left_us = limits->banned_until_us - now_us;

    return left_us > 0 ? (left_us + 999) / 1000 : 0;
}

void limits_ban(struct limits *limits, int64_t now_us, int64_t ban_ms)
{
    limits->banned_until_us = ban_ms > 0 ? now_us + ban_ms * 1000 : 0;
    limits->ip.count = 0;
}

bool limits_admit(struct limits *limits, int64_t now_us)
{
    const struct limit_settings *settings = &limits->settings;

    if (limits_ban_left_ms(limits, now_us) > 0)
        return false;
    if (settings->off || enter(&limits->ip, settings->ip_limit, LIMIT_IP_US, now_us))
        return true;
    limits_ban(limits, now_us, settings->ip_ban_ms);
    return false;
}

int limits_ip_used(struct limits *limits, int64_t now_us)
{
    age(&limits->ip, LIMIT_IP_US, now_us);
    return limits->ip.count;
}

struct limit_state limits_take(struct limits *limits, int route, int key, int wanted,
                               int64_t now_us)
{
    struct limit_window *window = &limits->account[route][key];
    struct limit_state state = { .limit = limits->settings.account[route][key], .granted = wanted };

    if (state.limit == 0)
        return state;
    if (limits->settings.off)
        return (struct limit_state){ .limit = LIMIT_UNLIMITED,
                                     .left = LIMIT_UNLIMITED - wanted,
                                     .granted = wanted };
    state.granted = 0;
    while (state.granted < wanted && enter(window, state.limit, LIMIT_ACCOUNT_US, now_us))
        state.granted++;
    if (state.granted > 0) {
        state.left = state.limit - window->count;
    } else {
        state.refused = true;
        state.wait_us = wait_of(window, state.limit, LIMIT_ACCOUNT_US, now_us);
    }
    return state;
}
