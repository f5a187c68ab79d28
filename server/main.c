/* server/main.c - options, signals, exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "api/events.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "server/app.h"
#include "server/config.h"
#include "server/healthcheck.h"
#include "server/kill_command.h"
#include "sim/sim.h"

#define EXIT_USAGE    64
#define EXIT_INTERNAL 70
#define EXIT_CONFIG   78

#define SECURE_HEAP_BYTES ((size_t)64 * 1024)

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

/* Keys must not reach a core file or another process's ptrace (gate rule G22). The leak checker of
 * a sanitizer build needs ptrace. */
static void harden(void)
{
    const struct rlimit none = { 0, 0 };

    if (!IS_SANITIZED)
        (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, 16);
    (void)signal(SIGPIPE, SIG_IGN);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("socks_proxy");
    unsetenv("all_proxy");
    unsetenv("SSLKEYLOGFILE"); /* libcurl would write TLS secrets there */
}

/* Descriptors 0 to 2 are there, so that none of ours gets one of these numbers. */
static void open_standard_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* Until SIGTERM or SIGINT. SIGUSR1 is the kill switch; `app` NULL: there is nothing to kill. SIGHUP
 * is ignored: there is nothing to reload yet. */
static void wait_for_end(const sigset_t *set, struct app *app)
{
    int number = 0;

    do {
        if (sigwait(set, &number) != 0)
            number = 0;
        if (number == SIGUSR1 && app)
            app_kill(app);
    } while (number != SIGTERM && number != SIGINT);
    log_info("main: stopping on signal %d", number);
}

static int fail(int status, const struct error *error)
{
    (void)fprintf(stderr, "bybit-bridge: %s\n", error->text);
    return status;
}

static int status_of(enum err err)
{
    return err == ERR_INVALID || err == ERR_UNAVAILABLE || err == ERR_IO ? EXIT_CONFIG
                                                                         : EXIT_INTERNAL;
}

static int run_bridge(const struct config *config, struct secret_page *secrets,
                      const sigset_t *signals)
{
    struct error error = { .text = "" };
    struct app *app = NULL;
    enum err err = app_start(&app, config, secrets, &error);
    int status;

    if (err)
        return fail(status_of(err), &error);
    app_print_welcome(app);
    wait_for_end(signals, app);
    status = app_exit_status(app);
    app_stop(app);
    return status;
}

static int bridge(int argc, char **argv, struct secret_page *secrets, const sigset_t *signals)
{
    static struct config config; /* large; set once */
    char places[CRASH_TEXT_MAX] = "";
    struct error error = { .text = "" };
    bool usage = false;

    if (crash_init(places)) {
        (void)fprintf(stderr, "bybit-bridge: %s\n", places);
        return EXIT_CONFIG;
    }
    if (config_read(&config, argc, argv, secrets, &usage, &error))
        return fail(usage ? EXIT_USAGE : EXIT_CONFIG, &error);
    log_set_level(config.log_level);
    log_set_json(config.log_json);
    switch (config.action) {
    case CONFIG_HELP:
        config_print_help();
        return EXIT_SUCCESS;
    case CONFIG_VERSION:
        printf("bybit-bridge " BRIDGE_VERSION "\n");
        return EXIT_SUCCESS;
    case CONFIG_PRINT:
        config_print(&config);
        return EXIT_SUCCESS;
    case CONFIG_RUN:
        break;
    }
    return run_bridge(&config, secrets, signals);
}

static int run_sim(const struct config *config, struct secret_page *secrets,
                   const sigset_t *signals)
{
    struct sim_options options = {
        .host = config->listen_host,
        .port = config->listen_port,
        .seed = config->sim_seed,
        .control = config->sim_control,
        .no_limits = config->no_limits,
    };
    struct error error = { .text = "" };
    struct sim *sim = NULL;
    enum err err;

    if (secret_add_env(secrets, "BYBIT_SIM_KEY", &options.api_key, &error) ||
        secret_add_env(secrets, "BYBIT_SIM_SECRET", &options.api_secret, &error))
        return fail(EXIT_CONFIG, &error);
    if (!options.api_key || !options.api_secret) {
        error_set(&error, ERR_INVALID,
                  "sim: set BYBIT_SIM_KEY and BYBIT_SIM_SECRET, the key and secret that clients "
                  "will use");
        return fail(EXIT_CONFIG, &error);
    }
    err = sim_start(&sim, &options, &error);
    if (err)
        return fail(status_of(err), &error);
    printf("simulated exchange listens on http://%s:%d (REST and WebSocket)\n", config->listen_host,
           sim_port(sim));
    (void)fflush(stdout);
    wait_for_end(signals, NULL);
    sim_stop(sim);
    return EXIT_SUCCESS;
}

