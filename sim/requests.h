/* sim/requests.h - what clients ask on a socket: auth, subscribe, unsubscribe, ping (PROTOCOL
 * section 14). */
#pragma once

#include "sim/socket.h"

#define REQUEST_SPOT_ARGS_MAX  10
#define REQUEST_ARGS_BYTES_MAX 21000 /* of all topics of a public connection */

/* For sockets.on_message. */
void request_answer(struct socket_session *session, const char *text, size_t bytes);
