/* Refusals on the paths of the exchange: its clients take other statuses than 200 for failures of
 * the transport, and repeat the request. */
#include <stdio.h>
#include <stdlib.h>

#include "api/errors.h"
#include "base/clock.h"
#include "base/json.h"
#include "server/conn.h"

#define ENVELOPE_MAX      ((size_t)16 * 1024)
#define PERMISSION_DENIED 10005 /* the exchange's code */

static void write_envelope(struct buffer *out, const char *code, const char *detail,
                           const char *request_id)
{
    char message[300];

    (void)snprintf(message, sizeof(message), "bridge: %s", detail);
    json_add_open(out, '{');
    json_add_key(out, "retCode");
    json_add_int(out, PERMISSION_DENIED);
    json_add_key(out, "retMsg");
    json_add_text(out, message);
    json_add_key(out, "result");
    json_add_open(out, '{');
    json_add_close(out, '}');
    json_add_key(out, "retExtInfo");
    json_add_open(out, '{');
    json_add_key(out, "bridge");
    api_problem_body(out, code, detail, request_id, NULL);
    json_add_close(out, '}');
    json_add_key(out, "time");
    json_add_int(out, clock_wall_ms());
    json_add_close(out, '}');
}

enum MHD_Result reply_envelope(struct conn *conn, const char *code, const char *detail)
{
    struct request *request = conn->request;
    struct buffer body = buffer_of(ENVELOPE_MAX);
    struct MHD_Response *response;
    enum MHD_Result result = MHD_NO;
    size_t bytes = 0;
    char *data;

    write_envelope(&body, code, detail, request->call.request_id);
    data = buffer_take(&body, &bytes);
    response = data ? MHD_create_response_from_buffer(bytes, data, MHD_RESPMEM_MUST_FREE) : NULL;
    request->phase = PHASE_ANSWERED;
    if (!response) {
        free(data);
        return MHD_NO;
    }
    if (reply_add_common(conn, response, "application/json")) {
        conn_set_state(conn, CONN_REPLYING);
        result = MHD_queue_response(conn->mhd, 200, response);
    }
    MHD_destroy_response(response);
    return result;
}
