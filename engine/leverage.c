#include "engine/leverage.h"

#include "base/text.h"
#include "engine/internal.h"

static void refuse(struct guard_verdict *verdict, const char *client,
                   const struct decimal *leverage, const struct decimal *allowed)
{
    struct decimal trimmed[] = { decimal_trim(*leverage), decimal_trim(*allowed) };
    char shown[DECIMAL_TEXT_MAX];
    char limit[DECIMAL_TEXT_MAX];
    struct text text;

    *verdict = (struct guard_verdict){
        .limit = GUARD_MAX_LEVERAGE, .value = *leverage, .allowed = *allowed, .price = DECIMAL_NONE
    };
    text_cut(verdict->client, sizeof(verdict->client), client);
    text = text_in(verdict->text, sizeof(verdict->text));
    text_addf(&text, "leverage %s is above %s %s", decimal_format(&trimmed[0], shown),
              guard_limit_word(GUARD_MAX_LEVERAGE), decimal_format(&trimmed[1], limit));
    if (client[0])
        text_addf(&text, " of client \"%s\"", client);
}

/* Who is kept off a symbol changes no position of it either. */
static enum guard_answer judge_place(const struct guard_limits *limits, const char *client,
                                     const struct order_request *place,
                                     struct guard_verdict *verdict)
{
    const struct guard_facts none = { .leverage = DECIMAL_NONE };
    const struct guard_counts nothing = { 0 };
    struct guard_limits places = *limits;

    places.set &= GUARD_BIT(GUARD_SYMBOLS) | GUARD_BIT(GUARD_CATEGORIES);
    return guard_check(&places, client, place, &none, &nothing, 0, verdict);
}

static enum guard_answer judge(const struct guard_limits *limits, const char *client,
                               const struct order_request *place, const struct decimal *leverage,
                               struct guard_verdict *verdict)
{
    enum guard_answer answer = judge_place(limits, client, place, verdict);

    if (answer || !(limits->set & GUARD_BIT(GUARD_MAX_LEVERAGE)) ||
        decimal_cmp(leverage, &limits->max_leverage) <= 0) /* NONE is below all */
        return answer;
    refuse(verdict, client, leverage, &limits->max_leverage);
    return GUARD_REFUSED;
}

enum guard_answer engine_judge_setting(const struct engine *engine, const char *client,
                                       enum category category, const char *symbol,
                                       const struct decimal *leverage,
                                       struct guard_verdict *verdict)
{
    const struct guard_rules *rules = &engine->guard.rules;
    int number = guard_client_number(engine, client);
    struct order_request place;
    enum guard_answer answer;

    order_request_clear(&place);
    place.category = category;
    text_cut(place.symbol, sizeof(place.symbol), symbol);
    answer = judge(&rules->all, "", &place, leverage, verdict);
    if (answer || !number)
        return answer;
    return judge(&rules->clients[number - 1].limits, client, &place, leverage, verdict);
}
