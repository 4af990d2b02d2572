package bmq

import (
	"fmt"
	"slices"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/expr"
)

// Subscription is a selection of the messages of a queue by their properties. With
// several subscriptions a queue takes the messages that match any of them; a
// message that matches none stays with the broker.
type Subscription struct {
	// Expression selects messages, such as `region == "EU" && size > 100`. It is over
	// properties that are integers, strings or booleans, with the operators
	// || && ! == != < <= > >= + - * / % and exists(name). It has at most 128 characters,
	// 10 operators and 10 properties, where each property counts as an operator too.
	// Empty: every message.
	Expression string
	// MaxUnconfirmedMessages, MaxUnconfirmedBytes and ConsumerPriority are as in
	// QueueOptions, for this subscription alone; left out, they are the queue's. A queue
	// with a limit of 0 is paused, whatever its subscriptions say.
	MaxUnconfirmedMessages Optional[int]
	MaxUnconfirmedBytes    Optional[int]
	ConsumerPriority       Optional[int]
	// Handle comes back with each message, see Message.SubscriptionHandle.
	Handle any
}

// SubscriptionsOption is what WithSubscriptions returns. It is an OpenOption and a
// CallOption.
type SubscriptionsOption struct{ list []Subscription }

func (o SubscriptionsOption) applyOpen(c *openConfig) { c.subscriptions = &o.list }
func (o SubscriptionsOption) applyCall(c *callConfig) { c.subscriptions = &o.list }

// WithSubscriptions sets the subscriptions of a queue, in place of all it had before.
// Without arguments the queue takes every message again. Expressions are checked
// here, since a broker takes one that it can't read for one that matches everything:
// ErrValue.
func WithSubscriptions(subscriptions ...Subscription) SubscriptionsOption {
	return SubscriptionsOption{slices.Clone(subscriptions)}
}

// checkSubscriptions refuses what brokers would not honour.
func checkSubscriptions(list []Subscription) error {
	for i, s := range list {
		if s.Expression != "" {
			if _, err := expr.Compile(s.Expression); err != nil {
				return valueError("subscription %d: %v", i+1, err)
			}
		}
		o := QueueOptions{
			MaxUnconfirmedMessages: s.MaxUnconfirmedMessages,
			MaxUnconfirmedBytes:    s.MaxUnconfirmedBytes,
			ConsumerPriority:       s.ConsumerPriority,
		}
		if err := o.checkRange(); err != nil {
			return fmt.Errorf("subscription %d: %w", i+1, err)
		}
		if text := o.checkReader(); text != "" {
			return valueError("subscription %d: %s", i+1, text)
		}
	}
	return nil
}

// engineSubscriptions gives each subscription what it leaves to the queue. A queue
// that is paused pauses all of them.
func engineSubscriptions(list []Subscription, o QueueOptions) []engine.Subscription {
	limit := func(own, queue Optional[int]) int64 {
		if queue.Or(0) == 0 {
			return 0
		}
		return int64(own.Or(queue.Or(0)))
	}
	subs := make([]engine.Subscription, 0, len(list))
	for _, s := range list {
		subs = append(subs, engine.Subscription{
			Expression:             s.Expression,
			MaxUnconfirmedMessages: limit(s.MaxUnconfirmedMessages, o.MaxUnconfirmedMessages),
			MaxUnconfirmedBytes:    limit(s.MaxUnconfirmedBytes, o.MaxUnconfirmedBytes),
			ConsumerPriority:       int32(s.ConsumerPriority.Or(o.ConsumerPriority.Or(0))),
			Handle:                 s.Handle,
		})
	}
	return subs
}
