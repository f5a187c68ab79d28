/* base/json.c - a checker that walks the text once without recursion, and readers that trust what
 * it passed. */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

/* --- checking --- */

struct checker {
    const unsigned char *start;
    const unsigned char *at;
    const unsigned char *end;
    bool strict; /* refuse duplicate and too many members */
    const char *why;
};

/* Names of the objects that are open now: hashes of the unescaped name. Two names with one 64-bit
 * hash would be refused as duplicates: an error, never a wrong reading. */
struct names {
    uint64_t hashes[JSON_MEMBERS_MAX * 2];
    size_t count;
};

static bool fail(struct checker *checker, const char *why)
{
    checker->why = why;
    return false;
}

static void skip_blanks(struct checker *checker)
{
    while (checker->at < checker->end && (*checker->at == ' ' || *checker->at == '\t' ||
                                          *checker->at == '\n' || *checker->at == '\r'))
        checker->at++;
}

/* Bytes of the UTF-8 sequence at `at`, or 0 where it is invalid (overlong, surrogate, above
 * U+10FFFF). */
static size_t utf8_bytes(const unsigned char *at, const unsigned char *end)
{
    size_t left = (size_t)(end - at);
    size_t bytes;

    if (at[0] < 0x80)
        return 1;
    if (at[0] >= 0xc2 && at[0] <= 0xdf)
        bytes = 2;
    else if ((at[0] & 0xf0) == 0xe0)
        bytes = 3;
    else if (at[0] >= 0xf0 && at[0] <= 0xf4)
        bytes = 4;
    else
        return 0;
    if (left < bytes)
        return 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return bytes;
}

