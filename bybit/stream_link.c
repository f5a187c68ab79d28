#include "bybit/stream_link.h"

#include <stdlib.h>

#include "bybit/stream_link_parts.h"

#define LOGIN_TRIES        5 /* then only each login_retry_ms */
#define LOGIN_RETRY_MS     300000
#define REJOINS_MAX        4 /* without a snapshot: then the link is rebuilt, once */
#define MUTE_DOUBLINGS_MAX 3

void link_init(struct link *link, enum stream_link which, const struct stream_times *times,
               uint64_t random)
{
    *link = (struct link){ .which = which,
                           .is_private = which == LINK_PRIVATE,
                           .times = *times,
                           .random = random | 1,
                           .why = "" };
    if (link->times.login_retry_ms <= 0)
        link->times.login_retry_ms = LOGIN_RETRY_MS;
}

void link_deinit(struct link *link)
{
    free(link->topics);
    link->topics = NULL;
    link->topics_count = 0;
}

/* --- time --- */

/* Doubles from the least to the most, plus up to half of it, so that many clients do not come back
 * in step. */
static int64_t back_off(struct link *link, int failures)
{
    int64_t wait_ms = link->times.backoff_min_ms;

    for (int i = 1; i < failures && wait_ms < link->times.backoff_max_ms; i++)
        wait_ms *= 2;
    link->random ^= link->random << 13;
    link->random ^= link->random >> 7;
    link->random ^= link->random << 17;
    wait_ms += (int64_t)(link->random % (uint64_t)(wait_ms / 2 + 1));
    return wait_ms < link->times.backoff_max_ms ? wait_ms : link->times.backoff_max_ms;
}

void link_enter(struct link *link, enum link_phase phase, int64_t now_ms)
{
    link->phase = phase;
    link->phase_ms = now_ms;
}

static void forget_connection(struct link *link)
{
    link->settled = false;
    link->stale = false;
    link->pong_due_ms = 0;
    link->login_said = false;
    link->in_flight = false;
    for (size_t i = 0; i < link->topics_count; i++) {
        struct link_topic *topic = &link->topics[i];

        topic->alone = topic->alone || topic->state == TOPIC_REFUSED;
        topic->state = TOPIC_OFF;
        topic->rejoin = false;
        topic->rejoins = 0;
        topic->not_before_ms = 0;
        topic->picture_due_ms = 0;
    }
}

void link_gone(struct link *link, const char *why, int64_t now_ms)
{
    int64_t wait_ms;

    if (link->phase == PHASE_IDLE || link->phase == PHASE_DOWN)
        return;
    /* A link that was of use for a while starts anew; one that is cut again and again comes slower.
     */
    if (link->phase == PHASE_OPEN && link->settled && link->mute_rebuilds == 0 &&
        now_ms - link->phase_ms >= link->times.backoff_max_ms)
        link->failures = 0;
    link->failures++;
    wait_ms = back_off(link, link->failures);
    if (link->login_failures >= LOGIN_TRIES && wait_ms < link->times.login_retry_ms)
        wait_ms = link->times.login_retry_ms;
    link->try_at_ms = now_ms + wait_ms;
    link->why = why;
    forget_connection(link);
    link_enter(link, PHASE_DOWN, now_ms);
}

static enum link_action give_up(struct link *link, const char *why, int64_t now_ms)
{
    link_gone(link, why, now_ms);
    return LINK_DO_CLOSE;
}

static bool is_wanted(const struct link *link)
{
    return link->topics_count > 0;
}

/* Mute: subscribed, but no data for so long. Longer after rebuilds that brought nothing: some
 * topics are silent. */
static int64_t rebuild_after_ms(const struct link *link)
{
    return 2 * ((int64_t)link->times.stale_after_ms << link->mute_rebuilds);
}

