#include "server/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "server/config_parts.h"

#define NO_LIMIT  1000000 /* requests in 5 s */
#define HINT_MAX  96
#define SHOWN_MAX (64 * 1024) /* the guard's symbols, for each client */

struct option {
    const char *name;  /* without dashes */
    const char *value; /* what it takes, for help; NULL: a switch */
    enum err (*set)(struct config *config, const char *value, struct error *error);
    void (*show)(const struct config *config, struct text *out);
    const char *help; /* NULL: not shown (for tests) */
};

static const struct option options[] = {
    { "env", "sim|testnet|demo|mainnet", config_set_env, config_show_env,
      "which exchange (default: sim, the embedded one, when there are no keys)" },
    { "site", "SITE", config_set_site, config_show_site,
      "where the account is registered: global, bytick, nl, tr, kz, ge, ae, eu, id or jp" },
    { "listen", "ADDRESS:PORT", config_set_listen, config_show_listen,
      "where to listen (default 127.0.0.1:8787; port 0: a free one)" },
    { "unix-socket", "PATH", config_set_unix_socket, config_show_unix_socket,
      "listen on this socket too; its folder must be yours alone (mode 0700)" },
    { "journal", "PATH", config_set_journal, config_show_journal,
      "the SQLite file of orders, fills and events" },
    { "rest-url", "URL", config_set_rest_url, config_show_rest_url,
      "another exchange's REST origin; plain http only to a loopback address" },
    { "ws-url", "URL", config_set_ws_url, config_show_ws_url,
      "another exchange's WebSocket origin" },
    { "ca-file", "PATH", config_set_ca_file, config_show_ca_file,
      "trust the certificates in this PEM file" },
    { "default-category", "CATEGORY", config_set_category, config_show_category,
      "category of a bare symbol (default linear)" },
    { "option-coins", "COIN,...", config_set_option_coins, config_show_option_coins,
      "the coins on which you trade options (default BTC,ETH,SOL)" },
    { "recv-window", "MS", config_set_recv_window, config_show_recv_window,
      "how late a signed request may arrive (default 5000)" },
    { "ip-limit", "N", config_set_ip_limit, config_show_ip_limit,
      "requests in 5 seconds to the exchange (default 550)" },
    { "max-streams", "N", config_set_max_streams, config_show_max_streams,
      "readers of /stream at once (default 2000)" },
    { "allow-host", "NAME", config_set_allow_host, config_show_allow_hosts,
      "a further Host name to answer to (may be repeated)" },
    { "allow-origin", "ORIGIN", config_set_allow_origin, config_show_allow_origins,
      "a further web origin that may read (may be repeated)" },
    { "trade-origin", "ORIGIN", config_set_trade_origin, config_show_trade_origins,
      "a further web origin that may read and trade (may be repeated)" },
    { "dashboard-trading", NULL, config_set_dashboard_trading, config_show_dashboard_trading,
      "the bridge's own pages may trade" },
    { "allow-uid", "UID|any", config_set_allow_uid, config_show_allow_uids,
      "a further local user who may call (may be repeated); any: all may" },
    { "allow-path", "PATH", config_set_allow_path, config_show_allow_paths,
      "a switched-off /v5 path that may pass (may be repeated)" },
    { "allow-withdraw-key", NULL, config_set_allow_withdraw_key, config_show_allow_withdraw_key,
      "start even with a key that can withdraw" },
    { "read-only", NULL, config_set_read_only, config_show_read_only,
      "refuse whatever changes something" },
    { "guard-max-order-notional", "USD", config_set_guard_order_notional,
      config_show_guard_order_notional,
      "ceiling (PATCH /guard may only tighten it): the most that one order may be worth" },
    { "guard-max-open-notional", "USD", config_set_guard_open_notional,
      config_show_guard_open_notional, "ceiling: the most that orders and positions may be worth" },
    { "guard-max-orders-per-minute", "N", config_set_guard_orders_per_minute,
      config_show_guard_orders_per_minute, "ceiling: orders in 60 seconds" },
    { "guard-symbols", "SYMBOL,...", config_set_guard_symbols, config_show_guard_symbols,
      "ceiling: the symbols that may be traded" },
    { "guard-categories", "CATEGORY,...", config_set_guard_categories, config_show_guard_categories,
      "ceiling: the categories that may be traded" },
    { "guard-max-leverage", "N", config_set_guard_leverage, config_show_guard_leverage,
      "ceiling: the leverage of a position that may be added to" },
    { "guard-reduce-only", NULL, config_set_guard_reduce_only, config_show_guard_reduce_only,
      "ceiling: only orders with reduce_only are sent" },
    { "guard-client", "NAME:LIMIT=VALUE", config_set_guard_client, config_show_guard_clients,
      "ceiling of one X-Client, as in bot1:max_order_notional=1000 (may be repeated)" },
    { "token-file", "PATH", config_set_token_file, config_show_token_file,
      "callers need this token (mode 0600); it may trade" },
    { "read-token-file", "PATH", config_set_read_token_file, config_show_read_token_file,
      "a token that may only read" },
    { "admin-token-file", "PATH", config_set_admin_token_file, config_show_admin_token_file,
      "a token that may do all" },
    { "log-level", "LEVEL", config_set_log_level, config_show_log_level,
      "debug, info, warn or error (default info)" },
    { "log-format", "FORMAT", config_set_log_format, config_show_log_format,
      "text (key=value, the default) or json, a line an event" },
    { "sim-seed", "N", config_set_sim_seed, config_show_sim_seed,
      "seed of the embedded exchange's market" },
    { "no-limits", NULL, config_set_no_limits, NULL,
      "simulated exchange only: no rate limits there (else the documented ones), none towards it" },
    { "config", "PATH", config_set_config, NULL, "read options from a file of lines NAME = VALUE" },
    { "print-config", NULL, config_set_print, NULL,
      "show the resulting options, secrets masked, and end" },
    { "version", NULL, config_set_version, NULL, "show the version and end" },
    { "help", NULL, config_set_help, NULL, "show this text and end" },
    { "speed", "N", config_set_speed, NULL, NULL },
    { "sim-control", NULL, config_set_sim_control, NULL, NULL },
};

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

