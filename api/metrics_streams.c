#include "api/metrics_streams.h"

#include <stdio.h>
#include <string.h>

#include "api/status.h"
#include "base/clock.h"
#include "base/metrics.h"

/* In order of enum link_state. */
#define STATES (LINK_DOWN + 1)

static bool is_there(const struct api *api, int link)
{
    return link != LINK_PRIVATE || api->has_keys;
}

static const char *link_labels(char out[96], const char *link)
{
    (void)snprintf(out, 96, "link=\"%s\"", link);
    return out;
}

static void add_states_of(struct buffer *out, const char *link, const char *state)
{
    char labels[96];

    for (int i = 0; i < STATES; i++) {
        const char *word = link_state_word((enum link_state)i);

        (void)snprintf(labels, sizeof(labels), "link=\"%s\",state=\"%s\"", link, word);
        metrics_write_int(out, METRICS_PREFIX "link_state", labels, strcmp(word, state) == 0);
    }
}

static void add_states(struct buffer *out, const struct api *api,
                       const struct link_status links[STREAM_LINK_COUNT])
{
    metrics_write_head(out, METRICS_PREFIX "link_state", METRICS_GAUGE,
                       "Links to the exchange: 1 for the state that each is in.");
    add_states_of(out, "rest", status_rest_state(api));
    for (int i = 0; i < STREAM_LINK_COUNT; i++) {
        if (is_there(api, i))
            add_states_of(out, stream_link_word((enum stream_link)i),
                          link_state_word(links[i].state));
    }
}

/* Age of the newest data, where there was any. */
static void add_ages(struct buffer *out, const struct api *api,
                     const struct link_status links[STREAM_LINK_COUNT])
{
    static const char name[] = METRICS_PREFIX "link_data_age_seconds";
    char labels[96];

    metrics_write_head(out, name, METRICS_GAUGE, "Age of the newest data of a link.");
    for (int i = 0; i < STREAM_LINK_COUNT; i++) {
        int64_t age_ms = clock_wall_ms() - links[i].last_data_ms;

        if (is_there(api, i) && links[i].last_data_ms > 0)
            metrics_write_micro(out, name,
                                link_labels(labels, stream_link_word((enum stream_link)i)),
                                age_ms > 0 ? age_ms * 1000 : 0);
    }
}

enum number { SOCKETS, RECONNECTS, TOPICS, LOSSY_BOOKS, UNREADABLE, NUMBERS };

static int number_of(const struct link_status *link, enum number number)
{
    switch (number) {
    case SOCKETS:
        return link->sockets;
    case RECONNECTS:
        return link->reconnects;
    case TOPICS:
        return link->topics;
    case LOSSY_BOOKS:
        return link->lossy_books;
    case UNREADABLE:
        return link->unreadable;
    case NUMBERS:
        break;
    }
    return 0;
}

static void add_numbers(struct buffer *out, const struct api *api,
                        const struct link_status links[STREAM_LINK_COUNT])
{
    static const struct {
        const char *name;
        enum metrics_type type;
        const char *help;
    } families[NUMBERS] = {
        [SOCKETS] = { METRICS_PREFIX "link_sockets", METRICS_GAUGE,
                      "Connections that the topics of a link are spread over." },
        [RECONNECTS] = { METRICS_PREFIX "link_reconnects_total", METRICS_COUNTER,
                         "How often a link was opened again." },
        [TOPICS] = { METRICS_PREFIX "link_topics", METRICS_GAUGE, "Topics subscribed to." },
        [LOSSY_BOOKS] = { METRICS_PREFIX "link_lossy_books", METRICS_GAUGE,
                          "Books whose updates jump all the time on a healthy link." },
        [UNREADABLE] = { METRICS_PREFIX "link_unreadable_frames_total", METRICS_COUNTER,
                         "Frames that could not be read." },
    };
    char labels[96];

    for (int number = 0; number < NUMBERS; number++) {
        metrics_write_head(out, families[number].name, families[number].type,
                           families[number].help);
        for (int i = 0; i < STREAM_LINK_COUNT; i++) {
            if (is_there(api, i))
                metrics_write_int(out, families[number].name,
                                  link_labels(labels, stream_link_word((enum stream_link)i)),
                                  number_of(&links[i], (enum number)number));
        }
    }
}

static void add_delays(struct buffer *out, const struct metrics *metrics)
{
    static const char name[] = METRICS_PREFIX "link_delay_seconds";
    char labels[96];

    metrics_write_head(out, name, METRICS_HISTOGRAM,
                       "From the exchange's time stamp to here, by the exchange's clock.");
    for (int i = 0; i < STREAM_LINK_COUNT; i++) {
        if (metrics_observations(&metrics->stream.delays[i]))
            metrics_write_histogram(out, name,
                                    link_labels(labels, stream_link_word((enum stream_link)i)),
                                    &metrics->stream.delays[i]);
    }
}

static void add_book_checks(struct buffer *out, const struct metrics *metrics)
{
    static const char name[] = METRICS_PREFIX "book_checks_total";
    char labels[96];

    metrics_write_head(out, name, METRICS_COUNTER,
                       "Streamed books compared with a REST snapshot, by how it ended; a mismatch "
                       "is rebuilt.");
    for (int i = 0; i < METRICS_CHECKS; i++) {
        (void)snprintf(labels, sizeof(labels), "result=\"%s\"",
                       metrics_check_word((enum metrics_check)i));
        metrics_write_int(out, name, labels,
                          (int64_t)metrics_value(&metrics->stream.book_checks[i]));
    }
}

void metrics_add_streams(struct buffer *out, const struct api *api)
{
    struct link_status links[STREAM_LINK_COUNT];

    for (int i = 0; i < STREAM_LINK_COUNT; i++)
        stream_link_status(api->stream, (enum stream_link)i, &links[i]);
    add_states(out, api, links);
    add_ages(out, api, links);
    add_numbers(out, api, links);
    if (api->metrics) {
        add_delays(out, api->metrics);
        add_book_checks(out, api->metrics);
    }
}
