/* bybit/message_batch.c - the answer to a batch: two lists, of ids and of codes, that belong
 * together by place (PROTOCOL section 10). */
#include <string.h>

#include "base/text.h"
#include "bybit/message.h"

static void read_item_result(struct batch_ack *ack, const struct json *item)
{
    ack->has_result = item->type == JSON_OBJECT;
    message_order_ack(item, ack->order_id, ack->link);
}

static void read_item_code(struct batch_ack *ack, const struct json *item)
{
    struct json value;
    char words[512];
    int64_t code;

    if (!json_member(item, "code", &value) || json_int(&value, &code) || code < INT32_MIN ||
        code > INT32_MAX)
        return;
    ack->has_code = true;
    ack->code = (int)code;
    if (json_member(item, "msg", &value) && json_text(&value, words, sizeof(words)) == ERR_NONE)
        text_cut(ack->msg, sizeof(ack->msg), words);
}

/* Returns how many items the list has. */
static size_t read_acks(const struct json *object, struct batch_ack *acks, size_t count,
                        void (*read)(struct batch_ack *ack, const struct json *item))
{
    struct json list;
    struct json item;
    struct json_walk walk;
    size_t at = 0;

    if (!json_member(object, "list", &list) || list.type != JSON_ARRAY)
        return 0;
    walk = json_walk(&list);
    for (; json_next(&walk, NULL, &item); at++) {
        if (at < count)
            read(&acks[at], &item);
    }
    return at;
}

bool message_batch_acks(const struct envelope *envelope, struct batch_ack *acks, size_t count)
{
    size_t results;
    size_t codes;

    memset(acks, 0, count * sizeof(*acks));
    results = read_acks(&envelope->result, acks, count, read_item_result);
    codes = read_acks(&envelope->extra, acks, count, read_item_code);
    return results == count && codes == count;
}
