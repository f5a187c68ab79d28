/* bybit/stream_resolve.h - a host's addresses, looked up by a thread of its own (getaddrinfo blocks
 * as long as it likes).
 *
 * Threads: all calls from the stream's thread; `wake` is called from the helper, never after
 * resolve_drop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_ADDRESS_BYTES 48

struct resolve;

/* NULL: out of memory or threads. */
struct resolve *resolve_start(const char *host, void (*wake)(void *userdata), void *userdata);
/* False: not yet. Else `*count` numbers (0: the look-up failed). */
bool resolve_done(struct resolve *resolve,
                  char addresses[RESOLVE_ADDRESSES_MAX][RESOLVE_ADDRESS_BYTES], size_t *count);
/* Does not wait: a look-up under way ends by itself. NULL is fine. */
void resolve_drop(struct resolve *resolve);
