/* libwebsockets around the links (RELIABILITY section 6). Version 4.1.6: a connection may end
 * without any of the documented callbacks, so a socket counts only as long as `wsi` of its link
 * points to it, and each attempt has its own deadline. Names are resolved by a helper thread.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/stream_parts.h"

#define KEPT_BYTES_MAX ((size_t)256 * 1024) /* of a receive buffer, between messages */
#define TEXT_BYTES_MAX 4096                 /* of what we send */
#define LOGIN_VALID_MS 10000
#define FD_LIMIT       128

static const char *const paths[] = { "/v5/public/spot", "/v5/public/linear", "/v5/public/inverse",
                                     "/v5/public/option", "/v5/private" };

/* --- bytes that came --- */

/* Messages come in pieces: fragments of the sender and of libwebsockets. */
static void take_bytes(struct upstream *upstream, struct lws *wsi, const char *data, size_t bytes)
{
    bool whole = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;

    if (whole && upstream->in.bytes == 0) {
        take_message(upstream, data, bytes);
        return;
    }
    buffer_add(&upstream->in, data, bytes);
    if (buffer_check(&upstream->in)) {
        drop_link(upstream, "message too large");
        return;
    }
    if (!whole)
        return;
    take_message(upstream, upstream->in.data, upstream->in.bytes);
    if (upstream->in.capacity > KEPT_BYTES_MAX)
        buffer_deinit(&upstream->in);
    else
        buffer_clear(&upstream->in);
}

/* --- frames that go --- */

static enum err add_login(struct stream *stream, struct buffer *out)
{
    char signature[SIGNATURE_MAX];
    int64_t expires_ms = clock_sync_server_ms(stream->config.clock) + LOGIN_VALID_MS;
    enum err err = sign_socket(stream->signing, expires_ms, signature);

    if (err)
        return err;
    buffer_add_text(out, "{\"req_id\":\"a\",\"op\":\"auth\",\"args\":[");
    json_add_text(out, signer_key(stream->config.signer));
    json_add_int(out, expires_ms);
    json_add_text(out, signature);
    buffer_add_text(out, "]}");
    return buffer_check(out);
}

/* One frame a call: libwebsockets allows one write each time. Returns -1 to end the connection. */
static int say(struct upstream *upstream, struct lws *wsi)
{
    unsigned char framed[LWS_PRE + TEXT_BYTES_MAX];
    struct buffer text = buffer_of(TEXT_BYTES_MAX);
    int64_t now_ms = clock_mono_ms();
    enum link_say what = link_next_text(&upstream->link, &text, now_ms);
    size_t bytes;
    int sent = 0;

    if (what == LINK_SAY_LOGIN) {
        if (add_login(upstream->stream, &text)) {
            buffer_deinit(&text);
            drop_link(upstream, "cannot sign");
            return -1;
        }
        link_said_login(&upstream->link, now_ms);
    }
    bytes = text.bytes;
    if (what != LINK_SAY_NOTHING && !buffer_check(&text)) {
        memcpy(framed + LWS_PRE, text.data, bytes);
        sent = lws_write(wsi, framed + LWS_PRE, bytes, LWS_WRITE_TEXT);
    }
    buffer_deinit(&text);
    OPENSSL_cleanse(framed, sizeof(framed));
    if (what != LINK_SAY_NOTHING && sent < (int)bytes) {
        drop_link(upstream, "cannot write");
        return -1;
    }
    stale_leaving(upstream);
    if (link_wants_to_say(&upstream->link, now_ms))
        lws_callback_on_writable(wsi);
    return 0;
}

/* --- libwebsockets --- */

/* NULL: none that counts (any more). */
static struct upstream *upstream_of(const struct lws *wsi)
{
    struct upstream *upstream = wsi ? lws_get_opaque_user_data(wsi) : NULL;

    return upstream && upstream->wsi == wsi ? upstream : NULL;
}

/* Any of the signals that a connection is over; the first one counts. */
static void gone(struct upstream *upstream, const char *why)
{
    if (!upstream)
        return;
    upstream->wsi = NULL;
    drop_link(upstream, why);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t in_bytes)
{
    struct upstream *upstream = upstream_of(wsi);
    char safe[LOG_SAFE_MAX];

    (void)user;
    if (upstream && reason != LWS_CALLBACK_CLIENT_RECEIVE)
        upstream->due_ms = 0;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        if (!upstream)
            return -1;
        upstream->opened = true;
        link_opened(&upstream->link, clock_mono_ms());
        settle(upstream);
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (!upstream)
            return -1;
        take_bytes(upstream, wsi, in, in_bytes);
        return upstream->wsi == wsi ? 0 : -1;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return upstream ? say(upstream, wsi) : -1;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        if (upstream)
            log_info("stream: link=%s connect: %s", stream_link_word(upstream->link.which),
                     in ? log_safe(in, safe) : "failed");
        gone(upstream, "cannot connect");
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
    case LWS_CALLBACK_WSI_DESTROY:
        gone(upstream, "connection ended");
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    { .name = "bybit", .callback = on_event, .rx_buffer_size = 32768 },
    { .name = NULL },
};

