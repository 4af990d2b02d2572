//go:build cgo && bmqfake

#define _POSIX_C_SOURCE 200809L

#include "fake.h"

#include <stdlib.h>
#include <string.h>

/* Where credentials are put. */
typedef struct {
    char *mechanism;
    char *data;
} sink;

int32_t bmqb_credential_set(void *to, const char *mechanism, int64_t mechanism_size, const char *data,
                            int64_t data_size)
{
    sink *s = to;
    s->mechanism = fake_allocate((size_t)mechanism_size + 1);
    memcpy(s->mechanism, mechanism, (size_t)mechanism_size);
    s->data = fake_allocate((size_t)data_size + 1);
    if (data_size > 0) {
        memcpy(s->data, data, (size_t)data_size);
    }
    return 0;
}

static int32_t authenticate(bmqb_session *session)
{
    sink s = {0};
    int32_t rc = 0;
    if (session->options.authenticates) {
        rc = bmqb_on_credential(session->handle, &s);
    }
    fake_free(s.mechanism);
    fake_free(s.data);
    return rc;
}

int32_t bmqb_session_create(const bmqb_session_options *options, const char *strings, void *handle,
                            bmqb_session **session, bmqb_error *error)
{
    fake_check_options(options, strings);
    pthread_mutex_lock(&fake_mutex);
    int32_t rc = fake_code(FAKE_CREATE);
    if (rc == 0) {
        bmqb_session *s = calloc(1, sizeof *s);
        if (!s) {
            abort();
        }
        s->handle = handle;
        s->options = *options;
        s->healthy = options->healthy;
        pthread_cond_init(&s->more, NULL);
        s->next = fake_sessions;
        fake_sessions = s;
        fake_counted(1, 0, 0);
        *session = s;
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}

static void *begin(void *argument)
{
    bmqb_session *session = argument;
    int32_t refused = authenticate(session);
    pthread_mutex_lock(&fake_mutex);
    if (refused == 0 && fake_code(FAKE_CONNECT) == 0) {
        session->connected = 1;
        fake_session_event(session, 1, 0, 0);
        if (!session->healthy) {
            fake_session_event(session, 13, 0, 0);
        }
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_run(session);
}

int32_t bmqb_session_start(bmqb_session *session, bmqb_error *error)
{
    pthread_mutex_lock(&fake_mutex);
    fake_check_start(session);
    session->started = 1;
    int32_t rc = fake_code(FAKE_START);
    if (rc == 0) {
        session->running = 1;
        if (pthread_create(&session->thread, NULL, begin, session) != 0) {
            abort();
        }
    }
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}

void fake_refuse_kept(bmqb_session *session, const bmqb_queue *queue)
{
    list kept = session->kept;
    event *out = NULL;
    memset(&session->kept, 0, sizeof session->kept);
    for (entry *e; (e = fake_pop(&kept));) {
        if (queue && e->queue != queue) {
            fake_append(&session->kept, e);
            continue;
        }
        if (e->id) {
            if (!out) {
                out = fake_new_event(BMQB_EVENT_ACKS);
                out->acks = fake_allocate(sizeof(bmqb_ack) * (size_t)(kept.count + 1));
            }
            bmqb_ack *a = &out->acks[out->event.count++];
            a->id = e->id;
            a->queue = e->queue->number;
            a->status = -1;
        }
        fake_release(e->message);
        fake_free(e);
    }
    if (out) {
        fake_push(session, out);
    }
}

int32_t bmqb_session_stop(bmqb_session *session, bmqb_error *error)
{
    pthread_mutex_lock(&fake_mutex);
    fake_await_stop();
    int32_t rc = fake_code(FAKE_STOP);
    int32_t running = session->running;
    pthread_mutex_unlock(&fake_mutex);
    if (!running) {
        return fake_fail(error, rc);
    }
    pthread_mutex_lock(&fake_mutex);
    fake_refuse_kept(session, NULL);
    for (bmqb_queue *q = session->queues; q; q = q->next_of_session) {
        if (session->connected) {
            fake_detach(q);
        }
        if (q->held) {
            fake_result(session, q->held, -3);
            q->held = 0;
        }
        q->session = NULL;
    }
    session->queues = NULL;
    if (session->connected) {
        session->connected = 0;
        fake_session_event(session, 2, 0, 0);
    }
    session->ending = 1;
    session->running = 0;
    pthread_cond_signal(&session->more);
    pthread_mutex_unlock(&fake_mutex);
    pthread_join(session->thread, NULL);
    return fake_fail(error, rc);
}

int32_t bmqb_session_destroy(bmqb_session *session, bmqb_error *error)
{
    pthread_mutex_lock(&fake_mutex);
    fake_check_destroy(session);
    int32_t rc = fake_code(FAKE_DESTROY);
    for (bmqb_session **at = &fake_sessions; *at; at = &(*at)->next) {
        if (*at == session) {
            *at = session->next;
            break;
        }
    }
    for (entry *e; (e = fake_pop(&session->limited));) {
        fake_release(e->message);
        fake_free(e);
    }
    fake_free(session->confirms);
    pthread_cond_destroy(&session->more);
    free(session);
    fake_counted(-1, 0, 0);
    pthread_mutex_unlock(&fake_mutex);
    return fake_fail(error, rc);
}

int32_t bmqb_session_health(bmqb_session *session, int32_t healthy)
{
    pthread_mutex_lock(&fake_mutex);
    if (session->running && session->healthy != healthy) {
        session->healthy = healthy;
        if (!healthy) {
            fake_session_event(session, 13, 0, 0);
        }
        for (bmqb_queue *q = session->queues; q; q = q->next_of_session) {
            if (q->options.suspends_on_bad_host_health) {
                q->suspended = !healthy;
                fake_session_event(session, healthy ? 16 : 15, 0, q->number);
                fake_dispatch(q->store);
            }
        }
        if (healthy) {
            fake_session_event(session, 14, 0, 0);
        }
    }
    pthread_mutex_unlock(&fake_mutex);
    return 0;
}
