/* server/app.c - start order: exchange (embedded only), clock, budget, market, journal, history,
 * hub, reads, key check, engine, stream, http. Stop: http takes no more, then the parts that answer
 * its calls, then http, then the rest. */
#include "server/app.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <openssl/rand.h>

#include "api/events.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/about.h"
#include "server/app_parts.h"

#define HUB_RING_BYTES   ((size_t)8 * 1024 * 1024)
#define LOOP_GRACE_MS    300
#define HTTP_GRACE_MS    200
#define CONNECTIONS_MAX  96 /* 64 creates and 32 cancels in flight */
#define READ_CONNECTIONS 16
/* Open files that are not local connections: those to the exchange, and, when it is embedded, its
 * ends of them; the journal and its readers; what the libraries need. */
#define FILES_RESERVED    320
#define LOCAL_MIN         16
#define OTHER_CONNECTIONS 2096 /* local ones that are no streams */
#define HISTORY_WORKERS   2
#define READS_TICK_MS     1000
#define READS_TICK_MIN_MS 20
#define KEY_WAIT_MS       5000 /* for what the key may do, at the start */
#define STALLED_MIN_MS    3000
#define START_REQUESTS    50 /* of a start: about 25, and pages of what is open and was executed */

/* --- start --- */

static enum err start_sim(struct app *app, struct secret_page *secrets, const char **key,
                          const char **secret, struct error *error)
{
    struct sim_options options = {
        .host = "127.0.0.1",
        .seed = app->config->sim_seed,
        .control = app->config->sim_control,
        .no_limits = app->config->no_limits,
    };
    unsigned char random[16];
    char hex[sizeof(random) * 2 + 1];
    enum err err;

    if (RAND_bytes(random, sizeof(random)) != 1)
        return error_set(error, ERR_INTERNAL, "no random numbers");
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(hex + i * 2, 3, "%02x", random[i]);
    if (secret_add(secrets, "embedded", strlen("embedded"), key) ||
        secret_add(secrets, hex, strlen(hex), secret))
        return error_set(error, ERR_INTERNAL, "the secret page is full");
    options.api_key = *key;
    options.api_secret = *secret;
    err = sim_start(&app->sim, &options, error);
    if (err)
        return err;
    (void)snprintf(app->rest_url, sizeof(app->rest_url), "http://127.0.0.1:%d", sim_port(app->sim));
    (void)snprintf(app->ws_url, sizeof(app->ws_url), "ws://127.0.0.1:%d", sim_port(app->sim));
    return ERR_NONE;
}

static enum err make_signer(struct app *app, struct secret_page *secrets, struct error *error)
{
    const struct config *config = app->config;
    const char *key = config->api_key;
    const char *secret = config->api_secret;
    enum err err;

    if (config_is_embedded(config)) {
        err = start_sim(app, secrets, &key, &secret, error);
        if (err)
            return err;
        app->has_keys = true;
        return signer_create_hmac(&app->signer, key, secret, error);
    }
    app->has_keys = config_has_keys(config);
    if (!app->has_keys)
        return ERR_NONE;
    if (config->api_private_key)
        return signer_create_rsa(&app->signer, key, config->api_private_key, error);
    return signer_create_hmac(&app->signer, key, secret, error);
}

static const char *rest_url(const struct app *app)
{
    if (app->rest_url[0])
        return app->rest_url;
    return app->config->rest_url[0] ? app->config->rest_url
                                    : bybit_hosts(app->config->env, app->config->site)->rest;
}

static struct rest_config rest_config(const struct app *app, int connections_max)
{
    return (struct rest_config){
        .url = rest_url(app),
        .ca_file = app->config->ca_file[0] ? app->config->ca_file : NULL,
        .signer = app->signer,
        .budget = app->budget,
        .clock = app->clock,
        .recv_window_ms = app->config->recv_window_ms,
        .connections_max = connections_max,
        .connect_timeout_ms = 5000,
        .metrics = app->metrics,
    };
}

