/* The executions of one moment (time and sequence of the exchange). A market order that goes
 * through several prices has them all in one, and the journal may have got them in any order: a
 * list of the exchange gives the newest first. Those of one order are put so that what closed comes
 * before what opened: once it has opened, there was nothing left to close. Among those that close,
 * or open, any order gives the same. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "db/pnl_parts.h"

enum rank { RANK_CLOSES, RANK_TURNS, RANK_OPENS };

struct pnl_held {
    struct pnl_fill fill; /* its texts are the following ones */
    char exec_id[EXEC_ID_MAX];
    char order_id[ORDER_ID_MAX];
    char symbol[SYMBOL_MAX];
    char fee_coin[COIN_MAX];
    char tag[TAG_MAX];
    enum rank rank;
};

static enum rank rank_of(const struct pnl_fill *fill)
{
    pnl_int closed;
    pnl_int qty;

    if (pnl_only_closes(fill->kind))
        return RANK_CLOSES;
    if (!pnl_int_of(&closed, &fill->closed_qty) || !pnl_int_of(&qty, &fill->qty))
        return RANK_TURNS;
    if (closed <= 0)
        return RANK_OPENS;
    return closed < qty ? RANK_TURNS : RANK_CLOSES;
}

static void hold(struct pnl_held *held, const struct pnl_fill *fill)
{
    held->fill = *fill;
    text_cut(held->exec_id, sizeof(held->exec_id), fill->exec_id);
    text_cut(held->order_id, sizeof(held->order_id), fill->order_id);
    text_cut(held->symbol, sizeof(held->symbol), fill->symbol);
    text_cut(held->fee_coin, sizeof(held->fee_coin), fill->fee_coin);
    text_cut(held->tag, sizeof(held->tag), fill->tag);
    held->rank = rank_of(fill);
}

static bool is_of_one_order(const struct pnl_held *a, const struct pnl_held *b)
{
    return a->order_id[0] && strcmp(a->order_id, b->order_id) == 0 &&
           a->fill.category == b->fill.category && strcmp(a->symbol, b->symbol) == 0;
}

static void arrange(struct pnl_held *held, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            struct pnl_held later = held[j];

            if (held[j].rank >= held[i].rank || !is_of_one_order(&held[i], &held[j]))
                continue;
            held[j] = held[i];
            held[i] = later;
        }
    }
}

enum err pnl_end_moment(struct pnl *pnl)
{
    struct pnl_moment *moment = &pnl->moment;
    enum err err = ERR_NONE;

    arrange(moment->held, moment->count);
    for (size_t i = 0; !err && i < moment->count; i++) {
        struct pnl_held *held = &moment->held[i];
        struct pnl_fill fill = held->fill;

        fill.exec_id = held->exec_id;
        fill.order_id = held->order_id;
        fill.symbol = held->symbol;
        fill.fee_coin = held->fee_coin;
        fill.tag = held->tag;
        err = pnl_add(pnl, &fill);
    }
    moment->count = 0;
    return err;
}

enum err pnl_add_of_moment(struct pnl *pnl, const struct pnl_fill *fill, int64_t exchange_seq)
{
    struct pnl_moment *moment = &pnl->moment;
    enum err err = ERR_NONE;

    if (!moment->held) {
        moment->held = calloc(PNL_MOMENT_MAX, sizeof(*moment->held));
        if (!moment->held)
            return ERR_NO_MEMORY;
    }
    if (moment->count == PNL_MOMENT_MAX ||
        (moment->count > 0 &&
         (moment->at_ms != fill->at_ms || moment->exchange_seq != exchange_seq)))
        err = pnl_end_moment(pnl);
    if (err)
        return err;
    moment->at_ms = fill->at_ms;
    moment->exchange_seq = exchange_seq;
    hold(&moment->held[moment->count++], fill);
    return ERR_NONE;
}
