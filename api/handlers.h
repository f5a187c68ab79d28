/* api/handlers.h - the handlers of the endpoint table, a resource a file.
 *
 * Each is called on the http thread and ends in api_done(call), at once or from a callback.
 */
#pragma once

#include "api/api.h"
#include "api/call.h"

/* root.c */
void handle_root(const struct api *api, struct api_call *call);
void handle_openapi(const struct api *api, struct api_call *call);
void handle_openapi_json(const struct api *api, struct api_call *call);
void handle_docs(const struct api *api, struct api_call *call);
void handle_version(const struct api *api, struct api_call *call);
void handle_errors(const struct api *api, struct api_call *call);
void handle_error(const struct api *api, struct api_call *call);

/* assets.c */
void handle_asset(const struct api *api, struct api_call *call);

/* metrics.c */
void handle_metrics(const struct api *api, struct api_call *call);

/* status.c */
void handle_livez(const struct api *api, struct api_call *call);
void handle_readyz(const struct api *api, struct api_call *call);
void handle_health(const struct api *api, struct api_call *call);
void handle_status(const struct api *api, struct api_call *call);

/* symbols.c */
void handle_symbols(const struct api *api, struct api_call *call);
void handle_symbol(const struct api *api, struct api_call *call);

/* market.c */
void handle_ticker(const struct api *api, struct api_call *call);
void handle_tickers(const struct api *api, struct api_call *call);
void handle_price(const struct api *api, struct api_call *call);

/* books.c */
void handle_book(const struct api *api, struct api_call *call);

/* trades.c */
void handle_trades(const struct api *api, struct api_call *call);

/* candles.c */
void handle_candles(const struct api *api, struct api_call *call);

/* funding.c */
void handle_funding(const struct api *api, struct api_call *call);
void handle_open_interest(const struct api *api, struct api_call *call);

/* positions.c */
void handle_positions(const struct api *api, struct api_call *call);
void handle_position(const struct api *api, struct api_call *call);

/* position_change.c */
void handle_position_put(const struct api *api, struct api_call *call);
void handle_position_close(const struct api *api, struct api_call *call);

/* position_settings.c */
void handle_position_patch(const struct api *api, struct api_call *call);

/* balance.c */
void handle_balance(const struct api *api, struct api_call *call);
void handle_balance_coin(const struct api *api, struct api_call *call);

/* account.c */
void handle_account(const struct api *api, struct api_call *call);
void handle_fees(const struct api *api, struct api_call *call);

/* event_list.c */
void handle_events(const struct api *api, struct api_call *call);

/* order_create.c */
void handle_order_create(const struct api *api, struct api_call *call);

/* order_change.c */
void handle_order_amend(const struct api *api, struct api_call *call);

/* topics.c */
void handle_topics(const struct api *api, struct api_call *call);

/* orders.c */
void handle_order(const struct api *api, struct api_call *call);
void handle_order_cancel(const struct api *api, struct api_call *call);

/* cancel_many.c */
void handle_orders_cancel(const struct api *api, struct api_call *call);

/* guard.c */
void handle_guard(const struct api *api, struct api_call *call);
void handle_guard_patch(const struct api *api, struct api_call *call);
void handle_guard_kill(const struct api *api, struct api_call *call);
void handle_guard_arm(const struct api *api, struct api_call *call);

/* lists.c */
void handle_orders(const struct api *api, struct api_call *call);
void handle_fills(const struct api *api, struct api_call *call);

/* pnl.c */
void handle_pnl(const struct api *api, struct api_call *call);

/* timeline.c */
void handle_order_timeline(const struct api *api, struct api_call *call);
