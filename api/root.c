/* api/root.c - what a newcomer asks first: the cheat sheet, the version, the errors, the document.
 */
#include <stdio.h>
#include <string.h>

#include "api/assets.h"
#include "api/endpoints.h"
#include "api/errors.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/openapi.h"
#include "api/reply.h"
#include "base/json.h"

static const char *const sheet[] = {
    "Market",
    "  curl $B/price/BTCUSDT                    one number",
    "  curl \"$B/price/BTCUSDT?of=mid\"           of=last|mark|index|bid|ask|mid",
    "  curl $B/ticker/spot:BTCUSDT              spot:, linear: (the default), inverse:, option:",
    "  curl \"$B/tickers?category=spot\"          all of a category; option needs base=BTC too",
    "  curl \"$B/book/BTCUSDT?depth=10\"          max_age=250ms refuses older data",
    "  curl \"$B/trades/BTCUSDT?limit=100\"       the newest public trades",
    "  curl \"$B/candles/BTCUSDT?from=-2h\"      interval=1m 5m 15m 30m 1h 4h 1d 1w 1M ...",
    "  curl \"$B/funding/BTCUSDT?from=-7d\"       funding rates; from, to, limit",
    "  curl \"$B/open_interest/BTCUSDT?interval=1h\"",
    "  curl $B/symbols/BTCUSDT                  tick size, steps, minimums; /symbols: all",
    "",
    "Orders",
    "  curl $B/orders -d symbol=BTCUSDT -d side=buy -d qty=0.01",
    "  curl $B/orders -d symbol=BTCUSDT -d side=sell -d qty=0.01 -d price=90000",
    "  curl $B/orders -d '{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"0.01\"}'",
    "  curl \"$B/orders?wait=filled&timeout=20s\" -d symbol=BTCUSDT -d side=buy -d qty=0.01",
    "  curl $B/orders -d client_id=my-1 ...     repeating it never buys twice",
    "  curl $B/orders/my-1                      by client id or Bybit's order id; wait=final",
    "  curl -X PATCH $B/orders/my-1 -d price=90100",
    "  curl -X DELETE $B/orders/my-1            cancel",
    "  curl $B/orders/my-1/timeline             what happened to it, step by step",
    "  curl \"$B/orders?dry_run=1\" -d symbol=BTCUSDT -d side=buy -d notional=100",
    "  curl $B/orders -d '[{...},{...}]'        many at once; each answered for itself",
    "  curl \"$B/orders?state=open\"              open|unknown|final|all; symbol, tag, from, to",
    "  curl -X DELETE \"$B/orders?all=true\"      cancel all, or by symbol, tag, side, category",
    "  curl \"$B/fills?from=-1h\"                 executions; symbol, tag, order_id, from, to",
    "  curl \"$B/pnl?group=symbol\"              result, fees, funding; day, symbol or tag",
    "  curl \"$B/events?after=earliest\"          the journal's events; wait=30s: the next one",
    "",
    "  201 accepted. 202 unknown: the bridge is finding out, do not send it again.",
    "  422 refused. 503 provably not sent. Each error says why: code, detail, hint.",
    "",
    "Account",
    "  curl $B/positions                        /positions/{symbol}: one",
    "  curl -X PUT $B/positions/BTCUSDT -d qty=0.05",
    "  curl -X PATCH $B/positions/BTCUSDT -d leverage=5 -d stop_loss=80000",
    "  curl -X DELETE \"$B/positions/BTCUSDT?percent=50\"",
    "  curl $B/balance                          /balance/{coin}; account=unified|fund",
    "  curl $B/account                          margin mode, rights of the key",
    "  curl $B/fees/BTCUSDT                     maker and taker",
    "",
    "Guard",
    "  curl -X POST $B/guard/kill               no more orders, cancel all (not spread, RFQ ...)",
    "  curl -X POST $B/guard/arm                orders go through again",
    "  curl $B/guard                            limits, and how much of them is used",
    "  curl -X PATCH $B/guard -d max_order_notional=1000 -d max_orders_per_minute=60",
    "  curl -X PATCH $B/guard -d symbols=BTCUSDT,spot:ETHUSDT -d max_leverage=null",
    "",
    "Live",
    "  curl -N \"$B/stream?topics=orders,fills,ticker:BTCUSDT,book:BTCUSDT:50\"",
    "",
    "Lists come as JSON, and as .csv or .ndjson too: curl $B/fills.csv",
    "",
    "Bridge",
    "  curl $B/status                           links, clock, budget, journal; /metrics",
    "  curl $B/readyz                           or what is missing; /livez /health /version",
    "  curl $B/errors                           every error code; /errors/{code}",
    "  curl $B/openapi.yaml                     all of it, in full; /openapi.json",
    "",
    "In a browser: $B/ shows it live, $B/docs explains it.",
};

void handle_root(const struct api *api, struct api_call *call)
{
    struct buffer *out;

    (void)api;
    api_reply_header(call, "Vary", "Accept");
    if (call->accept && strstr(call->accept, "text/html")) {
        api_asset_page(call, "index.html");
        return;
    }
    out = api_reply_begin(call);
    /* The address is the one that the caller has used. */
    buffer_addf(out, "bybit-bridge: Bybit V5 as plain HTTP/JSON on localhost.   B=http://%s\n\n",
                call->host ? call->host : "localhost:8787");
    for (size_t i = 0; i < ARRAY_LEN(sheet); i++) {
        buffer_add_text(out, sheet[i]);
        buffer_add_text(out, "\n");
    }
    api_reply(call, 200, API_TEXT);
}

void handle_openapi(const struct api *api, struct api_call *call)
{
    (void)api;
    buffer_add(api_reply_begin(call), api_openapi, api_openapi_bytes);
    api_reply(call, 200, "application/yaml");
}

void handle_version(const struct api *api, struct api_call *call)
{
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    json_add_key(out, "name");
    json_add_text(out, "bybit-bridge");
    json_add_key(out, "version");
    json_add_text(out, api->version);
    json_add_key(out, "env");
    json_add_text(out, api->env);
    json_add_close(out, '}');
    api_reply(call, 200, API_JSON);
}

static void add_problem(struct buffer *out, const struct api_problem *problem)
{
    char type[64];

    (void)snprintf(type, sizeof(type), "/errors/%s", problem->code);
    json_add_open(out, '{');
    json_add_key(out, "code");
    json_add_text(out, problem->code);
    json_add_key(out, "type");
    json_add_text(out, type);
    json_add_key(out, "status");
    json_add_int(out, problem->status);
    json_add_key(out, "title");
    json_add_text(out, problem->title);
    json_add_key(out, "hint");
    json_add_text(out, problem->hint);
    json_add_close(out, '}');
}

void handle_errors(const struct api *api, struct api_call *call)
{
    static const char *const columns[] = { "code", "type", "status", "title", "hint" };
    struct form_list list;

    (void)api;
    form_open(&list, call, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < api_problems_count(); i++) {
        add_problem(form_row(&list), api_problem_at(i));
        form_row_end(&list);
    }
    form_close(&list, NULL, 0, NULL);
}

void handle_error(const struct api *api, struct api_call *call)
{
    const struct api_problem *problem = api_problem_find(call->param);

    (void)api;
    if (!problem) {
        api_fail(call, NULL, "unknown_code", "there is no error code \"%s\"", call->param);
        return;
    }
    add_problem(api_reply_begin(call), problem);
    api_reply(call, 200, API_JSON);
}
