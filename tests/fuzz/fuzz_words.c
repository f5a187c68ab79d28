/* The small grammars of queries: topics, event ids, symbols, times, durations, intervals. */
#include "api/events.h"
#include "bybit/candles.h"
#include "server/sse_topics.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct sse_wish wish;
    struct sse_refusal refusal;
    char *text = fuzz_text(data, bytes);
    enum category category;
    enum candle_interval interval;
    char symbol[SYMBOL_MAX];
    uint64_t epoch;
    uint64_t seq;
    int64_t number;

    if (sse_parse_topics(&wish, text, CATEGORY_LINEAR, &refusal))
        assert(wish.topics_count <= HUB_TOPICS_MAX);
    else
        assert(refusal.code && refusal.detail[0]);
    (void)sse_parse_id(text, &epoch, &seq);
    if (api_parse_symbol(text, NULL, CATEGORY_LINEAR, &category, symbol, NULL) == ERR_NONE)
        assert(symbol_is_valid(symbol));
    (void)!api_parse_time(text, 1700000000000, &number, NULL);
    if (api_parse_duration(text, &number, NULL) == ERR_NONE)
        assert(number >= 0);
    if (candle_interval_parse(text, &interval) == ERR_NONE)
        assert(candle_next_start(interval, 1700000000000) > 1700000000000 - 1);
    free(text);
    return 0;
}
