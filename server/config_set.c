/* One setter an option: reads the value, and says what it should have been. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/native_paths.h"
#include "server/config_parts.h"

enum err config_set_env(struct config *config, const char *value, struct error *error)
{
    if (env_parse(value, &config->env))
        return error_set(error, ERR_INVALID, "use sim, testnet, demo or mainnet");
    config->env_given = true;
    return ERR_NONE;
}

enum err config_set_site(struct config *config, const char *value, struct error *error)
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
enum err config_set_listen(struct config *config, const char *value, struct error *error)
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

enum err config_set_journal(struct config *config, const char *value, struct error *error)
{
    return set_text(config->journal, sizeof(config->journal), value, error);
}

/* sun_path's length is the bound. */
enum err config_set_unix_socket(struct config *config, const char *value, struct error *error)
{
    if (value[0] != '/' || strlen(value) > 100)
        return error_set(error, ERR_INVALID, "give an absolute path of at most 100 characters");
    return set_text(config->unix_socket, sizeof(config->unix_socket), value, error);
}

enum err config_set_rest_url(struct config *config, const char *value, struct error *error)
{
    struct origin origin;
    enum err err = origin_parse(&origin, value, "http", "https", error);

    return err ? err : set_text(config->rest_url, sizeof(config->rest_url), value, error);
}

enum err config_set_ws_url(struct config *config, const char *value, struct error *error)
{
    struct origin origin;
    enum err err = origin_parse(&origin, value, "ws", "wss", error);

    return err ? err : set_text(config->ws_url, sizeof(config->ws_url), value, error);
}

enum err config_set_ca_file(struct config *config, const char *value, struct error *error)
{
    if (access(value, R_OK) != 0)
        return error_set(error, ERR_INVALID, "%s", strerror(errno));
    return set_text(config->ca_file, sizeof(config->ca_file), value, error);
}

enum err config_set_category(struct config *config, const char *value, struct error *error)
{
    if (!category_parse(value, &config->default_category))
        return error_set(error, ERR_INVALID, "use linear, spot, inverse or option");
    return ERR_NONE;
}

static enum err add_coin(struct config *config, const char *name, size_t bytes, struct error *error)
{
    char coin[COIN_MAX];

