/* The C interface between package cbridge and what speaks to the broker: a shim over
 * the C++ SDK (cbridge/ *.cpp), or a double of it for tests (cbridge/fake*.c).
 *
 * Rules for every function:
 *  - It catches everything and answers a bmqt result code, 0 for success. Where it
 *    takes a bmqb_error, that gets the same code and a text.
 *  - It keeps no pointer that it was given, but for handle.
 *  - Strings are pointer and size, UTF-8, without a NUL at the end. Times are in
 *    nanoseconds.
 *  - The caller keeps the preconditions of the SDK, which ends the process where one
 *    is broken.
 *
 * Rules for every callback (bmqb_on_*): it is called without a lock, it returns soon,
 * and what its arguments point to is valid until it returns.
 */
#ifndef BMQBRIDGE_H
#define BMQBRIDGE_H

#include <stdint.h>

#ifdef __cplusplus
#define BMQB_SIZE(type, size) static_assert(sizeof(type) == (size), #type)
extern "C" {
#else
#define BMQB_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif

/* Also in abi.go. Raise both with every change of this file. */
#define BMQB_ABI 4

/* Payloads from this size in bytes on are not copied into buffers of the SDK. */
#define BMQB_REFERRED_SIZE 512

typedef struct bmqb_session bmqb_session;
typedef struct bmqb_queue bmqb_queue;

typedef struct {
    int32_t code;
    int32_t size; /* of text */
    char text[248];
} bmqb_error;
BMQB_SIZE(bmqb_error, 256);

/* What is alive at present; all zero when no session is. */
typedef struct {
    int64_t sessions;
    int64_t queues;
    int64_t callbacks;   /* that are running */
    int64_t allocations; /* of the bridge itself, beyond the above */
} bmqb_counts;
BMQB_SIZE(bmqb_counts, 32);

/* The strings stand one behind the other, in the order of their sizes here. */
typedef struct {
    int64_t connect_timeout;
    int64_t disconnect_timeout;
    int64_t open_queue_timeout;
    int64_t configure_queue_timeout;
    int64_t close_queue_timeout;
    int64_t channel_high_watermark; /* bytes, more than 8 MiB */
    int32_t stats_dump_interval;    /* seconds: 0, or a multiple of 30 below 3600 */
    int32_t blob_buffer_size;       /* bytes, more than 0 */
    int32_t healthy;
    int32_t authenticates; /* bmqb_on_credential is to be asked */
    int32_t broker_uri_size;
    int32_t process_name_size;
    int32_t user_agent_size; /* less than 128, printable ASCII */
    int32_t reserved;
} bmqb_session_options;
BMQB_SIZE(bmqb_session_options, 80);

typedef struct {
    int32_t max_unconfirmed_messages;
    int32_t max_unconfirmed_bytes;
    int32_t consumer_priority;
    int32_t suspends_on_bad_host_health;
} bmqb_queue_options;
BMQB_SIZE(bmqb_queue_options, 16);

typedef struct {
    int64_t number; /* comes back with each message; not 0 */
    int32_t max_unconfirmed_messages;
    int32_t max_unconfirmed_bytes;
    int32_t consumer_priority;
    int32_t expression_size;
} bmqb_subscription;
BMQB_SIZE(bmqb_subscription, 24);

#define BMQB_READ 1
#define BMQB_WRITE 2

typedef struct {
    uint64_t queue;          /* a bmqb_queue* */
    uint64_t id;             /* comes back with the ack; 0: no ack is wanted */
    int64_t offset;          /* into the data: properties, payload behind them */
    int32_t properties_size; /* of an area in old style, 0 for none */
    int32_t payload_size;    /* more than 0 */
    int32_t compression;     /* bmqt::CompressionAlgorithmType */
    int32_t result;          /* answered: bmqt::EventBuilderResult */
} bmqb_post_record;
BMQB_SIZE(bmqb_post_record, 40);

typedef struct {
    uint64_t queue; /* a bmqb_queue* */
    uint8_t guid[16];
} bmqb_confirm_record;
BMQB_SIZE(bmqb_confirm_record, 24);

typedef struct {
    uint64_t queue;       /* the number given to bmqb_queue_create */
    int64_t subscription; /* the number of a subscription, 0 for none */
    uint8_t guid[16];
    int64_t offset;          /* into the bytes: properties, payload behind them */
    int32_t properties_size; /* of an area in old style, 0 for none */
    int32_t payload_size;
    int32_t properties_error; /* not 0: the properties could not be read */
    int32_t reserved;
} bmqb_message;
BMQB_SIZE(bmqb_message, 56);

typedef struct {
    uint64_t id; /* of bmqb_post_record; 0: the post wanted no ack */
    uint64_t queue;
    uint8_t guid[16];
    int32_t status; /* bmqt::AckResult */
    int32_t reserved;
} bmqb_ack;
BMQB_SIZE(bmqb_ack, 40);

#define BMQB_EVENT_SESSION 1  /* type, code, text; id is the queue's number or 0 */
#define BMQB_EVENT_MESSAGES 2 /* count, bytes; bmqb_fill_messages */
#define BMQB_EVENT_ACKS 3     /* count; bmqb_fill_acks */
#define BMQB_EVENT_RESULT 4   /* code, text; id is the operation's */

typedef struct {
    int32_t kind;
    int32_t type; /* bmqt::SessionEventType */
    int32_t code;
    int32_t count;
    int64_t bytes;
    uint64_t id;
    const char *text;
    int64_t text_size;
    void *source; /* for the bmqb_fill_ functions */
} bmqb_event;
BMQB_SIZE(bmqb_event, 56);

typedef struct {
    int32_t severity; /* ball::Severity: 32 FATAL, 64 ERROR, 96 WARN, 128 INFO, 160 DEBUG */
    int32_t line;
    int64_t time;    /* since 1970 */
    int64_t dropped; /* records that were lost before this one */
    const char *category;
    int64_t category_size;
    const char *file;
    int64_t file_size;
    const char *message;
    int64_t message_size;
} bmqb_log_record;
BMQB_SIZE(bmqb_log_record, 72);

/* -- Callbacks, which package cbridge implements ------------------------------- */

/* handle is the one given to bmqb_session_create. Events of a session come one at a
 * time. */
extern void bmqb_on_event(void *handle, bmqb_event *event);

/* Asks for a credential, which is to be given by bmqb_credential_set. Answers 0, or
 * anything else to fail the authentication. It may take a while. */
extern int32_t bmqb_on_credential(void *handle, void *sink);

/* Comes from a thread that is there for this only. */
extern void bmqb_on_log(bmqb_log_record *record);

/* -- The library ------------------------------------------------------------------ */

/* The BMQB_ABI this was compiled with. */
uint32_t bmqb_abi(void);

/* Writes the version, a newline, and how the library is linked. Answers the size. */
int32_t bmqb_describe(char *text, int32_t size);

void bmqb_count(bmqb_counts *counts);

/* Has log records up to the given severity come to bmqb_on_log, those of all sessions
 * of the process. The first call takes the log over. */
int32_t bmqb_log(int32_t severity);

/* Returns when bmqb_on_log has returned for all records so far, or time is over. */
int32_t bmqb_log_flush(int64_t timeout);

/* -- Sessions ---------------------------------------------------------------------- */

/* handle comes with every callback until bmqb_session_destroy has returned. */
int32_t bmqb_session_create(const bmqb_session_options *options, const char *strings, void *handle,
                            bmqb_session **session, bmqb_error *error);

/* Begins to connect. CONNECTED or CONNECTION_TIMEOUT comes as an event. Once only. */
int32_t bmqb_session_start(bmqb_session *session, bmqb_error *error);

/* Disconnects, and returns when no event will come any more. It takes the disconnect
 * timeout where the broker does not answer. */
int32_t bmqb_session_stop(bmqb_session *session, bmqb_error *error);

/* The session must be stopped, or never started, and its queues freed. */
int32_t bmqb_session_destroy(bmqb_session *session, bmqb_error *error);

int32_t bmqb_session_health(bmqb_session *session, int32_t healthy);

/* -- Queues of a started session ---------------------------------------------------- */

/* Makes a queue that is not open. number comes with its events and messages. */
int32_t bmqb_queue_create(uint64_t number, bmqb_queue **queue, bmqb_error *error);

/* Begins to open a queue, once; operation is the id of the result's event. The
 * expressions of the subscriptions stand one behind the other. After an error there is
 * no event; so it is with the next two. */
int32_t bmqb_queue_open(bmqb_session *session, bmqb_queue *queue, uint64_t operation, const char *uri,
                        int64_t uri_size, int32_t flags, const bmqb_queue_options *options,
                        const bmqb_subscription *subscriptions, int32_t count, const char *expressions,
                        int64_t timeout, bmqb_error *error);

int32_t bmqb_queue_configure(bmqb_session *session, bmqb_queue *queue, uint64_t operation,
                             const bmqb_queue_options *options, const bmqb_subscription *subscriptions,
                             int32_t count, const char *expressions, int64_t timeout, bmqb_error *error);

int32_t bmqb_queue_close(bmqb_session *session, bmqb_queue *queue, uint64_t operation, int64_t timeout,
                         bmqb_error *error);

/* Forgets a queue. No other function may be using it, and no record may name it. */
int32_t bmqb_queue_free(bmqb_queue *queue);

/* -- Messages ------------------------------------------------------------------------ */

/* Posts messages as one event and answers in *taken how many of them, from the first
 * on, it looked at; the others need another event. Those with a result were refused
 * one by one. The code is about the others that were taken: BW_LIMIT means that they
 * are kept, and that calling again with a count of 0 tries to send them; with any
 * other error they were not posted. One thread at a time may post. It never waits. */
int32_t bmqb_post(bmqb_session *session, bmqb_post_record *posts, int32_t count, const char *data,
                  int32_t *taken, bmqb_error *error);

/* Confirms messages as one event, and answers as bmqb_post does; here the code is
 * TIMEOUT for those that are kept. Confirmations for queues that are not open are
 * left out. */
int32_t bmqb_confirm(bmqb_session *session, const bmqb_confirm_record *confirms, int32_t count,
                     int32_t *taken, bmqb_error *error);

/* For use in bmqb_on_event: copies what the event has, with its source, count and
 * bytes. */
int32_t bmqb_fill_messages(void *source, bmqb_message *messages, char *bytes);
int32_t bmqb_fill_acks(void *source, bmqb_ack *acks);

/* For use in bmqb_on_credential. */
int32_t bmqb_credential_set(void *sink, const char *mechanism, int64_t mechanism_size, const char *data,
                            int64_t data_size);

#ifdef __cplusplus
}
#endif

#endif
