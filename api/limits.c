#include "api/limits.h"

#include <string.h>

#include "api/api.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/text.h"

#define IP_WINDOW_S    5
#define ROUTE_WINDOW_S 1
#define NAME_MAX_BYTES 64
#define SLACK_MS       250 /* the budget's own margins: not worth a second more */

struct headers {
    char policy[200];
    char left[200];
    struct text policy_text;
    struct text left_text;
};

static void add_window(struct headers *headers, const char *name, int window_s, int limit, int left,
                       int64_t reset_ms)
{
    const char *comma = headers->policy_text.bytes ? ", " : "";
    int64_t reset_s = reset_ms > SLACK_MS ? (reset_ms + 999 - SLACK_MS) / 1000 : reset_ms > 0;

    text_addf(&headers->policy_text, "%s\"%s\";q=%d;w=%d", comma, name, limit, window_s);
    text_addf(&headers->left_text, "%s\"%s\";r=%d;t=%d", comma, name, left > 0 ? left : 0,
              reset_s < INT32_MAX ? (int)reset_s : INT32_MAX);
}

/* "/v5/order/create" and linear: "order-create-linear". */
static void name_of(const struct budget_window *window, char out[NAME_MAX_BYTES])
{
    struct text text = text_in(out, NAME_MAX_BYTES);
    const char *path = bybit_route_info(window->route)->path;

    text_add(&text, strncmp(path, "/v5/", 4) == 0 ? path + 4 : path);
    for (char *at = out; *at; at++) {
        if (*at == '/')
            *at = '-';
    }
    if (window->per_category)
        text_addf(&text, "-%s", category_word(window->category));
}

static bool has_them(const struct api_call *call)
{
    for (size_t i = 0; i < call->headers_count; i++) {
        if (strcmp(call->headers[i].name, "RateLimit") == 0)
            return true;
    }
    return false;
}

/* `window` NULL: the IP's alone. */
static void reply_windows(struct api_call *call, enum budget_lane lane,
                          const struct budget_window *window)
{
    struct headers headers;
    struct budget_window ip;
    char name[NAME_MAX_BYTES];

    headers.policy_text = text_in(headers.policy, sizeof(headers.policy));
    headers.left_text = text_in(headers.left, sizeof(headers.left));
    budget_read_ip(call->api->budget, clock_mono_ms(), &ip);
    add_window(&headers, "ip", IP_WINDOW_S, ip.limit, ip.left_of[lane], ip.reset_ms);
    if (window) {
        name_of(window, name);
        add_window(&headers, name, ROUTE_WINDOW_S, window->limit, window->left_of[lane],
                   window->reset_ms);
    }
    api_reply_header(call, "RateLimit-Policy", headers.policy);
    api_reply_header(call, "RateLimit", headers.left);
}

void limits_reply(struct api_call *call)
{
    enum budget_lane lane =
        call->method && strcmp(call->method, "GET") == 0 ? BUDGET_READ : BUDGET_CREATE;

    if (call->api && call->api->budget && !has_them(call))
        reply_windows(call, lane, NULL);
}

void limits_reply_write(struct api_call *call, enum bybit_route route, enum category category)
{
    enum budget_lane lane = route == ROUTE_ORDER_CANCEL ? BUDGET_CANCEL : BUDGET_CREATE;
    struct budget_window window;
    bool known;

    if (!call->api || !call->api->budget || has_them(call))
        return;
    known = budget_read(call->api->budget, route, category, clock_mono_ms(), &window);
    reply_windows(call, lane, known ? &window : NULL);
}
