#include "bybit/codes.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Of order calls over REST; other groups use some of these numbers for other things. */
static const struct {
    int code;
    enum answer_class class;
} table[] = {
#include "bybit/codes_table.inc"
};

/* False: not in the table. */
static bool find(int code, enum answer_class *out)
{
    size_t low = 0;
    size_t high = ARRAY_LEN(table);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table[middle].code == code) {
            *out = table[middle].class;
            return true;
        }
        if (table[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

int answer_is_ban(long http_status, const char *body)
{
    return http_status == 403 && body && strcasestr(body, "too frequent") != NULL;
}

int answer_is_unchanged(int ret_code, const char *ret_msg)
{
    switch (ret_code) {
    case 34040:  /* take profit, stop loss */
    case 110025: /* position mode */
    case 110026: /* margin mode */
    case 110027: /* margin */
    case 110043: /* leverage */
        return 1;
    case 10001: /* take profit and stop loss, too */
        return strcasestr(ret_msg, "not modified") != NULL;
    default:
        return 0;
    }
}

static enum answer_class classify_status(long http_status, const char *body)
{
    if (answer_is_ban(http_status, body) || http_status == 429)
        return ANSWER_REFUSED;
    if (http_status == 401 || http_status == 403)
        return ANSWER_AUTH;
    return ANSWER_AMBIGUOUS;
}

enum answer_class answer_classify(long http_status, int has_envelope, int ret_code,
                                  const char *body)
{
    bool is_2xx = http_status >= 200 && http_status <= 299;
    enum answer_class class;

    /* A server error may have come after the order was taken, whatever its body says. */
    if (http_status >= 500)
        return ANSWER_AMBIGUOUS;
    if (!has_envelope || answer_is_ban(http_status, body))
        return classify_status(http_status, body);
    if (ret_code == 0)
        return is_2xx ? ANSWER_OK : ANSWER_AMBIGUOUS;
    if (find(ret_code, &class))
        return class;
    return is_2xx ? ANSWER_AMBIGUOUS : classify_status(http_status, body);
}

const char *answer_class_name(enum answer_class class)
{
    switch (class) {
    case ANSWER_OK:
        return "ok";
    case ANSWER_REJECT:
        return "reject";
    case ANSWER_REFUSED:
        return "refused";
    case ANSWER_AUTH:
        return "auth";
    case ANSWER_DUPLICATE:
        return "duplicate";
    case ANSWER_AMBIGUOUS:
        return "ambiguous";
    }
    return "";
}
