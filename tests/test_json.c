#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "base/json.h"
#include "tests/fixture.h"

/* Texts with their length, because of NUL bytes. `client`: json_open takes it; `exchange`:
 * json_open_trusted. */
#define TEXT(text) (text), sizeof(text) - 1

#define DEEP_32 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"

static const struct {
    const char *text;
    size_t bytes;
    bool client, exchange;
} texts[] = {
    { TEXT("{}"), true, true },
    { TEXT(" \t\r\n[] \n"), true, true },
    { TEXT("\"\""), true, true },
    { TEXT("0"), true, true },
    { TEXT("-0.5e+3"), true, true },
    { TEXT("1e2"), true, true },
    { TEXT("null"), true, true },
    { TEXT("{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]},\"b\":true}"), true, true },
    { TEXT("\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\""), true, true },
    { TEXT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""), true, true },
    { TEXT("\"\xf4\x8f\xbf\xbf\""), true, true },
    { TEXT(DEEP_32), true, true },
    /* names */
    { TEXT("{\"qty\":\"1\",\"qty\":\"100\"}"), false, true },
    { TEXT("{\"qty\":1,\"\\u0071ty\":2}"), false, true },
    { TEXT("{\"qty\":1,\"q\\u0074y\":2,\"x\":3}"), false, true },
    { TEXT("{\"\\u00e9\":1,\"\xc3\xa9\":2}"), false, true },
    { TEXT("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"), false, true },
    { TEXT("{\"a\":{\"b\":1,\"b\":2}}"), false, true },
    { TEXT("[{\"a\":1,\"a\":2}]"), false, true },
    { TEXT("{\"a\":{\"b\":1},\"c\":{\"b\":1},\"a\":2}"), false, true },
    { TEXT("{\"\":1,\"\":2}"), false, true },
    /* depth */
    { TEXT("[" DEEP_32 "]"), false, false },
    { TEXT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), false, false },
    { TEXT("{\"a\":" DEEP_32 "}"), false, false },
    /* text */
    { TEXT("\xef\xbb\xbf{}"), false, false },
    { TEXT("\"a\\u0000b\""), false, false },
    { TEXT("\"a\0b\""), false, false },
    { TEXT("{}\0"), false, false },
    { TEXT("\0{}"), false, false },
    { TEXT("\"\\ud800\""), false, false },
    { TEXT("\"\\udc00\""), false, false },
    { TEXT("\"\\ud800\\u0041\""), false, false },
    { TEXT("\"\\ud800\\ud800\""), false, false },
    { TEXT("\"\\ud800x\""), false, false },
    { TEXT("\"\xed\xa0\x80\""), false, false },
    { TEXT("\"\xc0\x80\""), false, false },
    { TEXT("\"\xc1\xbf\""), false, false },
    { TEXT("\"\xe0\x80\x80\""), false, false },
    { TEXT("\"\xf0\x80\x80\x80\""), false, false },
    { TEXT("\"\xf4\x90\x80\x80\""), false, false },
    { TEXT("\"\xf5\x80\x80\x80\""), false, false },
    { TEXT("\"\x80\""), false, false },
    { TEXT("\"\xe2\x82\""), false, false },
    { TEXT("\"\xe2\x82"), false, false },
    { TEXT("{\"\xff\":1}"), false, false },
    { TEXT("\"\n\""), false, false },
    { TEXT("\"\x1f\""), false, false },
    { TEXT("\"\\x41\""), false, false },
    { TEXT("\"\\u12g4\""), false, false },
    { TEXT("\"\\u12"), false, false },
    { TEXT("\"\\"), false, false },
    { TEXT("\"abc"), false, false },
    { TEXT("'a'"), false, false },
    /* grammar */
    { TEXT(""), false, false },
    { TEXT("  "), false, false },
    { TEXT("{}{}"), false, false },
    { TEXT("{} x"), false, false },
    { TEXT("1 2"), false, false },
    { TEXT("[1,]"), false, false },
    { TEXT("[,1]"), false, false },
    { TEXT("[1 2]"), false, false },
    { TEXT("{\"a\":1,}"), false, false },
    { TEXT("{,}"), false, false },
    { TEXT("{\"a\"}"), false, false },
    { TEXT("{\"a\":}"), false, false },
    { TEXT("{\"a\" 1}"), false, false },
    { TEXT("{a:1}"), false, false },
    { TEXT("{1:1}"), false, false },
    { TEXT("{\"a\":1]"), false, false },
    { TEXT("[1}"), false, false },
    { TEXT("[1"), false, false },
    { TEXT("]"), false, false },
    { TEXT("// x\n1"), false, false },
    { TEXT("[1/**/]"), false, false },
    { TEXT("True"), false, false },
    { TEXT("nul"), false, false },
    { TEXT("truex"), false, false },
    { TEXT("undefined"), false, false },
    /* numbers */
    { TEXT("01"), false, false },
    { TEXT("-"), false, false },
    { TEXT("+1"), false, false },
    { TEXT(".5"), false, false },
    { TEXT("1."), false, false },
    { TEXT("1e"), false, false },
    { TEXT("1e+"), false, false },
    { TEXT("0x10"), false, false },
    { TEXT("NaN"), false, false },
    { TEXT("Infinity"), false, false },
    { TEXT("-Infinity"), false, false },
    { TEXT("1_000"), false, false },
};

