/* sim/auth.h - checks signatures as the exchange does (PROTOCOL sections 3, 5 and 14): HMAC-SHA256
 * only.
 *
 * Threads: pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/exchange.h"

#define AUTH_HEX_MAX 65

struct auth_login {
    const char *key;
    const char *secret;
};

/* The headers of a signed call; NULL: absent. */
struct auth_headers {
    const char *key;
    const char *timestamp;
    const char *window;
    const char *sign;
};

/* HMAC-SHA256 of the parts in order, as lower-case hex. */
void auth_hmac(const char *secret, const char *const *parts, const size_t *parts_bytes,
               size_t parts_count, char out[AUTH_HEX_MAX]);
/* `content`: the raw query string or the raw body. Codes 10001 (a header is missing), 10002, 10003,
 * 10004. */
MUST_CHECK struct refusal auth_check(const struct auth_login *login,
                                     const struct auth_headers *headers, const char *content,
                                     size_t content_bytes, int64_t now_ms);
/* The log-in of a private socket. */
bool auth_check_stream(const struct auth_login *login, const char *key, int64_t expires_ms,
                       const char *sign, int64_t now_ms);
