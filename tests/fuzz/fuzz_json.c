/* A text from a client: what is accepted can be walked to its end, is accepted as the exchange's
 * too, and cJSON reads it alike. */
#include <cjson/cJSON.h>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"

static void walk_all(const struct json *value)
{
    struct json_walk walk = json_walk(value);
    struct json key;
    struct json item;
    char text[64];
    struct decimal decimal;
    int64_t number;

    (void)!json_text(value, text, sizeof(text));
    (void)!json_decimal(value, &decimal);
    (void)!json_int(value, &number);
    if (value->type != JSON_ARRAY && value->type != JSON_OBJECT)
        return;
    while (json_next(&walk, &key, &item))
        walk_all(&item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = fuzz_text(data, bytes);
    struct json strict;
    struct json trusted;

    if (json_open(&strict, text, bytes, NULL) == ERR_NONE) {
        cJSON *other = cJSON_ParseWithLength(text, bytes);

        assert(other);
        cJSON_Delete(other);
        assert(json_open_trusted(&trusted, text, bytes, NULL) == ERR_NONE);
        walk_all(&strict);
    }
    if (json_open_trusted(&trusted, text, bytes, NULL) == ERR_NONE)
        walk_all(&trusted);
    free(text);
    return 0;
}
