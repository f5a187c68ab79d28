/* bybit/stream_link.h - one link's state machine: when to connect, what to say, when to give up. No
 * socket, no clock, no lock: times come in, so tests run hours in a moment. stream.c does what it
 * says.
 *
 * Phases: IDLE -> (wanted) -> OPENING -> LOGIN (private only) -> OPEN; any failure -> DOWN ->
 * (back-off) -> OPENING. One subscribe or unsubscribe request is in flight at a time: its topics
 * are those JOINING or LEAVING. A category has several links when its topics need them.
 *
 * Silence. Tickers and books are sent at the exchange's own pace, so a link with one of them that
 * brings no data frame at all for stale_after_ms is stale, and after twice that it is rebuilt; any
 * frame counts, of whichever topic. Trades, candles and liquidations come only when somebody
 * trades: a link with nothing else may be silent for hours and is never stale. What keeps it honest
 * are the pings, as on the private link: no pong within pong_timeout_ms ends it. Where rebuilding
 * brought nothing (a ticker of a contract that nobody trades), the next one comes twice as late, up
 * to eightfold; it is stale all the same.
 *
 * Threads: the stream's own. Times are monotonic ms.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "bybit/message.h"
#include "bybit/stream.h"

#define LINK_TOPICS_MAX    480
#define LINK_ARGS_MAX      10    /* topics in a request */
#define LINK_ARG_BYTES_MAX 21000 /* all topics of a public connection */
#define LINK_TOPIC_BYTES   64
#define LINK_BUCKETS       256 /* a power of two */

enum topic_state { TOPIC_OFF, TOPIC_JOINING, TOPIC_ON, TOPIC_LEAVING, TOPIC_REFUSED };

struct link_topic {
    char name[LINK_TOPIC_BYTES];
    uint32_t hash;
    uint16_t next; /* of its bucket: its number + 1; 0: the last */
    bool own;      /* the account's, always wanted: order, execution, position, wallet */
    struct shown_topic *shown; /* stream_status.c's; NULL: not shown */
    enum stream_kind kind;     /* not of its own ones */
    char symbol[SYMBOL_MAX];
    int depth;
    bool wanted;
    bool essential; /* without it the link is of no use */
    enum topic_state state;
    bool alone;         /* was in a request that was refused: asked for by itself */
    bool rejoin;        /* its book lost a frame: leave and join */
    bool needs_picture; /* no snapshot since it was joined */
    int rejoins;        /* since the last snapshot */
    bool rebuilt;       /* the link was rebuilt for it, and no snapshot came since: not again, the
                           others lose by it */
    int64_t not_before_ms;
    int64_t picture_due_ms; /* 0: none is awaited */
    int64_t data_ms;        /* of its last data frame */
    int jumps;              /* in the minute that began then */
    int64_t jumps_since_ms;
    bool jumps_pass; /* the exchange does not keep u without gaps here */
    /* All but books: stream_public.c's, wall clock. */
    bool live; /* subscribed, nothing was lost since live_since_ms */
    int64_t live_since_ms;
    int64_t lost_since_ms; /* 0: never live before */
};

enum link_phase { PHASE_IDLE, PHASE_DOWN, PHASE_OPENING, PHASE_LOGIN, PHASE_OPEN };

enum link_action {
    LINK_DO_NOTHING,
    LINK_DO_CONNECT, /* the link is OPENING now */
    LINK_DO_CLOSE,   /* the link is DOWN or IDLE now; link->why says why ("": no failure) */
};

struct link {
    enum stream_link which;
    bool is_private;
    struct stream_times times;
    uint64_t random;
    enum link_phase phase;
    const char *why;
    int64_t phase_ms; /* when the phase began */
    int64_t try_at_ms;
    int failures;       /* in a row */
    int login_failures; /* in a row */
    bool settled;       /* the first round of topics is acknowledged */
    bool stale;
    bool paused;       /* its socket is not read: answers cannot be awaited */
    int mute_rebuilds; /* in a row */
    int64_t last_data_ms;
    int64_t steady_ms; /* when the first ticker or book was on */
    int64_t ping_at_ms;
    int64_t pong_due_ms; /* 0: none is awaited */
    bool login_said;
    bool in_flight;
    unsigned request; /* number of the request in flight */
    int64_t answer_due_ms;
    struct link_topic *topics;
    size_t topics_count;
    size_t topics_capacity;
    size_t arg_bytes; /* of all topics, as link_arg_bytes counts */
    uint16_t buckets[LINK_BUCKETS];
};

void link_init(struct link *link, enum stream_link which, const struct stream_times *times,
               uint64_t random);
void link_deinit(struct link *link);

/* --- topics --- */

/* What a topic takes of a connection's LINK_ARG_BYTES_MAX. */
size_t link_arg_bytes(const char *name);
/* Finds or adds a topic, which is then wanted. NULL: out of memory, or the connection is full (of
 * topics or of characters). The pointer is valid until the next add or reap. */
struct link_topic *link_want(struct link *link, const char *name);
/* NULL: none of that name. */
struct link_topic *link_find(const struct link *link, const char *name);
/* Takes out one topic that nobody wants and that is not subscribed; false: there is none. */
bool link_reap(struct link *link, struct link_topic *out);
/* Its book lost a frame or is broken: leave and join again, at once the first time, then slower. */
void link_rejoin(struct link_topic *topic, bool jumped, int64_t now_ms);
/* Its snapshot came: one that it was to be joined again for needs that no more. */
void link_has_picture(struct link_topic *topic);

/* --- events --- */

/* What is due. Call after each event and when link_next_ms has come. */
enum link_action link_tick(struct link *link, int64_t now_ms);
void link_opened(struct link *link, int64_t now_ms);
/* The connection failed or ended; `why` is a constant text. */
void link_gone(struct link *link, const char *why, int64_t now_ms);
/* An answer: auth, subscribe, unsubscribe, pong. */
void link_answer(struct link *link, const struct frame *frame, int64_t now_ms);
/* A data frame came. */
void link_data(struct link *link, int64_t now_ms);
/* Its socket is not read any more, or again. */
void link_pause(struct link *link, bool paused, int64_t now_ms);

enum link_say {
    LINK_SAY_NOTHING,
    LINK_SAY_LOGIN, /* the caller builds and sends the login frame, then calls link_said_login */
    LINK_SAY_TEXT,
};
/* Whether something is to be sent now; the text is appended to `out` (one frame a call). */
enum link_say link_next_text(struct link *link, struct buffer *out, int64_t now_ms);
bool link_wants_to_say(const struct link *link, int64_t now_ms);
void link_said_login(struct link *link, int64_t now_ms);

/* --- state --- */

enum link_state link_state(const struct link *link);
/* Private: logged in, and all essential topics acknowledged. */
bool link_is_up(const struct link *link);
/* When link_tick is due at the latest. */
int64_t link_next_ms(const struct link *link, int64_t now_ms);
