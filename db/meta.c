#include "db/meta.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/runs.h"
#include "db/statement.h"

#define VALUE_MAX 160
#define RECENT_MS 5000

enum err meta_text(sqlite3 *db, const char *key, char *out, size_t out_bytes, struct error *error)
{
    sqlite3_stmt *statement;
    bool row = false;
    enum err err = db_prepare(&statement, db, "SELECT value FROM meta WHERE key=?1", error);

    if (err)
        return err;
    bind_text(statement, 1, key);
    err = db_next(statement, &row, "meta", error);
    out[0] = '\0';
    if (!err && row)
        column_text(statement, 0, out, out_bytes);
    sqlite3_finalize(statement);
    return err;
}

enum err meta_integer(sqlite3 *db, const char *key, int64_t *out, struct error *error)
{
    char value[VALUE_MAX];
    enum err err = meta_text(db, key, value, sizeof(value), error);

    if (!err)
        *out = strtoll(value, NULL, 10);
    return err;
}

enum err meta_set_text(sqlite3 *db, const char *key, const char *value, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err =
        db_prepare(&statement, db,
                   "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value=?2", error);

    if (err)
        return err;
    bind_text(statement, 1, key);
    bind_text(statement, 2, value);
    err = db_run(statement, "meta", error);
    sqlite3_finalize(statement);
    return err;
}

enum err meta_set_integer(sqlite3 *db, const char *key, int64_t value, struct error *error)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    return meta_set_text(db, key, text, error);
}

enum err meta_set_watermark(sqlite3 *db, const struct journal_watermark *watermark,
                            struct error *error)
{
    int64_t watched_from_ms = 0;
    enum err err = meta_set_integer(db, "watermark", watermark->ms, error);

    if (err || !watermark->watched_from_ms)
        return err;
    err = meta_integer(db, "watched_from", &watched_from_ms, error);
    if (err || watched_from_ms)
        return err;
    err = meta_set_integer(db, "watched_from", watermark->watched_from_ms, error);
    return err ? err : meta_set_integer(db, "options_from", watermark->options_from_ms, error);
}

static uint64_t random_number(void)
{
    uint64_t number = 0;

    /* Up to 256 bytes come whole once the pool is filled, which it is long before a daemon starts.
     */
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        log_warn("journal: no random numbers");
    return number;
}

uint64_t meta_next_epoch(uint64_t epoch)
{
    return epoch + 1 + random_number() % 64;
}

static enum err check_identity(sqlite3 *db, const struct journal_identity *identity,
                               struct error *error)
{
    char env[VALUE_MAX];
    char account[VALUE_MAX];
    enum err err = meta_text(db, "env", env, sizeof(env), error);

    if (!err)
        err = meta_text(db, "account", account, sizeof(account), error);
    if (err)
        return err;
    if (env[0] && strcmp(env, identity->env) != 0)
        return error_set(
            error, ERR_INVALID,
            "journal: it belongs to environment %s, not %s: name another with --journal", env,
            identity->env);
    if (account[0] && identity->account[0] && strcmp(account, identity->account) != 0)
        return error_set(error, ERR_INVALID,
                         "journal: it belongs to account %s, not %s: name another with --journal",
                         account, identity->account);
    err = meta_set_text(db, "env", identity->env, error);
    if (!err && identity->account[0])
        err = meta_set_text(db, "account", identity->account, error);
    return err;
}

/* A new journal: its id and an epoch made of it, so that no two files share one. 36^8 * 1024 is
 * below 2^52. */
static enum err make_id(sqlite3 *db, struct journal_start *start, struct error *error)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t number = random_number();
    uint64_t value = 0;
    enum err err;

    for (int i = 0; i < 8; i++) {
        value = value * 36 + number % 36;
        start->id[i] = letters[number % 36];
        number /= 36;
    }
    start->id[8] = '\0';
    start->epoch = (value + 1) * 1024;
    start->fresh = true;
    err = meta_set_text(db, "id", start->id, error);
    return err;
}

static enum err read_start(sqlite3 *db, struct journal_start *start, struct error *error)
{
    int64_t epoch = 0;
    int64_t last_seq = 0;
    char ban[VALUE_MAX];
    enum err err = meta_text(db, "id", start->id, sizeof(start->id), error);

