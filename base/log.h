/* base/log.h - one line an event on stderr: "2026-01-02T03:04:05.678Z warn stream: rejoin try=2
 * wait_ms=500".
 *
 * Text from outside must be given through %s of log_safe. Keys, signatures, tokens and whole bodies
 * are in no line. Any thread. The level is set once, before threads start.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);
/* One JSON object a line in place of the text. Set once, before threads start. */
void log_set_json(bool json);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#define LOG_SAFE_MAX 128
/* A printable copy of a text from outside: control and non-ASCII bytes become '?', the rest is cut.
 * Returns `out`. */
const char *log_safe(const char *text, char out[LOG_SAFE_MAX]);
