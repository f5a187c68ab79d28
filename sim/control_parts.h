/* sim/control_parts.h - the doors that control.c has from control_limits.c. A handler answers NULL,
 * or what is wrong; then it has changed nothing.
 *
 * Threads: owned by one.
 */
#pragma once

#include "sim/cancel_all.h"
#include "sim/control.h"

const char *control_set_limits(struct control *control, const cJSON *body, cJSON *out);
const char *control_ban(struct control *control, const cJSON *body, cJSON *out);
/* `query`: the parameters, as texts. */
const char *control_show_requests(struct control *control, const cJSON *query, cJSON *out);
/* Adds what is set now. */
void control_show_limits(struct control *control, cJSON *out);
