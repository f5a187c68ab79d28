/* db/meta.h - what the journal knows of itself: whose it is, its run and the epoch of its event
 * ids.
 *
 * Keys: id, env, account, run, epoch, boot_id, clean_stop ("0", "1"), last_shown_seq (at the last
 * clean stop), watermark, watched_from (the journal lacks no execution since then) and
 * options_from (nor one of an option since then), ban (db/runs.h).
 *
 * Threads: whoever owns the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/journal.h"

/* "" (and `*out` "") where the key is missing. */
MUST_CHECK enum err meta_text(sqlite3 *db, const char *key, char *out, size_t out_bytes,
                              struct error *error);
/* 0 where the key is missing. */
MUST_CHECK enum err meta_integer(sqlite3 *db, const char *key, int64_t *out, struct error *error);
MUST_CHECK enum err meta_set_text(sqlite3 *db, const char *key, const char *value,
                                  struct error *error);
MUST_CHECK enum err meta_set_integer(sqlite3 *db, const char *key, int64_t value,
                                     struct error *error);

/* The watermark, and with the very first one since when nothing lacks. */
MUST_CHECK enum err meta_set_watermark(sqlite3 *db, const struct journal_watermark *watermark,
                                       struct error *error);

/* Checks the identity, raises the run (one synced transaction) and, where the newest events may
 * have been lost, the epoch: after another boot without a clean stop, when the file ends before the
 * last clean stop did, or when `last_run`, the run that the lock file remembers, is not the file's
 * (an old copy was put back). ERR_INVALID: another environment or account. */
MUST_CHECK enum err meta_begin_run(sqlite3 *db, const struct journal_identity *identity,
                                   int64_t last_run, struct journal_start *start,
                                   struct error *error);

/* An epoch above `epoch` that no copy of the file is likely to have come to by itself. */
uint64_t meta_next_epoch(uint64_t epoch);
