/* One check: WATCHING (for again_ms) -> ASKED (a snapshot over REST) -> SHOWN (until the stream is
 * behind it) -> the end, or WATCHING again.
 */
#include "bybit/book_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/book_judge.h"
#include "bybit/market_watch.h"
#include "bybit/message.h"

#define CONFIRMATIONS 3 /* snapshots that show the same difference */
#define TRIES_MAX     8 /* snapshots a check */

const struct book_check_times book_check_times_default = { .every_ms = 60000,
                                                           .again_ms = 1000,
                                                           .timeout_ms = 5000 };

enum phase { FREE, WATCHING, ASKED, SHOWN };

struct check {
    struct book_check *owner;
    enum phase phase;
    struct market_watched watched;
    struct book_history history;
    int64_t due_ms; /* WATCHING: when to ask; SHOWN: when the stream has said all */
    int tries;
    struct book *shown;
    int shown_depth;
    int64_t shown_ms; /* wall clock of the snapshot */
    int confirmed;
    struct book_finding suspicion; /* what `confirmed` snapshots have shown */
};

struct book_check {
    struct book_check_config config;
    struct reads *reads;
    struct check checks[BOOK_CHECKS_MAX];
};

struct book_check *book_check_create(const struct book_check_config *config)
{
    struct book_check *check = calloc(1, sizeof(*check));

    if (!check)
        return NULL;
    check->config = *config;
    for (int i = 0; i < BOOK_CHECKS_MAX; i++)
        check->checks[i].owner = check;
    return check;
}

/* --- the end of a check --- */

static void set_free(struct check *check)
{
    book_history_clear(&check->history);
    book_destroy(check->shown);
    *check = (struct check){ .owner = check->owner, .phase = FREE };
}

void book_check_destroy(struct book_check *check)
{
    if (!check)
        return;
    for (int i = 0; i < BOOK_CHECKS_MAX; i++)
        set_free(&check->checks[i]);
    free(check);
}

static void count(const struct check *check, enum metrics_check how)
{
    if (check->owner->config.metrics)
        metrics_count(&check->owner->config.metrics->stream.book_checks[how]);
}

static bool end_watch(const struct check *check, enum market_check how)
{
    int64_t now_ms = clock_mono_ms();

    return market_watch_end(check->owner->config.market, &check->watched, how, now_ms,
                            now_ms + check->owner->config.times.every_ms, check->shown_ms);
}

static void end_agreed(struct check *check)
{
    if (end_watch(check, CHECK_AGREED))
        count(check, METRICS_CHECK_AGREED);
    set_free(check);
}

static void end_unknown(struct check *check)
{
    if (end_watch(check, CHECK_UNKNOWN))
        count(check, METRICS_CHECK_INCONCLUSIVE);
    set_free(check);
}

/* The book changed its picture in between: then it is not the one that differed. */
static void end_differs(struct check *check, const struct book_finding *finding)
{
    const struct book_doubt *doubt = &finding->doubts[0];
    char price[DECIMAL_TEXT_MAX];
    char ours[DECIMAL_TEXT_MAX];
    char theirs[DECIMAL_TEXT_MAX];

    if (end_watch(check, CHECK_FAILED)) {
        count(check, METRICS_CHECK_MISMATCH);
        log_warn("book: category=%s symbol=%s depth=%d differs from the exchange's at seq=%" PRId64
                 ": %s %s is %s here and %s there, prices=%zu of %zu; subscribing again",
                 category_word(check->watched.category), check->watched.symbol,
                 check->watched.depth, finding->seq, doubt->is_bid ? "bid" : "ask",
                 decimal_format(&doubt->price, price), decimal_format(&doubt->ours, ours),
                 decimal_format(&doubt->theirs, theirs), finding->doubts_count, finding->compared);
    }
    set_free(check);
}

static void ask_again(struct check *check)
{
    if (++check->tries >= TRIES_MAX) {
        end_unknown(check);
        return;
    }
    check->phase = WATCHING;
    check->due_ms = clock_mono_ms() + check->owner->config.times.again_ms;
}

/* --- judging --- */

/* A snapshot of the same moment may show the same flicker; one of a book at rest, after again_ms,
 * does not. */
static void suspect(struct check *check, const struct book_finding *finding)
{
    struct book_finding *kept = &check->suspicion;
    bool is_other = check->confirmed == 0 || finding->seq > kept->seq || finding->last;

    if (is_other && check->confirmed > 0)
        book_doubts_common(kept, finding);
    if (check->confirmed == 0 || kept->doubts_count == 0) {
        *kept = *finding;
        check->confirmed = 1;
    } else if (is_other) {
        check->confirmed++;
        kept->seq = finding->seq;
        kept->compared = finding->compared;
    }
    if (check->confirmed >= CONFIRMATIONS)
        end_differs(check, kept);
    else
        ask_again(check);
}

