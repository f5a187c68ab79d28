/* server/gate_parts.h - what gate.c, gate_origin.c, gate_route.c and gate_token.c share. Each check
 * returns false with the refusal in the verdict. Pure.
 */
#pragma once

#include "server/gate.h"

/* Headers that mean something here; each at most once, but for Accept (the first one counts). */
enum known_header {
    HEADER_HOST,
    HEADER_ORIGIN,
    HEADER_SEC_FETCH_SITE,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TYPE,
    HEADER_TRANSFER_ENCODING,
    HEADER_IDEMPOTENCY_KEY,
    HEADER_CLIENT,
    HEADER_EXPECT_ENV,
    HEADER_LAST_EVENT_ID,
    HEADER_REQUEST_METHOD,
    HEADER_ACCEPT,
    HEADER_AUTHORIZATION,
    HEADER_API_KEY,
    HEADER_COOKIE,
    HEADER_COUNT
};

struct found {
    const struct gate_header *at[HEADER_COUNT];
};

/* The value without blanks at its end. */
void gate_trim(const struct gate_header *header, const char **text, size_t *bytes);
/* Whether `text` is `word`, in whatever case. */
bool gate_same(const char *word, const char *text, size_t bytes);
bool gate_all_digits(const char *text, size_t bytes);

/* G5 */
bool gate_check_host(const struct gate_config *config, const struct found *found,
                     struct gate_verdict *out);
/* G11 */
bool gate_check_origin(const struct gate_config *config, const struct found *found,
                       struct gate_verdict *out);
bool gate_check_fetch_site(const struct gate_head *head, const struct found *found,
                           struct gate_verdict *out);

/* Finds the endpoint, ours or the exchange's, without a refusal yet. `*known`: the path is one. */
void gate_look_up(const struct gate_head *head, const struct found *found, struct gate_verdict *out,
                  bool *known);
/* G9, G21: there is one, and it is not switched off. */
bool gate_check_found(const struct gate_config *config, bool known, struct gate_verdict *out);
/* G12, G13: the role covers it. */
bool gate_check_role(const struct gate_config *config, struct gate_verdict *out);

/* G13: finds the caller's role by token or session. */
bool gate_check_token(const struct gate_config *config, const struct gate_head *head,
                      const struct found *found, struct gate_verdict *out);
