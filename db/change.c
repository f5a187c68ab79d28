#include "db/change.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *name;
    size_t at;
} members[] = {
    { "qty", offsetof(struct order_change, qty) },
    { "price", offsetof(struct order_change, price) },
    { "trigger_price", offsetof(struct order_change, trigger_price) },
    { "take_profit", offsetof(struct order_change, take_profit) },
    { "stop_loss", offsetof(struct order_change, stop_loss) },
    { "value_price", offsetof(struct order_change, value_price) },
};

const char *change_write(const struct order_change *change, char out[CHANGE_TEXT_MAX])
{
    struct text text = text_in(out, CHANGE_TEXT_MAX);
    char shown[DECIMAL_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct decimal value;

        memcpy(&value, (const char *)change + members[i].at, sizeof(value));
        if (!decimal_is_none(&value))
            text_addf(&text, "%s%s=%s", text.bytes ? " " : "", members[i].name,
                      decimal_format(&value, shown));
    }
    return out;
}

static bool read_member(struct order_change *out, const char *text, size_t bytes)
{
    const char *equals = memchr(text, '=', bytes);
    size_t name_bytes = equals ? (size_t)(equals - text) : 0;
    struct decimal value;

    if (!equals || decimal_parse_n(&value, equals + 1, bytes - name_bytes - 1))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (strlen(members[i].name) != name_bytes || memcmp(members[i].name, text, name_bytes) != 0)
            continue;
        memcpy((char *)out + members[i].at, &value, sizeof(value));
        return true;
    }
    return false;
}

bool change_read(struct order_change *out, const char *text)
{
    order_change_clear(out);
    while (*text) {
        size_t bytes = strcspn(text, " ");

        if (!read_member(out, text, bytes))
            return false;
        text += bytes;
        text += strspn(text, " ");
    }
    return true;
}
