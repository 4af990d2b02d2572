//go:build cgo && bmqfake

#define _POSIX_C_SOURCE 200809L

#include "fake.h"

#include <string.h>
#include <time.h>

/* The log has a thread, which lives as long as the process. */
typedef struct record {
    struct record *next;
    int32_t severity;
    int64_t size;
    char text[];
} record;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t more, through;
    record *first, *last;
    int32_t severity, running;
    int64_t put, handed;
} the_log = {.mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .through = PTHREAD_COND_INITIALIZER};

static void *run_log(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&the_log.mutex);
    for (;;) {
        while (!the_log.first) {
            pthread_cond_wait(&the_log.more, &the_log.mutex);
        }
        record *r = the_log.first;
        the_log.first = r->next;
        pthread_mutex_unlock(&the_log.mutex);
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        bmqb_log_record out = {
            .severity = r->severity,
            .line = 1,
            .time = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
            .category = "FAKE",
            .category_size = 4,
            .file = "fake.c",
            .file_size = 6,
            .message = r->text,
            .message_size = r->size,
        };
        bmqb_on_log(&out);
        fake_free(r);
        pthread_mutex_lock(&the_log.mutex);
        ++the_log.handed;
        pthread_cond_broadcast(&the_log.through);
    }
    return NULL;
}

int32_t bmqb_log(int32_t severity)
{
    pthread_mutex_lock(&the_log.mutex);
    the_log.severity = severity;
    if (!the_log.running) {
        the_log.running = 1;
        pthread_t thread;
        pthread_create(&thread, NULL, run_log, NULL);
        pthread_detach(thread);
    }
    pthread_mutex_unlock(&the_log.mutex);
    return 0;
}

void fake_log(int32_t severity, const char *text, int64_t size)
{
    pthread_mutex_lock(&the_log.mutex);
    if (severity <= the_log.severity) {
        record *r = fake_allocate(sizeof *r + (size_t)size);
        r->severity = severity;
        r->size = size;
        memcpy(r->text, text, (size_t)size);
        if (the_log.first) {
            the_log.last->next = r;
        } else {
            the_log.first = r;
        }
        the_log.last = r;
        ++the_log.put;
        pthread_cond_signal(&the_log.more);
    }
    pthread_mutex_unlock(&the_log.mutex);
}

int32_t bmqb_log_flush(int64_t timeout)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    int64_t nanoseconds = end.tv_nsec + timeout;
    end.tv_sec += nanoseconds / 1000000000;
    end.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&the_log.mutex);
    int64_t put = the_log.put;
    while (the_log.handed < put && pthread_cond_timedwait(&the_log.through, &the_log.mutex, &end) == 0) {
    }
    pthread_mutex_unlock(&the_log.mutex);
    return 0;
}
