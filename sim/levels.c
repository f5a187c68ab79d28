#include "sim/levels.h"

#include "sim/book.h"

void levels_delta(enum side side, const struct feed_side *old, const struct feed_side *new,
                  struct level_changes *out)
{
    size_t i = 0;
    size_t j = 0;

    out->count = 0;
    while (i < old->count || j < new->count) {
        bool has_old = i < old->count;
        bool has_new = j < new->count;
        bool same = has_old && has_new && old->levels[i].ticks == new->levels[j].ticks;

        if (same && old->levels[i].lots == new->levels[j].lots) {
            i++;
            j++;
        } else if (has_old && !same &&
                   (!has_new || book_crosses(side, old->levels[i].ticks, new->levels[j].ticks))) {
            out->levels[out->count++] = (struct feed_level){ old->levels[i++].ticks, 0 };
        } else {
            out->levels[out->count++] = new->levels[j++];
            i += same;
        }
    }
}
