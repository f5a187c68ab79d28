/* tests/test_sim_frames.h - waiting for frames of topics. */
#pragma once

#include "test_sim_client.h"

#define FRAMES_MAX 4000 /* that a test waits through */

static UNUSED void subscribe(int descriptor, const char *topic)
{
    char frame[256];

    (void)snprintf(frame, sizeof(frame), "{\"op\":\"subscribe\",\"args\":[\"%s\"]}", topic);
    send_frame(descriptor, frame);
}

/* Reads until a frame has the text; it is in `answer`. */
static UNUSED bool wait_for(int descriptor, const char *text)
{
    for (int i = 0; i < FRAMES_MAX; i++) {
        if (!read_frame(descriptor))
            return false;
        if (strstr(answer, text))
            return true;
    }
    return false;
}

static UNUSED int64_t number_of(const char *name)
{
    const char *at = strstr(answer, name);

    return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

/* `u` of the next book frame. */
static UNUSED int64_t next_u(int descriptor)
{
    ck_assert(wait_for(descriptor, "\"topic\":\"orderbook."));
    return number_of("\"u\":");
}
