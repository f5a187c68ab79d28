/* api/form.h - lists in the form that was asked for: JSON with `items` and `next`, or the bare rows
 * as CSV (RFC 4180) or NDJSON.
 *
 * A handler writes each row as one JSON object with exactly the columns as its members, in their
 * order; the other forms are made from that. In a CSV null is an empty cell, an object or array its
 * JSON, and a text that a spreadsheet would take for a formula gets an apostrophe in front.
 *
 * Threads: any; a list is one thread's at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/call.h"
#include "base/buffer.h"

#define FORM_NDJSON_TYPE "application/x-ndjson"

struct form_list {
    struct api_call *call;
    const char *const *columns; /* static */
    size_t columns_count;
    struct buffer row;
    bool items_ended;
};

/* Begins the reply. Nothing else may write to call->reply until form_close. */
void form_open(struct form_list *list, struct api_call *call, const char *const *columns,
               size_t columns_count);
/* Where the next row is written as one JSON object, then form_row_end. */
struct buffer *form_row(struct form_list *list);
void form_row_end(struct form_list *list);
/* After the last row: JSON's object, where members of the list itself are written; NULL in the
 * other forms, which have none. */
struct buffer *form_members(struct form_list *list);
/* Ends the call with 200. `next`: path and query of the next page, NULL on the last one; also as
 * `Link`. as_of and source as in api_reply_age; `source` NULL: it has no age. */
void form_close(struct form_list *list, const char *next, int64_t as_of_ms, const char *source);
/* All rows were asked for, as CSV or NDJSON without a limit: such a file looks complete, so it must
 * be. */
bool form_must_be_whole(const struct api_call *call);
/* In place of form_close, when there are more rows than fit: refuses. */
void form_refuse_more(struct form_list *list, int rows);
/* In place of form_close: the caller answers otherwise. */
void form_abandon(struct form_list *list);

/* "/fills?after=17&symbol=BTCUSDT": this request again with `after` in place of its own; in the
 * form of `call`'s path. A `from` or `to` that was said by the clock ("-30d", "today") becomes the
 * time that it meant, so that all pages are of the same span; NULL: the list has neither. `out` is
 * "" when it does not fit. */
struct form_span {
    int64_t from_ms;
    int64_t to_ms;
};
void form_next(const struct api_call *call, const char *after, const struct form_span *span,
               char *out, size_t out_bytes);
