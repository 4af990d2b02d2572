package portable

import (
	"fmt"
	"reflect"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// Configure implements engine.Queue.
func (q *queue) Configure(opts engine.QueueOptions, timeout time.Duration, done func(engine.Status)) {
	s := q.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case q.state == queueClosed || q.closeDone != nil:
		done(engine.Status{Code: engine.ConfigureInvalidQueue, Text: "the queue is closed"})
		return
	case q.configuring != nil:
		done(engine.Status{Code: engine.ConfigureAlreadyInProgress})
		return
	}
	health := func() {
		q.options = opts
		s.health.configured(s, q)
	}
	if !q.req.Read || q.suspended {
		health()
		done(engine.Status{})
		return
	}
	r := q.configureRequest(requestReconfigure, opts)
	r.options = opts
	r.done = func(st engine.Status) {
		if st.OK() {
			health()
		}
		done(st)
	}
	r.timer = time.AfterFunc(timeout, func() { s.reconfigureTimedOut(r, timeout) })
	q.configuring = r
	if q.state == queueOpened && s.restored {
		s.transmit(r)
		return
	}
	s.kept = append(s.kept, r)
}

// reconfigureTimedOut reports the timeout. The answer may still come, and then says
// which subscriptions are in force.
func (s *Session) reconfigureTimedOut(r *request, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.q.configuring != r {
		return
	}
	r.q.configuring = nil
	r.expired = true
	s.unkeep(r.q)
	r.finish(engine.Status{Code: engine.Timeout, Text: fmt.Sprintf("no answer within %v", timeout)})
}

// answeredReconfigure takes the broker's answer to a Configure.
func (q *queue) answeredReconfigure(r *request, st engine.Status) {
	if r.expired {
		if st.OK() && !reflect.DeepEqual(r.options, q.options) && q.state == queueOpened {
			// The broker did in the end what was given up: back to what is in force here.
			q.s.transmit(q.configureRequest(requestRestore, q.options))
		}
		return
	}
	q.configuring = nil
	r.finish(st)
}

// configureRequest asks for deliveries with opts, in the style that the broker
// knows. The subscriptions are registered when the broker agrees.
func (q *queue) configureRequest(kind requestKind, opts engine.QueueOptions) *request {
	r := &request{kind: kind, q: q}
	if q.s.conn == nil || q.s.conn.configureStream {
		r.msg.ConfigureStream = q.configureStream(r, opts)
	} else {
		r.msg.ConfigureQueueStream = q.configureQueueStream(r, opts)
	}
	return r
}

func (q *queue) deconfigureRequest(kind requestKind) *request {
	r := &request{kind: kind, q: q}
	if q.s.conn.configureStream {
		r.msg.ConfigureStream = &ctrl.ConfigureStream{
			QID: q.stream.qid, StreamParameters: ctrl.StreamParameters{AppID: q.appID()},
		}
		return r
	}
	r.msg.ConfigureQueueStream = &ctrl.ConfigureQueueStream{
		QID: q.stream.qid, StreamParameters: ctrl.QueueStreamParameters{SubIDInfo: q.subIDInfo(), ConsumerPriority: ctrl.InvalidPriority},
	}
	return r
}

func (q *queue) appID() string {
	if q.req.URI.AppID == "" {
		return ctrl.DefaultAppID
	}
	return q.req.URI.AppID
}

func (q *queue) subIDInfo() *ctrl.SubQueueIDInfo {
	if q.subID == 0 {
		return nil
	}
	return &ctrl.SubQueueIDInfo{SubID: q.subID, AppID: q.appID()}
}

func (q *queue) configureStream(r *request, opts engine.QueueOptions) *ctrl.ConfigureStream {
	msg := &ctrl.ConfigureStream{QID: q.stream.qid, StreamParameters: ctrl.StreamParameters{AppID: q.appID()}}
	add := func(expression ctrl.Expression, messages, bytes int64, priority int32, handle any) {
		q.s.lastSID++
		r.subs = append(r.subs, &subscription{q: q, id: q.s.lastSID, handle: handle})
		msg.StreamParameters.Subscriptions = append(msg.StreamParameters.Subscriptions, ctrl.Subscription{
			SID: q.s.lastSID, Expression: expression,
			Consumers: []ctrl.ConsumerInfo{{
				MaxUnconfirmedMessages: messages, MaxUnconfirmedBytes: bytes,
				ConsumerPriority: priority, ConsumerPriorityCount: 1,
			}},
		})
	}
	for _, sub := range opts.Subscriptions {
		expression := ctrl.Expression{Version: ctrl.ExpressionVersion1, Text: sub.Expression}
		if sub.Expression == "" {
			expression.Version = ctrl.ExpressionUndefined
		}
		add(expression, sub.MaxUnconfirmedMessages, sub.MaxUnconfirmedBytes, sub.ConsumerPriority, sub.Handle)
	}
	if len(opts.Subscriptions) == 0 {
		add(ctrl.Expression{}, opts.MaxUnconfirmedMessages, opts.MaxUnconfirmedBytes, opts.ConsumerPriority, nil)
	}
	return msg
}

// configureQueueStream is for brokers that know one subscription only; its id is
// the sub-queue id.
func (q *queue) configureQueueStream(r *request, opts engine.QueueOptions) *ctrl.ConfigureQueueStream {
	r.subs = []*subscription{{q: q, id: q.subID}}
	return &ctrl.ConfigureQueueStream{
		QID: q.stream.qid,
		StreamParameters: ctrl.QueueStreamParameters{
			SubIDInfo:              q.subIDInfo(),
			MaxUnconfirmedMessages: opts.MaxUnconfirmedMessages,
			MaxUnconfirmedBytes:    opts.MaxUnconfirmedBytes,
			ConsumerPriority:       opts.ConsumerPriority,
			ConsumerPriorityCount:  1,
		},
	}
}
