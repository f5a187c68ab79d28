/* api/position_settings.h - the fields of PATCH /positions/{symbol}, for the test that holds them
 * against openapi.yaml. */
#pragma once

#include <stddef.h>

#include "api/fields.h"

const struct field *position_settings_fields(size_t *count);
