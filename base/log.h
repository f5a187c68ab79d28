/* base/log.h - one line an event on stderr: "2026-01-02T03:04:05.678Z warn stream: rejoin try=2
 * wait_ms=500", or, as JSON, the same as an object:
 * {"ts":"2026-01-02T03:04:05.678Z","level":"warn","module":"stream","msg":"rejoin try=2
 * wait_ms=500","try":"2","wait_ms":"500"}.
 *
 * A line is written at once, or, where nobody reads what came before it, not at all: no thread
 * waits for a reader, and the next line that is written says how many are lost. A line is at most
 * LOG_LINE_MAX bytes long and always valid UTF-8 without control characters. Text from outside must
 * be given through %s of log_safe all the same: a blank in it could look like the next pair. Keys,
 * signatures, tokens and whole bodies are in no line. Any thread. Level and form are set once,
 * before threads start.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* What a pipe takes in one piece: lines of threads do not mix. */
#define LOG_LINE_MAX 4096

void log_set_level(enum log_level level);
/* One JSON object a line in place of the text. `module` is what stands before the first ": ", or
 * null; pairs key=value (a key of lower-case letters, digits and _; a value without blanks) become
 * members, as strings; of two with one name the first counts. */
void log_set_json(bool json);
/* Whether lines of this level are written: ask before making something costly for one. */
bool log_shows(enum log_level level);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#define LOG_SAFE_MAX 128
/* A printable copy of a text from outside: control and non-ASCII bytes become '?', the rest is cut.
 * Returns `out`. */
const char *log_safe(const char *text, char out[LOG_SAFE_MAX]);
