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
        socket_reply(session, text, strlen(text));
    free(text);
    cJSON_Delete(object);
}

static bool is_contracts(const struct socket_session *session)
{
    return session->kind == SOCKET_LINEAR || session->kind == SOCKET_INVERSE;
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
    if (is_contracts(session) || req_id)
        build_text(ack, "req_id", req_id ? req_id : "");
    build_text(ack, "op", op);
    send_object(session, ack);
}

static void add_time(cJSON *object, const struct socket_session *session)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, session->sockets->exchange->now_ms);
    (void)cJSON_AddItemToArray(build_list(object, "args"), cJSON_CreateString(digits));
}

static void answer_ping(struct socket_session *session, const char *req_id)
{
    cJSON *pong = cJSON_CreateObject();

    if (session->kind == SOCKET_OPTION) {
        add_time(pong, session);
        build_text(pong, "op", "pong");
    } else if (session->kind == SOCKET_PRIVATE) {
        if (req_id)
            build_text(pong, "req_id", req_id);
        build_text(pong, "op", "pong");
        add_time(pong, session);
        build_text(pong, "conn_id", session->conn_id);
    } else {
        build_bool(pong, "success", true);
        build_text(pong, "ret_msg", "pong");
        build_text(pong, "conn_id", session->conn_id);
        if (is_contracts(session) || req_id)
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
                        struct topic_set *set, size_t *args_bytes, char reason[REASON_BYTES])
{
    const cJSON *arg;

    memset(set, 0, sizeof(*set));
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
        if (subscribe && (topics_have(&session->topics, bit) || topics_have(set, bit))) {
            (void)snprintf(reason, REASON_BYTES, "error:already subscribed,topic:%.80s", name);
            return false;
        }
        topics_add(set, bit);
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

static void change_args(struct socket_session *session, bool joins, size_t bytes)
{
    if (joins)
        session->args_bytes += bytes;
    else
        session->args_bytes -= bytes < session->args_bytes ? bytes : session->args_bytes;
}

static void change_topics(struct socket_session *session, bool joins, const struct topic_set *set)
{
    const struct sockets *sockets = session->sockets;

    for (int bit = 0; bit < TOPIC_BITS; bit++) {
        if (!topics_have(set, bit))
            continue;
        if (!joins) {
            socket_leave(session, bit);
            continue;
        }
        if (sockets->on_subscribed)
            sockets->on_subscribed(session, bit, sockets->userdata);
        socket_join(session, bit);
    }
}

/* Option sockets take what is right, name what is not, and have an answer of their own. */
static void answer_option_topics(struct socket_session *session, bool joins, const cJSON *args)
{
    cJSON *answer = cJSON_CreateObject();
    cJSON *data = cJSON_CreateObject();
    cJSON *failed = build_list(data, "failTopics");
    cJSON *done = build_list(data, "successTopics");
    struct topic_set set = { { 0 } };
    const cJSON *arg;

    cJSON_ArrayForEach(arg, args)
    {
        const char *name = cJSON_GetStringValue(arg);
        int bit = name ? topic_find(session->kind, name) : -1;
        bool good = bit >= 0 && !topics_have(&set, bit) &&
                    topics_have(&session->topics, bit) != joins &&
                    (!joins || session->args_bytes + strlen(name) <= REQUEST_ARGS_BYTES_MAX);

        (void)cJSON_AddItemToArray(good ? done : failed, cJSON_CreateString(name ? name : ""));
        if (good) {
            topics_add(&set, bit);
            change_args(session, joins, strlen(name));
        }
    }
    build_bool(answer, "success", cJSON_GetArraySize(failed) == 0 && cJSON_GetArraySize(done) > 0);
    build_text(answer, "conn_id", session->conn_id);
    (void)cJSON_AddItemToObject(answer, "data", data);
    build_text(answer, "type", "COMMAND_RESP");
    send_object(session, answer);
    change_topics(session, joins, &set);
}

static void answer_topics(struct socket_session *session, const char *op, const cJSON *args,
                          const char *req_id)
{
    bool joins = strcmp(op, "subscribe") == 0;
    const char *refused = refused_for(session, args);
    char reason[REASON_BYTES];
    size_t args_bytes = 0;
    struct topic_set set = { { 0 } };

    if (session->kind == SOCKET_OPTION) {
        answer_option_topics(session, joins, args);
        return;
    }
    if (!refused && !read_topics(session, args, joins, &set, &args_bytes, reason))
        refused = reason;
    if (!refused && joins && session->kind == SOCKET_PRIVATE && topics_mix(&set))
        refused = "Params Error";
    if (!refused && joins && session->kind != SOCKET_PRIVATE &&
        session->args_bytes + args_bytes > REQUEST_ARGS_BYTES_MAX)
        refused = "args size exceeds the limit";
    if (refused) {
        acknowledge(session, op, false, refused, req_id);
        return;
    }
    acknowledge(session, op, true, session->kind == SOCKET_SPOT ? op : "", req_id);
    change_args(session, joins, args_bytes);
    change_topics(session, joins, &set);
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
