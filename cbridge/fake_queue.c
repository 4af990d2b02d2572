//go:build cgo && bmqfake

#include "fake.h"

#include <stdlib.h>
#include <string.h>

int32_t bmqb_queue_create(uint64_t number, bmqb_queue **queue, bmqb_error *error)
{
    fake_check_number(number);
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

/* The code for opening a queue that the session has, 0 for another one. */
static int32_t known(const bmqb_session *session, const bmqb_queue *queue, const store *at)
{
    for (const bmqb_queue *q = session->queues; q; q = q->next_of_session) {
        if (q->number == queue->number) {
            return -102;
        }
        if (q->store == at) {
            return 100;
        }
    }
    return 0;
}

static const char no_domain[] = "bmq://bmq.no.such.domain/";

/* Refuses a queue of a domain that is not there. A broker that does not answer lets
 * that time out, which costs the connection. */
static void refuse(bmqb_session *session, uint64_t operation)
{
    fake_result(session, operation, fake_held() ? -2 : -6);
    if (fake_held() && session->connected) {
        fake_go_down(session);
    }
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
    pthread_mutex_lock(&fake_mutex);
    fake_check_open(session, queue, timeout);
    int32_t rc = fake_code(FAKE_OPEN);
    if (rc == 0 && (size_t)uri_size >= sizeof no_domain && memcmp(uri, no_domain, sizeof no_domain - 1) == 0) {
        refuse(session, operation);
    } else if (rc == 0) {
        store *at = fake_store(uri, uri_size);
        int32_t code = known(session, queue, at);
        if (code == 0) {
            code = fake_code(FAKE_OPEN_RESULT);
        }
        if (code == 0) {
            queue->session = session;
            queue->flags = flags;
            queue->store = at;
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
    fake_check_running(session);
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
    fake_check_running(session);
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
        leave(queue);
    }
    free(queue);
    fake_counted(0, -1, 0);
    pthread_mutex_unlock(&fake_mutex);
    return 0;
}