/* In a block of exactly its size, so that a sanitizer sees a read behind it. */
static char *exact(const char *text, size_t bytes)
{
    char *copy = malloc(bytes ? bytes : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, bytes);
    return copy;
}

START_TEST(a_text_is_taken_or_refused)
{
    char *text = exact(texts[_i].text, texts[_i].bytes);
    struct error error = { .text = "" };
    struct json json;
    enum err err = json_open(&json, text, texts[_i].bytes, &error);

    ck_assert_msg((err == ERR_NONE) == texts[_i].client, "client: %s: %s", texts[_i].text,
                  error.text);
    if (err) {
        ck_assert_int_eq(err, ERR_INVALID);
        ck_assert_int_eq(error.code, ERR_INVALID);
        ck_assert_str_ne(error.text, "");
    }
    err = json_open_trusted(&json, text, texts[_i].bytes, &error);
    ck_assert_msg((err == ERR_NONE) == texts[_i].exchange, "exchange: %s: %s", texts[_i].text,
                  error.text);
    free(text);
}
END_TEST

/* Each prefix of a text is refused, unless it is a whole number. */
START_TEST(no_cut_text_is_taken)
{
    static const char text[] = "{\"a\":[1,\"\\u00e9\\ud83d\\ude00\",true,null,{\"b\":-1.5e3}]}";
    struct json json;

    for (size_t bytes = 0; bytes < sizeof(text) - 1; bytes++) {
        char *cut = exact(text, bytes);

        ck_assert_int_eq(json_open(&json, cut, bytes, NULL), ERR_INVALID);
        free(cut);
    }
    ck_assert_int_eq(json_open(&json, text, sizeof(text) - 1, NULL), ERR_NONE);
}
END_TEST

START_TEST(the_number_of_members_is_bounded_for_clients)
{
    struct buffer buffer = buffer_of(1 << 16);
    struct json json;

    for (int count = JSON_MEMBERS_MAX; count <= JSON_MEMBERS_MAX + 1; count++) {
        buffer_clear(&buffer);
        json_add_open(&buffer, '{');
        for (int i = 0; i < count; i++) {
            char name[16];

            (void)snprintf(name, sizeof(name), "m%d", i);
            json_add_key(&buffer, name);
            json_add_int(&buffer, i);
        }
        json_add_close(&buffer, '}');
        ck_assert_int_eq(json_open(&json, buffer.data, buffer.bytes, NULL),
                         count > JSON_MEMBERS_MAX ? ERR_INVALID : ERR_NONE);
        ck_assert_int_eq(json_open_trusted(&json, buffer.data, buffer.bytes, NULL), ERR_NONE);
    }
    buffer_deinit(&buffer);
}
END_TEST

static struct json open_text(const char *text)
{
    struct json json;

    ck_assert_int_eq(json_open_trusted(&json, text, strlen(text), NULL), ERR_NONE);
    return json;
}

