/* Which journal: one belongs to one environment and account. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/text.h"
#include "server/config_parts.h"

void config_account(const struct config *config, char out[16])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    if (config_is_embedded(config) || !config->api_key) {
        (void)snprintf(out, 16, "sim");
        return;
    }
    SHA256((const unsigned char *)config->api_key, strlen(config->api_key), hash);
    (void)snprintf(out, 16, "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

enum err config_journal_path(const struct config *config, char *out, size_t out_bytes,
                             struct error *error)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    struct text path = text_in(out, out_bytes);
    char account[16];

    if (config->journal[0]) {
        text_add(&path, config->journal);
        return ERR_NONE;
    }
    config_account(config, account);
    if (state && state[0] == '/')
        text_addf(&path, "%s/bybit-bridge/", state);
    else if (home && home[0] == '/')
        text_addf(&path, "%s/.local/state/bybit-bridge/", home);
    else
        return error_set(error, ERR_INVALID,
                         "there is no HOME to keep the journal in: give --journal PATH");
    if (config_is_embedded(config))
        text_add(&path, "sim.db");
    else
        text_addf(&path, "%s-%s.db", env_word(config->env), account);
    return text_fits(&path) ? ERR_NONE
                            : error_set(error, ERR_INVALID, "the journal's path is too long");
}
