/* api/position_past.c - a key that comes again: which orders were made of it.
 *
 * One order by itself has the key, several have `<key>-<n>`, and each says what all of them add up
 * to and how that was cut: so it is known which ones are missing, whichever of them the journal
 * has. And that tells them from an order by itself whose key happens to be `<key>-<n>`: the same
 * was asked for, and by another key. */
#include <stdlib.h>
#include <string.h>

#include "api/position_change_parts.h"

static bool is_ours(const struct change *change, const struct order *order)
{
    return memcmp(order->request.body_hash, change->wish.base.body_hash,
                  sizeof(order->request.body_hash)) == 0;
}

static bool is_part(const struct order *order)
{
    return !decimal_is_none(&order->request.whole_qty);
}

/* --- one by itself --- */

static enum err take_one(struct change *change, const struct order *order, enum past *out)
{
    if (is_part(order)) {
        *out = PAST_FOREIGN;
        return ERR_NONE;
    }
    if (!change->wish.is_close && order->state == ORDER_NOT_SENT && is_ours(change, order)) {
        change->again = true;
        change->again_side = order->request.side;
        change->again_qty = order->request.qty;
        return ERR_NONE;
    }
    if (!change_make_pieces(change, 1))
        return ERR_NO_MEMORY;
    change_piece_begin(change, 0, &order->request);
    *out = PAST_KNOWN;
    return ERR_NONE;
}

/* --- several --- */

static enum err keep_piece(struct change *change, size_t n, const struct order *order)
{
    struct piece *piece = &change->pieces[n];

    change_piece_begin(change, n, &order->request);
    piece->unsent = order->state == ORDER_NOT_SENT;
    if (piece->unsent)
        return ERR_NONE;
    piece->known = malloc(sizeof(*piece->known));
    if (!piece->known)
        return ERR_NO_MEMORY;
    *piece->known = *order;
    return ERR_NONE;
}

/* The ones that the journal lacks, as `like` and its plan say: `found` is behind the last one that
 * it has. */
static void make_missing(struct change *change, const struct order_request *like, size_t found,
                         enum past *out)
{
    struct decimal sizes[POSITION_PARTS_MAX];
    struct order_request request = *like;
    size_t count = position_cut(&like->whole_qty, &like->part_qty, sizes, POSITION_PARTS_MAX);

    if (found > count) { /* more than it was cut into */
        *out = PAST_FOREIGN;
        return;
    }
    *out = PAST_KNOWN;
    change->count = count; /* there is room for the most */
    for (size_t i = 0; i < count; i++) {
        if (change->pieces[i].known)
            continue;
        *out = PAST_PARTLY;
        if (change->pieces[i].unsent)
            continue;
        request.qty = sizes[i];
        change_key_of(change, i, request.client_id);
        order_key_to_link(request.client_id, request.link);
        change_piece_begin(change, i, &request);
    }
}

static enum err find_part(struct change *change, struct history_reader *reader, size_t n,
                          struct order *order)
{
    char key[CLIENT_ID_MAX];
    char link[ORDER_LINK_BYTES];

    change_key_of(change, n, key);
    order_key_to_link(key, link);
    return reader_find_order(reader, change->wish.base.category, "", link, order);
}

static enum err find_parts(struct change *change, struct history_reader *reader, enum past *out)
{
    struct order_request like = { .link = "" };
    struct order order;
    size_t count = 0;

    for (size_t i = 0; i < POSITION_PARTS_MAX; i++) {
        enum err err = find_part(change, reader, i, &order);

        if (err == ERR_NOT_FOUND)
            continue;
        if (err)
            return err;
        if (!is_ours(change, &order) || !is_part(&order)) {
            *out = PAST_FOREIGN;
            return ERR_NONE;
        }
        if (!change->pieces && !change_make_pieces(change, POSITION_PARTS_MAX))
            return ERR_NO_MEMORY;
        if ((err = keep_piece(change, i, &order)))
            return err;
        like = order.request;
        count = i + 1;
    }
    if (count == 0)
        return ERR_NONE;
    make_missing(change, &like, count, out);
    return ERR_NONE;
}

static void forget(struct change *change)
{
    for (size_t i = 0; i < change->count; i++)
        change_piece_deinit(&change->pieces[i]);
    free(change->pieces);
    change->pieces = NULL;
    change->count = 0;
    change->again = false;
}

enum err change_find_past(struct change *change, struct history_reader *reader, enum past *out)
{
    const struct order_request *base = &change->wish.base;
    struct order order;
    enum err err;

    *out = PAST_NONE;
    forget(change);
    err = reader_find_order(reader, base->category, "", base->link, &order);
    if (!err)
        return take_one(change, &order, out);
    if (err != ERR_NOT_FOUND)
        return err;
    return find_parts(change, reader, out);
}

/* --- those that are left --- */

static bool is_left(const struct piece *piece)
{
    return !piece->known && !piece->status;
}

struct decimal change_left(const struct change *change)
{
    struct decimal left = DECIMAL_ZERO;

    for (size_t i = 0; i < change->count; i++) {
        if (is_left(&change->pieces[i]) &&
            decimal_add(&left, &left, &change->pieces[i].job.request.qty))
            return DECIMAL_NONE;
    }
    return left;
}

void change_refuse_left(struct change *change, const struct api_refusal *refusal)
{
    for (size_t i = 0; i < change->count; i++) {
        if (is_left(&change->pieces[i]))
            change_piece_refuse(change, i, refusal);
    }
}
