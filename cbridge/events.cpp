//go:build cgo && libbmq && !bmqfake

#include "events.hpp"

#include <bdlbb_blobutil.h>
#include <bmqa_message.h>
#include <bmqa_messageiterator.h>
#include <bmqt_messageeventtype.h>
#include <bmqt_sessioneventtype.h>
#include <bmqt_subscription.h>

namespace bridge {

namespace {

/// Memory of rare huge events is not kept.
const std::size_t k_MAX_SCRATCH = 16 << 10;

/// So many empty payloads are kept: more than there are messages of some size in an
/// event.
const std::size_t k_MAX_PAYLOADS = 2 << 10;

uint64_t numberOf(const bmqt::CorrelationId& id)
{
    return id.isNumeric() ? static_cast<uint64_t>(id.theNumeric()) : 0;
}

bool isOfQueue(bmqt::SessionEventType::Enum type)
{
    switch (type) {
    case bmqt::SessionEventType::e_QUEUE_OPEN_RESULT:
    case bmqt::SessionEventType::e_QUEUE_REOPEN_RESULT:
    case bmqt::SessionEventType::e_QUEUE_CLOSE_RESULT:
    case bmqt::SessionEventType::e_QUEUE_CONFIGURE_RESULT:
    case bmqt::SessionEventType::e_QUEUE_SUSPENDED:
    case bmqt::SessionEventType::e_QUEUE_RESUMED: return true;
    default: return false;
    }
}

}  // namespace

void Events::onSessionEvent(const bmqa::SessionEvent& from)
{
    guarded(nullptr, [&] {
        const bsl::string& text  = from.errorDescription();
        bmqb_event         event = {};
        event.kind               = BMQB_EVENT_SESSION;
        event.type               = from.type();
        event.code               = from.statusCode();
        event.text               = text.data();
        event.text_size          = static_cast<int64_t>(text.size());
        if (isOfQueue(from.type())) {
            event.id = numberOf(from.queueId().correlationId());
        }
        deliver(d_handle, &event);
        return 0;
    });
}

void Events::onMessageEvent(const bmqa::MessageEvent& from)
{
    guarded(nullptr, [&] {
        if (from.type() == bmqt::MessageEventType::e_PUSH) {
            readMessages(from);
        }
        else if (from.type() == bmqt::MessageEventType::e_ACK) {
            readAcks(from);
        }
        return 0;
    });
    release();
}

void Events::readMessages(const bmqa::MessageEvent& from)
{
    bmqb_event event             = {};
    event.kind                   = BMQB_EVENT_MESSAGES;
    event.source                 = this;
    bmqa::MessageIterator it     = from.messageIterator();
    while (it.nextMessage()) {
        const bmqa::Message& message = it.message();
        bmqb_message         out     = {};
        out.queue                    = numberOf(message.queueId().correlationId());
        out.subscription             = static_cast<int64_t>(numberOf(message.correlationId()));
        message.messageGUID().toBinary(out.guid);
        if (message.hasProperties()) {
            std::size_t before   = d_properties.size();
            out.properties_error = readProperties(message);
            out.properties_size  = static_cast<int32_t>(d_properties.size() - before);
        }
        if (d_payloads.size() == d_messages.size()) {
            d_payloads.emplace_back();
        }
        bdlbb::Blob& payload = d_payloads[d_messages.size()];
        if (message.getData(&payload) != 0) {
            payload.removeAll();
            d_properties.resize(d_properties.size() - out.properties_size);
            continue;  // logged by the SDK; it comes again, not being confirmed
        }
        out.payload_size = payload.length();
        out.offset       = event.bytes;
        event.bytes += static_cast<int64_t>(out.properties_size) + out.payload_size;
        d_messages.push_back(out);
    }
    event.count = static_cast<int32_t>(d_messages.size());
    if (event.count > 0) {
        deliver(d_handle, &event);
    }
}

/// Appends the encoded area, in old style, to d_properties.
int Events::readProperties(const bmqa::Message& message)
{
    int rc = message.loadProperties(&d_scratch);
    if (rc == 0) {
        const bdlbb::Blob& area = d_scratch.streamOut(&d_buffers);
        std::size_t        at   = d_properties.size();
        d_properties.resize(at + area.length());
        bdlbb::BlobUtil::copy(d_properties.data() + at, area, 0, area.length());
    }
    d_scratch.clear();
    return rc;
}

void Events::readAcks(const bmqa::MessageEvent& from)
{
    bmqb_event event         = {};
    event.kind               = BMQB_EVENT_ACKS;
    event.source             = this;
    bmqa::MessageIterator it = from.messageIterator();
    while (it.nextMessage()) {
        const bmqa::Message& message = it.message();
        bmqb_ack             out     = {};
        out.id                       = numberOf(message.correlationId());
        out.queue                    = numberOf(message.queueId().correlationId());
        out.status                   = message.ackStatus();
        message.messageGUID().toBinary(out.guid);
        d_acks.push_back(out);
    }
    event.count = static_cast<int32_t>(d_acks.size());
    if (event.count > 0) {
        deliver(d_handle, &event);
    }
}

void Events::release()
{
    if (d_properties.capacity() > (1 << 20)) {
        std::vector<char>().swap(d_properties);
    }
    // One more than there are messages may be filled where an exception ended reading.
    for (std::size_t i = 0; i < d_payloads.size() && i <= d_messages.size(); ++i) {
        d_payloads[i].removeAll();  // which keeps its table of buffers
    }
    if (d_payloads.size() > k_MAX_PAYLOADS) {
        d_payloads.resize(k_MAX_PAYLOADS);
    }
    if (d_messages.size() > k_MAX_SCRATCH || d_acks.size() > k_MAX_SCRATCH) {
        std::vector<bmqb_message>().swap(d_messages);
        std::vector<bmqb_ack>().swap(d_acks);
    }
    d_messages.clear();
    d_acks.clear();
    d_properties.clear();
}

void Events::fill(bmqb_message *messages, char *bytes) const
{
    const char *properties = d_properties.data();
    for (std::size_t i = 0; i < d_messages.size(); ++i) {
        const bmqb_message& m = d_messages[i];
        messages[i]           = m;
        std::memcpy(bytes + m.offset, properties, m.properties_size);
        properties += m.properties_size;
        bdlbb::BlobUtil::copy(bytes + m.offset + m.properties_size, d_payloads[i], 0, m.payload_size);
    }
}

void Events::fill(bmqb_ack *acks) const { std::memcpy(acks, d_acks.data(), d_acks.size() * sizeof(bmqb_ack)); }

}  // namespace bridge

int32_t bmqb_fill_messages(void *source, bmqb_message *messages, char *bytes)
{
    return bridge::guarded(nullptr, [&] {
        static_cast<const bridge::Events *>(source)->fill(messages, bytes);
        return 0;
    });
}

int32_t bmqb_fill_acks(void *source, bmqb_ack *acks)
{
    return bridge::guarded(nullptr, [&] {
        static_cast<const bridge::Events *>(source)->fill(acks);
        return 0;
    });
}
