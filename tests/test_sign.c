#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/clock.h"
#include "base/json.h"
#include "bybit/sign.h"

#define TEXT_MAX 4096
#define VECTORS  11

static char file_text[32768];
static struct json vectors;
static char rsa_pem[TEXT_MAX];

static void load(void)
{
    FILE *file = fopen(FIXTURES "/vectors.json", "r");
    struct json root, meta;
    size_t bytes;

    ck_assert_ptr_nonnull(file);
    bytes = fread(file_text, 1, sizeof(file_text), file);
    fclose(file);
    ck_assert_int_eq(json_open(&root, file_text, bytes, NULL), ERR_NONE);
    ck_assert(json_member(&root, "vectors", &vectors));
    ck_assert(json_member(&root, "meta", &meta));
    ck_assert_int_eq(json_member_text(&meta, "rsa_private_key_pem", rsa_pem, sizeof(rsa_pem)),
                     ERR_NONE);
}

static struct json vector_at(int index)
{
    struct json_walk walk = json_walk(&vectors);
    struct json item = { 0 };

    for (int i = 0; i <= index; i++)
        ck_assert(json_next(&walk, NULL, &item));
    return item;
}

START_TEST(each_vector_has_its_signature)
{
    struct json item = vector_at(_i);
    char key[64], secret[64], expected[SIGNATURE_MAX], content[TEXT_MAX], got[SIGNATURE_MAX];
    struct signer *signer = NULL;
    struct signer_context *context;
    int64_t at_ms = 0, window_ms = 0;
    struct json body;

    ck_assert_int_eq(json_member_text(&item, "api_key", key, sizeof(key)), ERR_NONE);
    ck_assert_int_eq(json_member_text(&item, "secret", secret, sizeof(secret)), ERR_NONE);
    ck_assert_int_eq(json_member_text(&item, "signature", expected, sizeof(expected)), ERR_NONE);
    if (secret[0])
        ck_assert_int_eq(signer_create_hmac(&signer, key, secret, NULL), ERR_NONE);
    else
        ck_assert_int_eq(signer_create_rsa(&signer, key, rsa_pem, NULL), ERR_NONE);
    context = signer_context_create(signer);
    ck_assert_ptr_nonnull(context);
    for (int again = 0; again < 3; again++) { /* the kept context has no memory of the last text */
        if (json_member_int(&item, "expires", &at_ms) == ERR_NONE) {
            ck_assert_int_eq(sign_socket(context, at_ms, got), ERR_NONE);
        } else {
            ck_assert_int_eq(json_member_int(&item, "timestamp", &at_ms), ERR_NONE);
            ck_assert_int_eq(json_member_int(&item, "recv_window", &window_ms), ERR_NONE);
            ck_assert_int_eq(
                json_member_text(&item, json_member(&item, "body", &body) ? "body" : "query_string",
                                 content, sizeof(content)),
                ERR_NONE);
            ck_assert_int_eq(
                sign_rest(context, at_ms, (int)window_ms, content, strlen(content), got), ERR_NONE);
        }
        ck_assert_str_eq(got, expected);
    }
    signer_context_destroy(context);
    signer_destroy(signer);
}
END_TEST

START_TEST(all_vectors_are_looked_at)
{
    struct json_walk walk = json_walk(&vectors);
    struct json item;
    int count = 0;

    while (json_next(&walk, NULL, &item))
        count++;
    ck_assert_int_eq(count, VECTORS);
}
END_TEST