static void judge(struct check *check)
{
    bool settled = clock_mono_ms() >= check->due_ms;
    struct book_finding finding;

    if (!book_judge(&check->history, check->shown, check->shown_depth, settled, &finding)) {
        end_unknown(check);
        return;
    }
    switch (finding.verdict) {
    case BOOK_AGREES:
        end_agreed(check);
        break;
    case BOOK_DIFFERS:
        end_differs(check, &finding);
        break;
    case BOOK_SUSPECT:
        book_history_trim(&check->history, finding.seq);
        suspect(check, &finding);
        break;
    case BOOK_OPEN: /* the next tick looks again */
        break;
    case BOOK_OLDER:
    case BOOK_UNSURE:
        ask_again(check);
        break;
    }
}

/* The watch is over, or what it saw is of another picture. */
static void look(struct check *check)
{
    switch (market_watch_take(check->owner->config.market, &check->watched, &check->history)) {
    case WATCH_GOES_ON:
        if (check->phase == SHOWN)
            judge(check);
        break;
    case WATCH_BEGAN_ANEW:
        check->confirmed = 0;
        if (check->phase == SHOWN)
            ask_again(check);
        break;
    case WATCH_ENDED:
        set_free(check);
        break;
    }
}

/* --- the snapshot --- */

/* The bridge's books are made from the same members: b, a, u, seq. */
static bool read_snapshot(struct check *check, const struct rest_answer *answer)
{
    struct envelope envelope;

    if (!answer->answered || answer->http_status != 200 ||
        message_envelope(&envelope, answer->body, answer->body_bytes, NULL) ||
        envelope.ret_code != 0)
        return false;
    if (!check->shown)
        check->shown = book_create(check->shown_depth);
    return check->shown && book_apply(check->shown, &envelope.result, true) == BOOK_APPLIED;
}

static void on_snapshot(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct check *check = userdata;

    if (!read_snapshot(check, answer)) {
        /* No turn in the budget: another time, when there is room. */
        if (answer->throttled)
            end_unknown(check);
        else
            ask_again(check);
        return;
    }
    check->phase = SHOWN;
    check->shown_ms = as_of_ms;
    check->due_ms = clock_mono_ms() + check->owner->config.times.again_ms;
    look(check);
}

static void ask(struct check *check)
{
    const struct market_watched *watched = &check->watched;
    int most = watched->category == CATEGORY_OPTION ? 25 : 1000; /* PROTOCOL section 11 */
    char query[128];

    check->shown_depth = watched->depth < most ? watched->depth : most;
    (void)snprintf(query, sizeof(query), "category=%s&symbol=%s&limit=%d",
                   category_word(watched->category), watched->symbol, check->shown_depth);
    check->phase = ASKED;
    if (reads_get_own(check->owner->reads, ROUTE_ORDERBOOK, watched->category, query,
                      check->owner->config.times.timeout_ms, 0, on_snapshot, check))
        ask_again(check);
}

/* --- the tick --- */

static bool has_room(struct budget *budget, int64_t now_ms)
{
    struct budget_lane_status lanes[BUDGET_LANES];

    if (budget_banned_until(budget) > now_ms ||
        2 * budget_ip_left(budget, now_ms) < budget_ip_limit(budget))
        return false;
    budget_lanes(budget, lanes);
    for (int i = 0; i < BUDGET_LANES; i++) {
        if (lanes[i].waiting > 0)
            return false;
    }
    return true;
}

static void go_on(struct check *check, int64_t now_ms, bool room)
{
    switch (check->phase) {
    case FREE:
    case ASKED:
        break;
    case WATCHING:
        look(check);
        if (check->phase == WATCHING && now_ms >= check->due_ms) {
            if (room)
                ask(check);
            else
                ask_again(check);
        }
        break;
    case SHOWN:
        look(check);
        break;
    }
}

static bool begin(struct check *check, int64_t now_ms)
{
    const struct book_check_config *config = &check->owner->config;

    if (!market_watch_next(config->market, now_ms, config->times.every_ms, &check->watched))
        return false;
    check->history.depth = check->watched.depth;
    check->phase = WATCHING;
    check->due_ms = now_ms + config->times.again_ms;
    return true;
}

void book_check_tick(struct book_check *check, struct reads *reads)
{
    int64_t now_ms = clock_mono_ms();
    bool room = has_room(check->config.budget, now_ms);
    bool more = room;

    check->reads = reads;
    for (int i = 0; i < BOOK_CHECKS_MAX; i++) {
        struct check *one = &check->checks[i];

        go_on(one, now_ms, room);
        if (one->phase == FREE && more)
            more = begin(one, now_ms);
    }
}
