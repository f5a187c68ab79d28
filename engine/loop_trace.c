/* engine/loop_trace.c - where the time of a command goes: in the inbox, until its intent is
 * committed, for its turn, signing, at the exchange.
 *
 * A create is traced from its intent row, a cancel, which waits for no row, from its send. Only the
 * waiter that asked for it gets the times: whoever joins by the same key waited for something else.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "engine/loop_parts.h"

static struct trace *place_of(const struct loop *loop, const char *link, bool is_cancel)
{
    uint32_t hash = is_cancel ? 2166136261U : 2166136277U;

    for (; *link; link++)
        hash = (hash ^ (unsigned char)*link) * 16777619U;
    return &loop->traces[hash % TRACES_MAX];
}

static struct trace *find(const struct loop *loop, const char *link, bool is_cancel)
{
    struct trace *trace = place_of(loop, link, is_cancel);

    return trace->waiter && trace->is_cancel == is_cancel && strcmp(trace->link, link) == 0 ? trace
                                                                                            : NULL;
}

static struct trace *begin(struct loop *loop, const char *link, bool is_cancel)
{
    struct trace *trace = place_of(loop, link, is_cancel);

    *trace = (struct trace){ .waiter = loop->commanding, .is_cancel = is_cancel };
    text_cut(trace->link, sizeof(trace->link), link);
    return trace;
}

void loop_trace_row(struct loop *loop, const struct order *order)
{
    if (loop->commanding)
        begin(loop, order->request.link, false)->row_us = clock_mono_us();
}

void loop_trace_send(struct loop *loop, const char *link, bool is_cancel)
{
    struct trace *trace;

    if (is_cancel && loop->commanding)
        begin(loop, link, true);
    trace = find(loop, link, is_cancel);
    if (trace && trace->row_us && !trace->timing.journal_us)
        trace->timing.journal_us = clock_mono_us() - trace->row_us;
}

const struct trace *loop_trace_answer(struct loop *loop, const char *link, bool is_cancel,
                                      const struct rest_answer *answer)
{
    struct trace *trace = find(loop, link, is_cancel);

    if (!trace)
        return NULL;
    trace->timing.turn_us = answer->turn_us;
    trace->timing.sign_us = answer->sign_us;
    if (answer->left_us)
        trace->timing.upstream_us = answer->finished_us - answer->left_us;
    return trace;
}

struct loop_timing loop_trace_timing(const struct loop *loop, const struct waiter *waiter,
                                     const char *link)
{
    const struct trace *trace = find(loop, link, false);
    struct loop_timing timing = { .queue_us = waiter->queue_us };

    if (!trace || trace->waiter != waiter->id)
        trace = find(loop, link, true);
    if (trace && trace->waiter == waiter->id) {
        timing = trace->timing;
        timing.queue_us = waiter->queue_us;
        timing.complete = trace == loop->ends;
    } else {
        timing.complete = loop->commanding == waiter->id; /* answered at once */
    }
    return timing;
}
