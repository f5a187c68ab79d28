/* api/candles.c - GET /candles/{symbol}: newest first; the one still running has closed: false. */
#include "api/events.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/series.h"
#include "base/text.h"

#define PAGE_MAX 1000

static const char *const columns[] = { "category", "symbol",   "interval", "at",
                                       "open",     "high",     "low",      "close",
                                       "volume",   "turnover", "closed" };

/* A candle is closed once the exchange's clock is past it. */
static enum err read_row(struct series_row *out, const struct json *row,
                         const struct series *series, struct error *error)
{
    struct candle *candle = &out->candle;

    *out = (struct series_row){ .candle.category = series->read.category,
                                .candle.interval = (enum candle_interval)series->interval };
    if (text_copy(candle->symbol, sizeof(candle->symbol), series->read.symbol) ||
        candle_from_row(candle, row, error))
        return ERR_INVALID;
    out->at_ms = candle->start_ms;
    candle->closed = candle_next_start(candle->interval, candle->start_ms) <= series->answered_ms;
    return ERR_NONE;
}

static void write_row(struct buffer *out, const struct series_row *row)
{
    api_add_candle(out, &row->candle);
}

static const struct series_kind candles = {
    .route = ROUTE_CANDLES,
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .end_name = "end",
    .page_max = PAGE_MAX,
    .read_row = read_row,
    .write_row = write_row,
};

static enum err read_interval(const struct api_call *call, enum candle_interval *out,
                              struct api_refusal *refusal)
{
    const char *text = api_query(call, "interval");
    const char *words[CANDLE_INTERVAL_COUNT];

    *out = CANDLE_1M;
    if (!text || !candle_interval_parse(text, out))
        return ERR_NONE;
    for (int i = 0; i < CANDLE_INTERVAL_COUNT; i++)
        words[i] = candle_interval_word((enum candle_interval)i);
    return lookup_refuse_interval(text, words, ARRAY_LEN(words), refusal);
}

void handle_candles(const struct api *api, struct api_call *call)
{
    struct series series = { .kind = &candles };
    struct text query = text_in(series.query, sizeof(series.query));
    enum candle_interval interval;
    struct api_refusal refusal;

    if (read_interval(call, &interval, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (!market_read_begin(&series.read, api, call, ANY_CATEGORY & ~CATEGORY_BIT(CATEGORY_OPTION),
                           "candles"))
        return;
    series.interval = (int)interval;
    text_addf(&query, "category=%s&symbol=%s&interval=%s", category_word(series.read.category),
              series.read.symbol, candle_interval_code(interval));
    series_serve(&series);
}