/* "bybit-bridge sim ..." takes the bridge's options that make sense for it. */
static int sim(int argc, char **argv, struct secret_page *secrets, const sigset_t *signals)
{
    static const char *const known[] = { "--listen",    "--sim-seed",  "--sim-control",
                                         "--no-limits", "--log-level", "--help" };
    static struct config config;
    struct error error = { .text = "" };
    bool usage = false;

    for (int i = 1; i < argc; i++) {
        bool is_known = strncmp(argv[i], "--", 2) != 0;

        for (size_t j = 0; j < ARRAY_LEN(known); j++)
            is_known = is_known || strncmp(argv[i], known[j], strlen(known[j])) == 0;
        if (!is_known) {
            error_set(
                &error, ERR_INVALID,
                "sim: there is no option %s; use --listen, --sim-seed, --no-limits, --log-level",
                argv[i]);
            return fail(EXIT_USAGE, &error);
        }
    }
    unsetenv("BYBIT_API_KEY");
    unsetenv("BYBIT_API_SECRET");
    if (config_read(&config, argc, argv, secrets, &usage, &error))
        return fail(usage ? EXIT_USAGE : EXIT_CONFIG, &error);
    log_set_level(config.log_level);
    log_set_json(config.log_json);
    if (config.action == CONFIG_HELP) {
        printf("usage: bybit-bridge sim [--listen ADDRESS:PORT] [--sim-seed N] [--no-limits]\n\n"
               "Runs the simulated exchange alone. Clients sign with BYBIT_SIM_KEY and "
               "BYBIT_SIM_SECRET.\n");
        return EXIT_SUCCESS;
    }
    return run_sim(&config, secrets, signals);
}

/* The commands that ask a running bridge take its configuration; its keys are not read. */
static void forget_keys(void)
{
    static const char *const not_needed[] = {
        "BYBIT_API_KEY",         "BYBIT_API_KEY_FILE",    "BYBIT_API_SECRET",
        "BYBIT_API_SECRET_FILE", "CREDENTIALS_DIRECTORY", "BYBIT_API_PRIVATE_KEY_PATH"
    };

    for (size_t i = 0; i < ARRAY_LEN(not_needed); i++)
        unsetenv(not_needed[i]);
}

/* Where the command line names an address, and no socket, that is asked. */
static bool wants_tcp(int argc, char **argv)
{
    bool has_listen = false;
    bool has_unix_socket = false;

    for (int i = 1; i < argc; i++) {
        has_listen = has_listen || strncmp(argv[i], "--listen", 8) == 0;
        has_unix_socket = has_unix_socket || strncmp(argv[i], "--unix-socket", 13) == 0;
    }
    return has_listen && !has_unix_socket;
}

static int healthcheck(int argc, char **argv, struct secret_page *secrets)
{
    static struct config config;
    struct error error = { .text = "" };
    char line[HEALTHCHECK_LINE_MAX];
    bool usage = false;
    int status;

    forget_keys();
    if (config_read(&config, argc, argv, secrets, &usage, &error))
        return fail(usage ? EXIT_USAGE : EXIT_CONFIG, &error);
    if (config.action == CONFIG_HELP) {
        printf("usage: bybit-bridge healthcheck [--listen ADDRESS:PORT | --unix-socket PATH]\n\n"
               "Asks GET /readyz of the bridge that runs with the same options, environment or "
               "--config file.\nExit status: 0 ready, 1 not ready, 2 unreachable.\n");
        return EXIT_SUCCESS;
    }
    status = (int)healthcheck_ask(&config, wants_tcp(argc, argv), line);
    printf("%s\n", line);
    return status;
}

