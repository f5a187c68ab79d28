/* server/kill_command.c - asks until the answer is as good as it gets, then tells it; where nobody
 * answers, how to do without: by a signal to the process that holds the journal's lock. */
#include "server/kill_command.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "db/file.h"
#include "server/ask.h"

#define ANSWER_MAX  ((size_t)1024 * 1024)
#define ROUND_MS    8000 /* of the bridge's own waiting, of which there may be several */
#define MARGIN_MS   2000
#define PAUSE_MS    200
#define LISTED_MAX  20
#define WORD_MAX    64
#define DETAIL_MAX  512
#define HOLDERS_MAX 8
#define LOCK_SUFFIX ".db.lock"
#define ARM_HINT    "POST /guard/arm ends it"

/* --- numbers and words of an answer --- */

static int64_t number_of(const struct json *object, const char *name)
{
    int64_t value;

    return json_member_int(object, name, &value) == ERR_NONE ? value : 0;
}

static bool is_true(const struct json *object, const char *name)
{
    struct json value;

    return json_member(object, name, &value) && value.type == JSON_TRUE;
}

static void word_of(const struct json *object, const char *name, char *out, size_t out_bytes)
{
    if (json_member_text(object, name, out, out_bytes))
        text_cut(out, out_bytes, "?");
    ask_make_printable(out);
}

/* --- what is told --- */

static void tell_cancelled(struct buffer *out, const struct json *kill)
{
    int64_t count = number_of(kill, "cancelled_count");
    struct json list;
    struct json item;
    struct json_walk walk;
    int shown = 0;

    buffer_addf(out, "cancelled: %" PRId64 "\n", count);
    if (!json_member(kill, "cancelled", &list) || list.type != JSON_ARRAY)
        return;
    walk = json_walk(&list);
    while (shown < LISTED_MAX && json_next(&walk, NULL, &item)) {
        char category[WORD_MAX];
        char symbol[WORD_MAX];
        char id[WORD_MAX];
        char client_id[WORD_MAX];

        word_of(&item, "category", category, sizeof(category));
        word_of(&item, "symbol", symbol, sizeof(symbol));
        word_of(&item, "id", id, sizeof(id));
        word_of(&item, "client_id", client_id, sizeof(client_id));
        buffer_addf(out, "  %s%s%s %s%s%s\n", category, symbol[0] ? ":" : "", symbol, id,
                    client_id[0] ? " client_id=" : "", client_id);
        shown++;
    }
    if (count > shown)
        buffer_addf(out, "  and %" PRId64 " more (GET /guard names up to 500)\n", count - shown);
}

/* Whether all scopes are clear. */
static bool tell_scopes(struct buffer *out, const struct json *kill)
{
    struct json list;
    struct json item;
    struct json_walk walk;
    bool all = true;

    if (!json_member(kill, "scopes", &list) || list.type != JSON_ARRAY)
        return false;
    walk = json_walk(&list);
    while (json_next(&walk, NULL, &item)) {
        char category[WORD_MAX];
        char coin[WORD_MAX];
        char filter[WORD_MAX];
        char state[WORD_MAX];
        char error[DETAIL_MAX];

        word_of(&item, "state", state, sizeof(state));
        if (strcmp(state, "clear") == 0)
            continue;
        all = false;
        word_of(&item, "category", category, sizeof(category));
        word_of(&item, "settle_coin", coin, sizeof(coin));
        word_of(&item, "order_filter", filter, sizeof(filter));
        word_of(&item, "error", error, sizeof(error));
        buffer_addf(out, "not clear: %s%s%s%s%s: %s%s%s\n", category, coin[0] ? " " : "", coin,
                    filter[0] ? " " : "", filter, state, error[0] ? ": " : "", error);
    }
    return all;
}

static void tell_count(struct buffer *out, const char *words, int64_t count)
{
    if (count)
        buffer_addf(out, "%s: %" PRId64 "\n", words, count);
}

static enum kill_status tell(struct buffer *out, const struct json *guard)
{
    bool clear = is_true(guard, "clear");
    bool durable = is_true(guard, "durable");
    struct json kill;
    bool all;

