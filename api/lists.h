/* api/lists.h - what list calls share. */
#pragma once

#include "api/api.h"
#include "api/call.h"
#include "api/reply.h"
#include "base/error.h"
#include "db/history.h"

/* symbol (with category, where the call has it) into the filter; `symbol` must live as long as the
 * filter. */
MUST_CHECK enum err list_read_symbol(const struct api *api, const struct api_call *call,
                                     struct list_filter *filter, char symbol[SYMBOL_MAX],
                                     struct api_refusal *refusal);
/* tag, borrowed from the call. */
MUST_CHECK enum err list_read_tag(const struct api_call *call, struct list_filter *filter,
                                  struct api_refusal *refusal);
