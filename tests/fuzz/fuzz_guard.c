/* A body of PATCH /guard, and what the journal keeps of the guard: what is read is within its
 * bounds, and what is written is read again as the same. */
#include "engine/guard_json.h"
#include "tests/fuzz/fuzz.h"

static void check_limits(const struct guard_limits *limits)
{
    assert(limits->symbols_count <= GUARD_SYMBOLS_MAX);
    for (size_t i = 0; i < limits->symbols_count; i++)
        assert(symbol_is_valid(limits->symbols[i].symbol));
    if (limits->set & GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL))
        assert(decimal_sign(&limits->max_order_notional) > 0);
    if (limits->set & GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE))
        assert(limits->max_orders_per_minute >= 0 &&
               limits->max_orders_per_minute <= GUARD_ORDERS_MINUTE_MAX);
}

static void check_written(const struct guard_state *state)
{
    static struct guard_state back;
    struct buffer first = buffer_of(1 << 20);
    struct buffer second = buffer_of(1 << 20);

    guard_add_state(&first, state);
    assert(!buffer_check(&first));
    assert(!guard_read_state(&back, first.data, first.bytes, NULL));
    guard_add_state(&second, &back);
    assert(first.bytes == second.bytes && memcmp(first.data, second.data, first.bytes) == 0);
    buffer_deinit(&first);
    buffer_deinit(&second);
}

static void check_patch(const struct guard_patch *patch)
{
    static struct guard_state state;
    struct error error;

    assert((patch->all.limits.set & ~patch->all.named) == 0);
    check_limits(&patch->all.limits);
    for (size_t i = 0; i < patch->clients_count; i++) {
        assert(guard_client_is_valid(patch->clients[i].name));
        check_limits(&patch->clients[i].change.limits);
    }
    state = (struct guard_state){ 0 };
    assert(!guard_apply(&state.rules, patch, NULL, &error));
    check_written(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct guard_patch patch;
    static struct guard_state state;
    struct error error = { .text = "" };
    char *text = fuzz_text(data, bytes);
    struct json object;

    if (!json_open(&object, text, bytes, &error)) {
        if (guard_read_patch(&patch, &object, CATEGORY_SPOT, &error))
            assert(error.text[0]);
        else
            check_patch(&patch);
    }
    if (!guard_read_state(&state, text, bytes, &error))
        check_written(&state);
    free(text);
    return 0;
}
