/* Frames of the private link: orders, executions, positions, balances (PROTOCOL section 16). */
#include <string.h>

#include "bybit/account.h"
#include "bybit/stream_parts.h"

enum taken {
    TAKEN,
    TAKEN_NOT_OURS, /* of a category that is not traded here */
    TAKEN_UNREADABLE,
};

static enum taken item_category(const struct json *item, enum category *out, struct error *error)
{
    char word[16];

    if (json_member_text(item, "category", word, sizeof(word)) || !word[0]) {
        error_set(error, ERR_INVALID, "category is missing");
        return TAKEN_UNREADABLE;
    }
    return category_parse(word, out) ? TAKEN : TAKEN_NOT_OURS;
}

static bool take_order(const struct stream_config *config, const struct json *item,
                       struct error *error)
{
    enum category category;
    enum taken taken = item_category(item, &category, error);
    struct order_report report;

    if (taken != TAKEN)
        return taken == TAKEN_NOT_OURS;
    if (message_order(&report, item, category, error))
        return false;
    report.native = native_make(item->at, item->bytes);
    config->callbacks->on_order(&report, config->userdata);
    native_drop(report.native);
    return true;
}

static bool take_fill(const struct stream_config *config, const struct json *item,
                      struct error *error)
{
    enum category category;
    enum taken taken = item_category(item, &category, error);
    struct fill fill;

    if (taken != TAKEN)
        return taken == TAKEN_NOT_OURS;
    if (message_fill(&fill, item, category, error))
        return false;
    config->callbacks->on_fill(&fill, config->userdata);
    return true;
}

static bool take_position(const struct stream_config *config, const struct json *item,
                          struct error *error)
{
    enum category category;
    enum taken taken = item_category(item, &category, error);
    struct position position;

    if (taken != TAKEN)
        return taken == TAKEN_NOT_OURS;
    if (position_read(&position, item, category, error))
        return false;
    if (config->callbacks->on_position)
        config->callbacks->on_position(&position, config->userdata);
    return true;
}

static bool take_wallet(const struct stream_config *config, const struct json *item,
                        struct error *error)
{
    if (item->type != JSON_OBJECT) {
        error_set(error, ERR_INVALID, "wallet: an item is no object");
        return false;
    }
    if (config->callbacks->on_wallet)
        config->callbacks->on_wallet(item, config->userdata);
    return true;
}

/* An order or an execution that cannot be read may be a fill: an honest gap, which recovery closes,
 * is better than silence. Positions and balances are states that are loaded again and again. */
static const struct {
    const char *topic;
    bool (*take)(const struct stream_config *config, const struct json *item, struct error *error);
    bool is_evidence;
} topics[] = {
    { "order", take_order, true },
    { "execution", take_fill, true },
    { "position", take_position, false },
    { "wallet", take_wallet, false },
};

void take_private(struct upstream *upstream, struct link_topic *topic, const struct frame *frame,
                  int64_t recv_ms)
{
    struct json_walk walk;
    struct json item;
    struct error error = { .text = "" };
    bool readable = true;
    size_t i = 0;

    while (i < ARRAY_LEN(topics) && strcmp(frame->topic, topics[i].topic) != 0)
        i++;
    if (i == ARRAY_LEN(topics)) {
        if (topic && topic->kind == STREAM_GREEKS)
            take_pool(upstream, topic, frame, recv_ms);
        return;
    }
    walk = json_walk(&frame->data);
    while (json_next(&walk, NULL, &item)) /* all readable items are taken first */
        readable = topics[i].take(&upstream->stream->config, &item, &error) && readable;
    if (readable)
        return;
    count_unreadable(upstream, error.text);
    if (topics[i].is_evidence)
        drop_link(upstream, "unreadable item");
}
