//go:build cgo && bmqfake

#include "fake.h"

#include <string.h>

event *fake_new_event(int32_t kind)
{
    event *e = fake_allocate(sizeof *e);
    e->event.kind = kind;
    e->event.source = e;
    return e;
}

void fake_push(bmqb_session *session, event *e)
{
    e->next = NULL;
    if (session->first) {
        session->last->next = e;
    } else {
        session->first = e;
    }
    session->last = e;
    pthread_cond_signal(&session->more);
}

static void set_text(event *e, const char *text)
{
    e->event.text_size = (int64_t)strlen(text);
    e->text = fake_allocate((size_t)e->event.text_size + 1);
    memcpy(e->text, text, (size_t)e->event.text_size);
    e->event.text = e->text;
}

void fake_session_event(bmqb_session *session, int32_t type, int32_t code, uint64_t queue)
{
    event *e = fake_new_event(BMQB_EVENT_SESSION);
    e->event.type = type;
    e->event.code = code;
    e->event.id = queue;
    if (code != 0) {
        set_text(e, "scripted");
    }
    fake_push(session, e);
}

void fake_result(bmqb_session *session, uint64_t operation, int32_t code)
{
    event *e = fake_new_event(BMQB_EVENT_RESULT);
    e->event.id = operation;
    e->event.code = code;
    if (code != 0) {
        set_text(e, "scripted result");
    }
    fake_push(session, e);
}

static void free_event(event *e)
{
    for (int32_t i = 0; e->sources && i < e->event.count; ++i) {
        fake_release(e->sources[i]);
    }
    fake_free(e->messages);
    fake_free(e->sources);
    fake_free(e->acks);
    fake_free(e->text);
    fake_free(e);
}

void *fake_run(void *argument)
{
    bmqb_session *session = argument;
    pthread_mutex_lock(&fake_mutex);
    for (;;) {
        while (!session->first && !session->ending) {
            pthread_cond_wait(&session->more, &fake_mutex);
        }
        event *e = session->first;
        if (!e) {
            break;
        }
        session->first = e->next;
        pthread_mutex_unlock(&fake_mutex);
        fake_counted(0, 0, 1);
        bmqb_on_event(session->handle, &e->event);
        fake_counted(0, 0, -1);
        pthread_mutex_lock(&fake_mutex);
        free_event(e);
    }
    pthread_mutex_unlock(&fake_mutex);
    return NULL;
}

int32_t bmqb_fill_messages(void *source, bmqb_message *messages, char *bytes)
{
    const event *e = source;
    memcpy(messages, e->messages, sizeof *messages * (size_t)e->event.count);
    for (int32_t i = 0; i < e->event.count; ++i) {
        const message *m = e->sources[i];
        memcpy(bytes + e->messages[i].offset, m->bytes, (size_t)m->properties_size + (size_t)m->payload_size);
    }
    return 0;
}

int32_t bmqb_fill_acks(void *source, bmqb_ack *acks)
{
    const event *e = source;
    memcpy(acks, e->acks, sizeof *acks * (size_t)e->event.count);
    return 0;
}
