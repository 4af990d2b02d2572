//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"context"
	"fmt"

	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/sessionevents"
)

// nativeCallbacks implements cbridge.Handler: it is the half of a session that
// libbmq's threads run. It looks up what the numbers of an event stand for, hands it to
// the engine's Handler and returns. Code of the application is never called here, but
// for the credential provider, which has a goroutine of its own.
type nativeCallbacks struct{ s *nativeSession }

var _ cbridge.Handler = nativeCallbacks{}

// enter begins a callback, unless the session was left to itself.
func (n nativeCallbacks) enter() bool {
	n.s.delivering.RLock()
	if n.s.detached {
		n.s.delivering.RUnlock()
		return false
	}
	return true
}

func (n nativeCallbacks) leave() { n.s.delivering.RUnlock() }

func (s *nativeSession) emit(typ sessionevents.Type, owner any, st engine.Status) {
	s.handler.OnSessionEvent(engine.SessionEvent{Type: int(typ), Owner: owner, Status: st})
}

func (s *nativeSession) deliverAcks(batch *engine.AckBatch) {
	if len(batch.Acks) == 0 {
		batch.Release()
		return
	}
	s.handler.OnAcks(batch)
}

// OnMessages implements cbridge.Handler.
func (n nativeCallbacks) OnMessages(messages []cbridge.Message, bytes []byte) {
	if !n.enter() {
		return
	}
	defer n.leave()
	s := n.s
	s.stats.eventsIn.Add(1)
	s.stats.bytesIn.Add(uint64(len(bytes)))
	s.stats.received.Add(uint64(len(messages)))
	batch := engine.NewMessageBatch()
	batch.Bytes = len(bytes)
	var q *nativeQueue
	s.mu.Lock()
	for i := range messages {
		m := &messages[i]
		if q == nil || q.number != m.Queue {
			if q = s.queues[m.Queue]; q == nil {
				continue // closed meanwhile; the broker knows
			}
		}
		out := engine.Message{Owner: q.req.Owner, GUID: m.GUID}
		if m.Subscription != 0 {
			out.Handle = q.handles[m.Subscription]
		}
		area := bytes[m.Offset:][:m.PropertiesSize]
		out.Data = bytes[m.Offset+int64(m.PropertiesSize):][:m.PayloadSize:m.PayloadSize]
		switch {
		case m.PropertiesError != 0:
			out.PropertiesErr = fmt.Errorf("libbmq could not read them (%d)", m.PropertiesError)
		case len(area) > 0:
			out.Properties, _, out.PropertiesErr = wire.ParseProperties(area, true)
		}
		batch.Messages = append(batch.Messages, out)
	}
	s.mu.Unlock()
	if len(batch.Messages) == 0 {
		batch.Release()
		return
	}
	s.handler.OnMessages(batch)
}

// OnAcks implements cbridge.Handler.
func (n nativeCallbacks) OnAcks(acks []cbridge.Ack) {
	if !n.enter() {
		return
	}
	defer n.leave()
	s := n.s
	s.stats.eventsIn.Add(1)
	s.stats.acks.Add(uint64(len(acks)))
	batch := engine.NewAckBatch()
	s.stats.nacks.Add(s.out.acked(acks, batch))
	s.deliverAcks(batch)
}

// OnResult implements cbridge.Handler. Those who wait were answered when the session
// was left to itself; that takes note of the result all the same.
func (n nativeCallbacks) OnResult(operation uint64, code int32, text string) {
	n.s.finish(operation, engine.Status{Code: engine.Code(code), Text: text})
}

