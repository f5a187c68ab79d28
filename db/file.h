/* db/file.h - the journal's place on the disk: its folder, its lock, its rights.
 *
 * The database file itself is never opened here while SQLite has it open: closing it by hand would
 * drop SQLite's locks.
 *
 * Threads: the starting one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Makes missing folders (0700) and gives the real path, malloc'ed: two names of one file then share
 * one lock. ERR_IO. */
MUST_CHECK enum err file_resolve(char **real_path, const char *path, struct error *error);

/* Locks "<path>.lock", as long as `*lock` is open. ERR_UNAVAILABLE names the holder. `*last_run` is
 * what file_note_run wrote last, 0 when nothing. */
MUST_CHECK enum err file_lock(int *lock, const char *path, int64_t *last_run, struct error *error);
/* Writes pid and run into the lock file; a failure costs only a better error text, and is ignored.
 */
void file_note_run(int lock, int64_t run);

/* The pid of the process that holds that lock; 0: nobody does, or it can't be told. */
long file_holder(const char *path);

/* Makes the file (0600) where it is missing, else checks that it is a regular file, ours, and
 * closed to others. ERR_IO, ERR_INVALID. */
MUST_CHECK enum err file_create(const char *path, struct error *error);
/* Removes the file and what SQLite keeps beside it, and makes it anew. Nothing has it open. ERR_IO.
 */
MUST_CHECK enum err file_empty(const char *path, struct error *error);
