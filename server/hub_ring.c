#include <stdlib.h>
#include <string.h>

#include "server/hub_parts.h"

#define CAPACITY_MIN 64

struct frame *frame_create(uint64_t seq, const char *event, const char *json, size_t json_bytes)
{
    size_t event_bytes = strlen(event) + 1;
    size_t bytes = sizeof(struct frame) + event_bytes + json_bytes + 1;
    struct frame *frame = malloc(bytes);
    char *text;

    if (!frame)
        return NULL;
    text = (char *)(frame + 1);
    memcpy(text, event, event_bytes);
    memcpy(text + event_bytes, json, json_bytes);
    text[event_bytes + json_bytes] = '\0';
    *frame = (struct frame){ .shown = { .seq = seq,
                                        .kind = hub_event_kind(event),
                                        .event = text,
                                        .json = text + event_bytes,
                                        .json_bytes = json_bytes },
                             .bytes = bytes };
    return frame;
}

bool frame_is_taken(struct frame *frame, const struct event_filter *filter)
{
    if (!filter)
        return true;
    if (!frame->subject_is_read)
        event_subject_of(&frame->subject, frame->shown.event, frame->shown.json,
                         frame->shown.json_bytes);
    frame->subject_is_read = true;
    return event_filter_takes(filter, &frame->subject);
}

void frame_destroy(struct frame *frame)
{
    free(frame);
}

void inbox_add(struct inbox *inbox, struct frame *frame)
{
    frame->next = NULL;
    if (inbox->newest)
        inbox->newest->next = frame;
    else
        inbox->oldest = frame;
    inbox->newest = frame;
    inbox->bytes += frame->bytes;
}

struct frame *inbox_take(struct inbox *inbox)
{
    struct frame *frame = inbox->oldest;

    if (!frame)
        return NULL;
    inbox->oldest = frame->next;
    if (!inbox->oldest)
        inbox->newest = NULL;
    inbox->bytes -= frame->bytes;
    return frame;
}

void inbox_clear(struct inbox *inbox)
{
    struct frame *frame;

    while ((frame = inbox_take(inbox)))
        frame_destroy(frame);
}

static bool grow(struct ring *ring)
{
    size_t capacity = ring->capacity ? ring->capacity * 2 : CAPACITY_MIN;
    struct frame **slots = calloc(capacity, sizeof(struct frame *));

    if (!slots)
        return false;
    for (uint64_t number = ring->first; number < ring->end; number++)
        slots[number & (capacity - 1)] = ring->slots[number & (ring->capacity - 1)];
    free(ring->slots);
    ring->slots = slots;
    ring->capacity = capacity;
    return true;
}

bool ring_push(struct ring *ring, struct frame *frame)
{
    if (ring->end - ring->first == ring->capacity && !grow(ring))
        return false;
    ring->slots[ring->end & (ring->capacity - 1)] = frame;
    ring->end++;
    ring->bytes += frame->bytes;
    return true;
}

struct frame *ring_at(const struct ring *ring, uint64_t number)
{
    return ring->slots[number & (ring->capacity - 1)];
}

void ring_drop_first(struct ring *ring)
{
    struct frame *frame = ring_at(ring, ring->first++);

    ring->bytes -= frame->bytes;
    frame_destroy(frame);
}

void ring_clear(struct ring *ring, uint64_t next_number)
{
    while (ring->first < ring->end)
        ring_drop_first(ring);
    ring->first = ring->end = next_number;
}

void ring_deinit(struct ring *ring)
{
    ring_clear(ring, 0);
    free(ring->slots);
    *ring = (struct ring){ .slots = NULL };
}
