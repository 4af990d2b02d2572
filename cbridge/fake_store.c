//go:build cgo && bmqfake

#include "fake.h"

#include <stdlib.h>
#include <string.h>

static store *stores;

/* Stores are not counted: they are the broker's. */
store *fake_store(const char *uri, int64_t size)
{
    for (store *s = stores; s; s = s->next) {
        if (s->uri_size == size && memcmp(s->uri, uri, (size_t)size) == 0) {
            return s;
        }
    }
    store *s = calloc(1, sizeof *s + (size_t)size);
    if (!s) {
        abort();
    }
    s->uri_size = size;
    memcpy(s->uri, uri, (size_t)size);
    s->next = stores;
    stores = s;
    return s;
}

void fake_empty_stores(void)
{
    while (stores) {
        store *s = stores;
        stores = s->next;
        for (entry *e; (e = fake_pop(&s->messages));) {
            fake_release(e->message);
            fake_free(e);
        }
        free(s);
    }
}

void fake_attach(bmqb_queue *queue)
{
    if (queue->flags & BMQB_READ) {
        /* At the end: the turn begins at the front. */
        bmqb_queue **at = &queue->store->readers;
        while (*at) {
            at = &(*at)->next_reader;
        }
        queue->next_reader = NULL;
        *at = queue;
        fake_dispatch(queue->store);
    }
}

void fake_detach(bmqb_queue *queue)
{
    for (bmqb_queue **at = &queue->store->readers; *at; at = &(*at)->next_reader) {
        if (*at == queue) {
            *at = queue->next_reader;
            break;
        }
    }
    fake_give_back(queue);
    fake_dispatch(queue->store);
}

void fake_give_back(bmqb_queue *queue)
{
    list *back = &queue->unconfirmed, *to = &queue->store->messages;
    if (!back->first) {
        return;
    }
    back->last->next = to->first;
    if (!to->first) {
        to->last = back->last;
    }
    to->first = back->first;
    to->count += back->count;
    memset(back, 0, sizeof *back);
}

static bmqb_queue *taker(store *s)
{
    bmqb_queue *best = NULL;
    for (bmqb_queue *q = s->readers; q; q = q->next_reader) {
        if (q->suspended || q->options.max_unconfirmed_bytes == 0 ||
            q->unconfirmed.count >= q->options.max_unconfirmed_messages) {
            continue;
        }
        if (!best || q->options.consumer_priority > best->options.consumer_priority ||
            (q->options.consumer_priority == best->options.consumer_priority &&
             q->unconfirmed.count < best->unconfirmed.count)) {
            best = q;
        }
    }
    return best;
}

void fake_dispatch(store *s)
{
    while (s->messages.first) {
        bmqb_queue *to = taker(s);
        if (!to) {
            return;
        }
        /* All that goes to one consumer in a row goes in one event. */
        event *out = fake_new_event(BMQB_EVENT_MESSAGES);
        size_t most = (size_t)s->messages.count;
        out->messages = fake_allocate(sizeof(bmqb_message) * most);
        out->sources = fake_allocate(sizeof(message *) * most);
        do {
            entry *e = fake_pop(&s->messages);
            message *m = e->message;
            fake_append(&to->unconfirmed, e);
            ++m->references;
            bmqb_message *record = &out->messages[out->event.count];
            out->sources[out->event.count++] = m;
            record->queue = to->number;
            record->subscription = to->subscription;
            memcpy(record->guid, m->guid, sizeof m->guid);
            record->offset = out->event.bytes;
            record->properties_size = m->properties_size;
            record->payload_size = m->payload_size;
            out->event.bytes += (int64_t)m->properties_size + m->payload_size;
        } while (s->messages.first && taker(s) == to);
        fake_push(to->session, out);
    }
}
