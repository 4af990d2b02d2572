//go:build cgo && bmqfake

#include "fake.h"

#include <stdlib.h>
#include <string.h>

int32_t bmqb_queue_create(uint64_t number, bmqb_queue **queue, bmqb_error *error)
{
    pthread_mutex_lock(&fake_mutex);
    int32_t rc = fake_code(FAKE_QUEUE_CREATE);
    if (rc == 0) {
        bmqb_queue *q = calloc(1, sizeof *q);
        if (!q) {
            abort();
        }
        q->number = number;
        fake_counted(0, 1, 0);
        *queue = q;
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}

static void apply(bmqb_queue *queue, const bmqb_queue_options *options, const bmqb_subscription *subscriptions,
                  int32_t count)
{
    queue->options = *options;
    queue->subscription = 0;
    if (count > 0) {
        /* Expressions are not understood: the first subscription takes every message. */
        queue->subscription = subscriptions[0].number;
        queue->options.max_unconfirmed_messages = subscriptions[0].max_unconfirmed_messages;
        queue->options.max_unconfirmed_bytes = subscriptions[0].max_unconfirmed_bytes;
        queue->options.consumer_priority = subscriptions[0].consumer_priority;
    }
    queue->suspended = options->suspends_on_bad_host_health && !queue->session->healthy;
}

/* Gives the result of an operation, at once or later. */
static void answer(bmqb_session *session, bmqb_queue *queue, uint64_t operation, int32_t code)
{
    if (fake_held()) {
        queue->held = operation;
        queue->held_code = code;
        return;
    }
    fake_result(session, operation, code);
}

static void leave(bmqb_queue *queue)
{
    bmqb_session *session = queue->session;
    if (session->connected) {
        fake_detach(queue);
    }
    for (bmqb_queue **at = &session->queues; *at; at = &(*at)->next_of_session) {
        if (*at == queue) {
            *at = queue->next_of_session;
            break;
        }
    }
    queue->session = NULL;
}

int32_t bmqb_queue_open(bmqb_session *session, bmqb_queue *queue, uint64_t operation, const char *uri,
                        int64_t uri_size, int32_t flags, const bmqb_queue_options *options,
                        const bmqb_subscription *subscriptions, int32_t count, const char *expressions,
                        int64_t timeout, bmqb_error *error)
{
    (void)expressions;
    (void)timeout;
    pthread_mutex_lock(&fake_mutex);
    int32_t rc = fake_code(FAKE_OPEN);
    if (rc == 0) {
        int32_t code = fake_code(FAKE_OPEN_RESULT);
        if (code == 0) {
            queue->session = session;
            queue->flags = flags;
            queue->store = fake_store(uri, uri_size);
            queue->next_of_session = session->queues;
            session->queues = queue;
            apply(queue, options, subscriptions, count);
        }
        answer(session, queue, operation, code);
        if (code == 0 && session->connected) {
            fake_attach(queue);
        }
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}

int32_t bmqb_queue_configure(bmqb_session *session, bmqb_queue *queue, uint64_t operation,
                             const bmqb_queue_options *options, const bmqb_subscription *subscriptions,
                             int32_t count, const char *expressions, int64_t timeout, bmqb_error *error)
{
    (void)expressions;
    (void)timeout;
    pthread_mutex_lock(&fake_mutex);
    int32_t rc = fake_code(FAKE_CONFIGURE);
    if (rc == 0) {
        int32_t code = queue->session ? fake_code(FAKE_CONFIGURE_RESULT) : -101;
        if (code == 0) {
            apply(queue, options, subscriptions, count);
        }
        answer(session, queue, operation, code);
        if (code == 0) {
            fake_dispatch(queue->store);
        }
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}

int32_t bmqb_queue_close(bmqb_session *session, bmqb_queue *queue, uint64_t operation, int64_t timeout,
                         bmqb_error *error)
{
    (void)timeout;
    pthread_mutex_lock(&fake_mutex);
    int32_t rc = fake_code(FAKE_CLOSE);
    if (rc == 0) {
        int32_t code = queue->session ? fake_code(FAKE_CLOSE_RESULT) : -101;
        fake_refuse_kept(session, queue);
        answer(session, queue, operation, code);
        if (queue->session && !queue->held) {
            leave(queue);
        }
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}

int32_t bmqb_queue_free(bmqb_queue *queue)
{
    pthread_mutex_lock(&fake_mutex);
    if (queue->session) {
        abort(); /* it is open: the caller broke the rules */
    }
    free(queue);
    fake_counted(0, -1, 0);
    pthread_mutex_unlock(&fake_mutex);
    return 0;
}
