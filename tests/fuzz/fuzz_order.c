/* A body of POST /orders, labelled as JSON or form by its length: what is accepted is whole. */
#include "api/order_body.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct order_input input = { .default_category = CATEGORY_LINEAR };
    struct order_request request;
    struct api_refusal refusal;
    struct decimal notional;
    char *text = fuzz_text(data, bytes);

    input.body = text;
    input.body_bytes = bytes;
    input.body_is_form = bytes % 2;
    if (order_body_read(&request, &notional, &input, &refusal) == ERR_NONE) {
        unsigned char hash[32];

        assert(symbol_is_valid(request.symbol));
        assert(request.side == SIDE_BUY || request.side == SIDE_SELL);
        assert(decimal_sign(&request.qty) >= 0); /* zero is for order_check */
        assert(strlen(request.link) <= 36);
        order_body_hash(&request, &notional, hash);
    } else {
        assert(refusal.code && refusal.detail[0]);
    }
    free(text);
    return 0;
}
