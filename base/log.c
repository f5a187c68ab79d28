#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define LINE_MAX_BYTES 1024

static atomic_int shown_from = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&shown_from, (int)level);
}

void log_set_json(bool json)
{
    (void)json;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    char line[LINE_MAX_BYTES];
    char now[CLOCK_TEXT_MAX];
    size_t bytes;
    int more;
    va_list args;

    if ((int)level < atomic_load_explicit(&shown_from, memory_order_relaxed))
        return;
    bytes = (size_t)snprintf(line, sizeof(line), "%s %s ", clock_format(clock_wall_ms(), now),
                             names[level]);
    va_start(args, format);
    more = vsnprintf(line + bytes, sizeof(line) - bytes - 1, format, args);
    va_end(args);
    if (more > 0)
        bytes += (size_t)more < sizeof(line) - bytes - 1 ? (size_t)more : sizeof(line) - bytes - 2;
    for (size_t i = 0; i < bytes; i++) {
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    }
    line[bytes++] = '\n';
    (void)!write(STDERR_FILENO, line, bytes); /* one write: lines of threads do not mix */
}

const char *log_safe(const char *text, char out[LOG_SAFE_MAX])
{
    size_t used = 0;

    for (; *text && used < LOG_SAFE_MAX - 1; text++)
        out[used++] = (char)(*text >= 0x20 && *text < 0x7f ? *text : '?');
    out[used] = '\0';
    return out;
}
