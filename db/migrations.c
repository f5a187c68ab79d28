#include "db/migrations.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "db/statement.h"

/* Integers ending in _ms are Unix time; prices and sizes are text, as exact as they came. `final`
 * is derived from `state`, for the index of open orders. Row ids are the cursors of lists. */
static const char schema_1[] =
    "CREATE TABLE meta ("
    "  key TEXT PRIMARY KEY,"
    "  value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    /* One row, changed by every commit: what the newest one held. */
    "CREATE TABLE progress ("
    "  id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  run INTEGER NOT NULL,"
    "  position INTEGER NOT NULL,"
    "  commits INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO progress VALUES (1, 0, 0, 0);"

    "CREATE TABLE orders ("
    "  id INTEGER PRIMARY KEY,"
    "  link TEXT NOT NULL,"
    "  order_id TEXT NOT NULL,"
    "  client_id TEXT NOT NULL,"
    "  category TEXT NOT NULL,"
    "  symbol TEXT NOT NULL,"
    "  side TEXT NOT NULL,"
    "  type TEXT NOT NULL,"
    "  tif TEXT NOT NULL,"
    "  qty TEXT,"
    "  price TEXT,"
    "  state TEXT NOT NULL,"
    "  status TEXT NOT NULL,"
    "  filled_qty TEXT,"
    "  filled_value TEXT,"
    "  avg_price TEXT,"
    "  fees TEXT NOT NULL,"
    "  reject_reason TEXT NOT NULL,"
    "  cancel_reason TEXT NOT NULL,"
    "  ret_code INTEGER NOT NULL,"
    "  ret_msg TEXT NOT NULL,"
    "  qty_in_quote INTEGER NOT NULL,"
    "  trigger_price TEXT,"
    "  trigger_direction INTEGER NOT NULL,"
    "  take_profit TEXT,"
    "  stop_loss TEXT,"
    "  reduce_only INTEGER NOT NULL,"
    "  close_on_trigger INTEGER NOT NULL,"
    "  position_idx INTEGER NOT NULL,"
    "  tag TEXT NOT NULL,"
    "  client TEXT NOT NULL,"
    "  client_key INTEGER NOT NULL,"
    "  body_hash BLOB NOT NULL,"
    "  external INTEGER NOT NULL,"
    "  final INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  cancel_wanted INTEGER NOT NULL,"
    "  settled INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL,"
    "  exchange_ms INTEGER NOT NULL,"
    "  deadline_ms INTEGER NOT NULL,"
    "  signed_ms INTEGER NOT NULL,"
    "  seq INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX orders_link ON orders (link) WHERE link <> '';"
    "CREATE UNIQUE INDEX orders_order_id ON orders (order_id, category) WHERE order_id <> '';"
    "CREATE INDEX orders_client_id ON orders (client_id) WHERE client_id <> '' AND client_id <> "
    "link;"
    "CREATE INDEX orders_open ON orders (created_ms) WHERE final = 0;"
    "CREATE INDEX orders_created ON orders (created_ms);"
    "CREATE INDEX orders_symbol ON orders (symbol, created_ms);"
    "CREATE INDEX orders_tag ON orders (tag, created_ms) WHERE tag <> '';"

    "CREATE TABLE fills ("
    "  id INTEGER PRIMARY KEY,"
    "  exec_id TEXT NOT NULL,"
    "  order_id TEXT NOT NULL,"
    "  link TEXT NOT NULL,"
    "  category TEXT NOT NULL,"
    "  symbol TEXT NOT NULL,"
    "  side TEXT NOT NULL,"
    "  qty TEXT,"
    "  price TEXT,"
    "  value TEXT,"
    "  fee TEXT,"
    "  fee_coin TEXT NOT NULL,"
    "  maker INTEGER NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  closed_qty TEXT,"
    "  at_ms INTEGER NOT NULL,"
    "  exchange_seq INTEGER NOT NULL,"
    "  tag TEXT NOT NULL,"
    "  client TEXT NOT NULL,"
    "  client_id TEXT NOT NULL,"
    "  seq INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX fills_key ON fills (order_id, category, exec_id);"
    "CREATE INDEX fills_at ON fills (at_ms);"
    "CREATE INDEX fills_symbol ON fills (symbol, at_ms);"
    "CREATE INDEX fills_tag ON fills (tag, at_ms) WHERE tag <> '';"

    "CREATE TABLE events ("
    "  seq INTEGER PRIMARY KEY,"
    "  at_ms INTEGER NOT NULL,"
    "  event TEXT NOT NULL,"
    "  json TEXT NOT NULL,"
    "  hash BLOB NOT NULL"
    ") STRICT;"

    /* For people with the sqlite3 program. */
    "CREATE VIEW v_orders AS SELECT"
    "  strftime('%Y-%m-%dT%H:%M:%fZ', created_ms / 1000.0, 'unixepoch') AS created,"
    "  strftime('%Y-%m-%dT%H:%M:%fZ', updated_ms / 1000.0, 'unixepoch') AS updated,"
    "  client_id, link, order_id, category, symbol, side, type, tif, qty, price, state, status,"
    "  filled_qty, avg_price, fees, reject_reason, cancel_reason, ret_code, ret_msg, tag, seq"
    "  FROM orders;"
    "CREATE VIEW v_fills AS SELECT"
    "  strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch') AS at,"
    "  client_id, link, order_id, exec_id, category, symbol, side, qty, price, value, fee, "
    "fee_coin,"
    "  iif(maker, 'maker', 'taker') AS role, kind, tag, seq"
    "  FROM fills;";

