/* DELETE /orders, and POST /orders, while engine and reads answer from threads of their own: made
 * for the thread sanitizer. */
#include <pthread.h>

#include "base/queue.h"
#include "test_api_kit.h"

#define RUNS 200

struct command {
    loop_reply_fn *on_reply;
    void *userdata;
};

static struct queue *commands;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_done = PTHREAD_COND_INITIALIZER;
static int finished;

static void hand_over(loop_reply_fn *on_reply, void *userdata)
{
    struct command *command = malloc(sizeof(*command));

    ck_assert_ptr_nonnull(command);
    *command = (struct command){ on_reply, userdata };
    ck_assert(!queue_push(commands, command));
}

static void *engine(void *userdata)
{
    const struct loop_reply *reply = userdata;

    for (;;) {
        struct command *command;
        bool last;

        (void)queue_wait(commands, -1);
        command = queue_pop(commands);
        if (!command)
            continue;
        last = !command->on_reply;
        if (!last)
            command->on_reply(reply, command->userdata);
        free(command);
        if (last)
            return NULL;
    }
}

static void note_done(struct api_call *call)
{
    ck_assert_int_eq(call->status, 207);
    (void)pthread_mutex_lock(&lock);
    finished++;
    (void)pthread_cond_signal(&all_done);
    (void)pthread_mutex_unlock(&lock);
}

START_TEST(cancels_are_answered_from_another_thread)
{
    struct loop_reply reply = { .outcome = OUTCOME_OK, .has_order = true };
    const struct api_endpoint *endpoint;
    char param[API_PARAM_MAX];
    char allow[64];
    bool known;
    const char *suffix;
    pthread_t thread;

    reply.order = kit_order("x", ORDER_LIVE);
    commands = queue_create(1024);
    ck_assert_ptr_nonnull(commands);
    kit.on_cancel = hand_over;
    ck_assert_int_eq(pthread_create(&thread, NULL, engine, &reply), 0);
    endpoint = api_find("DELETE", "/orders", param, &known, allow, &suffix);
    for (int run = 0; run < RUNS; run++) {
        struct api_call call = { .endpoint = endpoint,
                                 .method = "DELETE",
                                 .path = "/orders",
                                 .query = { { "all", "true" } },
                                 .query_count = 1,
                                 .done = note_done };
        cJSON *json;

        kit.orders_count = (size_t)run % 40;
        for (size_t i = 0; i < kit.orders_count; i++)
            kit.orders[i] = kit_order("x", ORDER_LIVE);
        finished = 0;
        endpoint->handle(&kit.api, &call);
        (void)pthread_mutex_lock(&lock);
        while (!finished)
            (void)pthread_cond_wait(&all_done, &lock);
        (void)pthread_mutex_unlock(&lock);
        json = cJSON_Parse(call.reply.data);
        ck_assert_uint_eq(
            (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "items")),
            kit.orders_count);
        cJSON_Delete(json);
        buffer_deinit(&call.reply);
    }
    hand_over(NULL, NULL);
    (void)pthread_join(thread, NULL);
    queue_destroy(commands);
}
END_TEST

/* --- creates that are read for: http thread, engine, reads thread, engine --- */

struct read {
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);
    void *userdata;
};

static struct queue *reads;
static struct loop_reply accepted = { .outcome = OUTCOME_ACCEPTED, .has_order = true };
static struct loop_reply lacking = { .outcome = OUTCOME_NEEDS_FACTS };

struct create {
    const struct loop_reply *reply;
    loop_reply_fn *on_reply;
    void *userdata;
};

static void take_create(const struct guard_facts *facts, loop_reply_fn *on_reply, void *userdata)
{
    struct create *create = malloc(sizeof(*create));

    ck_assert_ptr_nonnull(create);
    *create =
        (struct create){ facts && facts->last_word ? &accepted : &lacking, on_reply, userdata };
    ck_assert(!queue_push(commands, create));
}

static void take_read(void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                      void *userdata),
                      void *userdata)
{
    struct read *read = malloc(sizeof(*read));

    ck_assert_ptr_nonnull(read);
    *read = (struct read){ on_done, userdata };
    ck_assert(!queue_push(reads, read));
}

static void *run_engine(void *userdata)
{
    (void)userdata;
    for (;;) {
        struct create *create;
        bool last;

        (void)queue_wait(commands, -1);
        create = queue_pop(commands);
        if (!create)
            continue;
        last = !create->on_reply;
        if (!last)
            create->on_reply(create->reply, create->userdata);
        free(create);
        if (last)
            return NULL;
    }
}

/* Answers each second read; the others come to nothing. */
static void *run_reads(void *userdata)
{
    static const char body[] = "{\"retCode\":0,\"result\":{\"b\":[[\"9\",\"1\"]],"
                               "\"a\":[[\"10\",\"1\"]]}}";
    struct rest_answer answer = { .http_status = 200, .body = body };

    (void)userdata;
    answer.body_bytes = sizeof(body) - 1;
    for (;;) {
        struct read *read;
        bool last;

        (void)queue_wait(reads, -1);
        read = queue_pop(reads);
        if (!read)
            continue;
        last = !read->on_done;
        answer.answered = !answer.answered;
        if (!last)
            read->on_done(&answer, clock_wall_ms(), read->userdata);
        free(read);
        if (last)
            return NULL;
    }
}

