/* Pages: every cursor is a name and a number, handed out percent-encoded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/rest.h"

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
