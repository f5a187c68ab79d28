/* The built-in pages: the table, what is answered for it, and that web/ keeps to the policy of its
 * own pages. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "api/assets.h"
#include "api/handlers.h"
#include "base/text.h"

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

static const struct api api = { .version = "0.1.0", .env = "sim" };
static struct api_call call;
static int dones;

static void count_done(struct api_call *done)
{
    ck_assert_ptr_eq(done, &call);
    dones++;
}

static void begin(const char *param, const char *accept)
{
    memset(&call, 0, sizeof(call));
    ck_assert(!text_copy(call.param, sizeof(call.param), param));
    call.accept = accept;
    call.done = count_done;
    dones = 0;
}

static void end(int status)
{
    ck_assert_int_eq(dones, 1);
    ck_assert_int_eq(call.status, status);
}

static const char *header(const char *name)
{
    for (size_t i = 0; i < call.headers_count; i++) {
        if (strcmp(call.headers[i].name, name) == 0)
            return call.headers[i].value;
    }
    return NULL;
}

static const struct {
    const char *suffix;
    const char *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".svg", "image/svg+xml; charset=utf-8" },
};

static bool ends_with(const char *text, const char *end_text)
{
    size_t bytes = strlen(text);
    size_t own = strlen(end_text);

    return bytes >= own && strcmp(text + bytes - own, end_text) == 0;
}

START_TEST(the_table_is_whole)
{
    ck_assert_uint_gt(api_assets_count, 10);
    for (size_t i = 0; i < api_assets_count; i++) {
        const struct api_asset *asset = &api_assets[i];
        const char *type = NULL;

        for (size_t j = 0; j < ARRAY_LEN(types); j++) {
            if (ends_with(asset->name, types[j].suffix))
                type = types[j].type;
        }
        ck_assert_ptr_nonnull(type);
        ck_assert_str_eq(asset->type, type);
        ck_assert_uint_gt(asset->bytes, 0);
        ck_assert_uint_eq(strlen(asset->etag), 34);
        ck_assert_uint_eq(strspn(asset->etag + 1, "0123456789abcdef"), 32);
        ck_assert(asset->etag[0] == '"' && asset->etag[33] == '"');
        ck_assert(i == 0 || strcmp(api_assets[i - 1].name, asset->name) < 0);
        ck_assert_ptr_eq(api_asset_find(asset->name), asset);
    }
}
END_TEST

START_TEST(an_asset_is_its_bytes)
{
    const struct api_asset *asset = api_asset_find("app.js");

    ck_assert_ptr_nonnull(asset);
    begin("app.js", "*/*");
    handle_asset(&api, &call);
    end(200);
    ck_assert_str_eq(call.content_type, "text/javascript; charset=utf-8");
    ck_assert_str_eq(header("Cache-Control"), "no-cache");
    ck_assert_str_eq(header("ETag"), asset->etag);
    ck_assert_uint_eq(call.reply.bytes, asset->bytes);
    ck_assert_mem_eq(call.reply.data, asset->data, asset->bytes);
    buffer_deinit(&call.reply);
}
END_TEST

static const char *const absent[] = { "index.html",    "docs.html", "nothing.js", "APP.JS",
                                      "../api/root.c", "",          ".js",        "app.js.map" };

START_TEST(what_is_no_asset_is_not_found)
{
    begin(absent[_i], NULL);
    handle_asset(&api, &call);
    end(404);
    ck_assert_ptr_nonnull(strstr(call.reply.data, "\"code\":\"not_found\""));
    buffer_deinit(&call.reply);
}
END_TEST

static void check_page(const char *name)
{
    end(200);
    ck_assert_str_eq(call.content_type, "text/html; charset=utf-8");
    ck_assert_str_eq(header("Content-Security-Policy"), POLICY);
    ck_assert_str_eq(header("Cache-Control"), "no-cache");
    ck_assert_str_eq(header("ETag"), api_asset_find(name)->etag);
    ck_assert_uint_eq(call.reply.bytes, api_asset_find(name)->bytes);
    buffer_deinit(&call.reply);
}

