/* db/journal.h - the one writing SQLite connection: a group commit for all that waits (RELIABILITY
 * section 2, 6; ARCHITECTURE section 3 "Sync").
 *
 * Threads: journal_open and journal_restore on the starting thread; journal_start starts the
 * journal's thread, which owns the connection; journal_submit from one thread (the engine's);
 * callbacks come from the journal's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/metrics.h"
#include "base/trade.h"

struct journal;

struct journal_identity {
    const char *env; /* "sim", "mainnet", ... : a journal belongs to one environment and account */
    const char *account; /* user id or a hash of the key; "" : not known (no keys) */
    bool start_fresh; /* a file of this identity is emptied but for the guard's state: an embedded
                         exchange forgets at a stop */
};

/* What the file knew when it was opened. */
struct journal_start {
    int64_t run; /* number of this run, raised and synced by the opening */
    char id[9];  /* 8 random letters and digits made with the file: the middle of links made here */
    uint64_t epoch; /* of event ids */
    uint64_t last_seq;
    int64_t watermark_ms;  /* 0: none */
    bool fresh;            /* the file was made by this opening */
    int64_t wall_base_ms;  /* of this run: its wall clock minus the monotonic one */
    int64_t recent_starts; /* of other runs in the last 5 s */
    int64_t banned_ms; /* the exchange's ban of this address goes on for so long; 0: none known */
};

/* Opens or makes the file (and its folder, 0700; the file 0600), locks it against a second bridge
 * (ERR_UNAVAILABLE names the holder's pid where known), migrates, checks the identity
 * (ERR_INVALID). ERR_IO: folder or file not writable, with what to do. */
MUST_CHECK enum err journal_open(struct journal **out, const char *path,
                                 const struct journal_identity *identity,
                                 struct journal_start *start, struct error *error);

struct journal_fill_key {
    char exec_id[EXEC_ID_MAX];
};
/* Calls back for each order that is not final, with its fills' keys (borrowed). */
MUST_CHECK enum err journal_restore(struct journal *journal,
                                    void (*on_order)(const struct order *order,
                                                     const struct journal_fill_key *fills,
                                                     size_t fills_count, void *userdata),
                                    void *userdata, struct error *error);

/* The guard's state as last stored: malloc'ed text, the caller frees; NULL: none. Before the thread
 * starts. */
MUST_CHECK enum err journal_guard(struct journal *journal, char **text, struct error *error);
/* Calls back for each create (each attempt) made here in the last `window_ms`, with its time by the
 * clock that shows `now_ms` now: what an earlier run has noted by a wall clock that was set since
 * is placed right, unless the machine was started anew. Before the thread starts. */
MUST_CHECK enum err
journal_recent_creates(struct journal *journal, int64_t now_ms, int64_t window_ms,
                       void (*on_create)(int64_t at_ms, const char *client, void *userdata),
                       void *userdata, struct error *error);

enum journal_row_kind {
    JOURNAL_INTENT,
    JOURNAL_RETRY,
    JOURNAL_AMEND, /* synced, as an intent */
    JOURNAL_ORDER,
    JOURNAL_FILL,
    JOURNAL_WATERMARK,
    JOURNAL_GUARD /* synced */
};

/* One row, made by journal_row_create, owned by the journal after a successful submit. */
struct journal_watermark {
    int64_t ms;
    int64_t watched_from_ms; /* this and the next: kept where the journal has none yet; 0: not said
                              */
    int64_t options_from_ms;
};

struct journal_row {
    struct journal_row *next;
    enum journal_row_kind kind;
    uint64_t position;
    uint64_t seq;      /* 0: no event */
    const char *event; /* "order", "fill": static text */
    char *json;        /* malloc'ed bytes of the event's data; owned */
    size_t json_bytes;
    int64_t at_ms;         /* wall clock */
    struct native *native; /* INTENT, RETRY, AMEND, ORDER: the exchange's object of it, held; one of
                              no bytes: what is stored is not of this state. NULL: stays */
    union {
        struct order order; /* INTENT, RETRY, ORDER */
        struct fill fill;
        struct journal_watermark watermark;
        struct {
            char *text; /* malloc'ed JSON of the guard's state; owned */
            size_t bytes;
        } guard;
    } u;
};
/* Zeroed; NULL: out of memory. */
struct journal_row *journal_row_create(void);
void journal_row_destroy(struct journal_row *row);

/* An intent whose link was there already. */
struct journal_known {
    uint64_t position;
    struct order stored;
    struct journal_fill_key *fills;
    size_t fills_count;
};

struct journal_callbacks {
    /* All rows up to `position` are committed (synced, if an intent was among them). `known` is
     * borrowed. */
    void (*on_committed)(uint64_t position, const struct journal_known *known, size_t known_count,
                         void *userdata);
    /* Each event row, in order, after its commit and before on_committed of its batch. `json` is
     * borrowed. */
    void (*on_event)(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                     int64_t at_ms, void *userdata);
    /* The file cannot be written (true), and can be again (false): rows wait and are tried again
     * each second. */
    void (*on_down)(bool down, const struct error *error, void *userdata);
};

MUST_CHECK enum err journal_start_thread(struct journal *journal,
                                         const struct journal_callbacks *callbacks, void *userdata,
                                         struct error *error);

/* For tests, before the thread starts: how often a file that cannot be written is tried again.
 * Default 1000. */
void journal_set_retry(struct journal *journal, int every_ms);
/* Where commits are counted; before the thread starts. Default NULL: nowhere. */
void journal_set_metrics(struct journal *journal, struct metrics *metrics);

/* Hands over a chain of rows (by `next`), all or none. ERR_BUSY: 65,536 rows or 64 MiB wait. */
MUST_CHECK enum err journal_submit(struct journal *journal, struct journal_row *rows);

/* Any thread: waits until `position` is committed, at most `timeout_ms`. ERR_UNAVAILABLE: not in
 * time. */
MUST_CHECK enum err journal_wait(struct journal *journal, uint64_t position, int timeout_ms);

/* Any thread: the exchange bans this address until then (clock_mono_ms), for the next opening to
 * know. Written by the journal's thread as soon as it can. */
void journal_note_ban(struct journal *journal, int64_t until_ms);

struct journal_status {
    const char *path;   /* the journal's, for its life */
    uint64_t committed; /* position */
    size_t waiting_rows;
    bool down;
    int64_t lag_ms;         /* age of the oldest row that is not committed; 0: there is none */
    int64_t last_commit_us; /* duration of the last commit */
    int64_t last_commit_ms; /* when it was, wall clock; 0: never in this run */
    int64_t file_bytes;
    uint64_t epoch; /* rises in a run when the file turns out to lack rows that were synced; look
                       after on_down(false) */
};
void journal_get_status(struct journal *journal, struct journal_status *out);
/* The status's member alone: of the ids of what is shown now. */
uint64_t journal_epoch(struct journal *journal);
const char *journal_path(const struct journal *journal);

/* Commits what waits (at most 2 s), notes a clean stop, joins the thread, checkpoints, closes. NULL
 * is fine. */
void journal_close(struct journal *journal);
