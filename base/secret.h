/* base/secret.h - keys and tokens in one page that is not swapped, not dumped and wiped at the end
 * (gate rule G22).
 *
 * Threads: filled before other threads start, then read only.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct secret_page;

/* An empty mlocked, MADV_DONTDUMP page. NULL: out of memory (a failing mlock is logged, not fatal).
 */
struct secret_page *secret_page_create(void);
/* Wipes and frees. NULL is fine. */
void secret_page_destroy(struct secret_page *page);

/* Copies `text` into the page; `*out` points into it. ERR_BUSY: page full. */
MUST_CHECK enum err secret_add(struct secret_page *page, const char *text, size_t bytes,
                               const char **out);
/* Reads a file: O_NOFOLLOW, a regular file, ours or root's, no group or other bits (ERR_INVALID
 * with what to do), at most 16 KiB, trailing newline dropped unless `keep_newline`. */
MUST_CHECK enum err secret_add_file(struct secret_page *page, const char *path, int keep_newline,
                                    const char **out, struct error *error);
/* Takes the environment variable, wipes its bytes and unsets it. `*out` is NULL when it is not set.
 */
MUST_CHECK enum err secret_add_env(struct secret_page *page, const char *name, const char **out,
                                   struct error *error);
