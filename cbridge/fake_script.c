//go:build cgo && bmqfake

#include "fake.h"

#include <stdio.h>
#include <string.h>

bmqb_session *fake_sessions;

static struct {
    int32_t code, times;
} answers[FAKE_FUNCTIONS];

static int32_t holding;
static int32_t stop_held;
static pthread_cond_t stop_released = PTHREAD_COND_INITIALIZER;
static uint32_t abi = BMQB_ABI;

int32_t fake_code(int32_t function)
{
    if (answers[function].times == 0) {
        return 0;
    }
    --answers[function].times;
    return answers[function].code;
}

int32_t fake_fail(bmqb_error *error, int32_t code)
{
    if (error && code != 0) {
        error->code = code;
        error->size = (int32_t)snprintf(error->text, sizeof error->text, "scripted failure");
    }
    return code;
}

int32_t fake_held(void) { return holding; }

void fake_await_stop(void)
{
    while (stop_held) {
        pthread_cond_wait(&stop_released, &fake_mutex);
    }
}

void fake_answer(int32_t function, int32_t code, int32_t times)
{
    pthread_mutex_lock(&fake_mutex);
    answers[function].code = code;
    answers[function].times = times;
    pthread_mutex_unlock(&fake_mutex);
}

void fake_hold_stop(int32_t hold)
{
    pthread_mutex_lock(&fake_mutex);
    stop_held = hold;
    pthread_cond_broadcast(&stop_released);
    pthread_mutex_unlock(&fake_mutex);
}

void fake_hold(int32_t hold)
{
    pthread_mutex_lock(&fake_mutex);
    holding = hold;
    for (bmqb_session *s = fake_sessions; s && !hold; s = s->next) {
        for (bmqb_queue *q = s->queues; q; q = q->next_of_session) {
            if (q->held) {
                fake_result(s, q->held, q->held_code);
                q->held = 0;
            }
        }
    }
    pthread_mutex_unlock(&fake_mutex);
}

static int is_of_queue(int32_t type)
{
    return type == 7 || type == 8 || type == 9 || type == 12 || type == 15 || type == 16;
}

void fake_event(int32_t type, int32_t code, int32_t times)
{
    pthread_mutex_lock(&fake_mutex);
    for (bmqb_session *s = fake_sessions; s; s = s->next) {
        for (int32_t i = 0; s->running && i < times; ++i) {
            if (!is_of_queue(type)) {
                fake_session_event(s, type, code, 0);
                continue;
            }
            for (bmqb_queue *q = s->queues; q; q = q->next_of_session) {
                fake_session_event(s, type, code, q->number);
            }
        }
    }
    pthread_mutex_unlock(&fake_mutex);
}

void fake_go_down(bmqb_session *s)
{
    s->connected = 0;
    for (bmqb_queue *q = s->queues; q; q = q->next_of_session) {
        fake_detach(q);
    }
    fake_session_event(s, 3, 0, 0);
}

static void go_up(bmqb_session *s)
{
    s->connected = 1;
    fake_session_event(s, 4, 0, 0);
    for (bmqb_queue *q = s->queues, *next; q; q = next) {
        next = q->next_of_session;
        if (fake_code(FAKE_REOPEN) != 0) {
            /* As the SDK does it: without a word. */
            for (bmqb_queue **at = &s->queues; *at; at = &(*at)->next_of_session) {
                if (*at == q) {
                    *at = next;
                    break;
                }
            }
            q->session = NULL;
            continue;
        }
        fake_attach(q);
        fake_session_event(s, 8, 0, q->number);
    }
    list kept = s->kept;
    memset(&s->kept, 0, sizeof s->kept);
    event *acks = NULL;
    for (entry *e; (e = fake_pop(&kept));) {
        if (e->id) {
            if (!acks) {
                acks = fake_new_event(BMQB_EVENT_ACKS);
                acks->acks = fake_allocate(sizeof(bmqb_ack) * (size_t)(kept.count + 1));
            }
            bmqb_ack *a = &acks->acks[acks->event.count++];
            a->id = e->id;
            a->queue = e->queue->number;
            memcpy(a->guid, e->message->guid, sizeof a->guid);
            a->status = e->queue->session ? 0 : -1;
        }
        if (e->queue->session) {
            store *to = e->queue->store;
            e->queue = NULL;
            fake_append(&to->messages, e);
            fake_dispatch(to);
        } else {
            fake_release(e->message);
            fake_free(e);
        }
    }
    if (acks) {
        fake_push(s, acks);
    }
    fake_session_event(s, 5, 0, 0);
}

void fake_connection(int32_t up)
{
    pthread_mutex_lock(&fake_mutex);
    for (bmqb_session *s = fake_sessions; s; s = s->next) {
        if (s->running && !s->ending && s->connected != up) {
            (up ? go_up : fake_go_down)(s);
        }
    }
    pthread_mutex_unlock(&fake_mutex);
}

void fake_set_abi(uint32_t number)
{
    pthread_mutex_lock(&fake_mutex);
    abi = number;
    pthread_mutex_unlock(&fake_mutex);
}

/* Sums up over the queues of all sessions. */
static int32_t sum(int32_t (*of)(const bmqb_queue *))
{
    int32_t n = 0;
    pthread_mutex_lock(&fake_mutex);
    for (const bmqb_session *s = fake_sessions; s; s = s->next) {
        for (const bmqb_queue *q = s->queues; q; q = q->next_of_session) {
            n += of(q);
        }
    }
    pthread_mutex_unlock(&fake_mutex);
    return n;
}

static int32_t held_of(const bmqb_queue *q) { return q->held != 0; }
static int32_t unconfirmed_of(const bmqb_queue *q) { return q->unconfirmed.count; }

int32_t fake_count_held(void) { return sum(held_of); }
int32_t fake_unconfirmed(void) { return sum(unconfirmed_of); }

int32_t fake_limited(void)
{
    int32_t n = 0;
    pthread_mutex_lock(&fake_mutex);
    for (const bmqb_session *s = fake_sessions; s; s = s->next) {
        n += s->limited.count;
    }
    pthread_mutex_unlock(&fake_mutex);
    return n;
}

void fake_reset(void)
{
    pthread_mutex_lock(&fake_mutex);
    memset(answers, 0, sizeof answers);
    holding = 0;
    stop_held = 0;
    abi = BMQB_ABI;
    fake_empty_stores();
    pthread_mutex_unlock(&fake_mutex);
}

/* -- The library ------------------------------------------------------------------- */

uint32_t bmqb_abi(void)
{
    pthread_mutex_lock(&fake_mutex);
    uint32_t answer = abi;
    pthread_mutex_unlock(&fake_mutex);
    return answer;
}

int32_t bmqb_describe(char *text, int32_t size)
{
    return (int32_t)snprintf(text, (size_t)size, "fake\nstatic");
}
