#include "bybit/stream_dials.h"

bool dials_may(const struct dials *dials, int64_t now_ms)
{
    return dials->count < DIALS_MAX ||
           now_ms - dials->at_ms[dials->count % DIALS_MAX] >= DIALS_WINDOW_MS;
}

void dials_add(struct dials *dials, int64_t now_ms)
{
    dials->at_ms[dials->count++ % DIALS_MAX] = now_ms;
}
