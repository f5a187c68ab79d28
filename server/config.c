#include "server/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "base/text.h"

#define NO_LIMIT  1000000 /* requests in 5 s */
#define HINT_MAX  96
#define TOKEN_MIN 16
#define TOKEN_MAX 256

struct option {
    const char *name;  /* without dashes */
    const char *value; /* what it takes, for help; NULL: a switch */
    enum err (*set)(struct config *config, const char *value, struct error *error);
    void (*show)(const struct config *config, struct text *out);
    const char *help; /* NULL: not shown (for tests) */
};

/* --- setters: the error's text is put behind "--name VALUE: " --- */

static enum err set_env(struct config *config, const char *value, struct error *error)
{
    if (env_parse(value, &config->env))
        return error_set(error, ERR_INVALID, "use sim, testnet, demo or mainnet");
    config->env_given = true;
    return ERR_NONE;
}

static enum err set_site(struct config *config, const char *value, struct error *error)
{
    if (site_parse(value, &config->site))
        return error_set(error, ERR_INVALID,
                         "use global, bytick, nl, tr, kz, ge, ae, eu, id or jp");
    return ERR_NONE;
}

static enum err parse_number(const char *value, int64_t low, int64_t high, int64_t *out,
                             struct error *error)
{
    char *end;

    errno = 0;
    *out = strtoll(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end || errno || *out < low || *out > high)
        return error_set(error, ERR_INVALID, "use a whole number from %" PRId64 " to %" PRId64, low,
                         high);
    return ERR_NONE;
}

static enum err parse_int(const char *value, int low, int high, int *out, struct error *error)
{
    int64_t number = 0;
    enum err err = parse_number(value, low, high, &number, error);

    if (!err)
        *out = (int)number;
    return err;
}

/* "127.0.0.1:8787", "[::1]:8787", "8787". */
static enum err set_listen(struct config *config, const char *value, struct error *error)
{
    const char *colon = strrchr(value, ':');
    const char *port = colon ? colon + 1 : value;
    const char *host = value;
    size_t host_bytes = colon ? (size_t)(colon - value) : 0;
    struct error ignored;

    if (colon && host_bytes > 2 && host[0] == '[' && host[host_bytes - 1] == ']') {
        host++;
        host_bytes -= 2;
    }
    if (colon && host_bytes == 9 && strncmp(host, "localhost", 9) == 0) {
        host = "127.0.0.1";
        host_bytes = 9;
    }
    if (parse_int(port, 0, 65535, &config->listen_port, &ignored) || (colon && host_bytes == 0) ||
        (colon && text_copy_n(config->listen_host, sizeof(config->listen_host), host, host_bytes)))
        return error_set(error, ERR_INVALID, "use ADDRESS:PORT, for example 127.0.0.1:8787");
    return ERR_NONE;
}

static enum err set_text(char *to, size_t to_bytes, const char *value, struct error *error)
{
    if (!value[0] || text_copy(to, to_bytes, value))
        return error_set(error, ERR_INVALID, "give 1 to %zu characters", to_bytes - 1);
    return ERR_NONE;
}

static enum err set_journal(struct config *config, const char *value, struct error *error)
{
    return set_text(config->journal, sizeof(config->journal), value, error);
}

/* sun_path's length is the bound. */
static enum err set_unix_socket(struct config *config, const char *value, struct error *error)
{
    if (value[0] != '/' || strlen(value) > 100)
        return error_set(error, ERR_INVALID, "give an absolute path of at most 100 characters");
    return set_text(config->unix_socket, sizeof(config->unix_socket), value, error);
}

static enum err set_rest_url(struct config *config, const char *value, struct error *error)
{
    struct origin origin;
    enum err err = origin_parse(&origin, value, "http", "https", error);

    return err ? err : set_text(config->rest_url, sizeof(config->rest_url), value, error);
}

static enum err set_ws_url(struct config *config, const char *value, struct error *error)
{
    struct origin origin;
    enum err err = origin_parse(&origin, value, "ws", "wss", error);

    return err ? err : set_text(config->ws_url, sizeof(config->ws_url), value, error);
}

