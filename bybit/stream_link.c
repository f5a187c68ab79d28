#include "bybit/stream_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define LOGIN_TRIES        5 /* then only each login_retry_ms */
#define LOGIN_RETRY_MS     300000
#define REFUSED_AGAIN_MS   300000 /* a refused topic is asked for again */
#define JUMPS_A_MINUTE     5 /* more: the exchange does not promise u without gaps on this topic */
#define REJOIN_MIN_MS      200
#define REJOIN_MAX_MS      30000
#define REJOINS_MAX        4 /* without a snapshot: then the link is rebuilt */
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

/* --- topics --- */

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261U;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    return hash;
}

struct link_topic *link_find(const struct link *link, const char *name)
{
    uint32_t hash = hash_of(name);

    for (size_t i = 0; i < link->topics_count; i++) {
        if (link->topics[i].hash == hash && strcmp(link->topics[i].name, name) == 0)
            return &link->topics[i];
    }
    return NULL;
}

struct link_topic *link_want(struct link *link, const char *name)
{
    struct link_topic *topic = link_find(link, name);

    if (topic) {
        topic->wanted = true;
        return topic;
    }
    if (link->topics_count >= LINK_TOPICS_MAX)
        return NULL;
    if (link->topics_count == link->topics_capacity) {
        size_t capacity = link->topics_capacity ? 2 * link->topics_capacity : 8;
        struct link_topic *grown;

        grown = realloc(link->topics, capacity * sizeof(*grown));
        if (!grown)
            return NULL;
        link->topics = grown;
        link->topics_capacity = capacity;
    }
    topic = &link->topics[link->topics_count];
    *topic = (struct link_topic){ .hash = hash_of(name), .wanted = true, .needs_picture = true };
    if (text_copy(topic->name, sizeof(topic->name), name))
        return NULL;
    link->topics_count++;
    return topic;
}

bool link_reap(struct link *link, struct link_topic *out)
{
    for (size_t i = 0; i < link->topics_count; i++) {
        struct link_topic *topic = &link->topics[i];

        if (topic->wanted || (topic->state != TOPIC_OFF && topic->state != TOPIC_REFUSED))
            continue;
        *out = *topic;
        *topic = link->topics[--link->topics_count];
        return true;
    }
    return false;
}

void link_rejoin(struct link_topic *topic, bool jumped, int64_t now_ms)
{
    int64_t wait_ms = 0;

    if (now_ms - topic->jumps_since_ms > 60000 || topic->jumps_since_ms == 0) {
        topic->jumps_since_ms = now_ms;
        topic->jumps = 0;
    }
    topic->jumps++;
    if (jumped && topic->jumps > JUMPS_A_MINUTE)
        topic->jumps_pass = true;
    for (int i = 1; i < topic->jumps && wait_ms < REJOIN_MAX_MS; i++)
        wait_ms = wait_ms ? 2 * wait_ms : REJOIN_MIN_MS;
    topic->rejoin = true;
    topic->needs_picture = true;
    topic->picture_due_ms = 0;
    topic->not_before_ms = now_ms + (wait_ms < REJOIN_MAX_MS ? wait_ms : REJOIN_MAX_MS);
}

