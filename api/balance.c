#include "api/handlers.h"

#include "api/errors.h"

void handle_balance(const struct api *api, struct api_call *call)
{
    (void)api;
    api_fail(call, NULL, "not_yet", "not served yet");
}

void handle_balance_coin(const struct api *api, struct api_call *call)
{
    (void)api;
    api_fail(call, NULL, "not_yet", "not served yet");
}
