/* What --print-config shows of each option. */
#include <inttypes.h>
#include <string.h>

#include "server/config_parts.h"

void config_show_env(const struct config *config, struct text *out)
{
    text_add(out, env_word(config->env));
}

void config_show_listen(const struct config *config, struct text *out)
{
    text_addf(out, strchr(config->listen_host, ':') ? "[%s]:%d" : "%s:%d", config->listen_host,
              config->listen_port);
}

void config_show_journal(const struct config *config, struct text *out)
{
    char path[CONFIG_TEXT_MAX * 2];
    struct error error;

    text_add(out, config_journal_path(config, path, sizeof(path), &error) ? error.text : path);
}

void config_show_site(const struct config *config, struct text *out)
{
    text_add(out, site_word(config->site));
}

void config_show_unix_socket(const struct config *config, struct text *out)
{
    text_add(out, config->unix_socket[0] ? config->unix_socket : "(none)");
}

void config_show_rest_url(const struct config *config, struct text *out)
{
    const struct bybit_hosts *hosts = bybit_hosts(config->env, config->site);

    text_add(out, config->rest_url[0] ? config->rest_url : hosts ? hosts->rest : "(embedded)");
}

void config_show_ws_url(const struct config *config, struct text *out)
{
    const struct bybit_hosts *hosts = bybit_hosts(config->env, config->site);

    text_add(out, config->ws_url[0] ? config->ws_url : hosts ? hosts->private_ws : "(embedded)");
}

void config_show_ca_file(const struct config *config, struct text *out)
{
    text_add(out, config->ca_file[0] ? config->ca_file : "(the system's)");
}

void config_show_category(const struct config *config, struct text *out)
{
    text_add(out, category_word(config->default_category));
}

void config_show_option_coins(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->option_coins_count; i++)
        text_addf(out, "%s%s", i ? "," : "", config->option_coins[i]);
}

void config_show_recv_window(const struct config *config, struct text *out)
{
    text_addf(out, "%d", config->recv_window_ms);
}

void config_show_ip_limit(const struct config *config, struct text *out)
{
    text_addf(out, "%d", config->ip_limit);
}

void config_show_max_streams(const struct config *config, struct text *out)
{
    text_addf(out, "%d", config->max_streams);
}

void config_show_allow_hosts(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->allow_hosts_count; i++)
        text_addf(out, "%s%s", i ? " " : "", config->allow_hosts[i]);
}

void config_show_allow_origins(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->allow_origins_count; i++)
        text_addf(out, "%s%s", i ? " " : "", config->allow_origins[i]);
}

void config_show_trade_origins(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->trade_origins_count; i++)
        text_addf(out, "%s%s", i ? " " : "", config->trade_origins[i]);
}

void config_show_allow_uids(const struct config *config, struct text *out)
{
    if (config->allow_any_uid)
        text_add(out, "any");
    for (size_t i = 0; i < config->allow_uids_count && !config->allow_any_uid; i++)
        text_addf(out, "%s%" PRIu32, i ? " " : "", config->allow_uids[i]);
}

void config_show_allow_paths(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config->allow_paths_count; i++)
        text_addf(out, "%s%s", i ? " " : "", config->allow_paths[i]);
}

static void show_file(const char *path, struct text *out)
{
    text_add(out, path[0] ? path : "(none)");
}

void config_show_token_file(const struct config *config, struct text *out)
{
    show_file(config->token_file, out);
}

void config_show_read_token_file(const struct config *config, struct text *out)
{
    show_file(config->read_token_file, out);
}

void config_show_admin_token_file(const struct config *config, struct text *out)
{
    show_file(config->admin_token_file, out);
}

static void show_switch(bool on, struct text *out)
{
    text_add(out, on ? "true" : "false");
}

void config_show_dashboard_trading(const struct config *config, struct text *out)
{
    show_switch(config->dashboard_trading, out);
}

void config_show_read_only(const struct config *config, struct text *out)
{
    show_switch(config->read_only, out);
}

void config_show_allow_withdraw_key(const struct config *config, struct text *out)
{
    show_switch(config->allow_withdraw_key, out);
}

void config_show_log_format(const struct config *config, struct text *out)
{
    text_add(out, config->log_json ? "json" : "text");
}

void config_show_log_level(const struct config *config, struct text *out)
{
    text_add(out, config_log_levels[config->log_level]);
}

void config_show_sim_seed(const struct config *config, struct text *out)
{
    text_addf(out, "%" PRIu64, config->sim_seed);
}