void link_has_picture(struct link_topic *topic)
{
    topic->needs_picture = false;
    topic->picture_due_ms = 0;
    topic->rejoins = 0;
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

static void enter(struct link *link, enum link_phase phase, int64_t now_ms)
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
    enter(link, PHASE_DOWN, now_ms);
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

/* Mute: subscribed, but no data for stale_after_ms (longer after rebuilds that brought nothing:
 * some topics are silent). */
static int64_t mute_after_ms(const struct link *link)
{
    return (int64_t)link->times.stale_after_ms << link->mute_rebuilds;
}

static int64_t quiet_since_ms(const struct link *link)
{
    return link->last_data_ms > link->phase_ms ? link->last_data_ms : link->phase_ms;
}

static bool has_topic_on(const struct link *link)
{
    for (size_t i = 0; i < link->topics_count; i++) {
        if (link->topics[i].state == TOPIC_ON && link->topics[i].wanted)
            return true;
    }
    return false;
}

static enum link_action watch_silence(struct link *link, int64_t now_ms)
{
    int64_t quiet_ms = now_ms - quiet_since_ms(link);

    link->stale = false;
    if (link->is_private || !link->settled || !has_topic_on(link))
        return LINK_DO_NOTHING;
    link->stale = quiet_ms >= mute_after_ms(link);
    if (quiet_ms < 2 * mute_after_ms(link))
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
        if (topic->rejoins > REJOINS_MAX)
            return give_up(link, "no snapshot", now_ms);
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
        enter(link, PHASE_IDLE, now_ms);
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
        enter(link, PHASE_OPENING, now_ms);
        return LINK_DO_CONNECT;
    case PHASE_DOWN:
        if (!is_wanted(link)) {
            enter(link, PHASE_IDLE, now_ms);
            return LINK_DO_NOTHING;
        }
        if (now_ms < link->try_at_ms)
            return LINK_DO_NOTHING;
        enter(link, PHASE_OPENING, now_ms);
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
        if (!link->is_private && link->settled)
            sooner(&next_ms, quiet_since_ms(link) + mute_after_ms(link) * (link->stale ? 2 : 1));
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
    enter(link, link->is_private ? PHASE_LOGIN : PHASE_OPEN, now_ms);
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

static void check_settled(struct link *link, int64_t now_ms)
{
    if (link->settled || link->phase != PHASE_OPEN)
        return;
    for (size_t i = 0; i < link->topics_count; i++) {
        const struct link_topic *topic = &link->topics[i];

        if (topic->wanted && topic->state != TOPIC_ON && topic->state != TOPIC_REFUSED)
            return;
    }
    link->settled = true;
    enter(link, PHASE_OPEN, now_ms); /* silence counts from here */
}

static void join_done(struct link *link, struct link_topic *topic, bool ok, int64_t now_ms)
{
    topic->state = ok ? TOPIC_ON : TOPIC_REFUSED;
    topic->not_before_ms = ok ? 0 : now_ms + REFUSED_AGAIN_MS;
    topic->alone = !ok;
    /* Only after a rejoin: a contract before its launch is silent for days. */
    if (ok && topic->rejoins > 0 && topic->needs_picture)
        topic->picture_due_ms = now_ms + link->times.stale_after_ms;
}

static bool list_has(const struct json *data, const char *list_name, const char *topic)
{
    struct json list;
    struct json item;
    struct json_walk walk;

    if (!json_member(data, list_name, &list))
        return false;
    walk = json_walk(&list);
    while (json_next(&walk, NULL, &item)) {
        if (json_equals(&item, topic))
            return true;
    }
    return false;
}

/* What a refusal says of one topic of the request: option sockets list them; all others refuse the
 * request as a whole, so each topic is asked for alone, unless it was. */
static void joined(struct link *link, struct link_topic *topic, const struct frame *frame,
                   size_t count, int64_t now_ms)
{
    bool listed_ok = list_has(&frame->data, "successTopics", topic->name);
    bool listed_bad = list_has(&frame->data, "failTopics", topic->name);

    if (frame->ok || listed_ok)
        join_done(link, topic, true, now_ms);
    else if (listed_bad)
        join_done(link, topic, false, now_ms);
    else if (count == 1)
        join_done(link, topic, strstr(frame->text, "already subscribed") != NULL, now_ms);
    else {
        topic->state = TOPIC_OFF;
        topic->alone = true;
    }
}

static void left(struct link_topic *topic)
{
    topic->state = TOPIC_OFF;
    if (!topic->rejoin)
        return;
    topic->rejoin = false;
    topic->rejoins++;
}

static void subscribe_answer(struct link *link, const struct frame *frame, int64_t now_ms)
{
    char expected[16];
    size_t count = 0;

    (void)snprintf(expected, sizeof(expected), "s%u", link->request);
    if (!link->in_flight || (frame->req_id[0] && strcmp(frame->req_id, expected) != 0))
        return;
    for (size_t i = 0; i < link->topics_count; i++)
        count += link->topics[i].state == TOPIC_JOINING;
    for (size_t i = 0; i < link->topics_count; i++) {
        if (link->topics[i].state == TOPIC_JOINING)
            joined(link, &link->topics[i], frame, count, now_ms);
        else if (link->topics[i].state == TOPIC_LEAVING)
            left(&link->topics[i]);
    }
    link->in_flight = false;
    check_settled(link, now_ms);
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
            enter(link, PHASE_OPEN, now_ms);
        } else {
            link->login_failures++;
            link_gone(link, "the login was refused", now_ms);
        }
        break;
    case FRAME_SUBSCRIBE:
        subscribe_answer(link, frame, now_ms);
        break;
    case FRAME_DATA:
    case FRAME_OTHER:
        break;
    }
}