    if (bytes == 0 || text_copy_n(coin, sizeof(coin), name, bytes) ||
        coin[strspn(coin, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")])
        return error_set(error, ERR_INVALID,
                         "use coins of 1 to %d letters and digits with commas between, for "
                         "example BTC,ETH",
                         COIN_MAX - 1);
    for (char *at = coin; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    for (size_t i = 0; i < config->option_coins_count; i++) {
        if (strcmp(config->option_coins[i], coin) == 0)
            return ERR_NONE;
    }
    if (config->option_coins_count == CONFIG_COINS_MAX)
        return error_set(error, ERR_INVALID, "at most %d of them", CONFIG_COINS_MAX);
    memcpy(config->option_coins[config->option_coins_count++], coin, sizeof(coin));
    return ERR_NONE;
}

/* The later source wins, with its whole list. */
enum err config_set_option_coins(struct config *config, const char *value, struct error *error)
{
    enum err err;

    config->option_coins_count = 0;
    for (;; value++) {
        size_t bytes = strcspn(value, ",");

        err = add_coin(config, value, bytes, error);
        value += bytes;
        if (err || !*value)
            return err;
    }
}

enum err config_set_recv_window(struct config *config, const char *value, struct error *error)
{
    return parse_int(value, 500, 60000, &config->recv_window_ms, error);
}

enum err config_set_ip_limit(struct config *config, const char *value, struct error *error)
{
    return parse_int(value, 10, 600, &config->ip_limit, error);
}

enum err config_set_max_streams(struct config *config, const char *value, struct error *error)
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

enum err config_set_allow_host(struct config *config, const char *value, struct error *error)
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

enum err config_set_allow_origin(struct config *config, const char *value, struct error *error)
{
    enum err err = check_origin(value, error);

    return err ? err
               : add_to_list(config->allow_origins, &config->allow_origins_count, value, error);
}

enum err config_set_trade_origin(struct config *config, const char *value, struct error *error)
{
    enum err err = check_origin(value, error);

    return err ? err
               : add_to_list(config->trade_origins, &config->trade_origins_count, value, error);
}

enum err config_set_allow_uid(struct config *config, const char *value, struct error *error)
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

enum err config_set_allow_path(struct config *config, const char *value, struct error *error)
{
    const char *nearest;
    char allow[64];
    bool known;

    if (strncmp(value, "/v5/", 4) != 0 ||
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-") !=
            strlen(value))
        return error_set(error, ERR_INVALID, "use a path of the exchange, as in /v5/asset/...");
    (void)native_find("GET", value, &known, allow);
    nearest = known ? NULL : native_nearest(value);
    if (!known)
        return error_set(error, ERR_INVALID, "the exchange documents no such path%s%s",
                         nearest ? "; nearest: " : "", nearest ? nearest : "");
    return add_to_list(config->allow_paths, &config->allow_paths_count, value, error);
}

enum err config_set_token_file(struct config *config, const char *value, struct error *error)
{
    return set_text(config->token_file, sizeof(config->token_file), value, error);
}

enum err config_set_read_token_file(struct config *config, const char *value, struct error *error)
{
    return set_text(config->read_token_file, sizeof(config->read_token_file), value, error);
}

enum err config_set_admin_token_file(struct config *config, const char *value, struct error *error)
{
    return set_text(config->admin_token_file, sizeof(config->admin_token_file), value, error);
}

enum err config_parse_switch(bool *to, const char *value, struct error *error)
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

enum err config_set_dashboard_trading(struct config *config, const char *value, struct error *error)
{
    return config_parse_switch(&config->dashboard_trading, value, error);
}

enum err config_set_read_only(struct config *config, const char *value, struct error *error)
{
    return config_parse_switch(&config->read_only, value, error);
}

enum err config_set_allow_withdraw_key(struct config *config, const char *value,
                                       struct error *error)
{
    return config_parse_switch(&config->allow_withdraw_key, value, error);
}

enum err config_set_log_format(struct config *config, const char *value, struct error *error)
{
    if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
        return error_set(error, ERR_INVALID, "use text or json");
    config->log_json = value[0] == 'j';
    return ERR_NONE;
}

const char *const config_log_levels[4] = { "debug", "info", "warn", "error" };

enum err config_set_log_level(struct config *config, const char *value, struct error *error)
{
    for (size_t i = 0; i < ARRAY_LEN(config_log_levels); i++) {
        if (strcmp(value, config_log_levels[i]) == 0) {
            config->log_level = (enum log_level)i;
            return ERR_NONE;
        }
    }
    return error_set(error, ERR_INVALID, "use debug, info, warn or error");
}

enum err config_set_sim_seed(struct config *config, const char *value, struct error *error)
{
    int64_t seed = 0;
    enum err err = parse_number(value, 1, INT64_MAX, &seed, error);

    if (!err)
        config->sim_seed = (uint64_t)seed;
    return err;
}

enum err config_set_speed(struct config *config, const char *value, struct error *error)
{
    return parse_int(value, 1, 1000, &config->speed, error);
}

enum err config_set_no_limits(struct config *config, const char *value, struct error *error)
{
    return config_parse_switch(&config->no_limits, value, error);
}

enum err config_set_sim_control(struct config *config, const char *value, struct error *error)
{
    return config_parse_switch(&config->sim_control, value, error);
}

enum err config_set_help(struct config *config, const char *value, struct error *error)
{
    (void)value;
    (void)error;
    config->action = CONFIG_HELP;
    return ERR_NONE;
}

enum err config_set_version(struct config *config, const char *value, struct error *error)
{
    (void)value;
    (void)error;
    config->action = CONFIG_VERSION;
    return ERR_NONE;
}

enum err config_set_print(struct config *config, const char *value, struct error *error)
{
    (void)value;
    (void)error;
    config->action = CONFIG_PRINT;
    return ERR_NONE;
}

/* Read before all others, see config_read. */
enum err config_set_config(struct config *config, const char *value, struct error *error)
{
    (void)config;
    (void)value;
    (void)error;
    return ERR_NONE;
}
