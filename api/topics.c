/* GET /topics: what is streamed from the exchange now, and how old the newest of each is. */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/members.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/json.h"

#define SPARE 64 /* that may come between counting and copying */

static const char *const columns[] = { "topic", "link", "socket", "state", "age_ms", "as_of" };

static int by_place(const void *a, const void *b)
{
    const struct stream_topic *one = a;
    const struct stream_topic *other = b;
    char names[2][API_TOPIC_MAX];

    if (one->link != other->link)
        return one->link < other->link ? -1 : 1;
    if (one->socket != other->socket)
        return one->socket < other->socket ? -1 : 1;
    api_topic_name(names[0], API_TOPIC_MAX, one, one->symbol);
    api_topic_name(names[1], API_TOPIC_MAX, other, other->symbol);
    return strcmp(names[0], names[1]);
}

void api_add_topic(struct buffer *out, const struct stream_topic *topic, int64_t now_ms)
{
    int64_t age_ms = now_ms - topic->last_data_ms;
    char name[API_TOPIC_MAX];

    api_topic_name(name, sizeof(name), topic, topic->symbol);
    json_add_open(out, '{');
    member_text(out, "topic", name);
    member_text(out, "link", stream_link_word(topic->link));
    member_int(out, "socket", topic->socket);
    member_text(out, "state", stream_topic_state_word(topic->state));
    member_int_if(out, "age_ms", topic->last_data_ms > 0, age_ms > 0 ? age_ms : 0);
    member_time(out, "as_of", topic->last_data_ms);
    json_add_close(out, '}');
}

void handle_topics(const struct api *api, struct api_call *call)
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    size_t max = stream_topics(api->stream, NULL, 0) + SPARE;
    struct stream_topic *topics = malloc(max * sizeof(*topics));
    size_t count;
    struct form_list list;

    if (!topics) {
        api_fail(call, &more, "busy", "no memory for the list of topics");
        return;
    }
    count = stream_topics(api->stream, topics, max);
    if (count > max)
        count = max;
    qsort(topics, count, sizeof(*topics), by_place);
    form_open(&list, call, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < count; i++) {
        api_add_topic(form_row(&list), &topics[i], clock_wall_ms());
        form_row_end(&list);
    }
    free(topics);
    form_close(&list, NULL, 0, NULL);
}
