/* bybit/message.h - the exchange's JSON -> our structs. Pure: no socket, no clock, no lock, no
 * allocation.
 *
 * Orders and fills are read by the same code from the private stream and from REST lists. Tolerant:
 * absent, "", "0" and null occur for "nothing"; numbers come as strings and the other way round
 * (PROTOCOL section 2). Errors: ERR_INVALID when a member that matters (id, symbol, status,
 * quantities) is missing or unreadable.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/trade.h"

/* A REST answer's envelope. `result` is JSON_NONE when absent. */
struct envelope {
    int ret_code;
    char ret_msg[MESSAGE_MAX];
    struct json result;
    struct json extra; /* retExtInfo; JSON_NONE when absent */
    int64_t time_ms;   /* 0: absent */
};
MUST_CHECK enum err message_envelope(struct envelope *out, const char *body, size_t body_bytes,
                                     struct error *error);

/* The orderId and orderLinkId of a create's or cancel's result ("" where absent). */
void message_order_ack(const struct json *result, char order_id[ORDER_ID_MAX],
                       char link[ORDER_LINK_MAX]);

/* What the answer to a batch says of one of its orders. */
struct batch_ack {
    bool has_result; /* result.list has an item at its place */
    bool has_code;   /* retExtInfo.list likewise, with a code */
    int code;
    char msg[MESSAGE_MAX];
    char order_id[ORDER_ID_MAX]; /* "" where absent, as the link */
    char link[ORDER_LINK_MAX];
};
/* Fills acks[0 .. count - 1], by place. False: not both lists have just `count` items. */
bool message_batch_acks(const struct envelope *envelope, struct batch_ack *acks, size_t count);

/* One item of an order or execution list. `category` is used when the item has none (REST lists
 * carry it once). `native` of an order is left NULL. */
MUST_CHECK enum err message_order(struct order_report *out, const struct json *item,
                                  enum category category, struct error *error);
MUST_CHECK enum err message_fill(struct fill *out, const struct json *item, enum category category,
                                 struct error *error);

/* What a WebSocket frame is. */
enum frame_kind {
    FRAME_OTHER,
    FRAME_PONG,
    FRAME_AUTH,      /* ok says whether it succeeded */
    FRAME_SUBSCRIBE, /* likewise, with req_id where the socket kind echoes it */
    FRAME_DATA,      /* topic, data */
};
struct frame {
    enum frame_kind kind;
    bool ok;
    char req_id[40];
    char text[MESSAGE_MAX]; /* ret_msg */
    char topic[64];
    bool is_snapshot; /* type "snapshot" (tickers, books) */
    int64_t ts_ms;    /* ts or creationTime */
    int64_t cts_ms;   /* books: matching engine's time; 0 absent */
    int64_t cs;       /* tickers: cross sequence; 0 absent */
    struct json data;
};
MUST_CHECK enum err message_frame(struct frame *out, const char *text, size_t bytes,
                                  struct error *error);

/* --- for the other decoders of this folder --- */

struct member_name {
    const char *name;
    size_t bytes;
};
#define MEMBER_NAME(text)                                                                          \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

#define MESSAGE_NAMES_MAX 40
/* Walks `object` once and sets found[i] to the first member called names[i]; type JSON_NONE where
 * there is none. */
void message_members(const struct json *object, const struct member_name *names, size_t count,
                     struct json *found);
