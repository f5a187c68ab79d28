/* Coins by a symbol's grammar: what is not listed any more has no instrument that would tell. */
#include <string.h>

#include "base/text.h"
#include "db/pnl.h"

static const char *const quotes[] = { "USDT",  "USDC", "USDE", "USD1", "USDQ", "USDR",
                                      "RLUSD", "EUR",  "GBP",  "BRL",  "TRY",  "PLN",
                                      "DAI",   "BTC",  "ETH",  "SOL",  "MNT" };

/* "" where it does not fit. */
static void put(char coin[COIN_MAX], const char *from, size_t bytes)
{
    if (text_copy_n(coin, COIN_MAX, from, bytes))
        coin[0] = '\0';
}

/* Splits "BTCUSDT" into both coins where it ends in one of the quotes. */
static bool split(const char *symbol, size_t bytes, const char *quote, char base[COIN_MAX],
                  char coin[COIN_MAX])
{
    size_t own = strlen(quote);

    return bytes > own && memcmp(symbol + bytes - own, quote, own) == 0 &&
           !text_copy_n(base, COIN_MAX, symbol, bytes - own) && !text_copy(coin, COIN_MAX, quote);
}

static void guess_spot(const char *symbol, char coin[COIN_MAX], char base[COIN_MAX])
{
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        if (split(symbol, strlen(symbol), quotes[i], base, coin))
            return;
    }
    base[0] = coin[0] = '\0';
}

/* BTCUSDT, BTCUSDT-26DEC25; all others settle in USDC: BTCPERP, BTC-26DEC25. */
static void guess_linear(const char *symbol, char coin[COIN_MAX], char base[COIN_MAX])
{
    size_t bytes = strcspn(symbol, "-");

    if (split(symbol, bytes, "USDT", base, coin))
        return;
    if (!split(symbol, bytes, "PERP", base, coin))
        put(base, symbol, bytes);
    put(coin, "USDC", 4);
}

/* BTCUSD, BTCUSDZ25: settled in the base coin. */
static void guess_inverse(const char *symbol, char coin[COIN_MAX], char base[COIN_MAX])
{
    const char *usd = strstr(symbol, "USD");

    put(base, symbol, usd ? (size_t)(usd - symbol) : 0);
    put(coin, base, strlen(base));
}

/* BTC-27MAR26-70000-C-USDT; older ones without the coin settle in USDC. */
static void guess_option(const char *symbol, char coin[COIN_MAX], char base[COIN_MAX])
{
    const char *last = strrchr(symbol, '-');

    put(base, symbol, strcspn(symbol, "-"));
    last = last && strlen(last) > 2 ? last + 1 : "USDC";
    put(coin, last, strlen(last));
}

void pnl_guess_coins(enum category category, const char *symbol, char coin[COIN_MAX],
                     char base[COIN_MAX])
{
    switch (category) {
    case CATEGORY_SPOT:
        guess_spot(symbol, coin, base);
        return;
    case CATEGORY_LINEAR:
        guess_linear(symbol, coin, base);
        return;
    case CATEGORY_INVERSE:
        guess_inverse(symbol, coin, base);
        return;
    case CATEGORY_OPTION:
        guess_option(symbol, coin, base);
        return;
    }
}
