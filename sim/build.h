/* sim/build.h - members of the JSON that goes out. Money is always a string with exact digits.
 *
 * Out of memory leaves the member out: cJSON's calls do nothing then, and the answer is not worth
 * saving.
 */
#pragma once

#include <stdint.h>

#include <cjson/cJSON.h>

#include "sim/instruments.h"

void build_text(cJSON *object, const char *name, const char *text);
void build_int(cJSON *object, const char *name, int64_t value);
/* A whole number as a string: times, ids. */
void build_int_text(cJSON *object, const char *name, int64_t value);
void build_bool(cJSON *object, const char *name, bool value);
void build_decimal(cJSON *object, const char *name, struct decimal value);
void build_price(cJSON *object, const char *name, const struct instrument *instrument,
                 int64_t ticks);
void build_qty(cJSON *object, const char *name, const struct instrument *instrument, int64_t lots);
cJSON *build_object(cJSON *object, const char *name);
cJSON *build_list(cJSON *object, const char *name);
/* A new object at the end of a list. */
cJSON *build_item(cJSON *list);

/* Members that never change: name and text. */
struct build_constant {
    const char *name;
    const char *text;
};

void build_constants(cJSON *object, const struct build_constant *constants, size_t count);
