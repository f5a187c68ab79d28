/* api/event_list.c - GET /events: the stream's journaled events as a list, oldest first, and by
 * long poll the ones to come.
 *
 * `after` is an event's id, "earliest", or absent: the newest ones there are, or with `wait` the
 * next one. With `wait` there is always a `next`: whoever waits wants to go on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/form.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define WAIT_MAX_MS   120000
#define BUSY_RETRY_MS 1000

static const char *const columns[] = { "id", "event", "at", "data" };

enum place { PLACE_NEWEST, PLACE_EARLIEST, PLACE_AFTER };

struct event_job {
    const struct api *api;
    struct api_call *call;
    enum place place;
    uint64_t epoch;
    uint64_t after; /* PLACE_AFTER */
    int limit;
    int64_t wait_ms; /* -1: does not wait */
    uint64_t newest; /* shown when the reading began */
    struct form_list list;
    uint64_t last; /* written */
    int count;
    bool more;
};

/* --- the query --- */

/* "<epoch>-<seq>" */
static bool read_id(const char *text, uint64_t *epoch, uint64_t *seq)
{
    size_t left = strspn(text, "0123456789");
    const char *right = text + left + 1;
    size_t right_bytes;

    if (left == 0 || left > 18 || text[left] != '-')
        return false;
    right_bytes = strspn(right, "0123456789");
    if (right_bytes == 0 || right_bytes > 18 || right[right_bytes])
        return false;
    *epoch = strtoull(text, NULL, 10);
    *seq = strtoull(right, NULL, 10);
    return true;
}

static enum err read_after(struct event_job *job, struct api_refusal *refusal)
{
    const char *text = api_query(job->call, "after");
    uint64_t epoch;

    if (!text)
        return ERR_NONE;
    if (strcmp(text, "earliest") == 0) {
        job->place = PLACE_EARLIEST;
        return ERR_NONE;
    }
    if (!read_id(text, &epoch, &job->after))
        return api_refuse(refusal, "invalid_value",
                          "after: an event's id as in 1-42, or earliest, not \"%.60s\"", text);
    if (epoch != job->epoch || job->after > job->api->feed_last(job->api->userdata))
        return api_refuse(refusal, "event_id_unknown",
                          "event %.40s is not in this journal (its ids begin with %" PRIu64 "-)",
                          text, job->epoch);
    job->place = PLACE_AFTER;
    return ERR_NONE;
}

static enum err read_query(struct event_job *job, struct api_refusal *refusal)
{
    int64_t limit;
    enum err err;

    if ((err = lookup_keys(job->api, refusal)) || (err = read_after(job, refusal)) ||
        (err = lookup_int(job->call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, refusal)) ||
        (err = lookup_duration(job->call, "wait", -1, &job->wait_ms, refusal)))
        return err;
    if (job->wait_ms > WAIT_MAX_MS)
        return api_refuse(refusal, "invalid_value", "wait is longer than %d s", WAIT_MAX_MS / 1000);
    job->limit = (int)limit;
    return ERR_NONE;
}

/* --- the answer --- */

static void write_id(char out[48], uint64_t epoch, uint64_t seq)
{
    (void)snprintf(out, 48, "%" PRIu64 "-%" PRIu64, epoch, seq);
}

static bool on_event(const struct stored_event *event, void *userdata)
{
    struct event_job *job = userdata;
    struct buffer *out;
    char id[48];
    char at[CLOCK_TEXT_MAX];

    if (job->count == job->limit) {
        job->more = true;
        return false;
    }
    write_id(id, job->epoch, event->seq);
    out = form_row(&job->list);
    json_add_open(out, '{');
    json_add_key(out, "id");
    json_add_text(out, id);
    json_add_key(out, "event");
    json_add_text(out, event->event);
    json_add_key(out, "at");
    json_add_text(out, clock_format(event->at_ms, at));
    json_add_key(out, "data");
    json_add_raw(out, event->json, event->json_bytes);
    json_add_close(out, '}');
    form_row_end(&job->list);
    job->count++;
    job->last = event->seq;
    return true;
}

