/* Whose process is at the other end (gate rules G2, G3), and the file of the unix socket. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "server/peer.h"
#include "server/unix_socket.h"

#define NOBODY 65534

static struct peer peer;
static int listening = -1;
static int ours = -1;
static int theirs = -1;
static char folder[64];
static struct error error;

static void close_pair(void)
{
    int *fds[] = { &listening, &ours, &theirs };

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
}

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/test-peer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_msg(peer_open(&peer, &error) == ERR_NONE, "%s", error.text);
}

static void teardown(void)
{
    char command[128];

    close_pair();
    peer_close(&peer);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

union address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static void loopback(union address *address, int family, bool mapped)
{
    static const struct in6_addr mapped_loopback = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
                                                         127, 0, 0, 1 } } };

    memset(address, 0, sizeof(*address));
    address->any.sa_family = (sa_family_t)family;
    if (family == AF_INET)
        address->ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        address->ipv6.sin6_addr = mapped ? mapped_loopback : in6addr_loopback;
}

/* False: no such family here. */
static bool start_listening(int family)
{
    union address address;

    loopback(&address, family, false);
    listening = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return listening >= 0 && bind(listening, &address.any, sizeof(address)) == 0 &&
           listen(listening, 8) == 0;
}

static int connect_as(int family, bool mapped)
{
    union address address;
    union address target;
    socklen_t bytes = sizeof(address);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(getsockname(listening, &address.any, &bytes), 0);
    loopback(&target, family, mapped);
    if (family == AF_INET)
        target.ipv4.sin_port = address.ipv4.sin_port;
    else
        target.ipv6.sin6_port = address.ipv6.sin6_port; /* the same place for IPv4 */
    ck_assert_int_eq(connect(fd, &target.any, sizeof(target)), 0);
    return fd;
}

static void make_pair(int family, int client_family, bool mapped)
{
    ck_assert(start_listening(family));
    theirs = connect_as(client_family, mapped);
    ours = accept(listening, NULL, NULL);
    ck_assert_int_ge(ours, 0);
}

START_TEST(g03_the_users_of_both_ends_are_found)
{
    static const struct {
        int family, client_family;
        bool mapped;
    } cases[] = { { AF_INET, AF_INET, false },
                  { AF_INET6, AF_INET6, false },
                  { AF_INET, AF_INET6, true } };
    uint32_t uid = 4711;

    if (cases[_i].client_family == AF_INET6) {
        bool has_ipv6 = start_listening(AF_INET6);

        close_pair();
        if (!has_ipv6)
            return;
    }
    make_pair(cases[_i].family, cases[_i].client_family, cases[_i].mapped);
    ck_assert_int_eq(peer_uid_tcp(&peer, ours, &uid), ERR_NONE);
    ck_assert_uint_eq(uid, geteuid());
    ck_assert_int_eq(peer_uid_tcp(&peer, theirs, &uid), ERR_NONE);
    ck_assert_uint_eq(uid, geteuid());
}
END_TEST

