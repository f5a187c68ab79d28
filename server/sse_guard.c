#include "server/sse_guard.h"

#include <stdlib.h>

#include "api/events.h"

#define TEXT_MAX ((size_t)256 * 1024)

struct guard_ask {
    struct bell_item item;
    struct bell *bell; /* a reference */
    struct buffer json;
    void (*on_ready)(const struct buffer *json, void *userdata); /* NULL: forgotten */
    void *userdata;
};

static void ask_free(struct guard_ask *ask)
{
    buffer_deinit(&ask->json);
    bell_unref(ask->bell);
    free(ask);
}

static void on_rung(struct bell_item *item)
{
    struct guard_ask *ask = (struct guard_ask *)(void *)item;

    if (ask->on_ready)
        ask->on_ready(&ask->json, ask->userdata);
    ask_free(ask);
}

static void on_dropped(struct bell_item *item)
{
    ask_free((struct guard_ask *)(void *)item);
}

/* On the engine's thread: whatever changes later is pushed and published later. */
static void on_reply(const struct loop_reply *reply, void *userdata)
{
    struct guard_ask *ask = userdata;

    if (reply->report)
        api_event_guard(&ask->json, &reply->report->state, NULL);
    if (buffer_check(&ask->json))
        buffer_clear(&ask->json);
    bell_push(ask->bell, &ask->item);
}

struct guard_ask *guard_ask_start(struct loop *loop, struct bell *bell,
                                  void (*on_ready)(const struct buffer *json, void *userdata),
                                  void *userdata)
{
    struct guard_ask *ask = calloc(1, sizeof(*ask));

    if (!ask)
        return NULL;
    ask->item = (struct bell_item){ .run = on_rung, .drop = on_dropped };
    ask->bell = bell;
    ask->json = buffer_of(TEXT_MAX);
    ask->on_ready = on_ready;
    ask->userdata = userdata;
    bell_ref(bell);
    if (loop_guard_read(loop, on_reply, ask) == ERR_NONE)
        return ask;
    ask_free(ask);
    return NULL;
}

void guard_ask_forget(struct guard_ask *ask)
{
    if (ask)
        ask->on_ready = NULL;
}
