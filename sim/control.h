/* sim/control.h - the tests' door, see README.md. Plain JSON, unsigned, served only when asked for
 * in sim_options.
 *
 * Threads: owned by one.
 */
#pragma once

#include "sim/feeds.h"
#include "sim/feeds_flood.h"
#include "sim/private.h"
#include "sim/rest.h"
#include "sim/seen.h"

#define CONTROL_FAULTS_MAX 16

/* What becomes of the next `count` requests of a path. */
enum fault_mode {
    FAULT_NONE,
    FAULT_DROP_BEFORE,     /* close the connection, without acting */
    FAULT_DROP_AFTER,      /* act, close the connection without an answer */
    FAULT_DELAY,           /* act, answer after delay_ms */
    FAULT_ANSWER,          /* do not act, answer status and body */
    FAULT_ACT_THEN_ANSWER, /* act, answer status and body instead */
    FAULT_HANG,            /* act, never answer */
};

struct control_fault {
    enum fault_mode mode;
    char path[64];
    int64_t count;
    int64_t delay_ms;
    int status;
    char *body; /* owned */
};

struct control {
    struct rest *rest;
    struct sockets *sockets;
    struct exchange *exchange;
    struct feeds *feeds;
    struct private_frames *private;
    struct control_fault faults[CONTROL_FAULTS_MAX];
    struct seen seen;
};

void control_deinit(struct control *control);
/* Whether the path belongs to this door. */
bool control_owns(const char *path);
void control_handle(struct control *control, const struct rest_request *request,
                    struct rest_answer *answer);
/* The fault for a request of this path, counted down; NULL: none. Valid until the next
 * control_handle. */
const struct control_fault *control_fault(struct control *control, const char *path);
