/* kill -9 under load: the test runs itself as a child that writes as fast as it can and reports
 * each committed position; what was reported must be in the file, and the file must be whole. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "db/verify.h"
#include "tests/test_journal_kit.h"

#define ROUNDS 4

/* --- the child: test_journal_crash PATH, reports to descriptor 3 --- */

static const char *child_path;

static void report(uint64_t position, void *userdata)
{
    (void)userdata;
    (void)!write(3, &position, sizeof(position));
}

START_TEST(the_child_writes_until_it_is_killed)
{
    static struct bridge bridge;
    struct order order;
    char link[40];

    (void)snprintf(bridge.path, sizeof(bridge.path), "%s", child_path);
    kit_start(&bridge);
    bridge.listener.after_commit = report;
    for (;;) {
        struct journal_row *intent;

        /* Position 2n - 1 is the intent of link run-(2n - 1), position 2n an event. */
        (void)snprintf(link, sizeof(link), "%" PRId64 "-%" PRIu64, bridge.start.run,
                       bridge.position + 1);
        intent = kit_intent(&bridge, link);
        kit_order(&order, link);
        order.state = ORDER_ACKED;
        intent->next = kit_order_row(&bridge, &order);
        while (journal_submit(bridge.journal, intent) == ERR_BUSY)
            kit_sleep_ms(1);
    }
}
END_TEST

/* --- the parent --- */

static pid_t spawn(const char *path, int *reports)
{
    int pipes[2];
    pid_t pid;
    char name[] = "test_journal_crash";
    char file[96];

    (void)snprintf(file, sizeof(file), "%s", path);
    ck_assert_int_eq(pipe(pipes), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char *const arguments[] = { name, file, NULL };

        dup2(pipes[1], 3);
        execv("/proc/self/exe", arguments);
        _exit(1);
    }
    close(pipes[1]);
    *reports = pipes[0];
    return pid;
}

/* The last position that the child reported, up to its end. */
static uint64_t last_report(int reports)
{
    uint64_t last = 0;
    uint64_t position;

    while (read(reports, &position, sizeof(position)) == (ssize_t)sizeof(position))
        last = position;
    return last;
}

static uint64_t count_links(const struct bridge *bridge, int64_t run, uint64_t up_to)
{
    char sql[200];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM orders WHERE link LIKE '%" PRId64 "-%%' AND "
                   "CAST(substr(link, instr(link, '-') + 1) AS INTEGER) <= %" PRIu64,
                   run, up_to);
    return (uint64_t)kit_query(bridge, sql);
}

START_TEST(what_was_reported_committed_survives_a_kill)
{
    struct bridge bridge;
    struct journal_verified verified;
    struct error error = { 0 };
    uint64_t epoch = 0;
    uint64_t last_seq = 0;

    kit_folder(&bridge);
    for (int64_t run = 1; run <= ROUNDS * 2; run += 2) {
        int reports;
        pid_t pid = spawn(bridge.path, &reports);
        uint64_t reported;

        ck_assert_int_eq(poll(&(struct pollfd){ .fd = reports, .events = POLLIN }, 1, 20000), 1);
        kit_sleep_ms(40 * (int)run);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        reported = last_report(reports);
        close(reports);
        ck_assert_uint_gt(reported, 0);

        kit_start(&bridge);
        ck_assert_int_eq(bridge.start.run, run + 1);
        ck_assert(epoch == 0 || bridge.start.epoch == epoch);
        epoch = bridge.start.epoch;
        ck_assert_uint_eq(count_links(&bridge, run, reported), (reported + 1) / 2);
        ck_assert_uint_ge(bridge.start.last_seq, last_seq + reported / 2);
        last_seq = bridge.start.last_seq;
        kit_stop(&bridge);
        ck_assert_msg(journal_verify(bridge.path, &verified, &error) == ERR_NONE, "%s", error.text);
        ck_assert_uint_eq(verified.last_seq, last_seq);
    }
    ck_assert_int_eq(kit_query(&bridge, "SELECT (SELECT quick_check FROM pragma_quick_check)='ok'"),
                     1);
    kit_remove_folder(&bridge);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("journal crash");
    TCase *tcase = tcase_create("crash");

    if (argc > 1)
        child_path = argv[1];
    tcase_set_timeout(tcase, 60);
    if (child_path)
        tcase_add_test(tcase, the_child_writes_until_it_is_killed);
    else
        tcase_add_test(tcase, what_was_reported_committed_survives_a_kill);
    suite_add_tcase(suite, tcase);
    return kit_main(suite);
}
