//go:build cgo && bmqfake

#include "fake.h"

#include <stdio.h>
#include <stdlib.h>

/* What the SDK asserts. The caller has to keep it, and the double is as strict: it
 * ends the process where a rule is broken. */

#define REQUIRE(condition) ((condition) ? (void)0 : broken(#condition))

static void broken(const char *rule)
{
    fprintf(stderr, "the double of libbmq: broken rule: %s\n", rule);
    abort();
}

void fake_check_options(const bmqb_session_options *options, const char *strings)
{
    REQUIRE(options->channel_high_watermark > 8 << 20);
    REQUIRE(options->stats_dump_interval >= 0 && options->stats_dump_interval < 3600);
    REQUIRE(options->stats_dump_interval % 30 == 0);
    REQUIRE(options->blob_buffer_size > 0);
    REQUIRE(options->broker_uri_size > 0 && options->process_name_size >= 0);
    REQUIRE(options->user_agent_size >= 0 && options->user_agent_size < 128);
    const char *agent = strings + options->broker_uri_size + options->process_name_size;
    for (int32_t i = 0; i < options->user_agent_size; ++i) {
        REQUIRE(agent[i] >= ' ' && agent[i] <= '~');
    }
}

void fake_check_start(const bmqb_session *session) { REQUIRE(!session->started); }

void fake_check_running(const bmqb_session *session) { REQUIRE(session->running); }

void fake_check_destroy(const bmqb_session *session) { REQUIRE(!session->running && !session->queues); }

void fake_check_number(uint64_t number) { REQUIRE(number != 0); }

void fake_check_open(const bmqb_session *session, const bmqb_queue *queue, int64_t timeout)
{
    fake_check_running(session);
    REQUIRE(!queue->session);
    REQUIRE(timeout > 0);
}

void fake_check_post(const bmqb_post_record *post)
{
    REQUIRE(post->queue != 0);
    REQUIRE(post->payload_size > 0);
    REQUIRE(post->properties_size >= 0 && post->offset >= 0);
    REQUIRE(post->compression == 0 || post->compression == 1);
}
