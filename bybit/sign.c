/* bybit/sign.c - one keyed context a thread: HMAC re-initialised with a NULL key, RSA by a kept
 * digest context. */
#include "bybit/sign.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#define KEY_BYTES_MAX    128
#define RSA_BITS_MIN     2048
#define RSA_BITS_MAX     4096
#define RSA_BYTES_MAX    (RSA_BITS_MAX / 8)
#define HMAC_BYTES       32
#define HMAC_BLOCK_BYTES 64
#define HEAD_BYTES_MAX   (20 + KEY_BYTES_MAX + 11 + 1) /* time stamp, key, window */

struct signer {
    const char *key;
    const char *secret; /* HMAC */
    EVP_PKEY *rsa;
};

struct signer_context {
    const struct signer *signer;
    EVP_MD_CTX *keyed; /* initialised once, copied for each signature; HMAC: after the inner key */
    EVP_MD_CTX *outer; /* HMAC: after the outer key */
    EVP_MD_CTX *work;
};

/* The key goes into a header: visible ASCII only. */
static bool key_is_valid(const char *key)
{
    size_t bytes = strlen(key);

    if (bytes == 0 || bytes > KEY_BYTES_MAX)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (key[i] <= 0x20 || key[i] >= 0x7f)
            return false;
    }
    return true;
}

static enum err signer_create(struct signer **out, const char *key, struct error *error)
{
    struct signer *signer;

    if (!key_is_valid(key))
        return error_set(error, ERR_INVALID,
                         "the API key is empty, too long or has odd characters");
    signer = calloc(1, sizeof(*signer));
    if (!signer)
        return error_set(error, ERR_NO_MEMORY, "signer: out of memory");
    signer->key = key;
    *out = signer;
    return ERR_NONE;
}

enum err signer_create_hmac(struct signer **out, const char *key, const char *secret,
                            struct error *error)
{
    struct signer *signer = NULL;
    enum err err;

    if (secret[0] == '\0')
        return error_set(error, ERR_INVALID, "the API secret is empty");
    err = signer_create(&signer, key, error);
    if (err)
        return err;
    assert(signer);
    signer->secret = secret;
    *out = signer;
    return ERR_NONE;
}

/* An encrypted key must not make OpenSSL ask on the terminal. */
static int no_passphrase(char *buffer, int buffer_bytes, int writing, void *userdata)
{
    (void)buffer;
    (void)buffer_bytes;
    (void)writing;
    (void)userdata;
    return -1;
}

static enum err rsa_read(EVP_PKEY **out, const char *pem, struct error *error)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *rsa;
    int bits;

    if (!bio)
        return error_set(error, ERR_NO_MEMORY, "signer: out of memory");
    rsa = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!rsa)
        return error_set(error, ERR_INVALID,
                         "the private key is not an unencrypted PEM private key");
    bits = EVP_PKEY_get_bits(rsa);
    if (!EVP_PKEY_is_a(rsa, "RSA") || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
        EVP_PKEY_free(rsa);
        return error_set(error, ERR_INVALID, "the private key must be RSA of %d to %d bits",
                         RSA_BITS_MIN, RSA_BITS_MAX);
    }
    *out = rsa;
    return ERR_NONE;
}

enum err signer_create_rsa(struct signer **out, const char *key, const char *pem,
                           struct error *error)
{
    struct signer *signer = NULL;
    enum err err = signer_create(&signer, key, error);

    if (err)
        return err;
    assert(signer);
    err = rsa_read(&signer->rsa, pem, error);
    if (err) {
        signer_destroy(signer);
        return err;
    }
    *out = signer;
    return ERR_NONE;
}

void signer_destroy(struct signer *signer)
{
    if (!signer)
        return;
    EVP_PKEY_free(signer->rsa);
    OPENSSL_cleanse(signer, sizeof(*signer));
    free(signer);
}

const char *signer_key(const struct signer *signer)
{
    return signer->key;
}

/* A hash that has taken in the key, each byte changed by `pad`. */
static EVP_MD_CTX *hmac_start(const unsigned char key[HMAC_BLOCK_BYTES], unsigned char pad)
{
    unsigned char block[HMAC_BLOCK_BYTES];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = key[i] ^ pad;
    if (hash && (EVP_DigestInit_ex2(hash, EVP_sha256(), NULL) != 1 ||
                 EVP_DigestUpdate(hash, block, sizeof(block)) != 1)) {
        EVP_MD_CTX_free(hash);
        hash = NULL;
    }
    OPENSSL_cleanse(block, sizeof(block));
    return hash;
}

