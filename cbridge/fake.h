/* A double of the shim for tests: the functions of bmqbridge.h over queues in memory,
 * without a network. Sessions have a thread each that events come from. Functions
 * fake_* are the script: they have others fail, or things happen. */
#ifndef BMQ_CBRIDGE_FAKE_H
#define BMQ_CBRIDGE_FAKE_H

#include "bmqbridge.h"

#include <pthread.h>
#include <stddef.h>

/* What can be made to answer a code. */
enum {
    FAKE_CREATE,
    FAKE_START,
    FAKE_STOP,
    FAKE_DESTROY,
    FAKE_QUEUE_CREATE,
    FAKE_OPEN,
    FAKE_CONFIGURE,
    FAKE_CLOSE,
    FAKE_POST,
    FAKE_PACK, /* of each message */
    FAKE_CONFIRM,
    FAKE_OPEN_RESULT,
    FAKE_CONFIGURE_RESULT,
    FAKE_CLOSE_RESULT,
    FAKE_REOPEN,
    FAKE_ACK,
    FAKE_CONNECT, /* any code: never */
    FAKE_FUNCTIONS
};

/* -- The script ------------------------------------------------------------------- */

/* Has the next times calls of a function answer code. */
void fake_answer(int32_t function, int32_t code, int32_t times);
/* Has results of queue operations held back, or lets them go. */
void fake_hold(int32_t hold);
/* Takes the connection of all sessions down, or up again. */
void fake_connection(int32_t up);
/* Has an event come in all sessions; queue events for all of their queues. */
void fake_event(int32_t type, int32_t code, int32_t times);
/* Has bmqb_session_stop not return, or lets it. */
void fake_hold_stop(int32_t hold);
void fake_log(int32_t severity, const char *text, int64_t size);
void fake_set_abi(uint32_t abi);
/* What there is in all sessions: results that are held back, posts that wait for room,
 * messages in the hands of consumers. */
int32_t fake_count_held(void);
int32_t fake_limited(void);
int32_t fake_unconfirmed(void);
/* Undoes all of it, and empties the queues. No session may be there. */
void fake_reset(void);

/* -- What the parts share ----------------------------------------------------------- */

/* All below is guarded by fake_mutex, but for what is said otherwise. */
extern pthread_mutex_t fake_mutex;

typedef struct message {
    int32_t references;
    int32_t properties_size;
    int32_t payload_size;
    uint8_t guid[16];
    char bytes[];
} message;

/* A message at some place: in a store, in the hands of a consumer, kept for later. */
typedef struct entry {
    struct entry *next;
    message *message;
    struct bmqb_queue *queue; /* that it was posted to, of those that are kept */
    uint64_t id;
} entry;

typedef struct {
    entry *first;
    entry *last;
    int32_t count;
} list;

/* The messages of one URI. */
typedef struct store {
    struct store *next;
    struct bmqb_queue *readers; /* of all sessions */
    list messages;
    int64_t uri_size;
    char uri[];
} store;

typedef struct event {
    struct event *next;
    bmqb_event event;
    bmqb_message *messages; /* of event.count entries, with their sources */
    message **sources;
    bmqb_ack *acks;
    char *text;
} event;

struct bmqb_queue {
    uint64_t number;
    bmqb_session *session; /* null: not open */
    struct bmqb_queue *next_of_session;
    struct bmqb_queue *next_reader;
    store *store;
    int32_t flags;
    int32_t suspended;
    bmqb_queue_options options;
    int64_t subscription;
    list unconfirmed;
    uint64_t held; /* operation whose result is held back */
    int32_t held_code;
};

struct bmqb_session {
    bmqb_session *next;
    void *handle;
    bmqb_session_options options;
    int32_t connected;
    int32_t healthy;
    int32_t ending;  /* the thread ends when there are no more events */
    int32_t running; /* there is a thread */
    int32_t started; /* once */
    pthread_t thread;
    pthread_cond_t more;
    event *first;
    event *last;
    struct bmqb_queue *queues;
    list kept;     /* posts while there is no connection */
    list limited;  /* posts of an event that BW_LIMIT was answered for */
    int32_t confirms_limited;
    bmqb_confirm_record *confirms; /* likewise */
    int32_t confirm_count;
};

extern bmqb_session *fake_sessions;

/* Memory that is counted, and what is in it. */
void *fake_allocate(size_t size);
void fake_free(void *memory);
void fake_counted(int64_t sessions, int64_t queues, int64_t callbacks);
void fake_append(list *to, entry *e);
entry *fake_pop(list *from);
message *fake_message(const bmqb_post_record *post, const char *data);
void fake_release(message *m);

/* The code to answer, 0 where the script has none. */
int32_t fake_code(int32_t function);
int32_t fake_fail(bmqb_error *error, int32_t code);
int32_t fake_held(void);
/* Waits, giving fake_mutex up meanwhile, until stopping is not held back. */
void fake_await_stop(void);

/* They end the process where a rule of the SDK is broken. */
void fake_check_options(const bmqb_session_options *options, const char *strings);
void fake_check_start(const bmqb_session *session);
void fake_check_running(const bmqb_session *session);
void fake_check_destroy(const bmqb_session *session);
void fake_check_number(uint64_t number);
void fake_check_open(const bmqb_session *session, const bmqb_queue *queue, int64_t timeout);
void fake_check_post(const bmqb_post_record *post);

event *fake_new_event(int32_t kind);
void fake_push(bmqb_session *session, event *e);
void fake_session_event(bmqb_session *session, int32_t type, int32_t code, uint64_t queue);
void fake_result(bmqb_session *session, uint64_t operation, int32_t code);
void *fake_run(void *session); /* the thread of a session */

/* The connection of a session is lost. */
void fake_go_down(bmqb_session *session);
/* Answers the posts that wait for a connection, of one queue or of all. */
void fake_refuse_kept(bmqb_session *session, const bmqb_queue *queue);

store *fake_store(const char *uri, int64_t size);
void fake_empty_stores(void);
void fake_attach(bmqb_queue *queue);
void fake_detach(bmqb_queue *queue);
/* Hands messages out as far as the consumers' limits allow. */
void fake_dispatch(store *s);
/* Puts what a consumer has in hand back in front of its store. */
void fake_give_back(bmqb_queue *queue);

#endif
