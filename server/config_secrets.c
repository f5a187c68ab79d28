/* Keys and tokens (gate rule G22): from the environment, from files, from the service manager's
 * credentials. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config_parts.h"

#define TOKEN_MIN 16
#define TOKEN_MAX 256

static enum err read_credential(struct secret_page *secrets, const char *file, const char **out,
                                struct error *error)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[CONFIG_TEXT_MAX];

    if (*out || !folder)
        return ERR_NONE;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (access(path, F_OK) != 0)
        return ERR_NONE;
    return secret_add_file(secrets, path, 0, out, error);
}

static enum err read_secret(struct secret_page *secrets, const char *name, const char *file,
                            const char **out, struct error *error)
{
    char file_name[64];
    const char *path;
    enum err err = secret_add_env(secrets, name, out, error);

    if (err || *out)
        return err;
    (void)snprintf(file_name, sizeof(file_name), "%s_FILE", name);
    path = getenv(file_name);
    if (path && path[0])
        return secret_add_file(secrets, path, 0, out, error);
    return read_credential(secrets, file, out, error);
}

/* As a header can carry it. */
static bool is_visible(const char *text)
{
    for (; *text; text++) {
        if (*text <= 0x20 || *text >= 0x7f)
            return false;
    }
    return true;
}

static enum err read_token(struct secret_page *secrets, const char *path, const char **out,
                           struct error *error)
{
    if (!path[0])
        return ERR_NONE;
    if (secret_add_file(secrets, path, 0, out, error))
        return error->code;
    if (strlen(*out) >= TOKEN_MIN && strlen(*out) <= TOKEN_MAX && is_visible(*out))
        return ERR_NONE;
    return error_set(error, ERR_INVALID,
                     "%.120s: a token is one line of %d to %d letters, digits and signs without "
                     "blanks, for example: openssl rand -hex 32",
                     path, TOKEN_MIN, TOKEN_MAX);
}

static bool is_same_token(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static enum err read_tokens(struct config *config, struct secret_page *secrets, struct error *error)
{
    enum err err = read_token(secrets, config->token_file, &config->token, error);

    if (!err)
        err = read_token(secrets, config->read_token_file, &config->read_token, error);
    if (!err)
        err = read_token(secrets, config->admin_token_file, &config->admin_token, error);
    if (err)
        return err;
    if (is_same_token(config->token, config->read_token) ||
        is_same_token(config->token, config->admin_token) ||
        is_same_token(config->read_token, config->admin_token))
        return error_set(error, ERR_INVALID,
                         "two of the token files hold the same token: which role would it have?");
    return ERR_NONE;
}

enum err config_read_secrets(struct config *config, struct secret_page *secrets,
                             struct error *error)
{
    const char *pem = getenv("BYBIT_API_PRIVATE_KEY_PATH");
    enum err err = read_secret(secrets, "BYBIT_API_KEY", "bybit-api-key", &config->api_key, error);

    if (!err)
        err = read_secret(secrets, "BYBIT_API_SECRET", "bybit-api-secret", &config->api_secret,
                          error);
    if (!err && pem && pem[0])
        err = secret_add_file(secrets, pem, 1, &config->api_private_key, error);
    if (err)
        return err;
    err = read_tokens(config, secrets, error);
    if (err)
        return err;
    if (config->api_secret && config->api_private_key)
        return error_set(
            error, ERR_INVALID,
            "BYBIT_API_SECRET and BYBIT_API_PRIVATE_KEY_PATH are both set: a key has one of them");
    if (config->api_key && !config->api_secret && !config->api_private_key)
        return error_set(error, ERR_INVALID,
                         "BYBIT_API_KEY is set without BYBIT_API_SECRET (or _FILE) or "
                         "BYBIT_API_PRIVATE_KEY_PATH");
    if (!config->api_key && (config->api_secret || config->api_private_key))
        return error_set(error, ERR_INVALID, "the secret is set, but BYBIT_API_KEY is not");
    return ERR_NONE;
}
