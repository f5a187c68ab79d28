#include "db/runs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/statement.h"

#define RUNS_KEPT       256
#define RETRIES_KEPT_MS 600000
#define BAN_MAX_MS      3600000

void runs_boot_id(char out[RUNS_BOOT_ID_MAX])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, out, RUNS_BOOT_ID_MAX - 1);

    out[bytes > 0 ? bytes : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
}

/* Where the system does not tell its boot, no row is of this one. */
static void bind_boot(sqlite3_stmt *statement, int at, const char *boot_id)
{
    if (boot_id[0])
        bind_text(statement, at, boot_id);
    else
        sqlite3_bind_null(statement, at);
}

static enum err add_run(sqlite3 *db, int64_t run, const char *boot_id, int64_t wall_base_ms,
                        struct error *error)
{
    sqlite3_stmt *insert = NULL;
    enum err err =
        db_prepare(&insert, db,
                   "INSERT INTO runs SELECT ?1,?2,?3,?4,1+coalesce(max(id),0) FROM orders", error);

    if (err)
        return err;
    bind_integer(insert, 1, run);
    bind_text(insert, 2, boot_id);
    bind_integer(insert, 3, clock_mono_ms());
    bind_integer(insert, 4, wall_base_ms);
    err = db_run(insert, "runs", error);
    sqlite3_finalize(insert);
    return err;
}

/* A run of which the next one began long ago has made nothing since. Its retries are not judged by
 * their own times, for which another clock may be behind. */
static enum err forget_old(sqlite3 *db, int64_t run, const char *boot_id, struct error *error)
{
    sqlite3_stmt *forget = NULL;
    char prune[80];
    enum err err = db_prepare(&forget, db,
                              "DELETE FROM retries WHERE run<(SELECT max(run) FROM runs"
                              " WHERE boot_id=?1 AND mono_ms<?2)",
                              error);

    if (err)
        return err;
    bind_boot(forget, 1, boot_id);
    bind_integer(forget, 2, clock_mono_ms() - RETRIES_KEPT_MS);
    err = db_run(forget, "retries", error);
    sqlite3_finalize(forget);
    (void)snprintf(prune, sizeof(prune), "DELETE FROM runs WHERE run<=%" PRId64, run - RUNS_KEPT);
    return err ? err : db_exec(db, prune, error);
}

enum err runs_begin(sqlite3 *db, int64_t run, int64_t wall_base_ms, struct error *error)
{
    char boot_id[RUNS_BOOT_ID_MAX];
    enum err err;

    runs_boot_id(boot_id);
    err = add_run(db, run, boot_id, wall_base_ms, error);
    return err ? err : forget_old(db, run, boot_id, error);
}

enum err runs_recent(sqlite3 *db, int64_t run, int64_t window_ms, int64_t *count,
                     struct error *error)
{
    sqlite3_stmt *select = NULL;
    char boot_id[RUNS_BOOT_ID_MAX];
    bool row = false;
    enum err err = db_prepare(
        &select, db, "SELECT count(*) FROM runs WHERE boot_id=?1 AND mono_ms>?2 AND run<?3", error);

    if (err)
        return err;
    runs_boot_id(boot_id);
    bind_boot(select, 1, boot_id);
    bind_integer(select, 2, clock_mono_ms() - window_ms);
    bind_integer(select, 3, run);
    err = db_next(select, &row, "runs", error);
    if (!err && row)
        *count = sqlite3_column_int64(select, 0);
    sqlite3_finalize(select);
    return err;
}

/* --- creates of the last minute --- */

struct search {
    sqlite3 *db;
    int64_t now_ms;
    int64_t window_ms;
    void (*on_create)(int64_t at_ms, const char *client, void *userdata);
    void *userdata;
};

/* Of one run, or, with `run` 0, of all whose clock is not known to be another than ours. */
struct span {
    int64_t run;
    int64_t first_order;
    int64_t end_order;
    int64_t shift_ms; /* our wall clock minus the run's */
};

/* First attempts are the orders' own time; later ones have rows of their own. Both are read by an
 * index. */
static const char span_creates[] =
    "SELECT created_ms, client FROM orders INDEXED BY orders_created"
    " WHERE created_ms>=?1 AND id>=?2 AND id<?3 AND external=0"
    " UNION ALL SELECT at_ms, client FROM retries WHERE at_ms>=?1 AND"
    " (run=?4 OR (?4=0 AND run NOT IN (SELECT run FROM runs WHERE boot_id=?5))) ORDER BY 1";

