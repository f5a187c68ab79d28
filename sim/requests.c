#include "sim/requests.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/build.h"

#define REASON_BYTES 160

static void send_object(struct socket_session *session, cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);

    if (text)
        socket_send(session, text, strlen(text));
    free(text);
    cJSON_Delete(object);
}

/* Members and their presence differ between the sockets. */
static void acknowledge(struct socket_session *session, const char *op, bool success,
                        const char *reason, const char *req_id)
{
    cJSON *ack = cJSON_CreateObject();

    build_bool(ack, "success", success);
    build_text(ack, "ret_msg", reason);
    if (session->kind == SOCKET_PRIVATE)
        build_text(ack, "op", op);
    build_text(ack, "conn_id", session->conn_id);
    if (session->kind == SOCKET_PRIVATE) {
        send_object(session, ack);
        return;
    }
    if (session->kind == SOCKET_LINEAR || req_id)
        build_text(ack, "req_id", req_id ? req_id : "");
    build_text(ack, "op", op);
    send_object(session, ack);
}

static void answer_ping(struct socket_session *session, const char *req_id)
{
    cJSON *pong = cJSON_CreateObject();
    char digits[24];

    if (session->kind == SOCKET_PRIVATE) {
        if (req_id)
            build_text(pong, "req_id", req_id);
        build_text(pong, "op", "pong");
        (void)snprintf(digits, sizeof(digits), "%" PRId64, session->sockets->exchange->now_ms);
        (void)cJSON_AddItemToArray(build_list(pong, "args"), cJSON_CreateString(digits));
        build_text(pong, "conn_id", session->conn_id);
    } else {
        build_bool(pong, "success", true);
        build_text(pong, "ret_msg", "pong");
        build_text(pong, "conn_id", session->conn_id);
        if (session->kind == SOCKET_LINEAR || req_id)
            build_text(pong, "req_id", req_id ? req_id : "");
        build_text(pong, "op", "ping");
    }
    send_object(session, pong);
}

static void answer_auth(struct socket_session *session, const cJSON *args)
{
    const struct sockets *sockets = session->sockets;
    const char *key = cJSON_GetStringValue(cJSON_GetArrayItem(args, 0));
    const cJSON *expires = cJSON_GetArrayItem(args, 1);
    const char *sign = cJSON_GetStringValue(cJSON_GetArrayItem(args, 2));

    if (session->kind != SOCKET_PRIVATE) {
        acknowledge(session, "auth", false, "error:handler not found,op:auth", NULL);
        return;
    }
    if (key && sign && cJSON_IsNumber(expires) &&
        auth_check_stream(sockets->login, key, (int64_t)expires->valuedouble, sign,
                          sockets->exchange->now_ms)) {
        session->authenticated = true;
        acknowledge(session, "auth", true, "", NULL);
        return;
    }
    acknowledge(session, "auth", false, "Params Error", NULL);
}

/* Collects the topics of a request as a set. False: the reason says why it is refused as a whole.
 */
static bool read_topics(const struct socket_session *session, const cJSON *args, bool subscribe,
                        uint64_t *set, size_t *args_bytes, char reason[REASON_BYTES])
{
    const cJSON *arg;

    *set = 0;
    *args_bytes = 0;
    cJSON_ArrayForEach(arg, args)
    {
        const char *name = cJSON_GetStringValue(arg);
        int bit = name ? topic_find(session->kind, name) : -1;

        if (bit < 0) {
            (void)snprintf(reason, REASON_BYTES, "error:handler not found,topic:%.80s",
                           name ? name : "");
            return false;
        }
        if (subscribe && ((session->topics | *set) >> bit & 1)) {
            (void)snprintf(reason, REASON_BYTES, "error:already subscribed,topic:%.80s", name);
            return false;
        }
        *set |= (uint64_t)1 << bit;
        *args_bytes += strlen(name);
    }
    return true;
}

static const char *refused_for(const struct socket_session *session, const cJSON *args)
{
    if (session->kind == SOCKET_PRIVATE && !session->authenticated)
        return "Request not authorized";
    if (!cJSON_IsArray(args) || cJSON_GetArraySize(args) == 0)
        return "Params Error";
    if (session->kind == SOCKET_SPOT && cJSON_GetArraySize(args) > REQUEST_SPOT_ARGS_MAX)
        return "args size >10";
    return NULL;
}

static void subscribe(struct socket_session *session, uint64_t set, size_t args_bytes)
{
    session->args_bytes += args_bytes;
    for (int bit = 0; bit < 64; bit++) {
        if (!(set >> bit & 1))
            continue;
        if (session->sockets->on_subscribed)
            session->sockets->on_subscribed(session, bit, session->sockets->userdata);
        session->topics |= (uint64_t)1 << bit;
    }
}

static void answer_topics(struct socket_session *session, const char *op, const cJSON *args,
                          const char *req_id)
{
    bool joins = strcmp(op, "subscribe") == 0;
    const char *refused = refused_for(session, args);
    char reason[REASON_BYTES];
    size_t args_bytes = 0;
    uint64_t set = 0;

    if (!refused && !read_topics(session, args, joins, &set, &args_bytes, reason))
        refused = reason;
    if (!refused && joins && session->kind == SOCKET_PRIVATE && topics_mix(set))
        refused = "Params Error";
    if (!refused && joins && session->kind != SOCKET_PRIVATE &&
        session->args_bytes + args_bytes > REQUEST_ARGS_BYTES_MAX)
        refused = "args size exceeds the limit";
    if (refused) {
        acknowledge(session, op, false, refused, req_id);
        return;
    }
    acknowledge(session, op, true, session->kind == SOCKET_SPOT ? op : "", req_id);
    if (joins) {
        subscribe(session, set, args_bytes);
        return;
    }
    session->topics &= ~set;
    session->args_bytes -= args_bytes < session->args_bytes ? args_bytes : session->args_bytes;
}

void request_answer(struct socket_session *session, const char *text, size_t bytes)
{
    cJSON *request = cJSON_ParseWithLength(text, bytes);
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "op"));
    const char *req_id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "req_id"));
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(request, "args");

    if (op && strcmp(op, "ping") == 0)
        answer_ping(session, req_id);
    else if (op && strcmp(op, "auth") == 0)
        answer_auth(session, args);
    else if (op && (strcmp(op, "subscribe") == 0 || strcmp(op, "unsubscribe") == 0))
        answer_topics(session, op, args, req_id);
    else
        acknowledge(session, op ? op : "", false, "error:request invalid", req_id);
    cJSON_Delete(request);
}