static enum err set_ca_file(struct config *config, const char *value, struct error *error)
{
    if (access(value, R_OK) != 0)
        return error_set(error, ERR_INVALID, "%s", strerror(errno));
    return set_text(config->ca_file, sizeof(config->ca_file), value, error);
}

static enum err set_category(struct config *config, const char *value, struct error *error)
{
    if (!category_parse(value, &config->default_category))
        return error_set(error, ERR_INVALID, "use linear, spot, inverse or option");
    return ERR_NONE;
}

static enum err set_recv_window(struct config *config, const char *value, struct error *error)
{
    return parse_int(value, 500, 60000, &config->recv_window_ms, error);
}

static enum err set_ip_limit(struct config *config, const char *value, struct error *error)
{
    return parse_int(value, 10, 600, &config->ip_limit, error);
}

static enum err set_max_streams(struct config *config, const char *value, struct error *error)
{
    return parse_int(value, 1, 100000, &config->max_streams, error);
}

static enum err add_to_list(char list[CONFIG_LIST_MAX][CONFIG_TEXT_MAX], size_t *count,
                            const char *value, struct error *error)
{
    if (*count == CONFIG_LIST_MAX)
        return error_set(error, ERR_INVALID, "at most %d of them", CONFIG_LIST_MAX);
    return set_text(list[(*count)++], CONFIG_TEXT_MAX, value, error);
}

static enum err set_allow_host(struct config *config, const char *value, struct error *error)
{
    if (strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") !=
        strlen(value))
        return error_set(error, ERR_INVALID, "use a host name without port");
    return add_to_list(config->allow_hosts, &config->allow_hosts_count, value, error);
}

static enum err check_origin(const char *value, struct error *error)
{
    size_t scheme = strncmp(value, "http://", 7) == 0    ? 7
                    : strncmp(value, "https://", 8) == 0 ? 8
                                                         : 0;
    const char *host = value + scheme;

    /* As a browser writes it, or it would never match. */
    if (!scheme || !*host ||
        host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")])
        return error_set(error, ERR_INVALID,
                         "use scheme, host and port, no path and no slash at the end, for example "
                         "http://localhost:3000");
    return ERR_NONE;
}

static enum err set_allow_origin(struct config *config, const char *value, struct error *error)
{
    enum err err = check_origin(value, error);

    return err ? err
               : add_to_list(config->allow_origins, &config->allow_origins_count, value, error);
}

static enum err set_trade_origin(struct config *config, const char *value, struct error *error)
{
    enum err err = check_origin(value, error);

    return err ? err
               : add_to_list(config->trade_origins, &config->trade_origins_count, value, error);
}

static enum err set_allow_uid(struct config *config, const char *value, struct error *error)
{
    int64_t uid = 0;

    if (strcmp(value, "any") == 0) {
        config->allow_any_uid = true;
        return ERR_NONE;
    }
    if (parse_number(value, 0, UINT32_MAX - 1, &uid, error))
        return error_set(error, ERR_INVALID, "use a user id (a number, see id -u), or any");
    if (config->allow_uids_count == CONFIG_LIST_MAX)
        return error_set(error, ERR_INVALID, "at most %d of them", CONFIG_LIST_MAX);
    config->allow_uids[config->allow_uids_count++] = (uint32_t)uid;
    return ERR_NONE;
}

static enum err set_allow_path(struct config *config, const char *value, struct error *error)
{
    if (strncmp(value, "/v5/", 4) != 0 ||
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-") !=
            strlen(value))
        return error_set(error, ERR_INVALID, "use a path of the exchange, as in /v5/asset/...");
    return add_to_list(config->allow_paths, &config->allow_paths_count, value, error);
}

static enum err set_token_file(struct config *config, const char *value, struct error *error)
{
    return set_text(config->token_file, sizeof(config->token_file), value, error);
}

static enum err set_read_token_file(struct config *config, const char *value, struct error *error)
{
    return set_text(config->read_token_file, sizeof(config->read_token_file), value, error);
}

static enum err set_admin_token_file(struct config *config, const char *value, struct error *error)
{
    return set_text(config->admin_token_file, sizeof(config->admin_token_file), value, error);
}

/* A switch: "" on the command line; a word in the environment and the file. */
static enum err set_switch(bool *to, const char *value, struct error *error)
{
    static const char *const on[] = { "", "1", "true", "yes", "on" };
    static const char *const off[] = { "0", "false", "no", "off" };