START_TEST(members_are_found_by_their_exact_name)
{
    struct json json =
        open_text("{ \"ab\" : 1 , \"a\":\"}\\\"{\", \"b\":{\"a\":3}, \"a\":4, \"c\":[ ] }");
    struct json value;
    char text[16];

    ck_assert(json_member(&json, "a", &value));
    ck_assert(!json_text(&value, text, sizeof(text)));
    ck_assert_str_eq(text, "}\"{"); /* the first one */
    ck_assert(json_member(&json, "b", &value) && value.type == JSON_OBJECT);
    ck_assert(json_member(&json, "c", &value) && value.type == JSON_ARRAY && value.bytes == 3);
    ck_assert(!json_member(&json, "A", &value) && value.type == JSON_NONE);
    ck_assert(!json_member(&json, "", &value));
    json = open_text("[1]");
    ck_assert(!json_member(&json, "a", &value) && value.type == JSON_NONE);
}
END_TEST

START_TEST(a_walk_gives_members_and_items_in_order)
{
    struct json json = open_text("{\"a\": 1,\"b\":[10, \"x,]\" ,{} ] }");
    struct json_walk walk = json_walk(&json);
    struct json key;
    struct json value;
    int64_t number;

    ck_assert(json_next(&walk, &key, &value));
    ck_assert(json_equals(&key, "a"));
    ck_assert(!json_int(&value, &number) && number == 1);
    ck_assert(json_next(&walk, &key, &value));
    ck_assert(json_equals(&key, "b"));
    ck_assert(!json_next(&walk, &key, &json));
    walk = json_walk(&value);
    ck_assert(json_next(&walk, NULL, &value) && value.type == JSON_NUMBER);
    ck_assert(json_next(&walk, NULL, &value) && json_equals(&value, "x,]"));
    ck_assert(json_next(&walk, NULL, &value) && value.type == JSON_OBJECT);
    ck_assert(!json_next(&walk, NULL, &value));
    json = open_text("7");
    walk = json_walk(&json);
    ck_assert(!json_next(&walk, NULL, &value));
}
END_TEST