START_TEST(g19_pages_come_under_their_policy)
{
    begin("", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    handle_root(&api, &call);
    ck_assert_str_eq(header("Vary"), "Accept");
    check_page("index.html");
    begin("", NULL);
    handle_docs(&api, &call);
    check_page("docs.html");
}
END_TEST

START_TEST(curl_gets_the_cheat_sheet)
{
    begin("", "*/*");
    call.host = "localhost:1234";
    handle_root(&api, &call);
    end(200);
    ck_assert_str_eq(call.content_type, "text/plain; charset=utf-8");
    ck_assert_ptr_null(header("Content-Security-Policy"));
    ck_assert_ptr_nonnull(strstr(call.reply.data, "B=http://localhost:1234\n"));
    ck_assert_ptr_nonnull(strstr(call.reply.data, "$B/positions"));
    buffer_deinit(&call.reply);
}
END_TEST

/* --- web/ itself --- */

/* The file as text; the caller frees it. */
static char *text_of(const struct api_asset *asset)
{
    char *text = calloc(1, asset->bytes + 1);

    ck_assert_ptr_nonnull(text);
    memcpy(text, asset->data, asset->bytes);
    ck_assert_uint_eq(strlen(text), asset->bytes);
    return text;
}

/* What a policy of this kind would stop, and what makes markup of data. */
static const char *const forbidden[] = {
    "innerHTML", "outerHTML",   "insertAdjacentHTML", "document.write", "eval(",  "new Function",
    " style=",   "javascript:", "https://",           "onclick=",       "<style", "@import",
};

START_TEST(g19_no_page_makes_markup_of_data)
{
    for (size_t i = 0; i < api_assets_count; i++) {
        char *text = text_of(&api_assets[i]);

        for (size_t j = 0; j < ARRAY_LEN(forbidden); j++)
            ck_assert_msg(!strstr(text, forbidden[j]), "%s has \"%s\"", api_assets[i].name,
                          forbidden[j]);
        free(text);
    }
}
END_TEST

/* Each place that begins with `mark` names an asset, up to `quote`; returns how many there are. */
static size_t check_names(const struct api_asset *asset, const char *mark, char quote)
{
    char *text = text_of(asset);
    size_t count = 0;

    for (const char *at = strstr(text, mark); at; at = strstr(at, mark)) {
        const char *stop;
        char name[80];

        at += strlen(mark);
        stop = strchr(at, quote);
        ck_assert_ptr_nonnull(stop);
        ck_assert(!text_copy_n(name, sizeof(name), at, (size_t)(stop - at)));
        ck_assert_msg(api_asset_find(name), "%s names %s", asset->name, name);
        count++;
    }
    free(text);
    return count;
}

START_TEST(what_a_page_or_module_names_is_there)
{
    ck_assert_uint_ge(check_names(api_asset_find("index.html"), "\"/assets/", '"'), 3);
    ck_assert_uint_ge(check_names(api_asset_find("docs.html"), "\"/assets/", '"'), 4);
    ck_assert_uint_gt(check_names(api_asset_find("app.js"), "from './", '\''), 10);
    for (size_t i = 0; i < api_assets_count; i++) {
        if (ends_with(api_assets[i].name, ".js"))
            (void)check_names(&api_assets[i], "from './", '\'');
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assets");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, the_table_is_whole);
    tcase_add_test(tcase, an_asset_is_its_bytes);
    tcase_add_loop_test(tcase, what_is_no_asset_is_not_found, 0, (int)ARRAY_LEN(absent));
    tcase_add_test(tcase, g19_pages_come_under_their_policy);
    tcase_add_test(tcase, curl_gets_the_cheat_sheet);
    tcase_add_test(tcase, g19_no_page_makes_markup_of_data);
    tcase_add_test(tcase, what_a_page_or_module_names_is_there);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
