/* The gate's rules as tables: a request head in, a verdict out (RELIABILITY section 1). Tokens,
 * roles and the exchange's paths: test_gate_access.c. */
#include "tests/test_gate_kit.h"

static const struct ask g04_heads_rows[] = {
    { "GET", "/livez", H "X-A: b\tc\n", 0, NULL },
    { "GET", "/livez", H "X A: b\n", 400, "bad_request" },
    { "GET", "/livez", H "X-A : b\n", 400, "bad_request" },
    { "GET", "/livez", H ": b\n", 400, "bad_request" },
    { "GET", "/livez", H "X(A: b\n", 400, "bad_request" },
    { "GET", "/livez", H "X\303\244: b\n", 400, "bad_request" },
    { "GET", "/livez", H "X-A: b\001c\n", 400, "bad_request" },
    { "GET", "/livez", H "X-A: b\rc\n", 400, "bad_request" },
    { "GET", "/livez", H "X-A: b\177\n", 400, "bad_request" },
};
TABLE_TEST(g04_heads)

START_TEST(g04_more_than_64_headers_are_431)
{
    char lines[2048] = H;
    struct ask ask = { "GET", "/livez", lines, 0, NULL };

    for (int i = 1; i < 64; i++)
        strcat(lines, "X-A: b\n");
    expect(&ask);
    strcat(lines, "X-A: b\n");
    ask.status = 431;
    ask.code = "headers_too_large";
    expect(&ask);
}
END_TEST

