/* api/pnl_check.c - what a comparison with the transaction log found, for people and for metrics.
 */
#include <inttypes.h>

#include "api/members.h"
#include "api/pnl_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

static const struct {
    enum pnl_field field;
    const char *name;
} fields[] = {
    { PNL_FIELD_QTY, "qty" },         { PNL_FIELD_PRICE, "price" }, { PNL_FIELD_FEE, "fee" },
    { PNL_FIELD_FUNDING, "funding" }, { PNL_FIELD_COIN, "coin" },
};

static void add_side(struct buffer *out, const char *key, const struct pnl_side *side)
{
    json_add_key(out, key);
    if (!side) {
        json_add_null(out);
        return;
    }
    json_add_open(out, '{');
    member_decimal(out, "qty", &side->qty);
    member_decimal(out, "price", &side->price);
    member_decimal(out, "fee", &side->fee);
    member_decimal(out, "funding", &side->funding);
    member_text(out, "coin", side->coin);
    json_add_close(out, '}');
}

static void add_difference(struct buffer *out, const struct pnl_difference *difference)
{
    static const char *const words[] = {
        [PNL_MISSING] = "missing", [PNL_EXTRA] = "extra", [PNL_DIFFERENT] = "different"
    };

    json_add_open(out, '{');
    member_text(out, "what", words[difference->kind]);
    json_add_key(out, "fields");
    json_add_open(out, '[');
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (difference->fields & fields[i].field)
            json_add_text(out, fields[i].name);
    }
    json_add_close(out, ']');
    member_text(out, "id", difference->exec_id);
    member_text(out, "order_id", difference->order_id);
    member_text(out, "category", category_word(difference->category));
    member_text(out, "symbol", difference->symbol);
    member_time(out, "at", difference->at_ms);
    add_side(out, "journal", difference->kind == PNL_MISSING ? NULL : &difference->journal);
    add_side(out, "log", difference->kind == PNL_EXTRA ? NULL : &difference->log);
    json_add_close(out, '}');
}

static void add_counts(struct buffer *out, const struct pnl_check_counts *counts)
{
    member_int(out, "entries", counts->entries);
    member_int(out, "matched", counts->matched);
    member_int(out, "missing", counts->missing);
    member_int(out, "extra", counts->extra);
    member_int(out, "different", counts->different);
    member_int(out, "pending", counts->pending);
    member_int(out, "other", counts->other);
}

void pnl_check_add_member(struct buffer *out, struct pnl_check *check)
{
    const struct pnl_difference *differences;
    const struct pnl_check_span *span;
    struct pnl_check_counts counts;
    size_t count;

    json_add_key(out, "check");
    if (!check) {
        json_add_null(out);
        return;
    }
    span = pnl_check_span(check);
    counts = pnl_check_counts(check);
    differences = pnl_check_differences(check, &count);
    json_add_open(out, '{');
    member_time(out, "from", span->from_ms < span->to_ms ? span->from_ms : 0);
    member_time(out, "to", span->from_ms < span->to_ms ? span->to_ms : 0);
    add_counts(out, &counts);
    json_add_key(out, "differences");
    json_add_open(out, '[');
    for (size_t i = 0; i < count; i++)
        add_difference(out, &differences[i]);
    json_add_close(out, ']');
    json_add_close(out, '}');
}

void pnl_check_note(const struct pnl_job *job, size_t rows_differ)
{
    struct metrics *metrics = job->api->metrics;
    struct pnl_check_counts counts = pnl_check_counts(job->check);
    const struct pnl_check_span *span = pnl_check_span(job->check);
    bool differs = counts.missing + counts.extra + counts.different > 0 || rows_differ > 0;
    char from[CLOCK_TEXT_MAX];
    char to[CLOCK_TEXT_MAX];

    if (differs)
        log_warn("pnl: the exchange's transaction log differs missing=%" PRId64 " extra=%" PRId64
                 " different=%" PRId64 " rows=%zu from=%s to=%s request=%s",
                 counts.missing, counts.extra, counts.different, rows_differ,
                 clock_format(span->from_ms, from), clock_format(span->to_ms, to),
                 job->call->request_id);
    if (!metrics)
        return;
    metrics_count(&metrics->journal.pnl_checks[differs ? METRICS_PNL_DIFFERS : METRICS_PNL_EQUAL]);
    metrics_count_n(&metrics->journal.differences[METRICS_MISSING], (uint64_t)counts.missing);
    metrics_count_n(&metrics->journal.differences[METRICS_EXTRA], (uint64_t)counts.extra);
    metrics_count_n(&metrics->journal.differences[METRICS_DIFFERENT], (uint64_t)counts.different);
}