/* --- what to say --- */

static bool is_due_to_leave(const struct link_topic *topic, int64_t now_ms)
{
    return topic->state == TOPIC_ON &&
           (!topic->wanted || (topic->rejoin && now_ms >= topic->not_before_ms));
}

static bool is_due_to_join(const struct link_topic *topic, int64_t now_ms)
{
    return topic->wanted && (topic->state == TOPIC_OFF || topic->state == TOPIC_REFUSED) &&
           now_ms >= topic->not_before_ms;
}

static bool is_due_to_ping(const struct link *link, int64_t now_ms)
{
    return now_ms >= link->ping_at_ms && link->pong_due_ms == 0;
}

bool link_wants_to_say(const struct link *link, int64_t now_ms)
{
    if (link->phase == PHASE_LOGIN)
        return !link->login_said;
    if (link->phase != PHASE_OPEN)
        return false;
    if (is_due_to_ping(link, now_ms))
        return true;
    for (size_t i = 0; i < link->topics_count && !link->in_flight; i++) {
        if (is_due_to_leave(&link->topics[i], now_ms) || is_due_to_join(&link->topics[i], now_ms))
            return true;
    }
    return false;
}

/* Collects up to LINK_ARGS_MAX due topics into one request; one that was refused in company goes
 * alone. */
static size_t collect(struct link *link, bool leave, struct buffer *out, int64_t now_ms)
{
    bool alone = false;
    size_t count = 0;

    for (size_t i = 0; i < link->topics_count && count < LINK_ARGS_MAX && !alone; i++) {
        struct link_topic *topic = &link->topics[i];

        if (leave ? !is_due_to_leave(topic, now_ms) : !is_due_to_join(topic, now_ms))
            continue;
        alone = topic->rejoin || (!leave && topic->alone);
        if (alone && count > 0) {
            alone = false;
            continue; /* its turn comes with the next request */
        }
        if (count == 0) {
            json_add_open(out, '{');
            json_add_key(out, "req_id");
            buffer_addf(out, "\"s%u\"", ++link->request);
            buffer_add_text(out, leave ? ",\"op\":\"unsubscribe\",\"args\":["
                                       : ",\"op\":\"subscribe\",\"args\":[");
        }
        json_add_text(out, topic->name);
        topic->state = leave ? TOPIC_LEAVING : TOPIC_JOINING;
        topic->needs_picture = true;
        topic->picture_due_ms = 0;
        count++;
    }
    if (count == 0)
        return 0;
    buffer_add_text(out, "]}");
    link->in_flight = true;
    link->answer_due_ms = now_ms + link->times.login_timeout_ms;
    return count;
}

enum link_say link_next_text(struct link *link, struct buffer *out, int64_t now_ms)
{
    if (link->phase == PHASE_LOGIN && !link->login_said)
        return LINK_SAY_LOGIN;
    if (link->phase != PHASE_OPEN)
        return LINK_SAY_NOTHING;
    if (is_due_to_ping(link, now_ms)) {
        buffer_add_text(out, "{\"req_id\":\"p\",\"op\":\"ping\"}");
        link->ping_at_ms = now_ms + link->times.ping_every_ms;
        if (!link->paused)
            link->pong_due_ms = now_ms + link->times.pong_timeout_ms;
        return LINK_SAY_TEXT;
    }
    if (link->in_flight)
        return LINK_SAY_NOTHING;
    if (collect(link, true, out, now_ms) || collect(link, false, out, now_ms))
        return LINK_SAY_TEXT;
    return LINK_SAY_NOTHING;
}

void link_said_login(struct link *link, int64_t now_ms)
{
    link->login_said = true;
    enter(link, PHASE_LOGIN, now_ms);
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