    for (size_t i = 0; i < ARRAY_LEN(on); i++) {
        if (strcmp(value, on[i]) == 0) {
            *to = true;
            return ERR_NONE;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(off); i++) {
        if (strcmp(value, off[i]) == 0) {
            *to = false;
            return ERR_NONE;
        }
    }
    return error_set(error, ERR_INVALID, "use true or false");
}

static enum err set_dashboard_trading(struct config *config, const char *value, struct error *error)
{
    return set_switch(&config->dashboard_trading, value, error);
}

static enum err set_read_only(struct config *config, const char *value, struct error *error)
{
    return set_switch(&config->read_only, value, error);
}

static enum err set_allow_withdraw_key(struct config *config, const char *value,
                                       struct error *error)
{
    return set_switch(&config->allow_withdraw_key, value, error);
}

static enum err set_log_format(struct config *config, const char *value, struct error *error)
{
    if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
        return error_set(error, ERR_INVALID, "use text or json");
    config->log_json = value[0] == 'j';
    return ERR_NONE;
}

static const char *const log_levels[] = { "debug", "info", "warn", "error" };

static enum err set_log_level(struct config *config, const char *value, struct error *error)
{
    for (size_t i = 0; i < ARRAY_LEN(log_levels); i++) {
        if (strcmp(value, log_levels[i]) == 0) {
            config->log_level = (enum log_level)i;
            return ERR_NONE;
        }
    }
    return error_set(error, ERR_INVALID, "use debug, info, warn or error");
}

static enum err set_sim_seed(struct config *config, const char *value, struct error *error)
{
    int64_t seed = 0;
    enum err err = parse_number(value, 1, INT64_MAX, &seed, error);

    if (!err)
        config->sim_seed = (uint64_t)seed;
    return err;
}

static enum err set_speed(struct config *config, const char *value, struct error *error)
{
    return parse_int(value, 1, 1000, &config->speed, error);
}

static enum err set_no_limits(struct config *config, const char *value, struct error *error)
{
    return set_switch(&config->no_limits, value, error);
}

static enum err set_sim_control(struct config *config, const char *value, struct error *error)
{
    return set_switch(&config->sim_control, value, error);
}

static enum err set_help(struct config *config, const char *value, struct error *error)
{
    (void)value;
    (void)error;
    config->action = CONFIG_HELP;
    return ERR_NONE;
}

static enum err set_version(struct config *config, const char *value, struct error *error)
{
    (void)value;
    (void)error;
    config->action = CONFIG_VERSION;
    return ERR_NONE;
}

static enum err set_print(struct config *config, const char *value, struct error *error)
{
    (void)value;
    (void)error;
    config->action = CONFIG_PRINT;
    return ERR_NONE;
}

/* Read before all others, see config_read. */
static enum err set_config(struct config *config, const char *value, struct error *error)
{
    (void)config;
    (void)value;
    (void)error;
    return ERR_NONE;
}

/* --- what --print-config shows --- */

static void show_env(const struct config *config, struct text *out)
{
    text_add(out, env_word(config->env));
}

static void show_listen(const struct config *config, struct text *out)
{
    text_addf(out, strchr(config->listen_host, ':') ? "[%s]:%d" : "%s:%d", config->listen_host,
              config->listen_port);
}

static void show_journal(const struct config *config, struct text *out)
{
    char path[CONFIG_TEXT_MAX * 2];
    struct error error;

    text_add(out, config_journal_path(config, path, sizeof(path), &error) ? error.text : path);
}

static void show_site(const struct config *config, struct text *out)
{
    text_add(out, site_word(config->site));
}

static void show_unix_socket(const struct config *config, struct text *out)
{
    text_add(out, config->unix_socket[0] ? config->unix_socket : "(none)");
}

static void show_rest_url(const struct config *config, struct text *out)
{
    const struct bybit_hosts *hosts = bybit_hosts(config->env, config->site);

    text_add(out, config->rest_url[0] ? config->rest_url : hosts ? hosts->rest : "(embedded)");
}

static void show_ws_url(const struct config *config, struct text *out)
{
    const struct bybit_hosts *hosts = bybit_hosts(config->env, config->site);

    text_add(out, config->ws_url[0] ? config->ws_url : hosts ? hosts->private_ws : "(embedded)");
}

static void show_ca_file(const struct config *config, struct text *out)
{
    text_add(out, config->ca_file[0] ? config->ca_file : "(the system's)");
}

static void show_category(const struct config *config, struct text *out)
{
    text_add(out, category_word(config->default_category));
}

static void show_recv_window(const struct config *config, struct text *out)
{
    text_addf(out, "%d", config->recv_window_ms);
}

static void show_ip_limit(const struct config *config, struct text *out)
{
    text_addf(out, "%d", config->ip_limit);
}

static void show_max_streams(const struct config *config, struct text *out)
{
    text_addf(out, "%d", config->max_streams);
}

static void show_allow_hosts(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->allow_hosts_count; i++)
        text_addf(out, "%s%s", i ? " " : "", config->allow_hosts[i]);
}

static void show_allow_origins(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->allow_origins_count; i++)
        text_addf(out, "%s%s", i ? " " : "", config->allow_origins[i]);
}

