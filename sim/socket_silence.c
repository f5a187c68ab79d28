/* Sockets and topics that are cut or silent because a test wants it. */
#include <string.h>

#include "sim/socket.h"

void sockets_cut(struct sockets *sockets, unsigned kinds)
{
    for (struct socket_session *session = sockets->first; session; session = session->next) {
        if (kinds >> session->kind & 1)
            session->ending = true;
    }
}

void sockets_mute(struct sockets *sockets, unsigned kinds, bool muted, bool sticky)
{
    for (int kind = 0; kind < SOCKET_KINDS; kind++) {
        if (kinds >> kind & 1)
            sockets->muted[kind] = muted && (sticky || sockets->muted[kind]);
    }
    for (struct socket_session *session = sockets->first; session; session = session->next) {
        if (kinds >> session->kind & 1)
            session->muted = muted;
    }
}

void sockets_freeze(struct sockets *sockets, enum socket_kind kind, int topic)
{
    topics_add(&sockets->frozen[kind], topic);
}

void sockets_thaw(struct sockets *sockets, enum socket_kind kind, int topic)
{
    if (topic < 0)
        memset(&sockets->frozen[kind], 0, sizeof(sockets->frozen[kind]));
    else
        topics_remove(&sockets->frozen[kind], topic);
}
