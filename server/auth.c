#include "server/auth.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/error.h"

#define ID_BYTES ((size_t)32)

struct digest {
    unsigned char bytes[SHA256_DIGEST_LENGTH];
};

struct session {
    struct digest id;
    int64_t ends_ms; /* 0: free */
};

struct auth {
    struct digest tokens[ACCESS_ADMIN + 1];
    bool has_token[ACCESS_ADMIN + 1];
    struct session sessions[ACCESS_ADMIN + 1][AUTH_SESSIONS_MAX];
    int64_t failures_ms[AUTH_FAILURES_MAX]; /* of the last ones, round and round */
    size_t failures_next;
    bool failures_full;
};

static struct digest digest_of(const char *text, size_t bytes)
{
    struct digest digest;

    (void)SHA256((const unsigned char *)text, bytes, digest.bytes);
    return digest;
}

static bool is_same(const struct digest *a, const struct digest *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static void set_token(struct auth *auth, enum api_access role, const char *token)
{
    auth->has_token[role] = token != NULL;
    if (token)
        auth->tokens[role] = digest_of(token, strlen(token));
}

struct auth *auth_create(const struct auth_tokens *tokens)
{
    struct auth *auth = calloc(1, sizeof(*auth));

    if (!auth)
        return NULL;
    set_token(auth, ACCESS_READ, tokens->read);
    set_token(auth, ACCESS_TRADE, tokens->trade);
    set_token(auth, ACCESS_ADMIN, tokens->admin);
    return auth;
}

void auth_destroy(struct auth *auth)
{
    if (!auth)
        return;
    OPENSSL_cleanse(auth, sizeof(*auth));
    free(auth);
}

bool auth_is_needed(const struct auth *auth)
{
    return auth && (auth->has_token[ACCESS_READ] || auth->has_token[ACCESS_TRADE] ||
                    auth->has_token[ACCESS_ADMIN]);
}

bool auth_check_token(const struct auth *auth, const char *token, size_t bytes,
                      enum api_access *role)
{
    const struct digest digest = digest_of(token, bytes);
    bool found = false;

    for (int i = ACCESS_READ; i <= ACCESS_ADMIN; i++) {
        if (is_same(&digest, &auth->tokens[i]) && auth->has_token[i]) {
            *role = (enum api_access)i;
            found = true;
        }
    }
    return found;
}

bool auth_check_session(const struct auth *auth, const char *id, size_t bytes, int64_t now_ms,
                        enum api_access *role)
{
    const struct digest digest = digest_of(id, bytes);
    bool found = false;

    for (int i = ACCESS_READ; i <= ACCESS_ADMIN; i++) {
        for (size_t j = 0; j < AUTH_SESSIONS_MAX; j++) {
            const struct session *session = &auth->sessions[i][j];

            if (is_same(&digest, &session->id) && now_ms < session->ends_ms) {
                *role = (enum api_access)i;
                found = true;
            }
        }
    }
    return found;
}

/* A free one, one that has ended, or the one that ends first: of the role, so that who may only
 * read logs nobody out who may do more. */
static struct session *oldest(struct auth *auth, enum api_access role)
{
    struct session *sessions = auth->sessions[role];
    struct session *found = &sessions[0];

    for (size_t i = 1; i < AUTH_SESSIONS_MAX; i++) {
        if (sessions[i].ends_ms < found->ends_ms)
            found = &sessions[i];
    }
    return found;
}

enum err auth_login(struct auth *auth, enum api_access role, int64_t now_ms,
                    char id[AUTH_SESSION_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char random[ID_BYTES];

    if (RAND_bytes(random, sizeof(random)) != 1)
        return ERR_INTERNAL;
    for (size_t i = 0; i < ID_BYTES; i++) {
        id[i * 2] = hex[random[i] >> 4];
        id[i * 2 + 1] = hex[random[i] & 15];
    }
    id[ID_BYTES * 2] = '\0';
    OPENSSL_cleanse(random, sizeof(random));
    *oldest(auth, role) =
        (struct session){ .id = digest_of(id, ID_BYTES * 2), .ends_ms = now_ms + AUTH_SESSION_MS };
    return ERR_NONE;
}

void auth_logout(struct auth *auth, const char *id, size_t bytes)
{
    const struct digest digest = digest_of(id, bytes);

    for (int i = ACCESS_READ; i <= ACCESS_ADMIN; i++) {
        for (size_t j = 0; j < AUTH_SESSIONS_MAX; j++) {
            if (is_same(&digest, &auth->sessions[i][j].id))
                auth->sessions[i][j] = (struct session){ .ends_ms = 0 };
        }
    }
}

bool auth_note_failure(struct auth *auth, int64_t now_ms)
{
    int64_t *slot = &auth->failures_ms[auth->failures_next];
    bool slow = auth->failures_full && now_ms - *slot < AUTH_FAILURES_MS;

    *slot = now_ms;
    auth->failures_next = (auth->failures_next + 1) % AUTH_FAILURES_MAX;
    auth->failures_full = auth->failures_full || auth->failures_next == 0;
    return slow;
}

const char *auth_role_word(enum api_access role)
{
    static const char *const words[] = {
        [ACCESS_READ] = "read", [ACCESS_TRADE] = "trade", [ACCESS_ADMIN] = "admin"
    };

    return words[role];
}