/* A ban that an earlier run was told goes on, whoever asks: to ask within it makes it longer. */
static void keep_ban(struct app *app, int64_t left_ms)
{
    if (left_ms > BUDGET_BAN_MAX_MS)
        left_ms = BUDGET_BAN_MAX_MS;
    if (left_ms > 0) {
        log_warn("rest: the exchange has banned this IP before this start: all calls pause for "
                 "%" PRId64 " s",
                 (left_ms + 999) / 1000);
        budget_ban(app->budget, clock_mono_ms(), left_ms);
    }
    budget_on_ban(app->budget, app_on_ban, app->journal);
}

/* What runs just before this one asked still counts at the exchange: a bridge that is started again
 * and again must not come to a ban by its starts. */
static void count_starts(struct app *app, int64_t starts)
{
    const int64_t most = INT_MAX / START_REQUESTS;

    budget_past(app->budget, (int)(starts < most ? starts : most) * START_REQUESTS,
                clock_mono_ms());
}

static enum err start_journal(struct app *app, struct journal_start *start, struct error *error)
{
    char path[CONFIG_TEXT_MAX * 2];
    char account[16];
    struct journal_identity identity = {
        .env = env_word(app->config->env),
        .account = account,
        .start_fresh = config_is_embedded(app->config),
    };
    enum err err = config_journal_path(app->config, path, sizeof(path), error);

    if (err)
        return err;
    config_account(app->config, account);
    err = journal_open(&app->journal, path, &identity, start, error);
    if (err)
        return err;
    journal_set_metrics(app->journal, app->metrics);
    keep_ban(app, start->banned_ms);
    count_starts(app, start->recent_starts);
    log_info("journal: path=%s run=%" PRId64 " last_seq=%" PRIu64, path, start->run,
             start->last_seq);
    return history_start(&app->history, app->journal, HISTORY_WORKERS, error);
}

static enum err start_engine(struct app *app, const struct journal_start *start,
                             struct error *error)
{
    struct loop_config config = {
        .rest = rest_config(app, CONNECTIONS_MAX),
        .engine = {
            .times = engine_times_scaled(&engine_times_default, app->config->speed),
            .has_keys = true,
            .last_seq = start->last_seq,
            .watermark_ms = start->watermark_ms,
            .link_prefix = app->link_prefix,
            .guard_ceiling = app->config->has_guard_ceiling ? &app->config->guard_ceiling : NULL,
            .option_coins = app->config->option_coins,
            .option_coins_count = app->config->option_coins_count,
        },
        .journal = app->journal,
        .history = app->history,
        .wall_base_ms = start->wall_base_ms,
        .clock_every_ms = 60000,
        .without_batches = env_without_batches(app->config->env),
        .format_order = api_event_order,
        .format_fill = api_event_fill,
        .format_guard = api_event_guard,
        .on_event = app_on_journaled,
        .userdata = app,
    };
    enum err err;

    config.engine.times.recv_window_ms = app->config->recv_window_ms;
    /* Links grow: prefix, the journal's own letters, run number, then the engine's counter. */
    (void)snprintf(app->link_prefix, sizeof(app->link_prefix), "b%s-%" PRIx64 "-", start->id,
                   (uint64_t)start->run);
    err = loop_start(&app->loop, &config, error);
    atomic_store(&app->engine_runs, err == ERR_NONE);
    return err;
}

/* By how much faster a test wants it. */
static int scaled(int value, int speed)
{
    return value / speed > 0 ? value / speed : 1;
}

static enum err start_reads(struct app *app, struct error *error)
{
    const int tick_ms = scaled(READS_TICK_MS, app->config->speed);
    const struct reads_config config = {
        .rest = rest_config(app, READ_CONNECTIONS),
        .instruments = app->instruments,
        .instruments_every_ms = 3600000,
        .on_tick = app_on_reads_tick,
        .userdata = app,
        .tick_ms = tick_ms > READS_TICK_MIN_MS ? tick_ms : READS_TICK_MIN_MS,
    };
    enum err err = reads_start(&app->reads, &config, error);

    atomic_store(&app->reads_run, err == ERR_NONE);

