/* bybit/hosts.h - environments and their hosts (PROTOCOL section 1, gate rule G20). */
#pragma once

#include "base/error.h"

enum bybit_env { ENV_SIM, ENV_TESTNET, ENV_DEMO, ENV_MAINNET };

const char *env_word(enum bybit_env env);
/* ERR_INVALID: not a known word. */
MUST_CHECK enum err env_parse(const char *word, enum bybit_env *out);

/* Origins without a path: "https://api.bybit.com", "wss://stream.bybit.com". ENV_SIM has none
 * (NULL). Demo: public streams come from mainnet. */
const char *env_rest_url(enum bybit_env env);
const char *env_public_ws_url(enum bybit_env env);
const char *env_private_ws_url(enum bybit_env env);

/* A URL of scheme, host and optional port, nothing else. `plain_scheme`/`tls_scheme` are
 * "http"/"https" or "ws"/"wss"; the plain one only to a loopback literal. */
struct origin {
    int tls;
    char host[128]; /* brackets of IPv6 removed */
    int port;
};
MUST_CHECK enum err origin_parse(struct origin *out, const char *url, const char *plain_scheme,
                                 const char *tls_scheme, struct error *error);
