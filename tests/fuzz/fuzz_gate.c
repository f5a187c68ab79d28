/* A request head: the first line is "METHOD TARGET", the others are headers. What is let in has an
 * endpoint, a decoded path and known query names; what is refused says why. */
#include "api/errors.h"
#include "server/gate.h"
#include "tests/fuzz/fuzz.h"

#define HEADERS_MAX 80

static const struct gate_config config = { .env = "sim" };

static size_t split_headers(char *text, struct gate_header *headers)
{
    size_t count = 0;

    while (*text && count < HEADERS_MAX) {
        char *next = fuzz_line(text);
        char *colon = strchr(text, ':');
        char *value = colon ? colon + 1 : text + strlen(text);
        size_t blanks = *value == ' ';

        headers[count++] =
            (struct gate_header){ text, colon ? (size_t)(colon - text) : strlen(text),
                                  value + blanks, strlen(value + blanks), blanks };
        text = next;
    }
    return count;
}

static void check_verdict(const struct gate_verdict *verdict)
{
    if (verdict->status) {
        assert(verdict->code && api_problem_find(verdict->code) && verdict->detail[0]);
        return;
    }
    if (verdict->preflight)
        return;
    assert(verdict->endpoint && verdict->path && !strstr(verdict->path, ".."));
    assert(verdict->query_count <= API_QUERY_MAX && verdict->host);
    assert(verdict->body_bytes <= verdict->body_max);
    for (size_t i = 0; i < verdict->query_count; i++) {
        const char *nearest;

        assert(api_query_known(verdict->endpoint, verdict->query[i].name, &nearest));
        for (const char *at = verdict->query[i].value; *at; at++)
            assert((unsigned char)*at >= 0x20 && *at != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct gate_verdict verdict;
    char *text = fuzz_text(data, bytes);
    struct gate_header headers[HEADERS_MAX];
    char *rest = fuzz_line(text);
    char *target = strchr(text, ' ');
    struct gate_head head = { .method = text, .version = "HTTP/1.1" };

    if (target) {
        *target++ = '\0';
        head.target = target;
        head.target_bytes = strlen(target);
        head.headers = headers;
        head.headers_count = split_headers(rest, headers);
        gate_check(&config, &head, &verdict);
        check_verdict(&verdict);
    }
    free(text);
    return 0;
}
