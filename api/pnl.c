/* api/pnl.c - GET /pnl: realised results, fees and funding by day, symbol or tag (db/pnl.h), on a
 * history worker; with `check` after the exchange's log of the same span is there (pnl_log.c).
 *
 * Every execution before the span is read too, because it moved the averages; in pieces, between
 * which other reads have their turn. Two are counted at once, so that however many are asked for,
 * other reads wait for two pieces at most; some wait, and the rest is turned away. */
#include "db/pnl.h"

#include <stdlib.h>
#include <string.h>

#include "api/form.h"
#include "api/handlers.h"
#include "api/lists.h"
#include "api/lookup.h"
#include "api/members.h"
#include "api/pnl_parts.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/text.h"

#define PIECE_FILLS   5000
#define PIECE_LACKS   5000
#define ANSWER_MS     12000
#define BUSY_RETRY_MS 1000
#define RUNNING_MAX   2
#define WAITING_MAX   16

static const char *const columns[] = {
    "day",           "category", "symbol",       "tag",      "coin",        "realised",
    "fees",          "funding",  "net",          "volume",   "trades",      "unmatched",
    "unmatched_qty", "skipped",  "log_realised", "log_fees", "log_funding", "checked",
};

static struct turns turns = TURNS_OF(RUNNING_MAX, WAITING_MAX);

void pnl_job_free(struct pnl_job *job)
{
    pnl_log_end(job);
    pnl_check_destroy(job->check);
    pnl_destroy(job->pnl);
    instruments_unref(job->instruments);
    free(job);
}

static enum err begin(struct pnl_job *job);

/* The next one begins; where it can't, it ends, and the one after it begins. */
static void end_job(struct pnl_job *job)
{
    struct turn *next;
    enum err err;

    pnl_job_free(job);
    while ((next = turns_end(&turns))) {
        ((struct pnl_job *)next)->waited = true;
        err = begin((struct pnl_job *)next);
        if (!err)
            return;
        pnl_job_fail((struct pnl_job *)next, err);
        pnl_job_free((struct pnl_job *)next);
    }
}

static enum err read_query(struct pnl_job *job, struct api_refusal *refusal)
{
    static const char *const groups[] = { "day", "symbol", "tag" };
    static const enum pnl_group kinds[] = { PNL_BY_DAY, PNL_BY_SYMBOL, PNL_BY_TAG };
    const struct api_call *call = job->call;
    struct pnl_filter *filter = &job->filter;
    struct list_filter list = { 0 };
    int64_t now_ms = clock_wall_ms();
    size_t group;
    enum err err;

    if ((err = lookup_keys(job->api, refusal)) ||
        (err = lookup_word(call, "group", groups, ARRAY_LEN(groups), 0, &group, refusal)) ||
        (err = lookup_category(call, &filter->has_category, &filter->category, refusal)) ||
        (err = list_read_symbol(job->api, call, &list, job->symbol, refusal)) ||
        (err = lookup_time(call, "from", now_ms, &filter->from_ms, refusal)) ||
        (err = lookup_time(call, "to", now_ms, &filter->to_ms, refusal)) ||
        (err = list_read_tag(call, &list, refusal)) ||
        (err = lookup_flag(call, "check", &job->wants_check, refusal)))
        return err;
    filter->group = kinds[group];
    filter->tag = list.tag;
    filter->symbol = list.symbol;
    if (list.has_category) {
        filter->has_category = true;
        filter->category = list.category;
    }
    return ERR_NONE;
}

/* By its instrument; one that is not listed any more, by its name. */
static void coins_of(enum category category, const char *symbol, char coin[COIN_MAX],
                     char base[COIN_MAX], void *userdata)
{
    const struct pnl_job *job = userdata;
    const struct instrument *instrument =
        job->instruments ? instruments_find(job->instruments, category, symbol) : NULL;

    if (!instrument) {
        pnl_guess_coins(category, symbol, coin, base);
        return;
    }
    text_cut(coin, COIN_MAX, category == CATEGORY_SPOT ? instrument->quote : instrument->settle);
    text_cut(base, COIN_MAX, instrument->base);
}

/* --- the answer --- */

static void add_group(struct buffer *out, enum pnl_group group, const struct pnl_row *row)
{
    char day[CLOCK_TEXT_MAX];
    bool by_symbol = group == PNL_BY_SYMBOL;

    (void)clock_format(row->day_ms, day);
    day[strcspn(day, "T")] = '\0';
    member_text(out, "day", group == PNL_BY_DAY ? day : NULL);
    member_text(out, "category", by_symbol ? category_word(row->category) : NULL);
    member_text(out, "symbol", by_symbol ? row->symbol : NULL);
    member_text(out, "tag", row->tag);
}

