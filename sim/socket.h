/* sim/socket.h - the WebSocket sessions: frames in and out, bounded queues, mute and cut.
 *
 * What is asked on them is answered in requests.c, what is sent is made in feeds.c and private.c.
 * A session whose queue passes SOCKET_QUEUE_MAX is cut, as is one that breaks the protocol.
 *
 * Threads: owned by one. Sessions end at the next sockets_sweep, never inside a call.
 */
#pragma once

#include <stdbool.h>

#include <microhttpd.h>

#include "sim/auth.h"
#include "sim/topics.h"

#define SOCKET_QUEUE_MAX   ((size_t)4 * 1024 * 1024)
#define SOCKET_MESSAGE_MAX ((size_t)64 * 1024)
#define SOCKETS_MAX        256

struct socket_session {
    struct sockets *sockets;
    struct socket_session *prev;
    struct socket_session *next;
    struct MHD_UpgradeResponseHandle *handle; /* MHD owns the descriptor */
    void *frames;                             /* wslay's context */
    const char *extra;                        /* bytes that came with the handshake */
    size_t extra_bytes;
    int descriptor;
    enum socket_kind kind;
    bool authenticated;
    bool muted;
    bool ending;
    bool wants_write;
    struct topic_set topics;
    size_t args_bytes; /* of all its topics */
    char conn_id[ORDER_ID_MAX];
};

struct sockets {
    int epoll;
    struct exchange *exchange;
    const struct auth_login *login;
    struct socket_session *first;
    int count;
    bool closed; /* no more: it is stopping */
    uint64_t opened;
    uint64_t cut_slow;
    bool muted[SOCKET_KINDS];                     /* the ones opened later too */
    struct topic_set frozen[SOCKET_KINDS];        /* topics that are not sent to anybody */
    uint16_t listeners[SOCKET_KINDS][TOPIC_BITS]; /* sessions with a topic */
    int topics_count[SOCKET_KINDS];               /* sum of the above */
    /* A whole text message came in. */
    void (*on_message)(struct socket_session *session, const char *text, size_t bytes);
    /* A topic was added. */
    void (*on_subscribed)(struct socket_session *session, int topic, void *userdata);
    void *userdata;
};

/* The answer to a good handshake; NULL: refuse it with 400. */
struct MHD_Response *sockets_accept(struct sockets *sockets, struct MHD_Connection *connection,
                                    enum socket_kind kind);
/* Whether the path names a socket, and of which kind. */
bool socket_kind_of(const char *path, enum socket_kind *out);

/* From epoll; `events` as in epoll_event. */
void socket_ready(struct socket_session *session, uint32_t events);
/* Data: a muted session does not get it. */
void socket_send(struct socket_session *session, const char *text, size_t bytes);
/* An answer to a request: always. */
void socket_reply(struct socket_session *session, const char *text, size_t bytes);
void socket_join(struct socket_session *session, int topic);
void socket_leave(struct socket_session *session, int topic);
/* Data of a topic: not when that is frozen. */
void socket_send_topic(struct socket_session *session, int topic, const char *text, size_t bytes);
/* To all sessions of the kind with that topic, unless it is frozen. */
void sockets_broadcast(struct sockets *sockets, enum socket_kind kind, int topic, const char *text,
                       size_t bytes);
bool sockets_listening(const struct sockets *sockets, enum socket_kind kind, int topic);
/* Most bytes that wait for one session that has the topic and gets its data. */
size_t sockets_queued(const struct sockets *sockets, enum socket_kind kind, int topic);
/* Writes what is queued, ends what is to end. True: something ended, MHD_run is due. */
bool sockets_sweep(struct sockets *sockets);

/* `kinds`: bits by enum socket_kind. */
void sockets_cut(struct sockets *sockets, unsigned kinds);
/* Those open now and, when it is sticky, those opened until they are unmuted. */
void sockets_mute(struct sockets *sockets, unsigned kinds, bool muted, bool sticky);
/* One topic is silent, of sockets opened later too; all else flows. */
void sockets_freeze(struct sockets *sockets, enum socket_kind kind, int topic);
/* `topic` < 0: all. */
void sockets_thaw(struct sockets *sockets, enum socket_kind kind, int topic);
/* Ends all; run MHD afterwards. */
void sockets_close(struct sockets *sockets);
