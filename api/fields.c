/* api/fields.c - one reader a form of body; both end in take_*(), which knows the table. */
#include "api/fields.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"

#define FIELDS_MAX     64 /* rows of a table */
#define FIELD_NAME_MAX 64 /* bytes of a name that are looked at */

struct reading {
    const struct field *table;
    size_t count;
    struct field_value *values;
    struct api_refusal *refusal;
};

/* --- names --- */

static const struct field *find_field(const struct reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->count; i++) {
        const struct field *field = &reading->table[i];

        if (strcmp(field->name, name) == 0)
            return field;
        for (size_t alias = 0; alias < FIELD_ALIASES_MAX; alias++) {
            if (field->aliases[alias] && strcmp(field->aliases[alias], name) == 0)
                return field;
        }
    }
    return NULL;
}

static void unknown_field(struct reading *reading, const char *name)
{
    const char *names[FIELDS_MAX * (1 + FIELD_ALIASES_MAX)];
    const char *nearest;
    size_t count = 0;

    for (size_t i = 0; i < reading->count; i++) {
        names[count++] = reading->table[i].name;
        for (size_t alias = 0; alias < FIELD_ALIASES_MAX; alias++) {
            if (reading->table[i].aliases[alias])
                names[count++] = reading->table[i].aliases[alias];
        }
    }
    nearest = text_nearest(name, names, count);
    if (nearest)
        (void)api_refuse(reading->refusal, "unknown_field",
                         "unknown field \"%s\"; did you mean \"%s\"?", name, nearest);
    else
        (void)api_refuse(reading->refusal, "unknown_field", "unknown field \"%s\"", name);
}

/* The place of the field called `name`, which must be new. */
static enum err claim_field(struct reading *reading, const char *name, bool *seen,
                            const struct field **field, struct field_value **value)
{
    *field = find_field(reading, name);
    if (!*field) {
        unknown_field(reading, name);
        return ERR_INVALID;
    }
    *value = &reading->values[*field - reading->table];
    if (seen[*field - reading->table])
        return api_refuse(reading->refusal, "duplicate_field", "%s is given twice%s%s",
                          (*field)->name, strcmp((*field)->name, name) == 0 ? "" : ", once as ",
                          strcmp((*field)->name, name) == 0 ? "" : name);
    seen[*field - reading->table] = true;
    return ERR_NONE;
}

/* --- values: `value->text` is set --- */

static enum err take_decimal(struct reading *reading, const struct field *field,
                             struct field_value *value)
{
    if ((value->text[0] == '-' && field->type != FIELD_SIGNED) ||
        decimal_parse(&value->decimal, value->text))
        return api_refuse(reading->refusal, "invalid_number",
                          "%s \"%s\" is not a decimal number such as 0.001", field->name,
                          value->text);
    return ERR_NONE;
}

static enum err take_int(struct reading *reading, const struct field *field,
                         struct field_value *value)
{
    size_t bytes = strlen(value->text);

    if (bytes > 9 || strspn(value->text, "0123456789") != bytes ||
        (bytes > 1 && value->text[0] == '0'))
        return api_refuse(reading->refusal, "invalid_value", "%s \"%s\" is not a whole number",
                          field->name, value->text);
    value->number = 0;
    for (const char *at = value->text; *at; at++)
        value->number = value->number * 10 + (*at - '0');
    return ERR_NONE;
}

static enum err take_bool(struct reading *reading, const struct field *field,
                          struct field_value *value)
{
    static const char *const words[] = { "false", "0", "no", "true", "1", "yes" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(words[i], value->text) == 0) {
            value->number = i >= ARRAY_LEN(words) / 2;
            return ERR_NONE;
        }
    }
    return api_refuse(reading->refusal, "invalid_value", "%s \"%s\" is neither true nor false",
                      field->name, value->text);
}

static enum err take_text(struct reading *reading, const struct field *field,
                          struct field_value *value)
{
    if (!value->text[0])
        return api_refuse(reading->refusal, "invalid_value",
                          "%s is empty: leave it out where it is not meant", field->name);
    value->given = true;
    switch (field->type) {
    case FIELD_DECIMAL:
    case FIELD_SIGNED:
        return take_decimal(reading, field, value);
    case FIELD_BOOL:
        return take_bool(reading, field, value);
    case FIELD_INT:
        return take_int(reading, field, value);
    case FIELD_WORD:
        if (field->parse(value->text, &value->number))
            return ERR_NONE;
        return api_refuse(reading->refusal, "invalid_value", "%s \"%s\" is none of %s", field->name,
                          value->text, field->words);
    case FIELD_TEXT:
        return ERR_NONE;
    }
    return ERR_INVALID;
}

static const char *bad_code(enum field_type type)
{
    return type == FIELD_DECIMAL || type == FIELD_SIGNED ? "invalid_number" : "invalid_value";
}

static enum err too_long(struct reading *reading, const struct field *field)
{
    return api_refuse(reading->refusal, bad_code(field->type), "%s is too long", field->name);
}

/* --- JSON --- */

static bool json_type_fits(enum field_type type, enum json_type given)
{
    switch (type) {
    case FIELD_DECIMAL:
    case FIELD_SIGNED:
    case FIELD_INT:
        return given == JSON_NUMBER || given == JSON_STRING;
    case FIELD_BOOL:
        return given == JSON_TRUE || given == JSON_FALSE;
    case FIELD_WORD:
    case FIELD_TEXT:
        return given == JSON_STRING;
    }
    return false;
}

static const char *wanted_json(enum field_type type)
{
    switch (type) {
    case FIELD_DECIMAL:
    case FIELD_SIGNED:
        return "a number, or a string of one";
    case FIELD_BOOL:
        return "true or false, without quotes";
    case FIELD_INT:
        return "a whole number";
    case FIELD_WORD:
    case FIELD_TEXT:
        return "a string";
    }
    return "something else";
}

