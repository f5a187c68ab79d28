#include "api/assets.h"

#include <assert.h>
#include <string.h>

#include "api/errors.h"
#include "api/handlers.h"
#include "api/reply.h"

/* Nothing from elsewhere, nothing inline, no frame around it (RELIABILITY G19). */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const struct api_asset *api_asset_find(const char *name)
{
    for (size_t i = 0; i < api_assets_count; i++) {
        if (strcmp(api_assets[i].name, name) == 0)
            return &api_assets[i];
    }
    return NULL;
}

/* no-cache: a browser may keep it, and asks by ETag before each use, so that a page and its scripts
 * are of the same build. */
static void answer(struct api_call *call, const struct api_asset *asset)
{
    buffer_add(api_reply_begin(call), asset->data, asset->bytes);
    api_reply_header(call, "Cache-Control", "no-cache");
    api_reply_header(call, "ETag", asset->etag);
    api_reply(call, 200, asset->type);
}

void api_asset_page(struct api_call *call, const char *name)
{
    const struct api_asset *asset = api_asset_find(name);

    assert(asset);
    api_reply_header(call, "Content-Security-Policy", PAGE_POLICY);
    answer(call, asset);
}

void handle_asset(const struct api *api, struct api_call *call)
{
    const struct api_asset *asset = api_asset_find(call->param);
    const char *suffix = strrchr(call->param, '.');

    (void)api;
    if (!asset || (suffix && strcmp(suffix, ".html") == 0)) {
        api_fail(call, NULL, "not_found", "there is no asset \"%s\"", call->param);
        return;
    }
    answer(call, asset);
}