/* What the guard must know after a restart. Creates of the last minute are counted from the orders,
 * by the index on created_ms; what an order's row does not tell is when it was tried again: a row a
 * retry, kept for some minutes. */
static const char schema_2[] = "ALTER TABLE orders ADD COLUMN value_price TEXT;"

                               "CREATE TABLE guard ("
                               "  id INTEGER PRIMARY KEY CHECK (id = 1),"
                               "  at_ms INTEGER NOT NULL,"
                               "  state TEXT NOT NULL"
                               ") STRICT;"

                               "CREATE TABLE retries ("
                               "  at_ms INTEGER NOT NULL,"
                               "  link TEXT NOT NULL,"
                               "  attempt INTEGER NOT NULL,"
                               "  client TEXT NOT NULL,"
                               "  PRIMARY KEY (at_ms, link, attempt)"
                               ") STRICT, WITHOUT ROWID;";

/* What conditional orders and amends need. `change` is what the amend in flight changes, as
 * "qty=0.02 price=26000"; `amend` is "" while none is. */
static const char schema_3[] =
    "ALTER TABLE orders ADD COLUMN trigger_by TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN spot_trigger TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN take_profit_by TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN stop_loss_by TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN take_profit_limit TEXT;"
    "ALTER TABLE orders ADD COLUMN stop_loss_limit TEXT;"
    "ALTER TABLE orders ADD COLUMN slippage_kind TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN slippage TEXT;"
    "ALTER TABLE orders ADD COLUMN smp TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN amend TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN change TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN amend_ms INTEGER NOT NULL DEFAULT 0;";

/* Spot orders that may borrow; orders of a change of a position that are one of several. */
static const char schema_4[] =
    "ALTER TABLE orders ADD COLUMN is_leverage INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE orders ADD COLUMN whole_qty TEXT;"
    "ALTER TABLE orders ADD COLUMN part_qty TEXT;";

/* Whose clock is behind the times of orders and retries: db/runs.h. */
static const char schema_5[] = "CREATE TABLE runs ("
                               "  run INTEGER PRIMARY KEY,"
                               "  boot_id TEXT NOT NULL,"
                               "  mono_ms INTEGER NOT NULL,"
                               "  base_ms INTEGER NOT NULL,"
                               "  first_order INTEGER NOT NULL"
                               ") STRICT;"
                               "ALTER TABLE retries ADD COLUMN run INTEGER NOT NULL DEFAULT 0;";

/* What the exchange's own last message said of an order, by the order's row: read only when asked
 * for, so that the rows of orders stay small. */
static const char schema_6[] = "CREATE TABLE natives ("
                               "  id INTEGER PRIMARY KEY,"
                               "  json TEXT NOT NULL"
                               ") STRICT;";

static const struct migration migrations[] = {
    { "orders, fills, events", schema_1 },
    { "the guard", schema_2 },
    { "conditional orders, amends", schema_3 },
    { "spot margin, changes in parts", schema_4 },
    { "runs", schema_5 },
    { "the exchange's objects of orders", schema_6 },
};

static enum err step(sqlite3 *db, const struct migration *migration, size_t version,
                     struct error *error)
{
    char done[96];
    enum err err;

    (void)snprintf(done, sizeof(done),
                   "PRAGMA user_version = %zu; PRAGMA application_id = %d; COMMIT", version,
                   MIGRATIONS_APPLICATION_ID);
    err = db_exec(db, "BEGIN IMMEDIATE", error);
    if (!err)
        err = db_exec(db, migration->sql, error);
    if (!err)
        err = db_exec(db, done, error);
    if (err && !sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* Whose file is it? An empty one is nobody's, and becomes ours. */
static enum err check_owner(sqlite3 *db, int64_t version, int64_t known, struct error *error)
{
    int64_t application = 0;
    int64_t tables = 0;
    enum err err = db_integer(db, "PRAGMA application_id", &application, error);

    if (!err)
        err = db_integer(db, "SELECT count(*) FROM sqlite_schema", &tables, error);
    if (err)
        return err;
    if (application != MIGRATIONS_APPLICATION_ID &&
        (application != 0 || version != 0 || tables != 0))
        return error_set(
            error, ERR_INVALID,
            "journal: the file belongs to another program: name another with --journal");
    if (version < 0 || version > known)
        return error_set(error, ERR_INVALID,
                         "journal: made by a newer bybit-bridge (format %" PRId64
                         ", this one knows up to %" PRId64
                         "): install the newer one, or name another file with --journal",
                         version, known);
    return ERR_NONE;
}

enum err migrations_apply(sqlite3 *db, const struct migration *steps, size_t count,
                          struct error *error)
{
    int64_t version = 0;
    enum err err = db_integer(db, "PRAGMA user_version", &version, error);

    if (!err)
        err = check_owner(db, version, (int64_t)count, error);
    for (size_t i = (size_t)version; !err && i < count; i++) {
        err = step(db, &steps[i], i + 1, error);
        if (!err && version > 0)
            log_info("journal: migrated to format %zu (%s)", i + 1, steps[i].name);
    }
    return err;
}

enum err migrations_run(sqlite3 *db, struct error *error)
{
    return migrations_apply(db, migrations, ARRAY_LEN(migrations), error);
}