/* RFC 2104 by hand: OpenSSL's own HMAC contexts keep a copy of the key in ordinary memory. */
static bool hmac_init(struct signer_context *context)
{
    const char *secret = context->signer->secret;
    size_t bytes = strlen(secret);
    unsigned char key[HMAC_BLOCK_BYTES] = { 0 };

    for (size_t i = 0; i < bytes && bytes <= sizeof(key); i++)
        key[i] = (unsigned char)secret[i];
    if (bytes > sizeof(key))
        (void)SHA256((const unsigned char *)secret, bytes, key);
    context->keyed = hmac_start(key, 0x36);
    context->outer = hmac_start(key, 0x5c);
    context->work = EVP_MD_CTX_new();
    OPENSSL_cleanse(key, sizeof(key));
    return context->keyed && context->outer && context->work;
}

static bool rsa_init(struct signer_context *context)
{
    context->keyed = EVP_MD_CTX_new();
    context->work = EVP_MD_CTX_new();
    return context->keyed && context->work &&
           EVP_DigestSignInit(context->keyed, NULL, EVP_sha256(), NULL, context->signer->rsa) == 1;
}

struct signer_context *signer_context_create(const struct signer *signer)
{
    struct signer_context *context = calloc(1, sizeof(*context));

    if (!context)
        return NULL;
    context->signer = signer;
    if (signer->rsa ? rsa_init(context) : hmac_init(context))
        return context;
    signer_context_destroy(context);
    ERR_clear_error();
    return NULL;
}

void signer_context_destroy(struct signer_context *context)
{
    if (!context)
        return;
    EVP_MD_CTX_free(context->keyed);
    EVP_MD_CTX_free(context->outer);
    EVP_MD_CTX_free(context->work);
    free(context);
}

static enum err hmac_sign(struct signer_context *context, const char *head, size_t head_bytes,
                          const char *content, size_t content_bytes, char out[SIGNATURE_MAX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[HMAC_BYTES];

    if (EVP_MD_CTX_copy_ex(context->work, context->keyed) != 1 ||
        EVP_DigestUpdate(context->work, head, head_bytes) != 1 ||
        (content_bytes > 0 && EVP_DigestUpdate(context->work, content, content_bytes) != 1) ||
        EVP_DigestFinal_ex(context->work, digest, NULL) != 1 ||
        EVP_MD_CTX_copy_ex(context->work, context->outer) != 1 ||
        EVP_DigestUpdate(context->work, digest, sizeof(digest)) != 1 ||
        EVP_DigestFinal_ex(context->work, digest, NULL) != 1)
        return ERR_INTERNAL;
    for (size_t i = 0; i < sizeof(digest); i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[2 * sizeof(digest)] = '\0';
    return ERR_NONE;
}

static enum err rsa_sign(struct signer_context *context, const char *head, size_t head_bytes,
                         const char *content, size_t content_bytes, char out[SIGNATURE_MAX])
{
    unsigned char signature[RSA_BYTES_MAX];
    size_t signature_bytes = sizeof(signature);

    if (EVP_MD_CTX_copy_ex(context->work, context->keyed) != 1 ||
        EVP_DigestSignUpdate(context->work, head, head_bytes) != 1 ||
        (content_bytes > 0 && EVP_DigestSignUpdate(context->work, content, content_bytes) != 1) ||
        EVP_DigestSignFinal(context->work, signature, &signature_bytes) != 1)
        return ERR_INTERNAL;
    EVP_EncodeBlock((unsigned char *)out, signature, (int)signature_bytes);
    return ERR_NONE;
}

static enum err sign(struct signer_context *context, const char *head, size_t head_bytes,
                     const char *content, size_t content_bytes, char out[SIGNATURE_MAX])
{
    enum err err = context->outer
                       ? hmac_sign(context, head, head_bytes, content, content_bytes, out)
                       : rsa_sign(context, head, head_bytes, content, content_bytes, out);

    if (err) {
        out[0] = '\0';
        ERR_clear_error();
    }
    return err;
}

enum err sign_rest(struct signer_context *context, int64_t timestamp_ms, int recv_window_ms,
                   const char *content, size_t content_bytes, char out[SIGNATURE_MAX])
{
    char head[HEAD_BYTES_MAX];
    int bytes = snprintf(head, sizeof(head), "%" PRId64 "%s%d", timestamp_ms, context->signer->key,
                         recv_window_ms);

    out[0] = '\0';
    if (bytes < 0 || (size_t)bytes >= sizeof(head))
        return ERR_INTERNAL;
    return sign(context, head, (size_t)bytes, content, content_bytes, out);
}

enum err sign_socket(struct signer_context *context, int64_t expires_ms, char out[SIGNATURE_MAX])
{
    char head[HEAD_BYTES_MAX];
    int bytes = snprintf(head, sizeof(head), "GET/realtime%" PRId64, expires_ms);

    out[0] = '\0';
    if (bytes < 0 || (size_t)bytes >= sizeof(head))
        return ERR_INTERNAL;
    return sign(context, head, (size_t)bytes, NULL, 0, out);
}