/* Closed in each way, and a half-closed one, which is still somebody's. */
START_TEST(g03_an_end_that_was_closed_is_nobodys)
{
    static const struct linger at_once = { .l_onoff = 1 };
    uint32_t uid = 4711;

    make_pair(AF_INET, AF_INET, false);
    ck_assert_int_eq(shutdown(theirs, SHUT_WR), 0);
    ck_assert_int_eq(peer_uid_tcp(&peer, ours, &uid), ERR_NONE);
    if (_i == 1)
        ck_assert_int_eq(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    (void)close(theirs);
    theirs = -1;
    uid = 4711;
    ck_assert_int_eq(peer_uid_tcp(&peer, ours, &uid), ERR_NOT_FOUND);
    ck_assert_uint_eq(uid, 4711);
}
END_TEST

/* Takes the port of the other end, which was closed, for a listener. -1: others on this machine use
 * that port too. */
static int listen_on_their_port(void)
{
    static const struct linger at_once = { .l_onoff = 1 };
    union address address;
    socklen_t bytes = sizeof(address);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(getsockname(theirs, &address.any, &bytes), 0);
    ck_assert_int_eq(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    (void)close(theirs);
    theirs = -1;
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    if (bind(fd, &address.any, bytes) == 0 && listen(fd, 1) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* A listener on the port that the other end had is not that end. */
START_TEST(g03_a_listener_on_the_same_port_is_not_taken_for_it)
{
    uint32_t uid = 4711;
    int other = -1;

    for (int i = 0; other < 0 && i < 200; i++) {
        close_pair();
        make_pair(AF_INET, AF_INET, false);
        other = listen_on_their_port();
    }
    ck_assert_int_ge(other, 0);
    ck_assert_int_eq(peer_uid_tcp(&peer, ours, &uid), ERR_NOT_FOUND);
    (void)close(other);
}
END_TEST

START_TEST(g03_what_is_no_connection_is_nobodys)
{
    uint32_t uid;

    ck_assert(start_listening(AF_INET));
    ck_assert_int_eq(peer_uid_tcp(&peer, listening, &uid), ERR_NOT_FOUND);
    ck_assert_int_eq(peer_uid_tcp(&peer, peer.fd, &uid), ERR_NOT_FOUND);
    ck_assert_int_eq(peer_uid_tcp(&peer, -1, &uid), ERR_NOT_FOUND);
    peer_close(&peer);
    close_pair();
    make_pair(AF_INET, AF_INET, false);
    ck_assert_int_eq(peer_uid_tcp(&peer, ours, &uid), ERR_IO);
}
END_TEST

/* A child becomes another user, connects, and waits until it is looked at. */
START_TEST(g03_another_user_is_seen)
{
    uint32_t uid = 4711;
    pid_t child;
    int status;

    if (geteuid() != 0)
        return; /* only root can become somebody else */
    ck_assert(start_listening(AF_INET));
    child = fork();
    if (child == 0) {
        char byte;

        if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
            _exit(1);
        theirs = connect_as(AF_INET, false);
        _exit(recv(theirs, &byte, 1, 0) == 0 ? 0 : 2);
    }
    ours = accept(listening, NULL, NULL);
    ck_assert_int_eq(peer_uid_tcp(&peer, ours, &uid), ERR_NONE);
    ck_assert_uint_eq(uid, NOBODY);
    (void)close(ours);
    ours = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(g03_it_works_here_and_is_fast)
{
    enum { LOOPS = 2000 };
    int64_t began_us;
    uint32_t uid;

    ck_assert_msg(peer_try(&peer, &error) == ERR_NONE, "%s", error.text);
    make_pair(AF_INET, AF_INET, false);
    began_us = clock_mono_us();
    for (int i = 0; i < LOOPS; i++)
        ck_assert_int_eq(peer_uid_tcp(&peer, ours, &uid), ERR_NONE);
    printf("peer look-up: %.1f us\n", (double)(clock_mono_us() - began_us) / LOOPS);
}
END_TEST

/* --- the unix socket --- */

static void path_to(char out[256], const char *more)
{
    (void)snprintf(out, 256, "%s/%s", folder, more);
}

static int unix_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    ck_assert_int_eq(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

START_TEST(g02_the_folder_is_made_the_socket_is_ours_alone_and_goes_away)
{
    struct unix_socket file;
    char path[256];
    char made[256];
    uint32_t uid = 4711;
    mode_t before = umask(_i ? 0 : 077);

    path_to(made, "run");
    path_to(path, "run/bridge.sock");
    ck_assert_msg(unix_socket_open(&file, path, 8, &listening, &error) == ERR_NONE, "%s",
                  error.text);
    ck_assert_uint_eq(mode_of(made), 0700);
    ck_assert_uint_eq(mode_of(path), 0600);
    theirs = unix_connect(path);
    ck_assert_int_ge(theirs, 0);
    ours = accept(listening, NULL, NULL);
    ck_assert_int_eq(peer_uid_unix(ours, &uid), ERR_NONE);
    ck_assert_uint_eq(uid, geteuid());
    unix_socket_remove(&file);
    unix_socket_remove(&file);
    ck_assert_int_ne(access(path, F_OK), 0);
    (void)umask(before);
}
END_TEST

START_TEST(g02_a_dead_ones_file_is_replaced_and_a_live_one_refused)
{
    struct unix_socket file;
    struct unix_socket other;
    char path[256];
    int fd = -1;

    path_to(path, "bridge.sock");
    ck_assert_int_eq(unix_socket_open(&file, path, 8, &listening, &error), ERR_NONE);
    ck_assert_int_eq(unix_socket_open(&other, path, 8, &fd, &error), ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "another"));
    ck_assert_int_eq(fd, -1);
    theirs = unix_connect(path);
    ck_assert_int_ge(theirs, 0);
    (void)close(listening); /* as a crash would: the file stays */
    (void)close(file.folder_fd);
    ck_assert_int_eq(unix_connect(path), -1);
    ck_assert_int_eq(unix_socket_open(&file, path, 8, &listening, &error), ERR_NONE);
    (void)close(theirs);
    theirs = unix_connect(path);
    ck_assert_int_ge(theirs, 0);
    unix_socket_remove(&file);
}
END_TEST

START_TEST(g02_the_file_of_another_is_not_removed)
{
    struct unix_socket first;
    struct unix_socket second;
    char path[256];
    int fd;

    path_to(path, "bridge.sock");
    ck_assert_int_eq(unix_socket_open(&first, path, 8, &listening, &error), ERR_NONE);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(unix_socket_open(&second, path, 8, &fd, &error), ERR_NONE);
    unix_socket_remove(&first);
    ck_assert_int_eq(access(path, F_OK), 0);
    unix_socket_remove(&second);
    ck_assert_int_ne(access(path, F_OK), 0);
    (void)close(fd);
}
END_TEST

START_TEST(g02_unsafe_folders_and_what_is_no_socket_are_refused)
{
    static const char *const commands[] = {
        "mkdir -m 0755 %s/d",
        "mkdir -m 0710 %s/d",
        "mkdir -m 0700 %s/real && ln -s real %s/d",
        "mkdir -m 0700 %s/d && touch %s/d/s",
        "mkdir -m 0700 %s/d && touch %s/x && ln -s ../x %s/d/s",
        "mkdir -m 0700 %s/d && ln -s nothing %s/d/s",
        "mkdir -m 0700 %s/d && mkdir %s/d/s",
        "mkdir -m 0700 %s/d && mkfifo %s/d/s",
        "touch %s/d",
        "mkdir -m 0700 %s/d && chown 65534 %s/d",
        "mkdir -m 0700 %s/d && chmod 0777 %s",
        "mkdir -m 0700 %s/d && chown 65534 %s",
    };
    struct unix_socket file;
    char command[512];
    char path[256];

    if (strstr(commands[_i], "chown") && geteuid() != 0)
        return;
    (void)snprintf(command, sizeof(command), "F=%s; %s", folder, commands[_i]);
    for (char *at; (at = strstr(command, "%s"));)
        memcpy(at, "$F", 2);
    ck_assert_int_eq(system(command), 0);
    path_to(path, "d/s");
    ck_assert_int_eq(unix_socket_open(&file, path, 8, &listening, &error), ERR_INVALID);
    ck_assert_uint_gt(strlen(error.text), 30);
    ck_assert_int_eq(listening, -1);
    unix_socket_remove(&file);
}
END_TEST

START_TEST(g02_paths_that_cannot_be_are_refused)
{
    static const char *const paths[] = {
        "relative/s",
        "s",
        "/",
        "/tmp/",
        "/s",
        "/no/such/folder/s",
        "/tmp/test-peer-none//s",
        "/tmp/test-peer-none/./s",
        "/tmp/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "a"
        "aaaaaaaaaaaaaaaa/s",
    };
    struct unix_socket file;

    ck_assert_int_eq(unix_socket_open(&file, paths[_i], 8, &listening, &error), ERR_INVALID);
    unix_socket_remove(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peer");
    TCase *tcase = tcase_create("peer");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, g03_the_users_of_both_ends_are_found, 0, 3);
    tcase_add_loop_test(tcase, g03_an_end_that_was_closed_is_nobodys, 0, 2);
    tcase_add_test(tcase, g03_a_listener_on_the_same_port_is_not_taken_for_it);
    tcase_add_test(tcase, g03_what_is_no_connection_is_nobodys);
    tcase_add_test(tcase, g03_another_user_is_seen);
    tcase_add_test(tcase, g03_it_works_here_and_is_fast);
    tcase_add_loop_test(tcase, g02_the_folder_is_made_the_socket_is_ours_alone_and_goes_away, 0, 2);
    tcase_add_test(tcase, g02_a_dead_ones_file_is_replaced_and_a_live_one_refused);
    tcase_add_test(tcase, g02_the_file_of_another_is_not_removed);
    tcase_add_loop_test(tcase, g02_unsafe_folders_and_what_is_no_socket_are_refused, 0, 12);
    tcase_add_loop_test(tcase, g02_paths_that_cannot_be_are_refused, 0, 9);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
