/* tests/test_loop_posts.h - the loop in front of a server that notes what is posted to it. Who
 * includes it defines TOLD_MAX, how many may be told at a time, and answers by `manner`, 0 at the
 * start. */
#pragma once

#include <stdbool.h>

#include "bybit/hosts.h"
#include "tests/test_rest_server.h"
/* Both have something that they call so. */
#define connection kit_connection
#include "tests/test_loop_kit.h"
#undef connection

#define POSTS_MAX 64

static struct told told[TOLD_MAX];

/* How the server answers. */
static atomic_int manner;

static struct {
    pthread_mutex_t lock;
    size_t count;
    struct {
        char path[64];
        char body[8192];
    } list[POSTS_MAX];
} posts = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void note_post(const char *path, const char *body)
{
    pthread_mutex_lock(&posts.lock);
    if (posts.count < POSTS_MAX) {
        (void)snprintf(posts.list[posts.count].path, sizeof(posts.list[0].path), "%s", path);
        (void)snprintf(posts.list[posts.count].body, sizeof(posts.list[0].body), "%s", body);
        posts.count++;
    }
    pthread_mutex_unlock(&posts.lock);
}

static size_t posts_of(const char *path)
{
    size_t count = 0;

    pthread_mutex_lock(&posts.lock);
    for (size_t i = 0; i < posts.count; i++)
        count += strcmp(posts.list[i].path, path) == 0;
    pthread_mutex_unlock(&posts.lock);
    return count;
}

static size_t posts_seen(void)
{
    size_t count;

    pthread_mutex_lock(&posts.lock);
    count = posts.count;
    pthread_mutex_unlock(&posts.lock);
    return count;
}

/* One that was counted above: it stays. */
static const char *body_of(size_t at)
{
    ck_assert_uint_lt(at, posts_seen());
    return posts.list[at].body;
}

static void answer_get(struct connection *to)
{
    int64_t now_ms = clock_wall_ms();
    char out[512];

    (void)snprintf(out, sizeof(out),
                   "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"timeSecond\":\"%" PRId64
                   "\",\"timeNano\":\"%" PRId64
                   "\",\"list\":[],\"nextPageCursor\":\"\"},\"retExtInfo\":{},\"time\":%" PRId64
                   "}",
                   now_ms / 1000, now_ms * 1000000, now_ms);
    reply(to, 200, "", out);
}

static void begin(bool (*serve)(struct connection *to, const struct seen *seen, int index),
                  unsigned without_batches)
{
    atomic_store(&manner, 0);
    posts.count = 0;
    server_start(serve, NULL);
    rig_start(true);
    rig.without_batches = without_batches;
    (void)snprintf(rig.url, sizeof(rig.url), "http://127.0.0.1:%d", server.port);
    loop_up_and_ready();
}

static void stop(void)
{
    release_loop();
    rig_stop();
    server_stop();
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        told_clear(&told[i]);
}

static void expect_outcome(size_t at, enum outcome outcome)
{
    ck_assert_msg(told[at].outcome == outcome, "item %zu: outcome %d: %s", at,
                  (int)told[at].outcome, told[at].error.text);
}
