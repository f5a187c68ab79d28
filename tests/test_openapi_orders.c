/* openapi.yaml against the answers to orders that are not orders: dry runs, batches; and against
 * the fields of a change. */
#include "api/order_change.h"
#include "test_api_run.h"
#include "test_openapi_kit.h"

static void open_all(void)
{
    load();
    kit_open();
}

static void close_all(void)
{
    kit_close();
    unload();
}

/* The same members, in the same order. */
static void same_members(const char *schema, const cJSON *object)
{
    const cJSON *member = object->child;
    size_t end;
    size_t at = properties_of(schema, &end);
    char name[80];

    for (at++; at < end; at++) {
        if (!is_key(lines[at], 8, name))
            continue;
        ck_assert_msg(member && strcmp(member->string, name) == 0, "%s.%s, not %s", schema, name,
                      member ? member->string : "");
        member = member->next;
    }
    ck_assert_msg(!member, "%s.%s is not documented", schema, member ? member->string : "");
}

static const cJSON *first_of(const cJSON *object, const char *list)
{
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(object, list), 0);

    ck_assert_ptr_nonnull(item);
    return item;
}

START_TEST(a_dry_run_is_as_documented)
{
    cJSON *json;

    kit.reply = (struct loop_reply){ .outcome = OUTCOME_WOULD };
    ck_assert_int_eq(kit_run("POST", "/orders?dry_run=1", "symbol=BTCUSDT&side=buy&qty=1"), 200);
    json = kit_json();
    same_members("DryRun", json);
    same_members("DryRunCheck", first_of(json, "checks"));
    same_members("DryRunEstimate", cJSON_GetObjectItem(json, "estimate"));
    cJSON_Delete(json);
}
END_TEST

START_TEST(a_batch_is_as_documented)
{
    cJSON *json;

    ck_assert_int_eq(kit_run("POST", "/orders", "[{}]"), 207);
    json = kit_json();
    same_members("BatchResults", json);
    same_members("BatchResult", first_of(json, "items"));
    cJSON_Delete(json);
}
END_TEST

START_TEST(the_fields_of_a_change_are_the_same)
{
    size_t count;
    const struct field *fields = order_change_fields(&count);
    size_t end;
    size_t at = properties_of("OrderChange", &end);
    size_t documented = 0;
    char name[80];

    for (at++; at < end; at++) {
        size_t i = 0;

        if (is_key(lines[at], 8, name)) {
            documented++;
            while (i < count && strcmp(fields[i].name, name) != 0)
                i++;
            ck_assert_msg(i < count, "%s", name);
            ck_assert_msg(!fields[i].aliases[0] || strstr(lines[at + 2], fields[i].aliases[0]),
                          "%s", name);
        }
    }
    ck_assert_uint_eq(documented, count);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openapi_orders");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_add_test(tcase, a_dry_run_is_as_documented);
    tcase_add_test(tcase, a_batch_is_as_documented);
    tcase_add_test(tcase, the_fields_of_a_change_are_the_same);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
