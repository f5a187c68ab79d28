/* db/rows.h - orders and fills as rows: the order of their columns, how they are bound and read.
 *
 * Shared by the writing connection and the readers. Threads: whoever owns the connection.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "base/trade.h"
#include "db/journal.h"

/* Long enough for each statement text made here. */
#define ROWS_SQL_MAX 2048

/* "SELECT id, link, ... FROM orders " and the like, to be continued; they return `out`. */
const char *rows_select_orders(char out[ROWS_SQL_MAX], const char *rest);
const char *rows_select_fills(char out[ROWS_SQL_MAX], const char *rest);
const char *rows_insert_order(char out[ROWS_SQL_MAX]);
const char *rows_insert_fill(char out[ROWS_SQL_MAX]);
/* Sets by link what can change of an order made here; indexed columns that cannot are left alone,
 * which is faster. */
const char *rows_update_by_link(char out[ROWS_SQL_MAX]);
/* Sets all columns of the row whose id is bound at ROWS_ORDER_ID_AT. */
const char *rows_update_by_id(char out[ROWS_SQL_MAX]);

extern const int ROWS_ORDER_ID_AT;

/* Binds all columns; texts are borrowed until the statement has been reset. `fees` holds one of
 * them. */
#define ROWS_FEES_MAX 300
void rows_bind_order(sqlite3_stmt *statement, const struct order *order, char fees[ROWS_FEES_MAX]);
void rows_bind_fill(sqlite3_stmt *statement, const struct fill *fill);

/* Reads the row of a rows_select_* statement. ERR_IO: a word or number in it is not ours. `row_id`
 * may be NULL. */
MUST_CHECK enum err rows_read_order(sqlite3_stmt *statement, struct order *order, int64_t *row_id,
                                    struct error *error);
MUST_CHECK enum err rows_read_fill(sqlite3_stmt *statement, struct fill *fill, int64_t *row_id,
                                   struct error *error);

/* For a statement of this text: the keys of one order's fills. `*keys` is malloc'ed, the caller
 * frees; NULL when none. */
extern const char rows_fill_keys_sql[];
MUST_CHECK enum err rows_fill_keys(sqlite3_stmt *statement, enum category category,
                                   const char *order_id, struct journal_fill_key **keys,
                                   size_t *count, struct error *error);
