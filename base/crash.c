#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#ifdef BRIDGE_CRASH_POINTS

#define TIMES_MAX    1000000
#define PAUSE_MAX_MS 900

static const char *const names[] = {
#define CRASH_NAME(point, name) [CRASH_##point] = (name),
    CRASH_POINTS(CRASH_NAME)
#undef CRASH_NAME
};

/* Those that are not main.c's stop flag: a place has nothing that they could hang off. Written
 * before any thread is begun. */
static enum crash_point chosen = CRASH_COUNT;
static atomic_long left;
static useconds_t pause_ms;

static enum crash_point find(const char *name, size_t bytes)
{
    size_t at = 0;

    while (at < ARRAY_LEN(names) &&
           (strlen(names[at]) != bytes || strncmp(names[at], name, bytes) != 0))
        at++;
    return (enum crash_point)at;
}

static void list(struct text *text, const char *given)
{
    text_addf(text, "CRASH_AT=%.60s: no such place; name:n, name one of:", given);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        text_addf(text, " %s", names[i]);
}

enum err crash_init(char text[CRASH_TEXT_MAX])
{
    const char *given = getenv("CRASH_AT");
    struct text out = text_in(text, CRASH_TEXT_MAX);
    const char *count;
    char *end = NULL;
    long times;
    long ms = 0;

    if (!given)
        return ERR_NONE;
    count = strchr(given, ':');
    chosen = find(given, count ? (size_t)(count - given) : strlen(given));
    if (chosen == CRASH_COUNT) {
        list(&out, given);
        return ERR_INVALID;
    }
    times = count ? strtol(count + 1, &end, 10) : 0;
    if (times >= 1 && *end == ':' && end[1])
        ms = strtol(end + 1, &end, 10);
    if (times < 1 || times > TIMES_MAX || ms < 0 || ms > PAUSE_MAX_MS || *end) {
        text_addf(&out, "CRASH_AT=%.60s: wanted is name:n or name:n:ms, n is 1 or more", given);
        chosen = CRASH_COUNT;
        return ERR_INVALID;
    }
    pause_ms = (useconds_t)ms;
    atomic_store(&left, times);
    return ERR_NONE;
}

void crash_pass(enum crash_point point)
{
    if (point != chosen || atomic_fetch_sub(&left, 1) != 1)
        return;
    (void)usleep(pause_ms * 1000);
    (void)kill(getpid(), SIGKILL);
    for (;;) /* other threads may still run for a moment; this one must not */
        (void)pause();
}

#else

enum err crash_init(char text[CRASH_TEXT_MAX])
{
    (void)text;
    return ERR_NONE;
}

#endif
