/* bybit/stream_link_parts.h - the link's insides: shared by stream_link.c (phases, silence) and
 * stream_link_topics.c (topics, what to say). Threads: the stream's own. */
#pragma once

#include "bybit/stream_link.h"

void link_enter(struct link *link, enum link_phase phase, int64_t now_ms);
/* Whether a ticker or a book is on: only then silence says something. */
bool link_has_steady_topic(const struct link *link);
/* The answer to the request in flight. */
void link_subscribe_answer(struct link *link, const struct frame *frame, int64_t now_ms);
