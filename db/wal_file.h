/* db/wal_file.h - the WAL as the writing connection writes it: the frames of a transaction leave in
 * one write.
 *
 * SQLite writes each frame by two calls, a head of 24 bytes and the page. A VFS between it and the
 * system gathers them, and writes when the frame that commits is whole, before anything else is
 * done to the file, and when it has gathered as much as it may: what a call before reads, syncs or
 * measures is there. An error of the write is the error of the call that led to it, and comes
 * before the transaction counts as committed. It may be about frames that an earlier call gave: so
 * after an error the whole transaction must be rolled back, as every user of db/writer.h does.
 *
 * Threads: any; each open file has one owner at a time.
 */
#pragma once

/* The name of the VFS, for sqlite3_open_v2. It stands before what was SQLite's default at the first
 * call. NULL: out of memory. */
const char *wal_file_vfs(void);