/* Value, what json_text gives (NULL: ERR_INVALID), what json_decimal and json_int give. */
static const struct {
    const char *value, *text, *decimal;
    enum err int_err;
    int64_t number;
} values[] = {
    { "\"\"", "", "", ERR_NOT_FOUND, 0 },
    { "null", "", "", ERR_NOT_FOUND, 0 },
    { "true", NULL, NULL, ERR_INVALID, 0 },
    { "false", NULL, NULL, ERR_INVALID, 0 },
    { "[]", NULL, NULL, ERR_INVALID, 0 },
    { "{}", NULL, NULL, ERR_INVALID, 0 },
    { "0.00000001", "0.00000001", "0.00000001", ERR_INVALID, 0 },
    { "26000.10", "26000.10", "26000.10", ERR_INVALID, 0 },
    { "9007199254740993", "9007199254740993", "9007199254740993", ERR_NONE, 9007199254740993 },
    { "\"9007199254740993\"", "9007199254740993", "9007199254740993", ERR_NONE, 9007199254740993 },
    { "1e2", "1e2", NULL, ERR_INVALID, 0 },
    { "\"1e2\"", "1e2", NULL, ERR_INVALID, 0 },
    { "-5", "-5", "-5", ERR_NONE, -5 },
    { "\"-\"", "-", NULL, ERR_INVALID, 0 },
    { "\" 1\"", " 1", NULL, ERR_INVALID, 0 },
    { "9223372036854775807", "9223372036854775807", "9223372036854775807", ERR_NONE, INT64_MAX },
    { "9223372036854775808", "9223372036854775808", "9223372036854775808", ERR_INVALID, 0 },
    { "99999999999999999999", "99999999999999999999", "99999999999999999999", ERR_INVALID, 0 },
    { "\"a\\nb\\u00e9\"", "a\nb\xc3\xa9", NULL, ERR_INVALID, 0 },
    { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", NULL, ERR_INVALID, 0 },
};

START_TEST(a_value_is_read_as_text_decimal_and_number)
{
    struct json json = open_text(values[_i].value);
    char text[32];
    char shown[DECIMAL_TEXT_MAX];
    struct decimal decimal;
    int64_t number = 0;
    enum err err = json_text(&json, text, sizeof(text));

    ck_assert_int_eq(err, values[_i].text ? ERR_NONE : ERR_INVALID);
    ck_assert_str_eq(text, values[_i].text ? values[_i].text : "");
    err = json_decimal(&json, &decimal);
    ck_assert_int_eq(err, values[_i].decimal ? ERR_NONE : ERR_INVALID);
    if (!err)
        ck_assert_str_eq(decimal_format(&decimal, shown), values[_i].decimal);
    ck_assert_int_eq(json_int(&json, &number), values[_i].int_err);
    ck_assert_int_eq(number, values[_i].number);
}
END_TEST

START_TEST(a_text_that_does_not_fit_is_refused_whole)
{
    struct json json = open_text("{\"s\":\"abcd\",\"n\":1234,\"e\":\"abc\\u20ac\"}");
    char text[5];
    char small[4] = "x";
    struct decimal decimal;
    int64_t number;

    ck_assert_int_eq(json_member_text(&json, "s", text, sizeof(text)), ERR_NONE);
    ck_assert_int_eq(json_member_text(&json, "s", small, sizeof(small)), ERR_INVALID);
    ck_assert_str_eq(small, "");
    ck_assert_int_eq(json_member_text(&json, "n", text, sizeof(text)), ERR_NONE);
    ck_assert_int_eq(json_member_text(&json, "n", small, sizeof(small)), ERR_INVALID);
    ck_assert_int_eq(json_member_text(&json, "e", text, sizeof(text)), ERR_INVALID);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(json_member_text(&json, "none", text, sizeof(text)), ERR_NONE);
    ck_assert_int_eq(json_member_decimal(&json, "none", &decimal), ERR_NONE);
    ck_assert(decimal_is_none(&decimal));
    ck_assert_int_eq(json_member_int(&json, "none", &number), ERR_NOT_FOUND);
}
END_TEST

START_TEST(what_is_written_can_be_read)
{
    struct buffer buffer = buffer_of(4096);
    struct decimal price;
    const struct decimal none = DECIMAL_NONE;
    struct json json;

    ck_assert(!decimal_parse(&price, "26000.10"));
    json_add_open(&buffer, '{');
    json_add_key(&buffer, "text");
    json_add_text(&buffer, "a\"b\\c\n\x01\x7f\xc3\xa9:");
    json_add_key(&buffer, "bad");
    json_add_text(&buffer, "x\xffy");
    json_add_key(&buffer, "list");
    json_add_open(&buffer, '[');
    json_add_int(&buffer, INT64_MIN);
    json_add_bool(&buffer, true);
    json_add_null(&buffer);
    json_add_decimal(&buffer, &price);
    json_add_decimal(&buffer, &none);
    json_add_text(&buffer, NULL);
    json_add_text(&buffer, "[");
    json_add_text(&buffer, "{");
    json_add_raw(&buffer, "{\"r\":1}", 7);
    json_add_open(&buffer, '{');
    json_add_close(&buffer, '}');
    json_add_close(&buffer, ']');
    json_add_key(&buffer, "last");
    json_add_bool(&buffer, false);
    json_add_close(&buffer, '}');
    ck_assert_int_eq(buffer_check(&buffer), ERR_NONE);
    ck_assert_str_eq(
        buffer.data,
        "{\"text\":\"a\\\"b\\\\c\\u000a\\u0001\\u007f\xc3\xa9:\",\"bad\":\"x\xef\xbf\xbdy\","
        "\"list\":[-9223372036854775808,true,null,\"26000.10\",null,null,\"[\",\"{\",{\"r\":1},{}],"
        "\"last\":false}");
    ck_assert_int_eq(json_open(&json, buffer.data, buffer.bytes, NULL), ERR_NONE);
    buffer_deinit(&buffer);
}
END_TEST

/* --- agreement with another reader on everything recorded --- */

static void agree(const struct json *ours, const cJSON *theirs)
{
    struct json_walk walk = json_walk(ours);
    struct json key;
    struct json value;
    const cJSON *child = theirs->child;
    char text[4096];

    switch (ours->type) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        ck_assert(ours->type == JSON_OBJECT ? cJSON_IsObject(theirs) : cJSON_IsArray(theirs));
        while (json_next(&walk, &key, &value)) {
            ck_assert_ptr_nonnull(child);
            if (ours->type == JSON_OBJECT) {
                ck_assert(!json_text(&key, text, sizeof(text)));
                ck_assert_str_eq(text, child->string);
            }
            agree(&value, child);
            child = child->next;
        }
        ck_assert_ptr_null(child);
        break;
    case JSON_STRING:
        ck_assert(cJSON_IsString(theirs) && !json_text(ours, text, sizeof(text)));
        ck_assert_str_eq(text, theirs->valuestring);
        break;
    case JSON_NUMBER:
        ck_assert(cJSON_IsNumber(theirs) && !json_text(ours, text, sizeof(text)));
        ck_assert(strtod(text, NULL) <= theirs->valuedouble &&
                  strtod(text, NULL) >= theirs->valuedouble);
        break;
    case JSON_TRUE:
        ck_assert(cJSON_IsTrue(theirs));
        break;
    case JSON_FALSE:
        ck_assert(cJSON_IsFalse(theirs));
        break;
    case JSON_NULL:
        ck_assert(cJSON_IsNull(theirs));
        break;
    case JSON_NONE:
        ck_abort_msg("a value without type");
    }
}

