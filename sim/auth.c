#include "sim/auth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "base/buffer.h"

#define WINDOW_DEFAULT "5000"
#define AHEAD_MS       1000
#define PLAIN_MAX      ((size_t)1024 * 1024)

void auth_hmac(const char *secret, const char *const *parts, const size_t *parts_bytes,
               size_t parts_count, char out[AUTH_HEX_MAX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_bytes = 0;
    struct buffer plain = buffer_of(PLAIN_MAX);
    const char *text;

    out[0] = '\0';
    for (size_t i = 0; i < parts_count; i++)
        buffer_add(&plain, parts[i], parts_bytes[i]);
    text = plain.data ? plain.data : "";
    if (!buffer_check(&plain) &&
        HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, plain.bytes,
             digest, &digest_bytes)) {
        for (unsigned int i = 0; i < digest_bytes; i++)
            (void)snprintf(out + (size_t)i * 2, 3, "%02x", digest[i]);
    }
    buffer_deinit(&plain);
}

static bool parse_ms(const char *text, int64_t *out)
{
    int64_t value = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 15 || text[digits])
        return false;
    for (; *text; text++)
        value = value * 10 + (*text - '0');
    *out = value;
    return true;
}

static bool same(const char *a, const char *b)
{
    size_t bytes = strlen(a);

    return *a && strlen(b) == bytes && CRYPTO_memcmp(a, b, bytes) == 0;
}

static bool signature_fits(const struct auth_login *login, const struct auth_headers *headers,
                           const char *window, const char *content, size_t content_bytes)
{
    const char *parts[] = { headers->timestamp, headers->key, window, content };
    size_t bytes[] = { strlen(headers->timestamp), strlen(headers->key), strlen(window),
                       content_bytes };
    char expected[AUTH_HEX_MAX];

    auth_hmac(login->secret, parts, bytes, ARRAY_LEN(parts), expected);
    return same(expected, headers->sign);
}

/* Without the window header it is open whether "5000" or nothing is signed: both pass. */
static bool is_signed(const struct auth_login *login, const struct auth_headers *headers,
                      const char *content, size_t content_bytes)
{
    if (headers->window)
        return signature_fits(login, headers, headers->window, content, content_bytes);
    return signature_fits(login, headers, WINDOW_DEFAULT, content, content_bytes) ||
           signature_fits(login, headers, "", content, content_bytes);
}

struct refusal auth_check(const struct auth_login *login, const struct auth_headers *headers,
                          const char *content, size_t content_bytes, int64_t now_ms)
{
    int64_t timestamp;
    int64_t window;

    if (!headers->key || !headers->timestamp || !headers->sign)
        return (struct refusal){ 10001, "empty value: apiTimestamp[] apiKey[] apiSignature[]" };
    if (!same(login->key, headers->key))
        return (struct refusal){ 10003, "API key is invalid." };
    if (!parse_ms(headers->timestamp, &timestamp) ||
        !parse_ms(headers->window ? headers->window : WINDOW_DEFAULT, &window))
        return (struct refusal){ 10001, "Request parameter error." };
    if (timestamp < now_ms - window || timestamp >= now_ms + AHEAD_MS)
        return (struct refusal){
            10002, "invalid request, please check your server timestamp or recv_window param"
        };
    if (!is_signed(login, headers, content, content_bytes))
        return (struct refusal){ 10004, "error sign! origin_string[...]" };
    return (struct refusal){ 0, "OK" };
}

bool auth_check_stream(const struct auth_login *login, const char *key, int64_t expires_ms,
                       const char *sign, int64_t now_ms)
{
    char digits[24];
    char expected[AUTH_HEX_MAX];
    int count = snprintf(digits, sizeof(digits), "%" PRId64, expires_ms);
    const char *parts[] = { "GET/realtime", digits };
    size_t bytes[] = { strlen("GET/realtime"), (size_t)count };

    if (!same(login->key, key) || expires_ms <= now_ms)
        return false;
    auth_hmac(login->secret, parts, bytes, ARRAY_LEN(parts), expected);
    return same(expected, sign);
}
