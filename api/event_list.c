#include "api/handlers.h"

#include "api/errors.h"

void handle_events(const struct api *api, struct api_call *call)
{
    (void)api;
    api_fail(call, NULL, "not_yet", "not served yet");
}