    if (!err && app->account)
        account_attach(app->account, app->reads, app->market);
    return err;
}

static enum err start_stream(struct app *app, struct error *error)
{
    const struct config *config = app->config;
    const struct bybit_hosts *hosts = bybit_hosts(config->env, config->site);
    struct stream_config stream = {
        .public_url = hosts ? hosts->public_ws : NULL,
        .private_url = hosts ? hosts->private_ws : NULL,
        .ca_file = config->ca_file[0] ? config->ca_file : NULL,
        .signer = app->signer,
        .clock = app->clock,
        .market = app->market,
        .times = &app->stream_times,
        .callbacks = &app_stream_callbacks,
        .userdata = app,
    };
    enum err err;

    app->stream_times = stream_times_default;
    app->stream_times.backoff_min_ms = scaled(stream_times_default.backoff_min_ms, config->speed);
    app->stream_times.backoff_max_ms = scaled(stream_times_default.backoff_max_ms, config->speed);
    app->stream_times.stale_after_ms = scaled(stream_times_default.stale_after_ms, config->speed);
    if (config->ws_url[0] || app->ws_url[0]) {
        stream.public_url = app->ws_url[0] ? app->ws_url : config->ws_url;
        stream.private_url = stream.public_url;
    }
    err = stream_start(&app->stream, &stream, error);
    if (!err)
        account_use_stream(app->account, app->stream);
    return err;
}

static void fill_api(struct app *app)
{
    app->api = (struct api){
        .version = BRIDGE_VERSION,
        .libraries = about_libraries(app->libraries),
        .env = env_word(app->config->env),
        .site = app->config->env == ENV_SIM ? NULL : site_word(app->config->site),
        .has_keys = app->has_keys,
        .default_category = app->config->default_category,
        .started_ms = clock_wall_ms(),
        .loop = app->loop,
        .journal = app->journal,
        .history = app->history,
        .market = app->market,
        .stream = app->stream,
        .reads = app->reads,
        .account = app->account,
        .key = app->key,
        .instruments = app->instruments,
        .clock = app->clock,
        .budget = app->budget,
        .metrics = app->metrics,
        .order_deadline_ms = scaled(engine_times_default.order_deadline_ms, app->config->speed),
        .feed_last = app_feed_last,
        .feed_wait = app_feed_wait,
        .feed_has = app_feed_has,
        .add_server_status = app_add_server_status,
        .userdata = app,
    };
}

/* Raises the limit of open files as far as needed and allowed. Returns how many local connections a
 * listener may have, so that they never take the files that the journal and the exchange need. */
static size_t local_connections(size_t wanted, size_t listeners)
{
    struct rlimit limit;
    rlim_t need = wanted * listeners + FILES_RESERVED;
    size_t left;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    if (limit.rlim_cur < need) {
        limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= need)
        return wanted;
    left = limit.rlim_cur > FILES_RESERVED ? (limit.rlim_cur - FILES_RESERVED) / listeners : 0;
    if (left < LOCAL_MIN)
        left = LOCAL_MIN;
    log_warn("app: at most %zu local connections in place of %zu: raise the limit of open files to "
             "%" PRIu64 " (ulimit -n, or LimitNOFILE= of systemd)",
             left, wanted, (uint64_t)need);
    return left;
}

static void list_texts(const char *to[CONFIG_LIST_MAX],
                       const char from[CONFIG_LIST_MAX][CONFIG_TEXT_MAX], size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}

/* A reader of a stream that stalls is waited for no less than some seconds. */
static struct http_times http_times(int speed)
{
    struct http_times times = http_times_default;

    times.stalled_ms = scaled(times.stalled_ms, speed);
    if (times.stalled_ms < STALLED_MIN_MS)
        times.stalled_ms = STALLED_MIN_MS;
    return times;
}

