/* tests/test_pnl_kit.h - what the tests of db/pnl.h share. */
#pragma once

#include "db/pnl.h"
#include "tests/test_journal_kit.h"

KIT void coins(enum category category, const char *symbol, char coin[COIN_MAX], char base[COIN_MAX],
               void *userdata)
{
    (void)userdata;
    pnl_guess_coins(category, symbol, coin, base);
}

/* All of a row in one line. */
KIT const char *line_of(const struct pnl_row *row)
{
    static char line[400];
    char texts[6][DECIMAL_TEXT_MAX];

    (void)snprintf(
        line, sizeof(line),
        "%s realised %s fees %s funding %s net %s volume %s trades %d unmatched %d/%s skipped %d",
        row->coin, decimal_format(&row->realised, texts[0]), decimal_format(&row->fees, texts[1]),
        decimal_format(&row->funding, texts[2]), decimal_format(&row->net, texts[3]),
        decimal_format(&row->volume, texts[4]), (int)row->trades, (int)row->unmatched,
        decimal_format(&row->unmatched_qty, texts[5]), (int)row->skipped);
    return line;
}