    if (!err)
        err = meta_text(db, "ban", ban, sizeof(ban), error);
    if (!err)
        err = meta_integer(db, "run", &start->run, error);
    if (!err)
        err = meta_integer(db, "epoch", &epoch, error);
    if (!err)
        err = meta_integer(db, "watermark", &start->watermark_ms, error);
    if (!err)
        err = db_integer(db, "SELECT max(seq) FROM events", &last_seq, error);
    if (err)
        return err;
    start->epoch = (uint64_t)epoch;
    start->last_seq = (uint64_t)last_seq;
    start->banned_ms = runs_ban_left_ms(ban, start->watermark_ms);
    start->wall_base_ms = clock_wall_base_ms();
    return start->id[0] ? ERR_NONE : make_id(db, start, error);
}

/* Why the newest events may be missing; NULL: they are all there. */
static enum err why_lost(sqlite3 *db, const struct journal_start *start, const char *boot_id,
                         int64_t last_run, const char **why, struct error *error)
{
    char stored_boot[VALUE_MAX];
    int64_t clean = 0;
    int64_t shown = 0;
    enum err err = meta_text(db, "boot_id", stored_boot, sizeof(stored_boot), error);

    if (!err)
        err = meta_integer(db, "clean_stop", &clean, error);
    if (!err)
        err = meta_integer(db, "last_shown_seq", &shown, error);
    if (err)
        return err;
    *why = NULL;
    if (!clean && (!boot_id[0] || strcmp(boot_id, stored_boot) != 0))
        *why = "the machine stopped without a clean stop";
    else if (start->last_seq < (uint64_t)shown)
        *why = "the file lacks events that were shown";
    else if (last_run > start->run)
        *why = "an older copy of the file was put back";
    return ERR_NONE;
}

/* By the clocks of this boot; one that is over is forgotten, whatever a wall clock says later. */
static enum err write_ban(sqlite3 *db, int64_t left_ms, struct error *error)
{
    char text[RUNS_BAN_TEXT_MAX];

    if (left_ms <= 0)
        return db_exec(db, "DELETE FROM meta WHERE key='ban'", error);
    runs_ban_write(text, clock_mono_ms() + left_ms);
    return meta_set_text(db, "ban", text, error);
}

static enum err write_start(sqlite3 *db, struct journal_start *start, const char *boot_id,
                            struct error *error)
{
    char progress[96];
    enum err err = meta_set_integer(db, "run", start->run, error);

    if (!err)
        err = meta_set_integer(db, "epoch", (int64_t)start->epoch, error);
    if (!err)
        err = meta_set_text(db, "boot_id", boot_id, error);
    if (!err)
        err = meta_set_text(db, "clean_stop", "0", error);
    if (!err)
        err = write_ban(db, start->banned_ms, error);
    if (!err)
        err = runs_begin(db, start->run, start->wall_base_ms, error);
    if (!err)
        err = runs_recent(db, start->run, RECENT_MS, &start->recent_starts, error);
    if (err)
        return err;
    (void)snprintf(progress, sizeof(progress),
                   "UPDATE progress SET run=%" PRId64 ", position=0, commits=commits+1",
                   start->run);
    return db_exec(db, progress, error);
}

static enum err begin_run(sqlite3 *db, const struct journal_identity *identity, int64_t last_run,
                          struct journal_start *start, struct error *error)
{
    char boot_id[RUNS_BOOT_ID_MAX];
    const char *why = NULL;
    enum err err = check_identity(db, identity, error);

    if (!err)
        err = read_start(db, start, error);
    runs_boot_id(boot_id);
    if (!err && !start->fresh)
        err = why_lost(db, start, boot_id, last_run, &why, error);
    if (err)
        return err;
    if (why) {
        start->epoch = meta_next_epoch(start->epoch);
        log_warn("journal: new epoch of event ids: %s", why);
    }
    /* Links made here carry the run: one that was used before, by a copy or not, must not come
     * again. */
    start->run = (last_run > start->run && !start->fresh ? last_run : start->run) + 1;
    return write_start(db, start, boot_id, error);
}

enum err meta_begin_run(sqlite3 *db, const struct journal_identity *identity, int64_t last_run,
                        struct journal_start *start, struct error *error)
{
    struct journal_start found = { .run = 0 };
    enum err err = db_exec(db, "PRAGMA synchronous=FULL; BEGIN IMMEDIATE", error);

    if (!err)
        err = begin_run(db, identity, last_run, &found, error);
    if (!err)
        err = db_exec(db, "COMMIT", error);
    if (err) {
        if (!sqlite3_get_autocommit(db))
            (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return err;
    }
    *start = found;
    return ERR_NONE;
}
