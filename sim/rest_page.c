/* Pages and windows: every cursor is a name and a number, handed out percent-encoded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/rest.h"

#define WEEK_MS (INT64_C(7) * 86400000)

/* Cursors come back as they went out, or percent-encoded once more: the number after the name
 * counts. */
bool call_cursor(const struct rest_call *call, const char *name, uint64_t *out)
{
    const char *text = call_text(call, "cursor");
    const char *at;

    *out = UINT64_MAX;
    if (!text || !*text)
        return true;
    at = strstr(text, name);
    if (!at)
        return false;
    at += strlen(name);
    if (*at == '=')
        at++;
    else if (strncmp(at, "%3D", 3) == 0)
        at += 3;
    if (*at < '0' || *at > '9')
        return false;
    *out = strtoull(at, NULL, 10);
    return true;
}

void result_cursor(struct rest_call *call, const char *name, uint64_t number)
{
    char cursor[64] = "";

    if (number)
        (void)snprintf(cursor, sizeof(cursor), "%s%%3D%" PRIu64 "%%26", name, number);
    build_text(call->result, "nextPageCursor", cursor);
}

struct refusal call_window(const struct rest_call *call, int64_t alone_ms, int64_t *first_ms,
                           int64_t *last_ms)
{
    int64_t now_ms = call->exchange->now_ms;

    if (!call_int(call, "startTime", 0, INT64_MAX, -1, first_ms) ||
        !call_int(call, "endTime", 0, INT64_MAX, -1, last_ms))
        return (struct refusal){ 10001, "params error: startTime or endTime is invalid" };
    if (*first_ms < 0 && *last_ms < 0)
        *last_ms = now_ms;
    if (*first_ms < 0)
        *first_ms = *last_ms - alone_ms;
    if (*last_ms < 0)
        *last_ms = *first_ms + alone_ms;
    if (*first_ms > *last_ms)
        return (struct refusal){ 10001, "params error: startTime is after endTime" };
    if (*last_ms - *first_ms > WEEK_MS)
        return (struct refusal){
            10001, "The time range between startTime and endTime cannot exceed 7 days"
        };
    return (struct refusal){ 0, "OK" };
}
