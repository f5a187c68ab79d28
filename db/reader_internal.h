/* db/reader_internal.h - what the parts of a reader share. reader.c: the connection, single rows,
 * events; reader_lists.c: lists of orders and fills. */
#pragma once

#include "db/reader.h"

enum reader_statement {
    R_BY_ORDER_ID,
    R_BY_LINK,
    R_BY_CLIENT_ID,
    R_BY_CATEGORY_ORDER_ID,
    R_FILL_KEYS,
    R_FILL_KNOWN,
    R_EVENTS,
    R_EVENTS_BACK,
    R_FIRST_SEQ,
    R_WATCHED,
    R_ORDER_TIME,
    R_FILL_TIME,
    R_NATIVE,
    R_COUNT
};

struct history_reader {
    const char *path;
    sqlite3 *db; /* NULL: closed */
    sqlite3_stmt *statements[R_COUNT];
};

/* Opens the connection, if it is not, and logs why it can't be. */
MUST_CHECK enum err reader_ready(struct history_reader *reader);

/* Ends a call: logs what failed, and gives the connection up when it may be the reason. */
MUST_CHECK enum err reader_finish(struct history_reader *reader, sqlite3_stmt *statement,
                                  enum err err, const struct error *error);

/* The exchange's own object of an order's row, borrowed until R_NATIVE is reset. */
MUST_CHECK enum err reader_native(struct history_reader *reader, int64_t row_id,
                                  struct stored_native *out, struct error *error);
