/* api/docs.c - the API's description for people. */
#include "api/assets.h"
#include "api/handlers.h"

void handle_docs(const struct api *api, struct api_call *call)
{
    (void)api;
    api_asset_page(call, "docs.html");
}