static enum err read_span(const struct search *search, const struct span *span, const char *boot_id,
                          struct error *error)
{
    sqlite3_stmt *creates = NULL;
    bool row = false;
    enum err err = db_prepare(&creates, search->db, span_creates, error);

    if (err)
        return err;
    bind_integer(creates, 1, search->now_ms - search->window_ms - span->shift_ms);
    bind_integer(creates, 2, span->first_order);
    bind_integer(creates, 3, span->end_order);
    bind_integer(creates, 4, span->run);
    bind_boot(creates, 5, boot_id);
    for (;;) {
        err = db_next(creates, &row, "recent creates", error);
        if (err || !row)
            break;
        search->on_create(sqlite3_column_int64(creates, 0) + span->shift_ms,
                          column_word(creates, 1), search->userdata);
    }
    sqlite3_finalize(creates);
    return err;
}

/* Spans from the newest to the oldest, as far back as the window reaches; then what is older than
 * all of them. `runs` gives run, mono_ms, base_ms, first_order. */
static enum err read_spans(const struct search *search, sqlite3_stmt *runs, const char *boot_id,
                           struct error *error)
{
    const int64_t mono_ms = clock_mono_ms();
    struct span span = { .end_order = INT64_MAX };
    int64_t began_ms = mono_ms;
    bool row = false;
    enum err err = ERR_NONE;

    while (began_ms > mono_ms - search->window_ms) {
        err = db_next(runs, &row, "runs", error);
        if (err || !row)
            break;
        began_ms = sqlite3_column_int64(runs, 1);
        span.run = sqlite3_column_int64(runs, 0);
        span.shift_ms = search->now_ms - mono_ms - sqlite3_column_int64(runs, 2);
        span.first_order = sqlite3_column_int64(runs, 3);
        err = read_span(search, &span, boot_id, error);
        if (err)
            return err;
        span.end_order = span.first_order;
    }
    if (err || row)
        return err; /* what is older than the last one is too old */
    span = (struct span){ .end_order = span.end_order };
    return read_span(search, &span, boot_id, error);
}

enum err runs_creates(sqlite3 *db, int64_t now_ms, int64_t window_ms,
                      void (*on_create)(int64_t at_ms, const char *client, void *userdata),
                      void *userdata, struct error *error)
{
    const struct search search = { db, now_ms, window_ms, on_create, userdata };
    sqlite3_stmt *runs = NULL;
    char boot_id[RUNS_BOOT_ID_MAX];
    enum err err = db_prepare(&runs, db,
                              "SELECT run, mono_ms, base_ms, first_order FROM runs"
                              " WHERE boot_id=?1 ORDER BY run DESC",
                              error);

    if (err)
        return err;
    runs_boot_id(boot_id);
    bind_boot(runs, 1, boot_id);
    err = read_spans(&search, runs, boot_id, error);
    sqlite3_finalize(runs);
    return err;
}

/* --- the ban --- */

void runs_ban_write(char out[RUNS_BAN_TEXT_MAX], int64_t until_ms)
{
    int64_t left_ms = until_ms - clock_mono_ms();
    char boot_id[RUNS_BOOT_ID_MAX];

    runs_boot_id(boot_id);
    (void)snprintf(out, RUNS_BAN_TEXT_MAX, "%" PRId64 " %" PRId64 " %" PRId64 " %s", left_ms,
                   until_ms, clock_wall_ms() + left_ms, boot_id);
}

/* The number that `*text` begins with, and past it and a blank; 0: there is none. */
static int64_t take_number(const char **text)
{
    char *end;
    long long number = strtoll(*text, &end, 10);

    *text = *end == ' ' ? end + 1 : end;
    return number;
}

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Length, end by the clock since boot, end by the wall clock, boot. */
int64_t runs_ban_left_ms(const char *text, int64_t seen_ms)
{
    int64_t length_ms = min_ms(take_number(&text), BAN_MAX_MS);
    int64_t until_ms = take_number(&text);
    int64_t until_wall_ms = take_number(&text);
    char boot_id[RUNS_BOOT_ID_MAX];
    int64_t now_ms = clock_mono_ms();

    runs_boot_id(boot_id);
    if (length_ms <= 0)
        return 0;
    if (!boot_id[0] || strcmp(text, boot_id) != 0) {
        if (until_wall_ms <= seen_ms)
            return 0;
        length_ms -= now_ms; /* all since this boot is of it */
        until_ms = until_wall_ms;
        now_ms = clock_wall_ms();
    }
    if (until_ms <= now_ms || length_ms <= 0)
        return 0;
    return min_ms(until_ms - now_ms, length_ms);
}
