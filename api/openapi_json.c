/* api/openapi_json.c - the API's description for tools. */
#include "api/handlers.h"
#include "api/openapi.h"
#include "api/reply.h"

void handle_openapi_json(const struct api *api, struct api_call *call)
{
    (void)api;
    buffer_add(api_reply_begin(call), api_openapi_json, api_openapi_json_bytes);
    api_reply(call, 200, API_JSON);
}
