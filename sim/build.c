#include "sim/build.h"

#include <inttypes.h>
#include <stdio.h>

void build_text(cJSON *object, const char *name, const char *text)
{
    (void)cJSON_AddStringToObject(object, name, text);
}

void build_int(cJSON *object, const char *name, int64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, value);
    (void)cJSON_AddRawToObject(object, name, digits);
}

void build_int_text(cJSON *object, const char *name, int64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, value);
    build_text(object, name, digits);
}

void build_bool(cJSON *object, const char *name, bool value)
{
    (void)cJSON_AddBoolToObject(object, name, value);
}

void build_decimal(cJSON *object, const char *name, struct decimal value)
{
    char text[DECIMAL_TEXT_MAX];

    build_text(object, name, decimal_format(&value, text));
}

void build_price(cJSON *object, const char *name, const struct instrument *instrument,
                 int64_t ticks)
{
    build_decimal(object, name, instrument_price(instrument, ticks));
}

void build_qty(cJSON *object, const char *name, const struct instrument *instrument, int64_t lots)
{
    build_decimal(object, name, instrument_qty(instrument, lots));
}

cJSON *build_object(cJSON *object, const char *name)
{
    return cJSON_AddObjectToObject(object, name);
}

cJSON *build_list(cJSON *object, const char *name)
{
    return cJSON_AddArrayToObject(object, name);
}

cJSON *build_item(cJSON *list)
{
    cJSON *item = cJSON_CreateObject();

    if (!cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return NULL;
    }
    return item;
}

void build_constants(cJSON *object, const struct build_constant *constants, size_t count)
{
    for (size_t i = 0; i < count; i++)
        build_text(object, constants[i].name, constants[i].text);
}
