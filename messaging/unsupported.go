package messaging

import (
	"errors"
	"maps"
	"slices"
)

// UnsupportedError says that BlazingMQ, or its client protocol, has nothing for a
// feature. It is errors.ErrUnsupported.
type UnsupportedError struct {
	Feature string
	Reason  string
	Instead string // what to use in its place
}

// Error returns all three.
func (e *UnsupportedError) Error() string {
	return "messaging: " + e.Feature + ": " + e.Reason + "; " + e.Instead
}

// Unwrap returns errors.ErrUnsupported.
func (e *UnsupportedError) Unwrap() error { return errors.ErrUnsupported }

// answer is why there is no such feature, and what there is.
type answer struct{ reason, instead string }

const (
	domainSetting = "it is the operator's setting of a domain"
	noStatistics  = "the client protocol carries no queue statistics"
)

// answers are those to features of the peers, by the names that they have there.
var answers = map[string]answer{
	"immediate":        {"the broker does not tell producers whether a consumer is attached", "use the ack for acceptance and a reply of the application for delivery"},
	"priority":         {"a queue delivers in order of arrival; priority belongs to consumers", "route by band with an Exchange, one queue for each band"},
	"delivery_mode":    {"durability is the storage setting of a domain", "publish to a queue in a domain with the storage you need"},
	"no_ack":           {"every delivery has to be confirmed, those of broadcast domains apart", "use AckOnReceive"},
	"redelivered":      {"clients are not told about earlier deliveries", "use Delivery.Attempt for retries of this package, message_id and a handler that may run twice"},
	"requeue":          {"a copy posted to this queue would reach every application or consumer again", "use RetryAfter to hold the message here, or Consumer.Release to give back all that is not settled"},
	"tx_select":        {"the protocol has no transactions", "publish, wait for the outcome, then Ack; PublishBatch reports each outcome"},
	"tx_commit":        {"the protocol has no transactions", "publish, wait for the outcome, then Ack; PublishBatch reports each outcome"},
	"tx_rollback":      {"the protocol has no transactions and a post can't be recalled", "decide before Publish"},
	"queue_delete":     {"queues are removed by the broker when they are empty and unused", "purge with Admin, close all users and wait"},
	"if_unused":        {noStatistics, "configure Admin and look before you act"},
	"if_empty":         {noStatistics, "configure Admin and look before you act"},
	"passive":          {"opening a queue creates it, and the client protocol can't ask without opening", "configure Admin: Client.QueueInfo tells whether a queue is there, Client.DomainInfo which ones are"},
	"warn_if_exists":   {"opening a queue creates it or attaches to it, and does not say which", "configure Admin and ask Client.QueueInfo before"},
	"purge":            {"purging is an administrative command", "configure Admin, or use Consumer.Discard"},
	"message_count":    {noStatistics, "configure Admin"},
	"consumer_count":   {noStatistics, "configure Admin"},
	"exclusive":        {domainSetting, "operator: maxConsumers"},
	"durable":          {domainSetting, "operator: storage.config"},
	"auto_delete":      {"the broker removes every queue that is empty and unused for a while", "use TempQueue"},
	"arguments":        {domainSetting, "operator: the domain's parameters; a dead-letter queue is Queue.DeadLetter"},
	"expires":          {"it is the operator's setting of a broker", "operator: queueOperations.keepaliveDurationMs"},
	"message_ttl":      {domainSetting, "operator: messageTtl; Message.Expiration is enforced by consumers of this package"},
	"max_length":       {domainSetting, "operator: storage.queueLimits.messages"},
	"max_length_bytes": {domainSetting, "operator: storage.queueLimits.bytes"},
	"max_priority":     {"a queue delivers in order of arrival", "one queue for each band"},
	"topic":            {"subscription expressions compare whole values: no wildcards", "route in the producer with a Topic exchange"},
	"no_local":         {"dropping own messages would remove them for every consumer of a queue of priority mode", `set ProducerConfig.AppID and a subscription app_id != "…"`},
	"channel_id":       {"the protocol has no channels: queues are what is multiplexed", "share the Client"},
	"consumer_tag":     {"the protocol has no consumer tags", "the *Consumer is the handle, ConsumerConfig.Name its label"},
	"reply_code":       {"closing carries no text to the broker", "log it"},
	"server_flow":      {"the broker does not ask producers to slow down", "a full queue refuses posts, which the RetryPolicy tries again"},
	"pickle":           {"there is no safe way to read it in Go", "use JSON, or Registry.Register a codec"},
	"visibility":       {"a delivery has no deadline: it stays with its consumer until that settles or closes", "bound handlers with Timeout"},
}

// Unsupported returns the answer to a feature of kombu, carrot or py-amqp that there
// is nothing for, by the name of the argument or method that it has there: an
// *UnsupportedError. It returns nil for other names.
func Unsupported(feature string) error {
	if _, ok := answers[feature]; !ok {
		return nil
	}
	return unsupported(feature)
}

func unsupported(feature string) error {
	a := answers[feature]
	return &UnsupportedError{Feature: feature, Reason: a.reason, Instead: a.instead}
}

// UnsupportedFeatures returns the names that Unsupported has answers to, sorted.
func UnsupportedFeatures() []string { return slices.Sorted(maps.Keys(answers)) }