    if (!json_member(guard, "kill", &kill) || kill.type != JSON_OBJECT)
        kill = *guard;
    buffer_addf(out, "killed: no new orders are sent (" ARM_HINT ")\n");
    if (!durable)
        buffer_addf(out, "NOT STORED: a restart of the bridge would end it\n");
    tell_cancelled(out, &kill);
    tell_count(out, "filled before the cancel came", number_of(&kill, "filled_count"));
    tell_count(out, "stopped before they were sent", number_of(&kill, "not_sent_count"));
    tell_count(out, "STILL OPEN", number_of(&kill, "open_count"));
    tell_count(out, "OUTCOME NOT KNOWN YET", number_of(&kill, "unknown_count"));
    all = tell_scopes(out, &kill);
    if (clear)
        buffer_addf(out, all ? "nothing is open at the exchange any more\n"
                             : "nothing is open any more where the exchange lets look\n");
    else
        buffer_addf(out,
                    "NOT ALL IS KNOWN TO BE CANCELLED: the bridge goes on; GET /guard says how "
                    "far it is\n");
    return clear && durable && all ? KILL_WHOLE : KILL_PARTLY;
}

/* --- without an answer --- */

/* Pids of the bridges of this environment. */
static size_t find_holders(const struct config *config, const char *folder, long *pids, size_t max)
{
    const char *env = env_word(config->env);
    DIR *list = opendir(folder);
    const struct dirent *entry;
    size_t count = 0;

    while (list && count < max && (entry = readdir(list))) {
        size_t bytes = strlen(entry->d_name);
        char path[PATH_MAX];
        struct text name;

        if (bytes <= strlen(LOCK_SUFFIX) || strncmp(entry->d_name, env, strlen(env)) != 0 ||
            strcmp(entry->d_name + bytes - strlen(LOCK_SUFFIX), LOCK_SUFFIX) != 0)
            continue;
        name = text_in(path, sizeof(path));
        text_addf(&name, "%s/", folder);
        text_add_n(&name, entry->d_name, bytes - strlen(".lock"));
        pids[count] = text_fits(&name) ? file_holder(path) : 0;
        count += pids[count] > 0;
    }
    if (list)
        (void)closedir(list);
    return count;
}

/* The keys are not read here: without --journal the file's name is not known, only its folder. */
static size_t find_pids(const struct config *config, long *pids, size_t max)
{
    char path[PATH_MAX];
    struct error ignored;
    char *slash;

    if (config_journal_path(config, path, sizeof(path), &ignored))
        return 0;
    if (config->journal[0]) {
        pids[0] = file_holder(path);
        return pids[0] > 0;
    }
    slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return find_holders(config, path, pids, max);
}

static void hint(struct buffer *out, const struct config *config)
{
    long pids[HOLDERS_MAX];
    size_t count = find_pids(config, pids, HOLDERS_MAX);

    if (count == 1)
        buffer_addf(out, "it can be killed without an answer: kill -USR1 %ld\n", pids[0]);
    else
        buffer_addf(out,
                    "it can be killed without an answer: kill -USR1 PID, with the bridge's "
                    "process id%s",
                    count ? ", one of" : "\n");
    for (size_t i = 0; count > 1 && i < count; i++)
        buffer_addf(out, " %ld%s", pids[i], i + 1 == count ? "\n" : "");
}

static void tell_failure(struct buffer *out, int failure, const struct ask_target *target)
{
    buffer_addf(out, "NOT KNOWN TO BE KILLED: ");
    if (failure == ETIMEDOUT)
        buffer_addf(out, "%s gives no whole answer in time\n", target->name);
    else if (failure == EPROTO || failure == EMSGSIZE)
        buffer_addf(out,
                    "%s does not answer as a bridge does: is another program listening there?\n",
                    target->name);
    else
        buffer_addf(out, "cannot ask %s: %s\n", target->name, strerror(failure));
}

/* --- asking --- */

enum round {
    ROUND_KILLED,  /* `guard` says so */
    ROUND_BUSY,    /* told so by the bridge, or its queue of connections is full */
    ROUND_REFUSED, /* `refusal` says why */
    ROUND_FAILED,  /* `failure` says why */
};

struct asking {
    const struct config *config;
    const struct ask_target *target;
    struct ask question;
    int64_t deadline_ms; /* clock_mono_ms */
    char *data;
    struct json guard; /* in `data` */
    char refusal[WORD_MAX + DETAIL_MAX + 4];
    int failure;
};

static enum round judge(struct asking *asking, const struct ask_answer *answer)
{
    char code[WORD_MAX];
    char detail[DETAIL_MAX];
    struct error ignored;

