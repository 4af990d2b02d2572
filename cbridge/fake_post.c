//go:build cgo && bmqfake

#include "fake.h"

#include <string.h>

static bmqb_queue *queue_of(uint64_t queue) { return (bmqb_queue *)(uintptr_t)queue; }

static int32_t refusal(const bmqb_post_record *post)
{
    const bmqb_queue *queue = queue_of(post->queue);
    if (!queue->session) {
        return -100;
    }
    if (!(queue->flags & BMQB_WRITE)) {
        return -101;
    }
    if (queue->suspended) {
        return -108;
    }
    return fake_code(FAKE_PACK);
}

/* Puts an event's messages into their stores, and answers them. */
static void send(bmqb_session *session, list *posts)
{
    event *acks = NULL;
    for (entry *e; (e = fake_pop(posts));) {
        bmqb_queue *queue = e->queue;
        if (!queue->session || !session->connected) {
            fake_append(&session->kept, e);
            continue;
        }
        int32_t status = fake_code(FAKE_ACK);
        if (e->id) {
            if (!acks) {
                acks = fake_new_event(BMQB_EVENT_ACKS);
                acks->acks = fake_allocate(sizeof(bmqb_ack) * (size_t)(posts->count + 1));
            }
            bmqb_ack *a = &acks->acks[acks->event.count++];
            a->id = e->id;
            a->queue = queue->number;
            memcpy(a->guid, e->message->guid, sizeof a->guid);
            a->status = status;
        }
        if (status != 0) {
            fake_release(e->message);
            fake_free(e);
            continue;
        }
        fake_append(&queue->store->messages, e);
        fake_dispatch(queue->store);
    }
    if (acks) {
        fake_push(session, acks);
    }
}

static void drop(list *posts)
{
    for (entry *e; (e = fake_pop(posts));) {
        fake_release(e->message);
        fake_free(e);
    }
}

static int32_t try_to_send(bmqb_session *session, list *posts)
{
    int32_t rc = fake_code(FAKE_POST);
    if (rc == 0) {
        send(session, posts);
    } else if (rc == 100) {
        session->limited = *posts;
    } else {
        drop(posts);
    }
    return rc;
}

int32_t bmqb_post(bmqb_session *session, bmqb_post_record *posts, int32_t count, const char *data,
                  int32_t *taken, bmqb_error *error)
{
    list packed = {0};
    int32_t rc = 0;
    pthread_mutex_lock(&fake_mutex);
    fake_check_running(session);
    *taken = 0;
    if (count == 0) {
        packed = session->limited;
        memset(&session->limited, 0, sizeof session->limited);
    } else {
        drop(&session->limited);
    }
    for (int32_t i = 0; i < count; ++i) {
        fake_check_post(&posts[i]);
        posts[i].result = refusal(&posts[i]);
        if (posts[i].result == -103 && packed.first) {
            posts[i].result = 0; /* there is room in the next event */
            break;
        }
        ++*taken;
        if (posts[i].result != 0) {
            continue;
        }
        entry *e = fake_allocate(sizeof *e);
        e->message = fake_message(&posts[i], data);
        e->queue = queue_of(posts[i].queue);
        e->id = posts[i].id;
        fake_append(&packed, e);
    }
    if (packed.first) {
        rc = try_to_send(session, &packed);
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}

static void confirm_one(const bmqb_confirm_record *c)
{
    bmqb_queue *queue = queue_of(c->queue);
    if (!queue->session) {
        return;
    }
    list rest = {0};
    for (entry *e; (e = fake_pop(&queue->unconfirmed));) {
        if (memcmp(e->message->guid, c->guid, sizeof c->guid) == 0) {
            fake_release(e->message);
            fake_free(e);
        } else {
            fake_append(&rest, e);
        }
    }
    queue->unconfirmed = rest;
    fake_dispatch(queue->store);
}

int32_t bmqb_confirm(bmqb_session *session, const bmqb_confirm_record *confirms, int32_t count,
                     int32_t *taken, bmqb_error *error)
{
    pthread_mutex_lock(&fake_mutex);
    fake_check_running(session);
    *taken = count;
    int32_t rc = session->connected ? fake_code(FAKE_CONFIRM) : -3;
    if (count > 0) {
        fake_free(session->confirms);
        session->confirms = NULL;
        session->confirm_count = 0;
    }
    if (count > 0 && rc == -2) {
        session->confirms = fake_allocate(sizeof *confirms * (size_t)count);
        session->confirm_count = count;
        memcpy(session->confirms, confirms, sizeof *confirms * (size_t)count);
    }
    if (count == 0) {
        confirms = session->confirms;
        count = session->confirm_count;
    }
    for (int32_t i = 0; rc == 0 && i < count; ++i) {
        confirm_one(&confirms[i]);
    }
    if (rc != -2) {
        fake_free(session->confirms);
        session->confirms = NULL;
        session->confirm_count = 0;
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}
