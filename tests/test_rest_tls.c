/* tests/test_rest_tls.c - the transport with TLS */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/test_rest_kit.h"

/* --- TLS --- */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char file[64];
};

/* A self-signed certificate for `name`, and a file with it. */
static struct identity identity_make(const char *name)
{
    struct identity identity = { .key = EVP_RSA_gen(2048), .certificate = X509_new() };
    X509 *certificate = identity.certificate;
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);
    FILE *file;
    int fd;

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, identity.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ck_assert_int_gt(X509_sign(certificate, identity.key, EVP_sha256()), 0);
    strcpy(identity.file, "/tmp/test_rest.XXXXXX");
    fd = mkstemp(identity.file);
    ck_assert_int_ge(fd, 0);
    file = fdopen(fd, "w");
    PEM_write_X509(file, certificate);
    fclose(file);
    return identity;
}

static void identity_free(struct identity *identity)
{
    unlink(identity->file);
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

static SSL_CTX *tls_of(const struct identity *identity, int max_version)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    SSL_CTX_use_certificate(tls, identity->certificate);
    SSL_CTX_use_PrivateKey(tls, identity->key);
    SSL_CTX_set_session_id_context(tls, (const unsigned char *)"t", 1);
    if (max_version == TLS1_1_VERSION)
        SSL_CTX_set_security_level(tls, 0);
    SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls, max_version);
    return tls;
}

static void tls_open(const struct identity *identity, const char *ca_file, int max_version)
{
    char url[64];

    server_start(serve_ok, tls_of(identity, max_version));
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d", server.port);
    rest_open_at(url, ca_file, 4, signer);
}

START_TEST(tls_works_and_is_kept)
{
    struct identity identity = identity_make("IP:127.0.0.1");
    struct result result;
    int64_t start_us;

    tls_open(&identity, identity.file, TLS1_3_VERSION);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert_msg(result.answer.answered, "%s", result.answer.error.text);
    assert_signed(&server.seen[0], ORDER, result.answer.signed_ms);
    start_us = clock_mono_us();
    for (int i = 0; i < 100; i++) {
        call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
        ck_assert(result.answer.answered);
    }
    printf("rest: %.1f us a request on a kept connection, TLS\n",
           (double)(clock_mono_us() - start_us) / 100);
    ck_assert_int_eq(server.connections, 1);
    rest_shut();
    server_stop();
    identity_free(&identity);
}
END_TEST

START_TEST(nothing_leaves_to_a_server_that_is_not_the_one)
{
    struct identity right = identity_make("IP:127.0.0.1");
    struct identity wrong = identity_make("DNS:other.example");
    struct result result;
    const struct identity *identity = _i == 0 ? &wrong : &right;
    const char *ca_file = _i == 0 ? wrong.file : _i == 1 ? wrong.file : _i == 2 ? NULL : right.file;

    /* Wrong name; unknown authority; not the system's; too old a TLS. */
    tls_open(identity, ca_file, _i == 3 ? TLS1_1_VERSION : TLS1_3_VERSION);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    assert_not_sent(&result);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 1000);
    ck_assert(!result.answer.answered);
    ck_assert_int_eq(result.answer.sent, REST_NOT_SENT);
    rest_shut();
    server_stop();
    ck_assert_int_eq(server.requests, 0);
    identity_free(&right);
    identity_free(&wrong);
}
END_TEST

START_TEST(tls_to_a_plain_server_is_not_sent)
{
    struct result result;
    char url[64];

    server_start(serve_ok, NULL);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d", server.port);
    server.deaf = true; /* takes the connection, never shakes hands */
    rest_open_at(url, NULL, 4, signer);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 200);
    assert_not_sent(&result);
    rest_shut();
    server_stop();
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_test(tcase, tls_works_and_is_kept);
    tcase_add_loop_test(tcase, nothing_leaves_to_a_server_that_is_not_the_one, 0, 4);
    tcase_add_test(tcase, tls_to_a_plain_server_is_not_sent);
}

int main(void)
{
    return rest_run_tests("rest_tls", add);
}
