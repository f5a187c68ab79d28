/* db/rowlist.h - a list of journal rows that owns them, with its size. */
#pragma once

#include <stddef.h>

#include "db/journal.h"

struct rowlist {
    struct journal_row *head;
    struct journal_row *tail;
    size_t count;
    size_t bytes;
};

/* Takes a chain over. */
struct rowlist rowlist_of(struct journal_row *rows);
/* Moves all of `more` to the end of `list`. */
void rowlist_append(struct rowlist *list, struct rowlist *more);
/* Frees the rows. */
void rowlist_clear(struct rowlist *list);
