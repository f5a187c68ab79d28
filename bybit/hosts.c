#include "bybit/hosts.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define STREAM "wss://stream.bybit.com"

static const char *const env_words[] = {
    [ENV_SIM] = "sim", [ENV_TESTNET] = "testnet", [ENV_DEMO] = "demo", [ENV_MAINNET] = "mainnet"
};

static const struct bybit_hosts demo = { "https://api-demo.bybit.com", STREAM,
                                         "wss://stream-demo.bybit.com" };

static const struct {
    const char *word;
    struct bybit_hosts mainnet;
    struct bybit_hosts testnet; /* rest NULL: none */
} sites[SITE_COUNT] = {
    [SITE_GLOBAL] = { "global",
                      { "https://api.bybit.com", STREAM, STREAM },
                      { "https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com",
                        "wss://stream-testnet.bybit.com" } },
    [SITE_BYTICK] = { "bytick",
                      { "https://api.bytick.com", STREAM, STREAM },
                      { NULL, NULL, NULL } },
    [SITE_NL] = { "nl", { "https://api.bybit.nl", STREAM, STREAM }, { NULL, NULL, NULL } },
    [SITE_TR] = { "tr",
                  { "https://api.bybit.tr", "wss://stream.bybit.tr", "wss://stream.bybit.tr" },
                  { NULL, NULL, NULL } },
    [SITE_KZ] = { "kz",
                  { "https://api.bybit.kz", "wss://stream.bybit.kz", "wss://stream.bybit.kz" },
                  { NULL, NULL, NULL } },
    [SITE_GE] = { "ge",
                  { "https://api.bybitgeorgia.ge", "wss://stream.bybitgeorgia.ge",
                    "wss://stream.bybitgeorgia.ge" },
                  { NULL, NULL, NULL } },
    [SITE_AE] = { "ae", { "https://api.bybit.ae", STREAM, STREAM }, { NULL, NULL, NULL } },
    [SITE_EU] = { "eu", { "https://api.bybit.eu", STREAM, STREAM }, { NULL, NULL, NULL } },
    [SITE_ID] = { "id",
                  { "https://api.bybit.id", "wss://stream.bybit.id", "wss://stream.bybit.id" },
                  { NULL, NULL, NULL } },
    [SITE_JP] = { "jp",
                  { "https://api.manepa.jp", "wss://stream.manepa.jp", "wss://stream.manepa.jp" },
                  { "https://api-testnet.manepa.jp", "wss://stream-testnet.bybit.com",
                    "wss://stream-testnet.bybit.com" } },
};

const char *env_word(enum bybit_env env)
{
    return env_words[env];
}

enum err env_parse(const char *word, enum bybit_env *out)
{
    for (size_t i = 0; i < ARRAY_LEN(env_words); i++) {
        if (strcmp(word, env_words[i]) == 0) {
            *out = (enum bybit_env)i;
            return ERR_NONE;
        }
    }
    return ERR_INVALID;
}

const char *site_word(enum bybit_site site)
{
    return sites[site].word;
}

enum err site_parse(const char *word, enum bybit_site *out)
{
    for (size_t i = 0; i < SITE_COUNT; i++) {
        if (strcmp(word, sites[i].word) == 0) {
            *out = (enum bybit_site)i;
            return ERR_NONE;
        }
    }
    return ERR_INVALID;
}

unsigned env_without_batches(enum bybit_env env)
{
    return env == ENV_DEMO ? 1U << CATEGORY_SPOT | 1U << CATEGORY_INVERSE : 0;
}

