#include "server/about.h"

#include <string.h>

#include <curl/curl.h>
#include <libwebsockets.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include "base/json.h"
#include "base/text.h"

/* Up to the first byte that is not of a version. */
static void add_library(struct text *out, const char *name, const char *version)
{
    size_t bytes = strspn(version, "0123456789abcdefghijklmnopqrstuvwxyz.-+_~");

    while (bytes > 0 && strchr(".-", version[bytes - 1]))
        bytes--;
    text_addf(out, "%s%s=\"%.*s\"", out->bytes ? "," : "", name, (int)bytes, version);
}

const char *about_libraries(char out[ABOUT_LIBRARIES_MAX])
{
    struct text text = text_in(out, ABOUT_LIBRARIES_MAX);

    add_library(&text, "libcurl", curl_version_info(CURLVERSION_NOW)->version);
    add_library(&text, "libmicrohttpd", MHD_get_version());
    add_library(&text, "libwebsockets", lws_get_library_version());
    add_library(&text, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
    add_library(&text, "sqlite", sqlite3_libversion());
    return out;
}

static void add_bool(struct buffer *out, const char *key, bool value)
{
    json_add_key(out, key);
    json_add_bool(out, value);
}

void about_add_server(struct buffer *out, const struct config *config, const struct http *http)
{
    json_add_key(out, "server");
    json_add_open(out, '{');
    http_add_listen(out, http);
    add_bool(out, "read_only", config->read_only);
    json_add_key(out, "tokens");
    json_add_open(out, '{');
    add_bool(out, "read", config->read_token != NULL);
    add_bool(out, "trade", config->token != NULL);
    add_bool(out, "admin", config->admin_token != NULL);
    json_add_close(out, '}');
    json_add_close(out, '}');
}
