/* Workers take jobs from one bounded ring. A job that must see a position waits for it inside its
 * worker, until 2 s after it was submitted: a journal that is down holds all of them up together,
 * not one after the other. */
#include "db/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "db/reader.h"

#define JOBS_MAX      1024
#define FIRST_MAX     64
#define RING_MAX      (JOBS_MAX + FIRST_MAX)
#define WORKERS_MAX   16
#define WAIT_MS       2000
#define WAIT_SLICE_MS 50 /* how soon a stop is noticed */

struct job {
    uint64_t position;
    int64_t until_ms;
    void (*run)(struct history_reader *reader, enum err err, void *userdata);
    void *userdata;
};

struct history {
    struct journal *journal;
    pthread_t threads[WORKERS_MAX];
    int threads_count;

    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job ring[RING_MAX];
    size_t first;
    size_t count;
    bool stopping;
};

/* False: stopping, and nothing is left. */
static bool take(struct history *history, struct job *job)
{
    bool there;

    pthread_mutex_lock(&history->lock);
    while (history->count == 0 && !history->stopping)
        pthread_cond_wait(&history->work, &history->lock);
    there = history->count > 0;
    if (there) {
        *job = history->ring[history->first];
        history->first = (history->first + 1) % RING_MAX;
        history->count--;
    }
    pthread_mutex_unlock(&history->lock);
    return there;
}

static bool is_stopping(struct history *history)
{
    bool stopping;

    pthread_mutex_lock(&history->lock);
    stopping = history->stopping;
    pthread_mutex_unlock(&history->lock);
    return stopping;
}

static enum err wait_for(struct history *history, const struct job *job)
{
    enum err err = ERR_UNAVAILABLE;

    while (err && !is_stopping(history)) {
        int64_t left_ms = job->until_ms - clock_mono_ms();
        int64_t wait_ms = left_ms < 0 ? 0 : left_ms > WAIT_SLICE_MS ? WAIT_SLICE_MS : left_ms;

        err =
            job->position ? journal_wait(history->journal, job->position, (int)wait_ms) : ERR_NONE;
        if (left_ms <= 0)
            break;
    }
    return err;
}

static void *work(void *userdata)
{
    struct history *history = userdata;
    struct history_reader *reader = reader_create(journal_path(history->journal));
    struct job job;

    thread_begin("history", THREAD_BACKGROUND);
    while (take(history, &job)) {
        enum err err = reader ? wait_for(history, &job) : ERR_UNAVAILABLE;

        job.run(err ? NULL : reader, err, job.userdata);
    }
    reader_destroy(reader);
    return NULL;
}

enum err history_start(struct history **out, struct journal *journal, int workers,
                       struct error *error)
{
    struct history *history = calloc(1, sizeof(*history));

    if (!history)
        return error_set(error, ERR_NO_MEMORY, "history: out of memory");
    history->journal = journal;
    pthread_mutex_init(&history->lock, NULL);
    pthread_cond_init(&history->work, NULL);
    for (int i = 0; i < workers && i < WORKERS_MAX; i++) {
        int code = pthread_create(&history->threads[i], NULL, work, history);

        if (code != 0) {
            history_stop(history);
            return error_set(error, ERR_UNAVAILABLE, "history: no thread: %s",
                             strerrordesc_np(code));
        }
        history->threads_count++;
    }
    *out = history;
    return ERR_NONE;
}

void history_stop(struct history *history)
{
    if (!history)
        return;
    pthread_mutex_lock(&history->lock);
    history->stopping = true;
    pthread_cond_broadcast(&history->work);
    pthread_mutex_unlock(&history->lock);
    for (int i = 0; i < history->threads_count; i++)
        pthread_join(history->threads[i], NULL);
    pthread_cond_destroy(&history->work);
    pthread_mutex_destroy(&history->lock);
    free(history);
}

static enum err submit(struct history *history, const struct job *job, bool first)
{
    bool fits;

    pthread_mutex_lock(&history->lock);
    fits = history->count < (first ? RING_MAX : JOBS_MAX) && !history->stopping;
    if (fits) {
        if (first)
            history->first = (history->first + RING_MAX - 1) % RING_MAX;
        history->ring[(history->first + (first ? 0 : history->count)) % RING_MAX] = *job;
        history->count++;
        pthread_cond_signal(&history->work);
    }
    pthread_mutex_unlock(&history->lock);
    return fits ? ERR_NONE : ERR_BUSY;
}

enum err history_submit(struct history *history, uint64_t position,
                        void (*run)(struct history_reader *reader, enum err err, void *userdata),
                        void *userdata)
{
    const struct job job = { position, clock_mono_ms() + WAIT_MS, run, userdata };

    return submit(history, &job, false);
}

enum err history_submit_first(struct history *history, uint64_t position,
                              void (*run)(struct history_reader *reader, enum err err,
                                          void *userdata),
                              void *userdata)
{
    const struct job job = { position, clock_mono_ms() + WAIT_MS, run, userdata };

    return submit(history, &job, true);
}
