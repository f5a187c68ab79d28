#include "api/turns.h"

static void append(struct turns *turns, struct turn *turn)
{
    turn->next = NULL;
    if (turns->last)
        turns->last->next = turn;
    else
        turns->first = turn;
    turns->last = turn;
    turns->waiting++;
}

enum turn_answer turns_ask(struct turns *turns, struct turn *turn)
{
    enum turn_answer answer = TURN_NONE;

    (void)pthread_mutex_lock(&turns->lock);
    if (turns->running < turns->running_max) {
        turns->running++;
        answer = TURN_NOW;
    } else if (turns->waiting < turns->waiting_max) {
        append(turns, turn);
        answer = TURN_LATER;
    }
    (void)pthread_mutex_unlock(&turns->lock);
    return answer;
}

struct turn *turns_end(struct turns *turns)
{
    struct turn *next;

    (void)pthread_mutex_lock(&turns->lock);
    next = turns->first;
    if (next) {
        turns->first = next->next;
        if (!turns->first)
            turns->last = NULL;
        turns->waiting--;
    } else {
        turns->running--;
    }
    (void)pthread_mutex_unlock(&turns->lock);
    return next;
}