static enum err wrong_json_type(struct reading *reading, const struct field *field)
{
    return api_refuse(reading->refusal, bad_code(field->type), "%s must be %s", field->name,
                      wanted_json(field->type));
}

static enum err take_json(struct reading *reading, const struct field *field,
                          const struct json *json, struct field_value *value)
{
    if (json->type == JSON_NULL) {
        value->nulled = true;
        return ERR_NONE;
    }
    if (!json_type_fits(field->type, json->type))
        return wrong_json_type(reading, field);
    if (field->type == FIELD_BOOL
            ? text_copy_n(value->text, sizeof(value->text), json->at, json->bytes)
            : json_text(json, value->text, sizeof(value->text)))
        return too_long(reading, field);
    return take_text(reading, field, value);
}

static enum err read_json(struct reading *reading, const char *body, size_t body_bytes)
{
    bool seen[FIELDS_MAX] = { false };
    struct error error;
    struct json root;
    struct json key;
    struct json json;
    struct json_walk walk;

    if (json_open(&root, body, body_bytes, &error))
        return api_refuse(reading->refusal,
                          strstr(error.text, "duplicate") ? "duplicate_field" : "malformed_json",
                          "%s", error.text);
    if (root.type != JSON_OBJECT)
        return api_refuse(reading->refusal, "not_an_object",
                          root.type == JSON_ARRAY
                              ? "this is a JSON array, where one object is taken"
                              : "the body is not a JSON object");
    walk = json_walk(&root);
    while (json_next(&walk, &key, &json)) {
        const struct field *field = NULL;
        struct field_value *value = NULL;
        char name[FIELD_NAME_MAX];
        enum err err;

        if (json_text(&key, name, sizeof(name)))
            return api_refuse(reading->refusal, "unknown_field",
                              "a field name is longer than any known one");
        err = claim_field(reading, name, seen, &field, &value);
        if (!err)
            err = take_json(reading, field, &json, value);
        if (err)
            return err;
    }
    return ERR_NONE;
}

/* --- forms --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes name or value; control characters and bytes that are not ASCII have no place in any
 * field. */
static enum err decode_form(const char *from, size_t bytes, char *out, size_t out_bytes, bool *fits)
{
    size_t used = 0;

    for (size_t i = 0; i < bytes; i++) {
        int c = (unsigned char)from[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (bytes - i < 3 || hex_digit(from[i + 1]) < 0 || hex_digit(from[i + 2]) < 0)
                return ERR_INVALID;
            c = hex_digit(from[i + 1]) * 16 + hex_digit(from[i + 2]);
            i += 2;
        }
        if (c < 0x20 || c > 0x7e)
            return ERR_INVALID;
        if (used + 1 < out_bytes)
            out[used] = (char)c;
        used++;
    }
    *fits = used < out_bytes;
    out[*fits ? used : 0] = '\0';
    return ERR_NONE;
}

static enum err take_pair(struct reading *reading, const char *pair, size_t bytes, bool *seen)
{
    const char *equals = memchr(pair, '=', bytes);
    size_t name_bytes = equals ? (size_t)(equals - pair) : bytes;
    const struct field *field = NULL;
    struct field_value *value = NULL;
    char name[FIELD_NAME_MAX];
    bool fits;
    enum err err;

    if (decode_form(pair, name_bytes, name, sizeof(name), &fits))
        return api_refuse(reading->refusal, "malformed_form",
                          "a field name has a bad %% escape or a byte that is not printable ASCII");
    if (!fits)
        return api_refuse(reading->refusal, "unknown_field",
                          "a field name is longer than any known one");
    err = claim_field(reading, name, seen, &field, &value);
    if (err)
        return err;
    if (!equals)
        return api_refuse(reading->refusal, "malformed_form", "%s has no value: write %s=...", name,
                          name);
    if (decode_form(equals + 1, bytes - name_bytes - 1, value->text, sizeof(value->text), &fits))
        return api_refuse(reading->refusal, "malformed_form",
                          "%s has a bad %% escape or a byte that is not printable ASCII", name);
    if (!fits)
        return too_long(reading, field);
    return take_text(reading, field, value);
}

static enum err read_form(struct reading *reading, const char *body, size_t body_bytes)
{
    bool seen[FIELDS_MAX] = { false };
    const char *at = body;
    const char *end = body + body_bytes;

    while (at < end) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        size_t bytes = (size_t)((next ? next : end) - at);
        enum err err = bytes ? take_pair(reading, at, bytes, seen) : ERR_NONE;

        if (err)
            return err;
        at = next ? next + 1 : end;
    }
    return ERR_NONE;
}

/* --- both --- */

static bool starts_json(const char *body, size_t bytes)
{
    size_t i = 0;

    while (i < bytes && strchr(" \t\r\n", body[i]) && body[i])
        i++;
    return i < bytes && (body[i] == '{' || body[i] == '[');
}

enum err fields_read(const struct field *table, size_t count, const char *body, size_t body_bytes,
                     bool is_form, struct field_value *values, struct api_refusal *refusal)
{
    struct reading reading = {
        .table = table, .count = count, .values = values, .refusal = refusal
    };

    for (size_t i = 0; i < count; i++)
        values[i] = (struct field_value){ .decimal = DECIMAL_NONE };
    if (!body || body_bytes == 0)
        return api_refuse(refusal, "missing_body", "the request has no body");
    if (is_form && !starts_json(body, body_bytes))
        return read_form(&reading, body, body_bytes);
    return read_json(&reading, body, body_bytes);
}