    asking->failure = EPROTO;
    if (answer->status == 200)
        return json_open(&asking->guard, answer->body, answer->body_bytes, &ignored) == ERR_NONE &&
                       is_true(&asking->guard, "killed")
                   ? ROUND_KILLED
                   : ROUND_FAILED;
    if (answer->status < 400 || !ask_problem(answer, code, sizeof(code), detail, sizeof(detail)))
        return ROUND_FAILED;
    (void)snprintf(asking->refusal, sizeof(asking->refusal), "%s: %s", code, detail);
    return strcmp(code, "busy") == 0 ? ROUND_BUSY : ROUND_REFUSED;
}

static enum round ask_once(struct asking *asking)
{
    int64_t left_ms = asking->deadline_ms - clock_mono_ms();
    int64_t wait_ms = left_ms < ROUND_MS ? left_ms : ROUND_MS;
    struct ask question = asking->question;
    char path[64];
    struct ask_answer answer;

    if (wait_ms < 0)
        wait_ms = 0;
    (void)snprintf(path, sizeof(path), "/guard/kill?timeout=%" PRId64 "ms", wait_ms);
    question.path = path;
    question.timeout_ms = (int)wait_ms + MARGIN_MS;
    asking->failure = ask(asking->target, &question, asking->data, ANSWER_MAX, &answer);
    if (asking->failure == EAGAIN)
        return ROUND_BUSY;
    return asking->failure ? ROUND_FAILED : judge(asking, &answer);
}

static void pause_ms(long ms)
{
    const struct timespec time = { .tv_nsec = ms * 1000000 };

    (void)nanosleep(&time, NULL);
}

/* Whether asking again will not make the answer better. */
static bool is_final(const struct asking *asking, enum round round)
{
    if (round == ROUND_KILLED)
        return is_true(&asking->guard, "clear") && is_true(&asking->guard, "durable");
    return round != ROUND_BUSY;
}

/* Until it is whole, refused, or the time is over. What is known of a kill that has been taken is
 * not lost by a later round that fails. */
static enum kill_status ask_on(struct asking *asking, struct buffer *out)
{
    enum kill_status status = KILL_UNREACHED;
    enum round round;

    do {
        round = ask_once(asking);
        if (round == ROUND_KILLED) {
            buffer_clear(out);
            status = tell(out, &asking->guard);
        }
        if (is_final(asking, round))
            break;
        pause_ms(PAUSE_MS);
    } while (clock_mono_ms() < asking->deadline_ms);
    if (status != KILL_UNREACHED)
        return status;
    if (round == ROUND_FAILED || (round == ROUND_BUSY && asking->failure == EAGAIN))
        tell_failure(out, asking->failure, asking->target);
    else
        buffer_addf(out, "NOT KILLED: %s\n", asking->refusal);
    hint(out, asking->config);
    return status;
}

/* A reason that is too long is cut, between two characters: it stops no kill. */
static char *make_body(const char *whole, struct buffer *body)
{
    char reason[KILL_REASON_MAX];
    size_t bytes = strnlen(whole, sizeof(reason));

    if (!bytes)
        return NULL;
    if (bytes == sizeof(reason)) {
        bytes--;
        while (bytes > 0 && ((unsigned char)whole[bytes] & 0xc0) == 0x80)
            bytes--;
    }
    memcpy(reason, whole, bytes);
    reason[bytes] = '\0';
    json_add_open(body, '{');
    json_add_key(body, "reason");
    json_add_text(body, reason);
    json_add_close(body, '}');
    return buffer_check(body) ? NULL : body->data;
}

enum kill_status kill_command(const struct config *config, const struct kill_request *request,
                              struct buffer *out)
{
    struct buffer body = buffer_of((size_t)2048);
    struct ask_target target;
    struct asking asking = { .config = config, .target = &target };
    enum kill_status status = KILL_UNREACHED;

    if (!ask_find_target(config, request->want_tcp, &target)) {
        buffer_addf(out,
                    "NOT KILLED: give the address and port that the bridge listens on, for example "
                    "--listen 127.0.0.1:8787\n");
        hint(out, config);
        return status;
    }
    asking.question = (struct ask){
        .method = "POST",
        .agent = "bybit-bridge-kill",
        .token = config->token         ? config->token
                 : config->admin_token ? config->admin_token
                                       : config->read_token,
        .body = make_body(request->reason, &body),
    };
    asking.deadline_ms = clock_mono_ms() + request->timeout_ms;
    asking.data = malloc(ANSWER_MAX);
    if (asking.data)
        status = ask_on(&asking, out);
    else
        buffer_addf(out, "NOT KILLED: out of memory\n");
    free(asking.data);
    buffer_deinit(&body);
    return status;
}
