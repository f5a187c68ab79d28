#include "base/native.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"

struct native {
    atomic_uint holders;
    size_t bytes;
    char json[];
};

/* Held by nobody, so never freed. */
static struct native not_kept;

static struct native *refuse(const char *why, size_t bytes)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&told))
        log_warn("native: an order's object of %zu bytes is not kept (%s); more of them are not "
                 "logged",
                 bytes, why);
    return &not_kept;
}

/* Strings have no control characters, so these stand between members. */
static void put_on_one_line(char *json, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (json[i] == '\n' || json[i] == '\r')
            json[i] = ' ';
    }
}

struct native *native_make(const char *json, size_t bytes)
{
    struct native *native;
    struct json object;
    struct error error = { .text = "no object" };

    if (bytes > NATIVE_BYTES_MAX)
        return refuse("too large", bytes);
    if (json_open(&object, json, bytes, &error) || object.type != JSON_OBJECT)
        return refuse(error.text, bytes);
    native = malloc(sizeof(*native) + object.bytes + 1);
    if (!native)
        return refuse("out of memory", bytes);
    atomic_init(&native->holders, 1);
    native->bytes = object.bytes;
    memcpy(native->json, object.at, object.bytes);
    native->json[object.bytes] = '\0';
    put_on_one_line(native->json, native->bytes);
    return native;
}

struct native *native_hold(struct native *native)
{
    if (native && native != &not_kept)
        atomic_fetch_add_explicit(&native->holders, 1, memory_order_relaxed);
    return native;
}

void native_drop(struct native *native)
{
    if (native && native != &not_kept &&
        atomic_fetch_sub_explicit(&native->holders, 1, memory_order_acq_rel) == 1)
        free(native);
}

const char *native_json(const struct native *native)
{
    return native && native->bytes ? native->json : "";
}

size_t native_bytes(const struct native *native)
{
    return native ? native->bytes : 0;
}