static int64_t quiet_since_ms(const struct link *link)
{
    int64_t since_ms = link->phase_ms;

    if (link->steady_ms > since_ms)
        since_ms = link->steady_ms;
    return link->last_data_ms > since_ms ? link->last_data_ms : since_ms;
}

static enum link_action watch_silence(struct link *link, int64_t now_ms)
{
    int64_t quiet_ms = now_ms - quiet_since_ms(link);

    link->stale = false;
    if (link->is_private || !link->settled || !link_has_steady_topic(link))
        return LINK_DO_NOTHING;
    link->stale = quiet_ms >= link->times.stale_after_ms;
    if (quiet_ms < rebuild_after_ms(link))
        return LINK_DO_NOTHING;
    if (link->mute_rebuilds < MUTE_DOUBLINGS_MAX)
        link->mute_rebuilds++;
    return give_up(link, "mute", now_ms);
}

/* Books whose snapshot does not come after a rejoin. */
static enum link_action watch_pictures(struct link *link, int64_t now_ms)
{
    for (size_t i = 0; i < link->topics_count; i++) {
        struct link_topic *topic = &link->topics[i];

        if (topic->picture_due_ms == 0 || now_ms < topic->picture_due_ms)
            continue;
        if (topic->rejoins > REJOINS_MAX && !topic->rebuilt) {
            topic->rebuilt = true;
            return give_up(link, "no snapshot", now_ms);
        }
        link_rejoin(topic, false, now_ms);
    }
    return LINK_DO_NOTHING;
}

static bool lacks_essential(const struct link *link)
{
    for (size_t i = 0; i < link->topics_count; i++) {
        if (link->topics[i].essential && link->topics[i].state == TOPIC_REFUSED)
            return true;
    }
    return false;
}

static enum link_action watch_open(struct link *link, int64_t now_ms)
{
    enum link_action action;

    if (!is_wanted(link)) {
        forget_connection(link);
        link->why = "";
        link->failures = 0;
        link_enter(link, PHASE_IDLE, now_ms);
        return LINK_DO_CLOSE;
    }
    if (link->pong_due_ms && now_ms >= link->pong_due_ms)
        return give_up(link, "no pong", now_ms);
    if (link->in_flight && now_ms >= link->answer_due_ms && !link->paused)
        return give_up(link, "no answer to subscribe", now_ms);
    if (lacks_essential(link))
        return give_up(link, "a topic was refused", now_ms);
    action = watch_silence(link, now_ms);
    return action ? action : watch_pictures(link, now_ms);
}

enum link_action link_tick(struct link *link, int64_t now_ms)
{
    switch (link->phase) {
    case PHASE_IDLE:
        if (!is_wanted(link))
            return LINK_DO_NOTHING;
        link_enter(link, PHASE_OPENING, now_ms);
        return LINK_DO_CONNECT;
    case PHASE_DOWN:
        if (!is_wanted(link)) {
            link_enter(link, PHASE_IDLE, now_ms);
            return LINK_DO_NOTHING;
        }
        if (now_ms < link->try_at_ms)
            return LINK_DO_NOTHING;
        link_enter(link, PHASE_OPENING, now_ms);
        return LINK_DO_CONNECT;
    case PHASE_OPENING:
        if (now_ms - link->phase_ms >= link->times.connect_timeout_ms)
            return give_up(link, "no connection in time", now_ms);
        return LINK_DO_NOTHING;
    case PHASE_LOGIN:
        if (now_ms - link->phase_ms < link->times.login_timeout_ms)
            return LINK_DO_NOTHING;
        return give_up(link, "no answer to the login", now_ms);
    case PHASE_OPEN:
        return watch_open(link, now_ms);
    }
    return LINK_DO_NOTHING;
}

static void sooner(int64_t *next_ms, int64_t at_ms)
{
    if (at_ms < *next_ms)
        *next_ms = at_ms;
}

