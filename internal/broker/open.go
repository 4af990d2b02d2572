package broker

import (
	"fmt"
	"log/slog"
	"math"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// firstReservedQueueID and those above it are not for clients.
const firstReservedQueueID = math.MaxUint32 - 9

// maxHandles is how many queues a session may have open.
const maxHandles = 10_000

// openQueue handles openQueue.
func (s *session) openQueue(id int32, req *ctrl.OpenQueue) {
	p := &req.HandleParameters
	q, failed := s.lockQueue(p)
	if failed != nil {
		s.refuse(id, failed)
		return
	}
	defer q.unlock()
	if failed := s.attach(q, p); failed != nil {
		s.refuse(id, failed)
		return
	}
	config := q.domain.config()
	s.reply(id, ctrl.Choice{OpenQueueResponse: &ctrl.OpenQueueResponse{
		OriginalRequest:      *req,
		RoutingConfiguration: ctrl.RoutingConfiguration{Flags: config.routingFlags()},
		DeduplicationTimeMs:  int32(min(math.MaxInt32, config.deduplicationTime().Milliseconds())),
	}})
}

// lockQueue finds the queue that the parameters name and locks it. A queue that was
// given up in between is not it.
func (s *session) lockQueue(p *ctrl.QueueHandleParameters) (*queue, *ctrl.Status) {
	for {
		q, failed := s.findQueue(p)
		if failed != nil {
			return nil, failed
		}
		if q.lock(); !q.closed {
			return q, nil
		}
		q.unlock()
	}
}

// findQueue checks the parameters of openQueue and returns the queue they name.
func (s *session) findQueue(p *ctrl.QueueHandleParameters) (*queue, *ctrl.Status) {
	uri, err := wire.ParseURI(p.URI)
	if err != nil {
		return nil, status(ctrl.StatusRefused, 0, uriText(err))
	}
	if wrong := checkOpen(p); wrong != "" {
		return nil, status(ctrl.StatusInvalidArgument, 0, wrong)
	}
	d, failed := s.broker.domainFor(uri.QualifiedDomain())
	if failed != nil {
		return nil, failed
	}
	uri.Domain, uri.Tier = d.name, ""
	if len(s.handles) >= maxHandles {
		return nil, status(ctrl.StatusRefused, codeLimit, "maximum number of queues reached")
	}
	return d.open(uri)
}

// checkOpen says what is wrong with parameters, whatever the queue, or nothing.
func checkOpen(p *ctrl.QueueHandleParameters) string {
	writer := p.Flags&ctrl.QueueFlagWrite != 0
	switch {
	case p.ReadCount <= 0 && p.WriteCount <= 0 && p.AdminCount <= 0:
		return "At least one of ([read|write]) Count must be >0"
	case p.AdminCount != 0:
		return "adminCount must be 0"
	case (p.Flags&ctrl.QueueFlagRead != 0) != (p.ReadCount > 0):
		return "Read flag and readCount must both be set accordingly"
	case writer != (p.WriteCount > 0):
		return "Write flag and writeCount must both be set accordingly"
	case p.QID >= firstReservedQueueID:
		return "qId must not be set from the reserved queue ids range"
	case writer && p.SubIDInfo != nil && p.SubIDInfo.AppID != ctrl.DefaultAppID:
		return "AppId should not be specified in the URI if queue is opened in write mode"
	}
	return ""
}

// subStream is the application that parameters are about, and its number.
func subStream(p *ctrl.QueueHandleParameters) ctrl.SubQueueIDInfo {
	if p.SubIDInfo == nil {
		return ctrl.SubQueueIDInfo{AppID: ctrl.DefaultAppID}
	}
	return *p.SubIDInfo
}

// attach opens a queue, which is locked, for the session. What it refuses is refused
// after what the domain is asked for, as with the official broker.
func (s *session) attach(q *queue, p *ctrl.QueueHandleParameters) *ctrl.Status {
	if p.Flags&ctrl.QueueFlagAdmin != 0 || p.ReadCount < 0 || p.WriteCount < 0 {
		return status(ctrl.StatusInvalidArgument, codeUnknown, "Invalid handle parameters specified")
	}
	sub := subStream(p)
	if failed := q.admit(p, sub.AppID); failed != nil {
		return failed
	}
	h, isOpen := s.handles[p.QID]
	switch {
	case !isOpen:
		h = &handle{session: s, queue: q, id: p.QID}
	case h.queue != q:
		return status(ctrl.StatusInvalidArgument, codeUnknown, "queueId is already in use for a different queue")
	}
	st := h.stream(sub.AppID)
	switch other := h.streamByID(sub.SubID); {
	case other != st:
		return status(ctrl.StatusInvalidArgument, codeUnknown, "subId is already in use for a different appId")
	case overflows(h.reads, p.ReadCount) || overflows(h.writes, p.WriteCount):
		return status(ctrl.StatusRefused, codeUnknown, "Reached maximum read/write/admin counters for a queue")
	}
	if st == nil {
		st = &stream{handle: h, appID: sub.AppID, subID: sub.SubID, lastSent: never}
		h.streams = append(h.streams, st)
	}
	if p.ReadCount > 0 && st.app == nil {
		st.app = q.appFor(sub.AppID)
	}
	st.reads, st.writes = st.reads+p.ReadCount, st.writes+p.WriteCount
	h.reads, h.writes = h.reads+p.ReadCount, h.writes+p.WriteCount
	h.flags |= p.Flags
	if !isOpen {
		q.handles = append(q.handles, h)
		s.mu.Lock()
		s.handles[p.QID] = h
		s.mu.Unlock()
	}
	return nil
}

func overflows(a, b int32) bool { return int64(a)+int64(b) > math.MaxInt32 }

// admit checks an opening against the domain's configuration.
func (q *queue) admit(p *ctrl.QueueHandleParameters, appID string) *ctrl.Status {
	config := q.domain.config()
	var reads, writes int64
	if config.MaxProducers > 0 || config.MaxConsumers > 0 {
		reads, writes = q.countOpen(appID)
	}
	text := ""
	if n := config.MaxProducers; n > 0 && int64(p.WriteCount)+writes > int64(n) {
		text = fmt.Sprintf("Client would exceed the limit of %d producer(s)", n)
	}
	if n := config.MaxConsumers; n > 0 && int64(p.ReadCount)+reads > int64(n) {
		if text == "" {
			text = "Client would exceed the limit of "
		} else {
			text += " and the limit of "
		}
		text += fmt.Sprintf("%d consumer(s)", n)
	}
	switch {
	case text != "":
	case config.Mode == Fanout && p.ReadCount > 0 && appID == ctrl.DefaultAppID:
		text = "Reader of a fanout queue requires an appId to be specified."
	case config.Mode != Fanout && appID != ctrl.DefaultAppID:
		text = "AppId should not be specified when opening a non-fanout queue"
	default:
		return nil
	}
	return status(ctrl.StatusUnknown, codeUnknown, text)
}

// countOpen adds up what all sessions have open of an application.
func (q *queue) countOpen(appID string) (reads, writes int64) {
	for _, h := range q.handles {
		if st := h.stream(appID); st != nil {
			reads, writes = reads+int64(st.reads), writes+int64(st.writes)
		}
	}
	return reads, writes
}

// appFor returns an application for a reader. One that the domain does not list
// gets no messages until it does.
func (q *queue) appFor(id string) *app {
	if a := q.app(id); a != nil {
		return a
	}
	q.log(slog.LevelWarn, "an application is not in the domain's list: it gets no messages", slog.String("app", id))
	a := &app{queue: q, id: id, index: -1, resume: none}
	q.strangers = append(q.strangers, a)
	return a
}
