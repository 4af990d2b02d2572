//go:build cgo && libbmq && !bmqfake

#include "bridge.hpp"

#include <bdlbb_blob.h>
#include <bmqa_message.h>
#include <bmqt_compressionalgorithmtype.h>
#include <bmqt_messageguid.h>

using namespace bridge;

namespace {

bmqb_queue *queueOf(uint64_t queue) { return reinterpret_cast<bmqb_queue *>(static_cast<uintptr_t>(queue)); }

/// Loads an encoded area without copying it.
int load(bmqa::MessageProperties *properties, const char *area, int32_t size)
{
    // The pointer owns nothing: the area outlives the packing, which copies it.
    bsl::shared_ptr<char> borrowed(bsl::shared_ptr<void>(), const_cast<char *>(area));
    bdlbb::Blob           blob;
    blob.appendDataBuffer(bdlbb::BlobBuffer(borrowed, size));
    return properties->streamIn(blob);
}

/// An event has about so many bytes at most: larger ones are slower, since all that
/// belongs to them leaves the processor's cache.
const int64_t k_EVENT_BYTES = 64 << 10;

/// And so many posts at most: each begins a new buffer of the event, and the SDK counts
/// through them for the next one.
const int32_t k_EVENT_POSTS = 64;

/// The memory of an event's posts.
struct Chunk {
    bsl::shared_ptr<char> d_memory;
    int64_t               d_offset;  // in the caller's data

    Chunk(const std::shared_ptr<Chunks>& from, const char *data, int64_t offset, int64_t size)
    : d_memory(Chunks::get(from, size))
    , d_offset(offset)
    {
        std::memcpy(d_memory.get(), data + offset, size);
    }
};

int64_t sizeOf(const bmqb_post_record& post) { return static_cast<int64_t>(post.properties_size) + post.payload_size; }

/// Answers how many of the posts go into one event.
int32_t fitting(const bmqb_post_record *posts, int32_t count)
{
    int64_t bytes = 0;
    int32_t n     = 0;
    while (n < count && n < k_EVENT_POSTS && (n == 0 || bytes + sizeOf(posts[n]) <= k_EVENT_BYTES)) {
        bytes += sizeOf(posts[n++]);
    }
    return n;
}

int32_t pack(bmqb_session *session, bmqb_post_record& post, const Chunk& chunk)
{
    bmqa::Message& message = session->d_posts.startMessage();
    char          *data    = chunk.d_memory.get() + (post.offset - chunk.d_offset);
    if (post.properties_size > 0) {
        if (load(&session->d_properties, data, post.properties_size) != 0) {
            return bmqt::EventBuilderResult::e_UNKNOWN;
        }
        message.setPropertiesRef(&session->d_properties);
    }
    data += post.properties_size;
    if (post.payload_size >= BMQB_REFERRED_SIZE) {
        // The SDK refers to the chunk until it has no more use for it. For smaller
        // payloads copying is cheaper.
        session->d_payload.removeAll();
        session->d_payload.appendDataBuffer(
            bdlbb::BlobBuffer(bsl::shared_ptr<char>(chunk.d_memory, data), post.payload_size));
        message.setDataRef(&session->d_payload);
    }
    else {
        message.setDataRef(data, static_cast<size_t>(post.payload_size));
    }
    if (post.id != 0) {
        message.setCorrelationId(bmqt::CorrelationId(static_cast<bsls::Types::Int64>(post.id)));
    }
    message.setCompressionAlgorithmType(static_cast<bmqt::CompressionAlgorithmType::Enum>(post.compression));
    int32_t rc = session->d_posts.packMessage(queueOf(post.queue)->d_id);
    if (post.properties_size > 0) {
        session->d_properties.clear();  // it refers to the area
    }
    return rc;
}

/// Answers the queues of the records that were packed, each once where it comes in a
/// row.
void collectQueues(std::vector<bmqb_queue *> *queues, const bmqb_post_record *posts, int32_t count)
{
    queues->clear();
    for (int32_t i = 0; i < count; ++i) {
        bmqb_queue *queue = queueOf(posts[i].queue);
        if (posts[i].result == 0 && (queues->empty() || queues->back() != queue)) {
            queues->push_back(queue);
        }
    }
}

int32_t sendPosts(bmqb_session *session, bmqb_error *error)
{
    // The SDK ends the process for a post to a queue that it has forgotten, which it does
    // on its own when the queue can't be opened again after a reconnection. What is left
    // of the risk is the time that post takes.
    for (bmqb_queue *queue : session->d_postQueues) {
        if (!queue->d_id.isValid()) {
            session->d_postsKept = false;
            session->d_posts.reset();
            return fail(error, bmqt::PostResult::e_INVALID_ARGUMENT, "a queue has been closed meanwhile");
        }
    }
    int rc               = session->d_session->post(session->d_posts.messageEvent());
    session->d_postsKept = rc == bmqt::PostResult::e_BW_LIMIT;
    if (!session->d_postsKept) {
        session->d_posts.reset();  // lets go of the event
    }
    return rc == 0 ? 0 : fail(error, rc, "the event was not posted");
}

int32_t sendConfirms(bmqb_session *session, bmqb_error *error)
{
    int rc                  = session->d_session->confirmMessages(&session->d_confirms);
    session->d_confirmsKept = rc == bmqt::GenericResult::e_TIMEOUT;
    if (rc != 0 && !session->d_confirmsKept) {
        session->d_confirms.reset();
    }
    return rc == 0 ? 0 : fail(error, rc, "the event was not sent");
}

}  // namespace