static void show_trade_origins(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->trade_origins_count; i++)
        text_addf(out, "%s%s", i ? " " : "", config->trade_origins[i]);
}

static void show_allow_uids(const struct config *config, struct text *out)
{
    if (config->allow_any_uid)
        text_add(out, "any");
    for (size_t i = 0; i < config->allow_uids_count && !config->allow_any_uid; i++)
        text_addf(out, "%s%" PRIu32, i ? " " : "", config->allow_uids[i]);
}

static void show_allow_paths(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->allow_paths_count; i++)
        text_addf(out, "%s%s", i ? " " : "", config->allow_paths[i]);
}

static void show_file(const char *path, struct text *out)
{
    text_add(out, path[0] ? path : "(none)");
}

static void show_token_file(const struct config *config, struct text *out)
{
    show_file(config->token_file, out);
}

static void show_read_token_file(const struct config *config, struct text *out)
{
    show_file(config->read_token_file, out);
}

static void show_admin_token_file(const struct config *config, struct text *out)
{
    show_file(config->admin_token_file, out);
}

static void show_switch(bool on, struct text *out)
{
    text_add(out, on ? "true" : "false");
}

static void show_dashboard_trading(const struct config *config, struct text *out)
{
    show_switch(config->dashboard_trading, out);
}

static void show_read_only(const struct config *config, struct text *out)
{
    show_switch(config->read_only, out);
}

static void show_allow_withdraw_key(const struct config *config, struct text *out)
{
    show_switch(config->allow_withdraw_key, out);
}

static void show_log_format(const struct config *config, struct text *out)
{
    text_add(out, config->log_json ? "json" : "text");
}

static void show_log_level(const struct config *config, struct text *out)
{
    text_add(out, log_levels[config->log_level]);
}

static void show_sim_seed(const struct config *config, struct text *out)
{
    text_addf(out, "%" PRIu64, config->sim_seed);
}

