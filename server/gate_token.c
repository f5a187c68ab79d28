/* G13: the caller's token, or the session of a logged-in browser. */
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "server/gate_parts.h"

struct token {
    const char *text; /* NULL: none */
    size_t bytes;
};

static void skip_blanks(struct token *token)
{
    while (token->bytes && (*token->text == ' ' || *token->text == '\t')) {
        token->text++;
        token->bytes--;
    }
}

/* "Bearer T"; false: another scheme. */
static bool read_bearer(const struct gate_header *header, struct token *token)
{
    gate_trim(header, &token->text, &token->bytes);
    skip_blanks(token);
    if (token->bytes < 8 || strncasecmp(token->text, "Bearer", 6) != 0 ||
        (token->text[6] != ' ' && token->text[6] != '\t'))
        return false;
    token->text += 6;
    token->bytes -= 6;
    skip_blanks(token);
    return token->bytes > 0;
}

/* The value of our cookie among "a=b; c=d". */
static void read_cookie(const struct gate_header *header, struct gate_verdict *out)
{
    static const char name[] = AUTH_COOKIE "=";
    const char *at = header->value;

    while (*at) {
        size_t bytes;

        at += strspn(at, " \t;");
        bytes = strcspn(at, ";");
        if (strncmp(at, name, sizeof(name) - 1) == 0) {
            out->session = at + sizeof(name) - 1;
            out->session_bytes = bytes - (sizeof(name) - 1);
            return;
        }
        at += bytes;
    }
}

static bool read_token(const struct found *found, struct token *token, struct gate_verdict *out)
{
    struct token other = { .text = NULL };

    *token = (struct token){ .text = NULL };
    if (found->at[HEADER_AUTHORIZATION] && !read_bearer(found->at[HEADER_AUTHORIZATION], token)) {
        token->text = NULL;
        return gate_refuse(out, 401, "token_required",
                           "the Authorization header must be 'Bearer' and the token");
    }
    if (!found->at[HEADER_API_KEY])
        return true;
    gate_trim(found->at[HEADER_API_KEY], &other.text, &other.bytes);
    if (token->text &&
        (token->bytes != other.bytes || CRYPTO_memcmp(token->text, other.text, other.bytes) != 0))
        return gate_refuse(out, 400, "bad_request",
                           "Authorization and X-Api-Key are two different tokens: give one");
    *token = other;
    return true;
}

/* Over plain http to another machine browsers send no Sec-Fetch-Site, and no Origin with a GET; an
 * address that was typed says "none". Such a GET may come from anywhere, but whoever sent it cannot
 * read the answer (no CORS header, CORP same-origin), the cookie is SameSite=Strict, and it changes
 * nothing. */
static bool is_unmarked_read(const struct gate_head *head, const struct found *found)
{
    const struct gate_header *site = found->at[HEADER_SEC_FETCH_SITE];

    return !found->at[HEADER_ORIGIN] &&
           (!site || gate_same("none", site->value, site->value_bytes)) &&
           (strcmp(head->method, "GET") == 0 || strcmp(head->method, "HEAD") == 0);
}

/* A cookie counts where only our own pages can have sent it from; for reading, also where it does
 * no harm. */
static bool check_session(const struct gate_config *config, const struct gate_head *head,
                          const struct found *found, struct gate_verdict *out)
{
    bool unmarked = is_unmarked_read(head, found);

    if (out->session && unmarked)
        out->ceiling = ACCESS_READ;
    if (out->session && (out->own_page || unmarked)) {
        if (auth_check_session(config->auth, out->session, out->session_bytes, head->now_ms,
                               &out->role))
            return true;
        return gate_refuse(out, 401, "token_required", "the session has ended: log in again");
    }
    return gate_refuse(out, 401, "token_required", "this bridge wants a token with each call");
}

bool gate_check_token(const struct gate_config *config, const struct gate_head *head,
                      const struct found *found, struct gate_verdict *out)
{
    struct token token;

    if (found->at[HEADER_COOKIE])
        read_cookie(found->at[HEADER_COOKIE], out);
    if (!auth_is_needed(config->auth))
        return true;
    out->role = ACCESS_READ;
    if (out->endpoint && out->endpoint->flags & NO_TOKEN)
        return true;
    if (!read_token(found, &token, out))
        return false;
    if (!token.text)
        return check_session(config, head, found, out);
    if (auth_check_token(config->auth, token.text, token.bytes, &out->role))
        return true;
    out->wrong_token = true;
    return gate_refuse(out, 401, "token_required", "this is not one of the bridge's tokens");
}
