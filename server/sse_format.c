#include "server/sse_format.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

static void add_id(struct text *head, const struct sse_format *format, uint64_t seq)
{
    text_add_u64(head, format->epoch);
    text_add_n(head, "-", 1);
    text_add_u64(head, seq);
}

static void add_sse_head(struct text *head, const struct sse_format *format, const char *event,
                         uint64_t seq)
{
    if (seq != SSE_NO_ID) {
        text_add(head, "id: ");
        add_id(head, format, seq);
        text_add(head, "\n");
    }
    text_add(head, "event: ");
    text_add(head, event);
    text_add(head, "\ndata: ");
}

static void add_ndjson_head(struct text *head, const struct sse_format *format, const char *event,
                            uint64_t seq)
{
    text_add(head, "{\"event\":\"");
    text_add(head, event);
    text_add(head, "\",\"id\":");
    if (seq == SSE_NO_ID) {
        text_add(head, "null");
    } else {
        text_add(head, "\"");
        add_id(head, format, seq);
        text_add(head, "\"");
    }
    text_add(head, ",\"data\":");
}

void sse_piece_make(struct sse_piece *out, const struct sse_format *format, const char *event,
                    uint64_t seq, uint64_t dropped, const char *json, size_t json_bytes)
{
    struct text head = text_in(out->head, sizeof(out->head));

    if (format->ndjson)
        add_ndjson_head(&head, format, event, seq);
    else
        add_sse_head(&head, format, event, seq);
    out->json = json;
    out->json_bytes = json_bytes;
    if (dropped && json_bytes > 2) {
        text_addf(&head, "{\"dropped\":%" PRIu64 ",", dropped);
        out->json++;
        out->json_bytes--;
    }
    out->head_bytes = head.bytes;
    out->tail = format->ndjson ? "}\n" : "\n\n";
    out->tail_bytes = 2;
    out->bytes = out->head_bytes + out->json_bytes + out->tail_bytes;
}

void sse_piece_write(const struct sse_piece *piece, char *out)
{
    memcpy(out, piece->head, piece->head_bytes);
    memcpy(out + piece->head_bytes, piece->json, piece->json_bytes);
    memcpy(out + piece->head_bytes + piece->json_bytes, piece->tail, piece->tail_bytes);
}

void sse_piece_add(const struct sse_piece *piece, struct buffer *out)
{
    buffer_add(out, piece->head, piece->head_bytes);
    buffer_add(out, piece->json, piece->json_bytes);
    buffer_add(out, piece->tail, piece->tail_bytes);
}

void sse_add_heartbeat(struct buffer *out, const struct sse_format *format, uint64_t seq,
                       int64_t now_ms)
{
    char data[48];
    struct text text = text_in(data, sizeof(data));
    struct sse_piece piece;

    if (format->ndjson) {
        text_addf(&text, "{\"recv_at\":%" PRId64 "}", now_ms);
        sse_piece_make(&piece, format, "heartbeat", seq, 0, data, text.bytes);
        sse_piece_add(&piece, out);
        return;
    }
    buffer_add_text(out, ":\n");
    if (seq != SSE_NO_ID)
        buffer_addf(out, "id: %" PRIu64 "-%" PRIu64 "\n", format->epoch, seq);
    buffer_add_text(out, "\n");
}