/* A fresh PEM of `bits`, or of another kind of key when `bits` is 0; with a passphrase if given. */
static void make_pem(char *out, size_t out_bytes, unsigned bits, const char *passphrase)
{
    EVP_PKEY *key = bits ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    int bytes;

    ck_assert_ptr_nonnull(key);
    ck_assert_int_eq(
        PEM_write_bio_PKCS8PrivateKey(bio, key, passphrase ? EVP_aes_128_cbc() : NULL, passphrase,
                                      passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
        1);
    bytes = BIO_read(bio, out, (int)out_bytes - 1);
    ck_assert_int_gt(bytes, 0);
    out[bytes] = '\0';
    BIO_free(bio);
    EVP_PKEY_free(key);
}

START_TEST(keys_of_another_kind_are_refused)
{
    static char pem[8192];
    struct signer *signer = NULL;
    struct error error = { 0 };

    make_pem(pem, sizeof(pem), 1024, NULL);
    ck_assert_int_eq(signer_create_rsa(&signer, "KEY", pem, &error), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "2048"));
    make_pem(pem, sizeof(pem), 0, NULL);
    ck_assert_int_eq(signer_create_rsa(&signer, "KEY", pem, &error), ERR_INVALID);
    make_pem(pem, sizeof(pem), 2048, "word"); /* must not ask on the terminal */
    ck_assert_int_eq(signer_create_rsa(&signer, "KEY", pem, &error), ERR_INVALID);
    ck_assert_int_eq(signer_create_rsa(&signer, "KEY", "no pem at all", &error), ERR_INVALID);
    ck_assert_int_eq(signer_create_rsa(&signer, "KEY", "", &error), ERR_INVALID);
    ck_assert_ptr_null(signer);
}
END_TEST

START_TEST(texts_that_break_a_header_are_refused_as_key)
{
    static char longest[130];
    struct signer *signer = NULL;

    memset(longest, 'K', 129);
    ck_assert_int_eq(signer_create_hmac(&signer, "", "secret", NULL), ERR_INVALID);
    ck_assert_int_eq(signer_create_hmac(&signer, "a b", "secret", NULL), ERR_INVALID);
    ck_assert_int_eq(signer_create_hmac(&signer, "a\r\nX: 1", "secret", NULL), ERR_INVALID);
    ck_assert_int_eq(signer_create_hmac(&signer, "a\x7f", "secret", NULL), ERR_INVALID);
    ck_assert_int_eq(signer_create_hmac(&signer, "\xc3\xa4", "secret", NULL), ERR_INVALID);
    ck_assert_int_eq(signer_create_hmac(&signer, longest, "secret", NULL), ERR_INVALID);
    ck_assert_int_eq(signer_create_hmac(&signer, "KEY", "", NULL), ERR_INVALID);
    longest[128] = '\0';
    ck_assert_int_eq(signer_create_hmac(&signer, longest, "secret", NULL), ERR_NONE);
    ck_assert_str_eq(signer_key(signer), longest);
    signer_destroy(signer);
}
END_TEST

START_TEST(nothing_to_free_is_fine)
{
    signer_destroy(NULL);
    signer_context_destroy(NULL);
}
END_TEST

START_TEST(a_signature_is_cheap)
{
    enum { ROUNDS = 20000 };
    static const char body[] = "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\"}";
    struct signer *signer = NULL;
    struct signer_context *context;
    char out[SIGNATURE_MAX];
    int64_t start_us;

    ck_assert_int_eq(signer_create_hmac(&signer, "TESTKEY0001", "TESTSECRET0001", NULL), ERR_NONE);
    context = signer_context_create(signer);
    start_us = clock_mono_us();
    for (int i = 0; i < ROUNDS; i++)
        ck_assert_int_eq(
            sign_rest(context, INT64_C(1700000000000) + i, 5000, body, sizeof(body) - 1, out),
            ERR_NONE);
    printf("sign: %.2f us a signature\n", (double)(clock_mono_us() - start_us) / ROUNDS);
    signer_context_destroy(context);
    signer_destroy(signer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sign");
    TCase *tcase = tcase_create("sign");
    SRunner *runner;
    int failures;

    tcase_add_unchecked_fixture(tcase, load, NULL);
    tcase_add_loop_test(tcase, each_vector_has_its_signature, 0, VECTORS);
    tcase_add_test(tcase, all_vectors_are_looked_at);
    tcase_add_test(tcase, keys_of_another_kind_are_refused);
    tcase_add_test(tcase, texts_that_break_a_header_are_refused_as_key);
    tcase_add_test(tcase, nothing_to_free_is_fine);
    tcase_add_test(tcase, a_signature_is_cheap);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
