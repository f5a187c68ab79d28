/* What others see of the sockets: a link has several, and shows the worst state of them; a topic
 * has its state and the time of its newest data. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/stream_parts.h"

const char *stream_topic_state_word(enum stream_topic_state state)
{
    static const char *const words[] = { "waiting", "subscribed", "refused" };

    return words[state];
}

/* --- states of links --- */

static size_t sockets_of(enum stream_link link)
{
    return link == LINK_PRIVATE ? 1 : STREAM_SOCKETS_MAX;
}

static bool is_worse(enum link_state a, enum link_state b)
{
    static const int badness[] = { [LINK_IDLE] = 0,
                                   [LINK_CONNECTED] = 1,
                                   [LINK_CONNECTING] = 2,
                                   [LINK_STALE] = 3,
                                   [LINK_DOWN] = 4 };

    return badness[a] > badness[b];
}

static enum link_state worst_of(struct stream *stream, enum stream_link link)
{
    const struct upstream *first = upstream_first(stream, link);
    enum link_state worst = LINK_IDLE;

    for (size_t i = 0; i < sockets_of(link); i++) {
        if (is_worse(first[i].shown, worst))
            worst = first[i].shown;
    }
    return worst;
}

static void log_state(const struct upstream *upstream, enum link_state state)
{
    const char *word = stream_link_word(upstream->link.which);

    if (state == LINK_DOWN || state == LINK_STALE)
        log_warn("stream: link=%s socket=%d state=%s why=\"%s\" failures=%d", word,
                 upstream->number, link_state_word(state),
                 state == LINK_STALE ? "mute" : upstream->link.why, upstream->link.failures);
    else
        log_info("stream: link=%s socket=%d state=%s", word, upstream->number,
                 link_state_word(state));
}

void status_tell(struct upstream *upstream, enum link_state state)
{
    struct stream *stream = upstream->stream;
    enum stream_link link = upstream->link.which;

    upstream->shown = state;
    log_state(upstream, state);
    state = worst_of(stream, link);
    if (state == stream->told[link])
        return;
    stream->told[link] = state;
    stream->told_since_ms[link] = clock_wall_ms();
    status_publish(upstream); /* who is told may ask at once */
    stream->config.callbacks->on_link(link, state, stream->told_since_ms[link],
                                      stream->config.userdata);
}

/* --- topics --- */

static enum stream_topic_state state_of(const struct link_topic *topic)
{
    if (topic->state == TOPIC_REFUSED)
        return STREAM_TOPIC_REFUSED;
    return topic->state == TOPIC_ON ? STREAM_TOPIC_ON : STREAM_TOPIC_WAITING;
}

/* Out of memory: it is only not shown. */
void status_show(struct upstream *upstream, struct link_topic *topic)
{
    struct stream *stream = upstream->stream;
    struct shown_topic *shown = calloc(1, sizeof(*shown));

    if (!shown)
        return;
    shown->topic = (struct stream_topic){ .link = upstream->link.which,
                                          .socket = upstream->number,
                                          .kind = topic->kind,
                                          .category = topic->kind == STREAM_GREEKS
                                                          ? CATEGORY_OPTION
                                                          : upstream_category(upstream),
                                          .depth = topic->depth };
    memcpy(shown->topic.symbol, topic->symbol, sizeof(topic->symbol));
    if (topic->kind == STREAM_TRADES && shown->topic.category == CATEGORY_OPTION)
        shown->topic.symbol[strcspn(topic->symbol, "-")] = '\0';
    atomic_store(&shown->state, STREAM_TOPIC_WAITING);
    topic->shown = shown;
    pthread_mutex_lock(&stream->status_lock);
    shown->next = stream->shown;
    if (shown->next)
        shown->next->previous = shown;
    stream->shown = shown;
    stream->shown_count++;
    pthread_mutex_unlock(&stream->status_lock);
}

void status_hide(struct stream *stream, struct link_topic *topic)
{
    struct shown_topic *shown = topic->shown;

    if (!shown)
        return;
    topic->shown = NULL;
    pthread_mutex_lock(&stream->status_lock);
    if (shown->previous)
        shown->previous->next = shown->next;
    else
        stream->shown = shown->next;
    if (shown->next)
        shown->next->previous = shown->previous;
    stream->shown_count--;
    pthread_mutex_unlock(&stream->status_lock);
    free(shown);
}

void status_data(struct upstream *upstream, const struct link_topic *topic, int64_t recv_ms)
{
    upstream->status.last_data_ms = recv_ms;
    atomic_store_explicit(&upstream->stream->last_data_ms[upstream->link.which], recv_ms,
                          memory_order_relaxed);
    if (topic && topic->shown)
        atomic_store_explicit(&topic->shown->last_data_ms, recv_ms, memory_order_relaxed);
}

/* --- numbers --- */

static void count_topics(struct upstream *upstream)
{
    struct link_status *status = &upstream->status;

    status->topics = 0;
    status->lossy_books = 0;
    for (size_t i = 0; i < upstream->link.topics_count; i++) {
        const struct link_topic *topic = &upstream->link.topics[i];

        status->topics += topic->wanted;
        status->lossy_books += topic->jumps_pass;
        if (topic->shown)
            atomic_store_explicit(&topic->shown->state, state_of(topic), memory_order_relaxed);
    }
    status->sockets = upstream->link.topics_count > 0;
}

void status_publish(struct upstream *upstream)
{
    struct stream *stream = upstream->stream;
    enum stream_link link = upstream->link.which;
    const struct upstream *first = upstream_first(stream, link);
    struct link_status sum = { .state = stream->told[link],
                               .since_ms = stream->told_since_ms[link] };

    count_topics(upstream);
    for (size_t i = 0; i < sockets_of(link); i++) {
        const struct link_status *status = &first[i].status;

        sum.sockets += status->sockets;
        sum.reconnects += status->reconnects;
        sum.topics += status->topics;
        sum.lossy_books += status->lossy_books;
        sum.unreadable += status->unreadable;
    }
    pthread_mutex_lock(&stream->status_lock);
    stream->statuses[link] = sum;
    pthread_mutex_unlock(&stream->status_lock);
}

/* --- calls from any thread --- */

void stream_link_status(struct stream *stream, enum stream_link link, struct link_status *out)
{
    pthread_mutex_lock(&stream->status_lock);
    *out = stream->statuses[link];
    pthread_mutex_unlock(&stream->status_lock);
    out->last_data_ms = atomic_load_explicit(&stream->last_data_ms[link], memory_order_relaxed);
}

size_t stream_topics(struct stream *stream, struct stream_topic *out, size_t max)
{
    size_t count = 0;

    pthread_mutex_lock(&stream->status_lock);
    for (const struct shown_topic *at = stream->shown; at && count < max; at = at->next) {
        out[count] = at->topic;
        out[count].state = (enum stream_topic_state)atomic_load(&at->state);
        out[count++].last_data_ms = atomic_load_explicit(&at->last_data_ms, memory_order_relaxed);
    }
    count = stream->shown_count;
    pthread_mutex_unlock(&stream->status_lock);
    return count;
}
