/* api/metrics_streams.h - the upstream links' part of GET /metrics. Threads: any. */
#pragma once

#include "api/api.h"
#include "base/buffer.h"

#define METRICS_PREFIX "bybit_bridge_"

void metrics_add_streams(struct buffer *out, const struct api *api);
