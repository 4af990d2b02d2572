//go:build cgo && bmqfake

#include "fake.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

pthread_mutex_t fake_mutex = PTHREAD_MUTEX_INITIALIZER;

static atomic_llong live_sessions, live_queues, live_callbacks, live_allocations;
static uint64_t last_guid;

void *fake_allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        abort();
    }
    ++live_allocations;
    return memory;
}

void fake_free(void *memory)
{
    if (memory) {
        --live_allocations;
        free(memory);
    }
}

void fake_counted(int64_t sessions, int64_t queues, int64_t callbacks)
{
    live_sessions += sessions;
    live_queues += queues;
    live_callbacks += callbacks;
}

void bmqb_count(bmqb_counts *counts)
{
    counts->sessions = live_sessions;
    counts->queues = live_queues;
    counts->callbacks = live_callbacks;
    counts->allocations = live_allocations;
}

void fake_append(list *to, entry *e)
{
    e->next = NULL;
    if (to->last) {
        to->last->next = e;
    } else {
        to->first = e;
    }
    to->last = e;
    ++to->count;
}

entry *fake_pop(list *from)
{
    entry *e = from->first;
    if (e) {
        from->first = e->next;
        if (!e->next) {
            from->last = NULL;
        }
        --from->count;
    }
    return e;
}

message *fake_message(const bmqb_post_record *post, const char *data)
{
    size_t size = (size_t)post->properties_size + (size_t)post->payload_size;
    message *m = fake_allocate(sizeof *m + size);
    m->references = 1;
    m->properties_size = post->properties_size;
    m->payload_size = post->payload_size;
    ++last_guid;
    m->guid[0] = 0x40;
    memcpy(m->guid + 8, &last_guid, sizeof last_guid);
    memcpy(m->bytes, data + post->offset, size);
    return m;
}

void fake_release(message *m)
{
    if (--m->references == 0) {
        fake_free(m);
    }
}
