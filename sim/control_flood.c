/* The door's part on floods: begin, end, how it stands, the books that it kept. */
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"
#include "sim/control_parts.h"

#define POINTS_AN_ANSWER 200
#define POINTS_BYTES_MAX ((size_t)1024 * 1024)
#define EVERY_US_MAX     1000000
#define KEEP_EVERY       100
#define DEPTH            50

static const char *const fault_names[FLOOD_FAULTS] = {
    [FLOOD_GAP] = "gap",         [FLOOD_DUPLICATE] = "duplicate", [FLOOD_REORDER] = "reorder",
    [FLOOD_RESTART] = "restart", [FLOOD_LEAVE] = "leave",
};

static bool read_faults(const cJSON *faults, struct flood_plan *plan)
{
    int64_t sum = 0;
    const cJSON *item;

    cJSON_ArrayForEach(item, faults)
    {
        int i = 0;

        while (i < FLOOD_FAULTS && strcmp(fault_names[i], item->string) != 0)
            i++;
        if (i == FLOOD_FAULTS || !cJSON_IsNumber(item) || item->valuedouble < 0 ||
            item->valuedouble > 1)
            return false;
        plan->parts[i] = (int64_t)(item->valuedouble * FLOOD_MILLION);
        sum += i == FLOOD_LEAVE ? 0 : plan->parts[i];
    }
    return sum <= FLOOD_MILLION;
}

static bool within(const cJSON *body, const char *name, int64_t otherwise, int64_t low,
                   int64_t high, int64_t *out)
{
    *out = control_int(body, name, otherwise);
    return *out >= low && *out <= high;
}

static bool find_feed(int64_t depth, enum feed *out)
{
    for (int feed = 0; feed < FEED_BOOKS; feed++) {
        if (feed_depth((enum feed)feed) == depth) {
            *out = (enum feed)feed;
            return true;
        }
    }
    return false;
}

static const char *read_plan(const cJSON *body, struct flood_plan *plan)
{
    const struct instrument *instrument = NULL;
    struct refusal refusal =
        check_symbol(control_text(body, "category"), control_text(body, "symbol"), &instrument);

    if (refusal.code)
        return "category and symbol are not those of a book";
    plan->instrument = instrument->index;
    if (!find_feed(control_int(body, "depth", DEPTH), &plan->feed))
        return "depth is not that of a book";
    if (!within(body, "deltas", 0, 1, FLOOD_DELTAS_MAX, &plan->deltas))
        return "deltas is from 1 to 1000000000";
    if (!within(body, "every_us", 0, 0, EVERY_US_MAX, &plan->every_us))
        return "every_us is from 0 to 1000000";
    if (!within(body, "alter_at", 0, 0, plan->deltas, &plan->alter_at))
        return "alter_at is the number of a delta";
    if (!within(body, "keep_every", KEEP_EVERY, 1, FLOOD_DELTAS_MAX, &plan->keep_every))
        return "keep_every is from 1 to 1000000000";
    if (!within(body, "jumps_most", FLOOD_DELTAS_MAX, 0, FLOOD_DELTAS_MAX, &plan->jumps_most))
        return "jumps_most is from 0 to 1000000000";
    plan->seed = (uint64_t)control_int(body, "seed", 1);
    if (!read_faults(cJSON_GetObjectItemCaseSensitive(body, "faults"), plan))
        return "faults are gap, duplicate, reorder, restart, leave, with parts of 1 that are no "
               "more "
               "than 1 together";
    return NULL;
}

const char *control_flood(struct control *control, const cJSON *body, cJSON *out)
{
    struct flood_plan plan = { .deltas = 0 };
    const char *wrong;
    enum err err;

    (void)out;
    if (control_is_true(body, "stop")) {
        feeds_flood_stop(control->feeds);
        return NULL;
    }
    wrong = read_plan(body, &plan);
    if (wrong)
        return wrong;
    err = feeds_flood_start(control->feeds, &plan);
    if (err)
        return err == ERR_NO_MEMORY ? "out of memory"
                                    : "that symbol has no book of that depth with deltas";
    return NULL;
}

const char *control_show_flood(struct control *control, const cJSON *query, cJSON *out)
{
    const struct feed_flood *flood = feeds_flood(control->feeds);
    cJSON *altered;

    (void)query;
    if (!flood)
        return "there is no flood";
    build_int(out, "deltas", flood->plan.deltas);
    build_int(out, "published", flood->published);
    for (int i = 0; i < FLOOD_FAULTS; i++)
        build_int(out, fault_names[i], flood->counts[i]);
    if (flood->altered_ms == 0)
        return NULL;
    altered = build_object(out, "altered");
    build_int(altered, "u", (int64_t)flood->altered_u);
    build_int(altered, "seq", (int64_t)flood->altered_seq);
    build_int(altered, "at_ms", flood->altered_ms);
    if (flood->joined_ms == 0)
        return NULL;
    build_int(altered, "joined_ms", flood->joined_ms);
    build_int(altered, "joined_seq", (int64_t)flood->joined_seq);
    return NULL;
}

const char *control_show_books(struct control *control, const cJSON *query, cJSON *out)
{
    const struct feed_flood *flood = feeds_flood(control->feeds);
    int64_t after = strtoll(control_text(query, "after"), NULL, 10);
    cJSON *list = build_list(out, "list");
    size_t bytes = 0;
    int count = 0;

    if (!flood)
        return "there is no flood";
    build_int(out, "published", flood->published);
    for (uint64_t i = flood->points_first; i < flood->points_end; i++) {
        const struct flood_point *point = &flood->points[i % FLOOD_POINTS_MAX];
        cJSON *item;

        if (point->number <= after)
            continue;
        bytes += strlen(point->book);
        if (count++ == POINTS_AN_ANSWER || (bytes > POINTS_BYTES_MAX && count > 1))
            break;
        item = build_item(list);
        build_int(item, "number", point->number);
        build_int(item, "u", (int64_t)point->u);
        build_int(item, "seq", (int64_t)point->seq);
        build_text(item, "book", point->book);
    }
    return NULL;
}
