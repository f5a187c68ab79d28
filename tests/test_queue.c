#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include <check.h>

#include "base/queue.h"

static int items[100000];

static bool rings(struct queue *queue)
{
    struct pollfd poller = { .fd = queue_fd(queue), .events = POLLIN };

    return poll(&poller, 1, 0) == 1;
}

START_TEST(first_in_is_first_out)
{
    struct queue *queue = queue_create(3);

    ck_assert_ptr_null(queue_pop(queue));
    ck_assert(!rings(queue));
    ck_assert(!queue_wait(queue, 0));
    for (int round = 0; round < 3000; round++) { /* around the ring */
        ck_assert_int_eq(queue_push(queue, &items[1]), ERR_NONE);
        ck_assert_int_eq(queue_push(queue, &items[2]), ERR_NONE);
        ck_assert(rings(queue));
        ck_assert_uint_eq(queue_length(queue), 2);
        ck_assert_ptr_eq(queue_pop(queue), &items[1]);
        ck_assert(rings(queue));
        ck_assert_ptr_eq(queue_pop(queue), &items[2]);
        ck_assert(!rings(queue));
        ck_assert_ptr_null(queue_pop(queue));
    }
    queue_destroy(queue);
    queue_destroy(NULL);
}
END_TEST

START_TEST(a_full_queue_says_so_and_has_places_for_the_urgent)
{
    struct queue *queue = queue_create(2);

    ck_assert_int_eq(queue_push(queue, &items[1]), ERR_NONE);
    ck_assert_int_eq(queue_push(queue, &items[2]), ERR_NONE);
    ck_assert_int_eq(queue_push(queue, &items[3]), ERR_BUSY);
    ck_assert_int_eq(queue_push_extra(queue, &items[3], 1), ERR_NONE);
    ck_assert_int_eq(queue_push_extra(queue, &items[4], 1), ERR_BUSY);
    for (int i = 4; i < 2 + 1024 + 1; i++)
        ck_assert_int_eq(queue_push_extra(queue, &items[i], SIZE_MAX), ERR_NONE);
    ck_assert_int_eq(queue_push_extra(queue, &items[0], SIZE_MAX), ERR_BUSY);
    for (int i = 1; i < 2 + 1024 + 1; i++)
        ck_assert_ptr_eq(queue_pop(queue), &items[i]);
    ck_assert_ptr_null(queue_pop(queue));
    queue_destroy(queue);
}
END_TEST

#define PUSHERS 4
#define EACH    25000

struct pusher {
    struct queue *queue;
    int first;
    int refused;
};

static void *push_all(void *userdata)
{
    struct pusher *pusher = userdata;

    for (int i = 0; i < EACH; i++) {
        while (queue_push(pusher->queue, &items[pusher->first + i]))
            pusher->refused++;
    }
    return NULL;
}

START_TEST(four_threads_push_and_nothing_is_lost)
{
    struct queue *queue = queue_create(256);
    struct pusher pushers[PUSHERS];
    pthread_t threads[PUSHERS];
    int next[PUSHERS] = { 0 };

    for (int i = 0; i < PUSHERS; i++) {
        pushers[i] = (struct pusher){ queue, i * EACH, 0 };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, push_all, &pushers[i]), 0);
    }
    for (int left = PUSHERS * EACH; left > 0;) {
        const int *item;

        ck_assert(queue_wait(queue, 5000));
        while ((item = queue_pop(queue))) {
            int number = (int)(item - items);

            ck_assert_int_eq(number % EACH, next[number / EACH]++); /* each thread's in order */
            left--;
        }
    }
    for (int i = 0; i < PUSHERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(queue_length(queue), 0);
    ck_assert(!rings(queue));
    queue_destroy(queue);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, first_in_is_first_out);
    tcase_add_test(tcase, a_full_queue_says_so_and_has_places_for_the_urgent);
    tcase_add_test(tcase, four_threads_push_and_nothing_is_lost);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
