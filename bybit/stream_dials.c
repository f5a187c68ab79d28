#include "bybit/stream_dials.h"

bool dials_may(const struct dials *dials, bool is_private, int64_t now_ms)
{
    size_t most = is_private ? DIALS_MAX : DIALS_PUBLIC_MAX;

    return dials->count < most ||
           now_ms - dials->at_ms[(dials->count - most) % DIALS_MAX] >= DIALS_WINDOW_MS;
}

void dials_add(struct dials *dials, int64_t now_ms)
{
    dials->at_ms[dials->count++ % DIALS_MAX] = now_ms;
}