static void next_of_topics(const struct link *link, int64_t now_ms, int64_t *next_ms)
{
    for (size_t i = 0; i < link->topics_count; i++) {
        const struct link_topic *topic = &link->topics[i];

        if (topic->picture_due_ms)
            sooner(next_ms, topic->picture_due_ms);
        if (topic->not_before_ms > now_ms)
            sooner(next_ms, topic->not_before_ms);
    }
}

int64_t link_next_ms(const struct link *link, int64_t now_ms)
{
    int64_t next_ms = now_ms + 1000;

    switch (link->phase) {
    case PHASE_IDLE:
        break;
    case PHASE_DOWN:
        sooner(&next_ms, link->try_at_ms);
        break;
    case PHASE_OPENING:
        sooner(&next_ms, link->phase_ms + link->times.connect_timeout_ms);
        break;
    case PHASE_LOGIN:
        sooner(&next_ms, link->phase_ms + link->times.login_timeout_ms);
        break;
    case PHASE_OPEN:
        sooner(&next_ms, link->ping_at_ms);
        if (link->pong_due_ms)
            sooner(&next_ms, link->pong_due_ms);
        if (link->in_flight && !link->paused)
            sooner(&next_ms, link->answer_due_ms);
        if (!link->is_private && link->settled && link_has_steady_topic(link))
            sooner(&next_ms, quiet_since_ms(link) + (link->stale ? rebuild_after_ms(link)
                                                                 : link->times.stale_after_ms));
        next_of_topics(link, now_ms, &next_ms);
        break;
    }
    return next_ms;
}

/* --- events --- */

void link_opened(struct link *link, int64_t now_ms)
{
    if (link->phase != PHASE_OPENING)
        return;
    link->ping_at_ms = now_ms + link->times.ping_every_ms;
    link_enter(link, link->is_private ? PHASE_LOGIN : PHASE_OPEN, now_ms);
}

void link_data(struct link *link, int64_t now_ms)
{
    link->last_data_ms = now_ms;
    link->stale = false;
    link->mute_rebuilds = 0;
}

void link_pause(struct link *link, bool paused, int64_t now_ms)
{
    if (link->paused == paused)
        return;
    link->paused = paused;
    link->pong_due_ms = 0;
    link->ping_at_ms = now_ms + link->times.ping_every_ms;
    if (link->in_flight)
        link->answer_due_ms = now_ms + link->times.login_timeout_ms;
}

void link_answer(struct link *link, const struct frame *frame, int64_t now_ms)
{
    switch (frame->kind) {
    case FRAME_PONG:
        link->pong_due_ms = 0;
        break;
    case FRAME_AUTH:
        if (link->phase != PHASE_LOGIN || !link->login_said)
            break;
        if (frame->ok) {
            link->login_failures = 0;
            link_enter(link, PHASE_OPEN, now_ms);
        } else {
            link->login_failures++;
            link_gone(link, "the login was refused", now_ms);
        }
        break;
    case FRAME_SUBSCRIBE:
        link_subscribe_answer(link, frame, now_ms);
        break;
    case FRAME_DATA:
    case FRAME_OTHER:
        break;
    }
}

/* --- state --- */

enum link_state link_state(const struct link *link)
{
    switch (link->phase) {
    case PHASE_IDLE:
        return LINK_IDLE;
    case PHASE_DOWN:
        return LINK_DOWN;
    case PHASE_OPENING:
    case PHASE_LOGIN:
        return LINK_CONNECTING;
    case PHASE_OPEN:
        if (link->stale)
            return LINK_STALE;
        return link->settled ? LINK_CONNECTED : LINK_CONNECTING;
    }
    return LINK_DOWN;
}

bool link_is_up(const struct link *link)
{
    if (link->phase != PHASE_OPEN)
        return false;
    for (size_t i = 0; i < link->topics_count; i++) {
        if (link->topics[i].essential && link->topics[i].state != TOPIC_ON)
            return false;
    }
    return true;
}
