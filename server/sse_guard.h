/* server/sse_guard.h - the guard as it is, for a reader that has just come.
 *
 * The engine is asked, not the journal: while a disk hangs a kill is in force before its event is
 * committed. The answer comes back by the bell.
 *
 * Threads: the http thread; on_ready too.
 */
#pragma once

#include "base/buffer.h"
#include "engine/loop.h"
#include "server/bell.h"

struct guard_ask;

/* `on_ready` gets the data of a guard event (without a change); `json` empty: there is none, and
 * none will come. NULL: out of memory, or the engine is too busy (try again later). */
struct guard_ask *guard_ask_start(struct loop *loop, struct bell *bell,
                                  void (*on_ready)(const struct buffer *json, void *userdata),
                                  void *userdata);
/* on_ready is not called any more. NULL is fine. */
void guard_ask_forget(struct guard_ask *ask);
