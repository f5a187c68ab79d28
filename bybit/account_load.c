/* bybit/account_load.c - when positions and balance are loaded over REST, and for whom.
 *
 * A load begins when the private stream comes up, when somebody asks, and when it is due (audit, or
 * again after a failure). One of a part runs at a time; who asks meanwhile is served by the next.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/account_parts.h"
#include "bybit/reads.h"

#define WAITERS_MAX    256
#define BACKOFF_MIN_MS 1000
#define APART_MIN_MS   1000 /* of two loads that nobody asked for */
#define BACKOFF_MAX_MS 60000

static const char *const part_names[ACCOUNT_PARTS] = { "positions", "balance" };

void account_loads_init(struct account *account)
{
    for (int i = 0; i < ACCOUNT_PARTS; i++) {
        account->loads[i].account = account;
        account->loads[i].part = (enum account_part)i;
        account->loads[i].due_ms = INT64_MAX; /* until the stream comes up */
    }
}

/* --- the end of a load --- */

static void serve(struct waiter *waiter, const struct error *error)
{
    while (waiter) {
        struct waiter *next = waiter->next;

        waiter->on_done(error, waiter->userdata);
        free(waiter);
        waiter = next;
    }
}

static struct waiter *take_waiters(struct load *load, struct waiter **list)
{
    struct waiter *taken = *list;

    *list = NULL;
    for (const struct waiter *waiter = taken; waiter; waiter = waiter->next)
        load->waiting--;
    return taken;
}

/* Under `lock`. */
static void back_off(struct load *load)
{
    load->backoff_ms = load->backoff_ms ? load->backoff_ms * 2 : BACKOFF_MIN_MS;
    if (load->backoff_ms > BACKOFF_MAX_MS)
        load->backoff_ms = BACKOFF_MAX_MS;
    load->due_ms = clock_mono_ms() + load->backoff_ms;
}

void account_load_fail(struct load *load, const struct error *error)
{
    struct account *account = load->account;
    struct waiter *served;
    struct waiter *later;
    char safe[LOG_SAFE_MAX];
    int backoff_ms;
    bool was_due;

    pthread_mutex_lock(&account->lock);
    load->running = false;
    was_due = account->is_up && load->due_ms <= clock_mono_ms();
    if (was_due)
        back_off(load);
    backoff_ms = load->backoff_ms;
    served = take_waiters(load, &load->served);
    later = take_waiters(load, &load->later);
    pthread_mutex_unlock(&account->lock);
    /* Else it was a user's read: its answer says it, and what is due comes when it is. */
    if (was_due)
        log_warn("account: %s not loaded, again in %d ms: code=%d %s", part_names[load->part],
                 backoff_ms, error->upstream, log_safe(error->text, safe));
    serve(served, error);
    serve(later, error);
}

/* Of a load that is in. Under `lock`. */
static int64_t next_due_ms(const struct load *load)
{
    const struct account *account = load->account;
    int64_t now_ms = clock_mono_ms();
    int64_t settled_ms = account->gap_ms + account->config.settle_ms;

    if (!account->is_up)
        return INT64_MAX;
    /* The stream came up anew meanwhile: what was missed may lack in this one. */
    if (load->up_loaded != account->up)
        return now_ms;
    /* The last of what was missed may still have been on its way to the REST side. */
    if (load->begin_ms < settled_ms && account->config.settle_ms < account->config.audit_every_ms)
        return settled_ms > now_ms + APART_MIN_MS ? settled_ms : now_ms + APART_MIN_MS;
    return now_ms + account->config.audit_every_ms;
}

static void tell_loaded(const struct load *load)
{
    struct account *account = load->account;

    if (!account->config.callbacks || !account->config.callbacks->on_loaded)
        return;
    pthread_mutex_lock(&account->turn);
    account->config.callbacks->on_loaded(load->part, account->config.userdata);
    pthread_mutex_unlock(&account->turn);
}

/* Nothing is called incomplete of what a load of the balance has. */
static bool is_whole(const struct load *load)
{
    for (int category = 0; category < CATEGORY_COUNT; category++) {
        if (load->incomplete[category])
            return false;
    }
    return true;
}

void account_load_end(struct load *load)
{
    struct account *account = load->account;
    struct waiter *served;
    bool first;

    pthread_mutex_lock(&account->lock);
    first = !load->loaded;
    load->running = false;
    load->loaded = true;
    load->backoff_ms = 0;
    load->up_loaded = load->up_at_begin;
    if (is_whole(load))
        load->whole_ms = load->begin_ms;
    if (load->part == ACCOUNT_POSITIONS)
        account->truncated = account->overflowed;
    if (load->oldest_ms > load->as_of_ms)
        load->as_of_ms = load->oldest_ms;
    load->due_ms = next_due_ms(load);
    served = take_waiters(load, &load->served);
    pthread_mutex_unlock(&account->lock);
    if (first)
        log_info("account: %s loaded", part_names[load->part]);
    if (load->part == ACCOUNT_BALANCE)
        account_tell_balance(account);
    tell_loaded(load);
    serve(served, NULL);
    account_run_loads(account);
}

/* --- the balance, in one read --- */