// OnSessionEvent implements cbridge.Handler.
func (n nativeCallbacks) OnSessionEvent(typ, code int32, number uint64, text string) {
	s := n.s
	if !n.enter() {
		switch sessionevents.Type(typ) { // for who waits to stop libbmq
		case sessionevents.TypeConnectionLost:
			s.follow(false)
		case sessionevents.TypeReconnected:
			s.follow(true)
		case sessionevents.TypeStateRestored:
			s.reopened()
		}
		return
	}
	defer n.leave()
	st := engine.Status{Code: engine.Code(code), Text: text}
	s.mu.Lock()
	q := s.queues[number]
	s.mu.Unlock()
	event := sessionevents.Type(typ)
	switch event {
	case sessionevents.TypeConnected:
		s.firstConnected()
	case sessionevents.TypeConnectionTimeout:
		s.failed.give()
		return
	case sessionevents.TypeDisconnected:
		return // Stop reports it, as the last thing
	case sessionevents.TypeConnectionLost:
		s.connectionLost()
	case sessionevents.TypeReconnected:
		s.reconnected()
	case sessionevents.TypeStateRestored:
		s.restored()
	case sessionevents.TypeQueueReopenResult:
		if q == nil {
			return
		}
		if st.OK() {
			q.use()
		} else {
			q.drop()
		}
	case sessionevents.TypeSlowConsumerNormal, sessionevents.TypeSlowConsumerHighMark:
		return // the dispatcher tells, which is where events wait
	case sessionevents.TypeChannelLowWatermark:
		s.out.writable()
	case sessionevents.TypeQueueSuspended, sessionevents.TypeQueueResumed:
		if q != nil {
			s.changed(q, event == sessionevents.TypeQueueSuspended, st)
		}
		return
	case sessionevents.TypeHostUnhealthy:
		s.setBad(true)
	case sessionevents.TypeHostHealthRestored:
		s.setBad(false)
		s.reconcile(s.openQueues()...)
	}
	var owner any
	if q != nil {
		owner = q.req.Owner
	}
	s.emit(event, owner, st)
	switch event {
	case sessionevents.TypeConnected:
		s.up.give()
	case sessionevents.TypeConnectionLost:
		s.reconcile(s.openQueues()...)
	case sessionevents.TypeHostUnhealthy:
		s.reconcileOthers()
	case sessionevents.TypeQueueReopenResult:
		if st.OK() {
			s.reconcile(q)
		}
	}
}

func (s *nativeSession) firstConnected() {
	s.stats.connects.Add(1)
	s.follow(true)
	s.out.restored()
}

// follow follows the connection. A session that is stopping stays so.
func (s *nativeSession) follow(connected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reopening = connected && s.up.given()
	s.connected = connected
	if !connected {
		s.noAnswers()
	}
	switch {
	case s.state == nativeStopping:
	case connected:
		s.state = nativeUp
	default:
		s.state = nativeDown
	}
}

func (s *nativeSession) connectionLost() {
	s.log.Warn("lost the connection to the broker", "broker", s.cfg.BrokerURI)
	s.follow(false)
	s.out.connectionLost()
	s.out.changeGates(s.openQueues(), func(q *nativeQueue) { q.open = false })
}

func (s *nativeSession) openQueues() []*nativeQueue {
	s.mu.Lock()
	defer s.mu.Unlock()
	queues := make([]*nativeQueue, 0, len(s.queues))
	for _, q := range s.queues {
		if q.opened {
			queues = append(queues, q)
		}
	}
	return queues
}

func (s *nativeSession) reconnected() {
	s.log.Info("connected to the broker again", "broker", s.cfg.BrokerURI)
	s.stats.connects.Add(1)
	s.follow(true)
	s.out.reconnected()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		q.reopened = false
	}
}

// reopened takes note that libbmq is through with opening queues again.
func (s *nativeSession) reopened() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reopening = false
	if len(s.operations) == 0 {
		s.noAnswers()
	}
}

// restored looks which queues did not come back: libbmq closes a queue that could not
// be opened again without a word.
func (s *nativeSession) restored() {
	s.reopened()
	for _, q := range s.openQueues() {
		s.mu.Lock()
		lost := q.opened && !q.reopened
		s.mu.Unlock()
		if !lost || s.out.closing(q) {
			continue
		}
		q.drop()
		s.emit(sessionevents.TypeQueueReopenResult, q.req.Owner, engine.Status{
			Code: engine.Unknown, Text: "the broker did not open the queue again; the log of libbmq may say why",
		})
	}
	s.out.restored()
}

func (o *nativeOutbox) closing(q *nativeQueue) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return q.closed
}

// Credential implements cbridge.Handler. The provider may take its time, but not
// longer than the session lives.
func (n nativeCallbacks) Credential() (string, []byte, error) {
	s := n.s
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.ConnectTimeout)
	defer cancel()
	credential, err := s.cfg.AskCredential(ctx, s.asked)
	if err != nil {
		s.log.Warn("could not authenticate", "broker", s.cfg.BrokerURI, "error", err)
	}
	return credential.Mechanism, credential.Data, err
}

// asked notes what came of asking the credential provider.
func (s *nativeSession) asked(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastErr = err
}

// OnPanic implements cbridge.Handler.
func (n nativeCallbacks) OnPanic(what any, stack []byte) {
	n.s.log.Error("a callback of libbmq panicked", "panic", what, "stack", string(stack))
}
