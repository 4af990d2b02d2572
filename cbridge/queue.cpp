//go:build cgo && libbmq && !bmqfake

#include "bridge.hpp"

#include <bmqa_closequeuestatus.h>
#include <bmqa_configurequeuestatus.h>
#include <bmqa_openqueuestatus.h>
#include <bmqt_queueflags.h>
#include <bmqt_queueoptions.h>
#include <bmqt_subscription.h>
#include <bmqt_uri.h>

using namespace bridge;

namespace {

/// Answers a callback that hands an operation's result over.
template <class STATUS>
auto reporter(void *handle, uint64_t operation)
{
    return [handle, operation](const STATUS& status) {
        const bsl::string& text  = status.errorDescription();
        bmqb_event         event = {};
        event.kind               = BMQB_EVENT_RESULT;
        event.code               = status.result();
        event.id                 = operation;
        event.text               = text.data();
        event.text_size          = static_cast<int64_t>(text.size());
        deliver(handle, &event);
    };
}

/// Makes options of the SDK. With complete, they also say that there are no
/// subscriptions, where there are none; else the SDK leaves those that it has.
int32_t convert(bmqt::QueueOptions *to, const bmqb_queue_options& from, const bmqb_subscription *subscriptions,
                int32_t count, const char *expressions, bool complete, bmqb_error *error)
{
    to->setMaxUnconfirmedMessages(from.max_unconfirmed_messages);
    to->setMaxUnconfirmedBytes(from.max_unconfirmed_bytes);
    to->setConsumerPriority(from.consumer_priority);
    to->setSuspendsOnBadHostHealth(from.suspends_on_bad_host_health != 0);
    bsl::string text;
    if (count == 0 && complete) {
        to->addOrUpdateSubscription(&text, bmqt::SubscriptionHandle(bmqt::CorrelationId()), bmqt::Subscription());
    }
    for (int32_t i = 0; i < count; ++i) {
        const bmqb_subscription& s = subscriptions[i];
        bmqt::Subscription       subscription;
        subscription.setMaxUnconfirmedMessages(s.max_unconfirmed_messages);
        subscription.setMaxUnconfirmedBytes(s.max_unconfirmed_bytes);
        subscription.setConsumerPriority(s.consumer_priority);
        if (s.expression_size > 0) {
            subscription.setExpression(
                bmqt::SubscriptionExpression(bsl::string(view(expressions, s.expression_size)),
                                             bmqt::SubscriptionExpression::e_VERSION_1));
            expressions += s.expression_size;
        }
        bmqt::SubscriptionHandle handle(bmqt::CorrelationId(static_cast<bsls::Types::Int64>(s.number)));
        if (!to->addOrUpdateSubscription(&text, handle, subscription)) {
            return fail(error, bmqt::GenericResult::e_INVALID_ARGUMENT, text.data(), text.size());
        }
    }
    return 0;
}

}  // namespace

int32_t bmqb_queue_create(uint64_t number, bmqb_queue **queue, bmqb_error *error)
{
    return guarded(error, [&] {
        *queue = new bmqb_queue(number);
        return 0;
    });
}

int32_t bmqb_queue_open(bmqb_session *session, bmqb_queue *queue, uint64_t operation, const char *uri,
                        int64_t uri_size, int32_t flags, const bmqb_queue_options *options,
                        const bmqb_subscription *subscriptions, int32_t count, const char *expressions,
                        int64_t timeout, bmqb_error *error)
{
    return guarded(error, [&] {
        bmqt::QueueOptions to;
        int32_t            rc = convert(&to, *options, subscriptions, count, expressions, false, error);
        if (rc != 0) {
            return rc;
        }
        bsls::Types::Uint64 as = bmqt::QueueFlagsUtil::empty();
        if (flags & BMQB_READ) {
            bmqt::QueueFlagsUtil::setReader(&as);
        }
        if (flags & BMQB_WRITE) {
            bmqt::QueueFlagsUtil::setWriter(&as);
        }
        session->d_session->openQueueAsync(&queue->d_id,
                                           bmqt::Uri(bsl::string(view(uri, uri_size))),
                                           as,
                                           bmqa::Session::OpenQueueCallback(
                                               reporter<bmqa::OpenQueueStatus>(session->d_handle, operation)),
                                           to,
                                           interval(timeout));
        return 0;
    });
}

int32_t bmqb_queue_configure(bmqb_session *session, bmqb_queue *queue, uint64_t operation,
                             const bmqb_queue_options *options, const bmqb_subscription *subscriptions,
                             int32_t count, const char *expressions, int64_t timeout, bmqb_error *error)
{
    return guarded(error, [&] {
        bmqt::QueueOptions to;
        int32_t            rc = convert(&to, *options, subscriptions, count, expressions, true, error);
        if (rc != 0) {
            return rc;
        }
        session->d_session->configureQueueAsync(
            &queue->d_id,
            to,
            bmqa::Session::ConfigureQueueCallback(
                reporter<bmqa::ConfigureQueueStatus>(session->d_handle, operation)),
            interval(timeout));
        return 0;
    });
}

int32_t bmqb_queue_close(bmqb_session *session, bmqb_queue *queue, uint64_t operation, int64_t timeout,
                         bmqb_error *error)
{
    return guarded(error, [&] {
        session->d_session->closeQueueAsync(
            &queue->d_id,
            bmqa::Session::CloseQueueCallback(reporter<bmqa::CloseQueueStatus>(session->d_handle, operation)),
            interval(timeout));
        return 0;
    });
}

int32_t bmqb_queue_free(bmqb_queue *queue)
{
    return guarded(nullptr, [&] {
        delete queue;
        return 0;
    });
}
