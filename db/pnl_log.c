/* What the transaction log says, added to the rows. */
#include <string.h>

#include "db/pnl_check.h"
#include "db/pnl_parts.h"

/* Units of 10^-PNL_SCALE. */
static const pnl_int LOG_CUT = INT64_C(10000000000);
static const pnl_int VOLUME_PART = 1000000;
static const pnl_int UNIT_PART = 100000000;

/* Contracts in USDC are paid out at the end of each session: then their closings realise what was
 * won since the last one, and not since they were opened. */
static bool tells_result(const struct pnl_place *place)
{
    return place->category == CATEGORY_INVERSE ||
           (place->category == CATEGORY_LINEAR && strcmp(place->coin, "USDC") != 0);
}

/* The exchange rounds its average price: to some seven digits, and to 8 decimals (linear). */
static pnl_int slack_of(const struct pnl_fill *fill, const struct pnl_effect *effect)
{
    pnl_int slack = LOG_CUT + effect->volume / VOLUME_PART;
    pnl_int qty = 0;

    if (fill->category == CATEGORY_LINEAR && pnl_int_of(&qty, &fill->qty))
        slack += qty / UNIT_PART;
    return slack;
}

static pnl_int size_of(pnl_int value)
{
    return value < 0 ? -value : value;
}

static void compare_result(const struct pnl_fill *fill, const struct pnl_effect *effect,
                           const struct pnl_finding *finding, struct pnl_entry *sums)
{
    bool knows_position = !sums->skipped && !effect->unmatched_qty &&
                          (!finding->has_size || size_of(finding->size) == effect->left);
    pnl_int slack = slack_of(fill, effect);
    pnl_int gap;

    if (sums->realised == 0 && finding->flow == 0)
        return;
    if (__builtin_sub_overflow(sums->realised, finding->flow, &gap) ||
        (!knows_position && size_of(gap) > slack)) {
        sums->flags |= PNL_ENTRY_UNKNOWN;
    } else if (knows_position) {
        sums->gap = gap;
        sums->slack = slack;
    }
}

void pnl_judge(struct pnl *pnl, const struct pnl_place *place, const struct pnl_fill *fill,
               const struct pnl_effect *effect, bool counts, struct pnl_entry *sums,
               struct pnl_finding *out)
{
    static const unsigned flags[] = {
        [PNL_NOT_COMPARED] = PNL_ENTRY_OUTSIDE,
        [PNL_SAME] = PNL_ENTRY_COMPARED,
        [PNL_NOT_SAME] = PNL_ENTRY_COMPARED | PNL_ENTRY_DIFFERS,
        [PNL_NOT_YET] = PNL_ENTRY_OPEN,
    };

    pnl_check_fill(pnl->check, fill, place->base, counts, out);
    sums->flags = flags[out->verdict];
    if (fill->kind == FILL_FUNDING)
        return;
    if (!tells_result(place) || (out->found && !out->has_flow)) {
        sums->flags |= PNL_ENTRY_NO_FLOW;
        return;
    }
    sums->log_realised = out->flow;
    if (out->found)
        compare_result(fill, effect, out, sums);
}

static enum err add_leg(struct pnl *pnl, const struct pnl_lack *lack, size_t leg,
                        const struct pnl_fill *fill, uint32_t place)
{
    bool is_main = strcmp(lack->legs[leg].coin, pnl->places[place].coin) == 0;
    struct pnl_entry entry;

    if (!is_main && lack->legs[leg].fee == 0 && lack->legs[leg].funding == 0 &&
        fill->category == CATEGORY_SPOT)
        return ERR_NONE;
    pnl_start_entry(pnl, &entry, fill, place, lack->legs[leg].coin);
    if (lack->verdict == PNL_NOT_YET) {
        struct pnl_entry *there = pnl_peek_entry(pnl, &entry);

        if (there)
            there->flags |= PNL_ENTRY_OPEN;
        return ERR_NONE;
    }
    entry.flags = PNL_ENTRY_COMPARED | PNL_ENTRY_DIFFERS;
    entry.log_fees = lack->legs[leg].fee;
    entry.log_funding = lack->legs[leg].funding;
    if (lack->kind != LEDGER_FUNDING) {
        if (tells_result(&pnl->places[place]) && lack->legs[leg].has_flow)
            entry.log_realised = lack->legs[leg].flow;
        else
            entry.flags |= PNL_ENTRY_NO_FLOW;
    }
    return pnl_count(pnl, &entry);
}

enum err pnl_add_lack(struct pnl *pnl, const struct pnl_lack *lack, const char *tag)
{
    const struct pnl_fill fill = { .category = lack->difference.category,
                                   .symbol = lack->difference.symbol,
                                   .at_ms = lack->difference.at_ms,
                                   .tag = tag };
    uint32_t place = 0;
    enum err err;

    if (pnl->filter.tag && strcmp(pnl->filter.tag, tag) != 0)
        return ERR_NONE;
    err = pnl_find_place(pnl, fill.category, fill.symbol, &place);
    if (err)
        return err;
    pnl_check_count(pnl->check, lack, pnl->places[place].base);
    for (size_t i = 0; !err && i < lack->legs_count; i++)
        err = add_leg(pnl, lack, i, &fill, place);
    return err;
}
