/* engine/loop_guard.c - what other threads may know of the guard without asking, what the journal
 * has of it, and what comes to it without a place in an inbox: positions, and kills that found
 * none. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/loop_parts.h"

#define MINUTE_MS   60000
#define CREATES_MAX GUARD_ORDERS_MINUTE_MAX

bool loop_guard_init(struct loop *loop)
{
    loop->box = calloc(1, sizeof(*loop->box));
    loop->taken = calloc(1, sizeof(*loop->taken));
    return loop->box && loop->taken;
}

void loop_guard_deinit(struct loop *loop)
{
    free(loop->box);
    free(loop->taken);
}

/* --- known without asking --- */

void loop_guard_publish(struct loop *loop)
{
    atomic_store(&loop->killed, engine_is_killed(loop->engine));
    atomic_store(&loop->guard_needs, engine_guard_needs(loop->engine));
}

unsigned loop_guard_needs(const struct loop *loop)
{
    return atomic_load(&loop->guard_needs);
}

unsigned loop_kills(const struct loop *loop)
{
    return atomic_load(&loop->kills);
}

/* In this order: a kill that no longer waits has been published as the engine's. */
bool loop_is_killed(const struct loop *loop)
{
    return atomic_load(&loop->kills_waiting) > 0 || atomic_load(&loop->killed);
}

/* --- restore --- */

struct creates {
    struct guard_create *list;
    size_t count;
    size_t capacity;
    int64_t now_ms;
    bool failed; /* out of memory */
};

static void on_create(int64_t at_ms, const char *client, void *userdata)
{
    struct creates *creates = userdata;
    struct guard_create *create;

    if (creates->failed || creates->count == CREATES_MAX)
        return; /* so many that no limit is left to be reached */
    if (creates->count == creates->capacity) {
        size_t wanted = creates->capacity ? creates->capacity * 2 : 64;
        struct guard_create *grown = realloc(creates->list, wanted * sizeof(*grown));

        creates->failed = !grown;
        if (!grown)
            return;
        creates->list = grown;
        creates->capacity = wanted;
    }
    create = &creates->list[creates->count++];
    /* After the clock was set back, what was made "later" was made by now at the latest. */
    create->at_ms = at_ms < creates->now_ms ? at_ms : creates->now_ms;
    text_cut(create->client, sizeof(create->client), client);
}

static enum err read_state(struct journal *journal, struct guard_state *state, bool *there,
                           struct error *error)
{
    char *text = NULL;
    enum err err = journal_guard(journal, &text, error);

    *there = text != NULL;
    if (!err && text && guard_read_state(state, text, strlen(text), error))
        err =
            error_set(error, ERR_IO, "journal: the guard's state cannot be read: restore a backup");
    free(text);
    return err;
}

static enum err restore(struct loop *loop, struct guard_state *state, struct creates *creates,
                        struct error *error)
{
    struct engine_event event = { .kind = EVENT_GUARD_RESTORE };
    bool there = false;
    enum err err = read_state(loop->config.journal, state, &there, error);

    if (!err)
        err = journal_recent_creates(loop->config.journal, creates->now_ms, MINUTE_MS, on_create,
                                     creates, error);
    if (err)
        return err;
    event.u.guard_restore.state = there ? state : NULL;
    event.u.guard_restore.creates = creates->list;
    event.u.guard_restore.creates_count = creates->count;
    if (creates->failed || !loop_feed(loop, &event))
        return error_set(error, ERR_NO_MEMORY, "engine: out of memory");
    return ERR_NONE;
}

enum err loop_guard_restore(struct loop *loop, struct error *error)
{
    struct guard_state *state = calloc(1, sizeof(*state));
    struct creates creates = { .now_ms = loop_now_ms(loop) };
    enum err err = ERR_NO_MEMORY;

    if (state)
        err = restore(loop, state, &creates, error);
    else
        error_set(error, ERR_NO_MEMORY, "engine: out of memory");
    free(creates.list);
    free(state);
    return err;
}

/* --- kills without a place --- */

void loop_ring(const struct loop *loop)
{
    const uint64_t one = 1;

    (void)!write(loop->bell, &one, sizeof(one));
}

