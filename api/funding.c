/* api/funding.c - GET /funding/{symbol} and /open_interest/{symbol}: what perpetuals have paid, and
 * how much of a contract was open. Newest first. */
#include <string.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/series.h"
#include "base/text.h"

#define PAGE_MAX  200
#define CONTRACTS (CATEGORY_BIT(CATEGORY_LINEAR) | CATEGORY_BIT(CATEGORY_INVERSE))

/* --- funding rates --- */

static const char *const funding_columns[] = { "category", "symbol", "rate", "at" };

static enum err read_funding(struct series_row *out, const struct json *row,
                             const struct series *series, struct error *error)
{
    if (funding_from_row(&out->funding, row, series->read.category, error))
        return ERR_INVALID;
    out->at_ms = out->funding.at_ms;
    if (strcmp(out->funding.symbol, series->read.symbol) != 0)
        return error_set(error, ERR_INVALID, "funding: it is another symbol's");
    return ERR_NONE;
}

static void write_funding(struct buffer *out, const struct series_row *row)
{
    api_add_funding(out, &row->funding);
}

static const struct series_kind funding = {
    .route = ROUTE_FUNDING_HISTORY,
    .columns = funding_columns,
    .columns_count = ARRAY_LEN(funding_columns),
    .end_name = "endTime",
    .page_max = PAGE_MAX,
    .read_row = read_funding,
    .write_row = write_funding,
};

void handle_funding(const struct api *api, struct api_call *call)
{
    struct series series = { .kind = &funding };
    struct text query = text_in(series.query, sizeof(series.query));

    if (!market_read_begin(&series.read, api, call, CONTRACTS, "funding"))
        return;
    text_addf(&query, "category=%s&symbol=%s", category_word(series.read.category),
              series.read.symbol);
    series_serve(&series);
}

/* --- open interest --- */

static const char *const interest_columns[] = { "category", "symbol", "interval", "open_interest",
                                                "at" };

static enum err read_interest(struct series_row *out, const struct json *row,
                              const struct series *series, struct error *error)
{
    struct open_interest *interest = &out->interest;

    *out = (struct series_row){ .interest.category = series->read.category,
                                .interest.interval = (enum oi_interval)series->interval };
    if (text_copy(interest->symbol, sizeof(interest->symbol), series->read.symbol) ||
        open_interest_from_row(interest, row, error))
        return ERR_INVALID;
    out->at_ms = interest->at_ms;
    return ERR_NONE;
}

static void write_interest(struct buffer *out, const struct series_row *row)
{
    api_add_open_interest(out, &row->interest);
}

static const struct series_kind interests = {
    .route = ROUTE_OPEN_INTEREST,
    .columns = interest_columns,
    .columns_count = ARRAY_LEN(interest_columns),
    .end_name = "endTime",
    .page_max = PAGE_MAX,
    .read_row = read_interest,
    .write_row = write_interest,
};

static enum err read_interval(const struct api_call *call, enum oi_interval *out,
                              struct api_refusal *refusal)
{
    const char *text = api_query(call, "interval");
    const char *words[OI_INTERVAL_COUNT];

    *out = OI_5M;
    if (!text || !oi_interval_parse(text, out))
        return ERR_NONE;
    for (int i = 0; i < OI_INTERVAL_COUNT; i++)
        words[i] = oi_interval_word((enum oi_interval)i);
    return lookup_refuse_interval(text, words, ARRAY_LEN(words), refusal);
}

void handle_open_interest(const struct api *api, struct api_call *call)
{
    struct series series = { .kind = &interests };
    struct text query = text_in(series.query, sizeof(series.query));
    enum oi_interval interval;
    struct api_refusal refusal;

    if (read_interval(call, &interval, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (!market_read_begin(&series.read, api, call, CONTRACTS, "open interest"))
        return;
    series.interval = (int)interval;
    text_addf(&query, "category=%s&symbol=%s&intervalTime=%s", category_word(series.read.category),
              series.read.symbol, oi_interval_code(interval));
    series_serve(&series);
}
