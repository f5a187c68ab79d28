/* sim/control_parts.h - the doors that control.c has from the other control_*.c. A handler answers
 * NULL, or what is wrong; then it has changed nothing.
 *
 * Threads: owned by one.
 */
#pragma once

#include "sim/cancel_all.h"
#include "sim/control.h"

/* "" when it is absent or no text. */
const char *control_text(const cJSON *body, const char *name);
int64_t control_int(const cJSON *body, const char *name, int64_t otherwise);
bool control_is_true(const cJSON *body, const char *name);

const char *control_set_stream(struct control *control, const cJSON *body, cJSON *out);
const char *control_break_book(struct control *control, const cJSON *body, cJSON *out);
const char *control_liquidate(struct control *control, const cJSON *body, cJSON *out);
const char *control_set_pool(struct control *control, const cJSON *body, cJSON *out);
const char *control_push_greeks(struct control *control, const cJSON *body, cJSON *out);

const char *control_flood(struct control *control, const cJSON *body, cJSON *out);
const char *control_show_flood(struct control *control, const cJSON *query, cJSON *out);
const char *control_show_books(struct control *control, const cJSON *query, cJSON *out);

const char *control_set_limits(struct control *control, const cJSON *body, cJSON *out);
const char *control_ban(struct control *control, const cJSON *body, cJSON *out);
/* `query`: the parameters, as texts. */
const char *control_show_requests(struct control *control, const cJSON *query, cJSON *out);
/* Adds what is set now. */
void control_show_limits(struct control *control, cJSON *out);
