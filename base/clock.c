#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void)
{
    return read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

int64_t clock_wall_base_ms(void)
{
    int64_t wall_us = read_us(CLOCK_REALTIME); /* first: time between the two makes it smaller */
    int64_t ahead_us = wall_us - clock_mono_us();

    return (ahead_us - (ahead_us < 0 ? 999 : 0)) / 1000;
}

const char *clock_format(int64_t wall_ms, char out[CLOCK_TEXT_MAX])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    size_t bytes;

    out[0] = '\0';
    if (wall_ms < 0 || wall_ms > INT64_C(253402300799999) || !gmtime_r(&seconds, &parts))
        return out;
    bytes = strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + bytes, CLOCK_TEXT_MAX - bytes, ".%03uZ",
                   (unsigned)(wall_ms % 1000) % 1000U);
    return out;
}
