/* server/config_parts.h - what config.c, config_set.c, config_show.c and config_secrets.c share.
 */
#pragma once

#include "base/text.h"
#include "server/config.h"

/* Each sets one option; the error's text is put behind "--name VALUE: ". */
#define CONFIG_SETTER(name)                                                                        \
    enum err config_set_##name(struct config *config, const char *value, struct error *error)
CONFIG_SETTER(env);
CONFIG_SETTER(site);
CONFIG_SETTER(listen);
CONFIG_SETTER(journal);
CONFIG_SETTER(unix_socket);
CONFIG_SETTER(rest_url);
CONFIG_SETTER(ws_url);
CONFIG_SETTER(ca_file);
CONFIG_SETTER(category);
CONFIG_SETTER(option_coins);
CONFIG_SETTER(recv_window);
CONFIG_SETTER(ip_limit);
CONFIG_SETTER(max_streams);
CONFIG_SETTER(allow_host);
CONFIG_SETTER(allow_origin);
CONFIG_SETTER(trade_origin);
CONFIG_SETTER(allow_uid);
CONFIG_SETTER(allow_path);
CONFIG_SETTER(token_file);
CONFIG_SETTER(read_token_file);
CONFIG_SETTER(admin_token_file);
CONFIG_SETTER(dashboard_trading);
CONFIG_SETTER(read_only);
CONFIG_SETTER(allow_withdraw_key);
CONFIG_SETTER(log_format);
CONFIG_SETTER(log_level);
CONFIG_SETTER(sim_seed);
CONFIG_SETTER(speed);
CONFIG_SETTER(no_limits);
CONFIG_SETTER(sim_control);
CONFIG_SETTER(guard_order_notional);
CONFIG_SETTER(guard_open_notional);
CONFIG_SETTER(guard_orders_per_minute);
CONFIG_SETTER(guard_symbols);
CONFIG_SETTER(guard_categories);
CONFIG_SETTER(guard_leverage);
CONFIG_SETTER(guard_reduce_only);
CONFIG_SETTER(guard_client);
CONFIG_SETTER(help);
CONFIG_SETTER(version);
CONFIG_SETTER(print);
CONFIG_SETTER(config);

/* Each writes what --print-config shows of one option. */
#define CONFIG_SHOWER(name) void config_show_##name(const struct config *config, struct text *out)
CONFIG_SHOWER(env);
CONFIG_SHOWER(listen);
CONFIG_SHOWER(journal);
CONFIG_SHOWER(site);
CONFIG_SHOWER(unix_socket);
CONFIG_SHOWER(rest_url);
CONFIG_SHOWER(ws_url);
CONFIG_SHOWER(ca_file);
CONFIG_SHOWER(category);
CONFIG_SHOWER(option_coins);
CONFIG_SHOWER(recv_window);
CONFIG_SHOWER(ip_limit);
CONFIG_SHOWER(max_streams);
CONFIG_SHOWER(allow_hosts);
CONFIG_SHOWER(allow_origins);
CONFIG_SHOWER(trade_origins);
CONFIG_SHOWER(allow_uids);
CONFIG_SHOWER(allow_paths);
CONFIG_SHOWER(token_file);
CONFIG_SHOWER(read_token_file);
CONFIG_SHOWER(admin_token_file);
CONFIG_SHOWER(dashboard_trading);
CONFIG_SHOWER(read_only);
CONFIG_SHOWER(allow_withdraw_key);
CONFIG_SHOWER(log_format);
CONFIG_SHOWER(log_level);
CONFIG_SHOWER(sim_seed);
CONFIG_SHOWER(guard_order_notional);
CONFIG_SHOWER(guard_open_notional);
CONFIG_SHOWER(guard_orders_per_minute);
CONFIG_SHOWER(guard_symbols);
CONFIG_SHOWER(guard_categories);
CONFIG_SHOWER(guard_leverage);
CONFIG_SHOWER(guard_reduce_only);
CONFIG_SHOWER(guard_clients);

/* A switch: "" on the command line; a word in the environment and the file. */
MUST_CHECK enum err config_parse_switch(bool *to, const char *value, struct error *error);

/* Once all options are read: symbols without a category get the default one, which may have been
 * set behind them; clients without limits go. */
void config_finish_guard(struct config *config);

/* The words of --log-level, by enum log_level. */
extern const char *const config_log_levels[4];

/* Keys and tokens, from the environment and from files. */
MUST_CHECK enum err config_read_secrets(struct config *config, struct secret_page *secrets,
                                        struct error *error);
