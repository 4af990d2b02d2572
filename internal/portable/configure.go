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
	case s.stopping():
		done(stopped)
		return
	case q.state == queueClosed || q.closeDone != nil:
		done(engine.Status{Code: engine.ConfigureInvalidQueue, Text: "the queue is closed"})
		return
	case q.configuring != nil:
		done(engine.Status{Code: engine.ConfigureAlreadyInProgress})
		return
	}
	r := &request{kind: requestReconfigure, q: q, options: &opts}
	r.done = func(st engine.Status) {
		if st.OK() {
			q.options = &opts
			s.health.reconcile(s, q)
		}
		done(st)
	}
	if q.dormant() {
		r.end(engine.Status{})
		return
	}
	q.configuring = r
	r.timer = time.AfterFunc(timeout, func() { s.reconfigureTimedOut(r, timeout) })
	if q.state == queueOpened && s.restored {
		q.sendReconfigure(r)
		return
	}
	s.kept = append(s.kept, r)
}

// sendReconfigure sends the request of a Configure, for the first time or again. It
// stays as it was, unless the broker of the present connection would not understand.
func (q *queue) sendReconfigure(r *request) {
	switch {
	case q.state != queueOpened:
		r.end(engine.Status{Code: engine.NotConnected, Text: "the queue could not be opened again"})
		return
	case q.dormant():
		r.end(engine.Status{})
		return
	}
	if st := q.checkSupported(r.options); !st.OK() {
		r.end(st)
		return
	}
	understood := r.msg.ConfigureQueueStream != nil
	if q.s.conn.configureStream {
		understood = r.msg.ConfigureStream != nil
	}
	if !understood {
		q.fill(r)
	}
	q.s.transmit(r)
}

// dormant tells whether the broker need not know of other options: it delivers
// nothing, and will be told when it is to.
func (q *queue) dormant() bool {
	switch {
	case !q.req.Read:
		return true
	case q.state == queuePending:
		return q.suspended
	case q.state != queueOpened:
		return false
	}
	if change := q.s.health.pending[q]; change != nil {
		return change.kind == requestSuspend
	}
	return q.suspended
}

// reconfigureTimedOut reports the timeout. The answer may still come, and then says
// which subscriptions are in force.
func (s *Session) reconfigureTimedOut(r *request, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.q.configuring != r {
		return
	}
	r.expired = true
	s.unkeep(r)
	r.end(engine.Status{Code: engine.Timeout, Text: fmt.Sprintf("no answer within %v", timeout)})
	r.q.restore()
}

// answeredReconfigure takes the broker's answer to a Configure.
func (q *queue) answeredReconfigure(r *request, st engine.Status) {
	if r.expired {
		q.late = q.late || st.OK()
		return
	}
	r.end(st)
}

// restore configures the queue as it should be where the broker agreed to something
// else after that had been given up here, and nothing is under way that changes it
// anyway.
func (q *queue) restore() {
	if !q.late || q.configuring != nil || q.s.health.pending[q] != nil {
		return
	}
	q.late = false
	if q.state == queueOpened && !q.suspended && !reflect.DeepEqual(q.agreed, q.options) {
		q.s.transmit(q.configureRequest(requestRestore, q.options))
	}
}

// checkSupported refuses options that the broker would take for something else: an
// old one knows no subscriptions, and would deliver everything.
func (q *queue) checkSupported(opts *engine.QueueOptions) engine.Status {
	subs := opts.Subscriptions
	if q.s.conn.configureStream || len(subs) == 0 || len(subs) == 1 && subs[0].Expression == "" {
		return engine.Status{}
	}
	return engine.Status{Code: engine.NotSupported, Text: "the broker knows no subscriptions with expressions"}
}

// configureRequest asks for deliveries with opts, or for none if opts is nil. The
// subscriptions are registered when the broker agrees.
func (q *queue) configureRequest(kind requestKind, opts *engine.QueueOptions) *request {
	r := &request{kind: kind, q: q, options: opts}
	q.fill(r)
	return r
}

// fill writes the message of a request, in the style that the broker knows.
func (q *queue) fill(r *request) {
	r.msg, r.subs = ctrl.Choice{}, nil
	var subs []engine.Subscription
	if opts := r.options; opts != nil {
		subs = opts.Subscriptions
		if len(subs) == 0 {
			subs = []engine.Subscription{{
				MaxUnconfirmedMessages: opts.MaxUnconfirmedMessages,
				MaxUnconfirmedBytes:    opts.MaxUnconfirmedBytes,
				ConsumerPriority:       opts.ConsumerPriority,
			}}
		}
	}
	if q.s.conn.configureStream {
		r.msg.ConfigureStream = q.configureStream(r, subs)
	} else {
		r.msg.ConfigureQueueStream = q.configureQueueStream(r, subs)
	}
}

func (q *queue) appID() string {
	if q.req.URI.AppID == "" {
		return ctrl.DefaultAppID
	}
	return q.req.URI.AppID
}

func (q *queue) configureStream(r *request, subs []engine.Subscription) *ctrl.ConfigureStream {
	msg := &ctrl.ConfigureStream{QID: q.stream.qid, StreamParameters: ctrl.StreamParameters{AppID: q.appID()}}
	for i := range subs {
		sub := &subs[i]
		q.s.lastSID++
		r.subs = append(r.subs, &subscription{q: q, id: q.s.lastSID, handle: sub.Handle})
		expression := ctrl.Expression{Version: ctrl.ExpressionVersion1, Text: sub.Expression}
		if sub.Expression == "" {
			expression.Version = ctrl.ExpressionUndefined
		}
		msg.StreamParameters.Subscriptions = append(msg.StreamParameters.Subscriptions, ctrl.Subscription{
			SID: q.s.lastSID, Expression: expression,
			Consumers: []ctrl.ConsumerInfo{{
				MaxUnconfirmedMessages: sub.MaxUnconfirmedMessages, MaxUnconfirmedBytes: sub.MaxUnconfirmedBytes,
				ConsumerPriority: sub.ConsumerPriority, ConsumerPriorityCount: 1,
			}},
		})
	}
	return msg
}

// configureQueueStream is for brokers that know one subscription only; its id is
// the sub-queue id.
func (q *queue) configureQueueStream(r *request, subs []engine.Subscription) *ctrl.ConfigureQueueStream {
	msg := &ctrl.ConfigureQueueStream{
		QID:              q.stream.qid,
		StreamParameters: ctrl.QueueStreamParameters{SubIDInfo: q.subIDInfo(), ConsumerPriority: ctrl.InvalidPriority},
	}
	if len(subs) > 0 {
		r.subs = []*subscription{{q: q, id: q.subID, handle: subs[0].Handle}}
		p := &msg.StreamParameters
		p.MaxUnconfirmedMessages, p.MaxUnconfirmedBytes = subs[0].MaxUnconfirmedMessages, subs[0].MaxUnconfirmedBytes
		p.ConsumerPriority, p.ConsumerPriorityCount = subs[0].ConsumerPriority, 1
	}
	return msg
}