enum err account_open_answer(const struct rest_answer *answer, struct envelope *out,
                             struct error *error)
{
    if (answer->throttled) {
        error_set(error, ERR_THROTTLED, "the read got no turn in the rate budget");
        error->retry_after_ms = (int)answer->retry_after_ms; /* of a ban at most an hour */
        return ERR_THROTTLED;
    }
    if (!answer->answered)
        return error_set(error, ERR_UNAVAILABLE, "%s",
                         answer->error.text[0] ? answer->error.text : "no answer in time");
    if (message_envelope(out, answer->body, answer->body_bytes, error) ||
        answer->http_status != 200)
        return error_set(error, ERR_UPSTREAM, "the exchange answered HTTP %ld%s",
                         answer->http_status,
                         answer->http_status == 200 ? " with an unreadable body" : "");
    if (out->ret_code == 0)
        return ERR_NONE;
    error_set(error, ERR_UPSTREAM, "%s", out->ret_msg);
    error->upstream = out->ret_code;
    return ERR_UPSTREAM;
}

static void take_balance(struct load *load, const struct json *result)
{
    struct error error;
    struct json list;
    struct json item;
    struct json_walk walk;
    enum err err;

    (void)json_member(result, "list", &list);
    walk = json_walk(&list);
    if (!json_next(&walk, NULL, &item))
        err = error_set(&error, ERR_INVALID, "the answer has no account");
    else
        err = account_take_balance(load->account, &item, load->begin_ms, load->oldest_ms, &error);
    if (err)
        account_load_fail(load, &error);
    else
        account_load_end(load);
}

static void on_balance(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct load *load = userdata;
    struct envelope envelope;
    struct error error;

    load->oldest_ms = as_of_ms;
    if (account_open_answer(answer, &envelope, &error))
        account_load_fail(load, &error);
    else
        take_balance(load, &envelope.result);
}

static void load_balance(struct load *load)
{
    const struct error error = { .code = ERR_BUSY, .text = "too many reads wait" };

    if (reads_get_own(load->account->reads, ROUTE_WALLET, CATEGORY_LINEAR, "accountType=UNIFIED",
                      ACCOUNT_TIMEOUT_MS, 0, on_balance, load))
        account_load_fail(load, &error);
}

/* --- the begin of a load --- */

/* Under `lock`. */
static bool must_begin(const struct load *load)
{
    return load->account->reads && !load->running &&
           (load->later || load->due_ms <= clock_mono_ms());
}

/* Under `lock`. */
static void set_up(struct load *load)
{
    struct account *account = load->account;

    load->running = true;
    load->begin_ms = clock_mono_ms();
    load->up_at_begin = account->up;
    load->served = load->later;
    load->later = NULL;
    load->number++;
    load->scope = 0;
    load->pages = 0;
    load->oldest_ms = 0;
    load->cursor[0] = '\0';
    memset(load->accepted, 0, sizeof(load->accepted));
    memset(load->incomplete, 0, sizeof(load->incomplete));
    if (load->part == ACCOUNT_POSITIONS)
        account->overflowed = false;
}

static void begin(struct load *load)
{
    struct account *account = load->account;
    bool begins;

    pthread_mutex_lock(&account->lock);
    begins = must_begin(load);
    if (begins)
        set_up(load);
    pthread_mutex_unlock(&account->lock);
    if (begins && load->part == ACCOUNT_POSITIONS)
        account_load_positions(load);
    else if (begins)
        load_balance(load);
}

void account_run_loads(struct account *account)
{
    for (int i = 0; i < ACCOUNT_PARTS; i++)
        begin(&account->loads[i]);
}

enum err account_load(struct account *account, enum account_part part,
                      void (*on_done)(const struct error *error, void *userdata), void *userdata)
{
    struct load *load = &account->loads[part];
    struct waiter *waiter = malloc(sizeof(*waiter));
    bool full;

    if (!waiter)
        return ERR_NO_MEMORY;
    *waiter = (struct waiter){ .deadline_ms = clock_mono_ms() + account->config.wait_ms,
                               .on_done = on_done,
                               .userdata = userdata };
    pthread_mutex_lock(&account->lock);
    full = load->waiting >= WAITERS_MAX || !account->reads;
    if (!full) {
        load->waiting++;
        waiter->next = load->later;
        load->later = waiter;
    }
    pthread_mutex_unlock(&account->lock);
    if (full) {
        free(waiter);
        return ERR_BUSY;
    }
    begin(load);
    return ERR_NONE;
}

/* Takes out who has waited too long. Under `lock`. */
static struct waiter *take_expired(struct load *load, struct waiter **list, struct waiter *expired)
{
    int64_t now_ms = clock_mono_ms();

    while (*list) {
        struct waiter *waiter = *list;

        if (waiter->deadline_ms > now_ms) {
            list = &waiter->next;
            continue;
        }
        *list = waiter->next;
        load->waiting--;
        waiter->next = expired;
        expired = waiter;
    }
    return expired;
}

void account_end_waits(struct account *account)
{
    const struct error error = { .code = ERR_UNAVAILABLE, .text = "no answer in time" };

    for (int i = 0; i < ACCOUNT_PARTS; i++) {
        struct load *load = &account->loads[i];
        struct waiter *expired;

        pthread_mutex_lock(&account->lock);
        expired = take_expired(load, &load->served, NULL);
        expired = take_expired(load, &load->later, expired);
        pthread_mutex_unlock(&account->lock);
        serve(expired, &error);
    }
}

void account_on_private(struct account *account, bool up)
{
    pthread_mutex_lock(&account->lock);
    account->is_up = up;
    account->gap_ms = clock_mono_ms();
    if (up)
        account->up++;
    for (int i = 0; i < ACCOUNT_PARTS; i++) {
        account->loads[i].due_ms = up ? clock_mono_ms() : INT64_MAX;
        account->loads[i].backoff_ms = 0;
    }
    pthread_mutex_unlock(&account->lock);
    if (up)
        account_run_loads(account);
}
