/* The rows of the answer. */
#include <stdlib.h>
#include <string.h>

#include "db/pnl_parts.h"

static enum pnl_checked checked_of(const struct pnl_entry *entry)
{
    pnl_int gap = entry->gap < 0 ? -entry->gap : entry->gap;

    if ((entry->flags & PNL_ENTRY_DIFFERS) || gap > entry->slack)
        return PNL_CHECKED_DIFFERS;
    if (entry->flags & (PNL_ENTRY_OUTSIDE | PNL_ENTRY_OPEN | PNL_ENTRY_UNKNOWN))
        return PNL_UNCHECKED;
    return entry->flags & PNL_ENTRY_COMPARED ? PNL_CHECKED_EQUAL : PNL_UNCHECKED;
}

/* Sums of the log where they are of all that the row's own sums are of, but for what is pending. */
static void show_check(const struct pnl *pnl, const struct pnl_entry *entry, struct pnl_row *row)
{
    row->checked = PNL_UNCHECKED;
    row->log_realised = row->log_fees = row->log_funding = DECIMAL_NONE;
    if (!pnl->check)
        return;
    row->checked = checked_of(entry);
    if (!(entry->flags & PNL_ENTRY_COMPARED) || (entry->flags & PNL_ENTRY_OUTSIDE))
        return;
    row->log_fees = pnl_int_shown(entry->log_fees);
    row->log_funding = pnl_int_shown(entry->log_funding);
    if (!(entry->flags & PNL_ENTRY_NO_FLOW))
        row->log_realised = pnl_int_shown(entry->log_realised);
}

static void show_row(const struct pnl *pnl, const struct pnl_entry *entry, struct pnl_row *row)
{
    const struct pnl_place *place = &pnl->places[entry->place];
    pnl_int net;

    memset(row, 0, sizeof(*row));
    row->day_ms = entry->day_ms;
    memcpy(row->tag, entry->tag, sizeof(row->tag));
    memcpy(row->coin, entry->coin, sizeof(row->coin));
    if (pnl->filter.group == PNL_BY_SYMBOL) {
        row->category = place->category;
        memcpy(row->symbol, place->symbol, sizeof(row->symbol));
    }
    row->realised = pnl_int_shown(entry->realised);
    row->fees = pnl_int_shown(entry->fees);
    row->funding = pnl_int_shown(entry->funding);
    row->volume = pnl_int_shown(entry->volume);
    row->net = DECIMAL_NONE;
    if (!__builtin_sub_overflow(entry->realised, entry->fees, &net) &&
        !__builtin_add_overflow(net, entry->funding, &net))
        row->net = pnl_int_shown(net);
    row->unmatched_qty =
        entry->only_place == PNL_SEVERAL ? DECIMAL_NONE : pnl_int_shown(entry->unmatched_qty);
    show_check(pnl, entry, row);
    row->trades = entry->trades;
    row->unmatched = entry->unmatched;
    row->skipped = entry->skipped;
}

static int compare_rows(const void *left, const void *right)
{
    const struct pnl_row *a = left;
    const struct pnl_row *b = right;
    int order = (a->day_ms > b->day_ms) - (a->day_ms < b->day_ms);

    if (!order)
        order = (a->category > b->category) - (a->category < b->category);
    if (!order)
        order = strcmp(a->symbol, b->symbol);
    if (!order)
        order = strcmp(a->tag, b->tag);
    return order ? order : strcmp(a->coin, b->coin);
}

const struct pnl_row *pnl_rows(struct pnl *pnl, size_t *row_count)
{
    free(pnl->shown);
    *row_count = 0;
    pnl->shown = calloc(pnl->entries_count + 1, sizeof(*pnl->shown));
    if (!pnl->shown)
        return NULL;
    for (size_t i = 0; i < pnl->entries_count; i++)
        show_row(pnl, &pnl->entries[i], &pnl->shown[i]);
    qsort(pnl->shown, pnl->entries_count, sizeof(*pnl->shown), compare_rows);
    *row_count = pnl->entries_count;
    return pnl->shown;
}
