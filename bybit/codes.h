/* bybit/codes.h - what an answer proves (RELIABILITY section 2). A const table; what is not in it
 * is AMBIGUOUS. */
#pragma once

#include "base/error.h"

enum answer_class {
    ANSWER_OK,        /* retCode 0 */
    ANSWER_REJECT,    /* read and refused: it does not exist there */
    ANSWER_REFUSED,   /* not executed (throttled, overloaded, time stamp): provably nothing happened
                       */
    ANSWER_AUTH,      /* key, signature, permission, IP */
    ANSWER_DUPLICATE, /* the link is known there */
    ANSWER_AMBIGUOUS, /* may have been executed */
};

/* For the answer to an order's create, amend or cancel, or to a setter. `ret_code` is only looked
 * at when the body was an envelope
 * (`has_envelope`); else the HTTP status decides. `body` is borrowed text to tell the two HTTP 403
 * apart. */
enum answer_class answer_classify(long http_status, int has_envelope, int ret_code,
                                  const char *body);
/* Whether it is the IP ban: HTTP 403 whose text says "too frequent" (PROTOCOL section 7). */
int answer_is_ban(long http_status, const char *body);
/* Setters (leverage, a position's stops) answer an error for "it is so already" (PROTOCOL section
 * 6). `ret_msg` tells it where the code is the catch-all. */
int answer_is_unchanged(int ret_code, const char *ret_msg);
const char *answer_class_name(enum answer_class class);