static const char *nearest_option(const char *name)
{
    const char *names[ARRAY_LEN(options)];
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (options[i].help)
            names[count++] = options[i].name;
    }
    return text_nearest(name, names, count);
}

/* What to say behind "there is no option". */
static const char *instead_of(const char *name, const char *nearest_is, char out[HINT_MAX])
{
    const char *nearest = nearest_option(name);
    struct text text = text_in(out, HINT_MAX);

    if (strcasestr(name, "key") || strcasestr(name, "secret"))
        text_add(&text, "; keys come from the environment, never from options");
    else if (nearest)
        text_addf(&text, "%s%s", nearest_is, nearest);
    return out;
}

static enum err apply(struct config *config, const struct option *option, const char *value,
                      const char *where, struct error *error)
{
    struct error why;
    enum err err = option->set(config, value, &why);

    if (!err)
        return ERR_NONE;
    return error_set(error, ERR_INVALID, "%s%s %.100s: %s", where, option->name, value, why.text);
}

/* Not a setting: for the command line alone. */
static bool is_command(const struct option *option)
{
    return option->set == config_set_config || option->set == config_set_help ||
           option->set == config_set_version || option->set == config_set_print;
}

/* --- the file --- */

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (isspace((unsigned char)*text))
        text++;
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static enum err read_line(struct config *config, char *line, const char *path, int number,
                          struct error *error)
{
    char where[CONFIG_TEXT_MAX + 32];
    char hint[HINT_MAX];
    const struct option *option;
    char *name = trim(line);
    char *equals = strchr(name, '=');

    if (!name[0] || name[0] == '#')
        return ERR_NONE;
    if (!equals)
        return error_set(error, ERR_INVALID, "%s line %d: write NAME = VALUE", path, number);
    *equals = '\0';
    name = trim(name);
    option = find_option(name);
    if (option && is_command(option))
        return error_set(error, ERR_INVALID, "%s line %d: %s is for the command line only", path,
                         number, name);
    if (!option)
        return error_set(error, ERR_INVALID, "%s line %d: there is no option '%.40s'%s", path,
                         number, name, instead_of(name, "; nearest: ", hint));
    (void)snprintf(where, sizeof(where), "%s line %d: ", path, number);
    return apply(config, option, trim(equals + 1), where, error);
}

/* NULL: errno says why; 0: it is a folder, a pipe or a device. */
static FILE *open_regular(const char *path)
{
    struct stat info;
    FILE *file;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (file = fdopen(fd, "r")))
        return file;
    (void)close(fd);
    errno = 0;
    return NULL;
}

static enum err read_file(struct config *config, const char *path, struct error *error)
{
    char line[CONFIG_TEXT_MAX * 2];
    enum err err = ERR_NONE;
    int number = 0;
    FILE *file = open_regular(path);

