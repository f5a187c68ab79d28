/* server/app.h - owns and wires all parts; start and stop in order (ARCHITECTURE section 2).
 *
 * Threads: called from the main thread only.
 */
#pragma once

#include "base/error.h"
#include "base/secret.h"
#include "server/config.h"

struct app;

/* Starts everything; the config is borrowed for life. Errors: ERR_INVALID and ERR_UNAVAILABLE are
 * the configuration's (exit 78), others internal; the text says what to do. */
MUST_CHECK enum err app_start(struct app **out, const struct config *config,
                              struct secret_page *secrets, struct error *error);
/* Where it listens, for people: "127.0.0.1:8787". */
void app_print_welcome(const struct app *app);
/* 0, or the status to exit with when the app asked for its own end (by SIGTERM to the process): 78,
 * when the API key turned out to be one that is refused. */
int app_exit_status(const struct app *app);
/* SIGUSR1: no more creates, and everything is cancelled, until the guard is armed. Only logs why
 * not where the bridge may not trade. */
void app_kill(struct app *app);
/* Within a second: answers what waits, says `bye` to the streams, commits, closes. NULL is fine. */
void app_stop(struct app *app);
