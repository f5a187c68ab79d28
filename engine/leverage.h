/* engine/leverage.h - the guard's word on what is to be set at the exchange and is no order:
 * leverage, and the stops of a position. */
#pragma once

#include "base/decimal.h"
#include "engine/engine.h"

/* By the symbols, categories and max_leverage in force, of all callers and of `client` (X-Client;
 * "": none). `leverage`: NONE where it is not what is set. `verdict` is filled when it is refused.
 */
enum guard_answer engine_judge_setting(const struct engine *engine, const char *client,
                                       enum category category, const char *symbol,
                                       const struct decimal *leverage,
                                       struct guard_verdict *verdict);
