/* api/options.h - the option symbols of a coin, loaded when a call first needs them, and again each
 * hour while they are used, or when one is asked for that is not among them (expiries are added
 * daily): there are thousands, and most bridges need none.
 *
 * Threads: any; the loading goes on on the reads thread, the only one that publishes symbols.
 */
#pragma once

#include <stdbool.h>

#include "api/api.h"
#include "api/call.h"

/* Sees to it that the options of the coin that `symbol` begins with ("BTC", "BTC-27MAR26-70000-C")
 * are loaded. False: they are, as far as that can be had now. True: the call has been taken over:
 * its handler runs again, on the reads thread, once they are loaded; or it is answered with the
 * failure. Call it before anything is written into the reply. */
bool options_wait(const struct api *api, struct api_call *call, const char *symbol);
