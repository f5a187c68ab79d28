/* api/fields.h - bodies by const table: JSON, or form fields, into typed values.
 *
 * Strict (gate rules 14, 15): an unknown field, a field given twice (also by an alias), a value of
 * the wrong type or grammar are refused with a text that names the field. Decimals keep the digits
 * as written. JSON null means "not given". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/reply.h"
#include "base/decimal.h"
#include "base/error.h"

enum field_type {
    FIELD_DECIMAL, /* >= 0: a JSON number or string */
    FIELD_SIGNED,  /* the same, below 0 too */
    FIELD_BOOL,    /* JSON true, false; in forms also 1, 0, yes, no */
    FIELD_INT,     /* >= 0 */
    FIELD_WORD,    /* one of a set, read by `parse` */
    FIELD_TEXT,    /* a string that is not empty */
};

#define FIELD_ALIASES_MAX 2
#define FIELD_TEXT_MAX    160

struct field {
    const char *name;
    const char *aliases[FIELD_ALIASES_MAX]; /* Bybit's spellings; NULL: none */
    enum field_type type;
    bool (*parse)(const char *word, int64_t *out); /* FIELD_WORD */
    const char *words;                             /* FIELD_WORD: what it can be, for people */
};

struct field_value {
    struct decimal decimal;    /* FIELD_DECIMAL, FIELD_SIGNED; else none */
    int64_t number;            /* FIELD_INT, FIELD_WORD; FIELD_BOOL: 0 or 1 */
    char text[FIELD_TEXT_MAX]; /* as given */
    bool given;
    bool nulled; /* said to be null, and so not given */
};

/* Reads `body` into `values` (one a row of the table, all set). `is_form`: labelled as a form; a
 * body that starts with "{" or "[" is JSON all the same. ERR_INVALID with the refusal. */
MUST_CHECK enum err fields_read(const struct field *table, size_t count, const char *body,
                                size_t body_bytes, bool is_form, struct field_value *values,
                                struct api_refusal *refusal);
