/* A session lives from the upgrade to the sweep that finds it ending. MHD owns the descriptor: it
 * is taken out of epoll, then handed back with MHD_UPGRADE_ACTION_CLOSE; the FIN leaves in the next
 * MHD_run. */
#include "sim/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <wslay/wslay.h>

#include "base/log.h"
#include "base/text.h"

#define HANDSHAKE_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static const struct {
    const char *path;
    enum socket_kind kind;
} paths[] = {
    { "/v5/public/spot", SOCKET_SPOT },       { "/v5/public/linear", SOCKET_LINEAR },
    { "/v5/public/inverse", SOCKET_INVERSE }, { "/v5/public/option", SOCKET_OPTION },
    { "/v5/private", SOCKET_PRIVATE },
};

bool socket_kind_of(const char *path, enum socket_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (strcmp(paths[i].path, path) == 0) {
            *out = paths[i].kind;
            return true;
        }
    }
    return false;
}

/* --- wslay's callbacks --- */

static ssize_t receive(wslay_event_context_ptr frames, uint8_t *out, size_t bytes, int flags,
                       void *userdata)
{
    struct socket_session *session = userdata;
    ssize_t got;

    (void)flags;
    if (session->extra_bytes > 0) {
        size_t step = session->extra_bytes < bytes ? session->extra_bytes : bytes;

        memcpy(out, session->extra, step);
        session->extra += step;
        session->extra_bytes -= step;
        return (ssize_t)step;
    }
    do {
        got = recv(session->descriptor, out, bytes, 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0)
        return got;
    wslay_event_set_error(frames, got < 0 && errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK
                                                             : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t transmit(wslay_event_context_ptr frames, const uint8_t *data, size_t bytes,
                        int flags, void *userdata)
{
    struct socket_session *session = userdata;
    ssize_t sent;

    do {
        sent = send(session->descriptor, data, bytes,
                    MSG_NOSIGNAL | (flags & WSLAY_MSG_MORE ? MSG_MORE : 0));
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    wslay_event_set_error(frames,
                          errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void message(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *arg,
                    void *userdata)
{
    struct socket_session *session = userdata;

    (void)frames;
    if (arg->opcode == WSLAY_TEXT_FRAME && !session->ending)
        session->sockets->on_message(session, (const char *)arg->msg, arg->msg_length);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = receive,
    .send_callback = transmit,
    .on_msg_recv_callback = message,
};

/* --- life of a session --- */

static bool watch(struct socket_session *session, int operation, bool write)
{
    struct epoll_event event = { .events = EPOLLIN | (write ? (uint32_t)EPOLLOUT : 0),
                                 .data.ptr = session };

    session->wants_write = write;
    return epoll_ctl(session->sockets->epoll, operation, session->descriptor, &event) == 0;
}

static void prepare_descriptor(int descriptor)
{
    int on = 1;
    int flags = fcntl(descriptor, F_GETFL);

    (void)fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void link_session(struct sockets *sockets, struct socket_session *session)
{
    session->next = sockets->first;
    if (session->next)
        session->next->prev = session;
    sockets->first = session;
    sockets->count++;
    sockets->opened++;
}

static void unlink_session(struct sockets *sockets, struct socket_session *session)
{
    if (session->prev)
        session->prev->next = session->next;
    else
        sockets->first = session->next;
    if (session->next)
        session->next->prev = session->prev;
    sockets->count--;
}

static void end_session(struct socket_session *session)
{
    struct sockets *sockets = session->sockets;

    (void)epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, session->descriptor, NULL);
    (void)MHD_upgrade_action(session->handle, MHD_UPGRADE_ACTION_CLOSE);
    for (int topic = 0; topic < TOPIC_BITS; topic++)
        socket_leave(session, topic);
    unlink_session(sockets, session);
    wslay_event_context_free(session->frames);
    free(session);
}

/* What a session needs from its handshake until MHD calls back. */
struct ticket {
    struct sockets *sockets;
    enum socket_kind kind;
};

static struct socket_session *new_session(const struct ticket *ticket, int descriptor,
                                          struct MHD_UpgradeResponseHandle *handle)
{
    struct socket_session *session = calloc(1, sizeof(*session));
    wslay_event_context_ptr frames;

    if (!session)
        return NULL;
    session->sockets = ticket->sockets;
    session->kind = ticket->kind;
    session->muted = ticket->sockets->muted[ticket->kind];
    session->handle = handle;
    session->descriptor = descriptor;
    if (wslay_event_context_server_init(&frames, &callbacks, session) != 0) {
        free(session);
        return NULL;
    }
    wslay_event_config_set_max_recv_msg_length(frames, SOCKET_MESSAGE_MAX);
    session->frames = frames;
    exchange_make_id(ticket->sockets->exchange, CATEGORY_LINEAR, session->conn_id);
    return session;
}

static void upgraded(void *userdata, struct MHD_Connection *connection, void *request,
                     const char *extra, size_t extra_bytes, MHD_socket descriptor,
                     struct MHD_UpgradeResponseHandle *handle)
{
    struct ticket *ticket = userdata;
    struct socket_session *session = NULL;

    (void)connection;
    (void)request;
    prepare_descriptor(descriptor);
    if (ticket->sockets->count < SOCKETS_MAX && !ticket->sockets->closed)
        session = new_session(ticket, descriptor, handle);
    if (!session) {
        (void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
        free(ticket);
        return;
    }
    link_session(ticket->sockets, session);
    if (!watch(session, EPOLL_CTL_ADD, false))
        session->ending = true;
    session->extra = extra;
    session->extra_bytes = extra_bytes;
    if (extra_bytes > 0)
        socket_ready(session, EPOLLIN);
    session->extra_bytes = 0;
    free(ticket);
}

static bool has_word(const char *list, const char *word)
{
    return list && strcasestr(list, word);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool accept_key(const char *key, char out[64])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    char joined[128];
    struct text text = text_in(joined, sizeof(joined));

    text_add(&text, key);
    text_add(&text, HANDSHAKE_GUID);
    if (!text_fits(&text))
        return false;
    SHA1((const unsigned char *)joined, text.bytes, digest);
    (void)EVP_EncodeBlock((unsigned char *)out, digest, (int)sizeof(digest));
    return true;
}

struct MHD_Response *sockets_accept(struct sockets *sockets, struct MHD_Connection *connection,
                                    enum socket_kind kind)
{
    const char *key = header(connection, "Sec-WebSocket-Key");
    const char *version = header(connection, "Sec-WebSocket-Version");
    struct ticket *ticket;
    struct MHD_Response *response;
    char accept[64];

    if (!key || !version || strcmp(version, "13") != 0 ||
        !has_word(header(connection, "Upgrade"), "websocket") ||
        !has_word(header(connection, "Connection"), "upgrade") || !accept_key(key, accept))
        return NULL;
    ticket = malloc(sizeof(*ticket));
    if (!ticket)
        return NULL;
    *ticket = (struct ticket){ sockets, kind };
    response = MHD_create_response_for_upgrade(upgraded, ticket);
    if (!response) {
        free(ticket);
        return NULL;
    }
    (void)MHD_add_response_header(response, "Upgrade", "websocket");
    (void)MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    return response;
}

/* --- data --- */

static void flush(struct socket_session *session)
{
    wslay_event_context_ptr frames = session->frames;
    bool write;

    if (session->ending)
        return;
    if (wslay_event_want_write(frames) && wslay_event_send(frames) != 0)
        session->ending = true;
    if (wslay_event_get_close_sent(frames) && wslay_event_get_close_received(frames))
        session->ending = true;
    write = wslay_event_want_write(frames) != 0;
    if (!session->ending && write != session->wants_write)
        session->ending = !watch(session, EPOLL_CTL_MOD, write);
}

void socket_ready(struct socket_session *session, uint32_t events)
{
    if (session->ending)
        return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        if (wslay_event_recv(session->frames) != 0)
            session->ending = true;
    }
    flush(session);
}

void socket_send(struct socket_session *session, const char *text, size_t bytes)
{
    if (!session->muted)
        socket_reply(session, text, bytes);
}

void socket_send_topic(struct socket_session *session, int topic, const char *text, size_t bytes)
{
    if (!topics_have(&session->sockets->frozen[session->kind], topic))
        socket_send(session, text, bytes);
}

void socket_reply(struct socket_session *session, const char *text, size_t bytes)
{
    const struct wslay_event_msg frame = { .opcode = WSLAY_TEXT_FRAME,
                                           .msg = (const uint8_t *)text,
                                           .msg_length = bytes };

    if (session->ending)
        return;
    if (wslay_event_get_queued_msg_length(session->frames) + bytes > SOCKET_QUEUE_MAX) {
        log_warn("sim: socket reads too slowly, cut conn_id=%s", session->conn_id);
        session->sockets->cut_slow++;
        session->ending = true;
        return;
    }
    if (wslay_event_queue_msg(session->frames, &frame) != 0)
        session->ending = true;
}

void socket_join(struct socket_session *session, int topic)
{
    struct sockets *sockets = session->sockets;

    if (topics_have(&session->topics, topic))
        return;
    topics_add(&session->topics, topic);
    sockets->listeners[session->kind][topic]++;
    sockets->topics_count[session->kind]++;
}

void socket_leave(struct socket_session *session, int topic)
{
    struct sockets *sockets = session->sockets;

    if (!topics_have(&session->topics, topic))
        return;
    topics_remove(&session->topics, topic);
    sockets->listeners[session->kind][topic]--;
    sockets->topics_count[session->kind]--;
}

void sockets_broadcast(struct sockets *sockets, enum socket_kind kind, int topic, const char *text,
                       size_t bytes)
{
    for (struct socket_session *session = sockets->first; session; session = session->next) {
        if (session->kind == kind && topics_have(&session->topics, topic))
            socket_send_topic(session, topic, text, bytes);
    }
}

bool sockets_listening(const struct sockets *sockets, enum socket_kind kind, int topic)
{
    return topic >= 0 && sockets->listeners[kind][topic] > 0;
}

size_t sockets_queued(const struct sockets *sockets, enum socket_kind kind, int topic)
{
    size_t most = 0;

    for (const struct socket_session *session = sockets->first; session; session = session->next) {
        size_t bytes;

        if (session->kind != kind || session->muted || session->ending ||
            !topics_have(&session->topics, topic))
            continue;
        bytes = wslay_event_get_queued_msg_length(session->frames);
        most = bytes > most ? bytes : most;
    }
    return most;
}

bool sockets_sweep(struct sockets *sockets)
{
    struct socket_session *session = sockets->first;
    bool ended = false;

    while (session) {
        struct socket_session *next = session->next;

        if (!session->wants_write)
            flush(session);
        if (session->ending) {
            end_session(session);
            ended = true;
        }
        session = next;
    }
    return ended;
}

void sockets_close(struct sockets *sockets)
{
    struct socket_session *session;

    sockets->closed = true;
    while ((session = sockets->first)) {
        end_session(session);
        assert(sockets->first != session);
    }
}