static void add_row(struct buffer *out, enum pnl_group group, const struct pnl_row *row)
{
    static const char *const checked[] = {
        [PNL_UNCHECKED] = NULL, [PNL_CHECKED_EQUAL] = "equal", [PNL_CHECKED_DIFFERS] = "differs"
    };

    json_add_open(out, '{');
    add_group(out, group, row);
    member_text(out, "coin", row->coin);
    member_decimal(out, "realised", &row->realised);
    member_decimal(out, "fees", &row->fees);
    member_decimal(out, "funding", &row->funding);
    member_decimal(out, "net", &row->net);
    member_decimal(out, "volume", &row->volume);
    member_int(out, "trades", row->trades);
    member_int(out, "unmatched", row->unmatched);
    member_decimal(out, "unmatched_qty", &row->unmatched_qty);
    member_int(out, "skipped", row->skipped);
    member_decimal(out, "log_realised", &row->log_realised);
    member_decimal(out, "log_fees", &row->log_fees);
    member_decimal(out, "log_funding", &row->log_funding);
    member_text(out, "checked", checked[row->checked]);
    json_add_close(out, '}');
}

static void finish(struct pnl_job *job)
{
    struct form_list list;
    struct buffer *members;
    size_t differ = 0;
    size_t count;
    const struct pnl_row *rows = pnl_rows(job->pnl, &count);

    if (!rows) {
        api_fail(job->call, NULL, "busy", "out of memory");
        return;
    }
    form_open(&list, job->call, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < count; i++) {
        add_row(form_row(&list), job->filter.group, &rows[i]);
        form_row_end(&list);
        differ += rows[i].checked == PNL_CHECKED_DIFFERS;
    }
    if (job->check)
        pnl_check_note(job, differ);
    members = form_members(&list);
    if (members)
        pnl_check_add_member(members, job->check);
    form_close(&list, NULL, clock_wall_ms(), "journal");
}

void pnl_job_fail(struct pnl_job *job, enum err err)
{
    const struct api_problem_more more = { .retry_after_ms = BUSY_RETRY_MS };

    if (err == ERR_BUSY)
        api_fail(job->call, &more, "busy", "too many reads wait for the journal");
    else
        api_fail(job->call, &more, "journal_unavailable", "the journal can't be read now");
}

static void refuse(struct pnl_job *job, const char *why)
{
    api_fail(job->call, NULL, "too_many_fills", "%s", why);
}

/* --- the work --- */

/* True: it has been answered. */
static bool read_piece(struct pnl_job *job, struct history_reader *reader)
{
    bool ended = false;
    enum err err = ERR_NONE;

    if (!job->read)
        err = pnl_read(job->pnl, reader, PIECE_FILLS, &job->read);
    else
        err = pnl_read_lacks(job->pnl, reader, PIECE_LACKS, &ended);
    ended = ended || (job->read && !job->check);
    if (err == ERR_BUSY)
        refuse(job, "more executions, symbols or rows than one answer counts");
    else if (err)
        pnl_job_fail(job, err);
    else if (ended)
        finish(job);
    else if (clock_mono_ms() > job->until_ms && job->waited)
        pnl_job_fail(job, ERR_BUSY);
    else if (clock_mono_ms() > job->until_ms)
        refuse(job, "the executions could not be counted in 12 s");
    else
        return false;
    return true;
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct pnl_job *job = userdata;

    if (!err && atomic_load(&job->call->gone))
        err = ERR_BUSY;
    if (!err && read_piece(job, reader)) {
        end_job(job);
        return;
    }
    if (!err)
        err = history_submit(job->api->history, 0, on_journal, job);
    if (!err)
        return;
    pnl_job_fail(job, err);
    end_job(job);
}

/* Its turn has come; too late, if it has waited as long as a count may take. */
static enum err begin(struct pnl_job *job)
{
    if (atomic_load(&job->call->gone) || clock_mono_ms() > job->until_ms)
        return ERR_BUSY;
    job->pnl = pnl_create(&job->filter, coins_of, job);
    if (!job->pnl)
        return ERR_BUSY;
    if (job->check)
        pnl_set_check(job->pnl, job->check);
    return history_submit(job->api->history, loop_position(job->api->loop), on_journal, job);
}

void pnl_job_count(struct pnl_job *job)
{
    enum err err;

    job->until_ms = clock_mono_ms() + ANSWER_MS;
    switch (turns_ask(&turns, &job->turn)) {
    case TURN_NOW:
        err = begin(job);
        if (!err)
            return;
        pnl_job_fail(job, err);
        end_job(job);
        return;
    case TURN_LATER:
        return;
    case TURN_NONE:
        pnl_job_fail(job, ERR_BUSY);
        pnl_job_free(job);
        return;
    }
}

void handle_pnl(const struct api *api, struct api_call *call)
{
    struct pnl_job *job = calloc(1, sizeof(*job));
    struct api_refusal refusal;

    if (!job) {
        api_fail(call, NULL, "busy", "out of memory");
        return;
    }
    job->api = api;
    job->call = call;
    if (read_query(job, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        pnl_job_free(job);
        return;
    }
    job->instruments = instruments_newest(api->instruments);
    if (job->wants_check)
        pnl_log_begin(job);
    else
        pnl_job_count(job);
}