static void note_owed(struct loop *loop, const struct kill_words *words)
{
    atomic_fetch_add(&loop->kills_waiting, 1);
    pthread_mutex_lock(&loop->guard_lock);
    loop->owed = *words;
    loop->kills_owed++;
    pthread_mutex_unlock(&loop->guard_lock);
}

void loop_guard_owe(struct loop *loop, const struct kill_words *words)
{
    note_owed(loop, words);
    loop_ring(loop);
}

static void take_owed(struct loop *loop)
{
    struct engine_event event = { .kind = EVENT_KILL };
    struct kill_words words;
    unsigned count;

    pthread_mutex_lock(&loop->guard_lock);
    words = loop->owed;
    count = loop->kills_owed;
    loop->kills_owed = 0;
    pthread_mutex_unlock(&loop->guard_lock);
    if (count == 0)
        return;
    event.u.kill.reason = words.reason;
    event.u.kill.by = words.by;
    if (!loop_feed(loop, &event))
        note_owed(loop, &words); /* again in the next turn */
    atomic_fetch_sub(&loop->kills_waiting, count);
}

/* --- positions --- */

static bool is_same_place(const struct loop_position *a, const struct loop_position *b)
{
    return a->category == b->category && a->position_idx == b->position_idx &&
           strcmp(a->symbol, b->symbol) == 0;
}

static void put(struct positions_box *box, const struct loop_position *position)
{
    size_t at = 0;

    while (at < box->count && !is_same_place(&box->list[at], position))
        at++;
    if (at == POSITIONS_MAX) {
        box->lost = true;
        return;
    }
    if (at == box->count)
        box->count++;
    box->list[at] = *position;
}

void loop_on_position(struct loop *loop, const struct loop_position *position)
{
    pthread_mutex_lock(&loop->guard_lock);
    put(loop->box, position);
    pthread_mutex_unlock(&loop->guard_lock);
    loop_ring(loop);
}

void loop_on_positions_known(struct loop *loop, bool known, int64_t begun_ms)
{
    pthread_mutex_lock(&loop->guard_lock);
    loop->box->known_told = true;
    loop->box->known = known;
    loop->box->begun_ms = begun_ms > 0 ? loop->wall_base_ms + begun_ms : 0;
    pthread_mutex_unlock(&loop->guard_lock);
    loop_ring(loop);
}

/* Takes over what waits. */
static void take_box(struct loop *loop)
{
    struct positions_box *full;

    pthread_mutex_lock(&loop->guard_lock);
    full = loop->box;
    loop->box = loop->taken;
    loop->taken = full;
    pthread_mutex_unlock(&loop->guard_lock);
}

static bool feed_position(struct loop *loop, const struct loop_position *position)
{
    struct engine_event event = { .kind = EVENT_POSITION };

    event.u.position.category = position->category;
    event.u.position.symbol = position->symbol;
    event.u.position.position_idx = position->position_idx;
    event.u.position.value = position->value;
    event.u.position.updated_ms = position->updated_ms;
    event.u.position.exchange_seq = position->exchange_seq;
    return loop_feed(loop, &event);
}

static void take_positions(struct loop *loop)
{
    struct engine_event event = { .kind = EVENT_POSITIONS_KNOWN };
    struct positions_box *box;

    take_box(loop);
    box = loop->taken;
    for (size_t i = 0; i < box->count; i++) {
        if (!feed_position(loop, &box->list[i]))
            box->lost = true;
    }
    if (box->lost)
        log_warn("loop: more positions than are kept: they count as not known until told again");
    if (box->lost || box->known_told) {
        event.u.positions.known = box->known && !box->lost && !loop->positions_lost;
        event.u.positions.begun_ms = box->begun_ms;
        (void)loop_feed(loop, &event);
        loop->positions_lost = box->lost;
    }
    box->count = 0;
    box->lost = false;
    box->known_told = false;
    box->known = false;
}

void loop_guard_take(struct loop *loop)
{
    uint64_t rings;

    if (atomic_load(&loop->kills_waiting) > 0)
        take_owed(loop);
    if (read(loop->bell, &rings, sizeof(rings)) == (ssize_t)sizeof(rings))
        take_positions(loop);
}