static bool hex4(const unsigned char *at, const unsigned char *end, uint32_t *out)
{
    uint32_t value = 0;

    if (end - at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        unsigned char c = at[i];

        value <<= 4;
        if (c >= '0' && c <= '9')
            value |= (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value |= (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            value |= (uint32_t)(c - 'A' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

static size_t utf8_encode(uint32_t code, unsigned char out[4])
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (unsigned char)(0xc0 | (code >> 6));
        out[1] = (unsigned char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (unsigned char)(0xe0 | (code >> 12));
        out[1] = (unsigned char)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (unsigned char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | (code >> 18));
    out[1] = (unsigned char)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (unsigned char)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (unsigned char)(0x80 | (code & 0x3f));
    return 4;
}

/* Decodes one escape behind a backslash; `at` is moved behind it. Returns the bytes written, 0 when
 * invalid. */
static size_t unescape(const unsigned char **at, const unsigned char *end, unsigned char out[4])
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint32_t code;
    uint32_t low;
    const char *simple;

    if (*at == end)
        return 0;
    simple = **at ? strchr(from, **at) : NULL;
    if (simple) {
        out[0] = (unsigned char)to[simple - from];
        (*at)++;
        return 1;
    }
    if (**at != 'u' || !hex4(*at + 1, end, &code))
        return 0;
    *at += 5;
    if (code >= 0xdc00 && code <= 0xdfff)
        return 0;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u' || !hex4(*at + 2, end, &low) ||
            low < 0xdc00 || low > 0xdfff)
            return 0;
        *at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return code == 0 ? 0 : utf8_encode(code, out);
}

#define HASH_START UINT64_C(14695981039346656037)

static uint64_t hash_more(uint64_t hash, const unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ data[i]) * UINT64_C(1099511628211);
    return hash;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The top bit of each byte that is zero; of those behind the first one it may lie. */
static uint64_t zeros(uint64_t word)
{
    return (word - EACH(0x01)) & ~word & EACH(0x80);
}

/* How many of eight bytes are plain, from the first on. */
static size_t plain_of_eight(const unsigned char *at)
{
    uint64_t word;
    uint64_t others;

    memcpy(&word, at, sizeof(word));
    others = zeros(word ^ EACH('"')) | zeros(word ^ EACH('\\')) | (word & EACH(0x80)) |
             ((word - EACH(0x20)) & ~word & EACH(0x80));
    return others ? (size_t)__builtin_ctzll(others) / 8 : sizeof(word);
}

#endif

/* Bytes that need no look inside a string: ASCII, no control character, quote or backslash. */
static const unsigned char *plain_end(const unsigned char *at, const unsigned char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        size_t plain = plain_of_eight(at);

        at += plain;
        if (plain < 8)
            return at;
    }
#endif
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* At an opening quote; `hash` may be NULL. */
static bool check_string(struct checker *checker, uint64_t *hash)
{
    unsigned char decoded[4];

    checker->at++;
    for (;;) {
        const unsigned char *plain = checker->at;
        unsigned char c;
        size_t bytes;

        checker->at = plain_end(plain, checker->end);
        if (hash)
            *hash = hash_more(*hash, plain, (size_t)(checker->at - plain));
        if (checker->at == checker->end)
            return fail(checker, "string without end");
        c = *checker->at;
        if (c == '"') {
            checker->at++;
            return true;
        }
        if (c < 0x20)
            return fail(checker, "control character in a string");
        if (c == '\\') {
            checker->at++;
            bytes = unescape(&checker->at, checker->end, decoded);
            if (!bytes)
                return fail(checker, "bad escape in a string");
            if (hash)
                *hash = hash_more(*hash, decoded, bytes);
            continue;
        }
        bytes = utf8_bytes(checker->at, checker->end);
        if (!bytes)
            return fail(checker, "not UTF-8");
        if (hash)
            *hash = hash_more(*hash, checker->at, bytes);
        checker->at += bytes;
    }
}

static bool digits(struct checker *checker)
{
    const unsigned char *first = checker->at;

    while (checker->at < checker->end && *checker->at >= '0' && *checker->at <= '9')
        checker->at++;
    return checker->at > first;
}

static bool check_number(struct checker *checker)
{
    const unsigned char *first;

    if (*checker->at == '-')
        checker->at++;
    first = checker->at;
    if (!digits(checker))
        return fail(checker, "bad number");
    if (*first == '0' && checker->at - first > 1)
        return fail(checker, "number with a leading zero");
    if (checker->at < checker->end && *checker->at == '.') {
        checker->at++;
        if (!digits(checker))
            return fail(checker, "bad number");
    }
    if (checker->at < checker->end && (*checker->at == 'e' || *checker->at == 'E')) {
        checker->at++;
        if (checker->at < checker->end && (*checker->at == '+' || *checker->at == '-'))
            checker->at++;
        if (!digits(checker))
            return fail(checker, "bad number");
    }
    return true;
}

static bool check_word(struct checker *checker, const char *word)
{
    size_t bytes = strlen(word);

    if ((size_t)(checker->end - checker->at) < bytes || memcmp(checker->at, word, bytes) != 0)
        return fail(checker, "unexpected character");
    checker->at += bytes;
    return true;
}

static bool check_scalar(struct checker *checker)
{
    switch (*checker->at) {
    case '"':
        return check_string(checker, NULL);
    case 't':
        return check_word(checker, "true");
    case 'f':
        return check_word(checker, "false");
    case 'n':
        return check_word(checker, "null");
    default:
        if (*checker->at == '-' || (*checker->at >= '0' && *checker->at <= '9'))
            return check_number(checker);
        return fail(checker, "unexpected character");
    }
}

static bool check_name(struct checker *checker, struct names *names, size_t first_name)
{
    uint64_t hash = HASH_START;

    skip_blanks(checker);
    if (checker->at == checker->end || *checker->at != '"')
        return fail(checker, "expected a member name");
    if (!check_string(checker, checker->strict ? &hash : NULL))
        return false;
    if (checker->strict) {
        if (names->count - first_name >= JSON_MEMBERS_MAX ||
            names->count >= ARRAY_LEN(names->hashes))
            return fail(checker, "too many members");
        for (size_t i = first_name; i < names->count; i++) {
            if (names->hashes[i] == hash)
                return fail(checker, "duplicate member");
        }
        names->hashes[names->count++] = hash;
    }
    skip_blanks(checker);
    if (checker->at == checker->end || *checker->at != ':')
        return fail(checker, "expected ':'");
    checker->at++;
    return true;
}

/* The containers that are open, and where the names of each begin. */
struct nesting {
    char open[JSON_DEPTH_MAX];
    size_t first_name[JSON_DEPTH_MAX];
    size_t depth;
    struct names names;
};

static bool in_object(const struct nesting *nesting)
{
    return nesting->open[nesting->depth - 1] == '{';
}

static bool check_next_name(struct checker *checker, struct nesting *nesting)
{
    return !in_object(nesting) ||
           check_name(checker, &nesting->names, nesting->first_name[nesting->depth - 1]);
}

static bool at_close(const struct checker *checker, const struct nesting *nesting)
{
    return checker->at < checker->end && *checker->at == (in_object(nesting) ? '}' : ']');
}

/* At an opening bracket. An empty container is left at its closing one. */
static bool enter(struct checker *checker, struct nesting *nesting, bool *empty)
{
    if (nesting->depth == JSON_DEPTH_MAX)
        return fail(checker, "nested too deep");
    nesting->open[nesting->depth] = (char)*checker->at;
    nesting->first_name[nesting->depth++] = nesting->names.count;
    checker->at++;
    skip_blanks(checker);
    *empty = at_close(checker, nesting);
    return *empty || check_next_name(checker, nesting);
}

/* Behind a value: closes what ends here. `*done`: all of it, else the next value begins. */
static bool check_behind(struct checker *checker, struct nesting *nesting, bool *done)
{
    *done = false;
    while (nesting->depth > 0) {
        skip_blanks(checker);
        if (checker->at == checker->end)
            return fail(checker, "text ends too early");
        if (*checker->at == ',') {
            checker->at++;
            return check_next_name(checker, nesting);
        }
        if (!at_close(checker, nesting))
            return fail(checker, "expected ',' or a closing bracket");
        checker->at++;
        nesting->names.count = nesting->first_name[--nesting->depth];
    }
    *done = true;
    return true;
}

static bool check_value(struct checker *checker)
{
    struct nesting nesting;
    bool done = false;

    nesting.depth = 0;
    nesting.names.count = 0;
    while (!done) {
        bool empty = true;

        skip_blanks(checker);
        if (checker->at == checker->end)
            return fail(checker, "text ends too early");
        if (*checker->at == '{' || *checker->at == '[') {
            if (!enter(checker, &nesting, &empty))
                return false;
        } else if (!check_scalar(checker)) {
            return false;
        }
        if (empty && !check_behind(checker, &nesting, &done))
            return false;
    }
    return true;
}

static enum json_type type_of(char first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

static enum err open_text(struct json *out, const char *text, size_t bytes, bool strict,
                          struct error *error)
{
    struct checker checker = { .start = (const unsigned char *)text, .strict = strict };
    const char *first;

    checker.at = checker.start;
    checker.end = checker.start + bytes;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return error_set(error, ERR_INVALID, "JSON starts with a byte order mark");
    skip_blanks(&checker);
    first = (const char *)checker.at;
    if (!check_value(&checker))
        return error_set(error, ERR_INVALID, "JSON: %s at byte %zu", checker.why,
                         (size_t)(checker.at - checker.start));
    *out = (struct json){ first, (size_t)((const char *)checker.at - first), type_of(*first) };
    skip_blanks(&checker);
    if (checker.at != checker.end)
        return error_set(error, ERR_INVALID, "JSON: something behind the value at byte %zu",
                         (size_t)(checker.at - checker.start));
    return ERR_NONE;
}

enum err json_open(struct json *out, const char *text, size_t bytes, struct error *error)
{
    return open_text(out, text, bytes, true, error);
}

enum err json_open_trusted(struct json *out, const char *text, size_t bytes, struct error *error)
{
    return open_text(out, text, bytes, false, error);
}

/* --- reading: the text has been checked --- */

static const char *blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* At an opening quote; returns the byte behind the closing one. */
static const char *string_end(const char *at, const char *end)
{
    const char *inside = at + 1;

    while (inside < end) {
        inside = (const char *)plain_end((const unsigned char *)inside, (const unsigned char *)end);
        if (inside == end)
            break;
        if (*inside == '"')
            return inside + 1;
        inside += *inside == '\\' && end - inside > 1 ? 2 : 1;
    }
    return end;
}

/* The bytes that matter when a container is skipped: 1 opens, 2 closes, 3 quotes. */
static const unsigned char skip_class[256] = {
    ['{'] = 1, ['['] = 1, ['}'] = 2, [']'] = 2, ['"'] = 3
};

static const char *value_end(const char *at, const char *end)
{
    size_t depth = 0;

    if (*at == '"')
        return string_end(at, end);
    if (*at != '{' && *at != '[') {
        while (at < end && *at != ',' && *at != '}' && *at != ']' && (unsigned char)*at > ' ')
            at++;
        return at;
    }
    while (at < end) {
        unsigned char class = skip_class[(unsigned char)*at];

        if (class == 0) {
            at++;
        } else if (class == 3) {
            at = string_end(at, end);
        } else {
            at++;
            if (class == 1)
                depth++;
            else if (--depth == 0)
                return at;
        }
    }
    return end;
}

struct json_walk json_walk(const struct json *container)
{
    struct json_walk walk = { .at = container->at, .end = container->at };

    if (container->type != JSON_OBJECT && container->type != JSON_ARRAY)
        return walk;
    walk.at = container->at + 1;
    walk.end = container->at + container->bytes - 1;
    walk.members = container->type == JSON_OBJECT;
    return walk;
}

bool json_next(struct json_walk *walk, struct json *key, struct json *value)
{
    const char *at = blanks(walk->at, walk->end);
    const char *end;

    if (at < walk->end && *at == ',')
        at = blanks(at + 1, walk->end);
    if (at >= walk->end)
        return false;
    if (walk->members) {
        end = string_end(at, walk->end);
        if (key)
            *key = (struct json){ at, (size_t)(end - at), JSON_STRING };
        at = blanks(end, walk->end);
        at = blanks(at + 1, walk->end); /* the colon */
    }
    end = value_end(at, walk->end);
    *value = (struct json){ at, (size_t)(end - at), type_of(*at) };
    walk->at = end;
    return true;
}

bool json_member(const struct json *object, const char *name, struct json *out)
{
    size_t bytes = strlen(name);
    struct json_walk walk;
    struct json key;

    *out = (struct json){ NULL, 0, JSON_NONE };
    if (object->type != JSON_OBJECT)
        return false;
    walk = json_walk(object);
    while (json_next(&walk, &key, out)) {
        if (key.bytes == bytes + 2 && memcmp(key.at + 1, name, bytes) == 0)
            return true;
    }
    *out = (struct json){ NULL, 0, JSON_NONE };
    return false;
}

static enum err string_text(const struct json *value, char *out, size_t out_bytes)
{
    const unsigned char *at = (const unsigned char *)value->at + 1;
    const unsigned char *end = (const unsigned char *)value->at + value->bytes - 1;
    size_t used = 0;

    while (at < end) {
        const unsigned char *escape = memchr(at, '\\', (size_t)(end - at));
        const unsigned char *from = at;
        unsigned char decoded[4];
        size_t bytes;

        if (escape == at) {
            at++;
            bytes = unescape(&at, end, decoded);
            from = decoded;
        } else {
            bytes = (size_t)((escape ? escape : end) - at);
            at += bytes;
        }
        if (bytes == 0 || used + bytes >= out_bytes) {
            out[0] = '\0';
            return ERR_INVALID;
        }
        memcpy(out + used, from, bytes);
        used += bytes;
    }
    out[used] = '\0';
    return ERR_NONE;
}

enum err json_text(const struct json *value, char *out, size_t out_bytes)
{
    out[0] = '\0';
    switch (value->type) {
    case JSON_NONE:
    case JSON_NULL:
        return ERR_NONE;
    case JSON_STRING:
        return string_text(value, out, out_bytes);
    case JSON_NUMBER:
        if (value->bytes >= out_bytes)
            return ERR_INVALID;
        memcpy(out, value->at, value->bytes);
        out[value->bytes] = '\0';
        return ERR_NONE;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return ERR_INVALID;
    }
    return ERR_INVALID;
}

enum err json_member_text(const struct json *object, const char *name, char *out, size_t out_bytes)
{
    struct json value;

    (void)json_member(object, name, &value);
    return json_text(&value, out, out_bytes);
}

static enum err read_number(const struct json *value, struct decimal *out,
                            enum err (*parse)(struct decimal *out, const char *text, size_t bytes))
{
    switch (value->type) {
    case JSON_NONE:
    case JSON_NULL:
        *out = DECIMAL_NONE;
        return ERR_NONE;
    case JSON_NUMBER:
        return parse(out, value->at, value->bytes);
    case JSON_STRING:
        if (value->bytes == 2) {
            *out = DECIMAL_NONE;
            return ERR_NONE;
        }
        return parse(out, value->at + 1, value->bytes - 2);
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return ERR_INVALID;
    }
    return ERR_INVALID;
}

enum err json_decimal(const struct json *value, struct decimal *out)
{
    return read_number(value, out, decimal_parse_n);
}

enum err json_number(const struct json *value, struct decimal *out)
{
    return read_number(value, out, decimal_read_n);
}

enum err json_member_decimal(const struct json *object, const char *name, struct decimal *out)
{
    struct json value;

    (void)json_member(object, name, &value);
    return json_decimal(&value, out);
}

enum err json_int(const struct json *value, int64_t *out)
{
    const char *at;
    const char *end;
    int64_t number = 0;
    bool negative = false;

    if (value->type == JSON_NONE || value->type == JSON_NULL)
        return ERR_NOT_FOUND;
    if (value->type != JSON_STRING && value->type != JSON_NUMBER)
        return ERR_INVALID;
    at = value->at;
    end = value->at + value->bytes;
    if (value->type == JSON_STRING) {
        at++;
        end--;
    }
    if (at == end)
        return ERR_NOT_FOUND;
    if (*at == '-') {
        negative = true;
        at++;
    }
    if (at == end)
        return ERR_INVALID;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number))
            return ERR_INVALID;
    }
    *out = negative ? -number : number;
    return ERR_NONE;
}

enum err json_member_int(const struct json *object, const char *name, int64_t *out)
{
    struct json value;

    (void)json_member(object, name, &value);
    return json_int(&value, out);
}

bool json_equals(const struct json *string, const char *text)
{
    size_t bytes = strlen(text);

    return string->type == JSON_STRING && string->bytes == bytes + 2 &&
           memcmp(string->at + 1, text, bytes) == 0;
}

/* --- writing --- */

static void separate(struct buffer *buffer)
{
    char last;

    if (buffer->bytes == 0)
        return;
    last = buffer->data[buffer->bytes - 1];
    if (last != '{' && last != '[' && last != ':' && last != ',' && last != '\n')
        buffer_add(buffer, ",", 1);
}

void json_add_key(struct buffer *buffer, const char *key)
{
    json_add_text(buffer, key);
    buffer_add(buffer, ":", 1);
}

void json_add_open(struct buffer *buffer, char bracket)
{
    separate(buffer);
    buffer_add(buffer, &bracket, 1);
}

void json_add_close(struct buffer *buffer, char bracket)
{
    buffer_add(buffer, &bracket, 1);
}

void json_add_text(struct buffer *buffer, const char *text)
{
    if (!text)
        json_add_null(buffer);
    else
        json_add_text_n(buffer, text, strlen(text));
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void json_add_text_n(struct buffer *buffer, const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + bytes;

    separate(buffer);
    buffer_add(buffer, "\"", 1);
    while (at < end) {
        const unsigned char *first = at;
        size_t sequence;

        while (at < end && is_plain(*at))
            at++;
        buffer_add(buffer, first, (size_t)(at - first));
        if (at == end)
            break;
        sequence = utf8_bytes(at, end);
        if (sequence > 1) {
            buffer_add(buffer, at, sequence);
            at += sequence;
        } else if (sequence == 0) {
            buffer_add_text(buffer, "\xef\xbf\xbd");
            at++;
        } else if (*at == '"' || *at == '\\') {
            buffer_addf(buffer, "\\%c", *at++);
        } else {
            buffer_addf(buffer, "\\u%04x", (unsigned)*at++);
        }
    }
    buffer_add(buffer, "\"", 1);
}

void json_add_int(struct buffer *buffer, int64_t value)
{
    char text[24];
    char *end = text + sizeof(text);
    char *at = end;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--at = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    separate(buffer);
    buffer_add(buffer, at, (size_t)(end - at));
}

void json_add_bool(struct buffer *buffer, bool value)
{
    separate(buffer);
    buffer_add_text(buffer, value ? "true" : "false");
}

void json_add_null(struct buffer *buffer)
{
    separate(buffer);
    buffer_add_text(buffer, "null");
}

void json_add_decimal(struct buffer *buffer, const struct decimal *value)
{
    char text[DECIMAL_TEXT_MAX];

    if (decimal_is_none(value))
        json_add_null(buffer);
    else
        json_add_text(buffer, decimal_format(value, text));
}

void json_add_raw(struct buffer *buffer, const char *json, size_t bytes)
{
    separate(buffer);
    buffer_add(buffer, json, bytes);
}
