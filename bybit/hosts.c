#include "bybit/hosts.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *word;
    const char *rest;
    const char *public_ws;
    const char *private_ws;
} environments[] = {
    [ENV_SIM] = { "sim", NULL, NULL, NULL },
    [ENV_TESTNET] = { "testnet", "https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com",
                      "wss://stream-testnet.bybit.com" },
    [ENV_DEMO] = { "demo", "https://api-demo.bybit.com", "wss://stream.bybit.com",
                   "wss://stream-demo.bybit.com" },
    [ENV_MAINNET] = { "mainnet", "https://api.bybit.com", "wss://stream.bybit.com",
                      "wss://stream.bybit.com" },
};

const char *env_word(enum bybit_env env)
{
    return environments[env].word;
}

enum err env_parse(const char *word, enum bybit_env *out)
{
    for (size_t i = 0; i < ARRAY_LEN(environments); i++) {
        if (strcmp(word, environments[i].word) == 0) {
            *out = (enum bybit_env)i;
            return ERR_NONE;
        }
    }
    return ERR_INVALID;
}

const char *env_rest_url(enum bybit_env env)
{
    return environments[env].rest;
}

const char *env_public_ws_url(enum bybit_env env)
{
    return environments[env].public_ws;
}

const char *env_private_ws_url(enum bybit_env env)
{
    return environments[env].private_ws;
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