static enum err start_http(struct app *app, struct error *error)
{
    const struct config *config = app->config;
    bool both = strcmp(config->listen_host, "127.0.0.1") == 0;
    size_t listeners = config->unix_socket[0] ? 2 : 1;
    struct http_config http = {
        .host = config->listen_host,
        .port = config->listen_port,
        .also_ipv6_loopback = both,
        .allow_hosts = app->allow_hosts,
        .allow_hosts_count = config->allow_hosts_count,
        .allow_origins = app->allow_origins,
        .allow_origins_count = config->allow_origins_count,
        .trade_origins = app->trade_origins,
        .trade_origins_count = config->trade_origins_count,
        .dashboard_trading = config->dashboard_trading,
        .unix_socket = config->unix_socket,
        .allow_uids = config->allow_uids,
        .allow_uids_count = config->allow_uids_count,
        .allow_any_uid = config->allow_any_uid,
        .read_token = config->read_token,
        .trade_token = config->token,
        .admin_token = config->admin_token,
        .read_only = config->read_only,
        .allow_paths = app->allow_paths,
        .allow_paths_count = config->allow_paths_count,
        .max_streams = (size_t)config->max_streams,
        .max_connections = local_connections((size_t)config->max_streams + OTHER_CONNECTIONS,
                                             both ? listeners + 1 : listeners),
        .max_in_flight = 1024,
        .times = http_times(config->speed),
        .api = &app->api,
        .hub = app->hub,
    };

    list_texts(app->allow_hosts, config->allow_hosts, config->allow_hosts_count);
    list_texts(app->allow_origins, config->allow_origins, config->allow_origins_count);
    list_texts(app->trade_origins, config->trade_origins, config->trade_origins_count);
    list_texts(app->allow_paths, config->allow_paths, config->allow_paths_count);
    return http_start(&app->http, &http, error);
}

static enum err make_shared(struct app *app, struct error *error)
{
    const int speed = app->config->speed;
    struct book_check_config check = {
        .times = { .every_ms = scaled(book_check_times_default.every_ms, speed),
                   .again_ms = scaled(book_check_times_default.again_ms, speed),
                   .timeout_ms = book_check_times_default.timeout_ms },
    };

    app->metrics = metrics_create();
    app->clock = clock_sync_create();
    app->budget = budget_create(app->config->ip_limit);
    app->market = market_create();
    app->instruments = instruments_slot_create();
    if (!app->metrics || !app->clock || !app->budget || !app->market || !app->instruments)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    check.market = app->market;
    check.budget = app->budget;
    check.metrics = app->metrics;
    app->book_check = book_check_create(&check);
    return app->book_check ? ERR_NONE : error_set(error, ERR_NO_MEMORY, "out of memory");
}

static enum err make_account(struct app *app, struct error *error)
{
    const int speed = app->config->speed;
    const struct account_config config = { .callbacks = &app_account_callbacks,
                                           .userdata = app,
                                           .audit_every_ms = scaled(60000, speed),
                                           .settle_ms = scaled(5000, speed) };
    const struct key_check_config key = { .allow_withdraw = app->config->allow_withdraw_key,
                                          .again_ms = scaled(5000, speed),
                                          .every_ms = scaled(3600000, speed),
                                          .on_refused = app_on_key_refused,
                                          .userdata = app };

    app->account = account_create(&config);
    if (!config_is_embedded(app->config))
        app->key = key_check_create(&key);
    if (!app->account || (!app->key && !config_is_embedded(app->config)))
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    return ERR_NONE;
}

/* Before anything is sent for the account. */
static enum err check_key(struct app *app, struct error *error)
{
    if (!app->key)
        return ERR_NONE;
    key_check_begin(app->key, app->reads);
    return key_check_wait(app->key, KEY_WAIT_MS, error);
}

static enum err start_parts(struct app *app, struct secret_page *secrets, struct error *error)
{
    struct journal_start start = { .epoch = 0 };
    enum err err = make_shared(app, error);

