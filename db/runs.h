/* db/runs.h - the last runs of the bridge on this file: when each began, by two clocks, and from
 * which order on orders are its own.
 *
 * The wall clock can be set while the bridge does not run; the clock since boot (base/clock.h)
 * cannot. What a run noted by its wall clock is placed by the latter, as long as the machine has
 * not been started anew.
 *
 * Threads: whoever owns the connection.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"

#define RUNS_BOOT_ID_MAX 64

/* "" where the system does not tell: then it equals no stored one. */
void runs_boot_id(char out[RUNS_BOOT_ID_MAX]);

/* Notes that `run` begins; `wall_base_ms`: its wall clock minus the clock since boot. Forgets runs
 * of long ago. */
MUST_CHECK enum err runs_begin(sqlite3 *db, int64_t run, int64_t wall_base_ms, struct error *error);

/* How many runs of this boot before `run` began in the last `window_ms`. */
MUST_CHECK enum err runs_recent(sqlite3 *db, int64_t run, int64_t window_ms, int64_t *count,
                                struct error *error);

/* As journal_recent_creates; `now_ms` by the wall clock of the run that goes on. */
MUST_CHECK enum err runs_creates(sqlite3 *db, int64_t now_ms, int64_t window_ms,
                                 void (*on_create)(int64_t at_ms, const char *client,
                                                   void *userdata),
                                 void *userdata, struct error *error);

#define RUNS_BAN_TEXT_MAX 160
/* A ban that ends at `until_ms` of the clock since boot, as text to be stored. */
void runs_ban_write(char out[RUNS_BAN_TEXT_MAX], int64_t until_ms);
/* For how long it goes on; 0: it is over. Never longer than when it was noted, and not longer than
 * an hour. Of another boot, whose wall clock may have been any: nor longer than if it was noted
 * just before this boot, and it is over if the exchange's clock was seen at its end (`seen_ms`; 0:
 * never). */
int64_t runs_ban_left_ms(const char *text, int64_t seen_ms);