    if (!file)
        return error_set(error, ERR_INVALID, "--config %s: %s", path,
                         errno ? strerror(errno) : "give a regular file");
    while (!err && fgets(line, sizeof(line), file)) {
        number++;
        if (!strchr(line, '\n') && !feof(file))
            err = error_set(error, ERR_INVALID,
                            "%s line %d: longer than %zu bytes, or with a NUL byte", path, number,
                            sizeof(line) - 2);
        else
            err = read_line(config, line, path, number, error);
    }
    if (!err && ferror(file))
        err = error_set(error, ERR_INVALID, "--config %s: it can't be read to its end", path);
    (void)fclose(file);
    return err;
}

/* --- environment and flags --- */

#define ENVIRONMENT_PREFIX "BYBIT_BRIDGE_"

/* "BYBIT_BRIDGE_REST_URL=..." -> the option "rest-url"; NULL: there is none that can be set so. */
static const struct option *environment_option(const char *variable, char name[64])
{
    const char *at = variable + strlen(ENVIRONMENT_PREFIX);
    const struct option *option;
    size_t used = 0;

    for (; *at && *at != '=' && used < 63; at++)
        name[used++] = (char)(*at == '_' ? '-' : tolower((unsigned char)*at));
    name[used] = '\0';
    option = find_option(name);
    return option && !is_command(option) ? option : NULL;
}

static enum err read_environment(struct config *config, struct error *error)
{
    for (char **variable = environ; *variable; variable++) {
        const char *value = strchr(*variable, '=');
        const struct option *option;
        const char *nearest;
        char name[64];
        enum err err;

        if (strncmp(*variable, ENVIRONMENT_PREFIX, strlen(ENVIRONMENT_PREFIX)) != 0 || !value ||
            !value[1])
            continue;
        option = environment_option(*variable, name);
        nearest = nearest_option(name);
        if (!option)
            return error_set(error, ERR_INVALID,
                             "%.*s is set in the environment, but there is no such option%s%s",
                             (int)(value - *variable), *variable, nearest ? "; nearest: --" : "",
                             nearest ? nearest : "");
        err = apply(config, option, value + 1, "from the environment: ", error);
        if (err)
            return err;
    }
    return ERR_NONE;
}

/* A flag and its value ("--name value" or "--name=value"); moves *at to the last argument used. */
static enum err read_flag(int argc, char **argv, int *at, const struct option **option,
                          const char **value, struct error *error)
{
    char name[64];
    const char *given = argv[*at];
    const char *equals = strchr(given, '=');
    char hint[HINT_MAX];

    if (strcmp(given, "-h") == 0)
        given = "--help";
    if (strncmp(given, "--", 2) != 0)
        return error_set(error, ERR_INVALID,
                         "what is '%s'? Options begin with --; see bybit-bridge --help", given);
    if (text_copy_n(name, sizeof(name), given + 2,
                    equals ? (size_t)(equals - given - 2) : strlen(given + 2)))
        text_cut(name, sizeof(name), "...");
    *option = find_option(name);
    if (!*option) {
        /* Without its value: it may be a secret, and this goes to the log. */
        return error_set(error, ERR_INVALID, "there is no option --%s%s; see bybit-bridge --help",
                         name, instead_of(name, "; did you mean --", hint));
    }
    if (!(*option)->value) {
        *value = "";
        return equals ? error_set(error, ERR_INVALID, "--%s takes no value", name) : ERR_NONE;
    }
    if (equals) {
        *value = equals + 1;
        return ERR_NONE;
    }
    if (*at + 1 >= argc)
        return error_set(error, ERR_INVALID, "--%s needs a value: --%s %s", name, name,
                         (*option)->value);
    *value = argv[++*at];
    return ERR_NONE;
}

/* The flags twice: for --config alone first, so that flags win over the file. */
static enum err read_flags(struct config *config, int argc, char **argv, bool file_only,
                           bool *usage, struct error *error)
{
    for (int i = 1; i < argc; i++) {
        const struct option *option = NULL;
        const char *value = NULL;
        enum err err = read_flag(argc, argv, &i, &option, &value, error);

        if (err) {
            *usage = true;
            return err;
        }
        assert(option && value);
        if (file_only)
            err = option->set == config_set_config ? read_file(config, value, error) : ERR_NONE;
        else
            err = apply(config, option, value, "--", error);
        if (err)
            return err;
    }
    return ERR_NONE;
}

/* --- all of it --- */

