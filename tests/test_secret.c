#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "base/log.h"
#include "base/secret.h"

static char folder[] = "/tmp/bybit-secret-XXXXXX";
static char path[64];
static struct secret_page *page;

static void make_file(const void *content, size_t bytes, mode_t mode)
{
    int fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, content, bytes), (int)bytes);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

static void begin(void)
{
    log_set_level(LOG_ERROR);
    (void)strcpy(folder, "/tmp/bybit-secret-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/secret", folder);
    page = secret_page_create();
    ck_assert_ptr_nonnull(page);
}

static void end(void)
{
    secret_page_destroy(page);
    unlink(path);
    rmdir(folder);
}

static void assert_refused(const char *why)
{
    struct error error = { .text = "" };
    const char *out = "untouched";
    enum err err = secret_add_file(page, path, 0, &out, &error);

    ck_assert_int_eq(err, ERR_INVALID);
    ck_assert_msg(strstr(error.text, why), "%s", error.text);
    ck_assert_str_eq(out, "untouched");
}

START_TEST(a_private_file_is_read)
{
    const char *out;
    const char *whole;

    begin();
    make_file("s3cret\r\n\n", 9, 0600);
    ck_assert_int_eq(secret_add_file(page, path, 0, &out, NULL), ERR_NONE);
    ck_assert_str_eq(out, "s3cret");
    ck_assert_int_eq(secret_add_file(page, path, 1, &whole, NULL), ERR_NONE);
    ck_assert_str_eq(whole, "s3cret\r\n\n");
    ck_assert_str_eq(out, "s3cret");
    make_file("only readable", 13, 0400);
    ck_assert_int_eq(secret_add_file(page, path, 0, &out, NULL), ERR_NONE);
    ck_assert_str_eq(out, "only readable");
    end();
}
END_TEST

START_TEST(a_file_that_others_can_read_is_refused)
{
    static const mode_t modes[] = { 0644, 0640, 0604, 0660, 0602, 0610, 0777 };

    begin();
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        make_file("s3cret", 6, modes[i]);
        assert_refused("chmod 600");
    }
    end();
}
END_TEST

START_TEST(a_link_a_fifo_and_a_folder_are_refused)
{
    char target[80];

    begin();
    make_file("s3cret", 6, 0600);
    (void)snprintf(target, sizeof(target), "%s/target", folder);
    ck_assert_int_eq(rename(path, target), 0);
    ck_assert_int_eq(symlink(target, path), 0);
    assert_refused("symbolic link");
    unlink(path);
    unlink(target);
    assert_refused("No such file");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    assert_refused("regular file"); /* without waiting for a writer */
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    assert_refused("regular file");
    rmdir(path);
    end();
}
END_TEST

START_TEST(a_file_of_another_user_is_refused)
{
    begin();
    if (geteuid() == 0) {
        make_file("s3cret", 6, 0600);
        ck_assert_int_eq(chown(path, 12345, 12345), 0);
        assert_refused("another user");
    }
    end();
}
END_TEST

START_TEST(an_empty_binary_or_huge_file_is_refused)
{
    static char huge[16385];
    const char *out;

    begin();
    make_file("", 0, 0600);
    assert_refused("empty");
    make_file("\n\n", 2, 0600);
    assert_refused("empty");
    make_file("a\0b", 3, 0600);
    assert_refused("NUL");
    memset(huge, 'x', sizeof(huge));
    make_file(huge, sizeof(huge), 0600);
    assert_refused("larger");
    make_file(huge, sizeof(huge) - 1, 0600);
    ck_assert_int_eq(secret_add_file(page, path, 0, &out, NULL), ERR_NONE);
    ck_assert_uint_eq(strlen(out), 16384);
    end();
}
END_TEST

START_TEST(a_full_page_says_so)
{
    static char big[16000];
    const char *out;
    const char *first;
    int count = 0;

    begin();
    memset(big, 'y', sizeof(big));
    ck_assert_int_eq(secret_add(page, "first", 5, &first), ERR_NONE);
    while (secret_add(page, big, sizeof(big), &out) == ERR_NONE)
        count++;
    ck_assert_int_eq(count, 4);
    ck_assert_int_eq(secret_add(page, big, sizeof(big), &out), ERR_BUSY);
    ck_assert_str_eq(first, "first");
    end();
    secret_page_destroy(NULL);
}
END_TEST

START_TEST(a_variable_is_taken_and_unset)
{
    static char entry[] = "BRIDGE_TEST_SECRET=s3cret";
    const char *out = "x";

    begin();
    ck_assert_int_eq(secret_add_env(page, "BRIDGE_TEST_NONE", &out, NULL), ERR_NONE);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(putenv(entry), 0);
    ck_assert_int_eq(secret_add_env(page, "BRIDGE_TEST_SECRET", &out, NULL), ERR_NONE);
    ck_assert_str_eq(out, "s3cret");
    ck_assert_ptr_null(getenv("BRIDGE_TEST_SECRET"));
    ck_assert_mem_eq(entry + 19, "\0\0\0\0\0\0", 6); /* its bytes are wiped */
    ck_assert_int_eq(setenv("BRIDGE_TEST_SECRET", "", 1), 0);
    ck_assert_int_eq(secret_add_env(page, "BRIDGE_TEST_SECRET", &out, NULL), ERR_NONE);
    ck_assert_ptr_null(out);
    ck_assert_ptr_null(getenv("BRIDGE_TEST_SECRET"));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secret");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, a_private_file_is_read);
    tcase_add_test(tcase, a_file_that_others_can_read_is_refused);
    tcase_add_test(tcase, a_link_a_fifo_and_a_folder_are_refused);
    tcase_add_test(tcase, a_file_of_another_user_is_refused);
    tcase_add_test(tcase, an_empty_binary_or_huge_file_is_refused);
    tcase_add_test(tcase, a_full_page_says_so);
    tcase_add_test(tcase, a_variable_is_taken_and_unset);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