/* Control pings besides the JSON pings: they find a dead peer on a link that sends nothing. */
static const lws_retry_bo_t liveness = { .secs_since_valid_ping = 10,
                                         .secs_since_valid_hangup = 25 };

/* Why TLS failed is only in the library's log. */
static void on_library_log(int level, const char *line)
{
    char safe[LOG_SAFE_MAX];
    char text[LOG_SAFE_MAX];
    size_t bytes = strcspn(line, "\n");

    if (bytes >= sizeof(text))
        bytes = sizeof(text) - 1;
    memcpy(text, line, bytes);
    text[bytes] = '\0';
    log_line(level == LLL_ERR ? LOG_INFO : LOG_DEBUG, "stream: libwebsockets: %s",
             log_safe(text, safe));
}

static void wake(void *userdata)
{
    lws_cancel_service(userdata);
}

static void dial(struct upstream *upstream, const char *address)
{
    struct stream *stream = upstream->stream;
    const struct lws_client_connect_info info = {
        .context = stream->context,
        .address = address,
        .port = upstream->origin.port,
        .ssl_connection = upstream->origin.tls ? LCCSCF_USE_SSL : 0,
        .path = paths[upstream->link.which],
        .host = upstream->host,
        .ietf_version_or_minus_one = -1,
        .local_protocol_name = protocols[0].name,
        .alpn = "http/1.1",
        .retry_and_idle_policy = &liveness,
        .pwsi = &upstream->wsi,
        .opaque_user_data = upstream,
    };

    upstream->tries++;
    upstream->status.reconnects += upstream->opened;
    if (lws_client_connect_via_info(&info))
        return;
    upstream->wsi = NULL;
    drop_link(upstream, "cannot connect");
}

void socket_connect(struct upstream *upstream)
{
    struct in6_addr number;

    if (inet_pton(AF_INET, upstream->origin.host, &number) == 1 ||
        inet_pton(AF_INET6, upstream->origin.host, &number) == 1) {
        dial(upstream, upstream->origin.host);
        return;
    }
    /* A look-up that outlived its attempt serves the next one: never more than one thread a link.
     */
    if (!upstream->resolve)
        upstream->resolve = resolve_start(upstream->origin.host, wake, upstream->stream->context);
    if (!upstream->resolve)
        drop_link(upstream, "cannot look up the host");
}

void socket_watch_resolve(struct upstream *upstream)
{
    if (!upstream->resolve ||
        !resolve_done(upstream->resolve, upstream->addresses, &upstream->addresses_count))
        return;
    resolve_drop(upstream->resolve);
    upstream->resolve = NULL;
    if (upstream->link.phase != PHASE_OPENING || upstream->wsi)
        return;
    if (upstream->addresses_count == 0)
        drop_link(upstream, "host not found");
    else
        dial(upstream, upstream->addresses[upstream->tries % upstream->addresses_count]);
}

/* --- the context --- */

/* The library only logs when there is none in it, and then trusts nobody. */
static bool is_certificates(const char *path)
{
    X509_STORE *store = X509_STORE_new();
    bool loaded = store && X509_STORE_load_file(store, path) == 1;

    X509_STORE_free(store);
    ERR_clear_error();
    return loaded;
}

enum err socket_context(struct stream *stream, struct error *error)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .fd_limit_per_thread = FD_LIMIT,
        .pt_serv_buf_size = 32768,
        .ssl_client_options_set = (long)(SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1),
        .http_proxy_address = "", /* else everything goes through $http_proxy */
#ifdef LWS_WITH_SOCKS5
        .socks_proxy_address = "", /* likewise */
#endif
        .user = stream,
        .gid = -1,
        .uid = -1,
    };

    if (stream->config.ca_file && !is_certificates(stream->config.ca_file))
        return error_set(error, ERR_INVALID, "%s: not a readable file of CA certificates",
                         stream->config.ca_file);
    if (stream->config.ca_file) {
        info.client_ssl_ca_filepath = stream->config.ca_file;
        info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    }
    lws_set_log_level(0, on_library_log); /* it would complain of the empty proxy */
    stream->context = lws_create_context(&info);
    lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
    if (!stream->context)
        return error_set(error, ERR_INTERNAL, "stream: cannot make the socket context");
    return ERR_NONE;
}
