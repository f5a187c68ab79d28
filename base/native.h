/* base/native.h - the exchange's own object of an order, byte for byte as it wrote it.
 *
 * Shared and never changed: who keeps one longer than the call it came with holds it, and drops it
 * once. It is shown inside answers of ours, so it is one JSON object that the strict reader takes
 * (base/json.h: UTF-8, no member twice, bounded depth), on one line: line ends between its members
 * are blanks here.
 *
 * Threads: any.
 */
#pragma once

#include <stddef.h>

struct native;

#define NATIVE_BYTES_MAX ((size_t)8 * 1024)

/* A copy of the object; never NULL. What is larger or not fit to be shown, or has no memory, gives
 * one of no bytes: "there is one, and it is not kept". The first of them is logged. */
struct native *native_make(const char *json, size_t bytes);
/* Both take NULL. native_hold returns what it got. */
struct native *native_hold(struct native *native);
void native_drop(struct native *native);

/* NUL-terminated. No bytes: not kept, or NULL. */
const char *native_json(const struct native *native);
size_t native_bytes(const struct native *native);
