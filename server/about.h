/* server/about.h - what this process says of itself, for /status and /metrics. Nothing secret. */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "server/config.h"
#include "server/http.h"

#define ABOUT_LIBRARIES_MAX 320
/* The libraries at run time, as labels of a metric: `libcurl="7.88.1",openssl="3.0.15",...`.
 * Returns `out`. */
const char *about_libraries(char out[ABOUT_LIBRARIES_MAX]);

/* Member `"server":{listen, read_only, tokens:{read, trade, admin}}`: the addresses in use, and
 * which roles have a token. On the http thread. */
void about_add_server(struct buffer *out, const struct config *config, const struct http *http);
