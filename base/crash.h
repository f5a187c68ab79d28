/* base/crash.h - places where a test lets the process die as by kill -9.
 *
 * CRASH_AT=name:n in the environment: it dies when it passes the place of that name the n-th time.
 * CRASH_AT=name:n:ms: only that thread stands still there, the others go on so long before it dies,
 * so that what they were told too early gets out.
 * Only in builds with BRIDGE_CRASH_POINTS; elsewhere the macros are nothing and CRASH_AT is not
 * read. tests/e2e/test_crash.py asks for the names (CRASH_AT=list) and tries each: a new one goes
 * into this table, and its call into the code.
 *
 * Threads: passed on any.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Name, where. The order is about that of a command's way. */
#define CRASH_POINTS(POINT)                                                                        \
    /* start and stop */                                                                           \
    POINT(RUN_BEGUN, "run_begun")   /* the run's number is stored */                               \
    POINT(RESTORED, "restored")     /* open orders are read, the thread not begun */               \
    POINT(PAGE_READ, "page_read")   /* a page of a scan or look-up came */                         \
    POINT(PAGE_TAKEN, "page_taken") /* and is merged */                                            \
    POINT(STOP_TAKEN, "stop_taken") /* SIGTERM has come to the loop */                             \
    POINT(STOP_NOTED, "stop_noted") /* "clean" is stored */                                        \
    POINT(STOP_DONE, "stop_done")   /* and the WAL emptied */                                      \
    /* a create until it is sent */                                                                \
    POINT(CREATE_TAKEN, "create_taken")         /* out of the inbox, the engine has not seen it */ \
    POINT(INTENT_MADE, "intent_made")           /* its row is made, not yet handed over */         \
    POINT(RETRY_MADE, "retry_made")             /* likewise, of a link that was not sent before */ \
    POINT(ORDER_MADE, "order_made")             /* a row of what became of an order */             \
    POINT(FILL_MADE, "fill_made")               /* a row of a fill */                              \
    POINT(GUARD_MADE, "guard_made")             /* a row of the guard */                           \
    POINT(ROWS_SUBMITTED, "rows_submitted")     /* handed over; sends and replies come next */     \
    POINT(CREATE_SEND, "create_send")           /* the intent is committed */                      \
    POINT(CREATE_SUBMITTED, "create_submitted") /* the transport has it */                         \
    POINT(WRITE_SIGNED, "write_signed")         /* connected and signed, no byte left */           \
    POINT(BODY_LEAVES, "body_leaves")           /* the first bytes of the body may leave */        \
    POINT(BODY_LEFT, "body_left")               /* all of it has, no answer came */                \
    POINT(CREATE_ANSWERED, "create_answered")   /* the exchange answered, the engine not told */   \
    POINT(CREATE_SETTLED, "create_settled")     /* and told: its row is handed over */             \
    /* an amend, from the inbox to what became of it */                                            \
    POINT(AMEND_TAKEN, "amend_taken")         /* out of the inbox, the engine has not seen it */   \
    POINT(AMEND_MADE, "amend_made")           /* its intent's row is made, not yet handed over */  \
    POINT(AMEND_SEND, "amend_send")           /* the intent is committed */                        \
    POINT(AMEND_SUBMITTED, "amend_submitted") /* the transport has it */                           \
    POINT(AMEND_SIGNED, "amend_signed")       /* connected and signed, no byte left */             \
    POINT(AMEND_LEAVES, "amend_leaves")       /* the first bytes of the body may leave */          \
    POINT(AMEND_LEFT, "amend_left")           /* all of it has, no answer came */                  \
    POINT(AMEND_ANSWERED, "amend_answered")   /* the engine not told */                            \
    POINT(AMEND_SETTLED, "amend_settled")     /* and told */                                       \
    POINT(AMEND_ENDED, "amend_ended")         /* a row of an order that was amended is made */     \
    /* creates that leave in one request */                                                        \
    POINT(BATCH_SEND, "batch_send")           /* their intents are committed */                    \
    POINT(BATCH_SUBMITTED, "batch_submitted") /* the transport has them */                         \
    POINT(BATCH_SIGNED, "batch_signed")       /* connected and signed, no byte left */             \
    POINT(BATCH_LEAVES, "batch_leaves")       /* the first bytes of the body may leave */          \
    POINT(BATCH_LEFT, "batch_left")           /* all of it has, no answer came */                  \
    POINT(BATCH_ANSWERED, "batch_answered")   /* the engine not told */                            \
    POINT(BATCH_ITEM, "batch_item")           /* told of one order of it, not of the next one */   \
    POINT(BATCH_SETTLED, "batch_settled")     /* told of all */                                    \
    /* the journal */                                                                              \
    POINT(ROWS_TAKEN, "rows_taken")         /* rows wait for their transaction */                  \
    POINT(BEGUN_SYNCED, "begun_synced")     /* a transaction that is to be synced */               \
    POINT(BEGUN_UNSYNCED, "begun_unsynced") /* one that is not */                                  \
    POINT(INTENT_WRITTEN, "intent_written") /* within the transaction, as the next ones */         \
    POINT(RETRY_WRITTEN, "retry_written")                                                          \
    POINT(AMEND_WRITTEN, "amend_written")         /* the intent of an amend */                     \
    POINT(AMEND_END_WRITTEN, "amend_end_written") /* a row of an order that was amended */         \
    POINT(FILL_WRITTEN, "fill_written")                                                            \
    POINT(GUARD_WRITTEN, "guard_written")                                                          \
    POINT(EVENT_WRITTEN, "event_written")                                                          \
    POINT(ROWS_WRITTEN, "rows_written")         /* all of a batch, before COMMIT */                \
    POINT(COMMITTED_SYNCED, "committed_synced") /* behind COMMIT, nobody told */                   \
    POINT(COMMITTED_UNSYNCED, "committed_unsynced")                                                \
    POINT(EVENT_SHOWN, "event_shown")   /* on the streams; others of the batch not */              \
    POINT(COMMIT_TELL, "commit_tell")   /* all are; the loop does not know */                      \
    POINT(COMMIT_TOLD, "commit_told")   /* the loop's inbox has it */                              \
    POINT(COMMIT_TAKEN, "commit_taken") /* out of the inbox, the engine not told */                \
    POINT(CHECKPOINT_BEGUN, "checkpoint_begun")                                                    \
    POINT(CHECKPOINT_DONE, "checkpoint_done")                                                      \
    /* what the user and the private stream see of it */                                           \
    POINT(REPLY_GIVE, "reply_give")     /* the answer is known, the client not told */             \
    POINT(REPLY_GIVEN, "reply_given")   /* it is on its way to the client */                       \
    POINT(ORDER_HEARD, "order_heard")   /* of an order on the private stream */                    \
    POINT(FILL_HEARD, "fill_heard")     /* of a fill */                                            \
    POINT(PRIVATE_DOWN, "private_down") /* a gap begins */                                         \
    POINT(PRIVATE_UP, "private_up")     /* and ends */                                             \
    POINT(FIND_ASK, "find_ask")         /* the journal is asked for an old order */                \
    POINT(FIND_TAKEN, "find_taken")     /* its answer */                                           \
    /* cancels */                                                                                  \
    POINT(CANCEL_TAKEN, "cancel_taken")                                                            \
    POINT(CANCEL_SEND, "cancel_send")                                                              \
    POINT(CANCEL_SUBMITTED, "cancel_submitted")                                                    \
    POINT(CANCEL_ANSWERED, "cancel_answered")                                                      \
    POINT(CANCEL_SETTLED, "cancel_settled")                                                        \
    /* cancels that leave in one request */                                                        \
    POINT(CANCELS_TAKEN, "cancels_taken")         /* out of the inbox, the engine not told */      \
    POINT(CANCELS_SEND, "cancels_send")           /* their rows are handed over */                 \
    POINT(CANCELS_SUBMITTED, "cancels_submitted") /* the transport has them */                     \
    POINT(CANCELS_SIGNED, "cancels_signed")       /* connected and signed, no byte left */         \
    POINT(CANCELS_LEAVES, "cancels_leaves")       /* the first bytes of the body may leave */      \
    POINT(CANCELS_LEFT, "cancels_left")           /* all of it has, no answer came */              \
    POINT(CANCELS_ANSWERED, "cancels_answered")   /* the engine not told */                        \
    POINT(CANCELS_ITEM, "cancels_item")           /* told of one of them, not of the next one */   \
    POINT(CANCELS_SETTLED, "cancels_settled")     /* told of all */                                \
    /* guard and kill */                                                                           \
    POINT(PATCH_TAKEN, "patch_taken")                                                              \
    POINT(KILL_ASKED, "kill_asked") /* creates are held, the loop not told */                      \
    POINT(KILL_TAKEN, "kill_taken") /* out of the inbox */                                         \
    POINT(KILL_DONE, "kill_done")   /* row handed over, cancels submitted */                       \
    POINT(CANCEL_ALL_SEND, "cancel_all_send")                                                      \
    POINT(CANCEL_ALL_ANSWERED, "cancel_all_answered")                                              \
    POINT(CANCEL_ALL_SETTLED, "cancel_all_settled")                                                \
    POINT(ARM_TAKEN, "arm_taken")                                                                  \
    POINT(ARM_DONE, "arm_done")

enum crash_point {
#define CRASH_ENUM(point, name) CRASH_##point,
    CRASH_POINTS(CRASH_ENUM)
#undef CRASH_ENUM
        CRASH_COUNT
};

/* Reads CRASH_AT, before any thread is begun. ERR_INVALID: it names no place, or no count; the text
 * lists the places when the name is wrong. */
#define CRASH_TEXT_MAX 2048
MUST_CHECK enum err crash_init(char text[CRASH_TEXT_MAX]);

#ifdef BRIDGE_CRASH_POINTS
void crash_pass(enum crash_point point);
#define CRASH_BUILD                      true
#define CRASH_POINT(point)               crash_pass(CRASH_##point)
#define CRASH_POINT_IF(condition, point) crash_pass_if(condition, CRASH_##point)

static inline void crash_pass_if(bool condition, enum crash_point point)
{
    if (condition)
        crash_pass(point);
}
#else
#define CRASH_BUILD                      false
#define CRASH_POINT(point)               ((void)0)
#define CRASH_POINT_IF(condition, point) ((void)0)
#endif
