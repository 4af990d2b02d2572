//go:build cgo && libbmq && !bmqfake

#include "bridge.hpp"
#include "events.hpp"

#include <bmqt_authncredential.h>
#include <bmqt_hosthealthstate.h>
#include <bmqt_sessionoptions.h>

#include <bsl_limits.h>
#include <bsl_optional.h>
#include <bsl_vector.h>
#include <bslma_managedptr.h>

using namespace bridge;

namespace {

bsl::optional<bmqt::AuthnCredential> credential(void *handle)
{
    bsl::optional<bmqt::AuthnCredential> answer;
    ++callbacks;
    int32_t rc = bmqb_on_credential(handle, &answer);
    --callbacks;
    if (rc != 0) {
        answer.reset();
    }
    return answer;
}

bmqt::SessionOptions convert(const bmqb_session_options& from, const char *strings)
{
    bmqt::SessionOptions to;
    to.setBrokerUri(view(strings, from.broker_uri_size));
    strings += from.broker_uri_size;
    to.setProcessNameOverride(view(strings, from.process_name_size));
    strings += from.process_name_size;
    to.setUserAgentPrefix(view(strings, from.user_agent_size));
    to.setConnectTimeout(interval(from.connect_timeout));
    to.setDisconnectTimeout(interval(from.disconnect_timeout));
    to.setOpenQueueTimeout(interval(from.open_queue_timeout));
    to.setConfigureQueueTimeout(interval(from.configure_queue_timeout));
    to.setCloseQueueTimeout(interval(from.close_queue_timeout));
    to.setChannelHighWatermark(from.channel_high_watermark);
    to.setStatsDumpInterval(bsls::TimeInterval(from.stats_dump_interval, 0));
    to.setBlobBufferSize(from.blob_buffer_size);

    // One thread keeps the order of events. What comes is handed on at once, so that
    // neither the marks of the queue of events nor a wait in post may come about here:
    // both are kept on the other side.
    to.setNumProcessingThreads(1);
    const int high = bsl::numeric_limits<int>::max() / 2;
    to.configureEventQueue(high - 1, high);
    to.setChannelWriteTimeout(bsls::TimeInterval());
    return to;
}

}  // namespace

int32_t bmqb_session_create(const bmqb_session_options *options, const char *strings, void *handle,
                            bmqb_session **session, bmqb_error *error)
{
    return guarded(error, [&] {
        std::unique_ptr<bmqb_session> s(new bmqb_session(handle));
        bmqt::SessionOptions          to = convert(*options, strings);
        s->d_monitor = bsl::make_shared<bmqa::ManualHostHealthMonitor>(
            options->healthy ? bmqt::HostHealthState::e_HEALTHY : bmqt::HostHealthState::e_UNHEALTHY);
        to.setHostHealthMonitor(s->d_monitor);
        if (options->authenticates) {
            to.setAuthnCredentialCb([handle] { return credential(handle); });
        }
        bslma::ManagedPtr<bmqa::SessionEventHandler> handler(new Events(handle));
        s->d_session.reset(new bmqa::Session(handler, to));
        *session = s.release();
        return 0;
    });
}

int32_t bmqb_session_start(bmqb_session *session, bmqb_error *error)
{
    return guarded(error, [&] {
        int rc = session->d_session->startAsync();
        return rc == 0 ? 0 : fail(error, rc, "the session could not be started");
    });
}

int32_t bmqb_session_stop(bmqb_session *session, bmqb_error *error)
{
    return guarded(error, [&] {
        session->d_session->stop();
        return 0;
    });
}

int32_t bmqb_session_destroy(bmqb_session *session, bmqb_error *error)
{
    return guarded(error, [&] {
        delete session;
        return 0;
    });
}

int32_t bmqb_session_health(bmqb_session *session, int32_t healthy)
{
    return guarded(nullptr, [&] {
        session->d_monitor->setState(healthy ? bmqt::HostHealthState::e_HEALTHY
                                             : bmqt::HostHealthState::e_UNHEALTHY);
        return 0;
    });
}

int32_t bmqb_credential_set(void *sink, const char *mechanism, int64_t mechanism_size, const char *data,
                            int64_t data_size)
{
    return guarded(nullptr, [&] {
        bsl::vector<char> bytes(data, data + data_size);
        static_cast<bsl::optional<bmqt::AuthnCredential> *>(sink)->emplace(view(mechanism, mechanism_size),
                                                                           bytes);
        return 0;
    });
}
