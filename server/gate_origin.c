/* G5, G11, G12: the Host, and whether a browser's page asks, and which. */
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "server/gate_parts.h"

bool gate_host_name(const char *host, size_t host_bytes, size_t *name_bytes)
{
    const char *end = host_bytes && host[0] == '[' ? memchr(host, ']', host_bytes)
                                                   : memchr(host, ':', host_bytes);
    size_t bytes;

    if (host_bytes && host[0] == '[') {
        if (!end)
            return false;
        end++;
    }
    bytes = end ? (size_t)(end - host) : host_bytes;
    *name_bytes = bytes;
    if (bytes == host_bytes)
        return bytes > 0;
    return bytes > 0 && host[bytes] == ':' && host_bytes - bytes <= 6 &&
           gate_all_digits(host + bytes + 1, host_bytes - bytes - 1);
}

static const char *find_text(const char *const *words, size_t count, const char *text, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (gate_same(words[i], text, bytes))
            return words[i];
    }
    return NULL;
}

bool gate_check_host(const struct gate_config *config, const struct found *found,
                     struct gate_verdict *out)
{
    static const char *const own[] = { "127.0.0.1", "localhost", "[::1]" };
    const char *host;
    size_t bytes;
    size_t name_bytes;

    if (!found->at[HEADER_HOST])
        return gate_refuse(out, 400, "bad_request", "there is no Host header");
    gate_trim(found->at[HEADER_HOST], &host, &bytes);
    if (bytes == 0)
        return gate_refuse(out, 400, "bad_request", "the Host header is empty");
    if (gate_host_name(host, bytes, &name_bytes) &&
        (find_text(own, ARRAY_LEN(own), host, name_bytes) ||
         find_text(config->allow_hosts, config->allow_hosts_count, host, name_bytes)))
        return true;
    return gate_refuse(out, 421, "misdirected",
                       "the Host must be localhost, 127.0.0.1, [::1] or a name given by "
                       "--allow-host");
}

static bool is_own_origin(const struct found *found, const char *origin, size_t bytes)
{
    const char *host;
    size_t host_bytes;

    gate_trim(found->at[HEADER_HOST], &host, &host_bytes);
    return bytes == host_bytes + 7 && strncasecmp(origin, "http://", 7) == 0 &&
           strncasecmp(origin + 7, host, host_bytes) == 0;
}

/* A configured origin is judged by its name alone: for it the browser's Sec-Fetch-Site says
 * same-site or cross-site. */
bool gate_check_origin(const struct gate_config *config, const struct found *found,
                       struct gate_verdict *out)
{
    const char *origin;
    size_t bytes;
    bool own;

    if (!found->at[HEADER_ORIGIN])
        return true;
    out->browser = true;
    gate_trim(found->at[HEADER_ORIGIN], &origin, &bytes);
    own = is_own_origin(found, origin, bytes);
    out->own_page = own;
    out->cors_origin = find_text(config->trade_origins, config->trade_origins_count, origin, bytes);
    if (out->cors_origin || (own && config->dashboard_trading)) {
        out->ceiling = ACCESS_ADMIN;
        return true;
    }
    out->ceiling = ACCESS_READ;
    out->cors_origin = find_text(config->allow_origins, config->allow_origins_count, origin, bytes);
    if (own || out->cors_origin)
        return true;
    return gate_refuse(out, 403, "forbidden_origin",
                       "pages of other origins may not ask; --allow-origin lists those that may");
}

bool gate_check_fetch_site(const struct gate_head *head, const struct found *found,
                           struct gate_verdict *out)
{
    const char *site;
    size_t bytes;
    bool reads = strcmp(head->method, "GET") == 0 || out->is_head;
    bool same;

    if (!found->at[HEADER_SEC_FETCH_SITE])
        return true;
    out->browser = true;
    gate_trim(found->at[HEADER_SEC_FETCH_SITE], &site, &bytes);
    same = gate_same("same-origin", site, bytes);
    if (!found->at[HEADER_ORIGIN]) {
        out->ceiling = ACCESS_READ;
        out->own_page = same;
    }
    if (out->cors_origin || same || (reads && gate_same("none", site, bytes)))
        return true;
    return gate_refuse(out, 403, "forbidden_origin",
                       "a page of another site asks (Sec-Fetch-Site); that is not taken");
}