static const struct option options[] = {
    { "env", "sim|testnet|demo|mainnet", set_env, show_env,
      "which exchange (default: sim, the embedded one, when there are no keys)" },
    { "site", "SITE", set_site, show_site,
      "where the account is registered: global, bytick, nl, tr, kz, ge, ae, eu, id or jp" },
    { "listen", "ADDRESS:PORT", set_listen, show_listen,
      "where to listen (default 127.0.0.1:8787; port 0: a free one)" },
    { "unix-socket", "PATH", set_unix_socket, show_unix_socket,
      "listen on this socket too; its folder must be yours alone (mode 0700)" },
    { "journal", "PATH", set_journal, show_journal, "the SQLite file of orders, fills and events" },
    { "rest-url", "URL", set_rest_url, show_rest_url,
      "another exchange's REST origin; plain http only to a loopback address" },
    { "ws-url", "URL", set_ws_url, show_ws_url, "another exchange's WebSocket origin" },
    { "ca-file", "PATH", set_ca_file, show_ca_file, "trust the certificates in this PEM file" },
    { "default-category", "CATEGORY", set_category, show_category,
      "category of a bare symbol (default linear)" },
    { "recv-window", "MS", set_recv_window, show_recv_window,
      "how late a signed request may arrive (default 5000)" },
    { "ip-limit", "N", set_ip_limit, show_ip_limit,
      "requests in 5 seconds to the exchange (default 550)" },
    { "max-streams", "N", set_max_streams, show_max_streams,
      "readers of /stream at once (default 2000)" },
    { "allow-host", "NAME", set_allow_host, show_allow_hosts,
      "a further Host name to answer to (may be repeated)" },
    { "allow-origin", "ORIGIN", set_allow_origin, show_allow_origins,
      "a further web origin that may read (may be repeated)" },
    { "trade-origin", "ORIGIN", set_trade_origin, show_trade_origins,
      "a further web origin that may read and trade (may be repeated)" },
    { "dashboard-trading", NULL, set_dashboard_trading, show_dashboard_trading,
      "the bridge's own pages may trade" },
    { "allow-uid", "UID|any", set_allow_uid, show_allow_uids,
      "a further local user who may call (may be repeated); any: all may" },
    { "allow-path", "PATH", set_allow_path, show_allow_paths,
      "a switched-off /v5 path that may pass (may be repeated)" },
    { "allow-withdraw-key", NULL, set_allow_withdraw_key, show_allow_withdraw_key,
      "start even with a key that can withdraw" },
    { "read-only", NULL, set_read_only, show_read_only, "refuse whatever changes something" },
    { "token-file", "PATH", set_token_file, show_token_file,
      "callers need this token (mode 0600); it may trade" },
    { "read-token-file", "PATH", set_read_token_file, show_read_token_file,
      "a token that may only read" },
    { "admin-token-file", "PATH", set_admin_token_file, show_admin_token_file,
      "a token that may do all" },
    { "log-level", "LEVEL", set_log_level, show_log_level,
      "debug, info, warn or error (default info)" },
    { "log-format", "FORMAT", set_log_format, show_log_format,
      "text (key=value, the default) or json, a line an event" },
    { "sim-seed", "N", set_sim_seed, show_sim_seed, "seed of the embedded exchange's market" },
    { "no-limits", NULL, set_no_limits, NULL,
      "simulated exchange only: no rate limits there, and none towards it" },
    { "config", "PATH", set_config, NULL, "read options from a file of lines NAME = VALUE" },
    { "print-config", NULL, set_print, NULL,
      "show the resulting options, secrets masked, and end" },
    { "version", NULL, set_version, NULL, "show the version and end" },
    { "help", NULL, set_help, NULL, "show this text and end" },
    { "speed", "N", set_speed, NULL, NULL },
    { "sim-control", NULL, set_sim_control, NULL, NULL },
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
    return option->set == set_config || option->set == set_help || option->set == set_version ||
           option->set == set_print;
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
            err = option->set == set_config ? read_file(config, value, error) : ERR_NONE;
        else
            err = apply(config, option, value, "--", error);
        if (err)
            return err;
    }
    return ERR_NONE;
}

/* --- secrets (gate rule G22) --- */

static enum err read_credential(struct secret_page *secrets, const char *file, const char **out,
                                struct error *error)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[CONFIG_TEXT_MAX];

    if (*out || !folder)
        return ERR_NONE;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (access(path, F_OK) != 0)
        return ERR_NONE;
    return secret_add_file(secrets, path, 0, out, error);
}

static enum err read_secret(struct secret_page *secrets, const char *name, const char *file,
                            const char **out, struct error *error)
{
    char file_name[64];
    const char *path;
    enum err err = secret_add_env(secrets, name, out, error);

    if (err || *out)
        return err;
    (void)snprintf(file_name, sizeof(file_name), "%s_FILE", name);
    path = getenv(file_name);
    if (path && path[0])
        return secret_add_file(secrets, path, 0, out, error);
    return read_credential(secrets, file, out, error);
}

