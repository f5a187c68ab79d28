/* DELETE /orders while the engine answers from its own thread: made for the thread sanitizer. */
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

int main(void)
{
    Suite *suite = suite_create("api_threads");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, kit_open, kit_close);
    tcase_add_test(tcase, cancels_are_answered_from_another_thread);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
