#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "bybit/hosts.h"

START_TEST(each_environment_has_its_hosts)
{
    static const struct {
        const char *word, *rest, *public_ws, *private_ws;
    } cases[] = {
        { "testnet", "https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com",
          "wss://stream-testnet.bybit.com" },
        { "demo", "https://api-demo.bybit.com", "wss://stream.bybit.com",
          "wss://stream-demo.bybit.com" },
        { "mainnet", "https://api.bybit.com", "wss://stream.bybit.com", "wss://stream.bybit.com" },
    };
    struct origin origin;
    const struct bybit_hosts *hosts;
    enum bybit_env env;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(env_parse(cases[i].word, &env), ERR_NONE);
        ck_assert_str_eq(env_word(env), cases[i].word);
        hosts = bybit_hosts(env, SITE_GLOBAL);
        ck_assert_ptr_nonnull(hosts);
        ck_assert_str_eq(hosts->rest, cases[i].rest);
        ck_assert_str_eq(hosts->public_ws, cases[i].public_ws);
        ck_assert_str_eq(hosts->private_ws, cases[i].private_ws);
        ck_assert_int_eq(origin_parse(&origin, cases[i].rest, "http", "https", NULL), ERR_NONE);
        ck_assert(origin.tls && origin.port == 443);
        ck_assert_int_eq(origin_parse(&origin, cases[i].public_ws, "ws", "wss", NULL), ERR_NONE);
    }
}
END_TEST

START_TEST(the_simulated_exchange_has_no_hosts)
{
    enum bybit_env env;

    ck_assert_int_eq(env_parse("sim", &env), ERR_NONE);
    ck_assert_int_eq(env, ENV_SIM);
    ck_assert_ptr_null(bybit_hosts(env, SITE_GLOBAL));
}
END_TEST

/* PROTOCOL section 1. */
START_TEST(demo_takes_batches_of_linear_and_options_only)
{
    ck_assert_uint_eq(env_without_batches(ENV_DEMO), 1U << CATEGORY_SPOT | 1U << CATEGORY_INVERSE);
    ck_assert_uint_eq(env_without_batches(ENV_SIM), 0);
    ck_assert_uint_eq(env_without_batches(ENV_TESTNET), 0);
    ck_assert_uint_eq(env_without_batches(ENV_MAINNET), 0);
}
END_TEST

START_TEST(each_site_has_its_hosts_on_mainnet)
{
    static const struct {
        const char *word, *rest, *stream;
        bool testnet;
    } cases[] = {
        { "global", "https://api.bybit.com", "wss://stream.bybit.com", true },
        { "bytick", "https://api.bytick.com", "wss://stream.bybit.com", false },
        { "nl", "https://api.bybit.nl", "wss://stream.bybit.com", false },
        { "tr", "https://api.bybit.tr", "wss://stream.bybit.tr", false },
        { "kz", "https://api.bybit.kz", "wss://stream.bybit.kz", false },
        { "ge", "https://api.bybitgeorgia.ge", "wss://stream.bybitgeorgia.ge", false },
        { "ae", "https://api.bybit.ae", "wss://stream.bybit.com", false },
        { "eu", "https://api.bybit.eu", "wss://stream.bybit.com", false },
        { "id", "https://api.bybit.id", "wss://stream.bybit.id", false },
        { "jp", "https://api.manepa.jp", "wss://stream.manepa.jp", true },
    };
    enum bybit_site site;

    ck_assert_uint_eq(ARRAY_LEN(cases), SITE_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct bybit_hosts *hosts;

        ck_assert_int_eq(site_parse(cases[i].word, &site), ERR_NONE);
        ck_assert_str_eq(site_word(site), cases[i].word);
        hosts = bybit_hosts(ENV_MAINNET, site);
        ck_assert_str_eq(hosts->rest, cases[i].rest);
        ck_assert_str_eq(hosts->public_ws, cases[i].stream);
        ck_assert_str_eq(hosts->private_ws, cases[i].stream);
        ck_assert_int_eq(bybit_hosts(ENV_TESTNET, site) != NULL, cases[i].testnet);
        ck_assert_int_eq(bybit_hosts(ENV_DEMO, site) != NULL, site == SITE_GLOBAL);
    }
    ck_assert_int_eq(site_parse("us", &site), ERR_INVALID);
}
END_TEST

START_TEST(other_words_are_no_environment)
{
    static const char *const words[] = { "", "live", "Mainnet", "mainnet ", "main", "test" };
    enum bybit_env env = ENV_DEMO;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        ck_assert_int_eq(env_parse(words[i], &env), ERR_INVALID);
    ck_assert_int_eq(env, ENV_DEMO);
}
END_TEST

