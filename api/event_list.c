/* api/event_list.c - GET /events: the stream's journaled events as a list, oldest first, and by
 * long poll the ones to come.
 *
 * `after` is an event's id, "earliest", or absent: the newest ones there are, or with `wait` the
 * next one. With `wait` there is always a `next`: whoever waits wants to go on. With a filter one
 * call looks through so many events at most; `next` then goes on behind the last one looked at. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/event_filter.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define LOOK_MAX      20000 /* events that one call with a filter looks at */
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
    struct event_filter filter;
    bool is_filtered;
    int64_t wait_ms; /* -1: does not wait */
    int64_t until_ms;
    uint64_t newest; /* shown when the reading began */
    uint64_t passed; /* while it waits: up to here none is taken */
    struct form_list list;
    uint64_t last; /* written, or passed over */
    int looked;
    int count;
    bool more;
    bool lost; /* the next one is not there */
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
        (err = lookup_duration(job->call, "wait", -1, &job->wait_ms, refusal)) ||
        (err = event_filter_read(job->api, job->call, &job->filter, refusal)))
        return err;
    job->is_filtered = event_filter_is_set(&job->filter);
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

static bool is_taken(const struct event_job *job, const struct stored_event *event)
{
    return event_filter_takes_event(&job->filter, event->event, event->json, event->json_bytes);
}

static void write_event(struct event_job *job, const struct stored_event *event)
{
    struct buffer *out;
    char id[48];
    char at[CLOCK_TEXT_MAX];

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
}

static bool on_event(const struct stored_event *event, void *userdata)
{
    struct event_job *job = userdata;

    bool is_first = job->looked == 0;
    bool taken;

    if (event->seq > job->newest)
        return false; /* committed and not shown yet: its id would not be known */
    taken = is_taken(job, event);
    if (event->seq != job->last + 1 && (!is_first || job->place == PLACE_AFTER)) {
        job->lost = is_first; /* else the next call begins with that */
        job->more = true;
        return false;
    }
    if (job->looked == LOOK_MAX || (taken && job->count == job->limit)) {
        job->more = true;
        return false;
    }
    if (taken)
        write_event(job, event);
    job->looked++;
    job->last = event->seq;
    return true;
}

struct look_back {
    const struct event_job *job;
    uint64_t after; /* the number before the last one looked at */
    bool is_begun;
    int count;
};

static bool on_event_back(const struct stored_event *event, void *userdata)
{
    struct look_back *look = userdata;

    if (look->is_begun && event->seq != look->after)
        return false; /* events were lost: the newest ones are those behind that */
    look->is_begun = true;
    look->after = event->seq - 1;
    look->count += is_taken(look->job, event);
    return look->count < look->job->limit;
}

/* The newest ones, those that the filter takes. */
static enum err look_back(const struct event_job *job, struct history_reader *reader,
                          uint64_t *after)
{
    struct look_back look = { .job = job, .after = *after };
    enum err err = reader_events_back(reader, job->newest, job->is_filtered ? LOOK_MAX : job->limit,
                                      on_event_back, &look);

    *after = look.after;
    return err;
}

/* Where to begin: the number before the first one wanted. ERR_NOT_FOUND: pruned. */
static enum err find_start(struct event_job *job, struct history_reader *reader, uint64_t *after)
{
    uint64_t first = 0;
    enum err err = reader_first_seq(reader, &first);

    if (err)
        return err;
    switch (job->place) {
    case PLACE_EARLIEST:
        *after = first ? first - 1 : 0;
        return ERR_NONE;
    case PLACE_NEWEST:
        return look_back(job, reader, after);
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
        err = reader_events(reader, job->last, job->is_filtered ? LOOK_MAX + 1 : job->limit + 1,
                            on_event, job);
    if (!err && job->lost)
        err = ERR_NOT_FOUND;
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

/* Whether there is something to answer with: while there is not, it is worth waiting. What has been
 * passed over is not looked at again: events may be many while it waits. */
static bool is_there(struct event_job *job)
{
    uint64_t passed = job->passed > job->after ? job->passed : job->after;

    if (job->place != PLACE_AFTER)
        return job->newest > 0;
    if (passed < job->newest &&
        (!job->is_filtered || job->api->feed_has(passed, &job->filter, job->api->userdata)))
        return true;
    job->passed = job->newest;
    return false;
}

/* On the http thread: there is a newer event, the time is over, or the bridge stops (then there is
 * no more waiting). */
static void on_ready(void *userdata)
{
    struct event_job *job = userdata;
    const struct api *api = job->api;

    job->newest = api->feed_last(api->userdata);
    if (job->is_filtered && clock_mono_ms() < job->until_ms && !atomic_load(&job->call->gone) &&
        !is_there(job) &&
        api->feed_wait(job->newest, job->until_ms, &job->call->gone, on_ready, job,
                       api->userdata) == ERR_NONE)
        return;
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
    job->until_ms = clock_mono_ms() + job->wait_ms;
    if (job->wait_ms < 0 || is_there(job)) {
        read_journal(job);
        return;
    }
    if (api->feed_wait(newest, job->until_ms, &job->call->gone, on_ready, job, api->userdata)) {
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
