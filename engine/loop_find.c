/* engine/loop_find.c - what the engine asks of the journal (db/history), and the answers as items
 * of the inbox. */
#include <stdlib.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/loop_parts.h"

struct find {
    struct loop *loop;
    uint64_t id;
    enum category category;
    char order_id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX];
    char exec_id[EXEC_ID_MAX];
};

static enum err find_in(struct history_reader *reader, const struct find *find, struct item *item)
{
    enum err err;

    if (find->exec_id[0])
        return reader_fill_known(reader, find->category, find->order_id, find->exec_id,
                                 &item->u.found.fill_known);
    err =
        reader_find_order(reader, find->category, find->order_id, find->link, &item->u.found.order);
    if (err == ERR_NOT_FOUND)
        return ERR_NONE;
    if (err)
        return err;
    item->u.found.has_order = true;
    return reader_fill_keys(reader, find->category, item->u.found.order.order_id,
                            &item->u.found.fills, &item->u.found.fills_count);
}

/* On a history worker. */
static void run_find(struct history_reader *reader, enum err err, void *userdata)
{
    struct find *find = userdata;
    struct item *item = calloc(1, sizeof(*item));

    /* Evidence waits for this answer: it must not get lost. The next start finds it at the exchange
     * again. */
    if (!item) {
        log_error("loop: out of memory for a find, stopping");
        abort();
    }
    item->kind = ITEM_FOUND;
    item->u.found.find_id = find->id;
    item->u.found.failed = err != ERR_NONE || find_in(reader, find, item) != ERR_NONE;
    while (queue_push(find->loop->internal, item) != ERR_NONE)
        usleep(1000);
    free(find);
}

void loop_send_find(struct loop *loop, const struct engine_action *action)
{
    struct find *find = calloc(1, sizeof(*find));

    if (find) {
        CRASH_POINT(FIND_ASK);
        find->loop = loop;
        find->id = action->u.find.find_id;
        find->category = action->u.find.category;
        text_cut(find->order_id, sizeof(find->order_id), action->u.find.order_id);
        text_cut(find->link, sizeof(find->link), action->u.find.link);
        text_cut(find->exec_id, sizeof(find->exec_id), action->u.find.exec_id);
        if (history_submit(loop->config.history, atomic_load(&loop->position), run_find, find) ==
            ERR_NONE)
            return;
    }
    free(find);
    {
        struct engine_event event = { .kind = EVENT_FOUND };

        event.u.found.find_id = action->u.find.find_id;
        event.u.found.failed = true;
        loop_feed(loop, &event);
    }
}
