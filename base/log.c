#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define MESSAGE_MAX 980
#define ESCAPED_MAX 2400 /* of a message in JSON: leaves room for its pairs */
#define PAIRS_MAX   16
#define KEY_MAX     32
#define PAIR_TAIL   ":;,." /* punctuation behind a value */

static atomic_int shown_from = LOG_INFO;
static atomic_bool as_json;

/* One writer at a time: so what a pipe has room for stays so until the write. */
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t lost; /* lines since the last one that was written; under the lock */

void log_set_level(enum log_level level)
{
    atomic_store(&shown_from, (int)level);
}

void log_set_json(bool json)
{
    atomic_store(&as_json, json);
}

bool log_shows(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&shown_from, memory_order_relaxed);
}

/* --- bytes --- */

/* Bytes of the UTF-8 character at `at`; 0: it is none. */
static size_t character_bytes(const unsigned char *at, size_t left)
{
    size_t bytes = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : *at >> 3 == 30 ? 4 : 0;

    if (bytes == 0 || bytes > left)
        return 0;
    for (size_t i = 1; i < bytes; i++) {
        if (at[i] >> 6 != 2)
            return 0;
    }
    if ((bytes == 2 && *at < 0xc2) || (*at == 0xe0 && at[1] < 0xa0) ||
        (*at == 0xed && at[1] >= 0xa0) || (*at == 0xf0 && at[1] < 0x90) ||
        (*at == 0xf4 && at[1] >= 0x90) || *at > 0xf4)
        return 0;
    return bytes;
}

/* Line ends become blanks, what cannot be shown '?': in place, the length stays. */
static void make_printable(char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        size_t own = character_bytes((const unsigned char *)text + i, bytes - i);

        if (text[i] == '\n' || text[i] == '\r')
            text[i] = ' ';
        else if (own == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f ||
                 (own == 2 && (unsigned char)text[i] == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
            memset(text + i, '?', own ? own : 1);
        i += own ? own : 1;
    }
}

/* --- the two forms --- */

struct line {
    char data[LOG_LINE_MAX];
    size_t bytes;
};

static bool fits(const struct line *line, size_t more)
{
    return line->bytes + more <= sizeof(line->data) - sizeof("}\n");
}

static void add(struct line *line, const char *text, size_t bytes)
{
    if (!fits(line, bytes))
        return;
    memcpy(line->data + line->bytes, text, bytes);
    line->bytes += bytes;
}

static void add_text(struct line *line, const char *text)
{
    add(line, text, strlen(text));
}

/* A JSON string of printable text: at most `max` bytes between the quotes, cut between two
 * characters. */
static void add_string(struct line *line, const char *text, size_t bytes, size_t max)
{
    size_t used = 0;

    add(line, "\"", 1);
    for (size_t i = 0; i < bytes;) {
        size_t own = character_bytes((const unsigned char *)text + i, bytes - i);
        bool escaped = text[i] == '"' || text[i] == '\\';

        used += own + escaped;
        if (used > max)
            break;
        if (escaped)
            add(line, "\\", 1);
        add(line, text + i, own);
        i += own;
    }
    add(line, "\"", 1);
}

/* "module: rest": bytes of the module's name; 0: none stands there. */
static size_t module_bytes(const char *message)
{
    size_t bytes = strspn(message, "abcdefghijklmnopqrstuvwxyz0123456789._-");

    return bytes <= KEY_MAX && message[bytes] == ':' && message[bytes + 1] == ' ' ? bytes : 0;
}

struct pair {
    const char *key;
    size_t key_bytes;
    const char *value;
    size_t value_bytes;
};

/* The word at `at` as a pair; false: it is none. */
static bool read_pair(const char *at, size_t bytes, struct pair *out)
{
    size_t key_bytes = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");

    if (key_bytes == 0 || key_bytes > KEY_MAX || key_bytes >= bytes || at[key_bytes] != '=' ||
        *at < 'a')
        return false;
    *out = (struct pair){ at, key_bytes, at + key_bytes + 1, bytes - key_bytes - 1 };
    while (out->value_bytes > 0 && strchr(PAIR_TAIL, out->value[out->value_bytes - 1]))
        out->value_bytes--;
    return out->value_bytes > 0;
}

static bool is_named(const struct pair *pair, const char *key, size_t key_bytes)
{
    return pair->key_bytes == key_bytes && memcmp(pair->key, key, key_bytes) == 0;
}

static bool is_taken(const struct pair *pairs, size_t count, const struct pair *pair)
{
    static const char *const own[] = { "ts", "level", "module", "msg" };

    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (is_named(pair, own[i], strlen(own[i])))
            return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_named(&pairs[i], pair->key, pair->key_bytes))
            return true;
    }
    return false;
}