const struct bybit_hosts *bybit_hosts(enum bybit_env env, enum bybit_site site)
{
    switch (env) {
    case ENV_SIM:
        return NULL;
    case ENV_DEMO:
        return site == SITE_GLOBAL ? &demo : NULL;
    case ENV_TESTNET:
        return sites[site].testnet.rest ? &sites[site].testnet : NULL;
    case ENV_MAINNET:
        return &sites[site].mainnet;
    }
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Labels of letters, digits, '-' and '_', which neither start nor end with '-'. */
static bool labels_are_valid(const char *host)
{
    size_t label = 0;

    for (const char *at = host; *at; at++) {
        if (*at == '.') {
            if (label == 0 || at[-1] == '-')
                return false;
            label = 0;
        } else if (is_letter(*at) || is_digit(*at) || *at == '_' || (*at == '-' && label > 0)) {
            if (++label > 63)
                return false;
        } else {
            return false;
        }
    }
    return label > 0 && host[strlen(host) - 1] != '-';
}

/* A last label that starts with a digit is an address to resolvers (127.1, 0x7f.1, 2130706433):
 * then all of it must be a plain dotted quad. */
static bool name_is_valid(const char *host, bool *loopback)
{
    const char *last = strrchr(host, '.');
    struct in_addr address;

    *loopback = false;
    if (!labels_are_valid(host))
        return false;
    last = last ? last + 1 : host;
    if (!is_digit(*last))
        return true;
    if (inet_pton(AF_INET, host, &address) != 1)
        return false;
    *loopback = (ntohl(address.s_addr) >> 24) == 127;
    return true;
}

static bool ipv6_is_valid(const char *host, bool *loopback)
{
    struct in6_addr address;

    if (inet_pton(AF_INET6, host, &address) != 1)
        return false;
    *loopback = IN6_IS_ADDR_LOOPBACK(&address);
    return true;
}

/* Digits only, 1 to 65535, no leading zero. */
static bool port_parse(const char *text, int *out)
{
    int port = 0;

    if (*text < '1' || *text > '9')
        return false;
    for (; *text; text++) {
        if (!is_digit(*text))
            return false;
        port = port * 10 + (*text - '0');
        if (port > 65535)
            return false;
    }
    *out = port;
    return true;
}

/* What stands behind "scheme://". Writes host, port and whether the host is a loopback literal. */
static const char *authority_parse(struct origin *out, const char *text, bool *loopback)
{
    size_t bytes;

    if (*text == '[') {
        bytes = strcspn(++text, "]");
        if (!text[bytes] || text_copy_n(out->host, sizeof(out->host), text, bytes) ||
            !ipv6_is_valid(out->host, loopback))
            return "the IPv6 address is not valid";
        text += bytes + 1;
        if (*text && *text != ':')
            return "only a port may follow the address: no path, no query";
    } else {
        bytes = strcspn(text, ":/?#@\\");
        if (text[bytes] && text[bytes] != ':')
            return "give scheme, host and port only: no user, no path, no query";
        if (text_copy_n(out->host, sizeof(out->host), text, bytes) ||
            !name_is_valid(out->host, loopback))
            return "the host name is not valid";
        text += bytes;
    }
    if (*text == ':' && !port_parse(text + 1, &out->port))
        return "the port is not a number from 1 to 65535";
    return NULL;
}

static bool scheme_is(const char *url, const char *scheme, const char **rest)
{
    size_t bytes = strlen(scheme);

    if (strncmp(url, scheme, bytes) != 0 || strncmp(url + bytes, "://", 3) != 0)
        return false;
    *rest = url + bytes + 3;
    return true;
}

enum err origin_parse(struct origin *out, const char *url, const char *plain_scheme,
                      const char *tls_scheme, struct error *error)
{
    struct origin origin = { 0 };
    const char *rest = NULL;
    const char *why;
    bool loopback = false;

    if (scheme_is(url, tls_scheme, &rest))
        origin.tls = 1;
    else if (!scheme_is(url, plain_scheme, &rest))
        return error_set(error, ERR_INVALID, "a URL here starts with %s://", tls_scheme);
    origin.port = origin.tls ? 443 : 80;
    why = authority_parse(&origin, rest, &loopback);
    if (why)
        return error_set(error, ERR_INVALID, "URL: %s", why);
    if (!origin.tls && !loopback)
        return error_set(error, ERR_INVALID,
                         "%s:// goes only to 127.0.0.1 or [::1], elsewhere use %s://", plain_scheme,
                         tls_scheme);
    *out = origin;
    return ERR_NONE;
}