START_TEST(all_fixtures_read_as_cjson_reads_them)
{
    DIR *folder = opendir(FIXTURES);
    const struct dirent *entry;
    int count = 0;

    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder))) {
        size_t name_bytes = strlen(entry->d_name);
        char name[256];
        char *text;
        size_t bytes;
        struct json json;
        struct error error = { .text = "" };
        cJSON *theirs;

        if (name_bytes < 6 || strcmp(entry->d_name + name_bytes - 5, ".json") != 0)
            continue;
        memcpy(name, entry->d_name, name_bytes - 5);
        name[name_bytes - 5] = '\0';
        text = fixture(name, &bytes);
        ck_assert_msg(json_open_trusted(&json, text, bytes, &error) == ERR_NONE, "%s: %s", name,
                      error.text);
        theirs = cJSON_ParseWithLength(text, bytes);
        ck_assert_ptr_nonnull(theirs);
        agree(&json, theirs);
        cJSON_Delete(theirs);
        free(text);
        count++;
    }
    closedir(folder);
    ck_assert_int_gt(count, 50);
}
END_TEST

/* What we take of a mangled text, cJSON takes too. */
START_TEST(of_mangled_texts_we_take_no_more_than_cjson)
{
    size_t bytes;
    char *text = fixture("ws_order_option_filled", &bytes);
    uint32_t random = 99;
    int taken = 0;

    for (int round = 0; round < 20000; round++) {
        char *copy = exact(text, bytes);
        size_t used = bytes;
        struct json json;

        for (int i = 0; i <= round % 3; i++) {
            random = random * 1664525U + 1013904223U;
            copy[(random >> 8) % bytes] = "\"{}[],:0\\x\xff\n e.-"[(random >> 4) % 16];
        }
        if (round % 7 == 0)
            used = (random >> 10) % bytes;
        if (!json_open_trusted(&json, copy, used, NULL)) {
            cJSON *theirs = cJSON_ParseWithLength(copy, used);

            ck_assert_ptr_nonnull(theirs);
            agree(&json, theirs);
            cJSON_Delete(theirs);
            taken++;
        }
        free(copy);
    }
    ck_assert_int_gt(taken, 100);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_loop_test(tcase, a_text_is_taken_or_refused, 0, ARRAY_LEN(texts));
    tcase_add_test(tcase, no_cut_text_is_taken);
    tcase_add_test(tcase, the_number_of_members_is_bounded_for_clients);
    tcase_add_test(tcase, members_are_found_by_their_exact_name);
    tcase_add_test(tcase, a_walk_gives_members_and_items_in_order);
    tcase_add_loop_test(tcase, a_value_is_read_as_text_decimal_and_number, 0, ARRAY_LEN(values));
    tcase_add_test(tcase, a_text_that_does_not_fit_is_refused_whole);
    tcase_add_test(tcase, what_is_written_can_be_read);
    tcase_add_test(tcase, all_fixtures_read_as_cjson_reads_them);
    tcase_add_test(tcase, of_mangled_texts_we_take_no_more_than_cjson);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