int32_t bmqb_post(bmqb_session *session, bmqb_post_record *posts, int32_t count, const char *data,
                  int32_t *taken, bmqb_error *error)
{
    *taken = 0;
    return guarded(error, [&]() -> int32_t {
        if (count == 0) {
            return session->d_postsKept ? sendPosts(session, error) : 0;
        }
        if (!session->d_postsLoaded) {
            session->d_session->loadMessageEventBuilder(&session->d_posts);
            session->d_postsLoaded = true;
        }
        else if (session->d_postsKept) {
            session->d_posts.reset();
        }
        session->d_postsKept                = true;  // what an exception leaves is no part of the next event
        count                               = fitting(posts, count);
        const bmqb_post_record& last        = posts[count - 1];
        const Chunk             chunk(session->d_chunks, data, posts[0].offset, last.offset + sizeOf(last) - posts[0].offset);
        int32_t                 packed = 0;
        int32_t                 i      = 0;
        for (; i < count; ++i) {
            posts[i].result = pack(session, posts[i], chunk);
            if (posts[i].result == 0) {
                ++packed;
            }
            else if (posts[i].result == bmqt::EventBuilderResult::e_EVENT_TOO_BIG && packed > 0) {
                posts[i].result = 0;  // there is room in the next event
                break;
            }
        }
        session->d_payload.removeAll();
        *taken = i;
        collectQueues(&session->d_postQueues, posts, i);
        return packed > 0 ? sendPosts(session, error) : 0;
    });
}

int32_t bmqb_confirm(bmqb_session *session, const bmqb_confirm_record *confirms, int32_t count,
                     int32_t *taken, bmqb_error *error)
{
    *taken = 0;
    return guarded(error, [&]() -> int32_t {
        if (count == 0) {
            return session->d_confirmsKept ? sendConfirms(session, error) : 0;
        }
        if (!session->d_confirmsLoaded) {
            session->d_session->loadConfirmEventBuilder(&session->d_confirms);
            session->d_confirmsLoaded = true;
        }
        else if (session->d_confirmsKept) {
            session->d_confirms.reset();
        }
        session->d_confirmsKept = true;  // as above
        bmqt::MessageGUID guid;
        int32_t           i = 0;
        for (; i < count; ++i) {
            guid.fromBinary(confirms[i].guid);
            int rc = session->d_confirms.addMessageConfirmation(
                bmqa::MessageConfirmationCookie(queueOf(confirms[i].queue)->d_id, guid));
            if (rc == bmqt::EventBuilderResult::e_EVENT_TOO_BIG && session->d_confirms.messageCount() > 0) {
                break;
            }
        }
        *taken = i;
        return sendConfirms(session, error);
    });
}
