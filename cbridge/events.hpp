// What comes from a session.
#ifndef BMQ_CBRIDGE_EVENTS_HPP
#define BMQ_CBRIDGE_EVENTS_HPP

#include "bridge.hpp"

#include <bdlbb_pooledblobbufferfactory.h>
#include <bdlbb_blob.h>
#include <bmqa_messageevent.h>
#include <bmqa_sessionevent.h>

#include <deque>
#include <vector>

namespace bridge {

/// Hands the events of one session over. The session has one thread for events, so
/// that the scratch memory here needs no lock.
class Events : public bmqa::SessionEventHandler {
    void                             *d_handle;
    std::vector<bmqb_message>         d_messages;
    std::vector<bmqb_ack>             d_acks;
    std::deque<bdlbb::Blob>           d_payloads;    // of d_messages, which share the event's memory; then empty ones
    std::vector<char>                 d_properties;  // of d_messages, one behind the other
    bmqa::MessageProperties           d_scratch;
    bdlbb::PooledBlobBufferFactory    d_buffers;

    void readMessages(const bmqa::MessageEvent& from);
    void readAcks(const bmqa::MessageEvent& from);
    int  readProperties(const bmqa::Message& message);
    void release();

  public:
    explicit Events(void *handle)
    : d_handle(handle)
    , d_buffers(4096)
    {
    }

    void onSessionEvent(const bmqa::SessionEvent& from) override;
    void onMessageEvent(const bmqa::MessageEvent& from) override;

    void fill(bmqb_message *messages, char *bytes) const;
    void fill(bmqb_ack *acks) const;
};

}  // namespace bridge

#endif