/* Takes "--NAME VALUE" or "--NAME=VALUE" out of the arguments; the last one counts. ERR_INVALID:
 * the value is missing. `*value` stays where there is none. */
static enum err take_option(int *argc, char **argv, const char *name, const char **value,
                            struct error *error)
{
    size_t bytes = strlen(name);
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], name, bytes) == 0 && argv[i][bytes] == '=')
            *value = argv[i] + bytes + 1;
        else if (strcmp(argv[i], name) != 0)
            argv[kept++] = argv[i];
        else if (++i < *argc)
            *value = argv[i];
        else
            return error_set(error, ERR_INVALID, "kill: %s needs a value", name);
    }
    *argc = kept;
    return ERR_NONE;
}

static enum err read_kill(int *argc, char **argv, struct kill_request *request, struct error *error)
{
    const char *timeout = NULL;
    enum err err = take_option(argc, argv, "--reason", &request->reason, error);

    if (!err)
        err = take_option(argc, argv, "--timeout", &timeout, error);
    if (!err && timeout)
        err = api_parse_duration(timeout, &request->timeout_ms, error);
    if (!err && request->timeout_ms > KILL_TIMEOUT_MAX_MS)
        err = error_set(error, ERR_INVALID, "kill: --timeout is at most 10m");
    request->want_tcp = wants_tcp(*argc, argv);
    return err;
}

/* Nobody was asked. */
static int fail_kill(int status, const struct error *error)
{
    (void)fail(status, error);
    (void)fputs("NOT KILLED; a signal needs no options: kill -USR1 PID, with the bridge's process "
                "id\n",
                stderr);
    return status;
}

/* "bybit-bridge kill": what is typed when things go wrong. */
static int kill_bridge(int argc, char **argv, struct secret_page *secrets, const sigset_t *signals)
{
    static struct config config;
    struct kill_request request = { .reason = "", .timeout_ms = KILL_TIMEOUT_MS };
    struct buffer text = buffer_of((size_t)256 * 1024);
    struct error error = { .text = "" };
    bool usage = false;
    int status;

    pthread_sigmask(SIG_UNBLOCK, signals, NULL); /* it may be broken off */
    forget_keys();
    if (read_kill(&argc, argv, &request, &error))
        return fail_kill(EXIT_USAGE, &error);
    if (config_read(&config, argc, argv, secrets, &usage, &error))
        return fail_kill(usage ? EXIT_USAGE : EXIT_CONFIG, &error);
    if (config.action == CONFIG_HELP) {
        printf("usage: bybit-bridge kill [--reason TEXT] [--timeout DURATION] [--listen "
               "ADDRESS:PORT | --unix-socket PATH]\n\n"
               "Tells the bridge that runs with the same options, environment or --config file to "
               "send no more orders\nand to cancel all that is open, and says what has become of "
               "it. It stays so until POST /guard/arm.\nWaits until nothing is open, for 15s "
               "unless --timeout says otherwise.\nExit status: 0 killed, nothing is open, stored; "
               "1 killed, but not all is known to be cancelled, or it is\nnot stored; 2 no bridge "
               "said that it is killed (kill -USR1 PID does it too).\n");
        return EXIT_SUCCESS;
    }
    status = (int)kill_command(&config, &request, &text);
    (void)fputs(text.data ? text.data : "out of memory\n",
                status == KILL_UNREACHED ? stderr : stdout);
    buffer_deinit(&text);
    return status;
}

int main(int argc, char **argv)
{
    struct secret_page *secrets;
    sigset_t signals;
    int status;

    open_standard_descriptors();
    harden();
    block_signals(&signals);
    secrets = secret_page_create();
    if (!secrets)
        return EXIT_INTERNAL;
    if (argc > 1 && strcmp(argv[1], "sim") == 0)
        status = sim(argc - 1, argv + 1, secrets, &signals);
    else if (argc > 1 && strcmp(argv[1], "healthcheck") == 0)
        status = healthcheck(argc - 1, argv + 1, secrets);
    else if (argc > 1 && strcmp(argv[1], "kill") == 0)
        status = kill_bridge(argc - 1, argv + 1, secrets, &signals);
    else
        status = bridge(argc, argv, secrets, &signals);
    secret_page_destroy(secrets);
    return status;
}
