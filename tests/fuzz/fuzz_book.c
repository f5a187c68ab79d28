/* Lines of frames into one book: the first byte of a line says snapshot or delta. Whatever comes, a
 * book that is synced is sorted, and not crossed after a snapshot. */
#include "base/json.h"
#include "bybit/book.h"
#include "tests/fuzz/fuzz.h"

#define DEPTH 50

static void check_side(const struct book_level *levels, size_t count, int order)
{
    assert(count <= DEPTH);
    for (size_t i = 1; i < count; i++)
        assert(decimal_cmp(&levels[i - 1].price, &levels[i].price) * order > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct book *book = book_create(DEPTH);
    char *text = fuzz_text(data, bytes);
    struct book_level levels[DEPTH];
    char *line = text;

    assert(book);
    while (*line) {
        char *next = fuzz_line(line);
        struct json json;

        if (*line && json_open_trusted(&json, line + 1, strlen(line + 1), NULL) == ERR_NONE)
            (void)book_apply(book, &json, *line == 's');
        check_side(levels, book_bids(book, levels, DEPTH), 1);
        check_side(levels, book_asks(book, levels, DEPTH), -1);
        line = next;
    }
    free(text);
    book_destroy(book);
    return 0;
}
