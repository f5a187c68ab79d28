#include "sim/private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "sim/messages.h"

#define FRAME_MAX ((size_t)4 * 1024 * 1024)
#define GREEKS_MS 1000

/* A new item for a topic, or NULL when nobody listens. */
static cJSON *new_item(struct private_frames *frames, enum private_topic topic,
                       enum category category)
{
    cJSON **list = &frames->pending[topic][category];

    if (!sockets_listening(frames->sockets, SOCKET_PRIVATE, topic_private(topic)) &&
        !sockets_listening(frames->sockets, SOCKET_PRIVATE, topic_private_of(topic, category)))
        return NULL;
    if (!*list)
        *list = cJSON_CreateArray();
    return build_item(*list);
}

void private_order(struct private_frames *frames, const struct sim_order *order)
{
    cJSON *item = new_item(frames, TOPIC_ORDER, order->instrument->category);

    if (item)
        sim_message_order(item, order, true);
}

void private_execution(struct private_frames *frames, const struct sim_execution *execution)
{
    enum category category = execution->instrument->category;
    cJSON *item = new_item(frames, TOPIC_EXECUTION, category);

    if (item)
        message_execution(item, execution, true);
    item = execution->what == EXECUTION_TRADE ? new_item(frames, TOPIC_EXECUTION_FAST, category)
                                              : NULL;
    if (item)
        message_execution_fast(item, execution);
}

void private_position(struct private_frames *frames, const struct position *position)
{
    enum category category = position->instrument->category;
    cJSON *item = new_item(frames, TOPIC_POSITION, category);

    if (category == CATEGORY_OPTION)
        private_greeks(frames);
    if (item)
        message_position(item, frames->exchange, position, true);
}

void private_wallet(struct private_frames *frames)
{
    frames->wallet_changed = true;
}

void private_greeks(struct private_frames *frames)
{
    frames->greeks_changed = true;
}

void private_tick(struct private_frames *frames)
{
    const struct account *account = &frames->exchange->account;

    if (frames->exchange->now_ms - frames->greeks_ms < GREEKS_MS)
        return;
    for (int i = INSTRUMENT_FIRST_OPTION; i < INSTRUMENT_COUNT; i++)
        frames->greeks_changed = frames->greeks_changed || account->positions[i][0].lots != 0;
}

/* The list sits in the options' place. */
static void add_greeks(struct private_frames *frames)
{
    cJSON **list = &frames->pending[TOPIC_GREEKS][CATEGORY_OPTION];

    if (!frames->greeks_changed)
        return;
    frames->greeks_changed = false;
    frames->greeks_ms = frames->exchange->now_ms;
    if (!sockets_listening(frames->sockets, SOCKET_PRIVATE, topic_private(TOPIC_GREEKS)))
        return;
    *list = cJSON_CreateArray();
    message_greeks(*list, frames->exchange, NULL);
    if (cJSON_GetArraySize(*list) > 0)
        return;
    cJSON_Delete(*list);
    *list = NULL;
}

static void send_frame(struct private_frames *frames, enum private_topic topic, int bit,
                       const char *data)
{
    struct buffer frame = buffer_of(FRAME_MAX);
    char id[ORDER_ID_MAX];

    if (!sockets_listening(frames->sockets, SOCKET_PRIVATE, bit))
        return;
    exchange_make_id(frames->exchange, CATEGORY_LINEAR, id);
    buffer_add_text(&frame, "{");
    if (topic != TOPIC_EXECUTION_FAST)
        buffer_addf(&frame, "\"id\":\"%s\",", id);
    buffer_addf(&frame,
                "\"topic\":\"%s\",\"creationTime\":%" PRId64 ",\"data\":", topic_private_name(bit),
                frames->exchange->now_ms);
    buffer_add_text(&frame, data);
    buffer_add_text(&frame, "}");
    if (!buffer_check(&frame))
        sockets_broadcast(frames->sockets, SOCKET_PRIVATE, bit, frame.data, frame.bytes);
    buffer_deinit(&frame);
}

static void flush_list(struct private_frames *frames, enum private_topic topic,
                       enum category category)
{
    cJSON *list = frames->pending[topic][category];
    int narrow = topic_private_of(topic, category);
    char *data;

    if (!list)
        return;
    frames->pending[topic][category] = NULL;
    data = cJSON_PrintUnformatted(list);
    cJSON_Delete(list);
    if (!data)
        return;
    send_frame(frames, topic, topic_private(topic), data);
    if (narrow >= 0)
        send_frame(frames, topic, narrow, data);
    free(data);
}

void private_flush(struct private_frames *frames)
{
    static const enum private_topic sequence[] = { TOPIC_EXECUTION_FAST, TOPIC_EXECUTION,
                                                   TOPIC_ORDER,          TOPIC_POSITION,
                                                   TOPIC_WALLET,         TOPIC_GREEKS };
    cJSON *wallet = NULL;

    /* The wallet is one picture a turn; its list sits in the linear place. */
    if (frames->wallet_changed)
        wallet = new_item(frames, TOPIC_WALLET, CATEGORY_LINEAR);
    frames->wallet_changed = false;
    if (wallet)
        message_wallet(wallet, frames->exchange, NULL);
    add_greeks(frames);
    for (size_t i = 0; i < ARRAY_LEN(sequence); i++) {
        for (int category = 0; category < CATEGORY_COUNT; category++)
            flush_list(frames, sequence[i], (enum category)category);
    }
}

void private_deinit(struct private_frames *frames)
{
    for (int topic = 0; topic < TOPIC_COUNT; topic++) {
        for (int category = 0; category < CATEGORY_COUNT; category++) {
            cJSON_Delete(frames->pending[topic][category]);
            frames->pending[topic][category] = NULL;
        }
    }
}
