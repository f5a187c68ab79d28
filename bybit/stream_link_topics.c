/* The topics of a link: wanted, joined, refused, left. One request is in flight at a time, and its
 * topics are those JOINING or LEAVING. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bybit/stream_link_parts.h"

#define REFUSED_AGAIN_MS 300000 /* a refused topic is asked for again */
#define JUMPS_A_MINUTE   5 /* more: the exchange does not promise u without gaps on this topic */
#define REJOIN_MIN_MS    200
#define REJOIN_MAX_MS    30000

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261U;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    return hash;
}

static size_t bucket_of(uint32_t hash)
{
    return (hash ^ hash >> 16) & (LINK_BUCKETS - 1);
}

struct link_topic *link_find(const struct link *link, const char *name)
{
    uint32_t hash = hash_of(name);
    uint16_t at = link->buckets[bucket_of(hash)];

    for (; at; at = link->topics[at - 1].next) {
        struct link_topic *topic = &link->topics[at - 1];

        if (topic->hash == hash && strcmp(topic->name, name) == 0)
            return topic;
    }
    return NULL;
}

static void enlist(struct link *link, size_t i)
{
    uint16_t *head = &link->buckets[bucket_of(link->topics[i].hash)];

    link->topics[i].next = *head;
    *head = (uint16_t)(i + 1);
}

static void delist(struct link *link, size_t i)
{
    uint16_t *at = &link->buckets[bucket_of(link->topics[i].hash)];

    while (*at != i + 1)
        at = &link->topics[*at - 1].next;
    *at = link->topics[i].next;
}

/* Quotes and a comma. */
size_t link_arg_bytes(const char *name)
{
    return strlen(name) + 3;
}

static bool has_place(const struct link *link, const char *name)
{
    return link->topics_count < LINK_TOPICS_MAX &&
           link->arg_bytes + link_arg_bytes(name) <= LINK_ARG_BYTES_MAX;
}

struct link_topic *link_want(struct link *link, const char *name)
{
    struct link_topic *topic = link_find(link, name);

    if (topic) {
        topic->wanted = true;
        return topic;
    }
    if (!has_place(link, name))
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
    enlist(link, link->topics_count++);
    link->arg_bytes += link_arg_bytes(name);
    return topic;
}

/* The last one takes its place. */
static void take_out(struct link *link, size_t i)
{
    size_t last = link->topics_count - 1;

    link->arg_bytes -= link_arg_bytes(link->topics[i].name);
    delist(link, i);
    if (i != last) {
        delist(link, last);
        link->topics[i] = link->topics[last];
        enlist(link, i);
    }
    link->topics_count = last;
}

bool link_reap(struct link *link, struct link_topic *out)
{
    for (size_t i = 0; i < link->topics_count; i++) {
        struct link_topic *topic = &link->topics[i];

        if (topic->wanted || (topic->state != TOPIC_OFF && topic->state != TOPIC_REFUSED))
            continue;
        *out = *topic;
        take_out(link, i);
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
    if (topic->state == TOPIC_ON)
        topic->rejoin = false;
    topic->rebuilt = false;
}

static bool is_steady(enum stream_kind kind)
{
    return kind == STREAM_TICKER || kind == STREAM_BOOK;
}

bool link_has_steady_topic(const struct link *link)
{
    for (size_t i = 0; i < link->topics_count; i++) {
        const struct link_topic *topic = &link->topics[i];

        if (topic->state == TOPIC_ON && topic->wanted && is_steady(topic->kind))
            return true;
    }
    return false;
}

/* --- answers --- */

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
    link_enter(link, PHASE_OPEN, now_ms); /* silence counts from here */
}

static void join_done(struct link *link, struct link_topic *topic, bool ok, int64_t now_ms)
{
    if (ok && is_steady(topic->kind) && !link_has_steady_topic(link))
        link->steady_ms = now_ms; /* the silence before says nothing */
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

void link_subscribe_answer(struct link *link, const struct frame *frame, int64_t now_ms)
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
    link_enter(link, PHASE_LOGIN, now_ms);
}
