/* engine/leverage.h - the guard's word on a leverage that is to be set at the exchange. */
#pragma once

#include "base/decimal.h"
#include "engine/engine.h"

/* By the max_leverage in force, of all callers and of `client` (X-Client; "": none). `verdict` is
 * filled when it is refused. */
enum guard_answer engine_judge_leverage(const struct engine *engine, const char *client,
                                        const struct decimal *leverage,
                                        struct guard_verdict *verdict);
