/* base/thread: what the system says of a thread that has begun. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <check.h>

#include "base/thread.h"

struct begun {
    const char *name;
    enum thread_kind kind;
    char seen[16];
    int nice;
};

static void *begin(void *userdata)
{
    struct begun *begun = userdata;

    thread_begin(begun->name, begun->kind);
    ck_assert_int_eq(pthread_getname_np(pthread_self(), begun->seen, sizeof(begun->seen)), 0);
    begun->nice = getpriority(PRIO_PROCESS, 0);
    return NULL;
}

static struct begun of_kind(enum thread_kind kind)
{
    struct begun begun = { .name = "some-thread", .kind = kind };
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, begin, &begun), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    return begun;
}

START_TEST(a_thread_has_its_name_and_only_background_gives_way)
{
    int nice = getpriority(PRIO_PROCESS, 0);

    ck_assert_str_eq(of_kind(THREAD_QUICK).seen, "some-thread");
    ck_assert_int_eq(of_kind(THREAD_QUICK).nice, nice);
    ck_assert_int_eq(of_kind(THREAD_PLAIN).nice, nice);
    ck_assert_int_eq(of_kind(THREAD_BACKGROUND).nice, nice + 5 < 19 ? nice + 5 : 19);
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), nice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread");
    TCase *cases = tcase_create("begin");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, a_thread_has_its_name_and_only_background_gives_way);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
