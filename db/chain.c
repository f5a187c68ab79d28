#include "db/chain.h"

#include <string.h>

enum err chain_init(struct chain *chain, struct error *error)
{
    memset(chain, 0, sizeof(*chain));
    chain->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    chain->context = EVP_MD_CTX_new();
    if (chain->sha256 && chain->context)
        return ERR_NONE;
    chain_deinit(chain);
    return error_set(error, ERR_NO_MEMORY, "journal: no SHA-256");
}

void chain_deinit(struct chain *chain)
{
    EVP_MD_CTX_free(chain->context);
    EVP_MD_free(chain->sha256);
    chain->context = NULL;
    chain->sha256 = NULL;
}

static void put_big_endian(unsigned char out[8], uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        out[i] = (unsigned char)(value & 0xff);
        value >>= 8;
    }
}

enum err chain_add(struct chain *chain, uint64_t seq, int64_t at_ms, const char *event,
                   const void *json, size_t json_bytes, struct error *error)
{
    unsigned char numbers[16];

    put_big_endian(numbers, seq);
    put_big_endian(numbers + 8, (uint64_t)at_ms);
    if (!EVP_DigestInit_ex2(chain->context, chain->sha256, NULL) ||
        !EVP_DigestUpdate(chain->context, chain->hash, sizeof(chain->hash)) ||
        !EVP_DigestUpdate(chain->context, numbers, sizeof(numbers)) ||
        !EVP_DigestUpdate(chain->context, event, strlen(event) + 1) ||
        !EVP_DigestUpdate(chain->context, json, json_bytes) ||
        !EVP_DigestFinal_ex(chain->context, chain->hash, NULL))
        return error_set(error, ERR_INTERNAL, "journal: SHA-256 failed");
    chain->seq = seq;
    return ERR_NONE;
}
