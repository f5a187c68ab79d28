/* bybit/hosts.h - environments and their hosts (PROTOCOL section 1, gate rule G20). */
#pragma once

#include "base/error.h"
#include "base/trade.h"

enum bybit_env { ENV_SIM, ENV_TESTNET, ENV_DEMO, ENV_MAINNET };

const char *env_word(enum bybit_env env);
/* ERR_INVALID: not a known word. */
MUST_CHECK enum err env_parse(const char *word, enum bybit_env *out);

/* Bits (1 << category) of where the exchange takes orders and cancels one by one only (PROTOCOL
 * section 19). */
unsigned env_without_batches(enum bybit_env env);

/* Where an account is registered decides its hosts on mainnet; Japan has a testnet too. A site
 * without stream hosts of its own uses the global ones. Other environments know SITE_GLOBAL only.
 */
enum bybit_site {
    SITE_GLOBAL,
    SITE_BYTICK, /* the same exchange under another name */
    SITE_NL,
    SITE_TR,
    SITE_KZ,
    SITE_GE,
    SITE_AE,
    SITE_EU,
    SITE_ID,
    SITE_JP,
    SITE_COUNT
};
const char *site_word(enum bybit_site site);
/* ERR_INVALID: not a known word. */
MUST_CHECK enum err site_parse(const char *word, enum bybit_site *out);

/* Origins without a path: "https://api.bybit.com", "wss://stream.bybit.com". Demo: public streams
 * come from mainnet. */
struct bybit_hosts {
    const char *rest;
    const char *public_ws;
    const char *private_ws;
};
/* NULL: the environment has no such site; ENV_SIM has none at all. */
const struct bybit_hosts *bybit_hosts(enum bybit_env env, enum bybit_site site);

/* A URL of scheme, host and optional port, nothing else. `plain_scheme`/`tls_scheme` are
 * "http"/"https" or "ws"/"wss"; the plain one only to a loopback literal. */
struct origin {
    int tls;
    char host[128]; /* brackets of IPv6 removed */
    int port;
};
MUST_CHECK enum err origin_parse(struct origin *out, const char *url, const char *plain_scheme,
                                 const char *tls_scheme, struct error *error);