static const struct {
    const char *url, *host;
    int tls, port;
} good[] = {
    { "https://api.bybit.com", "api.bybit.com", 1, 443 },
    { "https://api.bybit.com:8443", "api.bybit.com", 1, 8443 },
    { "https://localhost:1", "localhost", 1, 1 },
    { "https://192.0.2.7:65535", "192.0.2.7", 1, 65535 },
    { "https://[2001:db8::1]", "2001:db8::1", 1, 443 },
    { "https://my_sim-1:8080", "my_sim-1", 1, 8080 },
    { "http://127.0.0.1:8080", "127.0.0.1", 0, 8080 },
    { "http://127.9.8.7", "127.9.8.7", 0, 80 },
    { "http://[::1]:8080", "::1", 0, 8080 },
};

START_TEST(a_plain_origin_is_read)
{
    struct origin origin;

    ck_assert_int_eq(origin_parse(&origin, good[_i].url, "http", "https", NULL), ERR_NONE);
    ck_assert_str_eq(origin.host, good[_i].host);
    ck_assert_int_eq(origin.tls, good[_i].tls);
    ck_assert_int_eq(origin.port, good[_i].port);
}
END_TEST

static const char *const bad[] = {
    "",
    "api.bybit.com",
    "https:api.bybit.com",
    "https:/api.bybit.com",
    "https://",
    "https://:443",
    "HTTPS://api.bybit.com",
    " https://api.bybit.com",
    "https://api.bybit.com ",
    "https://api.bybit.com\n",
    "https://api bybit.com",
    "https://api.bybit.com/",
    "https://api.bybit.com/v5",
    "https://api.bybit.com?x=1",
    "https://api.bybit.com#x",
    "https://user@api.bybit.com",
    "https://user:word@api.bybit.com",
    "https://api.bybit.com:443@evil.example",
    "https://api.bybit.com:443/evil",
    "https://api.bybit.com\\@evil.example",
    "https://api.bybit.com:",
    "https://api.bybit.com:0",
    "https://api.bybit.com:080",
    "https://api.bybit.com:65536",
    "https://api.bybit.com:99999999999999999999",
    "https://api.bybit.com:+443",
    "https://api.bybit.com:44x",
    "https://api.bybit.com:44:3",
    "https://-api.bybit.com",
    "https://api-.bybit.com",
    "https://api.bybit.com-",
    "https://api..bybit.com",
    "https://.bybit.com",
    "https://api.bybit.com.",
    "https://api.b\xc3\xbcyit.com",
    "https://api%2ebybit.com",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0177.0.0.1",
    "https://1.2.3.4.5",
    "https://256.1.1.1",
    "https://[::1",
    "https://[]",
    "https://[::1]x",
    "https://[::1]/",
    "https://[fe80::1%25lo]",
    "https://[127.0.0.1]",
    "http://localhost",
    "http://localhost:8080",
    "http://api.bybit.com",
    "http://127.0.0.1.nip.io",
    "http://127.0.0.1@evil.example",
    "http://128.0.0.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[::2]",
    "http://[::ffff:127.0.0.1]",
    "http://10.0.0.1",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "ws://127.0.0.1",
};

START_TEST(anything_else_is_refused)
{
    struct origin origin = { .port = 7 };
    struct error error = { 0 };

    ck_assert_msg(origin_parse(&origin, bad[_i], "http", "https", &error) == ERR_INVALID, "%s",
                  bad[_i]);
    ck_assert_int_eq(origin.port, 7);
    ck_assert_int_gt((int)strlen(error.text), 0);
}
END_TEST

START_TEST(long_names_are_refused)
{
    char url[512] = "https://";
    struct origin origin;

    memset(url + 8, 'a', 64); /* a label has at most 63 */
    ck_assert_int_eq(origin_parse(&origin, url, "http", "https", NULL), ERR_INVALID);
    for (size_t i = 8; i < 300; i++)
        url[i] = i % 10 == 9 ? '.' : 'a';
    ck_assert_int_eq(origin_parse(&origin, url, "http", "https", NULL), ERR_INVALID);
    url[8 + 127] = '\0';
    url[8 + 126] = 'a';
    ck_assert_int_eq(origin_parse(&origin, url, "http", "https", NULL), ERR_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hosts");
    TCase *tcase = tcase_create("hosts");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, each_environment_has_its_hosts);
    tcase_add_test(tcase, the_simulated_exchange_has_no_hosts);
    tcase_add_test(tcase, demo_takes_batches_of_linear_and_options_only);
    tcase_add_test(tcase, each_site_has_its_hosts_on_mainnet);
    tcase_add_test(tcase, other_words_are_no_environment);
    tcase_add_loop_test(tcase, a_plain_origin_is_read, 0, (int)ARRAY_LEN(good));
    tcase_add_loop_test(tcase, anything_else_is_refused, 0, (int)ARRAY_LEN(bad));
    tcase_add_test(tcase, long_names_are_refused);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