static void add_pairs(struct line *line, const char *message)
{
    struct pair pairs[PAIRS_MAX];
    size_t count = 0;

    while (*message && count < PAIRS_MAX) {
        size_t bytes = strcspn(message, " ");
        struct pair *pair = &pairs[count];

        if (bytes && read_pair(message, bytes, pair) && !is_taken(pairs, count, pair) &&
            fits(line, pair->key_bytes + 2 * pair->value_bytes + strlen(",\"\":\"\""))) {
            add(line, ",\"", 2);
            add(line, pair->key, pair->key_bytes);
            add(line, "\":", 2);
            add_string(line, pair->value, pair->value_bytes, 2 * pair->value_bytes);
            count++;
        }
        message += bytes;
        message += strspn(message, " ");
    }
}

static void write_json(struct line *line, const char *now, const char *level, const char *message)
{
    size_t module = module_bytes(message);
    const char *text = module ? message + module + 2 : message;

    add_text(line, "{\"ts\":\"");
    add_text(line, now);
    add_text(line, "\",\"level\":\"");
    add_text(line, level);
    add_text(line, "\",\"module\":");
    if (module)
        add_string(line, message, module, module);
    else
        add_text(line, "null");
    add_text(line, ",\"msg\":");
    add_string(line, text, strlen(text), ESCAPED_MAX);
    add_pairs(line, text);
    line->data[line->bytes++] = '}';
}

static void write_text(struct line *line, const char *now, const char *level, const char *message)
{
    add_text(line, now);
    add(line, " ", 1);
    add_text(line, level);
    add(line, " ", 1);
    add_text(line, message);
}

static void make_line(struct line *line, enum log_level level, const char *message)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    char now[CLOCK_TEXT_MAX];

    (void)clock_format(clock_wall_ms(), now);
    line->bytes = 0;
    if (atomic_load_explicit(&as_json, memory_order_relaxed))
        write_json(line, now, names[level], message);
    else
        write_text(line, now, names[level], message);
    line->data[line->bytes++] = '\n';
}

/* --- out --- */

/* A terminal that is ready may have room for a part of a line only, and a write would wait for the
 * rest: so it is opened once more, for writes that do not wait. All under the lock. */
static struct {
    int fd;
    struct stat of;
    char left[LOG_LINE_MAX]; /* the end of a line that has begun */
    size_t left_bytes;
} terminal = { .fd = -1 };

/* False: it is none, or of another user, and cannot be opened. */
static bool has_terminal(void)
{
    struct stat now;

    if (!isatty(STDERR_FILENO) || fstat(STDERR_FILENO, &now) != 0)
        return false;
    if (terminal.fd >= 0 && terminal.of.st_dev == now.st_dev && terminal.of.st_ino == now.st_ino)
        return true;
    if (terminal.fd >= 0)
        (void)close(terminal.fd);
    terminal.fd = open("/proc/self/fd/2", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    terminal.of = now;
    terminal.left_bytes = 0;
    return terminal.fd >= 0;
}

static bool put_left(void)
{
    ssize_t sent = write(terminal.fd, terminal.left, terminal.left_bytes);

    if (sent <= 0)
        return false;
    terminal.left_bytes -= (size_t)sent;
    memmove(terminal.left, terminal.left + sent, terminal.left_bytes);
    return terminal.left_bytes == 0;
}

static bool put_on_terminal(const struct line *line)
{
    ssize_t sent;

    if (terminal.left_bytes > 0 && !put_left())
        return false;
    sent = write(terminal.fd, line->data, line->bytes);
    if (sent <= 0)
        return false;
    terminal.left_bytes = line->bytes - (size_t)sent;
    memcpy(terminal.left, line->data + sent, terminal.left_bytes);
    return true;
}

/* One write, so that lines do not mix; or none, where it would have to wait: whoever is to read may
 * have stopped to, and a kill must not wait for that. A pipe that is ready has room for a line. */
static bool put(const struct line *line)
{
    ssize_t sent = send(STDERR_FILENO, line->data, line->bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };

    if (sent >= 0 || errno != ENOTSOCK)
        return sent >= 0;
    if (has_terminal())
        return put_on_terminal(line);
    if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT))
        sent = write(STDERR_FILENO, line->data, line->bytes);
    return sent >= 0;
}

static bool put_lost(void)
{
    char message[64];
    struct line line;

    (void)snprintf(message, sizeof(message), "log: lost=%" PRIu64 " lines: nobody read them", lost);
    make_line(&line, LOG_WARN, message);
    return put(&line);
}

void log_line(enum log_level level, const char *format, ...)
{
    char message[MESSAGE_MAX];
    struct line line;
    va_list args;

    if (!log_shows(level))
        return;
    message[0] = '\0';
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    make_printable(message, strlen(message));
    make_line(&line, level, message);
    (void)pthread_mutex_lock(&out_lock);
    if (lost > 0 && put_lost())
        lost = 0;
    if (lost > 0 || !put(&line))
        lost++;
    (void)pthread_mutex_unlock(&out_lock);
}

const char *log_safe(const char *text, char out[LOG_SAFE_MAX])
{
    size_t used = 0;

    for (; *text && used < LOG_SAFE_MAX - 1; text++)
        out[used++] = (char)(*text >= 0x20 && *text < 0x7f ? *text : '?');
    out[used] = '\0';
    return out;
}