static enum err read_token(struct secret_page *secrets, const char *path, const char **out,
                           struct error *error)
{
    if (!path[0])
        return ERR_NONE;
    if (secret_add_file(secrets, path, 0, out, error))
        return error->code;
    if (strlen(*out) >= TOKEN_MIN && strlen(*out) <= TOKEN_MAX)
        return ERR_NONE;
    return error_set(error, ERR_INVALID,
                     "%.200s: a token has %d to %d characters, for example: openssl rand -hex 32",
                     path, TOKEN_MIN, TOKEN_MAX);
}

static enum err read_tokens(struct config *config, struct secret_page *secrets, struct error *error)
{
    enum err err = read_token(secrets, config->token_file, &config->token, error);

    if (!err)
        err = read_token(secrets, config->read_token_file, &config->read_token, error);
    if (!err)
        err = read_token(secrets, config->admin_token_file, &config->admin_token, error);
    return err;
}

static enum err read_secrets(struct config *config, struct secret_page *secrets,
                             struct error *error)
{
    const char *pem = getenv("BYBIT_API_PRIVATE_KEY_PATH");
    enum err err = read_secret(secrets, "BYBIT_API_KEY", "bybit-api-key", &config->api_key, error);

    if (!err)
        err = read_secret(secrets, "BYBIT_API_SECRET", "bybit-api-secret", &config->api_secret,
                          error);
    if (!err && pem && pem[0])
        err = secret_add_file(secrets, pem, 1, &config->api_private_key, error);
    if (err)
        return err;
    err = read_tokens(config, secrets, error);
    if (err)
        return err;
    if (config->api_secret && config->api_private_key)
        return error_set(
            error, ERR_INVALID,
            "BYBIT_API_SECRET and BYBIT_API_PRIVATE_KEY_PATH are both set: a key has one of them");
    if (config->api_key && !config->api_secret && !config->api_private_key)
        return error_set(error, ERR_INVALID,
                         "BYBIT_API_KEY is set without BYBIT_API_SECRET (or _FILE) or "
                         "BYBIT_API_PRIVATE_KEY_PATH");
    if (!config->api_key && (config->api_secret || config->api_private_key))
        return error_set(error, ERR_INVALID, "the secret is set, but BYBIT_API_KEY is not");
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
    err = read_secrets(config, secrets, error);
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

void config_account(const struct config *config, char out[16])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    if (config_is_embedded(config) || !config->api_key) {
        (void)snprintf(out, 16, "sim");
        return;
    }
    SHA256((const unsigned char *)config->api_key, strlen(config->api_key), hash);
    (void)snprintf(out, 16, "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

enum err config_journal_path(const struct config *config, char *out, size_t out_bytes,
                             struct error *error)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    struct text path = text_in(out, out_bytes);
    char account[16];

    if (config->journal[0]) {
        text_add(&path, config->journal);
        return ERR_NONE;
    }
    config_account(config, account);
    if (state && state[0] == '/')
        text_addf(&path, "%s/bybit-bridge/", state);
    else if (home && home[0] == '/')
        text_addf(&path, "%s/.local/state/bybit-bridge/", home);
    else
        return error_set(error, ERR_INVALID,
                         "there is no HOME to keep the journal in: give --journal PATH");
    if (config_is_embedded(config))
        text_add(&path, "sim.db");
    else
        text_addf(&path, "%s-%s.db", env_word(config->env), account);
    return text_fits(&path) ? ERR_NONE
                            : error_set(error, ERR_INVALID, "the journal's path is too long");
}

void config_print_help(void)
{
    printf("bybit-bridge - plain local HTTP/JSON in front of Bybit V5\n\n"
           "usage: bybit-bridge [options]                    run the bridge\n"
           "       bybit-bridge sim [--listen ADDRESS:PORT]  run the simulated exchange alone\n\n"
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
        char shown[CONFIG_LIST_MAX * CONFIG_TEXT_MAX];
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
