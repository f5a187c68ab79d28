/* A wall clock that is wrong: preloaded, it shows CLOCK_SKEW_S seconds more than it is. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t skew_s(void)
{
    static time_t skew;
    static int known;
    const char *text;

    if (!known) {
        text = getenv("CLOCK_SKEW_S");
        skew = text ? (time_t)strtol(text, NULL, 10) : 0;
        known = 1;
    }
    return skew;
}

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
    int result = (int)syscall(SYS_clock_gettime, clock_id, tp);

    if (result == 0 && (clock_id == CLOCK_REALTIME || clock_id == CLOCK_REALTIME_COARSE))
        tp->tv_sec += skew_s();
    return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec now;

    (void)tz;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    tv->tv_sec = now.tv_sec;
    tv->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *timer)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return (time_t)-1;
    if (timer)
        *timer = now.tv_sec;
    return now.tv_sec;
}
