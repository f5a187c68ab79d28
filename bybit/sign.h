/* bybit/sign.h - HMAC-SHA256 and RSA-SHA256 over exactly the bytes sent (PROTOCOL section 3, 14).
 *
 * Threads: a signer is immutable; each thread makes its own signing context
 * (signer_context_create).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SIGNATURE_MAX 700 /* RSA 4096 in base64, NUL */

struct signer;
struct signer_context;

/* `key` and `secret` are kept as pointers (they live in the secret page). */
MUST_CHECK enum err signer_create_hmac(struct signer **out, const char *key, const char *secret,
                                       struct error *error);
/* `pem`: a private RSA key of 2048 bits or more. ERR_INVALID: not such a key. */
MUST_CHECK enum err signer_create_rsa(struct signer **out, const char *key, const char *pem,
                                      struct error *error);
void signer_destroy(struct signer *signer);
const char *signer_key(const struct signer *signer);

/* A keyed context for one thread (0.4 us a signature). NULL: out of memory. */
struct signer_context *signer_context_create(const struct signer *signer);
void signer_context_destroy(struct signer_context *context);

/* Signs timestamp + key + recv_window + content; `content` is the raw query or body. ERR_INTERNAL:
 * OpenSSL failed. */
MUST_CHECK enum err sign_rest(struct signer_context *context, int64_t timestamp_ms,
                              int recv_window_ms, const char *content, size_t content_bytes,
                              char out[SIGNATURE_MAX]);
/* Signs "GET/realtime" + expires. */
MUST_CHECK enum err sign_socket(struct signer_context *context, int64_t expires_ms,
                                char out[SIGNATURE_MAX]);
