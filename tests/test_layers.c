/* Includes point one way: server -> api -> engine -> bybit, db -> base; sim -> base. Read from the
 * sources themselves. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/error.h"

/* `uses` may hold: each folder's own name and those below it. */
static const struct {
    const char *folder, *uses;
} layers[] = {
    { "base", "base" },
    { "bybit", "bybit base" },
    { "db", "db base" },
    { "engine", "engine db bybit base" },
    { "api", "api engine db bybit base" },
    { "sim", "sim base" },
    { "server", "server api engine db bybit sim base" },
};

/* The pure parts may not even know the ones below. */
static const struct {
    const char *file, *uses;
} pure[] = {
    { "engine/engine.c", "engine base" },
    { "engine/engine.h", "engine base" },
    { "engine/guard.c", "engine base" },
    { "engine/guard.h", "base" },
    { "engine/guard_json.c", "engine base" },
    { "engine/guard_rules.c", "engine base" },
    { "engine/guard_text.c", "engine base" },
    { "engine/order.c", "engine base" },
    { "engine/order.h", "base" },
};

static bool has_word(const char *words, const char *word, size_t bytes)
{
    const char *at = words;

    while ((at = strstr(at, word)) &&
           !((at == words || at[-1] == ' ') && (at[bytes] == ' ' || !at[bytes])))
        at++;
    return at != NULL;
}

/* Fails on each #include "folder/..." of a folder that is not among `uses`. */
static int check_file(const char *path, const char *uses)
{
    char line[512];
    char folder[32];
    int includes = 0;
    FILE *file = fopen(path, "re");

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "#include \"%31[a-z]/", folder) != 1)
            continue;
        includes++;
        ck_assert_msg(has_word(uses, folder, strlen(folder)), "%s: %s", path, line);
    }
    (void)fclose(file);
    return includes;
}

START_TEST(includes_point_one_way)
{
    char path[512];
    int includes = 0;
    struct dirent *entry;
    DIR *folder;

    (void)snprintf(path, sizeof(path), SOURCE_ROOT "/%s", layers[_i].folder);
    folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder))) {
        const char *dot = strrchr(entry->d_name, '.');

        if (!dot || (strcmp(dot, ".c") != 0 && strcmp(dot, ".h") != 0))
            continue;
        (void)snprintf(path, sizeof(path), SOURCE_ROOT "/%s/%s", layers[_i].folder, entry->d_name);
        includes += check_file(path, layers[_i].uses);
    }
    closedir(folder);
    ck_assert_int_gt(includes, 0);
}
END_TEST

START_TEST(pure_parts_know_nothing_below)
{
    char path[512];

    (void)snprintf(path, sizeof(path), SOURCE_ROOT "/%s", pure[_i].file);
    ck_assert_int_gt(check_file(path, pure[_i].uses), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layers");
    TCase *tcase = tcase_create("layers");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, includes_point_one_way, 0, ARRAY_LEN(layers));
    tcase_add_loop_test(tcase, pure_parts_know_nothing_below, 0, ARRAY_LEN(pure));
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