static bool is_loopback(const char *host)
{
    return strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

static enum err check(struct config *config, struct error *error)
{
    if (!is_loopback(config->listen_host) && !config_has_token(config))
        return error_set(error, ERR_INVALID,
                         "--listen %s: an address that others can reach needs a token: give "
                         "--token-file PATH, or use 127.0.0.1",
                         config->listen_host);
    if (config->env != ENV_SIM && !bybit_hosts(config->env, config->site))
        return error_set(error, ERR_INVALID, "--site %s: %s has no such site",
                         site_word(config->site), env_word(config->env));
    if ((config->rest_url[0] == '\0') != (config->ws_url[0] == '\0'))
        return error_set(error, ERR_INVALID, "--rest-url and --ws-url belong together: give both");
    if (config->no_limits && config->env != ENV_SIM)
        return error_set(
            error, ERR_INVALID,
            "--no-limits is for the simulated exchange: add --env sim, or leave it out");
    if (config->no_limits)
        config->ip_limit = NO_LIMIT;
    if (!config->env_given && config_has_keys(config))
        return error_set(error, ERR_INVALID,
                         "keys are set, but not for which exchange: add --env testnet, --env demo "
                         "or --env mainnet");
    return ERR_NONE;
}

enum err config_read(struct config *config, int argc, char **argv, struct secret_page *secrets,
                     bool *usage, struct error *error)
{
    enum err err;

    *config = (struct config){
        .env = ENV_SIM,
        .listen_host = "127.0.0.1",
        .listen_port = 8787,
        .default_category = CATEGORY_LINEAR,
        .option_coins = { "BTC", "ETH", "SOL" },
        .option_coins_count = 3,
        .recv_window_ms = 5000,
        .ip_limit = 550,
        .max_streams = 2000,
        .log_level = LOG_INFO,
        .sim_seed = 1,
        .speed = 1,
    };
    *usage = false;
    err = read_flags(config, argc, argv, true, usage, error);
    if (!err)
        err = read_environment(config, error);
    if (!err)
        err = read_flags(config, argc, argv, false, usage, error);
    if (err || config->action == CONFIG_HELP || config->action == CONFIG_VERSION)
        return err;
    config_finish_guard(config);
    err = config_read_secrets(config, secrets, error);
    return err ? err : check(config, error);
}

bool config_is_embedded(const struct config *config)
{
    return config->env == ENV_SIM && !config->rest_url[0];
}

bool config_has_keys(const struct config *config)
{
    return config->api_key && (config->api_secret || config->api_private_key);
}

bool config_has_token(const struct config *config)
{
    return config->token || config->read_token || config->admin_token;
}

void config_print_help(void)
{
    printf(
        "bybit-bridge - plain local HTTP/JSON in front of Bybit V5\n\n"
        "usage: bybit-bridge [options]                    run the bridge\n"
        "       bybit-bridge sim [--listen ADDRESS:PORT]  run the simulated exchange alone\n"
        "       bybit-bridge healthcheck [options]        ask a running bridge: 0 ready, 1 not, 2 "
        "unreachable\n\n"
        "Without keys it trades on an embedded simulated exchange.\n\noptions:\n");
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char left[64];

        if (!options[i].help)
            continue;
        (void)snprintf(left, sizeof(left), "--%s%s%s", options[i].name, options[i].value ? " " : "",
                       options[i].value ? options[i].value : "");
        printf("  %-34s %s\n", left, options[i].help);
    }
    printf(
        "\nEach option can also be set as BYBIT_BRIDGE_<NAME> in the environment, or in the file "
        "(switches as true or false).\n\n"
        "keys (environment only, never flags):\n"
        "  BYBIT_API_KEY, BYBIT_API_SECRET    also as ..._FILE with a path (mode 0600)\n"
        "  BYBIT_API_PRIVATE_KEY_PATH         an RSA key (PEM) instead of the secret\n"
        "  BYBIT_SIM_KEY, BYBIT_SIM_SECRET    what 'bybit-bridge sim' accepts\n\n"
        "exit status: 0 stopped as asked, 64 wrong flag, 78 wrong configuration, 70 internal "
        "error\n");
}

void config_print(const struct config *config)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char shown[SHOWN_MAX];
        struct text text = text_in(shown, sizeof(shown));

        if (!options[i].show)
            continue;
        options[i].show(config, &text);
        printf("%s = %s\n", options[i].name, shown);
    }
    printf("# keys: %s\n", !config_has_keys(config) ? "none"
                           : config->api_secret     ? "HMAC (masked)"
                                                    : "RSA (masked)");
}
