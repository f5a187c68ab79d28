/* api/books.c - order books: from memory while one of enough depth is streamed, else a snapshot
 * over REST, which begins the streaming. */
#include <stdlib.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/market.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define DEPTH_DEFAULT        50
#define DEPTH_MAX            1000
#define OPTION_DEPTH_DEFAULT 25
#define OPTION_DEPTH_MAX     100
#define OPTION_REST_MAX      25 /* deeper option books are only streamed */

/* Bybit's own depth that holds `levels`. */
static int stream_depth(enum category category, int levels)
{
    static const int depths[] = { 1, 50, 200, 1000 };

    if (category == CATEGORY_OPTION)
        return levels <= OPTION_DEPTH_DEFAULT ? OPTION_DEPTH_DEFAULT : OPTION_DEPTH_MAX;
    for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
        if (depths[i] >= levels)
            return depths[i];
    }
    return DEPTH_MAX;
}

static int rest_depth(const struct market_read *read)
{
    if (read->category == CATEGORY_OPTION && read->depth > OPTION_REST_MAX)
        return OPTION_REST_MAX;
    return read->depth;
}

static void answer_book(const struct market_read *read, const struct market_book *book,
                        const struct book_level *bids, const struct book_level *asks,
                        int64_t age_ms, const char *source)
{
    struct market_book shown = *book;

    if (market_is_too_old(read, book->recv_ms, age_ms, source))
        return;
    shown.depth = read->depth; /* as asked, whatever the stream's own is */
    api_add_book(api_reply_begin(read->call), read->category, read->symbol, &shown, bids, asks,
                 source);
    api_reply(read->call, 200, API_JSON);
}

static bool read_book(const struct envelope *envelope, const struct market_read *read,
                      int64_t as_of_ms, struct market_book *book, struct book_level *levels)
{
    const struct json *result = &envelope->result;

    *book = (struct market_book){ .state = BOOK_SYNCED,
                                  .depth = rest_depth(read),
                                  .recv_ms = as_of_ms };
    if (json_member_int(result, "ts", &book->ts_ms))
        book->ts_ms = envelope->time_ms;
    if (json_member_int(result, "u", &book->u))
        book->u = 0;
    if (json_member_int(result, "seq", &book->seq))
        book->seq = 0;
    return market_read_levels(result, "b", levels, (size_t)read->depth, &book->bids_count) &&
           market_read_levels(result, "a", levels + read->depth, (size_t)read->depth,
                              &book->asks_count);
}

static void on_book_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct market_read *read = userdata;
    struct envelope envelope;
    struct market_book book;
    struct book_level *levels = NULL;

    if (market_open_answer(read->call, answer, &envelope) &&
        market_answer_symbol(read, &envelope.result, "s")) {
        levels = calloc((size_t)read->depth * 2, sizeof(*levels));
        if (levels && read_book(&envelope, read, as_of_ms, &book, levels))
            answer_book(read, &book, levels, levels + read->depth, clock_wall_ms() - as_of_ms,
                        "rest");
        else
            api_fail(read->call, NULL, "upstream_failed", "the exchange's answer has no book");
    }
    free(levels);
    free(read);
}

/* False: no book of that depth is streamed. */
static bool serve_from_memory(const struct market_read *read)
{
    size_t depth = (size_t)read->depth;
    struct book_level *levels = malloc(2 * depth * sizeof(*levels));
    struct market_book book;
    bool found = levels && market_book(read->api->market, read->category, read->symbol, depth,
                                       &book, levels, levels + depth);

    if (found && book.depth >= read->depth)
        answer_book(read, &book, levels, levels + depth, clock_mono_ms() - book.recv_mono_ms,
                    "stream");
    else
        found = false;
    free(levels);
    return found;
}

/* Known only once the category is. */
static bool read_depth(struct market_read *read)
{
    bool option = read->category == CATEGORY_OPTION;
    struct api_refusal refusal;
    int64_t depth;

    if (lookup_int(read->call, "depth", 1, option ? OPTION_DEPTH_MAX : DEPTH_MAX,
                   option ? OPTION_DEPTH_DEFAULT : DEPTH_DEFAULT, &depth, &refusal)) {
        api_fail_refusal(read->call, &refusal, NULL, NULL);
        return false;
    }
    read->depth = (int)depth;
    return true;
}

void handle_book(const struct api *api, struct api_call *call)
{
    struct market_read read;
    char query[96];
    struct text text = text_in(query, sizeof(query));

    if (!market_read_begin(&read, api, call, ANY_CATEGORY, "books") || !read_depth(&read))
        return;
    market_touch(&read, STREAM_BOOK, stream_depth(read.category, read.depth));
    if (serve_from_memory(&read))
        return;
    text_addf(&text, "category=%s&symbol=%s&limit=%d", category_word(read.category), read.symbol,
              rest_depth(&read));
    market_read_rest(&read, ROUTE_ORDERBOOK, query, on_book_answer);
}
