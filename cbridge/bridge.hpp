// What the parts of the shim share.
#ifndef BMQ_CBRIDGE_BRIDGE_HPP
#define BMQ_CBRIDGE_BRIDGE_HPP

#include "bmqbridge.h"

#if !__has_include(<bmqa_session.h>)
#error "libbmq is not there: pkg-config found bmq, but not its headers. See docs/engines.md."
#endif

#include <bdlbb_blob.h>
#include <bmqa_confirmeventbuilder.h>
#include <bmqa_manualhosthealthmonitor.h>
#include <bmqa_messageeventbuilder.h>
#include <bmqa_messageproperties.h>
#include <bmqa_queueid.h>
#include <bmqa_session.h>
#include <bmqt_resultcode.h>

#include <bsl_exception.h>
#include <bsl_memory.h>
#include <bsl_string.h>

#include "chunks.hpp"

#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <vector>

namespace bridge {

using namespace BloombergLP;

extern std::atomic<int64_t> sessions;
extern std::atomic<int64_t> queues;
extern std::atomic<int64_t> callbacks;

/// Puts code and text into error, which may be null, and answers code.
inline int32_t fail(bmqb_error *error, int32_t code, const char *text, std::size_t size) noexcept
{
    if (error) {
        error->code = code;
        error->size = static_cast<int32_t>(size < sizeof error->text ? size : sizeof error->text);
        std::memcpy(error->text, text, error->size);
    }
    return code;
}

inline int32_t fail(bmqb_error *error, int32_t code, const char *text) noexcept
{
    return fail(error, code, text, std::strlen(text));
}

/// Runs body, which answers a code, and lets nothing out that it throws.
template <class BODY>
int32_t guarded(bmqb_error *error, BODY body) noexcept
{
    try {
        return body();
    }
    catch (const std::exception& e) {
        return fail(error, bmqt::GenericResult::e_UNKNOWN, e.what());
    }
    catch (...) {
        return fail(error, bmqt::GenericResult::e_UNKNOWN, "an exception of unknown type");
    }
}

/// Hands an event over, and counts it while that lasts.
inline void deliver(void *handle, bmqb_event *event) noexcept
{
    ++callbacks;
    bmqb_on_event(handle, event);
    --callbacks;
}

inline bsl::string_view view(const char *text, int64_t size)
{
    return bsl::string_view(text, static_cast<bsl::size_t>(size));
}

inline bsls::TimeInterval interval(int64_t nanoseconds)
{
    bsls::TimeInterval t;
    t.setTotalNanoseconds(nanoseconds);
    return t;
}

}  // namespace bridge

struct bmqb_queue {
    bridge::bmqa::QueueId d_id;

    explicit bmqb_queue(uint64_t number)
    : d_id(bridge::bmqt::CorrelationId(static_cast<bridge::bsls::Types::Int64>(number)))
    {
        ++bridge::queues;
    }

    ~bmqb_queue() { --bridge::queues; }
};

struct bmqb_session {
    void                                                             *d_handle;
    bsl::shared_ptr<bridge::bmqa::ManualHostHealthMonitor>            d_monitor;
    std::unique_ptr<bridge::bmqa::Session>                            d_session;

    // Of bmqb_post. They refer to memory of the session, and go before it.
    bridge::bmqa::MessageProperties   d_properties;
    bridge::bdlbb::Blob               d_payload;
    std::shared_ptr<bridge::Chunks>   d_chunks = std::make_shared<bridge::Chunks>();
    bridge::bmqa::MessageEventBuilder d_posts;
    bool                              d_postsLoaded = false;
    bool                              d_postsKept   = false;  // there is an event that was not sent
    std::vector<bmqb_queue *>         d_postQueues;           // that the event is for

    // Of bmqb_confirm.
    bridge::bmqa::ConfirmEventBuilder d_confirms;
    bool                              d_confirmsLoaded = false;
    bool                              d_confirmsKept   = false;

    explicit bmqb_session(void *handle)
    : d_handle(handle)
    {
        ++bridge::sessions;
    }

    ~bmqb_session() { --bridge::sessions; }
};

#endif
