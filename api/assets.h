/* api/assets.h - the files of web/, built into the program (api/assets.cmake makes the table).
 *
 * Pages (.html) have paths of their own; all else is served under /assets/ by its name.
 *
 * Threads: any; the table is constant.
 */
#pragma once

#include <stddef.h>

#include "api/call.h"

struct api_asset {
    const char *name; /* "app.js" */
    const char *type; /* with its charset */
    const char *etag; /* of the bytes, with the quotes */
    const unsigned char *data;
    size_t bytes;
};

/* By name. */
extern const struct api_asset api_assets[];
extern const size_t api_assets_count;

/* NULL: there is no such file. */
const struct api_asset *api_asset_find(const char *name);
/* Answers with web/<name>, which must be there, as a page: under the Content-Security-Policy of
 * pages. */
void api_asset_page(struct api_call *call, const char *name);