static void note_created(struct api_call *call)
{
    ck_assert_int_eq(call->status, 201);
    (void)pthread_mutex_lock(&lock);
    finished++;
    (void)pthread_cond_signal(&all_done);
    (void)pthread_mutex_unlock(&lock);
}

START_TEST(creates_that_need_facts_pass_from_thread_to_thread)
{
    static const char body[] = "symbol=BTCUSDT&side=buy&qty=1";
    const struct api_endpoint *endpoint;
    char param[API_PARAM_MAX];
    char allow[64];
    bool known;
    const char *suffix;
    pthread_t threads[2];

    commands = queue_create(1024);
    reads = queue_create(1024);
    ck_assert(commands && reads);
    accepted.order = kit_order("x", ORDER_LIVE);
    kit.needs = GUARD_NEEDS_PRICE;
    kit.take_create = take_create;
    kit.take_read = take_read;
    ck_assert_int_eq(pthread_create(&threads[0], NULL, run_engine, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, run_reads, NULL), 0);
    endpoint = api_find("POST", "/orders", param, &known, allow, &suffix);
    for (int run = 0; run < RUNS; run++) {
        struct api_call calls[8];

        finished = 0;
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            memset(&calls[i], 0, sizeof(calls[i]));
            calls[i].api = &kit.api;
            calls[i].endpoint = endpoint;
            calls[i].method = "POST";
            calls[i].path = "/orders";
            calls[i].body = body;
            calls[i].body_bytes = sizeof(body) - 1;
            calls[i].body_is_form = true;
            calls[i].done = note_created;
            endpoint->handle(&kit.api, &calls[i]);
        }
        (void)pthread_mutex_lock(&lock);
        while (finished < (int)ARRAY_LEN(calls))
            (void)pthread_cond_wait(&all_done, &lock);
        (void)pthread_mutex_unlock(&lock);
        for (size_t i = 0; i < ARRAY_LEN(calls); i++)
            buffer_deinit(&calls[i].reply);
    }
    take_create(NULL, NULL, NULL);
    take_read(NULL, NULL);
    (void)pthread_join(threads[0], NULL);
    (void)pthread_join(threads[1], NULL);
    queue_destroy(commands);
    queue_destroy(reads);
}
END_TEST

/* --- batches: each order for itself, then all to the engine, then one answer --- */

static void note_batch(struct api_call *call)
{
    ck_assert_int_eq(call->status, 207);
    (void)pthread_mutex_lock(&lock);
    finished++;
    (void)pthread_cond_signal(&all_done);
    (void)pthread_mutex_unlock(&lock);
}

static void write_batch(struct text *out)
{
    static const char *const kinds[] = { "\"qty\":\"1\"", "\"notional\":\"100\"",
                                         "\"qty\":\"1\",\"trigger_price\":\"5\"", "\"qty\":\"-\"" };

    for (size_t i = 0; i < 24; i++)
        text_addf(out, "%s{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"client_id\":\"k%zu\",%s}",
                  i ? "," : "[", i, kinds[i % ARRAY_LEN(kinds)]);
    text_add(out, "]");
}

START_TEST(the_orders_of_a_batch_meet_again)
{
    static char body[8000];
    struct text text = text_in(body, sizeof(body));
    const struct api_endpoint *endpoint;
    char param[API_PARAM_MAX];
    char allow[64];
    bool known;
    const char *suffix;
    pthread_t threads[2];

    write_batch(&text);
    commands = queue_create(1024);
    reads = queue_create(1024);
    ck_assert(commands && reads);
    accepted.order = kit_order("x", ORDER_LIVE);
    kit.needs = GUARD_NEEDS_PRICE;
    kit.take_create = take_create;
    kit.take_read = take_read;
    ck_assert_int_eq(pthread_create(&threads[0], NULL, run_engine, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, run_reads, NULL), 0);
    endpoint = api_find("POST", "/orders", param, &known, allow, &suffix);
    for (int run = 0; run < RUNS; run++) {
        struct api_call call = { .api = &kit.api,
                                 .endpoint = endpoint,
                                 .method = "POST",
                                 .path = "/orders",
                                 .body = body,
                                 .body_bytes = text.bytes,
                                 .done = note_batch };
        cJSON *json;

        finished = 0;
        endpoint->handle(&kit.api, &call);
        (void)pthread_mutex_lock(&lock);
        while (!finished)
            (void)pthread_cond_wait(&all_done, &lock);
        (void)pthread_mutex_unlock(&lock);
        json = cJSON_Parse(call.reply.data);
        ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "items")), 24);
        cJSON_Delete(json);
        buffer_deinit(&call.reply);
    }
    take_create(NULL, NULL, NULL);
    take_read(NULL, NULL);
    (void)pthread_join(threads[0], NULL);
    (void)pthread_join(threads[1], NULL);
    queue_destroy(commands);
    queue_destroy(reads);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_threads");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, kit_open, kit_close);
    tcase_add_test(tcase, cancels_are_answered_from_another_thread);
    tcase_add_test(tcase, creates_that_need_facts_pass_from_thread_to_thread);
    tcase_add_test(tcase, the_orders_of_a_batch_meet_again);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