/* Where to begin: the number before the first one wanted. ERR_NOT_FOUND: pruned. */
static enum err find_start(struct event_job *job, struct history_reader *reader, uint64_t *after)
{
    uint64_t newest = job->newest;
    uint64_t first = 0;
    enum err err = reader_first_seq(reader, &first);

    if (err)
        return err;
    switch (job->place) {
    case PLACE_EARLIEST:
        *after = first ? first - 1 : 0;
        return ERR_NONE;
    case PLACE_NEWEST:
        *after = newest > (uint64_t)job->limit ? newest - (uint64_t)job->limit : 0;
        if (first && *after < first - 1)
            *after = first - 1;
        return ERR_NONE;
    case PLACE_AFTER:
        break;
    }
    *after = job->after;
    return first && first > job->after + 1 ? ERR_NOT_FOUND : ERR_NONE;
}

static void fail(struct event_job *job, enum err err)
{
    const struct api_problem_more more = { .retry_after_ms = BUSY_RETRY_MS };

    form_abandon(&job->list);
    if (err == ERR_NOT_FOUND)
        api_fail(job->call, NULL, "event_id_unknown", "the events after this id are not kept");
    else if (err == ERR_BUSY)
        api_fail(job->call, &more, "busy", "too many reads wait for the journal");
    else
        api_fail(job->call, &more, "journal_unavailable", "the journal can't be read now");
    free(job);
}

static void finish(struct event_job *job)
{
    char id[48];
    char next[512];

    write_id(id, job->epoch, job->last);
    if (job->more || job->wait_ms >= 0)
        form_next(job->call, id, NULL, next, sizeof(next));
    form_close(&job->list, job->more || job->wait_ms >= 0 ? next : NULL, clock_wall_ms(),
               "journal");
    free(job);
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct event_job *job = userdata;

    form_open(&job->list, job->call, columns, ARRAY_LEN(columns));
    if (!err)
        err = find_start(job, reader, &job->last);
    if (!err)
        err = reader_events(reader, job->last, job->limit + 1, on_event, job);
    if (err)
        fail(job, err);
    else
        finish(job);
}

static void read_journal(struct event_job *job)
{
    enum err err = history_submit(job->api->history, 0, on_journal, job);

    if (err)
        fail(job, err);
}

/* On the http thread: there is a newer event, the time is over, or the bridge stops. */
static void on_ready(void *userdata)
{
    struct event_job *job = userdata;

    job->newest = job->api->feed_last(job->api->userdata);
    read_journal(job);
}

static void begin(struct event_job *job)
{
    const struct api *api = job->api;
    uint64_t newest = api->feed_last(api->userdata);
    const struct api_problem_more more = { .retry_after_ms = BUSY_RETRY_MS };

    job->newest = newest;
    if (job->wait_ms >= 0 && job->place == PLACE_NEWEST) {
        job->place = PLACE_AFTER; /* the next one */
        job->after = newest;
    }
    if (job->wait_ms < 0 || (job->place == PLACE_AFTER ? job->after < newest : newest > 0)) {
        read_journal(job);
        return;
    }
    if (api->feed_wait(newest, clock_mono_ms() + job->wait_ms, &job->call->gone, on_ready, job,
                       api->userdata)) {
        api_fail(job->call, &more, "busy", "too many calls wait for events");
        free(job);
    }
}

void handle_events(const struct api *api, struct api_call *call)
{
    struct event_job *job = calloc(1, sizeof(*job));
    struct journal_status status = { .epoch = 0 };
    struct api_refusal refusal;

    if (!job) {
        api_fail(call, NULL, "busy", "out of memory");
        return;
    }
    if (api->journal)
        journal_get_status(api->journal, &status);
    *job = (struct event_job){ .api = api, .call = call, .epoch = status.epoch };
    if (read_query(job, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        free(job);
        return;
    }
    begin(job);
}
