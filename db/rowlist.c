#include "db/rowlist.h"

#include <stdlib.h>

struct journal_row *journal_row_create(void)
{
    return calloc(1, sizeof(struct journal_row));
}

void journal_row_destroy(struct journal_row *row)
{
    if (!row)
        return;
    free(row->json);
    native_drop(row->native);
    if (row->kind == JOURNAL_GUARD)
        free(row->u.guard.text);
    free(row);
}

struct rowlist rowlist_of(struct journal_row *rows)
{
    struct rowlist list = { .head = rows };

    for (struct journal_row *row = rows; row; row = row->next) {
        list.tail = row;
        list.count++;
        list.bytes += sizeof(*row) + row->json_bytes + native_bytes(row->native);
        if (row->kind == JOURNAL_GUARD)
            list.bytes += row->u.guard.bytes;
    }
    return list;
}

void rowlist_append(struct rowlist *list, struct rowlist *more)
{
    if (!more->head)
        return;
    if (list->tail)
        list->tail->next = more->head;
    else
        list->head = more->head;
    list->tail = more->tail;
    list->count += more->count;
    list->bytes += more->bytes;
    *more = (struct rowlist){ 0 };
}

void rowlist_clear(struct rowlist *list)
{
    for (struct journal_row *row = list->head; row;) {
        struct journal_row *next = row->next;

        journal_row_destroy(row);
        row = next;
    }
    *list = (struct rowlist){ 0 };
}