START_TEST(g04_more_than_16_kib_are_431_and_a_head_of_another_size_is_400)
{
    struct gate_verdict verdict;
    static const struct {
        size_t blanks; /* before the value */
        size_t more;   /* than what was found */
        int status;
    } cases[] = { { 0, 0, 0 },   { 1, 0, 0 },   { 2, 0, 400 },         { 0, 1, 400 },
                  { 1, 1, 400 }, { 0, 5, 400 }, { 0, 16 * 1024, 431 }, { SIZE_MAX - 9, 0, 400 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gate_head head = { .method = "GET", .version = "HTTP/1.1", .target = ask_target };

        strcpy(ask_target, "/livez");
        head.target_bytes = 6;
        head.headers_count = split_headers("Host: localhost\n");
        head.headers = ask_list;
        ask_list[0].blank_bytes = cases[i].blanks;
        head.head_bytes = strlen("GET /livez HTTP/1.1\r\nHost:localhost\r\n\r\n") +
                          cases[i].blanks + cases[i].more;
        gate_check(&config, &head, &verdict);
        ck_assert_int_eq(verdict.status, cases[i].status);
    }
}
END_TEST

START_TEST(g04_lines_without_crlf_and_swallowed_bytes_are_400)
{
    struct gate_verdict verdict;
    struct gate_head head = { .method = "GET", .version = "HTTP/1.1", .target = ask_target };

    strcpy(ask_target, "/livez");
    head.target_bytes = 6;
    head.headers_count = split_headers("Host: localhost\n");
    head.headers = ask_list;
    head.head_bytes = strlen("GET /livez HTTP/1.1\nHost: localhost\n\n");
    gate_check(&config, &head, &verdict);
    ck_assert_int_eq(verdict.status, 400);
}
END_TEST

static const struct ask g05_hosts_rows[] = {
    { "GET", "/livez", "", 400, "bad_request" },
    { "GET", "/livez", "Host:\n", 400, "bad_request" },
    { "GET", "/livez", "Host: localhost\nHost: localhost\n", 400, "bad_request" },
    { "GET", "/livez", "Host: localhost\nhost: evil.example\n", 400, "bad_request" },
    { "GET", "/livez", "Host: evil.example\n", 421, "misdirected" },
    { "GET", "/livez", "Host: 127.0.0.1.nip.io:8787\n", 421, "misdirected" },
    { "GET", "/livez", "Host: 127.0.0.1.evil.example\n", 421, "misdirected" },
    { "GET", "/livez", "Host: x.localhost:8787\n", 421, "misdirected" },
    { "GET", "/livez", "Host: 0.0.0.0:8787\n", 421, "misdirected" },
    { "GET", "/livez", "Host: 127.0.0.1:8787.\n", 421, "misdirected" },
    { "GET", "/livez", "Host: localhost.\n", 421, "misdirected" },
    { "GET", "/livez", "Host: u@127.0.0.1:8787\n", 421, "misdirected" },
    { "GET", "/livez", "Host: 127.0.0.1:\n", 421, "misdirected" },
    { "GET", "/livez", "Host: 127.0.0.1:123456\n", 421, "misdirected" },
    { "GET", "/livez", "Host: 127.0.0.1:80a\n", 421, "misdirected" },
    { "GET", "/livez", "Host: 127.1\n", 421, "misdirected" },
    { "GET", "/livez", "Host: ::1\n", 421, "misdirected" },
    { "GET", "/livez", "Host: [::1\n", 421, "misdirected" },
    { "GET", "/livez", "Host: [::1]x\n", 421, "misdirected" },
    { "GET", "/livez", "Host: [::2]\n", 421, "misdirected" },
    { "GET", "/livez", "Host: :8787\n", 421, "misdirected" },
    { "GET", "/livez", "Host: localhost evil\n", 421, "misdirected" },
    { "GET", "/livez", "Host: localhost, localhost\n", 421, "misdirected" },
    { "GET", "/livez", "Host: LOCALHOST:8787\n", 0, NULL },
    { "GET", "/livez", "Host: [::1]:8787\n", 0, NULL },
    { "GET", "/livez", "Host: [::1]\n", 0, NULL },
    { "GET", "/livez", "Host: 127.0.0.1\n", 0, NULL },
    { "GET", "/livez", "Host: 127.0.0.1:9\n", 0, NULL },
    { "GET", "/livez", "Host: localhost \t\n", 0, NULL },
    { "GET", "/livez", "Host: Bridge.Internal:80\n", 0, NULL },
    { "GET", "/livez", "Host: bridge.internal.evil\n", 421, "misdirected" },
};
TABLE_TEST(g05_hosts)

static const struct ask g06_methods_rows[] = {
    { "GET", "/livez", H, 0, NULL },
    { "HEAD", "/livez", H, 0, NULL },
    { "DELETE", "/orders/abc", H, 0, NULL },
    { "get", "/livez", H, 405, "method_not_allowed" },
    { "TRACE", "/livez", H, 405, "method_not_allowed" },
    { "CONNECT", "localhost:80", H, 405, "method_not_allowed" },
    { "FOO", "/livez", H, 405, "method_not_allowed" },
    { "", "/livez", H, 405, "method_not_allowed" },
    { "OPTIONS", "*", H, 405, "method_not_allowed" },
    { "OPTIONS", "/orders", H "Access-Control-Request-Method: POST\n", 405, "method_not_allowed" },
    { "OPTIONS", "/orders", H EVIL "Access-Control-Request-Method: POST\n", 405,
      "method_not_allowed" },
    { "OPTIONS", "/orders", H OWN "Access-Control-Request-Method: POST\n", 405,
      "method_not_allowed" },
    { "OPTIONS", "/orders", H "Origin: http://localhost:3000\n", 405, "method_not_allowed" },
    { "OPTIONS", "/orders", H "Origin: http://localhost:3000\nAccess-Control-Request-Method: GET\n",
      0, NULL },
    { "OPTIONS", "/orders",
      H "Origin: http://localhost:3000\nAccess-Control-Request-Method: GET\nContent-Length: 1\n",
      400, "bad_request" },
    { "PUT", "/orders", H, 405, "method_not_allowed" },
    { "POST", "/livez", H, 405, "method_not_allowed" },
};
TABLE_TEST(g06_methods)

START_TEST(g06_a_405_lists_the_methods_of_the_path)
{
    struct gate_verdict verdict;
    struct ask ask = { "PUT", "/orders", H, 405, NULL };

    judge(&ask, &verdict);
    ck_assert_ptr_nonnull(strstr(verdict.allow, "POST"));
    ck_assert_ptr_nonnull(strstr(verdict.allow, "HEAD"));
    ck_assert_ptr_null(strstr(verdict.allow, "PATCH"));
}
END_TEST

static const struct ask g07_lengths_rows[] = {
    { "POST", "/orders", H JSON, 0, NULL },
    { "POST", "/orders", H, 0, NULL },
    { "POST", "/orders", H "Transfer-Encoding: chunked\n", 411, "length_required" },
    { "POST", "/orders", H "Transfer-Encoding: xchunked\n", 411, "length_required" },
    { "POST", "/orders", H "Transfer-Encoding: gzip, chunked\n", 411, "length_required" },
    { "POST", "/orders", H "transfer-encoding:\n", 411, "length_required" },
    { "GET", "/livez", H "Transfer-Encoding: identity\n", 411, "length_required" },
    { "POST", "/orders", H JSON "Transfer-Encoding: chunked\n", 400, "bad_request" },
    { "POST", "/orders", H "Transfer-Encoding: x\nTransfer-Encoding: chunked\n", 400,
      "bad_request" },
    { "POST", "/orders", H JSON "Content-Length: 2\n", 400, "bad_request" },
    { "POST", "/orders", H JSON "content-length: 3\n", 400, "bad_request" },
    { "POST", "/orders", H "Content-Length : 4\n", 400, "bad_request" },
    { "POST", "/orders", H "Content-Length: +4\n", 400, "bad_request" },
    { "POST", "/orders", H "Content-Length: -1\n", 400, "bad_request" },
    { "POST", "/orders", H "Content-Length: 4, 4\n", 400, "bad_request" },
    { "POST", "/orders", H "Content-Length: 4 \n", 400, "bad_request" },
    { "POST", "/orders", H "Content-Length: 0x4\n", 400, "bad_request" },
    { "POST", "/orders", H "Content-Length:\n", 400, "bad_request" },
    { "GET", "/livez", H "Content-Length: 0\n", 0, NULL },
    { "HEAD", "/livez", H "Content-Length: 0\n", 0, NULL },
    { "DELETE", "/orders/a", H "Content-Length: 0\n", 0, NULL },
    { "GET", "/livez", H "Content-Length: 1\n", 400, "bad_request" },
    { "DELETE", "/orders/a", H JSON, 400, "bad_request" },
};
TABLE_TEST(g07_lengths)

static const struct ask g08_sizes_rows[] = {
    { "POST", "/orders", H "Content-Type: application/json\nContent-Length: 65536\n", 0, NULL },
    { "POST", "/orders", H "Content-Type: application/json\nContent-Length: 65537\n", 413,
      "body_too_large" },
    { "POST", "/orders", H "Content-Length: 262145\n", 413, "body_too_large" },
    { "POST", "/orders", H "Content-Length: 18446744073709551617\n", 413, "body_too_large" },
    { "POST", "/orders", H "Content-Length: 000000000000000000000000065537\n", 413,
      "body_too_large" },
    { "POST", "/v5/order/create-batch",
      H "Content-Type: application/json\nContent-Length: 262144\n", 0, NULL },
    { "POST", "/v5/order/create-batch", H "Content-Length: 262145\n", 413, "body_too_large" },
    { "POST", "/v5/nothing-batch", H "Content-Length: 262144\n", 404, "not_found" },
    { "POST", "/v5/order/create", H "Content-Length: 65537\n", 413, "body_too_large" },
    { "POST", "/orders-batch", H "Content-Length: 65537\n", 413, "body_too_large" },
};
TABLE_TEST(g08_sizes)

static const struct ask g09_paths_rows[] = {
    { "GET", "http://evil.example/livez", H, 400, "bad_request" },
    { "GET", "/x/../v5/order/create", H, 400, "bad_request" },
    { "GET", "/x/%2e%2e/y", H, 400, "bad_request" },
    { "GET", "//v5/x", H, 400, "bad_request" },
    { "GET", "/ticker/a%00b", H, 400, "bad_request" },
    { "GET", "/ticker/a%2fb", H, 400, "bad_request" },
    { "GET", "/ticker/a%252f", H, 400, "bad_request" },
    { "GET", "/ticker/a%", H, 400, "bad_request" },
    { "GET", "/ticker/a%4", H, 400, "bad_request" },
    { "GET", "/ticker/a%zz", H, 400, "bad_request" },
    { "GET", "/ticker/a b", H, 400, "bad_request" },
    { "GET", "/ticker/a\\b", H, 400, "bad_request" },
    { "GET", "/ticker/a;b", H, 400, "bad_request" },
    { "GET", "/ticker/a#b", H, 400, "bad_request" },
    { "GET", "/ticker/a\303\244", H, 400, "bad_request" },
    { "GET", "/ticker/a%c3%a4", H, 400, "bad_request" },
    { "GET", "", H, 400, "bad_request" },
    { "GET", "livez", H, 400, "bad_request" },
    { "GET", "?x=1", H, 400, "bad_request" },
    { "GET", "/livez/", H, 404, "not_found" },
    { "GET", "/Livez", H, 404, "not_found" },
    { "GET", "/nothing", H, 404, "not_found" },
    { "GET", "/%6civez", H, 0, NULL },
    { "GET", "/ticker/spot:BTCUSDT", H, 0, NULL },
    { "GET", "/ticker/spot%3ABTCUSDT", H, 0, NULL },
};
TABLE_TEST(g09_paths)

START_TEST(g09_an_escaped_colon_is_decoded_once)
{
    struct gate_verdict verdict;
    struct ask ask = { "GET", "/ticker/spot%3aBTC%55SDT", H, 0, NULL };

    judge(&ask, &verdict);
    ck_assert_int_eq(verdict.status, 0);
    ck_assert_str_eq(verdict.path, "/ticker/spot:BTCUSDT");
    ck_assert_str_eq(verdict.param, "spot:BTCUSDT");
}
END_TEST

START_TEST(g09_a_target_above_8_kib_is_414)
{
    struct gate_verdict verdict;
    struct gate_head head = { .method = "GET", .version = "HTTP/1.1", .target = ask_target };

    memset(ask_target, 'a', sizeof(ask_target));
    ask_target[0] = '/';
    ask_target[GATE_TARGET_MAX + 1] = '\0';
    head.target_bytes = GATE_TARGET_MAX + 1;
    head.headers_count = split_headers(H);
    head.headers = ask_list;
    gate_check(&config, &head, &verdict);
    ck_assert_int_eq(verdict.status, 414);
}
END_TEST

static const struct ask g10_queries_rows[] = {
    { "GET", "/orders?symbol=BTCUSDT&state=open", H, 0, NULL },
    { "GET", "/orders?symbol=A&symbol=B", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=A&%73ymbol=B", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=A%0d%0aX:1", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=%00", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=%7f", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=%zz", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=%4", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=%", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=a\001", H, 400, "malformed_query" },
    { "GET", "/orders?symbol=a#b", H, 400, "malformed_query" },
    { "GET", "/orders?tag=%c3%28", H, 400, "malformed_query" },
    { "GET", "/orders?tag=%ed%a0%80", H, 400, "malformed_query" },
    { "GET", "/orders?tag=%c0%af", H, 400, "malformed_query" },
    { "GET", "/orders?tag=%f4%90%80%80", H, 400, "malformed_query" },
    { "GET", "/orders?tag=%e2%82", H, 400, "malformed_query" },
    { "GET", "/orders?tag=%e2%82%ac%f0%9f%98%80", H, 0, NULL },
    { "GET", "/orders?", H, 0, NULL },
    { "GET", "/orders?&symbol=A&", H, 0, NULL },
    { "GET", "/orders?symbol", H, 0, NULL },
    { "GET", "/orders?symbl=A", H, 400, "unknown_query" },
    { "GET", "/orders?=A", H, 400, "unknown_query" },
    { "GET", "/livez?x=1", H, 400, "unknown_query" },
};
TABLE_TEST(g10_queries)

START_TEST(g10_values_are_decoded_and_a_plus_stays)
{
    struct gate_verdict verdict;
    struct ask ask = { "GET", "/orders?from=2026-01-02T03:04:05+00:00&tag=a%20b%3d", H, 0, NULL };

    judge(&ask, &verdict);
    ck_assert_int_eq(verdict.status, 0);
    ck_assert_uint_eq(verdict.query_count, 2);
    ck_assert_str_eq(verdict.query[0].name, "from");
    ck_assert_str_eq(verdict.query[0].value, "2026-01-02T03:04:05+00:00");
    ck_assert_str_eq(verdict.query[1].value, "a b=");
}
END_TEST

START_TEST(g10_the_nearest_name_is_told)
{
    struct gate_verdict verdict;
    struct ask ask = { "GET", "/orders?symbl=A", H, 0, NULL };

    judge(&ask, &verdict);
    ck_assert_ptr_nonnull(strstr(verdict.detail, "'symbol'"));
}
END_TEST

static const struct ask g11_origins_rows[] = {
    { "GET", "/livez", H OWN, 0, NULL },
    { "GET", "/livez", H "Origin: HTTP://LOCALHOST:8787\n", 0, NULL },
    { "GET", "/livez", H EVIL, 403, "forbidden_origin" },
    { "GET", "/livez", H "Origin: null\n", 403, "forbidden_origin" },
    { "GET", "/livez", H "Origin:\n", 403, "forbidden_origin" },
    { "GET", "/livez", H "Origin: https://localhost:8787\n", 403, "forbidden_origin" },
    { "GET", "/livez", H "Origin: http://localhost:8788\n", 403, "forbidden_origin" },
    { "GET", "/livez", H "Origin: http://localhost\n", 403, "forbidden_origin" },
    { "GET", "/livez", H "Origin: http://127.0.0.1:8787\n", 403, "forbidden_origin" },
    { "GET", "/livez", H "Origin: http://localhost:8787/\n", 403, "forbidden_origin" },
    { "GET", "/livez", H OWN EVIL, 400, "bad_request" },
    { "GET", "/livez", H "Origin: http://localhost:3000\n", 0, NULL },
    { "GET", "/livez", H "Origin: http://localhost:30000\n", 403, "forbidden_origin" },
    { "GET", "/livez", H SITE "same-origin\n", 0, NULL },
    { "GET", "/livez", H SITE "none\n", 0, NULL },
    { "HEAD", "/livez", H SITE "none\n", 0, NULL },
    { "GET", "/livez", H SITE "cross-site\n", 403, "forbidden_origin" },
    { "GET", "/livez", H SITE "same-site\n", 403, "forbidden_origin" },
    { "GET", "/livez", H SITE "other\n", 403, "forbidden_origin" },
    { "GET", "/livez", H "Origin: http://localhost:3000\n" SITE "same-site\n", 0, NULL },
    { "GET", "/livez", H OWN SITE "cross-site\n", 403, "forbidden_origin" },
    { "GET", "/livez", H "Sec-Fetch-Mode: cors\n", 0, NULL },
    { "POST", "/orders", H JSON EVIL, 403, "forbidden_origin" },
    { "POST", "/orders", H JSON "Origin: null\n", 403, "forbidden_origin" },
    { "POST", "/orders", H JSON SITE "cross-site\n", 403, "forbidden_origin" },
    { "POST", "/orders", H JSON SITE "same-site\n", 403, "forbidden_origin" },
    { "POST", "/orders", H JSON SITE "none\n", 403, "forbidden_origin" },
};
TABLE_TEST(g11_origins)

static const struct ask g12_roles_rows[] = {
    { "POST", "/orders", H JSON, 0, NULL },
    { "POST", "/orders", H JSON "Sec-Fetch-Mode: cors\n", 0, NULL },
    { "POST", "/orders", H JSON OWN, 403, "forbidden_origin" },
    { "POST", "/orders", H JSON SITE "same-origin\n", 403, "forbidden_origin" },
    { "POST", "/orders", H JSON OWN SITE "same-origin\n", 403, "forbidden_origin" },
    { "POST", "/orders", H JSON "Origin: http://localhost:3000\n", 403, "forbidden_origin" },
    { "POST", "/orders", H JSON "Origin: https://desk.example\n", 0, NULL },
    { "POST", "/orders", H JSON "Origin: https://desk.example\n" SITE "cross-site\n", 0, NULL },
    { "DELETE", "/orders?all=true", H OWN, 403, "forbidden_origin" },
    { "DELETE", "/orders?all=true", H SITE "same-origin\n", 403, "forbidden_origin" },
};
TABLE_TEST(g12_roles)

START_TEST(g12_dashboard_trading_lets_our_own_origin_trade)
{
    struct ask ask = { "POST", "/orders", H JSON OWN SITE "same-origin\n", 0, NULL };
    struct ask bare = { "POST", "/orders", H JSON SITE "same-origin\n", 403, "forbidden_origin" };
    struct ask evil = { "POST", "/orders", H JSON EVIL, 403, "forbidden_origin" };

    config.dashboard_trading = true;
    expect(&ask);
    expect(&bare);
    expect(&evil);
    config.dashboard_trading = false;
}
END_TEST

static const struct ask g14_body_types_rows[] = {
    { "POST", "/orders", H FORM, 0, NULL },
    { "POST", "/orders", H "Content-Type: APPLICATION/JSON; charset=UTF-8\nContent-Length: 2\n", 0,
      NULL },
    { "POST", "/orders", H "Content-Type: application/json;\nContent-Length: 2\n", 0, NULL },
    { "POST", "/orders", H "Content-Type: application/json; charset=latin1\nContent-Length: 2\n",
      415, "unsupported_media_type" },
    { "POST", "/orders", H "Content-Type: application/jsonx\nContent-Length: 2\n", 415,
      "unsupported_media_type" },
    { "POST", "/orders", H "Content-Type: text/plain\nContent-Length: 2\n", 415,
      "unsupported_media_type" },
    { "POST", "/orders", H "Content-Type: multipart/form-data; boundary=a\nContent-Length: 2\n",
      415, "unsupported_media_type" },
    { "POST", "/orders", H "Content-Length: 2\n", 415, "unsupported_media_type" },
    { "POST", "/orders", H FORM OWN, 403, "forbidden_origin" },
    { "POST", "/orders", H FORM SITE "same-origin\n", 403, "forbidden_origin" },
    { "POST", "/orders", H FORM "Origin: https://desk.example\n", 415, "unsupported_media_type" },
    { "POST", "/orders", H "Content-Type: text/plain\nContent-Length: 2\n" OWN, 403,
      "forbidden_origin" },
    { "POST", "/orders", H JSON "Content-Type: text/plain\n", 400, "bad_request" },
};
TABLE_TEST(g14_body_types)

static const struct ask our_headers_rows[] = {
    { "GET", "/livez", H "X-Client: my-bot_1.2\n", 0, NULL },
    { "GET", "/livez", H "X-Client:\n", 400, "bad_request" },
    { "GET", "/livez", H "X-Client: my bot\n", 400, "bad_request" },
    { "GET", "/livez", H "X-Client: a\nX-Client: a\n", 400, "bad_request" },
    { "GET", "/livez",
      H "X-Client: 12345678901234567890123456789012345678901234567890123456789012345\n", 400,
      "bad_request" },
    { "POST", "/orders", H JSON "Idempotency-Key: k-1\n", 0, NULL },
    { "POST", "/orders", H JSON "Idempotency-Key:\n", 400, "bad_request" },
    { "POST", "/orders", H JSON "Idempotency-Key: a b\n", 400, "bad_request" },
    { "POST", "/orders", H JSON "Idempotency-Key: a\nIdempotency-Key: b\n", 400, "bad_request" },
    { "POST", "/orders", H JSON "Bridge-Expect-Env: sim\n", 0, NULL },
    { "POST", "/orders", H JSON "Bridge-Expect-Env: mainnet\n", 409, "wrong_env" },
    { "POST", "/orders", H JSON "Bridge-Expect-Env: SIM\n", 409, "wrong_env" },
    { "POST", "/orders", H JSON "Bridge-Expect-Env:\n", 409, "wrong_env" },
};
TABLE_TEST(our_headers)

START_TEST(what_is_let_in_is_handed_on)
{
    struct gate_verdict verdict;
    struct ask ask = { "POST", "/orders?wait=filled",
                       H FORM "X-Client: bot\nIdempotency-Key: k\nAccept: a/b\nAccept: c/d\n", 0,
                       NULL };

    judge(&ask, &verdict);
    ck_assert_int_eq(verdict.status, 0);
    ck_assert_str_eq(verdict.endpoint->path, "/orders");
    ck_assert_str_eq(verdict.endpoint->method, "POST");
    ck_assert(verdict.body_is_form && !verdict.browser && !verdict.is_head);
    ck_assert_uint_eq(verdict.body_bytes, 2);
    ck_assert_uint_eq(verdict.body_max, API_BODY_MAX);
    ck_assert_str_eq(verdict.client, "bot");
    ck_assert_str_eq(verdict.idempotency_key, "k");
    ck_assert_str_eq(verdict.accept, "a/b");
    ck_assert_ptr_null(verdict.last_event_id);
    ck_assert_ptr_null(verdict.cors_origin);
}
END_TEST

START_TEST(g18_only_a_configured_origin_gets_cors)
{
    struct gate_verdict verdict;
    struct ask own = { "GET", "/livez", H OWN, 0, NULL };
    struct ask other = { "GET", "/livez", H "Origin: HTTP://localhost:3000\n", 0, NULL };

    judge(&own, &verdict);
    ck_assert_ptr_null(verdict.cors_origin);
    ck_assert(verdict.browser);
    ck_assert_int_eq(verdict.ceiling, ACCESS_READ);
    judge(&other, &verdict);
    ck_assert_str_eq(verdict.cors_origin, "http://localhost:3000");
}
END_TEST

#define ADD(name) tcase_add_loop_test(tcase, name, 0, ARRAY_LEN(name##_rows))

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *tcase = tcase_create("gate");
    SRunner *runner;
    int failures;

    ADD(g04_heads);
    ADD(g05_hosts);
    ADD(g06_methods);
    ADD(g07_lengths);
    ADD(g08_sizes);
    ADD(g09_paths);
    ADD(g10_queries);
    ADD(g11_origins);
    ADD(g12_roles);
    ADD(g14_body_types);
    ADD(our_headers);
    tcase_add_test(tcase, g04_more_than_64_headers_are_431);
    tcase_add_test(tcase, g04_more_than_16_kib_are_431_and_a_head_of_another_size_is_400);
    tcase_add_test(tcase, g04_lines_without_crlf_and_swallowed_bytes_are_400);
    tcase_add_test(tcase, g06_a_405_lists_the_methods_of_the_path);
    tcase_add_test(tcase, g09_an_escaped_colon_is_decoded_once);
    tcase_add_test(tcase, g09_a_target_above_8_kib_is_414);
    tcase_add_test(tcase, g10_values_are_decoded_and_a_plus_stays);
    tcase_add_test(tcase, g10_the_nearest_name_is_told);
    tcase_add_test(tcase, g12_dashboard_trading_lets_our_own_origin_trade);
    tcase_add_test(tcase, what_is_let_in_is_handed_on);
    tcase_add_test(tcase, g18_only_a_configured_origin_gets_cors);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
