/* server/config.h - one table -> flags, environment, file, --help and --print-config (API
 * "Configuration").
 *
 * Flags > environment (BYBIT_BRIDGE_<NAME>) > file (--config). Secrets come from files or the
 * environment, never from flags.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/trade.h"
#include "bybit/hosts.h"
#include "engine/guard.h"

#define CONFIG_LIST_MAX  16
#define CONFIG_TEXT_MAX  512
#define CONFIG_COINS_MAX 12 /* the engine has places for those that turn up, too */

enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_PRINT };

struct config {
    enum config_action action;
    bool env_given;
    enum bybit_env env;
    enum bybit_site site;
    char listen_host[64]; /* numeric */
    int listen_port;
    char unix_socket[CONFIG_TEXT_MAX]; /* "" : none */
    char journal[CONFIG_TEXT_MAX];     /* "" : the default path, see config_journal_path */
    char rest_url[CONFIG_TEXT_MAX];    /* "" : by env */
    char ws_url[CONFIG_TEXT_MAX];
    char ca_file[CONFIG_TEXT_MAX];
    enum category default_category;
    char option_coins[CONFIG_COINS_MAX][COIN_MAX];
    size_t option_coins_count;
    int recv_window_ms;
    int ip_limit;
    int max_streams;
    char allow_hosts[CONFIG_LIST_MAX][CONFIG_TEXT_MAX];
    size_t allow_hosts_count;
    char allow_origins[CONFIG_LIST_MAX][CONFIG_TEXT_MAX];
    size_t allow_origins_count;
    char trade_origins[CONFIG_LIST_MAX][CONFIG_TEXT_MAX];
    size_t trade_origins_count;
    bool dashboard_trading;               /* our own pages may trade */
    uint32_t allow_uids[CONFIG_LIST_MAX]; /* beside our own and root */
    size_t allow_uids_count;
    bool allow_any_uid; /* local callers' user ids are not looked at */
    char allow_paths[CONFIG_LIST_MAX][CONFIG_TEXT_MAX]; /* switched-off /v5 paths that may pass */
    size_t allow_paths_count;
    bool read_only;
    bool allow_withdraw_key;
    char token_file[CONFIG_TEXT_MAX]; /* "" : none; role trade */
    char read_token_file[CONFIG_TEXT_MAX];
    char admin_token_file[CONFIG_TEXT_MAX];
    enum log_level log_level;
    bool log_json;
    uint64_t sim_seed;
    bool no_limits; /* the simulated exchange's rate limits are off, and the IP limit towards it */
    int speed;      /* divides the waiting times: for tests */
    bool sim_control;
    struct guard_rules guard_ceiling; /* what PATCH /guard may only tighten */
    bool has_guard_ceiling;

    /* Secrets; point into the page. NULL: none. */
    const char *api_key;
    const char *api_secret;
    const char *api_private_key; /* PEM */
    const char *token;
    const char *read_token;
    const char *admin_token;
};

/* Reads flags, environment and file into `config`. ERR_INVALID: a wrong flag (exit 64) when
 * `*usage` is set, else a wrong value (exit 78). Any error's text says what to do. */
MUST_CHECK enum err config_read(struct config *config, int argc, char **argv,
                                struct secret_page *secrets, bool *usage, struct error *error);

/* Whether the exchange is the embedded one. */
bool config_is_embedded(const struct config *config);
bool config_has_keys(const struct config *config);
/* Callers must show a token. */
bool config_has_token(const struct config *config);
/* The journal's path, made from env and key where none was given: one journal belongs to one
 * environment and account. */
MUST_CHECK enum err config_journal_path(const struct config *config, char *out, size_t out_bytes,
                                        struct error *error);
/* 8 hex digits that tell one key from another, or "sim". */
void config_account(const struct config *config, char out[16]);

void config_print_help(void);
void config_print(const struct config *config);