    if (!err)
        err = make_signer(app, secrets, error);
    if (!err && app->has_keys)
        err = start_journal(app, &start, error);
    if (err)
        return err;
    app->hub = hub_create(HUB_RING_BYTES, start.last_seq);
    if (!app->hub)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    hub_set_epoch(app->hub, start.epoch);
    hub_writer_init(&app->stream_writer, app->hub);
    hub_writer_init(&app->account_writer, app->hub);
    if (app->has_keys)
        err = make_account(app, error);
    if (!err)
        err = start_reads(app, error);
    if (!err)
        err = check_key(app, error);
    if (!err && app->has_keys)
        err = start_engine(app, &start, error);
    if (!err)
        err = start_stream(app, error);
    if (err)
        return err;
    fill_api(app);
    return start_http(app, error);
}

enum err app_start(struct app **out, const struct config *config, struct secret_page *secrets,
                   struct error *error)
{
    struct app *app = calloc(1, sizeof(*app));
    enum err err;

    if (!app)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    app->config = config;
    err = start_parts(app, secrets, error);
    if (err) {
        app_stop(app);
        return err;
    }
    *out = app;
    return ERR_NONE;
}

void app_print_welcome(const struct app *app)
{
    bool ipv6 = strchr(app->config->listen_host, ':') != NULL;
    char address[96];

    (void)snprintf(address, sizeof(address), ipv6 ? "[%s]:%d" : "%s:%d", app->config->listen_host,
                   http_port(app->http));
    if (strcmp(app->config->listen_host, "127.0.0.1") == 0)
        (void)snprintf(address, sizeof(address), "localhost:%d", http_port(app->http));
    printf("bybit-bridge " BRIDGE_VERSION " listens on http://%s (env: %s%s)\n", address,
           env_word(app->config->env),
           config_is_embedded(app->config) ? ", the embedded exchange: no real money"
           : app->has_keys                 ? ""
                                           : ", no keys: public data only");
    printf("\ntry:\n  curl %s/price/BTCUSDT\n", address);
    if (app->has_keys) {
        printf("  curl %s/orders -d symbol=BTCUSDT -d side=buy -d qty=0.01 -d type=market\n",
               address);
        printf("  curl -N '%s/stream?topics=orders,fills,ticker:BTCUSDT'\n", address);
    } else {
        printf("  curl %s/book/BTCUSDT\n  curl -N '%s/stream?topics=ticker:BTCUSDT'\n", address,
               address);
    }
    printf("or open http://%s/ in a browser\n\n", address);
    (void)fflush(stdout);
}

int app_exit_status(const struct app *app)
{
    return atomic_load(&app->exit_status);
}

void app_kill(struct app *app)
{
    const char *why_not = !app->has_keys           ? "there are no keys, so nothing was ever sent"
                          : app->config->read_only ? "the bridge runs with --read-only"
                                                   : NULL;

    if (why_not) {
        log_warn("kill: SIGUSR1 does nothing: %s", why_not);
        return;
    }
    log_warn("kill: asked for by SIGUSR1");
    /* ERR_BUSY: carried out all the same, and nobody waits for an answer. */
    (void)!loop_kill(app->loop, "SIGUSR1", "SIGUSR1", 0, NULL, NULL);
}

/* --- stop --- */

void app_stop(struct app *app)
{
    if (!app)
        return;
    http_quiesce(app->http);
    reads_halt(app->reads); /* its callbacks use the stream, too */
    account_use_stream(app->account, NULL);
    stream_halt(app->stream);
    loop_stop(app->loop, LOOP_GRACE_MS);
    history_stop(app->history); /* its last jobs ask the reads, the stream and the loop */
    reads_stop(app->reads);
    stream_stop(app->stream);
    journal_close(app->journal);
    http_stop(app->http, HTTP_GRACE_MS);
    loop_destroy(app->loop);
    account_destroy(app->account);
    book_check_destroy(app->book_check);
    key_check_destroy(app->key);
    hub_writer_deinit(&app->stream_writer);
    hub_writer_deinit(&app->account_writer);
    hub_destroy(app->hub);
    sim_stop(app->sim);
    instruments_slot_destroy(app->instruments);
    market_destroy(app->market);
    budget_destroy(app->budget);
    clock_sync_destroy(app->clock);
    signer_destroy(app->signer);
    metrics_destroy(app->metrics);
    free(app);
}
